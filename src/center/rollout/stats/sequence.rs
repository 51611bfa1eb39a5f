//! How far off a difference may be when it is looked at again and again: a confidence sequence.
//!
//! The normal mixture of Robbins (Annals of Mathematical Statistics 41, 1970; Howard, Ramdas, McAuliffe & Sekhon,
//! Annals of Statistics 49, 2021). With the variance `v` of a difference and a mixture `N(0, 1/ρ)`:
//!
//! ```text
//! half = √( v (1 + ρv) ( ln(1 + 1/(ρv)) + 2 ln(1/α) ) )
//! ```
//!
//! The true difference lies within `D ± half` at *all* times together with the chance 1-α, so a rollback that is
//! checked each hour is wrong no more often than α. It is narrowest, for its price, where `v = 1/ρ`.

/// The ρ for shares near 0.8: tuned to a standard error of 0.05.
pub const RHO: f64 = 400.0;

/// The standard deviation that [`RHO`] was tuned to: of yes and no at 0.8.
const TUNED_TO: f64 = 0.4;

/// The ρ for values whose standard deviation is `sd`: the same precision in units of it.
pub fn rho(sd: f64) -> f64 {
    RHO * (TUNED_TO / sd) * (TUNED_TO / sd)
}

/// Half the width of the sequence where the variance is `v`; infinite while that is.
pub fn half_width(v: f64, rho: f64, alpha: f64) -> f64 {
    if !v.is_finite() || v <= 0.0 {
        return f64::INFINITY;
    }
    let x = rho * v;
    (v * (1.0 + x) * (libm::log1p(1.0 / x) + 2.0 * libm::log(1.0 / alpha))).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::normal;
    use super::*;

    #[test]
    fn widths_are_as_computed_by_hand() {
        // The formula in numpy.
        for (v, rho, alpha, expected) in [
            (0.0025, 400.0, 0.01, 0.222_525_139_619_506),
            (0.0001, 400.0, 0.01, 0.036_009_963_046_909_08),
            (0.04, 100.0, 0.05, 1.114_863_946_714_772),
        ] {
            assert!((half_width(v, rho, alpha) - expected).abs() < 1e-14);
        }
        assert_eq!(half_width(f64::INFINITY, RHO, 0.01), f64::INFINITY);
        assert_eq!(half_width(0.0, RHO, 0.01), f64::INFINITY, "no spread was seen yet");
    }

    #[test]
    fn a_spread_twice_as_wide_gives_a_sequence_twice_as_wide() {
        let one = half_width(0.0025, rho(0.4), 0.01);
        let two = half_width(0.01, rho(0.8), 0.01);
        assert!((two / one - 2.0).abs() < 1e-12);
    }

    #[test]
    fn it_is_never_narrower_than_an_interval_for_one_look() {
        let once = -normal::quantile(0.005);
        for n in 1..200 {
            let v = 0.0001 * f64::from(n);
            assert!(half_width(v, RHO, 0.01) > once * v.sqrt(), "{v}");
        }
    }

    #[test]
    fn a_thousand_looks_at_nothing_are_wrong_no_more_often_than_promised() {
        // 2,000 walks of 2,000 steps of ±1 whose mean is 0, looked at after each; alpha 0.05.
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut wrong = 0;
        for _ in 0..2_000 {
            let mut sum = 0.0;
            let left = (1..=2_000).any(|n| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                sum += if state >> 63 == 0 { 1.0 } else { -1.0 };
                let n = f64::from(n);
                n >= 30.0 && (sum / n).abs() > half_width(1.0 / n, 0.01, 0.05)
            });
            wrong += u32::from(left);
        }
        // 100 at most are expected; four standard deviations are 39.
        assert!(wrong <= 139, "{wrong} of 2,000");
    }
}
