//! Prompts, tones and music, decoded and encoded once at load, so that playing costs a header and a copy.
//!
//! Knows nothing of files: the roof reads them and hands over bytes. A [`Library`] never changes; a reload builds the
//! next one from it with [`Library::extend`], under which ids keep their meaning.

use crate::codec::{Encoder, Rate};
use crate::limits::{CLIP_MAX, CLIPS_MAX};
use crate::order::{ClipId, Codec};
use crate::resample::resample;
use crate::tone;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

/// Sampling rates a WAV file may have, in hertz.
pub const WAV_RATES: [u32; 7] = [8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

/// Opus complexity (0 to 10) for clips: 10 costs twice the time of 5 at load and is not heard on a telephone.
const CLIP_COMPLEXITY: i32 = 5;

/// Level of generated tones in dBm0.
const TONE_DBM0: f64 = -12.0;

/// Why a clip was refused; the text says what is wrong and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClipError {
    /// Not a WAV file, a compressed one, or a damaged one.
    #[error("not a readable PCM WAV file: {0}")]
    Wav(String),
    /// Not mono.
    #[error("{}: {found} channels, expected 1 (mono); mix it down first", stereo(*found))]
    Channels {
        /// Channels in the file.
        found: u16,
    },
    /// Not 16-bit integers.
    #[error("{found_bits}-bit {kind} samples, expected 16-bit integer PCM")]
    Samples {
        /// Bits of a sample in the file.
        found_bits: u16,
        /// `integer` or `float`.
        kind: &'static str,
    },
    /// A sampling rate we don't convert.
    #[error("{found_hz} Hz, expected one of {WAV_RATES:?} Hz; 8000 or 16000 need no conversion")]
    SampleRate {
        /// Rate of the file.
        found_hz: u32,
    },
    /// No sound at all.
    #[error("empty: no samples, expected at least one")]
    Empty,
    /// Longer than [`CLIP_MAX`].
    #[error("too long: {found_secs} s, expected at most {} s", CLIP_MAX.as_secs())]
    TooLong {
        /// Length of the file in whole seconds.
        found_secs: u64,
    },
    /// The library is full.
    #[error("too many clips: a library holds at most {CLIPS_MAX}")]
    TooMany,
}

fn stereo(channels: u16) -> &'static str {
    if channels == 2 { "stereo" } else { "not mono" }
}

/// One clip in one codec, cut into frames.
#[derive(Debug)]
struct Track {
    bytes: Box<[u8]>,
    /// Where each frame ends; absent when all have the same length.
    ends: Option<Box<[u32]>>,
    frame_bytes: usize,
}

impl Track {
    fn encode(codec: Codec, rate: Rate, sound: &[i16]) -> Self {
        let mut encoder = Encoder::new(codec, rate, CLIP_COMPLEXITY);
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        let mut padded = Vec::new();
        for frame in sound.chunks(rate.samples(20)) {
            padded.clear();
            padded.extend_from_slice(frame);
            padded.resize(rate.samples(20), 0);
            encoder.encode(&padded, &mut bytes);
            ends.push(u32::try_from(bytes.len()).expect("half an hour of any codec is below 4 GB"));
        }
        let frame_bytes = codec.frame_bytes().unwrap_or(0);
        let ends = (frame_bytes == 0).then(|| ends.into_boxed_slice());
        Self { bytes: bytes.into_boxed_slice(), ends, frame_bytes }
    }

    fn frame(&self, number: usize) -> Option<&[u8]> {
        let (start, end) = match &self.ends {
            None => (number * self.frame_bytes, (number + 1) * self.frame_bytes),
            Some(ends) => {
                let start = number.checked_sub(1).map_or(0, |before| ends[before] as usize);
                (start, *ends.get(number)? as usize)
            }
        };
        self.bytes.get(start..end)
    }
}

#[derive(Debug)]
struct Clip {
    frames: u32,
    samples: u64,
    rate_hz: u32,
    /// Tells whether a file is the same as before without keeping it.
    fingerprint: u64,
    tracks: [Option<Track>; 4],
}

impl Clip {
    /// `sound` is at `rate_hz`; both telephone and wide band are made from it, never one from the other.
    fn new(sound: &[i16], rate_hz: u32, codecs: [bool; 4], fingerprint: u64) -> Self {
        let narrow = resample(sound, rate_hz, Rate::Narrow.hz());
        let wants_wide = Codec::ALL.into_iter().any(|c| c.is_wide() && codecs[c.index()]);
        let wide = (rate_hz > Rate::Narrow.hz() && wants_wide)
            .then(|| resample(sound, rate_hz, Rate::Wide.hz()));
        let tracks = Codec::ALL.map(|codec| {
            codecs[codec.index()].then(|| match &wide {
                Some(wide) if codec.is_wide() => Track::encode(codec, Rate::Wide, wide),
                Some(_) | None => Track::encode(codec, Rate::Narrow, &narrow),
            })
        });
        let frames = narrow.len().div_ceil(Rate::Narrow.samples(20)) as u32;
        Self { frames, samples: sound.len() as u64, rate_hz, fingerprint, tracks }
    }
}

