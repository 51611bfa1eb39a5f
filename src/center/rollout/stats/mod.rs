//! The arithmetic of comparing two arms: sums, differences, looks, sequences, sizes. Knows no bot and no clock.
//!
//! Observations are whole numbers of millionths, and sums of them are whole numbers too, so the order in which they
//! come changes nothing. All that is not addition goes through `libm`, whose results do not depend on the machine:
//! the same observations give the same bits everywhere.
//!
//! | What | Method | Where |
//! |---|---|---|
//! | normal distribution | Cody's erfc; Wichura, AS 241 (1988) | [`normal`] |
//! | difference over strata | Mantel–Haenszel weights (1959); Agresti & Caffo (2000) | [`difference`] |
//! | few failures | Miettinen & Nurminen (1985) | [`score`] |
//! | two looks | O'Brien & Fleming (1979) | [`looks`] |
//! | at any time | Robbins (1970), Howard et al. (2021): normal mixture | [`sequence`] |
//! | shares as drawn | chi-square of Pearson (1900) | [`mismatch`] |
//! | calls needed | two independent means, one-sided | [`size`] |

pub mod difference;
pub mod looks;
pub mod mismatch;
pub mod normal;
pub mod score;
pub mod sequence;
pub mod size;

use serde::{Deserialize, Serialize};

/// Millionths in one.
const MICRO: i64 = 1_000_000;

/// The largest value observed, up or down; what is beyond counts as this. A day in seconds.
pub const VALUE_MAX: f64 = 86_400.0;

/// One observed value in millionths: 1 or 0 for yes or no, seconds, their logarithm, a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Value(i64);

impl Value {
    /// Yes is 1, no is 0.
    pub const fn yes(yes: bool) -> Value {
        Value(if yes { MICRO } else { 0 })
    }

    /// A number, rounded to millionths; beyond [`VALUE_MAX`] it counts as that, and what is no number as 0.
    pub fn of(number: f64) -> Value {
        if number.is_nan() {
            return Value(0);
        }
        Value((number.clamp(-VALUE_MAX, VALUE_MAX) * MICRO as f64).round() as i64)
    }

    /// The natural logarithm of a duration; below one second it counts as one.
    pub fn ln_secs(secs: f64) -> Value {
        Value::of(libm::log(secs.max(1.0)))
    }

    /// The value as a number.
    pub fn number(self) -> f64 {
        self.0 as f64 / MICRO as f64
    }

    /// The square in thousandths, rounded.
    fn square(self) -> u64 {
        let square = i128::from(self.0).pow(2);
        u64::try_from((square + 500_000_000) / 1_000_000_000).expect("bounded by VALUE_MAX")
    }
}

/// What is kept of the values of one arm in one stratum. Adding is exact, in whatever order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// How many values.
    pub n: u64,
    /// Their sum in millionths.
    pub sum: i64,
    /// The sum of their squares in thousandths, each rounded.
    pub squares: u64,
}

impl Sums {
    /// Adds one value. With at most [`crate::limits::ROLLOUT_UNITS_MAX`] values none of the sums can overflow.
    pub fn add(&mut self, value: Value) {
        self.n += 1;
        self.sum += value.0;
        self.squares += value.square();
    }

    /// Sums of yes and no: so many of so many.
    pub fn of_yes(yes: u64, n: u64) -> Sums {
        Sums { n, sum: yes as i64 * MICRO, squares: yes * 1_000 }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Sums) -> Sums {
        Sums {
            n: self.n + other.n,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
        }
    }

    /// The mean; 0 of nothing.
    pub fn mean(self) -> f64 {
        if self.n == 0 { 0.0 } else { self.total() / self.n as f64 }
    }

    /// The sum as a number; for yes and no the count of yes.
    pub fn total(self) -> f64 {
        self.sum as f64 / MICRO as f64
    }

    /// The sum of squared deviations from the mean, never below 0.
    pub fn deviations(self) -> f64 {
        let squares = self.squares as f64 / 1_000.0;
        (squares - self.mean() * self.total()).max(0.0)
    }
}

/// Both arms of one stratum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The arm drawn for the bot.
    pub bot: Sums,
    /// The arm drawn for people.
    pub people: Sums,
}

impl Pair {
    /// The Mantel–Haenszel weight `nB nP / (nB + nP)`; 0 where one of the arms has nothing.
    pub fn weight(self) -> f64 {
        let (bot, people) = (self.bot.n as f64, self.people.n as f64);
        if self.bot.n == 0 || self.people.n == 0 { 0.0 } else { bot * people / (bot + people) }
    }

    /// All strata together. Good for counting, wrong for comparing.
    pub fn pooled(strata: &[Pair]) -> Pair {
        strata.iter().fold(Pair::default(), |all, pair| Pair {
            bot: all.bot.plus(pair.bot),
            people: all.people.plus(pair.people),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    #[test]
    fn sums_do_not_depend_on_the_order_and_give_mean_and_deviations() {
        let values = [3.0, 4.0, 5.0, 4.0, 2.0, 0.1, 0.2, 0.3].map(Value::of);
        let (mut there, mut back) = (Sums::default(), Sums::default());
        values.iter().for_each(|value| there.add(*value));
        values.iter().rev().for_each(|value| back.add(*value));
        assert_eq!(there, back);
        assert!((there.mean() - 2.325).abs() < 1e-12);
        // 70.14 - 18.6^2/8
        assert!((there.deviations() - 26.895).abs() < 1e-9, "{}", there.deviations());
    }

    #[test]
    fn the_largest_values_of_all_units_fit() {
        let largest = Value::of(f64::INFINITY);
        assert_eq!(largest.number(), VALUE_MAX);
        let all = limits::ROLLOUT_UNITS_MAX as u64;
        assert!(largest.square().checked_mul(all).is_some(), "squares must not overflow");
        assert!(largest.0.checked_mul(all as i64).is_some(), "sums must not overflow");
    }

    #[test]
    fn what_is_no_number_is_nothing_and_a_moment_is_a_second() {
        assert_eq!(Value::of(f64::NAN), Value::yes(false));
        assert_eq!(Value::ln_secs(0.0).number(), 0.0);
        assert_eq!(Value::ln_secs(100.0).number(), 4.605_170);
    }

    #[test]
    fn yes_and_no_can_be_added_at_once() {
        let mut sums = Sums::default();
        for n in 0..10 {
            sums.add(Value::yes(n < 7));
        }
        assert_eq!(sums, Sums::of_yes(7, 10));
    }
}
