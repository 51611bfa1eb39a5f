//! Quantiles against tables, and forecasts against queues that are lived through.

use super::*;
use std::collections::{BTreeMap, VecDeque};

fn near(found: f64, wanted: f64) {
    assert!((found - wanted).abs() < wanted * 1e-4, "{found} instead of {wanted}");
}

fn line(ahead: usize, agents: f64, handle_secs: f64, give_up_rate: f64) -> Line {
    Line { ahead, agents, handle_secs, give_up_rate }
}

#[test]
fn quantiles_are_those_of_the_tables() {
    // The exponential distribution in closed form; halves of chi-square quantiles with 10 and 100 degrees of freedom.
    for (shape, wanted) in [
        (1.0, [2.0_f64.ln(), 5.0_f64.ln(), 10.0_f64.ln()]),
        (5.0, [4.670_909, 6.720_979, 7.993_590]),
        (50.0, [49.667_06, 55.833_37, 59.249_02]),
    ] {
        let gamma = Gamma { shape, scale: 2.0 };
        for (level, wanted) in [P50, P80, P90].into_iter().zip(wanted) {
            near(gamma.quantile(level), 2.0 * wanted);
        }
    }
}

#[test]
fn quantiles_rise_without_a_leap_over_all_shapes() {
    let mut shape = 1.0;
    let mut before = 0.0;
    while shape < 200_000.0 {
        let [p50, p80, p90] =
            [P50, P80, P90].map(|level| Gamma { shape, scale: 1.0 }.quantile(level));
        assert!(p50 < p80 && p80 < p90 && before < p90, "{shape}: {p50} {p80} {p90}");
        assert!(p50 > shape - 0.34 && p50 < shape, "the median of {shape} is {p50}");
        (before, shape) = (p90, shape * 1.07);
    }
}

#[test]
fn each_caller_ahead_adds_one_step() {
    let estimate = Estimate::of(&line(2, 4.0, 240.0, 0.0)).unwrap();
    assert_eq!(estimate.mean, Duration::from_secs(180));
    // With a caller in ten seconds of waiting giving up, two ahead are soon one: 1/(1/60) + 1/(1/60+.1) + 1/(1/60+.2).
    let estimate = Estimate::of(&line(8, 4.0, 240.0, 0.01)).unwrap();
    let mean: f64 = (0..=8).map(|ahead| 1.0 / (1.0 / 60.0 + 0.01 * f64::from(ahead))).sum();
    near(estimate.mean.as_secs_f64(), mean);
    assert!(estimate.p50 < estimate.mean && estimate.mean < estimate.p80);
}

#[test]
fn a_long_line_is_summed_as_if_step_by_step() {
    for rate in [0.0, 1e-12, 1e-4, 0.01, 3.0] {
        for ahead in [0, 1, 14, 15, 16, 17, 40, 1_000, 100_000] {
            let step = |at: usize| 1.0 / (0.25 + at as f64 * rate);
            let mean: f64 = (0..=ahead).map(step).sum();
            let variance: f64 = (0..=ahead).map(|at| step(at).powi(2)).sum();
            let summed = steps(0.25, rate, ahead);
            let off = [summed.0 / mean - 1.0, summed.1 / variance - 1.0];
            assert!(off.iter().all(|off| off.abs() < 1e-9), "{rate} {ahead}: {off:?}");
        }
    }
}

#[test]
fn the_first_guess_of_a_wide_quantile_is_right_to_a_hundred_thousandth() {
    for level in [P50, P80, P90] {
        let guess = Gamma { shape: EXACT_SHAPE, scale: 1.0 }.quantile(level);
        let reached = below(EXACT_SHAPE, guess);
        // A density of 1/sqrt(2π·shape) at most turns a difference of probability into one of time.
        let off =
            (reached - level.probability).abs() * (std::f64::consts::TAU * EXACT_SHAPE).sqrt();
        assert!(off / guess < 3e-5, "{off} of {guess}");
    }
}

#[test]
fn nothing_is_told_when_it_can_not_be_known() {
    assert_eq!(Estimate::of(&line(3, 0.0, 240.0, 0.0)), None, "nobody serves it");
    assert_eq!(
        Estimate::of(&line(0, 4.0, 240.0, 0.0)),
        None,
        "who is next waits for one agent: any time"
    );
    assert!(Estimate::of(&line(1, 4.0, 240.0, 0.0)).is_some());
    assert_eq!(Estimate::of(&line(3, f64::NAN, 240.0, 0.0)), None);
    assert_eq!(Estimate::of(&line(3, 4.0, f64::INFINITY, 0.0)), None);
}

#[test]
fn the_longest_queue_has_a_bounded_estimate() {
    let longest = Estimate::of(&line(crate::limits::QUEUE_LENGTH_MAX, 1.0, 3_600.0, 0.0)).unwrap();
    assert_eq!(longest.p90, WAIT_MAX);
    let hasty = Estimate::of(&line(crate::limits::QUEUE_LENGTH_MAX, 5.0, 240.0, 0.005)).unwrap();
    assert!(hasty.mean < Duration::from_secs(3_600), "{hasty:?}");
}

