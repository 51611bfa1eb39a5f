//! What the endpoint tells, in the center's words: who calls, who answers, who holds, who hangs up.

use crate::admit::Admission;
use crate::border::Note;
use crate::bots::{asked_for_people, said_goodbye};
use crate::config::FeatureCode;
use crate::line::{Kind, Line, Owner};
use crate::sound::Sound;
use crate::switch::Switch;
use dozvon_center::acd::{Activity, Actor, NotFree, Presence, Status};
use dozvon_center::border::{Arrival, LegEvent, Loss, Referral, Refusal as LegRefusal};
use dozvon_center::desk::Asker;
use dozvon_center::flow::Prompt;
use dozvon_center::ids::{AgentId, Key, LegId};
use dozvon_center::talk::{Destination, TalkError};
use dozvon_clock::Timestamp;
use dozvon_media::order::{Order, PlayId};
use dozvon_sip::endpoint::{Cause, DialogId, Direction, Event, Party, Path, Refusal, Replacement};
use dozvon_sip::sdp::NotAcceptable;

/// An INVITE that came, as far as the switch looks at it.
pub(crate) struct Call {
    pub(crate) dialog: DialogId,
    dialled: String,
    pub(crate) from: Party,
    pub(crate) source: Path,
    pub(crate) offer: Option<Vec<u8>>,
}

impl Switch {
    pub(crate) fn sip_event(&mut self, now: Timestamp, event: Event) {
        match event {
            Event::Referred { dialog, refer_to, replaces, headers, .. } => {
                self.referred(now, dialog, &refer_to, replaces, &headers);
            }
            Event::Invited {
                dialog,
                request_uri,
                from,
                source,
                offer,
                authenticated,
                replaces,
                ..
            } => {
                let dialled = Party::new(request_uri).user();
                let call = Call { dialog, dialled, from, source, offer };
                match replaces {
                    Some(replaced) => self.taken_up(now, &call, replaced, authenticated.as_deref()),
                    None => self.invited(now, call, authenticated.as_deref()),
                }
            }
            Event::Ringing { dialog, .. } => self.ringing(dialog),
            Event::Answered { dialog, sdp } => self.answered(now, dialog, sdp.as_deref()),
            Event::Refused { dialog, status, .. } => self.branch_refused(now, dialog, status),
            Event::Acked { dialog, sdp } => self.acked(now, dialog, sdp.as_deref()),
            Event::Offered { dialog, sdp } => self.offered(now, dialog, sdp.as_deref()),
            Event::OfferAnswered { dialog, sdp } => self.offer_answered(dialog, sdp.as_deref()),
            Event::OfferRefused { dialog, .. } => self.offer_refused(now, dialog),
            Event::Info { dialog, content_type, body } => self.info(dialog, &content_type, &body),
            Event::Ended { dialog, cause } => self.ended(now, dialog, &cause),
            Event::Registered { user, contacts } => self.registration(now, user, contacts),
            Event::Unregistered { user } => self.registration(now, user, 0),
            Event::Sent { direction, method, status } => {
                let sent = direction == Direction::Out;
                self.note(Note::SipFinal { method: method.into(), status, sent });
            }
            Event::Security { kind, source, .. } => self.note(Note::Security { kind, source }),
        }
    }

    // ---- a call comes in ------------------------------------------------------------------------------------------

