//! What endpoints answer in a scripted call: `http: {crm.customer-by-phone: {answer: {…}, takes: 200ms}}`.

use super::CaseReader;
use crate::flow::diagnostic::Diagnostic;
use crate::flow::grammar;
use crate::flow::model::Kind;
use crate::flow::yaml::{Fields, Value, Y002, Y004, Yaml};
use crate::lookup::Reply;
use serde_json::Map;
use std::collections::BTreeMap;
use std::time::Duration;

/// What an endpoint does when it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answering {
    /// It answers this, after so long.
    Replies(Reply, Duration),
    /// It never answers.
    Hangs,
}

impl CaseReader<'_, '_> {
    pub(super) fn answers(&mut self, fields: Fields<'_>) -> BTreeMap<String, Answering> {
        let mut all = BTreeMap::new();
        let entries = fields.get("http").and_then(|yaml| self.reader.entries(yaml, "http"));
        let asked: Vec<String> =
            self.flow.nodes.iter().filter_map(|node| uses(&node.kind)).collect();
        for (word, yaml) in entries.iter().flat_map(|entries| entries.iter()) {
            if !asked.contains(&word.text) {
                let message = format!("the flow never asks `{}`", word.text);
                let found = Diagnostic::error(Y002, self.reader.file(), word.spot, message)
                    .nearest(&word.text, asked.iter().map(String::as_str));
                self.reader.push(found);
            }
            all.extend(self.answering(yaml).map(|answering| (word.text.clone(), answering)));
        }
        all
    }

    /// `{answer: {…}, status: 200, takes: 200ms}`, or `{hangs: true}`.
    fn answering(&mut self, yaml: &Yaml) -> Option<Answering> {
        let fields = self.reader.shape(yaml, &grammar::ANSWER)?;
        if let Some(hangs) = fields.get("hangs") {
            let alone = fields.iter().count() == 1;
            if !self.reader.boolean(hangs)? || !alone {
                self.reader.error(Y004, hangs.spot, "who hangs does nothing else: {hangs: true}");
            }
            return Some(Answering::Hangs);
        }
        let status = match fields.get("status") {
            Some(yaml) => self.reader.number(yaml, 100, 599)?,
            None => 200,
        };
        let takes = match fields.get("takes") {
            Some(yaml) => self.time(yaml)?,
            None => Duration::ZERO,
        };
        let body = fields.get("answer").map(|yaml| json(yaml).to_string()).unwrap_or_default();
        let reply = Reply::Answered { status: status as u16, body: body.into_bytes() };
        Some(Answering::Replies(reply, takes))
    }
}

/// What a node asks, if it asks an endpoint.
fn uses(kind: &Kind) -> Option<String> {
    if let Kind::Http(http) = kind { Some(http.uses()) } else { None }
}

/// A value of the file as JSON: words in quotes are texts, and so are numbers with zeros before them.
fn json(yaml: &Yaml) -> serde_json::Value {
    match &yaml.value {
        Value::Map(entries) => {
            let members = entries.iter().map(|(word, yaml)| (word.text.clone(), json(yaml)));
            members.collect::<Map<_, _>>().into()
        }
        Value::List(items) => items.iter().map(json).collect(),
        Value::Word { text, quoted: true } => text.as_str().into(),
        Value::Word { text, quoted: false } => match text.as_str() {
            "" | "null" => serde_json::Value::Null,
            "true" => true.into(),
            "false" => false.into(),
            word => number(word).unwrap_or_else(|| word.into()),
        },
    }
}

