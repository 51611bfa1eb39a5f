//! What people ask of wrap-ups, from screens and from phones, in the center's words.

use crate::border::WrapUpCommand;
use crate::config::FeatureCode;
use crate::switch::Switch;
use dozvon_center::acd::StatusError;
use dozvon_center::coding::{CodeError, CodeName, Coding};
use dozvon_center::ids::AgentId;
use dozvon_clock::Timestamp;

impl Switch {
    /// Does what a screen asks of a wrap-up.
    pub(crate) fn wrap_up(
        &mut self,
        now: Timestamp,
        agent: AgentId,
        command: &WrapUpCommand,
    ) -> Result<(), StatusError> {
        match command {
            WrapUpCommand::End { by } => self.center.end_wrap_up(now, agent, *by)?,
            WrapUpCommand::Extend { by } => self.center.extend_wrap_up(now, agent, *by)?,
            WrapUpCommand::Code(coding) => self.center.code(now, agent, coding)?,
        }
        Ok(())
    }

    /// A code dialled behind its feature code: what is still to be done when the confirmation was heard, and the prompt
    /// that says why nothing was done.
    pub(crate) fn code_dialled(
        &mut self,
        now: Timestamp,
        agent: AgentId,
        dial: &str,
    ) -> (Option<FeatureCode>, Option<&'static str>) {
        let coding = Coding { code: CodeName::Dial(dial.into()), note: None, call: None };
        let Err(error) = self.center.code(now, agent, &coding) else {
            return (Some(FeatureCode::WrapUpCode), None);
        };
        tracing::info!(%agent, %error, "code refused");
        let prompt = match error {
            CodeError::Unknown | CodeError::NotLeaf => "unknown-code",
            CodeError::NoTalk
            | CodeError::OtherCall
            | CodeError::NoClassifier
            | CodeError::NoteMissing => "status-refused",
        };
        (None, Some(prompt))
    }
}
