//! Their INVITEs: RFC 3261 §13.3, from the first look to the ACK.

use super::Endpoint;
use super::command::{DialogId, Party, Refusal, Replaced};
use super::compose::{
    ALLOW, Body, SDP, SUPPORTED_IN_CALLS, body_of, reason_value, sdp_of, sentence,
};
use super::event::{Event, SecurityKind};
use super::path::Path;
use super::receive::Incoming;
use super::session::{Alarm, Owner, Session, Terms, Theirs, Unacked};
use crate::dialog::invite::{self, State};
use crate::dialog::offer_answer::{OpenInvite, Turn};
use crate::dialog::peer::Peer;
use crate::dialog::session_timer::{self, Agreed, Ask, Refresher, Verdict, schedule};
use crate::digest;
use crate::limits;
use crate::message::{HeaderName, Message, MessageWriter, Method, NameAddr, OwnedMessage};
use crate::transaction::timers::T1;
use dozvon_clock::Timestamp;
use std::time::Duration;

/// How long a stranger's INVITE waits for its 100: less than the 200 ms of §17.2.1. A challenge that is sent meanwhile
/// is then the only packet the stranger gets, and his own retransmissions ask for it again if it is lost.
const TRYING_DELAY: Duration = Duration::from_millis(100);

/// What a request's credentials are worth.
pub(super) enum Login {
    /// There are none for our realm.
    None,
    /// They are right.
    Ok(String),
    /// Right, but the nonce is too old.
    Stale,
    /// They are wrong.
    Bad,
}

// === commands ===

impl Endpoint {
    /// Tells the caller that it rings: 180, or 183 with early media when a description is given.
    pub fn ring(&mut self, now: Timestamp, dialog: DialogId, sdp: Option<&[u8]>) {
        let Some(session) = self.sessions.get(&dialog) else { return };
        let Some(theirs) = &session.theirs else { return };
        if session.state != State::Incoming {
            return;
        }
        let status = if sdp.is_some() { 183 } else { 180 };
        let (request, path, tx) = (theirs.request.clone(), theirs.path, theirs.tx);
        let tag = session.peer.local_tag.clone();
        let writer = self
            .reply(&request.get(), &path, status, None, Some(&tag))
            .header(HeaderName::Contact, self.contact(&path))
            .header(HeaderName::Allow, ALLOW);
        let bytes = match sdp {
            Some(sdp) => writer.finish_with(SDP, sdp),
            None => writer.finish(),
        };
        self.alarms.cancel(&(dialog, Alarm::Trying));
        self.alarms.set((dialog, Alarm::Progress), now + limits::PROGRESS_EVERY);
        if let Some(theirs) = self.sessions.get_mut(&dialog).and_then(|s| s.theirs.as_mut()) {
            theirs.provisional = Some((status, bytes.clone()));
        }
        self.respond(now, tx, status, bytes);
    }

    /// Answers the call: 200 with our description, repeated until the ACK comes.
    pub fn answer(&mut self, now: Timestamp, dialog: DialogId, sdp: &[u8]) {
        let Some(session) = self.sessions.get_mut(&dialog) else { return };
        if session.state != State::Incoming {
            return;
        }
        let Some(theirs) = session.theirs.take() else { return };
        for alarm in [Alarm::Trying, Alarm::Progress] {
            self.alarms.cancel(&(dialog, alarm));
        }
        self.accept_invite(now, dialog, theirs, sdp, true);
        self.advance(now, dialog, invite::Input::Answer, None);
        self.settle(now);
    }

    /// Refuses the call. No further event comes of this dialog.
    pub fn refuse(&mut self, now: Timestamp, dialog: DialogId, refusal: Refusal) {
        if !self.sessions.get(&dialog).is_some_and(|session| session.state == State::Incoming) {
            return;
        }
        self.refuse_open(now, dialog, &refusal);
        self.advance(now, dialog, invite::Input::Refuse, None);
        self.settle(now);
    }

