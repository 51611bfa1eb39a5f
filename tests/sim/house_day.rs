//! The day of a whole center, held against the books. `SEED=41` replays one, `SEEDS=100` runs more, `CHECK=1` looks
//! into the center after every step instead of every five hundredth.

use dozvon_sim::house::mischief::Mischief;
use dozvon_sim::house::{Options, Report, day};
use dozvon_sim::world::{seeds, tell_if_it_fails};

fn run(seed: u64, digest: bool) -> Report {
    let check = std::env::var("CHECK").ok().and_then(|text| text.parse().ok());
    let options = Options { check_every: check.unwrap_or(500), digest };
    tell_if_it_fails(seed, |story| day(seed, options, story))
}

/// What a day is to have seen, by the words of the books.
const SEEN: [&str; 34] = [
    "outcome answered",
    "outcome abandoned",
    "outcome short_abandoned",
    "outcome callback",
    "outcome overflow",
    "outcome timeout",
    "outcome no_agents",
    "outcome closed",
    "outcome key_exit",
    "outcome withdrawn",
    "outcome failed",
    "passed on blind queue",
    "passed on blind agent",
    "passed on blind external",
    "passed on blind ivr",
    "passed on attended agent",
    "passed on conference agent",
    "passed on taken_over",
    "agents lost",
    "agents dropped",
    "talks cut",
    "hold Warning",
    "hold TooLong",
    "head start",
    "old place",
    "duty number",
    "duty queue",
    "bot failed",
    "bot too_long",
    "bot transfer",
    "callback reached",
    "callback merged",
    "callback expired",
    "reloads",
];

#[test]
fn the_books_agree_over_a_whole_day_of_the_house() {
    for seed in seeds(3) {
        let report = run(seed, false);
        println!("SEED={seed}: {} inputs, {} outputs", report.inputs, report.outputs);
        println!("   {:?}\n   {:?}", report.tally, report.mischiefs.struck);
        let missing = SEEN.into_iter().find(|what| report.tally.all(what) == 0);
        assert_eq!(missing, None, "everything was seen once");
        let struck = &report.mischiefs.struck;
        let spared = Mischief::ALL.into_iter().find(|what| !struck.contains_key(what));
        assert_eq!(spared, None, "everything went wrong once");
    }
}

#[test]
fn the_same_seed_is_the_same_day_of_the_house() {
    let seed = seeds(1).start;
    assert_eq!(run(seed, true), run(seed, true));
}
