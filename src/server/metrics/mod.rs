//! Figures for Prometheus, computed from facts and, for what stands still, from a picture of the house at each scrape.
//!
//! Counters and histograms are fed by [`Metrics::observe`] with the very facts that the records and the event log are
//! made of, so all of them reconcile. Gauges are never counted up and down: [`Metrics::render`] reads them off the
//! snapshot. No label holds text that a caller or a stranger chose. `docs/metrics.md` lists every name.

mod agent_time;
#[cfg(test)]
mod deploy;
mod families;
mod process;
#[cfg(test)]
pub(crate) mod tests;

use crate::server::events::{Directory, EventStats};
use crate::server::store::StoreStats;
use agent_time::AgentTimes;
use dozvon_center::acd::{OfferResult, Presence};
use dozvon_center::bot::BotFailure;
use dozvon_center::callback::CallbackEnd;
use dozvon_center::contact::Outcome;
use dozvon_center::fact::{Fact, Handler, What};
use dozvon_center::rollout::Arm;
use dozvon_switch::border::{Note, Snapshot};
pub(super) use families::words::fault_word;
use families::{Families, words};
use prometheus::{Encoder, IntCounter, TextEncoder};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The content type of [`Metrics::render`]'s text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All figures of this process.
#[derive(Debug)]
pub(crate) struct Metrics {
    directory: Arc<Directory>,
    families: Families,
    agent_times: Mutex<AgentTimes>,
    store: OnceLock<Arc<StoreStats>>,
    events: OnceLock<Arc<EventStats>>,
    /// One scrape at a time: gauges are set and written out together.
    scrape: Mutex<()>,
}

impl Metrics {
    /// All families with all their label values at zero, so that the first event is seen by `increase()` too.
    pub(crate) fn new(directory: Arc<Directory>) -> Metrics {
        Metrics {
            families: Families::new(&directory),
            directory,
            agent_times: Mutex::default(),
            store: OnceLock::new(),
            events: OnceLock::new(),
            scrape: Mutex::new(()),
        }
    }

    /// From now on the store's counts are shown too.
    pub(crate) fn watch_store(&self, stats: Arc<StoreStats>) {
        let _ = self.store.set(stats);
    }

    /// From now on the event log's counts are shown too.
    pub(crate) fn watch_events(&self, stats: Arc<EventStats>) {
        let _ = self.events.set(stats);
    }

    /// Where further figures are registered.
    pub(crate) fn registry(&self) -> &prometheus::Registry {
        &self.families.registry
    }