    /// Asks the caller who he is: 401 with SHA-256 and MD5 challenges (RFC 8760). His next INVITE is a new dialog,
    /// whose [`Event::Invited`] says `authenticated`. No further event comes of this one.
    pub fn challenge(&mut self, now: Timestamp, dialog: DialogId) {
        self.refuse(now, dialog, Refusal { challenge: true, ..Refusal::new(401) });
    }
}

// === from the network ===

impl Endpoint {
    /// A new INVITE that nobody knows.
    pub(super) fn invited(&mut self, now: Timestamp, incoming: &Incoming<'_>) {
        let Incoming { message, path, .. } = *incoming;
        let is_stranger = self.is_stranger(&path);
        let source = path.remote.ip().to_canonical();
        let early = self.early.get(&source).copied().unwrap_or(0);
        let too_many = is_stranger && early >= self.config.bounds.early_dialogs_per_source_max;
        // Who takes up a call that runs brings no new one.
        let draining = self.draining && message.replaces().is_none();
        if draining || self.sessions.len() >= self.config.bounds.dialogs_max || too_many {
            return self.refuse_busy(message, &path);
        }
        let body = body_of(message);
        if body == Body::Unknown {
            return self.refuse_statelessly(message, &path, 415, sentence(415), |writer| {
                writer
                    .header(HeaderName::Accept, SDP)
                    .header(HeaderName::AcceptEncoding, "identity")
            });
        }
        let tag = self.ids.tag();
        let Some(peer) = Peer::of_request(message, &tag, path) else {
            let text = "An INVITE needs a SIP Contact and at most 16 Record-Routes";
            return self.refuse_statelessly(message, &path, 400, text, |writer| writer);
        };
        if self.agreed(message) == Verdict::TooSmall {
            return self.refuse_statelessly(message, &path, 422, sentence(422), |writer| {
                writer.header(HeaderName::MinSe, limits::MIN_SE)
            });
        }
        let replaces = match self.replaced(message) {
            Ok(replaces) => replaces,
            Err((status, text)) => {
                return self.refuse_statelessly(message, &path, status, text, |writer| writer);
            }
        };
        let id = DialogId(self.next_dialog);
        self.next_dialog += 1;
        let mut session = Session::new(State::Incoming, peer, source);
        let offer = match body {
            Body::Sdp(sdp) => Some(sdp),
            Body::None | Body::Unknown => None,
        };
        // Without their offer it is ours that is due: theirs in an UPDATE would be glare.
        session.position.turn = if offer.is_some() { Turn::Theirs } else { Turn::Ours };
        session.position.invite = OpenInvite::Theirs;
        session.theirs = Some(Theirs {
            tx: self.open(incoming, Owner::Invited(id)),
            request: OwnedMessage::from(message),
            path,
            is_invite: true,
            offered: offer.is_some(),
            provisional: None,
        });
        learn_abilities(&mut session, message);
        session.is_early = true;
        *self.early.entry(source).or_insert(0) += 1;
        self.by_tag.insert(tag, id);
        self.sessions.insert(id, session);
        self.set_patience(now, id, State::Incoming);
        tracing::debug!(dialog = id.0, "invited");
        self.alarms.set((id, Alarm::Trying), now + TRYING_DELAY);
        match self.login(now, message, Method::Invite, &path) {
            Login::Ok(user) => {
                self.send_trying(now, id);
                self.tell_invited(id, message, path, offer, replaces, Some(user));
            }
            Login::None => {
                if !is_stranger {
                    self.send_trying(now, id);
                }
                self.tell_invited(id, message, path, offer, replaces, None);
            }
            Login::Stale => self.challenge_again(now, id, true),
            Login::Bad => self.challenge_again(now, id, false),
        }
    }

    fn tell_invited(
        &mut self,
        dialog: DialogId,
        message: &Message<'_>,
        source: Path,
        offer: Option<Vec<u8>>,
        replaces: Option<Replaced>,
        authenticated: Option<String>,
    ) {
        let (Ok(uri), Ok(from), Ok(to), Ok(call_id)) =
            (message.uri(), message.from(), message.to(), message.call_id())
        else {
            return;
        };
        self.events.push_back(Event::Invited {
            dialog,
            request_uri: uri.as_str().to_string(),
            from: party(from),
            to: party(to),
            call_id: call_id.to_string(),
            source,
            offer,
            authenticated,
            headers: extra_headers(message),
            replaces,
        });
    }

