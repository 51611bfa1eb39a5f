//! The words of a flow file: which keys there are where, what they hold, and what they mean.
//!
//! The one table behind three things: the loader takes no key that is not here, the JSON Schema for editors
//! ([`super::schema`]) is made of it, and tests hold every line against the loader. What a value means is the loader's
//! matter alone.

use Form::{
    Digits, Duration, Flag, Key, List, Map, Name, Node, One, Prompt, Prompts, Text, Value, Whole,
};

/// A map with fixed keys.
#[derive(Debug)]
pub(super) struct Shape {
    /// As messages call it: `menu`, `an option`.
    pub(super) name: &'static str,
    /// What it is, for people who edit files.
    pub(super) doc: &'static str,
    /// Its keys, in the order of the guide.
    pub(super) keys: &'static [Entry],
    /// Whether it is a node that may be entered only so often: `max_visits` and `then`.
    pub(super) visits: bool,
}

/// One key of a [`Shape`].
#[derive(Debug)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: &'static str,
    /// Whether it must be there.
    pub(super) needed: bool,
    /// What stands behind it.
    pub(super) form: Form,
    /// What it means.
    pub(super) doc: &'static str,
    /// A value as it is written in a file.
    pub(super) example: &'static str,
}

/// The form of a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// A name: latin letters, digits, `-`, `_`, at most 64.
    Name,
    /// The name of a node of this flow.
    Node,
    /// Any words.
    Text,
    /// What a variable can hold.
    Value,
    /// A prompt, or a value that is said.
    Prompt,
    /// One of them, or a list.
    Prompts,
    /// `800ms`, `4s`, `2m`, `1h`.
    Duration,
    /// A key of the telephone, in quotes.
    Key,
    /// `4` or `4-16`.
    Digits,
    /// `true` or `false`.
    Flag,
    /// A whole number within bounds.
    Whole(i64, i64),
    /// One of these words.
    One(&'static [&'static str]),
    /// A list.
    List(&'static Form),
    /// A map with keys of the writer's choice.
    Map(&'static Form),
    /// A map with keys of the telephone.
    Keys(&'static Form),
    /// A map with fixed keys.
    Of(&'static Shape),
    /// Anything that JSON can be.
    Json,
    /// A node: a map with one key, its kind.
    NodeBody,
}

impl Shape {
    /// Its keys.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let own = self.keys.iter().map(|entry| entry.key);
        own.chain(VISITS.iter().filter(|_| self.visits).map(|entry| entry.key)).collect()
    }

    /// Its keys with what they hold.
    pub(super) fn entries(&self) -> impl Iterator<Item = &'static Entry> {
        self.keys.iter().chain(VISITS.iter().filter(|_| self.visits))
    }
}

/// The kind of a node by its word.
pub(super) fn kind(word: &str) -> Option<&'static Shape> {
    KINDS.into_iter().find(|shape| shape.name == word)
}

/// The words of all kinds.
pub(super) fn kind_names() -> Vec<&'static str> {
    KINDS.iter().map(|shape| shape.name).collect()
}

const fn need(key: &'static str, form: Form, example: &'static str, doc: &'static str) -> Entry {
    Entry { key, needed: true, form, doc, example }
}

const fn may(key: &'static str, form: Form, example: &'static str, doc: &'static str) -> Entry {
    Entry { key, needed: false, form, doc, example }
}

const fn shape(name: &'static str, doc: &'static str, keys: &'static [Entry]) -> Shape {
    Shape { name, doc, keys, visits: false }
}

const fn node(name: &'static str, doc: &'static str, keys: &'static [Entry]) -> Shape {
    Shape { name, doc, keys, visits: true }
}

/// A way out of a node, or another place of the flow.
const fn way(key: &'static str, doc: &'static str) -> Entry {
    need(key, Node, "end", doc)
}

// ---- the flow -----------------------------------------------------------------------------------

