//! The words that labels hold: lists of ours, so that no stranger's invention becomes a series.

use crate::server::metrics::at_work;
use dozvon_center::acd::{Activity, AgentCounts, Estimate, Presence};
use dozvon_center::contact::{Fault, PassedOn};
use dozvon_center::fact::TransferTarget;
use dozvon_sip::endpoint::SecurityKind;
use std::time::Duration;

/// Activities that can last too long: talks of one's own, what an agent does in a colleague's, wrap-ups, own calls.
pub(in crate::server::metrics) const ALARMED: [Activity; 7] = [
    Activity::Talking,
    Activity::WrapUp,
    Activity::Ringing,
    Activity::Consult,
    Activity::Conference,
    Activity::Supervising,
    Activity::Outbound,
];
/// Results of `dozvon_talks_measured_total`.
pub(in crate::server::metrics) const HEARD: &str = "heard";
pub(in crate::server::metrics) const NO_AUDIO: &str = "no_audio";
/// Who spoke, in `dozvon_speech_seconds_total`; `both` is a part of `agent` and of `caller`.
pub(in crate::server::metrics) const WHO_SPOKE: [&str; 4] = ["agent", "caller", "both", "nobody"];
/// How a wait ended, in the wait histogram.
pub(in crate::server::metrics) const WAIT_RESULTS: [&str; 3] = ["answered", "abandoned", "other"];
/// How an offer ended.
pub(in crate::server::metrics) const OFFER_RESULTS: [&str; 9] = [
    "answered",
    "no_answer",
    "declined",
    "caller_gone",
    "cancelled_status",
    "unreachable",
    "glare",
    "lost_race",
    "error",
];
/// Why calls are refused; the switch's set of words.
pub(in crate::server::metrics) const REFUSALS: [&str; 9] = [
    "overload",
    "calls_max",
    "draining",
    "unknown_number",
    "forbidden",
    "no_codec",
    "no_port",
    "not_free",
    "glare",
];
/// Methods with a name of their own; a stranger's invention is `other`.
pub(in crate::server::metrics) const METHODS: [&str; 12] = [
    "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "UPDATE", "INFO", "PRACK", "REFER",
    "NOTIFY", "other",
];
/// Codes with a number of their own; another one is counted with its class.
pub(in crate::server::metrics) const CODES: [(u16, &str); 36] = [
    (200, "200"),
    (202, "202"),
    (302, "302"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (406, "406"),
    (407, "407"),
    (408, "408"),
    (410, "410"),
    (413, "413"),
    (414, "414"),
    (415, "415"),
    (416, "416"),
    (420, "420"),
    (421, "421"),
    (422, "422"),
    (423, "423"),
    (480, "480"),
    (481, "481"),
    (482, "482"),
    (483, "483"),
    (484, "484"),
    (486, "486"),
    (487, "487"),
    (488, "488"),
    (491, "491"),
    (500, "500"),
    (501, "501"),
    (503, "503"),
    (504, "504"),
    (505, "505"),
    (600, "600"),
    (603, "603"),
];
/// Answers that every installation sees sooner or later, pre-created.
pub(in crate::server::metrics) const USUAL_ANSWERS: [(&str, u16); 17] = [
    ("INVITE", 200),
    ("INVITE", 401),
    ("INVITE", 403),
    ("INVITE", 404),
    ("INVITE", 408),
    ("INVITE", 480),
    ("INVITE", 486),
    ("INVITE", 487),
    ("INVITE", 488),
    ("INVITE", 500),
    ("INVITE", 503),
    ("INVITE", 603),
    ("BYE", 200),
    ("CANCEL", 200),
    ("OPTIONS", 200),
    ("REGISTER", 200),
    ("REGISTER", 401),
];
/// How a bot's part ends.
pub(in crate::server::metrics) const BOT_ENDS: [&str; 5] =
    ["done", "transfer", "failed", "too_long", "other"];
/// Survey scores.
pub(in crate::server::metrics) const SCORES: [&str; 6] = ["1", "2", "3", "4", "5", "other"];
/// Whose doing an end is.
pub(in crate::server::metrics) const FAULTS: [Fault; 6] =
    [Fault::Caller, Fault::Agent, Fault::Bot, Fault::Carrier, Fault::Ours, Fault::Nobody];
/// What the security log holds.
pub(in crate::server::metrics) const SECURITY_KINDS: [SecurityKind; 6] = [
    SecurityKind::AuthenticationFailed,
    SecurityKind::Banned,
    SecurityKind::WrongAccount,
    SecurityKind::RateLimited,
    SecurityKind::Scanner,
    SecurityKind::Malformed,
];
/// What the store may drop.
pub(in crate::server::metrics) const STORE_DROPS: [&str; 4] = ["change", "end", "agent", "row"];

/// Every way in which an agent's call can be passed on to something.
pub(in crate::server::metrics) fn ways_on() -> impl Iterator<Item = (PassedOn, TransferTarget)> {
    let blind = TransferTarget::ALL.map(|target| (PassedOn::Blind, target));
    let parties = [TransferTarget::Agent, TransferTarget::External];
    let asked = [PassedOn::Attended, PassedOn::Conference];
    let asked = asked.into_iter().flat_map(move |how| parties.map(|target| (how, target)));
    blind.into_iter().chain(asked).chain([(PassedOn::TakenOver, TransferTarget::Agent)])
}

/// Every way an agent can stand. Who is logged out does nothing else.
pub(in crate::server::metrics) fn standings() -> impl Iterator<Item = (Presence, Activity)> {
    let at_work = Presence::ALL.into_iter().filter(|presence| at_work(*presence));
    let all = at_work.flat_map(|presence| Activity::ALL.map(|activity| (presence, activity)));
    all.chain([(Presence::LoggedOut, Activity::Idle)])
}

/// A forecast with the words of the `of` label; NaN when there is none.
pub(in crate::server::metrics) fn estimate(estimate: Option<Estimate>) -> [(&'static str, f64); 4] {
    let secs = |of: fn(Estimate) -> Duration| estimate.map_or(f64::NAN, |e| of(e).as_secs_f64());
    [
        ("mean", secs(|e| e.mean)),
        ("p50", secs(|e| e.p50)),
        ("p80", secs(|e| e.p80)),
        ("p90", secs(|e| e.p90)),
    ]
}

/// A queue's agents with the words of the `activity` label.
pub(in crate::server::metrics) fn by_activity(counts: &AgentCounts) -> [(&'static str, u32); 12] {
    [
        ("idle", counts.idle),
        ("away", counts.away),
        ("reserved", counts.reserved),
        ("ringing", counts.ringing),
        ("connecting", counts.connecting),
        ("talking", counts.talking),
        ("hold", counts.hold),
        ("consult", counts.consult),
        ("conference", counts.conference),
        ("wrap_up", counts.wrap_up),
        ("outbound", counts.outbound),
        ("supervising", counts.supervising),
    ]
}

/// The word for whose doing an end was.
pub(in crate::server) fn fault_word(fault: Fault) -> &'static str {
    match fault {
        Fault::Caller => "caller",
        Fault::Agent => "agent",
        Fault::Bot => "bot",
        Fault::Carrier => "carrier",
        Fault::Ours => "ours",
        Fault::Nobody => "nobody",
    }
}

/// The word for what the security log holds.
pub(in crate::server::metrics) fn security_word(kind: SecurityKind) -> &'static str {
    match kind {
        SecurityKind::AuthenticationFailed => "authentication_failed",
        SecurityKind::Banned => "banned",
        SecurityKind::WrongAccount => "wrong_account",
        SecurityKind::RateLimited => "rate_limited",
        SecurityKind::Scanner => "scanner",
        SecurityKind::Malformed => "malformed",
    }
}

/// A method of ours, or `other`.
pub(in crate::server::metrics) fn method_word(method: &str) -> &'static str {
    METHODS.into_iter().find(|known| *known == method).unwrap_or("other")
}

/// A code of ours, or its class.
pub(in crate::server::metrics) fn code_word(code: u16) -> &'static str {
    if let Some((_, word)) = CODES.into_iter().find(|(known, _)| *known == code) {
        return word;
    }
    match code / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        6 => "6xx",
        _ => "other",
    }
}

/// A bot's end, or `other`.
pub(in crate::server::metrics) fn bot_end_word(end: &str) -> &'static str {
    BOT_ENDS.into_iter().find(|known| *known == end).unwrap_or("other")
}

/// A score from 1 to 5, or `other`.
pub(in crate::server::metrics) fn score_word(score: u8) -> &'static str {
    match score {
        1 => "1",
        2 => "2",
        3 => "3",
        4 => "4",
        5 => "5",
        _ => "other",
    }
}
