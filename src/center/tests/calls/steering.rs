//! Who is drawn for the bot, and the share while it moves.

use crate::house::{ANNA, House, policy};
use dozvon_center::border::{LegCommand, LegEvent};
use dozvon_center::contact::{ArmRecord, Contact};
use dozvon_center::fact::What;
use dozvon_center::ids::{CallId, LegId};
use dozvon_center::policy::Policy;
use dozvon_center::rollout::eligible::{Excluded, Exclusions, Exclusive};
use dozvon_center::rollout::{Arm, Rollout, Share};
use dozvon_center::steering::{Decided, Memory, NoRollout, Steering};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A policy whose rollout is like this.
fn with(share: Share, change: impl FnOnce(&mut Rollout)) -> Policy {
    let mut policy = policy(share);
    change(policy.rollouts.get_mut("cards").expect("the house has it"));
    policy
}

/// Nobody is kept out but by what the test says.
fn open() -> Exclusions {
    Exclusions { same_topic_within_secs: 0, ..Exclusions::default() }
}

fn steer(house: &mut House, share: Option<Share>, drain: bool) {
    let decided = Decided {
        number: 7,
        verdict: "promote".into(),
        state: "running".into(),
        stage: "half".into(),
    };
    let steering = Steering { option: "cards".into(), share, drain, decided: Some(decided) };
    house.center.steer(house.now, steering).expect("the house has it");
    house.drain();
}

/// A caller who chooses the option.
fn to_option(house: &mut House, number: &str) -> (CallId, LegId) {
    let (call, leg) = house.call(number);
    house.played(leg);
    house.key(leg, '2');
    (call, leg)
}

fn hang_up(house: &mut House, leg: LegId) {
    house.event(leg, LegEvent::HungUp);
}

fn arm(house: &House, call: CallId) -> &ArmRecord {
    let contact: &Contact = &house.contacts[&call];
    contact.arms.first().expect("he came to the option")
}

/// Why the caller was not drawn; what the fact and the record say must be one.
fn kept_out(house: &mut House, number: &str) -> Option<Excluded> {
    let before = house.facts.len();
    let (call, leg) = to_option(house, number);
    let told = house.facts[before..].iter().find_map(|fact| {
        if let What::NotDrawn { why, .. } = &fact.what { Some(*why) } else { None }
    });
    hang_up(house, leg);
    let arm = arm(house, call);
    assert_eq!(arm.excluded, told);
    assert!(told.is_none() || arm.arm == Arm::People, "who is excluded goes to people");
    told
}

#[test]
fn who_calls_again_about_the_same_is_in_no_arm_and_goes_to_people() {
    let mut house = House::under(with(Share::All, |_| {}));
    assert_eq!(kept_out(&mut house, "+77010000001"), None);
    house.pass(6.9 * 86_400.0);
    assert_eq!(kept_out(&mut house, "+77010000001"), Some(Excluded::SameTopic));
    assert_eq!(kept_out(&mut house, "+77010000002"), None, "somebody else is drawn");
    house.pass(7.0 * 86_400.0);
    assert_eq!(kept_out(&mut house, "+77010000001"), None, "long ago");
}

#[test]
fn a_number_shared_by_many_or_hidden_is_not_drawn() {
    let mut policy = with(Share::All, |_| {});
    policy.shared_numbers.insert("+77010000009".into());
    let mut house = House::under(policy);
    assert_eq!(kept_out(&mut house, "+77010000009"), Some(Excluded::NoNumber));
    assert_eq!(kept_out(&mut house, ""), Some(Excluded::NoNumber));
}

#[test]
fn a_full_bot_draws_nobody_until_somebody_leaves_it() {
    let mut house = House::under(with(Share::All, |rollout| {
        rollout.exclusions = Exclusions { sessions_max: 2, ..open() };
    }));
    let first = to_option(&mut house, "+77010000001").1;
    to_option(&mut house, "+77010000002");
    assert_eq!(kept_out(&mut house, "+77010000003"), Some(Excluded::Full));
    hang_up(&mut house, first);
    assert_eq!(kept_out(&mut house, "+77010000004"), None);
}

#[test]
fn who_twice_wants_an_operator_instead_of_the_bot_is_let_alone() {
    let mut house = House::under(with(Share::All, |rollout| rollout.exclusions = open()));
    for _ in 0..2 {
        let (call, leg) = to_option(&mut house, "+77010000001");
        assert_eq!(arm(&house, call).excluded, None);
        house.key(leg, '0');
        assert_eq!(house.state(call), "waiting");
        hang_up(&mut house, leg);
        assert_eq!(arm(&house, call).bot_end.as_deref(), Some("transfer"));
    }
    assert_eq!(kept_out(&mut house, "+77010000001"), Some(Excluded::OptedOut));
}

