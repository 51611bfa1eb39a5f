//! Call transfer: their REFER (RFC 3515), the subscription it implies (RFC 6665), and our NOTIFYs with a status line as
//! body (RFC 3420).
//!
//! A referral is kept beside the session, because it outlives it: a phone that has transferred a call hangs up and is
//! still told what became of it, in the same dialog and with the next CSeq numbers. The dialog then belongs to the
//! referral, and everything in it but SUBSCRIBE gets 481 (RFC 5057 §4.2).

use super::Endpoint;
use super::command::{DialogId, Party, Replacement};
use super::compose::{EVENTS, sentence};
use super::event::Event;
use super::path::{ConnectionId, Path};
use super::receive::Incoming;
use super::replaces::Named;
use super::session::Owner;
use super::uas::extra_headers;
use crate::dialog::invite::State as Call;
use crate::dialog::peer::Peer;
use crate::dialog::referral::{self, Effect, Input, Last, State};
use crate::limits;
use crate::message::{
    HeaderName, Message, MessageWriter, Method, OwnedMessage, ReferTo, Replaces, reason_phrase,
};
use crate::transaction::key::Traits;
use crate::transaction::layer::TxId;
use dozvon_clock::Timestamp;

/// What the endpoint tells the machine by itself.
pub(super) const TOO_LONG: Input = Input::TooLong;
/// The call that the REFER came in is over.
pub(super) const CALL_OVER: Input = Input::CallOver;

/// The body type of our NOTIFYs (RFC 3515 §2.4.5).
const SIPFRAG: &str = "message/sipfrag;version=2.0";

/// One REFER of theirs and what follows from it.
#[derive(Debug)]
pub(super) struct Referral {
    state: State,
    tx: TxId,
    request: OwnedMessage,
    path: Path,
    /// The CSeq number of the REFER.
    cseq: u32,
    /// The NOTIFYs must name the REFER: it is not the first of its dialog (RFC 3515 §2.4.6).
    named: bool,
    /// They asked not to hear of it (RFC 4488).
    silent: bool,
    expires_at: Timestamp,
    /// What they were told last, or are to be told next.
    status: u16,
    reason: String,
    /// The dialog, once the session that it belonged to is gone.
    pub(super) peer: Option<Peer>,
}

impl Referral {
    /// A connection is no more: what goes out from now on asks the roof for a new one.
    pub(super) fn lose(&mut self, connection: ConnectionId) {
        for path in [Some(&mut self.path), self.peer.as_mut().map(|peer| &mut peer.path)] {
            let Some(path) = path else { continue };
            path.connection = path.connection.filter(|known| *known != connection);
        }
    }

    fn is_subscribed(&self) -> bool {
        !matches!(self.state, State::Asked | State::Over)
    }

    /// The value of Event in its NOTIFYs.
    fn event(&self) -> String {
        if self.named { format!("refer;id={}", self.cseq) } else { "refer".to_string() }
    }

    /// Whether a SUBSCRIBE with this Event means this referral.
    fn is_meant(&self, message: &Message<'_>) -> bool {
        let Some(event) = message.event().and_then(Result::ok) else { return false };
        if !event.value.eq_ignore_ascii_case(EVENTS) {
            return false;
        }
        match event.params.value("id") {
            Some(id) => id == self.cseq.to_string(),
            None => !self.named,
        }
    }
}

// === commands ===

impl Endpoint {
    /// Takes a referral on: 202, and `SIP/2.0 100 Trying` in a first NOTIFY unless they asked not to hear of it. Say
    /// how it goes with [`Endpoint::refer_progress`], also after the call's end.
    pub fn accept_refer(&mut self, now: Timestamp, dialog: DialogId) {
        let Some(referral) = self.referrals.get(&dialog) else { return };
        let input = if referral.silent { Input::AcceptSilently } else { Input::Accept };
        self.step_referral(now, dialog, input);
        self.settle(now);
    }