    fn invited(&mut self, now: Timestamp, call: Call, authenticated: Option<&str>) {
        let (source, from) = (call.source.remote.ip(), call.from.user());
        let admission = self.doors.admit(&self.config, source, &from, authenticated, &call.dialled);
        match admission {
            Admission::Challenge => self.endpoint.challenge(now, call.dialog),
            Admission::Refuse { status, sentence, word } => {
                self.refuse(now, call.dialog, Refusal::because(status, sentence), word);
            }
            Admission::Flow { agent: Some(agent), .. } | Admission::Own { agent, .. }
                if self.rings(agent) =>
            {
                let refusal =
                    Refusal::because(486, "a call rings here: answer or decline it first");
                self.refuse(now, call.dialog, refusal, "glare");
            }
            Admission::Flow { flow, agent } => {
                let Some((sound, answer)) = self.admit_sound(now, &call, None) else { return };
                let arrival = Arrival {
                    flow,
                    dialled: call.dialled.clone(),
                    caller: caller_number(&call.from),
                    language: None,
                };
                self.arrive(now, &call, sound, answer, arrival, agent);
            }
            Admission::Echo => {
                let Some((sound, answer)) = self.admit_sound(now, &call, None) else { return };
                let owner = self.serve(now, &call, sound, answer, Kind::Echo);
                self.order_line(owner, |session| Order::Echo { session });
            }
            Admission::Own { agent, to } => self.own_call(now, &call, agent, &to),
            Admission::WrapUpCode { agent, dial } => {
                let Some((sound, answer)) = self.admit_sound(now, &call, None) else { return };
                let (due, refused) = self.code_dialled(now, agent, &dial);
                self.serve(now, &call, sound, answer, Kind::Code { agent, due, refused });
            }
            Admission::Code { agent, code } => {
                let Some((sound, answer)) = self.admit_sound(now, &call, None) else { return };
                self.code(now, &call, sound, answer, agent, code);
            }
        }
    }

    /// Whether a call was offered to the agent before his phone began one of its own, and rings there.
    fn rings(&self, agent: AgentId) -> bool {
        self.center.agent(agent).is_some_and(|view| view.activity == Activity::Ringing)
    }

    /// Checks the bounds, takes a port and answers the offer; refuses the call and says so when one of them fails.
    fn admit_sound(
        &mut self,
        now: Timestamp,
        call: &Call,
        worker: Option<u16>,
    ) -> Option<(Sound, Option<Vec<u8>>)> {
        if let Err(word) = self.guard.admit(now, self.lines.calls()) {
            let refusal = self.busy("the house is full, call again in a moment");
            self.refuse(now, call.dialog, refusal, word);
            return None;
        }
        let worker = worker.unwrap_or_else(|| self.idlest_worker());
        let Some(mut sound) = self.open_sound(now, call.source.remote.ip(), worker) else {
            let refusal = self.busy("no free media port, call again in a moment");
            self.refuse(now, call.dialog, refusal, "no_port");
            return None;
        };
        match call.offer.as_deref().map(|offer| sound.answer(offer)) {
            None => Some((sound, None)),
            Some(Ok(answer)) => Some((sound, Some(answer))),
            Some(Err(why)) => {
                self.close_sound(&sound, None);
                self.refuse_sound(now, call.dialog, why);
                None
            }
        }
    }

    pub(crate) fn refuse_sound(&mut self, now: Timestamp, dialog: DialogId, why: NotAcceptable) {
        let codecs: Vec<_> =
            self.config.codecs.iter().map(|c| format!("{c:?}").to_uppercase()).collect();
        let sentence = format!("{why}; spoken here: {} over RTP/AVP", codecs.join(", "));
        self.refuse(now, dialog, Refusal::because(488, sentence), "no_codec");
    }

    fn busy(&self, sentence: &str) -> Refusal {
        let retry_after_secs = Some(self.guard.retry_after_secs());
        Refusal { retry_after_secs, ..Refusal::because(503, sentence) }
    }

    fn arrive(
        &mut self,
        now: Timestamp,
        call: &Call,
        sound: Sound,
        answer: Option<Vec<u8>>,
        arrival: Arrival,
        agent: Option<AgentId>,
    ) {
        let number = arrival.caller.clone();
        let Some((id, leg)) = self.center.arrive(now, arrival) else {
            self.close_sound(&sound, None);
            let refusal = Refusal::because(404, "the flow of this number is gone");
            self.refuse(now, call.dialog, refusal, "unknown_number");
            return;
        };
        let mut line = line(Kind::Caller { agent }, call.dialog, sound, answer);
        line.call = Some(id);
        line.number = number;
        self.lines.insert(Owner::Leg(leg), line);
        if let Some(agent) = agent {
            self.center.own_call(now, agent, true);
        }
    }

