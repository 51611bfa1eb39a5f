//! Customers who are to be called back: when, by whom, at which place, how often, and what ends it.

use crate::house::{ANNA, BORIS, House, policy};
use dozvon_center::Center;
use dozvon_center::acd::{Activity, ServiceLevel, Status};
use dozvon_center::border::{LegCommand, LegEvent, Refusal};
use dozvon_center::calendar::{Calendar, Calendars, moment};
use dozvon_center::callback::{
    AskedBy, Callback, CallbackEnd, CallbackError, CallbackPolicy, CallbackRequest, First, Missed,
    NumberError, Numbers, Proof, QueueCallbacks, Stage,
};
use dozvon_center::contact::{Ending, Fault, Outcome, StageKind};
use dozvon_center::fact::What;
use dozvon_center::ids::{CallbackId, LegId};
use dozvon_center::policy::Policy;
use dozvon_center::rollout::Share;
use dozvon_center::talk::{Destination, TalkCommand};
use dozvon_clock::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const CUSTOMER: &str = "+77010000001";
const OTHER: &str = "+77010000002";

/// A policy that calls back from eight to ten at night, in UTC.
pub(crate) fn calling_back(first: First) -> Policy {
    let mut policy = policy(Share::None);
    let hours = "calendar: hours\nzone: UTC\nweekly:\n  mon-sun: [\"08:00-22:00\"]\n";
    let mut calendars = Calendars::new();
    calendars.insert(Calendar::from_yaml("hours.yaml", hours).expect("a calendar"));
    policy.calendars = Arc::new(calendars);
    let rules = QueueCallbacks { first, open_max: 2, ..QueueCallbacks::default() };
    policy.callbacks = CallbackPolicy {
        calendar: Some("hours".into()),
        numbers: Numbers { allow: vec!["+77".into()], ..Numbers::default() },
        phrase: Some("callback-here".into()),
        open_max: 3,
        queues: BTreeMap::from([(Arc::from("general"), rules)]),
        ..CallbackPolicy::default()
    };
    policy
}

pub(crate) fn house_at(text: &str, first: First) -> House {
    let now = moment(text).expect("a moment");
    House::of(Center::new(Arc::new(calling_back(first)), now), now)
}

pub(crate) fn request(house: &House, number: &str) -> CallbackRequest {
    let proof = Proof {
        by: AskedBy::Staff,
        at: house.now,
        from: None,
        key: None,
        flow: Some("bank".into()),
        node: Some("q-general".into()),
        user: Some("anna".into()),
        recording: None,
    };
    CallbackRequest {
        number: number.to_owned(),
        own: false,
        queue: "general".into(),
        requires: None,
        priority: 0,
        enqueued_at: None,
        language: "ru".into(),
        topic: None,
        contact: None,
        proof,
    }
}

impl House {
    pub(crate) fn asks(&mut self, number: &str) -> CallbackId {
        let asked = request(self, number);
        let id = self.center.request_callback(self.now, asked).expect("it is taken");
        self.drain();
        self.pass(0.0);
        id
    }

    pub(crate) fn stage(&self, id: CallbackId) -> &'static str {
        self.callbacks[&id].stage.as_str()
    }

    /// The leg on which a customer was called last.
    pub(crate) fn dialled(&self) -> LegId {
        self.newest(|command| matches!(command, LegCommand::CallBack { .. }))
    }

    pub(crate) fn dials(&self) -> usize {
        let dial = |c: &LegCommand| matches!(c, LegCommand::CallBack { .. });
        self.commands.iter().filter(|(_, command)| dial(command)).count()
    }

    /// Rings and answers the newest phone that rings for a callback.
    pub(crate) fn takes_callback(&mut self) -> LegId {
        let leg = self.rings_for_callback();
        self.event(leg, LegEvent::Answered);
        leg
    }

    fn rings_for_callback(&mut self) -> LegId {
        let leg = self.newest(|command| matches!(command, LegCommand::RingForCallback { .. }));
        self.event(leg, LegEvent::Ringing);
        leg
    }

    fn missed(&self) -> Vec<Missed> {
        let why = |what: &What| {
            if let What::CallbackMissed { why, .. } = what { Some(*why) } else { None }
        };
        self.facts.iter().filter_map(|fact| why(&fact.what)).collect()
    }
}