    /// Credentials that did not do: the INVITE is refused before the switch hears of it.
    fn challenge_again(&mut self, now: Timestamp, id: DialogId, stale: bool) {
        let challenges = self.verifier.challenges(now, stale);
        self.refuse_with(now, id, &Refusal::new(401), challenges);
        self.advance(now, id, invite::Input::Refuse, None);
    }

    /// Judges the credentials of a request.
    pub(super) fn login(
        &mut self,
        now: Timestamp,
        message: &Message<'_>,
        method: Method<'_>,
        path: &Path,
    ) -> Login {
        let Ok(uri) = message.uri() else { return Login::None };
        let realm = format!("realm=\"{}\"", self.verifier.realm());
        let names = [HeaderName::Authorization, HeaderName::ProxyAuthorization];
        let values: Vec<&[u8]> = names.iter().flat_map(|name| message.values(*name)).collect();
        let mut login = Login::None;
        // Credentials for other realms are for others on the way (§22.3).
        for value in
            values.into_iter().filter(|v| memchr::memmem::find(v, realm.as_bytes()).is_some())
        {
            let accounts = &self.accounts;
            let lookup = |user: &str| accounts.get(user).cloned();
            match self.verifier.verify(now, value, method.as_str(), uri.as_str(), lookup) {
                digest::Verdict::Ok { user } => return Login::Ok(user),
                digest::Verdict::Stale => login = Login::Stale,
                digest::Verdict::Bad => login = Login::Bad,
            }
        }
        if matches!(login, Login::Bad) {
            self.count_failure(now, message, path);
        }
        login
    }

    fn count_failure(&mut self, now: Timestamp, message: &Message<'_>, path: &Path) {
        let user = message.from().ok().and_then(|from| from.uri.user_unescaped());
        let user = user.map(|user| user.chars().take(64).collect::<String>());
        let trusted = !self.is_stranger(path);
        self.tell_security(now, path, SecurityKind::AuthenticationFailed, user.clone());
        if self.guard.failed(now, path.remote.ip(), trusted) {
            self.tell_security(now, path, SecurityKind::Banned, user);
        }
    }

    /// 100 Trying, unless something better was said meanwhile.
    pub(super) fn send_trying(&mut self, now: Timestamp, id: DialogId) {
        self.alarms.cancel(&(id, Alarm::Trying));
        let Some(theirs) = self.sessions.get(&id).and_then(|session| session.theirs.as_ref())
        else {
            return;
        };
        let (request, path, tx) = (theirs.request.clone(), theirs.path, theirs.tx);
        let bytes = self.reply(&request.get(), &path, 100, None, None).finish();
        self.respond(now, tx, 100, bytes);
    }

    /// The provisional response again, so that proxies on the way don't give up (§13.3.1.1).
    pub(super) fn repeat_progress(&mut self, now: Timestamp, id: DialogId) {
        let Some(theirs) = self.sessions.get(&id).and_then(|session| session.theirs.as_ref())
        else {
            return;
        };
        let tx = theirs.tx;
        let Some((status, bytes)) = theirs.provisional.clone() else { return };
        self.alarms.set((id, Alarm::Progress), now + limits::PROGRESS_EVERY);
        self.respond(now, tx, status, bytes);
    }

    /// Refuses whatever request of theirs is open in a session; does nothing when none is.
    pub(super) fn refuse_open(&mut self, now: Timestamp, id: DialogId, refusal: &Refusal) {
        let challenges =
            if refusal.challenge { self.verifier.challenges(now, false) } else { Vec::new() };
        self.refuse_with(now, id, refusal, challenges);
    }

