//! An agent takes a line of his up again: INVITE with Replaces (RFC 3891), from another phone, page or network.
//!
//! Nobody but the agent himself may, and he must prove it. The new dialog takes the place of the old one; the media
//! session stays and learns where the new phone is, so that whoever hears the line, or measures it, goes on.

use crate::admit::Who;
use crate::line::Owner;
use crate::switch::Switch;
use crate::wire::Call;
use dozvon_center::border::{LegEvent, Loss};
use dozvon_clock::Timestamp;
use dozvon_sip::endpoint::{Cause, DialogId, Reason, Refusal, Replaced};

impl Switch {
    /// An INVITE that is to take the place of a dialog of ours.
    pub(crate) fn taken_up(
        &mut self,
        now: Timestamp,
        call: &Call,
        replaced: Replaced,
        authenticated: Option<&str>,
    ) {
        let (source, from) = (call.source.remote.ip(), call.from.user());
        let agent = match self.doors.who(&self.config, source, &from, authenticated) {
            Who::Unknown => return self.endpoint.challenge(now, call.dialog),
            Who::Agent(agent) => Some(agent),
            Who::Trunk(_) => None,
        };
        let Some(owner) = self.standing(replaced.dialog) else {
            let refusal = Refusal::because(603, "the call to be replaced is over");
            return self.refuse(now, call.dialog, refusal, "forbidden");
        };
        let phone = match owner {
            Owner::Leg(leg) => self.center.phone_of(leg),
            Owner::Fork(_) | Owner::Service(_) => None,
        };
        if phone.is_none() || phone != agent {
            let refusal = Refusal::because(603, "only its own agent may take this call up");
            return self.refuse(now, call.dialog, refusal, "forbidden");
        }
        self.reattach(now, owner, call);
    }

    /// The line whose confirmed dialog this is.
    fn standing(&self, dialog: DialogId) -> Option<Owner> {
        let owner = self.lines.of_dialog(dialog)?;
        self.lines.get(owner).is_some_and(|line| line.up == Some(dialog)).then_some(owner)
    }

    /// Answers the new dialog in the place of the line's old one, which is ended (RFC 3891 §3). When there can be no
    /// sound with the new phone, nothing changes.
    fn reattach(&mut self, now: Timestamp, owner: Owner, call: &Call) {
        let Some(line) = self.lines.get(owner) else { return };
        let before = &line.sound;
        let address = self.media_address(call.source.remote.ip());
        if address.is_none_or(|address| address.is_ipv4() != before.local.is_ipv4()) {
            let family = if before.local.is_ipv4() { "IPv4" } else { "IPv6" };
            let refusal = Refusal::because(488, format!("the sound of this call is over {family}"));
            return self.refuse(now, call.dialog, refusal, "no_codec");
        }
        let mut sound = before.moved(before.session, before.worker, before.local);
        let body = match call.offer.as_deref().map(|offer| sound.answer(offer)) {
            None => sound.offer(),
            Some(Ok(answer)) => answer,
            Some(Err(why)) => return self.refuse_sound(now, call.dialog, why),
        };
        let Some(old) = self.lines.replace(owner, call.dialog, sound) else { return };
        self.endpoint.answer(now, call.dialog, &body);
        let (protocol, text) = ("SIP".to_owned(), "replaced".to_owned());
        self.endpoint.bye(now, old, Some(Reason { protocol, cause: 200, text }));
        self.tell(owner, LegEvent::Regained);
        self.changed(owner);
    }

    /// An agent's dialog has broken: his line stays for as long as the center waits for him. False when this was no
    /// break, or nobody waits.
    pub(crate) fn may_be_taken_up(&mut self, dialog: DialogId, cause: &Cause) -> bool {
        let broke = match cause {
            Cause::NoAck | Cause::SessionExpired | Cause::TransportError | Cause::Timeout => true,
            Cause::Bye { .. } | Cause::Cancelled { .. } | Cause::Ours => false,
        };
        let owner = self.standing(dialog).filter(|_| broke);
        let agents = |owner: &Owner| self.lines.get(*owner).is_some_and(|line| line.is_agents());
        let Some(owner) = owner.filter(agents) else { return false };
        self.tell(owner, LegEvent::Broken(Loss::Signalling));
        true
    }
}