const MORNING: &str = "2026-11-24T09:00:00Z";
/// When another run begins: ids of two that begin at once are the same.
const A_MINUTE_LATER: &str = "2026-11-24T09:01:00Z";

#[test]
fn the_agent_answers_first_then_the_customer_is_called_and_they_talk() {
    let mut house = house_at(MORNING, First::Agent);
    let id = house.asks(CUSTOMER);
    assert_eq!((house.stage(id), house.dials()), ("queued", 0), "nobody is free");
    house.ready(&[ANNA]);
    assert_eq!(house.stage(id), "offered");
    let agent = house.takes_callback();
    assert_eq!(house.ears.music(agent), Some("ringback"), "she hears how he is called");
    assert_eq!((house.activity(ANNA), house.dials()), (Activity::Outbound, 0));
    house.pass(1.0);
    let customer = house.dialled();
    let dial = LegCommand::CallBack { to: CUSTOMER.into(), from: None, beside: Some(agent) };
    assert!(house.commands.contains(&(customer, dial)));
    assert_eq!(house.stage(id), "dialing");
    house.pass(7.0);
    house.event(customer, LegEvent::Answered);
    assert_eq!((house.stage(id), house.activity(ANNA)), ("reached", Activity::Talking));
    assert_eq!(house.ears.voices(agent), [customer]);
    house.pass(60.0);
    house.event(agent, LegEvent::HungUp);
    assert_eq!(house.activity(ANNA), Activity::WrapUp, "it was a talk like any");
    assert!(house.commands.iter().any(|(leg, c)| *leg == customer
        && matches!(c, LegCommand::Play { prompts, .. } if &*prompts[0].name == "csi-offer")));
    house.event(customer, LegEvent::HungUp);
    let contact = house.contacts.values().next().expect("one contact");
    assert_eq!((contact.callback, &*contact.caller), (Some(id), CUSTOMER));
    let kinds: Vec<_> = contact.stages.iter().map(|stage| (stage.kind, stage.outcome)).collect();
    assert_eq!(kinds[1..3], [(StageKind::Queue, Some(Outcome::Answered)), (StageKind::Talk, None)]);
    let excluded = ServiceLevel::Excluded;
    let counted =
        |w: &What| matches!(w, What::ServiceLevelDecided { result, .. } if *result != excluded);
    assert_eq!(house.count(counted), 0, "nobody waited on the line");
}

#[test]
fn nobody_is_called_outside_the_hours_and_the_place_is_kept_over_the_night() {
    let mut house = house_at("2026-11-24T21:59:50Z", First::Agent);
    house.ready(&[ANNA]);
    let id = house.asks(CUSTOMER);
    let asked = house.now;
    assert_eq!(house.stage(id), "due", "it could not ring to its end");
    house.pass(10.0 * 3_600.0);
    assert_eq!((house.dials(), house.activity(ANNA)), (0, Activity::Idle));
    house.status(ANNA, Status::Lunch);
    house.pass(15.0);
    assert_eq!(house.stage(id), "queued", "eight o'clock");
    let (later, leg) = house.call(OTHER);
    house.key(leg, '0');
    assert_eq!(house.center.position(later), Some(2), "who asked yesterday stands before him");
    house.status(ANNA, Status::Ready);
    assert_eq!((house.stage(id), house.state(later)), ("offered", "waiting"));
    assert_eq!(house.callbacks[&id].enqueued_at, asked);
}

#[test]
fn the_hours_may_end_while_the_agent_lifts_her_phone() {
    let mut house = house_at("2026-11-24T21:59:20Z", First::Agent);
    house.ready(&[ANNA]);
    let id = house.asks(CUSTOMER);
    assert_eq!(house.stage(id), "offered");
    house.rings_for_callback();
    house.pass(14.5);
    let agent = house.takes_callback();
    assert_eq!((house.stage(id), house.dials()), ("dialing", 1), "it rings until 21:59:59.5");
    house.event(house.dialled(), LegEvent::Refused(Refusal::Busy));
    assert!(house.released(agent));

    let mut house = house_at("2026-11-24T21:59:20Z", First::Agent);
    house.ready(&[ANNA]);
    let id = house.asks(CUSTOMER);
    house.rings_for_callback();
    house.pass(16.0);
    assert_eq!((house.stage(id), house.dials()), ("due", 0), "taken back from her phone");
    assert_eq!(house.activity(ANNA), Activity::Idle);
    assert_eq!(house.callbacks[&id].stage, Stage::Due { at: moment("2026-11-25T08:00Z").unwrap() });
}

