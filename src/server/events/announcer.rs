//! What the brain holds to tell the world: one call per output of the switch, none of which waits.

use super::Directory;
use super::log::{EventLog, EventSender};
use crate::server::metrics::{Metrics, fault_word};
use crate::server::store::{Record, StoreSender};
use crate::server::telemetry::Masked;
use dozvon_center::callback::Callback;
use dozvon_center::contact::Contact;
use dozvon_center::fact::{Fact, HoldAlarm, What};
use dozvon_clock::Timestamp;
use dozvon_switch::border::Note;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Facts kept for a slow live screen. One that falls further behind is told how many it missed.
pub(crate) const LIVE_MAX: usize = 4_096;

/// Facts as they happen, for live screens.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    sender: broadcast::Sender<Arc<Fact>>,
}

impl Live {
    /// A channel nobody listens to yet.
    pub(crate) fn new() -> Live {
        Live { sender: broadcast::channel(LIVE_MAX).0 }
    }

    /// Listens from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Fact>> {
        self.sender.subscribe()
    }

    /// Tells whoever listens; nobody listening is fine.
    pub(crate) fn tell(&self, fact: Arc<Fact>) {
        let _ = self.sender.send(fact);
    }
}

/// Tells metrics, the store, the event log, live screens and our own log what happened.
#[derive(Clone, Debug)]
pub(crate) struct Announcer {
    directory: Arc<Directory>,
    metrics: Arc<Metrics>,
    store: Option<StoreSender>,
    events: Option<EventSender>,
    live: Live,
}

impl Announcer {
    /// One that tells all of these; without a store or an event log the others are told.
    pub(crate) fn new(
        directory: Arc<Directory>,
        metrics: Arc<Metrics>,
        store: Option<StoreSender>,
        events: Option<&EventLog>,
        live: Live,
    ) -> Announcer {
        let events = events.map(EventLog::sender);
        Announcer { directory, metrics, store, events, live }
    }

    /// For `Output::Contact`: the record as it stands now.
    pub(crate) fn contact(&self, contact: Box<Contact>) {
        if let Some(store) = &self.store {
            store.try_send(Record::Contact(contact));
        }
    }

    /// For `Output::Callback`: the request as it stands now.
    pub(crate) fn callback(&self, callback: Box<Callback>) {
        if let Some(store) = &self.store {
            store.try_send(Record::Callback(callback));
        }
    }

    /// For `Output::Fact`.
    pub(crate) fn fact(&self, fact: Fact) {
        self.metrics.observe(&fact);
        self.log(&fact);
        if let Some(store) = &self.store {
            store.fact(&fact, &self.directory);
        }
        let fact = Arc::new(fact);
        if let Some(events) = &self.events {
            events.try_send(fact.clone());
        }
        self.live.tell(fact);
    }

    /// For `Output::Note`, told `now`.
    pub(crate) fn note(&self, now: Timestamp, note: &Note) {
        self.metrics.observe_note(note);
        if let (Some(store), Note::Refused { reason, .. }) = (&self.store, note) {
            store.try_send(Record::Refused { at: now, reason });
        }
        match note {
            Note::SipFinal { .. } | Note::MediaClosed { .. } => tracing::debug!(?note, "noted"),
            Note::Refused { status, reason } => tracing::info!(status, reason, "call refused"),
            Note::Registration { user, contacts } => {
                tracing::info!(%user, contacts, "registration changed");
            }
            Note::Security { kind, source } => tracing::info!(?kind, %source, "security"),
        }
    }

