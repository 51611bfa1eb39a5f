//! Recurring days against RFC 5545's own examples, and against python3-dateutil on rules made by chance.

use super::recurrence::{Recurrence, date_time};
use crate::chance::Chance;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::io::Write as _;
use std::process::{Command, Stdio};

fn dates(start: &str, rule: &str) -> Vec<Date> {
    let zone = TimeZone::get("America/New_York").unwrap();
    let recurrence =
        Recurrence::parse(rule, &zone).unwrap_or_else(|wrong| panic!("{rule}: {wrong:?}"));
    recurrence.dates(date_time(start).unwrap())
}

fn words(dates: &[Date]) -> String {
    let words: Vec<String> = dates.iter().map(|day| day.strftime("%Y%m%d").to_string()).collect();
    words.join(" ")
}

/// The examples of RFC 5545 §3.8.5.3 that choose days, all of them in New York at nine: the rule, the first day, the
/// first days of the answer, and how many there are when the rule ends.
const EXAMPLES: [(&str, &str, &str, Option<usize>); 27] = [
    ("FREQ=DAILY;COUNT=10", "19970902", "19970902 19970903 19970904", Some(10)),
    ("FREQ=DAILY;UNTIL=19971224T000000Z", "19970902", "19970902 19970903", Some(113)),
    ("FREQ=DAILY;INTERVAL=2", "19970902", "19970902 19970904 19970906", None),
    (
        "FREQ=DAILY;INTERVAL=10;COUNT=5",
        "19970902",
        "19970902 19970912 19970922 19971002 19971012",
        Some(5),
    ),
    ("FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1", "19980101", "19980101 19980102", Some(93)),
    ("FREQ=WEEKLY;COUNT=10", "19970902", "19970902 19970909 19970916", Some(10)),
    ("FREQ=WEEKLY;UNTIL=19971224T000000Z", "19970902", "19970902 19970909", Some(17)),
    ("FREQ=WEEKLY;INTERVAL=2;WKST=SU", "19970902", "19970902 19970916 19970930 19971014", None),
    (
        "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH",
        "19970902",
        "19970902 19970904 19970909",
        Some(10),
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
        "19970901",
        "19970901 19970903 19970905 19970915 19970917 19970919 19970929",
        Some(25),
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
        "19970902",
        "19970902 19970904 19970916 19970918",
        Some(8),
    ),
    (
        "FREQ=MONTHLY;COUNT=10;BYDAY=1FR",
        "19970905",
        "19970905 19971003 19971107 19971205",
        Some(10),
    ),
    (
        "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
        "19970907",
        "19970907 19970928 19971102 19971130",
        Some(10),
    ),
    (
        "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO",
        "19970922",
        "19970922 19971020 19971117 19971222 19980119 19980216",
        Some(6),
    ),
    (
        "FREQ=MONTHLY;BYMONTHDAY=-3",
        "19970928",
        "19970928 19971029 19971128 19971229 19980129 19980226",
        None,
    ),
    (
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15",
        "19970902",
        "19970902 19970915 19971002 19971015",
        Some(10),
    ),
    (
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
        "19970930",
        "19970930 19971001 19971031 19971101",
        Some(10),
    ),
    (
        "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
        "19970910",
        "19970910 19970911",
        Some(10),
    ),
    (
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU",
        "19970902",
        "19970902 19970909 19970916 19970923 19970930 19971104",
        None,
    ),
    (
        "FREQ=YEARLY;COUNT=10;BYMONTH=6,7",
        "19970610",
        "19970610 19970710 19980610 19980710",
        Some(10),
    ),
    ("FREQ=YEARLY;BYDAY=20MO", "19970519", "19970519 19980518 19990517", None),
    ("FREQ=YEARLY;BYMONTH=3;BYDAY=TH", "19970313", "19970313 19970320 19970327 19980305", None),
    (
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "19970902",
        "19980213 19980313 19981113 19990813 20001013",
        None,
    ),
    (
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
        "19961105",
        "19961105 20001107 20041102",
        None,
    ),
    (
        "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3",
        "19970904",
        "19970904 19971007 19971106",
        Some(3),
    ),
    (
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
        "19970929",
        "19970929 19971030 19971127 19971230",
        None,
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
        "19970805",
        "19970805 19970817 19970819 19970831",
        Some(4),
    ),
];