#[test]
fn a_customer_who_does_not_answer_is_called_again_and_not_too_often() {
    let mut house = house_at(MORNING, First::Agent);
    house.ready(&[ANNA]);
    let id = house.asks(CUSTOMER);
    for attempt in 1..=3 {
        assert_eq!(house.stage(id), "offered");
        let agent = house.takes_callback();
        house.pass(1.0);
        assert_eq!(house.dials(), attempt);
        house.pass(25.0);
        assert!(house.released(agent) && house.released(house.dialled()));
        let anna = house.center.agent(ANNA).expect("Anna");
        assert_eq!((anna.activity, anna.cooldown_until, anna.misses), (Activity::Idle, None, 0));
        if attempt < 3 {
            house.pass(899.0);
            assert_eq!(house.stage(id), "due");
            house.pass(1.0);
        }
    }
    assert_eq!((house.stage(id), house.missed()), ("expired", vec![Missed::NoAnswer; 3]));
    assert_eq!(house.center.callbacks().count(), 0);
    assert_eq!(house.count(|w| matches!(w, What::WrapUpEnded { .. })), 0, "no paperwork");
    assert_eq!(house.center.calls_active(), 0);
}

#[test]
fn the_customer_may_be_called_first_and_an_agent_is_kept_for_him() {
    let mut house = house_at(MORNING, First::Customer);
    house.ready(&[ANNA]);
    let id = house.asks(CUSTOMER);
    assert_eq!((house.activity(ANNA), house.dials()), (Activity::Outbound, 0));
    house.pass(1.0);
    let customer = house.dialled();
    house.pass(10.0);
    house.event(customer, LegEvent::Answered);
    assert_eq!(house.stage(id), "here");
    let phrase = |(leg, c): &(LegId, LegCommand)| {
        *leg == customer
            && matches!(c, LegCommand::Announce { prompts, .. } if &*prompts[0].name == "callback-here")
    };
    assert!(house.commands.iter().any(phrase));
    assert_eq!(house.ears.music(customer), Some("moh"));
    house.answer();
    assert_eq!((house.stage(id), house.activity(ANNA)), ("reached", Activity::Talking));

    let mut house = house_at(MORNING, First::Customer);
    house.ready(&[ANNA]);
    let id = house.asks(CUSTOMER);
    house.pass(2.0);
    house.status(ANNA, Status::Lunch);
    house.event(house.dialled(), LegEvent::Answered);
    assert_eq!(house.stage(id), "here", "he waits on the line");
    house.pass(30.0);
    house.ready(&[BORIS]);
    house.answer();
    assert_eq!(house.stage(id), "reached");
}

#[test]
fn a_customer_who_is_kept_waiting_or_hangs_up_is_called_again() {
    let mut house = house_at(MORNING, First::Customer);
    house.ready(&[ANNA]);
    let id = house.asks(CUSTOMER);
    house.pass(1.0);
    house.event(house.dialled(), LegEvent::Answered);
    house.event(house.dialled(), LegEvent::HungUp);
    assert_eq!((house.stage(id), house.missed()), ("due", vec![Missed::HungUp]));
    assert_eq!(house.activity(ANNA), Activity::Idle);
    house.pass(900.0);
    house.pass(1.0);
    assert_eq!(house.dials(), 2);
}

