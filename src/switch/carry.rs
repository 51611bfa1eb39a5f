//! What the center wants of a leg, done in SIP and sound.

use crate::config::{Address, BotAccess};
use crate::line::{Kind, Line, Owner};
use crate::recognisers::Wanted;
use crate::switch::Switch;
use dozvon_center::border::{LegCommand, LegEvent, RINGBACK, ReferralNews, Refusal};
use dozvon_center::bot::BotBrief;
use dozvon_center::contact::{Ending, Fault};
use dozvon_center::flow::Prompt;
use dozvon_center::flow::model::MUSIC;
use dozvon_center::ids::{AgentId, LegId, MeasureId};
use dozvon_clock::Timestamp;
use dozvon_media::clip::Library;
use dozvon_media::order::{self as media, ClipId, Order, PlayId};
use dozvon_sip::endpoint::{
    Credentials, Invite, Party, Protocol, Reason, Refusal as Refused, Target,
};
use std::sync::Arc;
use std::time::Duration;

/// One INVITE to be sent for a leg.
struct Branch {
    to: Party,
    target: Target,
    route: Vec<String>,
    credentials: Option<Credentials>,
}

/// For whom a line is opened.
struct Caller {
    /// As the party called sees him.
    party: Party,
    /// His line, whose format is asked for first, and at whose media worker the new one is.
    beside: Option<LegId>,
}

impl Switch {
    /// Obeys one command of the center.
    pub(crate) fn carry(&mut self, now: Timestamp, leg: LegId, command: LegCommand) {
        let owner = Owner::Leg(leg);
        match command {
            LegCommand::Answer => self.answer(now, owner),
            LegCommand::Play { play, prompts } => {
                let clips = prompts.iter().filter_map(|prompt| self.clip(prompt)).collect();
                self.order_line(owner, |session| Order::Play {
                    session,
                    play: PlayId(play.0),
                    clips,
                });
                self.let_fork_hear(owner);
            }
            LegCommand::Music { name } => {
                let music = Prompt { name, language: MUSIC.into() };
                match self.clip(&music) {
                    Some(clip) => self.order_line(owner, |session| Order::Loop { session, clip }),
                    None => self.order_line(owner, |session| Order::Stop { session }),
                }
            }
            LegCommand::StopPlaying => self.order_line(owner, |session| Order::Stop { session }),
            LegCommand::RingAgent { agent, caller, queue, .. } => {
                self.ring_agent(now, leg, agent, caller, &queue);
            }
            LegCommand::CallBot { bot, caller, brief } => {
                self.call_bot(now, leg, bot, caller, *brief);
            }
            LegCommand::BotKey(key) => self.bot_key(leg, key),
            LegCommand::Recognise { fork, recogniser, language, secrets } => {
                self.open_fork(now, leg, Wanted { fork, recogniser, language, secrets });
            }
            LegCommand::StopRecognising(fork) => self.take_down(now, Owner::Fork(fork), None),
            LegCommand::RingForCallback { agent, number, queue } => {
                let from = Caller { party: self.party(Some(&number)), beside: None };
                let mut headers = queue_header(&queue);
                headers.push(("X-Callback".to_owned(), number.to_string()));
                self.call_agent(now, leg, agent, from, headers);
                self.belongs(leg, None);
            }
            LegCommand::CallBack { to, from, beside } => {
                let branches = self.outside(&to).into_iter().collect();
                let from = Caller { party: self.our_party(from.as_deref()), beside };
                self.call_out(now, leg, Kind::Outside, from, branches, Vec::new());
                self.belongs(leg, Some(&to));
            }
            LegCommand::Dial { to, caller } => {
                let branches = self.outside(&to).into_iter().collect();
                let caller = self.for_caller(caller);
                self.call_out(now, leg, Kind::Outside, caller, branches, Vec::new());
            }
            LegCommand::Bridge { with } => self.bridge(now, owner, Owner::Leg(with)),
            LegCommand::Hear { from } => self.hear(now, owner, &from),
            LegCommand::Announce { play, prompts } => {
                let clips = prompts.iter().filter_map(|prompt| self.clip(prompt)).collect();
                self.announce(owner, PlayId(play.0), clips);
            }
            LegCommand::Beep => self.announce(owner, BEEP, vec![Library::BEEP]),
            LegCommand::Mute(muted) => {
                self.order_line(owner, |session| Order::Mute { session, muted });
            }
            LegCommand::Measure { measure, with, unheard_after } => {
                self.measure(measure, owner, Owner::Leg(with), unheard_after);
            }
            LegCommand::PauseMeasure(measure) => {
                self.order_measure(measure, |measure| Order::PauseMeasure { measure })
            }
            LegCommand::EndMeasure(measure) => {
                self.order_measure(measure, |measure| Order::Unmeasure { measure });
                self.measures.end(measure);
            }
            LegCommand::Ring => self.ring_back(now, owner),
            LegCommand::Reject(refusal) => self.reject(now, owner, refusal),
            LegCommand::Referral(news) => self.tell_referral(now, leg, news),
            LegCommand::Release(ending) => self.take_down(now, owner, Some(reason(&ending))),
        }
    }