fn number(word: &str) -> Option<serde_json::Value> {
    let plain = !word.trim_start_matches('-').starts_with("00")
        && word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.'));
    let whole = word.parse::<i64>().ok().filter(|number| number.to_string() == word);
    match whole {
        Some(whole) => Some(whole.into()),
        None if plain && word.contains('.') => word.parse::<f64>().ok().map(Into::into),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::calendar::Calendars;
    use crate::flow::check::{PromptFacts, Surroundings};
    use crate::flow::load::load;
    use crate::flow::script::{coverage, play_all};
    use std::sync::Arc;
    use std::time::Duration;

    const FLOW: &str = r#"
flow: f
languages: [ru, kk]
start: who
operator: {keys: ["0"], to: q}
vars:
  lang: {type: language}
  sum: {type: money, currency: KZT}
nodes:
  who:
    http:
      use: crm.customer
      timeout: 2s
      send: [caller]
      set: {lang: /customer/language, sum: /balance}
      play: p
      after: {ok: q, not_found: unknown, several: many, error: broken, timeout: late}
  q: {queue: {name: q, requires: "lang:{lang}", max_wait: 1m, after: {answered: end, max_wait: end, nobody: end}}}
  unknown: {queue: {name: unknown, max_wait: 1m, after: {answered: end, max_wait: end, nobody: end}}}
  many: {queue: {name: many, max_wait: 1m, after: {answered: end, max_wait: end, nobody: end}}}
  broken: {queue: {name: broken, max_wait: 1m, after: {answered: end, max_wait: end, nobody: end}}}
  late: {queue: {name: late, max_wait: 1m, after: {answered: end, max_wait: end, nobody: end}}}
  end: {hangup: {}}
tests:
  - name: known
    given: {http: {crm.customer: {answer: {customer: {id: "1", language: kk}, balance: 10.5}, takes: 500ms}}}
    then: {in_queue: q, language: kk, requires: "lang:kk", at_most: 500ms, heard: [p]}
  - name: nobody
    given: {http: {crm.customer: {answer: {customer: null}}}}
    then: {in_queue: unknown, language: ru}
  - name: not there
    given: {http: {crm.customer: {status: 404, takes: 100ms}}}
    then: {in_queue: unknown}
  - name: two
    given: {http: {crm.customer: {answer: {customers: [{id: 1}, {id: 2}]}}}}
    then: {in_queue: many}
  - name: broken
    given: {http: {crm.customer: {status: 500}}}
    then: {in_queue: broken}
  - name: of another type
    given: {http: {crm.customer: {answer: {customer: {id: "1", language: kk}, balance: "a lot"}}}}
    then: {in_queue: broken, language: ru}
  - name: too late
    given: {http: {crm.customer: {answer: {}, takes: 3s}}}
    then: {in_queue: late, at_most: 2s}
  - name: never
    given: {http: {crm.customer: {hangs: true}}}
    then: {in_queue: late, at_most: 2s}
  - name: the operator key works meanwhile
    given: {http: {crm.customer: {hangs: true}}}
    when: [{at: 300ms, press: "0"}]
    then: {in_queue: q, operator: true, at_most: 300ms}
"#;

    #[test]
    fn scripts_try_every_outcome() {
        let flow = load("f.yaml", FLOW).unwrap_or_else(|found| panic!("{found:#?}"));
        let mut around = Surroundings::default();
        for language in ["ru", "kk"] {
            let duration = Duration::from_millis(300);
            around.add_prompt(language, "p", PromptFacts { duration, text: None });
        }
        let flow = Arc::new(flow);
        let outcomes = play_all(&flow, &Arc::new(Calendars::new()), &around);
        let failed: Vec<String> =
            outcomes.iter().filter(|o| !o.passed()).map(ToString::to_string).collect();
        assert!(failed.is_empty(), "{}", failed.join("\n"));
        let missed = coverage(&flow, &outcomes).ways_missed;
        assert!(!missed.iter().any(|(node, _)| &**node == "who"), "{missed:?}");
    }

    #[test]
    fn a_script_that_comes_to_an_endpoint_of_which_it_says_nothing_is_stuck() {
        let flow = load("f.yaml", FLOW).unwrap();
        let text = "flow: f\ntests: [{name: t, then: {in_queue: q}}]\n";
        let cases = crate::flow::script::cases("t.yaml", text, &flow).unwrap();
        let around = Surroundings::default();
        let mut quiet = flow.clone();
        quiet.tests = cases;
        for node in &mut quiet.nodes {
            if let crate::flow::model::Kind::Http(http) = &mut node.kind {
                http.play.clear();
            }
        }
        let outcomes = play_all(&Arc::new(quiet), &Arc::new(Calendars::new()), &around);
        assert!(outcomes[0].to_string().contains("came to `crm.customer`"), "{}", outcomes[0]);
    }

    #[test]
    fn mistakes_in_what_an_endpoint_does_are_told() {
        for (from, to) in [
            ("crm.customer: {hangs: true}", "crm.custmer: {hangs: true}"),
            ("crm.customer: {hangs: true}", "crm.customer: {hangs: true, status: 200}"),
            ("crm.customer: {hangs: true}", "crm.customer: {hangs: false}"),
            ("{status: 500}", "{status: 5000}"),
            ("{status: 500}", "{stat: 500}"),
            ("takes: 3s", "takes: soon"),
        ] {
            let found = load("f.yaml", &FLOW.replacen(from, to, 1)).unwrap_err();
            assert_eq!(found.len(), 1, "{to}: {found:#?}");
        }
    }
}
