//! Endpoints that are asked for a call, and the customer's card that the agent is offered with it.

use crate::house::{ANNA, BORIS, House, policy};
use dozvon_center::Center;
use dozvon_center::border::LegEvent;
use dozvon_center::customer::{CallCard, Customer, Identification};
use dozvon_center::fact::{Flaw, LookupEnd, What};
use dozvon_center::flow;
use dozvon_center::ids::{CallId, LegId, LookupId, QueueId};
use dozvon_center::lookup::Reply;
use dozvon_center::rollout::Share;
use dozvon_center::talk::{Destination, TalkCommand};
use dozvon_clock::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const FLOW: &str = r#"
flow: bank
languages: [ru, kk]
start: who
operator: {keys: ["0"], to: q-general}
vars:
  lang: {type: language}
  segment: {type: enum, values: [mass, senior], default: mass}
  pin: {type: digits, secret: true}
nodes:
  who:
    http: {use: crm.customer, timeout: 1500ms, set: {lang: /customer/language, segment: /customer/segment},
      after: {ok: main, not_found: main, several: main, error: main, timeout: main}}
  main:
    menu:
      play: hello
      timeout: 4s
      options:
        "1": {say: opt-cards, to: cards, label: cards}
        "2": {say: opt-code, to: code}
      silence: q-general
      wrong: q-general
  cards:
    menu: {timeout: 4s, options: {"1": {to: q-general, label: limits}}, silence: q-general, wrong: q-general}
  code: {digits: {play: enter, into: pin, length: 4, timeout: 6s, between: 3s, next: check, failed: q-general}}
  check:
    http: {use: crm.check, timeout: 1s, send: [caller, pin, call],
      after: {ok: q-general, not_found: q-general, several: q-general, error: q-general, timeout: q-general}}
  q-general:
    queue: {name: general, raise: {when: {segment: senior}, priority: 9}, max_wait: 60s,
      after: {answered: bye, max_wait: bye, nobody: bye}}
  bye: {hangup: {}}
"#;

fn house() -> House {
    let mut policy = policy(Share::None);
    let flow = flow::load("bank.yaml", FLOW).unwrap_or_else(|found| panic!("{found:#?}"));
    policy.flows = BTreeMap::from([(Arc::from("bank"), Arc::new(flow))]);
    let now = Timestamp::from_secs(1_800_000_000);
    House::of(Center::new(Arc::new(policy), now), now)
}

fn answers(body: &serde_json::Value) -> Reply {
    Reply::Answered { status: 200, body: body.to_string().into_bytes() }
}

fn aigul() -> Reply {
    answers(
        &json!({"customer": {"id": "C-1", "name": "Айгуль", "language": "kk", "segment": "senior",
        "identification": "by_number", "offers": ["gold"], "fields": {"branch": "Almaty 3"}}}),
    )
}

fn ends(house: &House) -> Vec<(LookupEnd, Option<Flaw>, Option<&'static str>)> {
    let end = |what: &What| {
        let What::LookupEnded { end, flaw, customer, .. } = what else { return None };
        Some((*end, *flaw, *customer))
    };
    house.facts.iter().filter_map(|fact| end(&fact.what)).collect()
}

/// The card of the offer made last.
fn offered(house: &House) -> CallCard {
    let card = |what: &What| {
        if let What::OfferStarted { card, .. } = what { card.clone() } else { None }
    };
    *house.facts.iter().rev().find_map(|fact| card(&fact.what)).expect("an offer with a card")
}

/// A caller whose lookup has come out like this, at the menu.
fn after(reply: Reply) -> (House, CallId, LegId) {
    let mut house = house();
    let (call, leg) = house.call("+77010000001");
    house.pass(0.3);
    house.reply(reply);
    (house, call, leg)
}

#[test]
fn the_offer_shows_who_calls_in_which_language_what_he_chose_and_how_long_he_has_waited() {
    let (mut house, call, leg) = after(aigul());
    house.key(leg, '1');
    house.key(leg, '1');
    house.pass(7.0);
    house.ready(&[ANNA]);
    let card = offered(&house);
    let profile = card.customer.as_ref().and_then(|customer| customer.known()).expect("known");
    assert_eq!((&*profile.id, profile.name.as_deref()), ("C-1", Some("Айгуль")));
    assert_eq!(profile.identification, Identification::ByNumber);
    assert_eq!((&*profile.offers[0], &*profile.fields["branch"]), ("gold", "Almaty 3"));
    assert_eq!((&*card.language, card.waited_secs), ("kk", 7.0));
    let chosen: Vec<&str> = card.chosen.iter().map(|option| &**option).collect();
    assert_eq!(chosen, ["cards", "limits"]);
    assert_eq!(ends(&house), [(LookupEnd::Ok, None, Some("known"))]);
    let view = house.center.card_of(house.now, call).expect("the call runs");
    assert_eq!(view, card);
    assert_eq!(house.contacts[&call].customer, card.customer, "it is kept in the contact");
    let in_order = house.facts.iter().map(|fact| format!("{:?}", fact.what)).collect::<String>();
    assert!(!in_order.contains("Айгуль"), "nothing personal in what logs show");
}

