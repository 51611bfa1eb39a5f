//! The rules of the ACD, one by one.

mod lines;
mod matching;
mod shifts;
mod table;

use super::*;
use crate::ids::{QueueId, SkillId};

pub(super) const CARDS: QueueId = QueueId(0);
pub(super) const LOANS: QueueId = QueueId(1);
pub(super) const ENGLISH: SkillId = SkillId(7);

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// An agent of every queue without skills.
fn plain(name: &str) -> AgentConfig {
    AgentConfig::new(name)
}

/// A queue that goes by the longest idle, which is the easiest to follow.
fn longest_idle(name: &str) -> QueueConfig {
    QueueConfig { order: Order::LongestIdle, ..QueueConfig::new(name) }
}

pub(super) fn config(agents: usize) -> Config {
    let queues = ["cards", "loans"].map(longest_idle).into();
    Config::new(queues, (0..agents).map(|at| plain(&format!("agent {at}"))).collect())
}

/// An ACD, its clock, and everything it has told.
pub(super) struct Floor {
    pub(super) acd: Acd,
    pub(super) now: Timestamp,
    pub(super) told: Vec<Event>,
}

impl Floor {
    /// So many agents, all logged in and within reach, one second after another.
    pub(super) fn staffed(config: Config) -> Floor {
        let agents = u32::try_from(config.agents.len()).unwrap();
        let mut floor = Floor::empty(config);
        for id in 0..agents {
            floor.acd.reachable(floor.now, AgentId(id), true);
            floor.acd.log_in(floor.now, AgentId(id));
            floor.pass(secs(1));
        }
        floor.told.clear();
        floor
    }

    pub(super) fn empty(config: Config) -> Floor {
        let now = Timestamp::from_secs(1_000_000);
        Floor { acd: Acd::new(config, now), now, told: Vec::new() }
    }

    /// Lets time pass, running every timer at its own moment.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.acd.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            self.acd.handle_timeout(at);
            self.drain();
        }
        self.now = until;
        self.drain();
    }

    pub(super) fn drain(&mut self) {
        self.acd.check_invariants();
        while let Some(event) = self.acd.poll_event() {
            self.told.push(event);
        }
    }

    /// Does something to the ACD now.
    pub(super) fn say<R>(&mut self, what: impl FnOnce(&mut Acd, Timestamp) -> R) -> R {
        let result = what(&mut self.acd, self.now);
        self.drain();
        result
    }

    pub(super) fn enqueue(&mut self, call: u64, queue: QueueId) {
        let waiting = self.waiting(call, queue);
        self.say(|acd, now| acd.enqueue(now, waiting));
    }

    pub(super) fn waiting(&self, call: u64, queue: QueueId) -> Waiting {
        Waiting::new(CallId(call), queue, self.now)
    }

    /// The newest offer: its name and whom it went to for which call.
    pub(super) fn offered(&self) -> Option<(OfferId, u32, u64)> {
        self.told.iter().rev().find_map(|event| {
            if let Event::Offer { offer, call, agent, .. } = event {
                Some((*offer, agent.0, call.0))
            } else {
                None
            }
        })
    }

    pub(super) fn offer(&self) -> OfferId {
        self.offered().expect("something is offered").0
    }

    /// Enqueues a call and lets it ring; tells the offer.
    pub(super) fn ring(&mut self, call: u64) -> OfferId {
        self.enqueue(call, CARDS);
        let offer = self.offer();
        self.say(|acd, now| acd.ringing(now, offer));
        offer
    }

    pub(super) fn answer(&mut self, call: u64) -> OfferId {
        let offer = self.ring(call);
        let answer = self.say(|acd, now| acd.answered(now, offer));
        assert!(matches!(answer, Answer::Accepted { .. }));
        offer
    }

    pub(super) fn talk(&mut self, call: u64) -> OfferId {
        let offer = self.answer(call);
        self.say(|acd, now| acd.connected(now, offer));
        offer
    }

    pub(super) fn set(&mut self, agent: u32, status: Status) {
        let set =
            |acd: &mut Acd, now| acd.set_status(now, AgentId(agent), status, Actor::Agent, None);
        self.say(set).unwrap();
    }

    pub(super) fn stand(&self, agent: u32) -> (Presence, Activity) {
        let view = self.acd.agent(AgentId(agent)).unwrap();
        (view.presence, view.activity)
    }

    pub(super) fn activity(&self, agent: u32) -> Activity {
        self.stand(agent).1
    }

    pub(super) fn result_of(&self, offer: OfferId) -> Option<OfferResult> {
        let mut results = self.told.iter().filter_map(|event| {
            if let Event::OfferEnded { offer: of, result, .. } = event
                && *of == offer
            {
                Some(*result)
            } else {
                None
            }
        });
        let result = results.next();
        assert_eq!(results.next(), None, "an offer ends once");
        result
    }

    pub(super) fn withdrawn(&self, offer: OfferId) -> Option<Withdrawal> {
        self.told.iter().find_map(|event| {
            if let Event::Withdrawn { offer: of, why, .. } = event
                && *of == offer
            {
                Some(*why)
            } else {
                None
            }
        })
    }

    pub(super) fn end_of(&self, call: u64) -> Option<(WaitEnd, ServiceLevel, Duration)> {
        self.told.iter().rev().find_map(|event| {
            if let Event::WaitEnded { call: of, why, service_level, waited, .. } = event
                && of.0 == call
            {
                Some((*why, *service_level, *waited))
            } else {
                None
            }
        })
    }
}

