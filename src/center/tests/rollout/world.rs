//! An option's callers with a bot whose true quality is known, and a rollout that has to find it out.

use dozvon_center::ids::CallId;
use dozvon_center::rollout::decide::{Command, Due, Machine};
use dozvon_center::rollout::decision::{Decision, Order, State};
use dozvon_center::rollout::evidence::{Evidence, Hours, Known, Observation, Stratum};
use dozvon_center::rollout::measure::Measure;
use dozvon_center::rollout::plan::{
    Analysis, BreakerRules, DAY, Expected, Metric, Plan, Promote, Role, Rollback, Stage,
};
use dozvon_center::rollout::stats::Value;
use dozvon_center::rollout::{Arm, Holdout, Rollout, Share, Tried};
use dozvon_clock::Timestamp;
use std::sync::Arc;

pub(crate) const HOUR: u64 = 3_600;

/// Monday, 2026-03-02 00:00 UTC.
pub(crate) const MONDAY: u64 = 1_772_409_600;

pub(crate) fn at(hours: u64) -> Timestamp {
    Timestamp::from_secs(MONDAY + hours * HOUR)
}

/// SplitMix64 (Steele, Lea & Flood 2014).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }
}

pub(crate) fn stage(name: &str, share: Share, min_days: u32, max_days: u32) -> Stage {
    let promote = Promote::Auto;
    Stage { name: name.into(), share, min_days, max_days, promote, approvers: Vec::new() }
}

/// One guardrail known after a day: resolved, 5 points, people at 80 %.
pub(crate) fn plan() -> Plan {
    Plan {
        name: "cards".into(),
        bot: "assistant".into(),
        candidate: None,
        version: "3.1.0".into(),
        after: None,
        holdout: Holdout::percent(5).expect("5 is at most 50"),
        no_holdout_because: None,
        stages: vec![
            stage("canary", Share::Tenth, 1, 14),
            stage("fifth", Share::Fifth, 1, 14),
            stage("half", Share::Half, 1, 14),
            stage("all", Share::All, 1, 14),
        ],
        analysis: Analysis { power: 0.95, ..Analysis::default() },
        metrics: vec![Metric {
            name: "resolved".into(),
            measure: Measure::Resolved,
            role: Role::Guardrail { margin: 0.05, rollback: true },
            window_secs: DAY.as_secs(),
            expected: Expected::Share(0.8),
            response: 1.0,
        }],
        rollback: Rollback::default(),
        breaker: BreakerRules::default(),
        daily_at_hour: 0,
        monitoring_days: 84,
    }
}

pub(crate) fn order(order: Order) -> Command {
    Command { order, who: "head".into(), reason: "as agreed".into() }
}

/// Draws of 65,536 callers at each share of the ladder by the product's own hand.
pub(crate) struct Draws(Vec<[Arm; 5]>);

impl Draws {
    pub(crate) fn new() -> Draws {
        let rollout = |share| Rollout {
            name: "cards".into(),
            tried: Tried::Bot("assistant".into()),
            salt: "pepper".into(),
            share,
            holdout: Holdout::percent(5).expect("5 is at most 50"),
            ..Rollout::default()
        };
        let ladder = Share::LADDER.map(rollout);
        let arms = |n: u32| {
            let caller = format!("+7701{n:07}");
            std::array::from_fn(|share| ladder[share].draw(Some(&caller)).arm)
        };
        Draws((0..65_536).map(arms).collect())
    }

    pub(crate) fn arm(&self, caller: u64, share: Share) -> Arm {
        self.0[(caller % 65_536) as usize][share as usize]
    }
}

/// What is true of the callers and the bot.
#[derive(Clone, Copy)]
pub(crate) struct Truth {
    /// Callers of the option an hour.
    pub(crate) calls_an_hour: u64,
    /// The bot's share of resolved contacts less the people's.
    pub(crate) difference: f64,
    /// The chance that a call of the bot's arm that went wrong is lost from the records.
    pub(crate) lost: f64,
    /// The chance that the bot is not reached.
    pub(crate) missed: f64,
}

