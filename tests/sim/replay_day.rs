//! Recorded days of the house played again: by the same configuration they are what they were, and more people make
//! nobody wait longer. `SEEDS=20` plays more of them.

use dozvon_center::acd::AgentConfig;
use dozvon_center::policy::Policy;
use dozvon_center::replay::{Figures, QueueFigures, Recording, recorded, replay};
use dozvon_sim::house::recorded_day;
use dozvon_sim::world::{seeds, tell_if_it_fails};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Queues with fewer callers say nothing.
const CALLS_MIN: u64 = 50;
/// Days of a queue are taken together until there are so many days and callers.
const DAYS_TOGETHER: u32 = 5;
const CALLS_TOGETHER: u64 = 300;
/// How near the replay is to a day, and to days taken together: service level, ASA as a share, abandonment, occupancy.
const OF_A_DAY: [f64; 4] = [0.12, 0.4, 0.05, 0.03];
const OF_MANY: [f64; 4] = [0.06, 0.2, 0.03, 0.015];
/// An ASA that is so near is near enough, seconds.
const ASA_SECS: f64 = 5.0;
/// So few callers who give up, or do not, are chance.
const FEW: f64 = 5.0;

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

/// Each queue on both sides.
fn pairs<'a>(
    one: &'a Figures,
    other: &'a Figures,
) -> impl Iterator<Item = (&'a Arc<str>, &'a QueueFigures, &'a QueueFigures)> {
    one.iter().map(|(queue, figures)| (queue, figures, &other[queue]))
}

fn near(what: &str, was: Option<f64>, is: Option<f64>, within: f64) {
    let (was, is) = (was.unwrap_or_default(), is.unwrap_or_default());
    // One more digit than shares of callers have.
    let off = (was - is).abs() - 1e-9;
    assert!(off <= within, "{what}: {is} is not within {within} of {was}");
}

/// A queue on both sides has nearly the same figures.
fn alike(at: &str, was: &QueueFigures, is: &QueueFigures, within: [f64; 4]) {
    println!("{at}\n  was {}\n  is  {}", told(was), told(is));
    let of = |figure| format!("{at}: {figure}");
    let [level, asa, abandonment, occupancy] = within;
    let asa = asa * was.asa_secs().unwrap_or_default();
    let abandonment = abandonment.max(FEW / was.offered as f64);
    near(&of("SL"), was.service_level(), is.service_level(), level);
    near(&of("ASA"), was.asa_secs(), is.asa_secs(), asa.max(ASA_SECS));
    near(&of("abandonment"), was.abandonment(), is.abandonment(), abandonment);
    near(&of("occupancy"), was.occupancy(), is.occupancy(), occupancy);
}

/// Days of one queue taken together: where few call, one caller who goes another way moves all who wait behind him.
#[derive(Default)]
struct Together {
    days: u32,
    was: QueueFigures,
    is: QueueFigures,
}

impl Together {
    /// One more day; true once there are callers enough.
    fn add(&mut self, was: &QueueFigures, is: &QueueFigures) -> bool {
        self.days += 1;
        for (sum, day) in [(&mut self.was, was), (&mut self.is, is)] {
            sum.offered += day.offered;
            sum.answered += day.answered;
            sum.abandoned += day.abandoned;
            sum.short_abandoned += day.short_abandoned;
            sum.met += day.met;
            sum.missed += day.missed;
            sum.waited += day.waited;
            sum.busy += day.busy;
            sum.free += day.free;
        }
        self.days >= DAYS_TOGETHER && self.was.offered >= CALLS_TOGETHER
    }
}

#[test]
fn a_day_played_again_by_the_same_configuration_is_the_day_that_it_was() {
    let mut together: BTreeMap<(bool, Arc<str>), Together> = BTreeMap::new();
    for seed in seeds(5) {
        for calm in [true, false] {
            let (recording, policy) = day(seed, calm);
            assert!(recording.waits_len() > 1_500 && recording.left_out() == 0);
            let (was, is) = (recorded(&recording, &policy), replay(&recording, &policy));
            for (queue, was, is) in pairs(&was, &is) {
                let at = format!("SEED={seed} calm {calm} {queue}");
                assert_eq!(was.offered, is.offered, "{at}: the same callers come");
                if was.offered >= CALLS_MIN {
                    alike(&at, was, is, OF_A_DAY);
                }
                let days = together.entry((calm, queue.clone())).or_default();
                if days.add(was, is) {
                    let at = format!("{at}, {} days", days.days);
                    alike(&at, &days.was, &days.is, OF_MANY);
                    *days = Together::default();
                }
            }
        }
    }
}

/// The ASA may rise, but only where callers are answered who gave up before: they waited for long.
#[test]
fn one_more_agent_makes_nobody_wait_longer() {
    for seed in seeds(2) {
        let (recording, policy) = day(seed, false);
        let mut more = (*policy).clone();
        more.acd.agents.push(AgentConfig::new("one more"));
        let (as_it_was, with_one) = (replay(&recording, &policy), replay(&recording, &more));
        let asa = |figures: &QueueFigures| figures.asa_secs().unwrap_or_default();
        for (queue, before, after) in pairs(&as_it_was, &with_one) {
            if before.offered < CALLS_MIN {
                continue;
            }
            println!("SEED={seed} {queue}\n  before {}\n  after  {}", told(before), told(after));
            let served = after.answered > before.answered;
            assert!(served || asa(after) <= asa(before), "SEED={seed} {queue}: a worse ASA");
        }
        let all = |figures: &Figures| {
            let answered: u64 = figures.values().map(|queue| queue.answered).sum();
            let waited: f64 = figures.values().map(|queue| queue.waited.as_secs_f64()).sum();
            (answered, waited / answered as f64)
        };
        let ((answered, before), (served, after)) = (all(&as_it_was), all(&with_one));
        assert!(served >= answered, "SEED={seed}: fewer callers answered");
        let better = after <= before || served > answered;
        assert!(better, "SEED={seed}: a worse ASA of all queues");
    }
}

#[test]
fn the_same_recording_is_the_same_play() {
    let (recording, policy) = day(0, false);
    assert_eq!(replay(&recording, &policy), replay(&recording, &policy));
}
