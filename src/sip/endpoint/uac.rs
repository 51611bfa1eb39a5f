//! Our INVITEs: RFC 3261 §13.2, with CANCEL (§9.1), forks, challenges (§22) and 422 (RFC 4028 §7.4).

use super::command::{DialogId, Invite, Target};
use super::compose::{ALLOW, SDP, SUPPORTED_IN_CALLS, name_addr, reason_value, sdp_of};
use super::event::Event;
use super::path::{Path, Transmit};
use super::session::{Outgoing, Owner, Session, Terms};
use super::uas::learn_abilities;
use super::{AckKey, Endpoint};
use crate::dialog::invite::{self, State};
use crate::dialog::offer_answer::{OpenInvite, Position, Turn};
use crate::dialog::peer::Peer;
use crate::digest::{self, Challenge};
use crate::limits;
use crate::message::{
    CSeq, HeaderName, Message, MessageWriter, Method, OwnedMessage, Refresher, Replaces,
    reason_phrase,
};
use crate::transaction::key::ClientKey;
use crate::transaction::layer::{TxId, hop_by_hop};
use crate::transaction::timers::TIMEOUT;
use dozvon_clock::Timestamp;

/// What becomes of the dialog that a 2xx makes which no session wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stray {
    /// It is one that stands.
    Keep,
    /// It is ended.
    End,
    /// It is ended, because another branch of the same INVITE was answered first.
    Elsewhere,
}

/// The Reason for those who answered too late (RFC 3326 §3.1).
const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

impl Endpoint {
    /// Calls somebody. [`Event::Ringing`], [`Event::Answered`] or [`Event::Refused`] follow; the latter at once when
    /// an address is no URI (400) or the house is full (503).
    pub fn invite(&mut self, now: Timestamp, invite: Invite) -> DialogId {
        let id = DialogId(self.next_dialog);
        self.next_dialog += 1;
        let full = self.sessions.len() >= self.config.bounds.dialogs_max
            || self.layer.len() >= self.config.bounds.transactions_max;
        if full {
            self.refuse_ourselves(id, 503);
        } else if !self.begin_call(now, id, invite) {
            self.refuse_ourselves(id, 400);
        }
        self.settle(now);
        id
    }

    fn refuse_ourselves(&mut self, dialog: DialogId, status: u16) {
        let reason = reason_phrase(status).to_string();
        self.events.push_back(Event::Refused { dialog, status, reason, retry_after: None });
    }

    fn begin_call(&mut self, now: Timestamp, id: DialogId, invite: Invite) -> bool {
        let (Some(from), Some(to)) = (name_addr(&invite.from), name_addr(&invite.to)) else {
            return false;
        };
        let path = match invite.target {
            Target::Flow(path) => path,
            Target::Address(protocol, remote) => self.config.path_to(protocol, remote),
        };
        let tag = self.ids.tag();
        let bracketed = |route: &String| {
            if route.contains('<') { route.clone() } else { format!("<{route}>") }
        };
        let peer = Peer {
            call_id: self.ids.call_id(),
            local_tag: tag.clone(),
            remote_tag: None,
            local: from.with_tag(&tag).to_string(),
            remote: to.to_string().into_bytes(),
            local_cseq: 0,
            remote_cseq: None,
            route_set: invite.route.iter().map(bracketed).collect(),
            remote_target: invite.to.uri.clone(),
            path,
        };
        let state = State::Calling { cancel: false };
        let mut session = Session::new(state, peer, path.remote.ip());
        session.is_caller = true;
        session.position = Position { turn: Turn::Ours, invite: OpenInvite::Ours };
        session.local_sdp = invite.sdp.clone().unwrap_or_default();
        session.credentials = invite.credentials.clone();
        session.outgoing = Some(Box::new(Outgoing {
            invite,
            path,
            tx: None,
            cseq: 0,
            challenges: 0,
            min_se: limits::MIN_SE,
            too_small: 0,
            cancelled: false,
        }));
        self.by_tag.insert(tag, id);
        self.sessions.insert(id, session);
        self.send_invite(now, id);
        true
    }

