//! The dead letters: events that could not be delivered, one JSON line each, for people and programs to post again.

use super::outbox::Letter;
use crate::server::events::rfc3339;
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// How large the file may grow. Then it is renamed to `FILE.1`, in the place of an older one.
pub(super) const DEAD_LETTERS_BYTES_MAX: u64 = 64 << 20;

/// Why a letter is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Older than `max_age_secs`.
    Expired,
    /// The receiver will never take it.
    Refused,
    /// The queue was full.
    Shed,
    /// dozvon stopped.
    Stopped,
}

impl Why {
    /// The word in the file and in metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Why::Expired => "expired",
            Why::Refused => "refused",
            Why::Shed => "shed",
            Why::Stopped => "stopped",
        }
    }
}

/// Appends a letter to the file, which only its owner can read.
pub(super) fn bury(
    file: &Path,
    bytes_max: u64,
    webhook: &str,
    why: Why,
    letter: &Letter,
    now_micros: u64,
) -> io::Result<()> {
    if fs::metadata(file).is_ok_and(|data| data.len() >= bytes_max) {
        let mut older = file.as_os_str().to_owned();
        older.push(".1");
        fs::rename(file, PathBuf::from(older))?;
    }
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let event: Value = serde_json::from_str(&letter.body)?;
    let line = json!({
        "webhook": webhook,
        "time": rfc3339(now_micros),
        "why": why.as_str(),
        "attempts": letter.attempts,
        "last": letter.last,
        "event": event,
    });
    // One write for the line: webhooks may share a file.
    open(file)?.write_all(format!("{line}\n").as_bytes())
}

#[cfg(unix)]
fn open(file: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().append(true).create(true).mode(0o600).open(file)
}

#[cfg(not(unix))]
fn open(file: &Path) -> io::Result<fs::File> {
    OpenOptions::new().append(true).create(true).open(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::events::scratch::Scratch;
    use dozvon_clock::Timestamp;

    #[test]
    fn a_full_file_makes_room_for_a_new_one() {
        let folder = Scratch::new();
        let file = folder.path("sub/dead.jsonl");
        let letter = Letter {
            id: "1".into(),
            at: Timestamp::EPOCH,
            body: "{\"id\":\"1\"}".into(),
            attempts: 2,
            last: "HTTP 503".into(),
        };
        for _ in 0..3 {
            bury(&file, 1, "crm", Why::Expired, &letter, 0).unwrap();
        }
        let line: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!((&line["why"], &line["event"]["id"]), (&json!("expired"), &json!("1")));
        assert_eq!((&line["attempts"], &line["last"]), (&json!(2), &json!("HTTP 503")));
        assert!(folder.path("sub/dead.jsonl.1").exists());
        let data = fs::metadata(&file).unwrap();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&data.permissions()) & 0o077, 0);
    }
}
