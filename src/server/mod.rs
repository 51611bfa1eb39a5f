//! The roof: sockets, threads, files and the clock around the pure [`Switch`]. Decides nothing about a call.
//!
//! Two threads besides those of the media workers, the store, the event log and the webhooks: the brain's, with the SIP
//! sockets, so that nothing else delays a call; and the caller's own, with HTTP and signals.

pub(crate) mod bot;
pub(crate) mod brain;
pub(crate) mod clock;
pub(crate) mod config;
pub(crate) mod endpoint;
pub(crate) mod events;
pub(crate) mod handle;
pub(crate) mod http;
pub(crate) mod lookout;
pub(crate) mod metrics;
pub(crate) mod net;
pub(crate) mod outgoing;
pub(crate) mod plane;
pub(crate) mod recogniser;
pub(crate) mod reload;
pub(crate) mod report;
pub(crate) mod rollout;
pub(crate) mod rtp;
pub(crate) mod store;
pub(crate) mod telemetry;
pub(crate) mod versions;
pub(crate) mod webhook;
pub(crate) mod websocket;

use brain::{Brain, Hands, Inboxes, Stop};
use clock::Clock;
use config::{Loaded, PromptFile};
use dozvon_media::bank::MediaConfig;
use dozvon_media::clip::{ClipError, Library, LibraryBuilder};
use dozvon_media::order::ClipId;
use dozvon_sip::endpoint::{Local, Protocol};
use dozvon_switch::Switch;
use events::{Announcer, Directory, EventLog, Live};
use metrics::Metrics;
use net::{Bound, ListenError, NetStats};
use reload::{NotReloaded, ReloadDoor, Reloader, Target};
use rtp::Workers;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::{mpsc, watch};
use versions::{RolledBack, Versions};
use webhook::Webhooks;

/// Reports of the media workers waiting for the brain. At the bound they wait in the workers.
const REPORTS_MAX: usize = 8_192;
/// How long the store may take to write its last records.
const FLUSH_WITHIN: Duration = Duration::from_secs(10);

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// A SIP address that can't be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The HTTP address can't be listened on.
    #[error("HTTP can't listen on {0}: {1}")]
    Http(SocketAddr, io::Error),
    /// A prompt that can't be read.
    #[error("prompt {0}: {1}")]
    PromptFile(PathBuf, io::Error),
    /// A prompt that is no sound we can play.
    #[error("prompt {0}: {1}")]
    Prompt(PathBuf, ClipError),
    /// A prompt that was recorded anew after it was looked at.
    #[error("prompt {0} has changed while it was read: try again")]
    PromptChanged(PathBuf),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The event log.
    #[error(transparent)]
    Events(io::Error),
    /// The system gives no thread, no socket or no randomness.
    #[error("the system refuses: {0}")]
    System(io::Error),
}

/// Where the server really listens: printed as one line of JSON when it is ready.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ready {
    /// Always true.
    ready: bool,
    /// Version of the program.
    version: &'static str,
    /// Our process.
    pid: u32,
    /// SIP over UDP.
    pub(crate) sip_udp: Vec<SocketAddr>,
    /// SIP over TCP.
    pub(crate) sip_tcp: Vec<SocketAddr>,
    /// HTTP.
    pub(crate) http: Option<SocketAddr>,
}

/// Runs the switch until a signal stops it: `dozvon serve`.
pub(crate) fn run(loaded: Loaded) -> ExitCode {
    if let Err(error) = telemetry::init(&loaded.settings.log) {
        eprintln!("dozvon: {error}");
        return ExitCode::from(crate::cli::EX_CONFIG);
    }
    let (loaded, rolled_back) = as_left(loaded);
    let server = match Server::build(loaded, rolled_back) {
        Ok(server) => server,
        Err(errors) => {
            for error in errors {
                tracing::error!("{error}");
                eprintln!("dozvon: {error}");
            }
            return ExitCode::FAILURE;
        }
    };
    let ready = serde_json::to_string(&server.ready).expect("addresses and numbers are JSON");
    crate::cli::print(&format!("{ready}\n"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(async {
            tokio::spawn(obey_signals(server.stopper()));
            server.obey_changes();
            server.serve().await
        }),
        Err(error) => {
            tracing::error!(%error, "no runtime");
            ExitCode::FAILURE
        }
    }
}

/// A version that was rolled back to stays in force over a restart for as long as the files on disk are what they were
/// then.
fn as_left(on_disk: Loaded) -> (Loaded, Option<RolledBack>) {
    let versions = Versions::new(on_disk.settings.store.versions.clone());
    let Some(note) = versions.noted() else { return (on_disk, None) };
    let forget = || {
        if let Err(error) = versions.note(None) {
            tracing::error!(%error, "the note of a rollback can't be taken away");
        }
    };
    if *note.files != *on_disk.version {
        let version = &note.version;
        tracing::warn!(%version, "not rolled back any more: the files on disk have changed since, and count");
        forget();
        return (on_disk, None);
    }
    match reload::load_kept(&versions, &note.version, &on_disk) {
        Ok((kept, _)) => {
            tracing::warn!(
                version = %note.version, files = %note.files, by = %note.by, at = %note.at,
                "rolled back: a kept version is in force and not the files on disk, until they change or are reloaded"
            );
            (kept, Some(note))
        }
        Err(findings) => {
            for finding in findings {
                tracing::error!("not rolled back any more, the files on disk count: {finding}");
            }
            forget();
            (on_disk, None)
        }
    }
}

/// SIGTERM or ctrl-c once: drain. A second time: now.
async fn obey_signals(stop: watch::Sender<Stop>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals can't be caught: stop the process with SIGKILL");
        return;
    };
    for wish in [Stop::Drain, Stop::Now] {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        let _ = stop.send(wish);
    }
}

