//! Laws of lines: a phone of the house has one at a time, none rings for ever, what is gone is told nothing.

use dozvon_center::border::{LegCommand, LegEvent};
use dozvon_center::ids::{AgentId, LegId};
use dozvon_clock::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The longest that anything may ring: a third party's phone, and a moment.
const RINGS_MAX: Duration = Duration::from_secs(31);
/// The longest that a number outside may: the duty office's.
const DUTY_RINGS: Duration = Duration::from_secs(60);
/// The longest that a phone may ring for an offer: its time, and the second of a late answer.
const OFFER_RINGS_MAX: Duration = Duration::from_secs(21);

/// Whose line it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Caller,
    Agent(AgentId),
    Bot,
    Outside,
    Customer(Arc<str>),
}

/// A line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) end: End,
    pub(super) up: bool,
    since: Timestamp,
}

/// All lines that live.
#[derive(Debug, Default)]
pub(super) struct Lines(BTreeMap<LegId, Line>);

impl Lines {
    pub(super) fn caller(&mut self, now: Timestamp, leg: LegId) {
        self.born(now, leg, End::Caller);
    }

    fn born(&mut self, now: Timestamp, leg: LegId, end: End) {
        let before = self.0.insert(leg, Line { end, up: false, since: now });
        assert!(before.is_none(), "law: the name of {leg} is used once");
    }

    pub(super) fn lives(&self, leg: LegId) -> bool {
        self.0.contains_key(&leg)
    }

    pub(super) fn is_up(&self, leg: LegId) -> bool {
        self.0.get(&leg).is_some_and(|line| line.up)
    }

    /// The line of an agent's phone.
    pub(super) fn of_agent(&self, agent: AgentId) -> Option<LegId> {
        self.0.iter().find(|(_, line)| line.end == End::Agent(agent)).map(|(leg, _)| *leg)
    }

    pub(super) fn happens(&mut self, leg: LegId, event: &LegEvent) {
        match event {
            LegEvent::Answered => {
                if let Some(line) = self.0.get_mut(&leg) {
                    line.up = true;
                }
            }
            LegEvent::HungUp | LegEvent::Lost(_) | LegEvent::Refused(_) => {
                self.0.remove(&leg);
            }
            LegEvent::Ringing
            | LegEvent::Key(_)
            | LegEvent::Played(_)
            | LegEvent::Held(_)
            | LegEvent::Referred(_)
            | LegEvent::BotOver(..)
            | LegEvent::Recognised(..)
            | LegEvent::Broken(_)
            | LegEvent::Regained => {}
        }
    }

    pub(super) fn told(&mut self, now: Timestamp, leg: LegId, command: &LegCommand) {
        match command {
            LegCommand::RingAgent { agent, .. } | LegCommand::RingForCallback { agent, .. } => {
                let busy = self.of_agent(*agent);
                assert!(
                    busy.is_none(),
                    "law: the phone of {agent} has one line, and rings for two"
                );
                self.born(now, leg, End::Agent(*agent));
            }
            LegCommand::CallBot { .. } => self.born(now, leg, End::Bot),
            LegCommand::Dial { .. } => self.born(now, leg, End::Outside),
            LegCommand::CallBack { to, .. } => {
                // Somebody else may be on the line already from a number that many people share.
                let rings = |line: &Line| line.end == End::Customer(to.clone()) && !line.up;
                let twice = self.0.values().any(rings);
                assert!(!twice, "law: a customer is called once at a time");
                self.born(now, leg, End::Customer(to.clone()));
            }
            LegCommand::Release(_) | LegCommand::Reject(_) => {
                // A call that is refused at once has no name in these books yet.
                self.0.remove(&leg);
            }
            // A transfer's news reaches a phone after its leg's end; a new caller is answered before he has a name; a
            // measure ends after the leg.
            LegCommand::Referral(_) | LegCommand::Answer | LegCommand::EndMeasure(_) => {}
            LegCommand::Ring
            | LegCommand::BotKey(_)
            | LegCommand::Recognise { .. }
            | LegCommand::StopRecognising(_)
            | LegCommand::Play { .. }
            | LegCommand::Music { .. }
            | LegCommand::StopPlaying
            | LegCommand::Bridge { .. }
            | LegCommand::Hear { .. }
            | LegCommand::Announce { .. }
            | LegCommand::Beep
            | LegCommand::Mute(_)
            | LegCommand::Measure { .. }
            | LegCommand::PauseMeasure(_) => {
                assert!(self.lives(leg), "law: {leg} is gone and is told nothing: {command:?}");
            }
        }
        let others = if let LegCommand::Bridge { with } = command {
            vec![*with]
        } else if let LegCommand::Hear { from } = command {
            from.clone()
        } else {
            Vec::new()
        };
        for other in &others {
            assert!(self.is_up(*other), "law: {leg} hears {other} only if it is on the line");
        }
    }

    pub(super) fn nothing_rings_for_ever(&self, now: Timestamp) {
        for (leg, line) in &self.0 {
            let longest = match &line.end {
                End::Caller => Duration::from_secs(5),
                End::Agent(_) => RINGS_MAX,
                End::Outside => DUTY_RINGS,
                End::Customer(_) => Duration::from_secs(25),
                End::Bot => Duration::from_secs(2),
            };
            let rings = now.since(line.since);
            assert!(line.up || rings <= longest, "law: {leg} rings for {rings:?}: {line:?}");
        }
    }

    /// How long the phone of an offer may ring.
    pub(super) fn offer_rings(secs: f64) {
        assert!(secs <= OFFER_RINGS_MAX.as_secs_f64(), "law: an offer doesn't ring for {secs} s");
    }

    pub(super) fn day_over(&self) {
        assert!(self.0.is_empty(), "law: at night no line is up: {:?}", self.0);
    }
}