    /// An agent's phone calls a colleague or a number outside, at the media worker of the call that the agent has: the
    /// two may be joined.
    fn own_call(&mut self, now: Timestamp, call: &Call, agent: AgentId, to: &Destination) {
        let talk = self.center.agent(agent).and_then(|view| view.call);
        let worker = talk.and_then(|call| self.lines.worker_of(call));
        let Some((sound, answer)) = self.admit_sound(now, call, worker) else { return };
        match self.center.call_from(now, agent, to) {
            Ok((id, leg)) => {
                let mut line = line(Kind::Own, call.dialog, sound, answer);
                line.call = Some(id);
                line.number = Some(self.config.agents[agent.0 as usize].user.clone());
                self.lines.insert(Owner::Leg(leg), line);
            }
            Err(error) => {
                self.close_sound(&sound, None);
                let status =
                    if matches!(error, TalkError::NotFree(NotFree::Busy(_))) { 486 } else { 480 };
                let refusal = Refusal::because(status, error.to_string());
                self.refuse(now, call.dialog, refusal, "not_free");
            }
        }
    }

    /// Answers a call that the switch serves itself.
    fn serve(
        &mut self,
        now: Timestamp,
        call: &Call,
        sound: Sound,
        answer: Option<Vec<u8>>,
        kind: Kind,
    ) -> Owner {
        let owner = self.new_service();
        self.lines.insert(owner, line(kind, call.dialog, sound, answer));
        self.answer(now, owner);
        owner
    }

    // ---- feature codes --------------------------------------------------------------------------------------------

    /// A status from a bare phone. `ready` waits until the confirmation was heard, or a call would be offered to a
    /// phone that is still busy with it; everything else applies at once, so that a break stops the ringing.
    fn code(
        &mut self,
        now: Timestamp,
        call: &Call,
        sound: Sound,
        answer: Option<Vec<u8>>,
        agent: AgentId,
        code: FeatureCode,
    ) {
        let waits = code == FeatureCode::Status(Status::Ready);
        let refused = !waits && !self.feature(now, agent, code);
        let (due, refused) = (waits.then_some(code), refused.then_some("status-refused"));
        self.serve(now, call, sound, answer, Kind::Code { agent, due, refused });
    }

    /// Does what a feature code says; false when it may not be.
    pub(crate) fn feature(&mut self, now: Timestamp, agent: AgentId, code: FeatureCode) -> bool {
        let result = match code {
            FeatureCode::Status(status) => {
                self.center.set_status(now, agent, status, Asker::new(Actor::Agent), None)
            }
            FeatureCode::LogOut => self.center.log_out(now, agent, Asker::new(Actor::Agent)),
            FeatureCode::WrapUpCode => unreachable!("a code comes with its short number"),
        };
        if let Err(error) = &result {
            tracing::info!(%agent, %error, "feature code refused");
        }
        result.is_ok()
    }

    /// Speaks what the code has done or will do, once the phone listens.
    fn confirm(
        &mut self,
        owner: Owner,
        agent: AgentId,
        due: Option<FeatureCode>,
        refused: Option<&str>,
    ) {
        let name = match (refused, due) {
            (Some(prompt), _) => prompt.to_owned(),
            (None, Some(FeatureCode::Status(status))) => prompt_of(Presence::Chosen(status)),
            (None, Some(FeatureCode::LogOut)) => prompt_of(Presence::LoggedOut),
            // What he is now, or will be when his call or its wrap-up is over.
            (None, Some(FeatureCode::WrapUpCode) | None) => prompt_of(
                self.center
                    .agent(agent)
                    .map_or(Presence::LoggedOut, |view| view.pending.unwrap_or(view.presence)),
            ),
        };
        let access = &self.config.agents[agent.0 as usize];
        let language =
            access.language.clone().unwrap_or_else(|| self.config.default_language.clone());
        let clips = self.clip(&Prompt { name: name.into(), language }).into_iter().collect();
        self.order_line(owner, |session| Order::Play { session, play: PlayId(0), clips });
    }

    // ---- dialogs live ---------------------------------------------------------------------------------------------

    fn ringing(&mut self, dialog: DialogId) {
        let Some(owner) = self.lines.of_dialog(dialog) else { return };
        let Some(line) = self.lines.get_mut(owner) else { return };
        if !std::mem::replace(&mut line.ringing, true) {
            self.tell(owner, LegEvent::Ringing);
        }
    }

