//! One INVITE session of this phone, either role: RFC 3261 §13–§15 as far as a telephone needs it.

use super::PhoneError;
use super::digest::{self, Login};
use super::line::{Inbox, Incoming, Line, Transport};
use super::text::{self, Lines};
use rsip::{Method, Request, Response, SipMessage};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// RFC 3261 T1.
const T1: Duration = Duration::from_millis(500);
/// RFC 3261 T2.
const T2: Duration = Duration::from_secs(4);
/// How long a request of ours may go unanswered: 64·T1.
const NO_ANSWER: Duration = Duration::from_secs(32);
/// Far enough to be never.
const NEVER: Duration = Duration::from_secs(86_400);

/// When something is sent again: T1, doubling, up to T2 for all but INVITE. Never over TCP.
struct Again {
    wait: Duration,
    at: Instant,
    ceiling: Duration,
}

impl Again {
    fn new(line: &Line, ceiling: Duration) -> Again {
        let wait = if line.transport() == Transport::Tcp { NEVER } else { T1 };
        Again { wait, at: Instant::now() + wait, ceiling }
    }

    fn next(&mut self) {
        self.wait = (self.wait * 2).min(self.ceiling);
        self.at = Instant::now() + self.wait;
    }

    fn stop(&mut self) {
        self.at = Instant::now() + NEVER;
    }
}

/// What came of the other side, in a dialog.
#[derive(Debug)]
pub(super) enum Happening {
    /// They hung up, or cancelled before our answer; all is answered.
    Ended,
    /// They acknowledged our answer; with a body when it had been their turn to answer.
    Acked(String),
    /// They want to change the session: call [`Dialog::accept`] or [`Dialog::refuse`].
    Offered(Box<Request>),
    /// Our answer was never acknowledged.
    NoAck,
}

/// Why a call of ours did not come about.
#[derive(Debug)]
pub(super) enum Failed {
    /// They said no.
    Refused(u16, String),
    /// Nobody answered at all.
    Silence,
    /// We gave up first.
    GivenUp,
    /// We wrote nonsense.
    Ours(PhoneError),
}

/// A call to be made.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Request-URI and To.
    pub(super) to: String,
    /// Our address of record.
    pub(super) from: String,
    /// Our offer.
    pub(super) sdp: String,
    /// For challenges.
    pub(super) login: Option<Login>,
    /// When to cancel.
    pub(super) give_up: Duration,
    /// The dialog that the call is to take the place of: the value of Replaces (RFC 3891).
    pub(super) replaces: Option<String>,
}

/// One INVITE session.
pub(super) struct Dialog {
    line: Arc<Line>,
    inbox: Inbox,
    /// Where their last request came from: answers go there.
    peer: SocketAddr,
    call_id: String,
    local: String,
    remote: String,
    target: String,
    routes: Vec<String>,
    user: String,
    cseq: u32,
    login: Option<Login>,
    /// The INVITE of the other side, and our tag for it.
    pub(super) invite: Option<Request>,
    /// The last final answer to an INVITE of theirs, and when to send it again.
    answer: Option<(u32, String, Again, Instant)>,
    /// The ACK of their 2xx.
    ack: Option<(u32, String)>,
}

impl Dialog {
    /// Calls. The dialog stands when this returns, and the answer is acknowledged; with it comes their SDP.
    pub(super) async fn invite(line: &Arc<Line>, plan: &Plan) -> Result<(Dialog, String), Failed> {
        let call_id = format!("{}@{}", text::token(10), line.local().ip());
        let user = match text::user_of(&plan.from) {
            user if user.is_empty() => "caller".to_owned(),
            user => user,
        };
        let mut dialog = Dialog {
            line: line.clone(),
            inbox: line.attach(&call_id),
            peer: line.server(),
            call_id,
            local: format!("<{}>;tag={}", plan.from, text::token(4)),
            remote: format!("<{}>", plan.to),
            target: plan.to.clone(),
            routes: Vec::new(),
            user,
            cseq: 0,
            login: plan.login.clone(),
            invite: None,
            answer: None,
            ack: None,
        };
        let deadline = Instant::now() + plan.give_up;
        let mut authorization = None;
        loop {
            match dialog.try_invite(plan, authorization.take(), deadline).await? {
                Ok(sdp) => return Ok((dialog, sdp)),
                Err(header) => authorization = Some(header),
            }
        }
    }

