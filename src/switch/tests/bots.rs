//! Voice bots of both kinds through the switch: how they get a caller, what they say when they give him back, and that
//! he is with people at once when they fail.

mod world;

use dozvon_center::bot::{BotFailure, BotNote, BotOver};
use dozvon_center::contact::StageKind;
use dozvon_center::fact::What;
use dozvon_center::ids::LegId;
use dozvon_center::rollout::Share;
use dozvon_media::order::{Codec, Direction, Order, Report, SessionId};
use dozvon_switch::border::{BotCall, BotNews, BotOrder};
use dozvon_switch::config::BotAccess;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use world::World;

const SECOND: Duration = Duration::from_secs(1);

fn bot() -> SocketAddr {
    "10.0.3.1:5060".parse().expect("an address")
}

/// Where the connector receives a bot's sound.
fn far() -> SocketAddr {
    "10.0.0.1:40000".parse().expect("an address")
}

fn note(object: serde_json::Value) -> Option<Box<BotNote>> {
    Some(Box::new(BotNote::read(object.as_object().expect("an object"))))
}

/// A house whose bot speaks over a stream.
fn with_stream(agents: usize) -> World {
    World::under(agents, Share::All, |config, _| {
        config.bots.insert("helper".into(), BotAccess::Stream);
    })
}

/// A caller who has chosen what the bot is for.
fn to_bot(world: &mut World) -> SocketAddr {
    let caller = world.dial(0, "100");
    world.played(caller);
    world.press(caller, '2');
    caller
}

/// The bot that was last to be connected with.
fn opened(world: &World) -> BotCall {
    let opened = world.bot_orders.iter().rev().find_map(|order| match order {
        BotOrder::Open(call) => Some(BotCall::clone(call)),
        BotOrder::Key { .. } | BotOrder::Close { .. } => None,
    });
    opened.expect("a bot was to be connected with")
}

fn closed(world: &World, wanted: LegId) -> usize {
    let close = |order: &&BotOrder| matches!(order, BotOrder::Close { leg } if *leg == wanted);
    world.bot_orders.iter().filter(close).count()
}

/// The session whose far side is the connector.
fn bots_session(world: &World) -> SessionId {
    let agree = world.orders.iter().rev().find_map(|order| {
        let Order::Agree { session, remote, .. } = order else { return None };
        (*remote == far()).then_some(*session)
    });
    agree.expect("the bot's sound is agreed")
}

/// The failure and the note of the bot's end, as the fact tells them.
fn told(world: &World) -> (Arc<str>, Option<BotFailure>, Option<Arc<BotNote>>) {
    let ended = world.facts.iter().rev().find_map(|fact| {
        let What::BotEnded { end, failure, note, .. } = &fact.what else { return None };
        Some((end.clone(), *failure, note.clone()))
    });
    ended.expect("the bot's part has ended")
}

/// The card of the last offer.
fn card(world: &World) -> serde_json::Value {
    let card = world.facts.iter().rev().find_map(|fact| {
        let What::OfferStarted { card, .. } = &fact.what else { return None };
        card.clone()
    });
    serde_json::to_value(card.expect("an agent was offered the call")).expect("a card is JSON")
}

fn phone_bot(world: &mut World, answers_after: Option<Duration>) {
    world.plug(bot(), "bot");
    world.phones.get_mut(&bot()).expect("plugged in").answers_after = answers_after;
}