/// Collects clips; [`LibraryBuilder::build`] makes them playable.
#[derive(Debug)]
pub struct LibraryBuilder {
    codecs: [bool; 4],
    clips: Vec<Arc<Clip>>,
    names: BTreeMap<String, ClipId>,
}

impl LibraryBuilder {
    /// A library with only the generated clips, to be encoded for the codecs that will be offered ([`Codec::ALL`] for
    /// all of them). Opus costs some 3 ms of CPU for each second of sound, the others next to nothing.
    pub fn new(codecs: &[Codec]) -> Self {
        let mut chosen = [false; 4];
        for codec in codecs {
            chosen[codec.index()] = true;
        }
        let mut builder = Self { codecs: chosen, clips: Vec::new(), names: BTreeMap::new() };
        builder.generate();
        builder
    }

    /// The clips every library has, in the order of their constant ids.
    fn generate(&mut self) {
        let rate = Rate::Narrow;
        let generated = [
            ("ringback", tone::cadence(rate, 425.0, TONE_DBM0, 1000, 4000)),
            ("busy", tone::cadence(rate, 425.0, TONE_DBM0, 360, 360)),
            ("silence", vec![0; rate.samples(1000)]),
            ("noise", tone::noise(-60.0, rate.samples(5000), 1)),
            ("beep", tone::cadence(rate, 1000.0, TONE_DBM0, 200, 0)),
        ];
        for (name, sound) in generated {
            self.insert(name, Clip::new(&sound, rate.hz(), self.codecs, 0));
        }
    }

    fn insert(&mut self, name: &str, clip: Clip) -> ClipId {
        let id = ClipId(u32::try_from(self.clips.len()).expect("fewer than CLIPS_MAX"));
        self.clips.push(Arc::new(clip));
        self.names.insert(name.to_owned(), id);
        id
    }

    /// Adds the sound of a WAV file under `name`. The same sound under the same name keeps its id; another one gets a
    /// new id, and the old id keeps playing the old sound to those who hear it now.
    ///
    /// # Errors
    /// Anything that is not 16-bit mono PCM of a rate in [`WAV_RATES`], is empty or is too long.
    pub fn add(&mut self, name: &str, wav: &[u8]) -> Result<ClipId, ClipError> {
        let fingerprint = fingerprint(wav);
        if let Some(id) = self.names.get(name)
            && self.clips[id.0 as usize].fingerprint == fingerprint
        {
            return Ok(*id);
        }
        if self.clips.len() >= CLIPS_MAX {
            return Err(ClipError::TooMany);
        }
        let (sound, rate_hz) = read_wav(wav)?;
        Ok(self.insert(name, Clip::new(&sound, rate_hz, self.codecs, fingerprint)))
    }

    /// The finished library.
    pub fn build(self) -> Library {
        let Self { codecs, clips, names } = self;
        Library { codecs, clips, names }
    }
}

fn read_wav(wav: &[u8]) -> Result<(Vec<i16>, u32), ClipError> {
    let broken = |error: hound::Error| ClipError::Wav(error.to_string());
    let reader = hound::WavReader::new(Cursor::new(wav)).map_err(broken)?;
    let spec = reader.spec();
    if spec.channels != 1 {
        return Err(ClipError::Channels { found: spec.channels });
    }
    if spec.bits_per_sample != 16 || spec.sample_format != hound::SampleFormat::Int {
        let kind = match spec.sample_format {
            hound::SampleFormat::Int => "integer",
            hound::SampleFormat::Float => "float",
        };
        return Err(ClipError::Samples { found_bits: spec.bits_per_sample, kind });
    }
    if !WAV_RATES.contains(&spec.sample_rate) {
        return Err(ClipError::SampleRate { found_hz: spec.sample_rate });
    }
    let found_secs = u64::from(reader.duration() / spec.sample_rate);
    if found_secs >= CLIP_MAX.as_secs() {
        return Err(ClipError::TooLong { found_secs });
    }
    let sound = reader.into_samples().collect::<Result<Vec<i16>, _>>().map_err(broken)?;
    if sound.is_empty() { Err(ClipError::Empty) } else { Ok((sound, spec.sample_rate)) }
}

/// FNV-1a: enough to see that a file has changed; never zero, which marks generated clips.
fn fingerprint(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.max(1)
}

/// All clips, encoded and immutable; shared by the workers in an `Arc`.
#[derive(Debug)]
pub struct Library {
    codecs: [bool; 4],
    clips: Vec<Arc<Clip>>,
    names: BTreeMap<String, ClipId>,
}