    /// A branch of ours was answered: it wins, the others are taken back.
    fn answered(&mut self, now: Timestamp, dialog: DialogId, sdp: Option<&[u8]>) {
        let Some(owner) = self.lines.of_dialog(dialog) else {
            self.endpoint.bye(now, dialog, None);
            return;
        };
        let Some(line) = self.lines.get_mut(owner) else { return };
        if line.up.is_some() {
            self.lines.drop_dialog(dialog);
            self.endpoint.bye(now, dialog, None);
            return;
        }
        line.up = Some(dialog);
        let losers: Vec<_> = line.dialogs.iter().copied().filter(|d| *d != dialog).collect();
        let agreed = line.sound.answered(sdp.unwrap_or_default());
        let (order, worker) = (line.sound.agree(), line.sound.worker);
        for loser in losers {
            self.lines.drop_dialog(loser);
            self.endpoint.bye(now, loser, None);
        }
        match (agreed, order) {
            (Ok(()), Some(order)) => {
                self.order(worker, order);
                self.tell(owner, LegEvent::Answered);
            }
            (Ok(()) | Err(_), _) => {
                self.take_down(now, owner, None);
                self.tell(owner, LegEvent::Refused(LegRefusal::Error));
            }
        }
    }

    fn branch_refused(&mut self, now: Timestamp, dialog: DialogId, status: u16) {
        self.recalled.remove(&dialog);
        let Some(owner) = self.lines.drop_dialog(dialog) else { return };
        let Some(line) = self.lines.get_mut(owner) else { return };
        let before = line.refused;
        line.refused = Some(before.map_or(status, |before| telling(before, status)));
        if !line.dialogs.is_empty() {
            return;
        }
        let Some(line) = self.lines.remove(owner) else { return };
        self.forget(now, &line);
        self.tell(owner, LegEvent::Refused(refusal(line.refused.unwrap_or(status))));
    }

    /// Our 200 was acknowledged: the call stands, and sound can be heard.
    fn acked(&mut self, now: Timestamp, dialog: DialogId, sdp: Option<&[u8]>) {
        let Some(owner) = self.lines.of_dialog(dialog) else { return };
        let Some(line) = self.lines.get_mut(owner) else { return };
        if line.sound.agreed.is_none() {
            let answer = sdp.unwrap_or_default();
            let agreed = line.sound.answered(answer);
            let (order, worker) = (line.sound.agree(), line.sound.worker);
            let (Ok(()), Some(order)) = (agreed, order) else {
                self.take_down(now, owner, None);
                self.tell(owner, LegEvent::Lost(Loss::Signalling));
                return;
            };
            self.order(worker, order);
        }
        let Some(line) = self.lines.get(owner) else { return };
        match line.kind {
            Kind::Code { agent, due, refused } => self.confirm(owner, agent, due, refused),
            Kind::Caller { .. } => self.tell(owner, LegEvent::Answered),
            Kind::Agent
            | Kind::Bot
            | Kind::Stream { .. }
            | Kind::Fork { .. }
            | Kind::Outside
            | Kind::Own
            | Kind::Echo => {}
        }
    }

    // ---- the session changes --------------------------------------------------------------------------------------

    fn offered(&mut self, now: Timestamp, dialog: DialogId, sdp: Option<&[u8]>) {
        let Some(owner) = self.lines.of_dialog(dialog) else {
            self.endpoint.refuse_offer(now, dialog, 481, None);
            return;
        };
        let Some(line) = self.lines.get_mut(owner) else { return };
        let Some(offer) = sdp else {
            let offer = line.sound.offer();
            self.endpoint.accept_offer(now, dialog, &offer);
            return;
        };
        match line.sound.answer(offer) {
            Ok(answer) => {
                self.endpoint.accept_offer(now, dialog, &answer);
                self.changed(owner);
            }
            Err(why) => {
                let sentence = format!("{why}; the session goes on as it was");
                self.endpoint.refuse_offer(now, dialog, 488, Some(&sentence));
            }
        }
    }

    fn offer_answered(&mut self, dialog: DialogId, sdp: Option<&[u8]>) {
        let Some(owner) = self.lines.of_dialog(dialog) else { return };
        let Some(line) = self.lines.get_mut(owner) else { return };
        line.moving = false;
        if line.sound.answered(sdp.unwrap_or_default()).is_ok() {
            self.changed(owner);
        }
    }

