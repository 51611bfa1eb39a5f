//! The callers: INVITE, 200, ACK, and BYE from one side or the other (RFC 3261 §13 to §15), sent again over UDP.

use crate::meter::Spread;
use crate::options::Options;
use crate::sip::{description, ending, header, method, response, sound_address, status, uri};
use crate::socket::{Batch, MILLISECOND, SECOND, Socket, now};
use crate::sound::Sound;
use serde_json::{Map, Value, json};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddrV4;

/// The first retransmission (RFC 3261 §17.1.1.1, T1).
const AGAIN_AFTER: i64 = 500 * MILLISECOND;
/// New calls in one millisecond at most, so that answers are read in between.
const BURST_MAX: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Not yet called.
    Idle,
    /// INVITE sent at that time.
    Inviting(i64),
    /// Answered.
    Talking,
    /// BYE sent at that time.
    Leaving(i64),
    /// Over as it should be.
    Ended,
    /// Refused, or no answer.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Send the request once more; so many went before.
    Again(u32),
    HangUp,
}

struct Call {
    stage: Stage,
    /// A provisional response came: no more INVITEs.
    ringing: bool,
    /// CANCEL was sent.
    cancelled: bool,
    /// The To with the switch's tag.
    to: String,
    /// Where requests in the dialog go.
    target: String,
}

#[derive(Default)]
struct Tally {
    started: usize,
    answered: usize,
    ended: usize,
    ended_by_switch: usize,
    cancelled: usize,
    failed: usize,
    timed_out: usize,
    retransmissions: usize,
    refusals: BTreeMap<u32, usize>,
    set_up: Spread,
    bye: Spread,
    lateness: Spread,
    last_answer: i64,
}

/// All callers, on one socket.
pub(crate) struct Callers {
    options: Options,
    socket: Socket,
    at: SocketAddrV4,
    /// Part of every identifier, so that runs don't meet.
    run: String,
    calls: Vec<Call>,
    timers: BinaryHeap<Reverse<(i64, usize, Timer)>>,
    due: i64,
    began: i64,
    tally: Tally,
}

impl Callers {
    /// None has called yet.
    pub(crate) fn new(options: &Options, at: i64) -> Callers {
        let calls = if options.relay.is_some() { 0 } else { options.calls };
        let fresh =
            || Call { stage: Stage::Idle, ringing: false, cancelled: false, to: String::new(), target: String::new() };
        Callers {
            socket: Socket::bind(options.callers_at),
            at: options.callers_at,
            run: format!("{:x}", (at / MILLISECOND) & 0xff_ffff),
            calls: (0..calls).map(|_| fresh()).collect(),
            timers: BinaryHeap::new(),
            due: at,
            began: at,
            tally: Tally::default(),
            options: options.clone(),
        }
    }

    fn over(&self) -> usize {
        self.tally.ended + self.tally.failed
    }

    /// Whether the ramp is done: as many calls run as shall, all answered.
    pub(crate) fn ramped(&self) -> bool {
        let wanted = if self.options.keep > 0 { self.options.keep } else { self.calls.len() }.min(self.calls.len());
        let running = if self.options.keep > 0 { self.tally.started - self.over() } else { self.tally.started };
        (running >= wanted || self.tally.started == self.calls.len())
            && !self.calls[..wanted].iter().any(|c| matches!(c.stage, Stage::Inviting(_)))
    }

    /// Whether no call runs and none will come.
    pub(crate) fn all_over(&self) -> bool {
        self.over() == self.tally.started
            && (self.tally.started == self.calls.len() || self.options.window_ms.is_some())
    }

    // ---- what is said -----------------------------------------------------------------------------------------------

    fn contact(&self, call: usize) -> String {
        format!("sip:7{call:07}@{}", self.at)
    }

    /// A request outside of a dialog: INVITE, its CANCEL, and the ACK of a refusal.
    fn initial(&self, call: usize, method: &str, to: &str, end: &str) -> String {
        let (dial, server, at, run) = (&self.options.dial, self.options.server, self.at, &self.run);
        let contact = self.contact(call);
        format!(
            "{method} sip:{dial}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK-{run}-{call};rport\r\n\
             From: <sip:7{call:07}@{at}>;tag=f{run}{call}\r\nTo: {to}\r\nCall-ID: {call}-{run}\r\nCSeq: 1 {method}\r\n\
             Contact: <{contact}>\r\nMax-Forwards: 70\r\n\
             Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE\r\n{end}"
        )
    }

    fn description(&self) -> String {
        let text = description(Sound::caller_address(&self.options));
        if self.options.deaf { text.replace("a=sendrecv", "a=sendonly\r\na=rtcp-mux") } else { text }
    }