/// SIGHUP: the configuration is read again. What comes of it is in the log and at `/api/v1/version`.
async fn obey_hangups(reloads: ReloadDoor) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        tracing::error!("SIGHUP can't be caught: reload by POST /api/v1/reload");
        return;
    };
    while hangup.recv().await.is_some() {
        let done = reloads.reload(Target::Disk, "SIGHUP").await;
        if let Err(why @ (NotReloaded::Busy | NotReloaded::Gone)) = done {
            tracing::error!(?why, "not reloaded");
        }
    }
}

/// A server that listens and whose brain runs; HTTP is served by [`Server::serve`].
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) ready: Ready,
    /// Facts as they happen.
    pub(crate) live: Live,
    /// Names of queues and agents.
    pub(crate) directory: Arc<Directory>,
    reloader: Reloader,
    reloads: ReloadDoor,
    /// The folders whose files are reloaded when they change.
    watched: Option<Vec<PathBuf>>,
    /// The task that tends rollouts.
    steward: Pin<Box<dyn Future<Output = ()> + Send>>,
    stop: watch::Sender<Stop>,
    /// Turns to false when the brain's thread has ended.
    alive: watch::Receiver<bool>,
    http: Option<std::net::TcpListener>,
    parts: http::Parts,
    thread: std::thread::JoinHandle<()>,
    store: Store,
    events: Option<EventLog>,
    webhooks: Webhooks,
    /// The thread that asks endpoints; it ends with the brain.
    endpoints: Option<std::thread::JoinHandle<()>>,
    /// The thread of the bots' streams; it ends with the brain.
    bots: std::thread::JoinHandle<()>,
    /// The thread of forks to recognisers; it ends with the brain.
    forks: std::thread::JoinHandle<()>,
}

/// What listens and is not yet served.
struct Doors {
    sip: Bound,
    http: Option<TcpListener>,
}

