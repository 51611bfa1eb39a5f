//! A flow from its text. (signatures)
use super::check::Surroundings;
use super::diagnostic::{Diagnostic, Spot};
use super::model::Flow;

/// Reads a flow file; all errors at once.
pub fn load(file_name: &str, _text: &str) -> Result<Flow, Vec<Diagnostic>> {
    Err(vec![Diagnostic::error("Y001", file_name, Spot::default(), "not yet")])
}

/// Reads and checks a flow file in one pass; no flow when there is an error.
pub fn load_and_check(
    file_name: &str,
    text: &str,
    _around: &Surroundings,
) -> (Option<Flow>, Vec<Diagnostic>) {
    match load(file_name, text) {
        Ok(flow) => (Some(flow), Vec::new()),
        Err(found) => (None, found),
    }
}
