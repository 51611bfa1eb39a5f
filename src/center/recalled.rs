//! Phones that were taken back while they rang. An answer that comes from one of them has crossed our release: it is
//! released again, told as stale, and held against nobody.

use crate::border::LegCommand;
use crate::center::Center;
use crate::contact::{Ending, Fault};
use crate::fact::What;
use crate::ids::{CallId, LegId, OfferId};
use crate::limits::RECALLED_MAX;
use dozvon_clock::Timestamp;
use std::collections::VecDeque;

/// The last phones taken back, oldest first; at most [`RECALLED_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Recalled(VecDeque<(LegId, CallId, OfferId)>);

impl Recalled {
    pub(crate) fn note(&mut self, leg: LegId, call: CallId, offer: OfferId) {
        if self.0.len() == RECALLED_MAX {
            self.0.pop_front();
        }
        self.0.push_back((leg, call, offer));
    }

    /// What the phone rang for; asked once.
    fn take(&mut self, leg: LegId) -> Option<(CallId, OfferId)> {
        let at = self.0.iter().position(|(recalled, ..)| *recalled == leg)?;
        self.0.remove(at).map(|(_, call, offer)| (call, offer))
    }
}

impl Center {
    /// A phone that is rung no more was answered.
    pub(crate) fn answered_too_late(&mut self, now: Timestamp, leg: LegId) {
        let Some((call, offer)) = self.recalled.take(leg) else { return };
        self.fact(now, Some(call), What::OfferStale { offer });
        let ending = Ending::new(Fault::Nobody, "answered_elsewhere");
        self.tell(leg, LegCommand::Release(ending));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_bound_the_oldest_is_forgotten() {
        let mut recalled = Recalled::default();
        let max = RECALLED_MAX as u64;
        for n in 0..=max {
            recalled.note(LegId(n), CallId(n), OfferId(n));
        }
        assert_eq!(recalled.take(LegId(0)), None);
        assert_eq!(recalled.take(LegId(1)), Some((CallId(1), OfferId(1))));
        assert_eq!(recalled.take(LegId(1)), None, "told once");
        assert_eq!(recalled.take(LegId(max)), Some((CallId(max), OfferId(max))));
    }
}