    /// Refuses a referral: `status` is 300 to 699, anything else becomes 500; the sentence goes into Warning.
    pub fn refuse_refer(&mut self, now: Timestamp, dialog: DialogId, status: u16, sentence: &str) {
        if !self.referrals.get(&dialog).is_some_and(|r| r.state == State::Asked) {
            return;
        }
        let status = if (300..=699).contains(&status) { status } else { 500 };
        self.refuse_referral(now, dialog, status, sentence);
        self.step_referral(now, dialog, Input::Refuse);
        self.settle(now);
    }

    /// Tells the referring party how its referral goes: the status of the INVITE made for it, 100 to 699, anything else
    /// becomes 500; an empty reason is the standard one. A final status ends the subscription. Before `accept_refer`,
    /// after a final status, and for one who asked not to hear of it, nothing happens. A status that was told is not
    /// told again, and while one is under way the newest waits.
    pub fn refer_progress(&mut self, now: Timestamp, dialog: DialogId, status: u16, reason: &str) {
        let Some(referral) = self.referrals.get_mut(&dialog) else { return };
        if matches!(referral.state, State::Asked | State::Closing(Last::NoResource)) {
            return;
        }
        let status = if (100..=699).contains(&status) { status } else { 500 };
        if status == referral.status && status < 200 {
            return;
        }
        let printable = reason.chars().filter(|c| !c.is_control());
        let reason: String = printable.take(limits::EXTRA_HEADER_BYTES_MAX).collect();
        let standard = || reason_phrase(status).to_string();
        referral.status = status;
        referral.reason = if reason.is_empty() { standard() } else { reason };
        let input = if status < 200 { Input::Progress } else { Input::Result };
        self.step_referral(now, dialog, input);
        self.settle(now);
    }
}

// === theirs ===

impl Endpoint {
    /// Their REFER within a call (RFC 3515 §2.4.2).
    pub(super) fn referred(&mut self, now: Timestamp, id: DialogId, incoming: &Incoming<'_>) {
        let (refer_to, referred_by) = match self.judge_refer(id, incoming.message) {
            Ok(fit) => fit,
            Err((status, text)) => {
                let later = limits::RETRY_AFTER_SECS.to_string();
                let header = (status == 503).then_some((HeaderName::RetryAfter, later));
                return self.refuse_within(now, id, incoming, status, text, header);
            }
        };
        let replaces = match self.replacement(id, &refer_to) {
            Ok(replaces) => replaces,
            Err((status, text)) => {
                return self.refuse_within(now, id, incoming, status, text, None);
            }
        };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.peer.refresh_target(incoming.message);
        let named = std::mem::replace(&mut session.was_referred, true);
        let expires_at = now + limits::REFERRAL_MAX;
        let referral = Referral {
            state: State::Asked,
            tx: self.open(incoming, Owner::Request),
            request: OwnedMessage::from(incoming.message),
            path: incoming.path,
            cseq: incoming.message.cseq().map_or(0, |cseq| cseq.number),
            named,
            silent: incoming.message.refer_sub() == Some(false),
            expires_at,
            status: 100,
            reason: reason_phrase(100).to_string(),
            peer: None,
        };
        self.referrals.insert(id, referral);
        self.referral_deadlines.set(id, now + limits::REFER_WAIT);
        let refer_to = Party { display: refer_to.display, uri: refer_to.uri };
        let headers = extra_headers(incoming.message);
        self.events.push_back(Event::Referred {
            dialog: id,
            refer_to,
            replaces,
            referred_by,
            headers,
        });
    }

