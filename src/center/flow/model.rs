//! A flow as types: what a file of `ivr-flows/` means after loading. Names are interned, targets are indices.
//!
//! Knows nothing of YAML ([`super::load`] reads it) and nothing of time ([`super::run`] lives it). Everything keeps its
//! place in the file, so that every check can point at it.

use super::bounds::Bounds;
use super::diagnostic::{Spanned, Spot};
use super::library::Subflow;
use super::script::Case;
use crate::acd::Expression;
use crate::ids::Key;
use crate::saying::Manner;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

/// The folder of prompts that belong to no language: music.
pub const MUSIC: &str = "music";

/// A node, by position in [`Flow::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIx(pub u32);

/// A variable, by position in [`Flow::vars`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VarIx(pub u32);

/// One IVR flow: one file. A call keeps the flow it began with.
#[derive(Clone, Debug)]
pub struct Flow {
    /// The file's name as the loader was given it.
    pub file: Arc<str>,
    /// Its name, for numbers, records and metrics.
    pub name: Arc<str>,
    /// What it is for, in the bank's words.
    pub title: Option<Arc<str>>,
    /// Who answers for it.
    pub owner: Option<Arc<str>>,
    /// The first twelve hex digits of the SHA-256 of the file and of the sub-flows it calls.
    pub version: Arc<str>,
    /// Languages it speaks; the first one is the default. Never empty.
    pub languages: Vec<Spanned<Arc<str>>>,
    /// The calendar of `hours` nodes that name none.
    pub calendar: Option<Spanned<Arc<str>>>,
    /// Where a call begins.
    pub start: Target,
    /// What the file promises its callers.
    pub promises: Promises,
    /// The way to a person that works at every moment of every node.
    pub operator: Operator,
    /// Its variables.
    pub vars: Vec<Var>,
    /// Its nodes, in the order of the file. Never empty.
    pub nodes: Vec<Node>,
    /// Its own tests.
    pub tests: Vec<Case>,
    /// The sub-flows whose nodes are among its own.
    pub subflows: Vec<Arc<Subflow>>,
    /// What has been proved of it by the lengths of its prompts; `None` before it was checked.
    pub bounds: Option<Bounds>,
}

impl Flow {
    /// A node by its index, which must come from this flow.
    pub fn node(&self, node: NodeIx) -> &Node {
        &self.nodes[node.0 as usize]
    }

    /// The first node that waits in a queue of this name.
    pub fn queue_node(&self, name: &str) -> Option<NodeIx> {
        let waits =
            |node: &Node| matches!(&node.kind, Kind::Queue(queue) if &*queue.name.value == name);
        let at = self.nodes.iter().position(waits)?;
        u32::try_from(at).ok().map(NodeIx)
    }

    /// A node's index by its name.
    pub fn find(&self, name: &str) -> Option<NodeIx> {
        let index = self.nodes.iter().position(|node| &*node.name == name)?;
        Some(NodeIx(index as u32))
    }

    /// All nodes with their indices.
    pub fn indexed(&self) -> impl Iterator<Item = (NodeIx, &Node)> {
        self.nodes.iter().enumerate().map(|(index, node)| (NodeIx(index as u32), node))
    }

    /// A variable by its index, which must come from this flow.
    pub fn var(&self, var: VarIx) -> &Var {
        &self.vars[var.0 as usize]
    }

    /// The language of this flow with this code, or its default one.
    pub fn language_or_default(&self, wanted: Option<&str>) -> &Arc<str> {
        let known = self.languages.iter().find(|language| Some(&*language.value) == wanted);
        &known.unwrap_or(&self.languages[0]).value
    }
}

/// What the file promises; proved by [`super::check`]. Missing ones are not checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Promises {
    /// The caller has heard how to reach a person.
    pub told_about_operator_within: Option<Spanned<Duration>>,
    /// A caller who presses nothing stands in a queue.
    pub silent_caller_in_queue_within: Option<Spanned<Duration>>,
    /// A caller who picks an option marked `urgent` stands in a queue.
    pub urgent_in_queue_within: Option<Spanned<Duration>>,
    /// Levels of menus.
    pub max_depth: Option<Spanned<u32>>,
    /// Options of one menu.
    pub max_options: Option<Spanned<u32>>,
}

