//! Ways to fool oneself, each with the figure that it would have given and what the product makes of it.

use super::world::{Draws, Truth, World, at, plan};
use dozvon_center::ids::CallId;
use dozvon_center::rollout::decide::Machine;
use dozvon_center::rollout::decision::{Reason, Verdict};
use dozvon_center::rollout::evidence::{Evidence, Hours, Known, Observation, Stratum};
use dozvon_center::rollout::plan::DAY;
use dozvon_center::rollout::stats::{Pair, Sums, Value, difference};
use dozvon_center::rollout::weigh::Figures;
use dozvon_center::rollout::{Arm, Share};
use std::sync::Arc;

/// A group of callers alike: so many, of them so many resolved.
struct Group {
    arm: Arm,
    share: Share,
    week: u32,
    n: u64,
    resolved: u64,
}

fn group(arm: Arm, share: Share, week: u32, n: u64, resolved: u64) -> Group {
    Group { arm, share, week, n, resolved }
}

fn observations(groups: &[Group]) -> Vec<Observation> {
    let mut calls = Vec::new();
    for group in groups {
        for n in 0..group.n {
            let number = calls.len() as u64;
            let week = Stratum::week_of(at(0), 0) + group.week;
            let value = Some(Value::yes(n < group.resolved));
            calls.push(Observation {
                call: CallId(number),
                at: at(0),
                subject: number,
                arm: group.arm,
                share: group.share,
                delivered: true,
                stratum: Stratum { week, hours: Hours::Working, group: "all".into() },
                outcomes: vec![Known { metric: 0, at: at(0) + DAY, value }],
            });
        }
    }
    calls
}

fn figures(stage: usize, calls: &[Observation]) -> Figures {
    let plan = plan();
    let evidence = Evidence::gather(&plan, stage, at(0), at(48), calls);
    Figures::of(&plan, &evidence)
}

/// The difference in points, as somebody would compute it who adds everything up.
fn added_up(calls: &[Observation]) -> f64 {
    let mut all = Pair::default();
    for call in calls {
        let value = call.outcomes[0].value.expect("all are decided");
        match call.arm {
            Arm::Bot => all.bot.add(value),
            Arm::People => all.people.add(value),
        }
    }
    difference::of_shares(&[all]).d * 100.0
}

#[test]
fn simpson_an_equal_bot_looks_seven_points_worse_when_stages_are_pooled() {
    // A good week with a tenth for the bot, then a bad one with half: 86 % and 70 % whoever serves.
    let calls = observations(&[
        group(Arm::Bot, Share::Tenth, 0, 1_000, 860),
        group(Arm::People, Share::Tenth, 0, 9_000, 7_740),
        group(Arm::Bot, Share::Half, 1, 5_000, 3_500),
        group(Arm::People, Share::Half, 1, 5_000, 3_500),
    ]);
    let pooled = added_up(&calls);
    assert!((-8.0..-7.0).contains(&pooled), "{pooled}");
    for (stage, callers) in [(0, 10_000), (2, 10_000)] {
        let figures = figures(stage, &calls);
        let difference = figures.metrics[0].difference.unwrap();
        assert!(difference.d.abs() < 1e-12, "{difference:?}");
        let counted = figures.callers;
        assert_eq!(counted.bot + counted.people, callers, "one stage's callers only");
        assert_eq!(counted.other_share, 10_000);
    }
}

#[test]
fn simpson_within_a_stage_weeks_are_strata() {
    // The same within one stage: a capacity bound gave the bot few callers in the good week.
    let calls = observations(&[
        group(Arm::Bot, Share::Half, 0, 1_000, 860),
        group(Arm::People, Share::Half, 0, 9_000, 7_740),
        group(Arm::Bot, Share::Half, 1, 5_000, 3_500),
        group(Arm::People, Share::Half, 1, 5_000, 3_500),
    ]);
    assert!(added_up(&calls) < -7.0);
    let difference = figures(2, &calls).metrics[0].difference.unwrap();
    assert!(difference.d.abs() < 1e-12, "{difference:?}");
}