// ---- order ----------------------------------------------------------------------------------------------------------

#[test]
fn the_longest_waiting_call_goes_to_the_longest_idle_agent() {
    let mut floor = Floor::staffed(config(2));
    floor.enqueue(1, CARDS);
    assert_eq!(floor.offered().map(|(_, agent, call)| (agent, call)), Some((0, 1)));
    floor.enqueue(2, LOANS);
    floor.enqueue(3, CARDS);
    floor.pass(secs(1));
    floor.enqueue(4, CARDS);
    floor.say(|acd, now| acd.withdraw(now, CallId(1), Leaving::HungUp));
    assert_eq!(floor.offered().map(|(_, agent, call)| (agent, call)), Some((0, 3)));
}

#[test]
fn across_queues_the_most_urgent_goes_first_and_priority_is_a_head_start() {
    let mut setting = config(1);
    setting.queues[1].service_level = secs(10);
    let mut floor = Floor::staffed(setting);
    floor.talk(1);
    floor.enqueue(2, CARDS);
    floor.pass(secs(9));
    floor.enqueue(3, LOANS);
    let vip = Waiting { priority: 60, ..floor.waiting(4, CARDS) };
    floor.say(|acd, now| acd.enqueue(now, vip));
    let mut order = vec![];
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Caller));
    floor.say(|acd, now| acd.end_wrap_up(now, AgentId(0)));
    while let Some((_, _, call)) = floor.offered().filter(|(_, _, call)| !order.contains(call)) {
        order.push(call);
        floor.say(|acd, now| acd.withdraw(now, CallId(call), Leaving::Elsewhere));
    }
    assert_eq!(order, [4, 3, 2]);
}

#[test]
fn a_call_is_only_offered_to_those_who_can_take_it() {
    let mut setting = config(3);
    setting.agents[1].skills.insert(ENGLISH, 1);
    setting.agents[2].skills.insert(ENGLISH, 1);
    setting.agents[1].queues.insert(LOANS);
    let mut floor = Floor::staffed(setting);
    let english = Waiting { requires: Requirement::all_of([ENGLISH]), ..floor.waiting(1, CARDS) };
    floor.say(|acd, now| acd.enqueue(now, english));
    assert_eq!(floor.offered().unwrap().1, 2);
}

#[test]
fn a_call_that_comes_back_with_its_old_time_goes_before_those_who_came_meanwhile() {
    let mut floor = Floor::staffed(config(1));
    let began = floor.now;
    floor.talk(1);
    floor.pass(secs(30));
    floor.enqueue(2, CARDS);
    floor.say(|acd, now| acd.reachable(now, AgentId(0), false));
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::System));
    let again = Waiting { enqueued_at: began, ..floor.waiting(1, CARDS) };
    floor.say(|acd, now| acd.enqueue(now, again));
    assert_eq!(floor.acd.position(CallId(1)), Some(1));
    assert_eq!(floor.acd.position(CallId(2)), Some(2));
}

#[test]
fn enqueueing_twice_is_enqueueing_once() {
    let mut floor = Floor::staffed(config(1));
    floor.talk(9);
    floor.enqueue(1, CARDS);
    floor.pass(secs(5));
    floor.enqueue(2, CARDS);
    floor.enqueue(1, CARDS);
    assert_eq!(floor.acd.queue(CARDS).unwrap().waiting, 2);
    assert_eq!(floor.acd.position(CallId(1)), Some(1));
}

#[test]
fn an_agent_comes_last_after_a_talk_a_login_and_a_break_but_not_after_a_caller_who_hung_up() {
    let mut floor = Floor::staffed(config(3));
    let next = |floor: &mut Floor, call: u64| {
        floor.enqueue(call, CARDS);
        let (_, agent, _) = floor.offered().unwrap();
        floor.say(|acd, now| acd.withdraw(now, CallId(call), Leaving::HungUp));
        agent
    };
    assert_eq!((next(&mut floor, 1), next(&mut floor, 2)), (0, 0));
    floor.set(0, Status::ShortBreak);
    floor.pass(secs(1));
    floor.set(0, Status::Ready);
    assert_eq!(next(&mut floor, 3), 1);
    floor.talk(4);
    floor.say(|acd, now| acd.ended(now, CallId(4), Side::Caller));
    floor.pass(secs(15));
    assert_eq!(floor.stand(1), (Presence::READY, Activity::Idle));
    assert_eq!(next(&mut floor, 5), 2);
    floor.say(|acd, now| acd.log_out(now, AgentId(2), Actor::Agent));
    floor.pass(secs(1));
    floor.say(|acd, now| acd.log_in(now, AgentId(2)));
    assert_eq!(next(&mut floor, 6), 0);
}