/// The whole file.
pub(super) static FLOW: Shape = shape(
    "a flow",
    "An IVR flow: what a caller goes through before a person answers.",
    &[
        need("flow", Name, "bank-main", "Its name, in numbers.toml, records and metrics."),
        may("title", Text, "The main line", "What it is for, for people."),
        may("owner", Text, "cc-ops@bank.example", "Who answers for it, for people."),
        need(
            "languages",
            List(&Name),
            "[ru, kk]",
            "Codes of its languages; the first one is the default.",
        ),
        may("calendar", Name, "bank", "The calendar of `hours` nodes that name none."),
        way("start", "The node where a call begins."),
        may(
            "promises",
            Form::Of(&PROMISES),
            "{max_depth: 3}",
            "What callers are promised; proved before the flow is taken.",
        ),
        need(
            "operator",
            Form::Of(&OPERATOR),
            "{keys: [\"0\"], to: end}",
            "The way to a person from every moment of every node.",
        ),
        may("vars", Map(&Form::Of(&VAR)), "{code: {type: digits}}", "Variables."),
        need("nodes", Map(&Form::NodeBody), "{}", "The nodes, each a map with one key: its kind."),
        may(
            "tests",
            List(&Form::Of(&CASE)),
            "[]",
            "Scripted callers; played before the flow is taken.",
        ),
    ],
);

pub(super) static PROMISES: Shape = shape(
    "promises",
    "Proved from the lengths of the recordings, in the slowest language.",
    &[
        may(
            "told_about_operator_within",
            Duration,
            "15s",
            "The caller has heard how to reach a person, or stands in a queue.",
        ),
        may(
            "silent_caller_in_queue_within",
            Duration,
            "60s",
            "A caller who presses nothing stands in a queue.",
        ),
        may(
            "urgent_in_queue_within",
            Duration,
            "20s",
            "A caller who takes an option marked `urgent` stands in a queue.",
        ),
        may("max_depth", Whole(1, 100), "3", "Levels of menus and entries."),
        may("max_options", Whole(1, 100), "5", "Options of one menu."),
    ],
);

pub(super) static OPERATOR: Shape = shape(
    "operator",
    "The way to a person; works at every moment of every node.",
    &[
        need("keys", List(&Key), "[\"0\"]", "Its keys, in quotes."),
        way("to", "A queue node."),
        may(
            "words",
            Map(&List(&Text)),
            "{ru: [оператор]}",
            "What may be said for it, by language; each needs a recogniser.",
        ),
    ],
);

/// The types of variables.
pub(super) const TYPES: [&str; 8] =
    ["language", "text", "enum", "digits", "number", "money", "date", "time"];

pub(super) static VAR: Shape = shape(
    "a variable",
    "A variable of the flow.",
    &[
        need(
            "type",
            One(&TYPES),
            "text",
            "What it holds; setting the `language` changes the language spoken.",
        ),
        may("values", List(&Text), "[mass, vip]", "The words that an `enum` may be."),
        may("currency", One(&["KZT", "RUB", "USD", "EUR"]), "KZT", "The currency of `money`."),
        may("default", Value, "mass", "Its value at the start."),
        may(
            "secret",
            Flag,
            "true",
            "Never logged, shown or said; sent in the body of an encrypted request only.",
        ),
    ],
);

/// Keys of a prompt behind which a variable stands that is said.
pub(super) const SAID: [&str; 5] = ["number", "digits", "money", "date", "time"];

// ---- nodes --------------------------------------------------------------------------------------

/// All kinds of nodes, in the order of the guide.
pub(super) static KINDS: [&Shape; 14] = [
    &SAY, &MENU, &DIGITS, &SET, &HTTP, &HOURS, &ROLLOUT, &BOT, &QUEUE, &TRANSFER, &CALLBACK,
    &SURVEY, &CALL, &HANGUP,
];

static VISITS: [Entry; 2] = [
    may(
        "max_visits",
        Whole(1, 1_000),
        "2",
        "How often one call may enter this node; needs `then`.",
    ),
    may("then", Node, "end", "Where one more visit leads."),
];

pub(super) static SAY: Shape = node(
    "say",
    "Plays prompts and goes on; any key skips it.",
    &[
        need("play", Prompts, "[hello, hint]", "What is played, in order."),
        way("next", "Where it goes on."),
        may("mentions_operator", Flag, "true", "It says how to reach a person."),
        may(
            "advert",
            Flag,
            "false",
            "It advertises: never before callers know how to reach a person.",
        ),
    ],
);

