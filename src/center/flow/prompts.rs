//! The texts of the prompts, `ivr-flows/prompts/prompts.yaml`: what each recording says, for the check that a menu
//! names its keys, and for people who record.

use super::diagnostic::Diagnostic;
use super::yaml::{self, Reader};
use std::collections::BTreeMap;

/// Texts by language, then by prompt.
pub type Texts = BTreeMap<String, BTreeMap<String, String>>;

/// Reads the texts; all mistakes at once.
pub fn texts(file: &str, text: &str) -> Result<Texts, Vec<Diagnostic>> {
    let (tree, found) = yaml::parse(file, text);
    let mut reader = Reader::new(file, found);
    let mut texts = Texts::new();
    let top = tree.as_ref().and_then(|tree| reader.map(tree, "a file of texts", &["prompts"]));
    let prompts = top.and_then(|top| reader.need(top, "a file of texts", "prompts"));
    let prompts = prompts.and_then(|yaml| reader.entries(yaml, "prompts"));
    for (name, yaml) in prompts.iter().flat_map(|prompts| prompts.iter()) {
        let languages = reader.entries(yaml, "a prompt: one text for each language");
        for (language, yaml) in languages.iter().flat_map(|languages| languages.iter()) {
            if let Some(said) = reader.word(yaml, "a text") {
                let texts = texts.entry(language.text.clone()).or_default();
                texts.insert(name.text.clone(), said.to_owned());
            }
        }
    }
    if reader.has_errors() { Err(reader.finish()) } else { Ok(texts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_by_language_and_name() {
        let texts =
            texts("p.yaml", "prompts:\n  hello:\n    ru: \"Привет\"\n    en: \"Hi\"\n").unwrap();
        assert_eq!(texts["ru"]["hello"], "Привет");
        assert_eq!(texts["en"]["hello"], "Hi");
        let found = super::texts("p.yaml", "prompts:\n  hello: [x]\n  bye: {ru: }\n").unwrap_err();
        assert_eq!(found.iter().map(|f| f.line).collect::<Vec<_>>(), [2, 3]);
    }
}