#[test]
fn what_was_known_before_a_start_keeps_callers_out_and_what_came_since_comes_after_it() {
    let mut house = House::under(with(Share::All, |_| {}));
    let (call, leg) = to_option(&mut house, "+77010000001");
    house.key(leg, '0');
    assert_eq!(arm(&house, call).excluded, None);
    hang_up(&mut house, leg);
    let before = house.now - std::time::Duration::from_secs(86_400);
    let memory = Memory {
        option: "cards".into(),
        opt_outs: vec![(before, "+77010000001".into())],
        last_calls: vec![(before, "+77010000002".into())],
    };
    house.center.remember(memory).expect("the house has it");
    house.pass(6.5 * 86_400.0);
    assert_eq!(kept_out(&mut house, "+77010000002"), None, "that is long ago by now");
    assert_eq!(
        kept_out(&mut house, "+77010000001"),
        Some(Excluded::OptedOut),
        "he asked once before the start and once since"
    );
    house.pass(86_400.0);
    assert_eq!(kept_out(&mut house, "+77010000002"), Some(Excluded::SameTopic));
    let nobody = Memory { option: "loans".into(), ..Memory::default() };
    assert_eq!(house.center.remember(nobody), Err(NoRollout));
}

#[test]
fn the_bots_languages_and_the_circle_are_asked_too() {
    let mut house = House::under(with(Share::All, |rollout| {
        rollout.exclusions = Exclusions { languages: BTreeSet::from(["kk".into()]), ..open() };
    }));
    assert_eq!(kept_out(&mut house, "+77010000001"), Some(Excluded::Language));
    let circle = Arc::new(Exclusive {
        name: "bots".into(),
        salt: "bots".into(),
        rollouts: BTreeSet::from(["cards".into(), "loans".into()]),
    });
    let of_others = (1..100).map(|n| format!("+7701000{n:04}"));
    let other = of_others.clone().find(|n| circle.exclude("cards", n).is_some()).expect("half");
    let own = of_others.clone().find(|n| circle.exclude("cards", n).is_none()).expect("half");
    let mut house = House::under(with(Share::All, |rollout| {
        (rollout.exclusions, rollout.circle) = (open(), Some(circle));
    }));
    assert_eq!(kept_out(&mut house, &other), Some(Excluded::OtherRollout));
    assert_eq!(kept_out(&mut house, &own), None);
}

#[test]
fn of_a_rollout_with_a_plan_nobody_is_drawn_until_a_share_is_set_and_the_next_draw_uses_it() {
    let mut house = House::under(with(Share::All, |rollout| {
        (rollout.planned, rollout.exclusions) = (true, open());
    }));
    assert_eq!(house.center.share_of("cards"), None);
    assert_eq!(kept_out(&mut house, "+77010000001"), Some(Excluded::Closed));
    steer(&mut house, Some(Share::None), false);
    let (call, leg) = to_option(&mut house, "+77010000001");
    assert_eq!((arm(&house, call).arm, arm(&house, call).share), (Arm::People, 0.0));
    hang_up(&mut house, leg);
    steer(&mut house, Some(Share::All), false);
    let (call, leg) = to_option(&mut house, "+77010000001");
    assert_eq!((arm(&house, call).arm, arm(&house, call).share), (Arm::Bot, 1.0));
    let told = |what: &What| {
        let What::RolloutDecided { option, decided, share } = what else { return false };
        &**option == "cards" && decided.number == 7 && *share == Some(1.0)
    };
    assert_eq!(house.count(told), 1);
    // A reload changes what the configuration says, and not what was set.
    let policy = with(Share::None, |rollout| {
        (rollout.planned, rollout.exclusions) = (true, open());
    });
    house.center.reload(house.now, Arc::new(policy), "v2", "ops");
    assert_eq!(house.center.share_of("cards"), Some(Share::All));
    let nobody = Steering { option: "loans".into(), share: None, drain: false, decided: None };
    assert_eq!(house.center.steer(house.now, nobody), Err(NoRollout));
    hang_up(&mut house, leg);
}

#[test]
fn a_share_that_falls_cuts_nobody_off_and_draining_takes_them_to_people() {
    let mut house = House::under(with(Share::All, |rollout| rollout.exclusions = open()));
    house.ready(&[ANNA]);
    let (talking, _) = to_option(&mut house, "+77010000001");
    let bot = house.newest(|command| matches!(command, LegCommand::CallBot { .. }));
    house.event(bot, LegEvent::Answered);
    let (ringing, _) = to_option(&mut house, "+77010000002");
    steer(&mut house, None, false);
    assert_eq!(house.state(talking), "bot", "he goes on");
    assert_eq!(kept_out(&mut house, "+77010000003"), Some(Excluded::Closed));
    steer(&mut house, None, true);
    assert!(house.released(bot));
    let states = [house.state(talking), house.state(ringing)];
    assert_eq!(states, ["offered", "waiting"], "who came first is first");
    let ends: Vec<bool> = [talking, ringing].map(|call| arm(&house, call).delivered).to_vec();
    assert_eq!(ends, [true, false], "they stay in the bot's arm");
    assert!([talking, ringing].iter().all(|call| arm(&house, *call).arm == Arm::Bot));
}
