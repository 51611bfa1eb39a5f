//! Whose turn it is in offer/answer: RFC 3264 §4, RFC 6141, and the glare rules of RFC 3261 §14 and RFC 3311 §5.
//!
//! Knows no SDP. It says whether a request with an offer may be accepted or sent now.

/// Whose offer is unanswered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turn {
    /// Nobody's: either side may offer.
    #[default]
    Free,
    /// Ours is out.
    Ours,
    /// Theirs is with the switch.
    Theirs,
}

/// Which INVITE transaction is open in the dialog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenInvite {
    /// None.
    #[default]
    None,
    /// Ours, without a final response.
    Ours,
    /// Theirs, without a final response.
    Theirs,
    /// Theirs, answered with 2xx; the ACK is awaited.
    Unacked,
}

/// What to do with a request of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may be looked at.
    Accept,
    /// 491: it crossed one of ours, both try again at different times.
    Glare,
    /// 500 with Retry-After of up to 10 s: they did not wait for our answer.
    TooEarly,
}

/// The position of one dialog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Whose offer is unanswered.
    pub turn: Turn,
    /// Which INVITE is open.
    pub invite: OpenInvite,
}

impl Position {
    /// Whether their re-INVITE may be looked at (§14.2).
    pub fn admit_invite(self) -> Admission {
        match (self.invite, self.turn) {
            (OpenInvite::Theirs, _) => Admission::TooEarly,
            (OpenInvite::Ours | OpenInvite::Unacked, _) => Admission::Glare,
            (OpenInvite::None, Turn::Ours) => Admission::Glare,
            (OpenInvite::None, Turn::Theirs) => Admission::TooEarly,
            (OpenInvite::None, Turn::Free) => Admission::Accept,
        }
    }

    /// Whether their UPDATE may be looked at (RFC 3311 §5.2). Without an offer it always may.
    pub fn admit_update(self, with_offer: bool) -> Admission {
        match self.turn {
            Turn::Ours if with_offer => Admission::Glare,
            Turn::Theirs if with_offer => Admission::TooEarly,
            Turn::Free | Turn::Ours | Turn::Theirs => Admission::Accept,
        }
    }

    /// Whether we may send a re-INVITE now (§14.1).
    pub fn may_offer(self) -> bool {
        self == Position::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_admits_what_it_may() {
        use Admission::{Accept, Glare, TooEarly};
        use OpenInvite as I;
        use Turn as T;
        let rows = [
            (T::Free, I::None, Accept, Accept, true),
            (T::Free, I::Ours, Glare, Accept, false),
            (T::Free, I::Theirs, TooEarly, Accept, false),
            (T::Free, I::Unacked, Glare, Accept, false),
            (T::Ours, I::None, Glare, Glare, false),
            (T::Ours, I::Ours, Glare, Glare, false),
            (T::Ours, I::Theirs, TooEarly, Glare, false),
            (T::Ours, I::Unacked, Glare, Glare, false),
            (T::Theirs, I::None, TooEarly, TooEarly, false),
            (T::Theirs, I::Ours, Glare, TooEarly, false),
            (T::Theirs, I::Theirs, TooEarly, TooEarly, false),
            (T::Theirs, I::Unacked, Glare, TooEarly, false),
        ];
        for (turn, invite, on_invite, on_update, may) in rows {
            let position = Position { turn, invite };
            assert_eq!(position.admit_invite(), on_invite, "{position:?}");
            assert_eq!(position.admit_update(true), on_update, "{position:?}");
            assert_eq!(position.admit_update(false), Accept, "{position:?}");
            assert_eq!(position.may_offer(), may, "{position:?}");
        }
    }
}