impl Server {
    /// Binds and opens everything and starts the brain. `rolled_back`: the configuration is not that of the files on
    /// disk.
    ///
    /// # Errors
    /// Everything that stands in the way, not only the first.
    pub(crate) fn build(
        loaded: Loaded,
        rolled_back: Option<RolledBack>,
    ) -> Result<Server, Vec<StartError>> {
        let loaded = Arc::new(loaded);
        let Loaded { settings, policy, mut switch, streams, recognisers, watched, .. } =
            Loaded::clone(&loaded);
        let watched = settings.watch.then_some(watched);
        let doors = open_doors(&settings, &switch.sip.locals);
        let library = encode_prompts(LibraryBuilder::new(&switch.codecs), &loaded.prompts);
        let (doors, (library, clips)) = match (doors, library) {
            (Ok(doors), Ok(library)) => (doors, library),
            (doors, library) => {
                let mut errors = doors.err().unwrap_or_default();
                errors.extend(library.err().unwrap_or_default());
                return Err(errors);
            }
        };
        let one = |error: StartError| vec![error];
        let system = |error: io::Error| one(StartError::System(error));
        let mut store = Store::open(&settings.store.database).map_err(|e| one(e.into()))?;
        let reader = store.reader();
        let directory = Arc::new(Directory::of(&policy));
        let events = match &settings.events.file {
            Some(file) => Some(
                EventLog::open(file, None, directory.clone())
                    .map_err(|e| one(StartError::Events(e)))?,
            ),
            None => None,
        };
        let metrics = Arc::new(Metrics::new(directory.clone()));
        metrics.watch_store(store.stats());
        if let Some(events) = &events {
            metrics.watch_events(events.stats());
        }
        let live = Live::new();
        let facts = live.listen();
        let announcer = Announcer::new(
            directory.clone(),
            metrics.clone(),
            Some(store.sender()),
            events.as_ref(),
            live.clone(),
        );
        switch.sip.locals = doors.sip.locals();
        switch.sip.secret = random().map_err(system)?;
        switch.clips = clips;
        let ready = Ready::of(&doors);
        let clock = Clock::start();
        let figures = webhook::Figures::register(metrics.registry(), &settings.webhooks)
            .expect("no two figures have the same name");
        let webhooks = Webhooks::start(settings.webhooks, &live, &directory, &figures, clock)
            .map_err(system)?;
        let figures = endpoint::Figures::register(metrics.registry(), &settings.endpoints)
            .expect("no two figures have the same name");
        let (asker, replies, endpoints) =
            endpoint::start(settings.endpoints, &figures, clock).map_err(system)?;
        let figures = bot::Figures::register(metrics.registry(), &streams)
            .expect("no two figures have the same name");
        let (bots, bot_news, bot_door, bots_thread) =
            bot::start(streams, figures, clock).map_err(system)?;
        let figures = recogniser::Figures::register(metrics.registry(), &recognisers)
            .expect("no two figures have the same name");
        let (forks, fork_news, forks_thread) =
            recogniser::start(recognisers, figures, clock).map_err(system)?;
        let (reports_in, reports) = mpsc::channel(REPORTS_MAX);
        let media = MediaConfig {
            rtp_timeout: settings.media.rtp_timeout,
            playout_delay: settings.media.playout_delay,
            rtcp_interval: settings.media.rtcp_interval,
            seed: u64::from_le_bytes(random().map_err(system)?),
            ..MediaConfig::default()
        };
        let workers =
            Workers::start(switch.workers, &library, &media, clock, &reports_in).map_err(system)?;
        let net_stats = Arc::new(NetStats::default());
        plane::watch(metrics.registry(), net_stats.clone(), workers.stats())
            .expect("no two figures have the same name");
        let switch = Switch::new(switch, Arc::new(policy), clock.now());
        let (brain, queries) = handle::door();
        let (stop, stopping) = watch::channel(Stop::Run);
        let (news_in, news) = mpsc::channel(net::limits::INBOX_MAX);
        let kept = store.take_kept();
        let inboxes =
            Inboxes { news, reports, queries, replies, bot_news, fork_news, stop: stopping, kept };
        let (alive_in, alive) = watch::channel(true);
        let Doors { sip, http } = doors;
        let finish_within = settings.drain.finish_within;
        let body = async move {
            let _alive = alive_in;
            match sip.serve(news_in, &net_stats) {
                Ok(network) => {
                    let hands = Hands { network, workers, announcer, asker, bots, forks };
                    Brain::new(switch, hands, clock).run(inboxes, finish_within).await;
                }
                Err(error) => tracing::error!(%error, "SIP sockets can't be served"),
            }
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(system)?;
        let thread =
            std::thread::Builder::new().name("brain".into()).spawn(move || runtime.block_on(body));
        let figures = rollout::Figures::register(metrics.registry(), &loaded.plans)
            .expect("no two figures have the same name");
        let running = (loaded.clone(), rolled_back);
        let (reloader, reloads) =
            Reloader::new(running, library, brain.clone(), metrics.registry(), clock)
                .expect("no two figures have the same name");
        let (steward, rollouts) = rollout::steward(rollout::Task {
            steward: rollout::Steward::new(&loaded.plans, &loaded.policy.rollouts),
            brain: brain.clone(),
            reader: store.reader(),
            store: store.sender(),
            facts,
            calendars: reloader.calendars(),
            clock,
            figures,
        });
        let parts = http::Parts {
            brain,
            metrics,
            reader: Some(reader),
            store: Some(store.sender()),
            live: live.clone(),
            directory: directory.clone(),
            reloads: reloads.clone(),
            rollouts,
            tokens: settings.http.tokens,
            bots: bot_door,
            clock,
        };
        let thread = thread.map_err(system)?;
        Ok(Server {
            ready,
            live,
            directory,
            reloader,
            reloads,
            watched,
            steward: Box::pin(steward),
            stop,
            alive,
            http,
            parts,
            thread,
            store,
            events,
            webhooks,
            endpoints,
            bots: bots_thread,
            forks: forks_thread,
        })
    }

    /// For whoever may stop the server.
    pub(crate) fn stopper(&self) -> watch::Sender<Stop> {
        self.stop.clone()
    }

    /// From now on takes another version of the configuration at a SIGHUP and, where that is wished for, when its files
    /// change. The process must be in a runtime, with which that ends.
    pub(crate) fn obey_changes(&self) {
        tokio::spawn(obey_hangups(self.reloads.clone()));
        if let Some(folders) = &self.watched {
            tokio::spawn(lookout::look_out(folders.clone(), self.reloads.clone()));
        }
    }

    /// Serves HTTP until the brain has ended, then writes everything down. The exit code of the process.
    pub(crate) async fn serve(self) -> ExitCode {
        let Server {
            ready,
            http,
            parts,
            mut alive,
            thread,
            store,
            events,
            webhooks,
            endpoints,
            bots,
            forks,
            reloader,
            steward,
            ..
        } = self;
        let reloading = tokio::spawn(reloader.run());
        let tending = tokio::spawn(steward);
        tracing::info!(udp = ?ready.sip_udp, tcp = ?ready.sip_tcp, http = ?ready.http, "ready");
        let (stop_http, stopping) = watch::channel(false);
        let screens = http.map(|listener| tokio::spawn(serve_http(listener, parts, stopping)));
        // The sender is dropped when the brain's thread ends, however it ends.
        while alive.changed().await.is_ok() {}
        let _ = stop_http.send(true);
        if let Some(screens) = screens {
            let _ = tokio::time::timeout(Duration::from_secs(1), screens).await;
        }
        reloading.abort();
        tending.abort();
        let healthy = thread.join().is_ok();
        if endpoints.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the endpoints' thread ended by a fault of its own");
        }
        if bots.join().is_err() {
            tracing::error!("the thread of the bots ended by a fault of its own");
        }
        if forks.join().is_err() {
            tracing::error!("the thread of the recognisers ended by a fault of its own");
        }
        webhooks.close();
        if !store.flush(FLUSH_WITHIN) {
            tracing::error!("the database did not take the last records in time");
        }
        store.close();
        if let Some(events) = events {
            events.close();
        }
        if healthy {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        } else {
            tracing::error!("the switch had to be stopped by a fault of its own: please report it");
            ExitCode::FAILURE
        }
    }
}