    /// The session goes on as it was, unless the line was on the way to another worker: then it has none any more.
    fn offer_refused(&mut self, now: Timestamp, dialog: DialogId) {
        let Some(owner) = self.lines.of_dialog(dialog) else { return };
        if self.lines.get(owner).is_some_and(|line| line.moving) {
            self.take_down(now, owner, None);
            self.tell(owner, LegEvent::Lost(Loss::Signalling));
        }
    }

    /// A phone asks for a transfer: the center is told in its own words, or the phone why not.
    fn referred(
        &mut self,
        now: Timestamp,
        dialog: DialogId,
        to: &Party,
        replaces: Option<Replacement>,
        headers: &[(String, String)],
    ) {
        let owner = self.lines.of_dialog(dialog);
        let Some(Owner::Leg(leg)) = owner else {
            self.endpoint.refuse_refer(now, dialog, 403, "this call can't be transferred");
            return;
        };
        if self.lines.get(Owner::Leg(leg)).is_some_and(|line| line.kind == Kind::Bot) {
            self.referrals.insert(leg, dialog);
            self.tell(Owner::Leg(leg), asked_for_people(headers, to));
            return;
        }
        let referral = match replaces {
            Some(Replacement::Ours(other)) => match self.lines.of_dialog(other) {
                Some(Owner::Leg(other)) => Ok(Referral::Own(other)),
                Some(Owner::Service(_) | Owner::Fork(_)) | None => {
                    Err((481, "that call has ended".to_owned()))
                }
            },
            Some(Replacement::Foreign(_)) => {
                Err((481, "the call to be replaced is none of this server's".to_owned()))
            }
            None => self.refer_target(leg, to).map(Referral::To).map_err(|why| (403, why)),
        };
        match referral {
            Ok(referral) => {
                self.referrals.insert(leg, dialog);
                self.tell(Owner::Leg(leg), LegEvent::Referred(referral));
            }
            Err((status, sentence)) => {
                self.endpoint.refuse_refer(now, dialog, status, &sentence);
            }
        }
    }

    /// Where the agent of this leg may send his call to. Only an agent's reach counts; others are refused by the
    /// center, whatever they name.
    fn refer_target(&self, leg: LegId, to: &Party) -> Result<Destination, String> {
        match self.center.agent_of(leg) {
            Some(agent) => self.doors.destination(&self.config, agent, &to.user()),
            None => Ok(Destination::Number(to.user().into())),
        }
    }

    /// Format, address or direction of a line changed: the media plane learns it, the center learns of hold.
    pub(crate) fn changed(&mut self, owner: Owner) {
        let Some(line) = self.lines.get_mut(owner) else { return };
        let held = line.sound.is_held();
        let turned = std::mem::replace(&mut line.held, held) != held;
        if let Some(order) = line.sound.agree() {
            let worker = line.sound.worker;
            self.order(worker, order);
        }
        if turned {
            self.tell(owner, LegEvent::Held(held));
        }
    }

    /// Keys of phones that send them as INFO.
    fn info(&mut self, dialog: DialogId, content_type: &str, body: &[u8]) {
        let Some(owner) = self.lines.of_dialog(dialog) else { return };
        if let Some(key) = info_key(content_type, body) {
            self.tell(owner, LegEvent::Key(key));
        }
    }

    // ---- ends -----------------------------------------------------------------------------------------------------

    fn ended(&mut self, now: Timestamp, dialog: DialogId, cause: &Cause) {
        // Its 200 crossed our CANCEL. The endpoint has acknowledged and ended it; the center counts.
        if let (Some(leg), Cause::Ours) = (self.recalled.remove(&dialog), cause) {
            self.tell(Owner::Leg(leg), LegEvent::Answered);
            return;
        }
        if self.may_be_taken_up(dialog, cause) {
            return;
        }
        let Some(owner) = self.lines.drop_dialog(dialog) else { return };
        let Some(line) = self.lines.get(owner) else { return };
        if !line.dialogs.is_empty() {
            return;
        }
        let Some(line) = self.lines.remove(owner) else { return };
        self.forget(now, &line);
        let event = match cause {
            Cause::Bye { reason, headers } if line.kind == Kind::Bot => {
                said_goodbye(headers, reason.as_ref())
            }
            Cause::Bye { .. } | Cause::Cancelled { .. } => LegEvent::HungUp,
            Cause::NoAck
            | Cause::SessionExpired
            | Cause::TransportError
            | Cause::Timeout
            | Cause::Ours => LegEvent::Lost(Loss::Signalling),
        };
        self.tell(owner, event);
    }

