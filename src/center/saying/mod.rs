//! Numbers, money, dates and times in words: which recorded fragments say them, in Russian, Kazakh and English.
//!
//! A fragment is a prompt like any other, `prompts/<language>/<name>.wav`; its text stands here beside its name, so
//! that recordings can be ordered, synthesised and checked. Played one after another, the fragments of a [`Saying`] are
//! what a person would say: genders and plural forms agree («одна тысяча», «двадцать один тиын», "twenty-one cents").

mod en;
mod kk;
mod ru;

use crate::limits::{SAID_DIGITS_MAX, SAID_NUMBER_MAX, SAID_YEARS};
use jiff::civil::Date;
use std::collections::BTreeMap;

/// A piece of speech that is recorded once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fragment {
    /// The name of its recording.
    pub name: &'static str,
    /// What is heard.
    pub text: &'static str,
}

const fn f(name: &'static str, text: &'static str) -> Fragment {
    Fragment { name, text }
}

/// A language that numbers can be said in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// Russian.
    Ru,
    /// Kazakh.
    Kk,
    /// English.
    En,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 3] = [Language::Ru, Language::Kk, Language::En];

    /// By its code in flows and folders (ISO 639-1).
    pub fn by_code(code: &str) -> Option<Language> {
        Language::ALL.into_iter().find(|language| language.code() == code)
    }

    /// Its code (ISO 639-1).
    pub fn code(self) -> &'static str {
        match self {
            Language::Ru => "ru",
            Language::Kk => "kk",
            Language::En => "en",
        }
    }

    fn tongue(self) -> &'static dyn Tongue {
        match self {
            Language::Ru => &ru::Ru,
            Language::Kk => &kk::Kk,
            Language::En => &en::En,
        }
    }
}

/// A currency that amounts are said in, with its hundredth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Currency {
    /// Tenge and tiyn.
    Kzt,
    /// Roubles and kopecks.
    Rub,
    /// Dollars and cents.
    Usd,
    /// Euro and cents.
    Eur,
}

impl Currency {
    /// All of them.
    pub const ALL: [Currency; 4] = [Currency::Kzt, Currency::Rub, Currency::Usd, Currency::Eur];

    /// By its code (ISO 4217).
    pub fn by_code(code: &str) -> Option<Currency> {
        Currency::ALL.into_iter().find(|currency| currency.code() == code)
    }

    /// Its code (ISO 4217).
    pub fn code(self) -> &'static str {
        match self {
            Currency::Kzt => "KZT",
            Currency::Rub => "RUB",
            Currency::Usd => "USD",
            Currency::Eur => "EUR",
        }
    }
}

/// How a value is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Manner {
    /// As a number of things.
    Number,
    /// Digit by digit.
    Digits,
    /// As an amount of a currency.
    Money(Currency),
    /// As a day.
    Date,
    /// As a time of day.
    Time,
}

impl Manner {
    /// Reads a value: `-15`, `0042`, `5123.45`, `2026-11-22` or `14:05`; `None` when it can't be said so.
    pub fn read(self, value: &str) -> Option<Saying> {
        match self {
            Manner::Number => {
                value.parse().ok().map(Saying::Number).or_else(|| Manner::Digits.read(value))
            }
            Manner::Digits => {
                let plain = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
                plain.then(|| Saying::Digits(value.to_owned()))
            }
            Manner::Money(currency) => Saying::money(value, currency),
            Manner::Date => Saying::date(value),
            Manner::Time => Saying::time(value),
        }
    }

    /// Every fragment that this manner may need in a language: what has to be recorded.
    pub fn fragments(self, language: Language) -> Vec<Fragment> {
        let tongue = language.tongue();
        let mut all = tongue.numbers();
        match self {
            Manner::Number => {}
            Manner::Digits => all = (0..10).map(|digit| tongue.digit(digit)).collect(),
            Manner::Money(currency) => {
                let (whole, part) = tongue.currency(currency);
                all.extend([whole, part].into_iter().flat_map(Noun::forms));
            }
            Manner::Date => all.extend(tongue.days()),
            Manner::Time => all.extend(tongue.hours()),
        }
        all
    }

    /// The most fragments that one value takes, in any language.
    pub fn fragments_max(self) -> u32 {
        // Four groups of at most five words ("nine hundred and ninety nine"), three scales, a joint, a sign.
        const NUMBER: u32 = 4 * 5 + 3 + 1 + 1;
        match self {
            // What is beyond words is said digit by digit.
            Manner::Number | Manner::Digits => NUMBER.max(SAID_DIGITS_MAX as u32),
            // A number, its noun, a number below a hundred, and its noun.
            Manner::Money(_) => NUMBER + 1 + 2 + 1,
            // Two words for the day, one for the month, five for the year and «года».
            Manner::Date => 2 + 1 + 5 + 1,
            // Two numbers below a hundred and their nouns, or "oh" and "p.m.".
            Manner::Time => 2 + 1 + 2 + 1,
        }
    }
}

