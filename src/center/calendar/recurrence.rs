//! Recurring days: `RRULE` of RFC 5545 §3.3.10, as far as days go.
//!
//! A rule is read from its text and gives the days on which it falls, in order, up to [`CALENDAR_YEAR_MAX`]. What the
//! clock shows on such a day is the event's matter, so the parts that choose hours and minutes are refused, and so are
//! week numbers and days of the year. Knows no calendar.

use crate::limits::CALENDAR_YEAR_MAX;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};

/// How often, between which days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// Where a rule ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Never,
    /// After so many days.
    Count(u32),
    /// With the last day that begins not later than this.
    Until(DateTime),
}

/// A weekday, and which of its month or year: 0 all, 1 the first, -1 the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Nth {
    nth: i16,
    day: Weekday,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurrence {
    frequency: Frequency,
    interval: u32,
    months: Vec<i16>,
    month_days: Vec<i16>,
    weekdays: Vec<Nth>,
    positions: Vec<i16>,
    week_start: Weekday,
    end: End,
}

/// What is wrong with a rule, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong, a sentence without a full stop.
    pub message: String,
    /// The cure.
    pub cure: String,
}

fn mistake(message: impl Into<String>, cure: impl Into<String>) -> Mistake {
    Mistake { message: message.into(), cure: cure.into() }
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("MO", Weekday::Monday),
    ("TU", Weekday::Tuesday),
    ("WE", Weekday::Wednesday),
    ("TH", Weekday::Thursday),
    ("FR", Weekday::Friday),
    ("SA", Weekday::Saturday),
    ("SU", Weekday::Sunday),
];