impl Truth {
    pub(crate) fn new(difference: f64) -> Truth {
        Truth { calls_an_hour: 40, difference, lost: 0.0, missed: 0.0 }
    }
}

/// One rollout in a world of its own.
pub(crate) struct World<'a> {
    pub(crate) truth: Truth,
    pub(crate) machine: Machine,
    pub(crate) log: Vec<Decision>,
    draws: &'a Draws,
    dice: Dice,
    evidence: Evidence,
    calls: u64,
    hours: u64,
    group: Arc<str>,
}

impl<'a> World<'a> {
    /// Starts the rollout on Monday at midnight. `fresh` is a machine that has not begun.
    pub(crate) fn new(fresh: &Machine, draws: &'a Draws, truth: Truth, seed: u64) -> World<'a> {
        let mut machine = fresh.clone();
        let started = machine.command(at(0), order(Order::Start)).expect("a draft starts");
        let evidence = Evidence::new(machine.plan(), 0, at(0));
        let dice = Dice(seed.wrapping_mul(0xd134_2543_de82_ef95));
        let group = "all".into();
        let log = vec![started];
        World { truth, machine, log, draws, dice, evidence, calls: 0, hours: 0, group }
    }

    /// One hour of calls, and the check at its end.
    pub(crate) fn hour(&mut self) {
        if let Some(share) = self.machine.admits() {
            for _ in 0..self.truth.calls_an_hour {
                self.call(share);
            }
        }
        self.hours += 1;
        if let Some(due) = self.machine.due(at(self.hours)) {
            self.check(due);
        }
    }

    fn check(&mut self, due: Due) {
        if (self.evidence.stage(), self.evidence.since()) != (due.stage, due.since) {
            self.evidence = Evidence::new(self.machine.plan(), due.stage, due.since);
        }
        self.evidence.mature(due.at);
        let before = self.machine.state().step();
        self.log.extend(self.machine.check(due, &self.evidence));
        let after = self.machine.state().step().map(|step| (step.stage, step.since));
        if let Some((stage, since)) =
            after.filter(|after| before.map(|step| (step.stage, step.since)) != Some(*after))
        {
            self.evidence = Evidence::new(self.machine.plan(), stage, since);
        }
    }

    fn call(&mut self, share: Share) {
        self.calls += 1;
        let now = at(self.hours);
        let hour = self.hours % 24;
        let hours = if (9..18).contains(&hour) { Hours::Working } else { Hours::Other };
        let week = Stratum::week_of(now, 0);
        // Nights and odd weeks are harder for everybody.
        let eased = if hours == Hours::Working { 0.02 } else { -0.01 };
        let base = 0.8 + eased + if week.is_multiple_of(2) { 0.01 } else { -0.01 };
        let arm = self.draws.arm(self.dice.next(), share);
        let delivered = arm == Arm::People || !self.dice.chance(self.truth.missed);
        let helped = if arm == Arm::Bot && delivered { self.truth.difference } else { 0.0 };
        let resolved = self.dice.chance(base + helped);
        if arm == Arm::Bot && !resolved && self.dice.chance(self.truth.lost) {
            return;
        }
        let value = Some(Value::yes(resolved));
        self.evidence.admit(&Observation {
            call: CallId(self.calls),
            at: now,
            subject: self.calls,
            arm,
            share,
            delivered,
            stratum: Stratum { week, hours, group: Arc::clone(&self.group) },
            outcomes: vec![Known { metric: 0, at: now + DAY, value }],
        });
    }

    /// Goes on for so many days at most, or until the rollout reaches its last stage or its end.
    pub(crate) fn run(&mut self, days: u64) {
        while self.hours < days * 24 && self.is_undecided() {
            self.hour();
        }
    }

    pub(crate) fn is_undecided(&self) -> bool {
        match self.machine.state() {
            State::Draft
            | State::Running(_)
            | State::Hold(..)
            | State::AwaitingApproval(_)
            | State::Paused(_) => true,
            State::Halted(_) | State::RolledBack(..) | State::Stopped(..) | State::Completed(_) => {
                false
            }
        }
    }
}
