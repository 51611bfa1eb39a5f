//! Every bound of the media plane, and what happens at it.

use std::time::Duration;

/// Length of one frame of sound: every codec here is cut into 20 ms, and a bank ticks once per frame.
pub const FRAME: Duration = Duration::from_millis(20);
