//! English: "and" before a rest below a hundred, years in pairs, the hour with a.m. and p.m.

use super::{Currency, Days, Fragment, Gender, Noun, Tongue, cardinal, f};

pub(super) struct En;

const ZERO: Fragment = f("say-0", "zero");
const MINUS: Fragment = f("say-minus", "minus");
const AND: Fragment = f("say-and", "and");
const HUNDRED: Fragment = f("say-100", "hundred");
/// The nought of "nineteen oh five" and "two oh five p.m.".
const OH: Fragment = f("say-oh", "oh");
const ONES: [Fragment; 19] = [
    f("say-1", "one"),
    f("say-2", "two"),
    f("say-3", "three"),
    f("say-4", "four"),
    f("say-5", "five"),
    f("say-6", "six"),
    f("say-7", "seven"),
    f("say-8", "eight"),
    f("say-9", "nine"),
    f("say-10", "ten"),
    f("say-11", "eleven"),
    f("say-12", "twelve"),
    f("say-13", "thirteen"),
    f("say-14", "fourteen"),
    f("say-15", "fifteen"),
    f("say-16", "sixteen"),
    f("say-17", "seventeen"),
    f("say-18", "eighteen"),
    f("say-19", "nineteen"),
];
const TENS: [Fragment; 8] = [
    f("say-20", "twenty"),
    f("say-30", "thirty"),
    f("say-40", "forty"),
    f("say-50", "fifty"),
    f("say-60", "sixty"),
    f("say-70", "seventy"),
    f("say-80", "eighty"),
    f("say-90", "ninety"),
];
const SCALES: [Fragment; 3] =
    [f("say-thousand", "thousand"), f("say-million", "million"), f("say-milliard", "billion")];
/// Days of a month; from the 21st on a ten goes before.
const DAYS: [Fragment; 19] = [
    f("say-day-1", "first"),
    f("say-day-2", "second"),
    f("say-day-3", "third"),
    f("say-day-4", "fourth"),
    f("say-day-5", "fifth"),
    f("say-day-6", "sixth"),
    f("say-day-7", "seventh"),
    f("say-day-8", "eighth"),
    f("say-day-9", "ninth"),
    f("say-day-10", "tenth"),
    f("say-day-11", "eleventh"),
    f("say-day-12", "twelfth"),
    f("say-day-13", "thirteenth"),
    f("say-day-14", "fourteenth"),
    f("say-day-15", "fifteenth"),
    f("say-day-16", "sixteenth"),
    f("say-day-17", "seventeenth"),
    f("say-day-18", "eighteenth"),
    f("say-day-19", "nineteenth"),
];
const DAY_TENS: [Fragment; 2] = [f("say-day-20", "twentieth"), f("say-day-30", "thirtieth")];
const DAYS_OF_MONTH: Days = Days { tens: &TENS, ones: &DAYS, round: &DAY_TENS };
const MONTHS: [Fragment; 12] = [
    f("say-month-1", "January"),
    f("say-month-2", "February"),
    f("say-month-3", "March"),
    f("say-month-4", "April"),
    f("say-month-5", "May"),
    f("say-month-6", "June"),
    f("say-month-7", "July"),
    f("say-month-8", "August"),
    f("say-month-9", "September"),
    f("say-month-10", "October"),
    f("say-month-11", "November"),
    f("say-month-12", "December"),
];
const AM: Fragment = f("say-am", "a.m.");
const PM: Fragment = f("say-pm", "p.m.");

impl Tongue for En {
    fn zero(&self) -> Fragment {
        ZERO
    }

    fn minus(&self) -> Fragment {
        MINUS
    }

    fn ones(&self) -> &'static [Fragment] {
        &ONES
    }

    fn group(&self, number: u16, _gender: Gender, said: &mut Vec<Fragment>) {
        let (hundreds, rest) = (usize::from(number) / 100, usize::from(number) % 100);
        if hundreds > 0 {
            said.extend([ONES[hundreds - 1], HUNDRED]);
            if rest > 0 {
                said.push(AND);
            }
        }
        tens(rest, said);
    }

    fn scale(&self, power: usize) -> Noun {
        Noun::unchanging(SCALES[power - 1])
    }

    fn form(&self, noun: Noun, number: u64) -> Fragment {
        if number == 1 { noun.one } else { noun.many }
    }

    fn joint(&self) -> Option<Fragment> {
        Some(AND)
    }

    fn currency(&self, currency: Currency) -> (Noun, Noun) {
        let cent = noun(f("say-cent-1", "cent"), f("say-cent-2", "cents"));
        match currency {
            Currency::Kzt => {
                (Noun::unchanging(f("say-tenge", "tenge")), Noun::unchanging(f("say-tiyn", "tiyn")))
            }
            Currency::Rub => (
                noun(f("say-rouble-1", "rouble"), f("say-rouble-2", "roubles")),
                noun(f("say-kopeck-1", "kopek"), f("say-kopeck-2", "kopeks")),
            ),
            Currency::Usd => {
                (noun(f("say-dollar-1", "dollar"), f("say-dollar-2", "dollars")), cent)
            }
            Currency::Eur => (Noun::unchanging(f("say-euro", "euro")), cent),
        }
    }

    fn date(&self, year: u16, month: u8, day: u8, said: &mut Vec<Fragment>) {
        said.push(MONTHS[usize::from(month) - 1]);
        DAYS_OF_MONTH.say(day, said);
        year_of(year, said);
    }

    fn time(&self, hour: u8, minute: u8, said: &mut Vec<Fragment>) {
        let on_the_face = if hour.is_multiple_of(12) { 12 } else { hour % 12 };
        said.push(ONES[usize::from(on_the_face) - 1]);
        if (1..10).contains(&minute) {
            said.push(OH);
        }
        tens(usize::from(minute), said);
        said.push(if hour < 12 { AM } else { PM });
    }

    fn numbers(&self) -> Vec<Fragment> {
        let mut all = vec![ZERO, MINUS, AND, HUNDRED];
        [&ONES[..], &TENS, &SCALES].into_iter().for_each(|list| all.extend(list));
        all
    }

    fn days(&self) -> Vec<Fragment> {
        let mut all = vec![OH];
        [&DAYS[..], &DAY_TENS, &MONTHS].into_iter().for_each(|list| all.extend(list));
        all
    }

    fn hours(&self) -> Vec<Fragment> {
        vec![OH, AM, PM]
    }
}

const fn noun(one: Fragment, many: Fragment) -> Noun {
    Noun { gender: Gender::Masculine, one, few: many, many }
}

/// 1 to 99; nothing for 0.
fn tens(mut number: usize, said: &mut Vec<Fragment>) {
    if number >= 20 {
        said.push(TENS[number / 10 - 2]);
        number %= 10;
    }
    if number > 0 {
        said.push(ONES[number - 1]);
    }
}

/// "Two thousand and five", "nineteen hundred", "nineteen oh five", "twenty twenty-six".
fn year_of(year: u16, said: &mut Vec<Fragment>) {
    let (century, rest) = (usize::from(year) / 100, usize::from(year) % 100);
    if century % 10 == 0 && rest < 10 {
        cardinal(&En, u64::from(year), Gender::Masculine, said);
        return;
    }
    tens(century, said);
    match rest {
        0 => said.push(HUNDRED),
        1..=9 => said.extend([OH, ONES[rest - 1]]),
        _ => tens(rest, said),
    }
}
