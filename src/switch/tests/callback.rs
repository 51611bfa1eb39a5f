//! A callback on the wire: a key in the queue, the hang-up, the agent's phone, our INVITE to the customer by the trunk.

mod world;

use dozvon_center::acd::Status;
use dozvon_center::calendar::{Calendar, Calendars};
use dozvon_center::callback::{CallbackPolicy, First, Missed, QueueCallbacks};
use dozvon_center::fact::What;
use dozvon_center::flow;
use dozvon_center::rollout::Share;
use dozvon_sip::endpoint::Protocol;
use dozvon_switch::config::Address;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use world::World;

const FLOW: &str = r##"
flow: bank
languages: [ru]
start: q
operator: {keys: ["0"], to: q}
nodes:
  q:
    queue:
      name: general
      max_wait: 1h
      at: [{wait: 10s, callback: later}]
      after: {answered: bye, max_wait: bye, nobody: later}
  later:
    callback: {queue: general, play: [hello], key: "1", confirm: [hello], choose: [opt-cards], timeout: 5s,
      next: bye, declined: bye, failed: bye}
  bye: {hangup: {}}
tests: []
"##;

const SECOND: Duration = Duration::from_secs(1);

/// A bank that calls back by the trunk, behind which is the phone of the first caller.
fn bank(first: First) -> World {
    let mut world = World::under(2, Share::None, |config, policy| {
        config.trunks[0].target = Some(Address {
            uri: "sip:+77270000000@10.0.1.1".into(),
            protocol: Protocol::Udp,
            at: World::caller_address(0),
        });
        let flow = flow::load("bank.yaml", FLOW).unwrap_or_else(|found| panic!("{found:#?}"));
        policy.flows.insert("bank".into(), Arc::new(flow));
        let mut calendars = Calendars::new();
        calendars.insert(Calendar::always_open("always"));
        policy.calendars = Arc::new(calendars);
        let rules = QueueCallbacks { first, ..QueueCallbacks::default() };
        policy.callbacks = CallbackPolicy {
            calendar: Some("always".into()),
            queues: BTreeMap::from([(Arc::from("general"), rules)]),
            ..CallbackPolicy::default()
        };
    });
    let anna = world.ready_agent(0);
    assert_eq!(anna, World::agent_address(0));
    world.status(0, Status::Lunch);
    world
}

/// The customer calls, waits, takes the offer, confirms his number and hangs up.
fn asks(world: &mut World) -> SocketAddr {
    let customer = world.dial(0, "100");
    world.run(11 * SECOND);
    world.press(customer, '1');
    world.press(customer, '1');
    world.run(SECOND);
    assert!(world.phones[&customer].up.is_empty(), "the flow says goodbye");
    assert_eq!(world.callbacks.len(), 1, "the request is kept");
    world.ladder.clear();
    customer
}

fn rungs(world: &World, of: &str) -> Vec<String> {
    world.ladder.iter().filter(|rung| rung.contains(of)).cloned().collect()
}

#[test]
fn the_agent_answers_then_the_customer_is_invited_by_the_trunk_and_they_talk() {
    let mut world = bank(First::Agent);
    let customer = asks(&mut world);
    world.phones.get_mut(&customer).expect("his phone").answers_after = Some(4 * SECOND);
    world.status(0, Status::Ready);
    world.run(15 * SECOND);
    assert_eq!(
        rungs(&world, "switch \u{2192}")[..1],
        ["switch \u{2192} anna: INVITE".to_owned()],
        "the agent first: {:#?}",
        world.ladder
    );
    assert!(!rungs(&world, "switch \u{2192} +77010000000: INVITE").is_empty());
    assert!(world.hear_each_other(customer, World::agent_address(0)), "{:#?}", world.ladder);
    let stage = world.callbacks.values().next().map(|callback| callback.stage.as_str());
    assert_eq!(stage, Some("reached"));
    world.phones.get_mut(&customer).expect("his phone").hang_up(world.now);
    world.run(5 * SECOND);
    assert!(world.phones[&World::agent_address(0)].up.is_empty());
    world.run(60 * SECOND);
    assert!(world.switch.is_idle(), "nothing is left");
}

#[test]
fn a_customer_who_does_not_answer_is_cancelled_and_the_agent_is_free_at_once() {
    let mut world = bank(First::Agent);
    let customer = asks(&mut world);
    world.status(0, Status::Ready);
    world.run(40 * SECOND);
    assert!(
        !rungs(&world, "switch \u{2192} +77010000000: CANCEL").is_empty(),
        "{:#?}",
        world.ladder
    );
    assert!(world.phones[&customer].ringing.is_empty());
    assert!(world.phones[&World::agent_address(0)].up.is_empty(), "she is let go");
    let missed = world.count(|w| matches!(w, What::CallbackMissed { why: Missed::NoAnswer, .. }));
    assert_eq!(missed, 1);
    world.run(60 * SECOND);
    assert!(world.switch.is_idle());
}

#[test]
fn a_customer_who_calls_while_his_phone_rings_for_us_has_one_conversation() {
    let mut world = bank(First::Agent);
    let customer = asks(&mut world);
    world.status(0, Status::Ready);
    world.run(15 * SECOND);
    assert_eq!(world.phones[&customer].ringing.len(), 1, "we call him: {:#?}", world.ladder);
    world.dial(0, "100");
    world.run(5 * SECOND);
    assert!(world.phones[&customer].ringing.is_empty(), "ours is taken back");
    assert_eq!(world.phones[&customer].up.len(), 1, "his goes on");
    assert!(world.hear_each_other(customer, World::agent_address(0)), "{:#?}", world.ladder);
    let stage = world.callbacks.values().next().map(|callback| callback.stage.as_str());
    assert_eq!(stage, Some("merged"));
}

#[test]
fn the_customer_may_be_invited_first_and_then_the_agent() {
    let mut world = bank(First::Customer);
    let customer = asks(&mut world);
    world.phones.get_mut(&customer).expect("his phone").answers_after = Some(2 * SECOND);
    world.status(0, Status::Ready);
    world.run(15 * SECOND);
    assert_eq!(
        rungs(&world, "switch \u{2192}")[..1],
        ["switch \u{2192} +77010000000: INVITE".to_owned()],
        "{:#?}",
        world.ladder
    );
    assert!(world.hear_each_other(customer, World::agent_address(0)), "{:#?}", world.ladder);
}
