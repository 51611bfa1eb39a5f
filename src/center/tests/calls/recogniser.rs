//! Words for the operator: who listens when, what a word does, and what a recogniser that fails costs.

use crate::house::{ANNA, FLOW, House, policy};
use dozvon_center::border::{LegCommand, LegEvent};
use dozvon_center::fact::{IvrExit, OperatorRequest, What};
use dozvon_center::flow;
use dozvon_center::ids::{ForkId, LegId};
use dozvon_center::recogniser::{Recognised, Spoken};
use dozvon_center::rollout::Share;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A house where somebody listens for «оператор» and «живой человек».
fn listening(share: Share) -> House {
    let mut policy = policy(share);
    let exit = "operator: {keys: [\"0\"], to: q-general}";
    let words = "operator: {keys: [\"0\"], to: q-general, words: {ru: [оператор, живой человек]}}";
    assert!(FLOW.contains(exit), "the flow has its exit");
    let flow = flow::load("bank.yaml", &FLOW.replace(exit, words));
    let flow = flow.unwrap_or_else(|found| panic!("{found:#?}"));
    policy.flows = BTreeMap::from([(Arc::from("bank"), Arc::new(flow))]);
    policy.recognisers = BTreeMap::from([(Arc::from("ru"), Arc::from("words"))]);
    let mut house = House::under(policy);
    house.ready(&[ANNA]);
    house
}

/// The forks that were opened on a leg, and of those the one that was not stopped.
fn forks(house: &House, leg: LegId) -> (usize, Option<ForkId>) {
    let (mut many, mut open) = (0, None);
    for (_, command) in house.commands.iter().filter(|(to, _)| *to == leg) {
        if let LegCommand::Recognise { fork, recogniser, language, secrets } = command {
            assert_eq!((&**recogniser, &**language, *secrets), ("words", "ru", true));
            open = Some(*fork);
            many += 1;
        }
        if let LegCommand::StopRecognising(fork) = command {
            assert_eq!(open.take(), Some(*fork), "what is stopped was open");
        }
    }
    (many, open)
}

fn say(house: &mut House, leg: LegId, text: &str) {
    let fork = forks(house, leg).1.expect("somebody listens");
    heard(house, leg, fork, text);
}

fn heard(house: &mut House, leg: LegId, fork: ForkId, text: &str) {
    house.event(leg, LegEvent::Recognised(fork, Recognised::Words(Spoken(text.into()))));
}

fn by_speech(house: &House) -> usize {
    house.count(|w| matches!(w, What::OperatorRequested { how: OperatorRequest::Speech, .. }))
}

#[test]
fn a_word_takes_the_caller_to_a_person_as_the_key_does_and_then_nobody_listens() {
    let mut house = listening(Share::None);
    let (call, leg) = house.call("+77010000001");
    say(&mut house, leg, "я хотел бы");
    assert_eq!(house.state(call), "ivr", "that is no word for it");
    say(&mut house, leg, "я хотел бы Оператор");
    assert_eq!((by_speech(&house), forks(&house, leg)), (1, (1, None)));
    house.answer();
    assert_eq!(house.state(call), "talking");
    assert!(house.contacts[&call].operator_requested);
    assert_eq!(house.count(|w| matches!(w, What::IvrExited { exit: IvrExit::Operator, .. })), 1);
}

#[test]
fn it_works_wherever_the_key_does_in_the_flow() {
    // Played, chosen, typed into, and asked: each is a place that the keys lead to.
    let places: [&[char]; 5] = [&[], &['9'], &['1'], &['1', '4', '2'], &['D']];
    for keys in places {
        let mut house = listening(Share::None);
        let (call, leg) = house.call("+77010000001");
        if !keys.is_empty() {
            house.played(leg);
        }
        keys.iter().for_each(|key| house.key(leg, *key));
        say(&mut house, leg, "живого человека нет, живой человек");
        assert_eq!((house.place(call), by_speech(&house)), ("general".into(), 1), "{keys:?}");
    }
}

#[test]
fn a_held_key_is_forgotten_when_the_word_comes_first() {
    let mut house = listening(Share::None);
    let (call, leg) = house.call("+77010000001");
    house.played(leg);
    house.key(leg, '1');
    house.key(leg, '0');
    say(&mut house, leg, "оператор");
    house.pass(10.0);
    let asked = house.count(|w| matches!(w, What::OperatorRequested { .. }));
    assert_eq!((asked, house.place(call)), (1, "general".into()));
}

#[test]
fn nobody_listens_to_a_queue_a_talk_or_a_bot_and_again_in_the_survey() {
    let mut house = listening(Share::All);
    let (_, leg) = house.call("+77010000001");
    let first = forks(&house, leg).1.expect("somebody listens");
    house.key(leg, '0');
    assert_eq!(forks(&house, leg), (1, None), "not in the queue");
    heard(&mut house, leg, first, "оператор");
    assert_eq!(by_speech(&house), 0, "news of a fork that is over");
    let agent = house.answer();
    house.pass(5.0);
    house.event(agent, LegEvent::HungUp);
    let second = forks(&house, leg).1.expect("in the survey");
    assert_ne!(first, second);
    say(&mut house, leg, "оператор");
    assert_eq!(by_speech(&house), 1);

    let (_, leg) = house.call("+77010000002");
    house.played(leg);
    house.key(leg, '2');
    assert_eq!(forks(&house, leg), (1, None), "a bot does its own hearing");
}

#[test]
fn a_recogniser_that_fails_costs_nothing_and_is_not_asked_again_in_this_stay() {
    let mut house = listening(Share::None);
    let (call, leg) = house.call("+77010000001");
    let fork = forks(&house, leg).1.expect("somebody listens");
    house.event(leg, LegEvent::Recognised(fork, Recognised::Over));
    house.played(leg);
    house.key(leg, '1');
    assert_eq!(forks(&house, leg).0, 1, "once in a stay in the flow");
    heard(&mut house, leg, fork, "оператор");
    assert_eq!(by_speech(&house), 0, "it has said its last");
    house.pass(3.0);
    house.key(leg, '0');
    house.pass(4.0);
    assert_eq!(house.place(call), "general");
    let agent = house.answer();
    house.pass(5.0);
    house.event(agent, LegEvent::HungUp);
    assert_eq!(forks(&house, leg).0, 2, "in the survey it may be back");
    let stopped = |(_, told): &(LegId, LegCommand)| *told == LegCommand::StopRecognising(fork);
    assert!(!house.commands.iter().any(stopped), "what is gone is not stopped");
}

#[test]
fn without_words_or_without_a_recogniser_nobody_listens() {
    let (mut plain, mut deaf) = (policy(Share::None), policy(Share::None));
    plain.recognisers = BTreeMap::from([(Arc::from("ru"), Arc::from("words"))]);
    deaf.flows = BTreeMap::from([(Arc::from("bank"), {
        let exit = "operator: {keys: [\"0\"], to: q-general";
        let words = FLOW.replace(exit, &format!("{exit}, words: {{ru: [оператор]}}"));
        Arc::new(flow::load("bank.yaml", &words).expect("the flow is right"))
    })]);
    for policy in [plain, deaf] {
        let mut house = House::under(policy);
        let (_, leg) = house.call("+77010000001");
        assert_eq!(forks(&house, leg), (0, None));
    }
}

#[test]
fn nothing_that_was_said_is_shown() {
    let news = LegEvent::Recognised(ForkId(1), Recognised::Words(Spoken("пин код 1234".into())));
    let shown = format!("{news:?}");
    assert!(!shown.contains("1234") && !shown.contains("пин"), "{shown}");
}
