//! Whole calls through the switch with real SIP text: what crosses the network, rung by rung, and what is left after.

mod world;

use dozvon_center::acd::{Activity, Status};
use dozvon_center::contact::{Fault, Outcome, StageKind};
use dozvon_center::fact::What;
use dozvon_center::ids::AgentId;
use dozvon_center::rollout::Share;
use dozvon_center::supervise::WatchMode;
use dozvon_media::clip::Library;
use dozvon_media::order::{ClipId, Order, Report};
use dozvon_switch::border::{CallCommand, Note, WatchCommand};
use std::net::SocketAddr;
use std::time::Duration;
use world::World;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_caller_presses_0_talks_to_an_agent_and_both_hang_up() {
    let mut world = World::new(1, Share::None);
    let anna = world.ready_agent(0);
    world.take_ladder();

    let caller = world.dial(0, "100");
    world.press(caller, '0');
    world.run(SECOND);
    assert!(world.hear_each_other(caller, anna), "caller and agent hear each other");
    world.run(30 * SECOND);
    let now = world.now;
    world.phones.get_mut(&caller).unwrap().hang_up(now);
    world.run(SECOND);

    let expected = "\
+77010000000 → switch: INVITE
switch → +77010000000: 100 Trying
switch → +77010000000: 200 OK
+77010000000 → switch: ACK
switch → anna: INVITE
anna → switch: 100 Trying
anna → switch: 180 Ringing
anna → switch: 200 OK
switch → anna: ACK
+77010000000 → switch: BYE
switch → +77010000000: 200 OK
switch → anna: BYE
anna → switch: 200 OK";
    assert_eq!(world.take_ladder(), expected);
    let contact = world.contact();
    let kinds: Vec<_> = contact.stages.iter().map(|stage| stage.kind).collect();
    assert_eq!(kinds, [StageKind::Ivr, StageKind::Queue, StageKind::Talk]);
    assert_eq!(contact.ending.as_ref().map(|e| e.fault), Some(Fault::Caller));
    world.run(60 * SECOND);
    world.assert_empty();
}

#[test]
fn lunch_while_ringing_cancels_the_phone_and_the_next_agent_gets_the_caller() {
    let mut world = World::new(2, Share::None);
    let anna = world.ready_agent(0);
    world.phones.get_mut(&anna).unwrap().answers_after = None;
    let caller = world.dial(0, "100");
    world.press(caller, '0');
    world.run(2 * SECOND);
    assert_eq!(world.phones[&anna].ringing.len(), 1);
    world.take_ladder();
    world.status(0, Status::Lunch);
    world.run(SECOND);
    assert!(world.phones[&anna].ringing.is_empty(), "the phone has stopped ringing");
    let expected = "\
switch → anna: CANCEL
anna → switch: 200 OK
anna → switch: 487 Request Terminated
switch → anna: ACK";
    assert_eq!(world.take_ladder(), expected);
    let boris = world.ready_agent(1);
    world.run(SECOND);
    assert!(world.hear_each_other(caller, boris));
}

#[test]
fn a_stranger_is_challenged_and_an_unknown_number_is_told_what_there_is() {
    let mut world = World::new(1, Share::None);
    let caller = world.dial(0, "777");
    world.run(SECOND);
    assert_eq!(world.phones[&caller].refused, [404]);

    let stranger = "10.9.9.9:5060".parse().unwrap();
    world.plug(stranger, "mallory");
    let now = world.now;
    world.phones.get_mut(&stranger).unwrap().dial(now, "100");
    world.run(SECOND);
    assert_eq!(world.phones[&stranger].refused, [401]);
    world.run(60 * SECOND);
    world.assert_empty();
    assert!(world.contacts.is_empty(), "neither was a contact");
}

