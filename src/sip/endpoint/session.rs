//! What the endpoint keeps of one INVITE session beside its state machine.

use super::command::{Credentials, DialogId, Invite, Reason};
use super::path::{ConnectionId, Path};
use crate::dialog::invite::State;
use crate::dialog::offer_answer::Position;
use crate::dialog::peer::Peer;
use crate::message::{HeaderName, OwnedMessage};
use crate::transaction::layer::TxId;
use std::net::IpAddr;
use std::time::Duration;

/// What a transaction of the endpoint is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Our INVITE that begins a session.
    Initial(DialogId),
    /// A request of ours within a session; and whether it carries credentials already.
    Within(DialogId, Kind, bool),
    /// Our CANCEL, or the BYE to a fork that lost: nobody waits for the answer.
    Nobody,
    /// Their INVITE, initial or not.
    Invited(DialogId),
    /// Any other request of theirs.
    Request,
    /// Our NOTIFY for the referral whose REFER had this CSeq number.
    Notify(DialogId, u32),
}

/// What we send within a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// BYE.
    Bye,
    /// INVITE with an offer.
    Reinvite,
    /// UPDATE without a body: a refresh.
    Update,
    /// INFO.
    Info,
}

/// When to do what for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    /// When to send the 100 that was held back from a stranger: 100 ms after the INVITE.
    Trying,
    /// When to send the provisional response again (§13.3.1.1).
    Progress,
    /// When to send our 2xx again: T1, doubling up to T2 (§13.3.1.4).
    ResendOk,
    /// When to give up waiting for the ACK: 64·T1.
    NoAck,
    /// When the state has lasted too long.
    TooLong,
    /// When to refresh the session (RFC 4028 §7.2).
    Refresh,
    /// When to end it for want of a refresh (RFC 4028 §10).
    Expire,
    /// When to offer again after 491 or 500 (§14.1).
    Retry,
    /// When to refuse their offer for the switch, which has not decided.
    OfferWait,
    /// When to stop waiting for the answer to our offer, provisional responses or not.
    AnswerWait,
}

/// All alarms, for forgetting a session.
pub(super) const ALARMS: [Alarm; 10] = [
    Alarm::Trying,
    Alarm::Progress,
    Alarm::ResendOk,
    Alarm::NoAck,
    Alarm::TooLong,
    Alarm::Refresh,
    Alarm::Expire,
    Alarm::Retry,
    Alarm::OfferWait,
    Alarm::AnswerWait,
];

/// A request of theirs whose final response is due.
#[derive(Debug)]
pub(super) struct Theirs {
    pub(super) tx: TxId,
    pub(super) request: OwnedMessage,
    pub(super) path: Path,
    /// It is an INVITE, not an UPDATE.
    pub(super) is_invite: bool,
    /// It brought an offer.
    pub(super) offered: bool,
    /// The last provisional response, for [`Alarm::Progress`].
    pub(super) provisional: Option<(u16, Vec<u8>)>,
}

/// A 2xx of ours whose ACK is awaited.
#[derive(Debug)]
pub(super) struct Unacked {
    pub(super) cseq: u32,
    pub(super) bytes: Vec<u8>,
    pub(super) path: Path,
    pub(super) interval: Duration,
    /// It answers the INVITE that began the session.
    pub(super) initial: bool,
    /// It holds our offer: the ACK brings the answer.
    pub(super) offered: bool,
}

/// Our INVITE while it is open.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) invite: Invite,
    pub(super) path: Path,
    pub(super) tx: Option<TxId>,
    pub(super) cseq: u32,
    /// INVITEs sent to satisfy a challenge.
    pub(super) challenges: u8,
    /// Min-SE learned from 422, and INVITEs sent for it.
    pub(super) min_se: u32,
    pub(super) too_small: u8,
    /// Whether CANCEL went out.
    pub(super) cancelled: bool,
}

/// Our open re-INVITE or UPDATE.
#[derive(Debug)]
pub(super) struct Ours {
    pub(super) kind: Kind,
    /// The offer; empty for UPDATE.
    pub(super) sdp: Vec<u8>,
    /// It is only a refresh: the switch did not ask for it.
    pub(super) refresh: bool,
}

/// The session timer that was agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) secs: u32,
    pub(super) we_refresh: bool,
}

/// One INVITE session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) state: State,
    pub(super) peer: Peer,
    pub(super) position: Position,
    /// We sent the first INVITE, and so own the Call-ID.
    pub(super) is_caller: bool,
    pub(super) source: IpAddr,
    /// Counted among the early dialogs of its source.
    pub(super) is_early: bool,
    pub(super) theirs: Option<Theirs>,
    pub(super) unacked: Option<Unacked>,
    pub(super) outgoing: Option<Box<Outgoing>>,
    /// The tags of those who ring for our INVITE.
    pub(super) early_tags: Vec<String>,
    /// A REFER came in this dialog: the next one's NOTIFYs need an id (RFC 3515 §2.4.6).
    pub(super) was_referred: bool,
    pub(super) ours: Option<Ours>,
    /// The transaction of our last re-INVITE.
    pub(super) reinvite: Option<TxId>,
    pub(super) waiting_offer: Option<Vec<u8>>,
    pub(super) retries: u8,
    /// The description we gave last, for refreshing by re-INVITE.
    pub(super) local_sdp: Vec<u8>,
    /// The CSeq of our INVITE whose ACK the switch's answer must complete.
    pub(super) answer_due: Option<u32>,
    pub(super) reason: Option<Reason>,
    pub(super) peer_reason: Option<Reason>,
    /// What else their BYE says.
    pub(super) peer_headers: Vec<(String, String)>,
    pub(super) terms: Option<Terms>,
    pub(super) allows_update: bool,
    pub(super) knows_timers: bool,
    pub(super) credentials: Option<Credentials>,
    /// The Authorization of the INVITE that went through; its ACK repeats it (§22.1).
    pub(super) authorization: Option<(HeaderName, String)>,
}

impl Session {
    pub(super) fn new(state: State, peer: Peer, source: IpAddr) -> Session {
        Session {
            state,
            peer,
            position: Position::default(),
            is_caller: false,
            source,
            is_early: false,
            theirs: None,
            unacked: None,
            outgoing: None,
            early_tags: Vec::new(),
            was_referred: false,
            ours: None,
            reinvite: None,
            waiting_offer: None,
            retries: 0,
            local_sdp: Vec::new(),
            answer_due: None,
            reason: None,
            peer_reason: None,
            peer_headers: Vec::new(),
            terms: None,
            allows_update: false,
            knows_timers: false,
            credentials: None,
            authorization: None,
        }
    }

    /// A connection is no more: what goes out from now on asks the roof for a new one.
    pub(super) fn lose(&mut self, connection: ConnectionId) {
        let paths = [
            Some(&mut self.peer.path),
            self.theirs.as_mut().map(|theirs| &mut theirs.path),
            self.unacked.as_mut().map(|unacked| &mut unacked.path),
            self.outgoing.as_mut().map(|outgoing| &mut outgoing.path),
        ];
        for path in paths.into_iter().flatten() {
            path.connection = path.connection.filter(|known| *known != connection);
        }
    }
}