// ---- offers ---------------------------------------------------------------------------------------------------------

#[test]
fn ringing_out_is_a_miss_and_the_third_needs_a_click() {
    let mut floor = Floor::staffed(config(1));
    for miss in 1..=3 {
        let offer = floor.ring(miss);
        floor.pass(secs(20));
        assert_eq!(floor.withdrawn(offer), Some(Withdrawal::RangOut));
        assert_eq!(floor.result_of(offer), None, "an answer may be under way");
        floor.pass(secs(1));
        assert_eq!(floor.result_of(offer), Some(OfferResult::NoAnswer));
        floor.say(|acd, now| acd.withdraw(now, CallId(miss), Leaving::HungUp));
        if miss < 3 {
            assert!(!floor.acd.agent(AgentId(0)).unwrap().routable);
            floor.pass(secs(29));
            assert!(!floor.acd.agent(AgentId(0)).unwrap().routable);
            floor.pass(secs(1));
            assert!(floor.acd.agent(AgentId(0)).unwrap().routable);
        }
    }
    assert_eq!(floor.stand(0).0, Presence::NotResponding);
    floor.pass(secs(4_000));
    assert_eq!(floor.stand(0).0, Presence::NotResponding);
    let limit =
        floor.say(|acd, now| acd.set_status(now, AgentId(0), Status::Ready, Actor::Limit, None));
    assert_eq!(limit, Err(StatusError::NotAllowed));
    floor.set(0, Status::Ready);
    assert!(floor.acd.agent(AgentId(0)).unwrap().routable);
    assert_eq!(floor.acd.agent(AgentId(0)).unwrap().misses, 0);
}

#[test]
fn misses_are_forgotten_after_an_answer_and_after_half_an_hour() {
    let mut floor = Floor::staffed(config(1));
    let miss = |floor: &mut Floor, call: u64| {
        floor.ring(call);
        floor.pass(secs(21));
        floor.say(|acd, now| acd.withdraw(now, CallId(call), Leaving::HungUp));
        floor.pass(secs(30));
        floor.acd.agent(AgentId(0)).unwrap().misses
    };
    assert_eq!((miss(&mut floor, 1), miss(&mut floor, 2)), (1, 2));
    floor.talk(3);
    floor.say(|acd, now| acd.ended(now, CallId(3), Side::Agent));
    floor.pass(secs(15));
    assert_eq!((miss(&mut floor, 4), miss(&mut floor, 5)), (1, 2));
    floor.pass(secs(30 * 60));
    assert_eq!(miss(&mut floor, 6), 1);
}

#[test]
fn a_late_answer_counts_while_the_call_is_not_offered_elsewhere() {
    let mut floor = Floor::staffed(config(1));
    let offer = floor.ring(1);
    floor.pass(Duration::from_millis(20_900));
    let accepted = Answer::Accepted { call: CallId(1), agent: AgentId(0) };
    assert_eq!(floor.say(|acd, now| acd.answered(now, offer)), accepted);
    assert_eq!(floor.result_of(offer), Some(OfferResult::Answered));
    floor.say(|acd, now| acd.connected(now, offer));
    assert_eq!(floor.acd.agent(AgentId(0)).unwrap().misses, 0);
    assert_eq!(floor.end_of(1).unwrap().0, WaitEnd::Connected(AgentId(0)));
}

#[test]
fn a_late_answer_is_stale_when_the_next_phone_rings() {
    let mut floor = Floor::staffed(config(2));
    let first = floor.ring(1);
    floor.pass(secs(20));
    assert_eq!(floor.offered().unwrap().1, 1, "the call goes on at once");
    assert_eq!(floor.result_of(first), Some(OfferResult::NoAnswer));
    assert_eq!(floor.say(|acd, now| acd.answered(now, first)), Answer::Stale);
    assert_eq!(floor.acd.agent(AgentId(0)).unwrap().misses, 1);
}

