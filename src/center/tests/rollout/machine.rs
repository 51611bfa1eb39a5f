//! The machine: every order in every state, every way a stage can end, restarts, and the log to the byte.

use super::lab::{Counts, Lab, counts, observations};
use super::world::{at, order, plan};
use dozvon_center::rollout::Share;
use dozvon_center::rollout::breaker::BotCall;
use dozvon_center::rollout::decide::{Command, Machine, NotRestored};
use dozvon_center::rollout::decision::{Cause, Decision, Order, Reason, State, Verdict, status};
use dozvon_center::rollout::evidence::Evidence;
use dozvon_center::rollout::plan::{Inconclusive, Promote};
use dozvon_center::rollout::weigh::Doubt;
use std::sync::Arc;

const DAY: u64 = 24;

fn promote_to_last(lab: &mut Lab) {
    for n in 1..=3 {
        lab.order(n, Order::Promote).expect("a stage is overridden");
    }
}

/// A rollout in each of its states.
fn in_state(name: &str) -> Lab {
    let mut lab = Lab::started();
    match name {
        "draft" => return Lab::draft(plan()),
        "running" => {}
        "hold" => drop(lab.check_on(2 * DAY, 800, 760, 800)),
        "awaiting_approval" => {
            let mut plan = plan();
            plan.stages[0].promote = Promote::Approval;
            lab = Lab::with(plan);
            lab.check_on(2 * DAY, 800, 800, 800);
        }
        "paused" => lab.order(1, Order::Pause).expect("it runs"),
        "halted" => {
            let skewed = Counts { bot: (800, 1_000), people: (5_600, 7_000), missed: 0 };
            lab.check(DAY, skewed);
        }
        "rolled_back" => drop(lab.check_on(2 * DAY, 800, 600, 800)),
        "stopped" => lab.order(1, Order::Abort).expect("it runs"),
        "completed" => promote_to_last(&mut lab),
        other => panic!("no state {other}"),
    }
    assert_eq!(lab.state().as_str(), name);
    lab
}

#[test]
fn every_order_in_every_state() {
    let table = [
        ("draft", ["running", "-", "-", "-", "-", "-"]),
        ("running", ["-", "paused", "-", "running", "stopped", "stopped"]),
        ("hold", ["-", "paused", "-", "running", "stopped", "stopped"]),
        ("awaiting_approval", ["-", "-", "-", "running", "stopped", "stopped"]),
        ("paused", ["-", "-", "running", "running", "stopped", "stopped"]),
        ("halted", ["-", "-", "running", "-", "stopped", "stopped"]),
        ("rolled_back", ["-", "-", "-", "-", "-", "-"]),
        ("stopped", ["-", "-", "-", "-", "-", "-"]),
        ("completed", ["-", "-", "-", "-", "stopped", "stopped"]),
    ];
    for (name, expected) in table {
        for (what, expected) in Order::ALL.into_iter().zip(expected) {
            let mut lab = in_state(name);
            let before = lab.state().clone();
            match lab.order(500, what) {
                Ok(()) => assert_eq!(lab.state().as_str(), expected, "{name} {what:?}"),
                Err(refused) => {
                    assert_eq!(expected, "-", "{name} {what:?}: {refused}");
                    assert_eq!(*lab.state(), before, "a refusal changes nothing");
                }
            }
        }
    }
}

#[test]
fn the_share_in_force_is_the_stage_s_until_the_rollout_is_over() {
    for (name, share) in [
        ("draft", None),
        ("running", Some(Share::Tenth)),
        ("hold", Some(Share::Tenth)),
        ("awaiting_approval", Some(Share::Tenth)),
        ("paused", Some(Share::Tenth)),
        ("halted", Some(Share::Tenth)),
        ("rolled_back", None),
        ("stopped", None),
        ("completed", Some(Share::All)),
    ] {
        assert_eq!(in_state(name).machine.admits(), share, "{name}");
    }
}

