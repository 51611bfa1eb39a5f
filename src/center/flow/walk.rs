//! Walking through a flow by hand: a caller in virtual time whose keys are typed, and whose luck with bots, queues,
//! numbers and endpoints as well, a line at a time. The engine is that of a flow's own tests.
//!
//! [`Walk::told`] is what is to be shown, [`Walk::asks`] what a line may say, [`Walk::line`] takes one. Nothing is
//! shown of what was typed, so that a code stays where it was entered.

use super::check::Surroundings;
use super::limits::{SCRIPT_SECS_MAX, SCRIPT_STEPS_MAX, WALK_KEYS_MAX};
use super::model::{Flow, Prompt};
use super::run::{BotEnd, Caller, Happening, QueueEnd, QueueOrder, TransferEnd};
use super::script::stage::{BETWEEN_KEYS, Next, Stage, Wanted};
use super::script::{Act, Given};
use crate::calendar::Calendars;
use crate::fact::Flaw;
use crate::ids::Key;
use crate::lookup::Reply;
use crate::rollout::Arm;
use crate::saying::{Language, recordings};
use dozvon_clock::Timestamp;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// What a walk begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Begin {
    /// When the call comes; an ordinary working day where nothing is said.
    pub at: Option<Timestamp>,
    /// What is known of the caller.
    pub caller: Caller,
}

/// One walk.
pub struct Walk<'a> {
    stage: Stage<'a>,
    around: &'a Surroundings,
    /// Steps of the path that have been told.
    told_steps: usize,
    /// The ticket of the last sound that has been told.
    told_sound: Option<u32>,
    told_wanted: Option<Wanted>,
    told_scores: usize,
    out: String,
    over: bool,
}

const BOT_ENDS: [(&str, BotEnd); 4] = [
    ("done", BotEnd::Done),
    ("transfer", BotEnd::Transfer),
    ("failed", BotEnd::Failed),
    ("too_long", BotEnd::TooLong),
];
const QUEUE_ENDS: [(&str, QueueEnd); 7] = [
    ("answered", QueueEnd::Answered),
    ("max_wait", QueueEnd::MaxWait),
    ("nobody", QueueEnd::Nobody),
    ("full", QueueEnd::Full),
    ("closed", QueueEnd::Closed),
    ("overflow", QueueEnd::Overflow(0)),
    ("callback", QueueEnd::Callback(0)),
];
const TRANSFER_ENDS: [(&str, TransferEnd); 2] =
    [("answered", TransferEnd::Answered), ("failed", TransferEnd::Failed)];
const ARMS: [(&str, Arm); 2] = [("bot", Arm::Bot), ("people", Arm::People)];

