//! A network namespace of the test's own, joined to ours by a pair of virtual Ethernet devices.

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many this process has made.
static MADE: AtomicU32 = AtomicU32::new(0);

/// The namespace; it and its devices go when it is dropped.
pub(crate) struct Namespace {
    pub(crate) name: String,
    /// The end on our side.
    pub(crate) here: Ipv4Addr,
    /// The end within.
    pub(crate) there: Ipv4Addr,
}

fn ip(line: &str) {
    let output = Command::new("ip")
        .args(line.split(' '))
        .output()
        .expect("ip is installed (apt-get install iproute2)");
    assert!(output.status.success(), "ip {line}: {}", String::from_utf8_lossy(&output.stderr));
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status
        .lines()
        .any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
}

impl Namespace {
    /// Makes it. Addresses are of 10.200.0.0/13, chosen by the process and the number of namespaces it has made, so
    /// that neither two runs nor two tests meet.
    pub(crate) fn open() -> Namespace {
        assert!(
            is_root(),
            "this test puts a softphone into a network namespace of its own and must be root for that: run it with sudo"
        );
        let pid = std::process::id();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        assert!(number < 60, "each takes four of 256 addresses");
        let (a, b, c) = ((200 + pid % 8) as u8, (pid / 8 % 250) as u8, (4 * number) as u8);
        let namespace = Namespace {
            name: format!("dozvon{pid}-{number}"),
            here: [10, a, b, c + 1].into(),
            there: [10, a, b, c + 2].into(),
        };
        let Namespace { name, here, there } = &namespace;
        ip(&format!("netns add {name}"));
        ip(&format!(
            "link add dz{pid}-{number}a type veth peer name dz{pid}-{number}b netns {name}"
        ));
        ip(&format!("addr add {here}/30 dev dz{pid}-{number}a"));
        ip(&format!("link set dz{pid}-{number}a up"));
        ip(&format!("-n {name} addr add {there}/30 dev dz{pid}-{number}b"));
        ip(&format!("-n {name} link set dz{pid}-{number}b up"));
        ip(&format!("-n {name} link set lo up"));
        // A softphone without a way to the world thinks that it has no network at all.
        ip(&format!("-n {name} route add default via {here}"));
        namespace
    }

    /// Takes the link down: what is sent either way is lost, and nobody is told.
    pub(crate) fn cut(&self) {
        let device = self.name.replace("dozvon", "dz");
        ip(&format!("-n {} link set {device}b down", self.name));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The devices go with the namespace.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}
