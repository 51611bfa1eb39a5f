//! Requests within a session, both ways: BYE (§15), re-INVITE (§14), UPDATE (RFC 3311), INFO (RFC 6086), refreshes
//! (RFC 4028 §10).

use super::Endpoint;
use super::command::{DialogId, Reason, Refusal};
use super::compose::{
    ALLOW, Body, SDP, SUPPORTED_IN_CALLS, body_of, reason_of, reason_value, sdp_of, sentence,
};
use super::event::Event;
use super::receive::{Incoming, unknown_requirements};
use super::referral::event_refusal;
use super::session::{Alarm, Kind, Ours, Owner, Theirs};
use super::uac::Stray;
use super::uas::{extra_headers, learn_abilities};
use crate::dialog::invite::{self, State};
use crate::dialog::offer_answer::{Admission, OpenInvite, Position, Turn};
use crate::dialog::session_timer::Verdict;
use crate::limits;
use crate::message::{HeaderName, Message, Method, OwnedMessage};
use crate::transaction::layer::TxId;
use crate::transaction::timers::TIMEOUT;
use dozvon_clock::Timestamp;
use std::time::Duration;

// === commands ===

impl Endpoint {
    /// Ends the call, whatever its state: BYE, CANCEL (after the first provisional response), or 480 to their INVITE.
    /// [`Event::Ended`] or, for an unanswered call of ours, [`Event::Refused`] with 487 follows.
    pub fn bye(&mut self, now: Timestamp, dialog: DialogId, reason: Option<Reason>) {
        let Some(session) = self.sessions.get_mut(&dialog) else { return };
        session.reason = reason;
        self.advance(now, dialog, invite::Input::HangUp, None);
        self.settle(now);
    }

    /// Offers a changed session in a re-INVITE, now or as soon as offer/answer allows; a newer offer replaces one that
    /// waits. Glare is retried. [`Event::OfferAnswered`] or [`Event::OfferRefused`] follows.
    pub fn reoffer(&mut self, now: Timestamp, dialog: DialogId, sdp: &[u8]) {
        let Some(session) = self.sessions.get_mut(&dialog) else { return };
        match session.state {
            State::Confirmed | State::Unacked { leaving: false } | State::AnswerDue => {
                session.waiting_offer = Some(sdp.to_vec());
                session.retries = 0;
                self.run_waiting_offer(now, dialog);
                self.settle(now);
            }
            State::Incoming
            | State::Unacked { leaving: true }
            | State::Calling { .. }
            | State::Proceeding
            | State::Cancelling { .. }
            | State::Leaving
            | State::Over => {}
        }
    }

    /// Answers their re-INVITE or UPDATE, or the offer in their 2xx to our INVITE without one. For a re-INVITE without
    /// an offer, `sdp` is our offer.
    pub fn accept_offer(&mut self, now: Timestamp, dialog: DialogId, sdp: &[u8]) {
        let Some(session) = self.sessions.get_mut(&dialog) else { return };
        if session.state == State::AnswerDue {
            session.local_sdp = sdp.to_vec();
            session.position = Position::default();
            self.advance(now, dialog, invite::Input::AnswerGiven, None);
            self.run_waiting_offer(now, dialog);
            return self.settle(now);
        }
        if session.state == State::Incoming {
            return;
        }
        let Some(theirs) = session.theirs.take() else { return };
        self.alarms.cancel(&(dialog, Alarm::OfferWait));
        if theirs.is_invite {
            self.accept_invite(now, dialog, theirs, sdp, false);
        } else {
            let Theirs { tx, request, path, .. } = theirs;
            if let Some(bytes) = self.accept(now, dialog, &request.get(), &path, sdp) {
                if let Some(session) = self.sessions.get_mut(&dialog) {
                    session.position.turn = Turn::Free;
                }
                self.told_status(Method::Update, 200);
                self.respond(now, tx, 200, bytes);
            }
            self.run_waiting_offer(now, dialog);
        }
        self.settle(now);
    }

