//! A telephone: registers, calls, answers, speaks and listens over real SIP and RTP.
//!
//! It is the independent other side of dozvon: SIP is read and written by `rsip`, RTP by `rtp-rs`, codecs come from
//! public crates, and nothing of `dozvon_sip` or `dozvon_media` is used. `dozvon call`, the phones of the demo and the
//! end-to-end tests are made of it. Must never know the server's types.

mod agent;
mod dialog;
mod digest;
mod ear;
mod ladder;
mod line;
mod sdp;
mod sound;
mod text;
mod voice;

pub(crate) use agent::{Agent, Answering, Manner};
pub(crate) use digest::Login;
#[cfg(test)]
pub(crate) use ear::{Kind, Stretch};
pub(crate) use ladder::Ladder;
pub(crate) use line::Transport;
pub(crate) use sound::Heard;
pub(crate) use voice::{Codec, Source};

use dialog::{Dialog, Failed, Happening, Plan};
use line::{Incoming, Line};
use sound::Sound;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// What went wrong with a phone.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum PhoneError {
    /// A SIP address that can't be used.
    #[error("{0}")]
    Address(String),
    /// A file that can't be used.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// A socket that can't be used.
    #[error("network: {0}")]
    Network(String),
    /// The other side said no.
    #[error("refused: {1}")]
    Refused(u16, String),
    /// Nobody answered.
    #[error("no answer at all: is there a server at this address and port?")]
    Silence,
    /// We gave up before anybody answered.
    #[error("given up: nobody answered in time")]
    GivenUp,
    /// The other side's SDP can't be used.
    #[error("no sound possible: {0}")]
    Sdp(String),
}

impl From<Failed> for PhoneError {
    fn from(failed: Failed) -> PhoneError {
        match failed {
            Failed::Refused(status, reason) => PhoneError::Refused(status, reason),
            Failed::Silence => PhoneError::Silence,
            Failed::GivenUp => PhoneError::GivenUp,
            Failed::Ours(error) => error,
        }
    }
}

/// Where a phone belongs.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// Where SIP is sent.
    pub(crate) server: SocketAddr,
    /// The domain of our address of record.
    pub(crate) domain: String,
    /// How SIP travels.
    pub(crate) transport: Transport,
    /// Our own address; `None` = the one from which the server is reached.
    pub(crate) bind: Option<IpAddr>,
    /// Our address of record; `None` = made of login and domain.
    pub(crate) from: Option<String>,
    /// For challenges and registration.
    pub(crate) login: Option<Login>,
    /// Codecs in order of preference.
    pub(crate) codecs: Vec<Codec>,
}

impl Account {
    /// An account without a login at that server, over UDP, with A-law and µ-law.
    pub(crate) fn at(server: SocketAddr) -> Account {
        Account {
            server,
            domain: server.ip().to_string(),
            transport: Transport::Udp,
            bind: None,
            from: None,
            login: None,
            codecs: vec![Codec::Pcma, Codec::Pcmu],
        }
    }

    /// The same with a login.
    pub(crate) fn login(self, user: &str, password: &str) -> Account {
        let login = Login { user: user.to_owned(), password: password.to_owned() };
        Account { login: Some(login), ..self }
    }

    /// The same with another caller's number.
    pub(crate) fn number(self, number: &str) -> Account {
        let from = Some(format!("sip:{number}@{}", self.domain));
        Account { from, ..self }
    }

    fn address_of_record(&self) -> String {
        let user = self.login.as_ref().map_or("caller", |login| login.user.as_str());
        self.from.clone().unwrap_or_else(|| format!("sip:{user}@{}", self.domain))
    }
}

/// Host, port and transport of a SIP URI, names looked up.
pub(crate) fn resolve(uri: &str) -> Result<(SocketAddr, Transport), PhoneError> {
    let wrong = |why: &str| {
        PhoneError::Address(format!("`{uri}`: {why}; write it like sip:100@127.0.0.1:5060"))
    };
    if !uri.starts_with("sip:") {
        return Err(wrong("this phone calls `sip:` addresses only"));
    }
    let tcp = uri.split(';').skip(1).any(|p| p.trim().eq_ignore_ascii_case("transport=tcp"));
    let transport = if tcp { Transport::Tcp } else { Transport::Udp };
    if let Some(address) = text::address_of(uri) {
        return Ok((address, transport));
    }
    let host = text::host_of(uri);
    let host = if host.contains(':') { host } else { format!("{host}:5060") };
    let mut found = host.to_socket_addrs().map_err(|e| wrong(&format!("no such host ({e})")))?;
    found.next().map(|address| (address, transport)).ok_or_else(|| wrong("the host has no address"))
}

