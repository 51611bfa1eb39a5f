//! The SIP endpoint: user agent server, user agent client and registrar behind one door. RFC 3261 §8 to §15.
//!
//! Sans-IO: bytes and commands go in, [`Transmit`]s and [`Event`]s come out. It must never know what a call is worth,
//! who an agent is, what SDP says, or what time it is.
//!
//! THE LAW: after every call that takes `&mut self` and `now`, drain [`Endpoint::poll_transmit`] and
//! [`Endpoint::poll_event`] until both say `None`, then sleep until [`Endpoint::poll_timeout`] at the latest. `now`
//! never runs backwards. Commands on a dialog that is over do nothing: its end may still lie in the event queue.

mod command;
mod compose;
mod config;
mod event;
mod guard;
mod ids;
mod path;
mod receive;
mod referral;
mod register;
mod replaces;
mod session;
mod uac;
mod uas;
mod within;

pub use crate::registrar::{Binding, Ha1Pair};
pub use command::{
    Credentials, DialogId, Invite, Party, Reason, Refusal, Replaced, Replacement, Target,
};
pub use config::{Bounds, Config, Local, Network, Rate};
pub use event::{Cause, Direction, Event, SecurityKind};
pub use path::{ConnectionId, Input, Path, Protocol, Transmit};

use crate::dialog::invite::{self, Effect, End, State};
use crate::digest::{Ha1, Verifier};
use crate::limits;
use crate::message::Message;
use crate::registrar::Registrar;
use crate::transaction::layer::{Layer, News, TxId, Way};
use crate::transaction::timers::{T1, TIMEOUT, doubled};
use dozvon_clock::{Deadlines, Timestamp};
use guard::Guard;
use ids::Ids;
use referral::Referral;
use replaces::Ended;
use session::{ALARMS, Alarm, Kind, Owner, Session};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

/// How full the tables are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Transactions, both roles.
    pub transactions: usize,
    /// INVITE sessions not yet forgotten; those told as ended linger until their BYE is answered.
    pub dialogs: usize,
    /// Contacts bound.
    pub bindings: usize,
}

/// An ACK that was sent for a 2xx: Call-ID, CSeq number, To tag.
type AckKey = (String, u32, String);

/// The endpoint.
#[derive(Debug)]
pub struct Endpoint {
    config: Config,
    ids: Ids,
    guard: Guard,
    verifier: Verifier,
    accounts: BTreeMap<String, Ha1>,
    registrar: Registrar,
    layer: Layer<Owner>,
    sessions: BTreeMap<DialogId, Session>,
    by_tag: BTreeMap<String, DialogId>,
    early: BTreeMap<IpAddr, usize>,
    alarms: Deadlines<(DialogId, Alarm)>,
    /// Transfers asked for and not yet told of to the end; one of a dialog that is over owns what is left of it.
    referrals: BTreeMap<DialogId, Referral>,
    referral_deadlines: Deadlines<DialogId>,
    ended: Ended,
    acks: BTreeMap<AckKey, Transmit>,
    ack_deadlines: Deadlines<AckKey>,
    /// INVITEs of ours that outlived their session without a final response, and when to forget them.
    orphans: Deadlines<TxId>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    next_dialog: u64,
    draining: bool,
}

// === life ===

impl Endpoint {
    /// A new endpoint.
    ///
    /// # Panics
    /// When the configuration has no local address.
    pub fn new(config: Config, now: Timestamp) -> Self {
        assert!(!config.locals.is_empty(), "an endpoint needs a local address");
        let verifier =
            Verifier::new(config.secret, &config.realm).with_nonce_ttl(limits::NONCE_TTL);
        Endpoint {
            ids: Ids::new(&config.secret, now),
            guard: Guard::new(&config.bounds),
            verifier,
            accounts: BTreeMap::new(),
            registrar: Registrar::default(),
            layer: Layer::default(),
            sessions: BTreeMap::new(),
            by_tag: BTreeMap::new(),
            early: BTreeMap::new(),
            alarms: Deadlines::new(),
            referrals: BTreeMap::new(),
            referral_deadlines: Deadlines::new(),
            ended: Ended::default(),
            acks: BTreeMap::new(),
            ack_deadlines: Deadlines::new(),
            orphans: Deadlines::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            next_dialog: 1,
            draining: false,
            config,
        }
    }

