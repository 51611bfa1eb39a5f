//! `kill -9` under load: what had ended is in the database, what was live is marked, and work goes on.

use crate::house::{House, eventually};
use crate::load::furnishing;
use crate::sipp::{Calls, Sipp};
use crate::staff::{come_to_work, users};
use crate::{MACHINE, count};
use serde_json::Value;
use std::collections::BTreeMap;

const AGENTS: usize = 60;
/// What the store may not have written when the process is killed: a batch, with room for a slow disk.
const UNWRITTEN_MICROS: i64 = 500_000;

/// Start and end of every call, as the event log has them, µs.
fn log_of_calls(house: &House) -> BTreeMap<u64, (i64, Option<i64>)> {
    let text = std::fs::read_to_string(house.folder().join("events.jsonl")).unwrap();
    let mut calls = BTreeMap::new();
    for line in text.lines() {
        let Ok(fact) = serde_json::from_str::<Value>(line) else { continue };
        let (Some(kind), Some(call)) = (fact["fact"].as_str(), fact["call"].as_u64()) else {
            continue;
        };
        let at = fact["at"].as_i64().unwrap();
        match kind {
            "call_started" => drop(calls.insert(call, (at, None))),
            "call_ended" => calls.get_mut(&call).expect("it had started").1 = Some(at),
            _ => {}
        }
    }
    calls
}

#[tokio::test]
async fn kill_9_under_load_loses_no_ended_contact_and_leaves_nobody_stuck() {
    let _machine = MACHINE.lock().await;
    let house = House::furnished(furnishing(AGENTS)).await;
    let phones = come_to_work(&house, &users(AGENTS), "agent", None).await;
    let plan = Calls { per_second: 20, count: 1_000, ..Calls::ONE };
    let callers = Sipp::calls(&house, "caller", "100", &plan);
    // The last of them may be in no log yet.
    eventually("eighty calls have ended", async || {
        (callers.counted().succeeded >= 80).then_some(())
    })
    .await;
    let known_to_callers = callers.counted().succeeded;
    house.signal("KILL");
    house.exit_code().await;
    callers.kill().await;
    phones.kill().await;
    let log = log_of_calls(&house);
    let killed_at = log.values().map(|(start, end)| end.unwrap_or(*start)).max().unwrap();

    let house = house.open_again().await;
    assert_eq!(
        count(&house, "SELECT count(*) FROM contacts WHERE ended_at IS NULL"),
        0,
        "no call is left open"
    );
    assert_eq!(
        count(&house, "SELECT count(*) FROM segments WHERE to_at IS NULL"),
        0,
        "and no stage"
    );
    assert_eq!(
        count(
            &house,
            "SELECT count(*) FROM agent_status WHERE to_at IS NULL AND activity <> 'idle'"
        ),
        0
    );
    let interrupted =
        count(&house, "SELECT count(*) FROM contacts WHERE ending_reason = 'interrupted'");
    let whole = count(&house, "SELECT count(*) FROM contacts WHERE ending_reason <> 'interrupted'");
    let ended = log.values().filter(|(_, end)| end.is_some()).count() as u64;
    let certain = log
        .values()
        .filter(|(_, end)| end.is_some_and(|end| end < killed_at - UNWRITTEN_MICROS))
        .count() as u64;
    println!(
        "killed with {} calls in the event log, {ended} of them ended; \
         database: {whole} ended, {interrupted} interrupted",
        log.len()
    );
    assert!(certain >= 40, "the load was real: {certain}");
    assert!(whole >= certain, "every ended contact is present: {whole} of {certain}");
    assert!(
        whole >= known_to_callers.saturating_sub(20),
        "{whole}, callers knew of {known_to_callers}"
    );
    assert!(interrupted >= 10, "live ones are marked: {interrupted}");
    assert!(whole + interrupted <= log.len() as u64, "nothing is made up");

    for user in users(AGENTS) {
        let row = house.agent_row(&user).await;
        assert_eq!(row["activity"], "idle", "{row}");
    }
    let phones = come_to_work(&house, &users(AGENTS), "agent", None).await;
    let plan = Calls { per_second: 20, count: 60, ..Calls::ONE };
    Sipp::calls(&house, "caller", "100", &plan).all_well(60).await;
    let talks = "SELECT count(*) FROM segments JOIN contacts USING (call) \
                 WHERE kind = 'talk' AND ending_reason <> 'interrupted' AND started_at > ";
    eventually("the new calls are connected", async || {
        (count(&house, &format!("{talks}{killed_at}")) >= 60).then_some(())
    })
    .await;
    phones.kill().await;
}