    /// 200 OK with the answer that was made when the INVITE came, or with our offer when it had none.
    pub(crate) fn answer(&mut self, now: Timestamp, owner: Owner) {
        let Some(line) = self.lines.get_mut(owner) else { return };
        let Some(dialog) = line.dialogs.first().copied() else { return };
        line.up = Some(dialog);
        let body = match line.first_answer.take() {
            Some(answer) => answer,
            None => line.sound.offer(),
        };
        if let Some(order) = line.sound.agree() {
            let worker = line.sound.worker;
            self.order(worker, order);
        }
        self.endpoint.answer(now, dialog, &body);
    }

    /// Joins two lines, which the second comes to the first one's worker for.
    fn bridge(&mut self, now: Timestamp, a: Owner, b: Owner) {
        let Some(worker) = self.lines.get(a).map(|line| line.sound.worker) else { return };
        self.bring(now, b, worker);
        let (Some(first), Some(second)) = (self.lines.get(a), self.lines.get(b)) else { return };
        let order = Order::Bridge { a: first.sound.session, b: second.sound.session };
        self.order(worker, order);
    }

    /// Lets a line hear others, at the worker of the first of them.
    fn hear(&mut self, now: Timestamp, owner: Owner, from: &[LegId]) {
        let worker = from.iter().find_map(|leg| self.lines.get(Owner::Leg(*leg)));
        if let Some(worker) = worker.map(|line| line.sound.worker) {
            self.bring(now, owner, worker);
        }
        let sessions = from.iter().filter_map(|leg| self.lines.get(Owner::Leg(*leg)));
        let from = sessions.map(|line| line.sound.session).collect();
        self.order_line(owner, |session| Order::Hear { session, from });
    }

    fn bring(&mut self, now: Timestamp, owner: Owner, worker: u16) {
        if self.lines.get(owner).is_some_and(|line| line.sound.worker != worker) {
            self.move_line(now, owner, worker);
        }
    }

    /// Measures how the agent of the first line and the caller of the second one talk. They are at one worker since
    /// they hear each other; a line that found no port there hears nobody, and isn't measured.
    fn measure(&mut self, id: MeasureId, agent: Owner, caller: Owner, unheard_after: Duration) {
        let lines = (self.lines.get(agent), self.lines.get(caller));
        let (Some(agent), Some(caller)) = lines else { return };
        let (worker, first, second) =
            (agent.sound.worker, agent.sound.session, caller.sound.session);
        if caller.sound.worker == worker {
            self.measures.begin(id, worker, [first, second]);
            let measure = measure_id(id);
            self.order(worker, Order::Measure { measure, first, second, unheard_after });
        }
    }