    /// Takes in what came from the network.
    pub fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        match input {
            Input::Datagram { path, bytes } | Input::Stream { path, message: bytes } => {
                self.receive(now, path, bytes);
            }
            Input::Closed(connection) => self.closed(now, connection),
            Input::Unreachable { path } => self.layer.fail(now, Way::of(&path)),
        }
        self.settle(now);
    }

    /// Does what is due. Calling too early or twice does nothing.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.layer.handle_timeout(now);
        self.settle(now);
        while let Some((_, (id, alarm))) = self.alarms.pop_expired(now) {
            self.ring_alarm(now, id, alarm);
            self.settle(now);
        }
        while let Some((_, id)) = self.referral_deadlines.pop_expired(now) {
            self.step_referral(now, id, referral::TOO_LONG);
            self.settle(now);
        }
        self.ended.handle_timeout(now);
        while let Some((_, key)) = self.ack_deadlines.pop_expired(now) {
            self.acks.remove(&key);
        }
        while let Some((_, tx)) = self.orphans.pop_expired(now) {
            if !self.layer.is_settled(tx) {
                self.layer.forget(tx);
            }
        }
        for user in self.registrar.handle_timeout(now) {
            self.events.push_back(Event::Unregistered { user });
        }
    }

    /// When [`Endpoint::handle_timeout`] must be called at the latest.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let all = [
            self.layer.poll_timeout(),
            self.alarms.next(),
            self.referral_deadlines.next(),
            self.ended.poll_timeout(),
            self.ack_deadlines.next(),
            self.orphans.next(),
            self.registrar.poll_timeout(),
        ];
        all.into_iter().flatten().min()
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Replaces the accounts. Entries whose hashes are not hex of the right length cannot log in. Bindings of accounts
    /// that are gone stay until they expire.
    pub fn set_accounts(&mut self, accounts: BTreeMap<String, Ha1Pair>) {
        // A hash that is not given is one that no password has.
        let nobody = Ha1::of("nobody", &self.config.realm, &self.ids.cnonce());
        let (no_md5, no_sha256) = nobody.to_hex();
        self.accounts = accounts
            .into_iter()
            .filter_map(|(user, pair)| {
                let md5 = if pair.md5.is_empty() { no_md5 } else { &pair.md5 };
                let sha256 = if pair.sha256.is_empty() { no_sha256 } else { &pair.sha256 };
                let known = !pair.md5.is_empty() || !pair.sha256.is_empty();
                Some((user, Ha1::from_hex(md5, sha256).filter(|_| known)?))
            })
            .collect();
    }

    /// Where an account can be reached now: most preferred first.
    pub fn contacts(&self, user: &str) -> Vec<Binding> {
        self.registrar.of(user)
    }

    /// Whether new INVITEs and OPTIONS are turned away with 503 and Retry-After. What stands goes on.
    pub fn draining(&mut self, draining: bool) {
        self.draining = draining;
    }

    /// How full the tables are.
    pub fn counts(&self) -> Counts {
        Counts {
            transactions: self.layer.len(),
            dialogs: self.sessions.len(),
            bindings: self.registrar.len(),
        }
    }
}

// === inside ===

impl Endpoint {
    /// Carries out what the transactions have to say until they are silent.
    fn settle(&mut self, now: Timestamp) {
        self.flush();
        while let Some(news) = self.layer.poll_news() {
            match news {
                News::TimedOut(tx, owner) => self.request_failed(now, tx, owner, false),
                News::TransportFailed(tx, owner) => self.request_failed(now, tx, owner, true),
                News::ResponseFailed(_, Owner::Invited(id)) => {
                    self.advance(now, id, invite::Input::TransportFailed, None);
                }
                News::ResponseFailed(_, _) => {}
            }
            self.flush();
        }
        assert!(self.events.len() < limits::EVENTS_MAX, "the switch does not drain the events");
    }

    /// Takes over what the transactions send, so that everything leaves in the order it was said.
    fn flush(&mut self) {
        while let Some(transmit) = self.layer.poll_transmit() {
            self.send(transmit);
        }
    }

    /// Puts a message on the wire, unless its destination is not one peer (RFC 4475 §3.3.10).
    fn send(&mut self, transmit: Transmit) {
        if is_one_peer(transmit.path.remote) {
            self.transmits.push_back(transmit);
        }
    }

    /// Answers in a transaction.
    fn respond(&mut self, now: Timestamp, tx: TxId, status: u16, bytes: Vec<u8>) {
        self.layer.respond(now, tx, status, bytes);
        self.flush();
    }

    fn is_stranger(&self, path: &Path) -> bool {
        !self.config.is_trusted(path.remote.ip())
    }

    fn tell_security(
        &mut self,
        now: Timestamp,
        path: &Path,
        kind: SecurityKind,
        user: Option<String>,
    ) {
        let (source, trusted) = (path.remote.ip(), !self.is_stranger(path));
        if self.guard.may_tell(now, source, trusted, kind) {
            self.events.push_back(Event::Security { kind, source, user });
        }
    }

