//! Calendars as YAML: weekly hours, days of their own, and lists of holidays that several calendars share.

use super::ics::HolidayLists;
use super::{Calendar, DAY, Day, Hours, Rule, RuleIx, zone};
use crate::flow::diagnostic::{Diagnostic, Spot};
use crate::flow::yaml::{self, Reader, Value, Y004, Yaml};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::sync::Arc;

const KEYS: [&str; 7] =
    ["calendar", "title", "zone", "weekly", "holidays", "holiday_lists", "emergency"];
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Calendar {
    /// Reads a calendar file that names no lists of holidays; all mistakes at once.
    pub fn from_yaml(file: &str, text: &str) -> Result<Calendar, Vec<Diagnostic>> {
        Calendar::with_lists(file, text, &HolidayLists::new())
    }

    /// Reads a calendar file; all mistakes at once.
    pub fn with_lists(
        file: &str,
        text: &str,
        lists: &HolidayLists,
    ) -> Result<Calendar, Vec<Diagnostic>> {
        let (tree, found) = yaml::parse(file, text);
        let mut reader = Reader::new(file, found);
        let calendar = tree.and_then(|tree| read(&mut reader, &tree, lists));
        match calendar {
            Some(calendar) if !reader.has_errors() => Ok(calendar),
            _ => Err(reader.finish()),
        }
    }
}

/// A calendar while its file is being read.
struct Draft<'r, 'f> {
    reader: &'r mut Reader<'f>,
    calendar: Calendar,
    file: Arc<str>,
}

fn read(reader: &mut Reader<'_>, tree: &Yaml, lists: &HolidayLists) -> Option<Calendar> {
    let top = reader.map(tree, "a calendar", &KEYS)?;
    let name = reader.need(top, "a calendar", "calendar");
    let name = name.and_then(|yaml| reader.word(yaml, "the calendar's name"));
    let zone = reader.need(top, "a calendar", "zone").and_then(|yaml| read_zone(reader, yaml));
    let weekly = reader.need(top, "a calendar", "weekly");
    // What follows is looked at although name or zone may be wrong: all mistakes are told at once.
    let file = reader.file().into();
    let calendar = Calendar::new(name.unwrap_or_default(), zone.clone().unwrap_or(TimeZone::UTC));
    let mut draft = Draft { reader, calendar, file };
    if let Some(yaml) = weekly {
        draft.week(yaml);
    }
    if let Some(yaml) = top.get("holidays") {
        for item in draft.reader.list(yaml, "holidays") {
            draft.day(item);
        }
    }
    if let Some(yaml) = top.get("holiday_lists") {
        for item in draft.reader.list(yaml, "names of lists") {
            draft.list(item, lists);
        }
    }
    if let Some(yaml) = top.get("emergency")
        && draft.reader.boolean(yaml) == Some(true)
    {
        draft.calendar.emergency = draft.rule("emergency: true", yaml.spot);
    }
    (name.is_some() && zone.is_some()).then_some(draft.calendar)
}

fn read_zone(reader: &mut Reader<'_>, yaml: &Yaml) -> Option<TimeZone> {
    let word = reader.word(yaml, "a time zone such as Asia/Almaty")?;
    zone(reader, Y004, yaml.spot, word)
}

impl Draft<'_, '_> {
    /// A line of the file for people; noted when there are too many.
    fn rule(&mut self, says: impl Into<String>, spot: Spot) -> Option<RuleIx> {
        let rule = Rule { says: says.into(), file: Arc::clone(&self.file), line: spot.line };
        let at = self.calendar.rule(rule);
        if at.is_none() {
            let message = format!("a calendar has at most {} lines of hours and days", u16::MAX);
            self.reader.error(Y004, spot, message);
        }
        at
    }

    fn week(&mut self, yaml: &Yaml) {
        let mut seen: [Option<u32>; 7] = [None; 7];
        let Some(entries) = self.reader.entries(yaml, "weekly hours") else { return };
        for (word, value) in entries.iter() {
            let Some(days) = weekdays(&word.text) else {
                let message = format!("`{}` is no weekday", word.text);
                let found = Diagnostic::error(Y004, self.reader.file(), word.spot, message)
                    .help("write mon, tue, wed, thu, fri, sat, sun, or a range such as mon-fri");
                self.reader.push(found);
                continue;
            };
            let hours = self.hours(value, &word.text);
            for day in days {
                if let Some(line) = seen[day].replace(word.spot.line) {
                    let message = format!("{} has its hours already in line {line}", WEEKDAYS[day]);
                    self.reader.error(Y004, word.spot, message);
                }
                self.calendar.weekly[day] = hours.clone();
            }
        }
    }

