//! Another version of the configuration while calls run: read, proved, tested, and then in force all at once, or not
//! at all.
//!
//! One task owns what is in force and takes one wish after another, from REST and from SIGHUP. Reading and encoding
//! happen off the runtime; the brain gets the new version whole and goes over to it between two calls' events. What
//! can't change while calls run is compared, and a difference there refuses the whole. What was in force is kept
//! ([`super::versions`]); going back to it takes the same way, with the same proofs and tests.

use super::clock::Clock;
use super::config::{Disk, Loaded, Missing, Tests, Told, load_from};
use super::events::rfc3339;
use super::handle::{BrainError, BrainHandle};
use super::versions::{FlowVersion, RolledBack, Versions, flows_of};
use super::{Clips, encode_prompts};
use dozvon_center::calendar::Calendars;
use dozvon_center::flow::{Flow, Promise};
use dozvon_clock::Timestamp;
use dozvon_media::clip::Library;
use dozvon_switch::config::Reload;
use prometheus::{Gauge, GaugeVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};
use utoipa::ToSchema;

/// Wishes that wait for the one that is being done. One more is refused with [`NotReloaded::Busy`].
const WISHES_MAX: usize = 4;

/// The version in force.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct InForce {
    /// Twelve digits of the SHA-256 of all files and variables read.
    pub(crate) version: String,
    /// Since when, RFC 3339.
    pub(crate) since: String,
    /// The flows, each with its own version, as contacts name it.
    pub(crate) flows: Vec<FlowVersion>,
    /// When it is not that of the files on disk: who has put it in force in their place.
    pub(crate) rolled_back: Option<RolledBack>,
    /// The last wish for another version.
    pub(crate) last_attempt: Option<Attempt>,
}

/// What shall be in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The files on disk.
    Disk,
    /// A version that was kept: the named one, or that which was in force before.
    Kept(Option<String>),
}

/// A wish for another version, and what came of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Attempt {
    /// When, RFC 3339.
    pub(crate) at: String,
    /// Whose.
    pub(crate) by: String,
    /// The kept version that was wished for; absent: the files on disk were.
    pub(crate) version: Option<String>,
    /// Whether it is in force; `false`: nothing has changed.
    pub(crate) taken: bool,
    /// Every mistake, with its place and its cure; of one that was taken, warnings.
    pub(crate) findings: Vec<Told>,
}

/// Why nothing has changed.
#[derive(Clone, Debug)]
pub(crate) enum NotReloaded {
    /// These mistakes.
    Refused(Vec<Told>),
    /// No such version is kept.
    Unknown(String),
    /// Others are being done.
    Busy,
    /// The server goes down.
    Gone,
}

struct Wish {
    target: Target,
    by: String,
    reply: oneshot::Sender<Result<InForce, NotReloaded>>,
}

/// The way to the task.
#[derive(Clone, Debug)]
pub(crate) struct ReloadDoor {
    wishes: mpsc::Sender<Wish>,
    in_force: watch::Receiver<InForce>,
    versions: Versions,
}

impl ReloadDoor {
    /// What is in force.
    pub(crate) fn in_force(&self) -> InForce {
        self.in_force.borrow().clone()
    }

    /// What was in force and is kept, the last one first. Reads files: not for the runtime's thread.
    pub(crate) fn versions(&self) -> Versions {
        self.versions.clone()
    }

    /// Reads the configuration again, or one that was kept, and goes over to it.
    ///
    /// # Errors
    /// [`NotReloaded`]: nothing has changed then.
    pub(crate) async fn reload(&self, target: Target, by: &str) -> Result<InForce, NotReloaded> {
        let (reply, answer) = oneshot::channel();
        let wish = Wish { target, by: by.to_owned(), reply };
        self.wishes.try_send(wish).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotReloaded::Busy,
            mpsc::error::TrySendError::Closed(_) => NotReloaded::Gone,
        })?;
        answer.await.unwrap_or(Err(NotReloaded::Gone))
    }
}

/// The figures of reloads.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    reloads: IntCounterVec,
    successful: IntGauge,
    taken_at: Gauge,
    info: IntGaugeVec,
    /// `flow`, `promise`.
    promised: GaugeVec,
    /// `flow`, `promise`.
    proved: GaugeVec,
    kept: IntGauge,
    rolled_back: IntGauge,
}

