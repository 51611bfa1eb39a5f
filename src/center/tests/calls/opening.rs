//! Queues with opening hours, and emergencies of sites.

use crate::house::{ANNA, BORIS, House, policy};
use dozvon_center::Center;
use dozvon_center::acd::Status;
use dozvon_center::border::{LegCommand, LegEvent};
use dozvon_center::calendar::{Calendar, Calendars, moment};
use dozvon_center::contact::{Outcome, StageKind};
use dozvon_center::fact::What;
use dozvon_center::flow::Duty;
use dozvon_center::ids::{CallId, QueueId};
use dozvon_center::opening::{Emergency, EmergencyError, QueueHours, Site};
use dozvon_center::rollout::Share;
use dozvon_center::talk::{Destination, TalkCommand, TalkError};
use std::sync::Arc;
use std::time::Duration;

/// A house on Friday the 15th of January 2027, whose queue `general` is open until eight in the morning and serves
/// those who wait for half a minute more.
fn house(at: &str) -> House {
    let mut policy = policy(Share::None);
    let text = "calendar: day\nzone: UTC\nweekly: {mon-fri: [06:00-08:00]}\n";
    let mut calendars = Calendars::new();
    calendars.insert(Calendar::from_yaml("day.yaml", text).expect("a calendar"));
    policy.calendars = Arc::new(calendars);
    let hours = QueueHours { calendar: "day".into(), drain_max: Duration::from_secs(30) };
    policy.opening.queues.insert("general".into(), hours);
    let now = moment(&format!("2027-01-15T{at}Z")).expect("a moment");
    House::of(Center::new(Arc::new(policy), now), now)
}

fn outcomes(house: &House, call: CallId) -> Vec<Outcome> {
    let stages = house.contacts[&call].stages.iter();
    stages
        .filter(|stage| stage.kind == StageKind::Queue)
        .filter_map(|stage| stage.outcome)
        .collect()
}

fn path(house: &House, call: CallId) -> String {
    let path: Vec<&str> = house.contacts[&call].path.iter().map(|node| &**node).collect();
    path.join(" ")
}

#[test]
fn a_closed_queue_takes_no_new_calls_and_counts_them_as_closed() {
    let mut house = house("08:00:00");
    house.ready(&[ANNA]);
    let (call, leg) = house.call("+77010000001");
    house.key(leg, '0');
    assert_eq!(house.place(call), "bye");
    assert_eq!(outcomes(&house, call), [Outcome::Closed]);
    assert_eq!(house.count(|what| matches!(what, What::OfferStarted { .. })), 0, "no phone rings");
    for decided in [
        house.count(|what| matches!(what, What::SegmentStarted { .. })),
        house.count(|what| matches!(what, What::SegmentEnded { outcome: Outcome::Closed, .. })),
        house.count(|what| matches!(what, What::ServiceLevelDecided { .. })),
    ] {
        assert_eq!(decided, 1);
    }
    house.played(leg);
    assert_eq!(house.state(call), "gone");
}

#[test]
fn who_waits_at_closing_time_is_served_for_a_while_and_then_leaves_with_the_outcome_closed() {
    let mut house = house("07:59:40");
    let (first, leg) = house.call("+77010000001");
    house.key(leg, '0');
    let (second, other) = house.call("+77010000002");
    house.key(other, '0');
    house.center.reachable(house.now, ANNA, true);
    house.pass(25.0);
    assert_eq!((house.state(first), house.state(second)), ("waiting", "waiting"));
    house.ready(&[ANNA]);
    house.answer();
    assert_eq!(house.state(first), "talking", "five seconds past closing time he is served");
    house.pass(24.9);
    assert_eq!(house.state(second), "waiting");
    house.pass(0.2);
    assert_eq!(outcomes(&house, second), [Outcome::Closed]);
    assert_eq!(house.place(second), "bye");
    house.pass(60.0);
    assert_eq!(house.state(first), "talking", "a talk is not touched");
}

#[test]
fn a_talk_is_not_passed_on_to_a_closed_queue() {
    let mut house = house("07:59:40");
    house.ready(&[ANNA]);
    let (call, _, _) = house.in_talk("+77010000001");
    house.pass(30.0);
    let closed = house.talk(call, TalkCommand::Transfer(Destination::Queue(QueueId(0))));
    assert_eq!(closed, Err(TalkError::QueueClosed("general".into())));
    assert_eq!(house.state(call), "talking");
    assert_eq!(house.talk(call, TalkCommand::Transfer(Destination::Queue(QueueId(1)))), Ok(()));
}

