//! The work after a talk: how long it lasts, what ends it, and how its end is put off.
//!
//! Which code a talk was given is not known here, only that it has one.

use super::agent::Phase;
use super::event::Event;
use super::status::{Activity, Cause};
use super::{Acd, Timer};
use crate::ids::{AgentId, CallId, QueueId};
use crate::limits::WRAP_UP_ALARM;
use dozvon_clock::Timestamp;
use serde::Serialize;
use std::time::Duration;

/// How a queue's agents finish with a talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WrapUp {
    /// The next call may come at once.
    Off,
    /// It lasts this long, or until the agent ends it.
    Timed(Duration),
    /// It lasts until a code is given. Told every [`WRAP_UP_ALARM`], and ended by nobody but a person.
    UntilCode,
    /// It lasts until a code is given, and at most this long.
    UntilCodeMax(Duration),
}

/// Why a talk is not given a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// The agent has no talk, and no wrap-up runs.
    #[error("there is no talk to give a code to: its wrap-up is over")]
    NoTalk,
    /// The agent's talk, or wrap-up, is about another call.
    #[error("the agent has gone on to another call")]
    OtherCall,
    /// The talk's queue has no classifier.
    #[error("this queue's talks are given no codes")]
    NoClassifier,
    /// The classifier has no such code.
    #[error("the classifier has no such code")]
    Unknown,
    /// There are codes below it.
    #[error("choose one of the codes below this one")]
    NotLeaf,
    /// The code needs a note.
    #[error("this code needs a note")]
    NoteMissing,
}

impl WrapUp {
    /// Timed work; no time at all is no work.
    pub const fn timed(lasts: Duration) -> WrapUp {
        if lasts.is_zero() { WrapUp::Off } else { WrapUp::Timed(lasts) }
    }

    /// The word used in configuration and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            WrapUp::Off => "off",
            WrapUp::Timed(_) => "timed",
            WrapUp::UntilCode => "until_code",
            WrapUp::UntilCodeMax(_) => "until_code_max",
        }
    }

    /// Whether a code ends it, and the agent can't without one.
    pub const fn wants_code(self) -> bool {
        match self {
            WrapUp::Off | WrapUp::Timed(_) => false,
            WrapUp::UntilCode | WrapUp::UntilCodeMax(_) => true,
        }
    }

    /// How long it lasts by itself; `None`: there is none, or a code ends it.
    pub const fn lasts(self) -> Option<Duration> {
        match self {
            WrapUp::Off | WrapUp::UntilCode => None,
            WrapUp::Timed(lasts) | WrapUp::UntilCodeMax(lasts) => Some(lasts),
        }
    }
}

/// A wrap-up that runs, or has just run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paperwork {
    call: CallId,
    queue: QueueId,
    mode: WrapUp,
    /// When it would end if it were not put off; extensions are counted from here.
    planned: Timestamp,
    /// When it ends, or is told of.
    ends_at: Timestamp,
}

impl Paperwork {
    pub(super) fn view(self) -> WrapUpView {
        let Paperwork { call, queue, mode, ends_at, .. } = self;
        WrapUpView { call, queue, mode, ends_at: mode.lasts().map(|_| ends_at) }
    }

    /// How long it lasts from now on.
    pub(super) fn left(self, now: Timestamp) -> Duration {
        self.ends_at.since(now)
    }
}

/// A running wrap-up as seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrapUpView {
    /// The call that it follows.
    pub call: CallId,
    /// The queue of the talk.
    pub queue: QueueId,
    /// How it ends.
    pub mode: WrapUp,
    /// When it ends by itself; `None`: only a code ends it.
    pub ends_at: Option<Timestamp>,
}

/// Why a wrap-up goes on, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrapUpError {
    /// There is none, or it ran out and the agent has been offered a call, or another status, since.
    #[error("the agent is not in wrap-up, or has gone on to something else since")]
    Over,
    /// It lasts until a code is given.
    #[error("this wrap-up lasts until a code is given: there is no end to put off")]
    NoEnd,
    /// More than the queue allows for one wrap-up.
    #[error("this wrap-up can be put off by {left_secs} s more at most")]
    TooLong {
        /// Whole seconds that could be given now.
        left_secs: u64,
    },
    /// The agent wants to be done without the code that the queue asks for.
    #[error("give the talk a code first: it ends the wrap-up")]
    CodeMissing,
}

