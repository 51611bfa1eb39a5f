//! Keeping one contact's record: stages that abut, bounded lists, what is known of the end.
//!
//! Knows nothing of legs or decisions; the call machine tells it what happened and when.

use crate::bot::BotNote;
use crate::contact::{ArmRecord, Contact, Ending, Outcome, PassedOn, Speech, Stage, StageKind};
use crate::customer::Customer;
use crate::ids::{CallId, CallbackId};
use crate::limits;
use crate::rollout::TriedKind;
use dozvon_clock::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// A contact record in the making.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    contact: Contact,
}

/// What a new record begins with.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) call: CallId,
    pub(crate) caller: String,
    pub(crate) dialled: String,
    pub(crate) flow: Arc<str>,
    pub(crate) flow_version: Arc<str>,
    pub(crate) language: Arc<str>,
}

/// Who and what a stage is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    pub(crate) queue: Option<Arc<str>>,
    pub(crate) agent: Option<Arc<str>>,
    pub(crate) peer: Option<Arc<str>>,
}

/// A code as it stands with a talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Coded {
    pub(crate) code: Arc<str>,
    pub(crate) version: Arc<str>,
    pub(crate) note: Option<Arc<str>>,
}

impl Record {
    /// Opens a record whose first stage, the flow, begins `now`.
    pub(crate) fn open(now: Timestamp, opening: Opening) -> Record {
        let contact = Contact {
            call: opening.call,
            caller: opening.caller,
            dialled: opening.dialled,
            flow: opening.flow,
            flow_version: opening.flow_version,
            language: opening.language,
            started_at: now,
            answered_at: None,
            ended_at: None,
            ending: None,
            path: Vec::new(),
            stages: Vec::new(),
            arms: Vec::new(),
            survey: Vec::new(),
            operator_requested: false,
            callback: None,
            continues: None,
            customer: None,
            chosen: Vec::new(),
        };
        let mut record = Record { contact };
        record.enter(now, StageKind::Ivr, Place::default());
        record
    }

    pub(crate) fn contact(&self) -> &Contact {
        &self.contact
    }

    pub(crate) fn answered(&mut self, now: Timestamp) {
        self.contact.answered_at.get_or_insert(now);
    }

    pub(crate) fn language(&mut self, language: &str) {
        if &*self.contact.language != language {
            self.contact.language = language.into();
        }
    }

    /// Notes a node; past the bound the path just stops growing, its beginning is what explains the call.
    pub(crate) fn node(&mut self, node: &Arc<str>) {
        if self.contact.path.len() < limits::PATH_MAX {
            self.contact.path.push(node.clone());
        }
    }

    /// It is part of what became of a callback.
    pub(crate) fn called_back(&mut self, callback: CallbackId, asked_in: Option<CallId>) {
        self.contact.callback = Some(callback);
        self.contact.continues = asked_in;
    }

    /// Notes an option of a menu; past the bound later ones are not noted.
    pub(crate) fn chosen(&mut self, option: &Arc<str>) {
        if self.contact.chosen.len() < limits::CHOSEN_MAX {
            self.contact.chosen.push(option.clone());
        }
    }

    /// Who the customer is, by what an endpoint said last.
    pub(crate) fn customer(&mut self, customer: Customer) {
        self.contact.customer = Some(Arc::new(customer));
    }

    pub(crate) fn operator_requested(&mut self) {
        self.contact.operator_requested = true;
    }

    pub(crate) fn arm(&mut self, arm: ArmRecord) {
        if self.contact.arms.len() < limits::ARMS_MAX {
            self.contact.arms.push(arm);
        }
    }

    /// What was drawn for `option`, or why nothing was.
    pub(crate) fn arm_of(&self, option: &str) -> Option<&ArmRecord> {
        self.contact.arms.iter().find(|arm| &*arm.option == option)
    }

    /// Says how the bot's part ended, the first time that he was with it.
    pub(crate) fn bot_end(&mut self, option: &str, end: &str) {
        if let Some(arm) = self.contact.arms.iter_mut().find(|arm| &*arm.option == option) {
            arm.bot_end.get_or_insert_with(|| end.into());
        }
    }

    /// Says of the arm of a flow's trial that the flow has failed.
    pub(crate) fn flow_failed(&mut self) {
        let of_flow = |arm: &&mut ArmRecord| arm.tried == TriedKind::Flow;
        if let Some(arm) = self.contact.arms.iter_mut().find(of_flow) {
            arm.bot_end = Some("failed".into());
        }
    }

    /// Says whether the arm drawn last for `option` reached the caller.
    pub(crate) fn delivered(&mut self, option: &str, delivered: bool) {
        if let Some(arm) = self.contact.arms.iter_mut().rev().find(|arm| &*arm.option == option) {
            arm.delivered = delivered;
        }
    }

    pub(crate) fn survey(&mut self, question: Arc<str>, score: u8) {
        if self.contact.survey.len() < limits::SURVEY_ANSWERS_MAX {
            self.contact.survey.push((question, score));
        }
    }

    /// Ends the stage that runs and begins another at the same moment. A stage of the same kind and place goes on.
    /// Past the bound the last stage just goes on: the contact stays without a gap.
    pub(crate) fn enter(&mut self, now: Timestamp, kind: StageKind, place: Place) {
        if self.contact.stages.len() >= limits::STAGES_MAX {
            return;
        }
        if let Some(last) = self.contact.stages.last_mut() {
            let alike = last.kind == kind
                && last.queue == place.queue
                && last.agent == place.agent
                && last.peer == place.peer;
            if alike && last.to.is_none() && last.outcome.is_none() {
                return;
            }
            last.to.get_or_insert(now);
        }
        self.contact.stages.push(Stage {
            queue: place.queue,
            agent: place.agent,
            peer: place.peer,
            ..Stage::begun(kind, now)
        });
    }