#[test]
fn experience_begins_with_what_is_expected_and_half_of_it_is_gone_after_two_hundred() {
    let mut experience = Experience::new(Duration::from_secs(240));
    let handle = |experience: &Experience| experience.line(0, 1.0).handle_secs;
    near(handle(&experience), 240.0);
    (0..200).for_each(|_| experience.handled(Duration::from_secs(120)));
    near(handle(&experience), 180.0);
    assert_eq!(experience.line(0, 1.0).give_up_rate, 0.0);
    for n in 0..400 {
        experience.waited(Duration::from_secs(30), n % 3 == 0);
    }
    let rate = experience.line(0, 1.0).give_up_rate * 90.0;
    assert!((0.99..1.01).contains(&rate), "a third of them after 30 s each: {rate}");
}

/// A queue in virtual time: Poisson arrivals, patience that ends at a constant rate, and who gives up stays as a ghost
/// until he would have been served, so that everybody's wait is known.
struct World {
    seed: u64,
    agents: usize,
    handle: f64,
    /// Spread of handle times: 1 is exponential, less is more even.
    erlang: u32,
    arrivals: f64,
    give_up_rate: f64,
}

#[derive(Default)]
struct Score {
    callers: f64,
    waited: f64,
    error: f64,
    within_80: f64,
    within_90: f64,
}

struct Waits {
    came: f64,
    gives_up: f64,
    told: Option<Estimate>,
}

impl World {
    fn uniform(&mut self) -> f64 {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.seed >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -self.uniform().ln() * mean
    }

    fn handle_time(&mut self) -> f64 {
        let part = self.handle / f64::from(self.erlang);
        (0..self.erlang).map(|_| self.exponential(part)).sum()
    }

    /// Lives so many arrivals and scores what delayed callers would have been told by a queue that learns.
    fn live(mut self, callers: usize) -> Score {
        let mut score = Score::default();
        let mut learned = Experience::new(Duration::from_secs_f64(self.handle * 1.5));
        let mut busy: BTreeMap<u64, f64> = BTreeMap::new();
        let mut waiting: VecDeque<Waits> = VecDeque::new();
        let mut arrival = 0.0;
        for n in 0..callers {
            let gap = self.exponential(1.0 / self.arrivals);
            arrival += gap;
            // Agents who are done before this arrival take the first caller who is still there.
            while let Some((&at_micros, &took)) =
                busy.first_key_value().filter(|(at, _)| **at as f64 / 1e6 <= arrival)
            {
                let done = at_micros as f64 / 1e6;
                busy.pop_first();
                learned.handled(Duration::from_secs_f64(took));
                while let Some(first) = waiting.pop_front() {
                    let gave_up = first.gives_up <= done;
                    let waited = if gave_up { first.gives_up } else { done } - first.came;
                    learned.waited(Duration::from_secs_f64(waited), gave_up);
                    if let Some(told) = first.told.filter(|_| n > callers / 10) {
                        score.count(told, done - first.came);
                    }
                    if !gave_up {
                        let takes = self.handle_time();
                        self.start(&mut busy, done, takes);
                        break;
                    }
                }
            }
            if busy.len() < self.agents {
                let takes = self.handle_time();
                self.start(&mut busy, arrival, takes);
                continue;
            }
            let ahead = waiting.iter().filter(|other| other.gives_up > arrival).count();
            let told = Estimate::of(&learned.line(ahead, self.agents as f64));
            let gives_up = arrival + self.exponential(1.0 / self.give_up_rate);
            waiting.push_back(Waits { came: arrival, gives_up, told });
        }
        score
    }

    fn start(&self, busy: &mut BTreeMap<u64, f64>, at: f64, takes: f64) {
        let mut done = ((at + takes) * 1e6) as u64;
        while busy.contains_key(&done) {
            done += 1;
        }
        busy.insert(done, takes);
    }
}

impl Score {
    fn count(&mut self, told: Estimate, waited: f64) {
        self.callers += 1.0;
        self.waited += waited;
        self.error += waited - told.mean.as_secs_f64();
        self.within_80 += f64::from(u8::from(waited <= told.p80.as_secs_f64()));
        self.within_90 += f64::from(u8::from(waited <= told.p90.as_secs_f64()));
    }
}

#[test]
fn forecasts_are_unbiased_and_their_quantiles_hold() {
    // Handle times as wide as exponential ones, and evener; a busy house, an overloaded one, a small one.
    let worlds = [
        (24, 240.0, 1, 0.095, 1.0 / 240.0),
        (24, 240.0, 2, 0.110, 1.0 / 180.0),
        (60, 300.0, 1, 0.210, 1.0 / 300.0),
        (8, 180.0, 2, 0.045, 1.0 / 400.0),
    ];
    for (seed, (agents, handle, erlang, arrivals, give_up_rate)) in (1..).zip(worlds) {
        let world = World { seed, agents, handle, erlang, arrivals, give_up_rate };
        let score = world.live(120_000);
        assert!(score.callers > 20_000.0, "{}", score.callers);
        let share = |count: f64| count / score.callers;
        let (mean, bias) = (share(score.waited), share(score.error));
        let (p80, p90) = (share(score.within_80), share(score.within_90));
        println!("{agents} agents: {mean:.1} s, bias {bias:+.2} s, P80 {p80:.3}, P90 {p90:.3}");
        // Evener handle times finish a little sooner than exponential ones; the forecast errs on the safe side.
        let allowed = if erlang == 1 { 0.02 } else { 0.08 };
        assert!(bias.abs() < mean * allowed, "{agents} agents: a bias of {bias} s of {mean}");
        assert!((0.79..0.87).contains(&p80), "{agents} agents: P80 held for {p80}");
        assert!((0.89..0.96).contains(&p90), "{agents} agents: P90 held for {p90}");
    }
}