/// The way to a person that works at every moment of every node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The keys; never empty.
    pub keys: Vec<Spanned<Key>>,
    /// The queue node it leads to.
    pub to: Target,
    /// What takes a caller there when he says it and a recogniser listens.
    pub words: Vec<Words>,
}

/// Words and phrases of one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The language.
    pub language: Spanned<Arc<str>>,
    /// The phrases, one or more words each.
    pub phrases: Vec<Spanned<Arc<str>>>,
}

impl Operator {
    /// Whether this key is the exit.
    pub fn has(&self, key: Key) -> bool {
        self.keys.iter().any(|own| own.value == key)
    }

    /// What may be said for it in a language.
    pub fn phrases(&self, language: &str) -> impl Iterator<Item = &str> {
        let words = self.words.iter().filter(move |words| *words.language.value == *language);
        words.flat_map(|words| &words.phrases).map(|phrase| &*phrase.value)
    }
}

/// A variable of the flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Var {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is declared.
    pub spot: Spot,
    /// What it may hold.
    pub kind: VarKind,
    /// Never logged, shown, spoken or sent anywhere.
    pub secret: bool,
    /// Its value at the start; for a language variable the caller's language wins.
    pub default: Option<Arc<str>>,
}

impl Var {
    /// The name that it has where it is declared: in the flow, or in its sub-flow.
    pub fn own_name(&self) -> &str {
        self.name.rsplit_once('.').map_or(&*self.name, |(_, own)| own)
    }
}

/// What a variable may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VarKind {
    /// One of the flow's languages; setting it changes the language spoken.
    Language,
    /// Any text.
    Text,
    /// One of these words.
    Enum(Vec<Arc<str>>),
    /// Keys `0-9`, collected by `digits`.
    Digits,
    /// A number, an amount, a day or a time, which can be said.
    Value(Manner),
}

/// Where an outcome leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The node.
    pub node: NodeIx,
    /// Where the name stands.
    pub spot: Spot,
}

/// Something heard, as a flow names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptRef {
    /// What it is.
    pub said: Said,
    /// Spoken in this language whatever the caller's is.
    pub language: Option<Arc<str>>,
    /// Where its name stands.
    pub spot: Spot,
}

/// What is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A recording: `prompts/<language>/<name>.wav`.
    Recording(Arc<str>),
    /// The value of a variable, in recorded words. One that has no value yet is not said.
    Value(VarIx, Manner),
}

/// A prompt to play: `prompts/<language>/<name>.wav`; music has the language [`MUSIC`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prompt {
    /// Its name.
    pub name: Arc<str>,
    /// Its folder.
    pub language: Arc<str>,
}

/// One step of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: Arc<str>,
    /// Where the name stands.
    pub spot: Spot,
    /// What it does.
    pub kind: Kind,
    /// How often one call may enter it.
    pub visits: Option<Visits>,
}

/// How often one call may enter a node, and where the next time leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visits {
    /// Entries that are allowed, at least 1.
    pub max: u32,
    /// Where one more leads.
    pub then: Target,
}

/// What a node does: the one key of its map in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Plays prompts and goes on.
    Say(Say),
    /// Offers keys.
    Menu(Menu),
    /// Collects digits.
    Digits(Digits),
    /// Sets variables.
    Set(Set),
    /// Asks an endpoint.
    Http(Http),
    /// Branches by a calendar.
    Hours(Hours),
    /// Draws between bot and people.
    Rollout(Rollout),
    /// Talks to a voice bot.
    Bot(Bot),
    /// Waits for an agent.
    Queue(Queue),
    /// Calls a number outside.
    Transfer(Transfer),
    /// Offers to call the caller back.
    Callback(Callback),
    /// Asks for scores.
    Survey(Survey),
    /// Begins a sub-flow.
    Call(Call),
    /// Ends the call.
    Hangup(Hangup),
}

impl Kind {
    /// The prompts that tell how to reach a person, when the node has said that it does.
    pub fn operator_hint(&self) -> Option<&[PromptRef]> {
        let (mentions, play) = match self {
            Kind::Say(say) => (say.mentions_operator, &say.play),
            Kind::Menu(menu) => (menu.mentions_operator, &menu.play),
            Kind::Digits(_)
            | Kind::Set(_)
            | Kind::Http(_)
            | Kind::Hours(_)
            | Kind::Rollout(_)
            | Kind::Bot(_)
            | Kind::Queue(_)
            | Kind::Transfer(_)
            | Kind::Callback(_)
            | Kind::Survey(_)
            | Kind::Call(_)
            | Kind::Hangup(_) => return None,
        };
        mentions.then_some(play.as_slice())
    }
}

