//! Opening hours: named calendars with a time zone, weekly hours and holidays.
//!
//! Asked with a moment, answers open, closed or holiday. Time zones come from the database compiled in, never from the
//! machine. Knows no queue and no flow; files are `config/calendars/*.yaml`.

mod ahead;

use crate::flow::diagnostic::Diagnostic;
use crate::flow::yaml::{self, Reader, Value, Y004, Yaml};
use dozvon_clock::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// Whether somebody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Open {
    /// In opening hours.
    Open,
    /// Outside of them, or closed by hand.
    Closed,
    /// The whole local day is a holiday.
    Holiday,
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Open::Open => "open",
            Open::Closed => "closed",
            Open::Holiday => "holiday",
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

    /// Closes a calendar by hand, or opens it again; tells whether there is one of that name.
    pub fn set_emergency(&mut self, name: &str, closed: bool) -> bool {
        let calendar = self.by_name.get_mut(name);
        calendar.map(|calendar| calendar.emergency = closed).is_some()
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
    /// Days with hours of their own; none at all = a holiday.
    days: BTreeMap<Date, Option<Vec<Hours>>>,
    /// Closed by hand whatever the clock says.
    pub emergency: bool,
}

/// Minutes of the local day, `from` included, `to` not. `to <= from` reaches into the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hours {
    from: u16,
    to: u16,
}

impl Calendar {
    /// A calendar that is always open, for tests and demos.
    pub fn always_open(name: &str) -> Calendar {
        let day = vec![Hours { from: 0, to: DAY }];
        Calendar {
            name: name.into(),
            zone: TimeZone::UTC,
            weekly: std::array::from_fn(|_| day.clone()),
            days: BTreeMap::new(),
            emergency: false,
        }
    }

    /// What it says of a moment.
    pub fn state(&self, now: Timestamp) -> Open {
        if self.emergency {
            return Open::Closed;
        }
        let local = self.local(now);
        let today = local.date();
        if let Some(None) = self.days.get(&today) {
            return Open::Holiday;
        }
        let minute = local.hour() as u16 * 60 + local.minute() as u16;
        let open_today = self
            .hours(today)
            .iter()
            .any(|hours| minute >= hours.from && (minute < hours.to || hours.to <= hours.from));
        let overnight = today.yesterday().is_ok_and(|yesterday| {
            self.hours(yesterday).iter().any(|hours| hours.to <= hours.from && minute < hours.to)
        });
        if open_today || overnight { Open::Open } else { Open::Closed }
    }

    /// The moment when it is noon there on a Wednesday in November 2026: what scripts take for "an ordinary day".
    pub fn ordinary_noon(&self) -> Timestamp {
        let noon = jiff::civil::date(2026, 11, 25).at(12, 0, 0, 0);
        let moment = self.zone.to_timestamp(noon).map(|at| at.as_microsecond()).unwrap_or_default();
        Timestamp::from_micros(u64::try_from(moment).unwrap_or_default())
    }

    /// The name of its time zone.
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    fn hours(&self, date: Date) -> &[Hours] {
        match self.days.get(&date) {
            Some(Some(hours)) => hours,
            Some(None) => &[],
            None => &self.weekly[date.weekday().to_monday_zero_offset() as usize],
        }
    }

    fn local(&self, now: Timestamp) -> DateTime {
        self.zone.to_datetime(on_the_line(now))
    }