#[test]
fn an_agents_hold_plays_music_to_the_caller_and_back() {
    let mut world = World::new(1, Share::None);
    let anna = world.ready_agent(0);
    let caller = world.dial(0, "100");
    world.press(caller, '0');
    world.run(SECOND);
    let now = world.now;
    world.phones.get_mut(&anna).unwrap().hold(now, true);
    world.run(SECOND);
    assert!(!world.hear_each_other(caller, anna));
    let session = world.session(caller).unwrap();
    let music = |order: &Order| matches!(order, Order::Loop { session: s, .. } if *s == session);
    assert!(world.orders.iter().rev().any(music));
    let now = world.now;
    world.phones.get_mut(&anna).unwrap().hold(now, false);
    world.run(SECOND);
    assert!(world.hear_each_other(caller, anna));
}

#[test]
fn feature_codes_set_statuses_ready_only_after_the_confirmation() {
    let mut world = World::new(1, Share::None);
    let anna = World::agent_address(0);
    world.plug(anna, "anna");
    let now = world.now;
    world.phones.get_mut(&anna).unwrap().register(now, "secret");
    world.run(SECOND);

    let code = |world: &mut World, code: &str| {
        let now = world.now;
        world.phones.get_mut(&anna).unwrap().dial(now, code);
        world.run(SECOND);
    };
    let presence = |world: &World| world.switch.snapshot(world.now).agents[0].status.to_string();
    code(&mut world, "*1");
    assert_eq!(presence(&world), "logged_out", "the confirmation is still being spoken");
    world.played(anna);
    world.run(SECOND);
    assert_eq!(presence(&world), "ready");
    assert!(world.phones[&anna].up.is_empty(), "the switch has hung up");
    code(&mut world, "*2");
    assert_eq!(presence(&world), "lunch", "a break applies at once");
    world.played(anna);
    world.run(40 * SECOND);
    world.assert_empty();
}

#[test]
fn a_code_dialled_after_the_talk_is_written_and_an_unknown_one_is_told() {
    let mut world = World::new(1, Share::None);
    let anna = world.ready_agent(0);
    let caller = world.dial(0, "100");
    world.press(caller, '0');
    world.run(4 * SECOND);
    let now = world.now;
    world.phones.get_mut(&caller).unwrap().hang_up(now);
    world.run(SECOND / 2);
    let (ready, unknown) = (ClipId(4), ClipId(6));
    let said = |world: &World, clip: ClipId| {
        let says = |order: &Order| matches!(order, Order::Play { clips, .. } if clips == &[clip]);
        world.orders.iter().filter(|order| says(order)).count()
    };
    for dialled in ["*8012", "*8011"] {
        let now = world.now;
        world.phones.get_mut(&anna).unwrap().dial(now, dialled);
        world.run(SECOND / 4);
        world.played(anna);
        world.run(SECOND / 4);
    }
    assert_eq!((said(&world, unknown), said(&world, ready)), (1, 1), "what she is after the code");
    let talk = world.contact().stages.last().unwrap().clone();
    assert_eq!(
        (talk.code.as_deref(), talk.code_version.as_deref()),
        (Some("lost"), Some("bank@1"))
    );
    world.run(60 * SECOND);
    world.assert_empty();
}

#[test]
fn all_phones_of_an_agent_ring_and_the_first_answer_silences_the_others() {
    let mut world = World::new(1, Share::None);
    let desk = world.ready_agent(0);
    let home = "10.0.2.99:5060".parse().unwrap();
    world.plug(home, "anna");
    let now = world.now;
    world.phones.get_mut(&home).unwrap().register(now, "secret");
    world.run(SECOND);
    let caller = world.dial(0, "100");
    world.press(caller, '0');
    world.run(SECOND);
    assert!(world.hear_each_other(caller, desk), "the desk phone picks up after 300 ms");
    assert!(world.phones[&home].ringing.is_empty() && world.phones[&home].up.is_empty());
    let now = world.now;
    world.phones.get_mut(&caller).unwrap().hang_up(now);
    world.run(60 * SECOND);
    world.assert_empty();
}

#[test]
fn a_bot_that_never_answers_is_people_after_two_seconds() {
    let mut world = World::new(1, Share::All);
    let anna = world.ready_agent(0);
    let caller = world.dial(0, "100");
    world.played(caller);
    world.press(caller, '2');
    world.run(Duration::from_millis(1_900));
    assert!(!world.hear_each_other(caller, anna));
    world.run(Duration::from_millis(700));
    assert!(world.hear_each_other(caller, anna));
    let late = |w: &What| matches!(w, What::ArmDelivered { delivered: false, .. });
    assert_eq!(world.count(late), 1);
}

