//! The bank of the simulated day: its queues, its three hundred agents, their shifts and breaks, and who calls.

use crate::faults::{Fault, Faults};
use crate::rng::Rng;
use dozvon_center::acd::{
    AgentConfig, Config, Order, QueueConfig, Relax, Requirement, ReserveConfig, Ring, Stage,
    Status, WrapUp,
};
use dozvon_center::ids::{AgentId, QueueId, SkillId};
use dozvon_clock::Timestamp;
use std::time::Duration;

/// How many agents work here.
pub const AGENTS: u32 = 300;
/// How many teams they form.
const TEAMS: u32 = 12;
/// Trained for callers of 65 and over.
pub const SENIOR: SkillId = SkillId(0);
const ENGLISH: SkillId = SkillId(1);
const KAZAKH: SkillId = SkillId(2);
const GENERAL: QueueId = QueueId(0);
const CARDS: QueueId = QueueId(1);
const SENIORS: QueueId = QueueId(2);
const LOANS: QueueId = QueueId(3);

/// A moment of the day.
pub fn at(hours: f64) -> Timestamp {
    Timestamp::EPOCH + Duration::from_secs_f64(hours * 3600.0)
}

/// What an agent means to do, told beforehand.
#[derive(Clone, Copy, Debug)]
pub enum Intent {
    /// Comes to work; the end of the shift.
    LogIn {
        /// When the shift ends.
        until: Timestamp,
    },
    /// Goes home.
    LogOut,
    /// Takes a break, or another status.
    Set(Status),
    /// The phone registers (`true`) or is lost.
    Phone(bool),
    /// The phone begins (`true`) or ends a call of its own.
    OwnCall(bool),
}

/// Queues and agents.
pub fn config(rng: &mut Rng) -> Config {
    let queue = |name: &str, target, wrap_up, max_wait: Option<u64>, length_max| QueueConfig {
        service_level: Duration::from_secs(target),
        wrap_up: WrapUp::timed(Duration::from_secs(wrap_up)),
        max_wait: max_wait.map(Duration::from_secs),
        length_max,
        ..QueueConfig::new(name)
    };
    let relax = Relax::Drop([KAZAKH].into());
    let queues = vec![
        queue("general", 60, 15, Some(400), 500),
        QueueConfig { order: Order::LongestIdle, ..queue("cards", 10, 30, Some(300), 100) },
        QueueConfig {
            stages: vec![Stage { after: Duration::from_secs(25), relax }],
            ..queue("seniors", 20, 20, Some(600), 100)
        },
        QueueConfig {
            order: Order::Rank,
            ring: Ring::Parallel(2),
            ..queue("loans", 30, 0, None, 40)
        },
    ];
    let agents = (0..AGENTS).map(|id| AgentConfig {
        rank: u16::try_from(id % 3).expect("few"),
        skills: [(SENIOR, 0.25), (ENGLISH, 0.05), (KAZAKH, 0.4)]
            .into_iter()
            .filter_map(|(skill, share)| rng.chance(share).then_some((skill, 1)))
            .collect(),
        queues: [(GENERAL, 0.7), (CARDS, 0.5), (SENIORS, 0.4), (LOANS, 0.4)]
            .into_iter()
            .filter_map(|(queue, share)| rng.chance(share).then_some(queue))
            .collect(),
        team: format!("team {}", id % TEAMS).into(),
        ..AgentConfig::new(format!("agent {id}"))
    });
    let agents = agents.collect();
    let mut config = Config::new(queues, agents);
    config.reserves = vec![ReserveConfig {
        requires: Requirement::all_of([SENIOR]),
        idle_min: 2,
        lasts: Duration::from_secs(15),
    }];
    config
}

/// How long an agent means to stay in a status.
pub fn length_of(status: Status, rng: &mut Rng) -> Duration {
    let minutes = match status {
        Status::Ready => 0.0,
        Status::Lunch => 40.0,
        Status::Training => 30.0,
        Status::ShortBreak => 10.0,
        Status::Huddle => 5.0,
        Status::NotReady => 10.0,
        Status::OneToOne => 15.0,
        Status::GroupMeeting => 20.0,
        Status::TechnicalProblems => 3.0,
    };
    rng.between(minutes * 54.0, minutes * 63.0)
}

