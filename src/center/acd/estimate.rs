//! How long a wait will last: the queue ahead, who serves it, how long a call takes and how soon callers give up.
//!
//! With `i` calls ahead, `s` agents and a mean handle time `H` the line moves at the rate `s/H + i·θ`: an agent is
//! done, or one of those ahead hangs up. The wait of the caller with `n` ahead is the sum of these `n + 1` steps, so
//! its mean is the sum of `1/rate` and its variance the sum of `1/rate²`; quantiles are those of the gamma distribution
//! with that mean and variance. Pure arithmetic: knows no queue and no agent.

use serde::Serialize;
use std::time::Duration;

/// So many calls or waits ago counts half as much as now.
const HALF_LIFE: f64 = 200.0;

/// A forecast whose P90 is more than so many times its median says too little to be told.
const SPREAD_MAX: f64 = 3.0;

/// The longest wait that is told of; longer ones are cut to it.
const WAIT_MAX: Duration = Duration::from_secs(86_400);

/// A forecast of one wait, from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Its mean.
    pub mean: Duration,
    /// Half of such waits are shorter.
    pub p50: Duration,
    /// Eight of ten such waits are shorter.
    pub p80: Duration,
    /// Nine of ten such waits are shorter.
    pub p90: Duration,
}

/// What a wait depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Calls that will be served before; those that are being offered to an agent already don't count.
    pub ahead: usize,
    /// Agents who serve the line, now or after what they do; one who serves others, too, counts as a part.
    pub agents: f64,
    /// For how long a call binds an agent, seconds.
    pub handle_secs: f64,
    /// How many callers give up for each second that one of them waits.
    pub give_up_rate: f64,
}

impl Estimate {
    /// No wait at all: somebody is free.
    pub const NONE: Estimate = Estimate {
        mean: Duration::ZERO,
        p50: Duration::ZERO,
        p80: Duration::ZERO,
        p90: Duration::ZERO,
    };

    /// The forecast for the caller behind `line.ahead` others. `None` when it can't be known: nobody serves the line,
    /// or the spread is too wide to be told (P90 over three times the median; so it is for the caller who is next).
    pub fn of(line: &Line) -> Option<Estimate> {
        let served = line.agents / line.handle_secs;
        if !served.is_finite() || served <= 0.0 {
            return None;
        }
        let (mean, variance) = steps(served, line.give_up_rate.max(0.0), line.ahead);
        let wait = Gamma { shape: mean * mean / variance, scale: variance / mean };
        let [p50, p80, p90] = [P50, P80, P90].map(|level| wait.quantile(level));
        if !p90.is_finite() || p90 > SPREAD_MAX * p50 {
            return None;
        }
        let told = |secs: f64| Duration::from_secs_f64(secs.min(WAIT_MAX.as_secs_f64()));
        Some(Estimate { mean: told(mean), p50: told(p50), p80: told(p80), p90: told(p90) })
    }
}

/// Steps that are added one by one; the rest is summed at once.
const STEPS_ADDED: usize = 16;

/// The sums of `1/(served + i·rate)` and of its square over `i` from 0 to `ahead`: the first steps one by one, the rest
/// by the formula of Euler and Maclaurin (DLMF 2.10.1) to the third derivative. What it leaves out is less than the
/// fifth power of `rate` over the rate of the first step summed so, `1/16⁵`, over 252.
fn steps(served: f64, rate: f64, ahead: usize) -> (f64, f64) {
    let (mut mean, mut variance) = (0.0, 0.0);
    for at in 0..=ahead.min(STEPS_ADDED - 1) {
        let step = 1.0 / (served + at as f64 * rate);
        mean += step;
        variance += step * step;
    }
    if ahead < STEPS_ADDED {
        return (mean, variance);
    }
    let many = (ahead - STEPS_ADDED) as f64;
    let begin = 1.0 / (served + STEPS_ADDED as f64 * rate);
    let end = 1.0 / (served + ahead as f64 * rate);
    let grown = rate * many * begin;
    let log = if grown < 1e-8 { 1.0 - grown / 2.0 } else { grown.ln_1p() / grown };
    let differ = |power: i32| begin.powi(power) - end.powi(power);
    mean += many * begin * log + (begin + end) / 2.0;
    mean += rate / 12.0 * differ(2) - rate.powi(3) / 120.0 * differ(4);
    variance += many * begin * end + (begin * begin + end * end) / 2.0;
    variance += rate / 6.0 * differ(3) - rate.powi(3) / 30.0 * differ(5);
    (mean, variance)
}

/// What a queue has taught: for how long a call binds an agent, and how soon its callers give up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Experience {
    handle_secs: f64,
    given_up: f64,
    waited_secs: f64,
}