    fn refuse_with(
        &mut self,
        now: Timestamp,
        id: DialogId,
        refusal: &Refusal,
        challenges: Vec<String>,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(theirs) = session.theirs.take() else { return };
        session.position = Default::default();
        self.alarms.cancel(&(id, Alarm::OfferWait));
        let status = match refusal.status {
            _challenged if !challenges.is_empty() => 401,
            status @ 300..=699 => status,
            _other => 500,
        };
        let (tag, reason) = (session.peer.local_tag.clone(), session.reason.clone());
        let Theirs { tx, request, path, is_invite, .. } = theirs;
        let request = request.get();
        // A stranger who has heard nothing yet is not spoken to unasked.
        let unheard = self.alarms.cancel(&(id, Alarm::Trying)).is_some();
        if unheard && is_invite && self.is_stranger(&path) {
            self.layer.hush(tx);
        }
        let text = match &refusal.warning {
            Some(text) => text.as_str(),
            None if !refusal.reason.is_empty() => &refusal.reason,
            None => sentence(status),
        };
        let mut writer = self
            .reply(&request, &path, status, Some(&refusal.reason), Some(&tag))
            .maybe(HeaderName::RetryAfter, refusal.retry_after_secs)
            .maybe(HeaderName::Reason, reason.as_ref().map(reason_value));
        // A challenge asks, and needs no reason; it also has to be short.
        if challenges.is_empty() {
            writer = writer.warning(text);
        }
        for challenge in &challenges {
            writer = writer.header(HeaderName::WwwAuthenticate, challenge);
        }
        let method = if is_invite { Method::Invite } else { Method::Update };
        self.told_status(method, status);
        self.respond(now, tx, status, writer.finish());
    }

    /// Sends our 2xx to an INVITE of theirs and waits for the ACK.
    pub(super) fn accept_invite(
        &mut self,
        now: Timestamp,
        id: DialogId,
        theirs: Theirs,
        sdp: &[u8],
        initial: bool,
    ) {
        let Theirs { tx, request, path, offered, .. } = theirs;
        let request = request.get();
        let Some(bytes) = self.accept(now, id, &request, &path, sdp) else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.position.invite = OpenInvite::Unacked;
        session.position.turn = if offered { Turn::Free } else { Turn::Ours };
        let cseq = request.cseq().map_or(0, |cseq| cseq.number);
        self.told_status(Method::Invite, 200);
        self.respond(now, tx, 200, bytes.clone());
        let offered = !offered;
        self.expect_ack(now, id, Unacked { cseq, bytes, path, interval: T1, initial, offered });
    }

    /// The 200 to an INVITE or UPDATE of theirs, with our description unless that is empty; starts the session timer.
    pub(super) fn accept(
        &mut self,
        now: Timestamp,
        id: DialogId,
        request: &Message<'_>,
        path: &Path,
        sdp: &[u8],
    ) -> Option<Vec<u8>> {
        let verdict = self.agreed(request);
        let session = self.sessions.get_mut(&id)?;
        if !sdp.is_empty() {
            session.local_sdp = sdp.to_vec();
        }
        let tag = session.peer.local_tag.clone();
        let mut writer = self
            .reply(request, path, 200, None, Some(&tag))
            .header(HeaderName::Contact, self.contact(path))
            .header(HeaderName::Allow, ALLOW)
            .header(HeaderName::Supported, SUPPORTED_IN_CALLS);
        match verdict {
            Verdict::Agreed(agreed) => {
                writer = write_agreed(writer, agreed);
                let we_refresh = agreed.refresher == Refresher::Uas;
                self.set_terms(now, id, Some(Terms { secs: agreed.secs, we_refresh }));
            }
            Verdict::None | Verdict::TooSmall => self.set_terms(now, id, None),
        }
        Some(if sdp.is_empty() { writer.finish() } else { writer.finish_with(SDP, sdp) })
    }

    /// What we agree to of a request's wishes for a session timer.
    pub(super) fn agreed(&self, request: &Message<'_>) -> Verdict {
        let expires = request.session_expires().and_then(Result::ok);
        let ask = Ask {
            supported: request.lists(HeaderName::Supported, "timer")
                || request.lists(HeaderName::Require, "timer"),
            expires: expires.map(|expires| (expires.secs, expires.refresher)),
            min_se: request.min_se(),
        };
        let ours = u32::try_from(self.config.session_expires.as_secs()).unwrap_or(u32::MAX);
        session_timer::answer(ask, ours)
    }

