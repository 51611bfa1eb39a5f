//! How many calls a comparison needs before it can tell what it should.
//!
//! For a one-sided test of non-inferiority at α with the power `1-β` for an equal bot, margin δ, standard deviation σ
//! and the bot's share s of all calls, so `k = (1-s)/s` people's calls for each of the bot's:
//!
//! ```text
//! nB = (z(1-α) + z(power))² σ² (1 + 1/k) / δ²        σ² = p(1-p) for yes and no
//! ```
//!
//! Where all of m guardrails must pass, α needs no correction (each may refuse), but the chance that an equal bot
//! passes all of them does: each gets the power `1 - (1-power)/m`.

use super::normal;

/// What a comparison must be able to tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aim {
    /// One-sided level.
    pub alpha: f64,
    /// The chance that an equal bot passes.
    pub power: f64,
    /// The bot's share of the calls compared, above 0 and below 1.
    pub share: f64,
}

/// The power of each of `guardrails` so that all together have `power`.
pub fn power_of_each(power: f64, guardrails: usize) -> f64 {
    1.0 - (1.0 - power) / guardrails.max(1) as f64
}

/// The bot's calls that a metric with this standard deviation and margin needs, rounded up.
pub fn bot_calls(aim: Aim, sd: f64, margin: f64) -> u64 {
    let z = normal::quantile(1.0 - aim.alpha) + normal::quantile(aim.power);
    // 1 + 1/k with k = (1-s)/s.
    let arms = 1.0 / (1.0 - aim.share);
    (z * z * sd * sd * arms / (margin * margin)).ceil() as u64
}

/// The standard deviation of yes and no at the share `p`.
pub fn sd_of_share(p: f64) -> f64 {
    (p * (1.0 - p)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(sd: f64, margin: f64, power: f64) -> [u64; 3] {
        [0.1, 0.2, 0.5].map(|share| bot_calls(Aim { alpha: 0.05, power, share }, sd, margin))
    }

    #[test]
    fn the_table_of_needed_calls() {
        let sd = sd_of_share(0.8);
        assert_eq!(row(sd, 0.02, 0.9), [3_807, 4_282, 6_852]);
        assert_eq!(row(sd, 0.03, 0.9), [1_692, 1_904, 3_045]);
        assert_eq!(row(sd, 0.05, 0.9), [609, 686, 1_097]);
        assert_eq!(row(sd, 0.08, 0.9), [238, 268, 429]);
        assert_eq!(row(sd, 0.05, 0.95), [770, 866, 1_386]);
    }

    #[test]
    fn means_and_logarithms_by_the_same_formula() {
        assert_eq!(row(1.2, 0.15, 0.9), [609, 686, 1_097], "a survey's score");
        assert_eq!(row(0.8, 1.1f64.ln(), 0.9), [671, 755, 1_207], "a time to within a tenth");
    }

    #[test]
    fn a_rare_complaint_needs_thousands_of_calls() {
        let aim = |power| Aim { alpha: 0.05, power, share: 0.1 };
        assert_eq!(bot_calls(aim(0.90), sd_of_share(0.01), 0.005), 3_769);
        assert_eq!(bot_calls(aim(0.98), sd_of_share(0.01), 0.005), 6_020);
    }

    #[test]
    fn more_guardrails_need_more_power_of_each() {
        assert!((power_of_each(0.9, 4) - 0.975).abs() < 1e-15);
        assert!((power_of_each(0.9, 1) - 0.9).abs() < 1e-15);
        let alone = bot_calls(Aim { alpha: 0.05, power: 0.9, share: 0.1 }, 0.4, 0.05) as f64;
        let of_four = bot_calls(Aim { alpha: 0.05, power: 0.975, share: 0.1 }, 0.4, 0.05) as f64;
        assert!((of_four / alone - 1.5).abs() < 0.02);
    }
}