#[test]
fn a_stream_is_opened_joined_and_told_of_keys() {
    let mut world = with_stream(1);
    let caller = to_bot(&mut world);
    let call = opened(&world);
    assert_eq!((&*call.bot, call.sound.ip()), ("helper", "10.0.0.1".parse().unwrap()));
    let brief = &call.brief;
    assert_eq!(brief.caller.as_deref(), Some("+77010000000"));
    assert_eq!((&*brief.dialled, &*brief.language), ("100", "ru"));
    assert_eq!(brief.option.as_deref(), Some("opt-cards"));
    assert_eq!(brief.share, Some(Share::All));
    world.run(SECOND);
    world.bot(BotNews::Up { leg: call.leg, sound: far() });
    let session = bots_session(&world);
    assert!(world.orders.contains(&Order::Near { session }), "no network is between us");
    let agreed = world.orders.iter().rev().find_map(|order| {
        let Order::Agree { session: of, format, direction, .. } = order else { return None };
        let said = (format.codec, format.payload_type, format.ptime_ms, *direction);
        (*of == session).then_some(said)
    });
    assert_eq!(agreed, Some((Codec::Pcmu, 0, 20, Direction::SendRecv)));
    let callers = world.session(caller).unwrap();
    assert_eq!((world.hears(session), world.hears(callers)), (&[callers][..], &[session][..]));
    world.press(caller, '5');
    let told = |order: &BotOrder| match order {
        BotOrder::Key { leg, key } => *leg == call.leg && key.as_char() == '5',
        BotOrder::Open(_) | BotOrder::Close { .. } => false,
    };
    assert!(world.bot_orders.iter().any(told));
    let now = world.now;
    world.phones.get_mut(&caller).unwrap().hang_up(now);
    world.run(SECOND);
    assert_eq!(closed(&world, call.leg), 1, "the stream is closed, once");
    world.run(60 * SECOND);
    world.assert_empty();
}

#[test]
fn what_a_stream_says_is_on_the_agents_card_and_in_the_record() {
    let mut world = with_stream(1);
    let anna = world.ready_agent(0);
    let caller = to_bot(&mut world);
    let leg = opened(&world).leg;
    world.bot(BotNews::Up { leg, sound: far() });
    world.run(10 * SECOND);
    let said = json!({"to": "queue:cards", "reason": "customer_request", "summary": "Хочет человека",
        "data": {"intent": "block"}});
    world.bot(BotNews::Over { leg, over: BotOver::Transfer, note: note(said.clone()) });
    world.run(SECOND);
    assert!(world.hear_each_other(caller, anna));
    let shown = card(&world)["bot"].clone();
    assert_eq!((&shown["bot"], &shown["summary"]), (&json!("helper"), &said["summary"]));
    assert_eq!((&shown["data"], &shown["reason"]), (&said["data"], &said["reason"]));
    assert!(card(&world)["waited_secs"].as_f64().unwrap() >= 10.0, "his time there is no loss");
    let (end, failure, note) = told(&world);
    assert_eq!((&*end, failure), ("transfer", None));
    assert_eq!(note.unwrap().summary.as_deref(), Some("Хочет человека"));
    let contact = world.contact();
    let stage = contact.stages.iter().find(|stage| stage.kind == StageKind::Bot).unwrap();
    assert_eq!(stage.bot_note.as_ref().unwrap().data["intent"], "block".into());
    assert_eq!(closed(&world, leg), 1);
}

#[test]
fn the_operator_key_is_ours_and_the_bot_hears_of_it() {
    let mut world = with_stream(1);
    let anna = world.ready_agent(0);
    let caller = to_bot(&mut world);
    let leg = opened(&world).leg;
    world.bot(BotNews::Up { leg, sound: far() });
    world.press(caller, '0');
    world.run(SECOND);
    assert!(world.hear_each_other(caller, anna));
    let last: Vec<_> = world.bot_orders.iter().rev().take(2).collect();
    assert!(matches!(last[..], [BotOrder::Close { .. }, BotOrder::Key { .. }]), "{last:?}");
    // What it says afterwards is too late.
    world.bot(BotNews::Over { leg, over: BotOver::Done, note: None });
    assert!(world.hear_each_other(caller, anna));
}

