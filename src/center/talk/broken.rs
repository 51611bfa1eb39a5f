//! A talk whose agent's phone broke: the customer is held for a moment, in which the same agent may take the talk up
//! again from another phone, page or network. Nobody else can, and after the moment the talk is over.
//!
//! While it lasts the talk is on hold in all figures; it is the same talk when the agent is back, with its stage, its
//! measure, its third party and its supervisors.

use super::Center;
use crate::acd::Manner;
use crate::border::{LegCommand, LegEvent, Loss};
use crate::call::{Broken, Call, State, Talk, Who};
use crate::center::{Role, Timer};
use crate::contact::{Ending, Fault};
use crate::fact::What;
use crate::flow::Prompt;
use crate::ids::{AgentId, CallId, LegId};
use dozvon_clock::Timestamp;

impl Center {
    /// The agent on whose phone this leg is, whatever it is there for. A phone that rings has nobody yet.
    pub fn phone_of(&self, leg: LegId) -> Option<AgentId> {
        let (id, role) = self.legs.get(&leg)?;
        let agent = |who: &Who| match who {
            Who::Agent(agent) => Some(*agent),
            Who::Number(_) => None,
        };
        match role {
            Role::Supervisor(who) => Some(*who),
            Role::OwnCaller => self.own.get(id).map(|own| own.agent),
            Role::OwnCallee => self.own.get(id).filter(|own| own.up).and_then(|own| agent(&own.to)),
            Role::Agent | Role::Third => match &self.calls.get(id)?.state {
                State::Talking(talk) if talk.leg == leg => Some(talk.agent),
                State::Talking(Talk { third: Some(third), .. }) if third.up => agent(&third.who),
                State::CallingBack(back) => Some(back.agent),
                State::Arriving
                | State::InFlow
                | State::CallingBot { .. }
                | State::WithBot { .. }
                | State::Waiting { .. }
                | State::Talking(_)
                | State::Handing(_)
                | State::Parked(_)
                | State::Outside { .. } => None,
            },
            Role::Caller | Role::Customer | Role::Rung(_) | Role::Bot | Role::Outside => None,
        }
    }

    /// What a leg's break means: that of a talk's agent is waited out, all others are lost at once.
    pub(crate) fn weigh_break(
        &mut self,
        id: CallId,
        leg: LegId,
        role: Role,
        event: LegEvent,
    ) -> LegEvent {
        let LegEvent::Broken(loss) = event else { return event };
        let in_talk = || matches!(self.calls.get(&id), Some(Call { state: State::Talking(_), .. }));
        if role == Role::Agent && !self.policy.talk.media_grace.is_zero() && in_talk() {
            return event;
        }
        self.tell(leg, LegCommand::Release(gone(loss)));
        LegEvent::Lost(loss)
    }

    /// The agent's phone broke. The customer hears what has happened, unless he is on hold already or hears others.
    pub(crate) fn phone_broke(&mut self, now: Timestamp, call: &mut Call, loss: Loss) {
        let State::Talking(talk) = &mut call.state else { return };
        if talk.broken.is_some() {
            return;
        }
        let told = talk.manner() == Manner::Talk && self.policy.talk.lost_phrase.is_some();
        talk.broken = Some(Broken { loss, since: now, told });
        let (queue, agent) = (talk.queue.clone(), talk.agent);
        self.deadlines.set((call.id, Timer::PhoneGone), now + self.policy.talk.media_grace);
        self.fact(now, Some(call.id), What::PhoneBroke { queue, agent });
        self.arrange(now, call);
        if told {
            self.say_lost_phrase(call);
        }
    }

    /// The agent is back on his leg: the talk goes on as if nothing had been.
    pub(crate) fn phone_back(&mut self, now: Timestamp, call: &mut Call) {
        let State::Talking(talk) = &mut call.state else { return };
        let broken = talk.broken.take();
        let (queue, agent) = (talk.queue.clone(), talk.agent);
        let goes_on = talk.manner() == Manner::Talk;
        self.deadlines.cancel(&(call.id, Timer::PhoneGone));
        let away_secs = broken.as_ref().map_or(0.0, |b| now.since(b.since).as_secs_f64());
        self.fact(now, Some(call.id), What::PhoneBack { queue, agent, away_secs });
        if goes_on && broken.is_some_and(|broken| broken.told) {
            // The rest of the phrase would be heard over the agent.
            self.tell(call.leg, LegCommand::StopPlaying);
        }
        self.arrange(now, call);
    }

    /// The agent did not come back in time: his leg is gone now.
    pub(crate) fn phone_gone(&mut self, now: Timestamp, call: &mut Call) {
        let State::Talking(Talk { leg, broken: Some(broken), .. }) = &call.state else { return };
        let (leg, loss) = (*leg, broken.loss);
        self.release(leg, gone(loss));
        self.agent_lost(now, call);
    }

    /// Tells a customer who hears music that his agent's phone broke.
    pub(crate) fn say_lost_phrase(&mut self, call: &Call) {
        if let Some(name) = self.policy.talk.lost_phrase.clone() {
            let language = call.run.language().into();
            self.say_over_music(call, Prompt { name, language });
        }
    }
}

fn gone(loss: Loss) -> Ending {
    Ending::new(Fault::Nobody, loss.as_str())
}