    /// Sends the INVITE of a session, for the first time or changed.
    fn send_invite(&mut self, now: Timestamp, id: DialogId) {
        let branch = self.ids.branch();
        let ours = self.config.session_expires.as_secs();
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let number = session.peer.next_cseq();
        let (uri, routes) = session.peer.routing();
        let Some(outgoing) = session.outgoing.as_mut() else { return };
        outgoing.cseq = number;
        let (path, min_se) = (outgoing.path, outgoing.min_se);
        let sent_by = self.config.public_address(&path);
        let method = Method::Invite;
        let mut writer =
            MessageWriter::request(method, &uri).via(path.protocol.via(), sent_by, &branch);
        for route in &routes {
            writer = writer.header(HeaderName::Route, route);
        }
        let session = &self.sessions[&id];
        writer = writer
            .header(HeaderName::MaxForwards, 70)
            .header(HeaderName::From, &session.peer.local)
            .copy(HeaderName::To, &session.peer.remote)
            .header(HeaderName::CallId, &session.peer.call_id)
            .cseq(CSeq { number, method })
            .header(HeaderName::Contact, self.contact(&path))
            .header(HeaderName::Allow, ALLOW)
            .header(HeaderName::Supported, SUPPORTED_IN_CALLS)
            .header(HeaderName::UserAgent, &self.config.user_agent);
        if ours > 0 {
            let secs = ours.max(u64::from(min_se));
            writer =
                writer.header(HeaderName::SessionExpires, secs).header(HeaderName::MinSe, min_se);
        }
        if let Some((name, value)) = &session.authorization {
            writer = writer.header(*name, value);
        }
        let invite = session.outgoing.as_ref().map(|outgoing| &outgoing.invite);
        for (name, value) in invite.into_iter().flat_map(|invite| &invite.headers) {
            writer = extra_header(writer, name, value);
        }
        let bytes = match session.local_sdp.as_slice() {
            [] => writer.finish(),
            sdp => writer.finish_with(SDP, sdp),
        };
        let key = ClientKey { branch, method: method.as_str().to_string() };
        let tx = self.layer.request(now, path, key, bytes, Owner::Initial(id));
        self.flush();
        if let Some(outgoing) = self.sessions.get_mut(&id).and_then(|s| s.outgoing.as_mut()) {
            outgoing.tx = Some(tx);
        }
    }

    /// CANCEL for our INVITE, on its own branch and way.
    pub(super) fn send_cancel(&mut self, now: Timestamp, id: DialogId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let reason = session.reason.as_ref().map(reason_value);
        let Some(outgoing) = session.outgoing.as_mut() else { return };
        let Some(tx) = outgoing.tx.filter(|_| !outgoing.cancelled) else { return };
        outgoing.cancelled = true;
        let path = outgoing.path;
        let Some(invite) = self.layer.sent(tx).map(<[u8]>::to_vec) else { return };
        let bytes = hop_by_hop(&invite, Method::Cancel, None)
            .header(HeaderName::UserAgent, &self.config.user_agent)
            .maybe(HeaderName::Reason, reason)
            .finish();
        let message = Message::parse(&invite).expect("we wrote this INVITE");
        let via = message.via().expect("we wrote this INVITE");
        let branch = via.branch().expect("we wrote this INVITE").to_string();
        let key = ClientKey { branch, method: "CANCEL".to_string() };
        self.layer.request(now, path, key, bytes, Owner::Nobody);
        self.flush();
    }

