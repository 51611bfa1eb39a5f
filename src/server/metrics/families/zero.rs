//! Every label set at zero from the start: a series that appears with its first event hides that event from `rate`.

use super::Families;
use super::words::{
    ALARMED, BOT_ENDS, FAULTS, HEARD, NO_AUDIO, OFFER_RESULTS, REFUSALS, SCORES, SECURITY_KINDS,
    STORE_DROPS, USUAL_ANSWERS, WAIT_RESULTS, WHO_SPOKE, by_activity, code_word, estimate,
    fault_word, security_word, standings, ways_on,
};
use crate::server::events::Directory;
use crate::server::metrics::at_work;
use dozvon_center::acd::{AgentCounts, LimitKind, ServiceLevel, Status};
use dozvon_center::bot::BotFailure;
use dozvon_center::callback::{CallbackEnd, Missed};
use dozvon_center::conduct::ConductKind;
use dozvon_center::contact::{Outcome, Party};
use dozvon_center::fact::{AskEnd, Flaw, Greeting, Handler, IvrExit, LookupEnd, OperatorRequest};
use dozvon_center::flow::Promise;
use dozvon_center::rollout::Excluded;
use dozvon_center::rollout::decision::VERDICTS;

impl Families {
    /// Every label set that can be foreseen, at zero.
    pub(super) fn create_labels(&self, directory: &Directory) {
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
            self.flows_astray.with_label_values(&[flow]);
            for exit in IvrExit::ALL {
                self.ivr_exits.with_label_values(&[flow, exit.as_str()]);
            }
            for promise in Promise::ALL.map(Promise::as_str) {
                self.promise_seconds.with_label_values(&[flow, promise]);
                for kept in ["true", "false"] {
                    self.promises_kept.with_label_values(&[flow, promise, kept]);
                }
            }
            for how in OperatorRequest::ALL {
                self.operator_requests.with_label_values(&[flow, how.as_str()]);
            }
        }
        for option in directory.rollouts.iter().map(|option| &**option) {
            self.rollout_share.with_label_values(&[option]);
            for why in Excluded::ALL {
                self.rollout_excluded.with_label_values(&[option, why.as_str()]);
            }
            for verdict in VERDICTS {
                self.rollout_decisions.with_label_values(&[option, verdict]);
            }
            for arm in ["bot", "human"] {
                self.rollout_draws.with_label_values(&[option, arm]);
                for delivered in ["true", "false"] {
                    self.rollout_calls.with_label_values(&[option, arm, delivered]);
                }
            }
        }
        for endpoint in directory.endpoints.iter().map(|endpoint| &**endpoint) {
            self.lookup_seconds.with_label_values(&[endpoint]);
            for end in LookupEnd::ALL {
                self.lookups.with_label_values(&[endpoint, end.as_str()]);
            }
            for flaw in Flaw::ALL {
                self.lookup_errors.with_label_values(&[endpoint, flaw.as_str()]);
            }
        }
        for bot in directory.bots.iter().map(|bot| &**bot) {
            self.bot_connected.with_label_values(&[bot]);
            for end in BOT_ENDS {
                self.bot_ended.with_label_values(&[bot, end]);
            }
            for late in ["true", "false"] {
                self.bot_replies.with_label_values(&[bot, late]);
            }
            for failure in BotFailure::ALL {
                self.bot_failed.with_label_values(&[bot, failure.as_str()]);
            }
        }
        self.create_the_rest();
        self.zero_agents(directory);
        for agent in &directory.agents {
            for (presence, activity) in standings() {
                if at_work(presence) {
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
        self.phones_back.with_label_values(&[queue]);
        self.agents_dropped.with_label_values(&[queue]);
        for long in ["false", "true"] {
            self.holds.with_label_values(&[queue, long]);
        }
        self.create_speech(queue);
        let missed = Missed::ALL.map(Missed::as_str);
        let ends = CallbackEnd::ALL.map(CallbackEnd::as_str);
        for event in ["requested", "dialed"].into_iter().chain(missed).chain(ends) {
            self.callbacks.with_label_values(&[queue, event]);
        }
        self.callback_wait.with_label_values(&[queue]);
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
    pub(in crate::server::metrics) fn zero_agents(&self, directory: &Directory) {
        for agent in &directory.agents {
            for (presence, activity) in standings() {
                let labels = [&*agent.team, presence.as_str(), activity.as_str()];
                self.agents.with_label_values(&labels).set(0);
            }
        }
    }
}
