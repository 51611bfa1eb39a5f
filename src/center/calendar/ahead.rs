//! When a calendar opens, closes or changes next.
//!
//! What a calendar says depends on the clock on the wall alone, so it can turn only where the wall shows midnight, the
//! beginning or the end of hours, or where the wall's clock is put forward or back. Those moments are walked through in
//! order; nothing between them is asked.

use super::{Calendar, DAY, Open, Plan};
use crate::limits::CALENDAR_LOOK_AHEAD;
use dozvon_clock::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::AmbiguousOffset;
use std::collections::BTreeSet;

impl Calendar {
    /// The first moment not before `from` at which it is open: `from` itself when it is open then. `None` when it opens
    /// at no moment up to [`CALENDAR_LOOK_AHEAD`] later, which stands for never, and when it is closed by hand.
    pub fn next_open(&self, from: Timestamp) -> Option<Timestamp> {
        match self.emergency {
            Some(_) => None,
            None => self.first(from, |open| open == Open::Open),
        }
    }

    /// The first moment after `at` at which it is no longer open; `None` when it isn't open at `at`. A calendar that
    /// does not close within [`CALENDAR_LOOK_AHEAD`] is told to be open until then: at least so long.
    pub fn open_until(&self, at: Timestamp) -> Option<Timestamp> {
        let open = self.state(at) == Open::Open;
        let close = || self.first(at, |open| open != Open::Open);
        open.then(|| close().unwrap_or(at + CALENDAR_LOOK_AHEAD))
    }

    /// The first moment after `at` at which it says something else than at `at`; `None` when it says the same up to
    /// [`CALENDAR_LOOK_AHEAD`] later.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let now = self.state(at);
        self.first(at, |open| open != now)
    }

    /// The first moment from `from` to the bound at which it says what is wanted.
    fn first(&self, from: Timestamp, wanted: impl Fn(Open) -> bool) -> Option<Timestamp> {
        if wanted(self.state(from)) {
            return Some(from);
        }
        let until = from + CALENDAR_LOOK_AHEAD;
        let mut ahead: BTreeSet<Timestamp> = self.clock_changes(from, until);
        // Hours that began yesterday may end now, and this night the clock may show yesterday once more.
        let ago = jiff::SignedDuration::from_hours(48);
        let mut day = self.local(from).date().saturating_sub(ago);
        loop {
            self.turns(day, &mut ahead);
            // All that comes before this noon is known: clocks are put forward and back by hours, and at night.
            let noon = *self.moments(day.at(12, 0, 0, 0)).iter().flatten().min()?;
            while let Some(at) = ahead.first().copied().filter(|at| *at < noon) {
                ahead.remove(&at);
                if at > until {
                    return None;
                }
                if at > from && wanted(self.state(at)) {
                    return Some(at);
                }
            }
            if noon > until {
                return None;
            }
            day = day.tomorrow().ok()?;
        }
    }

    /// Where the zone's clock is put forward or back, after `from` and up to `until`.
    fn clock_changes(&self, from: Timestamp, until: Timestamp) -> BTreeSet<Timestamp> {
        let changes = self.zone.following(super::on_the_line(from));
        let changes = changes.map_while(|change| moment(change.timestamp()));
        changes.take_while(|at| *at <= until).collect()
    }

    /// Adds the moments of a local day at which it may turn.
    fn turns(&self, day: Date, turns: &mut BTreeSet<Timestamp>) {
        let midnight = day.at(0, 0, 0, 0);
        let mut minutes = vec![0, u32::from(DAY)];
        if let Plan::Hours(hours, _) = self.plan(day) {
            minutes.extend(hours.iter().flat_map(|hours| [u32::from(hours.from), hours.end()]));
        }
        for minute in minutes {
            let turn = midnight.checked_add(jiff::SignedDuration::from_mins(i64::from(minute)));
            let moments = turn.ok().map(|turn| self.moments(turn));
            turns.extend(moments.into_iter().flatten().flatten());
        }
    }

    /// The moments at which the clock on the wall shows this: two when it shows it twice. A time that is left out
    /// stands for both moments it could be; neither can be missed, since the clock change itself is looked at as well.
    fn moments(&self, wall: DateTime) -> [Option<Timestamp>; 2] {
        let at = |offset: jiff::tz::Offset| offset.to_timestamp(wall).ok().and_then(moment);
        match self.zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => [at(offset), None],
            AmbiguousOffset::Gap { before, after } | AmbiguousOffset::Fold { before, after } => {
                [at(before), at(after)]
            }
        }
    }
}