impl Figures {
    /// Registers them.
    ///
    /// # Errors
    /// When figures of these names are there.
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Figures> {
        let help = "Wishes for another version of the configuration, by what came of them.";
        let opts = Opts::new("dozvon_config_reloads_total", help);
        let figures = Figures {
            reloads: IntCounterVec::new(opts, &["result"])?,
            successful: IntGauge::new(
                "dozvon_config_last_reload_successful",
                "1 when the configuration on disk was taken, at the start or by the last wish.",
            )?,
            taken_at: Gauge::new(
                "dozvon_config_last_reload_success_timestamp_seconds",
                "When the version in force was taken, Unix time.",
            )?,
            info: IntGaugeVec::new(
                Opts::new("dozvon_config_info", "1 with the version in force."),
                &["version"],
            )?,
            promised: GaugeVec::new(
                Opts::new("dozvon_flow_promise_seconds", "What the flow promises its callers."),
                &["flow", "promise"],
            )?,
            proved: GaugeVec::new(
                Opts::new(
                    "dozvon_flow_promise_bound_seconds",
                    "The longest that it can take by the lengths of the prompts, in the slowest language.",
                ),
                &["flow", "promise"],
            )?,
            kept: IntGauge::new(
                "dozvon_config_versions_kept",
                "Versions that can be put in force again; 0: the folder of versions can't be written.",
            )?,
            rolled_back: IntGauge::new(
                "dozvon_config_rolled_back",
                "1 while a version that was kept is in force in place of the files on disk.",
            )?,
        };
        registry.register(Box::new(figures.reloads.clone()))?;
        registry.register(Box::new(figures.successful.clone()))?;
        registry.register(Box::new(figures.taken_at.clone()))?;
        registry.register(Box::new(figures.info.clone()))?;
        registry.register(Box::new(figures.promised.clone()))?;
        registry.register(Box::new(figures.proved.clone()))?;
        registry.register(Box::new(figures.kept.clone()))?;
        registry.register(Box::new(figures.rolled_back.clone()))?;
        for result in ["taken", "unchanged", "refused"] {
            figures.reloads.with_label_values(&[result]);
        }
        Ok(figures)
    }

    /// This version is in force since then, with these flows.
    pub(crate) fn taken<'a>(
        &self,
        version: &str,
        flows: impl IntoIterator<Item = &'a Arc<Flow>>,
        since: Timestamp,
    ) {
        self.info.reset();
        self.info.with_label_values(&[version]).set(1);
        self.promised.reset();
        self.proved.reset();
        for (flow, promise) in
            flows.into_iter().flat_map(|flow| Promise::ALL.map(|one| (flow, one)))
        {
            let Some(promised) = flow.promised(promise) else { continue };
            let labels = [&*flow.name, promise.as_str()];
            self.promised.with_label_values(&labels).set(promised.as_secs_f64());
            let proved = flow.proved(promise).map_or(f64::INFINITY, |proved| proved.as_secs_f64());
            self.proved.with_label_values(&labels).set(proved);
        }
        self.taken_at.set(since.as_micros() as f64 / 1e6);
        self.successful.set(1);
    }
}

/// The task.
#[derive(Debug)]
pub(crate) struct Reloader {
    wishes: mpsc::Receiver<Wish>,
    in_force: watch::Sender<InForce>,
    brain: BrainHandle,
    loaded: Arc<Loaded>,
    library: Arc<Library>,
    /// Hours of work, for those who ask the brain for nothing.
    calendars: watch::Sender<Arc<Calendars>>,
    figures: Figures,
    clock: Clock,
    versions: Versions,
    /// What the files on disk were when they were read last.
    on_disk: Arc<str>,
}

impl Reloader {
    /// The task that goes on from this configuration and these sounds, to be run, and the way to it.
    ///
    /// # Errors
    /// When the registry has figures of these names.
    pub(crate) fn new(
        (loaded, rolled_back): (Arc<Loaded>, Option<RolledBack>),
        library: Arc<Library>,
        brain: BrainHandle,
        registry: &Registry,
        clock: Clock,
    ) -> prometheus::Result<(Reloader, ReloadDoor)> {
        let figures = Figures::register(registry)?;
        figures.taken(&loaded.version, loaded.policy.flows.values(), clock.now());
        figures.rolled_back.set(rolled_back.is_some().into());
        let versions = Versions::new(loaded.settings.store.versions.clone());
        let on_disk =
            rolled_back.as_ref().map_or(loaded.version.clone(), |note| note.files.as_str().into());
        let (wish, wishes) = mpsc::channel(WISHES_MAX);
        let (calendars, _) = watch::channel(loaded.policy.calendars.clone());
        let shown = InForce { rolled_back, ..InForce::of(&loaded, clock.now()) };
        let (in_force, shown) = watch::channel(shown);
        let door = ReloadDoor { wishes: wish, in_force: shown, versions: versions.clone() };
        let task = Reloader {
            wishes,
            in_force,
            brain,
            loaded,
            library,
            calendars,
            figures,
            clock,
            versions,
            on_disk,
        };
        Ok((task, door))
    }

