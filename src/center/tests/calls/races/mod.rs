//! Races: what happens at the same moment, in every order and with time between, and the laws that hold all the same.
//!
//! A [`Scene`] is one caller whom Anna's phone rings for, and another who came later. Its moves are what people,
//! phones and timers do; [`every_order`] plays all orders of them with all pauses between, on a fresh house each, and
//! looks at the laws after every move.

mod broadcast;
mod callbacks;
mod closing;
mod offers;
mod reattach;
mod table;
mod talks;

use crate::house::{ANNA, BORIS, FLOW, House, VERA, policy};
use dozvon_center::Center;
use dozvon_center::acd::{Activity, AgentView, OfferResult, Status};
use dozvon_center::border::{LegCommand, LegEvent, Loss, Refusal};
use dozvon_center::contact::{Ending, Fault, StageKind};
use dozvon_center::fact::What;
use dozvon_center::flow;
use dozvon_center::ids::{AgentId, CallId, LegId};
use dozvon_center::policy::Policy;
use dozvon_center::rollout::Share;
use dozvon_clock::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    /// The first caller hangs up.
    CallerGoes,
    /// Anna's phone answers the offer, whatever has become of it.
    Answer,
    /// Anna's phone declines it.
    Decline,
    /// Anna's phone says that it is busy.
    Busy,
    /// The leg to Anna's phone breaks.
    LegBreaks,
    /// Anna hangs up what she has answered.
    AgentHangsUp,
    /// Anna's phone can't be reached any more, and can again.
    PhoneGone,
    PhoneBack,
    /// Anna wants a break, to be ready, to go home.
    Lunch,
    Ready,
    GoHome,
    /// Anna's phone begins, and ends, a call of its own.
    DialsOut,
    OwnCallEnds,
    /// What is due is done: without this move an input comes before the timers of its moment.
    Timers,
    /// Boris is ready.
    BorisComes,
}

/// Anna's phone, as it knows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phone {
    Rings,
    Up,
    Gone,
}

/// A house in the middle of an offer.
struct Scene {
    house: House,
    /// The first caller and his leg.
    first: (CallId, LegId),
    /// Who came later.
    later: (CallId, LegId),
    /// Anna's leg of the first offer.
    rung: LegId,
    phone: Phone,
    gone: bool,
}

impl Scene {
    /// Anna's phone rings for the first caller, the later one waits, Vera is at work but away.
    fn ringing() -> Scene {
        Scene::ringing_in(under(|_| {}))
    }

    /// The same in this house.
    fn ringing_in(mut house: House) -> Scene {
        for agent in [ANNA, BORIS, VERA] {
            house.center.reachable(house.now, agent, true);
        }
        house.status(VERA, Status::Lunch);
        house.status(ANNA, Status::Ready);
        let first = house.call("+77010000001");
        house.key(first.1, '0');
        house.pass(1.0);
        let later = house.call("+77010000002");
        house.key(later.1, '0');
        let rung = house.rung();
        house.event(rung, LegEvent::Ringing);
        Scene { house, first, later, rung, phone: Phone::Rings, gone: false }
    }

    /// Anna and the first caller have talked for so long.
    fn talking(secs: f64) -> Scene {
        let mut scene = Scene::ringing();
        scene.play(Move::Answer);
        scene.house.pass(secs);
        scene
    }

    /// Phones say that they ring.
    fn ring(&mut self) {
        for agent in [ANNA, BORIS] {
            if self.agent(agent).activity == Activity::Reserved {
                let his = |command: &LegCommand| {
                    let LegCommand::RingAgent { agent: whom, .. } = command else { return false };
                    *whom == agent
                };
                let leg = self.house.newest(his);
                self.house.event(leg, LegEvent::Ringing);
            }
        }
    }