#[test]
fn a_bot_talks_and_the_operator_key_takes_the_caller_to_a_person() {
    let mut world = World::new(1, Share::All);
    let anna = world.ready_agent(0);
    let bot = "10.0.3.1:5060".parse().unwrap();
    world.plug(bot, "bot");
    world.phones.get_mut(&bot).unwrap().answers_after = Some(Duration::from_millis(200));
    let caller = world.dial(0, "100");
    world.played(caller);
    world.press(caller, '2');
    world.run(SECOND);
    assert!(world.hear_each_other(caller, bot));
    world.press(caller, '0');
    world.run(SECOND);
    assert!(world.hear_each_other(caller, anna));
    assert!(world.phones[&bot].up.is_empty(), "the bot was released");
}

#[test]
fn a_caller_whose_sound_has_gone_is_ended_with_bye_and_counted_as_failed() {
    let mut world = World::new(0, Share::None);
    let caller = world.dial(0, "100");
    world.press(caller, '0');
    world.run(6 * SECOND);
    let session = world.session(caller).unwrap();
    world.media(Report::Silent { session, silence: 30 * SECOND });
    world.run(SECOND);
    assert!(world.phones[&caller].up.is_empty(), "the caller was told with BYE");
    let contact = world.contact();
    assert_eq!(contact.stages[1].outcome, Some(Outcome::Failed));
    assert_eq!(contact.ending.as_ref().map(|e| &*e.reason), Some("no_audio"));
}

#[test]
fn a_port_that_cannot_be_bound_ends_the_call_as_our_fault_and_is_not_used_again() {
    let mut world = World::new(0, Share::None);
    let caller = world.dial(0, "100");
    let session = world.session(caller).unwrap();
    let opened = |order: &Order| {
        let Order::Open { session, local } = order else { return None };
        Some((*session, local.port()))
    };
    let mine = |opened: &(_, u16)| opened.0 == session;
    let port = world.orders.iter().filter_map(opened).find(mine).expect("it was opened").1;
    world.open.remove(&session);
    world.media(Report::OpenFailed { session, error: "address in use".into() });
    world.run(SECOND);
    assert_eq!(world.contact().ending.as_ref().map(|e| e.fault), Some(Fault::Ours));
    for n in 1..20 {
        world.dial(n, "100");
    }
    let uses = world.orders.iter().filter_map(opened).filter(|(_, used)| *used == port).count();
    assert_eq!(uses, 1);
}

#[test]
fn a_draining_switch_refuses_new_calls_and_lets_running_ones_finish() {
    let mut world = World::new(1, Share::None);
    let anna = world.ready_agent(0);
    let first = world.dial(0, "100");
    world.press(first, '0');
    world.run(SECOND);
    let now = world.now;
    world.switch.drain(now);
    let second = world.dial(1, "100");
    world.run(SECOND);
    assert_eq!(world.phones[&second].refused, [503]);
    assert!(world.hear_each_other(first, anna), "the running call is unhurt");
    let now = world.now;
    world.switch.end_all(now);
    world.drain();
    world.run(60 * SECOND);
    world.assert_empty();
    assert_eq!(world.contact().ending.as_ref().map(|e| &*e.reason), Some("drained"));
}

#[test]
fn the_201st_call_of_a_second_is_refused_with_retry_after_and_running_ones_are_unhurt() {
    let mut world = World::new(0, Share::None);
    let callers: Vec<_> = (0..210).map(World::caller_address).collect();
    for (n, caller) in callers.iter().enumerate() {
        world.plug(*caller, &format!("+7701000{n:04}"));
        let now = world.now;
        world.phones.get_mut(caller).unwrap().dial(now, "100");
    }
    world.run(Duration::from_millis(500));
    let refused = callers.iter().filter(|c| world.phones[*c].refused == [503]).count();
    let up = callers.iter().filter(|c| world.phones[*c].up.len() == 1).count();
    assert_eq!((up, refused), (200, 10));
    let overload = |note: &&Note| matches!(note, Note::Refused { reason: "overload", .. });
    assert_eq!(world.notes.iter().filter(overload).count(), 10);
}

