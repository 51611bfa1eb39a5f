//! How talks go by ear: when they are measured, and what becomes of the figures.

use crate::house::{ANNA, BORIS, House};
use dozvon_center::acd::{Activity, Status};
use dozvon_center::border::{LegCommand, LegEvent};
use dozvon_center::bot::Replies;
use dozvon_center::contact::{Party, Speech, StageKind};
use dozvon_center::fact::{Greeting, What};
use dozvon_center::ids::{AgentId, CallId, LegId, MeasureId};
use dozvon_center::rollout::Share;
use dozvon_center::talk::{Destination, TalkCommand};
use std::time::Duration;

/// What the measures of a house were told, in order.
fn told(house: &House) -> Vec<(LegId, &'static str, MeasureId)> {
    let of = |(leg, command): &(LegId, LegCommand)| {
        if let LegCommand::Measure { measure, .. } = command {
            Some((*leg, "on", *measure))
        } else if let LegCommand::PauseMeasure(measure) = command {
            Some((*leg, "pause", *measure))
        } else if let LegCommand::EndMeasure(measure) = command {
            Some((*leg, "end", *measure))
        } else {
            None
        }
    };
    house.commands.iter().filter_map(of).collect()
}

fn words(house: &House) -> Vec<&'static str> {
    told(house).into_iter().map(|(_, word, _)| word).collect()
}

const SPEECH: Speech = Speech {
    measured_secs: 30.0,
    greeting_secs: Some(1.5),
    agent_secs: 12.0,
    caller_secs: 8.0,
    both_secs: 0.5,
    both_times: 1,
    silences: 1,
    silence_secs: 6.0,
    longest_silence_secs: 6.0,
};

fn measured(house: &mut House, measure: MeasureId, speech: Speech) {
    house.center.measured(house.now, measure, speech, &Replies::default());
    house.drain();
}

/// What was told of talks: whose, how he greeted, whether the caller was never heard.
fn found(house: &House) -> Vec<(AgentId, Greeting, bool)> {
    let of = |what: &What| {
        let What::TalkMeasured { agent, greeting, no_audio, .. } = what else { return None };
        Some((*agent, *greeting, *no_audio))
    };
    house.facts.iter().filter_map(|fact| of(&fact.what)).collect()
}

/// The figures in the record of a call, talk by talk.
fn written(house: &House, call: CallId) -> Vec<Option<Speech>> {
    let stages = house.contacts[&call].stages.iter();
    stages.filter(|stage| stage.kind == StageKind::Talk).map(|stage| stage.speech).collect()
}

#[test]
fn a_talk_is_measured_while_the_two_talk_and_not_on_hold() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (call, customer, anna) = house.in_talk("+77010000001");
    let measure = told(&house)[0].2;
    assert_eq!(told(&house), [(anna, "on", measure)], "from the answer on");
    let with = |(_, command): &(LegId, LegCommand)| {
        let LegCommand::Measure { with, .. } = command else { return false };
        *with == customer
    };
    assert!(house.commands.iter().any(with), "with the customer");
    house.talk(call, TalkCommand::Hold).unwrap();
    house.talk(call, TalkCommand::Resume).unwrap();
    assert_eq!(words(&house), ["on", "pause", "on"]);
    house.talk(call, TalkCommand::Hold).unwrap();
    house.pass(5.0);
    house.event(customer, LegEvent::HungUp);
    assert_eq!(words(&house), ["on", "pause", "on", "pause", "end"], "it ends in a hold too");
    assert!(told(&house).iter().all(|(leg, _, id)| (*leg, *id) == (anna, measure)));
}

#[test]
fn figures_that_come_after_the_call_are_in_its_record_and_told_once() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (call, customer, _) = house.in_talk("+77010000001");
    house.pass(30.0);
    house.event(customer, LegEvent::HungUp);
    assert_eq!((house.state(call), written(&house, call)), ("gone", vec![None]));
    // Her next talk has begun before the figures of the first one come.
    house.pass(15.0);
    let (next, ..) = house.in_talk("+77010000002");
    let [first, second] = [told(&house)[0].2, told(&house)[2].2];
    measured(&mut house, first, SPEECH);
    measured(&mut house, first, Speech::default());
    assert_eq!(found(&house), [(ANNA, Greeting::InTime, false)]);
    assert_eq!((written(&house, call), written(&house, next)), (vec![Some(SPEECH)], vec![None]));
    measured(&mut house, second, SPEECH);
    assert_eq!(written(&house, next), [Some(SPEECH)], "a talk's own figures, while it lasts too");
}