#[test]
fn the_examples_of_the_rfc_fall_on_its_days() {
    for (rule, first, days, many) in EXAMPLES {
        let found = dates(&format!("{first}T090000"), rule);
        assert!(words(&found).starts_with(days), "{rule}: {}", words(&found[..found.len().min(9)]));
        match many {
            Some(many) => assert_eq!(found.len(), many, "{rule}"),
            None => assert_eq!(found.last().map(|day| day.year() > 2090), Some(true), "{rule}"),
        }
    }
    // The first day of the week matters.
    let monday = dates("19970805T090000", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO");
    assert_eq!(words(&monday), "19970805 19970810 19970819 19970824");
    // Days that are not there are left out.
    let thirtieth = dates("20070115T090000", "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5");
    assert_eq!(words(&thirtieth), "20070115 20070130 20070215 20070315 20070330");
}

#[test]
fn what_a_rule_must_not_say_is_refused_with_the_cure() {
    for (rule, mistakes) in [
        ("", 2),
        ("INTERVAL=2", 1),
        ("FREQ=HOURLY", 1),
        ("FREQ=DAILY;COUNT=3;UNTIL=20260101", 1),
        ("FREQ=DAILY;COUNT=0;INTERVAL=0", 2),
        ("FREQ=WEEKLY;BYDAY=2MO", 1),
        ("FREQ=WEEKLY;BYMONTHDAY=2", 1),
        ("FREQ=MONTHLY;BYSETPOS=1", 1),
        ("FREQ=MONTHLY;BYDAY=54MO,XX", 1),
        ("FREQ=MONTHLY;BYMONTHDAY=0", 1),
        ("FREQ=MONTHLY;BYMONTHDAY=-32", 1),
        ("FREQ=YEARLY;BYMONTH=-1", 1),
        ("FREQ=YEARLY;BYWEEKNO=20;BYYEARDAY=1;BYHOUR=9", 3),
        ("FREQ=YEARLY;FREQ=YEARLY", 1),
        ("FREQ=YEARLY;UNTIL=2026", 1),
        ("FREQ=YEARLY;EVERY=2", 1),
        ("FREQ=YEARLY;BYDAY=\u{2603}", 1),
        ("FREQ=YEARLY;WKST=1", 1),
        ("FREQ=YEARLY;", 1),
    ] {
        let wrong = Recurrence::parse(rule, &TimeZone::UTC).unwrap_err();
        assert_eq!(wrong.len(), mistakes, "{rule}: {wrong:?}");
        assert!(wrong.iter().all(|wrong| !wrong.cure.is_empty()), "{rule}: {wrong:?}");
    }
}

fn some(chance: &mut Chance, many: u64, one: impl Fn(&mut Chance) -> String) -> String {
    let many = 1 + chance.below(many);
    let words: Vec<String> = (0..many).map(|_| one(chance)).collect();
    words.join(",")
}

fn signed(chance: &mut Chance, most: u64) -> String {
    let sign = if chance.below(3) == 0 { "-" } else { "" };
    format!("{sign}{}", 1 + chance.below(most))
}

/// A rule that RFC 5545 allows.
fn some_rule(chance: &mut Chance) -> String {
    let frequency = ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"][chance.below(4) as usize];
    let day =
        |chance: &mut Chance| ["MO", "TU", "WE", "TH", "FR", "SA", "SU"][chance.below(7) as usize];
    let mut rule = format!("FREQ={frequency};INTERVAL={}", 1 + chance.below(4));
    let mut by = false;
    if chance.below(3) == 0 {
        rule +=
            &format!(";BYMONTH={}", some(chance, 4, |chance| (1 + chance.below(12)).to_string()));
        by = true;
    }
    if frequency != "WEEKLY" && chance.below(3) == 0 {
        rule += &format!(";BYMONTHDAY={}", some(chance, 5, |chance| signed(chance, 31)));
        by = true;
    }
    if chance.below(2) == 0 {
        let weekly = ["DAILY", "WEEKLY"].contains(&frequency);
        // dateutil takes a rule with weekdays of both kinds for one that asks for both at once.
        let numbered = !weekly && chance.below(2) == 0;
        let most = if frequency == "MONTHLY" || rule.contains("BYMONTH=") { 5 } else { 53 };
        let days = some(chance, 5, |chance| match numbered {
            true => signed(chance, most) + day(chance),
            false => day(chance).to_owned(),
        });
        rule += &format!(";BYDAY={days}");
        by = true;
    }
    // Of a first week that has begun before the first day, dateutil chooses among what is left.
    if by && frequency != "WEEKLY" && chance.below(3) == 0 {
        rule += &format!(";BYSETPOS={}", some(chance, 3, |chance| signed(chance, 6)));
    }
    if chance.below(3) == 0 {
        rule += &format!(";WKST={}", day(chance));
    }
    match chance.below(3) {
        0 => rule += &format!(";COUNT={}", 1 + chance.below(60)),
        1 => {
            rule += &format!(
                ";UNTIL=20{:02}{:02}15T090000",
                10 + chance.below(35),
                1 + chance.below(12)
            )
        }
        _ => {}
    }
    rule
}

#[test]
fn rules_by_chance_fall_on_the_days_that_dateutil_finds() {
    let mut chance = Chance::new(5545);
    let cases: Vec<(String, String)> = (0..500)
        .map(|_| {
            let (year, month) = (1997 + chance.below(33), 1 + chance.below(12));
            let start = format!("{year}{month:02}{:02}T090000", 1 + chance.below(28));
            (start, some_rule(&mut chance))
        })
        .collect();
    let mut python = Command::new("python3")
        .args(["-c", include_str!("oracle.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is installed: make setup-tests installs it");
    let mut questions = python.stdin.take().unwrap();
    let asked: String = cases.iter().map(|(start, rule)| format!("{start} {rule}\n")).collect();
    let asking = questions.write_all(asked.as_bytes());
    drop(questions);
    let answer = python.wait_with_output().unwrap();
    asking.unwrap();
    assert!(
        answer.status.success(),
        "python3-dateutil is installed (apt-get install python3-dateutil)"
    );
    let answer = String::from_utf8(answer.stdout).unwrap();
    assert_eq!(answer.lines().count(), cases.len());
    let mut days = 0;
    for ((start, rule), wanted) in cases.iter().zip(answer.lines()) {
        let found: Vec<Date> =
            dates(start, rule).into_iter().filter(|day| day.year() <= 2045).collect();
        assert_eq!(words(&found), wanted, "{start} {rule}");
        days += found.len();
    }
    assert!(days > 30_000, "the rules fall on {days} days");
}
