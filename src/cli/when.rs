//! Stretches of time as people write them: days of a time zone, moments, and where to read of them.

use super::{EX_CONFIG, Format, When, tell, verdict};
use crate::server::config::{Places, environment, places};
use crate::server::report::{Span, now};
use crate::server::store::db::Database;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use std::path::PathBuf;
use std::process::ExitCode;

/// Days that one report tells of one by one. More are refused: ask for them as one stretch.
const DAYS_MAX: i32 = 92;

/// A [`When`] understood.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The whole stretch.
    pub(super) whole: Span,
    /// Its days, or the part of each that is in it.
    days: Vec<Span>,
    /// The time zone, for people.
    pub(super) zone: TimeZone,
    /// The database.
    pub(super) store: Database,
    /// The event log.
    pub(super) events: Option<PathBuf>,
}

/// Which days are meant when only one is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Around {
    /// That day.
    Day,
    /// Its week, from Monday on.
    Week,
}

impl Asked {
    /// Understands it.
    ///
    /// # Errors
    /// The exit code; what is wrong and its cure have been told.
    pub(super) fn of(when: &When, around: Around) -> Result<Asked, ExitCode> {
        let places = match &when.database {
            Some(file) => Places { store: Database::File(file.clone()), events: None, zone: None },
            None => {
                let (places, findings) = places(&when.config, &environment());
                if findings.has_errors() {
                    tell(&findings, Format::Full);
                    return Err(verdict(&findings));
                }
                places
            }
        };
        let zone = when.zone.as_deref().or(places.zone.as_deref()).unwrap_or("UTC");
        let Ok(zone) = TimeZoneDatabase::bundled().get(zone) else {
            eprintln!(
                "there is no time zone `{zone}`: write it as in the IANA database, Asia/Almaty"
            );
            return Err(ExitCode::from(EX_CONFIG));
        };
        let today = Timestamp::from_microsecond(now()).unwrap_or_default();
        let today = today.to_zoned(zone.clone()).date();
        stretch(when, around, today, &zone)
            .map(|(whole, days)| Asked {
                whole,
                days,
                zone,
                store: places.store,
                events: places.events,
            })
            .map_err(|message| {
                eprintln!("{message}");
                ExitCode::from(2)
            })
    }

    /// The days of the stretch.
    ///
    /// # Errors
    /// What to do when they are too many.
    pub(super) fn days(&self) -> Result<Vec<Span>, String> {
        let most = usize::try_from(DAYS_MAX).unwrap_or_default();
        if self.days.len() > most {
            return Err(format!(
                "at most {DAYS_MAX} days one by one: ask for less, or for `queue`"
            ));
        }
        Ok(self.days.clone())
    }
}

fn stretch(
    when: &When,
    around: Around,
    today: Date,
    zone: &TimeZone,
) -> Result<(Span, Vec<Span>), String> {
    let (from, to, label) = match (&when.from, &when.to) {
        (Some(from), Some(to)) => {
            let label = format!("{from} … {to}");
            (moment(from, zone)?, moment(to, zone)?, label)
        }
        (None, None) | (Some(_), None) | (None, Some(_)) => {
            let date = when.date.as_deref().map_or(Ok(today), date)?;
            let (first, days) = match around {
                Around::Day => (date, 1),
                Around::Week => {
                    let since_monday = date.weekday().to_monday_zero_offset();
                    (date - i64::from(since_monday).days(), 7)
                }
            };
            let label = match around {
                Around::Day => first.to_string(),
                Around::Week => format!("week of {first}"),
            };
            (midnight(first, zone)?, midnight(first + days.days(), zone)?, label)
        }
    };
    if from >= to {
        return Err(format!("{label}: nothing lies between, `--to` must be later than `--from`"));
    }
    let days = days(from, to, zone)?;
    Ok((Span { label, from, to }, days))
}

