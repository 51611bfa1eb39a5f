//! Bots that are called by SIP and fail, each in a way of its own: the caller is in the queue for people within two
//! seconds and a half.

use crate::SECOND;
use crate::helper::{house_of, waits_for_people};
use crate::house::{House, eventually};
use crate::phone::Source;
use crate::sipp::Sipp;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a caller may be without anybody: a bot that is silent or does not answer has two seconds.
const WITHIN: Duration = Duration::from_millis(2_500);

async fn house_with_bot(at: SocketAddr) -> House {
    house_of(&format!("uri = \"sip:helper@{at}\"")).await
}

/// When he was given to the bot and when he came into the queue, as his contact has it: microseconds since the epoch.
async fn moments(house: &House) -> (i64, i64) {
    let ended = async || house.contacts().into_iter().find(|contact| contact.ended);
    let contact = eventually("the contact is written", ended).await;
    let of = |kind: &str| contact.segments.iter().find(|s| s.kind == kind).unwrap().from;
    (of("bot"), of("queue"))
}

fn check(how: &str, from: i64, until: i64) {
    let took = Duration::from_micros(u64::try_from(until - from).unwrap());
    println!("a bot that {how}: in the queue for people after {:.3} s", took.as_secs_f64());
    assert!(took <= WITHIN, "{how}: {took:?}");
}

/// A caller is given to the bot there, which fails like this: as told, and in time.
async fn fails(how: &str, at: SocketAddr, failure: &str) {
    let house = house_with_bot(at).await;
    let mut call = house.call("+77015550180", Source::Tone(700.0)).await.unwrap();
    waits_for_people(&house, &mut call).await;
    assert!(call.stay(SECOND / 2).await);
    call.hang_up().await;
    let (from, until) = moments(&house).await;
    check(how, from, until);
    let metrics = house.get("/metrics").await.1;
    let line = format!("dozvon_bot_failed_total{{bot=\"helper\",reason=\"{failure}\"}} 1");
    assert!(metrics.contains(&line), "{line} in\n{metrics}");
}

#[tokio::test]
async fn a_bot_that_refuses_is_people_at_once() {
    for (status, failure) in [("486", "busy"), ("404", "unreachable"), ("503", "unreachable")] {
        let (bot, at) = Sipp::answers_anywhere(&format!("refuses-{status}")).await;
        fails(&format!("answers {status}"), at, failure).await;
        bot.kill().await;
    }
}

#[tokio::test]
async fn a_bot_that_is_not_there_is_people_at_once_and_one_that_never_answers_in_two_seconds() {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = nobody.local_addr().unwrap();
    fails("answers nothing", at, "no_answer").await;
    drop(nobody);
    fails("is not there", at, "unreachable").await;
}

#[tokio::test]
async fn a_bot_that_answers_and_is_silent_is_people_after_two_seconds() {
    let (bot, at) = Sipp::answers_anywhere("agent").await;
    fails("answers and sends no sound", at, "no_audio").await;
    bot.kill().await;
}

#[tokio::test]
async fn a_bot_that_is_killed_in_mid_talk_is_people_after_two_seconds() {
    let (bot, at) = Sipp::answers_so("agent", &["-rtp_echo"]).await;
    let house = house_with_bot(at).await;
    let mut call = house.call("+77015550181", Source::Tone(700.0)).await.unwrap();
    assert!(call.stay(4 * SECOND).await);
    let heard = call.heard().tone_secs(700);
    assert!(heard > 2.0, "his own voice comes back: {heard} s; {}", bot.complaints());
    let killed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    bot.kill().await;
    waits_for_people(&house, &mut call).await;
    call.hang_up().await;
    let (_, until) = moments(&house).await;
    check("is killed in mid-talk", i64::try_from(killed).unwrap(), until);
}
