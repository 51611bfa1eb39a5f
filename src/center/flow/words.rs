//! Is one of some phrases among the words heard? The one place where recognised text is compared with words of a flow.
//!
//! Letters count in small as in capitals, with and without their dots: recognisers write `оператор`, `Оператор.` and
//! `еще` as they were taught. Whole words only, so that «оператора» in another sentence takes nobody away. What was
//! heard is data of a stranger and perhaps a secret: it is looked at here and kept nowhere.

use super::limits::HEARD_CHARS_MAX;

/// Whether the words of one of the phrases stand in the text, side by side and in order.
pub(super) fn any<'a>(text: &str, phrases: impl IntoIterator<Item = &'a str>) -> bool {
    let tail = text.chars().count().saturating_sub(HEARD_CHARS_MAX);
    let text: String = text.chars().skip(tail).collect();
    let heard = words(&text);
    phrases.into_iter().map(words).any(|phrase| {
        !phrase.is_empty() && heard.windows(phrase.len()).any(|some| *some == *phrase)
    })
}

/// The words of a text as they are compared: none when it has neither letters nor digits.
pub(super) fn words(text: &str) -> Vec<String> {
    let folded: String = text.chars().filter_map(plain).flat_map(char::to_lowercase).collect();
    let folded: String = folded.chars().map(undotted).collect();
    let words = folded.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Leaves out the marks over letters that some systems write apart from them (Unicode, combining diacritical marks).
const fn plain(c: char) -> Option<char> {
    if matches!(c, '\u{300}'..='\u{36f}') { None } else { Some(c) }
}

/// Letters that are written with and without their dots, or with the mark over them apart.
const fn undotted(c: char) -> char {
    match c {
        'ё' => 'е',
        'й' => 'и',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{F014, PromptFacts, Surroundings};
    use super::super::limits::{PHRASE_CHARS_MAX, PHRASES_MAX};
    use super::super::load::{load, load_and_check};
    use super::super::script::play_all;
    use super::super::yaml::Y004;
    use super::*;
    use crate::calendar::Calendars;
    use std::sync::Arc;
    use std::time::Duration;

    fn contains(text: &str, phrase: &str) -> bool {
        any(text, [phrase])
    }

    #[test]
    fn any_of_the_phrases_will_do() {
        assert!(any("дайте человека", ["оператор", "человека"]));
        assert!(!any("дайте человека", ["оператор", "агент"]));
        assert!(!any("дайте человека", []));
    }

    #[test]
    fn a_phrase_is_found_whatever_its_case_dots_and_punctuation() {
        for (text, phrase) in [
            ("оператор", "оператор"),
            ("Оператор!", "оператор"),
            ("дайте мне, пожалуйста, ОПЕРАТОРА", "оператора"),
            ("позовите еще живого человека", "Ещё живого"),
            ("живо\u{438}\u{306}", "живой"),
            ("маған маман керек", "маман"),
            ("Agent, please", "agent"),
            ("call-центр", "call центр"),
        ] {
            assert!(contains(text, phrase), "{phrase} in {text}");
        }
    }

    #[test]
    fn a_part_of_a_word_a_torn_phrase_and_nothing_are_not_found() {
        for (text, phrase) in [
            ("оператора", "оператор"),
            ("кооператор", "оператор"),
            ("живой и здоровый человек", "живой человек"),
            ("человек живой", "живой человек"),
            ("", "оператор"),
            ("оператор", ""),
            ("оператор", " - "),
            ("…", "оператор"),
        ] {
            assert!(!contains(text, phrase), "{phrase} in {text}");
        }
    }

    const FLOW: &str = r#"
flow: f
languages: [ru, kk]
start: main
operator: {keys: ["0"], to: q, words: {ru: [оператор], kk: [маман]}}
vars:
  lang: {type: language}
nodes:
  main:
    menu:
      play: p
      timeout: 4s
      options: {"1": {to: kazakh}, "2": {to: q}}
      silence: other
      wrong: other
  kazakh: {set: {vars: {lang: kk}, next: main}}
  q: {queue: {name: q, max_wait: 1m, after: {answered: end, max_wait: end, nobody: end}}}
  other: {queue: {name: other, max_wait: 1m, after: {answered: end, max_wait: end, nobody: end}}}
  end: {hangup: {}}
tests:
  - name: a word over the prompt
    when: [{at: 500ms, says: "дайте оператора... Оператор"}]
    then: {in_queue: q, at_most: 500ms, operator: true}
  - name: another language has other words
    when: [{node: main, press: "1"}, {node: main, after: 2s, says: оператор}]
    then: {in_queue: other, language: kk}
  - name: its own
    when: [{node: main, press: "1"}, {node: main, after: 2s, says: маман}]
    then: {in_queue: q, language: kk, operator: true}
"#;

    fn around(heard: &[&str]) -> Surroundings {
        let mut around = Surroundings {
            heard: heard.iter().map(|language| (*language).to_owned()).collect(),
            queues: ["q", "other"].map(str::to_owned).into(),
            ..Surroundings::default()
        };
        for language in ["ru", "kk"] {
            let facts = PromptFacts { duration: Duration::from_secs(1), text: None };
            around.add_prompt(language, "p", facts);
        }
        around
    }

    #[test]
    fn a_scripted_caller_says_words_of_the_language_spoken() {
        let flow = Arc::new(load("f.yaml", FLOW).unwrap_or_else(|found| panic!("{found:#?}")));
        let outcomes = play_all(&flow, &Arc::new(Calendars::new()), &around(&["ru", "kk"]));
        let failed = outcomes.iter().filter(|outcome| !outcome.passed()).map(ToString::to_string);
        assert_eq!(failed.collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn words_that_nobody_hears_are_an_error_with_its_place_and_cure() {
        let told = |heard: &[&str]| -> Vec<(String, u32, String)> {
            let (_, found) = load_and_check("f.yaml", FLOW, &around(heard));
            let errors = found.into_iter().filter(|found| found.code == F014);
            errors.map(|e| (e.message, e.line, e.help.unwrap_or_default())).collect()
        };
        assert_eq!(told(&["ru", "kk"]), []);
        let [(message, line, help)] = &told(&["ru"])[..] else { panic!("one language") };
        assert_eq!((message.as_str(), *line), ("no recogniser hears words in `kk`", 5));
        assert!(help.contains("recognisers.toml (recognisers hear: ru)"), "{help}");
        assert_eq!(told(&[]).len(), 2);
    }

    #[test]
    fn words_that_nobody_can_say_are_refused_and_those_at_the_bounds_are_not() {
        let load = |words: &str| {
            let found = load("f.yaml", &FLOW.replacen("[оператор]", words, 1)).err();
            found.unwrap_or_default().iter().map(|found| found.code).collect::<Vec<_>>()
        };
        let list = |many: usize| format!("[{}]", vec!["да"; many].join(", "));
        let long = |chars: usize| format!("[{}]", "о".repeat(chars));
        for words in [list(PHRASES_MAX), long(PHRASE_CHARS_MAX), "[call-центр, \"24\"]".into()]
        {
            assert_eq!(load(&words), [""; 0], "{words}");
        }
        for words in
            [list(PHRASES_MAX + 1), long(PHRASE_CHARS_MAX + 1), "[\"…\"]".into(), "оператор".into()]
        {
            assert_eq!(load(&words), [Y004], "{words}");
        }
        let flow = FLOW.replacen("kk: [маман]}", "kz: [маман]}", 1);
        let found = super::super::load::load("f.yaml", &flow).err().unwrap_or_default();
        assert_eq!(found.len(), 1, "a language that the flow does not speak: {found:#?}");
    }

    #[test]
    fn of_a_long_text_the_end_counts() {
        let filler = "а ".repeat(HEARD_CHARS_MAX);
        assert!(contains(&format!("{filler}оператор"), "оператор"));
        assert!(!contains(&format!("оператор {filler}"), "оператор"));
        let filler = "а".repeat(HEARD_CHARS_MAX - "оператор ".chars().count());
        assert!(contains(&format!("оператор {filler}"), "оператор"), "at the bound");
    }
}
