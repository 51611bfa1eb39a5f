//! Schedules as CSV: `agent,start,end,activity`, with a header line; RFC 4180.

use super::super::finding::{Place, SourceId};
use super::{Moment, Reading, local, stamp};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The columns, in this order.
const HEADER: [&str; 4] = ["agent", "start", "end", "activity"];

/// Reads one file.
pub(super) fn read(reading: &mut Reading<'_>, source: SourceId, text: &str) {
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let mut first = true;
    let mut row = csv::StringRecord::new();
    loop {
        let before = offset(rows.position().byte());
        match rows.read_record(&mut row) {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => {
                let place = Place { source, span: line_at(text, before) };
                reading.findings.error(&place, format!("this is no CSV: {error}"), cure());
                return;
            }
        }
        let begins = row.position().map_or(before, |position| offset(position.byte()));
        let place = Place { source, span: line_at(text, begins) };
        let words: Vec<&str> = row.iter().collect();
        let header = std::mem::take(&mut first);
        match <[&str; 4]>::try_from(words) {
            Ok(words) if header => {
                if words != HEADER {
                    reading.findings.error(&place, "the first line names no columns", cure());
                }
            }
            Ok(words) => {
                let (from, until) =
                    (moment(words[1], reading.zone), moment(words[2], reading.zone));
                reading.take(&place, words, from, until);
            }
            Err(words) => {
                let message = format!("{} columns instead of 4", words.len());
                reading.findings.error(&place, message, cure());
            }
        }
    }
}

fn cure() -> String {
    format!("write {} and below it anna,2026-01-31T09:00,2026-01-31T13:00,ready", HEADER.join(","))
}

fn offset(byte: u64) -> usize {
    usize::try_from(byte).unwrap_or(usize::MAX)
}

/// The line that a byte stands in; blank lines before a row are not its.
fn line_at(text: &str, at: usize) -> std::ops::Range<usize> {
    let at = at.min(text.len());
    let start = at + text[at..].find(|c: char| !c.is_whitespace()).unwrap_or(0);
    let end = text[start..].find('\n').map_or(text.len(), |n| start + n);
    start..end
}

/// RFC 3339, or the house's own time with or without seconds.
fn moment(word: &str, zone: &TimeZone) -> Moment {
    if let Ok(at) = word.parse::<jiff::Timestamp>() {
        return stamp(at);
    }
    local(word.parse::<DateTime>().ok()?, zone)
}
