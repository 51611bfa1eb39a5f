//! Races of a queue that rings all its agents at once: the first answer has the caller.

use super::{Race, every_order, under};
use crate::house::{ANNA, BORIS, House, VERA};
use dozvon_center::acd::{Activity, OfferResult, Presence, Ring, Status};
use dozvon_center::border::{LegCommand, LegEvent, Refusal};
use dozvon_center::contact::{Ending, Fault, Outcome};
use dozvon_center::fact::What;
use dozvon_center::ids::{AgentId, CallId, LegId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What can happen while all the phones ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Answers(AgentId),
    Declines(AgentId),
    /// This agent wants a break.
    Breaks(AgentId),
    CallerGoes,
    /// What is due is done: without this step an input comes before the timers of its moment.
    Timers,
}

use Step::{Answers, Breaks, CallerGoes, Declines, Timers};

const ALL: [AgentId; 3] = [ANNA, BORIS, VERA];

/// A caller for whom the phones of all three agents ring.
struct Floor {
    house: House,
    call: CallId,
    caller: LegId,
    phones: BTreeMap<AgentId, LegId>,
    /// Phones that answered or declined, and so say nothing more.
    said: BTreeSet<AgentId>,
    gone: bool,
}

impl Floor {
    fn ringing() -> Floor {
        let mut house = under(|policy| policy.acd.queues[0].ring = Ring::Broadcast);
        for agent in ALL {
            house.ready(&[agent]);
            house.pass(1.0);
        }
        let (call, caller) = house.call("+77010000001");
        house.key(caller, '0');
        let rung = house.commands.iter().filter_map(|(leg, command)| {
            let LegCommand::RingAgent { agent, .. } = command else { return None };
            Some((*agent, *leg))
        });
        let phones: BTreeMap<AgentId, LegId> = rung.collect();
        for leg in phones.values() {
            house.event(*leg, LegEvent::Ringing);
        }
        assert_eq!(phones.len(), 3, "all ring");
        Floor { house, call, caller, phones, said: BTreeSet::new(), gone: false }
    }

    fn stale(&self) -> usize {
        self.house.count(|what| matches!(what, What::OfferStale { .. }))
    }

    fn connected(&self) -> usize {
        self.house.count(|what| matches!(what, What::Connected { .. }))
    }

    /// The ends of an agent's offers.
    fn results(&self, of: AgentId) -> Vec<OfferResult> {
        let result = |what: &What| {
            let What::OfferEnded { agent, result, .. } = what else { return None };
            (*agent == of).then_some(*result)
        };
        self.house.facts.iter().filter_map(|fact| result(&fact.what)).collect()
    }

    fn laws(&self) {
        let talking = |agent: &&AgentId| self.house.activity(**agent) == Activity::Talking;
        let talkers: Vec<&AgentId> = ALL.iter().filter(talking).collect();
        assert!(talkers.len() <= 1 && self.connected() <= 1, "one agent: {talkers:?}");
        assert_eq!(self.house.state(self.call) == "talking", talkers.len() == 1);
        assert_eq!(self.house.ears.voices(self.caller).len(), talkers.len(), "and one is heard");
        for agent in ALL {
            let view = self.house.center.agent(agent).expect("an agent of the house");
            let missed =
                self.results(agent).iter().filter(|r| **r == OfferResult::NoAnswer).count();
            assert_eq!(view.misses as usize, missed, "only what rang out is a miss: {view:?}");
            if self.results(agent) == [OfferResult::LostRace] {
                assert!(self.house.released(self.phones[&agent]), "his phone is silent");
                assert_eq!(view.cooldown_until, None, "he does not rest for it");
            }
        }
        assert_eq!(self.house.state(self.call) == "gone", self.gone, "nobody loses his call");
    }
}

impl Race for Floor {
    type Move = Step;

    // None, the smallest, past the shortest talk, the ring time-out, its second.
    const PAUSES: &[u64] = &[0, 1, 2_001, 20_000, 21_001];

    fn wait(&mut self, millis: u64) {
        self.house.pass(millis.saturating_sub(1) as f64 / 1_000.0);
        self.house.now = self.house.now + Duration::from_millis(millis.min(1));
    }

    fn play(&mut self, step: Step) {
        match step {
            Answers(agent) if self.said.insert(agent) => {
                let (leg, stale) = (self.phones[&agent], self.stale());
                let over = self.house.released(leg);
                self.house.event(leg, LegEvent::Answered);
                assert_eq!(self.stale() - stale, usize::from(over), "who is late is told as such");
            }
            Declines(agent)
                if self.said.insert(agent) && !self.house.released(self.phones[&agent]) =>
            {
                self.house.event(self.phones[&agent], LegEvent::Refused(Refusal::Declined));
            }
            Breaks(agent) => self.house.status(agent, Status::Lunch),
            CallerGoes if !self.gone => {
                self.gone = true;
                self.house.event(self.caller, LegEvent::HungUp);
            }
            Timers => {
                self.house.center.handle_timeout(self.house.now);
                self.house.drain();
            }
            Answers(_) | Declines(_) | CallerGoes => {}
        }
        self.laws();
    }

