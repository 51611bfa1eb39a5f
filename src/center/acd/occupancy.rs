//! How busy each agent has been of late, as an order of idle agents that never has to be sorted again.
//!
//! An agent's occupancy is the exponentially weighted mean of "is he handling a call" with a time constant of an hour:
//! while he handles one it goes towards 1, while he is ready and idle towards 0, and while he is away it stands still,
//! so that nobody climbs in the line by being at lunch. All idle agents decay by the same factor, so their order is
//! the order of `ln(occupancy at t0) + t0 / tau`, which is reckoned once, when the agent becomes idle.
//!
//! A team's sum follows the same law as its members, so the mean at which a newcomer starts costs no walk over them.

use crate::ids::AgentId;
use dozvon_clock::Timestamp;

/// The time constant: what was an hour ago weighs 1/e.
const TAU_MICROS: i128 = 3_600 * 1_000_000;
/// One unit of ln(occupancy) in the key. Fine enough to tell a millisecond of idleness, coarse enough that the last bit
/// of a logarithm never decides who is rung.
const SCALE: i128 = 10_000_000;
/// Who has done nothing at all counts as this busy: the logarithm of zero has no place in a line.
const FLOOR: f64 = 1e-6;

/// What an agent's time counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// Away or logged out: his occupancy stands still.
    Off,
    /// Ready, and not handling a call; being rung is idle time too, so a lost offer costs no place.
    Free,
    /// Talking, on hold, in wrap-up or in a call of his own.
    Busy,
}

#[derive(Clone, Copy, Debug)]
struct Share {
    value: f64,
    duty: Duty,
    at: Timestamp,
}

/// The sum of the occupancies of those of a team who are not away.
#[derive(Clone, Copy, Debug)]
struct Team {
    sum: f64,
    on: u32,
    busy: u32,
    at: Timestamp,
}

#[derive(Debug)]
pub(super) struct Occupancy {
    agents: Vec<Share>,
    team_of: Vec<usize>,
    teams: Vec<Team>,
}

/// What is left of an hour ago after this time.
fn decay(from: Timestamp, to: Timestamp) -> f64 {
    (-to.since(from).as_secs_f64() / 3_600.0).exp()
}

fn key_of(now: Timestamp, logarithm: f64) -> i64 {
    let moment = i128::from(now.as_micros()) * SCALE / TAU_MICROS;
    let value = (logarithm * SCALE as f64).round() as i128;
    i64::try_from(moment + value).expect("centuries fit")
}

/// The place behind everybody who is idle now: that of one who has been busy without a pause.
pub(super) fn last(now: Timestamp) -> i64 {
    key_of(now, 0.0)
}

impl Occupancy {
    /// Everybody away; agents by number with the number of their team.
    pub(super) fn new(team_of: Vec<usize>, now: Timestamp) -> Occupancy {
        let teams = team_of.iter().max().map_or(0, |last| last + 1);
        let away = Share { value: 0.0, duty: Duty::Off, at: now };
        Occupancy {
            agents: vec![away; team_of.len()],
            team_of,
            teams: vec![Team { sum: 0.0, on: 0, busy: 0, at: now }; teams],
        }
    }

    /// An agent's time counts as `to` from now on. `new_shift`: he has just logged in and starts at his team's mean;
    /// one who comes back from a break starts there if his own is lower.
    pub(super) fn shift(&mut self, now: Timestamp, agent: AgentId, to: Duty, new_shift: bool) {
        let own = self.of(now, agent);
        let share = &mut self.agents[agent.0 as usize];
        let from = share.duty;
        let team = &mut self.teams[self.team_of[agent.0 as usize]];
        team.advance(now);
        let value = match (from, to) {
            (Duty::Off, Duty::Free | Duty::Busy) if new_shift => team.mean(),
            (Duty::Off, Duty::Free | Duty::Busy) => own.max(team.mean()),
            (Duty::Off, Duty::Off) | (Duty::Free | Duty::Busy, _) => own,
        };
        team.count(from, -own, -1);
        team.count(to, value, 1);
        *share = Share { value, duty: to, at: now };
    }

