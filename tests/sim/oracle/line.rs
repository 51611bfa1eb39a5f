//! The line of idle agents, reckoned the long way: everybody's occupancy from his own history, team means by walking
//! over the team. The ACD keeps a constant in place of all this.

use dozvon_center::acd::{Activity, Presence};
use dozvon_clock::Timestamp;

/// What an agent's time counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    Away,
    Free,
    Busy,
}

/// What it is in a state.
pub(super) fn time_of((presence, activity): (Presence, Activity)) -> Time {
    match activity {
        Activity::Talking
        | Activity::Hold
        | Activity::Consult
        | Activity::Conference
        | Activity::WrapUp
        | Activity::Outbound => Time::Busy,
        Activity::Idle
        | Activity::Reserved
        | Activity::Ringing
        | Activity::Connecting
        | Activity::Supervising => {
            if presence == Presence::READY {
                Time::Free
            } else {
                Time::Away
            }
        }
    }
}

/// One agent's occupancy and his place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    value: f64,
    since: Timestamp,
    time: Time,
    /// What he stood in the line with, and since when.
    place: (f64, Timestamp),
}

fn faded(value: f64, since: Timestamp, now: Timestamp) -> f64 {
    value * (-now.since(since).as_secs_f64() / 3_600.0).exp()
}

impl Load {
    pub(super) fn new(now: Timestamp) -> Load {
        Load { value: 0.0, since: now, time: Time::Away, place: (0.0, now) }
    }

    pub(super) fn is_away(&self) -> bool {
        self.time == Time::Away
    }

    pub(super) fn value(&self, now: Timestamp) -> f64 {
        match self.time {
            Time::Away => self.value,
            Time::Free => faded(self.value, self.since, now),
            Time::Busy => 1.0 - faded(1.0 - self.value, self.since, now),
        }
    }

    /// His time counts as something else; `at_least` is what he stands at when he comes.
    pub(super) fn change(&mut self, now: Timestamp, time: Time, at_least: Option<f64>) {
        let value = self.value(now);
        self.value = at_least.unwrap_or(value);
        (self.since, self.time) = (now, time);
    }

    /// He takes a new place in the line.
    pub(super) fn stand(&mut self, now: Timestamp) {
        self.place = (self.value(now).max(1e-6), now);
    }

    /// He is put behind everybody.
    pub(super) fn stand_last(&mut self, now: Timestamp) {
        self.place = (1.0, now);
    }

    /// What his place is worth now: the smallest goes first.
    pub(super) fn worth(&self, now: Timestamp) -> f64 {
        faded(self.place.0, self.place.1, now)
    }
}
