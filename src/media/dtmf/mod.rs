//! Keys of the telephone: as RFC 4733 events and as tones in the sound.

mod event;
mod inband;

pub use event::{EVENT_BYTES, KeyEvent, KeyReceiver, KeySender, KeyStep};
pub use inband::Detector;
