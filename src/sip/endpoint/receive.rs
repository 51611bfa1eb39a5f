//! From bytes to the part of the endpoint they concern: RFC 3261 §8.2, §18.
//!
//! Everything a stranger can send ends here or becomes a checked [`Message`]. Requests outside dialogs are charged to
//! their source; refusals to them keep no state.

use super::compose::{ALLOW, EVENTS, SDP, SUPPORTED, sentence};
use super::event::{Direction, Event, SecurityKind};
use super::guard::Admission;
use super::path::{Path, Transmit};
use super::session::Owner;
use super::{DialogId, Endpoint, is_one_peer};
use crate::dialog::invite::{self, State};
use crate::limits;
use crate::message::{HeaderName, Message, MessageWriter, Method, ParseError, Verdict};
use crate::transaction::key::{ClientKey, MergeKey, ServerKey, Traits};
use crate::transaction::layer::{Received, TxId};
use dozvon_clock::Timestamp;

/// A request that has passed all checks, and its keys.
pub(super) struct Incoming<'a> {
    pub(super) message: &'a Message<'a>,
    pub(super) method: Method<'a>,
    pub(super) path: Path,
    pub(super) key: ServerKey,
    pub(super) merge: Option<MergeKey>,
}

impl Endpoint {
    pub(super) fn receive(&mut self, now: Timestamp, path: Path, bytes: &[u8]) {
        if !is_one_peer(path.remote) {
            return;
        }
        let message = match Message::parse(bytes) {
            Ok(message) => message,
            Err(ParseError::KeepAlive) => return,
            Err(ParseError::TooLarge | ParseError::NotSip(_)) => {
                return self.tell_security(now, &path, SecurityKind::Malformed, None);
            }
        };
        // Where the message ended on its stream is then anybody's guess (§18.3).
        let unframed = path.protocol.reliable() && !message.has(HeaderName::ContentLength);
        match message.check() {
            Verdict::Fit if unframed && message.is_request() => {
                let text = "A message over TCP needs a Content-Length";
                self.tell_security(now, &path, SecurityKind::Malformed, None);
                if self.admit(now, &path, &message) {
                    self.refuse_statelessly(&message, &path, 400, text, |writer| writer);
                }
            }
            Verdict::Fit if unframed => {}
            Verdict::Fit if message.is_request() => self.request(now, path, &message),
            Verdict::Fit => self.response(now, path, &message),
            Verdict::Refuse(refusal) => {
                self.tell_security(now, &path, SecurityKind::Malformed, None);
                if self.admit(now, &path, &message) {
                    let (status, text) = (refusal.status, refusal.text);
                    self.refuse_statelessly(&message, &path, status, text, |writer| writer);
                }
            }
            Verdict::Drop(_) => {}
        }
    }

    fn request(&mut self, now: Timestamp, path: Path, message: &Message<'_>) {
        let Some(method) = message.method() else { return };
        let (Ok(via), Ok(from), Ok(to)) = (message.via(), message.from(), message.to()) else {
            return;
        };
        let (Ok(call_id), Ok(cseq), Ok(uri)) = (message.call_id(), message.cseq(), message.uri())
        else {
            return;
        };
        let sent_by = format!("{}:{}", via.host, via.port_or_default());
        let raw_via = message.list(HeaderName::Via).next().unwrap_or_default();
        let traits = Traits {
            branch: via.branch(),
            sent_by: &sent_by,
            method: method.as_str(),
            uri: uri.as_str(),
            from_tag: from.tag().unwrap_or_default(),
            to_tag: to.tag().unwrap_or_default(),
            call_id,
            cseq: cseq.number,
            via: &String::from_utf8_lossy(raw_via),
        };
        let key = ServerKey::of(&traits);
        let is_ack = method == Method::Ack;
        match self.layer.receive(now, &key, is_ack) {
            Received::Absorbed => return self.flush(),
            Received::Ack(_) | Received::New => {}
        }
        let session = self.session_of(traits.to_tag, call_id, traits.from_tag);
        if is_ack {
            if let Some(id) = session {
                self.acked(now, id, message);
            }
            return;
        }
        let merge = MergeKey::of(&traits);
        let incoming = Incoming { message, method, path, key, merge };
        match session {
            _cancel if method == Method::Cancel => self.cancelled(now, &incoming),
            Some(id) => self.within(now, id, &incoming),
            None if self.survives(&traits) => self.after_the_call(now, &incoming, traits.to_tag),
            None => self.outside(now, &incoming, !traits.to_tag.is_empty()),
        }
    }

    /// The session of a message from the peer, by the tags as the peer writes them.
    fn session_of(&self, our_tag: &str, call_id: &str, their_tag: &str) -> Option<DialogId> {
        let id = *self.by_tag.get(our_tag)?;
        self.sessions.get(&id)?.peer.matches(call_id, their_tag).then_some(id)
    }