/// A house whose number 100 belongs to a site with this duty office.
fn at_site(duty: Duty) -> House {
    let mut policy = policy(Share::None);
    let site = Site { title: "Almaty".into(), numbers: ["100".to_owned()].into(), duty };
    policy.opening.sites.insert("almaty".into(), site);
    House::under(policy)
}

fn emergency(house: &mut House, on: bool) {
    house
        .center
        .set_emergency(house.now, "almaty", on, "boss", " the building burns ")
        .expect("there is such a site");
    house.drain();
}

fn dialled(house: &House) -> Vec<String> {
    let dials = house.commands.iter().filter_map(|(_, command)| {
        if let LegCommand::Dial { to, .. } = command { Some(to.to_string()) } else { None }
    });
    dials.collect()
}

#[test]
fn in_an_emergency_waiting_and_new_calls_go_to_the_duty_office_and_talks_go_on() {
    let mut house = at_site(Duty::Number("+77270000112".into()));
    house.ready(&[ANNA]);
    let (talk, _, _) = house.in_talk("+77010000001");
    let (waiting, leg) = house.call("+77010000002");
    house.key(leg, '0');
    let (listens, hears) = house.call("+77010000003");
    emergency(&mut house, true);
    house.pass(0.0);
    assert_eq!(house.state(talk), "talking");
    assert_eq!(
        (house.state(waiting), outcomes(&house, waiting)),
        ("transfer", vec![Outcome::Overflow])
    );
    assert_eq!(house.state(listens), "ivr", "the flow is heard until it leads to a queue");
    house.key(hears, '0');
    assert_eq!(house.state(listens), "transfer");
    assert_eq!(outcomes(&house, listens), []);
    let (new, leg) = house.call("+77010000004");
    house.key(leg, '0');
    assert_eq!(house.state(new), "transfer");
    assert_eq!(dialled(&house), ["+77270000112"; 3]);
    // The operator key does not lead back to where nobody is.
    house.key(leg, '0');
    assert_eq!(house.state(new), "transfer");
    // The duty office answers and hangs up: the call is over.
    let outside = house.newest(|command| matches!(command, LegCommand::Dial { .. }));
    house.event(outside, LegEvent::Answered);
    house.event(outside, LegEvent::HungUp);
    assert_eq!(house.state(new), "gone");
    emergency(&mut house, false);
    let (after, leg) = house.call("+77010000005");
    house.key(leg, '0');
    assert_eq!(house.state(after), "waiting");
    let told: Vec<bool> = house
        .facts
        .iter()
        .filter_map(|fact| {
            let What::EmergencyChanged { on, reason, by, .. } = &fact.what else { return None };
            assert_eq!((&**by, &**reason), ("boss", "the building burns"));
            Some(*on)
        })
        .collect();
    assert_eq!(told, [true, false]);
}

#[test]
fn a_duty_number_that_does_not_answer_leads_to_the_operators_queue_and_never_to_a_silent_end() {
    let mut house = at_site(Duty::Number("112".into()));
    house.ready(&[ANNA]);
    let (_busy, _, _) = house.in_talk("+77010000001");
    emergency(&mut house, true);
    let (refused, leg) = house.call("+77010000002");
    house.key(leg, '0');
    let outside = house.newest(|command| matches!(command, LegCommand::Dial { .. }));
    house.event(outside, LegEvent::Refused(dozvon_center::border::Refusal::Busy));
    assert_eq!((house.state(refused), &*house.place(refused)), ("waiting", "general"));
    let (unheard, leg) = house.call("+77010000003");
    house.key(leg, '0');
    house.pass(59.0);
    assert_eq!(house.state(unheard), "transfer");
    house.pass(2.0);
    assert_eq!((house.state(unheard), &*house.place(unheard)), ("waiting", "general"));
    // It is not tried again, and the way on from there is the flow's.
    assert_eq!(dialled(&house).iter().filter(|number| **number == "112").count(), 2);
    assert_eq!(path(&house, unheard), "hello q-general q-general");
}

#[test]
fn a_duty_queue_without_anybody_leads_to_the_operators_queue_and_what_the_flow_says_then() {
    let mut house = at_site(Duty::Queue("cards".into()));
    emergency(&mut house, true);
    let (call, leg) = house.call("+77010000001");
    house.key(leg, '0');
    assert_eq!(house.place(call), "cards");
    house.pass(31.0);
    assert_eq!(outcomes(&house, call), [Outcome::NoAgents; 2], "there, and at the operators");
    assert_eq!(house.place(call), "bye", "he hears the goodbye");
    house.played(leg);
    assert_eq!(house.state(call), "gone");
}