    /// Whether a REFER may be put before the switch; the status and the sentence to refuse it with otherwise.
    fn judge_refer(
        &self,
        id: DialogId,
        message: &Message<'_>,
    ) -> Result<(ReferTo, Option<String>), (u16, &'static str)> {
        let unanswered = (403, "A call that is not answered cannot be transferred");
        match self.sessions.get(&id).map(|session| session.state).ok_or((481, sentence(481)))? {
            Call::Confirmed | Call::Unacked { leaving: false } | Call::AnswerDue => {}
            Call::Incoming | Call::Calling { .. } | Call::Proceeding | Call::Cancelling { .. } => {
                return Err(unanswered);
            }
            Call::Unacked { leaving: true } | Call::Leaving | Call::Over => {
                return Err((481, sentence(481)));
            }
        }
        let refer_to = message.refer_to().ok_or((400, "A REFER needs a Refer-To"))?;
        let refer_to = refer_to.map_err(|refusal| (refusal.status, refusal.text))?;
        let referred_by = match message.referred_by() {
            None => None,
            Some(Ok(_)) => message.value(HeaderName::ReferredBy),
            Some(Err(_)) => return Err((400, "Referred-By is malformed")),
        };
        if referred_by.is_some_and(|value| value.len() > limits::EXTRA_HEADER_BYTES_MAX) {
            return Err((400, "Referred-By is too long"));
        }
        if self.referrals.contains_key(&id) {
            return Err((491, "An earlier transfer of this call is still under way"));
        }
        if self.referrals.len() >= limits::REFERRALS_MAX {
            return Err((503, sentence(503)));
        }
        let clean = |value: &[u8]| {
            let clean = |c: char| if c.is_control() { ' ' } else { c };
            String::from_utf8_lossy(value).chars().map(clean).collect()
        };
        Ok((refer_to, referred_by.map(clean)))
    }

    /// The call that a Refer-To wants replaced. Its tags are meant for who gets the INVITE; as that would be us, ours
    /// is the `to-tag`.
    fn replacement(
        &self,
        id: DialogId,
        refer_to: &ReferTo,
    ) -> Result<Option<Replacement>, (u16, &'static str)> {
        let Some(value) = &refer_to.replaces else { return Ok(None) };
        let replaces = Replaces::parse(value.as_bytes()).map_err(|_| (400, sentence(400)))?;
        match self.named(&replaces) {
            Named::Nothing => Ok(Some(Replacement::Foreign(value.clone()))),
            Named::Over { .. } => Err((603, "The call to be replaced is over")),
            Named::Standing(named) if named == id => {
                Err((400, "A call cannot take the place of itself"))
            }
            Named::Standing(_) if replaces.early_only => {
                Err((486, "The call to be replaced is answered already"))
            }
            Named::Unanswered(named) | Named::Ringing(named) | Named::Standing(named) => {
                Ok(Some(Replacement::Ours(named)))
            }
        }
    }

    /// Their SUBSCRIBE within a dialog: it may ask for the state of a referral or end the subscription, not begin one.
    /// What is granted is what is left (RFC 6665 §4.2.1.2).
    pub(super) fn subscribed(&mut self, now: Timestamp, id: DialogId, incoming: &Incoming<'_>) {
        let Incoming { message, path, .. } = *incoming;
        let meant =
            |referral: &&mut Referral| referral.is_subscribed() && referral.is_meant(message);
        let Some(referral) = self.referrals.get_mut(&id).filter(meant) else {
            let (status, text, header) = event_refusal(message);
            return self.refuse_open_dialog(now, id, incoming, status, text, header);
        };
        let left = referral.expires_at.since(now).as_secs();
        let granted = message.expires().map_or(left, |asked| left.min(asked.into()));
        let peer = self.sessions.get_mut(&id).map(|session| &mut session.peer);
        if let Some(peer) = peer.or(referral.peer.as_mut()) {
            peer.refresh_target(message);
        }
        let bytes = self
            .reply(message, &path, 200, None, None)
            .header(HeaderName::Contact, self.contact(&path))
            .header(HeaderName::Expires, granted)
            .finish();
        self.respond_once(now, incoming, 200, bytes);
        let input = if granted == 0 { Input::Unsubscribe } else { Input::Fetch };
        self.step_referral(now, id, input);
    }

