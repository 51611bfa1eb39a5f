//! Files of the configuration that change by themselves: looked at every second, and taken when they are left alone.
//!
//! Looked at and not listened for: a look sees the same on every file system, on network shares, and where a folder is
//! swapped by a link, as containers do it; ten thousand files take some milliseconds. Proving and taking is
//! [`super::reload`]'s.

use super::reload::{NotReloaded, ReloadDoor, Target};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// How often files are looked at. Two looks that see the same are what counts as left alone.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Endings of files that a configuration is made of.
const ENDINGS: [&str; 5] = ["toml", "yaml", "ics", "csv", "wav"];
/// Folders within folders that are looked into: `prompts/ru` in the flows' folder is the deepest that is read.
const DEPTH_MAX: u32 = 4;
/// Files that are looked at; of more, the rest is not seen to change. Twice what a configuration can have.
const FILES_MAX: usize = 20_000;

/// What tells that a file is another: when it was changed and how long it is.
type Look = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// What is to be done after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing.
    Wait,
    /// They were changed, and are left alone since: take them.
    Take,
}

/// What was seen before.
struct Watch {
    /// The files that were read last; `None` when they were not, though it was time.
    taken: Option<Look>,
    /// As they were at the last look.
    last: Look,
}

impl Watch {
    /// Begins with files as they are.
    fn new(look: Look) -> Watch {
        Watch { taken: Some(look.clone()), last: look }
    }

    /// Takes a look. Files that go on changing are waited for, however long it takes.
    fn see(&mut self, look: Look) -> Step {
        let still = look == self.last;
        self.last = look;
        if !still || self.taken.as_ref() == Some(&self.last) {
            return Step::Wait;
        }
        self.taken = Some(self.last.clone());
        Step::Take
    }

    /// Those that were to be taken could not be read: the next look that sees the same takes them.
    fn missed(&mut self) {
        self.taken = None;
    }
}

/// Watches the files of a configuration in these folders for ever and has them reloaded.
pub(crate) async fn look_out(folders: Vec<PathBuf>, reloads: ReloadDoor) {
    let look_again = || {
        let folders = folders.clone();
        async move { tokio::task::spawn_blocking(move || look(&folders)).await.unwrap_or_default() }
    };
    let mut watch = Watch::new(look_again().await);
    let mut tick = interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
    // Looks that come late are no reason to have two of them at once: nothing would seem to move between them.
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        match watch.see(look_again().await) {
            Step::Wait => {}
            Step::Take => match reloads.reload(Target::Disk, "file watch").await {
                // Why it is refused is in the log and in `/api/v1/versions` already.
                Ok(_) | Err(NotReloaded::Refused(_) | NotReloaded::Unknown(_)) => {}
                Err(why @ (NotReloaded::Busy | NotReloaded::Gone)) => {
                    tracing::warn!(?why, "files have changed and are not reloaded yet");
                    watch.missed();
                }
            },
        }
    }
}

/// The files in these folders.
fn look(folders: &[PathBuf]) -> Look {
    let mut found = Look::new();
    for folder in folders {
        look_into(folder, 0, &mut found);
    }
    found
}

fn look_into(folder: &Path, depth: u32, found: &mut Look) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        // Behind a link is what counts.
        let Ok(data) = fs::metadata(&path) else { continue };
        if data.is_dir() && depth < DEPTH_MAX {
            look_into(&path, depth + 1, found);
        }
        let ending = path.extension().and_then(|ending| ending.to_str());
        if data.is_file() && ending.is_some_and(|e| ENDINGS.contains(&e)) && found.len() < FILES_MAX
        {
            found.insert(path, (data.modified().ok(), data.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(lengths: &[(&str, u64)]) -> Look {
        lengths.iter().map(|(name, length)| (PathBuf::from(name), (None, *length))).collect()
    }

    #[test]
    fn a_change_is_taken_once_when_it_is_over() {
        let mut watch = Watch::new(files(&[("a", 1)]));
        for (look, step) in [
            (files(&[("a", 1)]), Step::Wait),
            (files(&[("a", 2)]), Step::Wait),
            (files(&[("a", 3)]), Step::Wait),
            (files(&[("a", 3)]), Step::Take),
            (files(&[("a", 3)]), Step::Wait),
            (files(&[("a", 3), ("b", 1)]), Step::Wait),
            (files(&[("a", 3), ("b", 1)]), Step::Take),
            (files(&[("b", 1)]), Step::Wait),
            (files(&[("b", 1)]), Step::Take),
        ] {
            let seen = format!("{look:?}");
            assert_eq!(watch.see(look), step, "{seen}");
        }
    }

    #[test]
    fn a_change_that_nobody_had_time_for_is_taken_at_the_next_look() {
        let mut watch = Watch::new(files(&[("a", 1)]));
        let changed = files(&[("a", 2)]);
        assert_eq!(watch.see(changed.clone()), Step::Wait);
        assert_eq!(watch.see(changed.clone()), Step::Take);
        watch.missed();
        assert_eq!(watch.see(changed.clone()), Step::Take);
        assert_eq!(watch.see(changed), Step::Wait);
    }

    #[test]
    fn what_is_put_back_before_it_was_taken_is_no_change() {
        let mut watch = Watch::new(files(&[("a", 1)]));
        for length in [2, 1, 1, 1] {
            assert_eq!(watch.see(files(&[("a", length)])), Step::Wait);
        }
    }
}
