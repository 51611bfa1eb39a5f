//! Load and oddities over real SIP: SIPp calls the real binary and answers for its agents.
//!
//! `DOZVON_LOAD_SECS=60` makes the load as long as one wants; by default it is short enough for every day.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the answer")]

#[allow(dead_code, unused_imports)]
#[path = "../e2e/helper.rs"]
mod helper;
#[allow(dead_code, unused_imports)]
#[path = "../e2e/house.rs"]
mod house;
#[allow(dead_code, unused_imports)]
#[path = "../../src/caller/phone/mod.rs"]
mod phone;

mod bots;
mod crash;
mod flood;
mod load;
mod reload;
mod rollout;
mod scenarios;
mod sipp;
mod staff;

use std::collections::BTreeMap;
use std::time::Duration;

/// Tests that want the machine for themselves take turns.
static MACHINE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// How long a load lasts.
fn load_secs(usual: u64) -> u64 {
    std::env::var("DOZVON_LOAD_SECS")
        .map_or(usual, |secs| secs.parse().expect("DOZVON_LOAD_SECS is a whole number"))
}

/// The samples of `/metrics`.
struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    async fn of(house: &house::House) -> Metrics {
        let (code, text) = house.get("/metrics").await;
        assert_eq!(code, 200, "{text}");
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        Metrics(
            samples
                .filter_map(|l| l.rsplit_once(' '))
                .map(|(k, v)| (k.to_owned(), v.parse().unwrap()))
                .collect(),
        )
    }

    /// The sum over all label sets of a family that have each of these labels.
    fn sum(&self, family: &str, labels: &[&str]) -> u64 {
        let of_family = |name: &str| {
            let rest = name.strip_prefix(family);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        };
        let chosen = self
            .0
            .iter()
            .filter(|(name, _)| of_family(name) && labels.iter().all(|l| name.contains(l)));
        chosen.map(|(_, value)| *value as u64).sum()
    }
}

/// What one number of the database is.
fn count(house: &house::House, sql: &str) -> u64 {
    let database = rusqlite::Connection::open(house.folder().join("dozvon.db")).unwrap();
    let count: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
    count.try_into().unwrap()
}

/// Resident memory of a process, kB.
fn resident_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

const SECOND: Duration = Duration::from_secs(1);
