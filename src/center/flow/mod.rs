//! IVR flows: the files of `ivr-flows/` from text to a caller in a queue.
//!
//! [`load`] reads a file, [`check`] proves it, [`run`] lives it for one caller, [`exit`] keeps the way to a person
//! open, [`script`] plays the file's own tests, [`walk`] lets a person play, [`diff`] says what a version changes,
//! [`graph`] draws it, [`schema`] tells editors its words; a [`library`] keeps what flows call. The guide is
//! `docs/flows.md`. Pure: prompts are names and lengths here, queues and bots are names, and time is an argument.

pub mod bounds;
pub mod check;
pub mod diagnostic;
pub mod diff;
pub mod exit;
mod grammar;
pub mod graph;
pub mod library;
pub mod limits;
pub mod load;
pub mod model;
mod promise;
pub mod prompts;
pub mod run;
pub mod schema;
pub mod script;
#[cfg(test)]
mod shipped;
mod spoken;
pub mod walk;
mod words;
pub mod yaml;

pub use check::{EndpointFacts, PromptFacts, RequestFacts, Surroundings, check};
pub use diagnostic::{Diagnostic, Severity};
pub use exit::{ExitKey, Pressed, Verdict};
pub use library::{Library, is_subflow};
pub use load::{check_subflow, load, load_and_check, load_with};
pub use model::{Flow, Prompt, Way};
pub use promise::Promise;
pub use run::{
    BotEnd, CallbackOrder, Caller, Duty, Effect, Entry, Happening, Inquiry, LookedUp, OrderAct,
    OrderRule, QueueEnd, QueueOrder, Run, Sending, TransferEnd, Visit,
};