pub(super) static MENU: Shape = node(
    "menu",
    "Offers keys: plays `play`, then the prompt of every option in order, then waits `timeout`.",
    &[
        need(
            "options",
            Form::Keys(&Form::Of(&OPTION)),
            "{\"1\": {say: hello, to: end}}",
            "Options by their keys in quotes, in the order they are read.",
        ),
        need("timeout", Duration, "4s", "How long to wait after the last prompt."),
        way("silence", "Where a caller goes who was silent the last time."),
        way("wrong", "Where a caller goes who pressed a wrong key the last time."),
        may("attempts", Whole(1, 10), "2", "How often the menu is offered (2)."),
        may("play", Prompts, "hello", "Played before the options."),
        may("sorry", Prompts, "hello", "Played before it is offered again."),
        may("mentions_operator", Flag, "false", "`play` says how to reach a person."),
    ],
);

pub(super) static OPTION: Shape = shape(
    "an option",
    "One option of a menu.",
    &[
        way("to", "Where it leads."),
        may("say", Prompt, "hello", "Its prompt; without one it works, but is not read out."),
        may("urgent", Flag, "true", "`urgent_in_queue_within` holds for it."),
        may("label", Text, "stolen card", "Its name for people who read records."),
    ],
);

pub(super) static DIGITS: Shape = node(
    "digits",
    "Collects digits; an entry ends with its greatest length, with the end key, or with a pause.",
    &[
        need("play", Prompts, "hello", "What is asked."),
        need("into", Name, "code", "The variable that the digits go into, of type `digits`."),
        need("length", Digits, "4-16", "How many digits: `4`, or `4-16`."),
        need(
            "timeout",
            Duration,
            "6s",
            "How long to wait for the first digit after the last prompt.",
        ),
        need("between", Duration, "3s", "The pause that ends an entry."),
        way("next", "Where a good entry leads."),
        way("failed", "Where a caller goes who gave none."),
        may("end_key", Key, "\"#\"", "The key that ends an entry."),
        may("attempts", Whole(1, 10), "2", "How often it is asked (2)."),
        may("sorry", Prompts, "hello", "Played before it is asked again."),
    ],
);

pub(super) static SET: Shape = node(
    "set",
    "Sets variables.",
    &[
        need("vars", Map(&Value), "{lang: ru}", "Variables and their values."),
        way("next", "Where it goes on."),
    ],
);

pub(super) static HTTP: Shape = node(
    "http",
    "Asks an endpoint of the bank, and goes on by what it answers.",
    &[
        need("use", Text, "crm.customer", "Endpoint and request, both from endpoints.toml."),
        need("timeout", Duration, "800ms", "The longest wait for the answer; at most 10s."),
        need(
            "after",
            Form::Of(&AFTER_HTTP),
            "{ok: end, not_found: end, several: end, error: end, timeout: end}",
            "Where each outcome leads.",
        ),
        may(
            "send",
            List(&Text),
            "[caller]",
            "What goes out: variables, or `caller`, `dialled`, `call`.",
        ),
        may(
            "set",
            Map(&Text),
            "{segment: /customer/segment}",
            "Variables, and where in the answer they stand (JSON pointers).",
        ),
        may("play", Prompts, "hello", "Heard meanwhile; the answer cuts it off."),
    ],
);

pub(super) static AFTER_HTTP: Shape = shape(
    "`after` of a http",
    "Where each outcome leads.",
    &[
        way("ok", "It answered."),
        way("not_found", "There is nothing, or nobody, of that kind."),
        way("several", "It found more than one customer."),
        way("error", "No answer that could be taken."),
        way("timeout", "No answer in time."),
    ],
);

pub(super) static HOURS: Shape = node(
    "hours",
    "Asks whether there is an emergency, then the calendar.",
    &[
        way("open", "In opening hours."),
        way("closed", "Outside of them."),
        way("holiday", "On a holiday."),
        may(
            "emergency",
            Node,
            "end",
            "In an emergency; else the duty office of the site, or `closed`.",
        ),
        may("calendar", Name, "bank", "Which calendar; the flow's own when missing."),
    ],
);

