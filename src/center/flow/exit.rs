//! When is a key, or a word, the way to a person? The one place that decides it, for real calls and for scripts alike.
//!
//! The operator key works at every moment of every node. Only while digits are collected may it be a digit of a code:
//! there the *lone* key is the exit, that is the first key of the entry with nothing after it but a pause or the end
//! key. Until that is known the key is held back. A word for the operator is the exit wherever
//! one is listened to. Knows the flow's keys and words and the entry; never the call or the queue.

use super::model::Flow;
use super::run::{Entry, Happening, Run};
use crate::ids::Key;
use dozvon_clock::Timestamp;

/// What a key means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Take the caller to the operator now; the flow shall not see the key.
    Exit,
    /// The lone exit key in digit entry: call [`ExitKey::handle_timeout`] at this moment unless another key comes.
    Hold(Timestamp),
    /// Hand these keys to the flow, in this order.
    Pass(Vec<Key>),
}

/// What became of a key that [`ExitKey::press`] dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressed {
    /// The run has left for the operator's queue.
    Exit,
    /// It is held back until it is known what it means.
    Held,
    /// The flow has it.
    Passed,
}

/// The memory of one call for the lone exit key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExitKey {
    held: Option<(Key, Timestamp)>,
}

impl ExitKey {
    /// Nothing held.
    pub fn new() -> ExitKey {
        ExitKey::default()
    }

    /// What a key means now. `entry` is [`Run::entry`] of this moment.
    pub fn offer(
        &mut self,
        now: Timestamp,
        key: Key,
        flow: &Flow,
        entry: Option<Entry>,
    ) -> Verdict {
        let held = self.held.take();
        match (held, entry) {
            // The pause was over, or the entry was: the held key stood alone.
            (Some((_, until)), _) if now >= until => Verdict::Exit,
            (Some(_), None) => Verdict::Exit,
            (Some(_), Some(entry)) if entry.end_key == Some(key) => Verdict::Exit,
            (Some((first, _)), Some(_)) => Verdict::Pass(vec![first, key]),
            (None, None) if flow.operator.has(key) => Verdict::Exit,
            (None, Some(entry)) if entry.collected == 0 && flow.operator.has(key) => {
                let until = now + entry.between;
                self.held = Some((key, until));
                Verdict::Hold(until)
            }
            (None, _) => Verdict::Pass(vec![key]),
        }
    }

    /// When the held key becomes the exit.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.held.map(|(_, until)| until)
    }

    /// [`Verdict::Exit`] when the held key stood alone long enough; else nothing.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Option<Verdict> {
        let (_, until) = self.held?;
        (now >= until).then(|| {
            self.held = None;
            Verdict::Exit
        })
    }

    /// Forgets a held key, for a caller who left the flow by another door.
    pub fn forget(&mut self) {
        self.held = None;
    }

    /// Decides on a key and does to the run what follows from it.
    pub fn press(&mut self, now: Timestamp, key: Key, run: &mut Run) -> Pressed {
        let flow = std::sync::Arc::clone(run.flow());
        match self.offer(now, key, &flow, run.entry()) {
            Verdict::Exit => {
                run.leave_for_operator(now);
                Pressed::Exit
            }
            Verdict::Hold(until) => {
                run.hold_entry(until);
                Pressed::Held
            }
            Verdict::Pass(keys) => {
                for key in keys {
                    run.handle(now, Happening::Key(key));
                }
                Pressed::Passed
            }
        }
    }

    /// The caller has said something: takes him to the operator when it is a word for that, as the key does; tells
    /// whether it was.
    pub fn said(&mut self, now: Timestamp, text: &str, run: &mut Run) -> bool {
        let left = run.is_operator(text) && run.leave_for_operator(now);
        if left {
            self.forget();
        }
        left
    }

    /// [`ExitKey::handle_timeout`] with what follows from it for the run; tells whether it left.
    pub fn expire(&mut self, now: Timestamp, run: &mut Run) -> bool {
        let left = self.handle_timeout(now).is_some();
        if left {
            run.leave_for_operator(now);
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn flow() -> Flow {
        let text = "flow: f\nlanguages: [en]\nstart: q\noperator: {keys: [\"0\", \"*\"], to: q}\nnodes:\n  q: {queue: \
                    {name: q, max_wait: 1m, after: {answered: end, max_wait: end, nobody: end}}}\n  end: \
                    {hangup: {}}\n";
        super::super::load::load("f.yaml", text).unwrap()
    }

    fn key(c: char) -> Key {
        Key::new(c).unwrap()
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(millis * 1_000)
    }

    fn entry(collected: usize) -> Option<Entry> {
        let end_key = Some(key('#'));
        Some(Entry { collected, between: Duration::from_secs(3), end_key })
    }

    #[test]
    fn outside_of_an_entry_every_exit_key_is_the_exit_at_once() {
        let (flow, mut exit) = (flow(), ExitKey::new());
        for c in "0*".chars() {
            assert_eq!(exit.offer(at(0), key(c), &flow, None), Verdict::Exit);
        }
        assert_eq!(exit.offer(at(0), key('1'), &flow, None), Verdict::Pass(vec![key('1')]));
        assert_eq!(exit.poll_timeout(), None);
    }

    #[test]
    fn a_lone_key_in_an_entry_is_held_until_the_pause_is_over() {
        let (flow, mut exit) = (flow(), ExitKey::new());
        assert_eq!(exit.offer(at(0), key('0'), &flow, entry(0)), Verdict::Hold(at(3_000)));
        assert_eq!(exit.poll_timeout(), Some(at(3_000)));
        assert_eq!(exit.handle_timeout(at(2_999)), None);
        assert_eq!(exit.handle_timeout(at(3_000)), Some(Verdict::Exit));
        assert_eq!(exit.handle_timeout(at(9_000)), None);
    }

    #[test]
    fn the_end_key_makes_a_lone_key_the_exit_and_a_digit_makes_it_a_digit() {
        let (flow, mut exit) = (flow(), ExitKey::new());
        exit.offer(at(0), key('0'), &flow, entry(0));
        assert_eq!(exit.offer(at(100), key('#'), &flow, entry(0)), Verdict::Exit);
        for second in ['5', '0'] {
            exit.offer(at(0), key('0'), &flow, entry(0));
            let keys = vec![key('0'), key(second)];
            assert_eq!(exit.offer(at(100), key(second), &flow, entry(0)), Verdict::Pass(keys));
            assert_eq!(exit.poll_timeout(), None);
        }
    }

    #[test]
    fn later_in_an_entry_the_key_is_a_digit() {
        let (flow, mut exit) = (flow(), ExitKey::new());
        assert_eq!(exit.offer(at(0), key('0'), &flow, entry(1)), Verdict::Pass(vec![key('0')]));
    }

    #[test]
    fn a_key_after_the_pause_finds_the_exit_taken_even_if_the_timer_came_late() {
        let (flow, mut exit) = (flow(), ExitKey::new());
        exit.offer(at(0), key('0'), &flow, entry(0));
        assert_eq!(exit.offer(at(3_000), key('5'), &flow, entry(0)), Verdict::Exit);
        exit.offer(at(0), key('0'), &flow, entry(0));
        assert_eq!(exit.offer(at(10), key('5'), &flow, None), Verdict::Exit);
        exit.offer(at(0), key('0'), &flow, entry(0));
        exit.forget();
        assert_eq!((exit.poll_timeout(), exit.handle_timeout(at(9_000))), (None, None));
    }
}
