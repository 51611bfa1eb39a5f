//! Calendars as iCalendar (RFC 5545): events that open, and holidays.
//!
//! An event of the category `OPEN` (or whose summary begins with that word) opens from `DTSTART` to `DTEND`; one of the
//! category `HOLIDAY` makes its days holidays. `RRULE`, `RDATE`, `EXDATE` and changed single occurrences
//! (`RECURRENCE-ID`) say on which days. A list of holidays is a file in which every event is a holiday. All times are
//! those of one zone; definitions of zones in the file (`VTIMEZONE`) are not read, the zone's name counts.

use super::recurrence::{Recurrence, date, date_time};
use super::{Calendar, DAY, Dates, Hours, Rule, zone};
use crate::flow::diagnostic::{Diagnostic, Spot};
use crate::flow::limits::FILE_BYTES_MAX;
use crate::flow::yaml::Reader;
use crate::limits::{CALENDAR_DATES_MAX, CALENDAR_EVENTS_MAX, CALENDAR_YEAR_MAX};
use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Not an iCalendar file, or too large a one.
const C001: &str = "C001";
/// Something that is not understood here.
const C002: &str = "C002";
/// Something that must be there.
const C003: &str = "C003";
/// A value of the wrong form.
const C004: &str = "C004";

/// Words that say that an event opens.
const OPEN: [&str; 4] = ["open", "working day", "открыто", "рабочий день"];
/// Words that say that an event is a holiday.
const HOLIDAY: [&str; 4] = ["holiday", "public holiday", "праздник", "выходной"];

/// Holidays that several calendars share.
#[derive(Clone, Debug, Default)]
pub struct HolidayList {
    pub(super) holidays: Vec<(Dates, Rule)>,
}

/// Lists of holidays by name.
pub type HolidayLists = BTreeMap<String, HolidayList>;

impl Calendar {
    /// Reads a calendar from the text of an iCalendar file; all mistakes at once. Its zone is `X-WR-TIMEZONE`, or that
    /// of its first event.
    pub fn from_ics(name: &str, file: &str, text: &str) -> Result<Calendar, Vec<Diagnostic>> {
        let mut reader = Reader::new(file, Vec::new());
        let Some(parts) = parts(&mut reader, text) else { return Err(reader.finish()) };
        let Some(zone) = parts.zone(&mut reader) else { return Err(reader.finish()) };
        let mut calendar = Calendar::new(name, zone.clone());
        for (occasion, rule) in occasions(&mut reader, &parts, &zone, None) {
            let Some(rule) = calendar.rule(rule) else { break };
            match occasion {
                Occasion::Holiday(dates) => calendar.holidays.push((dates, rule)),
                Occasion::Open(times) => {
                    calendar.openings.extend(
                        times
                            .into_iter()
                            .map(|(from, minutes, dates)| (dates, Hours { from, minutes, rule })),
                    );
                }
            }
        }
        if reader.has_errors() { Err(reader.finish()) } else { Ok(calendar) }
    }
}

impl HolidayList {
    /// Reads a list of holidays from the text of an iCalendar file; all mistakes at once.
    pub fn from_ics(file: &str, text: &str) -> Result<HolidayList, Vec<Diagnostic>> {
        let mut reader = Reader::new(file, Vec::new());
        let Some(parts) = parts(&mut reader, text) else { return Err(reader.finish()) };
        // Days are the same everywhere.
        let all = occasions(&mut reader, &parts, &TimeZone::UTC, Some(Kind::Holiday));
        let holidays = all.into_iter().filter_map(|(occasion, rule)| match occasion {
            Occasion::Holiday(dates) => Some((dates, rule)),
            Occasion::Open(_) => None,
        });
        let list = HolidayList { holidays: holidays.collect() };
        if reader.has_errors() { Err(reader.finish()) } else { Ok(list) }
    }
}

// ---- lines ----------------------------------------------------------------------------------------------------------

/// `NAME;PARAMETER=value:value`.
#[derive(Debug)]
struct Property {
    name: String,
    parameters: Vec<(String, String)>,
    value: String,
    spot: Spot,
}