    /// Refuses a request in a dialog whose call may be over already: the To has its tag.
    fn refuse_open_dialog(
        &mut self,
        now: Timestamp,
        id: DialogId,
        incoming: &Incoming<'_>,
        status: u16,
        text: &str,
        header: Option<(HeaderName, String)>,
    ) {
        if self.sessions.contains_key(&id) {
            return self.refuse_within(now, id, incoming, status, text, header);
        }
        self.refuse_statelessly(incoming.message, &incoming.path, status, text, |writer| {
            with_header(writer, header)
        });
    }

    /// Whether a request belongs to a dialog of which only a referral is left.
    pub(super) fn survives(&self, traits: &Traits<'_>) -> bool {
        let referral = self.by_tag.get(traits.to_tag).and_then(|id| self.referrals.get(id));
        let peer = referral.and_then(|referral| referral.peer.as_ref());
        peer.is_some_and(|peer| peer.matches(traits.call_id, traits.from_tag))
    }

    /// A request in a dialog whose call is over.
    pub(super) fn after_the_call(
        &mut self,
        now: Timestamp,
        incoming: &Incoming<'_>,
        our_tag: &str,
    ) {
        let Incoming { message, method, path, .. } = *incoming;
        let Some(&id) = self.by_tag.get(our_tag) else { return };
        let peer = self.referrals.get_mut(&id).and_then(|referral| referral.peer.as_mut());
        let Some(peer) = peer else { return };
        let Ok(cseq) = message.cseq() else { return };
        if method != Method::Subscribe {
            return self.refuse_statelessly(message, &path, 481, sentence(481), |writer| writer);
        }
        if !peer.accept_cseq(cseq.number) {
            let text = "The CSeq number is out of order";
            return self.refuse_statelessly(message, &path, 500, text, |writer| writer);
        }
        peer.path = path;
        self.subscribed(now, id, incoming);
    }

    /// NOTIFY and SUBSCRIBE outside of a dialog.
    pub(super) fn refuse_event(&mut self, message: &Message<'_>, path: &Path) {
        let (status, text, header) = match event_refusal(message) {
            // This package's subscriptions are made by REFER only (RFC 3515 §2.4.4).
            (481, ..) if message.method() == Some(Method::Subscribe) => {
                (403, "Only a REFER makes a subscription to refer", None)
            }
            other => other,
        };
        self.refuse_statelessly(message, path, status, text, |writer| with_header(writer, header));
    }
}

fn with_header(writer: MessageWriter, header: Option<(HeaderName, String)>) -> MessageWriter {
    match header {
        Some((name, value)) => writer.header(name, value),
        None => writer,
    }
}

/// How a NOTIFY or SUBSCRIBE that no subscription wants is refused: 481 for our event package, 489 for all others and
/// for none (RFC 6665 §4.1.3, §4.2.1.1, §8.2.1).
pub(super) fn event_refusal(
    message: &Message<'_>,
) -> (u16, &'static str, Option<(HeaderName, String)>) {
    let event = message.event().and_then(Result::ok);
    if event.is_some_and(|event| event.value.eq_ignore_ascii_case(EVENTS)) {
        (481, "No such subscription is known here", None)
    } else {
        (489, sentence(489), Some((HeaderName::AllowEvents, EVENTS.to_string())))
    }
}

// === ours ===

impl Endpoint {
    /// One step of a referral's life.
    pub(super) fn step_referral(&mut self, now: Timestamp, id: DialogId, input: Input) {
        let Some(referral) = self.referrals.get_mut(&id) else { return };
        let before = referral.state;
        let (after, effects) = referral::step(before, input);
        referral.state = after;
        if before != after {
            tracing::debug!(dialog = id.0, ?before, ?input, ?after, "referral");
        }
        for effect in effects {
            match effect {
                Effect::Accept => self.accept_referral(now, id),
                Effect::Refuse(status) => {
                    let text = if status == 487 { sentence(487) } else { "No decision in time" };
                    self.refuse_referral(now, id, status, text);
                }
                Effect::Notify => self.notify(now, id, None),
                Effect::NotifyLast(last) => self.notify(now, id, Some(last)),
                Effect::Forget => self.forget_referral(id),
            }
        }
    }