/// Plays prompts and goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Say {
    /// What is played, in order.
    pub play: Vec<PromptRef>,
    /// Whether it says how to reach a person.
    pub mentions_operator: bool,
    /// Whether it advertises.
    pub advert: bool,
    /// Where it goes on.
    pub next: Target,
}

/// Offers keys: `play`, then the prompt of every option in order, then silence for `timeout`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu {
    /// Played before the options.
    pub play: Vec<PromptRef>,
    /// Played before everything when the caller was silent or wrong.
    pub sorry: Vec<PromptRef>,
    /// Whether `play` says how to reach a person.
    pub mentions_operator: bool,
    /// How long to wait after the last prompt.
    pub timeout: Duration,
    /// How often the menu is offered, at least once.
    pub attempts: u32,
    /// Options in the order they are read.
    pub options: Vec<MenuOption>,
    /// Where a caller goes who was silent the last time.
    pub silence: Target,
    /// Where a caller goes who pressed a wrong key the last time.
    pub wrong: Target,
}

impl Menu {
    /// The option of this key.
    pub fn option(&self, key: Key) -> Option<&MenuOption> {
        self.options.iter().find(|option| option.key.value == key)
    }
}

impl MenuOption {
    /// Its name for records: the label, without one the prompt's name; `None` when it has neither.
    pub fn name(&self) -> Option<&Arc<str>> {
        let recording = self.say.as_ref().and_then(|say| match &say.said {
            Said::Recording(name) => Some(name),
            Said::Value(..) => None,
        });
        self.label.as_ref().or(recording)
    }
}

/// One option of a menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MenuOption {
    /// Its key.
    pub key: Spanned<Key>,
    /// Its prompt; an option without one works but is not read out.
    pub say: Option<PromptRef>,
    /// Where it leads.
    pub to: Target,
    /// Whether `urgent_in_queue_within` holds for it.
    pub urgent: bool,
    /// Its name for people who read records; the prompt's name when missing.
    pub label: Option<Arc<str>>,
}

/// Collects digits into a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digits {
    /// What is asked.
    pub play: Vec<PromptRef>,
    /// Played before `play` when the caller was silent or the entry too short.
    pub sorry: Vec<PromptRef>,
    /// Where the digits go.
    pub into: VarIx,
    /// How many digits make an entry; the most end it at once.
    pub length: RangeInclusive<u32>,
    /// The key that ends an entry.
    pub end_key: Option<Key>,
    /// How long to wait for the first digit after the last prompt.
    pub timeout: Duration,
    /// How long to wait for the next digit; the pause that ends an entry.
    pub between: Duration,
    /// How often it is asked, at least once.
    pub attempts: u32,
    /// Where a good entry leads.
    pub next: Target,
    /// Where a caller goes who gave none.
    pub failed: Target,
}

/// Sets variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Which to what.
    pub vars: Vec<(VarIx, Arc<str>)>,
    /// Where it goes on.
    pub next: Target,
}

/// Asks an endpoint of the bank, and takes what it answers into variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Which endpoint.
    pub endpoint: Arc<str>,
    /// Which of its requests.
    pub request: Arc<str>,
    /// Where both are named.
    pub spot: Spot,
    /// The longest wait for the answer.
    pub timeout: Duration,
    /// What goes out, besides what each request may have of the call.
    pub send: Vec<Spanned<Sent>>,
    /// Which variables are set from where in the answer: JSON pointers (RFC 6901).
    pub set: Vec<(Spanned<VarIx>, Arc<str>)>,
    /// Heard meanwhile; the answer cuts it off.
    pub play: Vec<PromptRef>,
    /// The answer came.
    pub ok: Target,
    /// There is nothing, or nobody, of that kind.
    pub not_found: Target,
    /// A customer was looked for, and several were found.
    pub several: Target,
    /// No answer that could be taken.
    pub error: Target,
    /// No answer in time.
    pub timed_out: Target,
}