#[test]
fn an_equal_bot_goes_from_stage_to_stage_by_itself() {
    let mut lab = Lab::started();
    assert_eq!(lab.check_on(DAY, 800, 800, 800).verdict, Verdict::TooEarly(at(2 * DAY)));
    for (days, bot, share) in
        [(2, 800, Share::Fifth), (4, 900, Share::Half), (6, 1_400, Share::All)]
    {
        let decision = lab.check_on(days * DAY, bot, 800, 800);
        assert_eq!(decision.verdict, Verdict::Promoted, "{decision:?}");
        assert_eq!(decision.look.as_ref().map(|look| look.doubts.len()), Some(0));
        assert_eq!(lab.machine.admits(), Some(share));
    }
    assert_eq!(lab.state().as_str(), "completed");
    assert_eq!(lab.check_on(7 * DAY, 9_500, 800, 800).verdict, Verdict::Fine);
}

#[test]
fn the_first_look_needs_more_certainty_than_the_second() {
    // 400 of 770 are the first look: Z of an equal bot is 2.35, below 2.373.
    let mut lab = Lab::started();
    assert_eq!(lab.check_on(2 * DAY, 300, 800, 800).verdict, Verdict::TooFew);
    let decision = lab.check_on(3 * DAY, 390, 800, 800);
    let look = decision.look.clone().unwrap();
    assert_eq!((look.number, look.of), (1, 2));
    assert!((look.bound - 2.373).abs() < 1e-3);
    assert_eq!(decision.verdict, Verdict::NotShown);
    assert_eq!(look.doubts, [("resolved".into(), Doubt::NotShown)]);
    assert_eq!(lab.check_on(4 * DAY, 500, 800, 800).verdict, Verdict::TooFew, "one look each");
    let decision = lab.check_on(5 * DAY, 770, 790, 800);
    assert_eq!(decision.verdict, Verdict::Promoted);
    assert!((decision.look.as_ref().unwrap().bound - 1.678).abs() < 1e-3);
}

#[test]
fn the_last_look_is_the_last_and_the_hold_ends_with_the_stage_s_days() {
    let mut lab = Lab::started();
    let held = Verdict::Held(Reason::Inconclusive);
    assert_eq!(lab.check_on(5 * DAY, 800, 760, 800).verdict, held);
    assert_eq!(lab.check_on(6 * DAY, 2_000, 800, 800).verdict, held, "no third look");
    assert_eq!(lab.machine.admits(), Some(Share::Tenth), "the share is kept");
    assert_eq!(lab.check_on(14 * DAY, 2_000, 800, 800).verdict, Verdict::Stopped(Reason::Overdue));
    assert_eq!(lab.machine.admits(), None);
}

#[test]
fn a_plan_can_stop_what_the_last_look_has_not_decided_or_pay_for_a_third() {
    let mut stops = plan();
    stops.analysis.on_inconclusive = Inconclusive::Stop;
    let mut lab = Lab::with(stops);
    let verdict = lab.check_on(5 * DAY, 800, 760, 800).verdict.clone();
    assert_eq!(verdict, Verdict::Stopped(Reason::Inconclusive));
    let mut extends = plan();
    extends.analysis.looks = vec![0.5, 1.0, 1.5];
    let mut lab = Lab::with(extends);
    let second = lab.check_on(5 * DAY, 800, 780, 800);
    assert!((second.look.as_ref().unwrap().bound - 2.094).abs() < 1e-3, "dearer than 1.678");
    assert_eq!(second.verdict, Verdict::NotShown);
    assert_eq!(lab.check_on(6 * DAY, 1_200, 785, 800).verdict, Verdict::Promoted);
}