impl<'a> Walk<'a> {
    /// A caller at the start of the flow.
    pub fn start(
        flow: &Arc<Flow>,
        calendars: &Arc<Calendars>,
        around: &'a Surroundings,
        begin: Begin,
    ) -> Walk<'a> {
        let given = Given::of(begin.at, begin.caller);
        let mut walk = Walk {
            stage: Stage::new(flow, calendars, around, given),
            around,
            told_steps: 0,
            told_sound: None,
            told_wanted: None,
            told_scores: 0,
            out: String::new(),
            over: false,
        };
        walk.stage.drain();
        walk.tell();
        walk
    }

    /// What has happened since it was asked last, in lines.
    pub fn told(&mut self) -> String {
        std::mem::take(&mut self.out)
    }

    /// What the next line may say; `None` when the call is over.
    pub fn asks(&self) -> Option<String> {
        if self.over {
            return None;
        }
        let of = |ends: &[&str]| format!("{}, or keys", ends.join(", "));
        let names = |ends: &[(&'static str, QueueEnd)]| -> Vec<&'static str> {
            ends.iter().map(|(name, _)| *name).collect()
        };
        Some(match &self.stage.wanted {
            Some(Wanted::Arm) => "bot or people".to_owned(),
            Some(Wanted::Bot(_)) => of(&BOT_ENDS.map(|(name, _)| name)),
            Some(Wanted::Queue(_)) => of(&names(&QUEUE_ENDS)),
            Some(Wanted::Outside(_)) => of(&TRANSFER_ENDS.map(|(name, _)| name)),
            Some(Wanted::Answer { .. }) => {
                "{\"customer\": …}, a status such as 404, failed, hangs, or keys".to_owned()
            }
            None if self.stage.run.listens() => "keys, words, or nothing".to_owned(),
            None => "keys, or nothing".to_owned(),
        })
    }

    /// Takes a line: keys to press, how something ends, words where a recogniser listens, or nothing, which is silence.
    pub fn line(&mut self, line: &str) {
        let line = line.trim();
        let keys: Option<Vec<Key>> = line.chars().map(Key::new).collect();
        let understood = match (line, keys) {
            _ if self.over => true,
            ("", _) => {
                self.listen();
                true
            }
            (word, keys) => {
                self.answer(word)
                    || match keys {
                        Some(keys) => self.press(&keys),
                        None => self.say(word),
                    }
            }
        };
        if !understood {
            self.put(format_args!("         ? one of: {}", self.asks().unwrap_or_default()));
        }
        self.tell();
    }

    /// The caller hangs up.
    pub fn hang_up(&mut self) {
        if !self.over {
            self.put(format_args!("{} the caller hangs up", self.clock()));
            self.over = true;
        }
    }

    /// Whether the caller stands in a queue, and in which one.
    pub fn in_queue(&self) -> Option<&QueueOrder> {
        if let Some(Wanted::Queue(order)) = &self.stage.wanted { Some(order) } else { None }
    }

    // ---- what a line does -----------------------------------------------------------------------

    /// Silence: until there is something new to tell.
    fn listen(&mut self) {
        if self.stage.wanted == Some(Wanted::Arm) {
            self.happen(Happening::Drawn(Arm::People));
            return;
        }
        for _ in 0..SCRIPT_STEPS_MAX {
            let Some((at, next)) = self.stage.next() else {
                if !self.has_news() {
                    self.put(format_args!("         nothing more happens by itself"));
                }
                return;
            };
            self.step(at, next);
            if self.over || self.has_news() {
                return;
            }
        }
    }

    /// Keys, when what is playing has been heard; the caller need not wait for it, but here nobody is in a hurry.
    fn press(&mut self, keys: &[Key]) -> bool {
        if keys.len() > WALK_KEYS_MAX {
            return false;
        }
        let mut at = self.stage.playing.as_ref().map_or(self.stage.now, |playing| playing.until);
        for key in keys {
            self.stage.acts.push_back((at, Act::Key(*key)));
            at = at + BETWEEN_KEYS;
        }
        for _ in 0..SCRIPT_STEPS_MAX {
            let next = self.stage.next().filter(|_| !self.stage.acts.is_empty() && !self.over);
            let Some((at, next)) = next else { break };
            self.step(at, next);
        }
        self.stage.acts.clear();
        if let Some(until) = self.stage.exit.poll_timeout() {
            let held = until.since(self.stage.now).as_secs_f64();
            let text = "the operator, or the first digit of a longer entry";
            self.put(format_args!("         {text}: it is known after {held:.0} s of silence"));
        } else if !self.has_news()
            && let Some(entry) = self.stage.run.entry()
        {
            self.put(format_args!("         {} digits so far", entry.collected));
        }
        true
    }

    /// Words that a recogniser hears, over what is playing. False where none listens.
    fn say(&mut self, text: &str) -> bool {
        if !self.stage.run.listens() {
            return false;
        }
        self.stage.acts.push_back((self.stage.now, Act::Says(text.into())));
        if let Some((at, next)) = self.stage.next() {
            self.step(at, next);
        }
        if !self.has_news() {
            self.put(format_args!("         that is no word for the operator"));
        }
        true
    }

    /// A word that says how something ends. False when it says nothing here.
    fn answer(&mut self, word: &str) -> bool {
        let happening = match &self.stage.wanted {
            Some(Wanted::Arm) => find(&ARMS, word).map(Happening::Drawn),
            Some(Wanted::Bot(_)) => find(&BOT_ENDS, word).map(Happening::Bot),
            Some(Wanted::Queue(_)) => find(&QUEUE_ENDS, word).map(Happening::Queue),
            Some(Wanted::Outside(_)) => find(&TRANSFER_ENDS, word).map(Happening::Transfer),
            Some(Wanted::Answer { .. }) if word == "hangs" => {
                self.listen();
                return true;
            }
            Some(Wanted::Answer { ticket, .. }) => {
                reply(word).map(|reply| Happening::replied(*ticket, reply))
            }
            None => None,
        };
        happening.map(|happening| self.happen(happening)).is_some()
    }

    fn happen(&mut self, happening: Happening) {
        self.stage.wanted = None;
        let now = self.stage.now;
        self.stage.run.handle(now, happening);
        self.stage.drain();
    }

    fn step(&mut self, at: Timestamp, next: Next) {
        if at.since(self.stage.began) > Duration::from_secs(SCRIPT_SECS_MAX) {
            self.put(format_args!("         the call has lasted too long for a walk"));
            self.over = true;
            return;
        }
        self.stage.step(at, next);
        self.over = self.stage.end.is_some();
    }

    // ---- what is told ---------------------------------------------------------------------------

    fn has_news(&self) -> bool {
        let sound = self.stage.playing.as_ref().map(|playing| playing.ticket);
        self.stage.run.path().len() > self.told_steps
            || (sound.is_some() && sound != self.told_sound)
            || self.stage.scores.len() > self.told_scores
            || self.stage.end.is_some()
    }

    fn tell(&mut self) {
        let steps: Vec<_> = self.stage.run.path().iter().skip(self.told_steps).cloned().collect();
        self.told_steps += steps.len();
        for visit in steps {
            let secs = visit.at.since(self.stage.began).as_secs_f64();
            self.put(format_args!("{secs:>6.1} s  {}  ({})", visit.node, visit.way));
        }
        self.tell_scores();
        self.tell_sound();
        if self.told_wanted != self.stage.wanted {
            self.told_wanted.clone_from(&self.stage.wanted);
            self.tell_wanted();
        }
        if self.stage.end.take().is_some() {
            self.put(format_args!("{} the flow hangs up", self.clock()));
            self.over = true;
        }
    }

    fn tell_scores(&mut self) {
        if self.stage.scores.len() > self.told_scores {
            self.told_scores = self.stage.scores.len();
            let scores = self.stage.scores.iter().map(|(id, score)| format!("{id} {score}"));
            let scores: Vec<String> = scores.collect();
            self.put(format_args!("         scores: {}", scores.join(", ")));
        }
    }

    fn tell_sound(&mut self) {
        let Some(playing) = &self.stage.playing else { return };
        if self.told_sound == Some(playing.ticket) {
            return;
        }
        self.told_sound = Some(playing.ticket);
        let prompts: Vec<Prompt> = playing.ahead.iter().map(|(_, prompt)| prompt.clone()).collect();
        // The words of one value are one line.
        let is_word = |prompt: &Prompt| prompt.name.starts_with("say-");
        for run in prompts.chunk_by(|one, next| is_word(one) && is_word(next)) {
            let texts: Vec<String> = run.iter().map(|prompt| self.text(prompt)).collect();
            let language = &run[0].language;
            self.put(format_args!("         {language}: {}", texts.join(" ")));
        }
    }

    /// What a recording says, or its name when nobody has written that down.
    fn text(&self, prompt: &Prompt) -> String {
        let facts = self.around.prompts.get(&*prompt.language);
        let facts = facts.and_then(|prompts| prompts.get(&*prompt.name));
        let word = || {
            let words = recordings(Language::by_code(&prompt.language)?);
            words.get(&*prompt.name).map(|text| (*text).to_owned())
        };
        let text = facts.and_then(|facts| facts.text.clone()).or_else(word);
        text.unwrap_or_else(|| format!("[{}]", prompt.name))
    }

    fn tell_wanted(&mut self) {
        let text = match &self.stage.wanted {
            None => return,
            Some(Wanted::Arm) => "the rollout draws".to_owned(),
            Some(Wanted::Bot(bot)) => format!("talks to bot `{bot}`"),
            Some(Wanted::Outside(node)) => format!("a number outside rings at `{node}`"),
            Some(Wanted::Answer { uses, .. }) => format!("asks `{uses}`"),
            Some(Wanted::Queue(order)) => {
                let requires = order.requires.as_ref();
                let whom = requires.map_or_else(|| "anybody".to_owned(), ToString::to_string);
                let QueueOrder { queue, priority, .. } = order;
                format!("waits in queue `{queue}` for {whom}, priority {priority}")
            }
        };
        self.put(format_args!("         {text}"));
    }

    fn clock(&self) -> String {
        format!("{:>6.1} s ", self.stage.now.since(self.stage.began).as_secs_f64())
    }

    fn put(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.out, "{line}").expect("a string takes any text");
    }
}

