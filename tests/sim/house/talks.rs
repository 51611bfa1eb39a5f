//! What is done in a talk, by whom and when.

use super::bank::{CARDS, GENERAL, LOANS};
use super::mischief::Mischief;
use super::{Act, Deed, Holder, House};
use dozvon_center::border::{LegEvent, Loss, Referral};
use dozvon_center::ids::{AgentId, CallId};
use dozvon_center::talk::{Destination, TalkCommand};
use std::time::Duration;

fn secs(secs: f64) -> Duration {
    Duration::from_secs_f64(secs)
}

impl House<'_> {
    fn talk_later(&mut self, after: Duration, call: CallId, deed: Deed) {
        let talk = self.calls.get(&call).map_or(0, |known| known.talks);
        self.later(after, Act::Talk(call, talk, deed));
    }

    fn command_later(&mut self, after: Duration, call: CallId, command: TalkCommand) {
        self.talk_later(after, call, Deed::Command(command));
    }

    /// A talk begins: what will be done in it, and how it will end.
    pub(super) fn begin_talk(&mut self, call: CallId) {
        self.know_of_talk(call);
        if self.strikes(Mischief::AgentDrops) {
            self.dodges_rest(call);
            return self.talk_later(secs(1.0), call, Deed::Phone(LegEvent::HungUp));
        }
        if self.strikes(Mischief::CallerFlees) {
            return self.talk_later(secs(1.0), call, Deed::Caller(LegEvent::HungUp));
        }
        let lasts = secs(15.0) + self.rng.exp(75.0);
        if self.strikes(Mischief::PhoneBreaks) {
            if self.rng.chance(0.5) {
                return self.phone_breaks(lasts.mul_f64(0.5), call);
            }
            self.phone_falls_silent(lasts.mul_f64(0.5), call);
        }
        if self.strikes(Mischief::LineBreaks) {
            let lost = Deed::Caller(LegEvent::Lost(Loss::NoAudio));
            return self.talk_later(lasts.mul_f64(0.7), call, lost);
        }
        if !self.mischiefs.none {
            self.some_deed(lasts, call);
        }
        let ends = lasts + secs(self.rng.unit() * 60.0);
        let by_agent = self.rng.chance(0.35);
        let deed = if by_agent { Deed::Phone } else { Deed::Caller };
        self.talk_later(ends, call, deed(LegEvent::HungUp));
    }

    /// A call that was not known before is an attempt to call somebody back.
    fn know_of_talk(&mut self, call: CallId) {
        if !self.calls.contains_key(&call) {
            let Some(leg) = self.books.leg_of(call) else { return };
            let customer = super::bank::customer(&mut self.rng);
            let number = self.books.number_of(call);
            let customer = super::Customer { number, ..customer };
            let contact =
                super::Contact { customer, leg, stays: 0, talks: 0, agent: None, third: None };
            self.calls.insert(call, contact);
        }
        let agent = self.books.agent_leg(call);
        let known = self.calls.get_mut(&call).expect("known now");
        known.talks += 1;
        (known.agent, known.third) = (agent, None);
    }

    /// An agent who drops a talk logs out and in again, which ends his rest: the caller is still none of his.
    fn dodges_rest(&mut self, call: CallId) {
        let holder = self.calls[&call].agent.and_then(|leg| self.legs.get(&leg));
        let Some(Holder::Agent(agent)) = holder.map(|phone| phone.holder) else { return };
        let until = self.shifts[agent.0 as usize];
        if self.rng.chance(0.5) && self.now + secs(60.0) < until {
            self.later(secs(1.2), Act::LogOut(agent));
            self.later(secs(1.6), Act::LogIn(agent, until));
        }
    }

    fn phone_breaks(&mut self, after: Duration, call: CallId) {
        let lost = Deed::Phone(LegEvent::Lost(Loss::Signalling));
        self.talk_later(after, call, lost);
        let holder = self.calls[&call].agent.and_then(|leg| self.legs.get(&leg));
        let Some(Holder::Agent(agent)) = holder.map(|phone| phone.holder) else { return };
        if self.rng.chance(0.7) {
            let gone = after + secs(self.rng.unit() * 0.1);
            self.later(gone, Act::Phone(agent, false));
            let back = gone + self.rng.exp(12.0);
            self.later(back, Act::Phone(agent, true));
        }
    }

    /// Nothing is heard of the phone for a while, and perhaps somebody takes the talk up from another one.
    fn phone_falls_silent(&mut self, after: Duration, call: CallId) {
        self.talk_later(after, call, Deed::Phone(LegEvent::Broken(Loss::NoAudio)));
        if self.rng.chance(0.7) {
            let back = after + self.rng.exp(8.0);
            self.talk_later(back, call, Deed::Phone(LegEvent::Regained));
        }
    }

    /// Whom an agent may send a call to.
    fn somewhere(&mut self) -> Destination {
        match self.rng.below(6) {
            0..3 => Destination::Agent(AgentId(self.rng.below(14) as u32)),
            3 => Destination::Queue(self.rng.pick(&[GENERAL, CARDS, LOANS])),
            4 => Destination::Number("+77270000001".into()),
            _ => Destination::Agent(AgentId(self.rng.below(14) as u32)),
        }
    }

    fn some_deed(&mut self, lasts: Duration, call: CallId) {
        let at = |share: f64| lasts.mul_f64(share);
        let to = self.somewhere();
        match self.rng.below(100) {
            0..12 => {
                self.command_later(at(0.3), call, TalkCommand::Hold);
                self.command_later(at(0.6), call, TalkCommand::Resume);
            }
            12..17 => {
                self.talk_later(at(0.1), call, Deed::Phone(LegEvent::Held(true)));
                let back = at(0.1) + secs(60.0) + self.rng.exp(60.0);
                self.talk_later(back, call, Deed::Phone(LegEvent::Held(false)));
            }
            17..29 => self.consults(lasts, call, to),
            29..37 => self.command_later(at(0.7), call, TalkCommand::Transfer(to)),
            37..41 => {
                let referred = LegEvent::Referred(Referral::To(to));
                self.talk_later(at(0.7), call, Deed::Phone(referred));
            }
            41..43 => {
                let node = TalkCommand::Transfer(Destination::Node("main".into()));
                self.command_later(at(0.7), call, node);
            }
            43..48 => self.parks(at(0.5), call),
            48..50 => {
                self.command_later(at(0.3), call, TalkCommand::Mute);
                self.command_later(at(0.5), call, TalkCommand::Unmute);
            }
            _ => {}
        }
    }

    fn consults(&mut self, lasts: Duration, call: CallId, to: Destination) {
        let begins = lasts.mul_f64(0.4);
        self.command_later(begins, call, TalkCommand::Consult(to));
        let then = begins + self.rng.between(3.0, 25.0);
        match self.rng.below(6) {
            0 => self.command_later(then, call, TalkCommand::Complete),
            1 => self.command_later(then, call, TalkCommand::Drop),
            2 => self.talk_later(then, call, Deed::Phone(LegEvent::HungUp)),
            3 => self.talk_later(then, call, Deed::Third(LegEvent::HungUp)),
            4 => {
                self.command_later(then, call, TalkCommand::Join);
                let more = then + self.rng.exp(20.0);
                self.command_later(more, call, TalkCommand::Hold);
                self.command_later(more + secs(5.0), call, TalkCommand::Resume);
                self.command_later(more + secs(8.0), call, TalkCommand::Drop);
            }
            _ => {
                self.command_later(then, call, TalkCommand::Join);
                let more = then + self.rng.exp(20.0);
                self.talk_later(more, call, Deed::Phone(LegEvent::HungUp));
            }
        }
    }

    fn parks(&mut self, at: Duration, call: CallId) {
        self.command_later(at, call, TalkCommand::Park);
        for _ in 0..3 {
            let after = at + self.rng.between(3.0, 60.0);
            let agent = AgentId(self.rng.below(14) as u32);
            self.later(after, Act::Retrieve(call, agent));
        }
    }

    /// Something is done in this talk, unless it is over.
    pub(super) fn deed(&mut self, call: CallId, talk: u32, deed: Deed) {
        let Some(known) = self.calls.get(&call).filter(|known| known.talks == talk) else {
            return;
        };
        let (leg, agent, third) = (known.leg, known.agent, known.third);
        match deed {
            Deed::Command(command) => {
                self.input(format!("{call} {command:?}"));
                let result = self.center.talk(self.now, call, command.clone());
                self.books.commanded(call, &command, result.is_ok());
                self.drain();
            }
            Deed::Caller(event) => self.leg(leg, event),
            Deed::Phone(event) => {
                if let Some(agent) = agent {
                    self.leg(agent, event);
                }
            }
            Deed::Third(event) => {
                let up = third.filter(|leg| self.legs.get(leg).is_some_and(|phone| phone.up));
                if let Some(third) = up {
                    self.leg(third, event);
                }
            }
        }
    }
}