async fn serve_http(listener: TcpListener, parts: http::Parts, stopping: watch::Receiver<bool>) {
    let served = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => http::serve(listener, parts, stopping).await,
        Err(error) => Err(error),
    };
    if let Err(error) = served {
        tracing::error!(%error, "HTTP has ended");
    }
}

/// Binds SIP and HTTP.
fn open_doors(settings: &config::Settings, locals: &[Local]) -> Result<Doors, Vec<StartError>> {
    let sip = Bound::bind(&settings.sip, locals);
    let http = match settings.http.listen {
        Some(address) => {
            bind_http(address).map(Some).map_err(|error| StartError::Http(address, error))
        }
        None => Ok(None),
    };
    match (sip, http) {
        (Ok(sip), Ok(http)) => Ok(Doors { sip, http }),
        (sip, http) => {
            let mut errors: Vec<StartError> =
                sip.err().unwrap_or_default().into_iter().map(StartError::from).collect();
            errors.extend(http.err());
            Err(errors)
        }
    }
}

fn bind_http(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// (language, name) to clip.
type Clips = BTreeMap<(Arc<str>, Arc<str>), ClipId>;

/// Reads and encodes all prompts that the library has not got yet.
fn encode_prompts(
    mut library: LibraryBuilder,
    prompts: &[PromptFile],
) -> Result<(Arc<Library>, Clips), Vec<StartError>> {
    let (mut clips, mut errors) = (BTreeMap::new(), Vec::new());
    for prompt in prompts {
        let wav = match std::fs::read(&prompt.path) {
            Ok(wav) => wav,
            Err(error) => {
                errors.push(StartError::PromptFile(prompt.path.clone(), error));
                continue;
            }
        };
        if *Sha256::digest(&wav) != prompt.digest {
            errors.push(StartError::PromptChanged(prompt.path.clone()));
            continue;
        }
        match library.add(&format!("{}/{}", prompt.language, prompt.name), &wav) {
            Ok(clip) => {
                clips.insert((prompt.language.clone(), prompt.name.clone()), clip);
            }
            Err(error) => errors.push(StartError::Prompt(prompt.path.clone(), error)),
        }
    }
    if errors.is_empty() { Ok((Arc::new(library.build()), clips)) } else { Err(errors) }
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

impl Ready {
    fn of(doors: &Doors) -> Ready {
        let locals = doors.sip.locals();
        let of = |protocol| {
            locals.iter().filter(|l| l.protocol == protocol).map(|l| l.address).collect()
        };
        Ready {
            ready: true,
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            sip_udp: of(Protocol::Udp),
            sip_tcp: of(Protocol::Tcp),
            http: doors.http.as_ref().and_then(|http| http.local_addr().ok()),
        }
    }
}
