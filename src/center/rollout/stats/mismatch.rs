//! Whether the arms have the sizes they were drawn to have: the sample-ratio check.
//!
//! Where the bot's arm has too few or too many callers for its share, records were lost or the draw was bypassed, and
//! whoever is missing is hardly missing at random: nothing may then be concluded. Pearson's chi-square with one degree
//! of freedom, `(nB - Ns)²/(Ns) + (nP - N(1-s))²/(N(1-s)) = (nB - Ns)²/(N s (1-s))`.

use super::normal;
use serde::{Deserialize, Serialize};

/// The least calls that each arm must be expected to have before the check says anything (Cochran, 1954).
pub const EXPECTED_MIN: f64 = 5.0;

/// Sizes of the arms against the share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mismatch {
    /// Chi-square; 0 while there are too few.
    pub chi_square: f64,
    /// The chance of one as large when all is well; 1 while there are too few.
    pub p: f64,
}

/// Checks the sizes of two arms against the share that the bot should have.
pub fn check(bots: u64, people: u64, share: f64) -> Mismatch {
    let n = (bots + people) as f64;
    if n * share < EXPECTED_MIN || n * (1.0 - share) < EXPECTED_MIN {
        return Mismatch { chi_square: 0.0, p: 1.0 };
    }
    let off = bots as f64 - n * share;
    let chi_square = off * off / (n * share * (1.0 - share));
    Mismatch { chi_square, p: normal::chi_square_above(chi_square) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_chi_square_of_two_counts() {
        // scipy.stats.chisquare([1000, 8600], [960, 8640]).
        let got = check(1_000, 8_600, 0.1);
        assert!((got.chi_square - 1.851_851_851_851_851_9).abs() < 1e-12);
        assert!((got.p - 0.173_568_166_555_916_6).abs() < 1e-12);
    }

    #[test]
    fn three_in_a_hundred_lost_are_seen_in_a_large_arm_only() {
        assert!(check(20_000 - 600, 20_000, 0.5).p < 0.001 * 3.0);
        assert!(check(30_000 - 900, 30_000, 0.5).p < 0.001);
        assert!(check(300 - 9, 300, 0.5).p > 0.5);
    }

    #[test]
    fn few_calls_and_whole_shares_say_nothing() {
        assert_eq!(check(20, 20, 0.1).p, 1.0);
        assert_eq!(check(0, 0, 0.5).p, 1.0);
        assert_eq!(check(500, 0, 1.0).p, 1.0);
    }
}