#[test]
fn declining_costs_ten_seconds_and_no_miss() {
    let mut floor = Floor::staffed(config(2));
    let first = floor.ring(1);
    floor.say(|acd, now| acd.failed(now, first, Failure::Declined));
    assert_eq!(floor.result_of(first), Some(OfferResult::Declined));
    assert_eq!(floor.withdrawn(first), None, "that leg is gone");
    assert_eq!(floor.offered().unwrap().1, 1);
    let view = floor.acd.agent(AgentId(0)).unwrap();
    assert_eq!((view.misses, view.cooldown_until), (0, Some(floor.now + secs(10))));
    let second = floor.offer();
    floor.say(|acd, now| acd.answered(now, second));
    floor.say(|acd, now| acd.connected(now, second));
    floor.pass(secs(10));
    assert!(floor.acd.agent(AgentId(0)).unwrap().routable);
}

#[test]
fn who_declined_a_call_gets_others_but_not_that_one_for_a_minute() {
    let mut floor = Floor::staffed(config(2));
    floor.talk(1); // agent 0
    let first = floor.ring(2); // agent 1
    floor.say(|acd, now| acd.failed(now, first, Failure::Declined));
    floor.pass(secs(10));
    assert_eq!(floor.activity(1), Activity::Idle, "agent 0 could take it after his talk");
    floor.enqueue(3, CARDS);
    assert_eq!(floor.offered().map(|(_, agent, call)| (agent, call)), Some((1, 3)));
    floor.say(|acd, now| acd.withdraw(now, CallId(3), Leaving::HungUp));
    floor.pass(secs(49));
    assert_eq!(floor.activity(1), Activity::Idle);
    floor.pass(secs(1));
    assert_eq!(floor.offered().map(|(_, agent, call)| (agent, call)), Some((1, 2)));
}

#[test]
fn who_declined_a_call_gets_it_back_when_nobody_else_is_left() {
    let mut floor = Floor::staffed(config(2));
    floor.talk(1); // agent 0
    let first = floor.ring(2); // agent 1
    floor.say(|acd, now| acd.failed(now, first, Failure::Declined));
    floor.pass(secs(10));
    floor.say(|acd, now| acd.reachable(now, AgentId(0), false));
    assert_eq!(floor.offered().map(|(_, agent, call)| (agent, call)), Some((1, 2)));
}

#[test]
fn a_call_remembers_the_last_eight_who_declined_it() {
    let mut floor = Floor::staffed(config(10));
    floor.talk(1); // agent 0, who could take the next call some day
    floor.enqueue(2, CARDS);
    for agent in 1..=9 {
        let (offer, to, _) = floor.offered().unwrap();
        assert_eq!(to, agent);
        floor.say(|acd, now| acd.failed(now, offer, Failure::Declined));
    }
    let (last, _, _) = floor.offered().unwrap();
    floor.pass(secs(10));
    let (offer, to, call) = floor.offered().unwrap();
    assert!(offer > last, "one of the nine is asked again before the minute is over");
    assert_eq!((to, call), (1, 2), "the first of them: he is the one forgotten");
}

#[test]
fn a_phone_that_never_rings_is_out_of_order_and_no_miss() {
    let mut floor = Floor::staffed(config(2));
    floor.enqueue(1, CARDS);
    let offer = floor.offer();
    floor.pass(secs(2));
    assert_eq!(floor.withdrawn(offer), Some(Withdrawal::Unreachable));
    assert_eq!(floor.result_of(offer), Some(OfferResult::Unreachable));
    assert_eq!(floor.acd.agent(AgentId(0)).unwrap().misses, 0);
    assert_eq!(floor.offered().unwrap().1, 1);
}

#[test]
fn a_phone_that_fails_again_and_again_is_taken_out() {
    let mut floor = Floor::staffed(config(1));
    floor.enqueue(1, CARDS);
    floor.pass(secs(2 + 30 + 2 + 30));
    assert_eq!(floor.stand(0), (Presence::READY, Activity::Reserved));
    floor.pass(secs(2));
    assert_eq!(floor.stand(0), (Presence::NotResponding, Activity::Idle));
}

#[test]
fn the_caller_keeps_waiting_when_the_answer_comes_to_nothing() {
    let mut floor = Floor::staffed(config(2));
    let offer = floor.answer(1);
    floor.pass(secs(5));
    assert_eq!(floor.withdrawn(offer), Some(Withdrawal::NotConnected));
    assert_eq!(floor.result_of(offer), Some(OfferResult::Answered));
    let failed = Event::ConnectFailed { offer, call: CallId(1), agent: AgentId(0), queue: CARDS };
    assert!(floor.told.contains(&failed));
    assert_eq!(floor.offered().unwrap().1, 1, "the next agent rings");
    let rest = floor.acd.agent(AgentId(0)).unwrap().cooldown_until;
    assert_eq!(rest, Some(floor.now + secs(30)));
    assert_eq!(floor.end_of(1), None, "never answered for 0 s");
}