#[test]
fn who_calls_himself_takes_his_place_and_is_not_called_back() {
    let mut house = house_at(MORNING, First::Agent);
    house.ready(&[ANNA]);
    house.status(ANNA, Status::Lunch);
    let id = house.asks(CUSTOMER);
    house.pass(60.0);
    let (early, leg) = house.call(OTHER);
    house.key(leg, '0');
    house.pass(30.0);
    let (own, leg) = house.call(CUSTOMER);
    assert_eq!(house.stage(id), "calling", "nothing is dialled while he is here");
    house.key(leg, '0');
    assert_eq!(house.stage(id), "merged");
    assert_eq!((house.center.position(own), house.center.position(early)), (Some(1), Some(2)));
    assert_eq!(house.contacts[&own].callback, Some(id));
    house.status(ANNA, Status::Ready);
    assert_eq!((house.state(own), house.dials()), ("offered", 0));
}

#[test]
fn who_calls_himself_and_gives_up_before_a_queue_is_called_back_after_all() {
    let mut house = house_at(MORNING, First::Agent);
    let id = house.asks(CUSTOMER);
    let (_, leg) = house.call(CUSTOMER);
    house.event(leg, LegEvent::HungUp);
    assert_eq!(house.stage(id), "due");
    house.ready(&[ANNA]);
    house.pass(10.0);
    assert_eq!(house.stage(id), "offered");
}

#[test]
fn who_makes_two_calls_at_once_is_called_back_after_the_last_of_them() {
    for later_ends_first in [true, false] {
        let mut house = house_at(MORNING, First::Agent);
        house.ready(&[ANNA]);
        house.status(ANNA, Status::Lunch);
        let id = house.asks(CUSTOMER);
        let (_, one) = house.call(CUSTOMER);
        let (_, other) = house.call(CUSTOMER);
        house.status(ANNA, Status::Ready);
        let (first, last) = if later_ends_first { (other, one) } else { (one, other) };
        house.event(first, LegEvent::HungUp);
        house.pass(3.0);
        assert_eq!(house.stage(id), "calling", "{later_ends_first}: he is in the other one");
        house.event(last, LegEvent::HungUp);
        assert_eq!(house.stage(id), "due");
        house.pass(10.0);
        assert_eq!(house.stage(id), "offered");
    }
}

#[test]
fn the_other_of_two_calls_takes_the_place() {
    let mut house = house_at(MORNING, First::Agent);
    house.ready(&[ANNA]);
    house.status(ANNA, Status::Lunch);
    let id = house.asks(CUSTOMER);
    let (own, one) = house.call(CUSTOMER);
    let (_, other) = house.call(CUSTOMER);
    house.event(other, LegEvent::HungUp);
    house.key(one, '0');
    assert_eq!((house.stage(id), house.contacts[&own].callback), ("merged", Some(id)));
    assert_eq!(house.dials(), 0);
}

#[test]
fn a_request_for_somebody_who_is_on_the_line_rests_until_he_is_not() {
    let mut house = house_at(MORNING, First::Agent);
    house.ready(&[ANNA]);
    let (_, leg) = house.call(CUSTOMER);
    let id = house.asks(CUSTOMER);
    assert_eq!((house.stage(id), house.dials()), ("calling", 0));
    house.event(leg, LegEvent::HungUp);
    house.pass(10.0);
    assert_eq!(house.stage(id), "offered");
}

#[test]
fn requests_are_bounded_and_numbers_are_looked_at() {
    let mut house = house_at(MORNING, First::Agent);
    let first = house.asks(CUSTOMER);
    let ask = |house: &mut House, number: &str, queue: &str| {
        let asked = CallbackRequest { queue: queue.into(), ..request(house, number) };
        house.center.request_callback(house.now, asked)
    };
    let twice = ask(&mut house, CUSTOMER, "cards");
    assert_eq!(twice, Err(CallbackError::Already(first)), "one for a number");
    let premium = ask(&mut house, "+4990012345", "cards");
    assert_eq!(premium, Err(CallbackError::Number(NumberError::Forbidden)));
    house.asks(OTHER);
    assert_eq!(ask(&mut house, "+77010000003", "general"), Err(CallbackError::Full), "the queue");
    assert!(ask(&mut house, "+77010000003", "cards").is_ok());
    assert_eq!(ask(&mut house, "+77010000004", "cards"), Err(CallbackError::Full), "in all");
    let none = ask(&mut house, "+77010000004", "nowhere");
    assert_eq!(none, Err(CallbackError::Queue("nowhere".into())));
    house.drain();

    let mut house = House::new(Share::None);
    let asked = request(&house, CUSTOMER);
    assert_eq!(house.center.request_callback(house.now, asked), Err(CallbackError::Off));
}

