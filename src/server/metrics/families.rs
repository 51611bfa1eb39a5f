//! The definitions of all metric families: names, helps, labels, buckets, and every label value at zero.

use crate::server::events::Directory;
use dozvon_center::acd::{
    Activity, AgentCounts, Estimate, LimitKind, Presence, ServiceLevel, Status, Statuses,
};
use dozvon_center::conduct::ConductKind;
use dozvon_center::contact::{Fault, Outcome, Party, PassedOn, Speech};
use dozvon_center::fact::{AskEnd, Greeting, Handler, IvrExit, OperatorRequest, TransferTarget};
use dozvon_sip::endpoint::SecurityKind;
use prometheus::{
    Counter, CounterVec, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter,
    IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, core::Collector,
};
use std::time::Duration;

/// Waits in queues, seconds; every configured threshold and short-abandon time is added.
const WAIT_BUCKETS: [f64; 14] =
    [3., 5., 10., 15., 20., 30., 45., 60., 90., 120., 180., 300., 600., 1_200.];
/// Bounds added to [`WAIT_BUCKETS`] from the configuration at most; further ones have no bucket of their own. The
/// service level does not need one: it has its own counter.
const WAIT_BUCKETS_EXTRA_MAX: usize = 16;
/// Activities that can last too long: talks of one's own, what an agent does in a colleague's, wrap-ups, own calls.
const ALARMED: [Activity; 7] = [
    Activity::Talking,
    Activity::WrapUp,
    Activity::Ringing,
    Activity::Consult,
    Activity::Conference,
    Activity::Supervising,
    Activity::Outbound,
];
/// How far waits are from their forecasts, seconds.
const ETA_ERROR_BUCKETS: [f64; 9] = [5., 10., 15., 30., 60., 120., 180., 300., 600.];
/// Results of `dozvon_talks_measured_total`.
const HEARD: &str = "heard";
const NO_AUDIO: &str = "no_audio";
/// Who spoke, in `dozvon_speech_seconds_total`; `both` is a part of `agent` and of `caller`.
const WHO_SPOKE: [&str; 4] = ["agent", "caller", "both", "nobody"];
/// From the answer to the agent's first word, seconds; five are the limit that banks set.
const GREETING_BUCKETS: [f64; 7] = [1., 2., 3., 4., 5., 8., 15.];
/// Ringing, seconds.
const RING_BUCKETS: [f64; 9] = [1., 2., 3., 5., 8., 10., 15., 20., 30.];
/// Talk, hold, wrap-up and handle time, seconds; 120 is the hold limit.
const HANDLE_BUCKETS: [f64; 14] =
    [15., 30., 60., 90., 120., 180., 240., 300., 420., 600., 900., 1_200., 1_800., 3_600.];
/// Jitter, seconds.
const JITTER_BUCKETS: [f64; 8] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1];
/// Round trips, seconds.
const ROUND_TRIP_BUCKETS: [f64; 8] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5];