    /// One INVITE; the inner error is the Authorization to try again with.
    async fn try_invite(
        &mut self,
        plan: &Plan,
        authorization: Option<(String, String)>,
        deadline: Instant,
    ) -> Result<Result<String, (String, String)>, Failed> {
        self.cseq += 1;
        let branch = format!("z9hG4bK{}", text::token(8));
        let tried = authorization.is_some();
        let replaces = plan.replaces.iter().map(|value| ("Replaces".to_owned(), value.clone()));
        let extra: Vec<_> = authorization.into_iter().chain(replaces).collect();
        let invite =
            self.compose("INVITE", self.cseq, &branch, &extra, &plan.sdp).map_err(Failed::Ours)?;
        let server = self.line.server();
        self.line.send(&invite, server).await;
        let mut again = Again::new(&self.line, NEVER);
        let (mut give_up, mut silence) = (deadline, Instant::now() + NO_ANSWER);
        let (mut provisional, mut cancelled) = (false, false);
        loop {
            let message = tokio::select! {
                message = self.inbox.next() => message,
                () = sleep_until(again.at) => {
                    again.next();
                    self.line.send(&invite, server).await;
                    continue;
                }
                () = sleep_until(give_up) => {
                    if !provisional {
                        return Err(Failed::Silence);
                    }
                    let cancel = self.compose("CANCEL", self.cseq, &branch, &[], "").map_err(Failed::Ours)?;
                    self.line.send(&cancel, server).await;
                    (cancelled, give_up) = (true, Instant::now() + NEVER);
                    silence = Instant::now() + NO_ANSWER;
                    continue;
                }
                () = sleep_until(silence) => return Err(Failed::Silence),
            };
            let (SipMessage::Response(response), _) = message else { continue };
            if text::cseq(&response) != Some((self.cseq, "INVITE".to_owned())) {
                continue;
            }
            again.stop();
            let status = response.status_code.code();
            if status < 200 {
                provisional = true;
                silence = Instant::now() + NEVER;
                continue;
            }
            if status < 300 {
                self.learn(&response);
                self.acknowledge(self.cseq).await.map_err(Failed::Ours)?;
                return Ok(Ok(String::from_utf8_lossy(&response.body).into_owned()));
            }
            self.remote = text::value(&response, "To").unwrap_or_else(|| self.remote.clone());
            let ack = self.compose("ACK", self.cseq, &branch, &[], "").map_err(Failed::Ours)?;
            self.line.send(&ack, server).await;
            self.remote = format!("<{}>", plan.to);
            if let (401 | 407, false, Some(login)) = (status, tried, &plan.login)
                && let Some(header) = authorize(&response, login, "INVITE", &plan.to)
            {
                return Ok(Err(header));
            }
            if cancelled {
                return Err(Failed::GivenUp);
            }
            return Err(Failed::Refused(status, reason(&response)));
        }
    }

    /// Takes remote tag, target and route set from a 2xx (RFC 3261 §12.1.2).
    fn learn(&mut self, response: &Response) {
        self.remote = text::value(response, "To").unwrap_or_else(|| self.remote.clone());
        if let Some(contact) = text::value(response, "Contact") {
            self.target = text::uri_of(&contact);
        }
        self.routes =
            text::values(response, "Record-Route").iter().map(|r| text::uri_of(r)).rev().collect();
    }

    async fn acknowledge(&mut self, cseq: u32) -> Result<(), PhoneError> {
        let branch = format!("z9hG4bK{}", text::token(8));
        let ack = self.compose("ACK", cseq, &branch, &[], "")?;
        self.line.send(&ack, self.hop()).await;
        self.ack = Some((cseq, ack));
        Ok(())
    }

    /// A call that came in; nothing is answered yet but 100.
    pub(super) async fn incoming(line: &Arc<Line>, incoming: Incoming) -> Dialog {
        let Incoming { request, from, inbox } = incoming;
        let tag = text::token(4);
        let to = text::value(&request, "To").unwrap_or_default();
        let dialog = Dialog {
            line: line.clone(),
            inbox,
            peer: from,
            call_id: text::value(&request, "Call-ID").unwrap_or_default(),
            local: format!("{to};tag={tag}"),
            remote: text::value(&request, "From").unwrap_or_default(),
            target: text::uri_of(&text::value(&request, "Contact").unwrap_or_default()),
            routes: text::values(&request, "Record-Route")
                .iter()
                .map(|r| text::uri_of(r))
                .collect(),
            user: text::user_of(&request.uri.to_string()),
            cseq: 0,
            login: None,
            invite: Some(request),
            answer: None,
            ack: None,
        };
        dialog.provisional(100).await;
        dialog
    }

