//! Time that people are told of: how long a status may last, a talk, a call of the phone's own.
//!
//! Nothing here ends anything by itself but a status with `auto_return`. Phases that the ACD does end are bounded by
//! [`super::Acd::limit`]; together the two leave no activity without a timer.

use super::event::Event;
use super::rules::LimitKind;
use super::status::{Activity, Actor, Presence, Status};
use super::{Acd, Timer};
use crate::acd::agent::Phase;
use crate::ids::AgentId;
use dozvon_clock::Timestamp;

/// What is remembered of an agent's times within one shift.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Since when the presence is what it is.
    since: Timestamp,
    /// When the present status reaches its limit, or did.
    pub(super) limit_at: Option<Timestamp>,
    /// What the present status has to tell yet, the next one last.
    due: Vec<(Timestamp, LimitKind)>,
    /// How often each status was taken since the log-in, and how often for long.
    uses: [u32; 9],
    long_uses: [u32; 9],
    /// When the present talk began, holds included.
    talk_since: Option<Timestamp>,
}

impl Acd {
    /// Takes notice of a change of an agent: begins and ends what is to be told by time.
    pub(super) fn watch(
        &mut self,
        now: Timestamp,
        id: AgentId,
        from: (Presence, Phase),
        to: (Presence, Phase),
    ) {
        if from.0 != to.0 {
            self.watch_status(now, id, from.0, to.0);
        }
        if from.1 != to.1 {
            self.watch_talk(now, id, to.1);
        }
    }

    fn watch_status(&mut self, now: Timestamp, id: AgentId, from: Presence, to: Presence) {
        let watch = &mut self.agents[id.0 as usize].watch;
        if from == Presence::LoggedOut {
            (watch.uses, watch.long_uses) = Default::default();
        }
        (watch.since, watch.limit_at) = (now, None);
        watch.due.clear();
        let Presence::Chosen(status) = to else {
            self.timers.cancel(&Timer::Status(id));
            return;
        };
        let (rules, at) = (self.config.statuses.of(status), status as usize);
        watch.uses[at] += 1;
        let uses = watch.uses[at];
        let moments = rules.moments(watch.long_uses[at] < rules.long_per_shift);
        watch.due.extend(moments.into_iter().rev().map(|(after, kind)| (now + after, kind)));
        watch.aim();
        match watch.due.last() {
            Some((at, _)) => self.timers.set(Timer::Status(id), *at),
            None => drop(self.timers.cancel(&Timer::Status(id))),
        }
        if rules.quota_per_shift.is_some_and(|quota| uses > quota) {
            self.tell_limit(now, id, status, LimitKind::OverQuota);
        }
    }

    /// The next thing that a status has to tell is due.
    pub(super) fn status_due(&mut self, now: Timestamp, id: AgentId) {
        let agent = &mut self.agents[id.0 as usize];
        let Presence::Chosen(status) = agent.presence else {
            unreachable!("only a chosen status has limits, not {:?}", agent.presence)
        };
        let (_, kind) = agent.watch.due.pop().expect("the timer runs for something");
        if kind == LimitKind::LongBegun {
            agent.watch.long_uses[status as usize] += 1;
        }
        if kind != LimitKind::Reached {
            agent.watch.aim();
        }
        if let Some((at, _)) = agent.watch.due.last() {
            self.timers.set(Timer::Status(id), *at);
        }
        let awaited = agent.pending.is_some();
        self.tell_limit(now, id, status, kind);
        if kind == LimitKind::Reached && self.config.statuses.of(status).auto_return && !awaited {
            // A phone out of reach can't be ready: the agent stays as he is, and that is told already.
            let _ = self.set_status(now, id, Status::Ready, Actor::Limit, None);
        }
    }

    fn tell_limit(&mut self, now: Timestamp, agent: AgentId, status: Status, kind: LimitKind) {
        let watch = &self.agents[agent.0 as usize].watch;
        let (lasted, uses) = (now.since(watch.since), watch.uses[status as usize]);
        self.tell(Event::StatusLimit { agent, status, kind, lasted, uses });
    }

    fn watch_talk(&mut self, now: Timestamp, id: AgentId, to: Phase) {
        let watch = &mut self.agents[id.0 as usize].watch;
        match to {
            Phase::Talking { .. } | Phase::Engaged { .. } => {
                if watch.talk_since.is_none() {
                    watch.talk_since = Some(now);
                    self.timers.set(Timer::Talk(id), now + self.config.talk_max);
                }
            }
            Phase::Idle
            | Phase::Reserved { .. }
            | Phase::Ringing { .. }
            | Phase::Lapsing { .. }
            | Phase::Connecting { .. }
            | Phase::WrapUp { .. }
            | Phase::Outbound => {
                if watch.talk_since.take().is_some() {
                    self.timers.cancel(&Timer::Talk(id));
                }
            }
        }
    }

    /// A talk, or what a colleague or a supervisor does in one, lasts longer than any should. It is told again after as
    /// long again.
    pub(super) fn talked_long(&mut self, now: Timestamp, agent: AgentId) {
        let watched = &self.agents[agent.0 as usize];
        let since = watched.watch.talk_since.expect("the alarm of a talk ends with it");
        let his = matches!(watched.phase, Phase::Talking { .. });
        let activity = if his { Activity::Talking } else { watched.phase.activity() };
        let call = watched.phase.call();
        self.timers.set(Timer::Talk(agent), now + self.config.talk_max);
        self.tell(Event::ActivityAlarm { agent, activity, call, lasted: now.since(since) });
    }

    /// A phone is in a call of its own for longer than it should. It is told again after as long again.
    pub(super) fn own_call_long(&mut self, now: Timestamp, agent: AgentId) {
        let lasted = now.since(self.agents[agent.0 as usize].since);
        self.timers.set(Timer::Phase(agent), now + self.config.outbound_max);
        let activity = Activity::Outbound;
        self.tell(Event::ActivityAlarm { agent, activity, call: None, lasted });
    }

    /// Panics unless everything that lasts has its timer.
    pub(super) fn check_watch(&self, id: AgentId) {
        let agent = &self.agents[id.0 as usize];
        let timed = |timer| self.timers.get(&timer).is_some();
        let talks = matches!(agent.phase, Phase::Talking { .. } | Phase::Engaged { .. });
        assert_eq!(talks, agent.watch.talk_since.is_some(), "a talk has a beginning");
        assert_eq!(talks, timed(Timer::Talk(id)), "a talk has its alarm");
        assert_eq!(!agent.watch.due.is_empty(), timed(Timer::Status(id)), "a limit has its timer");
    }
}

impl Watch {
    /// The limit to be shown: the next thing due that is no warning.
    fn aim(&mut self) {
        let next = self.due.iter().rev().find(|(_, kind)| *kind != LimitKind::Warning);
        self.limit_at = next.map(|(at, _)| *at);
    }
}
