//! The door to the brain for everybody who is not on the call path: HTTP, the demo, the live page.
//!
//! A question goes through a bounded channel and is answered through a one-shot one. The brain answers between two
//! inputs and never waits for the asker; an asker who finds the channel full is told [`BrainError::Busy`]. Must never
//! know HTTP.

use crate::server::config::{Recognisers, Streams};
use dozvon_center::acd::StatusError;
use dozvon_center::callback::CallbackError;
use dozvon_center::ids::{AgentId, CallId, CallbackId};
use dozvon_center::opening::EmergencyError;
use dozvon_center::steering::{Memory, NoRollout, Steering};
use dozvon_clock::Timestamp;
use dozvon_media::clip::Library;
use dozvon_switch::border::{
    AgentRow, CallCommand, CallRefusal, CallbackCommand, DeskCommand, Snapshot, WhyRow,
};
use dozvon_switch::config::Reload;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc, oneshot};

/// Questions waiting for the brain. One more is refused with [`BrainError::Busy`], which HTTP shows as 503.
pub(crate) const QUERIES_MAX: usize = 256;

/// How long an asker waits for an answer before it is told [`BrainError::Busy`].
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A picture this young is shared instead of having the brain draw another, so readers can't load the brain.
pub(crate) const PICTURE_AGE_MAX: Duration = Duration::from_millis(100);

/// A question or a command to the brain. The receiver must answer each through `reply`; a reply that nobody waits for
/// any more is dropped.
#[derive(Debug)]
pub(crate) enum Query {
    /// Draw a picture of the house.
    Snapshot {
        /// Where the picture goes.
        reply: oneshot::Sender<Arc<Snapshot>>,
    },
    /// Give the switch this desk command and tell what became of it.
    Desk {
        /// About whom.
        agent: AgentId,
        /// The command.
        command: DeskCommand,
        /// The agent's new row, or why not.
        reply: oneshot::Sender<DeskAnswer>,
    },
    /// Give the switch this command about a call and tell what became of it.
    Command {
        /// The command.
        command: CallCommand,
        /// Why not, if not.
        reply: oneshot::Sender<Result<(), CallRefusal>>,
    },
    /// Give the switch this command about callbacks and tell which request it was about.
    Callback {
        /// The command.
        command: Box<CallbackCommand>,
        /// The request, or why not.
        reply: oneshot::Sender<Result<CallbackId, CallbackError>>,
    },
    /// Go over to another version of the configuration.
    Reload {
        /// It.
        next: Box<Reload>,
        /// Its sounds.
        library: Arc<Library>,
        /// Its bots that speak over streams.
        streams: Streams,
        /// Who listens to its callers.
        recognisers: Recognisers,
        /// Told when it is in force.
        reply: oneshot::Sender<()>,
    },
    /// Tell why a call waits, or has the agent it has; `None` when it is in no queue and in no talk.
    Why {
        /// Which.
        call: CallId,
        /// Where the reasons go.
        reply: oneshot::Sender<Option<Box<WhyRow>>>,
    },
    /// Declare an emergency at a site, or call it off.
    Emergency {
        /// What is wanted.
        wish: EmergencyWish,
        /// Why not, if not.
        reply: oneshot::Sender<Result<(), EmergencyError>>,
    },
    /// Move a rollout's share.
    Steer {
        /// Where to.
        steering: Box<Steering>,
        /// Told when it is in force.
        reply: oneshot::Sender<Result<(), NoRollout>>,
    },
    /// Learn what was known of a rollout's callers before the start.
    Remember {
        /// It.
        memory: Box<Memory>,
        /// Told when it is known.
        reply: oneshot::Sender<Result<(), NoRollout>>,
    },
    /// Hang up a call; answers whether there was one of that number.
    HangUp {
        /// Which.
        call: CallId,
        /// Whether it was there.
        reply: oneshot::Sender<bool>,
    },
}

/// What became of a desk command.
#[derive(Clone, Debug)]
pub(crate) struct DeskAnswer {
    /// When it was given.
    pub(crate) at: Timestamp,
    /// The agent's row after it, or why it did nothing.
    pub(crate) done: Result<AgentRow, DeskRefusal>,
}

/// What somebody says of a site.
#[derive(Clone, Debug)]
pub(crate) struct EmergencyWish {
    /// The site.
    pub(crate) site: String,
    /// Whether it has an emergency.
    pub(crate) on: bool,
    /// Who says so.
    pub(crate) by: String,
    /// Why.
    pub(crate) reason: String,
}

