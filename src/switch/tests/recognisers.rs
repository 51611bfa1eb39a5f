//! Forks of callers' sound: they hear the caller through all that is played to him, and are gone when he is elsewhere.

mod world;

use dozvon_center::fact::{OperatorRequest, What};
use dozvon_center::ids::ForkId;
use dozvon_center::rollout::Share;
use dozvon_media::order::{Codec, Direction, Order, SessionId};
use dozvon_switch::border::{ForkCall, ForkNews, ForkOrder};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use world::World;

const SECOND: Duration = Duration::from_secs(1);

/// Where the connector receives a fork's sound.
fn far() -> SocketAddr {
    "10.0.0.1:41000".parse().expect("an address")
}

/// A house where somebody listens for «оператор».
fn listening(agents: usize, ports: u16) -> World {
    World::under(agents, Share::None, |config, policy| {
        let exit = "operator: {keys: [\"0\"], to: q-general";
        let words = world::FLOW.replace(exit, &format!("{exit}, words: {{ru: [оператор]}}"));
        let flow = dozvon_center::flow::load("bank.yaml", &words).expect("the flow is right");
        policy.flows = BTreeMap::from([(Arc::from("bank"), Arc::new(flow))]);
        policy.recognisers = BTreeMap::from([(Arc::from("ru"), Arc::from("words"))]);
        let first = *config.rtp_ports.start();
        config.rtp_ports = first..=first + 2 * ports - 1;
    })
}

fn opened(world: &World) -> Option<ForkCall> {
    world.fork_orders.iter().rev().find_map(|order| match order {
        ForkOrder::Open(call) => Some(ForkCall::clone(call)),
        ForkOrder::Close { .. } => None,
    })
}

fn closed(world: &World, wanted: ForkId) -> usize {
    let close = |order: &&ForkOrder| matches!(order, ForkOrder::Close { fork } if *fork == wanted);
    world.fork_orders.iter().filter(close).count()
}

/// The session whose far side is the connector, with what was agreed.
fn forks_session(world: &World) -> (SessionId, Codec, Direction, bool) {
    let agree = world.orders.iter().rev().find_map(|order| {
        let Order::Agree { session, remote, format, direction, .. } = order else { return None };
        let keys = format.telephone_event.is_some();
        (*remote == far()).then_some((*session, format.codec, *direction, keys))
    });
    agree.expect("the fork's sound is agreed")
}

#[test]
fn a_fork_hears_the_caller_through_every_prompt_and_a_word_is_the_exit() {
    let mut world = listening(1, 50);
    world.ready_agent(0);
    let caller = world.dial(0, "100");
    let call = opened(&world).expect("somebody is to listen");
    assert_eq!((&*call.recogniser, &*call.language), ("words", "ru"));
    world.fork(ForkNews::Up { fork: call.fork, sound: far() });
    let (session, codec, direction, keys) = forks_session(&world);
    assert_eq!((codec, direction, keys), (Codec::Pcmu, Direction::SendOnly, false));
    let callers = world.session(caller).expect("he is in a call");
    assert_eq!(world.hears(session), [callers]);
    world.played(caller);
    assert_eq!(world.hears(session), [callers], "the next prompt does not take it away");
    assert_eq!(world.hears(callers), [], "nobody hears a fork");

    world.fork(ForkNews::Said { fork: call.fork, text: "оператор".into() });
    let speech =
        |w: &What| matches!(w, What::OperatorRequested { how: OperatorRequest::Speech, .. });
    assert_eq!((world.count(speech), closed(&world, call.fork)), (1, 1));
    assert!(!world.open.contains(&session), "its session is closed");
    world.fork(ForkNews::Over { fork: call.fork });
    world.run(10 * SECOND);
    assert!(world.hear_each_other(caller, World::agent_address(0)));
    let now = world.now;
    world.phones.get_mut(&caller).expect("his phone").hang_up(now);
    world.run(60 * SECOND);
    assert_eq!(closed(&world, call.fork), 1, "closed once");
    world.assert_empty();
}

#[test]
fn the_callers_end_is_the_forks_end_at_any_stage_of_it() {
    for up in [false, true] {
        let mut world = listening(0, 50);
        let caller = world.dial(0, "100");
        let fork = opened(&world).expect("somebody is to listen").fork;
        if up {
            world.fork(ForkNews::Up { fork, sound: far() });
        }
        let now = world.now;
        world.phones.get_mut(&caller).expect("his phone").hang_up(now);
        world.run(60 * SECOND);
        assert_eq!(closed(&world, fork), 1);
        world.fork(ForkNews::Said { fork, text: "оператор".into() });
        world.assert_empty();
    }
}

#[test]
fn a_fork_that_fails_and_a_house_without_a_free_port_leave_the_caller_his_keys() {
    let mut world = listening(0, 50);
    let caller = world.dial(0, "100");
    let fork = opened(&world).expect("somebody is to listen").fork;
    world.fork(ForkNews::Over { fork });
    assert_eq!((closed(&world, fork), world.open.len()), (1, 1), "its session is given back");
    world.press(caller, '0');
    assert_eq!(world.count(|w| matches!(w, What::OperatorRequested { .. })), 1);

    let mut full = listening(0, 1);
    let caller = full.dial(0, "100");
    assert!(opened(&full).is_none(), "the port is the caller's");
    full.press(caller, '0');
    assert_eq!(full.count(|w| matches!(w, What::OperatorRequested { .. })), 1);
}

#[test]
fn where_secrets_are_asked_for_a_caller_whose_keys_are_in_his_sound_is_not_heard() {
    for (secret, events, heard) in [(true, true, true), (true, false, false), (false, false, true)]
    {
        let mut world = World::under(0, Share::None, |_, policy| {
            let exit = "operator: {keys: [\"0\"], to: q-general";
            let mut words =
                world::FLOW.replace(exit, &format!("{exit}, words: {{ru: [оператор]}}"));
            if secret {
                words = words.replacen(
                    "nodes:",
                    "vars: {pin: {type: digits, secret: true}}\nnodes:",
                    1,
                );
            }
            let flow = dozvon_center::flow::load("bank.yaml", &words).expect("the flow is right");
            policy.flows = BTreeMap::from([(Arc::from("bank"), Arc::new(flow))]);
            policy.recognisers = BTreeMap::from([(Arc::from("ru"), Arc::from("words"))]);
        });
        let caller = World::caller_address(0);
        world.plug(caller, "+77010000000");
        world.phones.get_mut(&caller).expect("plugged in").tones = !events;
        world.dial(0, "100");
        assert_eq!(opened(&world).is_some(), heard, "secret {secret}, events {events}");
    }
}