    /// The phone answers. When the offer is over it is released at once, and that is told.
    fn answer(&mut self) {
        self.phone = Phone::Up;
        let over = self.house.released(self.rung);
        let stale = self.stale();
        self.house.event(self.rung, LegEvent::Answered);
        let told = self.stale() - stale;
        assert_eq!(told, usize::from(over), "a stale answer, and no other, is told as one");
        if over {
            self.phone = Phone::Gone;
            let ending = Ending::new(Fault::Nobody, "answered_elsewhere");
            let last = self.house.commands.last().expect("something was told");
            assert_eq!(*last, (self.rung, LegCommand::Release(ending)));
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        if self.phone == Phone::Rings {
            self.phone = Phone::Gone;
            self.house.event(self.rung, LegEvent::Refused(refusal));
        }
    }

    fn stale(&self) -> usize {
        self.house.count(|what| matches!(what, What::OfferStale { .. }))
    }

    fn agent(&self, agent: AgentId) -> AgentView {
        self.house.center.agent(agent).expect("an agent of the house")
    }

    /// The offers of Anna's that ended, in order.
    fn results(&self) -> Vec<OfferResult> {
        let of = |what: &What| {
            let What::OfferEnded { agent: ANNA, result, .. } = what else { return None };
            Some(*result)
        };
        self.house.facts.iter().filter_map(|fact| of(&fact.what)).collect()
    }

    /// How Anna's first offer ended, if it has.
    fn result(&self) -> Option<OfferResult> {
        self.results().first().copied()
    }

    fn state(&self) -> &'static str {
        self.house.state(self.first.0)
    }

    // ---- laws -----------------------------------------------------------------------------------------------------

    fn laws(&self) {
        self.each_call_has_one_agent_or_waits_or_is_over();
        self.an_alive_caller_is_never_lost();
        self.waits_and_offers_end_once();
        self.only_what_rang_out_is_a_miss();
        self.the_first_is_served_first();
    }

    fn each_call_has_one_agent_or_waits_or_is_over(&self) {
        for (call, leg) in [self.first, self.later] {
            let has = |agent: &AgentId| {
                let view = self.agent(*agent);
                let talks = matches!(view.activity, Activity::Talking | Activity::Hold);
                talks && view.call == Some(call)
            };
            let agents = [ANNA, BORIS, VERA].iter().filter(|agent| has(agent)).count();
            let voices = self.house.ears.voices(leg);
            match self.house.state(call) {
                "talking" => assert_eq!((agents, voices.len()), (1, 1), "one agent, and heard"),
                "waiting" | "offered" => {
                    assert_eq!((agents, voices.len()), (0, 0), "who waits has no agent");
                    assert!(self.house.ears.music(leg).is_some(), "who waits hears music");
                }
                "ivr" | "transfer" | "gone" => assert_eq!(agents, 0, "nobody talks to nobody"),
                state => panic!("no state of this scene: {state}"),
            }
        }
    }

    fn an_alive_caller_is_never_lost(&self) {
        assert_eq!(self.state() == "gone", self.gone, "only his own hanging up ends his call");
        assert!(!self.gone || self.house.contacts[&self.first.0].ending.is_some());
    }

    fn waits_and_offers_end_once(&self) {
        let mut waits: BTreeMap<CallId, i32> = BTreeMap::new();
        let mut open = BTreeSet::new();
        for fact in &self.house.facts {
            let waiting = fact.call.map(|call| waits.entry(call).or_default());
            if let What::SegmentStarted { .. } = &fact.what {
                *waiting.expect("of a call") += 1;
            } else if let What::SegmentEnded { .. } = &fact.what {
                *waiting.expect("of a call") -= 1;
            } else if let What::OfferStarted { offer, .. } = &fact.what {
                assert!(open.insert(*offer));
            } else if let What::OfferEnded { offer, .. } = &fact.what {
                assert!(open.remove(offer), "it ends once");
            }
        }
        for (call, _) in [self.first, self.later] {
            let waits = waits.get(&call).copied().unwrap_or_default();
            let expected = matches!(self.house.state(call), "waiting" | "offered");
            assert_eq!(waits, i32::from(expected), "each wait ends once");
        }
        let rings = |agent: &AgentId| {
            matches!(self.agent(*agent).activity, Activity::Reserved | Activity::Ringing)
        };
        let ringing = [ANNA, BORIS, VERA].iter().filter(|agent| rings(agent)).count();
        assert_eq!(open.len(), ringing, "a phone rings for an open offer");
    }

    fn only_what_rang_out_is_a_miss(&self) {
        for fact in &self.house.facts {
            if let What::OfferEnded { result: OfferResult::NoAnswer, rang_secs, .. } = fact.what {
                assert_eq!(rang_secs, 20.0, "a miss has rung for the whole time");
            }
        }
    }