impl Library {
    /// The ringback tone of Russia: 425 Hz, 1 s on, 4 s off. Named `ringback`.
    pub const RINGBACK: ClipId = ClipId(0);
    /// The busy tone of Russia: 425 Hz, 0.36 s on, 0.36 s off. Named `busy`.
    pub const BUSY: ClipId = ClipId(1);
    /// One second of digital silence. Named `silence`.
    pub const SILENCE: ClipId = ClipId(2);
    /// Five seconds of comfort noise at -60 dBm0. Named `noise`.
    pub const NOISE: ClipId = ClipId(3);
    /// A short beep, 1000 Hz for 200 ms. Named `beep`.
    pub const BEEP: ClipId = ClipId(4);

    /// The clip of that name.
    pub fn find(&self, name: &str) -> Option<ClipId> {
        self.names.get(name).copied()
    }

    /// How long a clip sounds; zero for an unknown id. Played, it lasts up to the end of its last 20 ms frame.
    pub fn duration(&self, clip: ClipId) -> Duration {
        self.clips.get(clip.0 as usize).map_or(Duration::ZERO, |clip| {
            Duration::from_micros(clip.samples * 1_000_000 / u64::from(clip.rate_hz))
        })
    }

    /// Frames of 20 ms in a clip; zero for an unknown id.
    pub fn frames(&self, clip: ClipId) -> u32 {
        self.clips.get(clip.0 as usize).map_or(0, |clip| clip.frames)
    }

    /// The payload of one frame; `None` past the end and for codecs the library was not built for.
    #[inline]
    pub fn frame(&self, clip: ClipId, codec: Codec, number: u32) -> Option<&[u8]> {
        let clip = self.clips.get(clip.0 as usize)?;
        clip.tracks[codec.index()].as_ref()?.frame(number as usize)
    }

    /// Whether clips were encoded for a codec; one that is offered without is silent.
    pub fn speaks(&self, codec: Codec) -> bool {
        self.codecs[codec.index()]
    }

    /// Number of clips, the generated ones included.
    pub fn len(&self) -> usize {
        self.clips.len()
    }

    /// Never: the generated clips are always there.
    pub fn is_empty(&self) -> bool {
        self.clips.is_empty()
    }

    /// Memory of all payloads in bytes.
    pub fn bytes(&self) -> usize {
        let tracks = self.clips.iter().flat_map(|clip| clip.tracks.iter().flatten());
        tracks.map(|t| t.bytes.len() + t.ends.as_ref().map_or(0, |e| e.len() * 4)).sum()
    }

