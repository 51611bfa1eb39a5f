//! The score test and interval of Miettinen & Nurminen, Statistics in Medicine 4 (1985): for few failures.
//!
//! The variance is not that of the shares seen but of those that fit the null hypothesis best: in each stratum the
//! most likely `p` with `pB = p + d`, times `n/(n-1)`. Over strata with the weights of Mantel–Haenszel:
//!
//! ```text
//! Z(d) = Σ w_j (b_j - p_j - d) / √(Σ w_j² ṽ_j(d))
//! ṽ_j(d) = (p̃B(1-p̃B)/nB + p̃(1-p̃)/nP) n/(n-1)
//! ```
//!
//! It holds its level where shares near 0 or 1 make the plain test too bold. The interval is all d that it keeps.

use super::Pair;
use std::f64::consts::PI;

/// Halvings until the end of an interval is known to 2^-50.
const HALVINGS: u32 = 52;

/// The score statistic of "the bot's share less the people's is `d`", `-1 < d < 1`. Above 0 the difference seen is
/// larger than d. 0 without a stratum that has both arms.
pub fn z(strata: &[Pair], d: f64) -> f64 {
    let (mut sum, mut spread) = (0.0, 0.0);
    for pair in strata.iter().filter(|pair| pair.weight() > 0.0) {
        let weight = pair.weight();
        sum += weight * (pair.bot.mean() - pair.people.mean() - d);
        spread += weight * weight * variance(*pair, d);
    }
    if spread > 0.0 { sum / spread.sqrt() } else { 0.0 }
}

/// The differences that a score test keeps whose critical value is `bound` on both sides.
pub fn interval(strata: &[Pair], bound: f64) -> (f64, f64) {
    const EDGE: f64 = 1.0 - 1e-9;
    // z falls as d grows.
    let cross = |level: f64| {
        let (mut low, mut high) = (-EDGE, EDGE);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if z(strata, middle) > level { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    };
    (cross(bound), cross(-bound))
}

fn variance(pair: Pair, d: f64) -> f64 {
    let (bots, people) = (pair.bot.n as f64, pair.people.n as f64);
    let n = bots + people;
    let low = most_likely(pair, d);
    let high = (low + d).clamp(0.0, 1.0);
    (high * (1.0 - high) / bots + low * (1.0 - low) / people) * n / (n - 1.0)
}

/// The people's share that makes what was seen most likely when the bot's is larger by `d`: the root of a cubic,
/// by the closed form of the paper's appendix.
fn most_likely(pair: Pair, d: f64) -> f64 {
    let (bots, people) = (pair.bot.n as f64, pair.people.n as f64);
    let (of_bots, of_people) = (pair.bot.total(), pair.people.total());
    let n = bots + people;
    let yes = of_bots + of_people;
    let a = ((bots + 2.0 * people) * d - n - yes) / (3.0 * n);
    let b = ((people * d - n - 2.0 * of_people) * d + yes) / n;
    let c = of_people * d * (1.0 - d) / n;
    let q = a * a * a - a * b / 2.0 + c / 2.0;
    let p = (a * a - b / 3.0).max(0.0).sqrt();
    let p = if q < 0.0 { -p } else { p };
    let cosine = if p == 0.0 { 0.0 } else { (q / (p * p * p)).clamp(-1.0, 1.0) };
    let angle = (PI + libm::acos(cosine)) / 3.0;
    (2.0 * p * libm::cos(angle) - a).clamp((-d).max(0.0), (1.0 - d).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::super::Sums;
    use super::*;

    fn pair(xb: u64, nb: u64, xp: u64, np: u64) -> Pair {
        Pair { bot: Sums::of_yes(xb, nb), people: Sums::of_yes(xp, np) }
    }

    #[test]
    fn the_statistic_is_that_of_a_likelihood_maximised_by_search() {
        // Golden-section search of the likelihood at 30 digits.
        for (strata, d, expected) in [
            (vec![pair(41, 50, 320, 400)], -0.05, 1.095_759_614_877_916_6),
            (vec![pair(50, 50, 395, 400)], -0.05, 1.822_299_306_349_691_8),
            (vec![pair(1, 60, 5, 300)], 0.03, -1.085_977_779_193_822_3),
            (
                vec![pair(41, 50, 320, 400), pair(60, 80, 520, 640), pair(9, 10, 70, 90)],
                -0.05,
                0.795_479_478_562_176,
            ),
        ] {
            let got = z(&strata, d);
            assert!((got - expected).abs() < 1e-9, "{strata:?}: {got}");
        }
    }

    #[test]
    fn the_interval_of_the_classic_example() {
        // 56/70 against 48/80: Newcombe, Statistics in Medicine 17 (1998), Table II, example (a).
        let (low, high) = interval(&[pair(56, 70, 48, 80)], 1.959_963_984_540_054);
        assert!((low - 0.052_829_713_2).abs() < 1e-8, "{low}");
        assert!((high - 0.338_172_940_0).abs() < 1e-8, "{high}");
        let (low, high) = interval(&[pair(56, 70, 48, 80)], 1.644_853_626_951_472_2);
        assert!((low - 0.077_019_942_3).abs() < 1e-8, "{low}");
        assert!((high - 0.316_667_210_5).abs() < 1e-8, "{high}");
    }

    #[test]
    fn without_one_failure_there_is_still_doubt() {
        let few = [pair(30, 30, 300, 300)];
        let many = [pair(500, 500, 5_000, 5_000)];
        assert!(z(&few, -0.05) < 1.678, "30 calls prove nothing: {}", z(&few, -0.05));
        assert!(z(&many, -0.05) > 2.373);
    }

    #[test]
    fn nothing_and_the_edges_are_harmless() {
        assert_eq!(z(&[], 0.0), 0.0);
        assert_eq!(z(&[pair(0, 0, 5, 10)], 0.0), 0.0);
        for (xb, xp) in [(0, 0), (0, 5), (5, 0), (5, 5)] {
            for d in [-0.999, -0.5, 0.0, 0.5, 0.999] {
                assert!(z(&[pair(xb, 5, xp, 5)], d).is_finite(), "{xb} {xp} {d}");
            }
        }
    }
}