    /// Counts what happened in the center.
    pub(crate) fn observe(&self, fact: &Fact) {
        let f = &self.families;
        match &fact.what {
            // An attempt to call somebody back did not come in.
            What::CallStarted { flow, dialled, .. } => {
                if !dialled.is_empty() {
                    f.calls_started.with_label_values(&[&**flow]).inc();
                }
            }
            What::CallAnswered => f.calls_answered.inc(),
            What::CallEnded { flow, ending, .. } => {
                f.calls_ended.with_label_values(&[&**flow, words::fault_word(ending.fault)]).inc();
            }
            What::OperatorRequested { flow, how } => {
                f.operator_requests.with_label_values(&[&**flow, how.as_str()]).inc();
            }
            What::LookupEnded { endpoint, end, flaw, took_secs, .. } => {
                f.lookups.with_label_values(&[&**endpoint, end.as_str()]).inc();
                f.lookup_seconds.with_label_values(&[&**endpoint]).observe(*took_secs);
                if let Some(flaw) = flaw {
                    f.lookup_errors.with_label_values(&[&**endpoint, flaw.as_str()]).inc();
                }
            }
            What::PromiseMeasured { flow, promise, took_secs, kept } => {
                let (promise, kept) = (promise.as_str(), if *kept { "true" } else { "false" });
                f.promise_seconds.with_label_values(&[&**flow, promise]).observe(*took_secs);
                f.promises_kept.with_label_values(&[&**flow, promise, kept]).inc();
            }
            What::IvrExited { flow, exit } => {
                f.ivr_exits.with_label_values(&[&**flow, exit.as_str()]).inc();
            }
            What::FlowAstray { flow, .. } => f.flows_astray.with_label_values(&[&**flow]).inc(),
            What::ArmDrawn { option, arm, .. } => {
                f.rollout_draws.with_label_values(&[&**option, arm_word(*arm)]).inc();
            }
            What::NotDrawn { option, why } => {
                f.rollout_excluded.with_label_values(&[&**option, why.as_str()]).inc();
            }
            What::RolloutDecided { option, decided, .. } => {
                f.rollout_decisions.with_label_values(&[&**option, &*decided.verdict]).inc();
            }
            What::ArmDelivered { option, arm, delivered } => {
                let delivered = if *delivered { "true" } else { "false" };
                f.rollout_calls.with_label_values(&[&**option, arm_word(*arm), delivered]).inc();
            }
            What::BotConnected { bot } => f.bot_connected.with_label_values(&[&**bot]).inc(),
            What::BotEnded { bot, end, talk_secs, failure, .. } => {
                self.bot_ended(bot, end, *talk_secs, *failure);
            }
            What::BotReplied { bot, replies, late, .. } => {
                let count = |late: &str, by: u32| {
                    f.bot_replies.with_label_values(&[&**bot, late]).inc_by(by.into());
                };
                count("true", *late);
                count("false", replies.saturating_sub(*late));
            }
            What::SegmentStarted { queue, called_back } => {
                if !called_back {
                    f.offered.with_label_values(&[&**queue]).inc();
                }
            }
            What::ForecastMet { queue, error_secs, within_p90 } => {
                let side = if *error_secs > 0.0 { "late" } else { "early" };
                f.eta_error.with_label_values(&[&**queue, side]).observe(error_secs.abs());
                let within = if *within_p90 { "true" } else { "false" };
                f.eta_promises.with_label_values(&[&**queue, within]).inc();
            }
            What::SegmentEnded { queue, outcome, called_back, waited_secs } => {
                // Where nobody was on the line, `dozvon_callback_wait_seconds` has how long it took.
                if !called_back {
                    self.segment_ended(queue, *outcome, *waited_secs);
                }
            }
            What::ServiceLevelDecided { queue, result } => {
                f.service_level.with_label_values(&[&**queue, result.as_str()]).inc();
            }
            What::OfferEnded { queue, result, rang_secs, .. } => {
                f.agent_offers.with_label_values(&[&**queue, offer_word(*result)]).inc();
                f.ring_seconds.with_label_values(&[&**queue]).observe(*rang_secs);
            }
            What::OfferStale { .. } => f.stale_offers.with_label_values(&["answer"]).inc(),
            What::TalkEnded { queue, talk_secs, hold_secs, .. } => {
                let labels = [&**queue, Handler::Human.as_str()];
                f.talk_seconds.with_label_values(&labels).observe(*talk_secs);
                if *hold_secs > 0.0 {
                    f.hold_seconds.with_label_values(&labels).observe(*hold_secs);
                }
            }
            What::WrapUpEnded { queue, wrap_up_secs, handle_secs, .. } => {
                let labels = [&**queue, Handler::Human.as_str()];
                f.acw_seconds.with_label_values(&labels).observe(*wrap_up_secs);
                f.handle_seconds.with_label_values(&labels).observe(*handle_secs);
            }
            What::WrapUpCoded { queue, again, .. } => {
                if !again {
                    f.wrap_up_codes.with_label_values(&[&**queue, "coded"]).inc();
                }
            }
            What::WrapUpUncoded { queue, .. } => {
                f.wrap_up_codes.with_label_values(&[&**queue, "uncoded"]).inc();
            }
            What::TransferEnded { answered } => {
                let result = if *answered { "answered" } else { "failed" };
                f.transfers.with_label_values(&["", "blind", "external", result]).inc();
            }
            What::Transferred { queue, how, target, .. } => {
                let labels = [&**queue, how.as_str(), target.as_str(), "answered"];
                f.transfers.with_label_values(&labels).inc();
            }
            What::AgentLost { queue, .. } => f.agents_lost.with_label_values(&[&**queue]).inc(),
            What::PhoneBack { queue, .. } => f.phones_back.with_label_values(&[&**queue]).inc(),
            What::AgentDropped { queue, .. } => {
                f.agents_dropped.with_label_values(&[&**queue]).inc();
            }
            What::HoldEnded { queue, too_long, .. } => {
                let long = if *too_long { "true" } else { "false" };
                f.holds.with_label_values(&[&**queue, long]).inc();
            }
            What::TalkMeasured { queue, greeting, no_audio, speech, .. } => {
                f.talk_measured(queue, *greeting, *no_audio, speech);
            }
            What::Unheard { queue, party, .. } => {
                f.unheard.with_label_values(&[&**queue, party.as_str()]).inc();
            }
            What::AskEnded { end, .. } => f.asks_ended.with_label_values(&[end.as_str()]).inc(),
            What::Supervised { mode, .. } => f.supervisions.with_label_values(&[mode]).inc(),
            What::SurveyOffered { queue } => {
                f.survey_offered.with_label_values(&[&**queue, survey_handler(queue)]).inc();
            }
            What::SurveyAnswered { queue, score, .. } => {
                let labels = [&**queue, survey_handler(queue), words::score_word(*score)];
                f.survey_answers.with_label_values(&labels).inc();
            }
            What::AgentChanged { agent, from, to, .. } => {
                let mut times = self.agent_times.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(name) = self.directory.agent(*agent) {
                    times.change(f, *agent, &name.team, fact.at, *from, *to);
                }
            }
            What::StatusLimit { status, kind, .. } => {
                f.status_limits.with_label_values(&[status.as_str(), kind.as_str()]).inc();
            }
            What::ActivityAlarm { activity, .. } => {
                f.activity_alarms.with_label_values(&[activity.as_str()]).inc();
            }
            What::ConductSeen { kind, .. } => f.conduct.with_label_values(&[kind.as_str()]).inc(),
            What::SessionReplaced { .. } => f.sessions_replaced.inc(),
            What::IncidentOpened { .. } => f.incidents.inc(),
            What::CallbackRequested { queue, .. } => self.callback(queue, "requested"),
            What::CallbackDialed { queue, .. } => self.callback(queue, "dialed"),
            What::CallbackMissed { queue, why, .. } => self.callback(queue, why.as_str()),
            What::CallbackEnded { queue, end, waited_secs, .. } => {
                self.callback(queue, end.as_str());
                if *end == CallbackEnd::Reached {
                    f.callback_wait.with_label_values(&[&**queue]).observe(*waited_secs);
                }
            }
            // These are seen in what follows from them, or came before them.
            What::NodeEntered { .. }
            | What::OptionChosen { .. }
            | What::OfferDecided { .. }
            | What::OfferStarted { .. }
            | What::Connected { .. }
            | What::WaitForecast { .. }
            | What::IncidentJoined { .. }
            | What::IncidentClosed { .. }
            | What::EmergencyChanged { .. }
            | What::PolicyChanged { .. }
            | What::TalkStarted { .. }
            | What::HoldLasts { .. }
            | What::PhoneBroke { .. }
            | What::HeardAgain { .. }
            | What::AskStarted { .. }
            | What::WrapUpResumed { .. }
            | What::WrapUpExtended { .. }
            | What::OwnCallEnded { .. } => {}
        }
    }

