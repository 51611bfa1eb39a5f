//! The definitions of all metric families: names, helps, labels and buckets.

pub(super) mod words;
mod zero;

use crate::server::events::Directory;
use dozvon_center::acd::{Status, Statuses};
use dozvon_center::contact::Speech;
use dozvon_center::fact::Greeting;
use prometheus::{
    Counter, CounterVec, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter,
    IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, core::Collector,
};
use words::{HEARD, NO_AUDIO, WHO_SPOKE};

/// Waits in queues, seconds; every configured threshold and short-abandon time is added.
const WAIT_BUCKETS: [f64; 14] =
    [3., 5., 10., 15., 20., 30., 45., 60., 90., 120., 180., 300., 600., 1_200.];
/// Bounds added to [`WAIT_BUCKETS`] from the configuration at most; further ones have no bucket of their own. The
/// service level does not need one: it has its own counter.
const WAIT_BUCKETS_EXTRA_MAX: usize = 16;
/// From the beginning of a flow to what it promises, seconds.
const PROMISE_BUCKETS: [f64; 12] = [1., 2., 3., 5., 10., 15., 20., 30., 45., 60., 90., 120.];
/// How far waits are from their forecasts, seconds.
const ETA_ERROR_BUCKETS: [f64; 9] = [5., 10., 15., 30., 60., 120., 180., 300., 600.];
/// From the answer to the agent's first word, seconds; five are the limit that banks set.
const GREETING_BUCKETS: [f64; 7] = [1., 2., 3., 4., 5., 8., 15.];
/// From a request to be called back to the talk, seconds.
const CALLBACK_BUCKETS: [f64; 10] =
    [60., 180., 300., 600., 900., 1800., 3600., 14_400., 43_200., 86_400.];
/// Answers of endpoints, seconds; flows wait for ten at the most.
const LOOKUP_BUCKETS: [f64; 11] = [0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3., 6., 10.];
/// Ringing, seconds.
const RING_BUCKETS: [f64; 9] = [1., 2., 3., 5., 8., 10., 15., 20., 30.];
/// Talk, hold, wrap-up and handle time, seconds; 120 is the hold limit.
const HANDLE_BUCKETS: [f64; 14] =
    [15., 30., 60., 90., 120., 180., 240., 300., 420., 600., 900., 1_200., 1_800., 3_600.];
/// Jitter, seconds.
const JITTER_BUCKETS: [f64; 8] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1];
/// Round trips, seconds.
const ROUND_TRIP_BUCKETS: [f64; 8] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5];

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
    /// `flow`.
    pub(super) flows_astray: IntCounterVec,
    /// `flow`, `promise`.
    pub(super) promise_seconds: HistogramVec,
    /// `flow`, `promise`, `kept`.
    pub(super) promises_kept: IntCounterVec,
    /// `endpoint`, `outcome`.
    pub(super) lookups: IntCounterVec,
    /// `endpoint`.
    pub(super) lookup_seconds: HistogramVec,
    /// `endpoint`, `why`.
    pub(super) lookup_errors: IntCounterVec,
    pub(super) rollout_draws: IntCounterVec,
    pub(super) rollout_excluded: IntCounterVec,
    pub(super) rollout_decisions: IntCounterVec,
    pub(super) rollout_calls: IntCounterVec,
    pub(super) rollout_share: GaugeVec,
    pub(super) bot_connected: IntCounterVec,
    pub(super) bot_ended: IntCounterVec,
    /// `bot`, `late`.
    pub(super) bot_replies: IntCounterVec,
    pub(super) bot_failed: IntCounterVec,
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
    pub(super) phones_back: IntCounterVec,
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
    pub(super) callbacks: IntCounterVec,
    pub(super) callback_wait: HistogramVec,
    pub(super) callbacks_open: IntGaugeVec,
    pub(super) callbacks_queued: IntGaugeVec,
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
            promise_seconds: m.histograms(
                "dozvon_flow_promise_measured_seconds",
                "How long it took callers from the beginning of the flow to what it promises them.",
                &PROMISE_BUCKETS,
                &["flow", "promise"],
            ),
            promises_kept: m.counters(
                "dozvon_flow_promises_total",
                "Callers for whom a promise of their flow was measured, by whether it was kept.",
                &["flow", "promise", "kept"],
            ),
            flows_astray: m.counters(
                "dozvon_flow_astray_total",
                "Callers for whom the flow ran in circles; they are taken to the operator.",
                &["flow"],
            ),
            lookups: m.counters(
                "dozvon_endpoint_requests_total",
                "Times that flows asked an endpoint, by what came of it.",
                &["endpoint", "outcome"],
            ),
            lookup_seconds: m.histograms(
                "dozvon_endpoint_request_seconds",
                "From the question to the end of the wait for an endpoint's answer.",
                &LOOKUP_BUCKETS,
                &["endpoint"],
            ),
            lookup_errors: m.counters(
                "dozvon_endpoint_errors_total",
                "Answers of endpoints that could not be had or not be taken, by why.",
                &["endpoint", "why"],
            ),
            rollout_draws: m.counters(
                "dozvon_rollout_draws_total",
                "Arms drawn for callers who chose the option.",
                &["option", "arm"],
            ),
            rollout_excluded: m.counters(
                "dozvon_rollout_excluded_total",
                "Callers of the option who were not drawn, by why.",
                &["option", "reason"],
            ),
            rollout_decisions: m.counters(
                "dozvon_rollout_decisions_total",
                "Decisions about the rollout, by what was decided.",
                &["option", "decision"],
            ),
            rollout_calls: m.counters(
                "dozvon_rollout_calls_total",
                "Drawn arms, by whether the caller really got it.",
                &["option", "arm", "delivered"],
            ),
            rollout_share: m.float_gauges(
                "dozvon_rollout_share_ratio",
                "The share of an option's callers for the bot, or of a flow's for the new one, 0 to 1.",
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
            bot_replies: m.counters(
                "dozvon_bot_replies_total",
                "Replies of bots to what callers said, by whether they came later than the bot may.",
                &["bot", "late"],
            ),
            bot_failed: m.counters(
                "dozvon_bot_failed_total",
                "Bots' parts of calls that failed, by why; the callers went to people.",
                &["bot", "reason"],
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
            phones_back: m.counters(
                "dozvon_phones_back_total",
                "Talks that an agent took up again from another phone or network.",
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
            callbacks: m.counters(
                "dozvon_callbacks_total",
                "Requests to be called back, their attempts and their ends, by what happened.",
                &["queue", "event"],
            ),
            callback_wait: m.histograms(
                "dozvon_callback_wait_seconds",
                "From the request to be called back until customer and agent talked.",
                &CALLBACK_BUCKETS,
                &["queue"],
            ),
            callbacks_open: m.gauges(
                "dozvon_callbacks_open",
                "Requests to be called back that are open.",
                &["queue"],
            ),
            callbacks_queued: m.gauges(
                "dozvon_queue_callbacks_waiting",
                "Waiting calls whose customer is not on the line but to be called back.",
                &["queue"],
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