    /// An agent's occupancy, 0 to 1.
    pub(super) fn of(&self, now: Timestamp, agent: AgentId) -> f64 {
        let Share { value, duty, at } = self.agents[agent.0 as usize];
        match duty {
            Duty::Off => value,
            Duty::Free => value * decay(at, now),
            Duty::Busy => 1.0 - (1.0 - value) * decay(at, now),
        }
    }

    /// The place of an agent who becomes idle now: the smallest goes first.
    pub(super) fn key(&self, now: Timestamp, agent: AgentId) -> i64 {
        key_of(now, self.of(now, agent).max(FLOOR).ln())
    }
}

impl Team {
    fn advance(&mut self, now: Timestamp) {
        let busy = f64::from(self.busy);
        self.sum = busy + (self.sum - busy) * decay(self.at, now);
        self.at = now;
    }

    fn mean(&self) -> f64 {
        // Sums of a day's roundings may end a hair below nothing.
        if self.on == 0 { 0.0 } else { (self.sum / f64::from(self.on)).clamp(0.0, 1.0) }
    }

    fn count(&mut self, duty: Duty, value: f64, by: i32) {
        let add = |count: &mut u32| *count = count.checked_add_signed(by).expect("who leaves came");
        match duty {
            Duty::Off => return,
            Duty::Free => add(&mut self.on),
            Duty::Busy => {
                add(&mut self.on);
                add(&mut self.busy);
            }
        }
        self.sum = if self.on == 0 { 0.0 } else { self.sum + value };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNA: AgentId = AgentId(0);
    const BORIS: AgentId = AgentId(1);

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + 60 * minutes)
    }

    #[test]
    fn an_hour_of_work_and_an_hour_of_rest_weigh_alike() {
        let mut day = Occupancy::new(vec![0, 0], at(0));
        day.shift(at(0), ANNA, Duty::Busy, true);
        assert!((day.of(at(60), ANNA) - 0.632).abs() < 0.001);
        day.shift(at(60), ANNA, Duty::Free, false);
        assert!((day.of(at(120), ANNA) - 0.2325).abs() < 0.001);
        day.shift(at(120), ANNA, Duty::Off, false);
        let noon = day.of(at(120), ANNA);
        assert_eq!(day.of(at(600), ANNA), noon, "lunch neither helps nor harms");
    }

    #[test]
    fn the_order_of_idle_agents_is_that_of_their_occupancies_at_any_time() {
        let mut day = Occupancy::new(vec![0, 1], at(0));
        day.shift(at(0), ANNA, Duty::Busy, true);
        day.shift(at(0), BORIS, Duty::Busy, true);
        day.shift(at(10), ANNA, Duty::Free, false);
        day.shift(at(20), BORIS, Duty::Free, false);
        let (anna, boris) = (day.key(at(10), ANNA), day.key(at(20), BORIS));
        assert!(anna < boris && day.of(at(20), ANNA) < day.of(at(20), BORIS));
        let later = day.key(at(20), ANNA);
        assert!(later.abs_diff(anna) <= 1, "reckoned later it is the same place");
        assert!(boris < last(at(20)), "last is last");
    }

    #[test]
    fn a_newcomer_starts_at_the_mean_of_his_team() {
        let mut day = Occupancy::new(vec![0, 0, 0], at(0));
        day.shift(at(0), ANNA, Duty::Busy, true);
        day.shift(at(60), BORIS, Duty::Free, true);
        let mean = day.of(at(60), ANNA);
        assert!((day.of(at(60), BORIS) - mean).abs() < 1e-9);
        day.shift(at(90), AgentId(2), Duty::Free, true);
        let both = (day.of(at(90), ANNA) + day.of(at(90), BORIS)) / 2.0;
        assert!((day.of(at(90), AgentId(2)) - both).abs() < 1e-9);
        // Who comes back less busy than his team stands where the team stands.
        day.shift(at(90), BORIS, Duty::Off, false);
        let before = day.of(at(90), BORIS);
        day.shift(at(200), BORIS, Duty::Free, false);
        let both = (day.of(at(200), ANNA) + day.of(at(200), AgentId(2))) / 2.0;
        assert!(both > before && (day.of(at(200), BORIS) - both).abs() < 1e-9);
    }
}
