//! A new version of a flow on a share of the callers: who hears which, and what is written down.

use crate::house::{ANNA, FLOW, House, policy};
use dozvon_center::border::{Arrival, LegCommand, LegEvent};
use dozvon_center::contact::{ArmRecord, Contact, Ending, Fault};
use dozvon_center::fact::What;
use dozvon_center::flow::{self, Duty, Flow};
use dozvon_center::ids::{CallId, LegId};
use dozvon_center::opening::Site;
use dozvon_center::policy::Policy;
use dozvon_center::rollout::eligible::{Excluded, Exclusions, Exclusive};
use dozvon_center::rollout::{Arm, Holdout, Rollout, Share, Tried, TriedKind};
use dozvon_center::steering::Steering;
use std::collections::BTreeSet;
use std::sync::Arc;

const SHARES: [Share; 5] = Share::LADDER;

/// The flow of the house in another version, which says something else first, and a third one that runs in circles.
fn next() -> Arc<Flow> {
    let text = FLOW
        .replace("flow: bank\n", "flow: bank-next\n")
        .replace("play: [hello]", "play: [welcome]")
        .replace("code: {type", "lap: {type: text}\n  code: {type")
        .replace("\"3\": {say: opt-out, to: out}", "\"3\": {say: opt-out, to: lap}")
        .replace(
            "  thanks: {say",
            "  lap: {set: {vars: {lap: a}, next: lap2}}\n  lap2: {set: {vars: {lap: b}, next: lap}}\n  thanks: {say",
        );
    let mut flow = flow::load("bank-next.yaml", &text).unwrap_or_else(|found| panic!("{found:#?}"));
    flow.version = "of-the-next".into();
    Arc::new(flow)
}

fn trial(share: Share) -> Rollout {
    Rollout {
        name: "greeting".into(),
        tried: Tried::Flow { present: "bank".into(), candidate: "bank-next".into() },
        salt: "pepper".into(),
        share,
        exclusions: Exclusions { same_topic_within_secs: 0, ..Exclusions::default() },
        ..Rollout::default()
    }
}

/// The house's policy with the trial like this.
fn with(share: Share, change: impl FnOnce(&mut Rollout)) -> Policy {
    let mut policy = policy(Share::None);
    policy.flows.insert("bank-next".into(), next());
    let mut rollout = trial(share);
    change(&mut rollout);
    policy.rollouts.insert(rollout.name.clone(), rollout);
    policy
}

fn house(share: Share) -> House {
    House::under(with(share, |_| {}))
}

fn numbers() -> impl Iterator<Item = String> {
    (0..200).map(|n| format!("+7701{:07}", n * 7_919))
}

/// What the caller heard first.
fn heard(house: &House, leg: LegId) -> String {
    let own = house.commands.iter().filter(|(to, _)| *to == leg);
    let first = own.map(|(_, command)| command).find_map(|command| {
        if let LegCommand::Play { prompts, .. } = command { prompts.first() } else { None }
    });
    first.expect("a flow says something first").name.to_string()
}

fn arm(house: &House, call: CallId) -> Option<&ArmRecord> {
    let contact: &Contact = &house.contacts[&call];
    contact.arms.iter().find(|arm| &*arm.option == "greeting")
}

/// Somebody calls and hangs up: his arm, and why he has none.
fn drawn(house: &mut House, number: &str) -> (Arm, Option<Excluded>) {
    let (call, leg) = house.call(number);
    let (word, name) = (heard(house, leg), house.contacts[&call].flow.clone());
    house.event(leg, LegEvent::HungUp);
    let arm = arm(house, call).expect("he came to the flow");
    assert_eq!((arm.tried, arm.delivered), (TriedKind::Flow, true));
    let wanted = if arm.arm == Arm::Bot { ("welcome", "bank-next") } else { ("hello", "bank") };
    assert_eq!((&*word, &*name), wanted, "what is heard and what is written are one");
    (arm.arm, arm.excluded)
}

#[test]
fn each_caller_hears_the_flow_of_his_draw_and_a_larger_share_only_adds_callers() {
    let mut before = BTreeSet::new();
    for share in SHARES {
        let mut house = house(share);
        let rollout = trial(share);
        let mut new = BTreeSet::new();
        for number in numbers() {
            let (arm, excluded) = drawn(&mut house, &number);
            assert_eq!((arm, excluded), (rollout.draw(Some(&number)).arm, None));
            assert_eq!(drawn(&mut house, &number).0, arm, "he keeps his arm");
            if arm == Arm::Bot {
                new.insert(number);
            }
        }
        assert!(before.is_subset(&new), "nobody goes back at {share}");
        let expected = 200.0 * share.fraction();
        assert!((new.len() as f64 - expected).abs() <= 30.0, "{share}: {}", new.len());
        before = new;
    }
}