impl Property {
    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The text of a value without its escapes (RFC 5545 §3.3.11).
    fn text(&self) -> String {
        let mut out = String::new();
        let mut letters = self.value.chars();
        while let Some(letter) = letters.next() {
            out.push(match letter {
                '\\' => match letters.next() {
                    Some('n' | 'N') => ' ',
                    Some(other) => other,
                    None => break,
                },
                _ => letter,
            });
        }
        out.trim().to_owned()
    }
}

/// One event.
#[derive(Debug)]
struct Event {
    spot: Spot,
    properties: Vec<Property>,
}

impl Event {
    fn find(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Property> {
        self.properties.iter().filter(move |property| property.name == name)
    }

    fn uid(&self) -> &str {
        self.find("UID").map_or("", |uid| uid.value.trim())
    }
}

/// What the file has.
#[derive(Debug)]
struct Parts {
    calendar: Vec<Property>,
    events: Vec<Event>,
}

/// Lines as they were before they were folded (RFC 5545 §3.1), each with the place where it begins.
fn unfolded(text: &str) -> Vec<(Spot, String)> {
    let mut lines: Vec<(Spot, String)> = Vec::new();
    for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1_u32..) {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, before))) => before.push_str(rest),
            _ if line.trim().is_empty() => {}
            _ => {
                let length = u32::try_from(line.chars().count()).unwrap_or(u32::MAX);
                lines.push((Spot { line: number, column: 1, length }, line.to_owned()));
            }
        }
    }
    lines
}

/// One line; `None` when it is none of iCalendar.
fn property(spot: Spot, line: &str) -> Option<Property> {
    let mut quoted = false;
    let colon = line.char_indices().find(|(_, letter)| {
        quoted ^= *letter == '"';
        !quoted && *letter == ':'
    });
    let (head, value) = (&line[..colon?.0], &line[colon?.0 + 1..]);
    let mut quoted = false;
    let mut pieces = head.split(|letter| {
        quoted ^= letter == '"';
        !quoted && letter == ';'
    });
    let name = pieces.next()?.trim().to_ascii_uppercase();
    let parameters = pieces.filter_map(|piece| {
        let (name, value) = piece.split_once('=')?;
        Some((name.trim().to_ascii_uppercase(), value.trim_matches('"').to_owned()))
    });
    let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let parameters = parameters.collect();
    named.then(|| Property { name, parameters, value: value.to_owned(), spot })
}

fn parts(reader: &mut Reader<'_>, text: &str) -> Option<Parts> {
    let whole = |reader: &mut Reader<'_>, message: String, help: &str| {
        let found = Diagnostic::error(C001, reader.file(), Spot::default(), message);
        reader.push(found.help(help));
        None
    };
    if text.len() > FILE_BYTES_MAX {
        let message =
            format!("the file has {} bytes, at most {FILE_BYTES_MAX} are read", text.len());
        return whole(reader, message, "leave out past years and what is no event");
    }
    let mut parts = Parts { calendar: Vec::new(), events: Vec::new() };
    let mut open: Vec<(String, Spot)> = Vec::new();
    for (spot, line) in unfolded(text) {
        let Some(property) = property(spot, &line) else {
            let message = "this line has no NAME:value";
            let found = Diagnostic::error(C001, reader.file(), spot, message)
                .help("a line that goes on begins with a blank; export the file anew");
            reader.push(found);
            continue;
        };
        let inside = open.last().map(|(name, _)| name.as_str());
        match (property.name.as_str(), inside) {
            ("BEGIN", _) => {
                let name = property.value.trim().to_ascii_uppercase();
                if name == "VEVENT" && inside == Some("VCALENDAR") {
                    parts.events.push(Event { spot, properties: Vec::new() });
                }
                open.push((name, spot));
            }
            ("END", Some(name)) if name.eq_ignore_ascii_case(property.value.trim()) => {
                open.pop();
            }
            ("END", _) => {
                let message = format!("{line} ends nothing that has begun");
                let found = Diagnostic::error(C001, reader.file(), spot, message)
                    .help("END closes the BEGIN before it; export the file anew");
                reader.push(found);
            }
            (_, Some("VCALENDAR")) => parts.calendar.push(property),
            // What stands deeper, an alarm or the definition of a zone, says nothing about hours.
            (_, Some("VEVENT")) if open.len() == 2 => {
                parts.events.last_mut()?.properties.push(property);
            }
            _ => {}
        }
        if parts.events.len() > CALENDAR_EVENTS_MAX {
            let message = format!("the file has more than {CALENDAR_EVENTS_MAX} events");
            return whole(reader, message, "write what recurs as one event with an RRULE");
        }
    }
    if let Some((name, spot)) = open.last() {
        let message = format!("BEGIN:{name} has no end");
        let found = Diagnostic::error(C001, reader.file(), *spot, message);
        reader.push(found.help(format!("add END:{name}; the file may have been cut off")));
    } else if parts.calendar.is_empty() && parts.events.is_empty() {
        let message = "this is no iCalendar: nothing stands in BEGIN:VCALENDAR".to_owned();
        return whole(reader, message, "export it as .ics (RFC 5545)");
    }
    Some(parts)
}