fn find<T: Copy>(known: &[(&str, T)], word: &str) -> Option<T> {
    known.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
}

/// `{"customer": …}`, a status of HTTP, or `failed`.
fn reply(word: &str) -> Option<Reply> {
    if word == "failed" {
        return Some(Reply::Failed(Flaw::Unreachable));
    }
    if word.starts_with('{') {
        let json: serde_json::Value = serde_json::from_str(word).ok()?;
        return Some(Reply::Answered { status: 200, body: json.to_string().into_bytes() });
    }
    let status = word.parse::<u16>().ok().filter(|status| (100..600).contains(status))?;
    Some(Reply::Answered { status, body: b"{}".to_vec() })
}

#[cfg(test)]
mod tests {
    use super::super::check::PromptFacts;
    use super::super::load::load;
    use super::*;

    const FLOW: &str = r#"
flow: f
languages: [ru]
start: hello
operator: {keys: ["0"], to: q}
vars:
  code: {type: digits, secret: true}
  sum: {type: money, currency: KZT, default: "21.00"}
nodes:
  hello: {say: {play: [hello, {money: sum}], next: main}}
  main:
    menu:
      play: main
      timeout: 4s
      attempts: 2
      options:
        "1": {to: code}
        "2": {to: who}
        "3": {to: drawn}
      silence: q
      wrong: q
  code: {digits: {play: enter, into: code, length: 4, timeout: 5s, between: 3s, next: bye, failed: q}}
  who: {http: {use: crm.who, timeout: 1s, after: {ok: bye, not_found: q, several: q, error: q, timeout: out}}}
  drawn: {rollout: {name: r, bot: bot, people: q}}
  bot: {bot: {use: b, max_duration: 1m, after: {done: bye, transfer: q, failed: q, too_long: q}}}
  out: {transfer: {to: "112", timeout: 9s, after: {answered: bye, failed: bye}}}
  q: {queue: {name: general, max_wait: 1m, after: {answered: score, max_wait: bye, nobody: bye}}}
  score: {survey: {ask: [{id: csi, play: enter, keys: 1-5}], timeout: 3s, next: bye}}
  bye: {hangup: {play: bye}}
"#;

