//! What became of drawn callers, read off the contact records: from records to observations.
//!
//! A contact counts from its record alone, for the arm that it was drawn for, and only by what had happened until the
//! moment asked for: later records change nothing, so an earlier day can be counted again. Each outcome is known a
//! fixed time after the call's end, for both arms alike, even when a repeat call has told earlier.
//!
//! Callers without a number are in no arm's evidence: nobody could tell whether they called again.

use super::assign::{Arm, Rollout, Share, TriedKind};
use super::evidence::{Hours, Known, Observation, Stratum};
use super::measure::Measure;
use super::plan::{Metric, Plan};
use super::stats::Value;
use crate::calendar::Open;
use crate::contact::{ArmRecord, Contact, Ending, Fault, Outcome, PassedOn, Stage, StageKind};
use crate::ids::CallId;
use dozvon_clock::Timestamp;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

/// A caller who hangs up so soon after the first bot's or agent's word has not been helped. Where flows are compared
/// the first word is the flow's, too.
pub const EARLY: Duration = Duration::from_secs(30);

/// A caller who calls again so soon has not been helped either.
pub const AT_ONCE: Duration = Duration::from_secs(3_600);

/// A contact with what is known of it beside its record.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// The newest record.
    pub contact: &'a Contact,
    /// With whom it may be compared.
    pub stratum: Stratum,
    /// When its caller complained, if he did.
    pub complained_at: Option<Timestamp>,
    /// Whether the bot broke off, or the flow went astray, by its own fault.
    pub bot_failed: bool,
}

/// One call of a customer, whatever it was about: what may be a repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The call.
    pub call: CallId,
    /// The caller's number; calls without one are nobody's repeat.
    pub caller: Arc<str>,
    /// What it was about: the menu option taken, or the flow that was called, for both arms alike.
    pub topic: Arc<str>,
    /// When it began.
    pub started_at: Timestamp,
    /// Whether it goes on with an earlier contact, as a callback that was promised does: that is no repeat.
    pub continues: bool,
}

/// Calls about one topic by who called.
#[derive(Clone, Debug, Default)]
pub struct History {
    by_subject: BTreeMap<(u64, Timestamp), CallId>,
}

impl History {
    /// The calls about `topic`. The rollout makes the callers' names.
    pub fn of<'a>(
        rollout: &Rollout,
        topic: &str,
        visits: impl IntoIterator<Item = &'a Visit>,
    ) -> History {
        let own =
            |visit: &&Visit| &*visit.topic == topic && !visit.caller.is_empty() && !visit.continues;
        let entry = |visit: &Visit| ((rollout.number(&visit.caller), visit.started_at), visit.call);
        History { by_subject: visits.into_iter().filter(own).map(entry).collect() }
    }

    /// Whether he called after `from`, and not after `until`.
    fn called(&self, subject: u64, from: Timestamp, until: Timestamp) -> bool {
        let after = Bound::Excluded((subject, from));
        from < until
            && self.by_subject.range((after, Bound::Included((subject, until)))).next().is_some()
    }
}

impl From<Open> for Hours {
    fn from(open: Open) -> Hours {
        match open {
            Open::Open => Hours::Working,
            Open::Closed | Open::Holiday | Open::Emergency => Hours::Other,
        }
    }
}

/// The observations that these contacts give as seen at `until`. Contacts that were not drawn for this rollout, were
/// excluded, have no number, or began later, give none.
pub fn observe(
    plan: &Plan,
    rollout: &Rollout,
    cases: &[Case<'_>],
    history: &History,
    until: Timestamp,
) -> Vec<Observation> {
    let begun = |case: &&Case<'_>| case.contact.started_at <= until;
    let cases = cases.iter().filter(begun);
    cases.filter_map(|case| observation(plan, rollout, case, history, until)).collect()
}

fn observation(
    plan: &Plan,
    rollout: &Rollout,
    case: &Case<'_>,
    history: &History,
    until: Timestamp,
) -> Option<Observation> {
    let contact = case.contact;
    let drawn = contact.arms.iter().find(|arm| arm.option == rollout.name)?;
    if drawn.excluded.is_some() {
        return None;
    }
    let share = Share::of_fraction(drawn.share)?;
    if contact.caller.is_empty() {
        return None;
    }
    let subject = rollout.number(&contact.caller);
    let ended_at = contact.ended_at.filter(|ended| *ended <= until);
    let outcomes = ended_at.map_or_else(Vec::new, |ended_at| {
        let tried = rollout.tried.kind();
        let seen = Seen { case, tried, drawn, subject, ended_at, history };
        seen.outcomes(&plan.metrics, until)
    });
    Some(Observation {
        call: contact.call,
        at: contact.started_at,
        subject,
        arm: drawn.arm,
        share,
        delivered: drawn.delivered,
        stratum: case.stratum.clone(),
        outcomes,
    })
}

/// One ended contact.
struct Seen<'a> {
    case: &'a Case<'a>,
    tried: TriedKind,
    drawn: &'a ArmRecord,
    subject: u64,
    ended_at: Timestamp,
    history: &'a History,
}

