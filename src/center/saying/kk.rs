//! Kazakh: no genders and one form of everything counted; ordinals by the last word.

use super::{Currency, Fragment, Gender, Noun, Tongue, cardinal, counted_time, f};

pub(super) struct Kk;

const ZERO: Fragment = f("say-0", "нөл");
const MINUS: Fragment = f("say-minus", "минус");
const HUNDRED: Fragment = f("say-100", "жүз");
const ONES: [Fragment; 9] = [
    f("say-1", "бір"),
    f("say-2", "екі"),
    f("say-3", "үш"),
    f("say-4", "төрт"),
    f("say-5", "бес"),
    f("say-6", "алты"),
    f("say-7", "жеті"),
    f("say-8", "сегіз"),
    f("say-9", "тоғыз"),
];
const TENS: [Fragment; 9] = [
    f("say-10", "он"),
    f("say-20", "жиырма"),
    f("say-30", "отыз"),
    f("say-40", "қырық"),
    f("say-50", "елу"),
    f("say-60", "алпыс"),
    f("say-70", "жетпіс"),
    f("say-80", "сексен"),
    f("say-90", "тоқсан"),
];
const SCALES: [Fragment; 3] =
    [f("say-thousand", "мың"), f("say-million", "миллион"), f("say-milliard", "миллиард")];
const HOUR: Noun = Noun::unchanging(f("say-hour", "сағат"));
const MINUTE: Noun = Noun::unchanging(f("say-minute", "минут"));
/// The last words of ordinal numbers.
const ORDINAL_ONES: [Fragment; 9] = [
    f("say-nth-1", "бірінші"),
    f("say-nth-2", "екінші"),
    f("say-nth-3", "үшінші"),
    f("say-nth-4", "төртінші"),
    f("say-nth-5", "бесінші"),
    f("say-nth-6", "алтыншы"),
    f("say-nth-7", "жетінші"),
    f("say-nth-8", "сегізінші"),
    f("say-nth-9", "тоғызыншы"),
];
const ORDINAL_TENS: [Fragment; 9] = [
    f("say-nth-10", "оныншы"),
    f("say-nth-20", "жиырмасыншы"),
    f("say-nth-30", "отызыншы"),
    f("say-nth-40", "қырқыншы"),
    f("say-nth-50", "елуінші"),
    f("say-nth-60", "алпысыншы"),
    f("say-nth-70", "жетпісінші"),
    f("say-nth-80", "сексенінші"),
    f("say-nth-90", "тоқсаныншы"),
];
const ORDINAL_HUNDRED: Fragment = f("say-nth-100", "жүзінші");
const ORDINAL_THOUSAND: Fragment = f("say-nth-1000", "мыңыншы");
const OF_YEAR: Fragment = f("say-year", "жылғы");
const MONTHS: [Fragment; 12] = [
    f("say-month-1", "қаңтар"),
    f("say-month-2", "ақпан"),
    f("say-month-3", "наурыз"),
    f("say-month-4", "сәуір"),
    f("say-month-5", "мамыр"),
    f("say-month-6", "маусым"),
    f("say-month-7", "шілде"),
    f("say-month-8", "тамыз"),
    f("say-month-9", "қыркүйек"),
    f("say-month-10", "қазан"),
    f("say-month-11", "қараша"),
    f("say-month-12", "желтоқсан"),
];

impl Tongue for Kk {
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
        let number = usize::from(number);
        if number >= 200 {
            said.push(ONES[number / 100 - 1]);
        }
        if number >= 100 {
            said.push(HUNDRED);
        }
        if number % 100 >= 10 {
            said.push(TENS[number % 100 / 10 - 1]);
        }
        if number % 10 > 0 {
            said.push(ONES[number % 10 - 1]);
        }
    }

    fn scale(&self, power: usize) -> Noun {
        Noun::unchanging(SCALES[power - 1])
    }

    fn form(&self, noun: Noun, _number: u64) -> Fragment {
        noun.one
    }

    fn currency(&self, currency: Currency) -> (Noun, Noun) {
        let (whole, part) = match currency {
            Currency::Kzt => (f("say-tenge", "теңге"), f("say-tiyn", "тиын")),
            Currency::Rub => (f("say-rouble", "рубль"), f("say-kopeck", "тиын")),
            Currency::Usd => (f("say-dollar", "доллар"), f("say-cent", "цент")),
            Currency::Eur => (f("say-euro", "еуро"), f("say-cent", "цент")),
        };
        (Noun::unchanging(whole), Noun::unchanging(part))
    }

    fn date(&self, year: u16, month: u8, day: u8, said: &mut Vec<Fragment>) {
        ordinal(year, said);
        said.push(OF_YEAR);
        ordinal(u16::from(day), said);
        said.push(MONTHS[usize::from(month) - 1]);
    }

    fn time(&self, hour: u8, minute: u8, said: &mut Vec<Fragment>) {
        counted_time(self, (hour, minute), (HOUR, MINUTE), said);
    }

    fn numbers(&self) -> Vec<Fragment> {
        let mut all = vec![ZERO, MINUS, HUNDRED];
        [&ONES[..], &TENS, &SCALES].into_iter().for_each(|list| all.extend(list));
        all
    }

    fn days(&self) -> Vec<Fragment> {
        let mut all = vec![ORDINAL_HUNDRED, ORDINAL_THOUSAND, OF_YEAR];
        [&ORDINAL_ONES[..], &ORDINAL_TENS, &MONTHS].into_iter().for_each(|list| all.extend(list));
        all
    }

    fn hours(&self) -> Vec<Fragment> {
        vec![HOUR.one, MINUTE.one]
    }
}

/// An ordinal up to 9,999: a number whose last word alone takes the ending.
fn ordinal(number: u16, said: &mut Vec<Fragment>) {
    let (ones, tens, hundreds) = (number % 10, number % 100, number % 1_000);
    let (rest, last) = match () {
        () if ones > 0 => (number - ones, ORDINAL_ONES[usize::from(ones) - 1]),
        () if tens > 0 => (number - tens, ORDINAL_TENS[usize::from(tens) / 10 - 1]),
        () if hundreds > 0 => {
            // «тоғыз жүзінші»: the hundreds are counted, only their name takes the ending.
            let thousands = number - hundreds;
            if thousands > 0 {
                cardinal(&Kk, u64::from(thousands), Gender::Masculine, said);
            }
            (if hundreds > 100 { hundreds / 100 } else { 0 }, ORDINAL_HUNDRED)
        }
        () => (number / 1_000, ORDINAL_THOUSAND),
    };
    if rest > 0 {
        cardinal(&Kk, u64::from(rest), Gender::Masculine, said);
    }
    said.push(last);
}
