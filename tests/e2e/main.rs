//! End to end: the real binary on loopback ports of its own, real phones over real SIP and RTP, real files.
//!
//! The phones are those of `dozvon call` (rsip, rtp-rs, public codecs): nothing of the server's own stacks.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the answer")]

#[allow(dead_code, unused_imports)]
#[path = "../../src/caller/phone/mod.rs"]
mod phone;
mod reload;

mod audiohook;
mod bot;
mod bot_faults;
mod callback;
mod demo;
mod exits;
mod helper;
mod house;
mod reattach;
mod recogniser;
mod rollback;
mod sample_bot;
mod screen_pop;
mod tls;
mod trial;

use house::{House, TALK, eventually, manner, tone_manner};
use phone::{Answering, PhoneError, Source};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// The main job: dial in, hear the bank, press 0, hear music, talk with an agent, hang up; and all of it is written
/// down, counted, and nowhere is the caller's number in the log.
#[tokio::test]
async fn a_caller_presses_0_waits_with_music_and_talks_to_an_agent() {
    let house = House::open().await;
    let mut anna = house.agent("anna", tone_manner(1000.0)).await;
    let mut call = house.call("+77015550123", Source::Tone(700.0)).await.unwrap();
    assert!(call.stay(2 * SECOND).await);
    let greeting = call.heard();
    assert!(greeting.sound_secs() > 1.0, "the greeting is heard: {greeting:?}");
    call.press(&['0']);
    assert!(call.stay(6 * SECOND).await);
    let heard = call.hang_up().await;
    assert!(heard.tone_secs(1000) > 2.0, "the caller hears the agent: {heard:?}");
    assert_eq!(heard.lost, 0, "{heard:?}");
    let talked = anna.talked().await.unwrap();
    assert!(talked.heard.tone_secs(700) > 2.0, "the agent hears the caller: {:?}", talked.heard);

    let contact = eventually("the contact is in the database", async || {
        house.contacts().into_iter().find(|c| c.ended)
    })
    .await;
    assert_eq!((&*contact.caller, &*contact.dialled), ("+77015550123", "100"));
    assert!(contact.operator_requested, "{contact:?}");
    let kinds: Vec<&str> = contact.segments.iter().map(|s| &*s.kind).collect();
    assert_eq!(kinds, ["ivr", "queue", "talk"], "{contact:?}");
    assert_eq!(contact.segments[2].agent.as_deref(), Some("anna"));
    let abut = contact.segments.windows(2).all(|pair| pair[0].to == Some(pair[1].from));
    assert!(abut, "stages abut: {contact:?}");

    let metrics = house.get("/metrics").await.1;
    for line in [
        "dozvon_calls_started_total{flow=\"bank-main\"} 1",
        "dozvon_calls_answered_total 1",
        "dozvon_calls_active 0",
        "dozvon_queue_segments_offered_total{queue=\"general\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
    house.stop().await;
    let log = house.log();
    assert!(log.contains("call started"), "the log tells of calls: {log}");
    assert!(
        !log.contains("77015550123") && !log.contains("5550123"),
        "and never shows the number: {log}"
    );
    let number_in_events = std::fs::read_to_string(house.folder().join("events.jsonl")).unwrap();
    assert!(number_in_events.contains("call_ended"), "the event log was kept");
}

#[tokio::test]
async fn the_waiting_caller_hears_music() {
    let house = House::open().await;
    let slow = phone::Manner { rings: (4 * SECOND, 4 * SECOND), ..tone_manner(1000.0) };
    let _anna = house.agent("anna", slow).await;
    let mut call = house.call("+77015550124", Source::Silence).await.unwrap();
    call.press(&['0']);
    assert!(call.stay(SECOND.mul_f64(3.5)).await);
    let waiting = call.heard();
    assert!(waiting.sound_secs() > 2.0 && waiting.tone_secs(1000) == 0.0, "{waiting:?}");
    let began = std::time::Instant::now();
    while call.heard().tone_secs(1000) < 1.0 {
        assert!(began.elapsed() < TALK && call.stay(SECOND / 5).await, "anna has him at last");
    }
    call.hang_up().await;
}

#[tokio::test]
async fn every_status_can_be_set_over_http_and_from_the_phone() {
    let house = House::open().await;
    let _anna = house.agent("anna", manner(Answering::Answer)).await;
    let all = [
        ("*2", "lunch"),
        ("*3", "training"),
        ("*4", "short_break"),
        ("*5", "huddle"),
        ("*6", "not_ready"),
        ("*7", "one_to_one"),
        ("*8", "group_meeting"),
        ("*9", "technical_problems"),
        ("*1", "ready"),
    ];
    for (_, status) in all {
        let (code, body) = house.set_status("anna", status).await;
        assert_eq!(code, 200, "{body}");
        assert_eq!(house.status("anna").await, status);
    }
    for (code, status) in all {
        let mut call = house.dial("anna", code).await.unwrap();
        call.stay(SECOND).await;
        assert!(call.heard().received > 10, "the confirmation is spoken: {:?}", call.heard());
        call.hang_up().await;
        let known = async || (house.status("anna").await == status).then_some(());
        eventually(&format!("{status} after {code}"), known).await;
    }
    assert_eq!(house.set_status("anna", "holiday").await.0, 400);
}

#[tokio::test]
async fn lunch_while_ringing_withdraws_the_offer_and_the_caller_keeps_his_place() {
    let house = House::open().await;
    let _anna = house.agent("anna", manner(Answering::Ignore)).await;
    let mut call = house.call("+77015550125", Source::Tone(700.0)).await.unwrap();
    call.press(&['0']);
    assert!(call.stay(SECOND).await);
    eventually("anna's phone rings", async || {
        (house.agent_row("anna").await["activity"] != "idle").then_some(())
    })
    .await;
    assert_eq!(house.set_status("anna", "lunch").await.0, 200);
    assert_eq!(house.status("anna").await, "lunch", "at once, the offer is withdrawn");
    let mut bolat = house.agent("bolat", tone_manner(1000.0)).await;
    assert!(call.stay(4 * SECOND).await);
    assert!(call.hang_up().await.tone_secs(1000) > 1.0, "bolat took the call");
    assert!(bolat.talked().await.unwrap().heard.tone_secs(700) > 1.0);
    let contact =
        eventually("the contact ended", async || house.contacts().into_iter().find(|c| c.ended))
            .await;
    let queues = contact.segments.iter().filter(|s| s.kind == "queue").count();
    assert_eq!(queues, 1, "one stay in the queue, with its place kept: {contact:?}");
}

#[tokio::test]
async fn sigterm_lets_the_running_call_finish_and_refuses_new_ones() {
    let house = House::open().await;
    let mut call = house.call("+77015550126", Source::Silence).await.unwrap();
    house.signal("TERM");
    let refused = eventually("new calls are refused", async || {
        match house.call("+77015550127", Source::Silence).await {
            Err(PhoneError::Refused(status, _)) => Some(status),
            Err(_) => None,
            Ok(call) => {
                call.hang_up().await;
                None
            }
        }
    })
    .await;
    assert_eq!(refused, 503);
    assert!(call.stay(SECOND).await, "the running call goes on");
    assert!(call.heard().received > 40, "with its sound");
    call.hang_up().await;
    assert_eq!(house.exit_code().await, Some(0));
    assert!(house.contacts().iter().all(|c| c.ended));
}

#[tokio::test]
async fn after_kill_9_the_running_call_is_marked_interrupted_and_agents_are_free() {
    let house = House::open().await;
    let _anna = house.agent("anna", manner(Answering::Answer)).await;
    let mut ended = house.call("+77015550128", Source::Silence).await.unwrap();
    ended.stay(SECOND).await;
    ended.hang_up().await;
    let mut running = house.call("+77015550129", Source::Silence).await.unwrap();
    running.press(&['0']);
    running.stay(3 * SECOND).await;
    eventually("both calls are in the database", async || {
        (house.contacts().len() == 2).then_some(())
    })
    .await;
    eventually("the first has ended", async || {
        house.contacts().iter().any(|c| c.ended).then_some(())
    })
    .await;
    house.signal("KILL");
    house.exit_code().await;
    let house = house.open_again().await;
    let contacts = house.contacts();
    assert_eq!(contacts.len(), 2);
    assert!(contacts.iter().all(|c| c.ended), "{contacts:?}");
    let interrupted =
        contacts.iter().filter(|c| c.reason.as_deref() == Some("interrupted")).count();
    assert_eq!(interrupted, 1, "{contacts:?}");
    let _anna = house.agent("anna", tone_manner(1000.0)).await;
    let mut call = house.call("+77015550130", Source::Silence).await.unwrap();
    call.press(&['0']);
    assert!(call.stay(4 * SECOND).await);
    assert!(call.hang_up().await.tone_secs(1000) > 1.0, "anna takes calls again");
}

#[tokio::test]
async fn the_call_command_prints_a_ladder_and_what_it_heard() {
    let house = House::open().await;
    let output = house
        .command(&[
            "call",
            &format!("sip:101@{}", house.sip()),
            "--duration",
            "2s",
            "--codec",
            "pcmu",
        ])
        .await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    for part in ["INVITE", "200 OK [INVITE] (SDP)", "BYE", "heard:", "0 lost"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let refused = house.command(&["call", &format!("sip:nobody@{}", house.sip())]).await;
    assert_eq!(refused.status.code(), Some(1));
}

#[tokio::test]
async fn all_codecs_and_tcp_reach_the_echo() {
    let house = House::open().await;
    for codec in [phone::Codec::Pcmu, phone::Codec::Pcma, phone::Codec::G722, phone::Codec::Opus] {
        let account = phone::Account { codecs: vec![codec], ..phone::Account::at(house.sip()) };
        let heard = house.echo(account).await;
        assert!(heard.tone_secs(700) > 0.8, "{codec:?}: {heard:?}");
    }
    let tcp =
        phone::Account { transport: phone::Transport::Tcp, ..phone::Account::at(house.sip_tcp()) };
    assert!(house.echo(tcp).await.tone_secs(700) > 0.8, "over TCP");
}
