//! What callers hear of their wait, and that an answer cuts it off at once.

use crate::house::{ANNA, BORIS, House, policy};
use crate::talk::CARDS;
use dozvon_center::acd::Status;
use dozvon_center::border::{LegCommand, LegEvent, Loss};
use dozvon_center::contact::Outcome;
use dozvon_center::fact::What;
use dozvon_center::ids::{CallId, LegId, PlayId, QueueId};
use dozvon_center::rollout::Share;
use dozvon_center::talk::{Destination, TalkCommand};
use std::collections::BTreeSet;

/// A caller in the queue `cards`.
fn waits(house: &mut House, number: &str) -> LegId {
    let (_, leg) = house.call(number);
    house.key(leg, '2');
    leg
}

/// Everything that was announced to a leg.
fn announced(house: &House, leg: LegId) -> Vec<String> {
    let said = house.commands.iter().filter(|(to, _)| *to == leg);
    said.filter_map(|(_, command)| {
        let LegCommand::Announce { prompts, .. } = command else { return None };
        assert!(prompts.iter().all(|prompt| &*prompt.language == "ru"));
        let names: Vec<&str> = prompts.iter().map(|prompt| &*prompt.name).collect();
        Some(names.join(" "))
    })
    .collect()
}

fn last_play(house: &House, leg: LegId) -> PlayId {
    let said = house.commands.iter().rev().filter(|(to, _)| *to == leg);
    let mut plays = said.filter_map(|(_, command)| {
        if let LegCommand::Announce { play, .. } = command { Some(*play) } else { None }
    });
    plays.next().expect("something is announced")
}

/// What a leg was told last, all of one moment.
fn tail(house: &House, leg: LegId, many: usize) -> Vec<LegCommand> {
    let told: Vec<LegCommand> =
        house.commands.iter().filter(|(to, _)| *to == leg).map(|(_, c)| c.clone()).collect();
    told[told.len() - many..].to_vec()
}

#[test]
fn callers_hear_their_place_and_wait_over_the_music_until_they_are_answered() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let first = waits(&mut house, "+77010000001");
    let agent = house.answer();
    let second = waits(&mut house, "+77010000002");
    let third = waits(&mut house, "+77010000003");
    house.pass(9.0);
    assert_eq!(announced(&house, third), [""; 0]);
    house.pass(1.0);
    // Who is next may wait for any time; behind him two talks of four minutes have to end.
    assert_eq!(announced(&house, second), ["queue-position say-1 please-hold"]);
    let told = "queue-position say-2 queue-wait-minutes say-16 please-hold";
    assert_eq!(announced(&house, third), [told]);
    house.pass(10.0);
    house.event(second, LegEvent::HungUp);
    house.pass(20.0);
    assert_eq!(announced(&house, third)[1..], ["queue-position say-1 please-hold"]);
    // Nothing is heard any more once the phone rings, and the answer cuts off what is being said.
    house.event(first, LegEvent::HungUp);
    house.pass(15.0);
    let agent_two = house.answer();
    assert_ne!(agent, agent_two);
    assert_eq!(
        tail(&house, third, 2),
        [LegCommand::StopPlaying, LegCommand::Bridge { with: agent_two }],
        "the announcement ends with the answer"
    );
    let said = announced(&house, third).len();
    house.pass(120.0);
    assert_eq!(announced(&house, third).len(), said, "nothing is announced into a talk");
}

#[test]
fn an_announcement_that_was_heard_to_its_end_needs_no_cutting() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    house.status(ANNA, Status::Lunch);
    let leg = waits(&mut house, "+77010000001");
    house.pass(10.0);
    let play = last_play(&house, leg);
    house.event(leg, LegEvent::Played(play));
    house.status(ANNA, Status::Ready);
    let agent = house.answer();
    assert_eq!(tail(&house, leg, 1), [LegCommand::Bridge { with: agent }]);
    assert!(!tail(&house, leg, 2).contains(&LegCommand::StopPlaying));
}

#[test]
fn a_wait_that_ends_without_an_answer_ends_its_announcement_too() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    house.status(ANNA, Status::Lunch);
    let leg = waits(&mut house, "+77010000001");
    // Announced at 10 s and 40 s; the longest wait of a minute is over while the second one may still be heard.
    house.pass(60.0);
    let announces = |told: &(LegId, LegCommand)| matches!(told.1, LegCommand::Announce { .. });
    let last = house.commands.iter().rposition(announces).expect("something was announced");
    let after = house.commands[last..].iter();
    let stops = after.filter(|told| **told == (leg, LegCommand::StopPlaying));
    assert_eq!(stops.count(), 2, "the announcement, then the music");
    let said = announced(&house, leg).len();
    house.pass(59.0);
    assert_eq!(announced(&house, leg).len(), said, "the next queue announces nothing");
}

/// A caller in the queue that this key leads to.
fn waits_by(house: &mut House, number: &str, key: char) -> LegId {
    let (_, leg) = house.call(number);
    house.key(leg, key);
    leg
}

fn ended(house: &House, wanted: Outcome) -> usize {
    house.count(|what| matches!(what, What::SegmentEnded { outcome, .. } if *outcome == wanted))
}