    /// Nobody is rung for the later caller while the first waits, but who has just had and not served him, and but for
    /// the 20 s in which the first waits for his own agent alone, whose phone broke.
    fn the_first_is_served_first(&self) {
        let (mut freed, mut over) = (false, false);
        let mut alone_until = None;
        let (mut refused, mut open) = (BTreeSet::new(), BTreeSet::new());
        for fact in &self.house.facts {
            let (first, later) = (Some(self.first.0), Some(self.later.0));
            let (of_first, of_later) = (fact.call == first, fact.call == later);
            if let What::AgentDropped { agent, .. } | What::AgentLost { agent, .. } = &fact.what {
                if matches!(fact.what, What::AgentLost { .. }) {
                    alone_until = Some(fact.at + Duration::from_secs(20));
                }
                freed = true;
                refused.insert(*agent);
            } else if let What::OfferEnded { offer, agent, result, .. } = &fact.what
                && of_first
            {
                open.remove(offer);
                freed = *result != OfferResult::Answered && open.is_empty();
                refused.insert(*agent);
            } else if let What::OfferStarted { offer, agent, .. } = &fact.what {
                if of_first {
                    open.insert(*offer);
                    freed = false;
                } else if of_later && freed && !over && alone_until.is_none_or(|at| at <= fact.at) {
                    assert!(refused.contains(agent), "{agent} passes over the first caller");
                }
            } else if matches!(&fact.what, What::CallEnded { .. }) {
                over |= of_first;
            }
        }
    }
}

/// A house in the middle of something, on which moves are played.
trait Race {
    /// What can happen.
    type Move: Copy;
    /// Pauses that matter, in ms.
    const PAUSES: &[u64];

    /// Lets time pass, and does what is due before its end; what is due at its very end is left to a move.
    fn wait(&mut self, millis: u64);
    fn play(&mut self, one: Self::Move);
    /// Everybody goes: looks at what must hold of every end.
    fn over(self);
}

/// Plays all orders of the moves, with every pause between any two, on a fresh house each, and looks at each end.
fn every_order<R: Race>(race: impl Fn() -> R, moves: &[R::Move], look: impl Fn(&R, &[R::Move])) {
    permute(&mut moves.to_vec(), 0, &mut |order: &[R::Move]| {
        let gaps = u32::try_from(order.len() - 1).expect("few moves");
        for n in 0..R::PAUSES.len().pow(gaps) {
            let mut race = race();
            let mut rest = n;
            for (at, one) in order.iter().enumerate() {
                if at > 0 {
                    race.wait(R::PAUSES[rest % R::PAUSES.len()]);
                    rest /= R::PAUSES.len();
                }
                race.play(*one);
            }
            look(&race, order);
            race.over();
        }
    });
}

impl Race for Scene {
    type Move = Move;

    // None, the smallest, less than a second, past the shortest talk and the grace of a phone, the ring time-out, its
    // second, and past it.
    const PAUSES: &[u64] = &[0, 1, 999, 2_001, 5_001, 20_000, 21_000, 21_001];

    fn wait(&mut self, millis: u64) {
        let end = self.house.now + Duration::from_millis(millis);
        while let Some(next) = self.house.center.poll_timeout().filter(|next| *next < end) {
            self.house.now = self.house.now.max(next);
            self.house.center.handle_timeout(self.house.now);
            self.house.drain();
            self.ring();
        }
        self.house.now = end;
    }