    fn invite(&self, call: usize) -> String {
        let to = format!("<sip:{}@{}>", self.options.dial, self.options.server);
        let body = self.description();
        self.initial(call, "INVITE", &to, &ending(Some(&body)))
    }

    /// A request within the dialog: ACK of the answer, and BYE.
    fn within(&self, call: usize, method: &str, sequence: u32) -> String {
        let (at, run, Call { to, target, .. }) = (self.at, &self.run, &self.calls[call]);
        let contact = self.contact(call);
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK-{run}-{call}-{method};rport\r\n\
             From: <sip:7{call:07}@{at}>;tag=f{run}{call}\r\nTo: {to}\r\nCall-ID: {call}-{run}\r\n\
             CSeq: {sequence} {method}\r\nContact: <{contact}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
    }

    fn send(&self, text: &str) {
        self.socket.send(text.as_bytes(), self.options.server);
    }

    // ---- time -------------------------------------------------------------------------------------------------------

    /// Makes the calls that are due.
    pub(crate) fn begin(&mut self, at: i64, more: bool) {
        let interval = (SECOND as f64 / self.options.rate) as i64;
        for _ in 0..BURST_MAX {
            let call = self.tally.started;
            let room = self.options.keep == 0 || call - self.over() < self.options.keep;
            if !more || call >= self.calls.len() || self.due > at || !room {
                return;
            }
            let sent = now();
            self.send(&self.invite(call));
            self.calls[call].stage = Stage::Inviting(sent);
            self.timers.push(Reverse((sent + AGAIN_AFTER, call, Timer::Again(1))));
            self.tally.lateness.push((sent - self.due) as f64 / 1e6);
            self.tally.started += 1;
            // A place that comes free is filled at the rate, not with all that was missed.
            self.due = if self.options.keep > 0 { (self.due + interval).max(at) } else { self.due + interval };
        }
    }

    /// Does what is due.
    pub(crate) fn timers(&mut self, at: i64) {
        while let Some(&Reverse((due, call, timer))) = self.timers.peek() {
            if due > at {
                return;
            }
            self.timers.pop();
            match (timer, self.calls[call].stage) {
                (Timer::HangUp, Stage::Talking) => self.hang_up(call),
                (Timer::HangUp, Stage::Inviting(_)) if !self.calls[call].cancelled => self.cancel(call),
                (Timer::Again(count), Stage::Inviting(since) | Stage::Leaving(since)) => {
                    self.again(call, count, since, at);
                }
                _ => {}
            }
        }
    }

    fn again(&mut self, call: usize, count: u32, since: i64, at: i64) {
        let Call { stage, ringing, .. } = self.calls[call];
        if at - since > self.options.patience_ms * MILLISECOND && !ringing {
            self.calls[call].stage = Stage::Failed;
            self.tally.failed += 1;
            self.tally.timed_out += 1;
            return;
        }
        match stage {
            Stage::Inviting(_) if ringing => return,
            Stage::Inviting(_) => self.send(&self.invite(call)),
            Stage::Leaving(_) => self.send(&self.within(call, "BYE", 2)),
            Stage::Idle | Stage::Talking | Stage::Ended | Stage::Failed => return,
        }
        self.tally.retransmissions += 1;
        self.timers.push(Reverse((at + (AGAIN_AFTER << count.min(3)), call, Timer::Again(count + 1))));
    }

    fn hang_up(&mut self, call: usize) {
        let sent = now();
        self.calls[call].stage = Stage::Leaving(sent);
        self.calls[call].ringing = false;
        self.send(&self.within(call, "BYE", 2));
        self.timers.push(Reverse((sent + AGAIN_AFTER, call, Timer::Again(1))));
    }

    fn cancel(&mut self, call: usize) {
        self.calls[call].cancelled = true;
        self.tally.cancelled += 1;
        let to = format!("<sip:{}@{}>", self.options.dial, self.options.server);
        self.send(&self.initial(call, "CANCEL", &to, &ending(None)));
    }

    /// Ends all calls one after the other; answers when the last one is ended.
    pub(crate) fn end_all(&mut self, at: i64) -> i64 {
        let interval = (SECOND as f64 / self.options.end_rate) as i64;
        let mut due = at;
        for (call, Call { stage, .. }) in self.calls.iter().enumerate() {
            if matches!(stage, Stage::Talking | Stage::Inviting(_)) {
                self.timers.push(Reverse((due, call, Timer::HangUp)));
                due += interval;
            }
        }
        due
    }

    // ---- what is heard ----------------------------------------------------------------------------------------------