#[test]
fn a_caller_who_hangs_up_while_it_rings_costs_the_agent_nothing() {
    let mut floor = Floor::staffed(config(1));
    let offer = floor.ring(1);
    floor.say(|acd, now| acd.withdraw(now, CallId(1), Leaving::HungUp));
    assert_eq!(floor.withdrawn(offer), Some(Withdrawal::CallerGone));
    assert_eq!(floor.result_of(offer), Some(OfferResult::CallerGone));
    assert!(floor.acd.agent(AgentId(0)).unwrap().routable);
    assert_eq!(floor.say(|acd, now| acd.answered(now, offer)), Answer::Stale);
    let after_answer = floor.answer(2);
    floor.say(|acd, now| acd.withdraw(now, CallId(2), Leaving::HungUp));
    assert_eq!(floor.withdrawn(after_answer), Some(Withdrawal::CallerGone));
    assert!(floor.acd.agent(AgentId(0)).unwrap().routable, "no wrap-up for a talk that never was");
    assert_eq!(floor.end_of(2).unwrap().0, WaitEnd::HungUp);
}

// ---- statuses -------------------------------------------------------------------------------------------------------

#[test]
fn lunch_while_ringing_is_given_and_the_caller_keeps_his_place() {
    let mut floor = Floor::staffed(config(2));
    floor.talk(1); // agent 0
    let offer = floor.ring(2); // agent 1
    floor.enqueue(3, CARDS);
    floor.set(1, Status::Lunch);
    assert_eq!(floor.stand(1), (Presence::Chosen(Status::Lunch), Activity::Idle));
    assert_eq!(floor.withdrawn(offer), Some(Withdrawal::StatusChanged));
    assert_eq!(floor.result_of(offer), Some(OfferResult::CancelledStatus));
    assert_eq!(floor.acd.position(CallId(2)), Some(1));
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Caller));
    floor.pass(secs(15));
    assert_eq!(floor.offered().map(|(_, agent, call)| (agent, call)), Some((0, 2)));
}

#[test]
fn lunch_in_a_talk_is_pending_until_after_the_wrap_up() {
    let mut floor = Floor::staffed(config(1));
    floor.talk(1);
    floor.set(0, Status::Lunch);
    let pending = |floor: &Floor| floor.acd.agent(AgentId(0)).unwrap().pending;
    assert_eq!(pending(&floor), Some(Presence::Chosen(Status::Lunch)));
    assert_eq!(floor.stand(0), (Presence::READY, Activity::Talking));
    floor.enqueue(2, CARDS);
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Agent));
    assert_eq!(floor.stand(0), (Presence::READY, Activity::WrapUp));
    floor.pass(secs(15));
    assert_eq!(floor.stand(0), (Presence::Chosen(Status::Lunch), Activity::Idle));
    assert_eq!(pending(&floor), None);
}

#[test]
fn choosing_ready_takes_a_pending_break_back() {
    let mut floor = Floor::staffed(config(1));
    floor.talk(1);
    floor.set(0, Status::Lunch);
    floor.set(0, Status::Ready);
    assert_eq!(floor.acd.agent(AgentId(0)).unwrap().pending, None);
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Agent));
    floor.say(|acd, now| acd.end_wrap_up(now, AgentId(0)));
    assert!(floor.acd.agent(AgentId(0)).unwrap().routable);
}

#[test]
fn logging_out_waits_for_a_talk_and_withdraws_a_ringing_call() {
    let mut floor = Floor::staffed(config(2));
    floor.talk(1); // agent 0
    floor.say(|acd, now| acd.log_out(now, AgentId(0), Actor::Agent));
    assert_eq!(floor.stand(0), (Presence::READY, Activity::Talking));
    let offer = floor.ring(2); // agent 1
    floor.say(|acd, now| acd.log_out(now, AgentId(1), Actor::Agent));
    assert_eq!(floor.stand(1), (Presence::LoggedOut, Activity::Idle));
    assert_eq!(floor.result_of(offer), Some(OfferResult::CancelledStatus));
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Caller));
    floor.pass(secs(15));
    assert_eq!(floor.stand(0), (Presence::LoggedOut, Activity::Idle));
}

#[test]
fn a_command_given_on_an_old_picture_is_refused() {
    let mut floor = Floor::staffed(config(1));
    let seen = floor.acd.agent(AgentId(0)).unwrap().epoch;
    floor.ring(1);
    let lunch = |acd: &mut Acd, now, epoch| {
        acd.set_status(now, AgentId(0), Status::Lunch, Actor::Supervisor, epoch)
    };
    assert_eq!(floor.say(|acd, now| lunch(acd, now, Some(seen))), Err(StatusError::Stale));
    assert_eq!(floor.activity(0), Activity::Ringing);
    let seen = floor.acd.agent(AgentId(0)).unwrap().epoch;
    assert_eq!(floor.say(|acd, now| lunch(acd, now, Some(seen))), Ok(()));
    assert_eq!(floor.say(|acd, now| lunch(acd, now, None)), Ok(()));
}

