//! Another version of the flows each second, every second one broken, under fifty calls a second: no call fails, each
//! contact names a version that was in force, and what is broken changes nothing.

use crate::house::{Furnishing, House, eventually};
use crate::load::furnishing;
use crate::sipp::{Calls, Sipp};
use crate::staff::{come_to_work, users};
use crate::{MACHINE, Metrics, SECOND, count, load_secs};
use serde_json::Value;
use std::collections::BTreeSet;

const PER_SECOND: u32 = 50;
const AGENTS: usize = 240;
const BANK: &str = include_str!("../../ivr-flows/bank-main.yaml");

/// Writes the bank's flow with this behind it and reloads; the HTTP status and the version of the flow then in force.
async fn reload_with(house: &House, tail: &str) -> (u16, String) {
    let flow = house.folder().join("flows/bank-main.yaml");
    std::fs::write(flow, format!("{BANK}{tail}")).unwrap();
    let (code, _) = house.post("/api/v1/reload", "").await;
    let (_, body) = house.get("/api/v1/version").await;
    let version: Value = serde_json::from_str(&body).unwrap();
    (code, version["flows"][0]["version"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn reloads_under_fifty_calls_a_second_cost_no_call() {
    let _machine = MACHINE.lock().await;
    let with = Furnishing { flow: Some(BANK.into()), ..furnishing(AGENTS) };
    let house = House::furnished(with).await;
    let phones = come_to_work(&house, &users(AGENTS), "agent", None).await;
    let secs = load_secs(10);
    let calls = u64::from(PER_SECOND) * secs;
    let plan = Calls { per_second: PER_SECOND, count: calls, hold: 3 * SECOND, ..Calls::ONE };
    let reloads = async {
        let mut every = tokio::time::interval(SECOND);
        let (_, first) = reload_with(&house, "").await;
        let mut versions = vec![first];
        for number in 0..secs - 2 {
            every.tick().await;
            if number % 2 == 0 {
                let (code, version) = reload_with(&house, &format!("# {number}\n")).await;
                assert_eq!(code, 200, "it is as good as the one before");
                versions.push(version);
            } else {
                let (code, version) = reload_with(&house, "  lost: {say: {next: nowhere}}\n").await;
                assert_eq!((code, Some(&version)), (422, versions.last()), "nothing has changed");
            }
        }
        versions
    };
    let callers = Sipp::calls(&house, "caller", "100", &plan);
    let versions = reloads.await;
    callers.all_well(calls).await;
    eventually("all contacts are in the database", async || {
        let ended = count(&house, "SELECT count(*) FROM contacts WHERE ended_at IS NOT NULL");
        (ended >= calls).then_some(())
    })
    .await;
    let known: BTreeSet<&String> = versions.iter().collect();
    assert_eq!(known.len(), versions.len(), "each version has its own name");
    let list: Vec<String> = versions.iter().map(|version| format!("'{version}'")).collect();
    let list = list.join(", ");
    let named =
        count(&house, &format!("SELECT count(*) FROM contacts WHERE flow_version IN ({list})"));
    assert_eq!(named, calls, "every contact names a version that was in force");
    let used = count(&house, "SELECT count(DISTINCT flow_version) FROM contacts");
    assert!(used >= 4, "callers came under {used} of {} versions", versions.len());
    assert_eq!(count(&house, "SELECT count(*) FROM contacts WHERE ending_fault = 'ours'"), 0);
    let metrics = Metrics::of(&house).await;
    assert_eq!(metrics.sum("dozvon_config_reloads_total", &["result=\"refused\""]), secs / 2 - 1);
    phones.kill().await;
    house.stop().await;
}
