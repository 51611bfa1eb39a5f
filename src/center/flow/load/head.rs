//! The head of a flow: its promises to callers, its way to an operator and its variables.

use super::{F005, F015, Loader};
use crate::flow::diagnostic::{Diagnostic, Spanned, Spot};
use crate::flow::grammar;
use crate::flow::limits::{PHRASE_CHARS_MAX, PHRASES_MAX};
use crate::flow::model::{Operator, Promises, Target, Var, VarIx, VarKind, Words};
use crate::flow::words;
use crate::flow::yaml::{Fields, Word, Y002, Y004, Yaml};
use crate::saying::{Currency, Manner};
use std::sync::Arc;

impl Loader<'_> {
    pub(super) fn promises(&mut self, top: Fields<'_>) -> Promises {
        let Some(yaml) = top.get("promises") else { return Promises::default() };
        let Some(fields) = self.reader.shape(yaml, &grammar::PROMISES) else {
            return Promises::default();
        };
        let mut within = |key: &str| {
            let yaml = fields.get(key)?;
            let value = self.reader.duration(yaml)?;
            Some(Spanned { value, spot: yaml.spot })
        };
        let told_about_operator_within = within("told_about_operator_within");
        let silent_caller_in_queue_within = within("silent_caller_in_queue_within");
        let urgent_in_queue_within = within("urgent_in_queue_within");
        let mut most = |key: &str| {
            let yaml = fields.get(key)?;
            let value = self.reader.number(yaml, 1, 100)?;
            Some(Spanned { value: value as u32, spot: yaml.spot })
        };
        Promises {
            told_about_operator_within,
            silent_caller_in_queue_within,
            urgent_in_queue_within,
            max_depth: most("max_depth"),
            max_options: most("max_options"),
        }
    }

    /// The operator exit; one without keys when the file has none that can be read, which is an error already.
    pub(super) fn operator(&mut self, top: Fields<'_>, start: Target) -> Operator {
        let mut operator = Operator { keys: Vec::new(), to: start, words: Vec::new() };
        let Some(yaml) = top.get("operator") else {
            let file = self.reader.file();
            let message = "the flow has no operator exit";
            let found = Diagnostic::error(F005, file, start.spot, message).help(
                "add `operator: {keys: [\"0\"], to: <a queue node>}`: a caller must be able to reach a person at any \
                 moment",
            );
            self.reader.push(found);
            return operator;
        };
        let Some(fields) = self.reader.shape(yaml, &grammar::OPERATOR) else {
            return operator;
        };
        if let Some(yaml) = self.reader.need_or(F005, fields, "operator", "keys") {
            let items = self.reader.list(yaml, "keys");
            operator.keys = items.iter().filter_map(|item| self.key(item)).collect();
            if operator.keys.is_empty() {
                self.reader.error(F005, yaml.spot, "the operator exit has no key");
            }
        }
        operator.to = self.target_of(fields, "operator", "to");
        operator.words = fields.get("words").map(|yaml| self.words(yaml)).unwrap_or_default();
        operator
    }

    fn words(&mut self, yaml: &Yaml) -> Vec<Words> {
        let Some(fields) = self.reader.entries(yaml, "words") else { return Vec::new() };
        let mut all = Vec::new();
        for (language, yaml) in fields.iter() {
            self.check_language(&language.text, language.spot);
            let items = self.reader.list(yaml, "words");
            if items.len() > PHRASES_MAX {
                let message = format!("at most {PHRASES_MAX} words or phrases in a language");
                self.reader.error(Y004, yaml.spot, message);
            }
            let phrases = items.iter().filter_map(|item| self.phrase(item)).collect();
            let text = language.text.as_str().into();
            let language = Spanned { value: text, spot: language.spot };
            all.push(Words { language, phrases });
        }
        all
    }

    fn phrase(&mut self, yaml: &Yaml) -> Option<Spanned<Arc<str>>> {
        let text = self.reader.word(yaml, "a word")?;
        if words::words(text).is_empty() || text.chars().count() > PHRASE_CHARS_MAX {
            let message =
                format!("nobody can say `{text}`: letters, at most {PHRASE_CHARS_MAX} of them");
            self.reader.error(Y004, yaml.spot, message);
            return None;
        }
        Some(Spanned { value: text.into(), spot: yaml.spot })
    }

    pub(super) fn vars(&mut self, top: Fields<'_>) {
        let Some(yaml) = top.get("vars") else { return };
        let Some(fields) = self.reader.entries(yaml, "vars") else { return };
        let mut language: Option<u32> = None;
        for (word, yaml) in fields.iter() {
            self.check_name(&word.text, word.spot);
            let var = self.var(word, yaml);
            if var.kind == VarKind::Language
                && let Some(line) = language.replace(word.spot.line)
            {
                let message = format!("a flow speaks one language: see line {line}");
                self.reader.error(F015, word.spot, message);
            }
            self.own_language(&var);
            self.vars.insert(var.name.to_string(), VarIx(self.declared.len() as u32));
            self.declared.push(var);
        }
    }

    fn var(&mut self, word: &Word, yaml: &Yaml) -> Var {
        let mut var = Var {
            name: format!("{}{}", self.scopes[self.scope].prefix, word.text).into(),
            spot: word.spot,
            kind: VarKind::Text,
            secret: false,
            default: None,
        };
        let Some(fields) = self.reader.shape(yaml, &grammar::VAR) else { return var };
        let values = fields.get("values");
        let currency = fields.get("currency");
        if let Some(yaml) = self.reader.need(fields, "a variable", "type") {
            var.kind = self.var_kind(yaml, values, currency);
        }
        if let Some(currency) = currency
            && !matches!(var.kind, VarKind::Value(Manner::Money(_)))
        {
            self.reader.error(
                Y004,
                currency.spot,
                "only a variable of type `money` has a currency",
            );
        }
        if let Some(values) = values
            && !matches!(var.kind, VarKind::Enum(_))
        {
            self.reader.error(Y004, values.spot, "only a variable of type `enum` has values");
        }
        var.secret =
            fields.get("secret").and_then(|yaml| self.reader.boolean(yaml)).unwrap_or(false);
        if let Some(yaml) = fields.get("default") {
            var.default = self.value_for(&var, yaml);
        }
        var
    }

    fn var_kind(&mut self, yaml: &Yaml, values: Option<&Yaml>, currency: Option<&Yaml>) -> VarKind {
        let Some(word) = self.reader.word(yaml, "a type, such as text or digits") else {
            return VarKind::Text;
        };
        match word {
            "language" => VarKind::Language,
            "text" => VarKind::Text,
            "digits" => VarKind::Digits,
            "enum" => {
                let items = values.map_or(&[][..], |yaml| self.reader.list(yaml, "values"));
                if items.is_empty() {
                    self.reader.error(Y004, yaml.spot, "an `enum` needs its `values`");
                }
                let words = items.iter().filter_map(|item| self.reader.word(item, "a value"));
                VarKind::Enum(words.map(Arc::from).collect())
            }
            "number" => VarKind::Value(Manner::Number),
            "date" => VarKind::Value(Manner::Date),
            "time" => VarKind::Value(Manner::Time),
            "money" => VarKind::Value(Manner::Money(self.currency(yaml, currency))),
            _ => {
                let message = format!("there is no type `{word}`");
                let found = Diagnostic::error(Y004, self.reader.file(), yaml.spot, message)
                    .help(format!("types are {}", grammar::TYPES.join(", ")))
                    .nearest(word, grammar::TYPES);
                self.reader.push(found);
                VarKind::Text
            }
        }
    }

    fn currency(&mut self, kind: &Yaml, yaml: Option<&Yaml>) -> Currency {
        let codes = Currency::ALL.map(Currency::code);
        let Some(yaml) = yaml else {
            let found = Diagnostic::error(
                Y002,
                self.reader.file(),
                kind.spot,
                "`money` of which `currency`?",
            )
            .help(format!("it can be: {}", codes.join(", ")));
            self.reader.push(found);
            return Currency::Kzt;
        };
        let Some(word) = self.reader.word(yaml, "a currency") else { return Currency::Kzt };
        Currency::by_code(word).unwrap_or_else(|| {
            let message = format!("amounts of `{word}` can't be said");
            let found = Diagnostic::error(Y004, self.reader.file(), yaml.spot, message)
                .help(format!("it can be: {}", codes.join(", ")))
                .nearest(word, codes);
            self.reader.push(found);
            Currency::Kzt
        })
    }

    /// A value that the variable can hold.
    fn value_for(&mut self, var: &Var, yaml: &Yaml) -> Option<Arc<str>> {
        let word = self.reader.word(yaml, "a value")?;
        let (fits, wanted): (bool, Vec<&str>) = match &var.kind {
            VarKind::Language => {
                let codes: Vec<&str> = self.languages.iter().map(|l| &*l.value).collect();
                (codes.contains(&word), codes)
            }
            VarKind::Enum(values) => {
                let values: Vec<&str> = values.iter().map(|value| &**value).collect();
                (values.contains(&word), values)
            }
            VarKind::Digits => (word.bytes().all(|b| b.is_ascii_digit()), vec!["digits"]),
            VarKind::Value(manner) => (manner.read(word).is_some(), vec![form(*manner)]),
            VarKind::Text => (true, Vec::new()),
        };
        if !fits {
            let message = format!("`{}` can't be `{word}`", var.name);
            let found = Diagnostic::error(F015, self.reader.file(), yaml.spot, message)
                .help(format!("it can be: {}", wanted.join(", ")))
                .nearest(word, wanted);
            self.reader.push(found);
        }
        Some(word.into())
    }

    pub(super) fn find_var(&mut self, name: &str, spot: Spot) -> Option<VarIx> {
        if let Some(index) = self.var_index(name) {
            return Some(index);
        }
        let message = format!("there is no variable `{name}`");
        let found = Diagnostic::error(F015, self.reader.file(), spot, message)
            .help("declare it under `vars`")
            .nearest(name, self.known_vars());
        self.reader.push(found);
        None
    }

    /// Variables and values: `{lang: ru}`.
    pub(super) fn assignments(&mut self, yaml: &Yaml) -> Vec<(VarIx, Arc<str>)> {
        let Some(fields) = self.reader.entries(yaml, "variables") else { return Vec::new() };
        let mut all = Vec::new();
        for (word, yaml) in fields.iter() {
            let Some(index) = self.find_var(&word.text, word.spot) else { continue };
            let var = self.declared[index.0 as usize].clone();
            all.extend(self.value_for(&var, yaml).map(|value| (index, value)));
        }
        all
    }
}

/// How values of a manner are written.
fn form(manner: Manner) -> &'static str {
    match manner {
        Manner::Number => "a whole number",
        Manner::Digits => "digits",
        Manner::Money(_) => "an amount like 5123.45",
        Manner::Date => "a day like 2026-11-22",
        Manner::Time => "a time like 14:05",
    }
}
