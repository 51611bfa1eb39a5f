//! Mistakes for programs that run checks: SARIF 2.1.0 for code scanning, commands of GitHub's runners, JUnit for
//! everything else that shows tests.

use super::finding::{Findings, Told};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The rule of a mistake that has no code.
const NO_CODE: &str = "configuration";

/// One run of SARIF 2.1.0 (OASIS): a result for each mistake, with the rules they broke.
pub(super) fn sarif(findings: &Findings) -> String {
    let told = findings.told();
    let codes: BTreeSet<&str> = told.iter().map(rule).collect();
    let rules: Vec<Value> = codes.iter().map(|code| json!({"id": code})).collect();
    let results: Vec<Value> = told.iter().map(result).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": env!("CARGO_PKG_NAME"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn rule(told: &Told) -> &'static str {
    if told.code.is_empty() { NO_CODE } else { told.code }
}

fn result(told: &Told) -> Value {
    json!({
        "ruleId": rule(told),
        "level": told.severity,
        "message": {"text": sentence(told)},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": uri(&told.file)},
                "region": {
                    "startLine": told.line,
                    "startColumn": told.column,
                    "endLine": told.end_line,
                    "endColumn": told.end_column.max(told.column),
                },
            },
        }],
    })
}

/// A path as RFC 3986 has it.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.trim_start_matches("./").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                uri.push(char::from(byte));
            }
            other => write!(uri, "%{other:02X}").expect("a string takes any text"),
        }
    }
    uri
}

/// A command of GitHub's runners for each mistake: it is shown beside the line of the change.
pub(super) fn github(findings: &Findings) -> String {
    let one = |told: Told| {
        let Told { severity, file, line, column, end_line, end_column, .. } = &told;
        let file = escaped(file.trim_start_matches("./"), true);
        let title = escaped(rule(&told), true);
        let text = escaped(&sentence(&told), false);
        format!(
            "::{severity} file={file},line={line},col={column},endLine={end_line},endColumn={end_column},\
             title={title}::{text}\n"
        )
    };
    findings.told().into_iter().map(one).collect()
}

/// What would end a command, or a property of it, in the runners' own way.
fn escaped(text: &str, is_property: bool) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    if is_property { text.replace(':', "%3A").replace(',', "%2C") } else { text }
}

/// One case of a suite.
pub(crate) struct Case {
    /// Its name.
    pub(crate) name: String,
    /// Seconds that it took, where that is known.
    pub(crate) secs: Option<f64>,
    /// Why it failed; `None`: it passed.
    pub(crate) failure: Option<String>,
}

/// A suite of JUnit.
pub(crate) fn junit(suite: &str, cases: &[Case]) -> String {
    let failed = cases.iter().filter(|case| case.failure.is_some()).count();
    let (suite, tests) = (xml(suite), cases.len());
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"{suite}\" tests=\"{tests}\" \
         failures=\"{failed}\">\n"
    );
    for Case { name, secs, failure } in cases {
        let name = xml(name);
        let time = secs.map(|secs| format!(" time=\"{secs:.3}\"")).unwrap_or_default();
        let head = format!("    <testcase classname=\"{suite}\" name=\"{name}\"{time}");
        let case = match failure {
            None => format!("{head}/>\n"),
            Some(failure) => {
                let first = xml(failure.lines().next().unwrap_or_default());
                let all = xml(failure);
                format!(
                    "{head}>\n      <failure message=\"{first}\">{all}</failure>\n    </testcase>\n"
                )
            }
        };
        out.push_str(&case);
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

/// Errors as cases that failed, warnings as cases that passed; one that passed when nothing is wrong.
pub(super) fn junit_of(findings: &Findings) -> String {
    let mut cases: Vec<Case> = findings.told().iter().map(case).collect();
    if cases.is_empty() {
        cases.push(Case { name: "no mistakes".to_owned(), secs: None, failure: None });
    }
    junit("dozvon check", &cases)
}

fn case(told: &Told) -> Case {
    let name = format!("{}:{}:{} {}", told.file, told.line, told.column, rule(told));
    let failure = (told.severity == "error").then(|| sentence(told));
    Case { name, secs: None, failure }
}

fn sentence(told: &Told) -> String {
    match told.cure.is_empty() {
        true => told.message.clone(),
        false => format!("{} ({})", told.message, told.cure),
    }
}

/// Text for an element or an attribute of XML 1.0; characters that it can't hold are left out.
fn xml(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::finding::Place;

    fn sample() -> Findings {
        let mut findings = Findings::default();
        let source = findings.source("./flows/банк: a.yaml", "start: mian\nnodes: 100%, <b>\n");
        findings.error(&Place { source, span: 7..11 }, "no node `mian`", "did you mean `main`?");
        findings.warning(&Place { source, span: 19..23 }, "100% <\u{1}b>,\nor so", "");
        findings
    }

    #[test]
    fn code_scanning_gets_rules_levels_and_regions() {
        let log: Value = serde_json::from_str(&sarif(&sample())).unwrap();
        let run = &log["runs"][0];
        assert_eq!(
            (&log["version"], &run["tool"]["driver"]["name"]),
            (&json!("2.1.0"), &json!("dozvon"))
        );
        assert_eq!(run["tool"]["driver"]["rules"], json!([{"id": "configuration"}]));
        let first = &run["results"][0];
        assert_eq!(
            (&first["level"], &first["message"]["text"]),
            (&json!("error"), &json!("no node `mian` (did you mean `main`?)"))
        );
        let place = &first["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "flows/%D0%B1%D0%B0%D0%BD%D0%BA%3A%20a.yaml");
        assert_eq!(
            place["region"],
            json!({"startLine": 1, "startColumn": 8, "endLine": 1, "endColumn": 12})
        );
        assert_eq!(run["results"][1]["level"], "warning");
    }

    #[test]
    fn a_runner_gets_one_command_a_mistake_that_nothing_can_end() {
        assert_eq!(
            github(&sample()),
            "::error file=flows/банк%3A a.yaml,line=1,col=8,endLine=1,endColumn=12,title=configuration::no node `mian` \
             (did you mean `main`?)\n::warning file=flows/банк%3A a.yaml,line=2,col=8,endLine=2,endColumn=12,\
             title=configuration::100%25 <\u{1}b>,%0Aor so\n"
        );
    }

    #[test]
    fn a_page_of_tests_shows_errors_as_failures_and_warnings_as_passed() {
        let text = junit_of(&sample());
        for part in [
            "tests=\"2\" failures=\"1\"",
            "<testcase classname=\"dozvon check\" name=\"./flows/банк: a.yaml:1:8 configuration\">",
            "<failure message=\"no node `mian` (did you mean `main`?)\">",
            "name=\"./flows/банк: a.yaml:2:8 configuration\"/>",
        ] {
            assert!(text.contains(part), "{part:?} is not in:\n{text}");
        }
        let quiet = junit_of(&Findings::default());
        assert!(
            quiet.contains("tests=\"1\" failures=\"0\"") && quiet.contains("\"no mistakes\"/>")
        );
        let odd = junit(
            "a&b",
            &[Case { name: "\"x\"".into(), secs: Some(1.5), failure: Some("<1>\n\u{7}2".into()) }],
        );
        assert!(odd.contains("name=\"&quot;x&quot;\" time=\"1.500\""), "{odd}");
        assert!(odd.contains("<failure message=\"&lt;1&gt;\">&lt;1&gt;&#10;2</failure>"), "{odd}");
    }
}
