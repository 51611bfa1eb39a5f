//! What people and phones do about what the center tells them.

use super::bank::{self, Customer};
use super::mischief::Mischief;
use super::{Act, Holder, House, Phone};
use dozvon_center::acd::{Activity, Presence, Status};
use dozvon_center::border::{LegCommand, LegEvent, Loss, Referral, Refusal};
use dozvon_center::callback::{AskedBy, CallbackRequest, Proof};
use dozvon_center::fact::{Fact, What};
use dozvon_center::ids::{AgentId, CallId, Key, LegId};
use dozvon_center::talk::Destination;
use std::time::Duration;

/// How long a phone of the house rings for an offer.
const RING: Duration = Duration::from_secs(20);

fn secs(secs: f64) -> Duration {
    Duration::from_secs_f64(secs)
}

impl House<'_> {
    fn leg_later(&mut self, after: Duration, leg: LegId, event: LegEvent) {
        self.later(after, Act::Leg(leg, event));
    }

    fn born(&mut self, leg: LegId, holder: Holder) {
        self.legs.insert(leg, Phone { holder, up: false });
    }

    // ---- phones -----------------------------------------------------------------------------------------------------

    /// A leg is told something.
    pub(super) fn obey(&mut self, leg: LegId, command: &LegCommand) {
        match command {
            LegCommand::Answer => self.leg_later(secs(0.05), leg, LegEvent::Answered),
            LegCommand::Play { play, .. } | LegCommand::Announce { play, .. } => {
                let lasts = self.rng.between(0.5, 3.0);
                self.leg_later(lasts, leg, LegEvent::Played(*play));
            }
            LegCommand::RingAgent { agent, caller, .. } => {
                self.born(leg, Holder::Agent(*agent));
                let caller = self.calls.values_mut().find(|known| known.leg == *caller);
                if let Some(known) = caller {
                    known.third = Some(leg);
                }
                self.ring(leg, *agent);
            }
            LegCommand::RingForCallback { agent, .. } => {
                self.born(leg, Holder::Agent(*agent));
                self.ring(leg, *agent);
                if self.strikes(Mischief::GivesUp) {
                    let after = self.rng.between(2.0, 12.0);
                    self.leg_later(after, leg, LegEvent::HungUp);
                }
            }
            LegCommand::CallBot { .. } => self.bot(leg),
            LegCommand::Dial { caller, .. } => {
                self.born(leg, Holder::Outside);
                let caller = self.calls.values_mut().find(|known| known.leg == *caller);
                if let Some(known) = caller {
                    known.third = Some(leg);
                }
                self.outside(leg);
            }
            LegCommand::CallBack { to, .. } => self.customer_rings(leg, to),
            LegCommand::Release(_) | LegCommand::Reject(_) => {
                let phone = self.legs.remove(&leg);
                let rang = phone.is_some_and(|phone| !phone.up);
                if rang && self.strikes(Mischief::AnswerCrosses) {
                    let after = self.rng.between(0.01, 0.3);
                    self.later(after, Act::Crossing(leg));
                }
            }
            LegCommand::Ring
            | LegCommand::BotKey(_)
            | LegCommand::Recognise { .. }
            | LegCommand::StopRecognising(_)
            | LegCommand::Referral(_)
            | LegCommand::Music { .. }
            | LegCommand::StopPlaying
            | LegCommand::Bridge { .. }
            | LegCommand::Hear { .. }
            | LegCommand::Beep
            | LegCommand::Mute(_)
            | LegCommand::Measure { .. }
            | LegCommand::PauseMeasure(_)
            | LegCommand::EndMeasure(_) => {}
        }
    }

    /// An agent's phone rings.
    fn ring(&mut self, leg: LegId, agent: AgentId) {
        let soon = self.rng.between(0.05, 0.4);
        if self.strikes(Mischief::DeadPhone) {
            return;
        }
        if self.strikes(Mischief::LegFails) {
            let whys = [Refusal::Error, Refusal::Unreachable, Refusal::Busy];
            let why = self.rng.pick(&whys);
            return self.leg_later(soon, leg, LegEvent::Refused(why));
        }
        self.leg_later(soon, leg, LegEvent::Ringing);
        let rings = soon + self.rng.between(0.5, 1.0) + self.rng.exp(3.0);
        if self.strikes(Mischief::BreakWhileRinging) {
            self.later(rings, Act::Set(agent, Status::Lunch));
        }
        if self.strikes(Mischief::Unanswered) {
            return;
        }
        if self.strikes(Mischief::Declined) {
            return self.leg_later(rings, leg, LegEvent::Refused(Refusal::Declined));
        }
        let rings = match self.strikes(Mischief::LateAnswer) {
            true => soon + RING + self.rng.between(0.0, 1.6) - secs(0.3),
            false => rings,
        };
        self.leg_later(rings, leg, LegEvent::Answered);
    }

    fn bot(&mut self, leg: LegId) {
        self.born(leg, Holder::Bot);
        if self.strikes(Mischief::BotSilent) {
            return;
        }
        let soon = self.rng.between(0.1, 1.5);
        if self.strikes(Mischief::BotRefuses) {
            return self.leg_later(soon, leg, LegEvent::Refused(Refusal::Busy));
        }
        self.leg_later(soon, leg, LegEvent::Answered);
        let talk = soon + secs(5.0) + self.rng.exp(15.0);
        if self.strikes(Mischief::BotBreaks) {
            self.leg_later(talk, leg, LegEvent::Lost(Loss::NoAudio));
        } else if self.strikes(Mischief::BotTooLong) {
            // It goes on and on.
        } else if self.rng.chance(0.4) {
            let people = Referral::To(Destination::Number("people".into()));
            self.leg_later(talk, leg, LegEvent::Referred(people));
        } else {
            self.leg_later(talk, leg, LegEvent::HungUp);
        }
    }

    fn outside(&mut self, leg: LegId) {
        if self.strikes(Mischief::OutsideSilent) {
            return;
        }
        let rings = self.rng.between(2.0, 15.0);
        if self.rng.chance(0.2) {
            return self.leg_later(rings, leg, LegEvent::Refused(Refusal::Declined));
        }
        self.leg_later(rings, leg, LegEvent::Answered);
        let lasts = rings + self.rng.exp(60.0);
        self.leg_later(lasts, leg, LegEvent::HungUp);
    }

    /// The phone of a customer rings who is to be called back.
    fn customer_rings(&mut self, leg: LegId, number: &str) {
        self.born(leg, Holder::Customer);
        let rings = self.rng.between(2.0, 15.0);
        let then = match self.rng.below(100) {
            0..60 => LegEvent::Answered,
            60..72 => LegEvent::Refused(Refusal::Busy),
            72..80 => LegEvent::Refused(Refusal::Unreachable),
            80..86 => {
                self.leg_later(rings + secs(1.0), leg, LegEvent::HungUp);
                LegEvent::Answered
            }
            _ => LegEvent::Ringing,
        };
        self.leg_later(rings, leg, then);
        if self.strikes(Mischief::Crosses) {
            let after = self.rng.between(0.0, 20.0);
            let customer = self.again(number);
            self.later(after, Act::Call(customer));
        }
    }

    /// A customer of this number who calls us.
    fn again(&mut self, number: &str) -> Customer {
        Customer { number: Some(number.to_owned()), ..bank::customer(&mut self.rng) }
    }

    // ---- people -----------------------------------------------------------------------------------------------------

    /// People see, or feel, what has happened.
    pub(super) fn react(&mut self, fact: &Fact) {
        if let Some(call) = fact.call {
            self.caller_reacts(call, &fact.what);
        }
        let What::AgentChanged { agent, from, to, .. } = &fact.what else { return };
        let (agent, from, to) = (*agent, *from, *to);
        if to.1 == Activity::WrapUp && from.1 != Activity::WrapUp {
            let paperwork = self.rng.exp(12.0);
            self.later(paperwork, Act::EndWrapUp(agent));
        }
        let away = to.0 != from.0 && to.0 != Presence::READY && to.0 != Presence::LoggedOut;
        if away && !bank::SUPERVISORS.contains(&agent) {
            let lunch = to.0 == Presence::Chosen(Status::Lunch);
            let (from, until) = if lunch { (1_000.0, 2_400.0) } else { (30.0, 400.0) };
            let after = self.rng.between(from, until);
            self.later(after, Act::Back(agent));
        }
        let late = self.now >= self.shifts[agent.0 as usize];
        if late && to.1 == Activity::Idle && to.0 != Presence::LoggedOut {
            self.later(secs(5.0), Act::LogOut(agent));
        }
    }

    fn caller_reacts(&mut self, call: CallId, what: &What) {
        if let What::TalkStarted { .. } = what {
            self.begin_talk(call);
            return;
        }
        if let What::CallbackRequested { callback, .. } = what {
            if self.strikes(Mischief::Cancelled) {
                let after = self.rng.exp(1_200.0);
                self.later(after, Act::Cancel(*callback));
            }
            let number = self.calls.get(&call).and_then(|known| known.customer.number.clone());
            if let Some(number) = number
                && self.strikes(Mischief::CallsFirst)
            {
                let after = self.rng.exp(900.0);
                let customer = self.again(&number);
                self.later(after, Act::Call(customer));
            }
            return;
        }
        let Some(known) = self.calls.get(&call) else { return };
        let (leg, customer) = (known.leg, known.customer.clone());
        if let What::NodeEntered { node, .. } = what {
            self.at_node(leg, &customer, node);
        } else if let What::BotConnected { .. } = what {
            if self.strikes(Mischief::LeavesBot) {
                let after = self.rng.exp(8.0);
                self.press(after, leg, "0");
            }
        } else if let What::SegmentStarted { .. } = what {
            self.in_queue(call, leg, &customer);
        } else if let What::SegmentEnded { outcome, .. } = what {
            use dozvon_center::contact::Outcome::{Abandoned, ShortAbandoned};
            let gave_up = matches!(outcome, Abandoned | ShortAbandoned);
            if gave_up && self.rng.chance(0.4) {
                self.calls_again(&customer);
                // Once more, or from a second phone: his old place is his once.
                if self.rng.chance(0.4) {
                    self.calls_again(&customer);
                }
            }
        } else if let What::CallEnded { ending, .. } = what {
            let broke = ending.fault == dozvon_center::contact::Fault::Carrier;
            if broke && self.rng.chance(0.6) {
                self.calls_again(&customer);
            }
        }
    }

    fn calls_again(&mut self, customer: &Customer) {
        let after = self.rng.between(5.0, 250.0);
        let mut customer = customer.clone();
        if self.rng.chance(0.3) {
            customer.wants = bank::wants(&mut self.rng);
        }
        self.later(after, Act::Call(customer));
    }

    /// Presses these keys one after the other.
    fn press(&mut self, after: Duration, leg: LegId, keys: &str) {
        let mut at = after;
        for key in keys.chars() {
            let key = Key::new(key).expect("a key");
            self.leg_later(at, leg, LegEvent::Key(key));
            at += secs(0.6);
        }
    }

    fn at_node(&mut self, leg: LegId, customer: &Customer, node: &str) {
        let after = self.rng.between(0.3, 6.0);
        match node {
            "main" => {
                if let Some(key) = customer.wants {
                    self.press(after, leg, &key.to_string());
                }
            }
            "later" => {
                let takes = self.rng.chance(0.8);
                self.press(after, leg, if takes { "1" } else { "2" });
                if takes {
                    self.confirms(after + secs(1.5), leg, customer);
                }
            }
            "survey" => {
                let score = self.rng.pick(&["1", "4", "5", "5", "8"]);
                self.press(after, leg, score);
            }
            _ => {}
        }
    }

    /// The number is right, or is typed.
    fn confirms(&mut self, after: Duration, leg: LegId, customer: &Customer) {
        if customer.number.is_some() && self.rng.chance(0.95) {
            self.press(after, leg, "1");
        } else {
            let number = format!("+7701{:07}", self.rng.below(2_000));
            let keys = number.replace('+', "00");
            self.press(after, leg, &format!("2{keys}#"));
            self.press(after + secs(12.0), leg, "1");
        }
    }

    /// A caller waits, for as long as he likes; he may press a key meanwhile.
    fn in_queue(&mut self, call: CallId, leg: LegId, customer: &Customer) {
        let known = self.calls.get_mut(&call).expect("seen above");
        known.stays += 1;
        let stay = known.stays;
        self.later(customer.patience, Act::Impatient(call, stay));
        if self.strikes(Mischief::LineBreaks) {
            let after = self.rng.exp(30.0);
            self.leg_later(after, leg, LegEvent::Lost(Loss::Signalling));
        }
        if self.strikes(Mischief::KeyExit) {
            let after = self.rng.between(0.5, 60.0);
            self.press(after, leg, "0");
        }
        if customer.wants == Some('6') && self.rng.chance(0.6) {
            let after = self.rng.between(20.5, 60.0);
            self.press(after, leg, "1");
            self.confirms(after + secs(3.0), leg, customer);
        }
    }

    /// Somebody of the staff asks for a customer to be called back.
    pub(super) fn staff_asks(&mut self) {
        let number = format!("+7701{:07}", self.rng.below(2_000));
        let queue = self.rng.pick(&["general", "cards"]);
        let proof = Proof {
            by: AskedBy::Staff,
            at: self.now,
            from: None,
            key: None,
            flow: Some("bank".into()),
            node: None,
            user: Some("anna".into()),
            recording: None,
        };
        let request = CallbackRequest {
            number: number.clone(),
            own: false,
            queue: queue.into(),
            requires: None,
            priority: 0,
            enqueued_at: None,
            language: "ru".into(),
            topic: None,
            contact: None,
            proof,
        };
        self.input(format!("a callback to {number} is asked for"));
        // One that is refused is open already.
        let _ = self.center.request_callback(self.now, request);
        self.drain();
    }
}