    /// Refuses their re-INVITE or UPDATE; the session goes on as it was. 488 is the usual status.
    pub fn refuse_offer(
        &mut self,
        now: Timestamp,
        dialog: DialogId,
        status: u16,
        warning: Option<&str>,
    ) {
        let is_open = |state| !matches!(state, State::Incoming);
        if !self.sessions.get(&dialog).is_some_and(|session| is_open(session.state)) {
            return;
        }
        let refusal = Refusal { warning: warning.map(String::from), ..Refusal::new(status) };
        self.refuse_open(now, dialog, &refusal);
        self.run_waiting_offer(now, dialog);
        self.settle(now);
    }

    /// Sends an INFO in a standing call; nobody is told what became of it.
    pub fn info(&mut self, now: Timestamp, dialog: DialogId, content_type: &str, body: &[u8]) {
        if !self.sessions.get(&dialog).is_some_and(|session| session.state == State::Confirmed) {
            return;
        }
        let Some(draft) = self.draft(dialog, Method::Info, None) else { return };
        let bytes = draft.writer.finish_with(content_type, body);
        let owner = Owner::Within(dialog, Kind::Info, true);
        self.layer.request(now, draft.path, draft.key, bytes, owner);
        self.settle(now);
    }
}

// === theirs ===

impl Endpoint {
    /// A request of theirs within a session (§12.2.2).
    pub(super) fn within(&mut self, now: Timestamp, id: DialogId, incoming: &Incoming<'_>) {
        let Incoming { message, method, path, .. } = *incoming;
        // Even in a dialog somebody could send without end; what exceeds all reason is dropped unseen.
        if self.layer.len() >= self.config.bounds.transactions_max + 2 * limits::DIALOGS_MAX {
            return;
        }
        let unknown = unknown_requirements(message);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Ok(cseq) = message.cseq() else { return };
        if !session.peer.accept_cseq(cseq.number) {
            return self.refuse_within(
                now,
                id,
                incoming,
                500,
                "The CSeq number is out of order",
                None,
            );
        }
        if !unknown.is_empty() {
            let unknown = (HeaderName::Unsupported, unknown.join(", "));
            return self.refuse_within(now, id, incoming, 420, sentence(420), Some(unknown));
        }
        session.peer.path = path;
        // Told as ended, even if our BYE must still wait for the ACK: the switch hears no more of it.
        let gone = matches!(
            session.state,
            State::Unacked { leaving: true } | State::Leaving | State::Over
        );
        let allow = (HeaderName::Allow, ALLOW.to_string());
        match method {
            Method::Bye => self.hung_up(now, id, incoming),
            Method::Subscribe => self.subscribed(now, id, incoming),
            _any if gone => self.refuse_within(now, id, incoming, 481, sentence(481), None),
            Method::Invite => self.reinvited(now, id, incoming),
            Method::Update => self.updated(now, id, incoming),
            Method::Info => self.informed(now, id, incoming),
            Method::Options => {
                let bytes = self.describe_ourselves(message, &path).finish();
                self.respond_once(now, incoming, 200, bytes);
            }
            Method::Ack | Method::Cancel => {}
            Method::Refer => self.referred(now, id, incoming),
            Method::Notify => {
                let (status, text, header) = event_refusal(message);
                self.refuse_within(now, id, incoming, status, text, header);
            }
            Method::Register | Method::Prack | Method::Message | Method::Publish => {
                self.refuse_within(now, id, incoming, 405, sentence(405), Some(allow));
            }
            Method::Other(_) => {
                self.refuse_within(now, id, incoming, 501, sentence(501), Some(allow));
            }
        }
    }