#[test]
fn the_holdout_stays_with_the_present_flow() {
    let percent = |percent| Holdout::percent(percent).expect("at most 50");
    let mut house = House::under(with(Share::All, |trial| trial.holdout = percent(50)));
    let kept = numbers().filter(|number| drawn(&mut house, number).0 == Arm::People).count();
    assert!((70..=130).contains(&kept), "{kept}");
}

/// How a call and its draw begin, in a word.
fn told(what: &What) -> Option<String> {
    if let What::CallStarted { flow, .. } = what {
        Some(format!("started {flow}"))
    } else if let What::ArmDrawn { option, arm, .. } = what {
        Some(format!("drawn {option} {arm}"))
    } else if let What::ArmDelivered { option, delivered, .. } = what {
        Some(format!("{option} {delivered}"))
    } else if let What::NodeEntered { flow, node } = what {
        Some(format!("{flow} {node}"))
    } else {
        matches!(what, What::CallAnswered).then(|| "answered".to_owned())
    }
}

#[test]
fn the_contact_names_its_flow_its_version_and_its_arm_and_is_told_of_in_order() {
    let mut house = house(Share::All);
    let (call, _) = house.call("+77010000001");
    let contact = &house.contacts[&call];
    assert_eq!((&*contact.flow, &*contact.flow_version), ("bank-next", "of-the-next"));
    let wanted = ArmRecord {
        tried: TriedKind::Flow,
        ..ArmRecord::drawn("greeting".into(), Arm::Bot, 1.0, true)
    };
    assert_eq!(contact.arms, [wanted]);
    let told: Vec<String> = house
        .facts
        .iter()
        .filter(|fact| fact.call == Some(call))
        .filter_map(|fact| told(&fact.what))
        .collect();
    let wanted =
        ["started bank-next", "drawn greeting bot", "greeting true", "answered", "bank-next hello"];
    assert_eq!(told, wanted);
}

#[test]
fn no_number_a_shared_one_and_other_reasons_mean_the_present_flow_and_no_arm() {
    let mut policy = with(Share::All, |_| {});
    policy.shared_numbers.insert("+77010000009".into());
    let mut house = House::under(policy);
    let none = (Arm::People, Some(Excluded::NoNumber));
    assert_eq!(drawn(&mut house, "+77010000009"), none);
    assert_eq!(drawn(&mut house, ""), none);
    let told = |what: &What| matches!(what, What::NotDrawn { why: Excluded::NoNumber, .. });
    assert_eq!(house.count(told), 2);
    assert_eq!(house.count(|what| matches!(what, What::ArmDrawn { .. })), 0);

    let mut house = House::under(with(Share::All, |trial| {
        trial.exclusions.same_topic_within_secs = 86_400;
    }));
    assert_eq!(drawn(&mut house, "+77010000001"), (Arm::Bot, None));
    house.pass(80_000.0);
    let again = (Arm::People, Some(Excluded::SameTopic));
    assert_eq!(drawn(&mut house, "+77010000001"), again);
    house.pass(90_000.0);
    assert_eq!(drawn(&mut house, "+77010000001"), (Arm::Bot, None));

    let circle = Arc::new(Exclusive {
        name: "trials".into(),
        salt: "trials".into(),
        rollouts: BTreeSet::from(["greeting".into(), "cards".into()]),
    });
    let mut house = House::under(with(Share::All, |trial| trial.circle = Some(circle.clone())));
    for number in numbers().take(20) {
        let why = circle.exclude("greeting", &number);
        assert_eq!(drawn(&mut house, &number).1, why);
    }
}

#[test]
fn with_a_plan_nobody_is_drawn_before_a_share_is_set_and_the_next_draw_uses_it() {
    let mut house = House::under(with(Share::All, |trial| trial.planned = true));
    assert_eq!(drawn(&mut house, "+77010000001"), (Arm::People, Some(Excluded::Closed)));
    let (talking, leg) = house.call("+77010000001");
    for (share, wanted) in [
        (Some(Share::All), (Arm::Bot, None)),
        (None, (Arm::People, Some(Excluded::Closed))),
        (Some(Share::None), (Arm::People, None)),
    ] {
        let steering = Steering { option: "greeting".into(), share, drain: false, decided: None };
        house.center.steer(house.now, steering).expect("the house has it");
        house.drain();
        assert_eq!(drawn(&mut house, "+77010000001"), wanted);
    }
    house.event(leg, LegEvent::HungUp);
    assert_eq!(&*house.contacts[&talking].flow, "bank", "who was there stays where he was");
}

