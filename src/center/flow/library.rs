//! Sub-flows: files of `ivr-flows/` that other flows call, kept as trees until a flow that calls them is read.
//!
//! A place in a sub-flow is a place in another file than the flow's. Both share one count of lines: the lines of the
//! sub-flow number n begin at n × [`LINES`], so that a [`Spot`] stays three numbers, and [`settle`] tells the files
//! apart when findings are given out.

use super::diagnostic::{Diagnostic, Spot};
use super::grammar;
use super::limits::{FILE_BYTES_MAX, SUBFLOWS_MAX};
use super::yaml::{self, Reader, Value, Y001, Y004, Yaml};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Lines that one file may have: no more than bytes.
const LINES: u32 = FILE_BYTES_MAX.next_power_of_two() as u32 * 2;
const _: () = assert!(SUBFLOWS_MAX < (u32::MAX / LINES) as usize, "every line has a number");

/// The sub-flows that flows may call.
#[derive(Clone, Debug, Default)]
pub struct Library {
    subflows: Vec<Arc<Subflow>>,
    by_name: BTreeMap<Arc<str>, usize>,
}

/// One sub-flow as it stands in its file.
#[derive(Debug)]
pub struct Subflow {
    /// Its name.
    pub name: Arc<str>,
    /// The file's name as it was given.
    pub file: Arc<str>,
    text: Arc<str>,
    /// Its tree, with lines of its own.
    pub(super) tree: Yaml,
}

impl Subflow {
    /// Makes a version cover it.
    pub fn stamp(&self, digest: &mut Sha256) {
        digest.update(format!("\0{}\0", self.name));
        digest.update(&*self.text);
    }
}

/// Whether a file is a sub-flow: `subflow:` stands at the beginning of a line.
pub fn is_subflow(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("subflow:"))
}

impl Library {
    /// Takes a file in. What is wrong with its nodes is told by [`super::check_subflow`], and by flows that call it.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), Vec<Diagnostic>> {
        let (tree, found) = yaml::parse(file, text);
        let mut reader = Reader::new(file, found);
        let top = tree.as_ref().and_then(|tree| reader.shape(tree, &grammar::SUBFLOW));
        let name = top.and_then(|top| reader.need(top, grammar::SUBFLOW.name, "subflow"));
        let name = name.and_then(|yaml| Some((reader.word(yaml, "a name")?, yaml.spot)));
        if let Some((name, spot)) = name {
            if let Some(known) = self.find(name) {
                let message = format!("there is a second sub-flow `{name}`");
                let help = format!("the first one is in {}: rename one", known.file);
                reader.push(Diagnostic::error(Y004, file, spot, message).help(help));
            } else if self.subflows.len() >= SUBFLOWS_MAX {
                reader.error(Y001, spot, format!("at most {SUBFLOWS_MAX} sub-flows are read"));
            }
        }
        let (Some(mut tree), Some((name, _)), false) = (tree.clone(), name, reader.has_errors())
        else {
            return Err(reader.finish());
        };
        shift(&mut tree, LINES * (self.subflows.len() as u32 + 1));
        let name: Arc<str> = name.into();
        self.by_name.insert(Arc::clone(&name), self.subflows.len());
        self.subflows.push(Arc::new(Subflow { name, file: file.into(), text: text.into(), tree }));
        Ok(())
    }

    /// The names of all of them, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(|name| &**name)
    }

    /// The name of the sub-flow in this file.
    pub fn name_of(&self, file: &str) -> Option<&str> {
        self.subflows.iter().find(|subflow| &*subflow.file == file).map(|subflow| &*subflow.name)
    }

    pub(super) fn find(&self, name: &str) -> Option<&Arc<Subflow>> {
        self.by_name.get(name).map(|index| &self.subflows[*index])
    }

    /// Gives findings the file, and the line in it, that they are about.
    pub(super) fn settle(&self, found: &mut [Diagnostic]) {
        for diagnostic in found {
            if let Some(number) = (diagnostic.line / LINES).checked_sub(1) {
                let subflow = self.subflows.get(number as usize);
                diagnostic.line %= LINES;
                diagnostic.file = subflow.map_or_else(String::new, |own| own.file.to_string());
            }
        }
    }
}

fn shift(yaml: &mut Yaml, lines: u32) {
    let down = |spot: &mut Spot| spot.line += lines;
    down(&mut yaml.spot);
    match &mut yaml.value {
        Value::Word { .. } => {}
        Value::List(items) => items.iter_mut().for_each(|item| shift(item, lines)),
        Value::Map(entries) => {
            for (word, value) in entries {
                down(&mut word.spot);
                shift(value, lines);
            }
        }
    }
}