impl Http {
    /// What it asks, as the flow names it: `crm.customer-by-phone`.
    pub fn uses(&self) -> String {
        format!("{}.{}", self.endpoint, self.request)
    }
}

/// Something that goes out to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The value of a variable, by its name.
    Var(VarIx),
    /// What every call has.
    OfCall(OfCall),
}

/// What every call has to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OfCall {
    /// The caller's number; none when it is hidden.
    Caller,
    /// The number dialled.
    Dialled,
    /// The call's id.
    Call,
}

impl OfCall {
    /// All of them.
    pub const ALL: [OfCall; 3] = [OfCall::Caller, OfCall::Dialled, OfCall::Call];

    /// Its name in `send` and in the path of a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            OfCall::Caller => "caller",
            OfCall::Dialled => "dialled",
            OfCall::Call => "call",
        }
    }
}

/// Branches by a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// Which calendar.
    pub calendar: Spanned<Arc<str>>,
    /// In opening hours.
    pub open: Target,
    /// Outside of them.
    pub closed: Target,
    /// On a holiday.
    pub holiday: Target,
    /// In an emergency; without it the caller goes to the duty office of his site, or where it is closed.
    pub emergency: Option<Target>,
}

/// Draws between bot and people; the share is not the flow's matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// Which rollout.
    pub name: Spanned<Arc<str>>,
    /// Where the bot's share goes.
    pub bot: Target,
    /// Where the others go.
    pub people: Target,
}

/// Talks to a voice bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bot {
    /// Which bot.
    pub uses: Spanned<Arc<str>>,
    /// The longest talk.
    pub max_duration: Duration,
    /// It has served the caller.
    pub done: Target,
    /// It asks for a person.
    pub transfer: Target,
    /// It can't be reached or broke.
    pub failed: Target,
    /// It talked longer than `max_duration`.
    pub too_long: Target,
}

/// Waits for an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Which queue.
    pub name: Spanned<Arc<str>>,
    /// What the agent must be able to do; anyone will do when missing.
    pub requires: Option<Expression<Template>>,
    /// The higher the sooner.
    pub priority: i32,
    /// Another priority for some callers.
    pub raise: Option<Raise>,
    /// What is heard while waiting; the queue's own music when missing.
    pub music: Option<Spanned<Arc<str>>>,
    /// The longest wait. Always present in a checked flow (F013).
    pub max_wait: Option<Duration>,
    /// What becomes of a caller who waits on, in the order of the file.
    pub rules: Vec<WaitRule>,
    /// Whether a caller who goes on to another queue waits there as if he had just come; else he keeps his place.
    pub lose_place: bool,
    /// The talk has ended and the caller is still there.
    pub answered: Target,
    /// Nobody answered within `max_wait`.
    pub max_wait_to: Target,
    /// No agent of this queue is logged in.
    pub nobody: Target,
    /// Too many wait already.
    pub full: Target,
    /// The queue is closed.
    pub closed: Target,
}

/// The offer to be called back: a key takes it, the number is confirmed or typed, and the caller hangs up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The queue whose agents call; a rule of waiting offers it for the queue that the caller waits in.
    pub queue: Spanned<Arc<str>>,
    /// The offer.
    pub play: Vec<PromptRef>,
    /// The key that takes it.
    pub key: Key,
    /// Before the number is read out.
    pub confirm: Vec<PromptRef>,
    /// After it: 1 if it is right, 2 for another one.
    pub choose: Vec<PromptRef>,
    /// Asks for another number; without it there is no other.
    pub enter: Vec<PromptRef>,
    /// Before anything is asked again.
    pub sorry: Vec<PromptRef>,
    /// How long a key may take to come.
    pub timeout: Duration,
    /// When the request is noted.
    pub next: Target,
    /// When he does not want it.
    pub declined: Target,
    /// When it can't be noted: too many are, or this number is not called.
    pub failed: Target,
}

/// What becomes of a caller who waits on: once in a stay, when its condition is first seen to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitRule {
    /// When.
    pub at: WaitPoint,
    /// What.
    pub act: WaitAct,
}

/// A point of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitPoint {
    /// The caller has waited here for so long.
    Waited(Duration),
    /// The mean of the forecast is longer than this; never while nothing can be known.
    EstimateOver(Duration),
    /// His place in the queue is behind this one.
    PositionOver(usize),
}