#[test]
fn who_overflows_keeps_his_place_unless_the_flow_takes_it() {
    for (key, his_turn) in [('A', true), ('B', false)] {
        let mut house = House::with_ready(Share::None, &[ANNA]);
        let first = waits(&mut house, "+77010000001");
        house.answer();
        let moved = waits_by(&mut house, "+77010000002", key);
        house.pass(20.0);
        let other = waits(&mut house, "+77010000003");
        house.pass(10.0);
        assert_eq!(ended(&house, Outcome::Overflow), 1, "after 30 s he is sent to `cards`");
        house.event(first, LegEvent::HungUp);
        house.pass(15.0);
        let agent = house.answer();
        let answered = if his_turn { moved } else { other };
        assert!(house.commands.contains(&(answered, LegCommand::Bridge { with: agent })), "{key}");
    }
}

#[test]
fn a_rule_about_the_place_announces_once() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    house.status(ANNA, Status::Training);
    waits_by(&mut house, "+77010000001", '0');
    let second = waits_by(&mut house, "+77010000002", 'A');
    house.pass(0.001);
    assert_eq!(announced(&house, second), ["busy"]);
    house.pass(20.0);
    assert_eq!(announced(&house, second), ["busy"]);
}

#[test]
fn a_rule_lets_a_ringing_phone_finish_before_it_sends_the_caller_on() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    house.status(ANNA, Status::Training);
    let leg = waits_by(&mut house, "+77010000001", 'A');
    house.pass(25.0);
    house.status(ANNA, Status::Ready);
    let phone = house.rung();
    house.event(phone, LegEvent::Ringing);
    house.pass(15.0);
    assert_eq!(ended(&house, Outcome::Overflow), 0, "the phone still rings");
    house.event(phone, LegEvent::Answered);
    assert!(house.commands.contains(&(leg, LegCommand::Bridge { with: phone })));
    assert_eq!(ended(&house, Outcome::Answered), 1);
}

// ---- callers who come to a queue by an agent ------------------------------------------------------------------------

const GENERAL: QueueId = QueueId(0);

/// A caller who talks with Anna and came by this key, and so by one node of the flow; three others wait in each queue.
fn in_talk_by(house: &mut House, key: char) -> (CallId, LegId) {
    let (call, leg) = house.call("+77010000001");
    house.key(leg, key);
    house.answer();
    for other in 2..8 {
        waits_by(house, &format!("+7701000000{other}"), if other % 2 == 0 { '0' } else { '2' });
    }
    (call, leg)
}

fn forecasts(house: &House, of: CallId) -> usize {
    let mut told = house.facts.iter().filter(|fact| fact.call == Some(of));
    told.by_ref().filter(|fact| matches!(fact.what, What::WaitForecast { .. })).count()
}

#[test]
fn who_is_passed_on_to_a_queue_waits_there_by_its_rules_with_a_forecast_and_his_place() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (call, leg) = in_talk_by(&mut house, 'A');
    assert_eq!(forecasts(&house, call), 0, "somebody was free");
    house.status(ANNA, Status::Lunch);
    house.pass(10.0);
    house.talk(call, TalkCommand::Transfer(Destination::Queue(GENERAL))).unwrap();
    assert_eq!(house.center.position(call), Some(1), "he has waited since he came");
    house.pass(29.9);
    assert_eq!((house.state(call), house.place(call)), ("waiting", "general".to_owned()));
    house.pass(0.2);
    assert_eq!(house.place(call), "cards", "after 30 s there his node sends him on");
    assert_eq!(ended(&house, Outcome::Overflow), 1);
    assert_eq!(house.center.position(call), Some(1), "with his place");
    assert_eq!(announced(&house, leg), [""; 0], "nobody is before him");
}

#[test]
fn who_is_passed_on_to_another_queue_stands_at_its_node() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (call, _) = in_talk_by(&mut house, 'A');
    house.talk(call, TalkCommand::Transfer(Destination::Queue(CARDS))).unwrap();
    let path = &house.contacts[&call].path;
    assert_eq!(path.last().map(|node| &**node), Some("q-cards"));
    // The longest wait of that node is a minute, and it leads to the other queue.
    house.status(ANNA, Status::Lunch);
    house.pass(59.9);
    assert_eq!(house.place(call), "cards");
    house.pass(0.2);
    assert_eq!(house.place(call), "general");
}

#[test]
fn who_is_passed_on_behind_others_has_a_forecast() {
    let mut policy = policy(Share::None);
    policy.acd.agents[0].queues = BTreeSet::from([GENERAL]);
    let mut house = House::under(policy);
    house.ready(&[BORIS]);
    waits(&mut house, "+77010000002");
    house.answer();
    for other in 3..6 {
        waits(&mut house, &format!("+7701000000{other}"));
    }
    house.pass(5.0);
    house.ready(&[ANNA]);
    let (call, _, _) = house.in_talk("+77010000001");
    assert_eq!(forecasts(&house, call), 0, "Anna was free");
    house.talk(call, TalkCommand::Transfer(Destination::Queue(CARDS))).unwrap();
    assert_eq!(house.center.position(call), Some(4), "those who came before him are before him");
    assert_eq!(forecasts(&house, call), 1);
}

#[test]
fn a_customer_whose_agents_phone_broke_waits_by_the_rules_of_his_queue() {
    let mut house = House::with_ready(Share::None, &[ANNA]);
    let (call, _) = in_talk_by(&mut house, 'A');
    house.center.reachable(house.now, ANNA, false);
    let anna = house.rung();
    house.event(anna, LegEvent::Lost(Loss::Signalling));
    assert_eq!(house.place(call), "general");
    house.pass(29.9);
    assert_eq!(house.place(call), "general");
    house.pass(0.2);
    assert_eq!(house.place(call), "cards", "nobody took him in 30 s");
}