#[test]
fn as_treated_a_bot_that_keeps_the_easy_calls_looks_better_than_people() {
    // 30 % of calls are hard. People resolve 84.3 % of the easy ones and 70 % of the hard ones: 80 % in all. The bot
    // resolves 79.6 % of the easy ones and passes the hard ones on, of which 68.5 % are then resolved: 76.3 %.
    let calls = observations(&[
        group(Arm::People, Share::Half, 0, 70_000, 59_000),
        group(Arm::People, Share::Half, 0, 30_000, 21_000),
        group(Arm::Bot, Share::Half, 0, 70_000, 55_752),
        group(Arm::Bot, Share::Half, 0, 30_000, 20_550),
    ]);
    // "Calls that the bot kept" against "calls that people took", the bot's arm's hard ones among them.
    let kept = Sums::of_yes(55_752, 70_000);
    let taken = Sums::of_yes(59_000 + 21_000 + 20_550, 130_000);
    let as_treated = 100.0 * (kept.mean() - taken.mean());
    assert!((as_treated - 2.3).abs() < 0.05, "{as_treated}");
    let difference = figures(2, &calls).metrics[0].difference.unwrap();
    assert!((100.0 * difference.d - -3.7).abs() < 0.05, "{difference:?}");
}

#[test]
fn lost_records_make_a_bad_bot_look_equal_and_halt_the_rollout() {
    // 7 points worse, but four of five of the bot's failures crash before they are written down.
    let truth = Truth { lost: 0.8, ..Truth::new(-0.07) };
    let fresh = Machine::new(Arc::new(plan())).unwrap();
    let draws = Draws::new();
    let mut halted = 0;
    for seed in 0..50 {
        let mut world = World::new(&fresh, &draws, truth, seed);
        world.run(60);
        halted += u32::from(world.log.iter().any(|d| d.verdict == Verdict::Halted));
        let last = world.log.last().unwrap();
        assert_ne!(last.after.as_str(), "completed", "seed {seed}: {last}");
    }
    assert!(halted >= 48, "{halted} of 50");
}

#[test]
fn a_bot_that_is_often_not_reached_is_not_promoted_on_the_strength_of_people() {
    // Ten points worse where it is reached, and every third call goes to people at once.
    let truth = Truth { missed: 0.33, ..Truth::new(-0.10) };
    let fresh = Machine::new(Arc::new(plan())).unwrap();
    let draws = Draws::new();
    for seed in 0..20 {
        let mut world = World::new(&fresh, &draws, truth, seed);
        world.run(60);
        assert!(world.log.iter().all(|d| d.verdict != Verdict::Promoted), "seed {seed}");
        let told = world.log.iter().any(|d| d.verdict == Verdict::Held(Reason::NotDelivered));
        assert!(told, "seed {seed}: {}", world.log.last().unwrap());
    }
}

#[test]
fn at_all_with_a_holdout_drift_is_seen() {
    let mut small = plan();
    small.stages.drain(1..3);
    let fresh = Machine::new(Arc::new(small)).unwrap();
    let draws = Draws::new();
    let mut ends = [0, 0];
    for (end, drift) in ends.iter_mut().zip([0.0, -0.08]) {
        for seed in 0..10 {
            let mut world = World::new(&fresh, &draws, Truth::new(0.0), seed);
            world.run(14);
            if world.machine.admits() != Some(Share::All) {
                continue;
            }
            // The bot's model is replaced behind everybody's back.
            world.truth.difference = drift;
            for _ in 0..40 * 24 {
                world.hour();
            }
            *end += u32::from(!world.machine.state().is_live());
        }
    }
    assert_eq!(ends[0], 0, "an equal bot stays");
    assert!(ends[1] >= 8, "8 points of drift are found within 40 days: {ends:?}");
}