    /// A request outside any dialog that we know (§8.2).
    fn outside(&mut self, now: Timestamp, incoming: &Incoming<'_>, names_dialog: bool) {
        let Incoming { message, method, path, .. } = *incoming;
        let agent = message.text(HeaderName::UserAgent).unwrap_or_default().to_ascii_lowercase();
        let is_scanner = self.config.scanners.iter().any(|scanner| agent.starts_with(scanner));
        if is_scanner && self.is_stranger(&path) {
            return self.tell_security(now, &path, SecurityKind::Scanner, None);
        }
        if !self.admit(now, &path, message) {
            return;
        }
        if self.layer.len() >= self.config.bounds.transactions_max {
            return self.refuse_busy(message, &path);
        }
        if names_dialog {
            return self.refuse_statelessly(message, &path, 481, sentence(481), |writer| writer);
        }
        if incoming.merge.as_ref().is_some_and(|merge| self.layer.is_merged(merge)) {
            return self.refuse_statelessly(message, &path, 482, sentence(482), |writer| writer);
        }
        if self.refuses_required(message, &path) {
            return;
        }
        match method {
            Method::Invite => self.invited(now, incoming),
            Method::Register => self.registering(now, incoming),
            Method::Options if self.draining => self.refuse_busy(message, &path),
            Method::Options => {
                let bytes = self.describe_ourselves(message, &path).finish();
                self.told_status(method, 200);
                self.send(Transmit { path, bytes });
            }
            Method::Ack | Method::Cancel => {}
            Method::Bye | Method::Update | Method::Info | Method::Prack => {
                self.refuse_statelessly(message, &path, 481, sentence(481), |writer| writer);
            }
            Method::Refer => {
                let text = "A REFER is followed only within a call";
                self.refuse_statelessly(message, &path, 403, text, |writer| writer);
            }
            Method::Notify | Method::Subscribe => self.refuse_event(message, &path),
            Method::Message | Method::Publish => self.refuse_method(message, &path, 405),
            Method::Other(_) => self.refuse_method(message, &path, 501),
        }
    }

    /// The answer to OPTIONS (§11.2).
    pub(super) fn describe_ourselves(
        &mut self,
        message: &Message<'_>,
        path: &Path,
    ) -> MessageWriter {
        let tag = self.ids.tag();
        self.reply(message, path, 200, None, Some(&tag))
            .header(HeaderName::Allow, ALLOW)
            .header(HeaderName::Accept, SDP)
            .header(HeaderName::AcceptEncoding, "identity")
            .header(HeaderName::AcceptLanguage, "en")
            .header(HeaderName::AllowEvents, EVENTS)
            .header(HeaderName::Supported, SUPPORTED)
    }

    /// 420 for extensions that we don't speak (§8.2.2.3). `true` when it was refused.
    pub(super) fn refuses_required(&mut self, message: &Message<'_>, path: &Path) -> bool {
        let unknown = unknown_requirements(message);
        if !unknown.is_empty() {
            self.refuse_statelessly(message, path, 420, sentence(420), |writer| {
                writer.header(HeaderName::Unsupported, unknown.join(", "))
            });
        }
        !unknown.is_empty()
    }

    fn refuse_method(&mut self, message: &Message<'_>, path: &Path, status: u16) {
        self.refuse_statelessly(message, path, status, sentence(status), |writer| {
            writer.header(HeaderName::Allow, ALLOW)
        });
    }

    /// 503 with Retry-After.
    pub(super) fn refuse_busy(&mut self, message: &Message<'_>, path: &Path) {
        self.refuse_statelessly(message, path, 503, sentence(503), |writer| {
            writer.header(HeaderName::RetryAfter, limits::RETRY_AFTER_SECS)
        });
    }

    /// Charges a new request to its source; `false` when it must not be looked at.
    fn admit(&mut self, now: Timestamp, path: &Path, message: &Message<'_>) -> bool {
        let trusted = !self.is_stranger(path);
        match self.guard.admit(now, path.remote.ip(), trusted) {
            Admission::Yes => true,
            Admission::Refuse => {
                self.tell_security(now, path, SecurityKind::RateLimited, None);
                self.refuse_busy(message, path);
                false
            }
            Admission::Ignore => false,
        }
    }

    /// Answers once and remembers nothing (§8.2.7): a retransmission is answered the same way again. Without a text
    /// there is no Warning.
    pub(super) fn refuse_statelessly(
        &mut self,
        message: &Message<'_>,
        path: &Path,
        status: u16,
        text: &str,
        more: impl FnOnce(MessageWriter) -> MessageWriter,
    ) {
        // An ACK is never answered; a refusal without a tag would not match it either way.
        let Some(method) = message.method().filter(|method| *method != Method::Ack) else { return };
        let tag = self.ids.tag();
        let writer = self.reply(message, path, status, None, Some(&tag));
        let writer = if text.is_empty() { writer } else { writer.warning(text) };
        let bytes = more(writer).finish();
        self.told_status(method, status);
        self.send(Transmit { path: *path, bytes });
    }

