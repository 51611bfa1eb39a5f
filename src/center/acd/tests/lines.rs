//! Lines of waiting calls: places, and forecasts of what is ahead.

use super::*;

fn ask(floor: &mut Floor, call: u64, requires: Requirement, priority: i32) {
    let waiting = Waiting { requires, priority, ..floor.waiting(call, CARDS) };
    floor.say(|acd, now| acd.enqueue(now, waiting));
}

fn english() -> Requirement {
    Requirement::all_of([ENGLISH])
}

/// Two agents who speak English and one who doesn't, all busy with something else for now.
fn busy_floor(stages: Vec<Stage>) -> Floor {
    let mut setting = config(3);
    for agent in &mut setting.agents[..2] {
        agent.skills = BTreeMap::from([(ENGLISH, 1)]);
    }
    setting.queues[0].stages = stages;
    let mut floor = Floor::staffed(setting);
    for agent in (0..3).map(AgentId) {
        let engage = |acd: &mut Acd, now| acd.engage(now, agent, CallId(90), Engagement::Consult);
        floor.say(engage).unwrap();
    }
    floor
}

#[test]
fn older_calls_are_ahead_whichever_stages_they_have_come_through() {
    let forecast = |stages: Vec<Stage>, fourth_after: u64| {
        let mut floor = busy_floor(stages);
        floor.set(2, Status::Lunch);
        for call in 1..=3 {
            ask(&mut floor, call, english(), 0);
        }
        floor.pass(secs(fourth_after));
        ask(&mut floor, 4, english(), 0);
        floor.acd.estimate(CallId(4)).expect("three are ahead")
    };
    // Four talks of four minutes, two at a time.
    let plain = forecast(Vec::new(), 25);
    assert_eq!(plain.mean, secs(480));
    let relax = Relax::Drop(BTreeSet::from([ENGLISH]));
    let staged = vec![Stage { after: secs(20), relax }];
    assert_eq!(forecast(staged.clone(), 15), plain, "all are in the same step");
    assert_eq!(forecast(staged, 25), plain, "three have come through a stage, and are ahead");
}

#[test]
fn calls_that_require_something_else_share_the_agents_and_are_not_ahead() {
    let mut floor = busy_floor(Vec::new());
    for call in 1..=3 {
        ask(&mut floor, call, english(), 0);
    }
    let alone = floor.acd.estimate(CallId(3)).unwrap().mean;
    ask(&mut floor, 4, Requirement::anyone(), 0);
    assert_eq!(floor.acd.estimate(CallId(3)).unwrap().mean, 2 * alone, "half of each agent");
}

#[test]
fn a_place_is_counted_over_a_whole_queue_and_told_of_everybody_in_it() {
    let mut setting = config(1);
    setting.queues[0].length_max = 2_000;
    let mut floor = Floor::empty(setting);
    let mut keys = Vec::new();
    for call in 0..2_000_u64 {
        // Head starts of all sizes, and two kinds of calls.
        let priority = i32::try_from(call * 7_919 % 1_000).unwrap();
        let requires = if call % 3 == 0 { english() } else { Requirement::anyone() };
        let waiting = Waiting { requires, priority, ..floor.waiting(call, CARDS) };
        floor.acd.enqueue(floor.now, waiting);
        keys.push((1_000 - priority, call));
    }
    floor.drain();
    keys.sort_unstable();
    for (at, (_, call)) in keys.iter().enumerate() {
        assert_eq!(floor.acd.position(CallId(*call)), Some(at + 1));
    }
    assert!(floor.acd.is_full(CARDS) && !floor.acd.is_full(LOANS));
}
