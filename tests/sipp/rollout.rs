//! The draw between bot and people, by a thousand callers at each stage.

use crate::house::{Furnishing, House, eventually};
use crate::load::furnishing;
use crate::sipp::{Calls, Sipp};
use crate::{MACHINE, SECOND, count};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

const CALLERS: u64 = 1_000;
const PER_SECOND: u32 = 90;

fn stage(share: &str, bot: SocketAddr) -> Furnishing {
    let mut with = furnishing(5);
    with.limits = "calls_max = 800\ncalls_per_sec_max = 500\n".into();
    let rollout = format!(
        "[[rollout]]\nname = \"cards\"\nbot = \"cards-assistant\"\nshare = \"{share}\"\nsalt = \"test\"\n"
    );
    with.files.push(("rollouts/cards.toml", rollout));
    with.files.push((
        "bots.toml",
        format!("[[bot]]\nname = \"cards-assistant\"\nuri = \"sip:cards@{bot}\"\n"),
    ));
    with
}

/// Callers who press 3 and stay a little.
fn callers(count: u64) -> Calls<'static> {
    Calls { per_second: PER_SECOND, count, key: "3", hold: Duration::from_millis(700), tcp: false }
}

/// The callers whom the draw gave to the bot.
fn bots_callers(house: &House) -> BTreeSet<String> {
    let database = rusqlite::Connection::open(house.folder().join("dozvon.db")).unwrap();
    let mut rows = database
        .prepare("SELECT caller FROM contacts JOIN arms USING (call) WHERE arm = 'bot'")
        .unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

async fn all_are_written(house: &House, calls: u64) {
    let ended = "SELECT count(*) FROM contacts WHERE ended_at IS NOT NULL";
    eventually("all contacts ended", async || (count(house, ended) >= calls).then_some(())).await;
    assert_eq!(count(house, "SELECT count(*) FROM arms"), calls, "each was drawn once");
}

#[tokio::test]
async fn a_thousand_callers_are_split_as_told_and_stay_on_their_side() {
    let _machine = MACHINE.lock().await;
    let mut earlier = BTreeSet::new();
    for (share, part) in [("1/10", 0.1), ("1/5", 0.2), ("1/2", 0.5)] {
        let (bot, at) = Sipp::answers_anywhere("agent").await;
        let house = House::furnished(stage(share, at)).await;
        Sipp::calls(&house, "caller", "100", &callers(CALLERS)).all_well(CALLERS).await;
        all_are_written(&house, CALLERS).await;
        let to_bot = bots_callers(&house);
        let (mean, deviation) =
            (CALLERS as f64 * part, (CALLERS as f64 * part * (1.0 - part)).sqrt());
        println!(
            "share {share}: {} of {CALLERS} to the bot, expected {mean} ± {deviation:.1}",
            to_bot.len()
        );
        let off = (to_bot.len() as f64 - mean).abs();
        assert!(off < 4.0 * deviation, "share {share}: {} of {CALLERS}", to_bot.len());
        assert!(earlier.is_subset(&to_bot), "whom the bot had at a smaller share it keeps");
        let delivered = count(&house, "SELECT count(*) FROM arms WHERE arm = 'bot' AND delivered");
        assert_eq!(delivered, to_bot.len() as u64, "and really talked to it: {}", bot.complaints());

        Sipp::calls(&house, "caller", "100", &callers(100)).all_well(100).await;
        all_are_written(&house, CALLERS + 100).await;
        let torn = "SELECT count(*) FROM (SELECT caller FROM contacts JOIN arms USING (call) \
                    GROUP BY caller HAVING count(DISTINCT arm) > 1)";
        assert_eq!(
            count(&house, "SELECT count(DISTINCT caller) FROM contacts"),
            CALLERS,
            "they called again"
        );
        assert_eq!(count(&house, torn), 0, "the same caller gets the same arm");
        earlier = to_bot;
        bot.kill().await;
    }
}

#[tokio::test]
async fn a_bot_that_dies_costs_no_caller() {
    let _machine = MACHINE.lock().await;
    let (bot, at) = Sipp::answers_anywhere("agent").await;
    let house = House::furnished(stage("1/2", at)).await;
    let calls = 400;
    let plan = Calls { per_second: 50, hold: 4 * SECOND, ..callers(calls) };
    let calling = Sipp::calls(&house, "caller", "100", &plan);
    let delivered = "SELECT count(*) FROM arms WHERE arm = 'bot' AND delivered";
    eventually("the bot works", async || (count(&house, delivered) >= 20).then_some(())).await;
    bot.kill().await;
    calling.all_well(calls).await;
    all_are_written(&house, calls).await;
    let drawn = bots_callers(&house).len() as u64;
    let lost = drawn - count(&house, delivered);
    println!("{drawn} drawn for the bot, {lost} of them after its death");
    assert!(lost >= 50, "the bot died in the middle: {lost} of {drawn}");
    let with_people = "SELECT count(DISTINCT call) FROM arms JOIN segments USING (call) \
                       WHERE arm = 'bot' AND NOT delivered AND kind = 'queue' AND queue = 'cards'";
    assert_eq!(count(&house, with_people), lost, "all of them were in the queue for people");
}