#[test]
fn each_talk_of_a_call_has_its_own_figures() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (call, ..) = house.in_talk("+77010000001");
    house.ready(&[BORIS]);
    house.talk(call, TalkCommand::Transfer(Destination::Agent(BORIS))).unwrap();
    let boris = house.rung();
    house.event(boris, LegEvent::Answered);
    assert_eq!(house.activity(BORIS), Activity::Talking);
    // While the colleague rang the customer was on hold.
    let [first, second] = [told(&house)[0], *told(&house).last().unwrap()];
    assert_eq!((words(&house), second.0), (vec!["on", "pause", "end", "on"], boris));
    let late = Speech { greeting_secs: Some(5.1), ..SPEECH };
    measured(&mut house, second.2, late);
    measured(&mut house, first.2, SPEECH);
    assert_eq!(written(&house, call), [Some(SPEECH), Some(late)]);
    assert_eq!(found(&house), [(BORIS, Greeting::Late, false), (ANNA, Greeting::InTime, false)]);
}

#[test]
fn a_caller_who_was_never_heard_is_no_audio_unless_the_talk_was_too_short_to_know() {
    for (secs, no_audio) in [(14.9, false), (15.0, true)] {
        let mut house = House::with_ready(Share::None, &[ANNA]);
        house.in_talk("+77010000001");
        let measure = told(&house)[0].2;
        let speech = Speech { measured_secs: secs, ..Speech::default() };
        measured(&mut house, measure, speech);
        assert_eq!(found(&house), [(ANNA, Greeting::None, no_audio)]);
    }
}

#[test]
fn whoever_is_not_heard_is_told_of_at_once_and_when_he_is_heard_again() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (call, customer, _) = house.in_talk("+77010000001");
    let measure = told(&house)[0].2;
    house.center.heard(house.now, measure, Party::Caller, false);
    house.center.heard(house.now, measure, Party::Caller, true);
    house.center.heard(house.now, MeasureId(99), Party::Caller, false);
    house.drain();
    let of = |what: &What| {
        if let What::Unheard { agent: ANNA, party: Party::Caller, .. } = what {
            return Some("unheard");
        }
        matches!(what, What::HeardAgain { agent: ANNA, party: Party::Caller, .. })
            .then_some("heard")
    };
    let told: Vec<_> = house.facts.iter().filter(|fact| fact.call == Some(call)).collect();
    let told: Vec<_> = told.iter().filter_map(|fact| of(&fact.what)).collect();
    assert_eq!(told, ["unheard", "heard"]);
    house.event(customer, LegEvent::HungUp);
    house.status(ANNA, Status::Lunch);
}

#[test]
fn how_soon_a_bot_replies_is_told_and_the_option_he_was_drawn_by_though_he_has_hung_up() {
    let secs = Duration::from_secs;
    for (came, owed, expected) in [
        (
            vec![(secs(0), 3), (secs(2), 1), (Duration::from_millis(2_500), 1)],
            secs(0),
            Some((5, 1)),
        ),
        (vec![(secs(1), 2)], secs(4), Some((3, 1))),
        (vec![(secs(1), 2)], secs(1), Some((2, 0))),
        (vec![], secs(0), None),
    ] {
        let mut house = House::with_ready(Share::All, &[ANNA]);
        let (call, caller) = house.call("+77010000000");
        house.played(caller);
        house.key(caller, '2');
        let bot = house.newest(|command| matches!(command, LegCommand::CallBot { .. }));
        house.event(bot, LegEvent::Answered);
        let &[(leg, "on", measure)] = &*told(&house) else { panic!("{:?}", told(&house)) };
        assert_eq!(leg, bot);
        house.center.heard(house.now, measure, Party::Caller, false);
        house.event(caller, LegEvent::HungUp);
        house.center.measured(house.now, measure, SPEECH, &Replies { came, owed });
        house.drain();
        let told = house.facts.iter().find_map(|fact| {
            let What::BotReplied { option, replies, late, .. } = &fact.what else { return None };
            assert_eq!((fact.call, option.as_deref()), (Some(call), Some("cards")));
            Some((*replies, *late))
        });
        assert_eq!(told, expected);
        let unheard = house.facts.iter().any(|fact| matches!(fact.what, What::Unheard { .. }));
        assert!(!unheard, "who says nothing to a bot may press keys");
    }
}
