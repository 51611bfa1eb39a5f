//! The bounds of the center. Nothing in here grows without one; each says what happens when it is reached.

use std::ops::RangeInclusive;
use std::time::Duration;

// ---- acd ------------------------------------------------------------------------------------------------------------

/// Agents in one policy. More are refused when the policy is loaded ([`crate::acd::Config::problems`]).
pub const AGENTS_MAX: usize = 32_768;

/// Queues in one policy. More are refused when the policy is loaded.
pub const QUEUES_MAX: usize = 1_024;

/// The largest `length_max` of one queue. More is refused when the policy is loaded.
pub const QUEUE_LENGTH_MAX: usize = 100_000;

/// Different kinds of waiting calls: queue, requirement, and the step of the wait. Flows name them, so a bank has tens.
/// A call of one kind too many is turned away as if its queue were full; one whose next stage would be one too many
/// waits on as it is.
pub const CLASSES_MAX: usize = 4_096;

/// Skills that one requirement may name, each as often as it is written. A text with more is refused when it is read.
pub const REQUIRES_MAX: usize = 16;

/// How deep brackets and `not`s of a requirement may be nested. A deeper text is refused when it is read.
pub const REQUIREMENT_DEPTH_MAX: usize = 8;

/// Alternatives of a requirement once it is written without brackets. A text with more is refused when it is read.
pub const ALTERNATIVES_MAX: usize = 64;

/// Stages of one queue. More are refused when the policy is loaded.
pub const STAGES_OF_QUEUE_MAX: usize = 8;

/// Reserves of one policy. More are refused when the policy is loaded.
pub const RESERVES_MAX: usize = 16;

/// Phones that ring for one call at the same time. A broadcast goes to the first so many agents in the queue's order,
/// and a policy that asks for more in parallel is refused when it is loaded.
pub const RINGS_MAX: usize = 32;

/// Candidates that the record of one decision names. The others are not noted; the first are those that came nearest.
pub const PASSED_MAX: usize = 8;

/// Agents that a call remembers as having just missed or declined it. The oldest is forgotten when one more does.
pub const SKIPS_MAX: usize = 8;

/// The longest head start that a priority can give, and the longest handicap. A larger priority counts as this much.
pub const BOOST_MAX: Duration = Duration::from_secs(3_600);

/// The longest that any time of the ACD's configuration may be: a day. More is refused when the policy is loaded.
pub const ACD_TIME_MAX: Duration = Duration::from_secs(86_400);

/// How soon after the caller came to a queue, or after a phone stopped ringing for him, the exit key does not count: it
/// was meant for what was before.
pub const EXIT_KEY_GRACE: Duration = Duration::from_secs(2);

/// A wrap-up that waits for its code is told of after this long, and again after as long again. Nothing ends it
/// but a code or a person.
pub const WRAP_UP_ALARM: Duration = Duration::from_secs(3_600);

const _: () = assert!(AGENTS_MAX <= u32::MAX as usize);
const _: () = assert!(RESERVES_MAX <= u32::BITS as usize, "a reserve is a bit");
const _: () = assert!(QUEUES_MAX <= u16::MAX as usize);
const _: () =
    assert!(CLASSES_MAX >= 2 * QUEUES_MAX, "every queue has room for a class with skills");

/// Callers whose last talk and last place in a queue are remembered, each for as long as a queue has a use for it. The
/// one heard of longest ago is forgotten when one more calls: then he is an ordinary caller.
pub const CALLERS_REMEMBERED_MAX: usize = 100_000;

// ---- agents' desks --------------------------------------------------------------------------------------------------

/// Letters of the reason for a change of status. A longer one is cut.
pub const REASON_CHARS_MAX: usize = 200;

/// Letters of a desk's name. A longer one is cut.
pub const DESK_NAME_CHARS_MAX: usize = 64;

/// What is remembered of one kind of an agent's conduct within a day. Past it the oldest is forgotten, so the count
/// stands still there.
pub const CONDUCT_KEPT_MAX: usize = 32;

/// Calls listed in one incident. Touches of further ones are counted only.
pub const INCIDENT_CALLS_MAX: usize = 10_000;

// ---- codes of talks ------------------------------------------------------------------------------------------------

/// Codes of one classifier, branches included. More are refused when the file is read.
pub const CODES_MAX: usize = 500;

/// Levels of one classifier. Deeper ones are refused when the file is read.
pub const CODE_DEPTH_MAX: usize = 5;

/// Letters of the key of a code, and of a classifier's version. Longer ones are refused when the file is read.
pub const CODE_KEY_CHARS_MAX: usize = 32;