/// What a rule of waiting does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitAct {
    /// He hears these over the music.
    Announce(Vec<PromptRef>),
    /// He leaves the queue for this node: another queue, a number outside, a phrase.
    Overflow(Target),
    /// He hears the offer of this `callback` node over the music, and may take it as long as he waits.
    Callback(Target),
}

impl Queue {
    /// Where its rules lead, in order.
    pub fn overflows(&self) -> impl Iterator<Item = Target> {
        self.rules.iter().filter_map(|rule| match rule.act {
            WaitAct::Overflow(target) => Some(target),
            WaitAct::Announce(_) | WaitAct::Callback(_) => None,
        })
    }

    /// The `callback` nodes that its rules offer, in order.
    pub fn callbacks(&self) -> impl Iterator<Item = Target> {
        self.rules.iter().filter_map(|rule| match rule.act {
            WaitAct::Callback(target) => Some(target),
            WaitAct::Announce(_) | WaitAct::Overflow(_) => None,
        })
    }
}

/// Another priority when all of these variables have these values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raise {
    /// Variables and values, all of which must match.
    pub when: Vec<(VarIx, Arc<str>)>,
    /// The priority then.
    pub priority: i32,
}

/// A text with variables in braces: `lang:{lang}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Text and variables in order.
    pub parts: Vec<Part>,
    /// Where it stands.
    pub spot: Spot,
}

/// A piece of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// As it stands.
    Text(Arc<str>),
    /// The value of a variable.
    Var(VarIx),
}

/// Calls a number outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// A number or a `sip:` address.
    pub to: Spanned<Arc<str>>,
    /// How long it rings.
    pub timeout: Duration,
    /// That talk has ended and the caller is still there.
    pub answered: Target,
    /// Nobody there.
    pub failed: Target,
}

/// Asks for scores after the talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Played before the first question.
    pub offer: Option<PromptRef>,
    /// The questions, at least one.
    pub ask: Vec<Question>,
    /// How long to wait for a score; silence ends the survey.
    pub timeout: Duration,
    /// Where it goes on.
    pub next: Target,
}

/// One question of a survey; a key that is no score asks it once more, then the next one comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its name in the record.
    pub id: Arc<str>,
    /// What is asked.
    pub play: PromptRef,
    /// Lowest and highest score.
    pub scores: RangeInclusive<u8>,
    /// Where the scores stand.
    pub spot: Spot,
}

/// Begins a sub-flow, whose nodes are nodes of the flow; its outcomes lead on from those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub subflow: Arc<str>,
    /// Its first node.
    pub start: Target,
    /// Its own variables, which begin anew with every call of it.
    pub fresh: Vec<VarIx>,
}

/// Ends the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hangup {
    /// The goodbye.
    pub play: Vec<PromptRef>,
}

/// How a caller came from one node to the next: the outcome's name in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// The call began here.
    Start,
    /// `next`
    Next,
    /// A key of a menu.
    Key(Key),
    /// `silence`
    Silence,
    /// `wrong`
    Wrong,
    /// `failed`
    Failed,
    /// `open`
    Open,
    /// `closed`
    Closed,
    /// `overflow`
    Overflow,
    /// `callback`
    Callback,
    /// `declined`
    Declined,
    /// `holiday`
    Holiday,
    /// `emergency`, or the duty office of the site.
    Emergency,
    /// `bot`
    Bot,
    /// `people`
    People,
    /// `ok`
    Ok,
    /// `not_found`
    NotFound,
    /// `several`
    Several,
    /// `error`
    Error,
    /// `timeout`
    Timeout,
    /// `done`
    Done,
    /// `transfer`
    Transfer,
    /// `too_long`
    TooLong,
    /// `answered`
    Answered,
    /// `max_wait`
    MaxWait,
    /// `nobody`
    Nobody,
    /// `full`
    Full,
    /// `then`, after too many visits
    Then,
    /// The operator exit.
    Operator,
    /// The flow ran in circles and the caller was taken to the operator.
    Astray,
    /// An agent passed the caller on to this node.
    PassedOn,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Way::Key(key) => return write!(f, "key {key}"),
            Way::Start => "start",
            Way::Next => "next",
            Way::Silence => "silence",
            Way::Wrong => "wrong",
            Way::Failed => "failed",
            Way::Open => "open",
            Way::Closed => "closed",
            Way::Overflow => "overflow",
            Way::Callback => "callback",
            Way::Declined => "declined",
            Way::Holiday => "holiday",
            Way::Emergency => "emergency",
            Way::Bot => "bot",
            Way::People => "people",
            Way::Ok => "ok",
            Way::NotFound => "not_found",
            Way::Several => "several",
            Way::Error => "error",
            Way::Timeout => "timeout",
            Way::Done => "done",
            Way::Transfer => "transfer",
            Way::TooLong => "too_long",
            Way::Answered => "answered",
            Way::MaxWait => "max_wait",
            Way::Nobody => "nobody",
            Way::Full => "full",
            Way::Then => "then",
            Way::Operator => "operator",
            Way::Astray => "astray",
            Way::PassedOn => "passed_on",
        };
        f.write_str(word)
    }
}

