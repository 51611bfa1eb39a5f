//! How a run is shown in logs and tests: nothing that may be a secret.

use super::{Run, State};
use std::fmt;

impl fmt::Debug for State {
    /// Digits are counted and never shown: an entry may be a code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Saying { ticket } => write!(f, "Saying({ticket})"),
            State::Choosing { attempt, playing } => write!(f, "Choosing({attempt}, {playing:?})"),
            State::Collecting { attempt, playing, digits } => {
                write!(f, "Collecting({attempt}, {playing:?}, {} digits)", digits.len())
            }
            State::Asking(asking) => asking.fmt(f),
            State::LookingUp { ticket, playing } => write!(f, "LookingUp({ticket}, {playing:?})"),
            State::Drawing => f.write_str("Drawing"),
            State::AtBot => f.write_str("AtBot"),
            State::InQueue => f.write_str("InQueue"),
            State::Outside => f.write_str("Outside"),
            State::AtDuty => f.write_str("AtDuty"),
            State::Asked { question, again, playing } => {
                write!(f, "Asked({question}, {again}, {playing:?})")
            }
            State::Parting { ticket } => write!(f, "Parting({ticket})"),
            State::Ended => f.write_str("Ended"),
        }
    }
}

impl fmt::Debug for Run {
    /// Without the caller's number and without the values of secret variables.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.flow.vars.iter().zip(&self.values).map(|(var, value)| {
            let value = if var.secret && !value.is_empty() { "***" } else { &**value };
            format!("{}={value}", var.name)
        });
        f.debug_struct("Run")
            .field("flow", &self.flow.name)
            .field("version", &self.flow.version)
            .field("node", &self.node())
            .field("state", &self.state)
            .field("deadline", &self.deadline)
            .field("language", &self.language)
            .field("values", &shown.collect::<Vec<_>>())
            .field("entered", &self.entered)
            .finish_non_exhaustive()
    }
}