impl Parts {
    /// The zone of the calendar.
    fn zone(&self, reader: &mut Reader<'_>) -> Option<TimeZone> {
        let named = self.calendar.iter().find(|property| property.name == "X-WR-TIMEZONE");
        if let Some(named) = named {
            return zone(reader, C004, named.spot, named.value.trim());
        }
        let start = self.events.iter().filter_map(|event| event.find("DTSTART"));
        let mut zones = start.filter_map(|start| Some((start.spot, start.parameter("TZID")?)));
        if let Some((spot, word)) = zones.next() {
            return zone(reader, C004, spot, word);
        }
        let message = "the calendar has no time zone";
        let found = Diagnostic::error(C003, reader.file(), Spot::default(), message)
            .help("add the line X-WR-TIMEZONE:Asia/Almaty below BEGIN:VCALENDAR");
        reader.push(found);
        None
    }
}

// ---- events ---------------------------------------------------------------------------------------------------------

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Open,
    Holiday,
}

/// Days of an event.
enum Occasion {
    Holiday(Dates),
    /// First minute, minutes, and the days of them.
    Open(Vec<(u16, u16, Dates)>),
}

/// What a property's time says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Day(Date),
    Wall(DateTime),
}

impl When {
    fn date(self) -> Date {
        match self {
            When::Day(day) => day,
            When::Wall(wall) => wall.date(),
        }
    }

    fn wall(self) -> DateTime {
        match self {
            When::Day(day) => day.at(0, 0, 0, 0),
            When::Wall(wall) => wall,
        }
    }
}

/// All events, with their lines for people. `only`: what an event is that doesn't say, and the only thing it may be.
fn occasions(
    reader: &mut Reader<'_>,
    parts: &Parts,
    zone: &TimeZone,
    only: Option<Kind>,
) -> Vec<(Occasion, Rule)> {
    let mut events = Events { reader, zone, only, moved: BTreeMap::new(), dates: 0 };
    for event in &parts.events {
        events.note_moved(event);
    }
    let file: Arc<str> = events.reader.file().into();
    let mut all = Vec::new();
    for event in &parts.events {
        let summary = event.find("SUMMARY").map(Property::text);
        let says = summary.filter(|text| !text.is_empty()).unwrap_or_else(|| "event".to_owned());
        let rule = Rule { says, file: Arc::clone(&file), line: event.spot.line };
        all.extend(events.occasion(event).map(|occasion| (occasion, rule)));
    }
    if events.dates > CALENDAR_DATES_MAX {
        let message = format!("the events fall on {} days, too many", events.dates);
        let found = Diagnostic::error(C001, events.reader.file(), Spot::default(), message)
            .help(format!("at most {CALENDAR_DATES_MAX} all together: give their RRULE an UNTIL"));
        events.reader.push(found);
    }
    all
}

/// What is known while events are read.
struct Events<'r, 'f, 'z> {
    reader: &'r mut Reader<'f>,
    zone: &'z TimeZone,
    only: Option<Kind>,
    /// Single occurrences that were changed, by the event's UID: they are events of their own.
    moved: BTreeMap<String, Vec<When>>,
    /// Days so far.
    dates: usize,
}

