//! The offer to be called back: the key that takes it, the number that is confirmed or typed, the request.
//!
//! A caller hears it in the flow, or over the music while he waits. Then he goes on waiting in every way but one: when
//! the request is noted. Knows no rule of who may be called.

use super::{CallbackOrder, Effect, Entry, Run, State, Step, to};
use crate::flow::limits::{
    CALLBACK_ATTEMPTS, CALLBACK_BETWEEN, CALLBACK_END, CALLBACK_OTHER, CALLBACK_RIGHT,
};
use crate::flow::model::{Callback, Kind, NodeIx, Prompt, PromptRef, Way};
use crate::ids::Key;
use crate::limits::{CALLBACK_DIGITS_MAX, CALLBACK_DIGITS_MIN};
use crate::saying::{Language, Saying};
use dozvon_clock::Timestamp;
use std::fmt;
use std::sync::Arc;

/// What a caller is asked about being called back.
pub(super) struct Asking {
    /// The queue node where he waits, if he does.
    queue: Option<NodeIx>,
    question: Question,
    attempt: u32,
    pub(super) playing: Option<u32>,
    /// The number that he has typed.
    number: Option<Arc<str>>,
}

/// Where the talk has come to.
enum Question {
    /// Whether he wants it.
    Offer,
    /// Whether the number is right.
    Right,
    /// Another number; so much of it.
    Number(String),
    /// Nothing any more: the request is being noted.
    Noted,
}

impl fmt::Debug for Asking {
    /// Digits are counted and never shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let question = match &self.question {
            Question::Offer => "offer".to_owned(),
            Question::Right => "right".to_owned(),
            Question::Number(digits) => format!("number of {} digits", digits.len()),
            Question::Noted => "noted".to_owned(),
        };
        write!(f, "Asking({question}, {}, {:?})", self.attempt, self.playing)
    }
}

impl Run {
    /// A caller who waits has pressed a key after an offer. One that takes it begins the talk about the number.
    pub(super) fn offer_taken(&mut self, now: Timestamp, number: usize, key: Key) -> Step {
        let flow = Arc::clone(&self.flow);
        let (State::InQueue, Kind::Queue(queue)) = (&self.state, &flow.node(self.node).kind) else {
            return None;
        };
        let target = queue.callbacks().nth(number)?;
        let Kind::Callback(callback) = &flow.node(target.node).kind else { return None };
        if callback.key != key {
            return None;
        }
        let waits = self.node;
        self.node = target.node;
        self.state = State::Asking(Asking {
            queue: Some(waits),
            question: Question::Offer,
            attempt: 1,
            playing: None,
            number: None,
        });
        self.taken(now, callback)
    }

    /// Whether he who waits is being asked for his number.
    pub fn is_asked(&self) -> bool {
        matches!(&self.state, State::Asking(Asking { queue: Some(_), .. }))
    }

    /// Who was being asked while he waited has an agent, or goes elsewhere: he is in his queue as before.
    pub fn stop_asking(&mut self) {
        if let State::Asking(Asking { queue: Some(queue), .. }) = &self.state {
            (self.node, self.state, self.deadline) = (*queue, State::InQueue, None);
        }
    }

    /// The offer of a node of the flow.
    pub(super) fn offer(&mut self, now: Timestamp, callback: &Callback) {
        let playing = self.play(&callback.play);
        self.deadline = playing.is_none().then(|| now + callback.timeout);
        self.state = State::Asking(Asking {
            queue: None,
            question: Question::Offer,
            attempt: 1,
            playing,
            number: None,
        });
    }

    /// The entry, while a number is typed in the flow: there the operator's key may be a digit of it.
    pub(super) fn number_entry(&self) -> Option<Entry> {
        let State::Asking(asking) = &self.state else { return None };
        let (Question::Number(digits), None) = (&asking.question, asking.queue) else {
            return None;
        };
        let (between, end_key) = (CALLBACK_BETWEEN, Some(CALLBACK_END));
        Some(Entry { collected: digits.len(), between, end_key })
    }

    /// A key of his.
    pub(super) fn answer(&mut self, now: Timestamp, callback: &Callback, key: Key) -> Step {
        self.hush();
        let State::Asking(asking) = &mut self.state else { return None };
        match &mut asking.question {
            Question::Offer if key == callback.key => self.taken(now, callback),
            Question::Offer => self.declined(callback),
            Question::Right if key == CALLBACK_RIGHT => self.request(callback),
            Question::Right if key == CALLBACK_OTHER && !callback.enter.is_empty() => {
                asking.attempt = 1;
                self.ask_number(now, callback, false)
            }
            Question::Right => self.again(now, callback),
            Question::Number(digits) => {
                let ends = key == CALLBACK_END;
                if !ends && key.as_char().is_ascii_digit() {
                    digits.push(key.as_char());
                }
                if ends || digits.len() >= CALLBACK_DIGITS_MAX {
                    return self.typed(now, callback);
                }
                self.deadline = Some(now + CALLBACK_BETWEEN);
                None
            }
            Question::Noted => None,
        }
    }