    /// Opens a transaction for a request other than INVITE and answers it.
    pub(super) fn respond_once(
        &mut self,
        now: Timestamp,
        incoming: &Incoming<'_>,
        status: u16,
        bytes: Vec<u8>,
    ) {
        let tx = self.open(incoming, Owner::Request);
        self.told_status(incoming.method, status);
        self.respond(now, tx, status, bytes);
    }

    pub(super) fn open(&mut self, incoming: &Incoming<'_>, owner: Owner) -> TxId {
        let Incoming { method, path, key, merge, .. } = incoming;
        let is_invite = *method == Method::Invite;
        self.layer.open(key.clone(), merge.clone(), *path, is_invite, owner)
    }

    pub(super) fn told_status(&mut self, method: Method<'_>, status: u16) {
        self.tell_sent(Direction::Out, method, status);
    }

    fn tell_sent(&mut self, direction: Direction, method: Method<'_>, status: u16) {
        if status >= 200 {
            let method = method.known().map_or("OTHER", Method::as_str);
            self.events.push_back(Event::Sent { direction, method, status });
        }
    }

    /// A response to a request of ours (§18.1.2).
    fn response(&mut self, now: Timestamp, path: Path, message: &Message<'_>) {
        // A response with a second Via is not for us but was misrouted (§8.1.3.3).
        if message.vias().count() != 1 {
            return;
        }
        let (Some(status), Ok(via), Ok(cseq)) = (message.status(), message.via(), message.cseq())
        else {
            return;
        };
        if self.repeat_ack(message, status) {
            return;
        }
        let Some(branch) = via.branch() else { return };
        let method = cseq.method;
        let key = ClientKey { branch: branch.to_string(), method: method.as_str().to_string() };
        let Some((tx, owner)) = self.layer.response(now, &key, message) else {
            return self.flush();
        };
        self.flush();
        self.tell_sent(Direction::In, method, status);
        match owner {
            Owner::Initial(id) => {
                self.learn_connection(id, path);
                self.invite_response(now, id, tx, status, message);
            }
            Owner::Within(id, kind, authorized) => {
                self.within_response(now, id, kind, authorized, tx, message);
            }
            Owner::Notify(id, cseq) => self.notify_response(now, id, cseq, status, message),
            Owner::Nobody | Owner::Invited(_) | Owner::Request => {}
        }
    }

    /// The ACK again for a 2xx that comes again (§13.2.2.4).
    fn repeat_ack(&mut self, message: &Message<'_>, status: u16) -> bool {
        let (Ok(call_id), Ok(cseq), Ok(to)) = (message.call_id(), message.cseq(), message.to())
        else {
            return false;
        };
        if !(200..300).contains(&status) || cseq.method != Method::Invite {
            return false;
        }
        let tag = to.tag().unwrap_or_default().to_string();
        let Some(ack) = self.acks.get(&(call_id.to_string(), cseq.number, tag)).cloned() else {
            return false;
        };
        self.send(ack);
        true
    }

    /// Their CANCEL (§9.2).
    fn cancelled(&mut self, now: Timestamp, incoming: &Incoming<'_>) {
        let Incoming { message, path, key, .. } = incoming;
        let Some((_, owner, pending)) = self.layer.find_invite(&key.cancelled()) else {
            if self.admit(now, path, message) {
                self.refuse_statelessly(message, path, 481, sentence(481), |writer| writer);
            }
            return;
        };
        let Owner::Invited(id) = owner else { return };
        let session = self.sessions.get_mut(&id);
        let tag = session.as_ref().map(|session| session.peer.local_tag.clone());
        let tag = tag.unwrap_or_else(|| self.ids.tag());
        let bytes = self.reply(message, path, 200, None, Some(&tag)).finish();
        self.respond_once(now, incoming, 200, bytes);
        let Some(session) = self.sessions.get_mut(&id).filter(|_| pending) else { return };
        if session.state == State::Incoming {
            session.peer_reason = super::compose::reason_of(message);
            self.advance(now, id, invite::Input::Cancel, None);
        } else {
            self.offer_withdrawn(now, id);
        }
    }
}

/// Option tags in Require that we don't speak.
pub(super) fn unknown_requirements(message: &Message<'_>) -> Vec<String> {
    let known = |tag: &&str| SUPPORTED.split(", ").any(|ours| tag.eq_ignore_ascii_case(ours));
    message.tokens(HeaderName::Require).filter(|tag| !known(tag)).map(String::from).collect()
}
