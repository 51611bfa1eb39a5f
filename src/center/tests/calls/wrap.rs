//! What agents do after a talk: how wrap-ups end, how they are put off, and the codes that talks are given.

use crate::house::{ANNA, BORIS, House, policy};
use dozvon_center::Center;
use dozvon_center::acd::{Activity, Actor, Presence, Status, StatusError, WrapUp, WrapUpError};
use dozvon_center::border::LegEvent;
use dozvon_center::classifier::Classifier;
use dozvon_center::coding::{CodeError, CodeName, Coding};
use dozvon_center::contact::{Stage, StageKind};
use dozvon_center::fact::What;
use dozvon_center::ids::CallId;
use dozvon_center::rollout::Share;
use dozvon_center::talk::{Destination, TalkCommand};
use std::sync::Arc;
use std::time::Duration;

const CODES: &str = "\
classifier: bank
version: 3
codes:
  cards:
    name: {ru: Карты, kk: Карталар, en: Cards}
    codes:
      lost: {name: {ru: Утеря, kk: Жоғалту, en: Lost}, dial: 11}
      other: {name: {ru: Другое, kk: Басқа, en: Other}, note_required: true}
";

const TEN: Duration = Duration::from_secs(10);

/// A house whose queues end their wrap-ups so, with Anna ready.
fn house(mode: WrapUp) -> House {
    let mut rules = policy(Share::None);
    let bank = Classifier::from_yaml("bank.yaml", CODES).expect("the codes are in order");
    rules.classifiers.insert("bank".into(), Arc::new(bank));
    for queue in &mut rules.acd.queues {
        (queue.wrap_up, queue.classifier) = (mode, Some("bank".into()));
        queue.wrap_up_extend_max = Duration::from_secs(30);
    }
    let mut house = House::new(Share::None);
    house.center = Center::new(Arc::new(rules), house.now);
    house.center.reachable(house.now, ANNA, true);
    house.status(ANNA, Status::Ready);
    house
}

/// The same with a talk of Anna's that is over.
fn wrapping(mode: WrapUp) -> (House, CallId) {
    let mut house = house(mode);
    let (call, leg, _) = house.in_talk("+77010000001");
    house.pass(20.0);
    house.event(leg, LegEvent::HungUp);
    (house, call)
}

fn coding(code: &str) -> Coding {
    Coding { code: CodeName::Path(code.into()), note: None, call: None }
}

fn give(house: &mut House, coding: &Coding) -> Result<(), CodeError> {
    let result = house.center.code(house.now, ANNA, coding);
    house.drain();
    result
}

fn extend(house: &mut House, secs: u64) -> Result<(), WrapUpError> {
    let result = house.center.extend_wrap_up(house.now, ANNA, Duration::from_secs(secs));
    house.drain();
    result
}

fn end(house: &mut House, by: Actor) -> Result<(), WrapUpError> {
    let result = house.center.end_wrap_up(house.now, ANNA, by);
    house.drain();
    result
}

fn talk(house: &House, call: CallId) -> &Stage {
    let mut talks = house.contacts[&call].stages.iter().filter(|s| s.kind == StageKind::Talk);
    talks.next().expect("there was a talk")
}

fn code_of(house: &House, call: CallId) -> (Option<&str>, Option<&str>) {
    let stage = talk(house, call);
    (stage.code.as_deref(), stage.code_version.as_deref())
}

fn uncoded(house: &House) -> usize {
    house.count(|what| matches!(what, What::WrapUpUncoded { agent: ANNA, .. }))
}

fn coded(house: &House) -> usize {
    house.count(|what| matches!(what, What::WrapUpCoded { agent: ANNA, again: false, .. }))
}

const LOST: (Option<&str>, Option<&str>) = (Some("cards/lost"), Some("bank@3"));

#[test]
fn without_wrap_up_the_next_call_comes_at_once_and_a_code_only_during_the_talk() {
    let (mut house, _) = wrapping(WrapUp::Off);
    assert_eq!(house.activity(ANNA), Activity::Idle);
    assert_eq!(give(&mut house, &coding("cards/lost")), Err(CodeError::NoTalk));
    assert_eq!((coded(&house), uncoded(&house)), (0, 1));
}

