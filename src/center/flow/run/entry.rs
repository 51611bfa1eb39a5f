//! What a caller enters: options of menus, digits and scores, and what a wrong or missing one means.

use super::{Effect, Run, State, Step, Why, to};
use crate::flow::model::{Digits, Menu, Question, Survey, Way};
use crate::ids::Key;
use dozvon_clock::Timestamp;
use std::sync::Arc;

impl Run {
    pub(super) fn offer_menu(&mut self, now: Timestamp, menu: &Menu, attempt: u32) {
        let sorry = if attempt > 1 { &menu.sorry[..] } else { &[] };
        let options = menu.options.iter().filter_map(|option| option.say.as_ref());
        let playing = self.play(sorry.iter().chain(&menu.play).chain(options));
        self.deadline = playing.is_none().then(|| now + menu.timeout);
        self.state = State::Choosing { attempt, playing };
    }

    /// Wrong or silent: this menu once more, never the flow from its top.
    pub(super) fn offer_again(
        &mut self,
        now: Timestamp,
        menu: &Menu,
        attempt: u32,
        why: Why,
    ) -> Step {
        if attempt < menu.attempts {
            self.offer_menu(now, menu, attempt + 1);
            return None;
        }
        match why {
            Why::Wrong => to(Way::Wrong, menu.wrong),
            Why::Silent => to(Way::Silence, menu.silence),
        }
    }

    pub(super) fn ask(&mut self, now: Timestamp, digits: &Digits, attempt: u32, aloud: bool) {
        let sorry = if attempt > 1 { &digits.sorry[..] } else { &[] };
        let playing = if aloud { self.play(sorry.iter().chain(&digits.play)) } else { None };
        self.deadline = playing.is_none().then(|| now + digits.timeout);
        self.state = State::Collecting { attempt, playing, digits: String::new() };
    }

    pub(super) fn ask_again(&mut self, now: Timestamp, digits: &Digits, attempt: u32) -> Step {
        if attempt < digits.attempts {
            self.ask(now, digits, attempt + 1, true);
            return None;
        }
        to(Way::Failed, digits.failed)
    }

    /// A key in an entry. A key that is neither a digit nor the end key only stops the prompt.
    pub(super) fn digit(&mut self, now: Timestamp, digits: &Digits, key: Key) -> Step {
        let State::Collecting { attempt, digits: entry, .. } = &mut self.state else {
            unreachable!("digits are taken only while collecting");
        };
        let (least, most) = (*digits.length.start() as usize, *digits.length.end() as usize);
        if digits.end_key == Some(key) {
            let attempt = *attempt;
            let enough = entry.len() >= least;
            return if enough {
                self.take_entry(digits)
            } else {
                self.ask_again(now, digits, attempt)
            };
        }
        if key.as_char().is_ascii_digit() {
            entry.push(key.as_char());
            if entry.len() >= most {
                return self.take_entry(digits);
            }
        }
        let pause = if entry.is_empty() { digits.timeout } else { digits.between };
        self.deadline = Some(now + pause);
        None
    }

    pub(super) fn take_entry(&mut self, digits: &Digits) -> Step {
        if let State::Collecting { digits: entry, .. } = &mut self.state {
            let entry: Arc<str> = std::mem::take(entry).into();
            self.set(digits.into, entry);
        }
        to(Way::Next, digits.next)
    }

    /// Asks the question of this number; goes on when there is none.
    pub(super) fn question(
        &mut self,
        now: Timestamp,
        survey: &Survey,
        question: usize,
        again: bool,
    ) -> Step {
        let Some(ask) = survey.ask.get(question) else {
            return to(Way::Next, survey.next);
        };
        let offer = survey.offer.as_ref().filter(|_| question == 0 && !again);
        let playing = self.play(offer.into_iter().chain([&ask.play]));
        self.deadline = playing.is_none().then(|| now + survey.timeout);
        self.state = State::Asked { question, again, playing };
        None
    }

    pub(super) fn score(
        &mut self,
        now: Timestamp,
        survey: &Survey,
        question: usize,
        again: bool,
        key: Key,
    ) -> Step {
        let ask: &Question = &survey.ask[question];
        let score = key.as_char().to_digit(10).and_then(|digit| u8::try_from(digit).ok());
        match score.filter(|score| ask.scores.contains(score)) {
            Some(score) => {
                self.effects.push_back(Effect::Survey { id: Arc::clone(&ask.id), score });
                self.question(now, survey, question + 1, false)
            }
            None if again => self.question(now, survey, question + 1, false),
            None => self.question(now, survey, question, true),
        }
    }
}