/// The days between two moments; one more than may be told one by one shows that they are too many.
fn days(from: i64, to: i64, zone: &TimeZone) -> Result<Vec<Span>, String> {
    let first = Timestamp::from_microsecond(from).map_err(|error| error.to_string())?;
    let mut date = first.to_zoned(zone.clone()).date();
    let (mut days, mut at) = (Vec::new(), from);
    while at < to && days.len() <= usize::try_from(DAYS_MAX).unwrap_or_default() {
        let next = date.tomorrow().map_err(|error| error.to_string())?;
        let end = midnight(next, zone)?.min(to);
        days.push(Span { label: date.to_string(), from: at, to: end });
        (date, at) = (next, end);
    }
    Ok(days)
}

fn date(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| format!("`{text}` is no day: write it like 2026-03-02"))
}

fn midnight(date: Date, zone: &TimeZone) -> Result<i64, String> {
    let moment = date.to_zoned(zone.clone()).map_err(|error| error.to_string())?;
    Ok(moment.timestamp().as_microsecond())
}

/// A moment, or the midnight that a day begins with.
fn moment(text: &str, zone: &TimeZone) -> Result<i64, String> {
    if let Ok(date) = text.parse::<Date>()
        && text.len() == 10
    {
        return midnight(date, zone);
    }
    let moment: Result<Timestamp, _> = text.parse();
    moment
        .map(Timestamp::as_microsecond)
        .map_err(|_| format!("`{text}` is no time: write 2026-03-02 or 2026-03-02T09:00:00+05:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn when(date: Option<&str>, between: Option<(&str, &str)>) -> When {
        When {
            date: date.map(str::to_owned),
            from: between.map(|(from, _)| from.to_owned()),
            to: between.map(|(_, to)| to.to_owned()),
            zone: None,
            config: PathBuf::new(),
            database: None,
        }
    }

    fn zone(name: &str) -> TimeZone {
        TimeZoneDatabase::bundled().get(name).unwrap()
    }

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn a_day_is_as_long_as_it_is_where_the_bank_is() {
        let today = date("2026-03-29").unwrap();
        let (day, _) =
            stretch(&when(None, None), Around::Day, today, &zone("Europe/Berlin")).unwrap();
        assert_eq!(day.to - day.from, 23 * HOUR, "clocks go forward that night");
        assert_eq!(day.label, "2026-03-29");
        let wanted = when(Some("2026-03-02"), None);
        let (day, _) = stretch(&wanted, Around::Day, today, &zone("Asia/Almaty")).unwrap();
        let expected: Timestamp = "2026-03-02T00:00:00+05:00".parse().unwrap();
        assert_eq!(day.from, expected.as_microsecond());
    }

    #[test]
    fn a_week_begins_on_monday_and_is_told_day_by_day() {
        let wanted = when(Some("2026-03-04"), None);
        let today = date("2026-03-29").unwrap();
        let (week, days) = stretch(&wanted, Around::Week, today, &TimeZone::UTC).unwrap();
        assert_eq!(week.label, "week of 2026-03-02");
        assert_eq!(days.len(), 7);
        assert_eq!((days[0].from, days[6].to), (week.from, week.to));
        assert_eq!(days[6].label, "2026-03-08");
    }

    #[test]
    fn what_is_no_time_is_told_with_how_to_write_it() {
        let today = date("2026-03-29").unwrap();
        let tried =
            |wanted: &When| stretch(wanted, Around::Day, today, &TimeZone::UTC).unwrap_err();
        assert!(tried(&when(Some("yesterday"), None)).contains("2026-03-02"));
        assert!(tried(&when(None, Some(("noon", "2026-01-01")))).contains("+05:00"));
        let backwards = when(None, Some(("2026-01-02", "2026-01-01")));
        assert!(tried(&backwards).contains("later"));
        let between = when(None, Some(("2026-01-01", "2026-01-01T06:00:00Z")));
        let (span, days) = stretch(&between, Around::Day, today, &TimeZone::UTC).unwrap();
        assert_eq!((span.to - span.from, days.len()), (6 * HOUR, 1));
    }
}
