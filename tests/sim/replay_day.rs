//! Recorded days of the house played again: by the same configuration they are what they were, and more people make
//! nobody wait longer. `SEEDS=20` plays more of them.

use dozvon_center::acd::AgentConfig;
use dozvon_center::policy::Policy;
use dozvon_center::replay::{Figures, QueueFigures, Recording, recorded, replay};
use dozvon_sim::house::recorded_day;
use dozvon_sim::world::{seeds, tell_if_it_fails};
use std::sync::Arc;

/// Queues with fewer callers say nothing.
const CALLS_MIN: u64 = 50;

fn day(seed: u64, calm: bool) -> (Recording, Arc<Policy>) {
    tell_if_it_fails(seed, |story| recorded_day(seed, calm, story))
}

fn told(figures: &QueueFigures) -> String {
    let of = |figure: Option<f64>| figure.unwrap_or(f64::NAN);
    format!(
        "offered {} SL {:.3} ASA {:.1} s abandoned {:.3} occupancy {:.3}",
        figures.offered,
        of(figures.service_level()),
        of(figures.asa_secs()),
        of(figures.abandonment()),
        of(figures.occupancy())
    )
}

/// Each queue with enough callers on both sides.
fn pairs<'a>(
    one: &'a Figures,
    other: &'a Figures,
) -> impl Iterator<Item = (&'a str, &'a QueueFigures, &'a QueueFigures)> {
    let both = one.iter().map(|(queue, figures)| (&**queue, figures, &other[queue]));
    both.filter(|(_, was, _)| was.offered >= CALLS_MIN)
}

fn near(what: &str, was: Option<f64>, is: Option<f64>, within: f64) {
    let (was, is) = (was.unwrap_or_default(), is.unwrap_or_default());
    assert!((was - is).abs() <= within, "{what}: {is} is not within {within} of {was}");
}

#[test]
fn a_day_played_again_by_the_same_configuration_is_the_day_that_it_was() {
    for seed in seeds(2) {
        for calm in [true, false] {
            let (recording, policy) = day(seed, calm);
            assert!(recording.waits_len() > 1_500 && recording.left_out() == 0);
            let (was, is) = (recorded(&recording, &policy), replay(&recording, &policy));
            for (queue, was, is) in pairs(&was, &is) {
                println!(
                    "SEED={seed} calm {calm} {queue}\n  was {}\n  is  {}",
                    told(was),
                    told(is)
                );
                let asa = was.asa_secs().unwrap_or_default();
                let at = |figure| format!("SEED={seed} calm {calm} {queue}: {figure}");
                near(&at("SL"), was.service_level(), is.service_level(), 0.12);
                near(&at("ASA"), was.asa_secs(), is.asa_secs(), (0.4 * asa).max(5.0));
                near(&at("abandonment"), was.abandonment(), is.abandonment(), 0.05);
                near(&at("occupancy"), was.occupancy(), is.occupancy(), 0.05);
            }
        }
    }
}

/// Of one queue the ASA may rise, but only where callers are answered who gave up before: they waited for long.
#[test]
fn one_more_agent_makes_nobody_wait_longer() {
    for seed in seeds(2) {
        let (recording, policy) = day(seed, false);
        let mut more = (*policy).clone();
        more.acd.agents.push(AgentConfig::new("one more"));
        let (as_it_was, with_one) = (replay(&recording, &policy), replay(&recording, &more));
        let asa = |figures: &QueueFigures| figures.asa_secs().unwrap_or_default();
        for (queue, before, after) in pairs(&as_it_was, &with_one) {
            println!("SEED={seed} {queue}\n  before {}\n  after  {}", told(before), told(after));
            let served = after.answered > before.answered;
            assert!(served || asa(after) <= asa(before), "SEED={seed} {queue}: a worse ASA");
        }
        let all = |figures: &Figures| {
            let answered: u64 = figures.values().map(|queue| queue.answered).sum();
            let waited: f64 = figures.values().map(|queue| queue.waited.as_secs_f64()).sum();
            waited / answered as f64
        };
        assert!(all(&with_one) <= all(&as_it_was), "SEED={seed}: a worse ASA of all queues");
    }
}

#[test]
fn the_same_recording_is_the_same_play() {
    let (recording, policy) = day(0, false);
    assert_eq!(replay(&recording, &policy), replay(&recording, &policy));
}
