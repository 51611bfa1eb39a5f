//! Every bound of the recognisers' connector, and what happens there.

use std::time::Duration;

/// Forks under way or open, of all recognisers. One more is not opened: the caller is not heard, his keys work.
pub(super) const FORKS_MAX: usize = 500;

/// Forks that wait for the connector's thread. One more is not opened.
pub(super) const OPENINGS_MAX: usize = 256;

/// News of forks that wait for the brain. At the bound they wait in their forks, whose sound is shed meanwhile.
pub(super) const NEWS_MAX: usize = 1_024;

/// Bytes of one message of a recogniser. A longer one breaks the connection.
pub(super) const MESSAGE_BYTES_MAX: usize = 65_536;

/// Letters of what a recogniser has understood that are told, the last ones.
pub(super) const TEXT_CHARS_MAX: usize = 2_000;

/// Packets of a caller's sound that wait for a recogniser: 2 s. At the bound the oldest goes and is counted: one that
/// is slow hears what is said now.
pub(super) const SOUND_OUT_MAX: usize = 100;

/// Packets of sound in one message of vosk-server's protocol: 100 ms. It answers each message, so more would be work
/// for nothing and less would be late.
pub(super) const PACKETS_PER_MESSAGE: usize = 5;

/// Bytes of one packet of sound: 20 ms of µ-law at 8,000 samples a second.
pub(super) const PACKET_BYTES: usize = 160;

/// What connecting may take. A recogniser that is later is not there.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// What vosk-server may take to answer sound. One that is later is stuck.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How often a recogniser is asked whether it is still there. Nothing heard of it from one time to the next means that
/// it is not.
pub(super) const PING_EVERY: Duration = Duration::from_secs(5);

/// What a recogniser gets to read our last word and to close before we do.
pub(super) const STOP_WITHIN: Duration = Duration::from_millis(300);

/// Failures in a row after which a recogniser is left alone.
pub(super) const FAILURES_MAX: u32 = 5;

/// How long it is left alone before one fork tries it.
pub(super) const OPEN_FOR: Duration = Duration::from_secs(10);
