//! Schedules as iCalendar (RFC 5545): one event, one stretch.
//!
//! Who: the `ATTENDEE`'s address before the `@`, otherwise the name of the file. What: the first of `CATEGORIES`,
//! otherwise `SUMMARY`. When: `DTSTART` and `DTEND`, in UTC, in a zone, or in the house's own time. Cancelled ones are
//! left out; recurring ones are refused, since a plan of shifts is a list of days.

use super::super::finding::{Place, SourceId};
use super::{Moment, Reading, local, stamp};
use icalendar::parser::{Component, Property, read_calendar, unfold};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Reads one file; `stem` is its name without the ending.
pub(super) fn read(reading: &mut Reading<'_>, source: SourceId, text: &str, stem: &str) {
    let unfolded = unfold(text);
    let calendar = match read_calendar(&unfolded) {
        Ok(calendar) => calendar,
        Err(error) => {
            let place = Place { source, span: 0..0 };
            let first = error.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            let message = format!("this is no iCalendar: {}", first.trim());
            reading.findings.error(&place, message, "export it as .ics (RFC 5545)");
            return;
        }
    };
    let events = calendar.components.iter().filter(|part| part.name.as_str() == "VEVENT");
    for event in events {
        let place = Place { source, span: place_of(text, event) };
        one(reading, &place, event, stem);
    }
}

fn one(reading: &mut Reading<'_>, place: &Place, event: &Component<'_>, stem: &str) {
    let word = |name: &str| event.find_prop(name).map(|found| found.val.as_str().trim());
    if word("STATUS").is_some_and(|status| status.eq_ignore_ascii_case("cancelled")) {
        return;
    }
    if let Some(rule) = ["RRULE", "RDATE"].into_iter().find(|name| word(name).is_some()) {
        let message = format!("a recurring event ({rule}) is no plan of shifts");
        reading.findings.error(place, message, "export each day as an event of its own");
        return;
    }
    let attendee = word("ATTENDEE").and_then(|address| {
        let (scheme, address) = address.split_once(':')?;
        let name = address.split('@').next().unwrap_or_default();
        scheme.eq_ignore_ascii_case("mailto").then_some(name)
    });
    let categories = word("CATEGORIES").and_then(|list| list.split(',').next());
    let activity = categories.or_else(|| word("SUMMARY")).unwrap_or_default();
    let activity = activity.trim().to_lowercase().replace([' ', '-'], "_");
    let times = ["DTSTART", "DTEND"].map(|name| event.find_prop(name));
    let [from, until] = times.map(|time| time.and_then(|time| moment(time, reading.zone)));
    let [from_word, until_word] = ["DTSTART", "DTEND"].map(|name| word(name).unwrap_or(name));
    let words = [attendee.unwrap_or(stem), from_word, until_word, &activity];
    reading.take(place, words, from, until);
}

/// Where the event stands: at its UID, which it must have.
fn place_of(text: &str, event: &Component<'_>) -> std::ops::Range<usize> {
    let uid = event.find_prop("UID").map(|uid| format!("UID:{}", uid.val.as_str()));
    let at = uid.and_then(|uid| text.find(&uid).map(|at| at..at + uid.len()));
    at.unwrap_or(0..0)
}

/// `20260131T090000Z`, the same without Z in a zone named by TZID, or in the house's own.
fn moment(time: &Property<'_>, house: &TimeZone) -> Moment {
    let word = time.val.as_str();
    if let Some(utc) = word.strip_suffix('Z') {
        return stamp(TimeZone::UTC.to_timestamp(utc.parse::<DateTime>().ok()?).ok()?);
    }
    let named = time.params.iter().find(|param| param.key.as_str() == "TZID");
    let zone = match named.and_then(|param| param.val.as_ref()) {
        Some(name) => TimeZone::get(name.as_str()).ok()?,
        None => house.clone(),
    };
    local(word.parse().ok()?, &zone)
}