/// Why a desk command did nothing, and how the agent stands now.
#[derive(Clone, Debug)]
pub(crate) struct DeskRefusal {
    /// Why.
    pub(crate) why: StatusError,
    /// The agent's present row; `None` when there is no such agent.
    pub(crate) row: Option<Box<AgentRow>>,
}

/// Why the brain gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BrainError {
    /// Too many questions wait, or the answer took longer than [`ANSWER_WITHIN`].
    #[error("the switch is busy: try again in a moment")]
    Busy,
    /// The brain has ended: the process is going down.
    #[error("the switch is going down")]
    Gone,
}

/// The picture drawn last, and when.
type Picture = Option<(Instant, Arc<Snapshot>)>;

/// The askers' end. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct BrainHandle {
    queries: mpsc::Sender<Query>,
    picture: Arc<Mutex<Picture>>,
}

/// Both ends of the door: the handle for askers, the receiver for the brain.
pub(crate) fn door() -> (BrainHandle, mpsc::Receiver<Query>) {
    let (queries, receiver) = mpsc::channel(QUERIES_MAX);
    (BrainHandle { queries, picture: Arc::new(Mutex::new(None)) }, receiver)
}

impl BrainHandle {
    /// A picture of the house, at most [`PICTURE_AGE_MAX`] old.
    ///
    /// # Errors
    /// [`BrainError`] when the brain is overloaded or gone.
    pub(crate) async fn snapshot(&self) -> Result<Arc<Snapshot>, BrainError> {
        // Askers queue here, so that one picture serves all who came while it was drawn.
        let mut picture = self.picture.lock().await;
        if let Some((drawn, snapshot)) = &*picture
            && drawn.elapsed() < PICTURE_AGE_MAX
        {
            return Ok(snapshot.clone());
        }
        let snapshot = self.ask(|reply| Query::Snapshot { reply }).await?;
        *picture = Some((Instant::now(), snapshot.clone()));
        Ok(snapshot)
    }

    /// Gives a command about an agent; answers the agent's row after it. No picture is drawn for it.
    ///
    /// # Errors
    /// [`BrainError`] when the brain is overloaded or gone.
    pub(crate) async fn desk(
        &self,
        agent: AgentId,
        command: DeskCommand,
    ) -> Result<DeskAnswer, BrainError> {
        self.order(|reply| Query::Desk { agent, command, reply }).await
    }

    /// Gives a command about a call.
    ///
    /// # Errors
    /// The outer error is the brain's, the inner one the command's.
    pub(crate) async fn command(
        &self,
        command: CallCommand,
    ) -> Result<Result<(), CallRefusal>, BrainError> {
        self.order(|reply| Query::Command { command, reply }).await
    }

    /// Gives a command about callbacks; answers which request it was about.
    ///
    /// # Errors
    /// The outer error is the brain's, the inner one the command's.
    pub(crate) async fn callback(
        &self,
        command: CallbackCommand,
    ) -> Result<Result<CallbackId, CallbackError>, BrainError> {
        let command = Box::new(command);
        self.order(|reply| Query::Callback { command, reply }).await
    }

    /// Goes over to another version of the configuration. Waits for the answer however long it takes: who asks goes on
    /// from what is in force, and half-known news of that would be worse than none.
    ///
    /// # Errors
    /// [`BrainError`]: nothing has changed then.
    pub(crate) async fn reload(
        &self,
        next: Box<Reload>,
        library: Arc<Library>,
        streams: Streams,
        recognisers: Recognisers,
    ) -> Result<(), BrainError> {
        let answer =
            self.send(|reply| Query::Reload { next, library, streams, recognisers, reply })?.await;
        self.forget_picture().await;
        answer.map_err(|_| BrainError::Gone)
    }

    /// Why a call waits, or has the agent it has; `None` when it is in no queue and in no talk.
    ///
    /// # Errors
    /// [`BrainError`] when the brain is overloaded or gone.
    pub(crate) async fn why(&self, call: CallId) -> Result<Option<Box<WhyRow>>, BrainError> {
        self.ask(|reply| Query::Why { call, reply }).await
    }

    /// Declares an emergency at a site, or calls it off.
    ///
    /// # Errors
    /// The outer error is the brain's, the inner one the command's.
    pub(crate) async fn emergency(
        &self,
        wish: EmergencyWish,
    ) -> Result<Result<(), EmergencyError>, BrainError> {
        self.order(|reply| Query::Emergency { wish, reply }).await
    }