#[test]
fn a_request_is_taken_back_wherever_it_stands_but_on_the_line() {
    let mut house = house_at(MORNING, First::Agent);
    let id = house.asks(CUSTOMER);
    house.center.cancel_callback(house.now, id).expect("it waits");
    house.drain();
    assert_eq!(house.stage(id), "cancelled");
    assert_eq!(house.center.cancel_callback(house.now, id), Err(CallbackError::Unknown));
    house.ready(&[ANNA]);
    let id = house.asks(CUSTOMER);
    let agent = house.takes_callback();
    house.pass(1.0);
    let customer = house.dialled();
    house.center.cancel_callback(house.now, id).expect("it rings");
    house.drain();
    assert!(house.released(agent) && house.released(customer));
    assert_eq!((house.stage(id), house.activity(ANNA)), ("cancelled", Activity::Idle));

    let mut house = house_at(MORNING, First::Customer);
    house.ready(&[ANNA]);
    let id = house.asks(CUSTOMER);
    house.pass(1.0);
    house.event(house.dialled(), LegEvent::Answered);
    assert_eq!(house.center.cancel_callback(house.now, id), Err(CallbackError::OnTheLine));
}

#[test]
fn an_agent_passes_a_customer_whom_the_staff_asked_for_on_to_a_node() {
    let mut house = house_at(MORNING, First::Agent);
    house.ready(&[ANNA]);
    let asked = request(&house, CUSTOMER);
    let proof = Proof { flow: None, node: None, ..asked.proof.clone() };
    let asked = CallbackRequest { proof, ..asked };
    house.center.request_callback(house.now, asked).expect("it is taken");
    house.drain();
    house.pass(0.0);
    house.takes_callback();
    house.pass(1.0);
    let customer = house.dialled();
    house.event(customer, LegEvent::Answered);
    house.pass(30.0);
    let call = house.center.call_of(customer).expect("they talk");
    let to = TalkCommand::Transfer(Destination::Node("main".into()));
    house.talk(call, to).expect("the flow has that node");
    assert_eq!((house.state(call), house.place(call)), ("ivr", "main".into()));
    house.key(customer, '1');
    assert!(!house.released(customer), "he goes on in the flow");
}

#[test]
fn an_attempt_that_is_taken_out_while_it_rings_is_given_up_and_made_again() {
    let mut house = house_at(MORNING, First::Agent);
    house.ready(&[ANNA]);
    let id = house.asks(CUSTOMER);
    house.takes_callback();
    house.pass(1.0);
    let call = house.center.call_of(house.dialled()).expect("it rings");
    house.center.hang_up(house.now, call, Ending::new(Fault::Nobody, "withdrawn"));
    house.drain();
    assert_eq!((house.missed(), house.stage(id)), (vec![Missed::GivenUp], "due"));
    assert_eq!(house.activity(ANNA), Activity::Idle);
}

#[test]
fn a_request_that_nobody_could_make_expires() {
    let mut house = house_at(MORNING, First::Agent);
    let id = house.asks(CUSTOMER);
    house.pass(3.0 * 86_400.0);
    assert_eq!((house.stage(id), house.dials()), ("expired", 0));
    let ended = |w: &What| matches!(w, What::CallbackEnded { end: CallbackEnd::Expired, .. });
    assert_eq!(house.count(ended), 1);
    let started = house.count(|w| matches!(w, What::SegmentStarted { .. }));
    let over = house.count(|w| matches!(w, What::SegmentEnded { .. }));
    assert_eq!((started, over), (4, 4), "one stay for each day, the last one cut off by its age");
}

/// A house that goes on where another was stopped without warning.
fn restarted(house: &House, after: f64) -> House {
    let now = house.now + Duration::from_secs_f64(after);
    let center = Center::new(Arc::new(calling_back(First::Agent)), now);
    let mut next = House::of(center, now);
    let kept: Vec<Callback> = house.callbacks.values().cloned().collect();
    next.center.restore_callbacks(now, kept);
    next.drain();
    next
}