    /// Reads a calendar file; all mistakes at once.
    pub fn from_yaml(file: &str, text: &str) -> Result<Calendar, Vec<Diagnostic>> {
        let (tree, found) = yaml::parse(file, text);
        let mut reader = Reader::new(file, found);
        let calendar = tree.and_then(|tree| read(&mut reader, &tree));
        match calendar {
            Some(calendar) if !reader.has_errors() => Ok(calendar),
            _ => Err(reader.finish()),
        }
    }
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

const KEYS: [&str; 6] = ["calendar", "title", "zone", "weekly", "holidays", "emergency"];
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn read(reader: &mut Reader<'_>, tree: &Yaml) -> Option<Calendar> {
    let top = reader.map(tree, "a calendar", &KEYS)?;
    let name = reader.need(top, "a calendar", "calendar");
    let name = name.and_then(|yaml| reader.word(yaml, "the calendar's name"));
    let zone = reader.need(top, "a calendar", "zone").and_then(|yaml| read_zone(reader, yaml));
    let mut weekly: [Vec<Hours>; 7] = Default::default();
    if let Some(yaml) = reader.need(top, "a calendar", "weekly") {
        read_week(reader, yaml, &mut weekly);
    }
    let mut days = BTreeMap::new();
    if let Some(yaml) = top.get("holidays") {
        for item in reader.list(yaml, "holidays") {
            read_day(reader, item, &mut days);
        }
    }
    let emergency = top.get("emergency").and_then(|yaml| reader.boolean(yaml)).unwrap_or(false);
    Some(Calendar { name: name?.into(), zone: zone?, weekly, days, emergency })
}

fn read_zone(reader: &mut Reader<'_>, yaml: &Yaml) -> Option<TimeZone> {
    let word = reader.word(yaml, "a time zone such as Asia/Almaty")?;
    let database = TimeZoneDatabase::bundled();
    if let Ok(zone) = database.get(word) {
        return Some(zone);
    }
    let names: Vec<String> = database.available().map(|name| name.to_string()).collect();
    let file = reader.file();
    let found = Diagnostic::error(Y004, file, yaml.spot, format!("there is no time zone `{word}`"))
        .help("zones are written as in the IANA database: Asia/Almaty")
        .nearest(word, names.iter().map(String::as_str));
    reader.push(found);
    None
}

fn read_week(reader: &mut Reader<'_>, yaml: &Yaml, weekly: &mut [Vec<Hours>; 7]) {
    let mut seen: [Option<u32>; 7] = [None; 7];
    let Some(entries) = reader.entries(yaml, "weekly hours") else { return };
    for (word, value) in entries.iter() {
        let Some(days) = weekdays(&word.text) else {
            let message = format!("`{}` is no weekday", word.text);
            let found = Diagnostic::error(Y004, reader.file(), word.spot, message)
                .help("write mon, tue, wed, thu, fri, sat, sun, or a range such as mon-fri");
            reader.push(found);
            continue;
        };
        let hours = read_hours(reader, value);
        for day in days {
            if let Some(line) = seen[day].replace(word.spot.line) {
                let message = format!("{} has its hours already in line {line}", WEEKDAYS[day]);
                reader.error(Y004, word.spot, message);
            }
            weekly[day] = hours.clone();
        }
    }
}

/// `mon` or `mon-fri`, a range may pass Sunday.
fn weekdays(text: &str) -> Option<Vec<usize>> {
    let index = |name: &str| WEEKDAYS.iter().position(|day| *day == name);
    match text.split_once('-') {
        None => Some(vec![index(text)?]),
        Some((from, to)) => {
            let (from, to) = (index(from)?, index(to)?);
            let many = (to + 7 - from) % 7;
            Some((0..=many).map(|step| (from + step) % 7).collect())
        }
    }
}

fn read_hours(reader: &mut Reader<'_>, yaml: &Yaml) -> Vec<Hours> {
    let mut all = Vec::new();
    for item in reader.list(yaml, "hours such as 09:00-18:00") {
        let Some(word) = reader.word(item, "hours such as 09:00-18:00") else { continue };
        match hours(word) {
            Some(hours) => all.push(hours),
            None => reader.error(
                Y004,
                item.spot,
                format!("`{word}` is not of the form 09:00-18:00 (24:00 is the day's end)"),
            ),
        }
    }
    all
}

fn hours(text: &str) -> Option<Hours> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    (from < DAY && from != to).then_some(Hours { from, to })
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    let (hour, minute): (u16, u16) = match digits(hour) && digits(minute) {
        true => (hour.parse().ok()?, minute.parse().ok()?),
        false => return None,
    };
    let all = hour * 60 + minute;
    (minute < 60 && all <= DAY).then_some(all)
}

/// A date, or `{date, name, hours}`: with hours the day is a short one, without it is a holiday.
fn read_day(reader: &mut Reader<'_>, yaml: &Yaml, days: &mut BTreeMap<Date, Option<Vec<Hours>>>) {
    let (date, hours) = match &yaml.value {
        Value::Map(_) => {
            let Some(fields) = reader.map(yaml, "a holiday", &["date", "name", "hours"]) else {
                return;
            };
            let hours = fields.get("hours").map(|yaml| read_hours(reader, yaml));
            (reader.need(fields, "a holiday", "date"), hours)
        }
        Value::Word { .. } | Value::List(_) => (Some(yaml), None),
    };
    let Some(date) = date else { return };
    let Some(word) = reader.word(date, "a date such as 2026-12-16") else { return };
    match word.parse::<Date>() {
        Ok(day) if word.len() == 10 => {
            if days.insert(day, hours).is_some() {
                reader.error(Y004, date.spot, format!("{word} is here for the second time"));
            }
        }
        _ => reader.error(Y004, date.spot, format!("`{word}` is no date such as 2026-12-16")),
    }
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
        assert!(calendars.set_emergency("bank", true));
        assert_eq!(calendars.state("bank", noon), Some(Open::Closed));
        assert!(!calendars.set_emergency("bnak", true));
        assert_eq!(calendars.state("bnak", noon), None);
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