    fn around() -> Surroundings {
        let mut around = Surroundings::default();
        for name in ["hello", "main", "enter", "bye", "say-20", "say-1", "say-tenge"] {
            let text = (!name.starts_with("say-")).then(|| format!("text of {name}"));
            let facts = PromptFacts { duration: Duration::from_secs(1), text };
            around.add_prompt("ru", name, facts);
        }
        around
    }

    /// Everything that is told when these lines are typed, and whether the call is over then.
    fn walked(lines: &[&str]) -> (String, bool) {
        walked_in(FLOW, lines)
    }

    fn walked_in(flow: &str, lines: &[&str]) -> (String, bool) {
        let flow = load("f.yaml", flow).unwrap_or_else(|found| panic!("{found:#?}"));
        let around = around();
        let mut walk =
            Walk::start(&Arc::new(flow), &Arc::new(Calendars::new()), &around, Begin::default());
        let mut all = walk.told();
        for line in lines {
            walk.line(line);
            all.push_str(&walk.told());
        }
        (all, walk.asks().is_none())
    }

    #[test]
    fn texts_are_read_and_the_operator_is_one_key_away() {
        let (told, over) = walked(&["0"]);
        assert_eq!(
            told,
            "   0.0 s  hello  (start)\n         ru: text of hello\n         ru: двадцать один тенге\n   \
             4.0 s  q  (operator)\n         waits in queue `general` for anybody, priority 0\n"
        );
        assert!(!over, "he waits");
    }