/// How a wait ended, in the wait histogram.
const WAIT_RESULTS: [&str; 3] = ["answered", "abandoned", "other"];
/// How an offer ended.
const OFFER_RESULTS: [&str; 9] = [
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
const REFUSALS: [&str; 7] =
    ["overload", "calls_max", "draining", "unknown_number", "forbidden", "no_codec", "no_port"];
/// Methods with a name of their own; a stranger's invention is `other`.
const METHODS: [&str; 12] = [
    "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "UPDATE", "INFO", "PRACK", "REFER",
    "NOTIFY", "other",
];
/// Codes with a number of their own; another one is counted with its class.
const CODES: [(u16, &str); 36] = [
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
const USUAL_ANSWERS: [(&str, u16); 17] = [
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
const BOT_ENDS: [&str; 5] = ["done", "transfer", "failed", "too_long", "other"];
/// Survey scores.
const SCORES: [&str; 6] = ["1", "2", "3", "4", "5", "other"];
/// Whose doing an end is.
const FAULTS: [Fault; 6] =
    [Fault::Caller, Fault::Agent, Fault::Bot, Fault::Carrier, Fault::Ours, Fault::Nobody];
/// What the security log holds.
const SECURITY_KINDS: [SecurityKind; 6] = [
    SecurityKind::AuthenticationFailed,
    SecurityKind::Banned,
    SecurityKind::WrongAccount,
    SecurityKind::RateLimited,
    SecurityKind::Scanner,
    SecurityKind::Malformed,
];
/// What the store may drop.
const STORE_DROPS: [&str; 4] = ["change", "end", "agent", "row"];

/// All families.
#[derive(Debug)]
pub(super) struct Families {
    pub(super) registry: Registry,
    pub(super) calls_started: IntCounterVec,
    pub(super) calls_answered: IntCounter,
    pub(super) calls_ended: IntCounterVec,
    pub(super) calls_refused: IntCounterVec,
    pub(super) calls_active: IntGauge,
    pub(super) draining: IntGauge,
    pub(super) operator_requests: IntCounterVec,
    pub(super) ivr_exits: IntCounterVec,
    pub(super) rollout_draws: IntCounterVec,
    pub(super) rollout_calls: IntCounterVec,
    pub(super) rollout_share: GaugeVec,
    pub(super) bot_connected: IntCounterVec,
    pub(super) bot_ended: IntCounterVec,
    pub(super) offered: IntCounterVec,
    pub(super) ended: IntCounterVec,
    pub(super) wait_seconds: HistogramVec,
    pub(super) service_level: IntCounterVec,
    pub(super) threshold: GaugeVec,
    pub(super) waiting: IntGaugeVec,
    pub(super) oldest: GaugeVec,
    pub(super) queue_agents: IntGaugeVec,
    pub(super) estimated_wait: GaugeVec,
    pub(super) eta_error: HistogramVec,
    pub(super) eta_promises: IntCounterVec,
    pub(super) agents: IntGaugeVec,
    pub(super) agent_time: CounterVec,
    pub(super) agent_offers: IntCounterVec,
    pub(super) ring_seconds: HistogramVec,
    pub(super) stale_offers: IntCounterVec,
    /// `status`, `kind`.
    pub(super) status_limits: IntCounterVec,
    /// `activity`.
    pub(super) activity_alarms: IntCounterVec,
    /// `kind`.
    pub(super) conduct: IntCounterVec,
    pub(super) sessions_replaced: IntCounter,
    pub(super) incidents: IntCounter,
    pub(super) incident_agents: IntGauge,
    pub(super) site_emergency: IntGaugeVec,
    pub(super) handle_seconds: HistogramVec,
    pub(super) talk_seconds: HistogramVec,
    pub(super) hold_seconds: HistogramVec,
    pub(super) acw_seconds: HistogramVec,
    pub(super) transfers: IntCounterVec,
    pub(super) agents_lost: IntCounterVec,
    pub(super) agents_dropped: IntCounterVec,
    pub(super) holds: IntCounterVec,
    pub(super) greeting_seconds: HistogramVec,
    /// `queue`, `greeting`.
    greetings: IntCounterVec,
    /// `queue`, `result`.
    talks_measured: IntCounterVec,
    /// `queue`, `who`.
    speech: CounterVec,
    talk_overs: IntCounterVec,
    silences: IntCounterVec,
    /// `queue`, `party`.
    pub(super) unheard: IntCounterVec,
    pub(super) wrap_up_codes: IntCounterVec,
    pub(super) asks_ended: IntCounterVec,
    pub(super) supervisions: IntCounterVec,
    pub(super) survey_offered: IntCounterVec,
    pub(super) survey_answers: IntCounterVec,
    pub(super) sip_responses: IntCounterVec,
    pub(super) sip_dialogs: IntGauge,
    pub(super) sip_transactions: IntGauge,
    pub(super) sip_registrations: IntGauge,
    pub(super) registration_changes: IntCounter,
    pub(super) security: IntCounterVec,
    pub(super) rtp_received: IntCounter,
    pub(super) rtp_sent: IntCounter,
    pub(super) rtp_lost: IntCounter,
    pub(super) rtp_strangers: IntCounter,
    pub(super) rtp_jitter: Histogram,
    pub(super) rtp_round_trip: Histogram,
    pub(super) store_dropped: IntCounterVec,
    pub(super) store_written: IntCounter,
    pub(super) store_errors: IntCounter,
    pub(super) store_pending: IntGauge,
    pub(super) store_healthy: IntGauge,
    pub(super) store_interrupted: IntGauge,
    pub(super) events_dropped: IntCounter,
    pub(super) events_written: IntCounter,
    pub(super) events_errors: IntCounter,
    pub(super) events_cut: IntGauge,
    pub(super) process: Process,
}

/// The process's own figures.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) resident_bytes: IntGauge,
    pub(super) cpu_seconds: Counter,
    pub(super) open_fds: IntGauge,
    pub(super) max_fds: IntGauge,
    pub(super) threads: IntGauge,
}

/// Registers families; a name used twice is a mistake of ours that no test run survives.
struct Maker(Registry);

const SOUND: &str = "the names and labels written in this file are valid and used once";

impl Maker {
    fn register<C: Collector + Clone + 'static>(&self, family: prometheus::Result<C>) -> C {
        let family = family.expect(SOUND);
        self.0.register(Box::new(family.clone())).expect(SOUND);
        family
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.register(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.register(IntCounter::new(name, help))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.register(IntGauge::new(name, help))
    }

    fn float_gauges(&self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        self.register(GaugeVec::new(Opts::new(name, help), labels))
    }

    fn histograms(&self, name: &str, help: &str, buckets: &[f64], labels: &[&str]) -> HistogramVec {
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.register(HistogramVec::new(opts, labels))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        self.register(Histogram::with_opts(
            HistogramOpts::new(name, help).buckets(buckets.to_vec()),
        ))
    }

    fn handling(&self, name: &str, help: &str) -> HistogramVec {
        self.histograms(name, help, &HANDLE_BUCKETS, &["queue", "handler"])
    }
}

impl Families {
    /// Defines and registers all of them and creates all label sets.
    pub(super) fn new(directory: &Directory) -> Families {
        let m = Maker(Registry::new());
        let families = Families {
            calls_started: m.counters("dozvon_calls_started_total", "Calls that came in.", &["flow"]),
            calls_answered: m.counter("dozvon_calls_answered_total", "Calls that dozvon answered."),
            calls_ended: m.counters(
                "dozvon_calls_ended_total",
                "Calls that ended, by whose doing it was; each is one closed contact record.",
                &["flow", "fault"],
            ),
            calls_refused: m.counters(
                "dozvon_calls_refused_total",
                "Calls refused by a bound or a rule before any flow.",
                &["reason"],
            ),
            calls_active: m.gauge("dozvon_calls_active", "Calls running now."),
            draining: m.gauge("dozvon_draining", "1 while new calls are refused because of a stop."),
            operator_requests: m.counters(
                "dozvon_operator_requests_total",
                "Callers who asked for a person, by how.",
                &["flow", "how"],
            ),
            ivr_exits: m.counters(
                "dozvon_ivr_exits_total",
                "Times a call left the flow, by where to.",
                &["flow", "exit"],
            ),
            rollout_draws: m.counters(
                "dozvon_rollout_draws_total",
                "Arms drawn for callers who chose the option.",
                &["option", "arm"],
            ),
            rollout_calls: m.counters(
                "dozvon_rollout_calls_total",
                "Drawn arms, by whether the caller really got it.",
                &["option", "arm", "delivered"],
            ),
            rollout_share: m.float_gauges(
                "dozvon_rollout_share_ratio",
                "The bot's share of an option's callers, 0 to 1.",
                &["option"],
            ),
            bot_connected: m.counters(
                "dozvon_bot_connected_total",
                "Calls that were joined with a voice bot.",
                &["bot"],
            ),
            bot_ended: m.counters(
                "dozvon_bot_ended_total",
                "Bots' parts of calls that ended, by how; failed ones went to people.",
                &["bot", "end"],
            ),
            offered: m.counters(
                "dozvon_queue_segments_offered_total",
                "Stays in a queue that began.",
                &["queue"],
            ),
            ended: m.counters(
                "dozvon_queue_segments_ended_total",
                "Stays in a queue that ended, by exactly one of twelve outcomes.",
                &["queue", "outcome"],
            ),
            wait_seconds: m.histograms(
                "dozvon_queue_wait_seconds",
                "Wait from entering the queue to sound both ways or to another end; without short abandons.",
                &wait_buckets(directory),
                &["queue", "result"],
            ),
            service_level: m.counters(
                "dozvon_queue_service_level_total",
                "Waits by what they did to the service level, counted at the answer or when the wait crosses T.",
                &["queue", "result"],
            ),
            threshold: m.float_gauges(
                "dozvon_queue_service_level_threshold_seconds",
                "The service level's threshold T in force.",
                &["queue"],
            ),
            waiting: m.gauges(
                "dozvon_queue_waiting",
                "Calls waiting now, those being offered included.",
                &["queue"],
            ),
            oldest: m.float_gauges(
                "dozvon_queue_oldest_enqueue_timestamp_seconds",
                "When the call waiting longest came; NaN when none waits. Its age is time() minus this.",
                &["queue"],
            ),
            estimated_wait: m.float_gauges(
                "dozvon_queue_estimated_wait_seconds",
                "How long a call that came now would wait; NaN when that can't be known.",
                &["queue", "of"],
            ),
            eta_error: m.histograms(
                "dozvon_eta_error_seconds",
                "How far the wait of an answered call was from its forecast, later or earlier.",
                &ETA_ERROR_BUCKETS,
                &["queue", "side"],
            ),
            eta_promises: m.counters(
                "dozvon_eta_promises_total",
                "Answered calls with a forecast, by whether the wait was within its P90.",
                &["queue", "within"],
            ),
            queue_agents: m.gauges(
                "dozvon_queue_agents",
                "Agents who serve the queue, by what they do. Queues share agents: not summable over queues.",
                &["queue", "activity"],
            ),
            agents: m.gauges(
                "dozvon_agents",
                "Agents, each counted once: summable.",
                &["team", "status", "activity"],
            ),
            agent_time: m.register(CounterVec::new(
                Opts::new(
                    "dozvon_agent_time_seconds_total",
                    "Agents' time at work by status and activity, accrued up to the scrape.",
                ),
                &["team", "status", "activity"],
            )),
            agent_offers: m.counters(
                "dozvon_agent_offers_total",
                "Attempts to ring an agent that ended, by how; no_answer is a missed one (RONA).",
                &["queue", "result"],
            ),
            ring_seconds: m.histograms(
                "dozvon_agent_ring_seconds",
                "How long agents' phones rang, over all offers.",
                &RING_BUCKETS,
                &["queue"],
            ),
            status_limits: m.counters(
                "dozvon_status_limits_total",
                "What was told of statuses and their limits.",
                &["status", "kind"],
            ),
            activity_alarms: m.counters(
                "dozvon_activity_alarms_total",
                "Talks, wrap-ups and own calls that lasted longer than they should.",
                &["activity"],
            ),
            conduct: m.counters(
                "dozvon_conduct_seen_total",
                "What was seen of agents that may be misconduct, over all agents.",
                &["kind"],
            ),
            sessions_replaced: m.counter(
                "dozvon_sessions_replaced_total",
                "Agents who went on at another desk.",
            ),
            incidents: m
                .counter("dozvon_incidents_total", "Times that technical problems began."),
            incident_agents: m.gauge(
                "dozvon_incident_agents",
                "Agents with technical problems now; 0 when there is no incident.",
            ),
            site_emergency: m.gauges(
                "dozvon_site_emergency",
                "Whether the site has an emergency: 1, its calls go to its duty office; or 0.",
                &["site"],
            ),
            stale_offers: m.counters(
                "dozvon_matcher_stale_offers_total",
                "Answers that came after their offer was closed: the race meter.",
                &["kind"],
            ),
            handle_seconds: m.handling(
                "dozvon_handle_seconds",
                "Talk, hold and wrap-up together; a bot's have no queue.",
            ),
            talk_seconds: m.handling("dozvon_talk_seconds", "Talk without hold."),
            hold_seconds: m.handling("dozvon_hold_seconds", "Hold within one talk, of talks that had any."),
            acw_seconds: m.handling("dozvon_acw_seconds", "Work after the call (wrap-up)."),
            transfers: m.counters(
                "dozvon_transfers_total",
                "Calls passed on: by agents (queue of the talk), or by a flow (no queue; whether it was answered).",
                &["queue", "kind", "target", "result"],
            ),
            agents_lost: m.counters(
                "dozvon_agents_lost_total",
                "Talks whose agent's phone broke: the customer went back to the queue.",
                &["queue"],
            ),
            agents_dropped: m.counters(
                "dozvon_agents_dropped_total",
                "Talks that the agent hung up within [talk] min_talk_ms: the customer went back to the queue.",
                &["queue"],
            ),
            holds: m.counters(
                "dozvon_holds_total",
                "Times a customer was put on hold, by whether it was longer than [talk] hold_max_secs.",
                &["queue", "too_long"],
            ),
            greeting_seconds: m.histograms(
                "dozvon_greeting_seconds",
                "From the answer to the agent's first word, of talks in which he said any.",
                &GREETING_BUCKETS,
                &["queue"],
            ),
            greetings: m.counters(
                "dozvon_greetings_total",
                "Talks measured, by whether the agent greeted within [talk] greet_within_secs.",
                &["queue", "greeting"],
            ),
            talks_measured: m.counters(
                "dozvon_talks_measured_total",
                "Talks measured by ear, by whether the caller was ever heard.",
                &["queue", "result"],
            ),
            speech: m.register(CounterVec::new(
                Opts::new(
                    "dozvon_speech_seconds_total",
                    "Seconds of talks by who spoke: either side, both at once, or nobody for long.",
                ),
                &["queue", "who"],
            )),
            talk_overs: m.counters(
                "dozvon_talk_overs_total",
                "Times that agent and caller spoke at once.",
                &["queue"],
            ),
            silences: m.counters(
                "dozvon_silences_total",
                "Silences of both in a talk that were longer than five seconds.",
                &["queue"],
            ),
            unheard: m.counters(
                "dozvon_unheard_total",
                "Times that a party of a talk was not heard for [talk] unheard_after_secs.",
                &["queue", "party"],
            ),
            wrap_up_codes: m.counters(
                "dozvon_wrap_up_codes_total",
                "Talks of queues with a classifier, by whether they were given a code.",
                &["queue", "result"],
            ),
            asks_ended: m.counters(
                "dozvon_consultations_ended_total",
                "Third parties called about a call that did not take it, by how it ended.",
                &["result"],
            ),
            supervisions: m.counters(
                "dozvon_supervisions_total",
                "Supervisors' parts in agents' calls: begun or changed (by mode), or ended.",
                &["mode"],
            ),
            survey_offered: m.counters(
                "dozvon_survey_offered_total",
                "Surveys offered, by queue and handler of the talk before.",
                &["queue", "handler"],
            ),
            survey_answers: m.counters(
                "dozvon_survey_answers_total",
                "Survey questions answered.",
                &["queue", "handler", "score"],
            ),
            sip_responses: m.counters(
                "dozvon_sip_responses_total",
                "Final SIP responses; rare codes are counted with their class.",
                &["method", "code", "direction"],
            ),
            sip_dialogs: m.gauge("dozvon_sip_dialogs", "SIP dialogs now."),
            sip_transactions: m.gauge("dozvon_sip_transactions", "SIP transactions now."),
            sip_registrations: m.gauge("dozvon_sip_registrations", "Registered contacts now."),
            registration_changes: m.counter(
                "dozvon_sip_registration_changes_total",
                "Registrations that came, went or changed.",
            ),
            security: m.counters(
                "dozvon_security_events_total",
                "Happenings for the security log.",
                &["kind"],
            ),
            rtp_received: m.counter(
                "dozvon_rtp_packets_received_total",
                "RTP packets received, counted when their session ends.",
            ),
            rtp_sent: m.counter(
                "dozvon_rtp_packets_sent_total",
                "RTP packets sent, counted when their session ends.",
            ),
            rtp_lost: m.counter(
                "dozvon_rtp_packets_lost_total",
                "RTP packets that never came (RFC 3550 A.3), counted when their session ends.",
            ),
            rtp_strangers: m.counter(
                "dozvon_rtp_packets_from_strangers_total",
                "RTP packets thrown away because they came from a stranger's address.",
            ),
            rtp_jitter: m.histogram(
                "dozvon_rtp_jitter_seconds",
                "Interarrival jitter (RFC 3550 6.4.1) at the end of each session that received.",
                &JITTER_BUCKETS,
            ),
            rtp_round_trip: m.histogram(
                "dozvon_rtp_round_trip_seconds",
                "Round trip by the last RTCP report of each session that had one.",
                &ROUND_TRIP_BUCKETS,
            ),
            store_dropped: m.counters(
                "dozvon_store_dropped_total",
                "Records that never got into the database: changes of running calls, ends, agents' changes.",
                &["kind"],
            ),
            store_written: m.counter("dozvon_store_written_total", "Records written to the database."),
            store_errors: m.counter("dozvon_store_errors_total", "Database transactions that failed."),
            store_pending: m.gauge("dozvon_store_pending", "Records waiting for the database now."),
            store_healthy: m.gauge(
                "dozvon_store_healthy",
                "1 while the last database transaction went through.",
            ),
            store_interrupted: m.gauge(
                "dozvon_store_interrupted_contacts",
                "Contacts that the end of the run before this one cut off.",
            ),
            events_cut: m.gauge(
                "dozvon_events_cut_bytes",
                "Bytes of a torn line that were cut off the event log at start.",
            ),
            events_dropped: m.counter(
                "dozvon_events_dropped_total",
                "Facts that never got into the event log.",
            ),
            events_written: m.counter("dozvon_events_written_total", "Lines written to the event log."),
            events_errors: m.counter(
                "dozvon_events_errors_total",
                "Writes or confirmations of the event log that the disk refused.",
            ),
            process: Process::new(&m),
            registry: m.0.clone(),
        };
        build_info(&m);
        status_info(&m, &directory.statuses);
        families.create_labels(directory);
        families
    }

    /// Every label set that can be foreseen, at zero.
    fn create_labels(&self, directory: &Directory) {
        for queue in directory.queues.iter().map(|queue| &*queue.name) {
            self.create_queue(queue);
        }
        for queue in &directory.queues {
            self.threshold.with_label_values(&[&*queue.name]).set(queue.service_level_secs);
        }
        for histogram in [&self.handle_seconds, &self.talk_seconds] {
            histogram.with_label_values(&["", Handler::Bot.as_str()]);
        }
        self.create_survey("", Handler::Bot.as_str());
        for flow in directory.flows.iter().map(|flow| &**flow) {
            self.calls_started.with_label_values(&[flow]);
            for fault in FAULTS {
                self.calls_ended.with_label_values(&[flow, fault_word(fault)]);
            }
            for exit in IvrExit::ALL {
                self.ivr_exits.with_label_values(&[flow, exit.as_str()]);
            }
            for how in [OperatorRequest::Dtmf, OperatorRequest::Bot] {
                self.operator_requests.with_label_values(&[flow, how.as_str()]);
            }
        }
        for option in directory.rollouts.iter().map(|option| &**option) {
            self.rollout_share.with_label_values(&[option]);
            for arm in ["bot", "human"] {
                self.rollout_draws.with_label_values(&[option, arm]);
                for delivered in ["true", "false"] {
                    self.rollout_calls.with_label_values(&[option, arm, delivered]);
                }
            }
        }
        for bot in directory.bots.iter().map(|bot| &**bot) {
            self.bot_connected.with_label_values(&[bot]);
            for end in BOT_ENDS {
                self.bot_ended.with_label_values(&[bot, end]);
            }
        }
        self.create_the_rest();
        self.zero_agents(directory);
        for agent in &directory.agents {
            for (presence, activity) in standings() {
                if super::at_work(presence) {
                    let labels = [&*agent.team, presence.as_str(), activity.as_str()];
                    self.agent_time.with_label_values(&labels);
                }
            }
        }
    }

    fn create_speech(&self, queue: &str) {
        self.greeting_seconds.with_label_values(&[queue]);
        self.talk_overs.with_label_values(&[queue]);
        self.silences.with_label_values(&[queue]);
        for greeting in Greeting::ALL {
            self.greetings.with_label_values(&[queue, greeting.as_str()]);
        }
        for result in [HEARD, NO_AUDIO] {
            self.talks_measured.with_label_values(&[queue, result]);
        }
        for who in WHO_SPOKE {
            self.speech.with_label_values(&[queue, who]);
        }
        for party in Party::ALL {
            self.unheard.with_label_values(&[queue, party.as_str()]);
        }
    }

    /// Counts how a talk went by ear.
    pub(super) fn talk_measured(
        &self,
        queue: &str,
        greeting: Greeting,
        no_audio: bool,
        speech: &Speech,
    ) {
        if let Some(secs) = speech.greeting_secs {
            self.greeting_seconds.with_label_values(&[queue]).observe(secs);
        }
        self.greetings.with_label_values(&[queue, greeting.as_str()]).inc();
        let result = if no_audio { NO_AUDIO } else { HEARD };
        self.talks_measured.with_label_values(&[queue, result]).inc();
        let secs = [speech.agent_secs, speech.caller_secs, speech.both_secs, speech.silence_secs];
        for (who, secs) in WHO_SPOKE.into_iter().zip(secs) {
            self.speech.with_label_values(&[queue, who]).inc_by(secs);
        }
        self.talk_overs.with_label_values(&[queue]).inc_by(speech.both_times.into());
        self.silences.with_label_values(&[queue]).inc_by(speech.silences.into());
    }

    fn create_queue(&self, queue: &str) {
        self.offered.with_label_values(&[queue]);
        self.waiting.with_label_values(&[queue]);
        self.oldest.with_label_values(&[queue]).set(f64::NAN);
        for (of, secs) in estimate(None) {
            self.estimated_wait.with_label_values(&[queue, of]).set(secs);
        }
        for side in ["late", "early"] {
            self.eta_error.with_label_values(&[queue, side]);
        }
        for within in ["true", "false"] {
            self.eta_promises.with_label_values(&[queue, within]);
        }
        self.ring_seconds.with_label_values(&[queue]);
        for outcome in Outcome::ALL {
            self.ended.with_label_values(&[queue, outcome.as_str()]);
        }
        for result in WAIT_RESULTS {
            self.wait_seconds.with_label_values(&[queue, result]);
        }
        for result in ServiceLevel::ALL {
            self.service_level.with_label_values(&[queue, result.as_str()]);
        }
        for result in OFFER_RESULTS {
            self.agent_offers.with_label_values(&[queue, result]);
        }
        for (activity, _) in by_activity(&AgentCounts::default()) {
            self.queue_agents.with_label_values(&[queue, activity]);
        }
        let handling =
            [&self.handle_seconds, &self.talk_seconds, &self.hold_seconds, &self.acw_seconds];
        for histogram in handling {
            histogram.with_label_values(&[queue, Handler::Human.as_str()]);
        }
        self.create_survey(queue, Handler::Human.as_str());
        self.agents_lost.with_label_values(&[queue]);
        self.agents_dropped.with_label_values(&[queue]);
        for long in ["false", "true"] {
            self.holds.with_label_values(&[queue, long]);
        }
        self.create_speech(queue);
        for result in ["coded", "uncoded"] {
            self.wrap_up_codes.with_label_values(&[queue, result]);
        }
        for (how, target) in ways_on() {
            self.transfers.with_label_values(&[queue, how.as_str(), target.as_str(), "answered"]);
        }
    }

    fn create_survey(&self, queue: &str, handler: &str) {
        self.survey_offered.with_label_values(&[queue, handler]);
        for score in SCORES {
            self.survey_answers.with_label_values(&[queue, handler, score]);
        }
    }

    fn create_the_rest(&self) {
        self.stale_offers.with_label_values(&["answer"]);
        for status in Status::ALL {
            for kind in LimitKind::ALL {
                self.status_limits.with_label_values(&[status.as_str(), kind.as_str()]);
            }
        }
        for activity in ALARMED {
            self.activity_alarms.with_label_values(&[activity.as_str()]);
        }
        for kind in ConductKind::ALL {
            self.conduct.with_label_values(&[kind.as_str()]);
        }
        for result in ["answered", "failed"] {
            self.transfers.with_label_values(&["", "blind", "external", result]);
        }
        for mode in ["listen", "whisper", "barge", "end"] {
            self.supervisions.with_label_values(&[mode]);
        }
        for end in AskEnd::ALL {
            self.asks_ended.with_label_values(&[end.as_str()]);
        }
        for reason in REFUSALS {
            self.calls_refused.with_label_values(&[reason]);
        }
        for (method, code) in USUAL_ANSWERS {
            for direction in ["sent", "received"] {
                self.sip_responses.with_label_values(&[method, code_word(code), direction]);
            }
        }
        for kind in SECURITY_KINDS {
            self.security.with_label_values(&[security_word(kind)]);
        }
        for kind in STORE_DROPS {
            self.store_dropped.with_label_values(&[kind]);
        }
        self.store_healthy.set(1);
    }

    /// All agents' gauges at zero, to be counted up from a picture.
    pub(super) fn zero_agents(&self, directory: &Directory) {
        for agent in &directory.agents {
            for (presence, activity) in standings() {
                let labels = [&*agent.team, presence.as_str(), activity.as_str()];
                self.agents.with_label_values(&labels).set(0);
            }
        }
    }
}

impl Process {
    fn new(m: &Maker) -> Process {
        let cpu = "process_cpu_seconds_total";
        let started = Gauge::new("process_start_time_seconds", "When the process started.");
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        m.register(started).set(since.unwrap_or_default().as_secs_f64());
        Process {
            resident_bytes: m.gauge("process_resident_memory_bytes", "Memory in use (RSS)."),
            cpu_seconds: m.register(Counter::new(cpu, "Processor time, user and system.")),
            open_fds: m.gauge("process_open_fds", "Open files and sockets."),
            max_fds: m.gauge("process_max_fds", "How many files and sockets may be open."),
            threads: m.gauge("process_threads", "Threads."),
        }
    }
}

/// What each status is worth, to be joined with the time in it.
fn status_info(m: &Maker, statuses: &Statuses) {
    let info = m.gauges(
        "dozvon_status_info",
        "Always 1; the labels say what a status is worth.",
        &["status", "routable", "paid", "productive"],
    );
    let word = |yes: bool| if yes { "true" } else { "false" };
    for status in Status::ALL {
        let rules = statuses.of(status);
        let [routable, paid, productive] = [rules.routable, rules.paid, rules.productive].map(word);
        info.with_label_values(&[status.as_str(), routable, paid, productive]).set(1);
    }
}

fn build_info(m: &Maker) {
    let info = m.gauges(
        "dozvon_build_info",
        "Always 1; the labels say what runs.",
        &["version", "commit"],
    );
    let commit = option_env!("DOZVON_COMMIT").unwrap_or("unknown");
    info.with_label_values(&[env!("CARGO_PKG_VERSION"), commit]).set(1);
}

/// Every way in which an agent's call can be passed on to something.
fn ways_on() -> impl Iterator<Item = (PassedOn, TransferTarget)> {
    let blind = TransferTarget::ALL.map(|target| (PassedOn::Blind, target));
    let parties = [TransferTarget::Agent, TransferTarget::External];
    let asked = [PassedOn::Attended, PassedOn::Conference];
    let asked = asked.into_iter().flat_map(move |how| parties.map(|target| (how, target)));
    blind.into_iter().chain(asked).chain([(PassedOn::TakenOver, TransferTarget::Agent)])
}

/// Every way an agent can stand. Who is logged out does nothing else.
fn standings() -> impl Iterator<Item = (Presence, Activity)> {
    let at_work = Presence::ALL.into_iter().filter(|presence| super::at_work(*presence));
    let all = at_work.flat_map(|presence| Activity::ALL.map(|activity| (presence, activity)));
    all.chain([(Presence::LoggedOut, Activity::Idle)])
}

/// A forecast with the words of the `of` label; NaN when there is none.
pub(super) fn estimate(estimate: Option<Estimate>) -> [(&'static str, f64); 4] {
    let secs = |of: fn(Estimate) -> Duration| estimate.map_or(f64::NAN, |e| of(e).as_secs_f64());
    [
        ("mean", secs(|e| e.mean)),
        ("p50", secs(|e| e.p50)),
        ("p80", secs(|e| e.p80)),
        ("p90", secs(|e| e.p90)),
    ]
}

/// A queue's agents with the words of the `activity` label.
pub(super) fn by_activity(counts: &AgentCounts) -> [(&'static str, u32); 12] {
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

/// The common buckets and the configured times, in order and without doubles.
fn wait_buckets(directory: &Directory) -> Vec<f64> {
    let mut own: Vec<f64> = directory
        .queues
        .iter()
        .flat_map(|queue| [queue.service_level_secs, queue.short_abandon_secs])
        .filter(|secs| secs.is_finite() && *secs > 0.0 && !WAIT_BUCKETS.contains(secs))
        .collect();
    own.sort_by(f64::total_cmp);
    own.dedup();
    own.truncate(WAIT_BUCKETS_EXTRA_MAX);
    own.extend(WAIT_BUCKETS);
    own.sort_by(f64::total_cmp);
    own
}

/// The word for whose doing an end was.
pub(super) fn fault_word(fault: Fault) -> &'static str {
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
pub(super) fn security_word(kind: SecurityKind) -> &'static str {
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
pub(super) fn method_word(method: &str) -> &'static str {
    METHODS.into_iter().find(|known| *known == method).unwrap_or("other")
}

/// A code of ours, or its class.
pub(super) fn code_word(code: u16) -> &'static str {
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
pub(super) fn bot_end_word(end: &str) -> &'static str {
    BOT_ENDS.into_iter().find(|known| *known == end).unwrap_or("other")
}

/// A score from 1 to 5, or `other`.
pub(super) fn score_word(score: u8) -> &'static str {
    match score {
        1 => "1",
        2 => "2",
        3 => "3",
        4 => "4",
        5 => "5",
        _ => "other",
    }
}