    /// The hours of work in force, now and after every reload.
    pub(crate) fn calendars(&self) -> watch::Receiver<Arc<Calendars>> {
        self.calendars.subscribe()
    }

    /// Takes wishes until nobody is left who could have one.
    pub(crate) async fn run(mut self) {
        let since = self.in_force.borrow().since.clone();
        self.keep(since, "start").await;
        while let Some(Wish { target, by, reply }) = self.wishes.recv().await {
            let result = match self.named(target).await {
                Ok(wished) => self.reload(wished, &by).await,
                Err(why) => Err(why),
            };
            // Whoever asked may be gone: the version in force tells.
            let _ = reply.send(result);
        }
    }

    /// The kept version that is wished for, by its name; `None`: the files on disk.
    async fn named(&self, target: Target) -> Result<Option<String>, NotReloaded> {
        let Target::Kept(wished) = target else { return Ok(None) };
        let versions = self.versions.clone();
        let list = tokio::task::spawn_blocking(move || versions.list()).await.unwrap_or_default();
        let here = &*self.loaded.version;
        let (found, unknown) = match wished {
            Some(version) => (
                list.into_iter().find(|kept| kept.version == version),
                format!("no version `{version}` is kept"),
            ),
            None => (
                list.into_iter().find(|kept| *kept.version != *here),
                "no version but this one was in force yet".to_owned(),
            ),
        };
        found.map(|kept| Some(kept.version)).ok_or(NotReloaded::Unknown(unknown))
    }

    /// Keeps what is in force. When that can't be, it is in force all the same.
    async fn keep(&self, at: String, by: &str) {
        let (versions, loaded, by) = (self.versions.clone(), self.loaded.clone(), by.to_owned());
        let kept = tokio::task::spawn_blocking(move || {
            versions.keep(&loaded, &at, &by).map(|()| versions.list().len())
        });
        match kept.await {
            Ok(Ok(kept)) => self.figures.kept.set(i64::try_from(kept).unwrap_or(i64::MAX)),
            Ok(Err(error)) => {
                self.figures.kept.set(0);
                tracing::error!(%error, "the version in force can't be kept: there is no way back to it");
            }
            Err(error) => tracing::error!(%error, "the keeping of a version broke off"),
        }
    }

    /// Notes whether a kept version is in force, so that the next start knows it.
    async fn note(&self, rolled_back: Option<RolledBack>) {
        self.figures.rolled_back.set(rolled_back.is_some().into());
        let (versions, note) = (self.versions.clone(), rolled_back.clone());
        let noted = tokio::task::spawn_blocking(move || versions.note(note.as_ref())).await;
        if let Ok(Err(error)) = noted {
            tracing::error!(%error, "a restart will not know which version is in force");
        }
        self.in_force.send_modify(|shown| shown.rolled_back = rolled_back);
    }