pub(super) static ROLLOUT: Shape = node(
    "rollout",
    "Draws between bot and people; the share is in the configuration.",
    &[
        need("name", Name, "cards", "Which rollout."),
        way("bot", "Where the bot's share goes."),
        way("people", "Where the others go."),
    ],
);

pub(super) static BOT: Shape = node(
    "bot",
    "Talks to a voice bot.",
    &[
        need("use", Name, "assistant", "Which bot."),
        need("max_duration", Duration, "4m", "The longest talk."),
        need(
            "after",
            Form::Of(&AFTER_BOT),
            "{done: end, transfer: end, failed: end, too_long: end}",
            "Where each outcome leads.",
        ),
    ],
);

pub(super) static AFTER_BOT: Shape = shape(
    "`after` of a bot",
    "Where each outcome leads.",
    &[
        way("done", "It has served the caller."),
        way("transfer", "It asks for a person."),
        way("failed", "It can't be reached, or broke."),
        way("too_long", "It talked longer than `max_duration`."),
    ],
);

pub(super) static QUEUE: Shape = shape(
    "queue",
    "Waits for an agent.",
    &[
        need("name", Name, "general", "Which queue, of queues.toml."),
        need("max_wait", Duration, "15m", "The longest wait."),
        need(
            "after",
            Form::Of(&AFTER_QUEUE),
            "{answered: end, max_wait: end, nobody: end}",
            "Where each outcome leads.",
        ),
        may(
            "at",
            List(&Form::Of(&RULE)),
            "[{wait: 3m, announce: hello}]",
            "What becomes of a caller who waits on.",
        ),
        may(
            "lose_place",
            Flag,
            "true",
            "Whoever goes on to another queue waits there as if he had just come.",
        ),
        may(
            "requires",
            Text,
            "\"lang:{lang} and cards >= 2\"",
            "What the agent must be able to do.",
        ),
        may("priority", Whole(-100, 100), "4", "The higher the sooner (0)."),
        may(
            "raise",
            Form::Of(&RAISE),
            "{when: {segment: vip}, priority: 8}",
            "Another priority for some callers.",
        ),
        may("music", Name, "moh", "What is heard; the queue's own music when missing."),
    ],
);

pub(super) static AFTER_QUEUE: Shape = shape(
    "`after` of a queue",
    "Where each outcome leads.",
    &[
        way("answered", "The talk is over, and the caller is still there."),
        way("max_wait", "Nobody answered within `max_wait`."),
        way("nobody", "No agent is logged in."),
        may("full", Node, "end", "Too many wait already (as `nobody`)."),
        may("closed", Node, "end", "The queue is closed (as `nobody`)."),
    ],
);

pub(super) static RULE: Shape = shape(
    "a rule of waiting",
    "Acts once in a stay: one point, and one act.",
    &[
        may("wait", Duration, "3m", "He has waited here so long."),
        may("estimate_over", Duration, "5m", "The mean of the forecast is longer."),
        may("position_over", Whole(1, 1_000_000), "20", "His place is behind this one."),
        may("announce", Prompts, "hello", "He hears this over the music."),
        may("overflow", Node, "end", "He leaves for this node."),
        may("callback", Node, "later", "He is offered this `callback` node."),
    ],
);

pub(super) static RAISE: Shape = shape(
    "raise",
    "Another priority when all of these variables have these values.",
    &[
        need("when", Map(&Value), "{segment: vip}", "Variables and values."),
        need("priority", Whole(-100, 100), "8", "The priority then."),
    ],
);

pub(super) static TRANSFER: Shape = node(
    "transfer",
    "Calls a number outside.",
    &[
        need("to", Text, "\"+77270000112\"", "A number, or an address `sip:…`."),
        need("timeout", Duration, "25s", "How long it rings."),
        need(
            "after",
            Form::Of(&AFTER_TRANSFER),
            "{answered: end, failed: end}",
            "Where each outcome leads.",
        ),
    ],
);