/// Something to say that no single recording holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saying {
    /// A number of things; beyond [`SAID_NUMBER_MAX`] its digits.
    Number(i64),
    /// Digit by digit: a number of a phone, an account or a code. What is no digit is not said.
    Digits(String),
    /// An amount in hundredths of the currency. A part that is nought is left out, unless both are.
    Money(i64, Currency),
    /// A day. Year within [`SAID_YEARS`], month and day as in a calendar.
    Date(u16, u8, u8),
    /// An hour from 0 to 23 and its minute.
    Time(u8, u8),
}

impl Saying {
    /// The fragments that say it, in order.
    ///
    /// A date or time outside its bounds is our own bug and panics; [`Saying::date`] and [`Saying::time`] read them
    /// from what strangers send.
    pub fn fragments(&self, language: Language) -> Vec<Fragment> {
        let tongue = language.tongue();
        let mut said = Vec::new();
        match self {
            Saying::Number(number) => signed(tongue, *number, &mut said),
            Saying::Digits(digits) => spell(tongue, digits, &mut said),
            Saying::Money(hundredths, currency) => {
                money(tongue, *hundredths, *currency, &mut said);
            }
            Saying::Date(year, month, day) => {
                assert!(
                    SAID_YEARS.contains(year) && (1..=12).contains(month) && (1..=31).contains(day),
                    "a day to say is in a calendar"
                );
                tongue.date(*year, *month, *day, &mut said);
            }
            Saying::Time(hour, minute) => {
                assert!(*hour < 24 && *minute < 60, "a time to say is on a clock");
                tongue.time(*hour, *minute, &mut said);
            }
        }
        said
    }

    /// A day as `2026-11-22`; `None` when it is none, or its year is outside [`SAID_YEARS`].
    pub fn date(text: &str) -> Option<Saying> {
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let plain = [year, month, day].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
        if !plain || year.len() != 4 || month.len() != 2 || day.len() != 2 {
            return None;
        }
        let (year, month, day): (u16, i8, i8) =
            (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
        let civil = Date::new(year as i16, month, day).ok()?;
        let there = SAID_YEARS.contains(&year);
        there.then_some(Saying::Date(year, civil.month() as u8, civil.day() as u8))
    }

    /// A time as `14:05`; `None` when it is none.
    pub fn time(text: &str) -> Option<Saying> {
        let (hour, minute) = text.split_once(':')?;
        let plain = [hour, minute].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
        if !plain || hour.len() != 2 || minute.len() != 2 {
            return None;
        }
        let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour < 24 && minute < 60).then_some(Saying::Time(hour, minute))
    }

    /// An amount as `5123`, `5123.4`, `5123.45` or `-7.00`; `None` when it is none, or larger than can be held.
    pub fn money(text: &str, currency: Currency) -> Option<Saying> {
        let (sign, text) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let plain = [whole, part].iter().all(|t| t.bytes().all(|b| b.is_ascii_digit()));
        if !plain || whole.is_empty() || part.is_empty() || part.len() > 2 {
            return None;
        }
        let hundredths: i64 =
            if part.len() == 1 { part.parse::<i64>().ok()? * 10 } else { part.parse().ok()? };
        let whole: i64 = whole.parse().ok()?;
        let amount = whole.checked_mul(100)?.checked_add(hundredths)?;
        Some(Saying::Money(sign * amount, currency))
    }
}

/// Every fragment that sayings of a language are made of, by name: what has to be recorded.
pub fn recordings(language: Language) -> BTreeMap<&'static str, &'static str> {
    let money = Currency::ALL.map(Manner::Money);
    let manners =
        [Manner::Number, Manner::Digits, Manner::Date, Manner::Time].into_iter().chain(money);
    let all = manners.flat_map(|manner| manner.fragments(language));
    all.map(|fragment| (fragment.name, fragment.text)).collect()
}

/// The grammatical gender of what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gender {
    Masculine,
    Feminine,
}

/// What is counted, in the forms that numbers ask for.
#[derive(Clone, Copy, Debug)]
struct Noun {
    gender: Gender,
    /// With 1, and 21 where the language says so.
    one: Fragment,
    /// With 2, 3 and 4 in Russian.
    few: Fragment,
    /// With the others.
    many: Fragment,
}

impl Noun {
    /// One form for all numbers.
    const fn unchanging(form: Fragment) -> Noun {
        Noun { gender: Gender::Masculine, one: form, few: form, many: form }
    }

    fn forms(self) -> [Fragment; 3] {
        [self.one, self.few, self.many]
    }
}