    async fn reload(&mut self, wished: Option<String>, by: &str) -> Result<InForce, NotReloaded> {
        let (loaded, library) = (self.loaded.clone(), self.library.clone());
        let (versions, version) = (self.versions.clone(), wished.clone());
        let read = tokio::task::spawn_blocking(move || {
            prepare(&loaded, &library, &versions, version.as_deref())
        });
        let at = rfc3339(self.clock.now().as_micros());
        let attempt = |taken, findings| Attempt {
            at: at.clone(),
            by: by.to_owned(),
            version: wished.clone(),
            taken,
            findings,
        };
        let prepared = match read.await {
            Ok(Ok(prepared)) => prepared,
            Ok(Err(findings)) => return Err(self.refuse(attempt(false, findings))),
            Err(error) => {
                tracing::error!(%error, "the reading of a configuration broke off");
                return Err(NotReloaded::Gone);
            }
        };
        let Prepared { loaded, library, clips, warnings } = prepared;
        let taken = attempt(true, warnings);
        let rolled_back = wished.clone().filter(|version| **version != *self.on_disk);
        let rolled_back = rolled_back.map(|version| RolledBack {
            version,
            files: self.on_disk.to_string(),
            at: at.clone(),
            by: by.to_owned(),
        });
        if wished.is_none() {
            self.on_disk = loaded.version.clone();
        }
        if loaded.version == self.loaded.version {
            tracing::info!(by, version = %loaded.version, "nothing has changed: nothing to reload");
            self.figures.reloads.with_label_values(&["unchanged"]).inc();
            self.figures.successful.set(1);
            self.in_force.send_modify(|shown| shown.last_attempt = Some(taken));
            if wished.is_none() {
                self.note(None).await;
            }
            return Ok(self.in_force.borrow().clone());
        }
        let next = Reload {
            policy: Arc::new(loaded.policy.clone()),
            numbers: loaded.switch.numbers.clone(),
            bots: loaded.switch.bots.clone(),
            clips,
            version: loaded.version.clone(),
            by: by.into(),
        };
        let (streams, recognisers) = (loaded.streams.clone(), loaded.recognisers.clone());
        self.brain.reload(Box::new(next), library.clone(), streams, recognisers).await.map_err(
            |error| match error {
                BrainError::Busy => NotReloaded::Busy,
                BrainError::Gone => NotReloaded::Gone,
            },
        )?;
        tracing::info!(%by, version = %loaded.version, "another version of the configuration is in force");
        (self.loaded, self.library) = (Arc::new(loaded), library);
        self.calendars.send_replace(self.loaded.policy.calendars.clone());
        self.figures.reloads.with_label_values(&["taken"]).inc();
        let now = self.clock.now();
        self.figures.taken(&self.loaded.version, self.loaded.policy.flows.values(), now);
        let shown = InForce { last_attempt: Some(taken), ..InForce::of(&self.loaded, now) };
        let since = shown.since.clone();
        self.in_force.send_replace(shown);
        self.note(rolled_back).await;
        self.keep(since, by).await;
        Ok(self.in_force.borrow().clone())
    }

    fn refuse(&self, attempt: Attempt) -> NotReloaded {
        self.figures.reloads.with_label_values(&["refused"]).inc();
        self.figures.successful.set(0);
        let (by, findings) = (&attempt.by, attempt.findings.clone());
        for finding in &findings {
            tracing::error!(%by, "not reloaded: {finding}");
        }
        self.in_force.send_modify(|shown| shown.last_attempt = Some(attempt));
        NotReloaded::Refused(findings)
    }
}

impl InForce {
    fn of(loaded: &Loaded, since: Timestamp) -> InForce {
        InForce {
            version: loaded.version.to_string(),
            since: rfc3339(since.as_micros()),
            flows: flows_of(loaded),
            rolled_back: None,
            last_attempt: None,
        }
    }
}

/// A configuration that may be taken.
struct Prepared {
    loaded: Loaded,
    library: Arc<Library>,
    clips: Clips,
    warnings: Vec<Told>,
}

/// Reads what is on disk, or a version that was kept, proves and encodes it; every mistake at once.
fn prepare(
    old: &Loaded,
    library: &Library,
    versions: &Versions,
    wished: Option<&str>,
) -> Result<Prepared, Vec<Told>> {
    let (loaded, mut told) = match wished {
        Some(version) => load_kept(versions, version, old)?,
        None => {
            let (loaded, findings) =
                load_from(Disk::Real, &old.folder, &old.variables(), Missing::Make, Tests::Play);
            let told = findings.told();
            (loaded.ok_or_else(|| told.clone())?, told)
        }
    };
    let mut refused: Vec<Told> = Vec::new();
    for what in old.restart_needed(&loaded) {
        let folder = old.folder.display().to_string();
        let message = format!("{what} changed, which counts only after a restart");
        refused.push(Told::of_file(folder, message, "restart dozvon, or take that change back"));
    }
    if !refused.is_empty() {
        told.append(&mut refused);
        return Err(told);
    }
    match encode_prompts(library.extend(), &loaded.prompts) {
        Ok((library, clips)) => Ok(Prepared { loaded, library, clips, warnings: told }),
        Err(errors) => {
            let file = old.folder.display().to_string();
            let cure = "look at that recording, or reload again when it is whole";
            told.extend(errors.iter().map(|e| Told::of_file(file.clone(), e.to_string(), cure)));
            Err(told)
        }
    }
}

