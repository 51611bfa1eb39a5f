//! How sure each of several looks at growing evidence must be: O'Brien & Fleming, Biometrics 35 (1979).
//!
//! Who looks twice and promotes on the first good sight is wrong more often than he says. With bounds
//! `c √(t_K/t_k)` at the shares `t_k` of the evidence, `c` is chosen so that a bot right at the margin passes any of
//! the looks with the chance α. As a Brownian motion `B(t)` the bound is a constant `b = c √t_K`; the chance never to
//! have crossed it is carried from look to look by numerical integration (Armitage, McPherson & Rowe, JRSS A 132,
//! 1969). Two looks at one half and all with α = 0.05: 2.373 and 1.678.

use super::normal;

/// Steps of Simpson's rule between looks: even, and enough for eight digits.
const STEPS: usize = 512;

/// How far below 0 a motion is followed, in standard deviations.
const DEPTH: f64 = 8.0;

/// Halvings until `c` is known to 2^-40.
const HALVINGS: u32 = 42;

/// The bounds of Z at looks at these shares of the planned evidence, which grow and are above 0; for a one-sided
/// level `alpha` between 0 and 1/2. Nothing in, nothing out.
pub fn obrien_fleming(shares: &[f64], alpha: f64) -> Vec<f64> {
    let Some(last) = shares.last() else { return Vec::new() };
    let (mut low, mut high) = (0.0, 10.0);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if chance_to_cross(shares, middle * last.sqrt()) > alpha {
            low = middle;
        } else {
            high = middle;
        }
    }
    let c = 0.5 * (low + high);
    shares.iter().map(|share| c * (last / share).sqrt()).collect()
}

/// The chance that a Brownian motion is at or above `b` at one of these times.
fn chance_to_cross(times: &[f64], b: f64) -> f64 {
    // Points and weighted densities of the motion at the last look, on the paths that have not crossed.
    let mut alive: Vec<(f64, f64)> = vec![(0.0, 1.0)];
    let mut before = 0.0;
    for (n, time) in times.iter().enumerate() {
        let step = (time - before).sqrt();
        if n + 1 == times.len() {
            return 1.0 - expected(&alive, |x| normal::below((b - x) / step));
        }
        let from = -DEPTH * time.sqrt();
        let width = (b - from) / STEPS as f64;
        alive = (0..=STEPS)
            .map(|i| {
                let x = from + width * i as f64;
                let density = expected(&alive, |y| normal::density((x - y) / step) / step);
                (x, density * simpson(i) * width / 3.0)
            })
            .collect();
        before = *time;
    }
    0.0
}

fn expected(points: &[(f64, f64)], of: impl Fn(f64) -> f64) -> f64 {
    points.iter().map(|(x, weight)| weight * of(*x)).sum()
}

/// The weight of a point in Simpson's rule, times 3 over the width of a step.
const fn simpson(i: usize) -> f64 {
    if i == 0 || i == STEPS {
        1.0
    } else if i % 2 == 1 {
        4.0
    } else {
        2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_the_published_ones() {
        // Jennison & Turnbull (2000), Table 2.3 at two-sided 0.10 and 0.05; digits from scipy's multivariate normal.
        for (shares, alpha, c) in [
            (vec![1.0], 0.05, 1.644_853_627),
            (vec![0.5, 1.0], 0.05, 1.677_952_74),
            (vec![0.5, 1.0], 0.025, 1.977_430_959),
            (vec![0.5, 1.0, 1.5], 0.05, 1.709_606_1),
            (vec![0.5, 1.0, 1.5], 0.025, 2.004_035_6),
            (vec![0.25, 0.5, 0.75, 1.0], 0.05, 1.733_099_9),
        ] {
            let bounds = obrien_fleming(&shares, alpha);
            let last = *bounds.last().unwrap();
            assert!((last - c).abs() < 5e-7, "{shares:?} {alpha}: {last}");
            let first = c * (shares[shares.len() - 1] / shares[0]).sqrt();
            assert!((bounds[0] - first).abs() < 1e-6, "{bounds:?}");
        }
    }

    #[test]
    fn two_looks_at_one_half_and_all() {
        let bounds = obrien_fleming(&[0.5, 1.0], 0.05);
        // mpmath's quadrature at 25 digits.
        assert!((bounds[1] - 1.677_952_740_469).abs() < 1e-8, "{bounds:?}");
        assert_eq!(
            bounds.iter().map(|b| format!("{b:.3}")).collect::<Vec<_>>(),
            ["2.373", "1.678"]
        );
    }

    #[test]
    fn fewer_doubts_need_higher_bounds() {
        let lax = obrien_fleming(&[0.5, 1.0], 0.10);
        let strict = obrien_fleming(&[0.5, 1.0], 0.01);
        assert!(strict.iter().zip(&lax).all(|(strict, lax)| strict > lax));
        assert!(obrien_fleming(&[], 0.05).is_empty());
    }
}