impl Events<'_, '_, '_> {
    fn wrong(&mut self, code: &'static str, spot: Spot, message: impl Into<String>, cure: &str) {
        let found = Diagnostic::error(code, self.reader.file(), spot, message).help(cure);
        self.reader.push(found);
    }

    fn note_moved(&mut self, event: &Event) {
        let Some(which) = event.find("RECURRENCE-ID") else { return };
        if which.parameter("RANGE").is_some() {
            let cure = "end the old event by UNTIL and begin a new one";
            self.wrong(
                C002,
                which.spot,
                "a change of all later occurrences is not understood",
                cure,
            );
        }
        if let Some(when) = self.times(which).first() {
            self.moved.entry(event.uid().to_owned()).or_default().push(*when);
        }
    }

    fn occasion(&mut self, event: &Event) -> Option<Occasion> {
        let status = event.find("STATUS").map(|status| status.value.trim());
        if status.is_some_and(|status| status.eq_ignore_ascii_case("CANCELLED")) {
            return None;
        }
        if let Some(rule) = event.find("EXRULE") {
            let cure = "name the days by EXDATE: RFC 5545 has no EXRULE any more";
            self.wrong(C002, rule.spot, "EXRULE is not understood", cure);
        }
        let kind = self.kind(event);
        let Some(begin) = event.find("DTSTART") else {
            let cure = "add the first day: DTSTART;VALUE=DATE:20261216";
            self.wrong(C003, event.spot, "the event has no DTSTART", cure);
            return None;
        };
        let start = *self.times(begin).first()?;
        let minutes = self.minutes(event, begin, start)?;
        let starts = self.starts(event, start);
        match kind? {
            Kind::Holiday => self.holiday(begin, start, minutes, &starts),
            Kind::Open => self.open(begin, start, minutes, &starts),
        }
    }

    /// What an event is, by its categories, then by its summary.
    fn kind(&mut self, event: &Event) -> Option<Kind> {
        let categories = event.all("CATEGORIES").flat_map(|list| list.value.split(','));
        let summary = event.find("SUMMARY").map(Property::text);
        let mut words = categories.map(str::to_owned).chain(summary.clone());
        let kind = words.find_map(|word| kind_of(&word));
        match (self.only, kind) {
            (None, Some(kind)) => Some(kind),
            (Some(only), None) => Some(only),
            (Some(only), Some(kind)) if only == kind => Some(kind),
            (Some(_), Some(_)) => {
                let cure = "a working day that was moved belongs to `holidays:` of the calendar's YAML: \
                            {date: 2026-03-07, hours: [\"09:00-18:00\"]}";
                self.wrong(C002, event.spot, "a list of holidays can't open", cure);
                None
            }
            (None, None) => {
                let summary = summary.unwrap_or_default();
                let message = format!("the event `{summary}` says neither OPEN nor HOLIDAY");
                let cure =
                    "add CATEGORIES:OPEN or CATEGORIES:HOLIDAY, or begin its summary with the word";
                self.wrong(C003, event.spot, message, cure);
                None
            }
        }
    }

    /// How long each occurrence is.
    fn minutes(&mut self, event: &Event, begin: &Property, start: When) -> Option<i64> {
        let whole_days = matches!(start, When::Day(_));
        let (end, spot) = match (event.find("DTEND"), event.find("DURATION")) {
            (Some(end), _) => (self.times(end).first()?.wall(), end.spot),
            (None, Some(length)) => {
                let Some(minutes) = duration(length.value.trim()) else {
                    let message = format!("`{}` is no duration", length.value.trim());
                    self.wrong(C004, length.spot, message, "write it like PT9H or P1D");
                    return None;
                };
                (start.wall().checked_add(minutes.minutes()).ok()?, length.spot)
            }
            (None, None) if whole_days => (start.wall().checked_add(1.day()).ok()?, begin.spot),
            (None, None) => {
                let cure = "add DTEND, or DURATION:PT9H";
                self.wrong(C003, begin.spot, "nothing says when the event ends", cure);
                return None;
            }
        };
        if start.wall().second() != 0 || end.second() != 0 {
            self.wrong(C004, spot, "hours begin and end with a minute", "write 00 for the seconds");
            return None;
        }
        let minutes = end.duration_since(start.wall()).as_mins();
        if minutes <= 0 {
            let cure = "DTEND is the first moment after the event";
            self.wrong(C004, spot, "the event ends before it has begun", cure);
            return None;
        }
        Some(minutes)
    }

    /// The moments at which it begins, by the clock on the wall.
    fn starts(&mut self, event: &Event, start: When) -> BTreeSet<DateTime> {
        let mut starts = BTreeSet::from([start.wall()]);
        for rule in event.all("RRULE") {
            match Recurrence::parse(rule.value.trim(), self.zone) {
                Err(wrong) => {
                    for wrong in wrong {
                        self.wrong(C004, rule.spot, wrong.message, &wrong.cure);
                    }
                }
                Ok(recurrence) => {
                    let dates = recurrence.dates(start.wall());
                    if dates.first() != Some(&start.date()) {
                        let message = format!("DTSTART is no day of the rule {}", rule.value);
                        let cure = "begin with the first day that follows the rule: RFC 5545 leaves open \
                                    what another first day means";
                        self.wrong(C004, rule.spot, message, cure);
                    }
                    let time = start.wall().time();
                    starts.extend(dates.into_iter().map(|day| day.to_datetime(time)));
                }
            }
        }
        for more in event.all("RDATE") {
            let time = start.wall().time();
            starts.extend(self.times(more).into_iter().map(|when| match when {
                When::Day(day) => day.to_datetime(time),
                When::Wall(wall) => wall,
            }));
        }
        let mut without: Vec<When> = Vec::new();
        for less in event.all("EXDATE") {
            without.extend(self.times(less));
        }
        if event.find("RECURRENCE-ID").is_none() {
            without.extend(self.moved.get(event.uid()).into_iter().flatten());
        }
        for when in without {
            starts.retain(|wall| match when {
                When::Day(day) => wall.date() != day,
                When::Wall(gone) => *wall != gone,
            });
        }
        starts
    }

    fn holiday(
        &mut self,
        begin: &Property,
        start: When,
        minutes: i64,
        starts: &BTreeSet<DateTime>,
    ) -> Option<Occasion> {
        let midnights = start.wall().hour() == 0 && start.wall().minute() == 0;
        if !midnights || minutes % i64::from(DAY) != 0 {
            let cure = "write DTSTART;VALUE=DATE:20261231; a short day belongs to `holidays:` of the \
                        calendar's YAML, with its hours";
            self.wrong(C004, begin.spot, "a holiday is of whole days", cure);
            return None;
        }
        Some(Occasion::Holiday(self.days(starts, minutes / i64::from(DAY))))
    }

    fn open(
        &mut self,
        begin: &Property,
        start: When,
        minutes: i64,
        starts: &BTreeSet<DateTime>,
    ) -> Option<Occasion> {
        if let When::Day(_) = start {
            let dates = self.days(starts, minutes / i64::from(DAY));
            return Some(Occasion::Open(vec![(0, DAY, dates)]));
        }
        let Some(minutes) = u16::try_from(minutes).ok().filter(|minutes| *minutes <= DAY) else {
            let cure = "make an event for each day";
            self.wrong(C004, begin.spot, "hours are longer than a day", cure);
            return None;
        };
        let mut times: BTreeMap<u16, Dates> = BTreeMap::new();
        for start in starts {
            let minute = u16::from(start.hour().unsigned_abs()) * 60;
            let minute = minute + u16::from(start.minute().unsigned_abs());
            times.entry(minute).or_default().push(start.date());
        }
        self.dates += starts.len();
        let times = times.into_iter().map(|(from, dates)| (from, minutes, dates));
        Some(Occasion::Open(times.collect()))
    }

    /// So many days from each of these on.
    fn days(&mut self, starts: &BTreeSet<DateTime>, many: i64) -> Dates {
        let mut days = BTreeSet::new();
        for start in starts {
            let more = (0..many).map_while(|step| start.date().checked_add(step.days()).ok());
            days.extend(more.take_while(|day| day.year() <= CALENDAR_YEAR_MAX));
        }
        self.dates += days.len();
        days.into_iter().collect()
    }

    /// The times of a property, all that can be read of them.
    fn times(&mut self, property: &Property) -> Vec<When> {
        let name = property.parameter("TZID").unwrap_or_default();
        let own = self.zone.iana_name().unwrap_or("UTC");
        if !name.is_empty() && !name.eq_ignore_ascii_case(own) && self.only.is_none() {
            let message = format!("this time is in {name}, but the calendar in {own}");
            let cure = "a calendar has one time zone: make one for each";
            self.wrong(C004, property.spot, message, cure);
        }
        let mut all = Vec::new();
        for word in property.value.split(',').map(str::trim) {
            match self.time(word) {
                Some(when) => all.push(when),
                None => {
                    let message = format!("`{word}` is no date and no time");
                    let cure = "write 20261216, or 20261216T090000";
                    self.wrong(C004, property.spot, message, cure);
                }
            }
        }
        if property.name == "DTSTART" && property.value.contains('Z') && self.zone != &TimeZone::UTC
        {
            let cure =
                "write the time of the clock on the wall: DTSTART;TZID=Asia/Almaty:20261216T090000";
            self.wrong(
                C004,
                property.spot,
                "hours in UTC would move when the clock is changed",
                cure,
            );
        }
        all
    }

    fn time(&self, word: &str) -> Option<When> {
        if let Some(day) = date(word) {
            return Some(When::Day(day));
        }
        let utc = word.strip_suffix('Z');
        let wall = date_time(utc.unwrap_or(word))?;
        match utc {
            None => Some(When::Wall(wall)),
            Some(_) => {
                let moment = TimeZone::UTC.to_timestamp(wall).ok()?;
                Some(When::Wall(self.zone.to_datetime(moment)))
            }
        }
    }
}

