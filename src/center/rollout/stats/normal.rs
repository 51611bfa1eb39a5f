//! The standard normal distribution: area below, the point below which an area lies, and chi-square with one degree.
//!
//! Area: `Φ(x) = erfc(-x/√2) / 2`, with `erfc` of `libm` (within one unit in the last place). Quantile: algorithm
//! AS 241, `PPND16` (M. J. Wichura, Applied Statistics 37, 1988), about 1 part in 10^16.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

/// The area of the standard normal distribution below `x`.
pub fn below(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// The area above `x`: exact far out, where `1 - below(x)` has lost its digits.
pub fn above(x: f64) -> f64 {
    below(-x)
}

/// The density at `x`.
pub fn density(x: f64) -> f64 {
    const ONE_BY_SQRT_2_PI: f64 = 0.398_942_280_401_432_7;
    ONE_BY_SQRT_2_PI * libm::exp(-0.5 * x * x)
}

/// The chance that chi-square with one degree of freedom is larger than `x`: `erfc(√(x/2))`.
pub fn chi_square_above(x: f64) -> f64 {
    libm::erfc(x.max(0.0).sqrt() / SQRT_2)
}

/// `PPND16`, the middle: numerator and denominator over `0.180625 - q²`, highest power first.
const MIDDLE: [[f64; 8]; 2] = [
    [
        2.509_080_928_730_122_6e3,
        3.343_057_558_358_813e4,
        6.726_577_092_700_87e4,
        4.592_195_393_154_987e4,
        1.373_169_376_550_946e4,
        1.971_590_950_306_551_3e3,
        1.331_416_678_917_843_8e2,
        3.387_132_872_796_366_5,
    ],
    [
        5.226_495_278_852_854e3,
        2.872_908_573_572_194_3e4,
        3.930_789_580_009_271e4,
        2.121_379_430_158_659_7e4,
        5.394_196_021_424_751e3,
        6.871_870_074_920_579e2,
        4.231_333_070_160_091e1,
        1.0,
    ],
];

/// The tails, over `r - 1.6` with `r = √(-ln p)` up to 5.
const TAIL: [[f64; 8]; 2] = [
    [
        7.745_450_142_783_414e-4,
        2.272_384_498_926_918_4e-2,
        2.417_807_251_774_506e-1,
        1.270_458_252_452_368_4,
        3.647_848_324_763_204_5,
        5.769_497_221_460_691,
        4.630_337_846_156_546,
        1.423_437_110_749_683_5,
    ],
    [
        1.050_750_071_644_416_9e-9,
        5.475_938_084_995_345e-4,
        1.519_866_656_361_645_7e-2,
        1.481_039_764_274_800_8e-1,
        6.897_673_349_851e-1,
        1.676_384_830_183_803_8,
        2.053_191_626_637_759,
        1.0,
    ],
];

/// The far tails, over `r - 5`.
const FAR: [[f64; 8]; 2] = [
    [
        2.010_334_399_292_288_1e-7,
        2.711_555_568_743_487_6e-5,
        1.242_660_947_388_078_4e-3,
        2.653_218_952_657_612_4e-2,
        2.965_605_718_285_048_7e-1,
        1.784_826_539_917_291_3,
        5.463_784_911_164_114,
        6.657_904_643_501_104,
    ],
    [
        2.044_263_103_389_939_8e-15,
        1.421_511_758_316_446e-7,
        1.846_318_317_510_054_7e-5,
        7.868_691_311_456_133e-4,
        1.487_536_129_085_061_5e-2,
        1.369_298_809_227_358e-1,
        5.998_322_065_558_88e-1,
        1.0,
    ],
];

/// The point below which the area `p` lies. Below 0 and above 1 there is none: infinities.
pub fn quantile(p: f64) -> f64 {
    if p.is_nan() || p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(&MIDDLE, 0.180_625 - q * q);
    }
    let r = (-libm::log(if q < 0.0 { p } else { 1.0 - p })).sqrt();
    let x = if r <= 5.0 { ratio(&TAIL, r - 1.6) } else { ratio(&FAR, r - 5.0) };
    if q < 0.0 { -x } else { x }
}

/// One polynomial over another, by Horner's rule.
fn ratio([numerator, denominator]: &[[f64; 8]; 2], x: f64) -> f64 {
    let horner = |terms: &[f64; 8]| terms.iter().fold(0.0, |sum, term| sum * x + term);
    horner(numerator) / horner(denominator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_those_of_the_tables() {
        // mpmath.ncdf at 30 digits.
        for (x, area) in [
            (-8.0, 6.220_960_574_271_784e-16),
            (-3.0, 0.001_349_898_031_630_094_6),
            (-1.0, 0.158_655_253_931_457_05),
            (-0.1, 0.460_172_162_722_971),
            (0.0, 0.5),
            (0.5, 0.691_462_461_274_013_1),
            (2.326, 0.989_990_724_659_132_3),
            (6.0, 0.999_999_999_013_412_3),
        ] {
            assert!((below(x) / area - 1.0).abs() < 1e-14, "{x}: {}", below(x));
        }
        assert!((above(8.0) / 6.220_960_574_271_784e-16 - 1.0).abs() < 1e-14);
        assert!((density(1.0) - 0.241_970_724_519_143_37).abs() < 1e-16);
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // scipy.stats.norm.ppf.
        for (p, x) in [
            (1e-12, -7.034_483_825_301_131),
            (1e-6, -4.753_424_308_822_899),
            (0.001, -3.090_232_306_167_813),
            (0.01, -2.326_347_874_040_840_8),
            (0.05, -1.644_853_626_951_473),
            (0.1, -1.281_551_565_544_600_4),
            (0.3, -0.524_400_512_708_040_9),
            (0.5, 0.0),
            (0.8, 0.841_621_233_572_914_3),
            (0.95, 1.644_853_626_951_472_2),
            (0.975, 1.959_963_984_540_054),
            (0.999_999, 4.753_424_308_817_087),
        ] {
            assert!((quantile(p) - x).abs() < 1e-13, "{p}: {}", quantile(p));
        }
        assert_eq!((quantile(0.0), quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert_eq!(quantile(f64::NAN), f64::NEG_INFINITY);
    }

    #[test]
    fn quantile_and_area_undo_each_other() {
        for n in -60..=60 {
            let x = f64::from(n) / 10.0;
            assert!((quantile(below(-x.abs())) + x.abs()).abs() < 1e-12, "{x}");
        }
    }

    #[test]
    fn chi_square_is_that_of_the_tables() {
        // scipy.stats.chi2.sf(x, 1).
        for (x, above) in [
            (0.0, 1.0),
            (0.1, 0.751_829_634_045_849_2),
            (1.0, 0.317_310_507_862_911_15),
            (3.841_458_820_694_124, 0.05),
            (10.827_566_170_662_733, 0.001),
            (25.0, 5.733_031_437_583_875e-7),
        ] {
            assert!((chi_square_above(x) / above - 1.0).abs() < 1e-12, "{x}");
        }
    }
}