    fn over(mut self) {
        if !self.gone {
            self.play(CallerGoes);
        }
        self.house.pass(200.0);
        for agent in ALL {
            assert_eq!(self.house.activity(agent), Activity::Idle, "{agent} is stuck");
        }
        let offers = self.house.count(|what| matches!(what, What::OfferStarted { .. }));
        let over = self.house.count(|what| matches!(what, What::OfferEnded { .. }));
        assert_eq!(offers, over, "each offer ends once");
    }
}

/// Of agents who answer at once the first that comes in has the caller. The others' phones are taken back at no cost to
/// anybody: no miss, no rest, no rank; an answer that crossed that is stale and ended.
#[test]
fn of_two_answers_the_first_that_comes_in_has_the_caller() {
    every_order(Floor::ringing, &[Answers(ANNA), Answers(BORIS), Timers], |floor, order| {
        let first = if order.iter().position(|s| *s == Answers(ANNA))
            < order.iter().position(|s| *s == Answers(BORIS))
        {
            (ANNA, BORIS)
        } else {
            (BORIS, ANNA)
        };
        let (winner, loser) = (floor.results(first.0), floor.results(first.1));
        if winner == [OfferResult::Answered] {
            assert_eq!(floor.results(VERA), [OfferResult::LostRace], "who did nothing, too");
            assert!(loser == [OfferResult::LostRace] && floor.stale() == 1, "{order:?}: {loser:?}");
            let told = Ending::new(Fault::Nobody, "answered_elsewhere");
            let released = LegCommand::Release(told);
            assert!(floor.house.commands.contains(&(floor.phones[&first.1], released)));
        } else {
            assert!(winner.contains(&OfferResult::NoAnswer), "{order:?}: {winner:?}");
        }
    });
}

/// One who declines, one who wants a break and one who answers, in any order: each has his own end, and the caller has
/// who answered.
#[test]
fn who_declines_or_goes_on_a_break_leaves_the_others_ringing() {
    every_order(Floor::ringing, &[Declines(ANNA), Breaks(BORIS), Answers(VERA)], |floor, order| {
        let talks = floor.house.activity(VERA) == Activity::Talking;
        let vera = floor.results(VERA);
        assert!(!talks || vera == [OfferResult::Answered], "{order:?}: {vera:?}");
        let presence = floor.house.center.agent(BORIS).expect("he is there").presence;
        assert_eq!(presence, Presence::Chosen(Status::Lunch));
        let (anna, boris) = (floor.results(ANNA)[0], floor.results(BORIS)[0]);
        assert!(order[0] != Declines(ANNA) || anna == OfferResult::Declined, "{anna:?}");
        assert!(order[0] != Breaks(BORIS) || boris == OfferResult::CancelledStatus, "{boris:?}");
    });
}

/// A caller who gives up stops all phones at once; an answer after that is stale, and no call is answered.
#[test]
fn a_caller_who_gives_up_stops_all_phones() {
    every_order(Floor::ringing, &[CallerGoes, Answers(ANNA), Answers(BORIS)], |floor, order| {
        if order[0] == CallerGoes {
            assert_eq!((floor.connected(), floor.stale()), (0, 2), "{order:?}");
            for agent in ALL {
                assert_eq!(floor.results(agent), [OfferResult::CallerGone], "{order:?}");
            }
            let contact = &floor.house.contacts[&floor.call];
            let outcomes = contact.stages.iter().filter_map(|stage| stage.outcome);
            assert_eq!(outcomes.collect::<Vec<_>>(), [Outcome::ShortAbandoned]);
        }
    });
}

/// Losing a race costs no rank: who was idle longer is asked before who was idle for less.
#[test]
fn who_has_lost_a_race_keeps_his_rank() {
    let mut floor = Floor::ringing();
    floor.play(Answers(ANNA));
    floor.wait(5_000);
    let (_, next) = floor.house.call("+77010000002");
    floor.house.key(next, '2');
    let rung = floor.house.rung();
    assert!(!floor.phones.values().any(|leg| *leg == rung), "another offer");
    let whom = floor.house.commands.iter().rev().find_map(|(leg, command)| {
        let LegCommand::RingAgent { agent, .. } = command else { return None };
        (*leg == rung).then_some(*agent)
    });
    assert_eq!(whom, Some(BORIS), "he came before Vera");
}
