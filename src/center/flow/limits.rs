//! Every bound of the flow room, and what happens there.

use crate::ids::Key;
use crate::limits::SAID_DIGITS_MAX;
use std::time::Duration;

/// Bytes of one flow or calendar file; a longer one is refused with Y001.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// Nesting of one YAML file; deeper is refused with Y001. A flow needs eight levels.
pub const YAML_DEPTH_MAX: usize = 32;

/// Values of one YAML file (maps, lists and words together); more are refused with Y001.
pub const YAML_VALUES_MAX: usize = 200_000;

/// Nodes of one flow; more are refused with Y001.
pub const NODES_MAX: usize = 5_000;

/// Layers that an arrow of a picture passes with a lane of its own; a longer one runs at the side.
pub const PICTURE_LANES_MAX: usize = 30;

/// Diagnostics told about one file; the rest are counted in one last line.
pub const DIAGNOSTICS_MAX: usize = 200;

/// Names that a finding tells of those that there are; more are cut with `…`.
pub const NAMES_TOLD_MAX: usize = 12;

/// Nodes that one input may pass through without waiting for anything; beyond it the caller is taken to the operator.
pub const STEPS_MAX: u32 = 100;

/// Nodes that one call may enter; beyond it the caller is taken to the operator, and beyond twice that hung up.
pub const ENTERED_MAX: u32 = 2_000;

/// How long the number of a duty office may ring; then the caller goes on to the operator's queue.
pub const DUTY_RINGS: Duration = Duration::from_secs(60);

/// Steps remembered in a run's path; later ones are not remembered.
pub const PATH_MAX: usize = 200;

/// Prompts of one play list; a longer `play` is refused with Y004.
pub const PLAY_MAX: usize = 50;

/// Rules of one queue node; more are refused with Y004.
pub const WAIT_RULES_MAX: usize = 16;

/// Digits of one entry; a longer `length` is refused with Y004.
pub const DIGITS_MAX: u32 = 32;
const _: () = assert!(DIGITS_MAX as usize <= SAID_DIGITS_MAX, "what was entered can be said");

/// The longest that a flow may wait for an endpoint; a longer `timeout` is refused with Y004.
pub const HTTP_TIMEOUT_MAX: Duration = Duration::from_secs(10);

/// Variables that one node may send to an endpoint, and take out of its answer; more are refused with Y004.
pub const HTTP_VARS_MAX: usize = 16;

/// Letters of a pointer into an answer; a longer one is refused with Y004.
pub const POINTER_CHARS_MAX: usize = 200;

/// Attempts of a menu, an entry or a question; more are refused with Y004.
pub const ATTEMPTS_MAX: u32 = 10;

/// Virtual time that one scripted call may take before the script gives up.
pub const SCRIPT_SECS_MAX: u64 = 4 * 3600;

/// Inputs that one scripted call may take before the script gives up.
pub const SCRIPT_STEPS_MAX: u32 = 10_000;

/// Sub-flows beside the flows; more are refused with Y001.
pub const SUBFLOWS_MAX: usize = 500;

/// How deep sub-flows may call sub-flows; deeper is refused with F019.
pub const CALL_DEPTH_MAX: usize = 8;

/// Parameters of one sub-flow; more are refused with Y004.
pub const PARAMS_MAX: usize = 16;

/// Outcomes of one sub-flow; more are refused with Y004.
pub const OUTCOMES_MAX: usize = 16;

/// Words and phrases for the operator in one language; more are refused with Y004.
pub const PHRASES_MAX: usize = 50;

/// Letters of one such phrase; a longer one is refused with Y004.
pub const PHRASE_CHARS_MAX: usize = 64;

/// Letters of what a recogniser has heard that are looked at: the last ones. Words before them have been heard already.
pub const HEARD_CHARS_MAX: usize = 2_000;

/// Keys in one line of a walk; a longer line is not understood.
pub const WALK_KEYS_MAX: usize = 64;

const _: () =
    assert!(STEPS_MAX as usize <= PATH_MAX, "one run-away input must not fill the path twice over");
const _: () =
    assert!(ENTERED_MAX > STEPS_MAX, "the bound of a call lies above the bound of one input");

/// The key by which a caller says that the number read out is right.
pub const CALLBACK_RIGHT: Key = match Key::new('1') {
    Some(key) => key,
    None => panic!("a key of the telephone"),
};

/// The key by which he asks to type another one.
pub const CALLBACK_OTHER: Key = match Key::new('2') {
    Some(key) => key,
    None => panic!("a key of the telephone"),
};

/// The key that ends a number.
pub const CALLBACK_END: Key = match Key::new('#') {
    Some(key) => key,
    None => panic!("a key of the telephone"),
};

/// How often a caller is asked for his number, or whether it is right. After that the offer counts as declined.
pub const CALLBACK_ATTEMPTS: u32 = 3;

/// The pause that ends a number.
pub const CALLBACK_BETWEEN: Duration = Duration::from_secs(4);