    /// Reads and answers what came.
    pub(crate) fn receive(&mut self, batch: &mut Batch, sound: &mut Sound) {
        while self.socket.receive(batch) {
            for (arrival, bytes) in batch.iter() {
                let Ok(message) = std::str::from_utf8(bytes) else { continue };
                let call = header(message, "Call-ID").and_then(|id| id.split_once('-'));
                let ours = call.filter(|(_, run)| *run == self.run).and_then(|(call, _)| call.parse::<usize>().ok());
                let Some(call) = ours.filter(|call| *call < self.calls.len()) else { continue };
                match status(message) {
                    Some(code) => self.response(call, code, message, arrival.at, sound),
                    None => self.request(call, message, arrival.from),
                }
            }
        }
    }

    fn response(&mut self, call: usize, code: u32, message: &str, at: i64, sound: &mut Sound) {
        let stage = self.calls[call].stage;
        match (method(message), code) {
            ("INVITE", 100..200) => self.calls[call].ringing = true,
            ("INVITE", 200..300) => {
                if let Stage::Inviting(since) = stage {
                    self.answered(call, message, at, since, sound);
                }
                self.send(&self.within(call, "ACK", 1));
            }
            ("INVITE", _) => {
                let to = header(message, "To").unwrap_or("");
                self.send(&self.initial(call, "ACK", to, &ending(None)));
                if matches!(stage, Stage::Inviting(_)) {
                    *self.tally.refusals.entry(code).or_default() += 1;
                    let wished = self.calls[call].cancelled;
                    self.calls[call].stage = if wished { Stage::Ended } else { Stage::Failed };
                    *(if wished { &mut self.tally.ended } else { &mut self.tally.failed }) += 1;
                }
            }
            ("BYE", 200..) => {
                if let Stage::Leaving(since) = stage {
                    self.calls[call].stage = Stage::Ended;
                    self.tally.ended += 1;
                    self.tally.bye.push((at - since) as f64 / 1e6);
                }
            }
            _ => {}
        }
    }

    fn answered(&mut self, call: usize, message: &str, at: i64, since: i64, sound: &mut Sound) {
        self.tally.answered += 1;
        self.tally.last_answer = at;
        self.tally.set_up.push((at - since) as f64 / 1e6);
        let own = &mut self.calls[call];
        own.stage = Stage::Talking;
        own.to = header(message, "To").unwrap_or("").to_owned();
        own.target = uri(header(message, "Contact").unwrap_or("")).to_owned();
        let wished = own.cancelled;
        if let Some(to) = sound_address(message) {
            sound.open(call, to);
        }
        // An answer that crossed the CANCEL is a call to be ended.
        if let Some(hold) = self.options.hold_ms.or(wished.then_some(0)) {
            self.timers.push(Reverse((now() + hold * MILLISECOND, call, Timer::HangUp)));
        }
    }

    fn request(&mut self, call: usize, message: &str, from: SocketAddrV4) {
        let name = message.split(' ').next().unwrap_or("");
        let body = matches!(name, "INVITE" | "UPDATE").then(|| self.description());
        if name == "ACK" {
            return;
        }
        let answer = response(message, "200 OK", "f", &self.contact(call), body.as_deref());
        self.socket.send(answer.as_bytes(), from);
        if name == "BYE" && matches!(self.calls[call].stage, Stage::Talking | Stage::Leaving(_)) {
            self.calls[call].stage = Stage::Ended;
            self.tally.ended += 1;
            self.tally.ended_by_switch += 1;
        }
    }

    /// What became of them.
    pub(crate) fn report(&mut self, out: &mut Map<String, Value>) {
        let tally = &mut self.tally;
        let seconds = (tally.last_answer - self.began) as f64 / 1e9;
        let refusals: Map<String, Value> = tally.refusals.iter().map(|(k, v)| (k.to_string(), json!(v))).collect();
        for (key, value) in [
            ("started", json!(tally.started)),
            ("answered", json!(tally.answered)),
            ("ended", json!(tally.ended)),
            ("ended_by_switch", json!(tally.ended_by_switch)),
            ("cancelled", json!(tally.cancelled)),
            ("failed", json!(tally.failed)),
            ("timed_out", json!(tally.timed_out)),
            ("retransmissions", json!(tally.retransmissions)),
            ("refusals", Value::Object(refusals)),
            ("answered_per_s", json!(tally.answered as f64 / seconds.max(0.001))),
            ("set_up_ms", tally.set_up.json()),
            ("bye_ms", tally.bye.json()),
            ("late_ms", tally.lateness.json()),
        ] {
            out.insert(key.to_owned(), value);
        }
    }
}
