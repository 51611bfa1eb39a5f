//! Opening hours: named calendars with a time zone, hours and holidays.
//!
//! Asked with a moment, answers emergency, holiday, closed or open, and by which line of its file. Time zones come from
//! the database compiled in, never from the machine. Knows no queue and no flow; files are `config/calendars/*.yaml`
//! ([`yaml`]) and `*.ics` ([`ics`], whose recurring events are [`recurrence`]s). [`ahead`] knows what comes next.

mod ahead;
mod ics;
#[cfg(test)]
mod oracle;
pub mod recurrence;
mod yaml;

use crate::flow::diagnostic::{Diagnostic, Spot};
use crate::flow::yaml::Reader;
use dozvon_clock::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use ics::{HolidayList, HolidayLists};

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// Whether somebody is there. What comes first here wins over what comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Open {
    /// Closed by hand.
    Emergency,
    /// The whole local day is a holiday.
    Holiday,
    /// Outside of the opening hours.
    Closed,
    /// In opening hours.
    Open,
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Open::Emergency => "emergency",
            Open::Holiday => "holiday",
            Open::Closed => "closed",
            Open::Open => "open",
        })
    }
}

/// All calendars of one policy, by name.
#[derive(Clone, Debug, Default)]
pub struct Calendars {
    by_name: BTreeMap<Arc<str>, Calendar>,
}

impl Calendars {
    /// No calendar at all.
    pub fn new() -> Calendars {
        Calendars::default()
    }

    /// Adds a calendar; one of the same name is replaced and returned.
    pub fn insert(&mut self, calendar: Calendar) -> Option<Calendar> {
        self.by_name.insert(Arc::clone(&calendar.name), calendar)
    }

    /// A calendar by its name.
    pub fn get(&self, name: &str) -> Option<&Calendar> {
        self.by_name.get(name)
    }

    /// All names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(|name| &**name)
    }

    /// What a calendar says of a moment; `None` when there is none of that name.
    pub fn state(&self, name: &str, now: Timestamp) -> Option<Open> {
        self.get(name).map(|calendar| calendar.state(now))
    }
}

/// One calendar.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// Its name.
    pub name: Arc<str>,
    zone: TimeZone,
    /// Hours by weekday, Monday first.
    weekly: [Vec<Hours>; 7],
    /// Days with hours of their own; none at all = a holiday. They win over all else.
    days: BTreeMap<Date, Day>,
    /// Whole days on which it is closed.
    holidays: Vec<(Dates, RuleIx)>,
    /// Hours on days of their own, which then count instead of the weekday's.
    openings: Vec<(Dates, Hours)>,
    /// The line that closes it whatever the clock says.
    emergency: Option<RuleIx>,
    rules: Vec<Rule>,
}

/// Days in order, each once.
type Dates = Vec<Date>;

/// A line of a calendar's file, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it says: `mon-fri 09:00-18:00`, the name of a holiday, the summary of an event.
    pub says: String,
    /// The file, as the reader was given it.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
}

/// Where a [`Rule`] is in the calendar's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RuleIx(u16);

/// From a minute of the local day on, for so many minutes, by the clock on the wall; they may reach into the next day.
/// At most a day's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hours {
    from: u16,
    minutes: u16,
    rule: RuleIx,
}

impl Hours {
    /// The first minute after them, from the midnight before they begin.
    fn end(self) -> u32 {
        u32::from(self.from) + u32::from(self.minutes)
    }
}

/// A day with hours of its own.
#[derive(Clone, Debug)]
struct Day {
    /// `None`: a holiday.
    hours: Option<Vec<Hours>>,
    rule: RuleIx,
}

/// What a day is.
enum Plan<'a> {
    Holiday(RuleIx),
    /// The hours of the day, and the line that made it a day of its own.
    Hours(Vec<&'a Hours>, Option<RuleIx>),
}

/// What a calendar says of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// Whether somebody is there.
    pub open: Open,
    /// The line that says so. It is closed by no line when nothing opens it.
    pub rule: Option<&'a Rule>,
}

impl Calendar {
    /// A calendar without any hours.
    fn new(name: &str, zone: TimeZone) -> Calendar {
        Calendar {
            name: name.into(),
            zone,
            weekly: Default::default(),
            days: BTreeMap::new(),
            holidays: Vec::new(),
            openings: Vec::new(),
            emergency: None,
            rules: Vec::new(),
        }
    }

