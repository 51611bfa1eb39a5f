//! Races around a callback: the customer calls while he is called, answers, is busy, and the agent leaves, in every
//! order and with time between. One conversation at the most, one end for the request, nobody stuck.

use super::{Race, every_order};
use crate::callback::{CUSTOMER, house_at};
use crate::house::{ANNA, BORIS, House};
use dozvon_center::acd::{Activity, Status};
use dozvon_center::border::{LegCommand, LegEvent, Refusal};
use dozvon_center::callback::First;
use dozvon_center::fact::What;
use dozvon_center::ids::{CallId, CallbackId, LegId};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    /// The customer calls in, and asks for a person.
    Calls,
    /// The customer's phone answers, is busy, hangs up.
    Answers,
    Busy,
    HangsUp,
    /// The agent's phone answers, and hangs up.
    AgentAnswers,
    AgentHangsUp,
    /// Anna wants a break.
    Lunch,
    /// Boris is ready.
    BorisComes,
    /// Somebody takes the request back.
    Cancel,
    /// What is due is done.
    Timers,
}

struct Scene {
    house: House,
    id: CallbackId,
    /// The customer's own call.
    own: Option<(CallId, LegId)>,
    /// He has hung up a call of ours.
    refused: bool,
}

impl Scene {
    /// An agent has been found for the request; `dialled`: and the customer's phone rings.
    fn under_way(first: First, dialled: bool) -> Scene {
        let mut house = house_at("2026-11-24T09:00:00Z", first);
        for agent in [ANNA, BORIS] {
            house.center.reachable(house.now, agent, true);
        }
        house.status(ANNA, Status::Ready);
        let id = house.asks(CUSTOMER);
        let mut scene = Scene { house, id, own: None, refused: false };
        if dialled {
            scene.play(Move::AgentAnswers);
            scene.wait(1_000);
            scene.play(Move::Timers);
            assert_eq!(scene.house.stage(id), "dialing");
        }
        scene
    }

    fn legs(&self, of: impl Fn(&LegCommand) -> bool) -> Vec<LegId> {
        let told = self.house.commands.iter().filter(|(_, command)| of(command));
        told.map(|(leg, _)| *leg).collect()
    }

    fn customer(&self) -> Option<LegId> {
        self.legs(|command| matches!(command, LegCommand::CallBack { .. })).last().copied()
    }

    fn agents(&self) -> Vec<LegId> {
        self.legs(|command| {
            matches!(command, LegCommand::RingForCallback { .. } | LegCommand::RingAgent { .. })
        })
    }

    fn customer_does(&mut self, event: LegEvent) {
        if let Some(leg) = self.customer() {
            self.house.event_if_fit(leg, event);
        }
    }

    fn laws(&self) {
        let talking =
            [ANNA, BORIS].iter().filter(|a| self.house.activity(**a) == Activity::Talking);
        assert!(talking.count() <= 1, "one conversation at the most");
        let ended = self.house.count(|what| matches!(what, What::CallbackEnded { .. }));
        let open = self.house.center.callbacks().count();
        assert_eq!(ended + open, 1, "a request is open, or has one end");
        let dialled = self.house.dials();
        assert_eq!(self.house.callbacks[&self.id].attempts as usize, dialled, "each dial counts");
        if let Some((own, _)) = self.own
            && self.house.state(own) != "gone"
        {
            let rings = self.customer().is_some_and(|leg| !self.house.released(leg));
            let stage = self.house.stage(self.id);
            assert!(!rings || stage == "here" || stage == "reached", "he is called while he calls");
        }
    }
}

impl Race for Scene {
    type Move = Move;

    // None, the smallest, the lead of a dial, the shortest talk, the customer's ring time-out.
    const PAUSES: &[u64] = &[0, 1, 1_000, 2_001, 25_001];

    fn wait(&mut self, millis: u64) {
        let end = self.house.now + std::time::Duration::from_millis(millis);
        while let Some(next) = self.house.center.poll_timeout().filter(|next| *next < end) {
            self.house.now = self.house.now.max(next);
            self.house.center.handle_timeout(self.house.now);
            self.house.drain();
        }
        self.house.now = end;
    }

    fn play(&mut self, one: Move) {
        let now = self.house.now;
        match one {
            Move::Calls if self.own.is_none() => {
                let (call, leg) = self.house.call(CUSTOMER);
                self.own = Some((call, leg));
                self.house.key(leg, '0');
            }
            Move::Calls => {}
            Move::Answers => self.customer_does(LegEvent::Answered),
            Move::Busy => self.customer_does(LegEvent::Refused(Refusal::Busy)),
            Move::HangsUp => {
                self.refused |= self.customer().is_some();
                self.customer_does(LegEvent::HungUp);
            }
            Move::AgentAnswers => {
                for leg in self.agents() {
                    self.house.event_if_fit(leg, LegEvent::Ringing);
                    self.house.event_if_fit(leg, LegEvent::Answered);
                }
            }
            Move::AgentHangsUp => {
                for leg in self.agents() {
                    self.house.event_if_fit(leg, LegEvent::HungUp);
                }
            }
            Move::Lunch => self.house.status(ANNA, Status::Lunch),
            Move::BorisComes => self.house.status(BORIS, Status::Ready),
            Move::Cancel => drop(self.house.center.cancel_callback(now, self.id)),
            Move::Timers => self.house.center.handle_timeout(now),
        }
        self.house.drain();
        self.laws();
    }