#[test]
fn a_restart_loses_nothing_and_counts_what_was_begun() {
    let mut house = house_at(MORNING, First::Agent);
    let waits = house.asks(CUSTOMER);
    let mut next = restarted(&house, 5.0);
    next.pass(0.0);
    assert_eq!((next.stage(waits), next.callbacks[&waits].attempts), ("queued", 0));
    assert_eq!(next.callbacks[&waits].enqueued_at, house.callbacks[&waits].enqueued_at);

    house.ready(&[ANNA]);
    house.takes_callback();
    let mut next = restarted(&house, 5.0);
    assert_eq!((next.stage(waits), next.callbacks[&waits].attempts), ("due", 1), "perhaps dialled");
    next.ready(&[ANNA]);
    next.pass(899.0);
    assert_eq!(next.stage(waits), "due", "nobody is called twice in a row");
    next.pass(1.0);
    assert_eq!(next.stage(waits), "offered");
    assert!(waits < next.asks(OTHER), "ids stay unique");

    house.pass(1.0);
    house.event(house.dialled(), LegEvent::Answered);
    assert_eq!(house.stage(waits), "reached");
    assert_eq!(restarted(&house, 5.0).center.callbacks().count(), 0, "who was reached is done");
}

/// The database was away at the start: what it has kept comes when the customer has asked again.
#[test]
fn what_comes_late_from_an_earlier_run_is_made_once_and_in_the_older_place() {
    let mut house = house_at(MORNING, First::Agent);
    let older = house.asks(CUSTOMER);
    let kept: Vec<Callback> = house.callbacks.values().cloned().collect();
    let mut next = house_at(A_MINUTE_LATER, First::Agent);
    let newer = next.asks(CUSTOMER);
    next.center.restore_callbacks(next.now, kept.clone());
    next.drain();
    assert_eq!((next.stage(older), next.stage(newer)), ("due", "merged"));
    assert_eq!(next.callbacks[&older].enqueued_at, house.callbacks[&older].enqueued_at);
    next.pass(0.0);
    assert_eq!(next.stage(older), "queued");

    let mut next = house_at(A_MINUTE_LATER, First::Agent);
    next.ready(&[ANNA]);
    let newer = next.asks(CUSTOMER);
    next.takes_callback();
    next.pass(1.0);
    next.center.restore_callbacks(next.now, kept);
    next.drain();
    assert_eq!((next.stage(older), next.stage(newer)), ("merged", "dialing"), "it is being made");
    assert_eq!(next.center.callbacks().count(), 1);
}

#[test]
fn a_house_that_closes_down_calls_nobody_and_forgets_nobody() {
    let mut house = house_at(MORNING, First::Agent);
    let id = house.asks(CUSTOMER);
    assert_eq!(house.center.calls_active(), 0, "a kept place is no call");
    house.center.rest_callbacks(house.now);
    house.drain();
    house.ready(&[ANNA]);
    house.pass(600.0);
    assert_eq!((house.stage(id), house.dials()), ("due", 0));
}

#[test]
fn an_agent_who_misses_the_offer_leaves_it_to_the_next() {
    let mut house = house_at(MORNING, First::Agent);
    house.ready(&[ANNA]);
    let id = house.asks(CUSTOMER);
    house.rings_for_callback();
    house.pass(21.5);
    assert_eq!((house.stage(id), house.callbacks[&id].attempts), ("queued", 0), "no attempt");
    house.ready(&[BORIS]);
    house.takes_callback();
    house.pass(1.0);
    house.event(house.dialled(), LegEvent::Answered);
    assert_eq!((house.stage(id), house.activity(BORIS)), ("reached", Activity::Talking));
}

#[test]
fn a_number_behind_which_are_many_takes_nobodys_place() {
    let mut policy = calling_back(First::Agent);
    policy.shared_numbers.insert(CUSTOMER.into());
    let now = Timestamp::from_secs(1_800_000_000);
    let mut house = House::of(Center::new(Arc::new(policy), now), now);
    let id = house.asks(CUSTOMER);
    let (_, leg) = house.call(CUSTOMER);
    house.key(leg, '0');
    assert_eq!(house.stage(id), "queued");
}