#[test]
fn statuses_of_nobody_are_refused() {
    let mut floor = Floor::empty(config(1));
    let mut set = |agent| {
        floor.say(|acd, now| acd.set_status(now, AgentId(agent), Status::Ready, Actor::Agent, None))
    };
    assert_eq!(set(0), Err(StatusError::LoggedOut));
    assert_eq!(set(1), Err(StatusError::UnknownAgent));
}

// ---- phones ---------------------------------------------------------------------------------------------------------

#[test]
fn a_phone_lost_while_ringing_is_no_miss_and_back_soon_is_ready_again() {
    let mut floor = Floor::staffed(config(2));
    let offer = floor.ring(1);
    floor.say(|acd, now| acd.reachable(now, AgentId(0), false));
    assert_eq!(floor.withdrawn(offer), Some(Withdrawal::Unreachable));
    assert_eq!(floor.result_of(offer), Some(OfferResult::Unreachable));
    assert_eq!(floor.offered().unwrap().1, 1);
    assert_eq!(floor.stand(0), (Presence::READY, Activity::Idle));
    floor.say(|acd, now| acd.withdraw(now, CallId(1), Leaving::HungUp));
    floor.pass(secs(5));
    assert_eq!(floor.stand(0).0, Presence::Unreachable);
    floor.pass(secs(50));
    floor.say(|acd, now| acd.reachable(now, AgentId(0), true));
    assert!(floor.acd.agent(AgentId(0)).unwrap().routable);
    assert_eq!(floor.acd.agent(AgentId(0)).unwrap().misses, 0);
}

#[test]
fn a_phone_back_after_a_minute_needs_a_click() {
    let mut floor = Floor::staffed(config(1));
    floor.say(|acd, now| acd.reachable(now, AgentId(0), false));
    floor.pass(secs(61));
    let ready =
        |acd: &mut Acd, now| acd.set_status(now, AgentId(0), Status::Ready, Actor::Agent, None);
    assert_eq!(floor.say(ready), Err(StatusError::Unreachable));
    floor.say(|acd, now| acd.reachable(now, AgentId(0), true));
    assert_eq!(floor.stand(0).0, Presence::Unreachable);
    assert_eq!(floor.say(ready), Ok(()));
    assert!(floor.acd.agent(AgentId(0)).unwrap().routable);
}

#[test]
fn a_status_chosen_survives_a_lost_phone() {
    let mut floor = Floor::staffed(config(1));
    floor.set(0, Status::Training);
    floor.say(|acd, now| acd.reachable(now, AgentId(0), false));
    floor.pass(secs(300));
    assert_eq!(floor.stand(0).0, Presence::Chosen(Status::Training));
}

#[test]
fn a_phone_lost_in_a_talk_shows_when_the_talk_is_over() {
    let mut floor = Floor::staffed(config(1));
    floor.talk(1);
    floor.say(|acd, now| acd.reachable(now, AgentId(0), false));
    floor.pass(secs(10));
    assert_eq!(floor.stand(0), (Presence::READY, Activity::Talking));
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::System));
    floor.pass(secs(15));
    assert_eq!(floor.stand(0), (Presence::Unreachable, Activity::Idle));
}

#[test]
fn an_agent_without_a_phone_is_never_offered_a_call() {
    let mut floor = Floor::empty(config(1));
    floor.say(|acd, now| acd.log_in(now, AgentId(0)));
    floor.enqueue(1, CARDS);
    assert_eq!(floor.offered(), None);
    floor.pass(secs(3));
    floor.say(|acd, now| acd.reachable(now, AgentId(0), true));
    assert_eq!(floor.offered().unwrap().1, 0);
}

#[test]
fn a_call_of_the_phones_own_takes_the_agent_away() {
    let mut floor = Floor::staffed(config(2));
    let offer = floor.ring(1);
    floor.say(|acd, now| acd.outbound(now, AgentId(0), true));
    assert_eq!(floor.result_of(offer), Some(OfferResult::Glare));
    assert_eq!(floor.withdrawn(offer), Some(Withdrawal::PhoneBusy));
    assert_eq!((floor.activity(0), floor.offered().unwrap().1), (Activity::Outbound, 1));
    floor.set(0, Status::Huddle);
    assert_eq!(floor.stand(0), (Presence::READY, Activity::Outbound));
    floor.say(|acd, now| acd.outbound(now, AgentId(0), false));
    assert_eq!(floor.stand(0), (Presence::Chosen(Status::Huddle), Activity::Idle));
}