    /// Everybody goes home: nobody is stuck, and the books are closed.
    fn over(mut self) {
        for leg in self.customer().into_iter().chain(self.own.map(|(_, leg)| leg)) {
            self.house.event_if_fit(leg, LegEvent::HungUp);
        }
        drop(self.house.center.cancel_callback(self.house.now, self.id));
        self.house.drain();
        self.house.pass(200.0);
        drop(self.house.center.cancel_callback(self.house.now, self.id));
        self.house.drain();
        self.house.pass(200.0);
        assert_eq!(self.house.center.calls(self.house.now).count(), 0, "no call is left");
        for agent in [ANNA, BORIS] {
            assert_eq!(self.house.activity(agent), Activity::Idle, "{agent} is stuck");
        }
        let started = self.house.count(|what| matches!(what, What::SegmentStarted { .. }));
        let ended = self.house.count(|what| matches!(what, What::SegmentEnded { .. }));
        let decided = self.house.count(|what| matches!(what, What::ServiceLevelDecided { .. }));
        let kept = |what: &What| matches!(what, What::SegmentStarted { called_back: true, .. });
        let counted = started - self.house.count(kept);
        assert_eq!((ended, decided), (started, counted), "each stay ends, and counts, once");
        let ends = self.house.count(|what| matches!(what, What::CallbackEnded { .. }));
        assert_eq!(ends, 1, "one end");
    }
}

/// A customer who calls while his callback is pending, offered or rung for: his call takes the place, the request is
/// over, and one contact serves him; when our call was answered first, his own is refused as called back.
#[test]
fn a_customer_who_calls_while_he_is_called_back_has_one_conversation() {
    for (first, dialled) in [
        (First::Agent, false),
        (First::Agent, true),
        (First::Customer, false),
        (First::Customer, true),
    ] {
        let moves = [Move::Calls, Move::Answers, Move::AgentAnswers, Move::Timers];
        every_order(
            || Scene::under_way(first, dialled),
            &moves,
            |scene, order| {
                let stage = scene.house.stage(scene.id);
                let crossed = |fact: &What| {
                    let What::CallEnded { ending, .. } = fact else { return false };
                    &*ending.reason == "called_back"
                };
                let refused = scene.house.count(crossed);
                let (own, _) = scene.own.expect("he calls in every order");
                if stage == "merged" {
                    assert_eq!(refused, 0, "{order:?}");
                    assert_ne!(scene.house.state(own), "gone", "his own call goes on");
                    let left = scene.customer().is_none_or(|leg| scene.house.released(leg));
                    assert!(left, "and nothing rings for him: {order:?}");
                } else {
                    let ours = scene.house.facts.iter().filter(|fact| fact.call != Some(own));
                    let answers = ours.filter(|fact| matches!(fact.what, What::CallAnswered));
                    let mut at = answers.map(|fact| fact.at);
                    let answered = at.next().expect("our call was answered");
                    let mut at = scene.house.facts.iter().filter(|fact| fact.call == Some(own));
                    let called = at.next().expect("he calls").at;
                    let crossed = called.since(answered) <= std::time::Duration::from_secs(30);
                    assert_eq!(refused, usize::from(crossed || stage == "here"), "{order:?}");
                    assert!(stage == "reached" || stage == "here", "{order:?}");
                }
            },
        );
    }
}

/// The customer is busy, or does not answer, while the agent waits: she is free at once, without wrap-up or rest, the
/// attempt counts, and the next one keeps its distance.
#[test]
fn a_customer_who_is_busy_or_silent_costs_the_agent_nothing() {
    for first in [First::Agent, First::Customer] {
        for other in [Move::Busy, Move::HangsUp, Move::Lunch, Move::BorisComes] {
            let moves = [other, Move::Timers, Move::AgentHangsUp];
            every_order(
                || Scene::under_way(first, true),
                &moves,
                |scene, order| {
                    let anna = scene.house.center.agent(ANNA).expect("Anna");
                    assert_eq!(anna.misses, 0, "{order:?}");
                    let wraps = scene.house.count(|what| matches!(what, What::TalkStarted { .. }));
                    assert_eq!((wraps, anna.activity == Activity::WrapUp), (0, false), "{order:?}");
                },
            );
        }
    }
}

/// Taken back, answered and left, in every order.
#[test]
fn a_request_taken_back_while_it_is_made_ends_once() {
    for first in [First::Agent, First::Customer] {
        let moves = [Move::Cancel, Move::Answers, Move::AgentAnswers, Move::HangsUp];
        every_order(|| Scene::under_way(first, true), &moves, |_, _| {});
        let moves = [Move::Cancel, Move::AgentAnswers, Move::Lunch, Move::Calls];
        every_order(|| Scene::under_way(first, false), &moves, |_, _| {});
    }
}