    /// A builder that starts from this library: all its ids and sounds stay valid.
    pub fn extend(&self) -> LibraryBuilder {
        LibraryBuilder { codecs: self.codecs, clips: self.clips.clone(), names: self.names.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Decoder;
    use crate::tone::{power_at, sine};

    fn wav_spec(spec: hound::WavSpec, sound: &[i16]) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("a writer");
        for sample in sound {
            match (spec.sample_format, spec.bits_per_sample) {
                (hound::SampleFormat::Float, _) => {
                    writer.write_sample(f32::from(*sample) / 32_768.0)
                }
                (hound::SampleFormat::Int, 24) => writer.write_sample(i32::from(*sample) << 8),
                (hound::SampleFormat::Int, _) => writer.write_sample(*sample),
            }
            .expect("a sample");
        }
        writer.finalize().expect("a file");
        bytes.into_inner()
    }

    fn spec(channels: u16, sample_rate: u32) -> hound::WavSpec {
        let sample_format = hound::SampleFormat::Int;
        hound::WavSpec { channels, sample_rate, bits_per_sample: 16, sample_format }
    }

    fn decoded(library: &Library, clip: ClipId, codec: Codec) -> Vec<i16> {
        let mut decoder = Decoder::new(codec, Rate::Narrow);
        let mut sound = Vec::new();
        for n in 0..library.frames(clip) {
            let frame = library.frame(clip, codec, n).expect("every frame is there");
            assert!(decoder.decode(frame, &mut sound));
        }
        assert_eq!(library.frame(clip, codec, library.frames(clip)), None);
        sound
    }

    #[test]
    fn a_wav_of_any_rate_plays_the_same_tone_in_every_codec() {
        let mut builder = LibraryBuilder::new(&Codec::ALL);
        let mut clips = Vec::new();
        for rate_hz in [8000, 16_000, 48_000] {
            let sound = resample(&sine(Rate::Wide, 1000.0, -12.0, 16_010), 16_000, rate_hz);
            let name = format!("tone-{rate_hz}");
            clips.push(
                builder.add(&name, &wav_spec(spec(1, rate_hz), &sound)).expect("a good file"),
            );
        }
        let library = builder.build();
        for clip in clips {
            assert_eq!(library.frames(clip), 51, "a started frame counts");
            assert_eq!(library.duration(clip).as_millis(), 1000);
            for codec in Codec::ALL {
                let sound = decoded(&library, clip, codec);
                assert!(
                    power_at(Rate::Narrow, 1000.0, &sound[1600..7000]) > 0.9,
                    "{clip:?} {codec:?}"
                );
            }
        }
    }

    #[test]
    fn files_that_are_wrong_are_refused_with_what_is_wrong() {
        let mut builder = LibraryBuilder::new(&[]);
        let float = hound::WavSpec {
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
            ..spec(1, 8000)
        };
        let wide = hound::WavSpec { bits_per_sample: 24, ..spec(1, 8000) };
        let text = |result: Result<ClipId, ClipError>| result.expect_err("wrong").to_string();
        let mut refused = |wav: Vec<u8>| text(builder.add("x", &wav));
        assert_eq!(
            refused(wav_spec(spec(2, 8000), &[0; 4])),
            "stereo: 2 channels, expected 1 (mono); mix it down first"
        );
        assert!(
            refused(wav_spec(spec(1, 11_025), &[0; 4])).starts_with("11025 Hz, expected one of")
        );
        assert!(
            refused(wav_spec(float, &[0; 4])).starts_with("32-bit float samples, expected 16-bit")
        );
        assert!(refused(wav_spec(wide, &[0; 4])).starts_with("24-bit integer samples"));
        assert!(refused(wav_spec(spec(1, 8000), &[])).starts_with("empty"));
        assert!(refused(b"ID3 an mp3 in disguise".to_vec()).starts_with("not a readable PCM WAV"));
        let mut cut = wav_spec(spec(1, 8000), &[1; 800]);
        cut.truncate(500);
        assert!(refused(cut).starts_with("not a readable PCM WAV"));
        // The header alone promises 1801 s.
        let mut long = wav_spec(spec(1, 8000), &[0; 4]);
        long[40..44].copy_from_slice(&(1801 * 16_000u32).to_le_bytes());
        assert_eq!(refused(long), "too long: 1801 s, expected at most 1800 s");
    }

    #[test]
    fn generated_clips_sound_as_they_are_called() {
        let library = LibraryBuilder::new(&[Codec::Pcma]).build();
        assert_eq!(library.find("ringback"), Some(Library::RINGBACK));
        assert_eq!(library.find("beep"), Some(Library::BEEP));
        assert_eq!(library.duration(Library::RINGBACK), Duration::from_secs(5));
        let ring = decoded(&library, Library::RINGBACK, Codec::Pcma);
        assert!(power_at(Rate::Narrow, 425.0, &ring[..8000]) > 0.95);
        assert!(tone::level_dbm0(&ring[8000..]) < -60.0);
        let noise = decoded(&library, Library::NOISE, Codec::Pcma);
        assert!((tone::level_dbm0(&noise) + 60.0).abs() < 6.0);
    }

    #[test]
    fn a_reload_keeps_ids_of_the_same_sound_and_gives_a_new_one_to_a_changed_sound() {
        let wav = |hz| wav_spec(spec(1, 8000), &sine(Rate::Narrow, hz, -10.0, 1600));
        let mut builder = LibraryBuilder::new(&[Codec::Pcmu]);
        let same = builder.add("same", &wav(500.0)).expect("good");
        let changed = builder.add("changed", &wav(600.0)).expect("good");
        let first = builder.build();

        let mut builder = first.extend();
        assert_eq!(builder.add("same", &wav(500.0)).expect("good"), same);
        let renewed = builder.add("changed", &wav(700.0)).expect("good");
        assert_ne!(renewed, changed);
        let second = builder.build();
        assert_eq!(second.find("changed"), Some(renewed));
        let old = decoded(&second, changed, Codec::Pcmu);
        assert!(power_at(Rate::Narrow, 600.0, &old) > 0.9, "those who hear it now hear it out");
    }

    #[test]
    fn a_full_library_takes_no_more() {
        let mut builder = LibraryBuilder::new(&[]);
        let wav = wav_spec(spec(1, 8000), &[1; 8]);
        for n in builder.clips.len()..CLIPS_MAX {
            builder.add(&n.to_string(), &wav).expect("room");
        }
        assert_eq!(builder.add("one more", &wav), Err(ClipError::TooMany));
    }

    #[test]
    fn only_the_chosen_codecs_are_encoded() {
        let library = LibraryBuilder::new(&[Codec::Pcma]).build();
        assert!(library.speaks(Codec::Pcma) && !library.speaks(Codec::Opus));
        assert!(library.frame(Library::BEEP, Codec::Opus, 0).is_none());
        // 5 s + 0.72 s + 1 s + 5 s + 0.2 s of A-law.
        assert_eq!(library.bytes(), 596 * 160);
    }
}
