//! The talk itself: who hears whom, hold and its limits, and the books.

use super::Center;
use crate::acd::{Engagement, Manner, Side};
use crate::border::LegCommand;
use crate::call::{Call, Held, State, Talk, Third, Who};
use crate::center::Timer;
use crate::contact::{PassedOn, StageKind};
use crate::fact::{HoldAlarm, TransferTarget, What};
use crate::flow::{Happening, Prompt, QueueEnd};
use crate::ids::{AgentId, LegId, QueueId};
use crate::record::Place;
use dozvon_clock::Timestamp;
use std::sync::Arc;

impl Center {
    // ---- hold -----------------------------------------------------------------------------------------------------

    /// Who hears whom, what the agent does and how long the customer is on hold: brought in line with the state.
    pub(crate) fn arrange(&mut self, now: Timestamp, call: &mut Call) {
        if let State::Talking(talk) = &mut call.state {
            let manner = talk.manner();
            if std::mem::replace(&mut talk.shown, manner) != manner {
                call.since = now;
                self.acd.manner(now, call.id, manner);
                if let Some(Third { who: Who::Agent(agent), up: true, joined, .. }) = &talk.third {
                    let engagement =
                        if *joined { Engagement::Conference } else { Engagement::Consult };
                    self.acd.engaged(now, *agent, call.id, engagement);
                }
            }
            self.mind_hold(now, call, matches!(manner, Manner::Hold | Manner::Consult));
        }
        self.hear(call);
    }

    fn mind_hold(&mut self, now: Timestamp, call: &mut Call, hold: bool) {
        let State::Talking(talk) = &mut call.state else { return };
        match (talk.held.since, hold) {
            (None, true) => {
                talk.held.since = Some(now);
                let (leg, measure) = (talk.leg, talk.measure);
                let times = &self.policy.talk;
                self.deadlines.set((call.id, Timer::HoldWarning), now + times.hold_warn_at);
                self.deadlines.set((call.id, Timer::HoldLimit), now + times.hold_max);
                self.tell(leg, LegCommand::PauseMeasure(measure));
            }
            (Some(_), false) => {
                self.hold_over(now, call);
                self.measure(call);
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// The customer is back from hold, or the talk ends in it.
    fn hold_over(&mut self, now: Timestamp, call: &mut Call) {
        self.deadlines.cancel(&(call.id, Timer::HoldWarning));
        self.deadlines.cancel(&(call.id, Timer::HoldLimit));
        let State::Talking(talk) = &mut call.state else { return };
        let Some(since) = talk.held.since.take() else { return };
        let lasted = now.since(since);
        talk.held.total += lasted;
        let (queue, agent) = (talk.queue.clone(), talk.agent);
        let too_long = lasted > self.policy.talk.hold_max;
        call.record.held(lasted, too_long);
        let hold_secs = lasted.as_secs_f64();
        self.fact(now, Some(call.id), What::HoldEnded { queue, agent, hold_secs, too_long });
    }

    /// A hold lasts: first the agent is warned, then the customer is told that he is not forgotten.
    pub(crate) fn hold_lasts(&mut self, now: Timestamp, call: &mut Call, alarm: HoldAlarm) {
        let State::Talking(talk) = &call.state else { return };
        let (queue, agent, leg) = (talk.queue.clone(), talk.agent, talk.leg);
        self.fact(now, Some(call.id), What::HoldLasts { queue, agent, alarm });
        match alarm {
            HoldAlarm::Warning => self.tell(leg, LegCommand::Beep),
            HoldAlarm::TooLong => {
                if let Some(name) = self.policy.talk.hold_phrase.clone() {
                    let language = call.run.language().into();
                    self.say_over_music(call, Prompt { name, language });
                }
            }
        }
    }

    // ---- books ----------------------------------------------------------------------------------------------------

    /// A talk begins, with an agent whom the ACD has given the call already or is about to.
    pub(crate) fn begin_talk(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        leg: LegId,
        agent: AgentId,
        queue: Arc<str>,
        queue_id: QueueId,
    ) {
        self.deadlines.cancel(&(call.id, Timer::Parked));
        let place = Place {
            queue: Some(queue.clone()),
            agent: Some(self.agent_name(agent)),
            ..Place::default()
        };
        call.last_queue = Some(queue.clone());
        self.fact(now, Some(call.id), What::TalkStarted { queue: queue.clone(), agent });
        call.record.enter(now, StageKind::Talk, place);
        let measure = self.new_measure(call, agent, &queue);
        let talk = Talk {
            leg,
            agent,
            queue,
            queue_id,
            since: now,
            held: Held::default(),
            phone_holds: false,
            desk_holds: false,
            muted: false,
            third: None,
            broken: None,
            measure,
            shown: Manner::Talk,
        };
        self.state(now, call, State::Talking(talk));
        self.watchers_follow(now, agent, call.id);
        self.arrange(now, call);
        self.measure(call);
        self.write(call);
    }

    /// Closes the talk in the books, the ACD and the state untouched.
    pub(crate) fn books_of_talk(&mut self, now: Timestamp, call: &mut Call, by: Side) {
        self.deadlines.cancel(&(call.id, Timer::PhoneGone));
        self.hold_over(now, call);
        let State::Talking(talk) = &call.state else { return };
        let (agent, queue, hold) = (talk.agent, talk.queue.clone(), talk.held.total);
        let (leg, measure) = (talk.leg, talk.measure);
        let spoken = now.since(talk.since).saturating_sub(hold);
        let stage = call.record.stage_index();
        let coded = call.record.is_coded();
        self.wrapping.begin(agent, call.id, stage, queue.clone(), spoken + hold, coded);
        let (talk_secs, hold_secs) = (spoken.as_secs_f64(), hold.as_secs_f64());
        self.fact(now, Some(call.id), What::TalkEnded { queue, agent, talk_secs, hold_secs, by });
        self.tell(leg, LegCommand::EndMeasure(measure));
        self.hush_watchers(agent);
        self.remember_talk(now, call, false);
    }

    /// What the caller's next call is to know of this talk. `broke_off`: neither side ended it, nor was it passed on.
    pub(crate) fn remember_talk(&mut self, now: Timestamp, call: &Call, broke_off: bool) {
        let State::Talking(talk) = &call.state else { return };
        if let Some(number) = self.own_number(call) {
            self.returning.talked(now, &number, talk.agent, talk.queue_id, broke_off);
        }
    }

    pub(crate) fn passed_on(
        &mut self,
        now: Timestamp,
        call: &mut Call,
        how: PassedOn,
        target: TransferTarget,
    ) {
        let State::Talking(talk) = &call.state else { return };
        let (queue, agent) = (talk.queue.clone(), talk.agent);
        call.record.passed_on(how);
        self.fact(now, Some(call.id), What::Transferred { queue, agent, how, target });
    }

    /// The talk is over for good: the flow says what comes next.
    pub(crate) fn after_talk(&mut self, now: Timestamp, call: &mut Call) {
        self.state(now, call, State::InFlow);
        call.record.enter(now, StageKind::Ivr, Place::default());
        self.write(call);
        call.run.handle(now, Happening::Queue(QueueEnd::Answered));
        self.pump(now, call);
    }
}
