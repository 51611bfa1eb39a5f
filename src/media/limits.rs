//! Every bound of the media plane, and what happens at it.

use std::time::Duration;

/// Length of one frame of sound: every codec here is cut into 20 ms, and a bank ticks once per frame.
pub const FRAME: Duration = Duration::from_millis(20);

/// Sessions in one bank. Beyond it [`crate::order::Order::Open`] is refused.
pub const SESSIONS_MAX: usize = 20_000;

/// Longest datagram looked at; a longer one is counted as malformed and dropped.
pub const DATAGRAM_BYTES_MAX: usize = 1_500;

/// Longest packet of one Opus frame (RFC 6716 §3.4).
pub const OPUS_FRAME_BYTES_MAX: usize = 1_275;

/// Longest packet we send, in frames: a larger ptime is cut to it.
pub const PACKET_FRAMES_MAX: u8 = 3;

/// Clips in one play order; those beyond it are not played.
pub const PLAY_CLIPS_MAX: usize = 64;

/// Clips of which a session remembers where their loop was; the one left longest ago is forgotten.
pub const LOOP_PLACES_MAX: usize = 8;

/// Keys waiting to be sent by one session; further ones are dropped and counted.
pub const DIAL_QUEUE_MAX: usize = 64;

/// Sessions that one session hears at once, so eight in a conference; an order to hear more is refused.
pub const HEARD_MAX: usize = 7;

/// Sessions that hear one session; an order to hear it beyond that is refused, so that a packet is never sent on more
/// often.
pub const LISTENERS_MAX: usize = 16;

/// Replies of a measure are counted by how long they took, in steps of this.
pub const REPLY_STEP: Duration = Duration::from_millis(250);

/// How many such steps there are; replies that took longer than all of them are counted in the last one.
pub const REPLY_STEPS: usize = 21;

/// Measures of one bank; beyond it [`crate::order::Order::Measure`] is refused.
pub const MEASURES_MAX: usize = SESSIONS_MAX / 2;

/// Silence of both sides of a measure that counts: one that lasts longer.
pub const SILENCE_MIN: Duration = Duration::from_secs(5);

/// How long sound of this machine itself is held back between codecs: for the late wake-ups of a busy system. What
/// comes later still is made up, and the delay grows by it for a while, as with any other.
pub const NEAR_PLAYOUT: Duration = Duration::from_millis(10);

/// Packets a jitter buffer holds: 320 ms at 20 ms each. A packet further ahead starts the buffer anew.
pub const PLAYOUT_PACKETS_MAX: usize = 16;

/// Frames a bank catches up with when its tick comes late; what is older is skipped, never sent in a burst.
pub const CATCH_UP_FRAMES_MAX: u64 = 5;

/// Packets of one session between two ticks: half a second of sound, as it piles up behind a hiccup of the network or
/// of the worker. What comes beyond is dropped and counted, so that a flood is not passed on.
pub const BURST_PACKETS_MAX: u16 = 25;

/// Clips in a library; adding more is an error.
pub const CLIPS_MAX: usize = 10_000;

/// Longest clip; a longer file is an error.
pub const CLIP_MAX: Duration = Duration::from_secs(30 * 60);

/// Reports waiting to be polled. The shell drains them after every call, so this is reached only when it does not;
/// then packets still flow and further reports wait in memory, and the bank says so once in the log.
pub const REPORTS_WARN: usize = 100_000;

const _: () = assert!(OPUS_FRAME_BYTES_MAX < DATAGRAM_BYTES_MAX);
const _: () = assert!(PACKET_FRAMES_MAX as usize * 20 <= 60);