/// Letters of a code's name for people. A longer one is refused when the file is read.
pub const CODE_NAME_CHARS_MAX: usize = 100;

/// Letters of the note that comes with a code. A longer one is cut.
pub const NOTE_CHARS_MAX: usize = 500;

// ---- calendars ------------------------------------------------------------------------------------------------------

/// How far a calendar is looked at for its next opening or closing. What comes later counts as never: one that opens
/// later has no next opening, one that closes later is told to be open until then.
pub const CALENDAR_LOOK_AHEAD: Duration = Duration::from_secs(400 * 24 * 3600);

/// The last year that recurring events of a calendar reach. Later ones do not take place.
pub const CALENDAR_YEAR_MAX: i16 = 2099;

/// Events of one iCalendar file. More are refused when the file is read.
pub const CALENDAR_EVENTS_MAX: usize = 5_000;

/// Days on which the events of one iCalendar file fall, all together. More are refused when the file is read.
pub const CALENDAR_DATES_MAX: usize = 500_000;

/// How far it is looked ahead for the end of a wait in a queue that closes. One that does not close by then is not
/// closed to those who wait.
pub const DRAIN_LOOK_AHEAD: Duration = Duration::from_secs(7 * 24 * 3600);

/// Letters of the reason of an emergency. A longer one is cut.
pub const EMERGENCY_REASON_CHARS_MAX: usize = 200;

// ---- what endpoints answer ------------------------------------------------------------------------------------------

/// Bytes of one answer of an endpoint. A longer one is the outcome `error`.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Letters of a text that a flow takes out of an answer. A longer one is the outcome `error`.
pub const ANSWER_TEXT_CHARS_MAX: usize = 200;

/// Letters of a customer's id. An answer with a longer one is refused: a cut id is somebody else's.
pub const CUSTOMER_ID_CHARS_MAX: usize = 64;

/// Letters of a customer's name. A longer one is cut.
pub const CUSTOMER_NAME_CHARS_MAX: usize = 100;

/// Letters of a customer's language and segment, of the name of an offer or of a free field. Longer ones are cut.
pub const CUSTOMER_WORD_CHARS_MAX: usize = 64;

/// Offers that a customer may be made. Later ones are left out.
pub const CUSTOMER_OFFERS_MAX: usize = 16;

/// Free fields of a customer's card. Those after them, by their names, are left out.
pub const CUSTOMER_FIELDS_MAX: usize = 16;

/// Letters of a free field. A longer one is cut.
pub const CUSTOMER_FIELD_CHARS_MAX: usize = 200;

/// Letters of a bot's reason, of where it wants a caller to go, and of the name of something it has found out. Longer
/// ones are cut.
pub const BOT_WORD_CHARS_MAX: usize = 100;

/// Letters of what a bot says of a talk for the agent who takes over. A longer text is cut.
pub const BOT_SUMMARY_CHARS_MAX: usize = 2_000;

/// Things that a bot says to have found out. Those after them, by their names, are left out.
pub const BOT_DATA_MAX: usize = 16;

/// Letters of one of them. A longer one is cut.
pub const BOT_DATA_CHARS_MAX: usize = 200;

/// Customers listed when a lookup finds several. Those after them are counted only.
pub const CUSTOMERS_MAX: usize = 8;

/// Options of menus kept in a contact by their labels. Later ones are not noted.
pub const CHOSEN_MAX: usize = 32;

// ---- calls and their records ----------------------------------------------------------------------------------------

/// How often rules about places and forecasts are looked at while a caller waits. A place that is passed for less than
/// this may go unseen.
pub const WAIT_RULES_EVERY: Duration = Duration::from_secs(5);

/// How often it is looked whether a phone that rang at closing time, or when an emergency was declared, still does.
pub const CLOSING_EVERY: Duration = Duration::from_secs(1);

/// The largest number for which there is a prompt. A place beyond is paraphrased, a longer wait is not told.
pub const SPOKEN_NUMBER_MAX: u64 = 30;

/// The largest number said in words, up or down; what is larger is said digit by digit.
pub const SAID_NUMBER_MAX: i64 = 999_999_999_999;

/// Digits said of an identifier, as many as one entry may have; those after them are left out.
pub const SAID_DIGITS_MAX: usize = 32;

/// Years that can be said; a day of another one is no value.
pub const SAID_YEARS: RangeInclusive<u16> = 1900..=2199;

/// Nodes kept in a contact's path. Later ones are not noted: the beginning is what explains a call.
pub const PATH_MAX: usize = 256;

/// Stages kept in a contact. Past it the last stage goes on to the end, so that the record stays without a gap.
pub const STAGES_MAX: usize = 128;

