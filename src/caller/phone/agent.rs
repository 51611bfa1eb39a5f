//! A phone that answers by itself: the agents and bots of the demo and of the tests.

use super::{Account, Call, Heard, Ladder, Phone, PhoneError, Ringing, Source};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How calls are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answering {
    /// Rings, then answers.
    Answer,
    /// Rings for ever.
    Ignore,
    /// Refuses with this status.
    Refuse(u16),
}

/// How an agent behaves.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    /// What becomes of calls.
    pub(crate) answering: Answering,
    /// How long it rings before the answer: a random time between these.
    pub(crate) rings: (Duration, Duration),
    /// How long a talk is before the agent hangs up: a random time between these; `None` = until the other does.
    pub(crate) talks: Option<(Duration, Duration)>,
    /// What the agent says.
    pub(crate) says: Source,
    /// Whether several calls are taken at once, as a bot does; an agent is busy while he talks.
    pub(crate) many: bool,
    /// How long a registration is asked for, seconds; 0 = not registered at all.
    pub(crate) register_secs: u32,
    /// A SIP address dialled once after the registration: a feature code that makes the agent ready.
    pub(crate) dials_first: Option<String>,
}

/// A talk that is over.
#[derive(Clone, Debug)]
pub(crate) struct Talked {
    /// What the agent heard.
    pub(crate) heard: Heard,
    /// How long it was.
    pub(crate) time: Duration,
}

/// A phone that answers by itself. Ends (and unregisters) when [`Agent::stop`] is called; a dropped one just ends.
pub(crate) struct Agent {
    talked: mpsc::UnboundedReceiver<Talked>,
    manner: tokio::sync::watch::Sender<Manner>,
    stop: tokio::sync::watch::Sender<bool>,
    local: std::net::SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Agent {
    /// Opens and registers the phone, then answers in its own task.
    pub(crate) async fn start(
        account: Account,
        manner: Manner,
        ladder: Option<Arc<Ladder>>,
    ) -> Result<Agent, PhoneError> {
        let phone = Phone::open(account, ladder).await?;
        let local = phone.local();
        let granted = match manner.register_secs {
            0 => u32::MAX,
            secs => phone.register(secs).await?,
        };
        if let Some(code) = &manner.dials_first {
            let call = phone.call(code, Source::Silence, false, Duration::from_secs(10)).await?;
            listen_out(call).await;
        }
        let (done, talked) = mpsc::unbounded_channel();
        let (manner, manners) = tokio::sync::watch::channel(manner);
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let task = tokio::spawn(serve(phone, manners, granted, done, stopped));
        Ok(Agent { talked, manner, stop, local, task })
    }

    /// The phone's SIP address.
    pub(crate) fn local(&self) -> std::net::SocketAddr {
        self.local
    }

    /// Behaves otherwise from the next call on.
    pub(crate) fn behave(&self, change: impl FnOnce(&mut Manner)) {
        self.manner.send_modify(change);
    }

    /// The next talk that ended.
    pub(crate) async fn talked(&mut self) -> Option<Talked> {
        self.talked.recv().await
    }

    /// Hangs up, unregisters and ends, within a second or two.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.send(true);
        let _ = tokio::time::timeout(Duration::from_secs(3), &mut self.task).await;
    }
}

/// How long a spoken confirmation may take.
const CONFIRMATION: Duration = Duration::from_millis(1500);

/// Hears a confirmation and hangs up, unless the other side did.
async fn listen_out(mut call: Call) {
    if call.stay(CONFIRMATION).await {
        call.hang_up().await;
    }
}

/// A random time between two.
pub(super) fn between((from, to): (Duration, Duration)) -> Duration {
    let random = u32::from_str_radix(&super::text::token(4), 16).unwrap_or_default();
    from + (to.saturating_sub(from)).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

async fn serve(
    mut phone: Phone,
    manners: tokio::sync::watch::Receiver<Manner>,
    granted: u32,
    done: mpsc::UnboundedSender<Talked>,
    mut stopped: tokio::sync::watch::Receiver<bool>,
) {
    let registers = granted != u32::MAX;
    let refresh = Duration::from_secs(u64::from(granted / 2).clamp(1, 86_400));
    let mut again = tokio::time::interval_at(tokio::time::Instant::now() + refresh, refresh);
    let mut talks = tokio::task::JoinSet::new();
    // Held by every call that rings or talks.
    let engaged = Arc::new(());
    loop {
        tokio::select! {
            ringing = phone.ring() => {
                let manner = manners.borrow().clone();
                if let Answering::Refuse(status) = manner.answering {
                    talks.spawn(ringing.refuse(status));
                } else if Arc::strong_count(&engaged) > 1 && !manner.many {
                    talks.spawn(ringing.refuse(486));
                } else {
                    let call = one_call(ringing, manner, engaged.clone(), done.clone(), stopped.clone());
                    talks.spawn(call);
                }
            }
            Some(_) = talks.join_next() => {}
            _ = again.tick() => if registers {
                let secs = manners.borrow().register_secs;
                let _ = phone.register(secs).await;
            },
            _ = stopped.changed() => break,
        }
    }
    if registers {
        let _ = tokio::time::timeout(Duration::from_secs(1), phone.register(0)).await;
    }
    let _ = tokio::time::timeout(Duration::from_secs(1), async {
        while talks.join_next().await.is_some() {}
    })
    .await;
}

async fn one_call(
    mut ringing: Ringing,
    manner: Manner,
    engaged: Arc<()>,
    done: mpsc::UnboundedSender<Talked>,
    mut stopped: tokio::sync::watch::Receiver<bool>,
) {
    let patience = match manner.answering {
        Answering::Refuse(_) | Answering::Ignore => Duration::from_secs(3600),
        Answering::Answer => between(manner.rings),
    };
    if !ringing.ring(patience).await {
        drop(engaged);
        return ringing.gone().await;
    }
    let Ok(mut call) = ringing.answer(manner.says.clone(), false).await else { return };
    let time = manner.talks.map_or(Duration::from_secs(86_400), between);
    let stands = tokio::select! {
        stands = call.stay(time) => stands,
        _ = stopped.changed() => true,
    };
    let _ = done.send(Talked { heard: call.heard(), time: call.age() });
    drop(engaged);
    if stands {
        call.hang_up().await;
    }
}