    #[test]
    fn a_word_is_typed_where_one_is_listened_to() {
        let (told, _) = walked(&["оператор"]);
        assert!(told.contains("? one of: keys, or nothing"), "the flow has no words: {told}");
        let words = FLOW.replace("to: q}\nvars", "to: q, words: {ru: [оператор]}}\nvars");
        let walked = |lines: &[&str]| walked_in(&words, lines).0;
        let told = walked(&["алло", "Оператор, пожалуйста"]);
        assert!(told.contains("that is no word for the operator"), "{told}");
        assert!(told.contains("   0.0 s  q  (operator)"), "over the prompt: {told}");
        let told = walked(&["", "3", "bot", "оператор", "transfer", "оператор"]);
        assert_eq!(told.matches("? one of:").count(), 2, "neither a bot nor a queue: {told}");
    }

    #[test]
    fn silence_goes_on_listening_and_comes_to_a_person() {
        let (told, _) = walked(&["", "", ""]);
        let steps: Vec<&str> = told.lines().filter(|line| line.contains('(')).collect();
        assert_eq!(
            steps,
            ["   0.0 s  hello  (start)", "   4.0 s  main  (next)", "  14.0 s  q  (silence)"]
        );
        assert_eq!(told.matches("text of main").count(), 2, "offered twice: {told}");
    }

    #[test]
    fn a_key_in_the_greeting_goes_ahead_and_a_code_is_not_shown() {
        let (told, over) = walked(&["1", "0", "", "q"]);
        assert!(told.contains("main  (next)") && told.contains("code  (key 1)"), "{told}");
        assert!(told.contains("it is known after 3 s") && told.contains("q  (operator)"), "{told}");
        assert!(told.contains("? one of: answered") && !over, "`q` is no end of a wait: {told}");
        let (told, over) = walked(&["1", "43", "21", ""]);
        assert!(told.contains("2 digits so far") && told.contains("bye  (next)"), "{told}");
        assert!(told.contains("the flow hangs up") && over, "{told}");
        assert!(!told.contains("43"), "{told}");
    }

    #[test]
    fn what_others_do_is_typed_too() {
        for (lines, wanted) in [
            (&["", "2", "{\"a\": 1}"][..], "bye  (ok)"),
            (&["", "2", "404"], "q  (not_found)"),
            (&["", "2", "failed"], "q  (error)"),
            (&["", "2", "hangs"], "out  (timeout)"),
            (&["", "2", "hangs", "failed"], "bye  (failed)"),
            (&["", "2", "0"], "q  (operator)"),
            (&["", "3", "bot", "transfer"], "q  (transfer)"),
            (&["", "3", "bot", "too_long"], "q  (too_long)"),
            (&["", "3", ""], "q  (people)"),
            (&["0", "answered", "5"], "scores: csi 5"),
            (&["0", "nobody", ""], "the flow hangs up"),
            (&["0", "callback"], "bye  (max_wait)"),
        ] {
            let (told, _) = walked(lines);
            // A queue that offers nothing back to the caller has no such outcome.
            let is_none = lines.contains(&"callback") && !told.contains("bye");
            assert!(told.contains(wanted) || is_none, "{lines:?}:\n{told}");
        }
    }

    #[test]
    fn after_the_end_nothing_is_asked_and_nothing_is_told() {
        let (told, over) = walked(&["0", "nobody", "", "1", "answered"]);
        assert!(over && told.ends_with("the flow hangs up\n"), "{told}");
    }
}