impl Seen<'_> {
    fn outcomes(&self, metrics: &[Metric], until: Timestamp) -> Vec<Known> {
        let known = |(place, metric): (usize, &Metric)| {
            let window = Duration::from_secs(metric.window_secs);
            let at = self.ended_at + window;
            if at > until || !self.has(metric.measure) {
                return None;
            }
            Some(Known { metric: place, at, value: self.value(metric.measure, window) })
        };
        metrics.iter().enumerate().filter_map(known).collect()
    }

    /// Whether the measure says anything of this arm.
    fn has(&self, measure: Measure) -> bool {
        measure.is_for_both_arms()
            || self.drawn.arm == Arm::Bot
            || measure == Measure::TransferToOperator
    }

    fn value(&self, measure: Measure, window: Duration) -> Option<Value> {
        match measure {
            Measure::Resolved => Some(Value::yes(self.is_resolved(window))),
            Measure::ResolvedServed => {
                self.is_served().then(|| Value::yes(self.is_resolved(window)))
            }
            Measure::Survey => {
                self.contact().survey.first().map(|(_, score)| Value::of(f64::from(*score)))
            }
            Measure::TimeToDone => {
                let spent = self.ended_at.since(self.contact().started_at);
                Some(Value::ln_secs(spent.as_secs_f64()))
            }
            Measure::EarlyHangup => {
                Some(Value::yes(self.hung_up_early() || self.called_again(AT_ONCE)))
            }
            Measure::Complaint => {
                let by = self.ended_at + window;
                Some(Value::yes(self.case.complained_at.is_some_and(|at| at <= by)))
            }
            Measure::HumanSeconds => Some(Value::of(self.human_seconds())),
            Measure::VerifiedContainment => {
                Some(Value::yes(self.is_contained() && !self.called_again(window)))
            }
            Measure::TransferToOperator => self.is_transferred().map(Value::yes),
            Measure::BotError => Some(Value::yes(!self.drawn.delivered || self.case.bot_failed)),
            Measure::BotSeconds => {
                self.drawn.delivered.then(|| Value::of(self.seconds(StageKind::Bot)))
            }
        }
    }

    fn contact(&self) -> &Contact {
        self.case.contact
    }

    fn stages(&self, kind: StageKind) -> impl Iterator<Item = &Stage> {
        self.contact().stages.iter().filter(move |stage| stage.kind == kind)
    }

    fn seconds(&self, kind: StageKind) -> f64 {
        let end = |stage: &Stage| stage.to.unwrap_or(self.ended_at);
        self.stages(kind).map(|stage| end(stage).since(stage.from).as_secs_f64()).sum()
    }

    fn human_seconds(&self) -> f64 {
        let wrap_up = self.stages(StageKind::Talk).filter_map(|stage| stage.wrap_up_secs);
        self.seconds(StageKind::Talk) + wrap_up.sum::<f64>()
    }

    /// The last who had the caller, or whom he waited for.
    fn last(&self) -> Option<&Stage> {
        self.contact().stages.iter().rev().find(|stage| match stage.kind {
            StageKind::Bot
            | StageKind::Queue
            | StageKind::Talk
            | StageKind::Transfer
            | StageKind::Park => true,
            StageKind::Ivr | StageKind::Survey => false,
        })
    }

    /// Whether somebody or the bot had him to the end; a callback that was promised is service too. Where flows are
    /// compared, so is a flow that nobody had to help to its last word.
    fn is_served(&self) -> bool {
        let Some(last) = self.last() else {
            return self.tried == TriedKind::Flow && self.has_heard_all();
        };
        match last.kind {
            StageKind::Talk | StageKind::Transfer | StageKind::Park => true,
            StageKind::Bot => self.drawn.delivered,
            StageKind::Queue => last.outcome == Some(Outcome::Callback),
            StageKind::Ivr | StageKind::Survey => false,
        }
    }

    /// Whether the flow has ended the call by itself, and not because it was lost.
    fn has_heard_all(&self) -> bool {
        let ending = self.contact().ending.as_ref();
        let own = ending.is_some_and(|ending| &*ending.reason == Ending::FLOW_END);
        own && !self.case.bot_failed
    }

    fn is_ended_by(&self, fault: Fault) -> bool {
        self.contact().ending.as_ref().is_some_and(|ending| ending.fault == fault)
    }

    fn is_resolved(&self, window: Duration) -> bool {
        self.is_served() && !self.called_again(window)
    }

    fn is_contained(&self) -> bool {
        let with_bot = self.last().is_some_and(|stage| stage.kind == StageKind::Bot);
        with_bot && self.drawn.delivered && self.stages(StageKind::Talk).next().is_none()
    }

    fn called_again(&self, within: Duration) -> bool {
        self.history.called(self.subject, self.ended_at, self.ended_at + within)
    }

    fn hung_up_early(&self) -> bool {
        let first = self
            .contact()
            .stages
            .iter()
            .find(|stage| matches!(stage.kind, StageKind::Bot | StageKind::Talk));
        let flow = self.contact().answered_at.filter(|_| self.tried == TriedKind::Flow);
        let words = first.map(|stage| stage.from).into_iter().chain(flow);
        let early = words.into_iter().any(|word| self.ended_at.since(word) <= EARLY);
        self.is_ended_by(Fault::Caller) && early
    }

    /// From the bot to people; from one agent to another in the people's arm.
    fn is_transferred(&self) -> Option<bool> {
        match self.drawn.arm {
            Arm::Bot => {
                let stages = &self.contact().stages;
                let bot = stages.iter().position(|stage| stage.kind == StageKind::Bot)?;
                let people = |stage: &Stage| {
                    matches!(stage.kind, StageKind::Queue | StageKind::Talk | StageKind::Transfer)
                };
                self.drawn.delivered.then(|| stages[bot..].iter().any(people))
            }
            Arm::People => Some(self.stages(StageKind::Talk).any(|stage| {
                stage.passed_on.is_some_and(|how| match how {
                    PassedOn::Blind
                    | PassedOn::Attended
                    | PassedOn::Conference
                    | PassedOn::TakenOver => true,
                    PassedOn::AgentLost | PassedOn::AgentDropped => false,
                })
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::assign::{Holdout, Tried};
    use super::super::plan::{DAY, Expected, Role};
    use super::super::sample;
    use super::*;
    const NOW: u64 = 1_772_409_600;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(NOW + secs)
    }

    fn rollout() -> Rollout {
        Rollout {
            name: "cards".into(),
            tried: Tried::Bot("assistant".into()),
            salt: "pepper".into(),
            share: Share::Tenth,
            holdout: Holdout::percent(5).unwrap(),
            ..Rollout::default()
        }
    }

    /// A plan that measures everything a day after the call's end.
    fn plan() -> Plan {
        let mut plan = sample::plan();
        let metric = |measure: Measure| Metric {
            name: measure.as_str().into(),
            measure,
            role: Role::Information,
            window_secs: DAY.as_secs(),
            expected: Expected::Share(0.5),
            response: 1.0,
        };
        plan.metrics = Measure::ALL.into_iter().map(metric).collect();
        plan
    }

    fn stage(kind: StageKind, from: u64, to: u64) -> Stage {
        Stage { to: Some(at(to)), ..Stage::begun(kind, at(from)) }
    }

    /// A call at 0 through these stages, ended by the caller.
    fn contact(arm: Arm, stages: Vec<Stage>) -> Contact {
        let ended_at = stages.last().and_then(|stage| stage.to);
        let share = Share::Tenth.fraction();
        Contact {
            call: CallId(1),
            caller: "+77010000001".into(),
            dialled: "100".into(),
            flow: "bank".into(),
            flow_version: "abc".into(),
            language: "ru".into(),
            started_at: at(0),
            answered_at: Some(at(1)),
            ended_at,
            ending: Some(Ending::new(Fault::Caller, "hung_up")),
            path: Vec::new(),
            stages,
            arms: vec![ArmRecord::drawn("cards".into(), arm, share, true)],
            survey: Vec::new(),
            operator_requested: false,
            callback: None,
            continues: None,
            customer: None,
            chosen: Vec::new(),
        }
    }

    fn case(contact: &Contact) -> Case<'_> {
        let week = Stratum::week_of(contact.started_at, 0);
        let stratum = Stratum { week, hours: Hours::Working, group: "all".into() };
        Case { contact, stratum, complained_at: None, bot_failed: false }
    }

    fn visit(secs: u64) -> Visit {
        Visit {
            call: CallId(secs),
            caller: "+77010000001".into(),
            topic: "cards".into(),
            started_at: at(secs),
            continues: false,
        }
    }

    fn seen(case: &Case<'_>, visits: &[Visit], until: u64) -> Observation {
        let history = History::of(&rollout(), "cards", visits);
        let cases = std::slice::from_ref(case);
        let mut all = observe(&plan(), &rollout(), cases, &history, at(until));
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    /// The value of a measure two days later; `None` twice over where it says nothing of this arm.
    fn value(case: &Case<'_>, visits: &[Visit], measure: Measure) -> Option<Option<f64>> {
        let place = Measure::ALL.iter().position(|m| *m == measure).unwrap();
        let observation = seen(case, visits, 2 * 86_400);
        let known = observation.outcomes.iter().find(|known| known.metric == place)?;
        Some(known.value.map(Value::number))
    }

    fn with_agent() -> Contact {
        let mut queue = stage(StageKind::Queue, 20, 50);
        queue.outcome = Some(Outcome::Answered);
        let mut talk = stage(StageKind::Talk, 50, 230);
        talk.wrap_up_secs = Some(20.0);
        contact(Arm::People, vec![stage(StageKind::Ivr, 0, 20), queue, talk])
    }

    fn with_bot() -> Contact {
        contact(Arm::Bot, vec![stage(StageKind::Ivr, 0, 20), stage(StageKind::Bot, 20, 100)])
    }

    fn with_both() -> Contact {
        let mut queue = stage(StageKind::Queue, 100, 130);
        queue.outcome = Some(Outcome::Answered);
        let mut contact = with_bot();
        contact.stages.extend([queue, stage(StageKind::Talk, 130, 400)]);
        contact.ended_at = Some(at(400));
        contact
    }

    fn abandoned() -> Contact {
        let mut queue = stage(StageKind::Queue, 20, 90);
        queue.outcome = Some(Outcome::Abandoned);
        contact(Arm::People, vec![stage(StageKind::Ivr, 0, 20), queue])
    }

    #[test]
    fn a_call_that_was_served_and_not_followed_is_resolved() {
        for (contact, resolved, served) in [
            (with_agent(), 1.0, Some(1.0)),
            (with_bot(), 1.0, Some(1.0)),
            (with_both(), 1.0, Some(1.0)),
            (abandoned(), 0.0, None),
        ] {
            let case = case(&contact);
            assert_eq!(value(&case, &[], Measure::Resolved), Some(Some(resolved)));
            assert_eq!(value(&case, &[], Measure::ResolvedServed), Some(served));
        }
        let flow_only = contact(Arm::People, vec![stage(StageKind::Ivr, 0, 20)]);
        assert_eq!(value(&case(&flow_only), &[], Measure::Resolved), Some(Some(0.0)));
    }

    #[test]
    fn a_repeat_is_of_the_same_caller_and_topic_within_the_window() {
        let contact = with_bot();
        let other = |change: fn(&mut Visit)| {
            let mut visit = visit(5_000);
            change(&mut visit);
            visit
        };
        for (visit, resolved) in [
            (visit(5_000), 0.0),
            (visit(100 + 86_400), 0.0),
            (visit(101 + 86_400), 1.0),
            (visit(0), 1.0),
            (other(|visit| visit.caller = "+77010000002".into()), 1.0),
            (other(|visit| visit.topic = "loans".into()), 1.0),
            (other(|visit| visit.continues = true), 1.0),
        ] {
            let got = value(&case(&contact), std::slice::from_ref(&visit), Measure::Resolved);
            assert_eq!(got, Some(Some(resolved)), "{visit:?}");
        }
    }

    #[test]
    fn bad_news_does_not_come_earlier_than_good() {
        let contact = with_bot();
        let early = seen(&case(&contact), &[visit(5_000)], 86_400);
        assert!(early.outcomes.is_empty(), "he called again, and it is not counted yet");
        let late = seen(&case(&contact), &[visit(5_000)], 86_500);
        assert_eq!(late.outcomes[0].at, at(100 + 86_400));
    }

    #[test]
    fn what_happens_later_does_not_change_an_earlier_day() {
        let contact = with_agent();
        let mut case = case(&contact);
        let before = seen(&case, &[], 100_000);
        case.complained_at = Some(at(120_000));
        assert_eq!(before, seen(&case, &[visit(110_000)], 100_000));
        let running = seen(&case, &[], 100);
        assert!(running.outcomes.is_empty(), "at that moment the call was not over");
    }

    #[test]
    fn who_hangs_up_early_or_calls_at_once_was_not_helped() {
        let early = |contact: &Contact, visits: &[Visit]| {
            value(&case(contact), visits, Measure::EarlyHangup).flatten()
        };
        assert_eq!(early(&with_bot(), &[]), Some(0.0), "he stayed for 80 s");
        assert_eq!(early(&with_bot(), &[visit(3_000)]), Some(1.0));
        assert_eq!(early(&with_bot(), &[visit(3_701)]), Some(0.0));
        let mut short = with_bot();
        short.stages[1].to = Some(at(50));
        short.ended_at = Some(at(50));
        assert_eq!(early(&short, &[]), Some(1.0));
        short.ending = Some(Ending::new(Fault::Bot, "done"));
        assert_eq!(early(&short, &[]), Some(0.0), "the bot had finished");
        assert_eq!(early(&abandoned(), &[]), Some(0.0), "nobody had him yet");
    }

    #[test]
    fn times_and_people_s_seconds_are_those_of_the_stages() {
        let get = |contact: &Contact, measure| value(&case(contact), &[], measure).flatten();
        assert_eq!(get(&with_agent(), Measure::HumanSeconds), Some(200.0), "180 of talk, 20 after");
        assert_eq!(get(&with_bot(), Measure::HumanSeconds), Some(0.0));
        assert_eq!(get(&with_both(), Measure::HumanSeconds), Some(270.0));
        assert_eq!(get(&with_both(), Measure::BotSeconds), Some(80.0));
        let done = get(&with_bot(), Measure::TimeToDone).unwrap();
        assert!((done - 100.0f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn what_only_a_bot_can_do_is_not_asked_of_people() {
        let people = with_agent();
        for measure in [Measure::VerifiedContainment, Measure::BotError, Measure::BotSeconds] {
            assert_eq!(value(&case(&people), &[], measure), None, "{measure}");
        }
        let contained = |contact: &Contact, visits: &[Visit]| {
            value(&case(contact), visits, Measure::VerifiedContainment).flatten()
        };
        assert_eq!(contained(&with_bot(), &[]), Some(1.0));
        assert_eq!(contained(&with_bot(), &[visit(9_000)]), Some(0.0), "contained in vain");
        assert_eq!(contained(&with_both(), &[]), Some(0.0));
    }

    #[test]
    fn from_the_bot_to_people_is_a_transfer_and_a_bot_not_reached_an_error() {
        let transferred =
            |contact: &Contact| value(&case(contact), &[], Measure::TransferToOperator).flatten();
        assert_eq!(transferred(&with_bot()), Some(0.0));
        assert_eq!(transferred(&with_both()), Some(1.0));
        assert_eq!(transferred(&with_agent()), Some(0.0));
        let mut passed = with_agent();
        passed.stages[2].passed_on = Some(PassedOn::Blind);
        assert_eq!(transferred(&passed), Some(1.0));
        let mut missed = with_both();
        missed.arms[0].delivered = false;
        assert_eq!(transferred(&missed), None, "the bot never had him");
        let error = |case: &Case<'_>| value(case, &[], Measure::BotError).flatten();
        assert_eq!(error(&case(&missed)), Some(1.0));
        let contact = with_both();
        let mut failed = case(&contact);
        assert_eq!(error(&failed), Some(0.0));
        failed.bot_failed = true;
        assert_eq!(error(&failed), Some(1.0));
    }

    #[test]
    fn a_promised_callback_is_service_and_a_survey_unanswered_no_value() {
        let mut contact = abandoned();
        contact.stages[1].outcome = Some(Outcome::Callback);
        assert_eq!(value(&case(&contact), &[], Measure::Resolved), Some(Some(1.0)));
        assert_eq!(value(&case(&contact), &[], Measure::Survey), Some(None));
        contact.survey.push(("csi".into(), 4));
        assert_eq!(value(&case(&contact), &[], Measure::Survey), Some(Some(4.0)));
    }

    fn of_flows() -> Rollout {
        let tried = Tried::Flow { present: "bank".into(), candidate: "bank-next".into() };
        Rollout { tried, ..rollout() }
    }

    /// What a measure says of a contact in a flow's trial.
    fn in_trial(contact: &Contact, measure: Measure) -> Option<f64> {
        let rollout = of_flows();
        let observed =
            observe(&plan(), &rollout, &[case(contact)], &History::default(), at(200_000));
        let place = Measure::ALL.iter().position(|m| *m == measure).unwrap();
        let known = observed[0].outcomes.iter().find(|known| known.metric == place).unwrap();
        known.value.map(Value::number)
    }

    #[test]
    fn of_two_flows_the_one_that_says_its_last_word_has_served_the_caller() {
        let ended = |fault, reason: &str| {
            let mut contact = with_agent();
            contact.stages = vec![stage(StageKind::Ivr, 0, 60)];
            (contact.answered_at, contact.ended_at) = (Some(at(1)), Some(at(60)));
            contact.ending = Some(Ending::new(fault, reason));
            contact
        };
        let resolved = |contact: &Contact| in_trial(contact, Measure::Resolved);
        assert_eq!(resolved(&ended(Fault::Nobody, "flow_end")), Some(1.0));
        assert_eq!(resolved(&ended(Fault::Caller, "hung_up")), Some(0.0));
        assert_eq!(resolved(&ended(Fault::Nobody, "ordered")), Some(0.0));
        let mut queued = ended(Fault::Nobody, "flow_end");
        queued.stages.push(stage(StageKind::Queue, 50, 60));
        assert_eq!(resolved(&queued), Some(0.0), "his queue was closed, and the flow said so");
        let rollout = of_flows();
        let contact = ended(Fault::Nobody, "flow_end");
        let lost = Case { bot_failed: true, ..case(&contact) };
        let seen = observe(&plan(), &rollout, &[lost], &History::default(), at(200_000));
        assert_eq!(seen[0].outcomes[0].value.map(Value::number), Some(0.0), "it ran in circles");
        assert_eq!(value(&case(&contact), &[], Measure::Resolved), Some(Some(0.0)), "of a bot");
    }

    #[test]
    fn of_two_flows_who_hangs_up_soon_after_the_first_word_of_the_flow_was_not_helped() {
        let hung_up = |after: u64| {
            let mut contact = with_agent();
            contact.stages = vec![stage(StageKind::Ivr, 0, 1 + after)];
            (contact.answered_at, contact.ended_at) = (Some(at(1)), Some(at(1 + after)));
            contact.ending = Some(Ending::new(Fault::Caller, "hung_up"));
            contact
        };
        let early = |contact: &Contact| in_trial(contact, Measure::EarlyHangup);
        assert_eq!((early(&hung_up(30)), early(&hung_up(31))), (Some(1.0), Some(0.0)));
        let of_bot = value(&case(&hung_up(30)), &[], Measure::EarlyHangup);
        assert_eq!(of_bot, Some(Some(0.0)), "where a bot is tried, only his first word counts");
    }

    #[test]
    fn a_complaint_counts_within_the_window() {
        let contact = with_agent();
        let mut case = case(&contact);
        assert_eq!(value(&case, &[], Measure::Complaint), Some(Some(0.0)));
        case.complained_at = Some(at(80_000));
        assert_eq!(value(&case, &[], Measure::Complaint), Some(Some(1.0)));
        case.complained_at = Some(at(100_000));
        assert_eq!(value(&case, &[], Measure::Complaint), Some(Some(0.0)));
    }

    #[test]
    fn contacts_without_a_number_or_a_draw_give_no_observation() {
        let mut hidden = with_agent();
        hidden.caller = String::new();
        let mut elsewhere = with_agent();
        elsewhere.arms[0].option = "loans".into();
        let mut later = with_agent();
        later.started_at = at(9_000_000);
        let cases = [case(&hidden), case(&elsewhere), case(&later)];
        let none = observe(&plan(), &rollout(), &cases, &History::default(), at(100_000));
        assert_eq!(none, []);
    }

    #[test]
    fn the_caller_is_known_by_his_draw_and_not_by_his_number() {
        let contact = with_agent();
        let observation = seen(&case(&contact), &[], 100_000);
        assert_eq!(observation.subject, rollout().number("+77010000001"));
        assert!(!format!("{observation:?}").contains("7701"));
    }
}