/// Reads a version that was kept, to be in the place of another one of the same folder: what it is, and its warnings.
///
/// # Errors
/// Every mistake.
pub(crate) fn load_kept(
    versions: &Versions,
    version: &str,
    other: &Loaded,
) -> Result<(Loaded, Vec<Told>), Vec<Told>> {
    let folder = &*other.folder;
    let of_folder = |message: String, cure: &str| {
        vec![Told::of_file(folder.display().to_string(), message, cure)]
    };
    let disk = versions.open(version, folder);
    let disk = disk.map_err(|why| of_folder(why.to_string(), "take another version"))?;
    let (loaded, findings) =
        load_from(disk, folder, &other.variables(), Missing::Leave, Tests::Play);
    let told = findings.told();
    let loaded = loaded.ok_or_else(|| told.clone())?;
    if *loaded.version != *version {
        let message = format!("the files of version {version} are {} today", loaded.version);
        return Err(of_folder(message, "the variables DOZVON__… must be what they were"));
    }
    Ok((loaded, told))
}

/// A door behind which every wish is refused, for the tests of those who knock.
#[cfg(test)]
pub(crate) fn nothing_to_reload() -> ReloadDoor {
    let in_force = InForce {
        version: "0123456789ab".into(),
        since: "2026-06-01T10:00:00Z".into(),
        flows: Vec::new(),
        rolled_back: None,
        last_attempt: None,
    };
    let (wishes, mut asked) = mpsc::channel::<Wish>(WISHES_MAX);
    let (_, shown) = watch::channel(in_force);
    let versions = Versions::new("no-such-folder".into());
    let door = ReloadDoor { wishes, in_force: shown, versions };
    tokio::spawn(async move {
        while let Some(Wish { reply, .. }) = asked.recv().await {
            let mistake = Told::of_file("bank.yaml".into(), "no such node".into(), "name another");
            let _ = reply.send(Err(NotReloaded::Refused(vec![mistake])));
        }
    });
    door
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::load;
    use crate::server::events::scratch::Scratch;
    use crate::server::handle::{Query, door};
    use dozvon_center::calendar::Open;
    use dozvon_media::clip::LibraryBuilder;
    use std::path::Path;

    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            if from.is_dir() {
                copy(&from, &to);
            } else {
                std::fs::copy(from, to).unwrap();
            }
        }
    }

    #[tokio::test]
    async fn hours_of_work_that_a_reload_changes_are_told_to_those_beside_the_brain() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let scratch = Scratch::new();
        let folder = scratch.path("config");
        copy(&root.join("config"), &folder);
        let flows = root.join("ivr-flows");
        let settings = format!("[flows]\nfolder = {:?}\n", flows.display().to_string());
        std::fs::write(folder.join("dozvon.toml"), settings).unwrap();
        let (loaded, findings) = load(&folder, &[], Missing::Make, Tests::Play);
        let loaded = Arc::new(loaded.unwrap_or_else(|| panic!("{:#?}", findings.told())));
        let builder = LibraryBuilder::new(&loaded.switch.codecs);
        let (library, _) = encode_prompts(builder, &loaded.prompts).unwrap();
        let (brain, mut queries) = door();
        tokio::spawn(async move {
            while let Some(query) = queries.recv().await {
                let Query::Reload { reply, .. } = query else {
                    panic!("only a reload is asked for")
                };
                reply.send(()).unwrap();
            }
        });
        let (task, door) =
            Reloader::new((loaded, None), library, brain, &Registry::new(), Clock::start())
                .unwrap();
        let calendars = task.calendars();
        tokio::spawn(task.run());
        // A Saturday in Almaty, half past nine: 2026-06-06.
        let saturday = Timestamp::from_secs(1_780_720_200);
        let open = || calendars.borrow().state("callback-hours", saturday);
        assert_eq!(open(), Some(Open::Open));
        let file = folder.join("calendars/callback-hours.yaml");
        let (early, late) = ("sat-sun: [\"09:00", "sat-sun: [\"10:00");
        let text = std::fs::read_to_string(&file).unwrap().replace(early, late);
        std::fs::write(file, text).unwrap();
        door.reload(Target::Disk, "head").await.unwrap();
        assert_eq!(open(), Some(Open::Closed));
    }
}
