//! Permitted hours: when a customer may be called. His own calendar counts where his number tells it, else the site's.
//!
//! A call may begin only if it can ring to its end within the hours.

use super::CallbackPolicy;
use crate::calendar::{Calendar, Calendars, Open};
use dozvon_clock::Timestamp;

/// Whether a customer may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Yes, until this moment.
    Open(Timestamp),
    /// Not before this moment.
    Closed(Timestamp),
    /// Not in sight: closed by hand, or no calendar is named.
    Never,
}

impl CallbackPolicy {
    /// Whether this number may be called now.
    pub fn window(&self, calendars: &Calendars, now: Timestamp, number: &str) -> Window {
        let Some(calendar) = self.calendar_of(calendars, number) else { return Window::Never };
        let mut from = now;
        // A stretch that is too short to ring in is passed over; two in a row stand for a calendar that has no other.
        for _ in 0..2 {
            let Some(open) = calendar.next_open(from) else { return Window::Never };
            let Some(until) = calendar.open_until(open) else { return Window::Never };
            let last = until - self.ring_timeout;
            match open <= now {
                true if now < last => return Window::Open(last),
                false if open < last => return Window::Closed(open),
                true | false => from = until,
            }
        }
        Window::Never
    }

    /// Whether a call that begins now keeps to the hours to its last ring.
    pub fn permitted(&self, calendars: &Calendars, now: Timestamp, number: &str) -> bool {
        let open = |calendar: &Calendar, at| calendar.state(at) == Open::Open;
        let calendar = self.calendar_of(calendars, number);
        calendar.is_some_and(|c| open(c, now) && open(c, now + self.ring_timeout))
    }

    fn calendar_of<'a>(&self, calendars: &'a Calendars, number: &str) -> Option<&'a Calendar> {
        let fits = self.calendars.iter().filter(|(beginning, _)| number.starts_with(&**beginning));
        let elsewhere = fits.max_by_key(|(beginning, _)| beginning.len()).map(|(_, name)| name);
        calendars.get(elsewhere.or(self.calendar.as_ref())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::moment;
    use std::time::Duration;

    const WEEK: &str = "weekly:\n  mon-fri: [\"08:00-22:00\"]\n  sat-sun: [\"09:00-20:00\"]\nholidays:\n  \
                        - {date: 2026-12-16, hours: [\"09:00-20:00\"]}\n";

    fn rules() -> (CallbackPolicy, Calendars) {
        let mut calendars = Calendars::new();
        for (name, zone) in [("site", "Asia/Almaty"), ("west", "Europe/Kaliningrad")] {
            let text = format!("calendar: {name}\nzone: {zone}\n{WEEK}");
            calendars.insert(Calendar::from_yaml("c.yaml", &text).expect("a calendar"));
        }
        let policy = CallbackPolicy {
            calendar: Some("site".into()),
            calendars: vec![("+7401".into(), "west".into())],
            ring_timeout: Duration::from_secs(25),
            ..CallbackPolicy::default()
        };
        (policy, calendars)
    }

    fn at(text: &str) -> Timestamp {
        moment(text).expect("a moment")
    }

    #[test]
    fn working_days_days_off_and_holidays_have_their_hours() {
        let (policy, calendars) = rules();
        for (text, may) in [
            ("2026-11-24T07:59:59+05:00", false),
            ("2026-11-24T08:00:00+05:00", true),
            ("2026-11-24T21:59:34+05:00", true),
            ("2026-11-24T21:59:35+05:00", false),
            ("2026-11-28T08:59:59+05:00", false),
            ("2026-11-28T09:00:00+05:00", true),
            ("2026-11-28T19:59:40+05:00", false),
            ("2026-12-16T08:30:00+05:00", false),
            ("2026-12-16T19:00:00+05:00", true),
        ] {
            let now = at(text);
            assert_eq!(policy.permitted(&calendars, now, "+77010000001"), may, "{text}");
            let window = policy.window(&calendars, now, "+77010000001");
            assert_eq!(matches!(window, Window::Open(_)), may, "{text}: {window:?}");
        }
        let night = policy.window(&calendars, at("2026-11-27T23:00+05:00"), "+77010000001");
        assert_eq!(night, Window::Closed(at("2026-11-28T09:00+05:00")));
        let late = policy.window(&calendars, at("2026-11-24T21:59:50+05:00"), "+77010000001");
        assert_eq!(late, Window::Closed(at("2026-11-25T08:00+05:00")));
    }

    #[test]
    fn a_customer_elsewhere_has_the_hours_of_his_own_clock() {
        let (policy, calendars) = rules();
        let now = at("2026-11-24T09:00+05:00");
        assert!(policy.permitted(&calendars, now, "+77010000001"));
        assert!(!policy.permitted(&calendars, now, "+74012000001"), "six in the morning there");
        let window = policy.window(&calendars, now, "+74012000001");
        assert_eq!(window, Window::Closed(at("2026-11-24T08:00+02:00")));
    }

    #[test]
    fn without_a_calendar_and_under_an_emergency_nobody_is_called() {
        let (mut policy, mut calendars) = rules();
        let now = at("2026-11-24T12:00+05:00");
        let text = "calendar: site\nzone: UTC\nweekly: {mon-sun: [00:00-24:00]}\nemergency: true\n";
        calendars.insert(Calendar::from_yaml("c.yaml", text).expect("a calendar"));
        assert_eq!(policy.window(&calendars, now, "+77010000001"), Window::Never);
        let (_, calendars) = rules();
        policy.calendar = None;
        assert_eq!(policy.window(&calendars, now, "+77010000001"), Window::Never);
        assert!(!policy.permitted(&calendars, now, "+77010000001"));
    }
}
