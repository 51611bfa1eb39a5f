//! Replaces (RFC 3891): which dialog of ours it names, and whether that one may still be taken over.

use super::Endpoint;
use super::command::{DialogId, Replaced};
use crate::dialog::invite::{Effect, State};
use crate::limits;
use crate::message::{Message, Replaces};
use crate::transaction::timers::TIMEOUT;
use dozvon_clock::{Deadlines, Timestamp};
use std::collections::BTreeMap;

/// What a Replaces names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// No dialog of ours.
    Nothing,
    /// A dialog that is over; which one, when it broke and nobody hung it up.
    Over { broken: Option<DialogId> },
    /// Their call, which we have not answered.
    Unanswered(DialogId),
    /// Our call, which rings there.
    Ringing(DialogId),
    /// A call that stands.
    Standing(DialogId),
}

/// Dialogs that ended a moment ago, by our tag.
#[derive(Debug, Default)]
pub(super) struct Ended {
    dialogs: BTreeMap<String, Gone>,
    deadlines: Deadlines<String>,
}

/// What is remembered of a dialog that ended.
#[derive(Debug)]
struct Gone {
    call_id: String,
    their_tag: String,
    /// Its handle, when it broke.
    broken: Option<DialogId>,
}

impl Ended {
    fn insert(&mut self, now: Timestamp, our_tag: String, gone: Gone) {
        if self.dialogs.len() >= limits::ENDED_MAX
            && let Some((_, oldest)) = self.deadlines.pop_expired(Timestamp::FAR_FUTURE)
        {
            self.dialogs.remove(&oldest);
        }
        self.deadlines.set(our_tag.clone(), now + TIMEOUT);
        self.dialogs.insert(our_tag, gone);
    }

    fn named(&self, replaces: &Replaces<'_>) -> Option<&Gone> {
        self.dialogs.get(replaces.to_tag).filter(|gone| {
            gone.call_id == replaces.call_id && same_tag(&gone.their_tag, replaces.from_tag)
        })
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.deadlines.next()
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        while let Some((_, tag)) = self.deadlines.pop_expired(now) {
            self.dialogs.remove(&tag);
        }
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.dialogs.len(), self.deadlines.len());
        self.dialogs.len()
    }
}

impl Endpoint {
    /// The dialog that an INVITE of theirs is to take over, or the status and the sentence that it is refused with
    /// (RFC 3891 §3). Whether the caller may do it is the switch's to say.
    pub(super) fn replaced(
        &self,
        message: &Message<'_>,
    ) -> Result<Option<Replaced>, (u16, &'static str)> {
        let Some(Ok(replaces)) = message.replaces() else { return Ok(None) };
        let early_only = replaces.early_only;
        match self.named(&replaces) {
            // Who has called us may only be replaced by himself, not by others while we ring.
            Named::Nothing | Named::Unanswered(_) => {
                Err((481, "The call to be replaced is not known here"))
            }
            Named::Standing(_) | Named::Over { broken: Some(_) } if early_only => {
                Err((486, "The call to be replaced is answered already"))
            }
            Named::Over { broken: Some(dialog) } => {
                Ok(Some(Replaced { dialog, early_only, over: true }))
            }
            Named::Over { broken: None } => Err((603, "The call to be replaced is over")),
            Named::Standing(dialog) | Named::Ringing(dialog) => {
                Ok(Some(Replaced { dialog, early_only, over: false }))
            }
        }
    }

    /// What a Replaces names: its `to-tag` is ours, its `from-tag` theirs (RFC 3891 §3).
    pub(super) fn named(&self, replaces: &Replaces<'_>) -> Named {
        let found = self.by_tag.get(replaces.to_tag);
        let Some((&id, session)) = found.and_then(|id| self.sessions.get_key_value(id)) else {
            return self.over(replaces).unwrap_or(Named::Nothing);
        };
        if session.peer.call_id != replaces.call_id {
            return Named::Nothing;
        }
        let remote = session.peer.remote_tag.as_deref();
        let is_theirs = remote.is_some_and(|tag| same_tag(tag, replaces.from_tag));
        let rings = session.early_tags.iter().any(|tag| same_tag(tag, replaces.from_tag));
        match session.state {
            State::Calling { cancel: false } | State::Proceeding if rings => Named::Ringing(id),
            State::Calling { cancel: true } | State::Cancelling { .. } if rings => {
                Named::Over { broken: None }
            }
            State::Incoming if is_theirs => Named::Unanswered(id),
            State::Unacked { leaving: false } | State::AnswerDue | State::Confirmed
                if is_theirs =>
            {
                Named::Standing(id)
            }
            State::Unacked { leaving: true } | State::Leaving | State::Over if is_theirs => {
                self.over(replaces).unwrap_or(Named::Over { broken: None })
            }
            State::Calling { .. }
            | State::Proceeding
            | State::Cancelling { .. }
            | State::Incoming
            | State::Unacked { .. }
            | State::AnswerDue
            | State::Confirmed
            | State::Leaving
            | State::Over => Named::Nothing,
        }
    }

    /// The dialog named, if it ended a moment ago.
    fn over(&self, replaces: &Replaces<'_>) -> Option<Named> {
        self.ended.named(replaces).map(|gone| Named::Over { broken: gone.broken })
    }

    /// Remembers a dialog that ends, for a Replaces that comes after it: the same phone may want a call back that
    /// broke, and not one that somebody hung up.
    pub(super) fn remember_ended(&mut self, now: Timestamp, id: DialogId, effects: &[Effect]) {
        let Some(session) = self.sessions.get(&id) else { return };
        let peer = &session.peer;
        let Some(their_tag) = peer.remote_tag.clone() else { return };
        let broke = effects
            .iter()
            .any(|effect| matches!(effect, Effect::TellEnded(end) if end.is_failure()));
        let gone = Gone { call_id: peer.call_id.clone(), their_tag, broken: broke.then_some(id) };
        self.ended.insert(now, peer.local_tag.clone(), gone);
    }
}

/// Whether a tag is the one named; peers of RFC 2543 have none, and are named by `0`.
fn same_tag(tag: &str, named: &str) -> bool {
    tag == named || (tag.is_empty() && named == "0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn at_the_bound_the_oldest_ended_dialog_is_forgotten() {
        let (mut ended, start) = (Ended::default(), Timestamp::from_secs(1));
        let tag = |n: usize| format!("t{n}");
        for n in 0..=limits::ENDED_MAX {
            let now = start + Duration::from_micros(n as u64);
            let gone = Gone { call_id: "c".into(), their_tag: String::new(), broken: None };
            ended.insert(now, tag(n), gone);
        }
        let names = |ended: &Ended, n: usize| {
            let value = format!("c;to-tag={};from-tag=0", tag(n));
            ended.named(&Replaces::parse(value.as_bytes()).unwrap()).is_some()
        };
        assert_eq!(ended.len(), limits::ENDED_MAX);
        assert!(!names(&ended, 0) && names(&ended, 1) && names(&ended, limits::ENDED_MAX));
        ended.handle_timeout(start + TIMEOUT * 2);
        assert_eq!((ended.len(), ended.poll_timeout()), (0, None));
    }
}
