//! Russian: genders, three plural forms, ordinals in two cases.

use super::{Currency, Days, Fragment, Gender, Noun, Tongue, cardinal, counted_time, f};

pub(super) struct Ru;

const ZERO: Fragment = f("say-0", "ноль");
const MINUS: Fragment = f("say-minus", "минус");
const ONE_F: Fragment = f("say-1-f", "одна");
const TWO_F: Fragment = f("say-2-f", "две");

const ONES: [Fragment; 19] = [
    f("say-1", "один"),
    f("say-2", "два"),
    f("say-3", "три"),
    f("say-4", "четыре"),
    f("say-5", "пять"),
    f("say-6", "шесть"),
    f("say-7", "семь"),
    f("say-8", "восемь"),
    f("say-9", "девять"),
    f("say-10", "десять"),
    f("say-11", "одиннадцать"),
    f("say-12", "двенадцать"),
    f("say-13", "тринадцать"),
    f("say-14", "четырнадцать"),
    f("say-15", "пятнадцать"),
    f("say-16", "шестнадцать"),
    f("say-17", "семнадцать"),
    f("say-18", "восемнадцать"),
    f("say-19", "девятнадцать"),
];
const TENS: [Fragment; 8] = [
    f("say-20", "двадцать"),
    f("say-30", "тридцать"),
    f("say-40", "сорок"),
    f("say-50", "пятьдесят"),
    f("say-60", "шестьдесят"),
    f("say-70", "семьдесят"),
    f("say-80", "восемьдесят"),
    f("say-90", "девяносто"),
];
const HUNDREDS: [Fragment; 9] = [
    f("say-100", "сто"),
    f("say-200", "двести"),
    f("say-300", "триста"),
    f("say-400", "четыреста"),
    f("say-500", "пятьсот"),
    f("say-600", "шестьсот"),
    f("say-700", "семьсот"),
    f("say-800", "восемьсот"),
    f("say-900", "девятьсот"),
];
/// Thousand, million and milliard.
const SCALES: [Noun; 3] = [
    feminine(
        f("say-thousand-1", "тысяча"),
        f("say-thousand-2", "тысячи"),
        f("say-thousand-5", "тысяч"),
    ),
    masculine(
        f("say-million-1", "миллион"),
        f("say-million-2", "миллиона"),
        f("say-million-5", "миллионов"),
    ),
    masculine(
        f("say-milliard-1", "миллиард"),
        f("say-milliard-2", "миллиарда"),
        f("say-milliard-5", "миллиардов"),
    ),
];
const HOUR: Noun =
    masculine(f("say-hour-1", "час"), f("say-hour-2", "часа"), f("say-hour-5", "часов"));
const MINUTE: Noun =
    feminine(f("say-minute-1", "минута"), f("say-minute-2", "минуты"), f("say-minute-5", "минут"));
/// Days of a month, as in «пятое мая»; from the 21st on a ten goes before.
const DAYS: [Fragment; 19] = [
    f("say-day-1", "первое"),
    f("say-day-2", "второе"),
    f("say-day-3", "третье"),
    f("say-day-4", "четвёртое"),
    f("say-day-5", "пятое"),
    f("say-day-6", "шестое"),
    f("say-day-7", "седьмое"),
    f("say-day-8", "восьмое"),
    f("say-day-9", "девятое"),
    f("say-day-10", "десятое"),
    f("say-day-11", "одиннадцатое"),
    f("say-day-12", "двенадцатое"),
    f("say-day-13", "тринадцатое"),
    f("say-day-14", "четырнадцатое"),
    f("say-day-15", "пятнадцатое"),
    f("say-day-16", "шестнадцатое"),
    f("say-day-17", "семнадцатое"),
    f("say-day-18", "восемнадцатое"),
    f("say-day-19", "девятнадцатое"),
];
const DAY_TENS: [Fragment; 2] = [f("say-day-20", "двадцатое"), f("say-day-30", "тридцатое")];
const DAYS_OF_MONTH: Days = Days { tens: &TENS, ones: &DAYS, round: &DAY_TENS };
const MONTHS: [Fragment; 12] = [
    f("say-month-1", "января"),
    f("say-month-2", "февраля"),
    f("say-month-3", "марта"),
    f("say-month-4", "апреля"),
    f("say-month-5", "мая"),
    f("say-month-6", "июня"),
    f("say-month-7", "июля"),
    f("say-month-8", "августа"),
    f("say-month-9", "сентября"),
    f("say-month-10", "октября"),
    f("say-month-11", "ноября"),
    f("say-month-12", "декабря"),
];
/// The last words of a year, as in «две тысячи двадцать шестого года».
const YEAR_ONES: [Fragment; 19] = [
    f("say-year-1", "первого"),
    f("say-year-2", "второго"),
    f("say-year-3", "третьего"),
    f("say-year-4", "четвёртого"),
    f("say-year-5", "пятого"),
    f("say-year-6", "шестого"),
    f("say-year-7", "седьмого"),
    f("say-year-8", "восьмого"),
    f("say-year-9", "девятого"),
    f("say-year-10", "десятого"),
    f("say-year-11", "одиннадцатого"),
    f("say-year-12", "двенадцатого"),
    f("say-year-13", "тринадцатого"),
    f("say-year-14", "четырнадцатого"),
    f("say-year-15", "пятнадцатого"),
    f("say-year-16", "шестнадцатого"),
    f("say-year-17", "семнадцатого"),
    f("say-year-18", "восемнадцатого"),
    f("say-year-19", "девятнадцатого"),
];
const YEAR_TENS: [Fragment; 8] = [
    f("say-year-20", "двадцатого"),
    f("say-year-30", "тридцатого"),
    f("say-year-40", "сорокового"),
    f("say-year-50", "пятидесятого"),
    f("say-year-60", "шестидесятого"),
    f("say-year-70", "семидесятого"),
    f("say-year-80", "восьмидесятого"),
    f("say-year-90", "девяностого"),
];
const YEAR_100: Fragment = f("say-year-100", "сотого");
const YEAR_900: Fragment = f("say-year-900", "девятисотого");
const YEAR_2000: Fragment = f("say-year-2000", "двухтысячного");
const YEAR: Fragment = f("say-year", "года");

