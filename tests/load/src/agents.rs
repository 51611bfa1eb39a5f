//! The agents: each INVITE gets 180 and 200; after the talk the agent hangs up and is free for the next one.

use crate::meter::Spread;
use crate::options::Options;
use crate::sip::{description, dialled_user, has_tag, header, response, status, uri};
use crate::socket::{Batch, MILLISECOND, Socket, now};
use crate::sound::Sound;
use serde_json::{Map, Value, json};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddrV4;

/// The first retransmission (RFC 3261, T1).
const AGAIN_AFTER: i64 = 500 * MILLISECOND;
/// Sendings of one message at most.
const SENDINGS_MAX: u32 = 7;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// 200 sent so often; no ACK yet.
    Answering(u32),
    /// Until the agent hangs up, if he does.
    Talking(Option<i64>),
    /// BYE sent so often.
    Leaving(u32),
}

struct Call {
    stage: Stage,
    agent: String,
    /// The 200 to INVITE.
    answer: String,
    /// The BYE that will be sent.
    bye: String,
    from: SocketAddrV4,
}

/// All agents, on one socket.
pub(crate) struct Agents {
    options: Options,
    socket: Socket,
    at: SocketAddrV4,
    calls: BTreeMap<String, Call>,
    timers: BinaryHeap<Reverse<(i64, String)>>,
    /// When an agent will be free: when he hung up, and his wrap-up is over.
    free_since: BTreeMap<String, i64>,
    refills: Spread,
    counting: bool,
    invited: u64,
    byes: u64,
    cancels: u64,
    retransmissions: u64,
    peak: usize,
}

impl Agents {
    /// Nobody talks yet.
    pub(crate) fn new(at: SocketAddrV4, options: &Options) -> Agents {
        Agents {
            options: options.clone(),
            socket: Socket::bind(at),
            at,
            calls: BTreeMap::new(),
            timers: BinaryHeap::new(),
            free_since: BTreeMap::new(),
            refills: Spread::default(),
            counting: true,
            invited: 0,
            byes: 0,
            cancels: 0,
            retransmissions: 0,
            peak: 0,
        }
    }

    /// Where they speak SIP.
    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Agents with a call.
    pub(crate) fn active(&self) -> usize {
        self.calls.len()
    }

    /// Calls they got so far.
    pub(crate) fn invited(&self) -> u64 {
        self.invited
    }

    /// Forgets how long free agents waited.
    pub(crate) fn forget_refills(&mut self) {
        self.refills = Spread::default();
    }

    /// What is measured from here on no longer counts: callers are leaving.
    pub(crate) fn stop_counting(&mut self) {
        self.counting = false;
    }

    // ---- what is heard ----------------------------------------------------------------------------------------------

    /// Reads and answers what came.
    pub(crate) fn receive(&mut self, batch: &mut Batch) {
        while self.socket.receive(batch) {
            for (arrival, bytes) in batch.iter() {
                let Ok(message) = std::str::from_utf8(bytes) else { continue };
                let id = header(message, "Call-ID").unwrap_or("").to_owned();
                if status(message).is_some() {
                    // Only BYEs of ours are answered.
                    self.calls.remove(&id);
                    continue;
                }
                match message.split(' ').next().unwrap_or("") {
                    "INVITE" if !has_tag(header(message, "To").unwrap_or("")) => {
                        self.invite(id, message, arrival.from, arrival.at);
                    }
                    "ACK" => self.acknowledged(id),
                    "CANCEL" => self.cancel(&id, message, arrival.from),
                    name => self.other(name, &id, message, arrival.from, arrival.at),
                }
            }
        }
    }

    fn reply(&self, message: &str, words: &str, sound: bool, to: SocketAddrV4) {
        let contact = format!("sip:{}@{}", dialled_user(message), self.at);
        let body = sound.then(|| description(Sound::agent_address(&self.options)));
        let answer = response(message, words, "u", &contact, body.as_deref());
        self.socket.send(answer.as_bytes(), to);
    }