#[test]
fn the_bound_on_calls_counts_calls_and_not_the_agents_who_serve_them() {
    let mut world = World::with_calls_max(1, Share::None, 2);
    let anna = world.ready_agent(0);
    let first = world.dial(0, "100");
    world.press(first, '0');
    world.run(SECOND);
    assert!(world.hear_each_other(first, anna), "one call with two lines");
    let second = world.dial(1, "101");
    assert_eq!(world.phones[&second].up.len(), 1, "the second call is within the bound");
    let third = world.dial(2, "100");
    assert_eq!(world.phones[&third].refused, [503]);
    let full = |note: &&Note| matches!(note, Note::Refused { reason: "calls_max", .. });
    assert_eq!(world.notes.iter().filter(full).count(), 1);
    let now = world.now;
    world.phones.get_mut(&second).unwrap().hang_up(now);
    world.run(SECOND);
    let fourth = world.dial(3, "100");
    assert_eq!(world.phones[&fourth].up.len(), 1, "a place is free again");
}

#[test]
fn lost_datagrams_cost_time_and_nothing_else() {
    for seed in 0..7 {
        let mut world = World::new(1, Share::None);
        let anna = world.ready_agent(0);
        // A different one of every seven datagrams is lost in each round.
        world.loses = [
            |n| n % 7 == 0,
            |n| n % 7 == 1,
            |n| n % 7 == 2,
            |n| n % 7 == 3,
            |n| n % 7 == 4,
            |n| n % 7 == 5,
            |n| n % 7 == 6,
        ][seed];
        let caller = world.dial(0, "100");
        world.run(10 * SECOND);
        world.press(caller, '0');
        world.run(20 * SECOND);
        assert!(world.hear_each_other(caller, anna), "round {seed}:\n{}", world.take_ladder());
        let now = world.now;
        world.phones.get_mut(&caller).unwrap().hang_up(now);
        world.run(120 * SECOND);
        world.assert_empty();
        assert_eq!(world.switch.snapshot(world.now).agents[0].activity, Activity::Idle);
    }
}

// ---- races ----------------------------------------------------------------------------------------------------------

/// Anna's phone rings and will answer after so long; a caller waits for it.
fn ringing(answers_after: Duration) -> (World, SocketAddr, SocketAddr) {
    let mut world = World::new(2, Share::None);
    let anna = world.ready_agent(0);
    world.phones.get_mut(&anna).expect("plugged in").answers_after = Some(answers_after);
    let caller = world.dial(0, "100");
    world.press(caller, '0');
    (world, caller, anna)
}

#[test]
fn a_200_that_crosses_our_cancel_is_acknowledged_and_ended_with_a_reason_and_counted() {
    for caller_leaves in [false, true] {
        let (mut world, caller, anna) = ringing(2 * SECOND);
        // The INVITE took 5 ms; our CANCEL leaves 2 ms before the phone answers.
        let crossing = Duration::from_millis(if caller_leaves { 1_998 } else { 2_003 });
        world.run(crossing);
        world.take_ladder();
        if caller_leaves {
            let now = world.now;
            world.phones.get_mut(&caller).unwrap().hang_up(now);
        } else {
            world.status(0, Status::Lunch);
        }
        world.run(SECOND);
        let ladder = world.take_ladder();
        let mut rungs = ladder.lines().filter(|rung| rung.contains("anna"));
        let order = [
            "switch → anna: CANCEL",
            "anna → switch: 200 OK",
            "switch → anna: ACK",
            "switch → anna: BYE",
        ];
        for rung in order {
            assert!(rungs.any(|crossed| crossed == rung), "{rung} is missing in\n{ladder}");
        }
        let bye = world.newest_of_switch("BYE");
        assert!(bye.contains("\r\nReason: Q.850;cause=16;text="), "{bye}");
        assert!(world.phones[&anna].up.is_empty(), "the phone is free");
        assert_eq!(world.count(|what| matches!(what, What::OfferStale { .. })), 1);
        assert_eq!(world.count(|what| matches!(what, What::Connected { .. })), 0);
        let now = world.now;
        world.phones.get_mut(&caller).unwrap().hang_up(now);
        world.run(60 * SECOND);
        world.assert_empty();
    }
}