    /// How the wait in the running queue stage ended.
    pub(crate) fn outcome(&mut self, outcome: Outcome) {
        let waiting = self.contact.stages.iter_mut().rev().find(|s| s.kind == StageKind::Queue);
        if let Some(stage) = waiting {
            stage.outcome.get_or_insert(outcome);
        }
    }

    /// Adds a hold that is over to the running talk.
    pub(crate) fn held(&mut self, held: Duration, too_long: bool) {
        if let Some(stage) = self.contact.stages.last_mut() {
            stage.hold_secs += held.as_secs_f64();
            stage.holds += 1;
            stage.long_holds += u32::from(too_long);
        }
    }

    /// Notes how the running talk is passed on.
    pub(crate) fn passed_on(&mut self, how: PassedOn) {
        if let Some(stage) = self.contact.stages.last_mut() {
            stage.passed_on = Some(how);
        }
    }

    /// The index of the running stage, to come back to it with [`Record::wrap_up`].
    pub(crate) fn stage_index(&self) -> usize {
        self.contact.stages.len().saturating_sub(1)
    }

    /// The wrap-up after the talk with index `stage`.
    pub(crate) fn wrap_up(&mut self, stage: usize, spent: Duration) {
        if let Some(stage) = self.contact.stages.get_mut(stage) {
            stage.wrap_up_secs = Some(spent.as_secs_f64());
        }
    }

    /// How the talk with index `stage` went by ear.
    pub(crate) fn speech(&mut self, stage: usize, speech: Speech) {
        if let Some(stage) = self.contact.stages.get_mut(stage) {
            stage.speech = Some(speech);
        }
    }

    /// The code of the talk with index `stage`; tells whether it had one before.
    pub(crate) fn code(&mut self, stage: usize, coded: &Coded) -> bool {
        let Some(stage) = self.contact.stages.get_mut(stage) else { return false };
        (stage.code_version, stage.code_note) = (Some(coded.version.clone()), coded.note.clone());
        stage.code.replace(coded.code.clone()).is_some()
    }

    /// Whether the running stage has a code.
    pub(crate) fn is_coded(&self) -> bool {
        self.contact.stages.last().is_some_and(|stage| stage.code.is_some())
    }

    /// What the bot that the call was with last has said at its end.
    pub(crate) fn bot_note(&mut self, note: Arc<BotNote>) {
        let with = self.contact.stages.iter_mut().rev().find(|s| s.kind == StageKind::Bot);
        if let Some(stage) = with {
            stage.bot_note = Some(note);
        }
    }

    /// Closes the record. The first ending stands.
    pub(crate) fn close(&mut self, now: Timestamp, ending: Ending) {
        if self.contact.ended_at.is_some() {
            return;
        }
        self.contact.ended_at = Some(now);
        self.contact.ending = Some(ending);
        if let Some(last) = self.contact.stages.last_mut() {
            last.to.get_or_insert(now);
        }
        assert_no_gap(&self.contact);
    }
}

/// The promise of a closed record: its stages cover the contact from beginning to end without a hole or an overlap.
fn assert_no_gap(contact: &Contact) {
    let mut at = contact.started_at;
    for stage in &contact.stages {
        assert_eq!(stage.from, at, "a stage must begin where the one before it ended");
        at = stage.to.expect("only the last stage runs, and it was closed");
    }
    assert_eq!(Some(at), contact.ended_at, "the last stage must end with the contact");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::Fault;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn record() -> Record {
        Record::open(
            at(10),
            Opening {
                call: CallId(1),
                caller: "+77010000001".into(),
                dialled: "100".into(),
                flow: "bank-main".into(),
                flow_version: "abc".into(),
                language: "ru".into(),
            },
        )
    }

    #[test]
    fn stages_abut_from_the_invite_to_the_end() {
        let mut record = record();
        let queue = Place { queue: Some("general".into()), ..Place::default() };
        record.enter(at(14), StageKind::Queue, queue.clone());
        record.enter(at(15), StageKind::Queue, queue.clone());
        record.outcome(Outcome::Answered);
        record.enter(at(20), StageKind::Talk, Place { agent: Some("anna".into()), ..queue });
        record.held(Duration::from_secs(3), false);
        record.close(at(50), Ending::new(Fault::Caller, "hung_up"));
        record.close(at(60), Ending::new(Fault::Ours, "late"));
        let kinds: Vec<_> = record.contact.stages.iter().map(|s| (s.kind, s.from, s.to)).collect();
        assert_eq!(
            kinds,
            [
                (StageKind::Ivr, at(10), Some(at(14))),
                (StageKind::Queue, at(14), Some(at(20))),
                (StageKind::Talk, at(20), Some(at(50))),
            ]
        );
        assert_eq!(record.contact.stages[2].hold_secs, 3.0);
        assert_eq!(
            record.contact.ending,
            Some(Ending::new(Fault::Caller, "hung_up")),
            "the first ending stands"
        );
    }

    #[test]
    fn at_the_bound_of_stages_the_contact_still_has_no_gap() {
        let mut record = record();
        for n in 0..(limits::STAGES_MAX as u64 + 5) {
            let kind = if n % 2 == 0 { StageKind::Queue } else { StageKind::Ivr };
            record.enter(at(11 + n), kind, Place::default());
        }
        record.close(at(1_000), Ending::new(Fault::Nobody, "flow_end"));
        assert_eq!(record.contact.stages.len(), limits::STAGES_MAX);
        assert_eq!(record.contact.stages.last().and_then(|s| s.to), Some(at(1_000)));
    }
}