pub(super) static AFTER_TRANSFER: Shape = shape(
    "`after` of a transfer",
    "Where each outcome leads.",
    &[
        way("answered", "That talk is over, and the caller is still there."),
        way("failed", "Nobody there."),
    ],
);

pub(super) static CALLBACK: Shape = node(
    "callback",
    "Offers to call the caller back.",
    &[
        need("queue", Name, "general", "The queue whose agents call."),
        need("play", Prompts, "hello", "The offer."),
        need("key", Key, "\"1\"", "The key that takes it."),
        need("confirm", Prompts, "hello", "Before his number is read out."),
        need("choose", Prompts, "hello", "Behind it: 1 if it is right, 2 for another one."),
        need("timeout", Duration, "6s", "How long a key may take to come."),
        way("next", "When the request is noted."),
        way("declined", "When he does not want it."),
        way("failed", "When it can't be noted."),
        may("enter", Prompts, "hello", "Asks for another number; without it there is no other."),
        may("sorry", Prompts, "hello", "Before anything is asked again."),
    ],
);

pub(super) static SURVEY: Shape = node(
    "survey",
    "Asks for scores after the talk.",
    &[
        need(
            "ask",
            List(&Form::Of(&QUESTION)),
            "[{id: csi, play: hello, keys: 1-5}]",
            "The questions.",
        ),
        need("timeout", Duration, "6s", "How long to wait for a score; silence ends the survey."),
        way("next", "Where it goes on."),
        may("offer", Prompt, "hello", "Played before the first question."),
    ],
);

pub(super) static QUESTION: Shape = shape(
    "a question",
    "One question of a survey.",
    &[
        need("id", Name, "csi", "Its name in the record."),
        need("play", Prompt, "hello", "What is asked."),
        need("keys", Digits, "1-5", "Lowest and highest score."),
    ],
);

pub(super) static CALL: Shape = node(
    "call",
    "Begins a sub-flow of another file, whose outcomes lead on.",
    &[
        need("flow", Name, "identify", "The sub-flow: the word behind `subflow:` in its file."),
        may("with", Map(&Form::Json), "{question: hello}", "Its parameters."),
        need("after", Map(&Node), "{ok: end, failed: end}", "Where each of its outcomes leads."),
    ],
);

pub(super) static HANGUP: Shape = shape(
    "hangup",
    "Says goodbye and ends the call.",
    &[may("play", Prompts, "hello", "The goodbye.")],
);

// ---- sub-flows ----------------------------------------------------------------------------------

/// A file that is a sub-flow.
pub(super) static SUBFLOW: Shape = shape(
    "a sub-flow",
    "A part of flows that nodes of kind `call` begin: `$name` is a parameter, an outcome is named like a node.",
    &[
        need("subflow", Name, "identify", "Its name."),
        may("title", Text, "Who calls?", "What it is for, for people."),
        may("owner", Text, "cc-ops@bank.example", "Who answers for it, for people."),
        may(
            "params",
            Map(&Form::Of(&PARAM)),
            "{question: {type: prompt}}",
            "What a call must say.",
        ),
        need(
            "outcomes",
            List(&Name),
            "[ok, failed]",
            "Its outcomes: targets that the call leads on from.",
        ),
        may("vars", Map(&Form::Of(&VAR)), "{code: {type: digits}}", "Its own variables."),
        need("start", Node, "ask", "Its first node."),
        need("nodes", Map(&Form::NodeBody), "{}", "Its nodes."),
    ],
);

/// The types of parameters.
pub(super) const PARAM_TYPES: [&str; 6] =
    ["prompt", "duration", "number", "text", "key", "variable"];

pub(super) static PARAM: Shape = shape(
    "a parameter",
    "A parameter of a sub-flow; one without a default must be given.",
    &[
        need(
            "type",
            One(&PARAM_TYPES),
            "prompt",
            "What stands for it; a `variable` is one of the caller's.",
        ),
        may("of", One(&TYPES), "digits", "The type of a `variable`."),
        may("default", Form::Json, "hello", "What it is when a call says nothing."),
    ],
);

// ---- tests --------------------------------------------------------------------------------------

