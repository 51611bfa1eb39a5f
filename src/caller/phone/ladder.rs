//! The SIP ladder that `dozvon call` prints: every message with its time, an arrow and its first line.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Prints messages as they go and come.
#[derive(Debug)]
pub(crate) struct Ladder {
    started: Instant,
    whole: bool,
    opened: AtomicBool,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From us.
    Out,
    /// To us.
    In,
}

impl Ladder {
    /// A ladder whose time begins now; `whole` prints whole messages too.
    pub(crate) fn new(whole: bool) -> Ladder {
        Ladder { started: Instant::now(), whole, opened: AtomicBool::new(false) }
    }

    /// Prints one message.
    pub(super) fn message(&self, way: Way, peer: SocketAddr, text: &str) {
        if !self.opened.swap(true, Ordering::Relaxed) {
            println!("{:>10}  we{:>40}", "seconds", peer);
        }
        println!("{}", rung(self.started.elapsed().as_secs_f64(), way, &label(text)));
        if self.whole {
            for line in text.lines() {
                println!("            │ {line}");
            }
        }
    }

    /// Prints a remark of ours between the messages.
    pub(crate) fn remark(&self, text: &str) {
        println!("{:>10.3}  · {text}", self.started.elapsed().as_secs_f64());
    }
}

fn rung(secs: f64, way: Way, label: &str) -> String {
    match way {
        Way::Out => format!("{secs:>10.3}  │── {label:─<34}▶│", label = format!("{label} ")),
        Way::In => format!("{secs:>10.3}  │◀─ {label:─<34}─│", label = format!("{label} ")),
    }
}

/// Method, or status and reason, with the method of the CSeq; and whether sound is described.
fn label(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let cseq = text.lines().find_map(|l| l.strip_prefix("CSeq:")).map_or("", str::trim);
    let body = if text.contains("\r\n\r\nv=0") { " (SDP)" } else { "" };
    match first.strip_prefix("SIP/2.0 ") {
        Some(status) => {
            let method = cseq.split(' ').nth(1).unwrap_or_default();
            format!("{status} [{method}]{body}")
        }
        None => format!("{}{body}", first.split(' ').next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_name_method_status_and_sound() {
        let ok = "SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\nv=0\r\n";
        assert_eq!(label(ok), "200 OK [INVITE] (SDP)");
        assert_eq!(label("BYE sip:x SIP/2.0\r\nCSeq: 2 BYE\r\n\r\n"), "BYE");
        assert!(rung(1.25, Way::Out, "BYE").starts_with("     1.250  │── BYE ─"));
    }
}
