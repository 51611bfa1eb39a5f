//! A flow that does nothing but call one sub-flow, so that a sub-flow which nobody calls can be proved like the others.

use crate::flow::check::Surroundings;
use crate::flow::library::Subflow;
use crate::flow::model::MUSIC;
use crate::flow::yaml::{Value, Yaml};
use std::fmt::Write as _;

/// The text of such a flow: every parameter that needs a value has one of its type, every outcome leads to a queue.
pub(super) fn of(subflow: &Subflow, around: &Surroundings) -> String {
    let languages = around.prompts.keys().map(String::as_str).filter(|code| *code != MUSIC);
    let languages: Vec<&str> = languages.collect();
    let languages = if languages.is_empty() { "ru".to_owned() } else { languages.join(", ") };
    let queue = around.queues.first().map_or("general", String::as_str);
    let calendar = around.calendars.first();
    let calendar = calendar.map(|name| format!("calendar: {name}\n")).unwrap_or_default();
    let (mut vars, mut with) = (String::new(), String::new());
    for (name, param) in entries(get(&subflow.tree, "params")) {
        if get(Some(param), "default").is_some() {
            continue;
        }
        let of = word(get(Some(param), "of"));
        let value = match word(get(Some(param), "type")) {
            "variable" => {
                let more = match of {
                    "enum" => ", values: [a]",
                    "money" => ", currency: KZT",
                    _ => "",
                };
                writeln!(vars, "  {name}: {{type: {of}{more}}}").expect("a string takes any text");
                name
            }
            "prompt" => a_prompt(around),
            "duration" => "4s",
            "number" => "1",
            "key" => "\"1\"",
            _ => "none.none",
        };
        write!(with, "{name}: {value}, ").expect("a string takes any text");
    }
    if !vars.is_empty() {
        vars.insert_str(0, "vars:\n");
    }
    let outcomes: String = match get(&subflow.tree, "outcomes").map(|yaml| &yaml.value) {
        Some(Value::List(items)) => {
            items.iter().map(|item| format!("{}: people, ", word(Some(item)))).collect()
        }
        Some(Value::Word { .. } | Value::Map(_)) | None => String::new(),
    };
    format!(
        "flow: host\nlanguages: [{languages}]\n{calendar}start: host\noperator: {{keys: [\"0\"], to: people}}\n{vars}\
         nodes:\n  host: {{call: {{flow: {}, with: {{{with}}}, after: {{{outcomes}}}}}}}\n  people: {{queue: {{name: \
         {queue}, max_wait: 1m, after: {{answered: end, max_wait: end, nobody: end}}}}}}\n  end: {{hangup: }}\n",
        subflow.name
    )
}

fn a_prompt(around: &Surroundings) -> &str {
    let first = around.prompts.iter().find(|(language, _)| *language != MUSIC);
    first.and_then(|(_, prompts)| prompts.keys().next()).map_or("none", String::as_str)
}

fn get<'t>(yaml: impl Into<Option<&'t Yaml>>, key: &str) -> Option<&'t Yaml> {
    entries(yaml.into()).find(|(name, _)| *name == key).map(|(_, value)| value)
}

fn entries(yaml: Option<&Yaml>) -> impl Iterator<Item = (&str, &Yaml)> {
    let entries = match yaml.map(|yaml| &yaml.value) {
        Some(Value::Map(entries)) => entries.as_slice(),
        Some(Value::Word { .. } | Value::List(_)) | None => &[],
    };
    entries.iter().map(|(word, value)| (&*word.text, value))
}

fn word(yaml: Option<&Yaml>) -> &str {
    match yaml.map(|yaml| &yaml.value) {
        Some(Value::Word { text, .. }) => text,
        Some(Value::List(_) | Value::Map(_)) | None => "none",
    }
}