/// A telephone.
pub(crate) struct Phone {
    line: Arc<Line>,
    account: Account,
    incoming: mpsc::Receiver<Incoming>,
}

impl Phone {
    /// Opens the phone's wire.
    pub(crate) async fn open(
        account: Account,
        ladder: Option<Arc<Ladder>>,
    ) -> Result<Phone, PhoneError> {
        let (line, incoming) =
            Line::open(account.transport, account.bind, account.server, ladder).await?;
        Ok(Phone { line, account, incoming })
    }

    /// Our SIP address on the wire.
    pub(crate) fn local(&self) -> SocketAddr {
        self.line.local()
    }

    /// Messages that came and that `rsip` could not read.
    pub(crate) fn unreadable(&self) -> u64 {
        self.line.unreadable()
    }

    /// Registers for so many seconds; 0 unregisters. Answers the seconds granted.
    pub(crate) async fn register(&self, secs: u32) -> Result<u32, PhoneError> {
        register(&self.line, &self.account, secs).await
    }

    /// Calls `to` and waits for the answer, at most `answer_within`.
    pub(crate) async fn call(
        &self,
        to: &str,
        source: Source,
        record: bool,
        answer_within: Duration,
    ) -> Result<Call, PhoneError> {
        self.place(to, source, record, answer_within, None).await
    }

    /// Takes up a call that another phone of this account had: [`Call::names`] of it.
    #[cfg(test)]
    pub(crate) async fn take_up(
        &self,
        names: &str,
        source: Source,
        answer_within: Duration,
    ) -> Result<Call, PhoneError> {
        let to = self.account.address_of_record();
        self.place(&to, source, false, answer_within, Some(names.to_owned())).await
    }

    async fn place(
        &self,
        to: &str,
        source: Source,
        record: bool,
        answer_within: Duration,
        replaces: Option<String>,
    ) -> Result<Call, PhoneError> {
        let sound = Sound::open(self.line.local().ip(), source, record).await?;
        let plan = Plan {
            to: to.to_owned(),
            from: self.account.address_of_record(),
            sdp: sdp::offer(sound.local(), &self.account.codecs, 1),
            login: self.account.login.clone(),
            give_up: answer_within,
            replaces,
        };
        let (dialog, answer) = Dialog::invite(&self.line, &plan).await?;
        let call = Call {
            dialog,
            sound,
            codecs: self.account.codecs.clone(),
            version: 1,
            answered: Instant::now(),
        };
        match sdp::read(&answer, &call.codecs) {
            Ok(remote) => {
                call.sound.agree(remote);
                Ok(call)
            }
            Err(why) => {
                call.dialog.bye().await;
                Err(PhoneError::Sdp(why))
            }
        }
    }

    /// The next call that comes in, not yet answered. Safe to cancel.
    pub(crate) async fn ring(&mut self) -> Ringing {
        match self.incoming.recv().await {
            Some(incoming) => Ringing {
                dialog: Dialog::incoming(&self.line, incoming).await,
                ip: self.line.local().ip(),
                codecs: self.account.codecs.clone(),
            },
            None => std::future::pending().await,
        }
    }
}

async fn register(line: &Arc<Line>, account: &Account, secs: u32) -> Result<u32, PhoneError> {
    let Some(login) = &account.login else {
        return Err(PhoneError::Address("a phone without user and password can't register".into()));
    };
    Ok(dialog::register(line, &account.domain, login, secs).await?)
}

/// A call that came in and is not answered.
pub(crate) struct Ringing {
    dialog: Dialog,
    ip: IpAddr,
    codecs: Vec<Codec>,
}