    fn play(&mut self, what: Move) {
        let now = self.house.now;
        match what {
            Move::CallerGoes if !self.gone => {
                self.gone = true;
                self.house.event(self.first.1, LegEvent::HungUp);
            }
            Move::Answer if self.phone == Phone::Rings => self.answer(),
            Move::Decline => self.refuse(Refusal::Declined),
            Move::Busy => self.refuse(Refusal::Busy),
            Move::LegBreaks if self.phone != Phone::Gone => {
                self.phone = Phone::Gone;
                self.house.event(self.rung, LegEvent::Lost(Loss::Signalling));
            }
            Move::AgentHangsUp if self.phone == Phone::Up => {
                self.phone = Phone::Gone;
                self.house.event(self.rung, LegEvent::HungUp);
            }
            Move::PhoneGone => self.house.center.reachable(now, ANNA, false),
            Move::PhoneBack => self.house.center.reachable(now, ANNA, true),
            Move::Lunch => self.house.status(ANNA, Status::Lunch),
            Move::Ready => self.house.status(ANNA, Status::Ready),
            Move::GoHome => {
                let asker = dozvon_center::desk::Asker::new(dozvon_center::acd::Actor::Agent);
                self.house.center.log_out(now, ANNA, asker).expect("anybody may go home");
            }
            Move::DialsOut => self.house.center.own_call(now, ANNA, true),
            Move::OwnCallEnds => self.house.center.own_call(now, ANNA, false),
            Move::Timers => self.house.center.handle_timeout(now),
            Move::BorisComes => self.house.status(BORIS, Status::Ready),
            // In this order it can't happen: the caller or the phone is gone.
            Move::CallerGoes | Move::Answer | Move::LegBreaks | Move::AgentHangsUp => {}
        }
        self.house.drain();
        self.ring();
        self.laws();
    }

    /// Everybody goes home: nobody is stuck, nobody is lost, and the books are closed.
    fn over(mut self) {
        self.play(Move::OwnCallEnds);
        self.play(Move::BorisComes);
        let tried = |what: &What| matches!(what, What::OfferEnded { agent: BORIS, .. });
        let boris_idles = self.agent(BORIS).activity == Activity::Idle;
        if self.state() == "waiting" && self.house.count(tried) == 0 {
            assert!(!boris_idles, "nobody idles beside a caller");
        }
        for leg in [self.first.1, self.later.1] {
            self.house.event(leg, LegEvent::HungUp);
        }
        self.house.pass(200.0);
        assert_eq!(self.house.center.calls_active(), 0);
        for agent in [ANNA, BORIS, VERA] {
            assert_eq!(self.agent(agent).activity, Activity::Idle, "{agent} is stuck");
        }
        let started = self.house.count(|what| matches!(what, What::SegmentStarted { .. }));
        let ended = self.house.count(|what| matches!(what, What::SegmentEnded { .. }));
        let decided = self.house.count(|what| matches!(what, What::ServiceLevelDecided { .. }));
        assert_eq!((ended, decided), (started, started), "each wait ends, and counts, once");
        let offers = self.house.count(|what| matches!(what, What::OfferStarted { .. }));
        let over = self.house.count(|what| matches!(what, What::OfferEnded { .. }));
        assert_eq!(offers, over, "each offer ends once");
        for contact in self.house.contacts.values() {
            let waits = contact.stages.iter().filter(|stage| stage.kind == StageKind::Queue);
            assert!(waits.clone().all(|stage| stage.outcome.is_some()), "{contact:?}");
            assert!(contact.ended_at.is_some());
        }
    }
}

fn permute<T>(order: &mut [T], from: usize, each: &mut impl FnMut(&[T])) {
    if from == order.len() {
        each(order);
        return;
    }
    for at in from..order.len() {
        order.swap(from, at);
        permute(order, from + 1, each);
        order.swap(from, at);
    }
}

/// Which of two moves came first.
fn before(order: &[Move], a: Move, b: Move) -> bool {
    let at = |of: Move| order.iter().position(|one| *one == of).expect("a move of this race");
    at(a) < at(b)
}

/// A house where callers wait for an hour, under rules of its own.
fn under(rules: impl FnOnce(&mut Policy)) -> House {
    static RULES: OnceLock<Policy> = OnceLock::new();
    let patient = || {
        let mut policy = policy(Share::None);
        let text = FLOW.replace("max_wait: 60s", "max_wait: 3600s");
        let flow = flow::load("bank.yaml", &text).unwrap_or_else(|found| panic!("{found:#?}"));
        policy.flows.insert("bank".into(), Arc::new(flow));
        policy.talk.lost_phrase = Some("trouble".into());
        policy
    };
    let mut policy = RULES.get_or_init(patient).clone();
    rules(&mut policy);
    let now = Timestamp::from_secs(1_800_000_000);
    House::of(Center::new(Arc::new(policy), now), now)
}