fn moment(at: jiff::Timestamp) -> Option<Timestamp> {
    u64::try_from(at.as_microsecond()).ok().map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use super::super::moment;
    use super::*;
    use crate::chance::Chance;
    use std::fmt::Write;
    use std::time::Duration;

    const MINUTE: Duration = Duration::from_secs(60);

    fn calendar(zone: &str, rest: &str) -> Calendar {
        let text = format!("calendar: c\nzone: {zone}\n{rest}");
        Calendar::from_yaml("c.yaml", &text).unwrap_or_else(|found| panic!("{text}\n{found:#?}"))
    }

    fn at(text: &str) -> Timestamp {
        moment(text).unwrap()
    }

    #[test]
    fn it_opens_with_the_first_minute_and_closes_with_the_last() {
        let bank = calendar(
            "Asia/Almaty",
            "weekly: {mon-fri: [09:00-13:00, 14:00-18:00]}\nholidays: [2026-12-16]\n",
        );
        let wednesday = |time: &str| at(&format!("2026-11-25T{time}+05:00"));
        assert_eq!(bank.next_open(wednesday("08:00")), Some(wednesday("09:00")));
        assert_eq!(bank.next_open(wednesday("09:00")), Some(wednesday("09:00")));
        assert_eq!(bank.next_open(wednesday("12:59:59.5")), Some(wednesday("12:59:59.5")));
        assert_eq!(bank.next_open(wednesday("13:00")), Some(wednesday("14:00")));
        assert_eq!(bank.open_until(wednesday("09:00")), Some(wednesday("13:00")));
        assert_eq!(bank.open_until(wednesday("17:59:59")), Some(wednesday("18:00")));
        assert_eq!(bank.open_until(wednesday("18:00")), None);
        // Over the weekend, and over the holiday to the Thursday behind it.
        assert_eq!(
            bank.next_open(at("2026-11-27T18:00+05:00")),
            Some(at("2026-11-30T09:00+05:00"))
        );
        assert_eq!(
            bank.next_open(at("2026-12-15T18:00+05:00")),
            Some(at("2026-12-17T09:00+05:00"))
        );
        // A holiday begins and ends at midnight, and that is a change, too.
        let eve = at("2026-12-15T20:00+05:00");
        assert_eq!(bank.next_change(eve), Some(at("2026-12-16T00:00+05:00")));
        let holiday = at("2026-12-16T12:00+05:00");
        assert_eq!(bank.next_change(holiday), Some(at("2026-12-17T00:00+05:00")));
    }

    #[test]
    fn hours_that_the_clock_leaves_out_or_shows_twice_are_found() {
        // Berlin leaps from 02:00 to 03:00 on 2026-03-29: half past two is not there that night.
        let night = calendar("Europe/Berlin", "weekly: {sun: [02:30-03:30]}\n");
        let spring = at("2026-03-29T00:00+01:00");
        assert_eq!(night.next_open(spring), Some(at("2026-03-29T03:00+02:00")));
        assert_eq!(
            night.open_until(at("2026-03-29T03:00+02:00")),
            Some(at("2026-03-29T03:30+02:00"))
        );
        // On 2026-10-25 it goes back from 03:00 to 02:00, so it is half past two twice, and open in between as well.
        let autumn = at("2026-10-25T00:00+02:00");
        assert_eq!(night.next_open(autumn), Some(at("2026-10-25T02:30+02:00")));
        let first = at("2026-10-25T02:45+02:00");
        assert_eq!(night.open_until(first), Some(at("2026-10-25T02:00+01:00")));
        assert_eq!(
            night.next_open(at("2026-10-25T02:00+01:00")),
            Some(at("2026-10-25T02:30+01:00"))
        );
    }

    #[test]
    fn a_calendar_that_never_turns_is_asked_up_to_the_bound() {
        let from = at("2026-11-25T12:00Z");
        let never = calendar("UTC", "weekly: {}\n");
        assert_eq!((never.next_open(from), never.open_until(from)), (None, None));
        assert_eq!(never.next_change(from), None);
        let always = calendar("UTC", "weekly: {mon-sun: [00:00-24:00]}\n");
        assert_eq!(always.next_open(from), Some(from));
        assert_eq!(always.open_until(from), Some(from + CALENDAR_LOOK_AHEAD));
        assert_eq!(always.next_change(from), None);
        let by_hand = calendar("UTC", "weekly: {mon-sun: [00:00-24:00]}\nemergency: true\n");
        assert_eq!((by_hand.next_open(from), by_hand.open_until(from)), (None, None));
    }

    #[test]
    fn the_bound_is_the_last_moment_that_is_looked_at() {
        let once = calendar(
            "UTC",
            "weekly: {}\nholidays: [{date: 2028-01-10, name: open house, hours: [10:00-11:00]}]\n",
        );
        let opens = at("2028-01-10T10:00Z");
        assert_eq!(once.next_open(opens - CALENDAR_LOOK_AHEAD), Some(opens));
        let earlier = opens - CALENDAR_LOOK_AHEAD - Duration::from_micros(1);
        assert_eq!(once.next_open(earlier), None);
    }

    #[test]
    fn any_moment_has_an_answer() {
        let bank = calendar("Europe/Berlin", "weekly: {mon-sun: [09:00-18:00]}\n");
        for micros in [0, 1, 253_402_207_199_999_999, u64::MAX / 2, u64::MAX] {
            let at = Timestamp::from_micros(micros);
            let _ = (bank.next_open(at), bank.open_until(at), bank.next_change(at));
        }
    }

    /// A clock change of every kind: by an hour, by half an hour, at midnight, for good, by a whole day.
    const CHANGES: [(&str, &str); 10] = [
        ("Europe/Berlin", "2026-03-29T01:00Z"),
        ("Europe/Berlin", "2026-10-25T01:00Z"),
        ("America/New_York", "2026-11-01T06:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T15:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T15:30Z"),
        ("Africa/Cairo", "2026-04-23T22:00Z"),
        ("America/Havana", "2026-11-01T05:00Z"),
        ("Asia/Almaty", "2024-02-29T18:00Z"),
        ("Pacific/Apia", "2011-12-30T10:00Z"),
        ("Atlantic/Azores", "2026-03-29T01:00Z"),
    ];

    fn some_hours(chance: &mut Chance) -> String {
        let minute = |chance: &mut Chance| match chance.below(3) {
            0 => chance.below(24) * 60,
            1 => chance.below(48) * 30,
            _ => chance.below(24 * 60),
        };
        let one = |chance: &mut Chance| {
            let from = minute(chance);
            let to = match chance.below(6) {
                0 => 24 * 60,
                _ => minute(chance),
            };
            let to = if to == from { 24 * 60 } else { to };
            format!("\"{:02}:{:02}-{:02}:{:02}\"", from / 60, from % 60, to / 60, to % 60)
        };
        let many = chance.below(4);
        let all: Vec<String> = (0..many).map(|_| one(chance)).collect();
        format!("[{}]", all.join(", "))
    }

    /// A calendar with hours, holidays and short days around a day.
    fn some_calendar(chance: &mut Chance, zone: &str, around: Timestamp) -> Calendar {
        let mut text = "weekly:\n".to_owned();
        for day in ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] {
            writeln!(text, "  {day}: {}", some_hours(chance)).unwrap();
        }
        text.push_str("holidays:\n");
        let date = super::super::on_the_line(around).to_zoned(jiff::tz::TimeZone::UTC).date();
        for step in [-3_i64, -1, 0, 2] {
            let day = date.checked_add(jiff::SignedDuration::from_hours(24 * step)).unwrap();
            match chance.below(4) {
                0 => writeln!(text, "  - {day}").unwrap(),
                1 => {
                    let hours = some_hours(chance);
                    writeln!(text, "  - {{date: {day}, name: short, hours: {hours}}}").unwrap();
                }
                _ => {}
            }
        }
        if text.ends_with("holidays:\n") {
            text.push_str("  []\n");
        }
        calendar(zone, &text)
    }

    #[test]
    fn walking_through_the_minutes_finds_the_same() {
        for seed in 0..200 {
            let mut chance = Chance::new(seed);
            let (zone, change) = CHANGES[chance.below(CHANGES.len() as u64) as usize];
            let calendar = some_calendar(&mut chance, zone, at(change));
            let from = at(change) - MINUTE * 60 * 72 + MINUTE * chance.below(6_000) as u32;
            let seconds = Duration::from_secs(chance.below(2) * 17);
            let start = from + seconds;
            // The minutes after the start, and the start itself.
            let minutes =
                (0..6 * 24 * 60).map(|step| from + MINUTE * step).filter(|at| *at > start);
            let said: Vec<(Timestamp, Open)> =
                std::iter::once(start).chain(minutes).map(|at| (at, calendar.state(at))).collect();
            let first = |wanted: &dyn Fn(Open) -> bool| {
                said.iter().find(|(_, open)| wanted(*open)).map(|(at, _)| *at)
            };
            let horizon = said.last().unwrap().0;
            let within = |at: Option<Timestamp>| at.filter(|at| *at <= horizon);
            let now = said[0].1;
            let case = format!("seed {seed}, {zone}, from {start}");
            let open = first(&|open| open == Open::Open);
            assert_eq!(within(calendar.next_open(start)), open, "{case}");
            let change = first(&|open| open != now);
            assert_eq!(within(calendar.next_change(start)), change, "{case}");
            let until = (now == Open::Open).then(|| first(&|open| open != Open::Open)).flatten();
            assert_eq!(within(calendar.open_until(start)), until, "{case}");
        }
    }
}
