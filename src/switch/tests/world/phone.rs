//! A phone on the simulated network: an endpoint with a few habits, and a REGISTER of its own.

use dozvon_clock::{Deadlines, Timestamp};
use dozvon_sip::digest::{Challenge, Credentials};
use dozvon_sip::endpoint::{
    Config, DialogId, Endpoint, Event, Input, Invite, Local, Party, Path, Protocol, Refusal,
    Target, Transmit,
};
use dozvon_sip::message::{HeaderName, Message};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// A phone and what it does by itself.
pub(crate) struct Phone {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    endpoint: Endpoint,
    /// Picks up after so long; never, when `None`.
    pub(crate) answers_after: Option<Duration>,
    /// Refuses calls with this status instead.
    pub(crate) refuses: Option<u16>,
    /// Hears and says nothing any more.
    pub(crate) dead: bool,
    /// Calls that ring here.
    pub(crate) ringing: Vec<DialogId>,
    /// Calls that stand.
    pub(crate) up: Vec<DialogId>,
    /// Our own call that is not answered yet.
    pub(crate) calling: Option<DialogId>,
    /// How calls of ours were refused.
    pub(crate) refused: Vec<u16>,
    /// Its keys are tones in its sound.
    pub(crate) tones: bool,
    /// It has no codec that anybody knows.
    pub(crate) mute: bool,
    /// What the phone was asked to register with.
    password: Option<String>,
    timers: Deadlines<DialogId>,
    out: VecDeque<Transmit>,
    cseq: u32,
}

impl Phone {
    pub(crate) fn new(now: Timestamp, address: SocketAddr, name: &str) -> Phone {
        let local = Local { protocol: Protocol::Udp, address, advertised: None };
        let mut secret = [0; 32];
        secret[..4].copy_from_slice(&match address {
            SocketAddr::V4(v4) => v4.ip().octets(),
            SocketAddr::V6(_) => [6; 4],
        });
        let mut config = Config::new(vec![local], "phone.example", secret);
        config.trusted =
            vec![dozvon_switch::network::parse_network("10.0.0.0/8").expect("a network")];
        config.session_expires = Duration::ZERO;
        Phone {
            name: name.to_owned(),
            address,
            endpoint: Endpoint::new(config, now),
            answers_after: None,
            refuses: None,
            dead: false,
            ringing: Vec::new(),
            up: Vec::new(),
            calling: None,
            refused: Vec::new(),
            tones: false,
            mute: false,
            password: None,
            timers: Deadlines::new(),
            out: VecDeque::new(),
            cseq: 0,
        }
    }

    fn switch() -> SocketAddr {
        super::SWITCH.parse().expect("an address")
    }

