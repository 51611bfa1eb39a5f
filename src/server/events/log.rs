//! The event log: every fact as one JSON line in a file that is only appended to.
//!
//! The brain hands facts to a bounded channel and goes on; a thread of the log's own writes each burst at once (which
//! `kill -9` does not undo) and has the disk confirm it within [`SYNC_WITHIN`] of a call's start or end (which a power
//! cut does not undo). A last line torn by either is found at the next start by its checksum and cut off. Must never
//! know what facts mean, except which of them are worth waiting for the disk.

use super::Directory;
use super::line::{self, Numbers};
use dozvon_center::fact::{Fact, What};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Facts waiting for the disk. One more is dropped and counted in `dozvon_events_dropped_total`.
pub(crate) const PENDING_MAX: usize = 65_536;

/// How long a call's start or end may wait for the disk's confirmation; all that came meanwhile share it.
pub(crate) const SYNC_WITHIN: Duration = Duration::from_millis(20);

/// Bytes written at once; a burst longer than this is written in parts.
const BURST_BYTES_MAX: usize = 256 * 1024;

/// How far back a torn tail is looked for at start. A whole line is far shorter, so one lies within.
const TAIL_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// How often at most a failing disk is complained of.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// What the log has done, for metrics.
#[derive(Debug, Default)]
pub(crate) struct EventStats {
    /// Facts that did not get into the file: the channel was full, or the disk refused them.
    pub(crate) dropped: AtomicU64,
    /// Lines written.
    pub(crate) written: AtomicU64,
    /// Writes or confirmations that the disk refused.
    pub(crate) errors: AtomicU64,
    /// Bytes of a torn line that were cut off when the log was opened.
    pub(crate) cut_bytes: u64,
}

/// The open event log.
#[derive(Debug)]
pub(crate) struct EventLog {
    sender: SyncSender<Arc<Fact>>,
    stats: Arc<EventStats>,
    thread: JoinHandle<()>,
}

/// The brain's end of the log. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct EventSender {
    sender: SyncSender<Arc<Fact>>,
    stats: Arc<EventStats>,
}

