//! A rollout of three tests from the first call to the last share, on contact records, by its own draws.
//!
//! Callers are drawn by their numbers, wait, talk, are passed on, and call again when they were not helped; everything
//! that the rollout sees of it are the records.

use super::world::{Dice, at, order};
use dozvon_center::contact::{ArmRecord, Contact, Ending, Fault, Outcome, Stage, StageKind};
use dozvon_center::ids::CallId;
use dozvon_center::rollout::decide::Machine;
use dozvon_center::rollout::decision::{Decision, Order, State, Verdict};
use dozvon_center::rollout::evidence::{Evidence, Hours, Stratum};
use dozvon_center::rollout::measure::Measure;
use dozvon_center::rollout::needs::needs;
use dozvon_center::rollout::outcome::{Case, History, Visit, observe};
use dozvon_center::rollout::plan::{DAY, Expected, Metric, Plan, Role};
use dozvon_center::rollout::{Arm, Holdout, Rollout, Share, Tried};
use dozvon_clock::Timestamp;
use std::sync::Arc;
use std::time::Duration;

const CALLS_A_DAY: u64 = 480;

fn metric(measure: Measure, role: Role, window_secs: u64, expected: Expected) -> Metric {
    Metric { name: measure.as_str().into(), measure, role, window_secs, expected, response: 1.0 }
}

fn plan() -> Plan {
    let mut plan = super::world::plan();
    plan.analysis.power = 0.90;
    for stage in &mut plan.stages {
        (stage.min_days, stage.max_days) = (7, 42);
    }
    let guardrail = |margin, rollback| Role::Guardrail { margin, rollback };
    let week = 7 * DAY.as_secs();
    plan.metrics = vec![
        metric(Measure::Resolved, guardrail(0.08, false), week, Expected::Share(0.8)),
        metric(Measure::EarlyHangup, guardrail(0.04, true), 3_600, Expected::Share(0.03)),
        metric(Measure::TimeToDone, guardrail(1.15, false), 0, Expected::Spread(0.5)),
        metric(
            Measure::HumanSeconds,
            Role::Success { required: true },
            3_600,
            Expected::Spread(150.0),
        ),
        metric(Measure::VerifiedContainment, Role::Floor { min: 0.3 }, week, Expected::Share(0.5)),
        metric(Measure::TransferToOperator, Role::Ceiling { max: 0.6 }, 0, Expected::Share(0.4)),
    ];
    plan
}

fn rollout(share: Share) -> Rollout {
    Rollout {
        name: "cards".into(),
        tried: Tried::Bot("assistant".into()),
        salt: "pepper".into(),
        share,
        holdout: Holdout::percent(5).expect("5 is at most 50"),
        ..Rollout::default()
    }
}

/// The house: its records, and callers who will call again.
struct House {
    dice: Dice,
    contacts: Vec<Contact>,
    /// When somebody calls again.
    again: Vec<(Timestamp, String)>,
    callers: u64,
}

impl House {
    /// All calls of one hour.
    fn hour(&mut self, from: Timestamp, share: Option<Share>) {
        let until = from + Duration::from_secs(3_600);
        let (due, later) = self.again.drain(..).partition(|(when, _)| *when < until);
        self.again = later;
        for (when, caller) in due {
            self.call(when, caller, share);
        }
        for _ in 0..CALLS_A_DAY / 24 {
            self.callers += 1;
            let when = from + Duration::from_secs(self.dice.next() % 3_600);
            let caller = format!("+7701{:07}", self.callers);
            self.call(when, caller, share);
        }
    }

    fn call(&mut self, now: Timestamp, caller: String, share: Option<Share>) {
        let drawn = share.map(|share| rollout(share).draw(Some(&caller)));
        let arm = drawn.map_or(Arm::People, |draw| draw.arm);
        let hard = self.dice.chance(0.4);
        let mut line = Line { at: now, stages: Vec::new() };
        line.stage(StageKind::Ivr, 20, None);
        if arm == Arm::Bot {
            line.stage(StageKind::Bot, 60 + self.dice.next() % 60, None);
        }
        let escalated = arm == Arm::Bot && hard;
        let early = self.dice.chance(0.02);
        if arm == Arm::People || escalated {
            // Who was with the bot has waited long enough.
            let wait = if escalated { 5 } else { 20 + self.dice.next() % 40 };
            line.stage(StageKind::Queue, wait, Some(Outcome::Answered));
            let talk = if early { 15 } else { 60 + self.dice.next() % 180 };
            line.stage(StageKind::Talk, talk, None);
        }
        let helped = !early && self.dice.chance(if hard { 0.75 } else { 0.88 });
        if !helped {
            let after = Duration::from_secs(2 * 3_600 + self.dice.next() % (5 * 86_400));
            self.again.push((line.at + after, caller.clone()));
        }
        let arms =
            drawn.map(|draw| ArmRecord::drawn("cards".into(), arm, draw.share.fraction(), true));
        self.contacts.push(contact(CallId(self.contacts.len() as u64), caller, now, line, arms));
    }
}

struct Line {
    at: Timestamp,
    stages: Vec<Stage>,
}

impl Line {
    fn stage(&mut self, kind: StageKind, secs: u64, outcome: Option<Outcome>) {
        let to = self.at + Duration::from_secs(secs);
        self.stages.push(Stage {
            to: Some(to),
            outcome,
            wrap_up_secs: (kind == StageKind::Talk).then_some(15.0),
            ..Stage::begun(kind, self.at)
        });
        self.at = to;
    }
}