/// A file of tests.
pub(super) static CASES: Shape = shape(
    "a test file",
    "Tests of a flow in a file of their own.",
    &[
        need("flow", Name, "bank-main", "The flow that they are tests of."),
        need("tests", List(&Form::Of(&CASE)), "[]", "The tests."),
    ],
);

pub(super) static CASE: Shape = shape(
    "a test",
    "One scripted call, in virtual time, with the lengths of the recordings.",
    &[
        need("name", Text, "silence leads to a person", "What it shows."),
        may(
            "given",
            Form::Of(&GIVEN),
            "{language: kk}",
            "The world: who calls, when, what bots and queues do.",
        ),
        may(
            "when",
            List(&Form::Of(&PRESS)),
            "[{at: 2s, press: \"0\"}]",
            "The keys that are pressed, and what is said.",
        ),
        need("then", Form::Of(&THEN), "{in_queue: general}", "What must come of it."),
    ],
);

pub(super) static GIVEN: Shape = shape(
    "given",
    "The world of a scripted call.",
    &[
        may("at", Text, "2026-11-23T10:00+05:00", "When the call comes; else noon of a Wednesday."),
        may("caller", Text, "\"+77010000001\"", "The caller's number."),
        may("language", Name, "kk", "The language on the customer's card."),
        may("emergency", Flag, "true", "His site has one."),
        may(
            "rollout",
            Map(&One(&["bot", "people"])),
            "{cards: bot}",
            "Where rollouts send him (people).",
        ),
        may(
            "bot",
            Map(&Map(&Duration)),
            "{assistant: {transfer: 40s}}",
            "How a bot's talk ends, and after how long.",
        ),
        may(
            "queue",
            Map(&Map(&Duration)),
            "{general: {answered: 3m}}",
            "How a stay in a queue ends, and after how long.",
        ),
        may(
            "transfer",
            Map(&Map(&Duration)),
            "{duty: {failed: 25s}}",
            "By node: what becomes of the call outside.",
        ),
        may(
            "callback",
            Map(&One(&["noted", "failed"])),
            "{later: noted}",
            "By node: whether the request is noted.",
        ),
        may(
            "http",
            Map(&Form::Of(&ANSWER)),
            "{crm.customer: {answer: {a: 1}}}",
            "What endpoints answer.",
        ),
    ],
);

pub(super) static ANSWER: Shape = shape(
    "what an endpoint does",
    "What an endpoint answers.",
    &[
        may("answer", Form::Json, "{a: 1}", "The body of the answer."),
        may("status", Whole(100, 599), "200", "The status of HTTP (200)."),
        may("takes", Duration, "300ms", "After how long (at once)."),
        may("hangs", Flag, "true", "It never answers."),
    ],
);

pub(super) static PRESS: Shape = shape(
    "a key press",
    "Keys or words, and when they come: `at`, or in a `node`.",
    &[
        may("at", Duration, "2s", "So long after the call began."),
        may("node", Node, "end", "When the caller is in this node."),
        may(
            "after",
            Duration,
            "3s",
            "So long after he entered it, or did something there last (1s).",
        ),
        may("press", Text, "\"0\"", "The keys, in quotes. Exactly one of press and says."),
        may("says", Text, "оператор", "What he says, as a recogniser hears it."),
    ],
);

pub(super) static THEN: Shape = shape(
    "then",
    "What must come of a scripted call.",
    &[
        may("in_queue", Name, "general", "The queue where the call came to rest."),
        may("ended", Node, "end", "The node where it ended."),
        may("at_most", Duration, "60s", "How long that took."),
        may("language", Name, "kk", "The language at the end."),
        may("path", List(&Node), "[hello, end]", "Exactly these nodes."),
        may("heard", List(&Name), "[hello]", "These prompts, in this order."),
        may("not_heard", List(&Name), "[advert]", "None of these prompts."),
        may("requires", Text, "lang:kk", "What the agent must be able to do."),
        may("priority", Whole(-100, 100), "4", "The priority in the queue."),
        may("survey", Map(&Whole(0, 9)), "{csi: 5}", "The scores given."),
        may("operator", Flag, "true", "Whether the operator key was used."),
    ],
);