    /// Moves a rollout's share; it counts for the next draw on.
    ///
    /// # Errors
    /// The outer error is the brain's, the inner one the command's.
    pub(crate) async fn steer(
        &self,
        steering: Steering,
    ) -> Result<Result<(), NoRollout>, BrainError> {
        let steering = Box::new(steering);
        self.order_to_the_end(|reply| Query::Steer { steering, reply }).await
    }

    /// Tells what was known of a rollout's callers before the start.
    ///
    /// # Errors
    /// The outer error is the brain's, the inner one the command's.
    pub(crate) async fn remember(
        &self,
        memory: Memory,
    ) -> Result<Result<(), NoRollout>, BrainError> {
        let memory = Box::new(memory);
        self.ask(|reply| Query::Remember { memory, reply }).await
    }

    /// Hangs up a call; answers whether there was such a call.
    ///
    /// # Errors
    /// [`BrainError`] when the brain is overloaded or gone.
    pub(crate) async fn hang_up(&self, call: CallId) -> Result<bool, BrainError> {
        self.order(|reply| Query::HangUp { call, reply }).await
    }

    /// Asks for something to be done. The asker must see its effect, so the shared picture is drawn anew.
    async fn order<T>(
        &self,
        query: impl FnOnce(oneshot::Sender<T>) -> Query,
    ) -> Result<T, BrainError> {
        let answer = self.ask(query).await;
        self.forget_picture().await;
        answer
    }

    /// The same, however long it takes: for who goes on from what was done, and must not order it twice.
    async fn order_to_the_end<T>(
        &self,
        query: impl FnOnce(oneshot::Sender<T>) -> Query,
    ) -> Result<T, BrainError> {
        let answer = self.send(query)?.await;
        self.forget_picture().await;
        answer.map_err(|_| BrainError::Gone)
    }

    async fn forget_picture(&self) {
        *self.picture.lock().await = None;
    }

    async fn ask<T>(
        &self,
        query: impl FnOnce(oneshot::Sender<T>) -> Query,
    ) -> Result<T, BrainError> {
        match tokio::time::timeout(ANSWER_WITHIN, self.send(query)?).await {
            Ok(answer) => answer.map_err(|_| BrainError::Gone),
            Err(_) => Err(BrainError::Busy),
        }
    }

    /// Hands the question over; gives where its answer comes.
    fn send<T>(
        &self,
        query: impl FnOnce(oneshot::Sender<T>) -> Query,
    ) -> Result<oneshot::Receiver<T>, BrainError> {
        let (reply, answer) = oneshot::channel();
        match self.queries.try_send(query(reply)) {
            Ok(()) => Ok(answer),
            Err(mpsc::error::TrySendError::Full(_)) => Err(BrainError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(BrainError::Gone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::{Missing, Tests, load};
    use dozvon_media::clip::LibraryBuilder;
    use std::path::Path;

    /// The project's own configuration, as another version.
    fn another() -> (Box<Reload>, Arc<Library>) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let (loaded, findings) = load(&folder, &[], Missing::Leave, Tests::Play);
        let Some(loaded) = loaded else { panic!("{findings:?}") };
        let next = Reload {
            policy: Arc::new(loaded.policy.clone()),
            numbers: loaded.switch.numbers.clone(),
            bots: loaded.switch.bots.clone(),
            clips: Default::default(),
            version: loaded.version.clone(),
            by: "ops".into(),
        };
        (Box::new(next), Arc::new(LibraryBuilder::new(&[]).build()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_version_that_is_taken_late_is_known_to_be_taken() {
        let (brain, mut queries) = door();
        let (next, library) = another();
        let wish = tokio::spawn(async move {
            brain.reload(next, library, Streams::default(), Recognisers::default()).await
        });
        let Some(Query::Reload { reply, .. }) = queries.recv().await else {
            panic!("a reload was asked for")
        };
        // Five times the patience of any other asker, in which the brain does something else.
        let late = tokio::time::timeout(5 * ANSWER_WITHIN, std::future::pending::<()>()).await;
        assert!(late.is_err() && !wish.is_finished());
        reply.send(()).unwrap();
        assert_eq!(wish.await.unwrap(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_asker_is_told_when_the_brain_is_busy_and_when_it_is_gone() {
        let (brain, queries) = door();
        assert_eq!(brain.hang_up(CallId(1)).await, Err(BrainError::Busy), "no answer in time");
        drop(queries);
        assert_eq!(brain.hang_up(CallId(1)).await, Err(BrainError::Gone));
        let (next, library) = another();
        let reloaded =
            brain.reload(next, library, Streams::default(), Recognisers::default()).await;
        assert_eq!(reloaded, Err(BrainError::Gone));
    }
}
