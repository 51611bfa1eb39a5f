//! Proof of a loaded flow. (signatures)
use super::diagnostic::Diagnostic;
use super::model::Flow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What exists around a flow, as the configuration says.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Names of queues.
    pub queues: BTreeSet<String>,
    /// Names of bots.
    pub bots: BTreeSet<String>,
    /// Names of rollouts.
    pub rollouts: BTreeSet<String>,
    /// Names of calendars.
    pub calendars: BTreeSet<String>,
    /// Names of skills.
    pub skills: BTreeSet<String>,
    /// Prompts by (language, name); music has the language `music`.
    pub prompts: BTreeMap<(String, String), PromptFacts>,
}

/// What is known of one prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptFacts {
    /// Its length.
    pub duration: Duration,
    /// What it says, when known.
    pub text: Option<String>,
}

/// All findings about a loaded flow.
pub fn check(_flow: &Flow, _around: &Surroundings) -> Vec<Diagnostic> {
    Vec::new()
}