#[test]
fn a_timed_wrap_up_lasts_its_time_with_a_code_or_without() {
    let (mut house, call) = wrapping(WrapUp::Timed(TEN));
    house.pass(4.0);
    assert_eq!(give(&mut house, &coding("cards/lost")), Ok(()));
    assert_eq!(house.activity(ANNA), Activity::WrapUp, "its time isn't over");
    assert_eq!(code_of(&house, call), LOST, "although the contact is over");
    house.pass(6.0);
    assert_eq!(house.activity(ANNA), Activity::Idle);
    assert_eq!(talk(&house, call).wrap_up_secs, Some(10.0));
    assert_eq!((coded(&house), uncoded(&house)), (1, 0));
}

#[test]
fn a_wrap_up_until_a_code_lasts_until_then_and_is_told_of_every_hour() {
    let (mut house, call) = wrapping(WrapUp::UntilCode);
    house.pass(2.5 * 3600.0);
    assert_eq!(house.activity(ANNA), Activity::WrapUp);
    let told = |what: &What| {
        matches!(what, What::ActivityAlarm { agent: ANNA, activity: Activity::WrapUp, .. })
    };
    assert_eq!(house.count(told), 2);
    assert_eq!(end(&mut house, Actor::Agent), Err(WrapUpError::CodeMissing));
    assert_eq!(extend(&mut house, 5), Err(WrapUpError::NoEnd));
    assert_eq!(give(&mut house, &coding("cards/lost")), Ok(()));
    assert_eq!((house.activity(ANNA), code_of(&house, call)), (Activity::Idle, LOST));
    assert_eq!(talk(&house, call).wrap_up_secs, Some(9000.0));
}

#[test]
fn a_supervisor_ends_a_wrap_up_without_its_code_and_it_counts_as_uncoded() {
    let (mut house, call) = wrapping(WrapUp::UntilCode);
    house.pass(60.0);
    assert_eq!(end(&mut house, Actor::Supervisor), Ok(()));
    assert_eq!((house.activity(ANNA), code_of(&house, call)), (Activity::Idle, (None, None)));
    assert_eq!((coded(&house), uncoded(&house)), (0, 1));
}

#[test]
fn a_code_ends_a_bounded_wrap_up_and_time_ends_it_without_one() {
    let (mut house, call) = wrapping(WrapUp::UntilCodeMax(TEN));
    house.pass(3.0);
    assert_eq!(give(&mut house, &coding("cards/lost")), Ok(()));
    assert_eq!((house.activity(ANNA), code_of(&house, call)), (Activity::Idle, LOST));
    assert_eq!((coded(&house), uncoded(&house)), (1, 0));

    let (mut house, call) = wrapping(WrapUp::UntilCodeMax(TEN));
    house.pass(10.0);
    assert_eq!((house.activity(ANNA), code_of(&house, call)), (Activity::Idle, (None, None)));
    assert_eq!((coded(&house), uncoded(&house)), (0, 1));
    assert_eq!(give(&mut house, &coding("cards/lost")), Err(CodeError::NoTalk), "too late");
}

#[test]
fn a_code_given_in_the_talk_leaves_nothing_to_wait_for() {
    let mut house = house(WrapUp::UntilCode);
    let (call, leg, _) = house.in_talk("+77010000001");
    house.pass(5.0);
    assert_eq!(give(&mut house, &coding("cards/lost")), Ok(()));
    assert_eq!(house.activity(ANNA), Activity::Talking);
    house.event(leg, LegEvent::HungUp);
    assert_eq!((house.activity(ANNA), code_of(&house, call)), (Activity::Idle, LOST));
    assert_eq!((coded(&house), uncoded(&house)), (1, 0));
}

#[test]
fn the_status_asked_for_meanwhile_is_given_when_the_code_is() {
    let (mut house, _) = wrapping(WrapUp::UntilCode);
    house.status(ANNA, Status::Lunch);
    let view = house.center.agent(ANNA).unwrap();
    assert_eq!((view.presence, view.activity), (Presence::READY, Activity::WrapUp));
    assert_eq!(give(&mut house, &coding("cards/lost")), Ok(()));
    let view = house.center.agent(ANNA).unwrap();
    let lunch = Presence::Chosen(Status::Lunch);
    assert_eq!((view.presence, view.activity), (lunch, Activity::Idle));
}