// ---- by key ---------------------------------------------------------------------------------------------------------

impl House {
    /// The prompts that a leg was told to play or hear last.
    fn said(&self, leg: LegId) -> Vec<String> {
        let said = self.commands.iter().rev().filter(|(to, _)| *to == leg);
        let prompts = said.filter_map(|(_, command)| {
            if let LegCommand::Play { prompts, .. } | LegCommand::Announce { prompts, .. } = command
            {
                Some(prompts.iter().map(|prompt| prompt.name.to_string()).collect())
            } else {
                None
            }
        });
        let mut prompts: Vec<Vec<String>> = prompts.take(1).collect();
        prompts.pop().unwrap_or_default()
    }

    fn outcome(&self, call: dozvon_center::ids::CallId) -> Option<Outcome> {
        let stages = &self.contacts[&call].stages;
        stages.iter().rev().find(|stage| stage.kind == StageKind::Queue)?.outcome
    }

    fn only(&self) -> Option<&Callback> {
        assert!(self.center.callbacks().count() <= 1);
        self.center.callbacks().next()
    }
}

/// A caller who has waited for so long that he was offered to be called back.
fn offered(first: First) -> (House, dozvon_center::ids::CallId, LegId) {
    let mut house = house_at(MORNING, first);
    house.ready(&[ANNA]);
    house.status(ANNA, Status::Lunch);
    let (call, leg) = house.call(CUSTOMER);
    house.key(leg, 'C');
    house.key(leg, '1');
    assert_eq!(house.said(leg), ["hello"], "before the offer keys mean nothing");
    house.pass(20.0);
    assert_eq!(house.said(leg), ["offer"]);
    (house, call, leg)
}

#[test]
fn a_key_takes_the_offer_the_number_is_confirmed_and_the_place_is_kept() {
    let (mut house, call, leg) = offered(First::Agent);
    let came = house.now - Duration::from_secs(20);
    let (later, behind) = house.call(OTHER);
    house.key(behind, 'C');
    house.key(leg, '5');
    assert_eq!(house.ears.music(leg), Some("moh"), "another key is none");
    house.key(leg, '1');
    let said = house.said(leg);
    assert_eq!((said[0].as_str(), said.last().map(String::as_str)), ("we-call", Some("right")));
    assert_eq!(said.len(), 2 + 11, "eleven digits are read out");
    assert_eq!(house.state(call), "waiting", "until then he waits on");
    house.key(leg, '1');
    assert_eq!(
        (house.said(leg), house.outcome(call)),
        (vec!["taken".to_owned()], Some(Outcome::Callback))
    );
    let asked = house.only().expect("one request").clone();
    assert_eq!((asked.enqueued_at, asked.contact, &*asked.number), (came, Some(call), CUSTOMER));
    let proof = &asked.proof;
    assert_eq!((proof.by, proof.from.as_deref()), (AskedBy::Key, Some(CUSTOMER)));
    assert_eq!(
        (proof.key.map(|key| key.as_char()), proof.node.as_deref()),
        (Some('1'), Some("later"))
    );
    assert_eq!((proof.at, proof.flow.as_deref()), (house.now, Some("bank")));
    house.status(ANNA, Status::Ready);
    assert_eq!(house.state(later), "offered", "nobody is called while he is on the line");
    house.answer();
    house.event(leg, LegEvent::HungUp);
    house.ready(&[BORIS]);
    house.pass(10.0);
    assert_eq!(house.stage(asked.id), "offered");
    let agent = house.takes_callback();
    house.pass(1.0);
    let customer = house.dialled();
    house.event(customer, LegEvent::Answered);
    house.pass(60.0);
    house.event(agent, LegEvent::HungUp);
    assert_eq!(house.said(customer), ["csi-offer", "csi"], "the flow goes on after the talk");
    let attempt = house.contacts.values().find(|contact| contact.continues == Some(call));
    assert_eq!(attempt.expect("part of the same contact").callback, Some(asked.id));
}