fn contact(
    call: CallId,
    caller: String,
    started_at: Timestamp,
    line: Line,
    arm: Option<ArmRecord>,
) -> Contact {
    Contact {
        call,
        caller,
        dialled: "100".into(),
        flow: "bank".into(),
        flow_version: "abc".into(),
        language: "ru".into(),
        started_at,
        answered_at: Some(started_at),
        ended_at: Some(line.at),
        ending: Some(Ending::new(Fault::Caller, "hung_up")),
        path: Vec::new(),
        stages: line.stages,
        arms: arm.into_iter().collect(),
        survey: Vec::new(),
        operator_requested: false,
        callback: None,
        continues: None,
        customer: None,
        chosen: Vec::new(),
    }
}

/// What the records show of a stage at a moment: what the roof does before each check.
fn evidence(
    plan: &Plan,
    contacts: &[Contact],
    stage: usize,
    since: Timestamp,
    until: Timestamp,
) -> Evidence {
    let own = rollout(plan.stages[stage].share);
    let visits: Vec<Visit> = contacts
        .iter()
        .filter(|contact| contact.started_at >= since)
        .map(|contact| Visit {
            call: contact.call,
            caller: contact.caller.as_str().into(),
            topic: "cards".into(),
            started_at: contact.started_at,
            continues: contact.continues.is_some(),
        })
        .collect();
    let history = History::of(&own, "cards", &visits);
    let cases: Vec<Case<'_>> = contacts
        .iter()
        .filter(|contact| contact.started_at >= since)
        .map(|contact| Case {
            contact,
            stratum: Stratum {
                week: Stratum::week_of(contact.started_at, 0),
                hours: Hours::Working,
                group: "all".into(),
            },
            complained_at: None,
            bot_failed: false,
        })
        .collect();
    let calls = observe(plan, &own, &cases, &history, until);
    Evidence::gather(plan, stage, since, until, &calls)
}

#[test]
fn three_tests_from_the_first_draw_to_all_callers_on_contact_records() {
    let plan = Arc::new(plan());
    let planned = needs(&plan, CALLS_A_DAY as f64).unwrap();
    let mut machine = Machine::new(Arc::clone(&plan)).unwrap();
    let mut log = vec![machine.command(at(0), order(Order::Start)).unwrap()];
    let mut house = House { dice: Dice(7), contacts: Vec::new(), again: Vec::new(), callers: 0 };
    for hour in 0..planned.days * 24 * 2 {
        house.hour(at(hour), machine.admits());
        // The server was asleep but every sixth hour: a check that comes late is of its full hour all the same.
        if hour % 6 == 5
            && let Some(due) = machine.due(at(hour + 1))
        {
            let seen = evidence(&plan, &house.contacts, due.stage, due.since, due.at);
            log.extend(machine.check(due, &seen));
        }
        if matches!(machine.state(), State::Completed(_)) {
            break;
        }
    }
    let shares: Vec<&Decision> = log.iter().filter(|d| d.verdict == Verdict::Promoted).collect();
    assert_eq!(shares.len(), 3, "{}", words(&log, &plan));
    assert_eq!(machine.admits(), Some(Share::All));

    // As long as it was planned to take, to the day.
    let took = log.last().unwrap().at.since(at(0)).as_secs() / 86_400;
    assert!(took <= planned.days, "{took} days, planned {planned}");
    assert!(took >= 42, "each stage has seven days, and seven until repeats are known: {took}");

    // A caller keeps his arm: whoever had the bot at a share has it at all larger ones.
    for contact in &house.contacts {
        let arm = &contact.arms[0];
        assert_eq!(
            rollout(Share::of_fraction(arm.share).unwrap()).draw(Some(&contact.caller)).arm,
            arm.arm
        );
    }

    // What was decided is decided again from the records, which by now say much more.
    for decision in log.iter().filter(|decision| decision.figures.is_some()) {
        let step = decision.before.step().unwrap();
        let seen = evidence(&plan, &house.contacts, step.stage, step.since, decision.at);
        let mut again =
            Machine::restore(Arc::clone(&plan), &log[..decision.number as usize - 1]).unwrap();
        let due = again.due(decision.at).unwrap();
        let again = again.check(due, &seen).unwrap();
        let json = |decision: &Decision| serde_json::to_string(decision).unwrap();
        assert_eq!(json(&again), json(decision));
    }

    // And every decision says in words what it was made on.
    let text = words(&log, &plan);
    for part in [
        "cards 3.1.0, decision 1 by head: start (as agreed)",
        "=> wait: outcomes of enough days are known on 2026-03-16 00:00:00Z; running, stage canary",
        "stage canary, share 1/10, since 2026-03-02 00:00:00Z",
        "resolved (guardrail, margin 8.0 points)",
        "early_hangup (guardrail, margin 4.0 points)",
        "time_to_done (guardrail, margin ratio 1.15)",
        "human_seconds (success)",
        "verified_containment (floor, at least 0.3)",
        "=> promoted; running, stage fifth, the bot's share is 1/5",
        "=> promoted; running, stage half, the bot's share is 1/2",
        "=> promoted; completed, stage all, the bot's share is all",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    assert!(!text.contains("+7701"), "no caller is named");
}

fn words(log: &[Decision], plan: &Plan) -> String {
    log.iter().map(|decision| decision.explain(plan)).collect::<Vec<_>>().join("\n\n")
}