    /// Gives an order about a measure, if it runs.
    fn order_measure(&mut self, id: MeasureId, order: impl FnOnce(media::MeasureId) -> Order) {
        if let Some(worker) = self.measures.worker(id) {
            self.order(worker, order(measure_id(id)));
        }
    }

    fn announce(&mut self, owner: Owner, play: PlayId, clips: Vec<ClipId>) {
        self.order_line(owner, |session| Order::Announce { session, play, clips });
    }

    /// Tells a phone in a call of its own that it rings at the other end.
    fn ring_back(&mut self, now: Timestamp, owner: Owner) {
        let Some(dialog) = self.lines.get(owner).and_then(|line| line.dialogs.first()) else {
            return;
        };
        self.endpoint.ring(now, *dialog, None);
    }

    /// Refuses a call that was not answered yet.
    fn reject(&mut self, now: Timestamp, owner: Owner, refusal: Refusal) {
        let Some(line) = self.lines.remove(owner) else { return };
        let (status, sentence) = match refusal {
            Refusal::Busy | Refusal::Declined => (486, "the party called is busy"),
            Refusal::NoAnswer => (480, "the party called does not answer"),
            Refusal::Unreachable => (480, "the party called can't be reached"),
            Refusal::Error => (500, "the call could not be set up"),
        };
        for dialog in &line.dialogs {
            self.endpoint.refuse(now, *dialog, Refused::because(status, sentence));
        }
        self.forget(now, &line);
    }

    /// Tells a phone what becomes of the transfer that it has asked for.
    fn tell_referral(&mut self, now: Timestamp, leg: LegId, news: ReferralNews) {
        let Some(dialog) = self.referrals.get(&leg).copied() else { return };
        match news {
            ReferralNews::Accepted => {
                self.endpoint.accept_refer(now, dialog);
                return;
            }
            ReferralNews::Refused(why) => self.endpoint.refuse_refer(now, dialog, 403, &why),
            ReferralNews::Done => self.endpoint.refer_progress(now, dialog, 200, ""),
            ReferralNews::Failed => self.endpoint.refer_progress(now, dialog, 480, ""),
        }
        self.referrals.remove(&leg);
    }

    fn call_bot(
        &mut self,
        now: Timestamp,
        leg: LegId,
        bot: Arc<str>,
        caller: LegId,
        brief: BotBrief,
    ) {
        let called = match self.config.bots.get(&bot) {
            Some(BotAccess::Stream) => return self.open_stream(now, leg, bot, caller, brief),
            Some(BotAccess::Sip { address, silent_after }) => {
                (vec![branch(address, None)], *silent_after)
            }
            None => (Vec::new(), None),
        };
        let (branches, silent_after) = called;
        let caller = self.for_caller(caller);
        self.call_out(now, leg, Kind::Bot, caller, branches, Vec::new());
        if let Some(within) = silent_after {
            self.order_line(Owner::Leg(leg), |session| Order::Expect { session, within });
        }
    }

    fn ring_agent(
        &mut self,
        now: Timestamp,
        leg: LegId,
        agent: AgentId,
        caller: LegId,
        queue: &Arc<str>,
    ) {
        let caller = self.for_caller(caller);
        self.call_agent(now, leg, agent, caller, queue_header(queue));
    }

    fn call_agent(
        &mut self,
        now: Timestamp,
        leg: LegId,
        agent: AgentId,
        from: Caller,
        headers: Vec<(String, String)>,
    ) {
        let access = &self.config.agents[agent.0 as usize];
        let bindings = self.endpoint.contacts(&access.user);
        let branches = bindings
            .into_iter()
            .map(|binding| Branch {
                to: Party::new(binding.contact),
                target: Target::Flow(binding.path),
                route: binding.route,
                credentials: None,
            })
            .collect();
        self.call_out(now, leg, Kind::Agent, from, branches, headers);
    }

    /// A line that was opened for nobody who called: its call, and the number that others see who are called for it.
    fn belongs(&mut self, leg: LegId, number: Option<&str>) {
        let call = self.center.call_of(leg);
        if let Some(line) = self.lines.get_mut(Owner::Leg(leg)) {
            line.call = call;
            line.number = number.map(str::to_owned);
        }
    }

