//! Every bound of the connector of bots, and what happens at it.

use std::time::Duration;

/// Length of one packet of sound either way.
pub(super) const FRAME: Duration = Duration::from_millis(20);

/// Bytes of one packet of sound: 20 ms of µ-law at 8,000 samples a second.
pub(super) const FRAME_BYTES: usize = 160;

/// Bytes of a bot's sound that wait to be played: 60 s. What comes beyond is thrown away and counted; what waits
/// already is played.
pub(super) const PLAYOUT_BYTES_MAX: usize = 60 * 8_000;

/// Marks that wait for the sound before them. One more is sent back at once, as if it had been played.
pub(super) const MARKS_MAX: usize = 256;

/// Letters of a mark's name. A mark with a longer one is counted as unreadable and left alone.
pub(super) const MARK_CHARS_MAX: usize = 256;

/// Packets that are made up for when the clock was late. What is older is left out, so that nothing is sent in a burst.
pub(super) const CATCH_UP_MAX: u32 = 5;

/// Messages with the caller's sound that wait for a bot: 2 s. At the bound the oldest goes and is counted: a bot that
/// is slow hears what is said now.
pub(super) const SOUND_OUT_MAX: usize = 100;

/// Other messages that wait for a bot. At the bound it is taken for dead: it only talks, and reads nothing.
pub(super) const LETTERS_MAX: usize = 1_024;

/// Bytes of one message of a bot. A longer one breaks the connection. It holds as much sound as may wait.
pub(super) const MESSAGE_BYTES_MAX: usize = 1_048_576;

/// How often a bot is asked whether it is still there. Nothing heard of it from one time to the next means that it is
/// not.
pub(super) const PING_EVERY: Duration = Duration::from_secs(5);

/// What a bot gets to read its `stop` and to close before we do.
pub(super) const STOP_WITHIN: Duration = Duration::from_millis(300);

/// Connections under way or open. One more is refused, and the caller goes to people.
pub(super) const STREAMS_MAX: usize = 2_000;

/// Bots to be connected with that wait for the connector's thread. One more is refused as busy.
pub(super) const OPENINGS_MAX: usize = 256;

/// Wishes about one stream that wait for it: keys, and what REST asks. More keys are thrown away; REST is told to come
/// again.
pub(super) const WISHES_MAX: usize = 32;

/// News of bots that wait for the brain. At the bound they wait in their streams.
pub(super) const NEWS_MAX: usize = 1_024;

/// Bytes of one answer in TwiML. A longer one is refused.
pub(super) const TWIML_BYTES_MAX: usize = 4_096;
