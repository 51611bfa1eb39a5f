//! Matching beyond the plain case: stages, reserves, tiers, orders, several phones, a preferred agent, and the reasons.

use super::*;
use crate::limits;

fn rung(floor: &Floor, call: u64) -> Vec<u32> {
    let of_call = |event: &Event| {
        let Event::Offer { call: of, agent, .. } = event else { return None };
        (of.0 == call).then_some(agent.0)
    };
    floor.told.iter().filter_map(of_call).collect()
}

fn english() -> Requirement {
    Requirement::all_of([ENGLISH])
}

fn ask(floor: &mut Floor, call: u64, queue: QueueId, requires: Requirement) {
    let waiting = Waiting { requires, ..floor.waiting(call, queue) };
    floor.say(|acd, now| acd.enqueue(now, waiting));
}

#[test]
fn a_stage_lets_others_have_the_call_at_its_time_and_in_its_old_place() {
    let mut setting = config(1);
    let relax = Relax::Drop(BTreeSet::from([ENGLISH]));
    setting.queues[0].stages = vec![Stage { after: secs(20), relax }];
    let mut floor = Floor::staffed(setting);
    ask(&mut floor, 1, CARDS, english());
    floor.pass(secs(19));
    assert!(rung(&floor, 1).is_empty());
    floor.pass(secs(1));
    assert_eq!(rung(&floor, 1), [0]);
    // An old time counts: who has waited for long elsewhere is in the last stage at once.
    let back = Waiting { enqueued_at: floor.now - secs(60), ..floor.waiting(2, CARDS) };
    let back = Waiting { requires: english(), ..back };
    floor.say(|acd, now| acd.enqueue(now, back));
    let offer = floor.offer();
    floor.say(|acd, now| acd.failed(now, offer, Failure::Declined));
    floor.pass(secs(10));
    assert_eq!(rung(&floor, 2), [0], "it came later and goes first, for it waited longer");
}

#[test]
fn nobody_is_given_up_while_a_stage_is_to_come() {
    let mut setting = config(1);
    let relax = Relax::To(Requirement::anyone());
    setting.queues[0].stages = vec![Stage { after: secs(60), relax }];
    let mut floor = Floor::empty(setting);
    floor.pass(secs(100));
    ask(&mut floor, 1, CARDS, english());
    floor.pass(secs(59));
    assert_eq!(floor.end_of(1), None);
    floor.pass(secs(1));
    assert_eq!(floor.end_of(1).map(|(why, ..)| why), Some(WaitEnd::NoAgents));
}

#[test]
fn the_last_who_speak_english_are_kept_for_those_who_need_them() {
    let mut setting = config(3);
    setting.agents[0].skills.insert(ENGLISH, 1);
    setting.agents[1].skills.insert(ENGLISH, 1);
    setting.reserves = vec![ReserveConfig { requires: english(), idle_min: 1, lasts: secs(10) }];
    let mut floor = Floor::staffed(setting);
    for call in 1..=3 {
        floor.enqueue(call, CARDS);
    }
    for offer in [1, 2].map(OfferId) {
        floor.say(|acd, now| acd.ringing(now, offer));
    }
    assert_eq!((rung(&floor, 1), rung(&floor, 2)), (vec![0], vec![2]), "the second is kept");
    let why = floor.acd.why(CallId(3)).unwrap();
    assert_eq!((why.state, why.agents.free, why.agents.kept), ("waiting", 1, 1));
    assert_eq!(why.next, [(floor.now + secs(10), "more_agents")]);
    ask(&mut floor, 4, CARDS, english());
    assert_eq!(rung(&floor, 4), [1], "who has nobody else gets the last one");
    floor.say(|acd, now| acd.withdraw(now, CallId(4), Leaving::HungUp));
    floor.pass(secs(10));
    assert_eq!(rung(&floor, 3), [1], "nobody is kept for ever");
}