    /// A calendar that is always open, for tests and demos.
    pub fn always_open(name: &str) -> Calendar {
        let mut calendar = Calendar::new(name, TimeZone::UTC);
        let rule = Rule { says: "always open".to_owned(), file: "built in".into(), line: 1 };
        let rule = calendar.rule(rule).expect("the first rule has room");
        let hours = Hours { from: 0, minutes: DAY, rule };
        calendar.weekly = std::array::from_fn(|_| vec![hours]);
        calendar
    }

    /// Adds a line for people; `None` when there are too many to number.
    fn rule(&mut self, rule: Rule) -> Option<RuleIx> {
        let at = u16::try_from(self.rules.len()).ok()?;
        self.rules.push(rule);
        Some(RuleIx(at))
    }

    /// What it says of a moment.
    pub fn state(&self, now: Timestamp) -> Open {
        self.verdict(now).open
    }

    /// What it says of a moment, and why: first an emergency, then the holidays, then the hours.
    pub fn verdict(&self, now: Timestamp) -> Verdict<'_> {
        let say = |open, rule: Option<RuleIx>| Verdict {
            open,
            rule: rule.map(|RuleIx(at)| &self.rules[usize::from(at)]),
        };
        if let Some(rule) = self.emergency {
            return say(Open::Emergency, Some(rule));
        }
        let local = self.local(now);
        let minute = local.hour() as u32 * 60 + local.minute() as u32;
        let mut own = None;
        let mut day = local.date();
        for ago in [0, 1] {
            match self.plan(day) {
                Plan::Holiday(rule) if ago == 0 => return say(Open::Holiday, Some(rule)),
                Plan::Holiday(_) => {}
                Plan::Hours(hours, rule) => {
                    let minute = minute + ago * u32::from(DAY);
                    let at =
                        |hours: &&&Hours| (u32::from(hours.from)..hours.end()).contains(&minute);
                    if let Some(hours) = hours.iter().find(at) {
                        return say(Open::Open, Some(hours.rule));
                    }
                    own = own.or(rule.filter(|_| ago == 0));
                }
            }
            let Ok(before) = day.yesterday() else { break };
            day = before;
        }
        say(Open::Closed, own)
    }

    /// The moment when it is noon there on a Wednesday in November 2026: what scripts take for "an ordinary day".
    pub fn ordinary_noon(&self) -> Timestamp {
        let noon = jiff::civil::date(2026, 11, 25).at(12, 0, 0, 0);
        let moment = self.zone.to_timestamp(noon).map(|at| at.as_microsecond()).unwrap_or_default();
        Timestamp::from_micros(u64::try_from(moment).unwrap_or_default())
    }

    /// The moment when the clock on its wall shows this: `2026-01-01T09:00`. Of a time shown twice the first one, of
    /// one that is left out the one as long after the change.
    pub fn wall(&self, text: &str) -> Option<Timestamp> {
        let wall: DateTime = text.parse().ok()?;
        let moment = self.zone.to_ambiguous_timestamp(wall).compatible().ok()?;
        u64::try_from(moment.as_microsecond()).ok().map(Timestamp::from_micros)
    }

    /// A moment as the clock on its wall shows it, with the offset from UTC: `2026-01-01T09:00:00+05:00`.
    pub fn show(&self, at: Timestamp) -> String {
        let zoned = on_the_line(at).to_zoned(self.zone.clone());
        zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// The name of its time zone.
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// What a day is: a day of its own in the file wins, then a holiday, then hours for this very day.
    fn plan(&self, date: Date) -> Plan<'_> {
        if let Some(day) = self.days.get(&date) {
            return match &day.hours {
                Some(hours) => Plan::Hours(hours.iter().collect(), Some(day.rule)),
                None => Plan::Holiday(day.rule),
            };
        }
        let falls_on = |dates: &Dates| dates.binary_search(&date).is_ok();
        if let Some((_, rule)) = self.holidays.iter().find(|(dates, _)| falls_on(dates)) {
            return Plan::Holiday(*rule);
        }
        let openings = self.openings.iter().filter(|(dates, _)| falls_on(dates));
        let openings: Vec<&Hours> = openings.map(|(_, hours)| hours).collect();
        if !openings.is_empty() {
            return Plan::Hours(openings, None);
        }
        let weekday = date.weekday().to_monday_zero_offset() as usize;
        Plan::Hours(self.weekly[weekday].iter().collect(), None)
    }

    fn local(&self, now: Timestamp) -> DateTime {
        self.zone.to_datetime(on_the_line(now))
    }
}

