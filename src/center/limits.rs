//! The bounds of the center. Nothing in here grows without one; each says what happens when it is reached.

use std::time::Duration;

// ---- acd ------------------------------------------------------------------------------------------------------------

/// Agents in one policy. More are refused when the policy is loaded ([`crate::acd::Config::problems`]).
pub const AGENTS_MAX: usize = 32_768;

/// Queues in one policy. More are refused when the policy is loaded.
pub const QUEUES_MAX: usize = 1_024;

/// The largest `length_max` of one queue. More is refused when the policy is loaded.
pub const QUEUE_LENGTH_MAX: usize = 100_000;

/// Different kinds of waiting calls: pairs of queue and required skills. Flows name them, so a bank has tens. A call
/// of one kind too many is turned away as if its queue were full.
pub const CLASSES_MAX: usize = 4_096;

/// Skills that one call may require. The flow checker refuses more; the ACD asserts it.
pub const REQUIRES_MAX: usize = 8;

/// Agents that a call remembers as having just missed or declined it. The oldest is forgotten when one more does.
pub const SKIPS_MAX: usize = 8;

/// The longest head start that a priority can give, and the longest handicap. A larger priority counts as this much.
pub const BOOST_MAX: Duration = Duration::from_secs(3_600);

/// The longest that any time of the ACD's configuration may be: a day. More is refused when the policy is loaded.
pub const ACD_TIME_MAX: Duration = Duration::from_secs(86_400);

const _: () = assert!(AGENTS_MAX <= u32::MAX as usize);
const _: () = assert!(QUEUES_MAX <= u16::MAX as usize);
const _: () = assert!(CLASSES_MAX >= 2 * QUEUES_MAX, "every queue has room for a class with skills");
