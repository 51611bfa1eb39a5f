//! The nodes of a flow, one reader for each kind.

use super::{F012, F013, F015, Loader, nothing};
use crate::flow::diagnostic::{Diagnostic, Spanned, Spot};
use crate::flow::grammar::{self, Shape};
use crate::flow::limits::{CALLBACK_RIGHT, DIGITS_MAX};
use crate::flow::model::{
    Bot, Callback, Digits, Hangup, Hours, Kind, Menu, MenuOption, Node, Question, Queue, Raise,
    Rollout, Say, Set, Survey, Transfer, VarIx, VarKind, Visits,
};
use crate::flow::yaml::{Fields, Value, Word, Y002, Y004, Yaml};
use crate::ids::Key;
use std::ops::RangeInclusive;
use std::sync::Arc;

impl Loader<'_> {
    pub(super) fn node(&mut self, word: &Word, yaml: &Yaml) -> Node {
        let (name, spot) = (Arc::from(word.text.as_str()), word.spot);
        let broken = Kind::Hangup(Hangup { play: Vec::new() });
        let mut node = Node { name, spot, kind: broken, visits: None };
        let Some(fields) = self.reader.entries(yaml, "a node") else {
            self.whole = false;
            return node;
        };
        let mut kinds = fields.iter();
        let (Some((kind, body)), None) = (kinds.next(), kinds.next()) else {
            let message = format!("node `{}` must have exactly one key: its kind", word.text);
            let found = Diagnostic::error(Y004, self.reader.file(), spot, message)
                .help(format!("kinds are: {}", grammar::kind_names().join(", ")));
            self.reader.push(found);
            self.whole = false;
            return node;
        };
        match self.kind(&word.text, kind, body) {
            Some(read) => node.kind = read,
            None => self.whole = false,
        }
        node.visits = self.visits(kind, body);
        node
    }

    fn kind(&mut self, node: &str, kind: &Word, body: &Yaml) -> Option<Kind> {
        Some(match kind.text.as_str() {
            "say" => Kind::Say(self.say(body, kind.spot)?),
            "menu" => Kind::Menu(self.menu(body, kind.spot)?),
            "digits" => Kind::Digits(self.digits(body, kind.spot)?),
            "set" => Kind::Set(self.set(body, kind.spot)?),
            "http" => Kind::Http(self.http(body, kind.spot)?),
            "hours" => Kind::Hours(self.hours(body, kind.spot)?),
            "rollout" => Kind::Rollout(self.rollout(body, kind.spot)?),
            "bot" => Kind::Bot(self.bot(body, kind.spot)?),
            "queue" => Kind::Queue(self.queue(body, kind.spot)?),
            "transfer" => Kind::Transfer(self.transfer(body, kind.spot)?),
            "callback" => Kind::Callback(self.callback(body, kind.spot)?),
            "survey" => Kind::Survey(self.survey(body, kind.spot)?),
            "call" => Kind::Call(self.call(node, body, kind.spot)?),
            "hangup" => Kind::Hangup(self.hangup(body, kind.spot)?),
            word => {
                let message = format!("there is no kind `{word}`");
                let found = Diagnostic::error(Y002, self.reader.file(), kind.spot, message)
                    .help(format!("kinds are: {}", grammar::kind_names().join(", ")))
                    .nearest(word, grammar::kind_names());
                self.reader.push(found);
                return None;
            }
        })
    }

    /// The entries of a node's body; its place is the word of its kind.
    pub(super) fn body<'t>(
        &mut self,
        body: &'t Yaml,
        spot: Spot,
        shape: &Shape,
    ) -> Option<Fields<'t>> {
        Some(self.reader.shape(body, shape)?.at(spot))
    }

    fn visits(&mut self, kind: &Word, body: &Yaml) -> Option<Visits> {
        let Value::Map(_) = &body.value else { return None };
        grammar::kind(&kind.text).filter(|shape| shape.visits)?;
        let fields = self.reader.entries(body, &kind.text)?;
        let fields = fields.at(kind.spot);
        match (fields.get("max_visits"), fields.get("then")) {
            (None, None) => None,
            (Some(max), Some(then)) => {
                let max = self.reader.number(max, 1, 1_000);
                Some(Visits { max: max.unwrap_or(1) as u32, then: self.target(then) })
            }
            (Some(_), None) => {
                self.reader.error(
                    F012,
                    kind.spot,
                    "`max_visits` needs `then`: where one more leads",
                );
                None
            }
            (None, Some(_)) => {
                self.reader.error(F012, kind.spot, "`then` needs `max_visits`");
                None
            }
        }
    }

    fn say(&mut self, body: &Yaml, spot: Spot) -> Option<Say> {
        let fields = self.body(body, spot, &grammar::SAY)?;
        let play = self.reader.need(fields, "say", "play").map(|yaml| self.prompts(yaml));
        let mentions_operator = self.flag(fields, "mentions_operator");
        let advert = self.flag(fields, "advert");
        let next = self.outcome(F012, fields, "say", "next");
        Some(Say { play: play.unwrap_or_default(), mentions_operator, advert, next })
    }

    fn menu(&mut self, body: &Yaml, spot: Spot) -> Option<Menu> {
        let fields = self.body(body, spot, &grammar::MENU)?;
        let options = match self.reader.need(fields, "menu", "options") {
            Some(yaml) => self.options(yaml),
            None => Vec::new(),
        };
        Some(Menu {
            play: self.optional_prompts(fields, "play"),
            sorry: self.optional_prompts(fields, "sorry"),
            mentions_operator: self.flag(fields, "mentions_operator"),
            timeout: self.needed_duration(fields, "menu", "timeout"),
            attempts: self.attempts(fields),
            options,
            silence: self.outcome(F012, fields, "menu", "silence"),
            wrong: self.outcome(F012, fields, "menu", "wrong"),
        })
    }

    fn options(&mut self, yaml: &Yaml) -> Vec<MenuOption> {
        let Some(fields) = self.reader.entries(yaml, "options") else {
            self.whole = false;
            return Vec::new();
        };
        let mut options = Vec::new();
        for (word, yaml) in fields.iter() {
            let mut chars = word.text.chars();
            let key = match (chars.next(), chars.next()) {
                (Some(c), None) => Key::new(c),
                _ => None,
            };
            let Some(key) = key else {
                let message = format!("`{}` is no telephone key: 0-9, *, #, A-D", word.text);
                self.reader.error(Y004, word.spot, message);
                continue;
            };
            let Some(option) = self.reader.shape(yaml, &grammar::OPTION) else {
                self.whole = false;
                continue;
            };
            let option = option.at(word.spot);
            options.push(MenuOption {
                key: Spanned { value: key, spot: word.spot },
                say: option.get("say").and_then(|yaml| self.prompt(yaml)),
                to: self.target_of(option, "an option", "to"),
                urgent: self.flag(option, "urgent"),
                label: self.optional_text(option, "label"),
            });
        }
        if options.is_empty() {
            self.reader.error(Y004, yaml.spot, "a menu has at least one option");
        }
        options
    }

    fn digits(&mut self, body: &Yaml, spot: Spot) -> Option<Digits> {
        let fields = self.body(body, spot, &grammar::DIGITS)?;
        let play = self.reader.need(fields, "digits", "play").map(|yaml| self.prompts(yaml));
        let length =
            self.reader.need(fields, "digits", "length").and_then(|yaml| self.length(yaml));
        Some(Digits {
            play: play.unwrap_or_default(),
            sorry: self.optional_prompts(fields, "sorry"),
            into: self.digits_var(fields),
            length: length.unwrap_or(1..=1),
            end_key: fields.get("end_key").and_then(|yaml| self.key(yaml)).map(|key| key.value),
            timeout: self.needed_duration(fields, "digits", "timeout"),
            between: self.needed_duration(fields, "digits", "between"),
            attempts: self.attempts(fields),
            next: self.outcome(F012, fields, "digits", "next"),
            failed: self.outcome(F012, fields, "digits", "failed"),
        })
    }

    fn digits_var(&mut self, fields: Fields<'_>) -> VarIx {
        let index = self.reader.need(fields, "digits", "into").and_then(|yaml| {
            let name = self.reader.word(yaml, "a variable")?;
            let index = self.find_var(name, yaml.spot)?;
            if self.declared[index.0 as usize].kind != VarKind::Digits {
                let message = format!("`{name}` is not of type `digits`");
                self.reader.error(F015, yaml.spot, message);
            }
            Some(index)
        });
        index.unwrap_or(VarIx(0))
    }

    /// `4` or `4-16`.
    fn length(&mut self, yaml: &Yaml) -> Option<RangeInclusive<u32>> {
        let word = self.reader.word(yaml, "a length such as 4 or 4-16")?;
        let (least, most) = word.split_once('-').unwrap_or((word, word));
        match (least.parse::<u32>(), most.parse::<u32>()) {
            (Ok(least), Ok(most)) if 0 < least && least <= most && most <= DIGITS_MAX => {
                Some(least..=most)
            }
            _ => {
                let message = format!("`{word}` is no length: 4 or 4-16, at most {DIGITS_MAX}");
                self.reader.error(Y004, yaml.spot, message);
                None
            }
        }
    }

    fn set(&mut self, body: &Yaml, spot: Spot) -> Option<Set> {
        let fields = self.body(body, spot, &grammar::SET)?;
        let vars = self.reader.need(fields, "set", "vars").map(|yaml| self.assignments(yaml));
        let next = self.outcome(F012, fields, "set", "next");
        Some(Set { vars: vars.unwrap_or_default(), next })
    }

    fn hours(&mut self, body: &Yaml, spot: Spot) -> Option<Hours> {
        let fields = self.body(body, spot, &grammar::HOURS)?;
        let named = fields.get("calendar").and_then(|yaml| self.name(yaml));
        let calendar = named.or_else(|| self.calendar.clone()).unwrap_or_else(|| {
            let message = "which calendar? Neither this node nor the flow names one";
            self.reader.error(F012, spot, message);
            nothing("none")
        });
        Some(Hours {
            calendar,
            open: self.outcome(F012, fields, "hours", "open"),
            closed: self.outcome(F012, fields, "hours", "closed"),
            holiday: self.outcome(F012, fields, "hours", "holiday"),
            emergency: fields.get("emergency").map(|yaml| self.target(yaml)),
        })
    }

    fn rollout(&mut self, body: &Yaml, spot: Spot) -> Option<Rollout> {
        let fields = self.body(body, spot, &grammar::ROLLOUT)?;
        let name = self.needed_name(fields, "rollout", "name");
        Some(Rollout {
            name,
            bot: self.outcome(F012, fields, "rollout", "bot"),
            people: self.outcome(F012, fields, "rollout", "people"),
        })
    }

    fn bot(&mut self, body: &Yaml, spot: Spot) -> Option<Bot> {
        let fields = self.body(body, spot, &grammar::BOT)?;
        let uses = self.needed_name(fields, "bot", "use");
        let max_duration = self.needed_duration(fields, "bot", "max_duration");
        let after = self.after(fields, "bot", &grammar::AFTER_BOT)?;
        Some(Bot {
            uses,
            max_duration,
            done: self.outcome(F012, after, "bot", "done"),
            transfer: self.outcome(F012, after, "bot", "transfer"),
            failed: self.outcome(F012, after, "bot", "failed"),
            too_long: self.outcome(F012, after, "bot", "too_long"),
        })
    }

    fn queue(&mut self, body: &Yaml, spot: Spot) -> Option<Queue> {
        // Both belong elsewhere, and are told so with the place.
        let elsewhere = ["announce", "callback"];
        let keys = [grammar::QUEUE.names().as_slice(), &elsewhere].concat();
        let fields = self.reader.map(body, grammar::QUEUE.name, &keys)?.at(spot);
        if let Some(spot) = fields.key_spot("callback") {
            let found = Diagnostic::error(
                Y002,
                self.reader.file(),
                spot,
                "a callback is offered by a rule of waiting",
            );
            self.reader
                .push(found.help("write at: [{wait: 90s, callback: <node of kind callback>}]"));
        }
        if let Some(spot) = fields.key_spot("announce") {
            let message = "what a queue tells its callers is not the flow's matter";
            let found = Diagnostic::error(Y002, self.reader.file(), spot, message)
                .help("write it into [[queue]] of queues.toml, or a rule: at: [{wait: 3m, announce: busy}]");
            self.reader.push(found);
        }
        let name = self.needed_name(fields, "queue", "name");
        let requires = fields.get("requires").and_then(|yaml| self.requires(yaml));
        let priority = self.priority(fields, false);
        let raise = fields.get("raise").and_then(|yaml| self.raise(yaml));
        let music = fields.get("music").and_then(|yaml| self.name(yaml));
        let max_wait = self.reader.need_or(F013, fields, "queue", "max_wait");
        let max_wait = max_wait.and_then(|yaml| self.reader.duration(yaml));
        let rules = self.wait_rules(fields, max_wait);
        let lose_place = self.flag(fields, "lose_place");
        let after = self.after(fields, "queue", &grammar::AFTER_QUEUE)?;
        let nobody = self.outcome(F013, after, "queue", "nobody");
        let or_nobody = |loader: &mut Self, key| match after.get(key) {
            Some(yaml) => loader.target(yaml),
            None => nobody,
        };
        Some(Queue {
            name,
            requires,
            priority,
            raise,
            music,
            max_wait,
            rules,
            lose_place,
            answered: self.outcome(F012, after, "queue", "answered"),
            max_wait_to: self.outcome(F013, after, "queue", "max_wait"),
            nobody,
            full: or_nobody(self, "full"),
            closed: or_nobody(self, "closed"),
        })
    }

    fn priority(&mut self, fields: Fields<'_>, needed: bool) -> i32 {
        let yaml = match needed {
            true => self.reader.need(fields, "raise", "priority"),
            false => fields.get("priority"),
        };
        yaml.and_then(|yaml| self.reader.number(yaml, -100, 100)).unwrap_or(0) as i32
    }

    fn raise(&mut self, yaml: &Yaml) -> Option<Raise> {
        let fields = self.reader.shape(yaml, &grammar::RAISE)?;
        let when = self.reader.need(fields, "raise", "when").map(|yaml| self.assignments(yaml));
        Some(Raise { when: when.unwrap_or_default(), priority: self.priority(fields, true) })
    }

    fn transfer(&mut self, body: &Yaml, spot: Spot) -> Option<Transfer> {
        let fields = self.body(body, spot, &grammar::TRANSFER)?;
        let to = self.reader.need(fields, "transfer", "to").and_then(|yaml| {
            let value = self.reader.word(yaml, "a number or a sip: address")?;
            let number = value.trim_start_matches('+');
            let number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            if !number && !["sip:", "sips:", "tel:"].iter().any(|scheme| value.starts_with(scheme))
            {
                let message = format!("`{value}` is neither a number nor a sip: address");
                self.reader.error(Y004, yaml.spot, message);
            }
            Some(Spanned { value: value.into(), spot: yaml.spot })
        });
        let timeout = self.needed_duration(fields, "transfer", "timeout");
        let after = self.after(fields, "transfer", &grammar::AFTER_TRANSFER)?;
        Some(Transfer {
            to: to.unwrap_or_else(|| nothing("none")),
            timeout,
            answered: self.outcome(F012, after, "transfer", "answered"),
            failed: self.outcome(F012, after, "transfer", "failed"),
        })
    }

    fn callback(&mut self, body: &Yaml, spot: Spot) -> Option<Callback> {
        let fields = self.body(body, spot, &grammar::CALLBACK)?;
        let mut said = |key, needed| {
            let yaml = match needed {
                true => self.reader.need(fields, "callback", key),
                false => fields.get(key),
            };
            yaml.map(|yaml| self.prompts(yaml)).unwrap_or_default()
        };
        let (play, confirm) = (said("play", true), said("confirm", true));
        let (choose, enter, sorry) =
            (said("choose", true), said("enter", false), said("sorry", false));
        let key = self.reader.need(fields, "callback", "key").and_then(|yaml| self.key(yaml));
        Some(Callback {
            queue: self.needed_name(fields, "callback", "queue"),
            play,
            key: key.map_or(CALLBACK_RIGHT, |key| key.value),
            confirm,
            choose,
            enter,
            sorry,
            timeout: self.needed_duration(fields, "callback", "timeout"),
            next: self.outcome(F012, fields, "callback", "next"),
            declined: self.outcome(F012, fields, "callback", "declined"),
            failed: self.outcome(F012, fields, "callback", "failed"),
        })
    }

    fn survey(&mut self, body: &Yaml, spot: Spot) -> Option<Survey> {
        let fields = self.body(body, spot, &grammar::SURVEY)?;
        let ask = match self.reader.need(fields, "survey", "ask") {
            Some(yaml) => {
                let items = self.reader.list(yaml, "questions");
                if items.is_empty() {
                    self.reader.error(Y004, yaml.spot, "a survey asks at least one question");
                }
                items.iter().filter_map(|item| self.question(item)).collect()
            }
            None => Vec::new(),
        };
        Some(Survey {
            offer: fields.get("offer").and_then(|yaml| self.prompt(yaml)),
            ask,
            timeout: self.needed_duration(fields, "survey", "timeout"),
            next: self.outcome(F012, fields, "survey", "next"),
        })
    }

    fn question(&mut self, yaml: &Yaml) -> Option<Question> {
        let fields = self.reader.shape(yaml, &grammar::QUESTION)?;
        let id = self.needed_name(fields, "a question", "id").value;
        let play =
            self.reader.need(fields, "a question", "play").and_then(|yaml| self.prompt(yaml));
        let keys = self.reader.need(fields, "a question", "keys")?;
        let word = self.reader.word(keys, "scores such as 1-5")?;
        let scores = word.split_once('-').and_then(|(least, most)| {
            let (least, most) = (least.parse::<u8>().ok()?, most.parse::<u8>().ok()?);
            (least < most && most <= 9).then_some(least..=most)
        });
        if scores.is_none() {
            self.reader.error(Y004, keys.spot, format!("`{word}` are no scores such as 1-5"));
        }
        Some(Question { id, play: play?, scores: scores?, spot: keys.spot })
    }

    fn hangup(&mut self, body: &Yaml, spot: Spot) -> Option<Hangup> {
        // `hangup:` and `hangup: {}` say nothing and end.
        if matches!(&body.value, Value::Word { text, quoted: false } if text.is_empty()) {
            return Some(Hangup { play: Vec::new() });
        }
        let fields = self.body(body, spot, &grammar::HANGUP)?;
        Some(Hangup { play: self.optional_prompts(fields, "play") })
    }
}