    /// The roof connected for our INVITE: what follows goes over the same connection.
    pub(super) fn learn_connection(&mut self, id: DialogId, path: Path) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let outgoing = session.outgoing.as_mut().map(|outgoing| &mut outgoing.path);
        for known in [Some(&mut session.peer.path), outgoing].into_iter().flatten() {
            let same = known.protocol == path.protocol && known.remote == path.remote;
            if same && known.connection.is_none() {
                *known = path;
            }
        }
    }

    /// A response to the INVITE that begins a session.
    pub(super) fn invite_response(
        &mut self,
        now: Timestamp,
        id: DialogId,
        tx: TxId,
        status: u16,
        message: &Message<'_>,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            if (200..300).contains(&status) {
                self.acknowledge_stray(now, tx, message, Stray::End);
            }
            return;
        };
        match status {
            0..=199 => {
                self.advance(now, id, invite::Input::Provisional, Some(message));
                self.learn_early_tag(id, status, message);
                let proceeds = self.sessions.get(&id).is_some_and(|s| s.state == State::Proceeding);
                if status > 100 && proceeds {
                    let sdp = sdp_of(message);
                    self.events.push_back(Event::Ringing { dialog: id, status, sdp });
                }
            }
            200..=299 => match session.state {
                State::Calling { .. } | State::Proceeding | State::Cancelling { .. } => {
                    self.established(now, id, message);
                }
                State::Incoming
                | State::Unacked { .. }
                | State::AnswerDue
                | State::Confirmed
                | State::Leaving
                | State::Over => {
                    let tag = message.to().ok().and_then(|to| to.tag()).unwrap_or_default();
                    if session.peer.remote_tag.as_deref() != Some(tag) {
                        let stands = matches!(session.state, State::Confirmed | State::AnswerDue);
                        let stray = if stands { Stray::Elsewhere } else { Stray::End };
                        self.acknowledge_stray(now, tx, message, stray);
                    }
                }
            },
            _refusal => {
                if !self.try_again(now, id, status, message) {
                    self.advance(now, id, invite::Input::Failure, Some(message));
                }
            }
        }
    }

    /// Remembers the early dialogs that an INVITE of ours has made, for those who want to replace one.
    fn learn_early_tag(&mut self, id: DialogId, status: u16, message: &Message<'_>) {
        let Some(session) = self.sessions.get_mut(&id).filter(|_| status > 100) else { return };
        let Some(tag) = message.to().ok().and_then(|to| to.tag()) else { return };
        let known = session.early_tags.iter().any(|early| early == tag);
        if !known && session.early_tags.len() < limits::FORKS_MAX {
            session.early_tags.push(tag.to_string());
        }
    }

    /// The first 2xx to our INVITE: the dialog stands.
    fn established(&mut self, now: Timestamp, id: DialogId, message: &Message<'_>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.peer.complete(message);
        learn_abilities(session, message);
        let offerless = session.local_sdp.is_empty();
        session.position = Position::default();
        if offerless {
            session.position.turn = Turn::Theirs;
        }
        session.answer_due = session.outgoing.as_ref().map(|outgoing| outgoing.cseq);
        self.take_terms(now, id, message);
        self.advance(now, id, invite::Input::Success { offerless }, Some(message));
    }

    /// The session timer that a 2xx of theirs sets (RFC 4028 §7.2).
    pub(super) fn take_terms(&mut self, now: Timestamp, id: DialogId, message: &Message<'_>) {
        let expires = message.session_expires().and_then(Result::ok);
        let terms = expires.filter(|expires| expires.secs >= 2).map(|expires| Terms {
            secs: expires.secs,
            we_refresh: expires.refresher != Some(Refresher::Uas),
        });
        self.set_terms(now, id, terms);
    }

    /// A refusal that a changed INVITE cures: a challenge of our carrier, or 422. `true` when that was sent.
    fn try_again(
        &mut self,
        now: Timestamp,
        id: DialogId,
        status: u16,
        message: &Message<'_>,
    ) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else { return false };
        if !matches!(session.state, State::Calling { cancel: false } | State::Proceeding) {
            return false;
        }
        let Some(outgoing) = session.outgoing.as_mut() else { return false };
        match status {
            401 | 407 if outgoing.challenges == 0 => {
                outgoing.challenges += 1;
                let (uri, _) = session.peer.routing();
                let credentials = session.credentials.clone();
                let Some(authorization) =
                    self.authorize(credentials, Method::Invite, &uri, message)
                else {
                    return false;
                };
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.authorization = Some(authorization);
                }
            }
            422 if outgoing.too_small == 0 => {
                outgoing.too_small += 1;
                let Some(min_se) = message.min_se() else { return false };
                outgoing.min_se = min_se.max(limits::MIN_SE);
            }
            _other => return false,
        }
        self.advance(now, id, invite::Input::Retried, None);
        self.send_invite(now, id);
        true
    }

    /// The answer to a challenge of the one realm that we have credentials for.
    pub(super) fn authorize(
        &mut self,
        credentials: Option<super::Credentials>,
        method: Method<'_>,
        uri: &str,
        message: &Message<'_>,
    ) -> Option<(HeaderName, String)> {
        let credentials = credentials?;
        let (asks, answers) = match message.status()? {
            401 => (HeaderName::WwwAuthenticate, HeaderName::Authorization),
            _proxy => (HeaderName::ProxyAuthenticate, HeaderName::ProxyAuthorization),
        };
        let challenge = Challenge::choose(message.values(asks), Some(&credentials.realm))?;
        let secret = digest::Credentials { user: credentials.user, password: credentials.password };
        let cnonce = self.ids.cnonce();
        Some((answers, challenge.respond(&secret, method.as_str(), uri, 1, &cnonce)))
    }

    /// The ACK for the 2xx of a session's INVITE, the first or a later one.
    pub(super) fn acknowledge(&mut self, now: Timestamp, id: DialogId, with_answer: bool) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(cseq) = session.answer_due.take() else { return };
        let authorization = session.authorization.clone();
        let answer = Some(session.local_sdp.clone()).filter(|sdp| with_answer && !sdp.is_empty());
        let key: AckKey = (
            session.peer.call_id.clone(),
            cseq,
            session.peer.remote_tag.clone().unwrap_or_default(),
        );
        let Some(draft) = self.draft(id, Method::Ack, Some(cseq)) else { return };
        let mut writer = draft.writer;
        if let Some((name, value)) = authorization {
            writer = writer.header(name, value);
        }
        let bytes = match answer {
            Some(sdp) => writer.finish_with(SDP, &sdp),
            None => writer.finish(),
        };
        self.send_ack(now, key, Transmit { path: draft.path, bytes });
    }

    fn send_ack(&mut self, now: Timestamp, key: AckKey, ack: Transmit) {
        self.acks.insert(key.clone(), ack.clone());
        self.ack_deadlines.set(key, now + TIMEOUT);
        self.send(ack);
    }

    /// A 2xx that no session wants: another fork of our INVITE, or one that came after we gave up. It is acknowledged,
    /// and a dialog that it made is ended (§13.2.2.4).
    pub(super) fn acknowledge_stray(
        &mut self,
        now: Timestamp,
        tx: TxId,
        message: &Message<'_>,
        stray: Stray,
    ) {
        let Some((invite, path)) = self.layer.sent(tx).zip(self.layer.path(tx)) else { return };
        let Ok(invite) = OwnedMessage::parse(invite) else { return };
        let Some((mut peer, cseq)) = stray_peer(&invite.get(), path, message) else { return };
        let tag = peer.remote_tag.clone().unwrap_or_default();
        let forks = self.acks.range((peer.call_id.clone(), cseq, String::new())..);
        let forks = forks.take_while(|((call_id, n, _), _)| *call_id == peer.call_id && *n == cseq);
        if forks.count() >= limits::FORKS_MAX {
            return;
        }
        let (path, _, writer) = self.stray_request(&peer, Method::Ack, cseq);
        let key = (peer.call_id.clone(), cseq, tag);
        self.send_ack(now, key, Transmit { path, bytes: writer.finish() });
        if stray != Stray::Keep {
            peer.local_cseq = cseq;
            let number = peer.next_cseq();
            let (path, branch, writer) = self.stray_request(&peer, Method::Bye, number);
            let writer = match stray {
                Stray::Elsewhere => writer.header(HeaderName::Reason, ELSEWHERE),
                Stray::Keep | Stray::End => writer,
            };
            let key = ClientKey { branch, method: "BYE".to_string() };
            self.layer.request(now, path, key, writer.finish(), Owner::Nobody);
            self.flush();
        }
    }

    fn stray_request(
        &mut self,
        peer: &Peer,
        method: Method<'static>,
        number: u32,
    ) -> (Path, String, MessageWriter) {
        let branch = self.ids.branch();
        let (uri, routes) = peer.routing();
        let path = peer.next_hop(&self.config);
        let sent_by = self.config.public_address(&path);
        let mut writer =
            MessageWriter::request(method, uri).via(path.protocol.via(), sent_by, &branch);
        for route in &routes {
            writer = writer.header(HeaderName::Route, route);
        }
        let writer = writer
            .header(HeaderName::MaxForwards, 70)
            .header(HeaderName::From, &peer.local)
            .copy(HeaderName::To, &peer.remote)
            .header(HeaderName::CallId, &peer.call_id)
            .cseq(CSeq { number, method })
            .header(HeaderName::UserAgent, &self.config.user_agent);
        (path, branch, writer)
    }
}