    /// Opens a line and sends its INVITEs; the first answer wins. Without any way there the leg is refused at once.
    fn call_out(
        &mut self,
        now: Timestamp,
        leg: LegId,
        kind: Kind,
        from: Caller,
        branches: Vec<Branch>,
        headers: Vec<(String, String)>,
    ) {
        let Some(first) = branches.first() else {
            self.news.push_back((leg, LegEvent::Refused(Refusal::Unreachable)));
            return;
        };
        let family = match &first.target {
            Target::Flow(path) => path.remote.ip(),
            Target::Address(_, at) => at.ip(),
        };
        let Caller { party: from, beside } = from;
        let caller = beside.and_then(|leg| self.lines.get(Owner::Leg(leg)));
        let (worker, call) = caller.map_or((0, None), |line| (line.sound.worker, line.call));
        let caller_sound = caller.map(|line| line.sound.clone());
        let Some(mut sound) = self.open_sound(now, family, worker) else {
            self.news.push_back((leg, LegEvent::Refused(Refusal::Error)));
            return;
        };
        if let Some(caller) = &caller_sound {
            sound.prefer(caller);
        }
        let sdp = sound.offer();
        let invite = |branch: Branch| Invite {
            to: branch.to,
            target: branch.target,
            from: from.clone(),
            sdp: Some(sdp.clone()),
            headers: headers.clone(),
            route: branch.route,
            credentials: branch.credentials,
        };
        let dialogs = branches.into_iter().map(|b| self.endpoint.invite(now, invite(b))).collect();
        let line = Line { call, ..Line::new(kind, dialogs, sound) };
        self.lines.insert(Owner::Leg(leg), line);
    }

    /// The caller as the party called sees him: his number at our domain.
    fn for_caller(&self, caller: LegId) -> Caller {
        let line = self.lines.get(Owner::Leg(caller));
        let number = line.and_then(|line| line.number.as_deref());
        Caller { party: self.party(number), beside: Some(caller) }
    }

    /// We as a customer sees us whom we call: the number configured, else the trunk's own.
    fn our_party(&self, number: Option<&str>) -> Party {
        let trunk = self.config.trunks.iter().find_map(|trunk| trunk.target.as_ref());
        match (number, trunk.and_then(|target| user_of(&target.uri))) {
            (None, Some(user)) => self.party(Some(user)),
            (number, _) => self.party(number),
        }
    }

    fn party(&self, number: Option<&str>) -> Party {
        let realm = &self.config.sip.realm;
        let number = number.unwrap_or("anonymous");
        Party::named(number, format!("sip:{}@{realm}", escaped(number)))
    }

    /// The way to a number or address of a flow's `transfer`: an address with an IP literal is called as it stands, all
    /// else goes through the first trunk that takes calls.
    fn outside(&self, to: &str) -> Option<Branch> {
        let trunk =
            self.config.trunks.iter().find_map(|t| Some((t.target.as_ref()?, &t.credentials)));
        if let Some(at) = literal(to) {
            let address = Address { uri: to.to_owned(), protocol: Protocol::Udp, at };
            return Some(branch(&address, None));
        }
        let (target, credentials) = trunk?;
        let mut address = target.clone();
        address.uri = match to.strip_prefix("sip:") {
            Some(_) => to.to_owned(),
            None => with_user(&target.uri, to.trim_start_matches("tel:")),
        };
        Some(branch(&address, credentials.clone()))
    }

    pub(crate) fn clip(&self, prompt: &Prompt) -> Option<ClipId> {
        let clip = self.config.clips.get(&(prompt.language.clone(), prompt.name.clone())).copied();
        // The tone of ringing is in every library; a recording of that name in the music folder replaces it.
        let tone = || is_ringback(prompt).then_some(Library::RINGBACK);
        let clip = clip.or_else(tone);
        if clip.is_none() {
            // `dozvon check` finds it before a caller does; the call goes on without the prompt.
            tracing::warn!(language = %prompt.language, name = %prompt.name, "prompt is missing");
        }
        clip
    }
}