    /// The value of Replaces that names this dialog to the other side.
    #[cfg(test)]
    pub(super) fn names(&self) -> String {
        let tag = |of: &str| text::parameter(of, "tag").unwrap_or_default();
        format!("{};to-tag={};from-tag={}", self.call_id, tag(&self.remote), tag(&self.local))
    }

    /// Their INVITE's body.
    pub(super) fn their_offer(&self) -> String {
        self.invite
            .as_ref()
            .map(|i| String::from_utf8_lossy(&i.body).into_owned())
            .unwrap_or_default()
    }

    /// Sends a provisional response.
    pub(super) async fn provisional(&self, status: u16) {
        if let Some(invite) = &self.invite {
            let mut lines = Lines::default();
            if status > 100 {
                lines.add("Contact", self.line.contact(&self.user));
            }
            let response = text::response(invite, status, &self.tag(), lines, "");
            self.line.send(&response, self.peer).await;
        }
    }

    /// Answers their INVITE with a final status; 2xx with a description.
    pub(super) async fn answer(&mut self, status: u16, sdp: &str) {
        if let Some(invite) = self.invite.clone() {
            self.finish(&invite, status, sdp).await;
        }
    }

    /// Says yes to a re-INVITE or UPDATE.
    pub(super) async fn accept(&mut self, request: &Request, sdp: &str) {
        self.finish(request, 200, sdp).await;
    }

    /// Says no to a re-INVITE or UPDATE.
    pub(super) async fn refuse(&mut self, request: &Request, status: u16) {
        self.finish(request, status, "").await;
    }

    async fn finish(&mut self, request: &Request, status: u16, sdp: &str) {
        let mut lines = Lines::default();
        if status < 300 {
            lines.add("Contact", self.line.contact(&self.user));
            lines.add("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO");
        }
        let response = text::response(request, status, &self.tag(), lines, sdp);
        self.line.send(&response, self.peer).await;
        if request.method == Method::Invite {
            let cseq = text::cseq(request).map_or(0, |(number, _)| number);
            let mut again = Again::new(&self.line, T2);
            if self.line.transport() == Transport::Tcp && status < 300 {
                // A 2xx is repeated over any transport (RFC 3261 §13.3.1.4).
                (again.wait, again.at) = (T1, Instant::now() + T1);
            }
            self.answer = Some((cseq, response, again, Instant::now() + NO_ANSWER));
        }
    }

    fn tag(&self) -> String {
        text::parameter(&self.local, "tag").unwrap_or_default()
    }

    /// Waits for the next thing the other side does. Safe to cancel. Repeats what must be repeated meanwhile.
    pub(super) async fn next(&mut self) -> Happening {
        loop {
            let (again, dead) = match &self.answer {
                Some((_, _, again, dead)) => (again.at, *dead),
                None => (Instant::now() + NEVER, Instant::now() + NEVER),
            };
            let message = tokio::select! {
                message = self.inbox.next() => message,
                () = sleep_until(again) => {
                    if let Some((_, text, again, _)) = &mut self.answer {
                        again.next();
                        self.line.send(text, self.peer).await;
                    }
                    continue;
                }
                () = sleep_until(dead) => {
                    self.answer = None;
                    return Happening::NoAck;
                }
            };
            if let Some(happening) = self.message(message).await {
                return happening;
            }
        }
    }

    async fn message(&mut self, (message, from): (SipMessage, SocketAddr)) -> Option<Happening> {
        match message {
            SipMessage::Response(response) => {
                self.late_answer(&response).await;
                None
            }
            SipMessage::Request(request) => {
                self.peer = from;
                self.request(request).await
            }
        }
    }