    fn closed(&mut self, now: Timestamp, connection: ConnectionId) {
        self.layer.fail(now, Way::Connection(connection));
        for session in self.sessions.values_mut() {
            session.lose(connection);
        }
        for referral in self.referrals.values_mut() {
            referral.lose(connection);
        }
        for user in self.registrar.closed(connection) {
            self.events.push_back(Event::Unregistered { user });
        }
    }

    /// A request of ours got no response: nothing came in time, or the transport failed.
    fn request_failed(&mut self, now: Timestamp, tx: TxId, owner: Owner, by_transport: bool) {
        match owner {
            Owner::Initial(id) => {
                // An INVITE that was challenged and sent again may still fail in its ACK: that is history.
                let outgoing = self.sessions.get(&id).and_then(|s| s.outgoing.as_ref());
                if outgoing.and_then(|outgoing| outgoing.tx) != Some(tx) {
                    return;
                }
                let input = if by_transport {
                    invite::Input::TransportFailed
                } else {
                    invite::Input::InviteTimedOut
                };
                self.advance(now, id, input, None);
            }
            Owner::Within(id, Kind::Bye, _) => {
                self.advance(now, id, invite::Input::ByeDone, None);
            }
            Owner::Within(id, Kind::Reinvite | Kind::Update, _) => {
                let input = if by_transport {
                    invite::Input::Unreachable
                } else {
                    invite::Input::Unresponsive
                };
                self.advance(now, id, input, None);
            }
            Owner::Notify(id, cseq) => self.notify_failed(now, id, cseq),
            // The call does not depend on an INFO.
            Owner::Within(_, Kind::Info, _)
            | Owner::Nobody
            | Owner::Invited(_)
            | Owner::Request => {}
        }
    }

    /// One step of a session's life, with the message that caused it when there is one.
    fn advance(
        &mut self,
        now: Timestamp,
        id: DialogId,
        input: invite::Input,
        message: Option<&Message<'_>>,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let before = session.state;
        let (after, effects) = invite::step(before, input);
        session.state = after;
        if before != after {
            tracing::debug!(dialog = id.0, ?before, ?input, ?after, "session");
            self.set_patience(now, id, after);
        }
        let is_ending = matches!(after, State::Leaving | State::Over);
        if is_ending && !matches!(before, State::Incoming | State::Leaving | State::Over) {
            self.quieten(id);
            // A request of theirs that is still open gets its answer before the session goes (§15.1.2).
            self.refuse_open(now, id, &Refusal::because(487, "The call is over"));
            self.step_referral(now, id, referral::CALL_OVER);
            self.remember_ended(now, id, &effects);
        }
        for effect in effects {
            match effect {
                Effect::Refuse(status) => self.refuse_open(now, id, &Refusal::new(status)),
                Effect::Cancel => self.send_cancel(now, id),
                Effect::Ack => {
                    let with_answer = input == invite::Input::AnswerGiven;
                    self.acknowledge(now, id, with_answer);
                }
                Effect::Bye => self.send_within(now, id, Kind::Bye, None),
                Effect::TellAcked => {
                    let sdp = message.and_then(compose::sdp_of);
                    self.events.push_back(Event::Acked { dialog: id, sdp });
                }
                Effect::TellAnswered => {
                    let sdp = message.and_then(compose::sdp_of);
                    self.events.push_back(Event::Answered { dialog: id, sdp });
                }
                Effect::TellRefused(status) => self.tell_refused(id, status, message),
                Effect::TellEnded(end) => self.tell_ended(id, end),
                Effect::Forget => self.forget(now, id),
            }
        }
    }

    fn tell_refused(&mut self, id: DialogId, status: Option<u16>, message: Option<&Message<'_>>) {
        let theirs = message.filter(|_| status.is_none());
        let status = status.or(message.and_then(Message::status)).unwrap_or(500);
        let reason = match theirs {
            Some(message) => message.reason_phrase().into_owned(),
            None => crate::message::reason_phrase(status).to_string(),
        };
        let retry_after = theirs.and_then(Message::retry_after);
        self.events.push_back(Event::Refused { dialog: id, status, reason, retry_after });
    }

    fn tell_ended(&mut self, id: DialogId, end: End) {
        let session = self.sessions.get(&id);
        let reason = || session.and_then(|session| session.peer_reason.clone());
        let cause = match end {
            End::Bye => {
                let headers = session.map(|session| session.peer_headers.clone());
                Cause::Bye { reason: reason(), headers: headers.unwrap_or_default() }
            }
            End::Cancelled => Cause::Cancelled { reason: reason() },
            End::NoAck => Cause::NoAck,
            End::SessionExpired => Cause::SessionExpired,
            End::TransportError => Cause::TransportError,
            End::Timeout => Cause::Timeout,
            End::Ours => Cause::Ours,
        };
        self.events.push_back(Event::Ended { dialog: id, cause });
    }

