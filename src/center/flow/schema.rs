//! The JSON Schema of flow files, for editors: completion of kinds and keys, their meaning, and what is not taken.
//!
//! Made of the loader's own table of words ([`super::grammar`]), so it knows the keys that the loader knows. It is
//! milder than the loader: names of nodes, variables and prompts are not looked up, and a node may have several kinds,
//! because editors offer none to choose from otherwise.

use super::grammar::{self, Entry, Form, Shape};
use serde_json::{Map, Value, json};

/// A name in a file.
const NAME: &str = "^[A-Za-z0-9_-]{1,64}$";

/// The name of a node: in tests, one of a sub-flow as well.
const NODE: &str = "^[A-Za-z0-9_.-]{1,600}$";

/// What stands for a parameter in a sub-flow.
const PARAM: &str = r"^\$[A-Za-z0-9_-]{1,64}$";

/// The schema of flows, draft 7, which language servers of YAML speak.
pub fn schema() -> Value {
    file(&grammar::FLOW, false)
}

/// The schema of sub-flows.
pub fn subflow_schema() -> Value {
    file(&grammar::SUBFLOW, true)
}

fn file(top: &Shape, has_parameters: bool) -> Value {
    let maker = Maker { has_parameters };
    let mut whole = maker.shape(top);
    whole["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    whole["definitions"] =
        json!({"node": maker.nodes(), "prompt": maker.prompt(), "prompts": prompts()});
    whole
}

/// Makes the parts of one schema.
struct Maker {
    /// Whether `$name` may stand for any value.
    has_parameters: bool,
}

impl Maker {
    fn shape(&self, shape: &Shape) -> Value {
        let properties: Map<String, Value> =
            shape.entries().map(|entry| (entry.key.to_owned(), self.entry_of(entry))).collect();
        let needed: Vec<&str> =
            shape.entries().filter(|entry| entry.needed).map(|entry| entry.key).collect();
        let mut all = json!({
            "title": shape.name,
            "description": shape.doc,
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        if !needed.is_empty() {
            all["required"] = json!(needed);
        }
        all
    }

    fn entry_of(&self, entry: &Entry) -> Value {
        let mut value = self.form(&entry.form);
        if value.get("type").is_some_and(|kind| kind != "object" && kind != "array") {
            value = self.or_parameter(value);
        }
        // Nothing beside `$ref` is read in draft 7.
        if value.get("$ref").is_some() {
            value = json!({"allOf": [value]});
        }
        value["description"] = format!("{}\n\nFor example: {}", entry.doc, entry.example).into();
        value
    }

    fn form(&self, form: &Form) -> Value {
        let words = |what: &str| json!({"type": ["string", "number", "boolean"], "title": what});
        match form {
            Form::Name => json!({"type": "string", "title": "a name", "pattern": NAME}),
            Form::Node => json!({"type": "string", "title": "the name of a node", "pattern": NODE}),
            Form::Text => words("words"),
            Form::Value => words("a value"),
            Form::Prompt => json!({"$ref": "#/definitions/prompt"}),
            Form::Prompts => json!({"$ref": "#/definitions/prompts"}),
            Form::Duration => json!({
                "type": "string",
                "title": "a duration with its unit",
                "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$",
            }),
            Form::Key => json!({
                "type": "string",
                "title": "a key of the telephone, in quotes",
                "pattern": KEY,
            }),
            Form::Digits => json!({
                "type": ["string", "integer"],
                "title": "a number, or from - to",
                "pattern": "^[0-9]+(-[0-9]+)?$",
            }),
            Form::Flag => json!({"type": "boolean"}),
            Form::Whole(least, most) => {
                json!({"type": "integer", "minimum": least, "maximum": most})
            }
            Form::One(words) => json!({"enum": words}),
            Form::List(items) => json!({"type": "array", "items": self.form(items)}),
            Form::Map(values) => {
                json!({"type": "object", "additionalProperties": self.form(values)})
            }
            Form::Keys(values) => json!({
                "type": "object",
                "patternProperties": {KEY: self.form(values)},
                "additionalProperties": false,
                "minProperties": 1,
            }),
            Form::Of(inner) => self.shape(inner),
            Form::Json => json!({}),
            Form::NodeBody => json!({"$ref": "#/definitions/node"}),
        }
    }

    /// The same, or a parameter.
    fn or_parameter(&self, value: Value) -> Value {
        match self.has_parameters {
            true => json!({"anyOf": [value, {"type": "string", "pattern": PARAM}]}),
            false => value,
        }
    }

    fn nodes(&self) -> Value {
        let kinds: Map<String, Value> = grammar::KINDS
            .iter()
            .map(|kind| {
                let mut body = self.shape(kind);
                if kind.keys.iter().all(|entry| !entry.needed) {
                    // `hangup:` with nothing behind it.
                    body["type"] = json!(["object", "null"]);
                }
                (kind.name.to_owned(), body)
            })
            .collect();
        json!({
            "title": "a node",
            "description": "A map with exactly one key: its kind.",
            "type": "object",
            "properties": kinds,
            "additionalProperties": false,
            "minProperties": 1,
        })
    }

    fn prompt(&self) -> Value {
        let language = json!({"type": "string", "description": "Spoken in this language whatever the caller's is."});
        let mut properties = Map::from_iter([
            ("prompt".to_owned(), json!({"type": "string", "pattern": NAME})),
            ("language".to_owned(), language),
        ]);
        for manner in grammar::SAID {
            let doc = format!("The variable whose value is said, as a {manner}.");
            properties.insert(manner.to_owned(), json!({"type": "string", "description": doc}));
        }
        json!({
            "title": "a prompt",
            "description": "prompts/<language>/<name>.wav, or a value that is said in recorded words.",
            "anyOf": [
                self.or_parameter(json!({"type": "string", "pattern": NAME})),
                {"type": "object", "properties": properties, "additionalProperties": false},
            ],
        })
    }
}

const KEY: &str = "^[0-9*#A-D]$";

fn prompts() -> Value {
    json!({
        "title": "prompts",
        "anyOf": [
            {"$ref": "#/definitions/prompt"},
            {"type": "array", "items": {"$ref": "#/definitions/prompt"}},
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::super::diagnostic::Diagnostic;
    use super::super::library::Library;
    use super::super::load::{load, load_with};
    use super::*;

    const IDENTIFY: &str = "subflow: identify\nparams: {question: {type: prompt, default: hello}}\n\
        outcomes: [ok, failed]\nstart: ask\nnodes: {ask: {say: {play: $question, next: ok}}}\n";

    const HEAD: &str = r#"flow: f
languages: [ru, kk]
calendar: bank
start: a
operator: {keys: ["0"], to: q}
vars:
  lang: {type: language}
  code: {type: digits}
  segment: {type: enum, values: [mass, vip]}
nodes:
  q: {queue: {name: q, max_wait: 5m, after: {answered: end, max_wait: end, nobody: end}}}
  end: {hangup: }
"#;

    fn found(body: &str) -> Vec<Diagnostic> {
        let mut library = Library::default();
        library.add("identify.yaml", IDENTIFY).unwrap();
        load_with("f.yaml", &format!("{HEAD}  a: {body}\n"), &library).err().unwrap_or_default()
    }

    /// A node of this kind with these keys, each with its example.
    fn node<'e>(kind: &str, entries: impl IntoIterator<Item = &'e Entry>) -> String {
        let keys = entries.into_iter().map(|entry| format!("{}: {}", entry.key, entry.example));
        format!("{{{kind}: {{{}}}}}", keys.collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn every_kind_loads_with_what_it_needs_and_with_all_that_it_may_have() {
        for kind in grammar::KINDS {
            // What a rule leads to, and `callback`, are nodes of other kinds.
            let whole = node(kind.name, kind.entries());
            assert_eq!(found(&whole), [], "{whole}");
            let least = node(kind.name, kind.entries().filter(|entry| entry.needed));
            assert_eq!(found(&least), [], "{least}");
        }
    }

    #[test]
    fn what_a_kind_needs_can_not_be_left_out() {
        for kind in grammar::KINDS {
            for left_out in kind.entries().filter(|entry| entry.needed) {
                let others = kind.entries().filter(|entry| entry.key != left_out.key);
                let body = node(kind.name, others);
                assert!(found(&body).iter().any(Diagnostic::is_error), "{body}");
            }
        }
    }

    #[test]
    fn every_key_of_the_inner_maps_is_read_with_its_example() {
        let wrap = [
            (&grammar::OPTION, "{menu: {timeout: 4s, silence: q, wrong: q, options: {\"1\": @}}}"),
            (&grammar::AFTER_HTTP, "{http: {use: a.b, timeout: 1s, after: @}}"),
            (&grammar::AFTER_BOT, "{bot: {use: b, max_duration: 1m, after: @}}"),
            (&grammar::AFTER_QUEUE, "{queue: {name: q, max_wait: 1m, after: @}}"),
            (&grammar::AFTER_TRANSFER, "{transfer: {to: \"1\", timeout: 1s, after: @}}"),
            (
                &grammar::RAISE,
                "{queue: {name: q, max_wait: 1m, raise: @, after: {answered: q, max_wait: q, nobody: q}}}",
            ),
            (&grammar::QUESTION, "{survey: {ask: [@], timeout: 4s, next: q}}"),
        ];
        for (shape, around) in wrap {
            let map = |left_out: &str| {
                let entries = shape.entries().filter(|entry| entry.key != left_out);
                let keys = entries.map(|entry| format!("{}: {}", entry.key, entry.example));
                around.replace('@', &format!("{{{}}}", keys.collect::<Vec<_>>().join(", ")))
            };
            assert_eq!(found(&map("")), [], "{}", shape.name);
            for entry in shape.entries() {
                let found = found(&map(entry.key));
                let what = format!("{} without {}: {found:?}", shape.name, entry.key);
                assert_eq!(found.iter().any(Diagnostic::is_error), entry.needed, "{what}");
            }
        }
    }

    #[test]
    fn every_key_of_tests_and_promises_is_read_with_its_example() {
        let text = |shape: &Shape, left_out: &[&str]| {
            let entries = shape.entries().filter(|entry| !left_out.contains(&entry.key));
            let keys = entries.map(|entry| format!("{}: {}", entry.key, entry.example));
            format!("{{{}}}", keys.collect::<Vec<_>>().join(", "))
        };
        let http = "{http: {use: crm.customer, timeout: 1s, after: {ok: q, not_found: q, several: q, error: q, \
                    timeout: q}}}";
        let nodes = format!(
            "  a: {http}\n  duty: {{hangup: }}\n  later: {{hangup: }}\n  hello: {{hangup: }}\n"
        );
        let presses = [
            text(&grammar::PRESS, &["at", "says"]),
            text(&grammar::PRESS, &["node", "after", "press"]),
        ];
        let given = text(&grammar::GIVEN, &["http"]);
        let http = [text(&grammar::ANSWER, &["hangs"]), "{hangs: true}".to_owned()];
        for http in http {
            let given = given.replacen('{', &format!("{{http: {{crm.customer: {http}}}, "), 1);
            let case = format!(
                "tests:\n  - {{name: x, given: {given}, when: [{}], then: {}}}\n",
                presses.join(", "),
                text(&grammar::THEN, &[])
            );
            let promises = format!("promises: {}\n", text(&grammar::PROMISES, &[]));
            let all = format!("{HEAD}{nodes}{promises}{case}");
            let found = load("f.yaml", &all).err().unwrap_or_default();
            assert_eq!(found, [], "{all}");
        }
    }

    #[test]
    fn editors_are_told_kinds_keys_and_what_must_be_there() {
        let schema = schema();
        let kinds = &schema["definitions"]["node"]["properties"];
        assert_eq!(kinds.as_object().map(Map::len), Some(grammar::KINDS.len()));
        assert_eq!(kinds["say"]["required"], json!(["play", "next"]));
        assert_eq!(kinds["say"]["properties"]["max_visits"]["minimum"], 1);
        assert_eq!(kinds["queue"]["properties"]["max_visits"], Value::Null);
        assert_eq!(kinds["hangup"]["type"], json!(["object", "null"]));
        assert!(kinds["menu"]["description"].as_str().is_some_and(|doc| doc.contains("key")));
        assert_eq!(schema["required"], json!(["flow", "languages", "start", "operator", "nodes"]));
        let kinds = &subflow_schema()["definitions"]["node"]["properties"];
        let timeout = &kinds["menu"]["properties"]["timeout"];
        assert_eq!(timeout["anyOf"][1]["pattern"], PARAM, "a parameter may stand for it");
    }

    #[test]
    fn the_guide_names_every_key() {
        let guide = include_str!("../../../docs/flows.md");
        let inner = [
            &grammar::PROMISES,
            &grammar::OPERATOR,
            &grammar::VAR,
            &grammar::OPTION,
            &grammar::RULE,
            &grammar::QUESTION,
            &grammar::GIVEN,
            &grammar::ANSWER,
            &grammar::THEN,
            &grammar::PRESS,
            &grammar::FLOW,
            &grammar::SUBFLOW,
            &grammar::PARAM,
        ];
        for shape in grammar::KINDS.iter().chain(&inner) {
            for entry in shape.entries() {
                assert!(
                    guide.contains(entry.key),
                    "docs/flows.md says nothing of `{}` of {}",
                    entry.key,
                    shape.name
                );
            }
        }
    }
}