    fn callback(&self, queue: &str, event: &str) {
        self.families.callbacks.with_label_values(&[queue, event]).inc();
    }

    fn bot_ended(&self, bot: &str, end: &str, talk_secs: f64, failure: Option<BotFailure>) {
        let f = &self.families;
        f.bot_ended.with_label_values(&[bot, words::bot_end_word(end)]).inc();
        if let Some(failure) = failure {
            f.bot_failed.with_label_values(&[bot, failure.as_str()]).inc();
        }
        if end != "failed" {
            // A bot talks before any queue, and has neither hold nor wrap-up.
            let labels = ["", Handler::Bot.as_str()];
            f.talk_seconds.with_label_values(&labels).observe(talk_secs);
            f.handle_seconds.with_label_values(&labels).observe(talk_secs);
        }
    }

    fn segment_ended(&self, queue: &str, outcome: Outcome, waited_secs: f64) {
        let f = &self.families;
        f.ended.with_label_values(&[queue, outcome.as_str()]).inc();
        let result = match outcome {
            Outcome::Answered => "answered",
            Outcome::Abandoned => "abandoned",
            // Short abandons are outside of every mean and quantile of the wait; the outcome counts them.
            Outcome::ShortAbandoned => return,
            Outcome::Callback
            | Outcome::Overflow
            | Outcome::Timeout
            | Outcome::NoAgents
            | Outcome::Closed
            | Outcome::RejectedFull
            | Outcome::KeyExit
            | Outcome::Withdrawn
            | Outcome::Failed => "other",
        };
        f.wait_seconds.with_label_values(&[queue, result]).observe(waited_secs);
    }

