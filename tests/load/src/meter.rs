//! Readings of the measured process out of /proc, and the spread of many values.

use crate::socket::now;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Milliseconds of one tick of /proc/PID/stat: USER_HZ is 100 on every Linux that matters here.
const TICK_MS: i64 = 10;

/// The processes that are measured together.
pub(crate) struct Process(Vec<u32>);

/// One reading.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// When.
    pub(crate) at: i64,
    /// User and system time, milliseconds.
    pub(crate) cpu_ms: i64,
    /// Our own, milliseconds.
    pub(crate) own_cpu_ms: i64,
    /// How long its threads were ready and not run, nanoseconds: what others on the machine cost it.
    pub(crate) wait_ns: i64,
    /// Resident memory.
    pub(crate) rss_kb: i64,
    /// Threads.
    pub(crate) threads: i64,
}

fn text(path: impl AsRef<Path>) -> String {
    // A process that has ended reads as nothing.
    fs::read_to_string(path).unwrap_or_default()
}

fn cpu_ms(pid: &str) -> i64 {
    let stat = text(format!("/proc/{pid}/stat"));
    let fields: Vec<i64> =
        stat.rsplit(") ").next().unwrap_or("").split(' ').map(|word| word.trim().parse().unwrap_or(0)).collect();
    (fields.get(11).unwrap_or(&0) + fields.get(12).unwrap_or(&0)) * TICK_MS
}

fn wait_ns(pid: u32) -> i64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let waits = tasks.map(|task| {
        let line = text(task.path().join("schedstat"));
        line.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
    });
    waits.sum()
}

impl Process {
    /// These processes together.
    pub(crate) fn new(pids: &[u32]) -> Process {
        Process(pids.to_vec())
    }

    /// Reads them now.
    pub(crate) fn sample(&self) -> Sample {
        let mut sample = Sample { at: now(), own_cpu_ms: cpu_ms("self"), ..Sample::default() };
        for pid in &self.0 {
            sample.cpu_ms += cpu_ms(&pid.to_string());
            sample.wait_ns += wait_ns(*pid);
            let status = text(format!("/proc/{pid}/status"));
            let number = |key: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(key));
                line.and_then(|rest| rest.split_whitespace().next()?.parse::<i64>().ok()).unwrap_or(0)
            };
            sample.rss_kb += number("VmRSS:");
            sample.threads += number("Threads:");
        }
        sample
    }
}

/// Many values, of which quantiles are told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread(Vec<f64>);

impl Spread {
    /// Adds one.
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Their number and quantiles.
    pub(crate) fn json(&mut self) -> Value {
        if self.0.is_empty() {
            return Value::Null;
        }
        self.0.sort_by(f64::total_cmp);
        let last = self.0.len() - 1;
        let quantile = |part: f64| (self.0[(last as f64 * part) as usize] * 1_000.0).round() / 1_000.0;
        json!({
            "n": self.0.len(), "p50": quantile(0.5), "p90": quantile(0.9), "p99": quantile(0.99),
            "p999": quantile(0.999), "max": quantile(1.0),
        })
    }
}