impl Experience {
    /// Nothing yet but what the configuration expects.
    pub fn new(handle: Duration) -> Experience {
        Experience { handle_secs: handle.as_secs_f64(), given_up: 0.0, waited_secs: 0.0 }
    }

    /// A call has bound an agent for so long.
    pub fn handled(&mut self, bound: Duration) {
        self.handle_secs += (bound.as_secs_f64() - self.handle_secs) * (1.0 - keep());
    }

    /// A wait has ended, by the caller's giving up or otherwise.
    pub fn waited(&mut self, waited: Duration, gave_up: bool) {
        self.given_up = self.given_up * keep() + f64::from(u8::from(gave_up));
        self.waited_secs = self.waited_secs * keep() + waited.as_secs_f64();
    }

    /// The line of a caller behind `ahead` others, served by so many agents.
    pub fn line(&self, ahead: usize, agents: f64) -> Line {
        let known = self.waited_secs > 0.0;
        let give_up_rate = if known { self.given_up / self.waited_secs } else { 0.0 };
        Line { ahead, agents, handle_secs: self.handle_secs, give_up_rate }
    }
}

/// What is left of an old figure's weight after one new one.
fn keep() -> f64 {
    0.5_f64.powf(1.0 / HALF_LIFE)
}

/// A probability, and the quantile of the standard normal distribution there.
#[derive(Clone, Copy)]
struct Level {
    probability: f64,
    normal: f64,
}

const P50: Level = Level { probability: 0.5, normal: 0.0 };
const P80: Level = Level { probability: 0.8, normal: 0.841_621_233_572_914_3 };
const P90: Level = Level { probability: 0.9, normal: 1.281_551_565_544_600_4 };

/// From this shape on the first guess of a quantile is right to a hundred-thousandth.
const EXACT_SHAPE: f64 = 1_000.0;
/// Steps of Newton's method; from a guess within two percent four of them reach the last digit.
const STEPS_MAX: usize = 8;
/// Terms of a series; its length grows with the root of the shape.
const TERMS_MAX: usize = 2_000;

/// A gamma distribution. The shapes here are 1 and more: a sum of exponential steps is never wider than one of them.
#[derive(Clone, Copy)]
struct Gamma {
    shape: f64,
    scale: f64,
}

impl Gamma {
    /// The value that is exceeded with probability `1 − level`: the cube of Wilson and Hilferty (1931), made exact by
    /// Newton's method on the regularized incomplete gamma function.
    fn quantile(self, level: Level) -> f64 {
        let ninth = 1.0 / (9.0 * self.shape);
        let root = 1.0 - ninth + level.normal * ninth.sqrt();
        let mut at = self.shape * root * root * root;
        if self.shape < EXACT_SHAPE {
            for _ in 0..STEPS_MAX {
                let density = ((self.shape - 1.0) * at.ln() - at - ln_gamma(self.shape)).exp();
                let step = (below(self.shape, at) - level.probability) / density;
                // A step is never taken past half the way to zero, where the density ends.
                at = (at - step).max(at / 2.0);
                if step.abs() < at * 1e-10 {
                    break;
                }
            }
        }
        at * self.scale
    }
}

/// The regularized lower incomplete gamma function P(shape, at): DLMF 8.11.4 below the mean, and Lentz's evaluation of
/// the continued fraction 8.9.2 for its complement above.
fn below(shape: f64, at: f64) -> f64 {
    let front = (shape * at.ln() - at - ln_gamma(shape)).exp();
    if at < shape + 1.0 {
        let (mut term, mut sum) = (1.0 / shape, 1.0 / shape);
        for n in 1..TERMS_MAX {
            term *= at / (shape + n as f64);
            sum += term;
            if term < sum * 1e-15 {
                break;
            }
        }
        return front * sum;
    }
    let mut b = at + 1.0 - shape;
    let (mut c, mut d) = (f64::MAX, 1.0 / b);
    let mut fraction = d;
    for n in 1..TERMS_MAX {
        let n = n as f64;
        let a = n * (shape - n);
        b += 2.0;
        d = 1.0 / (a * d + b);
        c = b + a / c;
        fraction *= c * d;
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    1.0 - front * fraction
}

/// The logarithm of the gamma function for 1 and more: Stirling's series (DLMF 5.11.1), moved up to where it is exact.
fn ln_gamma(mut x: f64) -> f64 {
    let mut product = 1.0;
    while x < 10.0 {
        product *= x;
        x += 1.0;
    }
    let square = x * x;
    let series = (1.0 / 12.0
        - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / (1680.0 * square)) / square) / square)
        / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - f64::ln(product)
}

#[cfg(test)]
mod tests;