#[test]
fn a_second_line_opened_in_a_talk_outlives_it() {
    let mut floor = Floor::staffed(config(1));
    floor.talk(1);
    floor.say(|acd, now| acd.outbound(now, AgentId(0), true));
    assert_eq!(floor.activity(0), Activity::Talking);
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Caller));
    floor.pass(secs(15));
    assert_eq!(floor.activity(0), Activity::Outbound);
}

// ---- waits ----------------------------------------------------------------------------------------------------------

#[test]
fn a_wait_is_met_missed_or_excluded() {
    let mut floor = Floor::staffed(config(1));
    let offer = floor.answer(1);
    floor.pass(secs(4));
    floor.say(|acd, now| acd.connected(now, offer));
    let met = (WaitEnd::Connected(AgentId(0)), ServiceLevel::Met, secs(4));
    assert_eq!(floor.end_of(1), Some(met));
    floor.enqueue(2, CARDS);
    floor.enqueue(3, CARDS);
    floor.enqueue(4, CARDS);
    floor.pass(secs(4));
    floor.say(|acd, now| acd.withdraw(now, CallId(2), Leaving::HungUp));
    assert_eq!(floor.end_of(2), Some((WaitEnd::HungUp, ServiceLevel::Excluded, secs(4))));
    floor.pass(secs(1));
    floor.say(|acd, now| acd.withdraw(now, CallId(3), Leaving::HungUp));
    assert_eq!(floor.end_of(3), Some((WaitEnd::HungUp, ServiceLevel::Missed, secs(5))));
    let missed = Event::ServiceLevelMissed { call: CallId(4), queue: CARDS };
    floor.pass(secs(15));
    assert!(!floor.told.contains(&missed), "exactly T is in time");
    floor.pass(Duration::from_micros(1));
    assert!(floor.told.contains(&missed), "told at the instant, not at the end");
    floor.say(|acd, now| acd.withdraw(now, CallId(4), Leaving::Callback));
    let misses = floor.told.iter().filter(|event| **event == missed).count();
    assert_eq!((misses, floor.end_of(4).unwrap().1), (1, ServiceLevel::Missed));
}

#[test]
fn the_longest_wait_hands_the_call_back_but_lets_a_ringing_phone_finish() {
    let mut setting = config(2);
    setting.queues[0].max_wait = Some(secs(30));
    let mut floor = Floor::staffed(setting);
    floor.talk(1); // agent 0
    floor.talk(2); // agent 1
    floor.enqueue(3, CARDS);
    floor.enqueue(4, CARDS);
    floor.pass(secs(10));
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Caller));
    floor.pass(secs(15));
    let offer = floor.offer();
    floor.say(|acd, now| acd.ringing(now, offer));
    floor.pass(secs(5));
    assert_eq!(floor.end_of(3), None, "it rings for this one");
    assert_eq!(floor.end_of(4).unwrap().0, WaitEnd::MaxWait);
    floor.pass(secs(15));
    assert_eq!(floor.end_of(3).unwrap().0, WaitEnd::MaxWait, "bounded by the ring time-out");
}

#[test]
fn a_full_queue_turns_the_next_call_away() {
    let mut setting = config(1);
    setting.queues[0].length_max = 2;
    let mut floor = Floor::staffed(setting);
    for call in 1..=3 {
        floor.enqueue(call, CARDS);
    }
    floor.enqueue(4, LOANS);
    let full = (WaitEnd::Full, ServiceLevel::Missed, Duration::ZERO);
    assert_eq!((floor.end_of(2), floor.end_of(3), floor.end_of(4)), (None, Some(full), None));
    assert_eq!(floor.acd.queue(CARDS).unwrap().waiting, 2);
}

#[test]
fn calls_are_handed_back_when_nobody_at_work_could_ever_serve_them() {
    let mut setting = config(2);
    setting.agents[0].queues.insert(CARDS);
    setting.agents[1].queues.insert(LOANS);
    let mut floor = Floor::staffed(setting);
    floor.talk(1); // agent 0
    floor.enqueue(2, CARDS);
    floor.set(1, Status::Lunch);
    floor.enqueue(3, LOANS);
    floor.say(|acd, now| acd.log_out(now, AgentId(0), Actor::Agent));
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Caller));
    floor.say(|acd, now| acd.end_wrap_up(now, AgentId(0)));
    floor.pass(secs(29));
    assert_eq!(floor.end_of(2), None);
    floor.pass(secs(1));
    assert_eq!(floor.end_of(2).unwrap().0, WaitEnd::NoAgents);
    assert_eq!(floor.end_of(3), None, "lunch ends");
    floor.enqueue(4, CARDS);
    assert_eq!(floor.end_of(4).unwrap().0, WaitEnd::NoAgents, "nobody for long: at once");
}