#[test]
fn an_answer_within_a_second_of_the_ring_time_out_is_a_talk_and_a_later_one_is_not() {
    for (after, talks) in [(20_900, true), (21_100, false)] {
        let (mut world, caller, anna) = ringing(Duration::from_millis(after));
        world.run(22 * SECOND);
        assert_eq!(world.hear_each_other(caller, anna), talks, "answered after {after} ms");
        let stale = world.count(|what| matches!(what, What::OfferStale { .. }));
        assert_eq!(stale, 0, "the phone has stopped ringing in time");
        let now = world.now;
        world.phones.get_mut(&caller).unwrap().hang_up(now);
        world.run(60 * SECOND);
        world.assert_empty();
    }
}

#[test]
fn an_agent_who_dials_while_his_phone_rings_hears_busy_and_it_rings_on() {
    let (mut world, caller, anna) = ringing(3 * SECOND);
    world.run(SECOND);
    for number in ["100", "boris"] {
        let now = world.now;
        world.phones.get_mut(&anna).unwrap().dial(now, number);
        world.run(Duration::from_millis(200));
        assert_eq!(world.phones[&anna].refused.last(), Some(&486), "{number}");
    }
    world.run(2 * SECOND);
    assert!(world.hear_each_other(caller, anna), "the offer stood");
}

#[test]
fn a_direct_call_to_an_agent_in_a_talk_hears_busy() {
    let (mut world, caller, [anna, boris, _]) = floor();
    let now = world.now;
    world.phones.get_mut(&boris).unwrap().dial(now, "anna");
    world.run(SECOND);
    assert_eq!(world.phones[&boris].refused, [486]);
    assert!(world.hear_each_other(caller, anna), "the talk is undisturbed");
}

// ---- transfers and supervision --------------------------------------------------------------------------------------

/// Anna talks with a caller, Boris and Clara are ready.
fn floor() -> (World, SocketAddr, [SocketAddr; 3]) {
    let mut world = World::new(3, Share::None);
    let anna = world.ready_agent(0);
    let caller = world.dial(0, "100");
    world.press(caller, '0');
    world.run(SECOND);
    assert!(world.hear_each_other(caller, anna));
    let others = [world.ready_agent(1), world.ready_agent(2)];
    world.take_ladder();
    (world, caller, [anna, others[0], others[1]])
}

#[test]
fn a_phones_blind_transfer_is_accepted_told_of_and_ended_with_bye() {
    let (mut world, caller, [anna, boris, _]) = floor();
    world.refer(anna, "sip:boris@bank.example");
    world.run(SECOND);
    assert!(world.hear_each_other(caller, boris));
    let ladder = world.take_ladder();
    let to_anna: Vec<&str> = ladder.lines().filter(|rung| rung.contains("anna")).collect();
    let expected = [
        "anna → switch: REFER",
        "switch → anna: 202 Accepted",
        "switch → anna: NOTIFY",
        "switch → anna: BYE",
        "anna → switch: 200 OK",
    ];
    for rung in expected {
        assert!(to_anna.contains(&rung), "{rung} is missing in\n{ladder}");
    }
    let talks = world.contacts.values().next().unwrap().stages.iter();
    let agents: Vec<_> = talks.filter_map(|stage| stage.agent.as_deref()).collect();
    assert_eq!(agents, ["anna", "boris"]);
}

#[test]
fn a_caller_who_is_passed_on_hears_the_ringing_though_nobody_recorded_it() {
    let (mut world, caller, [anna, boris, _]) = floor();
    world.phones.get_mut(&boris).unwrap().answers_after = None;
    world.refer(anna, "sip:boris@bank.example");
    world.run(SECOND);
    assert_eq!(world.phones[&boris].ringing.len(), 1);
    let session = world.session(caller).unwrap();
    let ringing = Order::Loop { session, clip: Library::RINGBACK };
    assert!(world.orders.contains(&ringing), "{:?}", world.orders.last());
}

