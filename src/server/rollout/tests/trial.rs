//! The trial of a flow: from real calls through a stage to the next, its decisions counted again, its breaker, and what
//! people read of it.

use super::*;

/// Callers of `bank` try `bank-next`.
const TRIAL: &str = r#"
name = "greeting"
candidate = "bank-next"
version = "2026-03"
holdout = 5

[[stages]]
name = "half"
share = "1/2"
min_days = 1
max_days = 14
promote = "auto"

[[stages]]
name = "all"
share = "all"
min_days = 1
max_days = 14
promote = "auto"

[analysis]
alpha = 0.05

[[metrics]]
name = "resolved"
measure = "resolved"
role = { guardrail = { margin = 0.12 } }
window_secs = 86400
expected = { share = 0.80 }

[[metrics]]
name = "early_hangup"
measure = "early_hangup"
role = { guardrail = { margin = 0.08, rollback = true } }
window_secs = 3600
expected = { share = 0.05 }

[[metrics]]
name = "time_to_done"
measure = "time_to_done"
role = { guardrail = { margin = 1.20 } }
expected = { spread = 0.6 }

[[metrics]]
name = "human_seconds"
measure = "human_seconds"
role = { success = { required = false } }
window_secs = 3600
expected = { spread = 60.0 }
"#;

fn begun(text: &str) -> World {
    let mut world = World::new(Place::file(), plan(text));
    world.order(Order::Start, "head", "").expect("it has not begun");
    world
}

#[test]
fn a_flow_goes_through_a_stage_on_real_records_and_every_decision_is_counted_again() {
    let mut world = begun(TRIAL);
    assert_eq!(world.share(), Some(Share::Half), "the next draw is at the first stage's share");
    run_until(&mut world, 14, in_stage(1));
    assert_eq!((world.share(), verdicts(&world)), (Some(Share::All), vec!["started", "promote"]));
    let contacts = world.drawn(Timestamp::EPOCH);
    let of = |arm: Arm| contacts.iter().filter(move |contact| contact.arms[0].arm == arm).count();
    assert!(of(Arm::Bot) > 500 && of(Arm::People) > 500, "{} {}", of(Arm::Bot), of(Arm::People));

    let log = world.log();
    let looked: Vec<_> = log.decisions.iter().filter(|k| k.decision.figures.is_some()).collect();
    assert!(!looked.is_empty(), "days were decided on figures");
    for kept in looked {
        assert!(log.reproduces(&kept.decision, &kept.whole), "{}", kept.decision);
        let text = kept.decision.explain(&log.plans[&*kept.decision.plan]);
        assert!(text.contains("callers: new flow ") && text.contains(", present flow "), "{text}");
        assert!(text.contains("resolved (guardrail, margin 12.0 points): new flow "), "{text}");
        assert!(!text.contains("bot ") && !text.contains("people"), "of nobody else: {text}");
    }
    // A restart goes on from the log.
    let before = (world.state(), world.share());
    world.restart();
    assert_eq!((world.state(), world.share()), before);
}

#[test]
fn what_programs_and_people_are_shown_names_both_flows_and_no_bot() {
    let mut world = begun(TRIAL);
    world.hours(30);
    let views = world.steward.views(world.now);
    let view = serde_json::to_value(&views[0]).unwrap();
    let names = ["tried", "bot", "flow", "candidate"].map(|key| view[key].clone());
    assert_eq!(names, ["flow".into(), serde_json::Value::Null, "bank".into(), "bank-next".into()]);
    world.flush();
    let zone = jiff::tz::TimeZone::UTC;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let roadmap = roadmap(&world.reader, &views, world.now, &zone, 1);
    let roadmap = serde_json::to_value(runtime.block_on(roadmap).unwrap()).unwrap();
    let row = &roadmap["options"][0];
    assert_eq!((&row["name"], &row["tried"]), (&"greeting".into(), &"flow".into()));
    let drawn = row["months"][0]["bot"].as_u64().unwrap();
    let total = &roadmap["total"][0];
    assert!(drawn > 500 && total["calls"].as_u64().unwrap() > drawn, "{roadmap}");
    assert_eq!(total["bot"], 0, "the new flow's callers are no bot's");
}

#[test]
fn nobody_is_torn_out_of_a_flow_but_new_callers_can_be_taken_back() {
    let mut world = begun(TRIAL);
    let refused = world.order(Order::DrainNow, "head", "it lies").unwrap_err();
    assert!(refused.contains("abort sends new callers to the present one"), "{refused}");
    assert_eq!(world.share(), Some(Share::Half), "nothing has changed");
    world.order(Order::Abort, "head", "it lies").expect("it has callers");
    assert_eq!(world.share(), None);
    assert!(world.steered.iter().all(|(_, steering)| !steering.drain));
}

#[test]
fn a_flow_that_runs_in_circles_trips_the_breaker_and_is_taken_back_for_good() {
    let quiet = "[breaker]\nwindow_secs = 1800\ncalls_min = 10\n\n[analysis]";
    let sound = TRIAL.replace("[analysis]", quiet);
    let mut world = begun(&sound);
    world.hours(6);
    assert_eq!(verdicts(&world), ["started"], "a sound flow has no bad calls");
    let mut world = begun(&sound.replace("bank-next", "bank-lost"));
    world.hours(2);
    let log = world.log_after_flush();
    let trip = log.iter().find_map(|decision| {
        let Verdict::Tripped(trip) = decision.verdict else { return None };
        Some((trip.trouble, trip.bad == trip.of))
    });
    assert_eq!(trip, Some((Trouble::Errors, true)), "{log:?}");
    run_until(&mut world, 1, |state| matches!(state, State::RolledBack(..)));
    assert_eq!(world.share(), None);
}

#[test]
fn another_present_flow_or_salt_sets_the_trial_aside() {
    let world = {
        let mut world = begun(TRIAL);
        world.hours(1);
        world.flush();
        world
    };
    let own = rollout(&world.plan);
    let (present, candidate) = ("bank-of-others".into(), "bank-next".into());
    let tried = dozvon_center::rollout::Tried::Flow { present, candidate };
    let elsewhere = Rollout { tried, ..own.clone() };
    for (rollout, word) in [(own, "running"), (elsewhere, "set_aside")] {
        let rollouts = BTreeMap::from([(Arc::clone(&world.plan.name), rollout)]);
        let mut steward = Steward::new(std::slice::from_ref(&world.plan), &rollouts);
        steward.restore(world.now, 0, world.log());
        let view = serde_json::to_value(steward.views(world.now)).unwrap();
        assert_eq!(view[0]["state"], word);
    }
}
