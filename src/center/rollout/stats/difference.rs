//! The difference of two arms over strata, and how sure it is.
//!
//! Within each stratum the arms were drawn at the same time from the same callers, so only there may they be
//! compared. The strata's differences are then weighted by Mantel–Haenszel (J. Natl. Cancer Inst. 22, 1959):
//!
//! ```text
//! D = Σ w_j (b_j - p_j) / Σ w_j      w_j = nB nP / (nB + nP)      v = Σ w_j² v_j / (Σ w_j)²
//! yes or no:  v_j = ã(1-ã)/(nB+2) + c̃(1-c̃)/(nP+2),   ã = (xB+1)/(nB+2), c̃ = (xP+1)/(nP+2)
//!             Agresti & Caffo, The American Statistician 54 (2000): +1 and +2 keep v honest near 0 and 1
//! means:      v_j = s²B/nB + s²P/nP with each arm's variance within strata, Σ SS_j / Σ (n_j - 1)
//! ```
//!
//! A stratum in which one of the arms has nothing weighs nothing. The test of non-inferiority is
//! `Z = (D + δ)/√v` with D counted so that better is larger.

use super::{Pair, Sums};
use serde::{Deserialize, Serialize};

/// The bot's mean less the people's, and its variance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The difference; 0 without a single stratum that has both arms.
    pub d: f64,
    /// Its variance; infinite without such a stratum.
    pub v: f64,
}

impl Difference {
    /// Nothing is known.
    pub const UNKNOWN: Difference = Difference { d: 0.0, v: f64::INFINITY };

    /// The same, counted so that better is larger.
    #[must_use]
    pub fn improvement(self, lower_is_better: bool) -> Difference {
        if lower_is_better { Difference { d: -self.d, v: self.v } } else { self }
    }

    /// `(d + margin)/√v`, with d counted so that better is larger; 0 while nothing is known.
    pub fn z(self, margin: f64) -> f64 {
        if self.v.is_finite() && self.v > 0.0 { (self.d + margin) / self.v.sqrt() } else { 0.0 }
    }
}

/// The difference of the shares of yes.
pub fn of_shares(strata: &[Pair]) -> Difference {
    weighted(strata, |pair| share_variance(pair.bot) + share_variance(pair.people))
}

/// The difference of means; with fewer than two values in an arm of each stratum nothing is known.
pub fn of_means(strata: &[Pair]) -> Difference {
    let both: Vec<Pair> = strata.iter().copied().filter(|pair| pair.weight() > 0.0).collect();
    let bot = variance_within(both.iter().map(|pair| pair.bot));
    let people = variance_within(both.iter().map(|pair| pair.people));
    match (bot, people) {
        (Some(bot), Some(people)) => {
            weighted(&both, |pair| bot / pair.bot.n as f64 + people / pair.people.n as f64)
        }
        (None, _) | (_, None) => Difference::UNKNOWN,
    }
}

fn weighted(strata: &[Pair], variance: impl Fn(&Pair) -> f64) -> Difference {
    let (mut weights, mut sum, mut spread) = (0.0, 0.0, 0.0);
    for pair in strata.iter().filter(|pair| pair.weight() > 0.0) {
        let weight = pair.weight();
        weights += weight;
        sum += weight * (pair.bot.mean() - pair.people.mean());
        spread += weight * weight * variance(pair);
    }
    if weights == 0.0 {
        return Difference::UNKNOWN;
    }
    Difference { d: sum / weights, v: spread / (weights * weights) }
}

/// The variance of a share after Agresti and Caffo.
fn share_variance(sums: Sums) -> f64 {
    let n = sums.n as f64 + 2.0;
    let p = (sums.total() + 1.0) / n;
    p * (1.0 - p) / n
}

/// The variance of single values within strata; `None` where no stratum has two.
fn variance_within(arms: impl Iterator<Item = Sums>) -> Option<f64> {
    let (mut deviations, mut degrees) = (0.0, 0u64);
    for sums in arms.filter(|sums| sums.n > 0) {
        deviations += sums.deviations();
        degrees += sums.n - 1;
    }
    (degrees > 0).then(|| deviations / degrees as f64)
}