    fn hours(&mut self, yaml: &Yaml, whose: &str) -> Vec<Hours> {
        let mut all = Vec::new();
        for item in self.reader.list(yaml, "hours such as 09:00-18:00") {
            let Some(word) = self.reader.word(item, "hours such as 09:00-18:00") else { continue };
            let Some((from, minutes)) = hours(word) else {
                let message =
                    format!("`{word}` is not of the form 09:00-18:00 (24:00 is the day's end)");
                self.reader.error(Y004, item.spot, message);
                continue;
            };
            if let Some(rule) = self.rule(format!("{whose} {word}"), item.spot) {
                all.push(Hours { from, minutes, rule });
            }
        }
        all
    }

    /// A date, or `{date, name, hours}`: with hours the day is a short one, without it is a holiday.
    fn day(&mut self, yaml: &Yaml) {
        let (date, name, hours) = match &yaml.value {
            Value::Map(_) => {
                let keys = ["date", "name", "hours"];
                let Some(fields) = self.reader.map(yaml, "a holiday", &keys) else { return };
                let name = fields.get("name");
                let name = name.and_then(|yaml| self.reader.word(yaml, "the day's name"));
                let date = self.reader.need(fields, "a holiday", "date");
                (date, name, fields.get("hours"))
            }
            Value::Word { .. } | Value::List(_) => (Some(yaml), None, None),
        };
        let word = date.and_then(|yaml| {
            let word = self.reader.word(yaml, "a date such as 2026-12-16")?;
            Some((word, yaml.spot))
        });
        let says = name.or(word.map(|(word, _)| word)).unwrap_or_default();
        let hours = hours.map(|yaml| self.hours(yaml, says));
        let Some((word, spot)) = word else { return };
        let Some(day) = word.parse::<Date>().ok().filter(|_| word.len() == 10) else {
            self.reader.error(Y004, spot, format!("`{word}` is no date such as 2026-12-16"));
            return;
        };
        let Some(rule) = self.rule(says, spot) else { return };
        if self.calendar.days.insert(day, Day { hours, rule }).is_some() {
            self.reader.error(Y004, spot, format!("{word} is here for the second time"));
        }
    }

    fn list(&mut self, yaml: &Yaml, lists: &HolidayLists) {
        let Some(word) = self.reader.word(yaml, "the name of a list of holidays") else { return };
        let Some(list) = lists.get(word) else {
            let message = format!("there is no list of holidays `{word}`");
            let found = Diagnostic::error(Y004, self.reader.file(), yaml.spot, message)
                .help(format!("put it into config/calendars/holidays/{word}.ics"))
                .nearest(word, lists.keys().map(String::as_str));
            self.reader.push(found);
            return;
        };
        for (dates, rule) in &list.holidays {
            let Some(at) = self.calendar.rule(rule.clone()) else {
                let message = format!("`{word}` has more holidays than a calendar can hold");
                self.reader.error(Y004, yaml.spot, message);
                return;
            };
            self.calendar.holidays.push((dates.clone(), at));
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

/// The first minute and how many; hours that end no later than they begin reach into the next day.
fn hours(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    let end = if to <= from { to + DAY } else { to };
    (from < DAY && from != to).then(|| (from, end - from))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_as_written_and_nothing_else_is() {
        assert_eq!(hours("09:00-18:00"), Some((540, 540)));
        assert_eq!(hours("00:00-24:00"), Some((0, 1440)));
        assert_eq!(hours("22:00-06:00"), Some((1320, 480)));
        assert_eq!(hours("22:00-24:00"), Some((1320, 120)));
        assert_eq!(hours("18:00-00:00"), Some((1080, 360)));
        for wrong in [
            "",
            "9-18",
            "09:00",
            "09:00-09:00",
            "00:00-00:00",
            "24:00-06:00",
            "09:60-10:00",
            "09:00-25:00",
        ] {
            assert_eq!(hours(wrong), None, "{wrong}");
        }
    }
}