#[test]
fn another_idle_one_lets_go_of_those_that_were_kept() {
    let mut setting = config(2);
    for agent in &mut setting.agents {
        agent.skills.insert(ENGLISH, 1);
    }
    setting.agents[1].queues.insert(LOANS);
    setting.agents.push(AgentConfig::new("anybody"));
    setting.reserves = vec![ReserveConfig { requires: english(), idle_min: 1, lasts: secs(900) }];
    let mut floor = Floor::empty(setting);
    floor.say(|acd, now| acd.reachable(now, AgentId(0), true));
    floor.say(|acd, now| acd.log_in(now, AgentId(0)));
    floor.enqueue(1, CARDS);
    assert!(rung(&floor, 1).is_empty());
    // He doesn't serve cards himself; but with two idle, the first may be had.
    floor.say(|acd, now| acd.reachable(now, AgentId(1), true));
    floor.say(|acd, now| acd.log_in(now, AgentId(1)));
    assert_eq!(rung(&floor, 1), [0]);
}

#[test]
fn a_smaller_tier_goes_before_whoever_waits() {
    let mut setting = config(1);
    setting.queues[1].tier = -1;
    let mut floor = Floor::staffed(setting);
    floor.talk(1);
    floor.enqueue(2, CARDS);
    floor.pass(secs(300));
    floor.enqueue(3, LOANS);
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Caller));
    floor.say(|acd, now| acd.end_wrap_up(now, AgentId(0)));
    assert_eq!(floor.offered().map(|(_, _, call)| call), Some(3));
}

#[test]
fn by_rank_the_smallest_is_first_and_by_occupancy_the_least_busy() {
    let mut setting = config(3);
    setting.queues[0].order = Order::Rank;
    setting.queues[1].order = Order::LeastOccupied;
    for (agent, rank) in setting.agents.iter_mut().zip([2, 1, 1]) {
        agent.rank = rank;
    }
    let mut floor = Floor::staffed(setting);
    floor.talk(1);
    assert_eq!(rung(&floor, 1), [1], "rank 1, idle for longer than the other");
    floor.pass(secs(600));
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Caller));
    floor.say(|acd, now| acd.end_wrap_up(now, AgentId(1)));
    floor.pass(secs(3_000));
    floor.enqueue(2, LOANS);
    assert_eq!(rung(&floor, 2), [0], "who has done nothing yet");
    floor.enqueue(3, LOANS);
    floor.enqueue(4, LOANS);
    assert_eq!(rung(&floor, 4), [1], "who worked ten minutes is last, however long he rested");
}

#[test]
fn a_missed_offer_puts_an_agent_behind_all_others_however_little_he_did() {
    let mut setting = config(2);
    setting.queues[0].order = Order::LeastOccupied;
    setting.rona_cooldown = Duration::ZERO;
    setting.skip = Duration::ZERO;
    let mut floor = Floor::staffed(setting);
    floor.talk(1);
    floor.pass(secs(1_200));
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Caller));
    floor.say(|acd, now| acd.end_wrap_up(now, AgentId(0)));
    floor.ring(2);
    assert_eq!(rung(&floor, 2), [1]);
    floor.pass(secs(20));
    assert_eq!(rung(&floor, 2), [1, 0]);
}

#[test]
fn the_first_answer_of_several_phones_wins_and_the_others_keep_their_places() {
    let mut setting = config(4);
    setting.queues[0].ring = Ring::Parallel(3);
    let mut floor = Floor::staffed(setting);
    floor.enqueue(1, CARDS);
    assert_eq!(rung(&floor, 1), [0, 1, 2]);
    for offer in [1, 2, 3].map(OfferId) {
        floor.say(|acd, now| acd.ringing(now, offer));
    }
    let answer = floor.say(|acd, now| acd.answered(now, OfferId(2)));
    assert_eq!(answer, Answer::Accepted { call: CallId(1), agent: AgentId(1) });
    for offer in [1, 3].map(OfferId) {
        assert_eq!(floor.result_of(offer), Some(OfferResult::LostRace));
        assert_eq!(floor.withdrawn(offer), Some(Withdrawal::LostRace));
        assert_eq!(floor.say(|acd, now| acd.answered(now, offer)), Answer::Stale);
    }
    assert_eq!(floor.acd.agent(AgentId(0)).unwrap().misses, 0);
    floor.enqueue(2, LOANS);
    assert_eq!(rung(&floor, 2), [0], "a race lost costs no place");
}