    pub(super) fn refuse_within(
        &mut self,
        now: Timestamp,
        id: DialogId,
        incoming: &Incoming<'_>,
        status: u16,
        text: &str,
        header: Option<(HeaderName, String)>,
    ) {
        let Some(session) = self.sessions.get(&id) else { return };
        let tag = session.peer.local_tag.clone();
        let mut writer =
            self.reply(incoming.message, &incoming.path, status, None, Some(&tag)).warning(text);
        if let Some((name, value)) = header {
            writer = writer.header(name, value);
        }
        self.respond_once(now, incoming, status, writer.finish());
    }

    fn hung_up(&mut self, now: Timestamp, id: DialogId, incoming: &Incoming<'_>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        // Who is called may not end what he has not answered by BYE (§15).
        if matches!(
            session.state,
            State::Calling { .. } | State::Proceeding | State::Cancelling { .. }
        ) {
            return self.refuse_within(now, id, incoming, 481, sentence(481), None);
        }
        session.peer_reason = reason_of(incoming.message);
        session.peer_headers = extra_headers(incoming.message);
        let tag = session.peer.local_tag.clone();
        let bytes = self.reply(incoming.message, &incoming.path, 200, None, Some(&tag)).finish();
        self.respond_once(now, incoming, 200, bytes);
        self.advance(now, id, invite::Input::PeerBye, None);
    }

    /// Whether a request with a wish to change the session may be looked at; refuses it otherwise.
    fn admits_change(
        &mut self,
        now: Timestamp,
        id: DialogId,
        incoming: &Incoming<'_>,
        admission: Admission,
        body: &Body,
    ) -> bool {
        match admission {
            Admission::Accept => {}
            Admission::Glare => {
                self.refuse_within(now, id, incoming, 491, sentence(491), None);
                return false;
            }
            Admission::TooEarly => {
                let wait = self.ids.between(Duration::ZERO, Duration::from_secs(10));
                let header = (HeaderName::RetryAfter, wait.as_secs().to_string());
                let text = "Your last offer is not answered yet";
                self.refuse_within(now, id, incoming, 500, text, Some(header));
                return false;
            }
        }
        if *body == Body::Unknown {
            let accept = (HeaderName::Accept, SDP.to_string());
            self.refuse_within(now, id, incoming, 415, sentence(415), Some(accept));
            return false;
        }
        if self.agreed(incoming.message) == Verdict::TooSmall {
            let min_se = (HeaderName::MinSe, limits::MIN_SE.to_string());
            self.refuse_within(now, id, incoming, 422, sentence(422), Some(min_se));
            return false;
        }
        true
    }

    fn reinvited(&mut self, now: Timestamp, id: DialogId, incoming: &Incoming<'_>) {
        let Incoming { message, path, .. } = *incoming;
        let body = body_of(message);
        let Some(session) = self.sessions.get(&id) else { return };
        let admission = session.position.admit_invite();
        if !self.admits_change(now, id, incoming, admission, &body) {
            return;
        }
        let tx = self.open(incoming, Owner::Invited(id));
        let trying = self.reply(message, &path, 100, None, None).finish();
        self.respond(now, tx, 100, trying);
        self.offered(now, id, incoming, tx, body, true);
    }

    fn updated(&mut self, now: Timestamp, id: DialogId, incoming: &Incoming<'_>) {
        let Incoming { message, path, .. } = *incoming;
        let body = body_of(message);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let admission = session.position.admit_update(matches!(body, Body::Sdp(_)));
        if !self.admits_change(now, id, incoming, admission, &body) {
            return;
        }
        if matches!(body, Body::Sdp(_)) {
            let tx = self.open(incoming, Owner::Request);
            return self.offered(now, id, incoming, tx, body, false);
        }
        // A refresh and nothing else: answered without the switch.
        if let Some(session) = self.sessions.get_mut(&id) {
            session.peer.refresh_target(message);
            learn_abilities(session, message);
        }
        if let Some(bytes) = self.accept(now, id, message, &path, &[]) {
            self.respond_once(now, incoming, 200, bytes);
        }
    }