    /// Starts, restarts or stops the session timer.
    pub(super) fn set_terms(&mut self, now: Timestamp, id: DialogId, terms: Option<Terms>) {
        self.alarms.cancel(&(id, Alarm::Refresh));
        self.alarms.cancel(&(id, Alarm::Expire));
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.terms = terms;
        let Some(Terms { secs, we_refresh }) = terms else { return };
        let schedule = schedule(secs, we_refresh);
        self.alarms.set((id, Alarm::Expire), now + schedule.expire);
        if let Some(refresh) = schedule.refresh {
            self.alarms.set((id, Alarm::Refresh), now + refresh);
        }
    }

    /// Their ACK for a 2xx.
    pub(super) fn acked(&mut self, now: Timestamp, id: DialogId, message: &Message<'_>) {
        let Ok(cseq) = message.cseq() else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let matches = session.unacked.as_ref().is_some_and(|unacked| unacked.cseq == cseq.number);
        let Some(unacked) = session.unacked.take_if(|_| matches) else { return };
        session.position = Default::default();
        for alarm in [Alarm::ResendOk, Alarm::NoAck] {
            self.alarms.cancel(&(id, alarm));
        }
        if unacked.initial {
            // A body where no answer is due means nothing (§13.2.2.4).
            self.advance(now, id, invite::Input::Ack, Some(message).filter(|_| unacked.offered));
        } else if unacked.offered {
            self.events.push_back(Event::OfferAnswered { dialog: id, sdp: sdp_of(message) });
        }
        self.run_waiting_offer(now, id);
    }
}

/// Session-Expires of a 2xx; who must refresh is told that he must know how (RFC 4028 §9).
fn write_agreed(writer: MessageWriter, agreed: Agreed) -> MessageWriter {
    let who = agreed.refresher.as_str();
    let value = format!("{};refresher={who}", agreed.secs);
    let writer = writer.header(HeaderName::SessionExpires, value);
    match agreed.refresher {
        Refresher::Uac => writer.header(HeaderName::Require, "timer"),
        Refresher::Uas => writer,
    }
}

/// What their Allow and Supported say, as far as we use it.
pub(super) fn learn_abilities(session: &mut Session, message: &Message<'_>) {
    if message.has(HeaderName::Allow) {
        session.allows_update = message.lists(HeaderName::Allow, "UPDATE");
    }
    session.knows_timers |= message.lists(HeaderName::Supported, "timer");
}

fn party(address: NameAddr<'_>) -> Party {
    let display = address.display_text().map(|text| text.into_owned()).unwrap_or_default();
    let display = display.chars().filter(|c| !c.is_control()).collect();
    Party { display, uri: address.uri.as_str().to_string() }
}

/// The headers that the switch may want to see, within bounds.
pub(super) fn extra_headers(message: &Message<'_>) -> Vec<(String, String)> {
    let known = [
        HeaderName::PAssertedIdentity,
        HeaderName::UserAgent,
        HeaderName::Diversion,
        HeaderName::ReferredBy,
    ];
    let is_x = |written: &[u8]| written.get(..2).is_some_and(|x| x.eq_ignore_ascii_case(b"x-"));
    let wanted = |name: HeaderName, written: &[u8]| {
        known.contains(&name) || (name == HeaderName::Other && is_x(written))
    };
    message
        .headers()
        .filter(|header| wanted(header.name, header.written))
        .filter(|header| header.value.len() <= limits::EXTRA_HEADER_BYTES_MAX)
        .take(limits::EXTRA_HEADERS_MAX)
        .map(|header| {
            let name = if header.name == HeaderName::Other {
                String::from_utf8_lossy(header.written).into_owned()
            } else {
                header.name.as_str().to_string()
            };
            let value = String::from_utf8_lossy(header.value);
            let clean = |c: char| if c.is_control() { ' ' } else { c };
            (name, value.chars().map(clean).collect())
        })
        .collect()
}