#[test]
fn a_phone_that_rings_when_an_emergency_is_declared_may_answer_and_declined_the_caller_goes_on_duty()
 {
    let mut house = at_site(Duty::Queue("cards".into()));
    house.ready(&[ANNA]);
    let (call, leg) = house.call("+77010000001");
    house.key(leg, '0');
    let rung = house.rung();
    house.event(rung, LegEvent::Ringing);
    emergency(&mut house, true);
    house.pass(5.0);
    assert_eq!(house.state(call), "offered");
    house.event(rung, LegEvent::Refused(dozvon_center::border::Refusal::Declined));
    house.pass(1.0);
    assert_eq!(house.place(call), "cards", "the duty office is a queue");
    assert_eq!(outcomes(&house, call), [Outcome::Overflow]);
    house.ready(&[BORIS]);
    house.answer();
    let agent = house.rung();
    house.pass(3.0);
    house.event(agent, LegEvent::HungUp);
    assert_eq!(house.state(call), "gone", "after the duty office the call is over");
}

#[test]
fn a_duty_node_takes_over_and_may_lead_to_queues_again() {
    let mut house = at_site(Duty::Node("q-cards".into()));
    house.ready(&[ANNA]);
    house.status(ANNA, Status::Lunch);
    emergency(&mut house, true);
    let (call, leg) = house.call("+77010000001");
    house.key(leg, '0');
    assert_eq!(path(&house, call), "hello q-general q-cards");
    assert_eq!(house.place(call), "cards");
    house.pass(61.0);
    assert_eq!(house.place(call), "general", "the longest wait leads on as ever: the flow knows");
}

#[test]
fn an_emergency_needs_a_site_and_a_reason_and_survives_a_new_start() {
    let mut house = at_site(Duty::Number("112".into()));
    let mut set = |site: &str, reason: &str| {
        house.center.set_emergency(house.now, site, true, "boss", reason)
    };
    assert_eq!(set("astana", "fire"), Err(EmergencyError::UnknownSite));
    assert_eq!(set("almaty", "  "), Err(EmergencyError::ReasonMissing));
    assert_eq!(set("almaty", "fire"), Ok(()));
    let since = house.now;
    house.now = house.now + Duration::from_secs(9);
    house.center.set_emergency(house.now, "almaty", true, "night", &"x".repeat(500)).unwrap();
    let emergency = house.center.sites()[0].emergency.clone().unwrap();
    assert_eq!((emergency.since, &*emergency.by, emergency.reason.len()), (since, "night", 200));
    // Called off twice it is told once.
    for _ in 0..2 {
        house.center.set_emergency(house.now, "almaty", false, "boss", "").unwrap();
    }
    house.drain();
    assert_eq!(house.count(|what| matches!(what, What::EmergencyChanged { on: false, .. })), 1);
    let mut again = at_site(Duty::Number("112".into()));
    let old = Emergency { since, by: "boss".into(), reason: "fire".into() };
    let sites = [("almaty".to_owned(), old.clone()), ("astana".to_owned(), old.clone())];
    again.center.restore_emergencies(again.now, sites.into());
    let (call, leg) = again.call("+77010000001");
    again.key(leg, '0');
    assert_eq!(again.state(call), "transfer");
    assert_eq!(again.count(|what| matches!(what, What::EmergencyChanged { .. })), 0);
}

#[test]
fn emergencies_that_become_known_late_send_the_waiting_on_and_never_contradict_what_was_said_meanwhile()
 {
    let since = dozvon_clock::Timestamp::from_secs(5);
    let left = || {
        let old = Emergency { since, by: "boss".into(), reason: "fire".into() };
        std::collections::BTreeMap::from([("almaty".to_owned(), old)])
    };
    // Nobody has said anything: it goes on, also for who waits already.
    let mut house = at_site(Duty::Number("112".into()));
    let (call, leg) = house.call("+77010000001");
    house.key(leg, '0');
    assert_eq!(house.state(call), "waiting");
    house.center.restore_emergencies(house.now, left());
    house.drain();
    house.pass(0.0);
    assert_eq!(house.state(call), "transfer");
    // It was called off meanwhile, which is told, so that it is written; from now on only what changes is told.
    let mut house = at_site(Duty::Number("112".into()));
    emergency(&mut house, false);
    house.center.restore_emergencies(house.now, left());
    assert_eq!(house.center.sites()[0].emergency, None);
    emergency(&mut house, false);
    assert_eq!(house.count(|what| matches!(what, What::EmergencyChanged { on: false, .. })), 1);
    // It was declared anew meanwhile.
    let mut house = at_site(Duty::Number("112".into()));
    emergency(&mut house, true);
    house.center.restore_emergencies(house.now, left());
    let reason = house.center.sites()[0].emergency.clone().map(|it| it.reason.to_string());
    assert_eq!(reason.as_deref(), Some("the building burns"));
}