    /// 202, and the subscription's time begins.
    fn accept_referral(&mut self, now: Timestamp, id: DialogId) {
        let Some(referral) = self.referrals.get_mut(&id) else { return };
        referral.expires_at = now + limits::REFERRAL_MAX;
        let (tx, path, silent) = (referral.tx, referral.path, referral.silent);
        let request = referral.request.clone();
        self.referral_deadlines.set(id, now + limits::REFERRAL_MAX);
        let bytes = self
            .reply(&request.get(), &path, 202, None, None)
            .header(HeaderName::Contact, self.contact(&path))
            .maybe(HeaderName::ReferSub, silent.then_some("false"))
            .finish();
        self.told_status(Method::Refer, 202);
        self.respond(now, tx, 202, bytes);
    }

    fn refuse_referral(&mut self, now: Timestamp, id: DialogId, status: u16, text: &str) {
        let Some(referral) = self.referrals.get(&id) else { return };
        let (tx, path, request) = (referral.tx, referral.path, referral.request.clone());
        let bytes = self.reply(&request.get(), &path, status, None, None).warning(text).finish();
        self.told_status(Method::Refer, status);
        self.respond(now, tx, status, bytes);
    }

    /// NOTIFY with what is known now (RFC 3515 §2.4.5).
    fn notify(&mut self, now: Timestamp, id: DialogId, last: Option<Last>) {
        let Some(draft) = self.draft(id, Method::Notify, None) else { return };
        let Some(referral) = self.referrals.get(&id) else { return };
        let state = match last {
            Some(last) => format!("terminated;reason={}", last.as_str()),
            None => format!("active;expires={}", referral.expires_at.since(now).as_secs()),
        };
        let body = format!("SIP/2.0 {} {}\r\n", referral.status, referral.reason);
        let bytes = draft
            .writer
            .header(HeaderName::Contact, self.contact(&draft.path))
            .header(HeaderName::Event, referral.event())
            .header(HeaderName::SubscriptionState, state)
            .finish_with(SIPFRAG, body.as_bytes());
        let owner = match last {
            Some(_) => Owner::Nobody,
            None => Owner::Notify(id, referral.cseq),
        };
        self.layer.request(now, draft.path, draft.key, bytes, owner);
        self.flush();
    }

    fn forget_referral(&mut self, id: DialogId) {
        self.referral_deadlines.cancel(&id);
        let Some(referral) = self.referrals.remove(&id) else { return };
        if let Some(peer) = referral.peer {
            self.by_tag.remove(&peer.local_tag);
        }
    }

    /// A response to our NOTIFY. A refusal ends the subscription and nothing else, 481 in the first place; one that
    /// says when to try again does not (RFC 6665 §4.2.2).
    pub(super) fn notify_response(
        &mut self,
        now: Timestamp,
        id: DialogId,
        cseq: u32,
        status: u16,
        message: &Message<'_>,
    ) {
        match status {
            0..=199 => {}
            200..=299 => self.notify_answered(now, id, cseq, Input::Delivered),
            _busy if status != 481 && message.has(HeaderName::RetryAfter) => {
                self.notify_answered(now, id, cseq, Input::Delivered);
            }
            _refusal => self.notify_failed(now, id, cseq),
        }
    }

    /// Our NOTIFY was refused, not answered, or could not be sent.
    pub(super) fn notify_failed(&mut self, now: Timestamp, id: DialogId, cseq: u32) {
        self.notify_answered(now, id, cseq, Input::Undelivered);
    }

    fn notify_answered(&mut self, now: Timestamp, id: DialogId, cseq: u32, input: Input) {
        // The answer may be for an earlier referral of the same dialog.
        if self.referrals.get(&id).is_some_and(|referral| referral.cseq == cseq) {
            self.step_referral(now, id, input);
        }
    }
}