    /// Puts their wish before the switch.
    fn offered(
        &mut self,
        now: Timestamp,
        id: DialogId,
        incoming: &Incoming<'_>,
        tx: TxId,
        body: Body,
        is_invite: bool,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.peer.refresh_target(incoming.message);
        learn_abilities(session, incoming.message);
        let sdp = match body {
            Body::Sdp(sdp) => Some(sdp),
            Body::None | Body::Unknown => None,
        };
        session.position.turn = if sdp.is_some() { Turn::Theirs } else { Turn::Ours };
        if is_invite {
            session.position.invite = OpenInvite::Theirs;
        }
        session.theirs = Some(Theirs {
            tx,
            request: OwnedMessage::from(incoming.message),
            path: incoming.path,
            is_invite,
            offered: sdp.is_some(),
            provisional: None,
        });
        self.alarms.set((id, Alarm::OfferWait), now + limits::OFFER_WAIT);
        self.events.push_back(Event::Offered { dialog: id, sdp });
    }

    /// They cancelled their re-INVITE before we answered it.
    pub(super) fn offer_withdrawn(&mut self, now: Timestamp, id: DialogId) {
        let is_invite =
            |session: &super::Session| session.theirs.as_ref().is_some_and(|t| t.is_invite);
        if self.sessions.get(&id).is_some_and(is_invite) {
            self.refuse_open(now, id, &Refusal::new(487));
            self.run_waiting_offer(now, id);
        }
    }

    fn informed(&mut self, now: Timestamp, id: DialogId, incoming: &Incoming<'_>) {
        let body = incoming.message.body();
        if body.len() > limits::INFO_BYTES_MAX {
            let text = "The body of an INFO may have 4096 bytes";
            return self.refuse_within(now, id, incoming, 413, text, None);
        }
        let Some(session) = self.sessions.get(&id) else { return };
        let tag = session.peer.local_tag.clone();
        let bytes = self.reply(incoming.message, &incoming.path, 200, None, Some(&tag)).finish();
        self.respond_once(now, incoming, 200, bytes);
        if !body.is_empty() {
            let content_type = incoming.message.content_type().and_then(Result::ok);
            let content_type = content_type.map_or(String::new(), |t| t.value.to_ascii_lowercase());
            self.events.push_back(Event::Info { dialog: id, content_type, body: body.to_vec() });
        }
    }
}

// === ours ===