#[test]
fn the_card_goes_with_the_contact_from_agent_to_agent() {
    let (mut house, call, leg) = after(aigul());
    house.ready(&[ANNA]);
    house.key(leg, '0');
    house.answer();
    house.pass(5.0);
    house.ready(&[BORIS]);
    let to = Destination::Queue(QueueId(1));
    house.talk(call, TalkCommand::Transfer(to)).expect("passed on");
    house.answer();
    assert_eq!(house.place(call), "boris");
    assert_eq!(offered(&house).customer.map(|customer| customer.state()), Some("known"));
    let contact = &house.contacts[&call];
    assert_eq!(contact.stages.iter().filter(|stage| stage.agent.is_some()).count(), 2);
    assert!(contact.customer.is_some());
}

#[test]
fn unknown_several_and_unasked_are_told_apart() {
    let two = answers(&json!({"customers": [{"id": 1, "name": "A"}, {"id": 2, "name": "B"}]}));
    for (reply, end, state) in [
        (Reply::Answered { status: 404, body: Vec::new() }, LookupEnd::NotFound, Some("unknown")),
        (answers(&json!({"customer": null})), LookupEnd::NotFound, Some("unknown")),
        (Reply::NothingToAsk, LookupEnd::NotFound, Some("unknown")),
        (two, LookupEnd::Several, Some("several")),
        (Reply::Failed(Flaw::Unreachable), LookupEnd::Error, None),
        (Reply::TimedOut, LookupEnd::Timeout, None),
    ] {
        let (mut house, _, leg) = after(reply.clone());
        house.ready(&[ANNA]);
        house.key(leg, '0');
        let card = offered(&house);
        let shown = card.customer.map(|customer| customer.state());
        assert_eq!((ends(&house)[0].0, shown), (end, state), "{reply:?}");
    }
}

#[test]
fn a_wrong_value_is_an_error_with_a_fact_and_the_agent_sees_the_customer_all_the_same() {
    let vip = answers(&json!({"customer": {"id": "C-1", "language": "kk", "segment": "vip"}}));
    let (mut house, _, leg) = after(vip);
    assert_eq!(ends(&house), [(LookupEnd::Error, Some(Flaw::Value), Some("known"))]);
    let at = |what: &What| matches!(what, What::LookupEnded { at: Some(at), .. } if **at == *"/customer/segment");
    assert_eq!(house.count(at), 1);
    house.ready(&[ANNA]);
    house.key(leg, '0');
    let card = offered(&house);
    assert_eq!(&*card.language, "ru", "no variable was set");
    assert!(card.customer.is_some_and(|customer| customer.known().is_some()));
}

#[test]
fn nobody_waits_longer_than_the_flow_says_and_late_or_strange_answers_are_dropped() {
    let mut house = house();
    let (call, leg) = house.call("+77010000001");
    let lookup = house.lookups[0].clone();
    assert_eq!(lookup.within, Duration::from_millis(1_500));
    assert_eq!(&*lookup.in_path["caller"], "+77010000001");
    assert!(lookup.body.is_empty(), "what is not named in `send` does not go out in the body");
    house.pass(1.4);
    assert_eq!(house.place(call), "who");
    for id in [
        LookupId { call, number: lookup.id.number + 1 },
        LookupId { call: CallId(7), number: lookup.id.number },
    ] {
        house.center.looked_up(house.now, id, aigul());
        house.drain();
    }
    assert_eq!(house.place(call), "who");
    house.pass(0.2);
    assert_eq!(
        (house.place(call), ends(&house)),
        ("main".into(), vec![(LookupEnd::Timeout, None, None)])
    );
    house.reply(aigul());
    assert!(house.center.card_of(house.now, call).is_some_and(|card| card.customer.is_none()));
    house.event(leg, LegEvent::HungUp);
    house.reply(aigul());
    assert_eq!(ends(&house).len(), 1);
}

#[test]
fn the_operator_key_and_a_hang_up_end_the_wait_and_are_told() {
    let mut house = house();
    let (call, leg) = house.call("+77010000001");
    house.pass(0.2);
    house.key(leg, '0');
    assert_eq!((house.state(call), ends(&house)), ("waiting", vec![(LookupEnd::Left, None, None)]));
    house.reply(aigul());
    assert!(house.center.card_of(house.now, call).is_some_and(|card| card.customer.is_none()));
    let (_, leg) = house.call("+77010000002");
    house.event(leg, LegEvent::HungUp);
    assert_eq!(ends(&house)[1], (LookupEnd::Left, None, None));
    assert_eq!(house.center.calls_active(), 1);
}

#[test]
fn a_secret_goes_out_in_the_body_and_nowhere_else() {
    let (mut house, call, leg) = after(aigul());
    house.key(leg, '2');
    for key in "4321".chars() {
        house.key(leg, key);
    }
    let lookup = house.lookups[1].clone();
    assert_eq!((&*lookup.endpoint, &*lookup.request, lookup.id.number), ("crm", "check", 2));
    let sent = json!({"caller": "+77010000001", "pin": "4321", "call": call.0.to_string()});
    assert_eq!(serde_json::Value::Object(lookup.body.clone()), sent);
    let in_path: Vec<&str> = lookup.in_path.keys().map(|name| &**name).collect();
    assert_eq!(in_path, ["call", "caller", "dialled"]);
    house.reply(Reply::Answered { status: 404, body: Vec::new() });
    house.event(leg, LegEvent::HungUp);
    let told = serde_json::to_string(&house.facts).expect("facts are written");
    let record = serde_json::to_string(&house.contacts[&call]).expect("so are records");
    assert!(!told.contains("4321") && !record.contains("4321"));
    let known = house.contacts[&call].customer.as_deref().and_then(Customer::known);
    assert!(known.is_some(), "what was not found later leaves a known customer known");
}
