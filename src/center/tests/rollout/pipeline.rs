//! A thousand rollouts each of an equal bot, one 5 points worse and one 10 points worse, hour by hour.
//!
//! The bounds are promises; the figures got are written beside them. With n runs and the true rate p a count is within
//! `4 √(n p (1-p))` of `n p` but once in 16,000: 0.8 of 1,000 is 800 ± 51, 0.99 is 990 ± 13, 0.05 is 50 ± 28.

use super::world::{Draws, Truth, World, plan};
use dozvon_center::rollout::decide::Machine;
use dozvon_center::rollout::decision::{State, Verdict};
use std::sync::Arc;

const RUNS: u64 = 1_000;

/// How the runs ended, and what was seen on the way.
#[derive(Debug, Default)]
struct Ends {
    all: u64,
    rolled_back: u64,
    stopped: u64,
    halted: u64,
    /// Runs whose first stage has passed.
    past_canary: u64,
    /// Runs in which a test at a fixed level, made every day of the first stage, would have passed.
    peeked: u64,
    bot_calls: u64,
}

fn runs(difference: f64) -> Ends {
    let fresh = Machine::new(Arc::new(plan())).expect("a sound plan");
    let draws = Draws::new();
    let mut ends = Ends::default();
    for seed in 0..RUNS {
        let mut world = World::new(&fresh, &draws, Truth::new(difference), seed);
        world.run(60);
        match world.machine.state() {
            State::Completed(_) => ends.all += 1,
            State::RolledBack(..) => ends.rolled_back += 1,
            State::Stopped(..) => ends.stopped += 1,
            State::Halted(_) => ends.halted += 1,
            State::Draft
            | State::Running(_)
            | State::Hold(..)
            | State::AwaitingApproval(_)
            | State::Paused(_) => panic!("seed {seed}: undecided after 60 days"),
        }
        let promoted = |verdict: &Verdict| *verdict == Verdict::Promoted;
        ends.past_canary += u64::from(world.log.iter().any(|d| promoted(&d.verdict)));
        let canary = world.log.iter().filter(|d| d.before.step().is_some_and(|s| s.stage == 0));
        let figures = canary.filter_map(|decision| decision.figures.as_ref());
        ends.peeked += u64::from(
            figures.map(|f| &f.metrics[0]).any(|m| m.pooled().bot.n >= 100 && m.z >= 1.645),
        );
        let last = world.log.iter().rev().find_map(|decision| decision.figures.as_ref());
        ends.bot_calls += last.map_or(0, |figures| figures.callers.bot);
    }
    println!("{difference:+}: {ends:?}");
    ends
}

#[test]
fn an_equal_bot_reaches_all_callers_in_three_of_four_rollouts() {
    let ends = runs(0.0);
    assert!(ends.all >= 750, "{ends:?}");
    assert!(ends.rolled_back <= 30, "one in a hundred a stage: {ends:?}");
    assert!(ends.halted <= 20, "a sound draw is not called broken: {ends:?}");
}

#[test]
fn a_bot_five_points_worse_is_stopped_on_its_way() {
    let ends = runs(-0.05);
    assert!(ends.all <= 10, "{ends:?}");
    // Right at the margin one stage passes with the chance 0.05: 50 ± 28.
    assert!(ends.past_canary <= 78, "{ends:?}");
    assert!(
        ends.peeked >= 2 * ends.past_canary,
        "who looks every day with the same test is fooled at least twice as often: {ends:?}"
    );
}

#[test]
fn a_bot_ten_points_worse_is_rolled_back() {
    let ends = runs(-0.10);
    assert!(ends.rolled_back >= 950, "{ends:?}");
    assert_eq!(ends.all, 0, "{ends:?}");
}