impl Ringing {
    /// Rings for so long; answers whether the caller is still there.
    pub(crate) async fn ring(&mut self, time: Duration) -> bool {
        self.dialog.provisional(180).await;
        let end = Instant::now() + time;
        loop {
            tokio::select! {
                happening = self.dialog.next() => match happening {
                    Happening::Ended | Happening::NoAck => return false,
                    Happening::Acked(_) | Happening::Offered(_) => {}
                },
                () = sleep_until(end) => return true,
            }
        }
    }

    /// Refuses.
    pub(crate) async fn refuse(mut self, status: u16) {
        self.dialog.answer(status, "").await;
        self.dialog.bury().await;
    }

    /// Waits until the caller is gone, after [`Ringing::ring`] said so.
    pub(crate) async fn gone(self) {
        self.dialog.bury().await;
    }

    /// Answers and speaks.
    pub(crate) async fn answer(mut self, source: Source, record: bool) -> Result<Call, PhoneError> {
        let sound = Sound::open(self.ip, source, record).await?;
        let offer = self.dialog.their_offer();
        if offer.is_empty() {
            self.dialog.answer(200, &sdp::offer(sound.local(), &self.codecs, 1)).await;
        } else {
            let remote = match sdp::read(&offer, &self.codecs) {
                Ok(remote) => remote,
                Err(why) => {
                    self.refuse(488).await;
                    return Err(PhoneError::Sdp(why));
                }
            };
            self.dialog.answer(200, &sdp::answer(sound.local(), &remote, 1)).await;
            sound.agree(remote);
        }
        Ok(Call {
            dialog: self.dialog,
            sound,
            codecs: self.codecs,
            version: 1,
            answered: Instant::now(),
        })
    }
}

/// A call that stands.
pub(crate) struct Call {
    dialog: Dialog,
    sound: Sound,
    codecs: Vec<Codec>,
    version: u64,
    answered: Instant,
}

impl Call {
    /// Stays in the call for so long; answers whether it still stands. Obeys hold and changes of codec meanwhile.
    pub(crate) async fn stay(&mut self, time: Duration) -> bool {
        let end = Instant::now() + time;
        loop {
            let happening = tokio::select! {
                happening = self.dialog.next() => happening,
                () = sleep_until(end) => return true,
            };
            match happening {
                Happening::Ended | Happening::NoAck => return false,
                Happening::Acked(body) => {
                    if let Ok(remote) = sdp::read(&body, &self.codecs) {
                        self.sound.agree(remote);
                    }
                }
                Happening::Offered(request) => self.reoffered(&request).await,
            }
        }
    }

    async fn reoffered(&mut self, request: &rsip::Request) {
        self.version += 1;
        let body = String::from_utf8_lossy(&request.body).into_owned();
        if body.is_empty() {
            let offer = sdp::offer(self.sound.local(), &self.codecs, self.version);
            return self.dialog.accept(request, &offer).await;
        }
        match sdp::read(&body, &self.codecs) {
            Ok(remote) => {
                self.dialog
                    .accept(request, &sdp::answer(self.sound.local(), &remote, self.version))
                    .await;
                self.sound.agree(remote);
            }
            Err(_) => self.dialog.refuse(request, 488).await,
        }
    }

    /// What this call is named by in the Replaces of another phone.
    #[cfg(test)]
    pub(crate) fn names(&self) -> String {
        self.dialog.names()
    }

    /// Seconds since the answer.
    pub(crate) fn age(&self) -> Duration {
        self.answered.elapsed()
    }

    /// Presses keys, one after the other.
    pub(crate) fn press(&self, keys: &[char]) {
        self.sound.press(keys);
    }

    /// What was heard so far.
    pub(crate) fn heard(&self) -> Heard {
        self.sound.heard()
    }

    /// The recording so far and its sampling rate.
    pub(crate) fn recording(&self) -> (u32, Vec<i16>) {
        self.sound.recording()
    }