#[test]
fn a_call_that_comes_during_the_grace_is_handed_back_at_its_end() {
    let mut floor = Floor::staffed(config(1));
    let offer = floor.ring(1);
    floor.say(|acd, now| acd.log_out(now, AgentId(0), Actor::Agent));
    assert_eq!(floor.result_of(offer), Some(OfferResult::CancelledStatus));
    floor.pass(secs(20));
    floor.enqueue(2, LOANS);
    floor.pass(secs(10));
    assert_eq!(floor.end_of(1).unwrap(), (WaitEnd::NoAgents, ServiceLevel::Missed, secs(30)));
    assert_eq!(floor.end_of(2).unwrap(), (WaitEnd::NoAgents, ServiceLevel::Missed, secs(10)));
}

#[test]
fn somebody_who_logs_in_during_the_grace_saves_the_waiting() {
    let mut floor = Floor::staffed(config(2));
    floor.talk(1);
    for agent in [0, 1] {
        floor.say(|acd, now| acd.log_out(now, AgentId(agent), Actor::Agent));
    }
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Caller));
    floor.say(|acd, now| acd.end_wrap_up(now, AgentId(0)));
    floor.enqueue(2, CARDS);
    floor.pass(secs(20));
    floor.say(|acd, now| acd.log_in(now, AgentId(1)));
    assert_eq!(floor.offered().map(|(_, agent, call)| (agent, call)), Some((1, 2)));
}

#[test]
fn without_a_grace_calls_wait_for_the_morning() {
    let mut setting = config(1);
    setting.no_agents_grace = Duration::ZERO;
    let mut floor = Floor::empty(setting);
    floor.enqueue(1, CARDS);
    floor.pass(secs(3_600));
    assert_eq!(floor.end_of(1), None);
}

#[test]
fn the_picture_of_a_queue_counts_each_agent_once() {
    let mut floor = Floor::staffed(config(4));
    floor.talk(1);
    floor.ring(2);
    floor.set(2, Status::Huddle);
    floor.pass(secs(3));
    floor.enqueue(3, CARDS);
    let view = floor.acd.queue(CARDS).unwrap();
    let expected =
        AgentCounts { talking: 1, ringing: 1, away: 1, reserved: 1, ..AgentCounts::default() };
    assert_eq!((view.waiting, view.agents), (2, expected));
    assert_eq!(view.oldest, Some(floor.now - secs(3)));
    assert_eq!(floor.acd.queue(QueueId(9)), None);
}

// ---- calls that come by another way than matching -------------------------------------------------------------------

#[test]
fn a_call_that_is_handed_over_has_one_agent_at_any_moment() {
    let mut floor = Floor::staffed(config(2));
    floor.talk(1);
    let (from, to) = (AgentId(0), AgentId(1));
    assert!(!floor.acd.hand_over(floor.now, CallId(1), to), "nobody has asked him");
    floor.say(|acd, now| acd.engage(now, to, CallId(1), Engagement::Rung).unwrap());
    floor.enqueue(2, CARDS);
    assert_eq!(floor.acd.agent(to).unwrap().activity, Activity::Ringing, "no offer comes");
    floor.say(|acd, now| acd.manner(now, CallId(1), Manner::Consult));
    floor.say(|acd, now| acd.engaged(now, to, CallId(1), Engagement::Consult));
    floor.say(|acd, now| assert!(acd.hand_over(now, CallId(1), to)));
    assert_eq!(floor.acd.agent(from).unwrap().activity, Activity::WrapUp);
    let taken = floor.acd.agent(to).unwrap();
    assert_eq!((taken.activity, taken.call), (Activity::Talking, Some(CallId(1))));
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Caller));
    assert_eq!(floor.acd.agent(to).unwrap().activity, Activity::WrapUp);
}

#[test]
fn only_a_free_and_ready_agent_can_be_asked_and_he_keeps_his_place() {
    let mut floor = Floor::staffed(config(2));
    floor.set(1, Status::Lunch);
    let ask = |floor: &mut Floor, agent, manner| {
        let answer = floor.acd.engage(floor.now, AgentId(agent), CallId(9), manner);
        floor.say(|_, _| {});
        answer
    };
    let lunch = Presence::Chosen(Status::Lunch);
    assert_eq!(ask(&mut floor, 1, Engagement::Rung), Err(NotFree::Away(lunch)));
    assert_eq!(ask(&mut floor, 1, Engagement::Supervising), Ok(()));
    assert_eq!(ask(&mut floor, 7, Engagement::Rung), Err(NotFree::Unknown));
    assert_eq!(ask(&mut floor, 0, Engagement::Rung), Ok(()));
    let busy = NotFree::Busy(Activity::Ringing);
    assert_eq!(ask(&mut floor, 0, Engagement::Rung), Err(busy));
    floor.enqueue(1, CARDS);
    floor.say(|acd, now| acd.disengage(now, AgentId(0)));
    assert_eq!(floor.acd.agent(AgentId(0)).unwrap().call, Some(CallId(1)), "free: matched at once");
}