/// The dialog that a stray 2xx makes, and the CSeq number of its INVITE.
fn stray_peer(invite: &Message<'_>, path: Path, response: &Message<'_>) -> Option<(Peer, u32)> {
    let from = invite.value(HeaderName::From)?;
    let cseq = invite.cseq().ok()?.number;
    let routes = invite.list(HeaderName::Route);
    let mut peer = Peer {
        call_id: invite.call_id().ok()?.to_string(),
        local_tag: invite.from().ok()?.tag().unwrap_or_default().to_string(),
        remote_tag: None,
        local: String::from_utf8_lossy(from).into_owned(),
        remote: Vec::new(),
        local_cseq: cseq,
        remote_cseq: None,
        route_set: routes.map(|route| String::from_utf8_lossy(route).into_owned()).collect(),
        remote_target: invite.uri().ok()?.as_str().to_string(),
        path,
    };
    // Within a dialog the route set is fixed; the response has none to tell.
    let route_set = peer.route_set.clone();
    let within = invite.to().ok()?.tag().is_some();
    peer.complete(response);
    if within {
        peer.route_set = route_set;
    }
    Some((peer, cseq))
}

/// Headers with a name of ours that the switch may add; all others would change what the message is.
const EXTRA: [HeaderName; 18] = [
    HeaderName::PAssertedIdentity,
    HeaderName::PPreferredIdentity,
    HeaderName::RemotePartyId,
    HeaderName::Diversion,
    HeaderName::HistoryInfo,
    HeaderName::Privacy,
    HeaderName::AlertInfo,
    HeaderName::CallInfo,
    HeaderName::Subject,
    HeaderName::Priority,
    HeaderName::Organization,
    HeaderName::UserToUser,
    HeaderName::Identity,
    HeaderName::Date,
    HeaderName::ReferredBy,
    HeaderName::Replaces,
    HeaderName::Reason,
    HeaderName::RequestDisposition,
];

/// A header of the switch's own; one with an impossible or structural name is left out, and so is a false Replaces.
fn extra_header(writer: MessageWriter, name: &str, value: &str) -> MessageWriter {
    let known = HeaderName::of(name.as_bytes());
    let is_token = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b));
    if known == HeaderName::Replaces && Replaces::parse(value.as_bytes()).is_err() {
        writer
    } else if known == HeaderName::Other && is_token {
        writer.other(name, value)
    } else if EXTRA.contains(&known) {
        writer.header(known, value)
    } else {
        writer
    }
}