impl EventSender {
    /// Hands a fact over without waiting; when there is no room it is dropped and counted.
    pub(crate) fn try_send(&self, fact: Arc<Fact>) {
        match self.sender.try_send(fact) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.stats.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl EventLog {
    /// Opens or creates the file (readable by its owner only: it holds callers' numbers), cuts a torn tail off and
    /// starts the log's thread. With `rotate_bytes` a file that has grown beyond it is renamed to
    /// `<file>.<time in µs>` and a new one begun; nothing is ever deleted.
    ///
    /// # Errors
    /// What the file system says; the path is named in it.
    pub(crate) fn open(
        path: &Path,
        rotate_bytes: Option<u64>,
        directory: Arc<Directory>,
    ) -> io::Result<EventLog> {
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("event log {}: {error}", path.display()))
        };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(named)?;
        }
        let mut file = open_file(path).map_err(named)?;
        let cut = cut_torn_tail(&mut file).map_err(named)?;
        if cut > 0 {
            tracing::warn!(bytes = cut, file = %path.display(), "cut a torn line off the event log");
        }
        let length = file.metadata().map_err(named)?.len();
        let stats = Arc::new(EventStats { cut_bytes: cut, ..EventStats::default() });
        let (sender, receiver) = sync_channel(PENDING_MAX);
        let writer = Writer {
            path: path.to_owned(),
            file,
            length,
            rotate_bytes,
            directory,
            stats: stats.clone(),
            burst: Vec::with_capacity(BURST_BYTES_MAX),
            lines: 0,
            sync_by: None,
            complained: None,
        };
        let thread = std::thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || writer.run(&receiver))
            .map_err(named)?;
        Ok(EventLog { sender, stats, thread })
    }

    /// The brain's end.
    pub(crate) fn sender(&self) -> EventSender {
        EventSender { sender: self.sender.clone(), stats: self.stats.clone() }
    }

    /// What the log has done so far.
    pub(crate) fn stats(&self) -> Arc<EventStats> {
        self.stats.clone()
    }

    /// Writes and confirms what is left. All senders must be gone, or this waits for them.
    pub(crate) fn close(self) {
        drop(self.sender);
        // The thread ends with its channel; a panic in it was logged by the panic hook already.
        let _ = self.thread.join();
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// Cuts everything after the last whole line; answers how many bytes that was.
fn cut_torn_tail(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(TAIL_BYTES_MAX);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let good = good_prefix(&tail);
    // A window without one whole line is no log of ours, or a bigger hole than a crash makes: leave it to people.
    if good == 0 && from > 0 {
        return Err(io::Error::other("no whole line in its last 4 MiB: move the file away"));
    }
    let keep = from + u64::try_from(good).unwrap_or(0);
    if keep < length {
        file.set_len(keep)?;
        file.sync_data()?;
    }
    Ok(length - keep)
}

/// How many bytes of this tail end with a whole line.
fn good_prefix(tail: &[u8]) -> usize {
    let mut end = tail.len();
    loop {
        let Some(newline) = tail[..end].iter().rposition(|byte| *byte == b'\n') else { return 0 };
        let start = tail[..newline].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if line::is_whole(&tail[start..newline]) {
            return newline + 1;
        }
        end = newline;
    }
}

/// Whether the disk must confirm this fact soon.
fn must_last(fact: &Fact) -> bool {
    matches!(fact.what, What::CallStarted { .. } | What::CallEnded { .. })
}

struct Writer {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines in the file.
    length: u64,
    rotate_bytes: Option<u64>,
    directory: Arc<Directory>,
    stats: Arc<EventStats>,
    burst: Vec<u8>,
    /// Lines in `burst`.
    lines: u64,
    sync_by: Option<Instant>,
    complained: Option<Instant>,
}

impl Writer {
    fn run(mut self, facts: &Receiver<Arc<Fact>>) {
        loop {
            let fact = match self.sync_by {
                None => facts.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(by) => facts.recv_timeout(by.saturating_duration_since(Instant::now())),
            };
            match fact {
                Ok(fact) => self.take(&fact),
                Err(RecvTimeoutError::Timeout) => self.sync(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while self.burst.len() < BURST_BYTES_MAX
                && let Ok(fact) = facts.try_recv()
            {
                self.take(&fact);
            }
            self.write();
            if self.sync_by.is_some_and(|by| by <= Instant::now()) {
                self.sync();
            }
        }
        self.write();
        self.sync();
    }

    fn take(&mut self, fact: &Fact) {
        let map = line::object(fact, &self.directory, Numbers::Plain);
        self.burst.extend_from_slice(line::seal(&map).as_bytes());
        self.lines += 1;
        if must_last(fact) && self.sync_by.is_none() {
            self.sync_by = Some(Instant::now() + SYNC_WITHIN);
        }
    }

    fn write(&mut self) {
        if self.burst.is_empty() {
            return;
        }
        match self.file.write_all(&self.burst) {
            Ok(()) => {
                self.length += u64::try_from(self.burst.len()).unwrap_or(0);
                self.stats.written.fetch_add(self.lines, Ordering::Relaxed);
            }
            Err(error) => {
                // Part of a line may have gone in; without it the next line stays readable.
                let _ = self.file.set_len(self.length);
                self.stats.dropped.fetch_add(self.lines, Ordering::Relaxed);
                self.complain("the event log can't be written", &error);
            }
        }
        self.burst.clear();
        self.lines = 0;
        if self.rotate_bytes.is_some_and(|bytes| self.length >= bytes) {
            self.rotate();
        }
    }

    fn sync(&mut self) {
        self.sync_by = None;
        if let Err(error) = self.file.sync_data() {
            self.complain("the disk does not confirm the event log", &error);
        }
    }

    fn rotate(&mut self) {
        self.sync();
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_micros());
        let mut old = self.path.clone().into_os_string();
        old.push(format!(".{now}"));
        let fresh = std::fs::rename(&self.path, &old).and_then(|()| open_file(&self.path));
        match fresh {
            Ok(file) => {
                self.file = file;
                self.length = 0;
            }
            // The old file goes on being written; the next burst tries again.
            Err(error) => self.complain("the event log can't be rotated", &error),
        }
    }

    fn complain(&mut self, what: &'static str, error: &io::Error) {
        self.stats.errors.fetch_add(1, Ordering::Relaxed);
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            self.complained = Some(Instant::now());
            tracing::error!(file = %self.path.display(), %error, "{what}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::events::scratch::Scratch;
    use dozvon_center::contact::{Ending, Fault};
    use dozvon_center::ids::CallId;
    use dozvon_clock::Timestamp;

    fn fact(call: u64, what: What) -> Arc<Fact> {
        Arc::new(Fact { at: Timestamp::from_secs(call), call: Some(CallId(call)), what })
    }

    fn ended(call: u64) -> Arc<Fact> {
        let ending = Ending::new(Fault::Caller, "hung_up");
        fact(call, What::CallEnded { flow: "bank".into(), ending, duration_secs: 3.0 })
    }

    fn open(path: &Path, rotate: Option<u64>) -> EventLog {
        EventLog::open(path, rotate, Arc::new(Directory::default())).unwrap()
    }

    fn write(path: &Path, calls: std::ops::Range<u64>, rotate: Option<u64>) {
        let log = open(path, rotate);
        let sender = log.sender();
        for call in calls {
            sender.try_send(fact(call, What::CallAnswered));
            sender.try_send(ended(call));
        }
        drop(sender);
        log.close();
    }

    fn calls_in(path: &Path) -> Vec<u64> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines()
            .map(|line| {
                assert!(line::is_whole(line.as_bytes()), "{line}");
                serde_json::from_str::<serde_json::Value>(line).unwrap()["call"].as_u64().unwrap()
            })
            .collect()
    }

    #[test]
    fn facts_come_back_in_order_after_a_restart() {
        let folder = Scratch::new();
        let path = folder.path("events/log.jsonl");
        write(&path, 0..3, None);
        write(&path, 3..5, None);
        assert_eq!(calls_in(&path), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
    }

    #[test]
    fn a_last_line_torn_at_any_byte_is_cut_and_the_rest_kept() {
        let folder = Scratch::new();
        let path = folder.path("log.jsonl");
        write(&path, 0..2, None);
        let whole = std::fs::read(&path).unwrap();
        let last = whole[..whole.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
        for cut in last..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let log = open(&path, None);
            assert_eq!(log.stats().cut_bytes, u64::try_from(cut - last).unwrap(), "torn at {cut}");
            log.close();
            assert_eq!(calls_in(&path), [0, 0, 1]);
        }
        // What a power cut leaves on some file systems: the length without the bytes.
        let mut zeros = whole.clone();
        zeros.extend_from_slice(&[0; 300]);
        std::fs::write(&path, &zeros).unwrap();
        open(&path, None).close();
        assert_eq!(calls_in(&path), [0, 0, 1, 1]);
    }

    #[test]
    fn a_file_grown_too_big_is_put_aside_whole() {
        let folder = Scratch::new();
        let path = folder.path("log.jsonl");
        write(&path, 0..50, Some(2_000));
        let mut calls = Vec::new();
        let mut files = folder.list();
        files.sort();
        assert!(files.len() > 1, "{files:?}");
        // `log.jsonl` sorts first and is the newest.
        files.rotate_left(1);
        for file in files {
            calls.extend(calls_in(&file));
        }
        let expected: Vec<u64> = (0..50).flat_map(|call| [call, call]).collect();
        assert_eq!(calls, expected);
    }

    #[test]
    fn callers_numbers_are_the_owners_to_read_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Scratch::new();
        let path = folder.path("log.jsonl");
        write(&path, 0..1, None);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_full_channel_drops_and_counts_but_never_waits() {
        let (sender, receiver) = sync_channel(1);
        let stats = Arc::new(EventStats::default());
        let sender = EventSender { sender, stats: stats.clone() };
        sender.try_send(ended(1));
        sender.try_send(ended(2));
        drop(receiver);
        sender.try_send(ended(3));
        assert_eq!(stats.dropped.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_disk_that_takes_nothing_is_counted_and_complained_of() {
        let path = Path::new("/dev/full");
        let mut writer = Writer {
            path: path.to_owned(),
            file: OpenOptions::new().write(true).open(path).unwrap(),
            length: 0,
            rotate_bytes: None,
            directory: Arc::new(Directory::default()),
            stats: Arc::new(EventStats::default()),
            burst: Vec::new(),
            lines: 0,
            sync_by: None,
            complained: None,
        };
        writer.take(&ended(1));
        writer.write();
        assert_eq!(writer.stats.dropped.load(Ordering::Relaxed), 1);
        assert!(writer.stats.errors.load(Ordering::Relaxed) >= 1);
    }
}
