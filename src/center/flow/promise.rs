//! The promises about time that a flow makes its callers: what is promised, and what has been proved of the flow.

use super::model::{Flow, NodeIx};
use serde::Serialize;
use std::time::Duration;

/// A promise about time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// `told_about_operator_within`.
    ToldAboutOperator,
    /// `silent_caller_in_queue_within`.
    SilentCallerInQueue,
    /// `urgent_in_queue_within`.
    UrgentInQueue,
}

impl Promise {
    /// All of them, for metrics.
    pub const ALL: [Promise; 3] =
        [Promise::ToldAboutOperator, Promise::SilentCallerInQueue, Promise::UrgentInQueue];

    /// The word used in facts and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Promise::ToldAboutOperator => "told_about_operator",
            Promise::SilentCallerInQueue => "silent_caller_in_queue",
            Promise::UrgentInQueue => "urgent_in_queue",
        }
    }
}

impl Flow {
    /// The time promised; `None`: the file makes no such promise.
    pub fn promised(&self, promise: Promise) -> Option<Duration> {
        let promises = &self.promises;
        let spanned = match promise {
            Promise::ToldAboutOperator => &promises.told_about_operator_within,
            Promise::SilentCallerInQueue => &promises.silent_caller_in_queue_within,
            Promise::UrgentInQueue => &promises.urgent_in_queue_within,
        };
        spanned.as_ref().map(|promised| promised.value)
    }

    /// The longest that it can take by the lengths of the prompts, of several urgent options the longest; `None`
    /// where nothing bounds it, and for a flow that was not checked.
    pub fn proved(&self, promise: Promise) -> Option<Duration> {
        let bounds = self.bounds.as_ref()?;
        match promise {
            Promise::ToldAboutOperator => bounds.told,
            Promise::SilentCallerInQueue => bounds.silent,
            Promise::UrgentInQueue => {
                let all: Option<Vec<Duration>> =
                    bounds.urgent.iter().map(|urgent| urgent.2).collect();
                all?.into_iter().max()
            }
        }
    }

    /// How long the prompts are that follow the words about the operator in the play list of this node.
    pub(super) fn after_hint(&self, node: NodeIx, language: &str) -> Duration {
        let tails = self.bounds.as_ref().and_then(|bounds| bounds.after_hint.get(&node));
        let spoken = self.languages.iter().position(|known| &*known.value == language);
        let tail = tails.zip(spoken).and_then(|(tails, language)| tails.get(language));
        tail.copied().unwrap_or_default()
    }
}