    /// Counts what concerns no call of the center.
    pub(crate) fn observe_note(&self, note: &Note) {
        let f = &self.families;
        match note {
            Note::SipFinal { method, status, sent } => {
                let direction = if *sent { "sent" } else { "received" };
                let labels = [words::method_word(method), words::code_word(*status), direction];
                f.sip_responses.with_label_values(&labels).inc();
            }
            Note::MediaClosed { quality, .. } => {
                f.rtp_received.inc_by(quality.received);
                f.rtp_sent.inc_by(quality.sent);
                f.rtp_lost.inc_by(quality.lost);
                f.rtp_strangers.inc_by(quality.strangers);
                if quality.received > 0 {
                    f.rtp_jitter.observe(quality.jitter_secs);
                }
                if let Some(secs) = quality.round_trip_secs {
                    f.rtp_round_trip.observe(secs);
                }
            }
            Note::Refused { reason, .. } => f.calls_refused.with_label_values(&[*reason]).inc(),
            Note::Registration { .. } => f.registration_changes.inc(),
            Note::Security { kind, .. } => {
                f.security.with_label_values(&[words::security_word(*kind)]).inc();
            }
        }
    }

    /// Everything as text for Prometheus, gauges as the picture shows them.
    pub(crate) fn render(&self, snapshot: &Snapshot) -> String {
        let _one = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        self.set_gauges(snapshot);
        {
            let mut times = self.agent_times.lock().unwrap_or_else(PoisonError::into_inner);
            times.accrue(&self.families, snapshot.at);
        }
        self.copy_counts();
        process::set(&self.families.process);
        let mut text = Vec::new();
        let families = self.families.registry.gather();
        match TextEncoder::new().encode(&families, &mut text) {
            Ok(()) => String::from_utf8_lossy(&text).into_owned(),
            // Our own mistake in a family's definition; the rest of the server is unhurt.
            Err(error) => {
                tracing::error!(%error, "metrics can't be written");
                String::new()
            }
        }
    }

