//! A network namespace of the test's own, joined to ours by a pair of virtual Ethernet devices.

use std::net::Ipv4Addr;
use std::process::Command;

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
    /// Makes it. Addresses are of 10.200.0.0/13, chosen by the process, so that two runs do not meet.
    pub(crate) fn open() -> Namespace {
        assert!(
            is_root(),
            "this test puts a softphone into a network namespace of its own and must be root for that: run it with sudo"
        );
        let pid = std::process::id();
        let (a, b) = ((200 + pid % 8) as u8, (pid / 8 % 250) as u8);
        let namespace = Namespace {
            name: format!("dozvon{pid}"),
            here: [10, a, b, 1].into(),
            there: [10, a, b, 2].into(),
        };
        let Namespace { name, here, there } = &namespace;
        ip(&format!("netns add {name}"));
        ip(&format!("link add dz{pid}a type veth peer name dz{pid}b netns {name}"));
        ip(&format!("addr add {here}/30 dev dz{pid}a"));
        ip(&format!("link set dz{pid}a up"));
        ip(&format!("-n {name} addr add {there}/30 dev dz{pid}b"));
        ip(&format!("-n {name} link set dz{pid}b up"));
        ip(&format!("-n {name} link set lo up"));
        namespace
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The devices go with the namespace.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}