/// What a category or a summary says, by its beginning.
fn kind_of(word: &str) -> Option<Kind> {
    let word = word.trim().to_lowercase();
    let says = |known: &&str| {
        let rest = word.strip_prefix(*known);
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    let holiday = HOLIDAY.iter().any(&says);
    let open = OPEN.iter().any(&says);
    holiday.then_some(Kind::Holiday).or(open.then_some(Kind::Open))
}

/// Minutes of `P1D`, `PT8H30M`, `P2W` (RFC 5545 §3.3.6); `None` for anything else, and for what has seconds or no end.
fn duration(text: &str) -> Option<i64> {
    let mut rest = text.strip_prefix('+').unwrap_or(text).strip_prefix('P')?;
    let (mut minutes, mut in_time) = (0_i64, false);
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix('T') {
            (rest, in_time) = (time, true);
            continue;
        }
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let number = rest[..digits].parse::<u32>().ok()?;
        let unit = match (rest[digits..].chars().next()?, in_time) {
            ('W', false) => 7 * 24 * 60,
            ('D', false) => 24 * 60,
            ('H', true) => 60,
            ('M', true) => 1,
            ('S', true) if number == 0 => 0,
            _ => return None,
        };
        minutes = minutes.checked_add(i64::from(number).checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    Some(minutes).filter(|minutes| *minutes > 0)
}

#[cfg(test)]
mod tests {
    use super::super::moment;
    use super::*;

    const BANK: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//bank//EN\r\nX-WR-TIMEZONE:Europe/Berlin\r\n\
        BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nEND:VTIMEZONE\r\n\
        BEGIN:VEVENT\r\nUID:week\r\nSUMMARY:Counter\r\nCATEGORIES:BRANCH,OPEN\r\n\
        DTSTART;TZID=Europe/Berlin:20260105T090000\r\nDTEND;TZID=Europe/Berlin:20260105T180000\r\n\
        RRULE:FREQ=WEEKLY;BYDAY=MO,TU,\r\n WE,TH,FR\r\nEXDATE;TZID=Europe/Berlin:20260107T090000\r\n\
        RDATE;TZID=Europe/Berlin:20260110T090000,20260117T100000\r\n\
        BEGIN:VALARM\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nEND:VEVENT\r\n\
        BEGIN:VEVENT\r\nUID:week\r\nRECURRENCE-ID;TZID=Europe/Berlin:20260108T090000\r\nSUMMARY:Open late\r\n\
        DTSTART;TZID=Europe/Berlin:20260108T120000\r\nDURATION:PT10H\r\nEND:VEVENT\r\n\
        BEGIN:VEVENT\r\nUID:night\r\nSUMMARY:open at night\r\nDTSTART;TZID=Europe/Berlin:20260110T220000\r\n\
        DTEND;TZID=Europe/Berlin:20260111T060000\r\nEND:VEVENT\r\n\
        BEGIN:VEVENT\r\nUID:xmas\r\nSUMMARY:Holiday: Christmas\r\nDTSTART;VALUE=DATE:20251225\r\n\
        DTEND;VALUE=DATE:20251227\r\nRRULE:FREQ=YEARLY\r\nEND:VEVENT\r\n\
        BEGIN:VEVENT\r\nUID:gone\r\nSTATUS:CANCELLED\r\nSUMMARY:Holiday\r\n\
        DTSTART;VALUE=DATE:20260105\r\nEND:VEVENT\r\n\
        END:VCALENDAR\r\n";

    fn says(calendar: &Calendar, at: &str) -> String {
        let verdict = calendar.verdict(moment(at).unwrap());
        let why = verdict.rule.map(|rule| format!(" {} {}", rule.says, rule.line));
        format!("{}{}", verdict.open, why.unwrap_or_default())
    }

    #[test]
    fn events_open_and_close_as_they_recur() {
        let bank = Calendar::from_ics("bank", "bank.ics", BANK).unwrap();
        assert_eq!(bank.zone(), "Europe/Berlin");
        for (at, said) in [
            ("2026-01-05T08:59+01:00", "closed"),
            ("2026-01-05T09:00+01:00", "open Counter 8"),
            // The clock on the wall counts in summer as well.
            ("2026-07-06T17:59+02:00", "open Counter 8"),
            ("2026-07-06T18:00+02:00", "closed"),
            // Left out, changed, and added.
            ("2026-01-07T12:00+01:00", "closed"),
            ("2026-01-08T10:00+01:00", "closed"),
            ("2026-01-08T21:00+01:00", "open Open late 22"),
            ("2026-01-10T09:30+01:00", "open Counter 8"),
            ("2026-01-17T09:30+01:00", "closed"),
            ("2026-01-17T18:30+01:00", "open Counter 8"),
            ("2026-01-11T05:59+01:00", "open open at night 29"),
            ("2026-01-11T06:00+01:00", "closed"),
            ("2025-12-26T12:00+01:00", "holiday Holiday: Christmas 35"),
            ("2098-12-25T12:00+01:00", "holiday Holiday: Christmas 35"),
        ] {
            assert_eq!(says(&bank, at), said, "{at}");
        }
        let friday = moment("2026-12-24T18:00+01:00").unwrap();
        assert_eq!(bank.next_open(friday), moment("2026-12-28T09:00+01:00"));
    }

    #[test]
    fn a_list_of_holidays_is_shared_and_a_day_of_the_calendar_wins_over_it() {
        let list = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Nauryz\nDTSTART;VALUE=DATE:20200321\n\
                    DURATION:P3D\nRRULE:FREQ=YEARLY\nEND:VEVENT\nEND:VCALENDAR\n";
        let list = HolidayList::from_ics("holidays/kz.ics", list).unwrap();
        let lists = HolidayLists::from([("kz".to_owned(), list)]);
        let text = "calendar: c\nzone: Asia/Almaty\nweekly: {mon-sun: [09:00-18:00]}\n\
                    holidays: [{date: 2026-03-23, name: moved, hours: [10:00-12:00]}]\n\
                    holiday_lists: [kz]\n";
        let calendar = Calendar::with_lists("c.yaml", text, &lists).unwrap();
        assert_eq!(says(&calendar, "2026-03-22T12:00+05:00"), "holiday Nauryz 2");
        assert_eq!(says(&calendar, "2026-03-23T11:00+05:00"), "open moved 10:00-12:00 4");
        assert_eq!(says(&calendar, "2026-03-24T11:00+05:00"), "open mon-sun 09:00-18:00 3");
        let unknown = Calendar::from_yaml("c.yaml", text).unwrap_err();
        assert_eq!((unknown.len(), unknown[0].line), (1, 5));
    }

    #[test]
    fn all_mistakes_are_told_at_once_with_line_and_cure() {
        let event = |lines: &str| format!("BEGIN:VEVENT\n{lines}\nEND:VEVENT\n");
        let text = [
            "BEGIN:VCALENDAR\nX-WR-TIMEZONE:Asia/Almaty\n".to_owned(),
            event("SUMMARY:Party\nDTSTART;VALUE=DATE:20260105"),
            event("SUMMARY:Open\nDTSTART;TZID=Asia/Tokyo:20260105T090000\nDURATION:PT9H"),
            event("SUMMARY:Open\nDTSTART:20260105T040000Z\nDTEND:20260105T050000Z"),
            event("SUMMARY:Open\nDTSTART:20260105T090000\nDTEND:20260105T080000"),
            event("SUMMARY:Open\nDTSTART:20260105T090000"),
            event(
                "SUMMARY:Open\nDTSTART:20260105T090000\nDTEND:20260105T180000\nRRULE:FREQ=HOURLY;BYHOUR=9",
            ),
            event(
                "SUMMARY:Open\nDTSTART:20260105T090000\nDTEND:20260105T180000\nRRULE:FREQ=WEEKLY;BYDAY=TU",
            ),
            event("SUMMARY:Holiday\nDTSTART:20260105T150000\nDTEND:20260106T000000"),
            event("SUMMARY:Holiday\nDTSTART;VALUE=DATE:20260230"),
            event("SUMMARY:Holiday"),
            "nonsense\nEND:VCALENDAR\n".to_owned(),
        ];
        let found = Calendar::from_ics("c", "c.ics", &text.concat()).unwrap_err();
        let lines: Vec<(u32, &str)> = found.iter().map(|d| (d.line, d.code)).collect();
        let wanted = [
            (3, C003),
            (9, C004),
            (14, C004),
            (20, C004),
            (24, C003),
            (30, C004),
            (30, C004),
            (36, C004),
            (40, C004),
            (45, C004),
            (47, C003),
            (50, C001),
        ];
        assert_eq!(lines, wanted, "{found:#?}");
        assert!(found.iter().all(|found| found.help.is_some()), "{found:#?}");
        for no_calendar in [
            "",
            "hello",
            "BEGIN:VCALENDAR\n",
            "BEGIN:VCALENDAR\nVERSION:2.0\nEND:VEVENT\nEND:VCALENDAR",
        ] {
            assert!(Calendar::from_ics("c", "c.ics", no_calendar).is_err(), "{no_calendar}");
        }
    }

    #[test]
    fn a_file_at_its_bounds_is_refused() {
        let event = "BEGIN:VEVENT\nSUMMARY:Holiday\nDTSTART;VALUE=DATE:20260105\nEND:VEVENT\n";
        let file = |events: &str| format!("BEGIN:VCALENDAR\n{events}END:VCALENDAR\n");
        let most = file(&event.repeat(CALENDAR_EVENTS_MAX));
        assert!(HolidayList::from_ics("h.ics", &most).is_ok());
        let more = file(&event.repeat(CALENDAR_EVENTS_MAX + 1));
        assert_eq!(HolidayList::from_ics("h.ics", &more).unwrap_err().len(), 1);
        let daily = "BEGIN:VEVENT\nSUMMARY:Holiday\nDTSTART;VALUE=DATE:20000101\nRRULE:FREQ=DAILY\nEND:VEVENT\n";
        assert!(HolidayList::from_ics("h.ics", &file(&daily.repeat(13))).is_ok());
        assert!(HolidayList::from_ics("h.ics", &file(&daily.repeat(14))).is_err());
        let long = format!("{}{}", file(event), "X".repeat(FILE_BYTES_MAX));
        assert_eq!(HolidayList::from_ics("h.ics", &long).unwrap_err().len(), 1);
    }

    #[test]
    fn durations_are_of_whole_minutes() {
        for (text, minutes) in [
            ("P1D", Some(1_440)),
            ("PT8H30M", Some(510)),
            ("P2W", Some(20_160)),
            ("P1DT1H0S", Some(1_500)),
            ("PT30S", None),
            ("-P1D", None),
            ("PT0S", None),
            ("P", None),
            ("P1H", None),
            ("PT1D", None),
            ("9H", None),
            ("PT99999999999H", None),
        ] {
            assert_eq!(duration(text), minutes, "{text}");
        }
    }
}
