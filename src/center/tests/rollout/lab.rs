//! A rollout whose evidence is made to order: so many of so many in each arm.

use super::world::{at, order, plan};
use dozvon_center::ids::CallId;
use dozvon_center::rollout::Arm;
use dozvon_center::rollout::decide::{Command, Machine, Refused};
use dozvon_center::rollout::decision::{Decision, Order, State};
use dozvon_center::rollout::evidence::{Evidence, Hours, Known, Observation, Stratum};
use dozvon_center::rollout::plan::{DAY, Plan};
use dozvon_center::rollout::stats::Value;
use std::sync::Arc;

/// Yes of all in both arms, and how many of the bot's did not reach it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) bot: (u64, u64),
    pub(crate) people: (u64, u64),
    pub(crate) missed: u64,
}

/// An arm of `bot` callers and its people at the stage's share, with these shares of yes in thousandths.
pub(crate) fn counts(machine: &Machine, bot: u64, bot_yes: u64, people_yes: u64) -> Counts {
    let step = machine.state().step().expect("it has begun");
    let fraction = machine.plan().bot_fraction(&machine.plan().stages[step.stage]);
    let people = (bot as f64 * (1.0 - fraction) / fraction).round() as u64;
    Counts {
        bot: (bot * bot_yes / 1_000, bot),
        people: (people * people_yes / 1_000, people),
        missed: 0,
    }
}

/// A machine with its log.
#[derive(Clone)]
pub(crate) struct Lab {
    pub(crate) machine: Machine,
    pub(crate) log: Vec<Decision>,
}

impl Lab {
    /// Not begun.
    pub(crate) fn draft(plan: Plan) -> Lab {
        let machine = Machine::new(Arc::new(plan)).expect("a sound plan");
        Lab { machine, log: Vec::new() }
    }

    /// Begun on Monday at midnight.
    pub(crate) fn started() -> Lab {
        Lab::with(plan())
    }

    pub(crate) fn with(plan: Plan) -> Lab {
        let mut lab = Lab::draft(plan);
        lab.order(0, Order::Start).expect("a draft starts");
        lab
    }

    pub(crate) fn order(&mut self, hours: u64, what: Order) -> Result<(), Refused> {
        self.command(hours, order(what))
    }

    pub(crate) fn command(&mut self, hours: u64, command: Command) -> Result<(), Refused> {
        let decision = self.machine.command(at(hours), command)?;
        self.log.push(decision);
        Ok(())
    }

    /// The check at this hour on callers of the stage's first hour; tells what was decided, if anything.
    pub(crate) fn check(&mut self, hours: u64, counts: Counts) -> Option<&Decision> {
        let due = self.machine.due(at(hours)).expect("a check is due");
        let calls = observations(&self.machine, counts);
        let evidence = Evidence::gather(self.machine.plan(), due.stage, due.since, due.at, &calls);
        let decision = self.machine.check(due, &evidence)?;
        self.log.push(decision);
        self.log.last()
    }

    /// The check at this hour on an arm of `bot` callers with these shares of yes in thousandths.
    pub(crate) fn check_on(&mut self, hours: u64, bot: u64, yes: u64, people: u64) -> &Decision {
        let counts = counts(&self.machine, bot, yes, people);
        self.check(hours, counts).expect("the day's decision is always told")
    }

    pub(crate) fn state(&self) -> &State {
        self.machine.state()
    }

    pub(crate) fn verdict(&self) -> &'static str {
        self.log.last().map_or("nothing", |decision| decision.verdict.as_str())
    }
}

/// The observations behind these counts, all of the stage's first moment and decided a day later.
pub(crate) fn observations(machine: &Machine, counts: Counts) -> Vec<Observation> {
    let step = machine.state().step().expect("it has begun");
    let stage = &machine.plan().stages[step.stage];
    let week = Stratum::week_of(step.since, 0);
    let stratum = Stratum { week, hours: Hours::Working, group: "all".into() };
    let call = |number: u64, arm: Arm, yes: bool, delivered: bool| Observation {
        call: CallId(number),
        at: step.since,
        subject: number,
        arm,
        share: stage.share,
        delivered,
        stratum: stratum.clone(),
        outcomes: vec![Known { metric: 0, at: step.since + DAY, value: Some(Value::yes(yes)) }],
    };
    let Counts { bot, people, missed } = counts;
    let bots = (0..bot.1).map(|n| call(n, Arm::Bot, n < bot.0, n >= missed));
    let others = (0..people.1).map(|n| call(1_000_000 + n, Arm::People, n < people.0, true));
    bots.chain(others).collect()
}