    // ---- registrations --------------------------------------------------------------------------------------------

    fn registration(&mut self, now: Timestamp, user: String, contacts: usize) {
        if let Some(agent) = self.doors.agent(&user) {
            self.center.reachable(now, agent, contacts > 0);
        }
        self.note(Note::Registration { user, contacts });
    }
}

fn line(kind: Kind, dialog: DialogId, sound: Sound, first_answer: Option<Vec<u8>>) -> Line {
    Line { first_answer, ..Line::new(kind, vec![dialog], sound) }
}

/// The name of the prompt that says how an agent stands: `status-short-break` and so on.
fn prompt_of(presence: Presence) -> String {
    format!("status-{}", presence.as_str().replace('_', "-"))
}

/// The caller's number: the user part of From, unless it says that it is hidden (RFC 3323).
fn caller_number(from: &Party) -> Option<String> {
    let user = from.user();
    let hidden = user.is_empty() || user.eq_ignore_ascii_case("anonymous");
    (!hidden).then_some(user)
}

/// Which of two refusals of forked branches says more: a person's no (busy, declined) over a machine's.
fn telling(a: u16, b: u16) -> u16 {
    let rank = |status: u16| match status {
        600..=699 => 0,
        486 | 480 | 403 => 1,
        400..=499 => 2,
        _ => 3,
    };
    if rank(b) < rank(a) { b } else { a }
}

const fn refusal(status: u16) -> LegRefusal {
    match status {
        486 | 600 => LegRefusal::Busy,
        480 | 603 | 403 | 607 | 608 => LegRefusal::Declined,
        404 | 410 | 430 | 502 | 503 | 604 => LegRefusal::Unreachable,
        // Nobody answered our INVITE at all, or Timer C of somebody on the way.
        408 => LegRefusal::Unreachable,
        _ => LegRefusal::Error,
    }
}

/// `application/dtmf-relay` (`Signal=5`) and `application/dtmf` (`5`), as phones send them.
fn info_key(content_type: &str, body: &[u8]) -> Option<Key> {
    let body = std::str::from_utf8(body).ok()?;
    let media = content_type.split(';').next().unwrap_or_default().trim();
    let text = if media.eq_ignore_ascii_case("application/dtmf-relay") {
        body.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("signal").then_some(value)
        })?
    } else if media.eq_ignore_ascii_case("application/dtmf") {
        body
    } else {
        return None;
    };
    match text.trim() {
        "10" => Key::new('*'),
        "11" => Key::new('#'),
        text => {
            let mut chars = text.chars();
            let (first, rest) = (chars.next()?, chars.next());
            if rest.is_none() { Key::new(first) } else { None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_both_info_kinds_are_read() {
        for (content_type, body, key) in [
            ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", Some('5')),
            ("application/dtmf-relay", "Signal= 0\r\nDuration=100", Some('0')),
            ("Application/DTMF-Relay; x=y", "signal=#", Some('#')),
            ("application/dtmf-relay", "Signal=10\r\n", Some('*')),
            ("application/dtmf", "7", Some('7')),
            ("application/dtmf", "77", None),
            ("text/plain", "7", None),
            ("application/dtmf-relay", "Duration=160", None),
        ] {
            assert_eq!(info_key(content_type, body.as_bytes()).map(Key::as_char), key, "{body:?}");
        }
    }

    #[test]
    fn a_persons_refusal_says_more_than_a_machines() {
        assert_eq!(telling(503, 486), 486);
        assert_eq!(telling(486, 404), 486);
        assert_eq!(telling(404, 603), 603);
        assert_eq!(refusal(telling(408, 486)), LegRefusal::Busy);
    }

    #[test]
    fn a_hidden_number_is_no_number() {
        assert_eq!(caller_number(&Party::new("sip:anonymous@anonymous.invalid")), None);
        assert_eq!(caller_number(&Party::new("sip:+77010000001@x")), Some("+77010000001".into()));
    }
}