#[test]
fn only_the_day_s_decision_promotes_and_any_hour_s_rolls_back() {
    let mut lab = Lab::started();
    let equal = counts(&lab.machine, 800, 800, 800);
    assert!(lab.check(2 * DAY + 1, equal).is_some(), "the day's, an hour late");
    let mut lab = Lab::started();
    lab.check_on(2 * DAY, 100, 800, 800);
    let equal = counts(&lab.machine, 800, 800, 800);
    assert!(lab.check(2 * DAY + 1, equal).is_none(), "it would pass, and waits for the day");
    let bad = counts(&lab.machine, 800, 600, 800);
    let decision = lab.check(2 * DAY + 2, bad).unwrap();
    assert_eq!(decision.cause, Cause::Hourly);
    assert_eq!(decision.verdict, Verdict::RolledBack(Reason::Unbearable("resolved".into())));
    assert!(lab.machine.due(at(9 * DAY)).is_none(), "nothing more is asked");
}

#[test]
fn worse_within_the_margin_is_held_until_the_doubt_is_back() {
    let mut lab = Lab::started();
    // 4 points worse, known beyond doubt only with very many calls.
    let worse = Counts { bot: (15_200, 20_000), people: (144_000, 180_000), missed: 0 };
    let decision = lab.check(DAY + 3, worse).unwrap();
    assert_eq!(decision.verdict, Verdict::Held(Reason::Worse("resolved".into())));
    assert!(decision.verdict.pages());
    assert!(lab.check(DAY + 4, worse).is_none(), "told once");
    assert_eq!(lab.check_on(2 * DAY, 300, 800, 800).verdict, Verdict::TooFew);
    assert_eq!(lab.state().as_str(), "running");
}

#[test]
fn arms_of_the_wrong_size_halt_everything_until_a_person_begins_afresh() {
    let mut lab = in_state("halted");
    assert!(lab.machine.due(at(9 * DAY)).is_none());
    lab.order(30, Order::Resume).unwrap();
    let step = lab.state().step().unwrap();
    assert_eq!((step.stage, step.since), (0, at(30)), "callers of before are not counted");
    // A bad bot is not rolled back on broken data either.
    let mut lab = Lab::started();
    let skewed = Counts { bot: (600, 1_000), people: (5_600, 7_000), missed: 0 };
    assert_eq!(lab.check(2 * DAY, skewed).unwrap().verdict, Verdict::Halted);
}

#[test]
fn a_bot_that_is_not_reached_is_held_and_not_promoted() {
    let mut lab = Lab::started();
    let mut missed = counts(&lab.machine, 800, 800, 800);
    missed.missed = 17;
    assert_eq!(lab.check(2 * DAY, missed).unwrap().verdict, Verdict::Held(Reason::NotDelivered));
    missed.missed = 16;
    assert_eq!(lab.check(3 * DAY, missed).unwrap().verdict, Verdict::Promoted, "2 % are borne");
}

#[test]
fn approval_is_for_those_whom_the_plan_names() {
    let mut plan = plan();
    plan.stages[0].promote = Promote::Approval;
    plan.stages[0].approvers = vec!["cc_head".into()];
    let mut lab = Lab::with(plan);
    assert_eq!(lab.check_on(2 * DAY, 800, 800, 800).verdict, Verdict::Passed);
    assert!(lab.check(3 * DAY, counts(&lab.machine, 1_000, 800, 800)).is_none(), "it waits");
    assert!(lab.order(60, Order::Promote).is_err());
    let command = Command { order: Order::Promote, who: "cc_head".into(), reason: String::new() };
    lab.command(61, command).unwrap();
    assert_eq!(lab.machine.admits(), Some(Share::Fifth));
}

#[test]
fn while_it_waits_for_approval_callers_are_still_guarded() {
    let mut lab = in_state("awaiting_approval");
    let bad = counts(&lab.machine, 2_000, 650, 800);
    assert_eq!(lab.check(3 * DAY, bad).unwrap().verdict.as_str(), "rollback");
}

#[test]
fn an_override_needs_a_reason() {
    let mut lab = Lab::started();
    let mut command = order(Order::Promote);
    command.reason = "  ".into();
    assert!(lab.command(1, command).is_err());
    lab.order(1, Order::Promote).unwrap();
    let text = lab.log.last().unwrap().explain(lab.machine.plan());
    assert!(text.contains("head: promote (as agreed)"), "{text}");
}