impl Tongue for Ru {
    fn zero(&self) -> Fragment {
        ZERO
    }

    fn minus(&self) -> Fragment {
        MINUS
    }

    fn ones(&self) -> &'static [Fragment] {
        &ONES
    }

    fn group(&self, number: u16, gender: Gender, said: &mut Vec<Fragment>) {
        let number = usize::from(number);
        if number >= 100 {
            said.push(HUNDREDS[number / 100 - 1]);
        }
        let mut rest = number % 100;
        if rest >= 20 {
            said.push(TENS[rest / 10 - 2]);
            rest %= 10;
        }
        match (rest, gender) {
            (0, Gender::Masculine | Gender::Feminine) => {}
            (1, Gender::Feminine) => said.push(ONE_F),
            (2, Gender::Feminine) => said.push(TWO_F),
            (rest, Gender::Masculine | Gender::Feminine) => said.push(ONES[rest - 1]),
        }
    }

    fn scale(&self, power: usize) -> Noun {
        SCALES[power - 1]
    }

    fn form(&self, noun: Noun, number: u64) -> Fragment {
        match (number % 10, number % 100) {
            (_, 11..=14) => noun.many,
            (1, _) => noun.one,
            (2..=4, _) => noun.few,
            _ => noun.many,
        }
    }

    fn currency(&self, currency: Currency) -> (Noun, Noun) {
        match currency {
            Currency::Kzt => (Noun::unchanging(f("say-tenge", "тенге")), TIYN),
            Currency::Rub => (ROUBLE, KOPECK),
            Currency::Usd => (DOLLAR, CENT),
            Currency::Eur => (Noun::unchanging(f("say-euro", "евро")), CENT),
        }
    }

    fn date(&self, year: u16, month: u8, day: u8, said: &mut Vec<Fragment>) {
        DAYS_OF_MONTH.say(day, said);
        said.push(MONTHS[usize::from(month) - 1]);
        year_of(year, said);
        said.push(YEAR);
    }

    fn time(&self, hour: u8, minute: u8, said: &mut Vec<Fragment>) {
        counted_time(self, (hour, minute), (HOUR, MINUTE), said);
    }

    fn numbers(&self) -> Vec<Fragment> {
        let mut all = vec![ZERO, MINUS, ONE_F, TWO_F];
        [&ONES[..], &TENS, &HUNDREDS].into_iter().for_each(|list| all.extend(list));
        all.extend(SCALES.into_iter().flat_map(Noun::forms));
        all
    }

    fn days(&self) -> Vec<Fragment> {
        let mut all = vec![YEAR_100, YEAR_900, YEAR_2000, YEAR];
        for list in [&DAYS[..], &DAY_TENS, &MONTHS, &YEAR_ONES, &YEAR_TENS] {
            all.extend(list);
        }
        all
    }

    fn hours(&self) -> Vec<Fragment> {
        [HOUR, MINUTE].into_iter().flat_map(Noun::forms).collect()
    }
}

const TIYN: Noun =
    masculine(f("say-tiyn-1", "тиын"), f("say-tiyn-2", "тиына"), f("say-tiyn-5", "тиынов"));
const ROUBLE: Noun =
    masculine(f("say-rouble-1", "рубль"), f("say-rouble-2", "рубля"), f("say-rouble-5", "рублей"));
const KOPECK: Noun = feminine(
    f("say-kopeck-1", "копейка"),
    f("say-kopeck-2", "копейки"),
    f("say-kopeck-5", "копеек"),
);
const DOLLAR: Noun = masculine(
    f("say-dollar-1", "доллар"),
    f("say-dollar-2", "доллара"),
    f("say-dollar-5", "долларов"),
);
const CENT: Noun =
    masculine(f("say-cent-1", "цент"), f("say-cent-2", "цента"), f("say-cent-5", "центов"));

const fn masculine(one: Fragment, few: Fragment, many: Fragment) -> Noun {
    Noun { gender: Gender::Masculine, one, few, many }
}

const fn feminine(one: Fragment, few: Fragment, many: Fragment) -> Noun {
    Noun { gender: Gender::Feminine, one, few, many }
}

/// A year in the genitive: everything but its last word as a number, and «тысяча» of a year without «одна».
fn year_of(year: u16, said: &mut Vec<Fragment>) {
    let number = |mut n: u16, said: &mut Vec<Fragment>| {
        if n / 1_000 == 1 {
            said.push(SCALES[0].one);
            n -= 1_000;
        }
        if n > 0 {
            cardinal(&Ru, u64::from(n), Gender::Masculine, said);
        }
    };
    match (year, year % 100) {
        (2000, _) => said.push(YEAR_2000),
        (1900, _) => {
            number(1000, said);
            said.push(YEAR_900);
        }
        (2100, _) => {
            number(2000, said);
            said.push(YEAR_100);
        }
        (year, rest @ 1..=19) => {
            number(year - rest, said);
            said.push(YEAR_ONES[usize::from(rest) - 1]);
        }
        (year, rest) if rest % 10 == 0 => {
            number(year - rest, said);
            said.push(YEAR_TENS[usize::from(rest) / 10 - 2]);
        }
        (year, rest) => {
            number(year - rest % 10, said);
            said.push(YEAR_ONES[usize::from(rest) % 10 - 1]);
        }
    }
}