#[test]
fn the_last_code_counts_and_the_talk_is_counted_once() {
    let (mut house, call) = wrapping(WrapUp::Timed(TEN));
    assert_eq!(give(&mut house, &coding("cards/lost")), Ok(()));
    let note = Some(format!("  {} ", "ы".repeat(600)).into());
    assert_eq!(give(&mut house, &Coding { note, ..coding("cards/other") }), Ok(()));
    assert_eq!(code_of(&house, call).0, Some("cards/other"));
    let note = talk(&house, call).code_note.as_ref().unwrap();
    assert_eq!(note.chars().count(), 500, "cut at the bound");
    house.pass(10.0);
    assert_eq!((coded(&house), uncoded(&house)), (1, 0));
}

#[test]
fn what_is_no_code_for_this_talk_is_refused_with_the_reason() {
    let (mut house, call) = wrapping(WrapUp::UntilCodeMax(TEN));
    let other = Coding { call: Some(CallId(call.0 + 1)), ..coding("cards/lost") };
    let dialled = Coding { code: CodeName::Dial("12".into()), note: None, call: None };
    for (coding, why) in [
        (coding("cards"), CodeError::NotLeaf),
        (coding("lost"), CodeError::Unknown),
        (coding("cards/other"), CodeError::NoteMissing),
        (Coding { note: Some("  ".into()), ..coding("cards/other") }, CodeError::NoteMissing),
        (other, CodeError::OtherCall),
        (dialled, CodeError::Unknown),
    ] {
        assert_eq!(give(&mut house, &coding), Err(why));
    }
    let nobody = house.center.code(house.now, BORIS, &coding("cards/lost"));
    assert_eq!(nobody, Err(CodeError::NoTalk));
    assert_eq!((house.activity(ANNA), code_of(&house, call)), (Activity::WrapUp, (None, None)));
}

#[test]
fn a_dialled_code_ends_the_wrap_up_when_it_was_confirmed() {
    let (mut house, call) = wrapping(WrapUp::UntilCode);
    let dialled = Coding { code: CodeName::Dial("11".into()), note: None, call: None };
    assert_eq!(give(&mut house, &dialled), Ok(()));
    assert_eq!((house.activity(ANNA), code_of(&house, call)), (Activity::WrapUp, LOST));
    house.center.code_heard(house.now, ANNA);
    house.drain();
    assert_eq!(house.activity(ANNA), Activity::Idle);
}

#[test]
fn each_talk_of_a_call_has_its_own_code() {
    let mut house = house(WrapUp::Timed(TEN));
    house.center.reachable(house.now, BORIS, true);
    house.status(BORIS, Status::Ready);
    let (call, _, _) = house.in_talk("+77010000001");
    let boris = TalkCommand::Transfer(Destination::Agent(BORIS));
    assert_eq!(house.talk(call, boris), Ok(()));
    house.answer();
    assert_eq!(
        (house.activity(ANNA), house.activity(BORIS)),
        (Activity::WrapUp, Activity::Talking)
    );
    assert_eq!(give(&mut house, &coding("cards/lost")), Ok(()));
    let note = Some("asks for a limit".into());
    let second = Coding { note, ..coding("cards/other") };
    assert_eq!(house.center.code(house.now, BORIS, &second), Ok(()));
    house.drain();
    let stages = &house.contacts[&call].stages;
    let codes: Vec<_> = stages.iter().filter_map(|stage| stage.code.as_deref()).collect();
    assert_eq!(codes, ["cards/lost", "cards/other"]);
}