#[test]
fn an_agent_who_answers_meanwhile_comes_first() {
    let (mut house, call, leg) = offered(First::Agent);
    house.key(leg, '1');
    house.status(ANNA, Status::Ready);
    let agent = house.answer();
    assert_eq!((house.state(call), house.ears.voices(leg)), ("talking", vec![agent]));
    house.key(leg, '1');
    house.pass(60.0);
    assert!(house.only().is_none());
    house.event(agent, LegEvent::HungUp);
    assert_eq!(house.said(leg), ["csi-offer", "csi"]);
}

#[test]
fn who_is_silent_or_wants_no_callback_waits_on_at_his_place() {
    let (mut house, call, leg) = offered(First::Agent);
    house.key(leg, '1');
    for _ in 0..2 {
        house.played(leg);
        house.pass(5.0);
        assert_eq!(house.said(leg)[0], "sorry");
    }
    house.played(leg);
    house.pass(5.0);
    assert_eq!((house.ears.music(leg), house.state(call)), (Some("moh"), "waiting"));
    assert_eq!(house.center.position(call), Some(1));
    house.key(leg, '1');
    house.key(leg, '1');
    assert!(house.only().is_some(), "the offer stands as long as he waits");
}

#[test]
fn another_number_may_be_typed_where_it_may_be_called() {
    let (mut house, call, leg) = offered(First::Agent);
    let typed = |house: &mut House, number: &str| {
        house.key(leg, '2');
        assert_eq!(house.said(leg), ["type"]);
        number.chars().for_each(|digit| house.key(leg, digit));
        house.key(leg, '#');
        assert_eq!(house.said(leg)[0], "we-call");
        house.key(leg, '1');
    };
    house.key(leg, '1');
    typed(&mut house, "004990012345");
    assert_eq!((house.state(call), house.ears.music(leg)), ("waiting", Some("moh")), "no premium");
    house.key(leg, '1');
    typed(&mut house, "0077010000009");
    assert_eq!(house.only().map(|asked| asked.number.to_string()), Some("+77010000009".to_owned()));
    assert_eq!(house.outcome(call), Some(Outcome::Callback));
}

#[test]
fn a_flow_offers_it_where_nobody_is_there_and_the_operators_key_works_in_it() {
    let mut house = house_at("2026-11-24T23:00:00Z", First::Agent);
    let (_, leg) = house.call(CUSTOMER);
    house.key(leg, 'D');
    assert_eq!(house.said(leg), ["offer"]);
    house.key(leg, '1');
    house.key(leg, '1');
    assert_eq!(house.said(leg), ["taken"]);
    let asked = house.only().expect("noted at night, too").clone();
    house.event(leg, LegEvent::HungUp);
    assert_eq!((house.stage(asked.id), house.dials()), ("due", 0));
    let (_, again) = house.call(CUSTOMER);
    house.key(again, 'D');
    house.key(again, '1');
    house.key(again, '1');
    assert_eq!(house.said(again), ["taken"], "who asks once more has it");
    assert_eq!(house.center.callbacks().count(), 1);

    let (call, leg) = house.call(OTHER);
    house.key(leg, 'D');
    house.key(leg, '1');
    house.key(leg, '2');
    house.key(leg, '0');
    assert_eq!(house.state(call), "ivr", "it may be a digit");
    house.pass(4.5);
    assert_eq!(house.state(call), "waiting", "alone it is the operator's");
}

#[test]
fn who_has_asked_and_wants_a_person_after_all_has_his_place_back() {
    let (mut house, call, leg) = offered(First::Agent);
    let came = house.now - Duration::from_secs(20);
    house.key(leg, '1');
    house.key(leg, '1');
    let asked = house.only().expect("one request").id;
    house.key(leg, '0');
    assert_eq!((house.stage(asked), house.state(call)), ("merged", "waiting"));
    let stands = house.center.calls(house.now).find(|view| view.call == call).expect("he waits");
    assert_eq!(stands.place.as_ref(), "general");
    assert_eq!(house.contacts[&call].continues, None, "it is one contact");
    let (other, behind) = house.call(OTHER);
    house.key(behind, '0');
    assert_eq!((house.center.position(call), house.center.position(other)), (Some(1), Some(2)));
    assert!(came < house.now);
}