    fn sdp(&self, direction: &str) -> Vec<u8> {
        let ip = self.address.ip();
        if self.mute {
            let sdp = "v=0\r\no=- 1 1 IN IP4 @\r\ns=-\r\nc=IN IP4 @\r\nt=0 0\r\nm=audio 4000 RTP/AVP 3\r\n";
            return sdp.replace('@', &ip.to_string()).into_bytes();
        }
        if self.tones {
            let sdp = "v=0\r\no=- 1 1 IN IP4 @\r\ns=-\r\nc=IN IP4 @\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0\r\n";
            return sdp.replace('@', &ip.to_string()).into_bytes();
        }
        format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na={direction}\r\n"
        )
        .into_bytes()
    }

    /// Calls a number.
    pub(crate) fn dial(&mut self, now: Timestamp, number: &str) {
        self.dial_with(now, number, Vec::new());
    }

    /// Takes up a call that another phone has: the value of Replaces.
    pub(crate) fn take_up(&mut self, now: Timestamp, replaces: &str) {
        self.dial_with(now, "take-up", vec![("Replaces".to_owned(), replaces.to_owned())]);
    }

    fn dial_with(&mut self, now: Timestamp, number: &str, headers: Vec<(String, String)>) {
        let invite = Invite {
            to: Party::new(format!("sip:{number}@bank.example")),
            target: Target::Address(Protocol::Udp, Phone::switch()),
            from: Party::new(format!("sip:{}@bank.example", self.name)),
            sdp: Some(self.sdp("sendrecv")),
            headers,
            route: Vec::new(),
            credentials: self.password.clone().map(|password| dozvon_sip::endpoint::Credentials {
                user: self.name.clone(),
                password,
                realm: "bank.example".into(),
            }),
        };
        self.calling = Some(self.endpoint.invite(now, invite));
        self.habits(now);
    }

    /// Hangs up everything, or gives up calling.
    pub(crate) fn hang_up(&mut self, now: Timestamp) {
        for dialog in self.up.drain(..).chain(self.calling.take()) {
            self.endpoint.bye(now, dialog, None);
        }
        self.habits(now);
    }

    /// Puts the other side on hold, or takes it back.
    pub(crate) fn hold(&mut self, now: Timestamp, held: bool) {
        let dialog = *self.up.first().expect("in a call");
        let sdp = self.sdp(if held { "sendonly" } else { "sendrecv" });
        self.endpoint.reoffer(now, dialog, &sdp);
        self.habits(now);
    }

    /// Registers with a password.
    pub(crate) fn register(&mut self, now: Timestamp, password: &str) {
        self.password = Some(password.to_owned());
        let request = self.register_request(None, 300);
        self.transmit(request);
        self.habits(now);
    }

    fn register_request(&mut self, authorization: Option<&str>, expires: u32) -> Vec<u8> {
        self.cseq += 1;
        let (name, address, cseq) = (&self.name, self.address, self.cseq);
        let authorization =
            authorization.map_or(String::new(), |value| format!("Authorization: {value}\r\n"));
        format!(
            "REGISTER sip:bank.example SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK-{name}-{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{name}@bank.example>;tag=r{cseq}\r\nTo: <sip:{name}@bank.example>\r\n\
             Call-ID: reg-{address}\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:{name}@{address}>\r\n\
             Expires: {expires}\r\n{authorization}Content-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }

    /// Answers the registrar's challenge.
    fn challenged(&mut self, message: &Message<'_>) {
        let Some(password) = self.password.clone() else { return };
        let value = message.value(HeaderName::WwwAuthenticate).unwrap_or_default();
        let Some(challenge) = Challenge::parse(value) else { return };
        let credentials = Credentials { user: self.name.clone(), password };
        let answer = challenge.respond(&credentials, "REGISTER", "sip:bank.example", 1, "c0ffee");
        let request = self.register_request(Some(&answer), 300);
        self.transmit(request);
    }

    fn transmit(&mut self, bytes: Vec<u8>) {
        self.out.push_back(Transmit { path: Path::udp(self.address, Phone::switch()), bytes });
    }

    pub(crate) fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        if self.dead {
            return;
        }
        if let Input::Datagram { bytes, .. } = &input
            && let Ok(message) = Message::parse(bytes)
            && message.cseq().is_ok_and(|cseq| cseq.method.as_str() == "REGISTER")
        {
            if message.status() == Some(401) {
                self.challenged(&message);
            }
            return;
        }
        self.endpoint.handle(now, input);
        self.habits(now);
    }

    pub(crate) fn handle_timeout(&mut self, now: Timestamp) {
        self.endpoint.handle_timeout(now);
        while let Some((_, dialog)) = self.timers.pop_expired(now) {
            if self.ringing.contains(&dialog) {
                self.ringing.retain(|d| *d != dialog);
                let sdp = self.sdp("sendrecv");
                self.endpoint.answer(now, dialog, &sdp);
                self.up.push(dialog);
            }
        }
        self.habits(now);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        match (self.endpoint.poll_timeout(), self.timers.next()) {
            _ if self.dead => None,
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        if self.dead {
            self.out.clear();
            while self.endpoint.poll_transmit().is_some() {}
            return None;
        }
        self.out.pop_front().or_else(|| self.endpoint.poll_transmit())
    }

    /// What the phone does by itself.
    fn habits(&mut self, now: Timestamp) {
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Invited { dialog, .. } => match self.refuses {
                    Some(status) => self.endpoint.refuse(now, dialog, Refusal::new(status)),
                    None => {
                        self.endpoint.ring(now, dialog, None);
                        self.ringing.push(dialog);
                        if let Some(after) = self.answers_after {
                            self.timers.set(dialog, now + after);
                        }
                    }
                },
                Event::Answered { dialog, .. } => {
                    self.calling = None;
                    self.up.push(dialog);
                }
                Event::Refused { dialog, status, .. } => {
                    self.refused.push(status);
                    self.calling.take_if(|d| *d == dialog);
                }
                Event::Offered { dialog, .. } => {
                    let sdp = self.sdp("sendrecv");
                    self.endpoint.accept_offer(now, dialog, &sdp);
                }
                Event::Ended { dialog, .. } => {
                    self.up.retain(|d| *d != dialog);
                    self.ringing.retain(|d| *d != dialog);
                    self.timers.cancel(&dialog);
                }
                Event::Ringing { .. }
                | Event::Acked { .. }
                | Event::OfferAnswered { .. }
                | Event::OfferRefused { .. }
                | Event::Info { .. }
                | Event::Referred { .. }
                | Event::Registered { .. }
                | Event::Unregistered { .. }
                | Event::Sent { .. }
                | Event::Security { .. } => {}
            }
        }
    }
}