fn is_ringback(prompt: &Prompt) -> bool {
    &*prompt.language == MUSIC && &*prompt.name == RINGBACK
}

/// The center's name of a measure is the media plane's too.
const fn measure_id(measure: MeasureId) -> media::MeasureId {
    media::MeasureId(measure.0)
}

fn queue_header(queue: &Arc<str>) -> Vec<(String, String)> {
    vec![("X-Queue".to_owned(), queue.to_string())]
}

/// The user part of a SIP URI.
fn user_of(uri: &str) -> Option<&str> {
    let (user, _) = uri.strip_prefix("sip:")?.split_once('@')?;
    (!user.is_empty()).then_some(user)
}

fn branch(address: &Address, credentials: Option<Credentials>) -> Branch {
    Branch {
        to: Party::new(address.uri.clone()),
        target: Target::Address(address.protocol, address.at),
        route: Vec::new(),
        credentials,
    }
}

/// The address in `sip:user@192.0.2.1:5070` when its host is an IP literal.
fn literal(uri: &str) -> Option<std::net::SocketAddr> {
    let rest = uri.strip_prefix("sip:")?;
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split([';', '?']).next()?;
    host.parse().ok().or_else(|| {
        let ip: std::net::IpAddr = host.trim_matches(['[', ']']).parse().ok()?;
        Some(std::net::SocketAddr::new(ip, SIP_PORT))
    })
}

/// The trunk's URI with its user part replaced by the number called.
fn with_user(uri: &str, number: &str) -> String {
    let rest = uri.strip_prefix("sip:").unwrap_or(uri);
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("sip:{}@{host}", escaped(number))
}

/// A number as the user part of a URI: what RFC 3261 §25.1 does not allow there is %-escaped.
fn escaped(user: &str) -> String {
    let mut out = String::with_capacity(user.len());
    for byte in user.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => out.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'(' | b')' | b'&' | b'=' | b'+' | b'$'
            | b',' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The Reason header (RFC 3326) for a leg that we end.
fn reason(ending: &Ending) -> Reason {
    let (protocol, cause) = match (&*ending.reason, ending.fault) {
        // RFC 3326 §3.1: whoever rings beside shall not show a missed call.
        ("answered_elsewhere", _) => ("SIP", 200),
        (_, Fault::Ours) => ("Q.850", 41),
        (_, Fault::Carrier) => ("Q.850", 102),
        (_, Fault::Caller | Fault::Agent | Fault::Bot | Fault::Nobody) => ("Q.850", 16),
    };
    Reason { protocol: protocol.into(), cause, text: ending.reason.to_string() }
}

/// The name of a beep in the media plane's reports, which nobody waits for.
const BEEP: PlayId = PlayId(0);

/// The port of a SIP URI without one.
const SIP_PORT: u16 = 5060;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ip_literal_is_called_directly() {
        assert_eq!(literal("sip:duty@192.0.2.1:5070;x=y"), "192.0.2.1:5070".parse().ok());
        assert_eq!(literal("sip:duty@192.0.2.1"), "192.0.2.1:5060".parse().ok());
        assert_eq!(literal("sip:duty@[2001:db8::1]:5070"), "[2001:db8::1]:5070".parse().ok());
        assert_eq!(literal("sip:duty@branch.bank.example"), None);
        assert_eq!(literal("+77270000000"), None);
    }

    #[test]
    fn a_number_takes_the_place_of_the_trunks_user() {
        assert_eq!(
            with_user("sip:trunk@carrier.example:5070", "+7727"),
            "sip:+7727@carrier.example:5070"
        );
        assert_eq!(with_user("sip:carrier.example", "a b<c>"), "sip:a%20b%3Cc%3E@carrier.example");
    }
}