/// In the middle of his call the trial is taken out of the configuration, with the new flow.
#[test]
fn a_caller_ends_in_the_flow_that_he_began_in_though_a_reload_ends_its_trial() {
    let mut house = house(Share::All);
    house.ready(&[ANNA]);
    let (call, leg) = house.call("+77010000001");
    house.played(leg);
    house.center.reload(house.now, Arc::new(policy(Share::None)), "without", "ops");
    house.drain();
    house.key(leg, '0');
    let agent = house.answer();
    house.pass(20.0);
    house.event(agent, LegEvent::HungUp);
    assert_eq!(house.place(call), "survey");
    house.key(leg, '4');
    house.played(leg);
    let contact = &house.contacts[&call];
    assert_eq!((&*contact.flow, &*contact.flow_version), ("bank-next", "of-the-next"));
    assert_eq!(contact.survey, [("csi".into(), 4)]);
    assert_eq!(contact.ending, Some(Ending::new(Fault::Nobody, "flow_end")));
    assert_eq!(contact.arms.len(), 1, "and he keeps the arm that he was drawn for");
    let ended =
        |what: &What| matches!(what, What::CallEnded { flow, .. } if &**flow == "bank-next");
    assert_eq!(house.count(ended), 1);

    let (later, leg) = house.call("+77010000001");
    assert_eq!((heard(&house, leg), arm(&house, later)), ("hello".to_owned(), None));
    house.center.reload(house.now, Arc::new(with(Share::All, |_| {})), "with", "ops");
    house.drain();
    assert_eq!(drawn(&mut house, "+77010000001"), (Arm::Bot, None), "a reload can begin it, too");
    house.key(leg, '0');
    assert_eq!(&*house.contacts[&later].flow, "bank");
}

#[test]
fn a_bots_rollout_inside_the_flow_has_an_arm_of_its_own() {
    let mut policy = with(Share::All, |_| {});
    let cards = policy.rollouts.get_mut("cards").expect("the house has it");
    (cards.share, cards.exclusions) = (Share::All, trial(Share::All).exclusions);
    let mut house = House::under(policy);
    let (call, leg) = house.call("+77010000001");
    house.played(leg);
    house.key(leg, '2');
    let arms: Vec<(&str, TriedKind, bool)> = house.contacts[&call]
        .arms
        .iter()
        .map(|arm| (&*arm.option, arm.tried, arm.delivered))
        .collect();
    assert_eq!(arms, [("greeting", TriedKind::Flow, true), ("cards", TriedKind::Bot, false)]);
    house.event(leg, LegEvent::HungUp);
    let ends: Vec<Option<&str>> =
        house.contacts[&call].arms.iter().map(|arm| arm.bot_end.as_deref()).collect();
    assert_eq!(ends, [None, Some("caller_gone")]);
}

#[test]
fn who_dials_the_new_flow_by_a_number_of_its_own_is_not_drawn() {
    let mut house = house(Share::None);
    let arrival = Arrival {
        flow: "bank-next".into(),
        dialled: "199".into(),
        caller: Some("+77010000001".to_owned()),
        language: None,
    };
    let (call, leg) = house.center.arrive(house.now, arrival).expect("the flow is known");
    house.drain();
    house.event(leg, LegEvent::Answered);
    assert_eq!((heard(&house, leg), arm(&house, call)), ("welcome".to_owned(), None));
}

#[test]
fn in_an_emergency_nobody_is_drawn_for_he_hears_neither_flow() {
    let mut policy = with(Share::All, |_| {});
    policy.opening.sites.insert(
        "center".into(),
        Site {
            title: "Center".into(),
            numbers: BTreeSet::from(["100".into()]),
            duty: Duty::Queue("general".into()),
        },
    );
    let mut house = House::under(policy);
    house.center.set_emergency(house.now, "center", true, "head", "smoke").expect("a site");
    house.drain();
    let (call, _) = house.call("+77010000001");
    assert_eq!((&*house.contacts[&call].flow, arm(&house, call)), ("bank", None));
}

#[test]
fn a_flow_that_runs_in_circles_is_told_of_and_is_a_failure_of_its_arm() {
    let mut house = house(Share::All);
    let (call, leg) = house.call("+77010000001");
    house.played(leg);
    assert_eq!(arm(&house, call).expect("drawn").bot_end, None);
    house.key(leg, '3');
    assert_eq!(house.state(call), "waiting", "he is taken to the operator");
    assert_eq!(arm(&house, call).expect("drawn").bot_end.as_deref(), Some("failed"));
    let told =
        |what: &What| matches!(what, What::FlowAstray { flow, .. } if &**flow == "bank-next");
    assert_eq!(house.count(told), 1);
}