#[test]
fn the_end_is_put_off_within_the_bound() {
    let (mut house, call) = wrapping(WrapUp::Timed(TEN));
    house.pass(5.0);
    assert_eq!(extend(&mut house, 20), Ok(()));
    house.pass(24.0);
    assert_eq!(house.activity(ANNA), Activity::WrapUp);
    assert_eq!(extend(&mut house, 11), Err(WrapUpError::TooLong { left_secs: 10 }));
    assert_eq!(extend(&mut house, 10), Ok(()));
    house.pass(11.0);
    assert_eq!(house.activity(ANNA), Activity::Idle);
    assert_eq!(talk(&house, call).wrap_up_secs, Some(40.0));
    assert_eq!(house.count(|what| matches!(what, What::WrapUpExtended { .. })), 2);
}

#[test]
fn who_asks_too_late_goes_on_if_no_call_was_offered() {
    let (mut house, call) = wrapping(WrapUp::UntilCodeMax(TEN));
    house.pass(10.0);
    assert_eq!(
        (house.activity(ANNA), talk(&house, call).wrap_up_secs),
        (Activity::Idle, Some(10.0))
    );
    house.pass(2.0);
    assert_eq!(extend(&mut house, 15), Ok(()));
    assert_eq!(house.activity(ANNA), Activity::WrapUp);
    house.pass(5.0);
    assert_eq!(give(&mut house, &coding("cards/lost")), Ok(()));
    assert_eq!((house.activity(ANNA), code_of(&house, call)), (Activity::Idle, LOST));
    assert_eq!(talk(&house, call).wrap_up_secs, Some(15.0), "without the two seconds between");
    let ended = house.count(|what| matches!(what, What::WrapUpEnded { .. }));
    let more = |what: &What| matches!(what, What::WrapUpResumed { wrap_up_secs, .. } if *wrap_up_secs == 5.0);
    assert_eq!((ended, house.count(more)), (1, 1), "one talk, one handling, some seconds more");
    assert_eq!((coded(&house), uncoded(&house)), (0, 1), "it was counted already");
}

#[test]
fn who_asks_too_late_is_refused_when_a_call_or_a_status_came_first() {
    let (mut house, _) = wrapping(WrapUp::Timed(TEN));
    house.pass(10.0);
    let (_, leg) = house.call("+77010000002");
    house.key(leg, '0');
    assert_eq!(extend(&mut house, 5), Err(WrapUpError::Over), "the phone is asked to ring");
    house.event(leg, LegEvent::HungUp);
    assert_eq!(house.activity(ANNA), Activity::Idle);
    assert_eq!(extend(&mut house, 5), Err(WrapUpError::Over), "and stays so");

    let (mut house, _) = wrapping(WrapUp::Timed(TEN));
    house.status(ANNA, Status::Lunch);
    house.pass(10.0);
    assert_eq!(extend(&mut house, 5), Err(WrapUpError::Over), "she is at lunch");

    let (mut house, _) = wrapping(WrapUp::Timed(TEN));
    house.pass(41.0);
    let why = WrapUpError::TooLong { left_secs: 0 };
    assert_eq!(extend(&mut house, 5), Err(why), "longer ago than could be put off");
}

#[test]
fn the_screen_knows_what_the_wrap_up_waits_for() {
    let mut house = house(WrapUp::UntilCodeMax(TEN));
    assert!(house.center.paperwork(ANNA).is_none());
    let (call, leg, _) = house.in_talk("+77010000001");
    let work = house.center.paperwork(ANNA).unwrap();
    assert_eq!((work.call, work.ends_at), (call, None), "the talk lasts");
    house.pass(5.0);
    house.event(leg, LegEvent::HungUp);
    let work = house.center.paperwork(ANNA).unwrap();
    assert_eq!((work.mode.as_str(), work.ends_at), ("until_code_max", Some(house.now + TEN)));
    assert_eq!(work.classifier.map(|bank| bank.tag.clone()).as_deref(), Some("bank@3"));
    house.pass(10.0);
    assert!(house.center.paperwork(ANNA).is_none());
}

#[test]
fn refusals_have_a_sentence() {
    let why = StatusError::from(WrapUpError::TooLong { left_secs: 3 });
    assert_eq!(why.to_string(), "this wrap-up can be put off by 3 s more at most");
    assert_eq!(StatusError::from(CodeError::NotLeaf).to_string(), CodeError::NotLeaf.to_string());
}