    fn invite(&mut self, id: String, message: &str, from: SocketAddrV4, at: i64) {
        if let Some(call) = self.calls.get(&id) {
            self.socket.send(call.answer.as_bytes(), from);
            return;
        }
        self.invited += 1;
        let agent = dialled_user(message).to_owned();
        if let Some(since) = self.free_since.remove(&agent)
            && self.counting
        {
            self.refills.push((at - since) as f64 / 1e6);
        }
        let contact = format!("sip:{agent}@{}", self.at);
        let tag = format!("u{}", self.invited);
        self.socket.send(response(message, "180 Ringing", &tag, &contact, None).as_bytes(), from);
        let body = description(Sound::agent_address(&self.options));
        let answer = response(message, "200 OK", &tag, &contact, Some(&body));
        self.socket.send(answer.as_bytes(), from);
        let value = |text, name| header(text, name).unwrap_or("").to_owned();
        let (target, us, them) = (value(message, "Contact"), value(&answer, "To"), value(&answer, "From"));
        let bye = format!(
            "BYE {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK-{tag}-{:x};rport\r\nFrom: {us}\r\nTo: {them}\r\n\
             Call-ID: {id}\r\nCSeq: 1 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            uri(&target),
            self.at,
            at / MILLISECOND,
        );
        self.timers.push(Reverse((now() + AGAIN_AFTER, id.clone())));
        self.calls.insert(id, Call { stage: Stage::Answering(1), agent, answer, bye, from });
        self.peak = self.peak.max(self.calls.len());
    }

    fn acknowledged(&mut self, id: String) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if let Stage::Answering(_) = call.stage {
            let until = self.options.talk_ms.map(|talk| now() + talk * MILLISECOND);
            call.stage = Stage::Talking(until);
            self.timers.extend(until.map(|until| Reverse((until, id))));
        }
    }

    fn cancel(&mut self, id: &str, message: &str, from: SocketAddrV4) {
        // The answer has always gone already: CANCEL changes nothing (RFC 3261 §9.2), and a BYE follows.
        self.cancels += 1;
        self.reply(message, if self.calls.contains_key(id) { "200 OK" } else { "481 Gone" }, false, from);
    }

    fn other(&mut self, name: &str, id: &str, message: &str, from: SocketAddrV4, at: i64) {
        self.reply(message, "200 OK", matches!(name, "INVITE" | "UPDATE"), from);
        if name == "BYE"
            && let Some(call) = self.calls.remove(id)
        {
            self.byes += 1;
            self.free_since.insert(call.agent, at + self.options.wrap_up_ms * MILLISECOND);
        }
    }

    // ---- time -------------------------------------------------------------------------------------------------------

    /// Does what is due.
    pub(crate) fn timers(&mut self, at: i64) {
        while let Some(Reverse((due, _))) = self.timers.peek() {
            if *due > at {
                return;
            }
            let Some(Reverse((_, id))) = self.timers.pop() else { return };
            let Some(call) = self.calls.get_mut(&id) else { continue };
            let text = match call.stage {
                Stage::Talking(Some(until)) if at >= until => {
                    self.free_since.insert(call.agent.clone(), now() + self.options.wrap_up_ms * MILLISECOND);
                    call.stage = Stage::Leaving(1);
                    &call.bye
                }
                Stage::Answering(count) if count < SENDINGS_MAX => {
                    call.stage = Stage::Answering(count + 1);
                    self.retransmissions += 1;
                    &call.answer
                }
                Stage::Leaving(count) if count < SENDINGS_MAX => {
                    call.stage = Stage::Leaving(count + 1);
                    self.retransmissions += 1;
                    &call.bye
                }
                Stage::Talking(_) => continue,
                Stage::Answering(_) | Stage::Leaving(_) => {
                    self.calls.remove(&id);
                    continue;
                }
            };
            self.socket.send(text.as_bytes(), call.from);
            self.timers.push(Reverse((at + AGAIN_AFTER, id)));
        }
    }

    /// What they went through.
    pub(crate) fn report(&mut self, out: &mut Map<String, Value>) {
        out.insert(
            "agents".into(),
            json!({
                "invited": self.invited, "byes": self.byes, "cancels": self.cancels, "peak": self.peak,
                "left": self.calls.len(), "retransmissions": self.retransmissions, "refill_ms": self.refills.json(),
            }),
        );
    }
}
