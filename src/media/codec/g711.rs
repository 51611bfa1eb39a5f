//! G.711 µ-law and A-law (ITU-T G.711), by tables built at compile time from the segment formula.
//!
//! Linear samples are 16-bit: µ-law uses the upper 14 bits, A-law the upper 13.

/// µ-law code of digital silence.
pub const ULAW_SILENCE: u8 = 0xff;
/// A-law code nearest to digital silence.
pub const ALAW_SILENCE: u8 = 0xd5;

/// The linear sample of each µ-law code.
pub(crate) const ULAW_DECODE: [i16; 256] = table_of_ulaw_values();
/// The linear sample of each A-law code.
pub(crate) const ALAW_DECODE: [i16; 256] = table_of_alaw_values();
static ULAW_ENCODE: [u8; 1 << 14] = table_of_ulaw_codes();
static ALAW_ENCODE: [u8; 1 << 13] = table_of_alaw_codes();

/// The µ-law code of a linear sample.
#[inline]
pub fn ulaw_encode(sample: i16) -> u8 {
    ULAW_ENCODE[usize::from(sample.cast_unsigned() >> 2)]
}

/// The linear sample of a µ-law code.
#[inline]
pub fn ulaw_decode(code: u8) -> i16 {
    ULAW_DECODE[usize::from(code)]
}

/// The A-law code of a linear sample.
#[inline]
pub fn alaw_encode(sample: i16) -> u8 {
    ALAW_ENCODE[usize::from(sample.cast_unsigned() >> 3)]
}

/// The linear sample of an A-law code.
#[inline]
pub fn alaw_decode(code: u8) -> i16 {
    ALAW_DECODE[usize::from(code)]
}

/// All bits travel inverted; value = ((2·mantissa + 33) << segment) - 33 in 14-bit units (Table 2a).
const fn table_of_ulaw_values() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let bits = !code as u8;
        let segment = (bits >> 4) & 7;
        let magnitude = ((((bits & 15) as i16) * 2 + 33) << segment) - 33;
        table[code] = if bits & 0x80 != 0 { -magnitude * 4 } else { magnitude * 4 };
        code += 1;
    }
    table
}

/// Even bits travel inverted; the middle of each step is the value (Table 1a).
const fn table_of_alaw_values() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let bits = code as u8 ^ 0x55;
        let segment = (bits >> 4) & 7;
        let step = ((bits & 15) as i16) * 2 + 1;
        let magnitude = if segment == 0 { step } else { (step + 32) << (segment - 1) };
        table[code] = if bits & 0x80 != 0 { magnitude * 8 } else { -magnitude * 8 };
        code += 1;
    }
    table
}

/// Indexed by the upper 14 bits of the sample; negative numbers are folded by one's complement, as ITU-T G.191 does.
const fn table_of_ulaw_codes() -> [u8; 1 << 14] {
    let mut table = [0; 1 << 14];
    let mut index: usize = 0;
    while index < table.len() {
        let negative = index >= 1 << 13;
        let folded = if negative { (1 << 14) - 1 - index } else { index };
        let biased = folded + 33;
        let segment = (usize::BITS - biased.leading_zeros()).saturating_sub(6) as usize;
        let magnitude =
            if segment > 7 { 0x7f } else { (segment << 4) | ((biased >> (segment + 1)) & 15) };
        let sign = if negative { 0x80 } else { 0 };
        table[index] = !(magnitude as u8 | sign);
        index += 1;
    }
    table
}

/// Indexed by the upper 13 bits of the sample, folded likewise.
const fn table_of_alaw_codes() -> [u8; 1 << 13] {
    let mut table = [0; 1 << 13];
    let mut index: usize = 0;
    while index < table.len() {
        let negative = index >= 1 << 12;
        let folded = if negative { (1 << 13) - 1 - index } else { index };
        let segment = (usize::BITS - (folded | 31).leading_zeros()) as usize - 5;
        let shift = if segment < 2 { 1 } else { segment };
        let magnitude = (segment << 4) | ((folded >> shift) & 15);
        let sign = if negative { 0 } else { 0x80 };
        table[index] = (magnitude as u8 | sign) ^ 0x55;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use audio_codec_algorithms as reference;

    #[test]
    fn every_sample_is_encoded_as_an_independent_implementation_does() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(ulaw_encode(sample), reference::encode_ulaw(sample), "µ-law of {sample}");
            assert_eq!(alaw_encode(sample), reference::encode_alaw(sample), "A-law of {sample}");
        }
    }

    #[test]
    fn every_code_is_decoded_as_an_independent_implementation_does() {
        for code in 0..=u8::MAX {
            assert_eq!(ulaw_decode(code), reference::decode_ulaw(code), "µ-law code {code}");
            assert_eq!(alaw_decode(code), reference::decode_alaw(code), "A-law code {code}");
        }
    }

    #[test]
    fn decoding_and_encoding_again_changes_no_code() {
        for code in 0..=u8::MAX {
            assert_eq!(alaw_encode(alaw_decode(code)), code);
            // µ-law has two zeros: 0x7f (minus zero) comes back as 0xff.
            let expected = if code == 0x7f { 0xff } else { code };
            assert_eq!(ulaw_encode(ulaw_decode(code)), expected);
        }
    }

    #[test]
    fn silence_is_silent() {
        assert_eq!(ulaw_decode(ULAW_SILENCE), 0);
        assert_eq!(alaw_decode(ALAW_SILENCE), 8);
        assert_eq!(ulaw_encode(0), ULAW_SILENCE);
        assert_eq!(alaw_encode(0), ALAW_SILENCE);
    }
}
