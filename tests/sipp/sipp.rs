//! SIPp as a process: a scenario, a target, and what it counted.

use crate::house::{House, TALK, eventually};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::process::{Child, Command};

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sipp/scenarios");
/// Where SIPp is.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
static RUNS: AtomicU32 = AtomicU32::new(0);

/// Whether anybody has that UDP port on the loopback address, by the kernel's table.
fn is_bound(port: u16) -> bool {
    let table = std::fs::read_to_string("/proc/net/udp").unwrap();
    table.contains(&format!(" 0100007F:{port:04X} "))
}

/// What SIPp counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
}

/// A running SIPp. Ends when dropped.
pub(crate) struct Sipp {
    process: Child,
    folder: PathBuf,
    scenario: String,
}

/// A port that nobody has at this moment.
fn free_port() -> u16 {
    let socket = UdpSocket::bind((ADDRESS, 0)).unwrap();
    socket.local_addr().unwrap().port()
}

impl Drop for Sipp {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Sipp {
    fn start(scenario: &str, args: &[&str]) -> Sipp {
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("dozvon-sipp-{}-{run}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let errors = std::fs::File::create(folder.join("stderr")).unwrap();
        let sound = free_port();
        let process = Command::new("sipp")
            .args(["-sf", &format!("{SCENARIOS}/{scenario}.xml"), "-i", &ADDRESS.to_string()])
            .args([
                "-mp",
                &sound.to_string(),
                "-nostdin",
                "-trace_stat",
                "-fd",
                "1",
                "-stf",
                "stat.csv",
            ])
            .args(["-trace_err", "-error_file", "errors.log", "-aa"])
            .args(args)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .expect("SIPp is installed (apt-get install sip-tester)");
        Sipp { process, folder, scenario: scenario.to_owned() }
    }

    /// Calls `number` so many times at that rate; each call holds for so long after its key.
    pub(crate) fn calls(house: &House, scenario: &str, number: &str, plan: &Calls<'_>) -> Sipp {
        let (rate, count) = (plan.per_second.to_string(), plan.count.to_string());
        let hold = plan.hold.as_millis().to_string();
        let target = if plan.tcp { house.sip_tcp() } else { house.sip() }.to_string();
        let transport = if plan.tcp { "t1" } else { "u1" };
        let args = ["-t", transport, "-s", number, "-r", &rate, "-m", &count, "-d", &hold];
        let bounds = ["-l", "3000", "-key", "key", plan.key, "-timeout_error", "-timeout", "150s"];
        Sipp::start(scenario, &[&args[..], &bounds[..], &[&target]].concat())
    }

    /// Answers calls there, so many or all that come.
    pub(crate) async fn answers(scenario: &str, at: SocketAddr, calls: Option<u64>) -> Sipp {
        let count = calls.map(|calls| calls.to_string());
        let args: Vec<&str> = count.iter().flat_map(|count| ["-m", count]).collect();
        Sipp::listens(scenario, at, &args).await
    }

    async fn listens(scenario: &str, at: SocketAddr, args: &[&str]) -> Sipp {
        let port = at.port().to_string();
        let sipp = Sipp::start(scenario, &[&["-p", &port], args].concat());
        eventually("SIPp listens", async || is_bound(at.port()).then_some(())).await;
        sipp
    }

    /// Answers all calls at an address that it tells.
    pub(crate) async fn answers_anywhere(scenario: &str) -> (Sipp, SocketAddr) {
        Sipp::answers_so(scenario, &[]).await
    }

    /// The same with more words on its command line.
    pub(crate) async fn answers_so(scenario: &str, args: &[&str]) -> (Sipp, SocketAddr) {
        let at = SocketAddr::new(ADDRESS, free_port());
        (Sipp::listens(scenario, at, args).await, at)
    }

    /// Counts so far, as of the last whole second.
    pub(crate) fn counted(&self) -> Counted {
        let text = std::fs::read_to_string(self.folder.join("stat.csv")).unwrap_or_default();
        let mut lines = text.lines().filter(|line| line.ends_with(';'));
        let (Some(head), Some(last)) = (lines.next(), lines.next_back()) else {
            return Counted::default();
        };
        let row: BTreeMap<&str, &str> = head.split(';').zip(last.split(';')).collect();
        let count = |name: &str| row.get(name).and_then(|n| n.parse().ok()).unwrap_or_default();
        Counted { succeeded: count("SuccessfulCall(C)"), failed: count("FailedCall(C)") }
    }

    /// What SIPp complained of, for the message of a failed test.
    pub(crate) fn complaints(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        let text = format!("{}: {}{}", self.scenario, read("stderr"), read("errors.log"));
        text.chars().take(6_000).collect()
    }

    /// Waits until it has made all its calls.
    pub(crate) async fn end(&mut self) -> Counted {
        let end = tokio::time::timeout(3 * TALK, self.process.wait()).await;
        end.unwrap_or_else(|_| panic!("SIPp ends: {}", self.complaints())).unwrap();
        self.counted()
    }

    /// Waits for the end and insists that each call went as the scenario has it.
    pub(crate) async fn all_well(mut self, count: u64) {
        let counted = self.end().await;
        assert_eq!(counted, Counted { succeeded: count, failed: 0 }, "{}", self.complaints());
    }

    /// Kills it.
    pub(crate) async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }
}

/// Calls to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calls<'a> {
    pub(crate) per_second: u32,
    pub(crate) count: u64,
    pub(crate) key: &'a str,
    pub(crate) hold: Duration,
    pub(crate) tcp: bool,
}

impl Calls<'_> {
    /// One caller who presses 0 and stays for two seconds.
    pub(crate) const ONE: Calls<'static> =
        Calls { per_second: 1, count: 1, key: "0", hold: Duration::from_secs(2), tcp: false };
}