#[cfg(test)]
mod tests {
    use super::super::Value;
    use super::*;

    fn shares(strata: &[(u64, u64, u64, u64)]) -> Vec<Pair> {
        let pair = |&(xb, nb, xp, np): &(u64, u64, u64, u64)| Pair {
            bot: Sums::of_yes(xb, nb),
            people: Sums::of_yes(xp, np),
        };
        strata.iter().map(pair).collect()
    }

    fn sums(values: &[f64]) -> Sums {
        let mut sums = Sums::default();
        values.iter().for_each(|value| sums.add(Value::of(*value)));
        sums
    }

    #[test]
    fn shares_over_strata_are_as_computed_by_hand() {
        let strata = shares(&[(41, 50, 320, 400), (60, 80, 520, 640), (9, 10, 70, 90)]);
        // The formulas above in numpy.
        let got = of_shares(&strata);
        assert!((got.d - -0.019_714_540_588_760_068).abs() < 1e-15, "{got:?}");
        assert!((got.v - 0.001_336_638_179_064_073).abs() < 1e-17, "{got:?}");
        assert!((got.z(0.05) - 0.828_375_479_626_097_6).abs() < 1e-12, "{got:?}");
    }

    #[test]
    fn a_stratum_with_one_arm_weighs_nothing() {
        let two = shares(&[(41, 50, 320, 400), (60, 80, 520, 640)]);
        let mut three = two.clone();
        three.extend(shares(&[(0, 0, 10, 500), (5, 5, 0, 0)]));
        assert_eq!(of_shares(&two), of_shares(&three));
        assert_eq!(of_shares(&three[2..]), Difference::UNKNOWN);
        assert_eq!(of_shares(&[]).z(0.05), 0.0, "nothing known passes nothing");
    }

    #[test]
    fn means_over_strata_are_as_computed_by_hand() {
        let strata = [
            Pair {
                bot: sums(&[3.0, 4.0, 5.0, 4.0, 2.0]),
                people: sums(&[4.0, 4.0, 3.0, 5.0, 5.0, 2.0]),
            },
            Pair { bot: sums(&[5.0, 5.0, 4.0]), people: sums(&[5.0, 4.0, 4.0, 3.0]) },
        ];
        // The formulas above in numpy, variances 0.9778 and 1.1042 within strata.
        let got = of_means(&strata);
        assert!((got.d - 0.114_035_087_719_298_32).abs() < 1e-12, "{got:?}");
        assert!((got.v - 0.232_792_212_418_635_96).abs() < 1e-12, "{got:?}");
    }

    #[test]
    fn one_value_in_each_stratum_tells_nothing_of_the_spread() {
        let pair = Pair { bot: sums(&[3.0]), people: sums(&[4.0, 5.0]) };
        assert_eq!(of_means(&[pair]), Difference::UNKNOWN);
    }

    #[test]
    fn what_is_lower_can_be_better() {
        let got = of_shares(&shares(&[(9, 300, 81, 2_700)])).improvement(true);
        assert_eq!(got.d, 0.0);
        let worse = of_shares(&shares(&[(30, 300, 81, 2_700)]));
        assert!(worse.d > 0.0 && worse.improvement(true).d < 0.0);
    }

    #[test]
    fn equal_arms_in_strata_of_different_shares_do_not_differ() {
        // A good time with a tenth for the bot, a bad one with half: the trap of Simpson (1951).
        let strata = shares(&[(860, 1_000, 7_740, 9_000), (3_500, 5_000, 3_500, 5_000)]);
        assert!(of_shares(&strata).d.abs() < 1e-12);
        let pooled = of_shares(&[Pair::pooled(&strata)]);
        assert!((pooled.d - -0.076_190_476).abs() < 1e-6, "{pooled:?}");
    }
}
