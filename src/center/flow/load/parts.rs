//! What nodes are made of: ways out, prompts, keys, names and requirements.

use super::{F001, F012, F015, Loader, nothing};
use crate::acd::Expression;
use crate::flow::diagnostic::{Diagnostic, Spanned, Spot, nearest};
use crate::flow::grammar::{self, Shape};
use crate::flow::limits::{ATTEMPTS_MAX, PLAY_MAX};
use crate::flow::model::{NodeIx, Part, PromptRef, Said, Target, Template, VarKind};
use crate::flow::yaml::{Fields, Value, Y004, Yaml};
use crate::ids::Key;
use crate::saying::Manner;
use std::sync::Arc;
use std::time::Duration;

impl Loader<'_> {
    pub(super) fn after<'t>(
        &mut self,
        fields: Fields<'t>,
        what: &str,
        shape: &Shape,
    ) -> Option<Fields<'t>> {
        let after = self.reader.need_or(F012, fields, what, "after")?;
        let inner = self.reader.shape(after, shape)?;
        Some(inner.at(fields.key_spot("after").unwrap_or(fields.spot)))
    }

    /// An outcome that must lead somewhere.
    pub(super) fn outcome(
        &mut self,
        code: &'static str,
        fields: Fields<'_>,
        what: &str,
        key: &str,
    ) -> Target {
        match fields.get(key) {
            Some(yaml) => self.target(yaml),
            None => {
                self.whole = false;
                let message = format!("{what} does not say where `{key}` leads");
                self.reader.error(code, fields.spot, message);
                Target { node: NodeIx(0), spot: fields.spot }
            }
        }
    }

    pub(super) fn target_of(&mut self, fields: Fields<'_>, what: &str, key: &str) -> Target {
        match self.reader.need(fields, what, key) {
            Some(yaml) => self.target(yaml),
            None => {
                self.whole = false;
                Target { node: NodeIx(0), spot: fields.spot }
            }
        }
    }

    /// A node by its name. A name that is nearly one is an error, and for the other checks taken as meant.
    pub(super) fn target(&mut self, yaml: &Yaml) -> Target {
        let spot = yaml.spot;
        let Some(word) = self.reader.word(yaml, "the name of a node") else {
            self.whole = false;
            return Target { node: NodeIx(0), spot };
        };
        if let Some(node) = self.resolve(word) {
            return Target { node, spot };
        }
        if self.reader.is_full() || self.is_told(word) {
            self.whole = false;
            return Target { node: NodeIx(0), spot };
        }
        let known = self.known_nodes();
        let meant = nearest(word, known.iter().copied()).and_then(|near| self.resolve(near));
        let message = format!("there is no node `{word}`");
        let found = Diagnostic::error(F001, self.reader.file(), spot, message);
        let found = found.one_of(word, known.iter().copied());
        self.reader.push(found);
        self.whole &= meant.is_some();
        Target { node: meant.unwrap_or(NodeIx(0)), spot }
    }

    pub(super) fn prompts(&mut self, yaml: &Yaml) -> Vec<PromptRef> {
        let items = self.reader.one_or_list(yaml);
        if items.len() > PLAY_MAX {
            let message = format!("{} prompts in one list, at most {PLAY_MAX}", items.len());
            self.reader.error(Y004, yaml.spot, message);
        }
        items.iter().filter_map(|item| self.prompt(item)).collect()
    }

    pub(super) fn optional_prompts(&mut self, fields: Fields<'_>, key: &str) -> Vec<PromptRef> {
        fields.get(key).map(|yaml| self.prompts(yaml)).unwrap_or_default()
    }

    /// `hello`, or `{prompt: hello, language: kk}`.
    pub(super) fn prompt(&mut self, yaml: &Yaml) -> Option<PromptRef> {
        if let Value::Map(entries) = &yaml.value {
            let value = entries.iter().find(|(word, _)| grammar::SAID.contains(&&*word.text));
            let what = value.map_or("prompt", |(word, _)| &*word.text);
            let fields = self.reader.map(yaml, "a prompt", &[what, "language"])?;
            let language = fields.get("language").and_then(|yaml| {
                let word = self.reader.word(yaml, "a language")?;
                self.check_language(word, yaml.spot);
                Some(Arc::from(word))
            });
            let name = self.reader.need(fields, "a prompt", what)?;
            let (said, spot) = match value {
                Some((word, name)) => (self.value(&word.text, name)?, name.spot),
                None => {
                    let name = self.name(name)?;
                    (Said::Recording(name.value), name.spot)
                }
            };
            return Some(PromptRef { said, language, spot });
        }
        let name = self.name(yaml)?;
        Some(PromptRef { said: Said::Recording(name.value), language: None, spot: name.spot })
    }

    /// `{money: balance}`: a variable whose type can be said in this manner.
    fn value(&mut self, manner: &str, yaml: &Yaml) -> Option<Said> {
        let name = self.reader.word(yaml, "a variable")?;
        let index = self.find_var(name, yaml.spot)?;
        let known = match (manner, &self.declared[index.0 as usize].kind) {
            ("digits", VarKind::Digits) => Some(Manner::Digits),
            ("number", VarKind::Digits | VarKind::Value(Manner::Number)) => Some(Manner::Number),
            ("money", VarKind::Value(manner @ Manner::Money(_)))
            | ("date", VarKind::Value(manner @ Manner::Date))
            | ("time", VarKind::Value(manner @ Manner::Time)) => Some(*manner),
            _ => None,
        };
        if known.is_none() {
            let message = format!("`{name}` can't be said as `{manner}`");
            let found = Diagnostic::error(F015, self.reader.file(), yaml.spot, message).help(
                format!("its type under `vars` must be one that is said so: `type: {manner}`"),
            );
            self.reader.push(found);
        }
        known.map(|manner| Said::Value(index, manner))
    }

    /// `lang:{lang} and cards >= 2`.
    pub(super) fn requires(&mut self, yaml: &Yaml) -> Option<Expression<Template>> {
        let text = self.reader.word(yaml, "an expression over skills")?;
        match Expression::parse(text) {
            Ok(expression) => {
                expression.try_map(&mut |name| self.template(&name, yaml.spot).ok_or(())).ok()
            }
            Err(mistake) => {
                let column = text[..mistake.at].chars().count() + 1;
                let message = format!("`requires`, at character {column}: {}", mistake.message);
                self.reader.error(Y004, yaml.spot, message);
                None
            }
        }
    }

    /// `lang:{lang}`.
    fn template(&mut self, name: &str, spot: Spot) -> Option<Template> {
        let mut rest = name;
        let mut parts = Vec::new();
        while let Some((text, tail)) = rest.split_once('{') {
            let Some((name, tail)) = tail.split_once('}') else {
                self.reader.error(Y004, spot, "`{` without `}`");
                return None;
            };
            if !text.is_empty() {
                parts.push(Part::Text(text.into()));
            }
            parts.extend(self.find_var(name, spot).map(Part::Var));
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        Some(Template { parts, spot })
    }

    pub(super) fn key(&mut self, yaml: &Yaml) -> Option<Spanned<Key>> {
        let word = self.reader.word(yaml, "a telephone key in quotes")?;
        let mut chars = word.chars();
        let key = match (chars.next(), chars.next()) {
            (Some(c), None) => Key::new(c),
            _ => None,
        };
        if key.is_none() {
            let message = format!("`{word}` is no telephone key: 0-9, *, #, A-D");
            self.reader.error(Y004, yaml.spot, message);
        }
        key.map(|value| Spanned { value, spot: yaml.spot })
    }

    pub(super) fn attempts(&mut self, fields: Fields<'_>) -> u32 {
        let yaml = fields.get("attempts");
        yaml.and_then(|yaml| self.reader.number(yaml, 1, ATTEMPTS_MAX.into())).unwrap_or(2) as u32
    }

    pub(super) fn flag(&mut self, fields: Fields<'_>, key: &str) -> bool {
        fields.get(key).and_then(|yaml| self.reader.boolean(yaml)).unwrap_or(false)
    }

    pub(super) fn needed_duration(
        &mut self,
        fields: Fields<'_>,
        what: &str,
        key: &str,
    ) -> Duration {
        let yaml = self.reader.need(fields, what, key);
        yaml.and_then(|yaml| self.reader.duration(yaml)).unwrap_or_default()
    }

    pub(super) fn needed_name(
        &mut self,
        fields: Fields<'_>,
        what: &str,
        key: &str,
    ) -> Spanned<Arc<str>> {
        let name = self.reader.need(fields, what, key).and_then(|yaml| self.name(yaml));
        name.unwrap_or_else(|| nothing("none"))
    }

    pub(super) fn optional_text(&mut self, fields: Fields<'_>, key: &str) -> Option<Arc<str>> {
        let word = fields.get(key).and_then(|yaml| self.reader.word(yaml, "a text"));
        word.map(Arc::from)
    }

    pub(super) fn name(&mut self, yaml: &Yaml) -> Option<Spanned<Arc<str>>> {
        let word = self.reader.word(yaml, "a name")?;
        self.check_name(word, yaml.spot);
        Some(Spanned { value: word.into(), spot: yaml.spot })
    }

    /// Names become file names and labels of metrics: nothing in them may mean something there.
    pub(super) fn check_name(&mut self, name: &str, spot: Spot) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let message =
                format!("`{name}` is no name: latin letters, digits, `-` and `_`, at most 64");
            self.reader.error(Y004, spot, message);
        }
    }

    pub(super) fn check_language(&mut self, language: &str, spot: Spot) {
        let codes: Vec<&str> = self.languages.iter().map(|own| &*own.value).collect();
        if !codes.contains(&language) {
            let message = format!("the flow does not speak `{language}`");
            let found = Diagnostic::error(Y004, self.reader.file(), spot, message)
                .help(format!("its languages are: {}", codes.join(", ")));
            self.reader.push(found);
        }
    }
}
