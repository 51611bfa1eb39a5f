//! Numbers, money and years as num2words says them: by chance, a thousand of each in each language.

use dozvon_center::saying::{Currency, Language, Saying};
use std::process::Command;

/// What we say, as the oracle writes it down.
fn said(kind: &str, language: &str, value: &str) -> String {
    let language = Language::by_code(language).expect("a language of ours");
    let saying = match kind {
        "number" => Saying::Number(value.parse().expect("a number")),
        "year" => Saying::Date(value.parse().expect("a year"), 1, 1),
        _ => {
            let currency = Currency::by_code(kind).expect("a currency of ours");
            Saying::money(value, currency).expect("an amount")
        }
    };
    let mut fragments = saying.fragments(language);
    if kind == "year" {
        // Between the words for the first of January, before or after which each language has its year.
        fragments.retain(|fragment| !fragment.name.starts_with("say-month-"));
        fragments.remove(0);
        fragments.retain(|fragment| fragment.name != "say-year");
    }
    let words: Vec<&str> = fragments.iter().map(|fragment| fragment.text).collect();
    words.join(" ").replace('ё', "е")
}

#[test]
fn a_thousand_of_each_are_said_as_the_oracle_says_them() {
    let oracle = Command::new("python3")
        .args(["-c", include_str!("saying_oracle.py")])
        .arg(concat!(env!("CARGO_TARGET_TMPDIR"), "/num2words"))
        .env("PYTHONIOENCODING", "utf-8")
        .output()
        .expect("python3 is installed: make setup-tests installs it");
    let errors = String::from_utf8_lossy(&oracle.stderr);
    assert!(oracle.status.success(), "the oracle: {errors}");
    let answers = String::from_utf8(oracle.stdout).expect("the oracle speaks UTF-8");
    let mut compared = 0;
    for line in answers.lines() {
        let [kind, language, value, wanted] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("the oracle says {line:?}");
        };
        assert_eq!(said(kind, language, value), wanted, "{kind} {value} in {language}");
        compared += 1;
    }
    assert_eq!(compared, 2 * 3 * 1_000 + 2 * 300);
}