    /// Hangs up; answers what was heard.
    pub(crate) async fn hang_up(self) -> Heard {
        let heard = self.sound.heard();
        self.dialog.bye().await;
        heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manner(says: Source) -> Manner {
        let (soon, short) = (Duration::from_millis(30), Duration::from_millis(700));
        Manner {
            answering: Answering::Answer,
            rings: (soon, soon),
            talks: Some((short, short)),
            says,
            many: false,
            register_secs: 0,
            dials_first: None,
        }
    }

    async fn agent(says: Source, transport: Transport) -> Agent {
        let nowhere = "127.0.0.1:9".parse().unwrap();
        let account = Account { transport, ..Account::at(nowhere) };
        Agent::start(account, manner(says), None).await.unwrap()
    }

    #[tokio::test]
    async fn two_phones_talk_and_the_one_called_hangs_up() {
        let mut agent = agent(Source::Tone(1000.0), Transport::Udp).await;
        let phone = Phone::open(Account::at(agent.local()), None).await.unwrap();
        let to = format!("sip:agent@{}", agent.local());
        let mut call =
            phone.call(&to, Source::Tone(700.0), false, Duration::from_secs(5)).await.unwrap();
        assert!(!call.stay(Duration::from_secs(20)).await, "the agent hangs up by himself");
        assert!(call.heard().tone_secs(1000) > 0.3, "{:?}", call.heard());
        let talked = agent.talked().await.unwrap();
        assert!(talked.heard.tone_secs(700) > 0.3, "{:?}", talked.heard);
        assert_eq!(phone.unreadable(), 0);
    }

    #[tokio::test]
    async fn a_busy_agent_refuses_and_a_patient_one_can_be_cancelled() {
        let agent = agent(Source::Silence, Transport::Udp).await;
        let phone = Phone::open(Account::at(agent.local()), None).await.unwrap();
        let to = format!("sip:agent@{}", agent.local());
        let call = |within| phone.call(&to, Source::Silence, false, within);
        agent.behave(|manner| manner.answering = Answering::Refuse(480));
        assert!(matches!(call(Duration::from_secs(5)).await, Err(PhoneError::Refused(480, _))));
        agent.behave(|manner| manner.answering = Answering::Ignore);
        assert!(matches!(call(Duration::from_millis(300)).await, Err(PhoneError::GivenUp)));
        agent.behave(|manner| {
            manner.answering = Answering::Answer;
            manner.talks = None;
        });
        let first = call(Duration::from_secs(5)).await.unwrap();
        let second = Phone::open(Account::at(agent.local()), None).await.unwrap();
        let refused = second.call(&to, Source::Silence, false, Duration::from_secs(5)).await;
        assert!(matches!(refused, Err(PhoneError::Refused(486, _))), "one talk at a time");
        first.hang_up().await;
        agent.stop().await;
    }

    #[tokio::test]
    async fn a_phone_that_takes_a_call_up_names_it_as_the_other_side_knows_it() {
        let nowhere = Account::at("127.0.0.1:9".parse().unwrap());
        let mut callee = Phone::open(nowhere, None).await.unwrap();
        let to = format!("sip:callee@{}", callee.local());
        let caller = Phone::open(Account::at(callee.local()), None).await.unwrap();
        let within = Duration::from_secs(5);
        let answer = async { callee.ring().await.answer(Source::Silence, false).await.unwrap() };
        let (call, answered) =
            tokio::join!(caller.call(&to, Source::Silence, false, within), answer);
        let call = call.unwrap();
        let theirs = answered.names().replace("to-tag", "x").replace("from-tag", "to-tag");
        let parts = |names: &str| {
            let mut parts: Vec<String> = names.split(';').map(str::to_owned).collect();
            parts.sort();
            parts
        };
        assert_eq!(parts(&call.names()), parts(&theirs.replace("x=", "from-tag=")));
        let names = call.names();
        let rings = async { callee.ring().await };
        let (_, ringing) = tokio::join!(
            caller.take_up(&names, Source::Silence, Duration::from_millis(200)),
            rings
        );
        let request = ringing.dialog.invite.as_ref().unwrap();
        assert_eq!(text::value(request, "Replaces"), Some(names));
    }

    #[test]
    fn addresses_are_resolved_with_their_transport() {
        let found = resolve("sip:100@127.0.0.1:5070;transport=tcp").unwrap();
        assert_eq!(found, ("127.0.0.1:5070".parse().unwrap(), Transport::Tcp));
        assert!(resolve("tel:100").is_err());
    }
}
