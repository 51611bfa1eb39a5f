//! Bots that break while they talk, with many callers at once: nobody is lost, everybody waits for a person.
//!
//! `BOT_CALLS=300` spreads that many callers over the faults (`make interop-bot`).

use crate::bot::{Bot, Habit, to_bot};
use crate::house::{House, eventually};
use crate::phone::Source;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// Callers at the same time: as many as a house has room for.
const AT_ONCE: u32 = 34;
/// A bot that is stuck is found out between its pings, which come every 5 s.
const FOUND_OUT: Duration = Duration::from_secs(12);

fn callers() -> u32 {
    let calls = std::env::var("BOT_CALLS").map_or(12, |text| text.parse::<u32>().unwrap());
    calls.div_ceil(3)
}

/// How many run and wait for a person.
async fn waiting(house: &House) -> usize {
    let calls: Value = serde_json::from_str(&house.get("/api/v1/calls").await.1).unwrap();
    calls.as_array().unwrap().iter().filter(|call| call["state"] == "waiting").count()
}

/// So many callers come to a bot that breaks; each must be in the queue in the end.
async fn nobody_is_lost(habit: Habit) {
    let mut left = callers();
    while left > 0 {
        let round = left.min(AT_ONCE);
        left -= round;
        let bot = Bot::open(habit).await;
        let house = Arc::new(bot.house().await);
        let mut calls = Vec::new();
        for number in 0..round {
            let house = house.clone();
            calls.push(tokio::spawn(async move {
                let number = format!("+7701{number:07}");
                let mut call = to_bot(&house, &number, Source::Tone(700.0)).await;
                assert!(call.stay(FOUND_OUT).await, "{number} was hung up on");
                // One that talks and does not read is left by the key; who waits already stays where he is.
                call.press(&['0']);
                assert!(call.stay(SECOND).await, "{number} was hung up on");
                call
            }));
        }
        let mut talking = Vec::new();
        for call in calls {
            talking.push(call.await.unwrap());
        }
        let all = usize::try_from(round).unwrap();
        let known = async || (waiting(&house).await == all).then_some(());
        eventually("all of them wait for a person", known).await;
        for call in talking {
            call.hang_up().await;
        }
        let over =
            async || (house.contacts().iter().filter(|c| c.ended).count() == all).then_some(());
        eventually("all contacts are written", over).await;
        let reasons: Vec<_> = house.contacts().into_iter().filter_map(|c| c.reason).collect();
        assert!(reasons.iter().all(|reason| reason == "hung_up"), "they ended it: {reasons:?}");
        println!("{habit:?}: {all} of {all} callers waited for a person");
        house.stop().await;
    }
}

#[tokio::test]
async fn nobody_is_lost_when_the_bot_crashes() {
    nobody_is_lost(Habit::Crashes).await;
}

#[tokio::test]
async fn nobody_is_lost_when_the_bot_freezes() {
    nobody_is_lost(Habit::Freezes).await;
}

#[tokio::test]
async fn nobody_is_lost_when_the_bot_reads_nothing() {
    nobody_is_lost(Habit::ReadsNothing).await;
}
