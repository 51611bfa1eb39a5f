//! A contact center's day on the ACD, held against the laws. `SEED=41` replays one, `SEEDS=100` runs more,
//! `CHECK=1` looks into the ACD after every step instead of every five hundredth.

use dozvon_sim::faults::Fault;
use dozvon_sim::floor::{Options, Report, day};
use dozvon_sim::world::{seeds, tell_if_it_fails};

fn run(seed: u64, digest: bool) -> Report {
    let check = std::env::var("CHECK").ok().and_then(|text| text.parse().ok());
    let options = Options { check_every: check.unwrap_or(500), digest };
    tell_if_it_fails(seed, |story| day(seed, options, story))
}

#[test]
fn the_laws_hold_for_a_whole_day() {
    for seed in seeds(2) {
        let report = run(seed, false);
        let Report { tally, inputs, events, .. } = &report;
        println!("SEED={seed}: {inputs} inputs, {events} events, {tally:?}");
        let mean = tally.waited / u32::try_from(tally.connected).expect("a day's calls");
        println!("   mean wait of the connected {mean:?}, {:?}", report.faults.struck);
        assert!(tally.offered > 50_000 && tally.connected > 40_000, "a day with something to do");
        for end in [tally.abandoned, tally.elsewhere, tally.max_wait, tally.no_agents] {
            assert!(end > 0, "every way out was taken: {tally:?}");
        }
        let spared = Fault::ALL.into_iter().find(|fault| !report.faults.struck.contains_key(fault));
        assert_eq!(spared, None, "every fault struck");
    }
}

#[test]
fn the_same_seed_is_the_same_day() {
    let seed = seeds(1).start;
    assert_eq!(run(seed, true), run(seed, true));
}