impl Recurrence {
    /// Reads a rule such as `FREQ=MONTHLY;BYDAY=-1FR`; all its mistakes at once. An `UNTIL` in UTC is turned into what
    /// the clock on the wall of `zone` shows then.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Recurrence, Vec<Mistake>> {
        let mut rule = Recurrence {
            frequency: Frequency::Yearly,
            interval: 1,
            months: Vec::new(),
            month_days: Vec::new(),
            weekdays: Vec::new(),
            positions: Vec::new(),
            week_start: Weekday::Monday,
            end: End::Never,
        };
        let mut wrong = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        for part in text.split(';') {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = name.trim().to_ascii_uppercase();
            if seen.contains(&name) {
                wrong.push(mistake(format!("the rule has {name} twice"), "keep one of them"));
            }
            if let Err(found) = rule.part(&name, &value.trim().to_ascii_uppercase(), zone) {
                wrong.push(found);
            }
            seen.push(name);
        }
        wrong.extend(rule.contradictions(&seen));
        if wrong.is_empty() { Ok(rule) } else { Err(wrong) }
    }

    fn part(&mut self, name: &str, value: &str, zone: &TimeZone) -> Result<(), Mistake> {
        let whole = |what: &str| {
            let number = value.parse::<u32>().ok().filter(|number| *number > 0);
            number.ok_or_else(|| {
                mistake(format!("{what}={value} is no number from 1 on"), format!("write {what}=2"))
            })
        };
        match name {
            "FREQ" => {
                self.frequency = match value {
                    "DAILY" => Frequency::Daily,
                    "WEEKLY" => Frequency::Weekly,
                    "MONTHLY" => Frequency::Monthly,
                    "YEARLY" => Frequency::Yearly,
                    _ => {
                        let cure = "write DAILY, WEEKLY, MONTHLY or YEARLY";
                        return Err(mistake(format!("FREQ={value} chooses no days"), cure));
                    }
                }
            }
            "INTERVAL" => self.interval = whole("INTERVAL")?,
            "COUNT" => self.end = End::Count(whole("COUNT")?),
            "UNTIL" => self.end = End::Until(until(value, zone)?),
            "WKST" => {
                let day = WEEKDAYS.iter().find(|(name, _)| *name == value);
                let cure = "write MO, TU, WE, TH, FR, SA or SU";
                let wrong = || mistake(format!("WKST={value} is no weekday"), cure);
                self.week_start = day.ok_or_else(wrong)?.1;
            }
            "BYMONTH" => self.months = numbers(name, value, 1, 12, false)?,
            "BYMONTHDAY" => self.month_days = numbers(name, value, 1, 31, true)?,
            "BYSETPOS" => self.positions = numbers(name, value, 1, 366, true)?,
            "BYDAY" => self.weekdays = value.split(',').map(weekday).collect::<Result<_, _>>()?,
            "BYHOUR" | "BYMINUTE" | "BYSECOND" => {
                let cure = "take it out: DTSTART says when the hours begin; make an event for each";
                return Err(mistake(format!("{name} is not understood here"), cure));
            }
            "BYWEEKNO" | "BYYEARDAY" => {
                let cure = "choose the days by BYMONTH and BYMONTHDAY or BYDAY";
                return Err(mistake(format!("{name} is not understood here"), cure));
            }
            "" => return Err(mistake("the rule has an empty part", "take out the `;` too many")),
            _ => {
                let cure = "its parts are FREQ, INTERVAL, COUNT, UNTIL, WKST, BYDAY, BYMONTH, \
                            BYMONTHDAY, BYSETPOS";
                return Err(mistake(format!("a rule has no part {name}"), cure));
            }
        }
        Ok(())
    }

    /// What RFC 5545 §3.3.10 says must not stand together.
    fn contradictions(&self, seen: &[String]) -> Vec<Mistake> {
        let has = |name: &str| seen.iter().any(|seen| seen == name);
        let numbered = self.weekdays.iter().any(|day| day.nth != 0);
        let few = matches!(self.frequency, Frequency::Daily | Frequency::Weekly);
        let mut wrong = Vec::new();
        let mut check = |offence: bool, message: &str, cure: &str| {
            if offence {
                wrong.push(mistake(message, cure));
            }
        };
        check(!has("FREQ"), "the rule has no FREQ", "begin it with FREQ=WEEKLY, or as it may be");
        check(has("COUNT") && has("UNTIL"), "the rule has two ends", "keep COUNT or UNTIL");
        check(
            numbered && few,
            "a BYDAY with a number needs a month or a year",
            "write FREQ=MONTHLY or FREQ=YEARLY, or take the number out",
        );
        check(
            has("BYMONTHDAY") && self.frequency == Frequency::Weekly,
            "a week has no BYMONTHDAY",
            "write FREQ=MONTHLY, or take it out",
        );
        let others = has("BYDAY") || has("BYMONTH") || has("BYMONTHDAY");
        check(
            has("BYSETPOS") && !others,
            "BYSETPOS has nothing to choose from",
            "add BYDAY, BYMONTH or BYMONTHDAY",
        );
        wrong
    }

    /// The days on which it falls, in order: from the day of `start` on, each as early in the day as `start` is.
    /// [`CALENDAR_YEAR_MAX`] is the last year looked at.
    pub fn dates(&self, start: DateTime) -> Vec<Date> {
        let rule = self.completed(start.date());
        let mut all = Vec::new();
        let mut number = 0;
        while let Some((first, many)) = rule.period(start.date(), number) {
            number += 1;
            let days = (0..many).filter_map(|step| first.checked_add(step.days()).ok());
            let days: Vec<Date> = days.filter(|day| rule.fits(*day)).collect();
            for day in rule.chosen(days).into_iter().filter(|day| *day >= start.date()) {
                let over = match rule.end {
                    End::Never => false,
                    End::Count(most) => all.len() >= most as usize,
                    End::Until(last) => day.to_datetime(start.time()) > last,
                };
                if over || day.year() > CALENDAR_YEAR_MAX {
                    return all;
                }
                all.push(day);
            }
        }
        all
    }

    /// The rule with what its first day says where it says nothing itself.
    fn completed(&self, first: Date) -> Recurrence {
        let mut rule = self.clone();
        if !self.month_days.is_empty() || !self.weekdays.is_empty() {
            return rule;
        }
        match self.frequency {
            Frequency::Daily => {}
            Frequency::Weekly => rule.weekdays = vec![Nth { nth: 0, day: first.weekday() }],
            Frequency::Monthly => rule.month_days = vec![first.day().into()],
            Frequency::Yearly => {
                rule.month_days = vec![first.day().into()];
                if self.months.is_empty() {
                    rule.months = vec![first.month().into()];
                }
            }
        }
        rule
    }

    /// The first day of a period and how many days it has; `None` beyond the last year.
    fn period(&self, start: Date, number: i64) -> Option<(Date, i64)> {
        let steps = number.checked_mul(self.interval.into())?;
        let (first, many) = match self.frequency {
            Frequency::Daily => (days_later(start, steps)?, 1),
            Frequency::Weekly => {
                let into_the_week = i64::from(self.week_start.until(start.weekday()));
                (days_later(start, steps.checked_mul(7)?.checked_sub(into_the_week)?)?, 7)
            }
            Frequency::Monthly => {
                let months = i64::from(start.year()) * 12 + i64::from(start.month()) - 1;
                let months = months.checked_add(steps)?;
                let year = i16::try_from(months / 12).ok()?;
                let month = i8::try_from(months % 12 + 1).ok()?;
                let first = Date::new(year, month, 1).ok()?;
                (first, first.days_in_month().into())
            }
            Frequency::Yearly => {
                let year = i16::try_from(i64::from(start.year()).checked_add(steps)?).ok()?;
                let first = Date::new(year, 1, 1).ok()?;
                (first, first.days_in_year().into())
            }
        };
        (first.year() <= CALENDAR_YEAR_MAX).then_some((first, many))
    }

    fn fits(&self, day: Date) -> bool {
        let from_the_end = i16::from(day.day()) - i16::from(day.days_in_month()) - 1;
        let month = self.months.is_empty() || self.months.contains(&day.month().into());
        let month_day = self.month_days.is_empty()
            || self.month_days.contains(&day.day().into())
            || self.month_days.contains(&from_the_end);
        let weekday = self.weekdays.is_empty()
            || self
                .weekdays
                .iter()
                .any(|nth| nth.day == day.weekday() && self.is_nth(day, nth.nth));
        month && month_day && weekday
    }

    /// Whether a day is its weekday's first, second … of its month, or of its year when the rule knows no months.
    fn is_nth(&self, day: Date, nth: i16) -> bool {
        let of_month = self.frequency == Frequency::Monthly || !self.months.is_empty();
        let (at, many) = match of_month {
            true => (i16::from(day.day()), i16::from(day.days_in_month())),
            false => (day.day_of_year(), day.days_in_year()),
        };
        nth == 0 || nth == (at - 1) / 7 + 1 || nth == -((many - at) / 7 + 1)
    }

    /// What BYSETPOS chooses of the days of one period.
    fn chosen(&self, days: Vec<Date>) -> Vec<Date> {
        if self.positions.is_empty() {
            return days;
        }
        let chosen = |at: usize| {
            let at = i64::try_from(at).unwrap_or(i64::MAX);
            let many = i64::try_from(days.len()).unwrap_or(i64::MAX);
            let is_it = |position: &i16| {
                let position = i64::from(*position);
                position == at + 1 || position == at - many
            };
            self.positions.iter().any(is_it)
        };
        (0..days.len()).filter(|at| chosen(*at)).map(|at| days[at]).collect()
    }
}