#[test]
fn a_transfer_where_an_agent_may_not_send_a_call_is_refused_with_the_reason() {
    let (mut world, caller, [anna, ..]) = floor();
    for (to, rung) in [
        ("sip:100@bank.example", "switch → anna: 403 Forbidden"),
        ("sip:+7727@bank.example", "switch → anna: 403 Forbidden"),
        ("sip:boris@bank.example?Replaces=x%3Bto-tag%3Da%3Bfrom-tag%3Db", "switch → anna: 481"),
    ] {
        world.refer(anna, to);
        world.run(SECOND);
        assert!(world.take_ladder().contains(rung), "{to}");
        assert!(world.hear_each_other(caller, anna));
    }
}

#[test]
fn an_attended_transfer_replaces_the_agents_own_call() {
    let (mut world, caller, [anna, boris, _]) = floor();
    let now = world.now;
    world.phones.get_mut(&anna).unwrap().hold(now, true);
    world.run(SECOND);
    let now = world.now;
    world.phones.get_mut(&anna).unwrap().dial(now, "boris");
    world.run(SECOND);
    assert!(world.hear_each_other(anna, boris), "the consultation");
    let replaces = world.replaces(anna);
    world.refer(anna, &format!("sip:boris@bank.example?Replaces={replaces}"));
    world.run(SECOND);
    assert!(world.hear_each_other(caller, boris), "{}", world.take_ladder());
    assert!(world.phones[&anna].up.is_empty(), "both calls of the first agent are over");
    let contact = world.contacts.values().next().unwrap();
    assert_eq!(contact.stages.iter().filter(|stage| stage.kind == StageKind::Talk).count(), 2);
    let now = world.now;
    world.phones.get_mut(&caller).unwrap().hang_up(now);
    world.run(120 * SECOND);
    world.assert_empty();
}

#[test]
fn a_colleague_who_is_away_is_not_rung_and_the_phone_hears_why() {
    let (mut world, _caller, [anna, ..]) = floor();
    world.status(1, Status::Lunch);
    let now = world.now;
    world.phones.get_mut(&anna).unwrap().dial(now, "boris");
    world.run(SECOND);
    assert_eq!(world.phones[&anna].refused.last(), Some(&480));
    let now = world.now;
    world.phones.get_mut(&anna).unwrap().dial(now, "anna");
    world.run(SECOND);
    assert_eq!(world.phones[&anna].refused.last(), Some(&486), "busy with himself");
}

#[test]
fn a_supervisor_follows_an_agent_from_one_media_worker_to_another() {
    let (mut world, caller, [anna, _, clara]) = floor();
    world.status(1, Status::Lunch);
    let command = WatchCommand::Watch { agent: AgentId(0), mode: WatchMode::Barge };
    let supervise = CallCommand::Supervise { supervisor: AgentId(2), command };
    world.switch.command(world.now, supervise).unwrap();
    world.drain();
    world.run(SECOND);
    let heard = |world: &World, who| world.hears(world.session(who).unwrap()).to_vec();
    let session = |world: &World, who| world.session(who).unwrap();
    assert_eq!(heard(&world, clara), [session(&world, caller), session(&world, anna)]);
    assert!(heard(&world, caller).contains(&session(&world, clara)));
    // Another caller takes a line on the first worker, so the next talk of Anna is on the other one.
    let now = world.now;
    world.phones.get_mut(&caller).unwrap().hang_up(now);
    world.run(20 * SECOND);
    let idle = world.dial(5, "101");
    let next = world.dial(1, "100");
    world.press(next, '0');
    world.run(2 * SECOND);
    assert!(heard(&world, anna).contains(&session(&world, next)));
    assert_eq!(heard(&world, clara), [session(&world, next), session(&world, anna)]);
    for phone in [idle, next, clara] {
        let now = world.now;
        world.phones.get_mut(&phone).unwrap().hang_up(now);
    }
    world.run(120 * SECOND);
    world.assert_empty();
}