impl Endpoint {
    /// Sends a request of ours within a session.
    pub(super) fn send_within(
        &mut self,
        now: Timestamp,
        id: DialogId,
        kind: Kind,
        authorization: Option<(HeaderName, String)>,
    ) {
        let is_authorized = authorization.is_some();
        let Some(draft) = self.draft(id, kind.method(), None) else { return };
        let mut writer = draft.writer;
        if let Some((name, value)) = authorization {
            writer = writer.header(name, value);
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let (terms, reason) = (session.terms, session.reason.clone());
        let sdp = session.ours.as_ref().map(|ours| ours.sdp.clone()).unwrap_or_default();
        let changes_session = matches!(kind, Kind::Reinvite | Kind::Update);
        if kind == Kind::Reinvite {
            session.answer_due = Some(draft.cseq);
        }
        if changes_session {
            writer = writer
                .header(HeaderName::Contact, self.contact(&draft.path))
                .header(HeaderName::Allow, ALLOW)
                .header(HeaderName::Supported, SUPPORTED_IN_CALLS);
        }
        if let Some(terms) = terms.filter(|_| changes_session) {
            // Who refreshes stays who he is, named by his role in this request (RFC 4028 §7.4).
            let who = if terms.we_refresh { "uac" } else { "uas" };
            let value = format!("{};refresher={who}", terms.secs);
            writer = writer.header(HeaderName::SessionExpires, value);
        }
        if kind == Kind::Bye {
            writer = writer.maybe(HeaderName::Reason, reason.as_ref().map(reason_value));
        }
        let bytes = match kind {
            Kind::Reinvite => writer.finish_with(SDP, &sdp),
            Kind::Bye | Kind::Update | Kind::Info => writer.finish(),
        };
        let owner = Owner::Within(id, kind, is_authorized);
        let tx = self.layer.request(now, draft.path, draft.key, bytes, owner);
        if let Some(session) = self.sessions.get_mut(&id).filter(|_| kind == Kind::Reinvite) {
            session.reinvite = Some(tx);
        }
        self.flush();
    }

    /// Sends the offer that waits, when offer/answer and the pause after glare allow.
    pub(super) fn run_waiting_offer(&mut self, now: Timestamp, id: DialogId) {
        let pausing = self.alarms.get(&(id, Alarm::Retry)).is_some();
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if pausing || session.state != State::Confirmed || !session.position.may_offer() {
            return;
        }
        let Some(sdp) = session.waiting_offer.take() else { return };
        session.local_sdp = sdp.clone();
        self.start_change(now, id, Ours { kind: Kind::Reinvite, sdp, refresh: false });
    }

    fn start_change(&mut self, now: Timestamp, id: DialogId, ours: Ours) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let kind = ours.kind;
        if kind == Kind::Reinvite {
            session.position = Position { turn: Turn::Ours, invite: OpenInvite::Ours };
        }
        session.ours = Some(ours);
        self.alarms.set((id, Alarm::AnswerWait), now + 2 * TIMEOUT);
        self.send_within(now, id, kind, None);
    }

    /// Keeps the session alive: UPDATE where they know it, re-INVITE with the same description otherwise.
    pub(super) fn refresh(&mut self, now: Timestamp, id: DialogId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let busy = session.ours.is_some() || session.state != State::Confirmed;
        if session.allows_update && !busy {
            let ours = Ours { kind: Kind::Update, sdp: Vec::new(), refresh: true };
            return self.start_change(now, id, ours);
        }
        if busy || !session.position.may_offer() || session.local_sdp.is_empty() {
            return self.alarms.set((id, Alarm::Refresh), now + Duration::from_secs(2));
        }
        let sdp = session.local_sdp.clone();
        self.start_change(now, id, Ours { kind: Kind::Reinvite, sdp, refresh: true });
    }

    /// A response to a request of ours within a session.
    pub(super) fn within_response(
        &mut self,
        now: Timestamp,
        id: DialogId,
        kind: Kind,
        authorized: bool,
        tx: TxId,
        message: &Message<'_>,
    ) {
        let status = message.status().unwrap_or(500);
        if status < 200 {
            return;
        }
        if matches!(status, 401 | 407)
            && !authorized
            && self.answer_challenge(now, id, kind, message)
        {
            return;
        }
        match kind {
            Kind::Bye => self.advance(now, id, invite::Input::ByeDone, None),
            Kind::Info if status == 481 => self.advance(now, id, invite::Input::Unknown, None),
            Kind::Info => {}
            Kind::Reinvite | Kind::Update if status < 300 => {
                self.change_accepted(now, id, kind, tx, message);
            }
            Kind::Reinvite | Kind::Update => self.change_refused(now, id, status, message),
        }
    }

    fn answer_challenge(
        &mut self,
        now: Timestamp,
        id: DialogId,
        kind: Kind,
        message: &Message<'_>,
    ) -> bool {
        let Some(session) = self.sessions.get(&id) else { return false };
        let (uri, _) = session.peer.routing();
        let credentials = session.credentials.clone();
        let authorization = self.authorize(credentials, kind.method(), &uri, message);
        let found = authorization.is_some();
        if found {
            self.send_within(now, id, kind, authorization);
        }
        found
    }

