//! What callers hear. `tests/saying.rs` of the crate holds the same against another
//! implementation.

use super::*;
use std::collections::BTreeSet;

fn said(saying: &Saying, language: Language) -> String {
    let fragments = saying.fragments(language);
    fragments.iter().map(|fragment| fragment.text).collect::<Vec<_>>().join(" ")
}

fn all_three(saying: &Saying) -> [String; 3] {
    Language::ALL.map(|language| said(saying, language))
}

#[test]
fn numbers_agree_with_what_they_count() {
    let russian = |n| said(&Saying::Number(n), Language::Ru);
    assert_eq!(russian(1_000), "одна тысяча");
    assert_eq!(russian(2_002), "две тысячи два");
    assert_eq!(russian(12_000), "двенадцать тысяч");
    assert_eq!(russian(21_000_001), "двадцать один миллион один");
    assert_eq!(
        all_three(&Saying::Number(-15_300)),
        [
            "минус пятнадцать тысяч триста",
            "минус он бес мың үш жүз",
            "minus fifteen thousand three hundred",
        ]
    );
    assert_eq!(
        all_three(&Saying::Number(100_101)),
        ["сто тысяч сто один", "жүз мың жүз бір", "one hundred thousand one hundred and one",]
    );
    assert_eq!(all_three(&Saying::Number(0)), ["ноль", "нөл", "zero"]);
}

#[test]
fn money_is_said_in_its_coins_and_notes() {
    let amount = |text, currency| all_three(&Saying::money(text, currency).expect("an amount"));
    assert_eq!(
        amount("5123.45", Currency::Kzt),
        [
            "пять тысяч сто двадцать три тенге сорок пять тиынов",
            "бес мың жүз жиырма үш теңге қырық бес тиын",
            "five thousand one hundred and twenty three tenge forty five tiyn",
        ]
    );
    assert_eq!(
        amount("21.21", Currency::Rub),
        [
            "двадцать один рубль двадцать одна копейка",
            "жиырма бір рубль жиырма бір тиын",
            "twenty one roubles twenty one kopeks",
        ]
    );
    assert_eq!(
        amount("1.01", Currency::Usd),
        ["один доллар один цент", "бір доллар бір цент", "one dollar one cent",]
    );
    assert_eq!(amount("2", Currency::Eur), ["два евро", "екі еуро", "two euro"]);
    assert_eq!(
        amount("0.5", Currency::Kzt)[0],
        "пятьдесят тиынов",
        "a part that is nought is left out"
    );
    assert_eq!(amount("0.00", Currency::Kzt)[0], "ноль тенге", "unless both are");
    assert_eq!(amount("-7.00", Currency::Rub)[0], "минус семь рублей");
}

#[test]
fn days_and_times_are_said_as_people_say_them() {
    let day = |text| all_three(&Saying::date(text).expect("a day"));
    assert_eq!(
        day("2026-05-07"),
        [
            "седьмое мая две тысячи двадцать шестого года",
            "екі мың жиырма алтыншы жылғы жетінші мамыр",
            "May seventh twenty twenty six",
        ]
    );
    assert_eq!(
        day("2000-02-29"),
        [
            "двадцать девятое февраля двухтысячного года",
            "екі мыңыншы жылғы жиырма тоғызыншы ақпан",
            "February twenty ninth two thousand",
        ]
    );
    assert_eq!(
        day("1900-01-30"),
        [
            "тридцатое января тысяча девятисотого года",
            "бір мың тоғыз жүзінші жылғы отызыншы қаңтар",
            "January thirtieth nineteen hundred",
        ]
    );
    assert_eq!(
        day("2100-12-20"),
        [
            "двадцатое декабря две тысячи сотого года",
            "екі мың жүзінші жылғы жиырмасыншы желтоқсан",
            "December twentieth twenty one hundred",
        ]
    );
    assert_eq!(day("1905-03-10")[2], "March tenth nineteen oh five");
    assert_eq!(day("1990-03-11")[0], "одиннадцатое марта тысяча девятьсот девяностого года");
    let time = |text| all_three(&Saying::time(text).expect("a time"));
    assert_eq!(
        time("14:35"),
        [
            "четырнадцать часов тридцать пять минут",
            "он төрт сағат отыз бес минут",
            "two thirty five p.m.",
        ]
    );
    assert_eq!(
        time("21:01"),
        ["двадцать один час одна минута", "жиырма бір сағат бір минут", "nine oh one p.m.",]
    );
    assert_eq!(time("00:00"), ["ноль часов", "нөл сағат", "twelve a.m."]);
    assert_eq!(time("02:22")[0], "два часа двадцать две минуты");
}

