//! Which sessions are measured together, so that a measure is ended once: by the center, or by a session that closes.

use dozvon_center::ids::MeasureId;
use dozvon_media::order::SessionId;
use std::collections::BTreeMap;

/// Measures that run.
#[derive(Debug, Default)]
pub(crate) struct Measures {
    running: BTreeMap<MeasureId, (u16, [SessionId; 2])>,
    by_session: BTreeMap<SessionId, MeasureId>,
}

impl Measures {
    /// A measure runs at this worker.
    pub(crate) fn begin(&mut self, measure: MeasureId, worker: u16, sessions: [SessionId; 2]) {
        self.running.insert(measure, (worker, sessions));
        self.by_session.extend(sessions.map(|session| (session, measure)));
    }

    /// The worker of a measure that runs.
    pub(crate) fn worker(&self, measure: MeasureId) -> Option<u16> {
        self.running.get(&measure).map(|(worker, _)| *worker)
    }

    /// A measure is over, if it still ran.
    pub(crate) fn end(&mut self, measure: MeasureId) {
        for session in self.running.remove(&measure).into_iter().flat_map(|(_, both)| both) {
            self.by_session.remove(&session);
        }
    }

    /// A session closes, and with it its measure.
    pub(crate) fn closed(&mut self, session: SessionId) {
        if let Some(measure) = self.by_session.get(&session) {
            self.end(*measure);
        }
    }

    /// Panics unless only sessions that are there are measured.
    pub(crate) fn check_invariants(&self, is_there: impl Fn(SessionId) -> bool) {
        assert!(self.by_session.keys().all(|session| is_there(*session)), "the dead are measured");
        assert_eq!(self.by_session.len(), 2 * self.running.len(), "two are measured together");
    }
}