    fn change_accepted(
        &mut self,
        now: Timestamp,
        id: DialogId,
        kind: Kind,
        tx: TxId,
        message: &Message<'_>,
    ) {
        let session = self.sessions.get_mut(&id);
        let Some(session) = session.filter(|session| session.ours.is_some()) else {
            if kind == Kind::Reinvite {
                self.acknowledge_stray(now, tx, message, Stray::Keep);
            }
            return;
        };
        session.peer.refresh_target(message);
        learn_abilities(session, message);
        session.retries = 0;
        let refresh = session.ours.take().is_some_and(|ours| ours.refresh);
        if kind == Kind::Reinvite {
            session.position = Position::default();
            self.acknowledge(now, id, false);
        }
        self.alarms.cancel(&(id, Alarm::AnswerWait));
        let Some(session) = self.sessions.get(&id).filter(|s| s.state == State::Confirmed) else {
            return;
        };
        // A peer that leaves Session-Expires out of the answer to a refresh ends the timer (RFC 4028 §7.2).
        if session.terms.is_some() || message.has(HeaderName::SessionExpires) {
            self.take_terms(now, id, message);
        }
        if !refresh {
            self.events.push_back(Event::OfferAnswered { dialog: id, sdp: sdp_of(message) });
        }
        self.run_waiting_offer(now, id);
    }

    fn change_refused(&mut self, now: Timestamp, id: DialogId, status: u16, message: &Message<'_>) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(ours) = session.ours.take() else { return };
        session.answer_due = None;
        if ours.kind == Kind::Reinvite {
            session.position = Position::default();
        }
        let stands = session.state == State::Confirmed;
        self.alarms.cancel(&(id, Alarm::AnswerWait));
        if !stands {
            return;
        }
        match status {
            481 => return self.advance(now, id, invite::Input::Unknown, None),
            408 => return self.advance(now, id, invite::Input::Unresponsive, None),
            _other => {}
        }
        if ours.refresh {
            self.refresh_refused(now, id, ours.kind, status, message);
        } else if status == 491 {
            self.offer_again_later(now, id, ours.sdp);
        } else {
            self.events.push_back(Event::OfferRefused { dialog: id, status });
        }
        self.run_waiting_offer(now, id);
    }

    /// How long to wait after glare: who owns the Call-ID waits longer (§14.1).
    fn pause(&mut self, id: DialogId) -> Duration {
        let owns = self.sessions.get(&id).is_some_and(|session| session.is_caller);
        if owns {
            self.ids.between(Duration::from_millis(2100), Duration::from_secs(4))
        } else {
            self.ids.between(Duration::ZERO, Duration::from_secs(2))
        }
    }

    fn offer_again_later(&mut self, now: Timestamp, id: DialogId, sdp: Vec<u8>) {
        let pause = self.pause(id);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.retries += 1;
        if session.retries > limits::GLARE_RETRIES_MAX {
            session.retries = 0;
            return self.events.push_back(Event::OfferRefused { dialog: id, status: 491 });
        }
        // A newer offer of the switch has precedence over the one that met glare.
        session.waiting_offer.get_or_insert(sdp);
        self.alarms.set((id, Alarm::Retry), now + pause);
    }

    fn refresh_refused(
        &mut self,
        now: Timestamp,
        id: DialogId,
        kind: Kind,
        status: u16,
        message: &Message<'_>,
    ) {
        let pause = self.pause(id);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let unknown = matches!(status, 405 | 420 | 501);
        if kind == Kind::Update && unknown {
            session.allows_update = false;
            return self.alarms.set((id, Alarm::Refresh), now);
        }
        if let (422, Some(min_se), Some(terms)) = (status, message.min_se(), session.terms.as_mut())
        {
            terms.secs = terms.secs.max(min_se);
        }
        // Tried again until the session expires; a peer that only refuses is hung up on then.
        self.alarms.set((id, Alarm::Refresh), now + pause.max(Duration::from_secs(1)));
    }
}