#[test]
fn a_call_that_several_phones_ring_for_waits_on_only_when_the_last_is_silent() {
    let mut setting = config(2);
    setting.queues[0].ring = Ring::Broadcast;
    let mut floor = Floor::staffed(setting);
    floor.enqueue(1, CARDS);
    for offer in [1, 2].map(OfferId) {
        floor.say(|acd, now| acd.ringing(now, offer));
    }
    floor.say(|acd, now| acd.failed(now, OfferId(1), Failure::Declined));
    assert_eq!(floor.acd.why(CallId(1)).unwrap().with, [AgentId(1)]);
    floor.pass(secs(20));
    assert_eq!(floor.result_of(OfferId(2)), None, "the last one may still answer late");
    assert_eq!(floor.acd.why(CallId(1)).unwrap().state, "waiting");
    assert!(matches!(floor.say(|acd, now| acd.answered(now, OfferId(2))), Answer::Accepted { .. }));
}

#[test]
fn who_becomes_free_beside_a_ringing_call_rings_along() {
    let mut setting = config(2);
    setting.queues[0].ring = Ring::Broadcast;
    let mut floor = Floor::staffed(setting);
    floor.set(1, Status::Lunch);
    floor.enqueue(1, CARDS);
    assert_eq!(rung(&floor, 1), [0]);
    floor.set(1, Status::Ready);
    assert_eq!(rung(&floor, 1), [0, 1]);
    floor.say(|acd, now| acd.withdraw(now, CallId(1), Leaving::HungUp));
    assert_eq!((floor.activity(0), floor.activity(1)), (Activity::Idle, Activity::Idle));
}

#[test]
fn at_most_so_many_phones_ring_for_one_call_as_the_bound_says() {
    let mut setting = config(limits::RINGS_MAX + 2);
    setting.queues[0].ring = Ring::Broadcast;
    let mut floor = Floor::staffed(setting);
    floor.enqueue(1, CARDS);
    assert_eq!(rung(&floor, 1).len(), limits::RINGS_MAX);
}

#[test]
fn a_caller_waits_for_his_agent_for_a_while_and_only_while_he_would_come() {
    let mut floor = Floor::staffed(config(2));
    floor.talk(1);
    let prefers = |floor: &mut Floor, call| {
        let preferred = Some((AgentId(0), secs(20)));
        let waiting = Waiting { preferred, ..floor.waiting(call, CARDS) };
        floor.say(|acd, now| acd.enqueue(now, waiting));
    };
    prefers(&mut floor, 2);
    assert_eq!(floor.acd.why(CallId(2)).unwrap().held_for, Some(AgentId(0)));
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Caller));
    floor.say(|acd, now| acd.end_wrap_up(now, AgentId(0)));
    assert_eq!(
        rung(&floor, 2),
        [0],
        "he is free: the call is his, though another is idle for longer"
    );
    prefers(&mut floor, 3);
    floor.pass(secs(2));
    assert_eq!(rung(&floor, 3), [1], "his phone never rang: he is out, and nobody waits for him");
    let mut floor = Floor::staffed(config(2));
    floor.talk(1);
    prefers(&mut floor, 2);
    floor.pass(secs(20));
    assert_eq!(rung(&floor, 2), [1], "long enough");
    prefers(&mut floor, 3);
    floor.set(0, Status::Lunch);
    floor.say(|acd, now| acd.ended(now, CallId(1), Side::Caller));
    floor.say(|acd, now| acd.end_wrap_up(now, AgentId(0)));
    assert_eq!(floor.acd.why(CallId(3)).unwrap().state, "waiting", "he went to lunch");
}

/// Agent 0 talks, the other is idle; then his phone is gone and the talk with it.
fn broken_talk(floor: &mut Floor) {
    floor.talk(1);
    floor.say(|acd, now| acd.reachable(now, AgentId(0), false));
    floor.say(|acd, now| acd.let_go(now, CallId(1)));
    floor.say(|acd, now| acd.requeue(now, CallId(1), Some(AgentId(0))));
    assert_eq!(floor.acd.why(CallId(1)).unwrap().held_for, Some(AgentId(0)));
}