    /// How long a state may last, and who is counted as early.
    fn set_patience(&mut self, now: Timestamp, id: DialogId, state: State) {
        let patience = match state {
            State::Incoming => Some(limits::WAITING_MAX),
            State::Proceeding => Some(limits::RINGING_MAX),
            State::Cancelling { .. } => Some(TIMEOUT),
            State::AnswerDue => Some(limits::OFFER_WAIT),
            State::Unacked { .. }
            | State::Calling { .. }
            | State::Confirmed
            | State::Leaving
            | State::Over => None,
        };
        match patience {
            Some(after) => self.alarms.set((id, Alarm::TooLong), now + after),
            None => {
                self.alarms.cancel(&(id, Alarm::TooLong));
            }
        }
        if matches!(state, State::Confirmed | State::Leaving | State::Over) {
            self.no_longer_early(id);
        }
    }

    fn no_longer_early(&mut self, id: DialogId) {
        let Some(session) = self.sessions.get_mut(&id).filter(|s| s.is_early) else { return };
        session.is_early = false;
        if let Some(count) = self.early.get_mut(&session.source) {
            *count -= 1;
            if *count == 0 {
                self.early.remove(&session.source);
            }
        }
    }

    /// Stops everything that must not happen any more once a session is told as ended.
    fn quieten(&mut self, id: DialogId) {
        for alarm in ALARMS {
            self.alarms.cancel(&(id, alarm));
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.unacked = None;
            session.waiting_offer = None;
        }
    }

    fn forget(&mut self, now: Timestamp, id: DialogId) {
        self.quieten(id);
        let Some(session) = self.sessions.remove(&id) else { return };
        match self.referrals.get_mut(&id) {
            Some(referral) => referral.peer = Some(session.peer),
            None => {
                self.by_tag.remove(&session.peer.local_tag);
            }
        }
        // An INVITE in Proceeding has no timer: without a final response it would wait for ever. It is given the time
        // to acknowledge a refusal that is under way.
        let first = session.outgoing.and_then(|outgoing| outgoing.tx);
        for tx in [first, session.reinvite].into_iter().flatten() {
            if !self.layer.is_settled(tx) {
                self.orphans.set(tx, now + TIMEOUT);
            }
        }
    }

    fn ring_alarm(&mut self, now: Timestamp, id: DialogId, alarm: Alarm) {
        match alarm {
            Alarm::Trying => self.send_trying(now, id),
            Alarm::Progress => self.repeat_progress(now, id),
            Alarm::ResendOk => self.resend_ok(now, id),
            Alarm::NoAck => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.unacked = None;
                }
                self.alarms.cancel(&(id, Alarm::ResendOk));
                self.advance(now, id, invite::Input::NoAck, None);
            }
            Alarm::TooLong => self.advance(now, id, invite::Input::TooLong, None),
            Alarm::Refresh => self.refresh(now, id),
            Alarm::Expire => self.advance(now, id, invite::Input::Expired, None),
            Alarm::Retry => self.run_waiting_offer(now, id),
            Alarm::OfferWait => self.refuse_offer(now, id, 500, Some("No decision in time")),
            Alarm::AnswerWait => self.advance(now, id, invite::Input::Unresponsive, None),
        }
    }

    /// Our 2xx again, until the ACK comes (§13.3.1.4), on reliable transports too.
    fn resend_ok(&mut self, now: Timestamp, id: DialogId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(unacked) = session.unacked.as_mut() else { return };
        unacked.interval = doubled(unacked.interval);
        let transmit = Transmit { path: unacked.path, bytes: unacked.bytes.clone() };
        self.alarms.set((id, Alarm::ResendOk), now + unacked.interval);
        self.send(transmit);
    }

    fn expect_ack(&mut self, now: Timestamp, id: DialogId, unacked: session::Unacked) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.unacked = Some(unacked);
        self.alarms.set((id, Alarm::ResendOk), now + T1);
        self.alarms.set((id, Alarm::NoAck), now + TIMEOUT);
    }
}

/// Whether an address is one host that can be answered: not multicast, broadcast, nowhere, or port zero.
fn is_one_peer(remote: SocketAddr) -> bool {
    let many = match remote.ip().to_canonical() {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_multicast() || ip.is_unspecified(),
    };
    !many && remote.port() != 0
}

#[cfg(test)]
mod tests;