impl Acd {
    /// What an agent does who is done with a call: its queue's wrap-up, if it has one.
    pub(super) fn after_talk(&self, call: CallId) -> Phase {
        let mode = self.queue_of(call).wrap_up;
        let lasts = match mode {
            WrapUp::Off => return Phase::Idle,
            WrapUp::Timed(lasts) | WrapUp::UntilCodeMax(lasts) => lasts,
            WrapUp::UntilCode => WRAP_UP_ALARM,
        };
        let (queue, ends_at) = (self.calls[&call].queue, self.now + lasts);
        Phase::WrapUp(Paperwork { call, queue, mode, planned: ends_at, ends_at })
    }

    /// The agent has done his paperwork. Means nothing outside wrap-up.
    pub fn end_wrap_up(&mut self, now: Timestamp, id: AgentId) {
        self.tick(now);
        let Some(agent) = self.agents.get(id.0 as usize) else { return };
        if matches!(agent.phase, Phase::WrapUp(_)) {
            self.enter(now, id, Phase::Idle, Cause::Agent);
        }
    }

    /// The talk before this wrap-up has its code: one that lasts until then is over.
    pub fn coded(&mut self, now: Timestamp, id: AgentId) {
        self.tick(now);
        let Some(agent) = self.agents.get(id.0 as usize) else { return };
        if matches!(agent.phase, Phase::WrapUp(work) if work.mode.wants_code()) {
            self.enter(now, id, Phase::Idle, Cause::Agent);
        }
    }

    /// Puts the end of a wrap-up off by so much, within the queue's `wrap_up_extend_max` after the planned end. One
    /// that has run out goes on from now, if the agent has been offered no call since and stands as he stood.
    ///
    /// # Errors
    /// [`WrapUpError`]: nothing has changed then.
    pub fn extend_wrap_up(
        &mut self,
        now: Timestamp,
        id: AgentId,
        by: Duration,
    ) -> Result<(), WrapUpError> {
        self.tick(now);
        let agent = self.agents.get(id.0 as usize).ok_or(WrapUpError::Over)?;
        let (work, from) = match (agent.phase, agent.ran_out) {
            (Phase::WrapUp(work), _) => (work, work.ends_at),
            (Phase::Idle, Some(work)) => (work, now),
            (
                Phase::Idle
                | Phase::Reserved { .. }
                | Phase::Ringing { .. }
                | Phase::Lapsing { .. }
                | Phase::Connecting { .. }
                | Phase::Talking { .. }
                | Phase::Engaged { .. }
                | Phase::Outbound,
                _,
            ) => return Err(WrapUpError::Over),
        };
        if work.mode.lasts().is_none() {
            return Err(WrapUpError::NoEnd);
        }
        let extend_max = self.config.queues[usize::from(work.queue.0)].wrap_up_extend_max;
        let latest = work.planned + extend_max;
        let ends_at = from + by;
        if ends_at > latest {
            return Err(WrapUpError::TooLong { left_secs: latest.since(from).as_secs() });
        }
        self.enter(now, id, Phase::WrapUp(Paperwork { ends_at, ..work }), Cause::Agent);
        Ok(())
    }

    /// A wrap-up has lasted for as long as it does by itself. One that waits for a code is told of, and again after as
    /// long again.
    pub(super) fn wrap_up_over(&mut self, now: Timestamp, id: AgentId, work: Paperwork) {
        if work.mode == WrapUp::UntilCode {
            let lasted = now.since(self.agents[id.0 as usize].since);
            self.timers.set(Timer::Phase(id), now + WRAP_UP_ALARM);
            let (activity, call) = (Activity::WrapUp, Some(work.call));
            self.tell(Event::ActivityAlarm { agent: id, activity, call, lasted });
            return;
        }
        let before = self.agents[id.0 as usize].presence;
        self.enter(now, id, Phase::Idle, Cause::WrapUpOver);
        let agent = &mut self.agents[id.0 as usize];
        if agent.phase == Phase::Idle && agent.presence == before {
            agent.ran_out = Some(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_no_wrap_up() {
        assert_eq!(WrapUp::timed(Duration::ZERO), WrapUp::Off);
        let ten = Duration::from_secs(10);
        let modes = [WrapUp::Off, WrapUp::timed(ten), WrapUp::UntilCode, WrapUp::UntilCodeMax(ten)];
        assert_eq!(modes.map(WrapUp::wants_code), [false, false, true, true]);
        assert_eq!(modes.map(WrapUp::lasts), [None, Some(ten), None, Some(ten)]);
        assert_eq!(modes.map(WrapUp::as_str), ["off", "timed", "until_code", "until_code_max"]);
    }
}