impl Node {
    /// The word of its kind.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Say(_) => "say",
            Kind::Menu(_) => "menu",
            Kind::Digits(_) => "digits",
            Kind::Set(_) => "set",
            Kind::Http(_) => "http",
            Kind::Hours(_) => "hours",
            Kind::Rollout(_) => "rollout",
            Kind::Bot(_) => "bot",
            Kind::Queue(_) => "queue",
            Kind::Transfer(_) => "transfer",
            Kind::Callback(_) => "callback",
            Kind::Survey(_) => "survey",
            Kind::Call(_) => "call",
            Kind::Hangup(_) => "hangup",
        }
    }

    /// Every way out of it, in the order of the file's reference; the operator exit is the flow's.
    pub fn edges(&self) -> Vec<(Way, Target)> {
        let mut edges = match &self.kind {
            Kind::Say(say) => vec![(Way::Next, say.next)],
            Kind::Menu(menu) => {
                let options = menu.options.iter().map(|o| (Way::Key(o.key.value), o.to));
                options.chain([(Way::Silence, menu.silence), (Way::Wrong, menu.wrong)]).collect()
            }
            Kind::Digits(digits) => vec![(Way::Next, digits.next), (Way::Failed, digits.failed)],
            Kind::Set(set) => vec![(Way::Next, set.next)],
            Kind::Http(http) => vec![
                (Way::Ok, http.ok),
                (Way::NotFound, http.not_found),
                (Way::Several, http.several),
                (Way::Error, http.error),
                (Way::Timeout, http.timed_out),
            ],
            Kind::Hours(hours) => {
                let emergency = hours.emergency.map(|target| (Way::Emergency, target));
                let three = [
                    (Way::Open, hours.open),
                    (Way::Closed, hours.closed),
                    (Way::Holiday, hours.holiday),
                ];
                three.into_iter().chain(emergency).collect()
            }
            Kind::Rollout(rollout) => vec![(Way::Bot, rollout.bot), (Way::People, rollout.people)],
            Kind::Bot(bot) => vec![
                (Way::Done, bot.done),
                (Way::Transfer, bot.transfer),
                (Way::Failed, bot.failed),
                (Way::TooLong, bot.too_long),
            ],
            Kind::Queue(queue) => {
                let overflows = queue.overflows().map(|target| (Way::Overflow, target));
                let callbacks = queue.callbacks().map(|target| (Way::Callback, target));
                let overflows = overflows.chain(callbacks);
                let outcomes = [
                    (Way::Answered, queue.answered),
                    (Way::MaxWait, queue.max_wait_to),
                    (Way::Nobody, queue.nobody),
                    (Way::Full, queue.full),
                    (Way::Closed, queue.closed),
                ];
                outcomes.into_iter().chain(overflows).collect()
            }
            Kind::Transfer(transfer) => {
                vec![(Way::Answered, transfer.answered), (Way::Failed, transfer.failed)]
            }
            Kind::Callback(callback) => vec![
                (Way::Next, callback.next),
                (Way::Declined, callback.declined),
                (Way::Failed, callback.failed),
            ],
            Kind::Survey(survey) => vec![(Way::Next, survey.next)],
            Kind::Call(call) => vec![(Way::Next, call.start)],
            Kind::Hangup(_) => Vec::new(),
        };
        edges.extend(self.visits.map(|visits| (Way::Then, visits.then)));
        edges
    }
}