#[test]
fn paused_means_that_nothing_is_decided() {
    let mut lab = in_state("paused");
    assert_eq!(lab.machine.due(at(9 * DAY)), None);
    assert_eq!(lab.machine.poll_timeout(), None);
    lab.order(4 * DAY, Order::Resume).unwrap();
    assert_eq!(lab.check_on(5 * DAY, 800, 800, 800).verdict, Verdict::Promoted);
}

#[test]
fn while_it_is_frozen_nothing_is_promoted_and_no_look_is_lost() {
    let mut lab = Lab::started();
    lab.machine.freeze(Some("month_end".into()));
    let frozen = Verdict::Frozen("month_end".into());
    assert_eq!(lab.check_on(2 * DAY, 800, 800, 800).verdict, frozen);
    let bad = counts(&lab.machine, 800, 600, 800);
    assert_eq!(lab.clone().check(3 * DAY, bad).unwrap().verdict.as_str(), "rollback");
    lab.machine.freeze(None);
    assert_eq!(lab.check_on(3 * DAY, 800, 800, 800).verdict, Verdict::Promoted);
}

#[test]
fn the_status_says_what_a_decision_would_be_made_on() {
    let mut lab = in_state("hold");
    let figures = lab.log.last().unwrap().figures.clone();
    let text = status(lab.machine.plan(), lab.state(), figures.as_ref());
    for part in [
        "cards 3.1.0: hold, the last look has not decided",
        "as of 2026-03-04 00:00:00Z",
        "2 of 2 looks used",
        "bot 76.00 % of 800",
        "at any time D +- ",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    lab.order(100, Order::Abort).unwrap();
    assert_eq!(status(lab.machine.plan(), lab.state(), None), "cards 3.1.0: stopped, ordered\n");
}

#[test]
fn the_last_stage_is_watched_and_begins_anew_after_its_weeks() {
    let mut lab = in_state("completed");
    let since = lab.state().step().unwrap().since;
    assert_eq!(lab.check_on(4 * DAY, 9_500, 800, 800).verdict, Verdict::Fine);
    let mut missed = counts(&lab.machine, 9_500, 800, 800);
    missed.missed = 500;
    assert_eq!(lab.check(5 * DAY, missed).unwrap().verdict, Verdict::Alarm(Reason::NotDelivered));
    // Its callers stay with it, though it is worse within the margin.
    let worse = Counts { bot: (144_400, 190_000), people: (8_000, 10_000), missed: 0 };
    let alarm = lab.check(6 * DAY, worse).unwrap().verdict.clone();
    assert_eq!(alarm, Verdict::Alarm(Reason::Worse("resolved".into())));
    assert_eq!(lab.check_on(85 * DAY, 9_500, 800, 800).verdict, Verdict::Renewed);
    assert!(lab.state().step().unwrap().since > since);
    let bad = counts(&lab.machine, 9_500, 600, 800);
    assert_eq!(lab.check(87 * DAY, bad).unwrap().verdict.as_str(), "rollback");
}

const FAILED: BotCall = BotCall { failed: true, no_match: false };

fn trip(lab: &mut Lab, hours: u64) -> Verdict {
    let decision = (0..25).find_map(|_| lab.machine.bot_call(at(hours), FAILED));
    let decision = decision.expect("25 failures are too many");
    let verdict = decision.verdict.clone();
    lab.log.push(decision);
    verdict
}

#[test]
fn a_bot_that_does_not_work_gets_nobody_for_a_while_and_the_third_time_for_good() {
    let mut lab = Lab::started();
    assert_eq!(trip(&mut lab, 1).as_str(), "trip");
    assert_eq!(lab.machine.admits(), None, "nobody is drawn");
    assert_eq!(lab.state().as_str(), "running", "and the test goes on without them");
    assert!(lab.machine.handle_timeout(at(1)).is_none());
    assert_eq!(lab.machine.handle_timeout(at(2)).unwrap().verdict, Verdict::Recovered);
    assert_eq!(lab.machine.admits(), Some(Share::Tenth));
    assert_eq!(trip(&mut lab, 3).as_str(), "trip");
    lab.machine.handle_timeout(at(4));
    assert_eq!(trip(&mut lab, 5), Verdict::RolledBack(Reason::Broken));
    assert!(lab.machine.bot_call(at(6), FAILED).is_none());
}

#[test]
fn checks_are_asked_for_at_full_hours_and_once() {
    let mut lab = Lab::draft(plan());
    assert_eq!(lab.machine.poll_timeout(), None);
    lab.order(0, Order::Start).unwrap();
    assert_eq!(lab.machine.due(at(0)), None);
    assert_eq!(lab.machine.poll_timeout(), Some(at(1)));
    let late = at(1) + std::time::Duration::from_secs(1_799);
    assert_eq!(lab.machine.due(late).map(|due| (due.at, due.daily)), Some((at(1), false)));
    let few = counts(&lab.machine, 10, 800, 800);
    assert!(lab.check(1, few).is_none());
    assert_eq!(lab.machine.due(late), None);
    let after_days = lab.machine.due(at(3 * DAY + 5)).unwrap();
    assert_eq!((after_days.at, after_days.daily), (at(3 * DAY + 5), true), "one for all missed");
}

/// A rollout with a look that fails, one that passes, a trip, an override and a rollback.
fn eventful() -> Lab {
    let mut lab = Lab::started();
    lab.check_on(3 * DAY, 390, 800, 800);
    trip(&mut lab, 3 * DAY + 1);
    lab.log.extend(lab.machine.handle_timeout(at(3 * DAY + 2)));
    lab.check_on(5 * DAY, 770, 790, 800);
    lab.order(5 * DAY + 1, Order::Promote).expect("a stage is overridden");
    lab.check_on(7 * DAY, 1_400, 650, 800);
    lab
}

fn bytes(log: &[Decision]) -> Vec<String> {
    log.iter().map(|decision| serde_json::to_string(decision).expect("plain data")).collect()
}

#[test]
fn the_same_observations_give_the_same_log_to_the_byte() {
    let (once, again) = (eventful(), eventful());
    assert_eq!(bytes(&once.log), bytes(&again.log));
    let verdicts: Vec<&str> = once.log.iter().map(|d| d.verdict.as_str()).collect();
    assert_eq!(verdicts, ["started", "wait", "trip", "recover", "promote", "promote", "rollback"]);
    for (decision, json) in once.log.iter().zip(bytes(&once.log)) {
        let read: Decision = serde_json::from_str(&json).unwrap();
        let again = read.recounted(once.machine.plan()).unwrap();
        assert_eq!(again, *decision, "what is stored is what was decided");
        assert_eq!(serde_json::to_string(&again).unwrap(), json);
    }
}

#[test]
fn a_stored_decision_that_somebody_changed_is_found_out() {
    let lab = eventful();
    let plan = lab.machine.plan();
    let promoted = lab.log.iter().find(|d| d.verdict == Verdict::Promoted).unwrap();
    let changes: [fn(&mut Decision); 5] = [
        |decision| decision.figures.as_mut().unwrap().metrics[0].z += 1e-12,
        |decision| {
            let rows = &mut decision.figures.as_mut().unwrap().metrics[0].rows;
            rows[0].cell.drawn.bot.sum += 1_000_000;
        },
        |decision| decision.figures.as_mut().unwrap().callers.bot += 1,
        |decision| decision.look.as_mut().unwrap().bound = 1.0,
        |decision| decision.look.as_mut().unwrap().doubts.push(("x".into(), Doubt::NotShown)),
    ];
    assert_eq!(promoted.recounted(plan).as_ref(), Some(promoted));
    for (n, change) in changes.into_iter().enumerate() {
        let mut forged = promoted.clone();
        change(&mut forged);
        assert_ne!(forged.recounted(plan), Some(forged), "change {n}");
    }
    let mut other = plan.clone();
    other.analysis.alpha = 0.1;
    assert_eq!(promoted.recounted(&other), None, "not by another plan");
}

#[test]
fn observations_in_another_order_give_the_same_bytes() {
    let lab = Lab::started();
    let mut calls = observations(&lab.machine, counts(&lab.machine, 800, 800, 800));
    let json = |calls: &[_]| {
        let mut machine = lab.machine.clone();
        let due = machine.due(at(2 * DAY)).unwrap();
        let evidence = Evidence::gather(machine.plan(), due.stage, due.since, due.at, calls);
        serde_json::to_string(&machine.check(due, &evidence)).unwrap()
    };
    let there = json(&calls);
    calls.reverse();
    assert_eq!(there, json(&calls));
}

#[test]
fn after_a_restart_the_rollout_goes_on_from_its_log() {
    let whole = eventful();
    for cut in 0..=whole.log.len() {
        let log = &whole.log[..cut];
        let machine = Machine::restore(Arc::new(plan()), log).unwrap();
        let expected = log.last().map_or(State::Draft, |decision| decision.after.clone());
        assert_eq!(*machine.state(), expected);
    }
    // Restarted before each of the checks, it decides the same.
    let mut lab = Lab { machine: Machine::new(Arc::new(plan())).unwrap(), log: Vec::new() };
    let restart = |lab: &mut Lab| {
        lab.machine = Machine::restore(Arc::new(plan()), &lab.log).unwrap();
    };
    lab.order(0, Order::Start).unwrap();
    restart(&mut lab);
    lab.check_on(3 * DAY, 390, 800, 800);
    restart(&mut lab);
    trip(&mut lab, 3 * DAY + 1);
    restart(&mut lab);
    assert_eq!(lab.machine.admits(), None, "still open");
    lab.log.extend(lab.machine.handle_timeout(at(3 * DAY + 2)));
    restart(&mut lab);
    lab.check_on(5 * DAY, 770, 790, 800);
    restart(&mut lab);
    lab.order(5 * DAY + 1, Order::Promote).unwrap();
    restart(&mut lab);
    lab.check_on(7 * DAY, 1_400, 650, 800);
    assert_eq!(bytes(&lab.log), bytes(&whole.log));
}

#[test]
fn what_is_to_be_proved_is_not_changed_on_the_way() {
    let lab = eventful();
    let mut lenient = plan();
    lenient.stages[0].max_days += 1;
    let refused = Machine::restore(Arc::new(lenient), &lab.log).unwrap_err();
    assert!(matches!(refused, NotRestored::PlanChanged { .. }), "{refused:?}");
    let mut wrong = plan();
    wrong.metrics.clear();
    assert!(Machine::new(Arc::new(wrong)).is_err());
}

#[test]
fn a_decision_is_explained_with_every_figure_it_was_made_on() {
    let lab = eventful();
    let plan = lab.machine.plan();
    let looked = lab.log.iter().find(|decision| decision.look.is_some()).unwrap();
    let text = looked.explain(plan);
    for part in [
        "2026-03-05 00:00:00Z cards 3.1.0, decision 2 by the daily check",
        "stage canary, share 1/10, since 2026-03-02 00:00:00Z; 51 % of the planned sample",
        "bot 390 (0 or 0.0 % did not reach it), people 3510",
        "chi-square 0.00, p 1.0000",
        "look 1 of 2: every guardrail must reach Z = 2.373",
        "resolved (guardrail, margin 5.0 points): bot 80.00 % of 390, people 80.00 % of 3510, needs 770",
        "over 1 strata D = +0.00000",
        "does not pass: not shown: Z is below the bound",
        "=> wait: this look has not convinced, the next one may; running, stage canary",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let last = lab.log.last().unwrap();
    assert!(last.explain(plan).contains("the bot's share is 0"), "{}", last.explain(plan));
    assert!(last.to_string().starts_with("2026-03-09 00:00:00Z cards #7 rolled back: worse on"));
    assert_eq!(lab.verdict(), "rollback");
}