    /// INFO for contacts and agents' statuses, DEBUG for the rest.
    fn log(&self, fact: &Fact) {
        let call = fact.call.map(|call| call.0);
        if let What::CallStarted { flow, dialled, caller } = &fact.what {
            tracing::info!(call, %flow, %dialled, caller = %Masked(caller), "call started");
        } else if let What::Connected { queue, agent, waited_secs } = &fact.what {
            let agent = self.agent_name(*agent);
            tracing::info!(call, %queue, agent, waited_secs, "caller and agent talk");
        } else if let What::CallEnded { flow, ending, duration_secs } = &fact.what {
            let (by, reason) = (fault_word(ending.fault), &ending.reason);
            tracing::info!(call, %flow, by, %reason, duration_secs, "call ended");
        } else if let What::CallbackRequested { callback, queue, by } = &fact.what {
            let (callback, by) = (callback.0, by.as_str());
            tracing::info!(callback, call, %queue, by, "a callback is requested");
        } else if let What::CallbackEnded { callback, queue, end, attempts, .. } = &fact.what {
            let (callback, end) = (callback.0, end.as_str());
            tracing::info!(callback, call, %queue, end, attempts, "a callback is over");
        } else if let What::AgentChanged { agent, from, to, cause, .. } = &fact.what
            && from.0 != to.0
        {
            let agent = self.agent_name(*agent);
            tracing::info!(agent, from = %from.0, to = %to.0, ?cause, "agent's status changed");
        } else if let What::StatusLimit { agent, status, kind, lasted_secs, uses } = &fact.what {
            let agent = self.agent_name(*agent);
            tracing::info!(agent, %status, ?kind, lasted_secs, uses, "a status has its limits");
        } else if let What::ActivityAlarm { agent, activity, lasted_secs } = &fact.what {
            let agent = self.agent_name(*agent);
            tracing::info!(call, agent, %activity, lasted_secs, "this lasts too long");
        } else if let What::HoldLasts { queue, agent, alarm: HoldAlarm::TooLong } = &fact.what {
            tracing::info!(call, %queue, agent = self.agent_name(*agent), "a hold lasts too long");
        } else if let What::IncidentOpened { incident } = &fact.what {
            tracing::warn!(incident = incident.id, "an incident has begun: technical problems");
        } else if let What::IncidentClosed { incident } = &fact.what {
            let (agents, calls) = (incident.agents.len(), incident.calls.len());
            tracing::warn!(incident = incident.id, agents, calls, "the incident is over");
        } else if let What::EmergencyChanged { site, on, by, reason } = &fact.what {
            tracing::warn!(%site, on, %by, %reason, "emergency of a site");
        } else {
            tracing::debug!(call, what = ?fact.what, "fact");
        }
    }

    fn agent_name(&self, id: dozvon_center::ids::AgentId) -> &str {
        self.directory.agent(id).map_or("?", |agent| &agent.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::LogFormat;
    use crate::server::telemetry::tests::logged;
    use dozvon_center::contact::{Ending, Fault};
    use dozvon_center::ids::CallId;
    use dozvon_clock::Timestamp;

    fn announcer() -> Announcer {
        let directory = Arc::new(Directory::default());
        let metrics = Arc::new(Metrics::new(directory.clone()));
        Announcer::new(directory, metrics, None, None, Live::new())
    }

    fn a_call() -> Vec<Fact> {
        let started = What::CallStarted {
            flow: "bank".into(),
            dialled: "100".into(),
            caller: "+77011230001".into(),
        };
        let ended = What::CallEnded {
            flow: "bank".into(),
            ending: Ending::new(Fault::Caller, "hung_up"),
            duration_secs: 4.0,
        };
        let at = Timestamp::from_secs(9);
        let fact = |what| Fact { at, call: Some(CallId(1)), what };
        vec![fact(started), fact(What::CallAnswered), fact(ended)]
    }

    #[test]
    fn the_log_shows_each_call_and_never_its_number_above_debug() {
        for format in [LogFormat::Json, LogFormat::Pretty] {
            let log = logged(format, "info", || {
                let announcer = announcer();
                a_call().into_iter().for_each(|fact| announcer.fact(fact));
            });
            assert!(log.contains("call started") && log.contains("call ended"), "{log}");
            assert!(!log.contains("77011230001") && !log.contains("1230001"), "{log}");
            assert!(log.contains("+7701***0001"), "{log}");
        }
    }

    #[test]
    fn a_live_screen_hears_every_fact_and_learns_how_many_it_missed() {
        let announcer = announcer();
        let mut screen = announcer.live.listen();
        a_call().into_iter().for_each(|fact| announcer.fact(fact));
        assert!(matches!(screen.try_recv().unwrap().what, What::CallStarted { .. }));
        for _ in 0..LIVE_MAX + 10 {
            a_call().into_iter().take(1).for_each(|fact| announcer.fact(fact));
        }
        let missed = screen.try_recv().unwrap_err();
        assert_eq!(missed, broadcast::error::TryRecvError::Lagged(12));
    }
}