    /// A 2xx that comes again wants its ACK again.
    async fn late_answer(&self, response: &Response) {
        let Some((cseq, ack)) = &self.ack else { return };
        let again = text::cseq(response) == Some((*cseq, "INVITE".to_owned()));
        if again && (200..300).contains(&response.status_code.code()) {
            self.line.send(ack, self.hop()).await;
        }
    }

    async fn request(&mut self, request: Request) -> Option<Happening> {
        let number = text::cseq(&request).map_or(0, |(number, _)| number);
        match request.method {
            Method::Ack => {
                self.answer = None;
                Some(Happening::Acked(String::from_utf8_lossy(&request.body).into_owned()))
            }
            Method::Bye => {
                self.reply(&request, 200).await;
                Some(Happening::Ended)
            }
            Method::Cancel => {
                self.reply(&request, 200).await;
                if self.answer.is_some() || self.invite.is_none() {
                    return None;
                }
                self.answer(487, "").await;
                Some(Happening::Ended)
            }
            Method::Invite
                if self
                    .invite
                    .as_ref()
                    .is_some_and(|i| text::branch(i) == text::branch(&request)) =>
            {
                if let Some((_, text, ..)) = &self.answer {
                    self.line.send(text, self.peer).await;
                }
                None
            }
            Method::Invite => match &self.answer {
                Some((cseq, text, ..)) if *cseq == number => {
                    self.line.send(text, self.peer).await;
                    None
                }
                Some(_) | None => Some(Happening::Offered(Box::new(request))),
            },
            Method::Update if !request.body.is_empty() => {
                Some(Happening::Offered(Box::new(request)))
            }
            Method::Update | Method::Info | Method::Options => {
                self.reply(&request, 200).await;
                None
            }
            Method::Message
            | Method::Notify
            | Method::PRack
            | Method::Publish
            | Method::Refer
            | Method::Register
            | Method::Subscribe => {
                self.reply(&request, 501).await;
                None
            }
        }
    }

    async fn reply(&self, request: &Request, status: u16) {
        let mut lines = Lines::default();
        lines.add("Contact", self.line.contact(&self.user));
        let response = text::response(request, status, &self.tag(), lines, "");
        self.line.send(&response, self.peer).await;
    }

    /// Waits for the ACK of a refusal and then forgets the call; at most 64·T1.
    pub(super) async fn bury(mut self) {
        if self.answer.is_some() {
            while !matches!(self.next().await, Happening::Acked(_) | Happening::NoAck) {}
        }
    }

    /// Hangs up and waits for the answer.
    pub(super) async fn bye(mut self) {
        self.cseq += 1;
        let branch = format!("z9hG4bK{}", text::token(8));
        let Ok(bye) = self.compose("BYE", self.cseq, &branch, &[], "") else { return };
        let hop = self.hop();
        self.line.send(&bye, hop).await;
        let (mut again, end) = (Again::new(&self.line, T2), Instant::now() + NO_ANSWER);
        loop {
            tokio::select! {
                (message, from) = self.inbox.next() => match message {
                    SipMessage::Response(response) => {
                        if text::cseq(&response) == Some((self.cseq, "BYE".to_owned())) {
                            return;
                        }
                        self.late_answer(&response).await;
                    }
                    SipMessage::Request(request) => {
                        self.peer = from;
                        let status = if request.method == Method::Bye { 200 } else { 481 };
                        if request.method != Method::Ack {
                            self.reply(&request, status).await;
                        }
                    }
                },
                () = sleep_until(again.at) => {
                    again.next();
                    self.line.send(&bye, hop).await;
                }
                () = sleep_until(end) => return,
            }
        }
    }

    /// Where requests in the dialog go: the first route, else the target, else the server.
    fn hop(&self) -> SocketAddr {
        if self.line.transport() == Transport::Tcp {
            return self.line.server();
        }
        let first = self.routes.first().unwrap_or(&self.target);
        text::address_of(first).unwrap_or_else(|| self.line.server())
    }

    fn compose(
        &self,
        method: &str,
        cseq: u32,
        branch: &str,
        extra: &[(String, String)],
        body: &str,
    ) -> Result<String, PhoneError> {
        let mut lines = Lines::default();
        lines.add("Via", self.line.via(branch)).add("Max-Forwards", "70");
        for route in &self.routes {
            lines.add("Route", format!("<{route}>"));
        }
        lines.add("From", self.local.clone()).add("To", self.remote.clone());
        lines.add("Call-ID", self.call_id.clone()).add("CSeq", format!("{cseq} {method}"));
        if method == "INVITE" {
            lines.add("Contact", self.line.contact(&self.user));
            lines.add("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO");
        }
        for (name, value) in extra {
            lines.add(name, value.clone());
        }
        lines.add("User-Agent", text::USER_AGENT);
        text::request(method, &self.target, lines, body, "application/sdp")
            .map_err(PhoneError::Address)
    }
}