/// A zone by its name in the IANA database; one that isn't there is noted with the nearest that is.
fn zone(reader: &mut Reader<'_>, code: &'static str, spot: Spot, word: &str) -> Option<TimeZone> {
    let database = TimeZoneDatabase::bundled();
    if let Ok(zone) = database.get(word) {
        return Some(zone);
    }
    let names: Vec<String> = database.available().map(|name| name.to_string()).collect();
    let message = format!("there is no time zone `{word}`");
    let found = Diagnostic::error(code, reader.file(), spot, message)
        .help("zones are written as in the IANA database: Asia/Almaty")
        .nearest(word, names.iter().map(String::as_str));
    reader.push(found);
    None
}

/// The same moment for the time zones. Beyond the year 9999 no bank is open; the last representable moment will do.
fn on_the_line(now: Timestamp) -> jiff::Timestamp {
    let micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX)
}

/// A moment from a date and time with its offset from UTC: `2026-11-23T10:00+05:00`.
pub fn moment(text: &str) -> Option<Timestamp> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(moment.as_microsecond()).ok().map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANK: &str = "calendar: bank\nzone: Europe/Berlin\nweekly:\n  mon-fri: [09:00-13:00, 14:00-18:00]\n  \
                        sat: [22:00-06:00]\nholidays:\n  - 2026-12-25\n  - {date: 2026-12-24, name: Eve, hours: \
                        [09:00-12:00]}\n";

    fn bank() -> Calendar {
        Calendar::from_yaml("bank.yaml", BANK).unwrap()
    }

    fn at(text: &str) -> Open {
        bank().state(moment(text).unwrap())
    }

    #[test]
    fn hours_begin_with_their_first_minute_and_end_before_their_last() {
        assert_eq!(at("2026-11-25T08:59:59+01:00"), Open::Closed);
        assert_eq!(at("2026-11-25T09:00:00+01:00"), Open::Open);
        assert_eq!(at("2026-11-25T12:59:59+01:00"), Open::Open);
        assert_eq!(at("2026-11-25T13:00:00+01:00"), Open::Closed);
        assert_eq!(at("2026-11-25T17:59:00+01:00"), Open::Open);
        assert_eq!(at("2026-11-22T12:00:00+01:00"), Open::Closed);
    }

    #[test]
    fn a_night_shift_reaches_into_the_next_day() {
        assert_eq!(at("2026-11-21T21:59:00+01:00"), Open::Closed);
        assert_eq!(at("2026-11-21T23:00:00+01:00"), Open::Open);
        assert_eq!(at("2026-11-22T05:59:00+01:00"), Open::Open);
        assert_eq!(at("2026-11-22T06:00:00+01:00"), Open::Closed);
    }

    #[test]
    fn holidays_are_whole_local_days_and_short_days_have_their_own_hours() {
        assert_eq!(at("2026-12-25T00:00:00+01:00"), Open::Holiday);
        assert_eq!(at("2026-12-25T23:59:00+01:00"), Open::Holiday);
        assert_eq!(at("2026-12-24T11:00:00+01:00"), Open::Open);
        assert_eq!(at("2026-12-24T15:00:00+01:00"), Open::Closed);
    }

    #[test]
    fn the_clock_of_the_wall_counts_when_summer_time_begins_and_ends() {
        // Berlin leaps from 02:00 to 03:00 on 2026-03-29 and back from 03:00 to 02:00 on 2026-10-25.
        assert_eq!(at("2026-03-27T07:59:00Z"), Open::Closed);
        assert_eq!(at("2026-03-27T08:00:00Z"), Open::Open);
        assert_eq!(at("2026-03-30T06:59:00Z"), Open::Closed);
        assert_eq!(at("2026-03-30T07:00:00Z"), Open::Open);
        assert_eq!(at("2026-10-26T07:59:00Z"), Open::Closed);
        assert_eq!(at("2026-10-26T08:00:00Z"), Open::Open);
        // The night shift of the Saturday before is an hour shorter in spring: it ends at 06:00 on the wall.
        assert_eq!(at("2026-03-29T03:59:00Z"), Open::Open);
        assert_eq!(at("2026-03-29T04:00:00Z"), Open::Closed);
        assert_eq!(at("2026-10-25T04:59:00Z"), Open::Open);
        assert_eq!(at("2026-10-25T05:00:00Z"), Open::Closed);
    }

    #[test]
    fn almaty_is_five_hours_ahead_since_march_2024() {
        let text = "calendar: kz\nzone: Asia/Almaty\nweekly: {mon-sun: [09:00-18:00]}\n";
        let kz = Calendar::from_yaml("kz.yaml", text).unwrap();
        assert_eq!(kz.state(moment("2026-01-14T04:00:00Z").unwrap()), Open::Open);
        assert_eq!(kz.state(moment("2026-01-14T13:00:00Z").unwrap()), Open::Closed);
        assert_eq!(kz.state(moment("2024-02-14T03:00:00Z").unwrap()), Open::Open);
        assert_eq!(kz.ordinary_noon(), moment("2026-11-25T12:00+05:00").unwrap());
    }

    #[test]
    fn an_emergency_closes_at_any_hour() {
        let mut calendars = Calendars::new();
        calendars.insert(bank());
        let noon = moment("2026-11-25T12:00+01:00").unwrap();
        assert_eq!(calendars.state("bank", noon), Some(Open::Open));
        let shut = format!("{BANK}emergency: true\n");
        calendars.insert(Calendar::from_yaml("bank.yaml", &shut).unwrap());
        assert_eq!(calendars.state("bank", noon), Some(Open::Emergency));
        let christmas = moment("2026-12-25T12:00+01:00").unwrap();
        assert_eq!(calendars.state("bank", christmas), Some(Open::Emergency));
        assert_eq!(calendars.state("bnak", noon), None);
    }

    #[test]
    fn every_answer_names_the_line_that_gives_it() {
        let bank = bank();
        let why = |text: &str| {
            let verdict = bank.verdict(moment(text).unwrap());
            let rule =
                verdict.rule.map(|rule| format!("{} ({}:{})", rule.says, rule.file, rule.line));
            format!("{}: {}", verdict.open, rule.unwrap_or_default())
        };
        assert_eq!(why("2026-11-25T15:00+01:00"), "open: mon-fri 14:00-18:00 (bank.yaml:4)");
        assert_eq!(why("2026-11-22T03:00+01:00"), "open: sat 22:00-06:00 (bank.yaml:5)");
        assert_eq!(why("2026-11-22T12:00+01:00"), "closed: ");
        assert_eq!(why("2026-12-25T12:00+01:00"), "holiday: 2026-12-25 (bank.yaml:7)");
        assert_eq!(why("2026-12-24T10:00+01:00"), "open: Eve 09:00-12:00 (bank.yaml:8)");
        assert_eq!(why("2026-12-24T15:00+01:00"), "closed: Eve (bank.yaml:8)");
    }

    #[test]
    fn any_moment_has_an_answer() {
        for micros in [0, 1, u64::MAX / 2, u64::MAX] {
            bank().state(Timestamp::from_micros(micros));
        }
    }

    #[test]
    fn all_mistakes_are_told_at_once_with_the_cure() {
        let text = "calendar: kz\nzone: Asia/Alamty\nweekly:\n  mon-fry: [09:00-18:00]\n  sat: [9-18]\n  \
                    sun: [10:00-25:00]\nholidays: [2026-02-30]\nemergancy: true\n";
        let found = Calendar::from_yaml("kz.yaml", text).unwrap_err();
        let places: Vec<(u32, u32)> = found.iter().map(|d| (d.line, d.column)).collect();
        assert_eq!(places, [(2, 7), (4, 3), (5, 9), (6, 9), (7, 12), (8, 1)]);
        assert_eq!(found[0].help.as_deref(), Some("did you mean `Asia/Almaty`?"));
        assert_eq!(found[5].help.as_deref(), Some("did you mean `emergency`?"));
    }
}