    fn set_gauges(&self, snapshot: &Snapshot) {
        let f = &self.families;
        for row in &snapshot.queues {
            let queue = [&*row.name];
            f.waiting.with_label_values(&queue).set(gauge(row.waiting - row.callbacks));
            let open = snapshot.callbacks.iter().filter(|callback| callback.queue == row.name);
            f.callbacks_open.with_label_values(&queue).set(gauge(open.count()));
            f.callbacks_queued.with_label_values(&queue).set(gauge(row.callbacks));
            let oldest = row.oldest_enqueued_at.map_or(f64::NAN, |at| at.as_micros() as f64 / 1e6);
            f.oldest.with_label_values(&queue).set(oldest);
            for (of, secs) in words::estimate(row.estimate) {
                f.estimated_wait.with_label_values(&[&*row.name, of]).set(secs);
            }
            f.threshold.with_label_values(&queue).set(row.service_level_secs);
            for (activity, agents) in words::by_activity(&row.agents) {
                f.queue_agents.with_label_values(&[&*row.name, activity]).set(i64::from(agents));
            }
        }
        f.zero_agents(&self.directory);
        for row in &snapshot.agents {
            let labels = [&*row.team, row.status.as_str(), row.activity.as_str()];
            f.agents.with_label_values(&labels).inc();
        }
        for row in &snapshot.rollouts {
            f.rollout_share.with_label_values(&[&*row.name]).set(row.share);
        }
        let active = snapshot.calls.iter().filter(|call| call.state != "callback");
        f.calls_active.set(gauge(active.count()));
        f.sip_dialogs.set(gauge(snapshot.dialogs));
        f.sip_transactions.set(gauge(snapshot.transactions));
        f.sip_registrations.set(gauge(snapshot.bindings));
        let in_trouble = snapshot.incident.as_ref().map_or(0, |incident| {
            incident.agents.iter().filter(|agent| agent.until.is_none()).count()
        });
        f.incident_agents.set(gauge(in_trouble));
        for site in &snapshot.sites {
            let on = i64::from(site.emergency.is_some());
            f.site_emergency.with_label_values(&[&*site.name]).set(on);
        }
        f.draining.set(i64::from(snapshot.draining));
    }

    fn copy_counts(&self) {
        let f = &self.families;
        if let Some(store) = self.store.get() {
            let dropped = |kind| f.store_dropped.with_label_values(&[kind]);
            copy(&dropped("change"), &store.changes_dropped);
            copy(&dropped("end"), &store.ends_dropped);
            copy(&dropped("agent"), &store.moves_dropped);
            copy(&dropped("row"), &store.rows_dropped);
            copy(&f.store_written, &store.written);
            copy(&f.store_errors, &store.errors);
            let pending = store.pending.load(Ordering::Relaxed);
            f.store_pending.set(i64::try_from(pending).unwrap_or(i64::MAX));
            f.store_healthy.set(i64::from(store.is_healthy()));
            f.store_interrupted.set(gauge(store.recovered().contacts));
        }
        if let Some(events) = self.events.get() {
            copy(&f.events_dropped, &events.dropped);
            copy(&f.events_written, &events.written);
            copy(&f.events_errors, &events.errors);
            f.events_cut.set(i64::try_from(events.cut_bytes).unwrap_or(i64::MAX));
        }
    }
}

/// Brings a counter to the count kept elsewhere.
fn copy(counter: &IntCounter, count: &AtomicU64) {
    counter.inc_by(count.load(Ordering::Relaxed).saturating_sub(counter.get()));
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn arm_word(arm: Arm) -> &'static str {
    match arm {
        Arm::Bot => "bot",
        Arm::People => "human",
    }
}

/// A busy phone has declined as far as the caller is concerned.
fn offer_word(result: OfferResult) -> &'static str {
    match result {
        OfferResult::Answered => "answered",
        OfferResult::NoAnswer => "no_answer",
        OfferResult::Declined | OfferResult::Busy => "declined",
        OfferResult::CallerGone => "caller_gone",
        OfferResult::CancelledStatus => "cancelled_status",
        OfferResult::Unreachable => "unreachable",
        OfferResult::Glare => "glare",
        OfferResult::LostRace => "lost_race",
        OfferResult::Error => "error",
    }
}

/// A survey that follows no queue follows a bot.
fn survey_handler(queue: &str) -> &'static str {
    if queue.is_empty() { Handler::Bot.as_str() } else { Handler::Human.as_str() }
}

/// Whether this presence is time at work.
fn at_work(presence: Presence) -> bool {
    presence != Presence::LoggedOut
}