/// A language's part: what differs between them.
trait Tongue {
    fn zero(&self) -> Fragment;
    fn minus(&self) -> Fragment;
    /// One, two, three and on, at least to nine.
    fn ones(&self) -> &'static [Fragment];
    /// Says 1 to 999.
    fn group(&self, number: u16, gender: Gender, said: &mut Vec<Fragment>);
    /// A thousand, a million, a milliard.
    fn scale(&self, power: usize) -> Noun;
    /// The form of a noun with a number.
    fn form(&self, noun: Noun, number: u64) -> Fragment;
    /// What stands between thousands and a rest below a hundred.
    fn joint(&self) -> Option<Fragment> {
        None
    }
    /// A currency and its hundredth.
    fn currency(&self, currency: Currency) -> (Noun, Noun);
    fn date(&self, year: u16, month: u8, day: u8, said: &mut Vec<Fragment>);
    fn time(&self, hour: u8, minute: u8, said: &mut Vec<Fragment>);
    /// All fragments of numbers.
    fn numbers(&self) -> Vec<Fragment>;
    /// Those that days need beside numbers.
    fn days(&self) -> Vec<Fragment>;
    /// Those that times need beside numbers.
    fn hours(&self) -> Vec<Fragment>;

    /// 0 to 9, one by one.
    fn digit(&self, digit: u8) -> Fragment {
        if digit == 0 { self.zero() } else { self.ones()[usize::from(digit) - 1] }
    }
}

/// The ordinal words of the days of a month: up to the 19th, the round ones, and the tens that go before the others.
struct Days {
    tens: &'static [Fragment],
    ones: &'static [Fragment; 19],
    round: &'static [Fragment; 2],
}

impl Days {
    fn say(&self, day: u8, said: &mut Vec<Fragment>) {
        let day = usize::from(day);
        match (day / 10, day % 10) {
            (tens @ 2..=3, 0) => said.push(self.round[tens - 2]),
            (tens @ 2..=3, ones) => said.extend([self.tens[tens - 2], self.ones[ones - 1]]),
            _ => said.push(self.ones[day - 1]),
        }
    }
}

/// An hour and, if it isn't a full one, its minute, both counted.
fn counted_time(
    tongue: &dyn Tongue,
    time: (u8, u8),
    nouns: (Noun, Noun),
    said: &mut Vec<Fragment>,
) {
    counted(tongue, u64::from(time.0), nouns.0, said);
    if time.1 > 0 {
        counted(tongue, u64::from(time.1), nouns.1, said);
    }
}

/// Says a number up to [`SAID_NUMBER_MAX`].
fn cardinal(tongue: &dyn Tongue, number: u64, gender: Gender, said: &mut Vec<Fragment>) {
    if number == 0 {
        said.push(tongue.zero());
        return;
    }
    for (power, unit) in [(3, 1_000_000_000), (2, 1_000_000), (1, 1_000)] {
        let count = number / unit % 1_000;
        if count > 0 {
            let noun = tongue.scale(power);
            tongue.group(count as u16, noun.gender, said);
            said.push(tongue.form(noun, count));
        }
    }
    let rest = number % 1_000;
    if rest > 0 {
        if number > rest && rest < 100 {
            said.extend(tongue.joint());
        }
        tongue.group(rest as u16, gender, said);
    }
}

fn signed(tongue: &dyn Tongue, number: i64, said: &mut Vec<Fragment>) {
    if number < 0 {
        said.push(tongue.minus());
    }
    if number.unsigned_abs() > SAID_NUMBER_MAX.unsigned_abs() {
        spell(tongue, &number.unsigned_abs().to_string(), said);
    } else {
        cardinal(tongue, number.unsigned_abs(), Gender::Masculine, said);
    }
}

fn spell(tongue: &dyn Tongue, digits: &str, said: &mut Vec<Fragment>) {
    let digits = digits.bytes().filter(u8::is_ascii_digit).take(SAID_DIGITS_MAX);
    said.extend(digits.map(|digit| tongue.digit(digit - b'0')));
}

fn counted(tongue: &dyn Tongue, number: u64, noun: Noun, said: &mut Vec<Fragment>) {
    if number > SAID_NUMBER_MAX.unsigned_abs() {
        spell(tongue, &number.to_string(), said);
    } else {
        cardinal(tongue, number, noun.gender, said);
    }
    said.push(tongue.form(noun, number));
}

fn money(tongue: &dyn Tongue, hundredths: i64, currency: Currency, said: &mut Vec<Fragment>) {
    let (whole, part) = tongue.currency(currency);
    let amount = hundredths.unsigned_abs();
    if hundredths < 0 {
        said.push(tongue.minus());
    }
    if amount >= 100 || amount == 0 {
        counted(tongue, amount / 100, whole, said);
    }
    if !amount.is_multiple_of(100) {
        counted(tongue, amount % 100, part, said);
    }
}

#[cfg(test)]
mod tests;
