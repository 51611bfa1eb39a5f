//! The process as Linux shows it in `/proc/self`: memory, processor time, files, threads.

use super::families::Process;
use std::fs;

/// Clock ticks per second in `/proc/self/stat`: 100 on every Linux that Rust runs on (`USER_HZ`).
const TICKS_PER_SEC: f64 = 100.0;

/// Reads the figures anew; what can't be read keeps its last value.
pub(super) fn set(process: &Process) {
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        if let Some(kib) = status_field(&status, "VmRSS:") {
            process.resident_bytes.set(kib.saturating_mul(1024));
        }
        if let Some(threads) = status_field(&status, "Threads:") {
            process.threads.set(threads);
        }
    }
    if let Ok(stat) = fs::read_to_string("/proc/self/stat")
        && let Some(ticks) = cpu_ticks(&stat)
    {
        let secs = ticks as f64 / TICKS_PER_SEC;
        process.cpu_seconds.inc_by((secs - process.cpu_seconds.get()).max(0.0));
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        process.open_fds.set(i64::try_from(files.count()).unwrap_or(i64::MAX));
    }
    if let Ok(limits) = fs::read_to_string("/proc/self/limits")
        && let Some(max) = max_open_files(&limits)
    {
        process.max_fds.set(max);
    }
}

/// The number behind a name in `/proc/self/status`.
fn status_field(status: &str, name: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// User and system time, in ticks. The second field is the program's name in brackets and may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The soft limit of open files.
fn max_open_files(limits: &str) -> Option<i64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_as_linux_writes_it() {
        let status = "Name:\tdozvon\nVmRSS:\t   12345 kB\nThreads:\t7\n";
        assert_eq!(status_field(status, "VmRSS:"), Some(12_345));
        assert_eq!(status_field(status, "Threads:"), Some(7));
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 1 0 0 0 17 5 0 0 20 0 7 0 100 1 1";
        assert_eq!(cpu_ticks(stat), Some(22));
        let limits = "Limit   Soft  Hard  Units\nMax open files            1024   524288   files\n";
        assert_eq!(max_open_files(limits), Some(1_024));
    }
}
