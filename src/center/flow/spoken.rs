//! Which keys a prompt's text names, in Russian, Kazakh and English: for the rule that a menu says the right key.

use crate::ids::Key;
use std::collections::BTreeSet;

/// Words and beginnings of words for a key. A word ending in `*` stands for every word that begins so.
const WORDS: [(char, &[&str]); 12] = [
    ('0', &["ноль", "нуль", "нолик", "нөл*", "zero"]),
    ('1', &["один", "единицу", "единица", "бір", "бірді", "one"]),
    ('2', &["два", "двойку", "екі", "екіні", "two"]),
    ('3', &["три", "тройку", "үш", "үшті", "three"]),
    ('4', &["четыре", "четвёрку", "төрт", "төртті", "four"]),
    ('5', &["пять", "пятёрку", "бес", "бесті", "five"]),
    ('6', &["шесть", "шестёрку", "алты", "алтыны", "six"]),
    ('7', &["семь", "семёрку", "жеті", "жетіні", "seven"]),
    ('8', &["восемь", "восьмёрку", "сегіз", "сегізді", "eight"]),
    ('9', &["девять", "девятку", "тоғыз", "тоғызды", "nine"]),
    ('*', &["звёздочк*", "звездочк*", "жұлдызша*", "star"]),
    ('#', &["решётк*", "решетк*", "торды", "hash", "pound"]),
];

/// The keys that a text names, by digit or by word.
pub(crate) fn keys(text: &str) -> BTreeSet<Key> {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric() && c != '*' && c != '#');
    words.filter_map(key).collect()
}

fn key(word: &str) -> Option<Key> {
    let mut chars = word.chars();
    if let (Some(c), None) = (chars.next(), chars.next())
        && let Some(key) = Key::new(c)
        && !c.is_alphabetic()
    {
        return Some(key);
    }
    let known = WORDS.iter().find(|(_, names)| {
        names.iter().any(|name| match name.strip_suffix('*') {
            Some(beginning) => word.starts_with(beginning),
            None => word == *name,
        })
    });
    known.and_then(|(c, _)| Key::new(*c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> String {
        keys(text).into_iter().map(Key::as_char).collect()
    }

    #[test]
    fn keys_are_found_by_digit_and_by_word_in_three_languages() {
        assert_eq!(named("Если карта украдена, нажмите 1."), "1");
        assert_eq!(named("Нажмите ноль, чтобы поговорить с оператором"), "0");
        assert_eq!(named("Картаңыз ұрланса, бірді басыңыз"), "1");
        assert_eq!(named("Press two for loans or star to repeat"), "*2");
        assert_eq!(named("Наш номер 2026, звоните"), "");
        assert_eq!(named("Торгуйте по телефону, a b c"), "");
    }
}