/// What everybody means to do on this day.
pub fn intents(rng: &mut Rng, faults: &mut Faults) -> Vec<(Timestamp, AgentId, Intent)> {
    let mut plan = Vec::new();
    let team_talks: Vec<(f64, f64)> =
        (0..TEAMS).map(|_| (11.0 + 6.0 * rng.unit(), 11.0 + 6.0 * rng.unit())).collect();
    for id in 0..AGENTS {
        let agent = AgentId(id);
        let start = 7.65 + 3.0 * rng.unit();
        let (end, mut does) = (start + 9.0, Vec::new());
        // Some phones register a moment after the desk.
        let phone = if rng.chance(0.9) { start - 0.01 } else { start + 0.0008 };
        does.push((phone, Intent::Phone(true)));
        does.push((start, Intent::LogIn { until: at(end) }));
        does.push((end, Intent::LogOut));
        does.push((start + 3.0 + 2.0 * rng.unit(), Intent::Set(Status::Lunch)));
        let (huddle, meeting) = team_talks[(id % TEAMS) as usize];
        does.push((huddle, Intent::Set(Status::Huddle)));
        for (status, share) in [
            (Status::ShortBreak, 0.95),
            (Status::ShortBreak, 0.95),
            (Status::Training, 0.2),
            (Status::NotReady, 0.4),
            (Status::OneToOne, 0.15),
            (Status::TechnicalProblems, 0.3),
        ] {
            if rng.chance(share) {
                does.push((start + 9.0 * rng.unit(), Intent::Set(status)));
            }
        }
        if rng.chance(0.3) {
            does.push((meeting, Intent::Set(Status::GroupMeeting)));
        }
        if faults.strikes(Fault::LogOutAnytime, rng) {
            let out = start + 8.0 * rng.unit();
            does.push((out, Intent::LogOut));
            does.push((out + 0.3 * rng.unit(), Intent::LogIn { until: at(end) }));
        }
        while faults.strikes(Fault::OwnCall, rng) {
            let begins = start + 9.0 * rng.unit();
            does.push((begins, Intent::OwnCall(true)));
            does.push((begins + rng.exp(60.0).as_secs_f64() / 3600.0, Intent::OwnCall(false)));
        }
        if faults.strikes(Fault::PhoneLost, rng) {
            let lost = start + 9.0 * rng.unit();
            let mean = if rng.chance(0.3) { 300.0 } else { 10.0 };
            does.push((lost, Intent::Phone(false)));
            does.push((lost + rng.exp(mean).as_secs_f64() / 3600.0, Intent::Phone(true)));
        }
        plan.extend(does.into_iter().map(|(hours, intent)| (at(hours), agent, intent)));
    }
    plan
}

/// A caller.
#[derive(Clone, Debug)]
pub struct Caller {
    /// When he calls.
    pub at: Timestamp,
    /// The queue that his call comes to.
    pub queue: QueueId,
    /// What it requires.
    pub requires: Vec<SkillId>,
    /// Its head start in seconds.
    pub priority: i32,
    /// How long he waits before he hangs up.
    pub patience: Duration,
}

/// Everybody who calls between 8:00 and 20:00, some 57,000.
pub fn callers(rng: &mut Rng) -> Vec<Caller> {
    let mut callers = Vec::new();
    let mut now = 8.0;
    while now < 20.0 {
        let load = 0.8 + 0.5 * ((now - 8.0) / 12.0 * std::f64::consts::PI).sin();
        now += rng.exp(0.85 / load).as_secs_f64() / 3600.0;
        let queue = rng.pick(&[
            GENERAL, GENERAL, GENERAL, GENERAL, GENERAL, CARDS, CARDS, SENIORS, LOANS, LOANS,
        ]);
        let mut requires = Vec::new();
        if queue == SENIORS {
            requires.push(SENIOR);
        }
        if rng.chance(0.15) {
            requires.push(KAZAKH);
        } else if rng.chance(0.01) {
            requires.push(ENGLISH);
        }
        let priority = if rng.chance(0.05) { 60 } else { 0 };
        callers.push(Caller { at: at(now), queue, requires, priority, patience: rng.exp(240.0) });
    }
    callers
}