/// Rollout draws kept in a contact. Later ones are not noted.
pub const ARMS_MAX: usize = 16;

/// Survey answers kept in a contact. Later ones are not noted.
pub const SURVEY_ANSWERS_MAX: usize = 16;

/// Phones taken back while they rang whose late answer is still told as stale. Past it the oldest is forgotten: its
/// answer is ended all the same, only not counted.
pub const RECALLED_MAX: usize = 256;

/// Measures of talks that last or are to be told. Past it the oldest is forgotten: its talk has no figures by ear.
pub const MEASURES_OPEN_MAX: usize = 65_536;

/// Supervisors who listen to or speak in agents' calls at the same time. One more is refused.
pub const WATCHES_MAX: usize = 256;

// ---- callbacks ------------------------------------------------------------------------------------------------------

/// Digits of a number that may be called back. A shorter one is no number; E.164 knows none that is longer.
pub const CALLBACK_DIGITS_MIN: usize = 5;
/// See [`CALLBACK_DIGITS_MIN`].
pub const CALLBACK_DIGITS_MAX: usize = 15;

/// The most that may be configured as open requests at once. More is refused when the policy is loaded.
pub const CALLBACKS_MAX: usize = 20_000;

/// The most attempts that may be configured. More is refused when the policy is loaded.
pub const CALLBACK_ATTEMPTS_MAX: u32 = 10;

/// From the moment an attempt is told to the store to its first ring: so it is known after a crash, whatever crashed.
pub const CALLBACK_LEAD: Duration = Duration::from_secs(1);

/// When a request is looked at again that could not be made for no reason of the customer's: closed by hand, the
/// house goes down, a bound of the queue.
pub const CALLBACK_LOOK_AGAIN: Duration = Duration::from_secs(60);

/// From the end of the customer's own call to the moment when he may be called back: he puts his phone down.
pub const CALLBACK_AFTER_CALL: Duration = Duration::from_secs(10);

/// Customers who have just answered us, kept to know a call of theirs that crossed ours. Past it the oldest is
/// forgotten: his second call is an ordinary one.
pub const CALLBACK_CROSSINGS_MAX: usize = 256;

const _: () = assert!(CALLBACK_DIGITS_MIN < CALLBACK_DIGITS_MAX);

// ---- replays --------------------------------------------------------------------------------------------------------

/// Stays in queues that one replay plays again. Those after them are left out, and counted.
pub const REPLAY_WAITS_MAX: usize = 2_000_000;

/// Offers in vain of one stay that a replay plays again; phones that rang in vain after so many are left out.
pub const REPLAY_VAIN_MAX: usize = 32;

/// How long a replay runs on after its stretch for those who wait then. Who still does is on neither side's books.
pub const REPLAY_RUNS_ON: Duration = Duration::from_secs(24 * 3600);

// ---- rollouts -------------------------------------------------------------------------------------------------------

/// Callers counted in the evidence of one stage of a rollout. Later ones are left out, and the evidence says how many.
pub const ROLLOUT_UNITS_MAX: usize = 1_000_000;

/// Strata of one stage's evidence: week, hours and group. Callers of one stratum too many are left out, and counted.
pub const ROLLOUT_STRATA_MAX: usize = 1_024;

/// Metrics of one rollout. A plan with more is refused.
pub const ROLLOUT_METRICS_MAX: usize = 32;

/// Looks of one stage of a rollout. A plan with more is refused.
pub const ROLLOUT_LOOKS_MAX: usize = 5;

/// The last look of a stage, in needed samples. A plan that looks later is refused.
pub const ROLLOUT_LOOK_MAX: f64 = 2.0;

/// The longest wait for the outcome of a call. A plan that waits longer is refused.
pub const ROLLOUT_WINDOW_MAX: Duration = Duration::from_secs(60 * 86_400);

/// The most trips of a bot's breaker that a plan may allow in a day, and so those that are remembered.
pub const ROLLOUT_TRIPS_MAX: usize = 20;

/// Calls with a bot within the breaker's window. Past it the oldest is forgotten: shares are of those that are left.
pub const ROLLOUT_BREAKER_CALLS_MAX: usize = 10_000;

/// Requests for an operator that are remembered so that a caller is let alone. Past it the oldest is forgotten: who
/// made it may be drawn again.
pub const ROLLOUT_OPT_OUTS_MAX: usize = 100_000;

/// Callers of one rollout whose last call is remembered, so that a repeat is not drawn. Past it the call of longest ago
/// is forgotten: its caller may be drawn again, and his repeat counts as an outcome all the same.
pub const ROLLOUT_LAST_CALLS_MAX: usize = 200_000;