#[test]
fn a_call_whose_talk_broke_waits_for_the_same_agent_while_he_may_be_back() {
    let mut floor = Floor::staffed(config(2));
    broken_talk(&mut floor);
    floor.pass(secs(10));
    floor.say(|acd, now| acd.end_wrap_up(now, AgentId(0)));
    assert_eq!(floor.stand(0).0, Presence::Unreachable);
    assert_eq!(rung(&floor, 1), [0], "nobody else is asked, for he may be back");
    floor.say(|acd, now| acd.reachable(now, AgentId(0), true));
    assert_eq!(rung(&floor, 1), [0, 0]);
    let mut floor = Floor::staffed(config(2));
    broken_talk(&mut floor);
    floor.pass(secs(20));
    assert_eq!(rung(&floor, 1), [0, 1], "long enough");
    let mut floor = Floor::staffed(config(2));
    broken_talk(&mut floor);
    floor.set(0, Status::Lunch);
    floor.say(|acd, now| acd.end_wrap_up(now, AgentId(0)));
    assert_eq!(rung(&floor, 1), [0, 1], "he went to lunch");
}

#[test]
fn a_talk_that_broke_gives_its_next_wait_a_bounded_head_start() {
    let mut floor = Floor::staffed(config(1));
    let came = floor.now;
    floor.talk(1);
    let earlier = Waiting { enqueued_at: came - secs(50), ..floor.waiting(2, CARDS) };
    floor.say(|acd, now| acd.enqueue(now, earlier));
    floor.say(|acd, now| acd.let_go(now, CallId(1)));
    floor.say(|acd, now| acd.requeue(now, CallId(1), None));
    assert_eq!(floor.acd.position(CallId(1)), Some(2), "passed on in vain: the old place");
    let mut setting = config(1);
    setting.queues[0].interrupted_boost = limits::BOOST_MAX - secs(1);
    let target = setting.queues[0].service_level;
    let mut floor = Floor::staffed(setting);
    let came = floor.now;
    let mut due = Vec::new();
    for round in 0..2 {
        if round == 0 {
            floor.talk(1);
        } else {
            floor.say(|acd, now| acd.end_wrap_up(now, AgentId(0)));
            let offer = floor.offer();
            floor.say(|acd, now| acd.answered(now, offer));
            floor.say(|acd, now| acd.connected(now, offer));
        }
        floor.say(|acd, now| acd.let_go(now, CallId(1)));
        floor.say(|acd, now| acd.requeue(now, CallId(1), Some(AgentId(0))));
        due.push(floor.acd.why(CallId(1)).unwrap().due);
    }
    let first = came + target - limits::BOOST_MAX;
    assert_eq!(due, [first + secs(1), first], "head starts add up to an hour at most");
}

#[test]
fn who_is_asked_first_by_a_colleague_follows_the_queues_order() {
    let mut setting = config(2);
    setting.queues[1].order = Order::Rank;
    (setting.agents[0].rank, setting.agents[1].rank) = (2, 1);
    let floor = Floor::staffed(setting);
    let first = |queue| floor.acd.free_agent(queue, AgentId(9)).map(|agent| agent.0);
    assert_eq!((first(CARDS), first(LOANS)), (Some(0), Some(1)));
}

#[test]
fn an_offer_has_its_reasons() {
    let mut setting = config(2);
    setting.agents[1].skills.insert(ENGLISH, 1);
    let mut floor = Floor::staffed(setting);
    floor.enqueue(1, CARDS);
    let why = floor.acd.why(CallId(1)).unwrap();
    let decision = why.decision.expect("it is offered");
    assert_eq!((decision.agent, decision.found), (AgentId(0), Found::ByCall));
    let other = Passed { who: Candidate::Agent(AgentId(1)), why: PassedBy::Later };
    assert_eq!(decision.passed, [other]);
    assert_eq!((why.state, why.with), ("offered", vec![AgentId(0)]));
    ask(&mut floor, 2, CARDS, english());
    floor.enqueue(3, CARDS);
    floor.say(|acd, now| acd.withdraw(now, CallId(2), Leaving::HungUp));
    let decision = floor.acd.why(CallId(3)).unwrap().decision.expect("it is offered");
    assert_eq!((decision.agent, decision.found), (AgentId(1), Found::ByAgent));
    assert_eq!(floor.acd.why(CallId(9)), None);
}