#[test]
fn a_stream_that_fails_or_never_stands_is_people_at_once() {
    for failure in BotFailure::ALL {
        let mut world = with_stream(1);
        let anna = world.ready_agent(0);
        let caller = to_bot(&mut world);
        let leg = opened(&world).leg;
        if failure == BotFailure::NoAnswer {
            world.run(SECOND * 2);
        } else {
            world.bot(BotNews::Over { leg, over: BotOver::Failed(failure), note: None });
        }
        world.run(Duration::from_millis(500));
        assert!(world.hear_each_other(caller, anna), "{failure:?}");
        assert_eq!((&*told(&world).0, told(&world).1), ("failed", Some(failure)));
        assert_eq!(closed(&world, leg), 1);
        // It comes up nevertheless, too late.
        world.bot(BotNews::Up { leg, sound: far() });
        assert!(world.hear_each_other(caller, anna));
    }
}

#[test]
fn a_goodbye_with_an_outcome_hands_the_caller_over_with_its_words() {
    let mut world = World::new(1, Share::All);
    let anna = world.ready_agent(0);
    phone_bot(&mut world, Some(SECOND / 5));
    let caller = to_bot(&mut world);
    world.run(5 * SECOND);
    assert!(world.hear_each_other(caller, bot()));
    world.request(
        bot(),
        "BYE",
        "X-Outcome: transfer\r\nReason: SIP;cause=200;text=\"wants_a_person\"\r\n\
         X-Summary: Спрашивал о лимите\r\nX-Data: {\"limit\": 500}\r\n",
    );
    world.run(SECOND);
    assert!(world.hear_each_other(caller, anna));
    let shown = card(&world)["bot"].clone();
    assert_eq!(shown["reason"], "wants_a_person");
    assert_eq!(shown["summary"], "Спрашивал о лимите");
    assert_eq!(shown["data"], json!({"limit": "500"}));
}

#[test]
fn a_refer_with_a_summary_is_a_transfer_too_and_is_answered() {
    let mut world = World::new(1, Share::All);
    let anna = world.ready_agent(0);
    phone_bot(&mut world, Some(SECOND / 5));
    let caller = to_bot(&mut world);
    world.run(5 * SECOND);
    world.take_ladder();
    let headers = "Refer-To: <sip:cards@bank.example>\r\nX-Summary: about his card\r\n";
    world.request(bot(), "REFER", headers);
    world.run(SECOND);
    assert!(world.hear_each_other(caller, anna));
    assert!(world.take_ladder().contains("switch → bot: 202"), "the bot is told");
    let shown = card(&world)["bot"].clone();
    assert_eq!(
        (&shown["to"], &shown["summary"]),
        (&json!("sip:cards@bank.example"), &json!("about his card"))
    );
}

#[test]
fn a_bot_called_by_sip_must_be_heard_all_the_time_and_a_lost_one_costs_its_caller_nothing() {
    let mut world = World::new(1, Share::All);
    let anna = world.ready_agent(0);
    phone_bot(&mut world, Some(SECOND / 5));
    let caller = to_bot(&mut world);
    world.run(5 * SECOND);
    let expected = world.orders.iter().find_map(|order| {
        let Order::Expect { session, within } = order else { return None };
        Some((*session, *within))
    });
    let (session, within) = expected.expect("the media room is told how long silence may be");
    assert_eq!(within, 2 * SECOND);
    world.phones.get_mut(&bot()).expect("plugged in").dead = true;
    world.media(Report::Silent { session, silence: within });
    world.run(SECOND / 2);
    assert!(world.hear_each_other(caller, anna), "people, half a second later");
    assert_eq!(told(&world).1, Some(BotFailure::NoAudio));
}

#[test]
fn a_bot_called_by_sip_that_refuses_is_passed_over_at_once() {
    for status in [486, 404, 503, 603] {
        let mut world = World::new(1, Share::All);
        let anna = world.ready_agent(0);
        phone_bot(&mut world, None);
        world.phones.get_mut(&bot()).expect("plugged in").refuses = Some(status);
        let caller = to_bot(&mut world);
        world.run(SECOND);
        assert!(world.hear_each_other(caller, anna), "{status}");
    }
}