#[test]
fn an_identifier_is_said_digit_by_digit_and_no_longer_than_can_be_borne() {
    let saying = Saying::Digits("+7 (701) 05".to_owned());
    assert_eq!(said(&saying, Language::En), "seven seven zero one zero five");
    let long = Saying::Digits("1".repeat(SAID_DIGITS_MAX + 1));
    assert_eq!(long.fragments(Language::Ru).len(), SAID_DIGITS_MAX);
}

#[test]
fn a_number_beyond_the_bound_is_said_by_its_digits() {
    let most = said(&Saying::Number(SAID_NUMBER_MAX), Language::En);
    assert!(most.starts_with("nine hundred and ninety nine billion"), "{most}");
    let more = Saying::Number(SAID_NUMBER_MAX + 1).fragments(Language::En);
    assert_eq!(more.len(), 13, "one and twelve noughts");
    assert_eq!(Saying::Number(i64::MIN).fragments(Language::Ru).len(), 20);
    let rich = said(&Saying::Money(i64::MAX, Currency::Usd), Language::En);
    assert!(rich.ends_with("eight dollars seven cents"), "{rich}");
}

#[test]
fn a_value_beyond_words_is_said_all_the_same() {
    let long = "1".repeat(SAID_DIGITS_MAX);
    let saying = Manner::Number.read(&long).expect("an entry of digits");
    assert_eq!(saying.fragments(Language::Kk).len(), SAID_DIGITS_MAX);
    assert_eq!(Manner::Number.read("007"), Some(Saying::Number(7)));
    assert_eq!((Manner::Number.read(""), Manner::Number.read("1.5")), (None, None));
}

#[test]
fn what_is_no_day_time_or_amount_is_refused() {
    for text in [
        "2026-02-29",
        "2026-13-01",
        "2026-00-10",
        "2026-1-1",
        "1899-12-31",
        "+026-01-01",
        "",
        "2026-01-01-",
    ] {
        assert_eq!(Saying::date(text), None, "{text}");
    }
    for text in ["24:00", "12:60", "1:05", "12.05", "+1:05", ""] {
        assert_eq!(Saying::time(text), None, "{text}");
    }
    for text in ["", ".5", "1.", "1.234", "1,5", "--1", "1e3", "92233720368547758.08"] {
        assert_eq!(Saying::money(text, Currency::Kzt), None, "{text}");
    }
}

/// Recordings are ordered by this list: one too few is a hole in a sentence, one too many is money for nothing.
#[test]
fn every_fragment_is_in_the_list_of_recordings_and_every_recording_is_used() {
    for language in Language::ALL {
        let recordings = recordings(language);
        let mut used = BTreeSet::new();
        let mut hear = |saying: Saying| {
            for fragment in saying.fragments(language) {
                assert_eq!(
                    recordings.get(fragment.name),
                    Some(&fragment.text),
                    "{}",
                    fragment.name
                );
                used.insert(fragment.name);
            }
        };
        for n in (-1..2_000).chain([5_000, 1_000_000, 2_000_000, 5_000_000]) {
            hear(Saying::Number(n));
            hear(Saying::Number(n * 1_000_000_000));
        }
        for currency in Currency::ALL {
            (0..600).for_each(|n| hear(Saying::Money(n * 101, currency)));
        }
        for year in SAID_YEARS {
            (1..=12).for_each(|month| hear(Saying::Date(year, month, 1)));
        }
        (1..=31).for_each(|day| hear(Saying::Date(2026, 1, day)));
        (0..24).for_each(|hour| (0..60).for_each(|minute| hear(Saying::Time(hour, minute))));
        let unused: Vec<_> = recordings.keys().filter(|name| !used.contains(*name)).collect();
        assert_eq!(unused, Vec::<&&str>::new(), "{}", language.code());
    }
}