fn days_later(day: Date, days: i64) -> Option<Date> {
    day.checked_add(SignedDuration::from_hours(days.checked_mul(24)?)).ok()
}

/// `5`, `1,15,-1`: numbers from `least` to `most`, their negatives too where the end can be counted from.
fn numbers(
    name: &str,
    value: &str,
    least: i16,
    most: i16,
    negative: bool,
) -> Result<Vec<i16>, Mistake> {
    let one = |word: &str| {
        let number = word.trim().parse::<i16>().ok();
        let number = number.filter(|number| {
            (least..=most).contains(number) || negative && (-most..=-least).contains(number)
        });
        number.ok_or_else(|| {
            let or = if negative { format!(", or {} to {}", -most, -least) } else { String::new() };
            let cure = format!("write numbers from {least} to {most}{or}");
            mistake(format!("{name} can't be `{word}`"), cure)
        })
    };
    value.split(',').map(one).collect()
}

/// `MO`, `2TU`, `-1FR`.
fn weekday(word: &str) -> Result<Nth, Mistake> {
    let wrong = || {
        let cure = "write MO, TU, WE, TH, FR, SA, SU, or 1MO for the first, -1FR for the last";
        mistake(format!("BYDAY can't be `{word}`"), cure)
    };
    let word = word.trim();
    let split = word.len().checked_sub(2).filter(|at| word.is_char_boundary(*at));
    let (number, name) = word.split_at(split.ok_or_else(wrong)?);
    let (_, day) = WEEKDAYS.iter().find(|(known, _)| *known == name).ok_or_else(wrong)?;
    let nth = match number {
        "" => 0,
        _ => number
            .parse::<i16>()
            .ok()
            .filter(|nth| (1..=53).contains(&nth.abs()))
            .ok_or_else(wrong)?,
    };
    Ok(Nth { nth, day: *day })
}

/// A day, which counts as a whole, or a moment: in UTC, or by the clock on the wall.
fn until(value: &str, zone: &TimeZone) -> Result<DateTime, Mistake> {
    let wrong = || {
        let cure = "write UNTIL=20261231 or UNTIL=20261231T180000Z";
        mistake(format!("UNTIL={value} is no date"), cure)
    };
    if let Some(day) = date(value) {
        return Ok(day.at(23, 59, 59, 999_999_999));
    }
    let utc = value.strip_suffix('Z');
    let wall = date_time(utc.unwrap_or(value)).ok_or_else(wrong)?;
    match utc {
        None => Ok(wall),
        Some(_) => {
            let moment = TimeZone::UTC.to_timestamp(wall).map_err(|_| wrong())?;
            Ok(zone.to_datetime(moment))
        }
    }
}

/// `20261231`.
pub(super) fn date(text: &str) -> Option<Date> {
    if text.len() != 8 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, month, day) = (&text[..4], &text[4..6], &text[6..]);
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// `20261231T180000`.
pub(super) fn date_time(text: &str) -> Option<DateTime> {
    let (day, time) = text.split_once('T')?;
    let digits = time.len() == 6 && time.bytes().all(|byte| byte.is_ascii_digit());
    let part = |at: usize| time[at..at + 2].parse::<i8>().ok();
    let day = date(day).filter(|_| digits)?;
    // A leap second is the last one of its minute.
    let time = jiff::civil::Time::new(part(0)?, part(2)?, part(4)?.min(59), 0).ok()?;
    Some(day.to_datetime(time))
}