    /// No key of his.
    pub(super) fn no_answer(&mut self, now: Timestamp, callback: &Callback) -> Step {
        let State::Asking(asking) = &self.state else { return None };
        match &asking.question {
            Question::Offer => self.declined(callback),
            Question::Right => self.again(now, callback),
            Question::Number(_) => self.typed(now, callback),
            Question::Noted => None,
        }
    }

    /// Whether the request was noted.
    pub(super) fn called_back(&mut self, noted: bool) -> Step {
        let flow = Arc::clone(&self.flow);
        let (State::Asking(asking), Kind::Callback(callback)) =
            (&self.state, &flow.node(self.node).kind)
        else {
            return None;
        };
        match (noted, asking.queue) {
            (true, _) => to(Way::Next, callback.next),
            (false, None) => to(Way::Failed, callback.failed),
            (false, Some(_)) => self.wait_on(),
        }
    }

    // ---- the talk -------------------------------------------------------------------------------

    /// He wants it: the number he calls from is read out, or another one asked for.
    fn taken(&mut self, now: Timestamp, callback: &Callback) -> Step {
        match self.caller.number.is_some() {
            true => self.read_out(now, callback, false),
            false if callback.enter.is_empty() => self.request(callback),
            false => self.ask_number(now, callback, false),
        }
    }

    fn read_out(&mut self, now: Timestamp, callback: &Callback, again: bool) -> Step {
        let State::Asking(asking) = &self.state else { return None };
        let number =
            asking.number.clone().or_else(|| self.caller.number.as_deref().map(Into::into));
        let digits = Saying::Digits(number.as_deref().unwrap_or_default().to_owned());
        let language = Language::by_code(&self.language);
        let fragments = language.map(|language| digits.fragments(language)).unwrap_or_default();
        let spoken = fragments.iter().map(|fragment| Prompt {
            name: fragment.name.into(),
            language: Arc::clone(&self.language),
        });
        let sorry = if again { &callback.sorry[..] } else { &[] };
        let before = sorry.iter().chain(&callback.confirm).flat_map(|prompt| self.said(prompt));
        let after = callback.choose.iter().flat_map(|prompt| self.said(prompt));
        let prompts: Vec<Prompt> = before.chain(spoken).chain(after).collect();
        self.ask_about(now, callback, Question::Right, prompts)
    }

    fn ask_number(&mut self, now: Timestamp, callback: &Callback, again: bool) -> Step {
        let sorry = if again { &callback.sorry[..] } else { &[] };
        let said = |prompt: &PromptRef| self.said(prompt);
        let prompts = sorry.iter().chain(&callback.enter).flat_map(said).collect();
        self.ask_about(now, callback, Question::Number(String::new()), prompts)
    }

    fn ask_about(
        &mut self,
        now: Timestamp,
        callback: &Callback,
        question: Question,
        prompts: Vec<Prompt>,
    ) -> Step {
        let playing = self.play_prompts(prompts);
        self.deadline = playing.is_none().then(|| now + callback.timeout);
        if let State::Asking(asking) = &mut self.state {
            (asking.question, asking.playing) = (question, playing);
        }
        None
    }

    /// A number has been typed, or nothing for too long.
    fn typed(&mut self, now: Timestamp, callback: &Callback) -> Step {
        let State::Asking(asking) = &mut self.state else { return None };
        let Question::Number(digits) = &mut asking.question else { return None };
        if (CALLBACK_DIGITS_MIN..=CALLBACK_DIGITS_MAX).contains(&digits.len()) {
            (asking.number, asking.attempt) = (Some(std::mem::take(digits).into()), 1);
            return self.read_out(now, callback, false);
        }
        self.again(now, callback)
    }

    /// The same question once more, unless it was asked often enough.
    fn again(&mut self, now: Timestamp, callback: &Callback) -> Step {
        let State::Asking(asking) = &mut self.state else { return None };
        if asking.attempt >= CALLBACK_ATTEMPTS {
            return self.declined(callback);
        }
        asking.attempt += 1;
        match asking.question {
            Question::Number(_) => self.ask_number(now, callback, true),
            Question::Offer | Question::Right | Question::Noted => {
                self.read_out(now, callback, true)
            }
        }
    }

    fn declined(&mut self, callback: &Callback) -> Step {
        let State::Asking(asking) = &self.state else { return None };
        match asking.queue {
            None => to(Way::Declined, callback.declined),
            Some(_) => self.wait_on(),
        }
    }

    fn wait_on(&mut self) -> Step {
        self.stop_asking();
        self.effects.push_back(Effect::WaitOn);
        None
    }

    fn request(&mut self, callback: &Callback) -> Step {
        let node = Arc::clone(&self.flow.node(self.node).name);
        let State::Asking(asking) = &mut self.state else { return None };
        asking.question = Question::Noted;
        self.deadline = None;
        let queue = asking.queue.is_none().then(|| Arc::clone(&callback.queue.value));
        let number = asking.number.clone();
        let order = CallbackOrder { queue, number, key: callback.key, node };
        self.effects.push_back(Effect::CallBack(order));
        None
    }
}