/// The header that answers a 401 or 407.
fn authorize(
    response: &Response,
    login: &Login,
    method: &str,
    uri: &str,
) -> Option<(String, String)> {
    let proxy = response.status_code.code() == 407;
    let (asked, answered) = if proxy {
        ("Proxy-Authenticate", "Proxy-Authorization")
    } else {
        ("WWW-Authenticate", "Authorization")
    };
    let value =
        digest::answer(&text::values(response, asked), login, method, uri, &text::token(8))?;
    Some((answered.to_owned(), value))
}

/// The reason phrase with the Warning text beside it, for people.
fn reason(response: &Response) -> String {
    let warning = text::value(response, "Warning").map(|w| format!(" ({w})")).unwrap_or_default();
    format!("{}{warning}", response.status_code.code())
}

/// Registers `login` with the server for so many seconds (0 = unregister). Answers the seconds granted.
pub(super) async fn register(
    line: &Arc<Line>,
    domain: &str,
    login: &Login,
    secs: u32,
) -> Result<u32, Failed> {
    let call_id = format!("{}@{}", text::token(10), line.local().ip());
    let mut inbox = line.attach(&call_id);
    let (uri, server) = (format!("sip:{domain}"), line.server());
    let from = format!("<sip:{}@{domain}>;tag={}", login.user, text::token(4));
    let mut authorization: Option<(String, String)> = None;
    for cseq in 1..=3_u32 {
        let mut lines = Lines::default();
        lines.add("Via", line.via(&format!("z9hG4bK{}", text::token(8)))).add("Max-Forwards", "70");
        lines.add("From", from.clone()).add("To", format!("<sip:{}@{domain}>", login.user));
        lines.add("Call-ID", call_id.clone()).add("CSeq", format!("{cseq} REGISTER"));
        lines.add("Contact", line.contact(&login.user)).add("Expires", secs.to_string());
        if let Some((name, value)) = &authorization {
            lines.add(name, value.clone());
        }
        lines.add("User-Agent", text::USER_AGENT);
        let request = text::request("REGISTER", &uri, lines, "", "")
            .map_err(|e| Failed::Ours(PhoneError::Address(e)))?;
        let response =
            transact(line, &mut inbox, &request, cseq, server).await.ok_or(Failed::Silence)?;
        match (response.status_code.code(), &authorization) {
            (200..300, _) => return Ok(granted(&response).unwrap_or(secs)),
            (401 | 407, None) => {
                let answer = authorize(&response, login, "REGISTER", &uri);
                authorization =
                    Some(answer.ok_or_else(|| {
                        Failed::Refused(401, "a challenge we can't answer".into())
                    })?);
            }
            (status, _) => return Err(Failed::Refused(status, reason(&response))),
        }
    }
    Err(Failed::Refused(401, "challenged again and again".into()))
}

/// Sends a request again until a final response comes.
async fn transact(
    line: &Line,
    inbox: &mut Inbox,
    request: &str,
    cseq: u32,
    to: SocketAddr,
) -> Option<Response> {
    line.send(request, to).await;
    let (mut again, end) = (Again::new(line, T2), Instant::now() + NO_ANSWER);
    loop {
        tokio::select! {
            (message, _) = inbox.next() => {
                if let SipMessage::Response(response) = message
                    && response.status_code.code() >= 200
                    && text::cseq(&response).is_some_and(|(number, _)| number == cseq)
                {
                    return Some(response);
                }
            }
            () = sleep_until(again.at) => {
                again.next();
                line.send(request, to).await;
            }
            () = sleep_until(end) => return None,
        }
    }
}

fn granted(response: &Response) -> Option<u32> {
    let contact = text::value(response, "Contact").and_then(|c| text::parameter(&c, "expires"));
    contact.or_else(|| text::value(response, "Expires")).and_then(|e| e.trim().parse().ok())
}
