//! Registration of the agents: REGISTER, the challenge, REGISTER with SHA-256 digest (RFC 7616, RFC 8760).

use crate::options::Options;
use crate::sip::{header, headers, response, status};
use crate::socket::{Batch, MILLISECOND, SECOND, Socket, now, sleep_until};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::SocketAddrV4;

/// Registrations under way at once.
const AT_ONCE: usize = 32;

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parameter<'a>(challenge: &'a str, name: &str) -> &'a str {
    let words = challenge.trim_start_matches("Digest").split(',');
    let mut found = words.filter_map(|word| word.trim().strip_prefix(name)?.strip_prefix('='));
    found.next().unwrap_or("").trim_matches('"')
}

struct Registration<'a> {
    options: &'a Options,
    at: SocketAddrV4,
    run: i64,
}

impl Registration<'_> {
    fn request(&self, agent: usize, sequence: u32, authorization: &str) -> String {
        let (at, run, domain) = (self.at, self.run, self.options.server);
        let user = format!("{}{agent}", self.options.agent_prefix);
        format!(
            "REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK-r-{run}-{agent}-{sequence};rport\r\n\
             From: <sip:{user}@{domain}>;tag=r{agent}\r\nTo: <sip:{user}@{domain}>\r\n\
             Call-ID: register-{agent}-{run}\r\nCSeq: {sequence} REGISTER\r\nContact: <sip:{user}@{at}>\r\n\
             Expires: 3600\r\nMax-Forwards: 70\r\n{authorization}Content-Length: 0\r\n\r\n"
        )
    }

    fn authorization(&self, agent: usize, refusal: &str) -> Option<String> {
        let challenge = headers(refusal, "WWW-Authenticate").find(|value| value.contains("SHA-256"))?;
        let (realm, nonce) = (parameter(challenge, "realm"), parameter(challenge, "nonce"));
        let user = format!("{}{agent}", self.options.agent_prefix);
        let uri = format!("sip:{}", self.options.server);
        let secret = hash(&format!("{user}:{realm}:{}", self.options.password));
        let request = hash(&format!("REGISTER:{uri}"));
        let answer = hash(&format!("{secret}:{nonce}:00000001:abcdef:auth:{request}"));
        Some(format!(
            "Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{answer}\", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"abcdef\"\r\n"
        ))
    }
}

/// Registers all agents and tells how that went. Ends the process when it does not go on for 5 s.
pub(crate) fn register(socket: &Socket, options: &Options, batch: &mut Batch) -> Value {
    let at = options.agents_at.expect("only who has agents registers them");
    let began = now();
    let registration = Registration { options, at, run: began / MILLISECOND };
    let mut under_way: BTreeMap<usize, u32> = BTreeMap::new();
    let (mut next, mut done, mut progress) = (1, 0, began);
    while done < options.register {
        while under_way.len() < AT_ONCE && next <= options.register {
            socket.send(registration.request(next, 1, "").as_bytes(), options.server);
            under_way.insert(next, 1);
            next += 1;
        }
        while socket.receive(batch) {
            for (arrival, bytes) in batch.iter() {
                let Ok(message) = std::str::from_utf8(bytes) else { continue };
                let Some(code) = status(message) else {
                    let answer = response(message, "200 OK", "r", &format!("sip:{at}"), None);
                    socket.send(answer.as_bytes(), arrival.from);
                    continue;
                };
                let agent = header(message, "Call-ID").and_then(|id| id.split('-').nth(1)?.parse::<usize>().ok());
                let Some((agent, sequence)) = agent.and_then(|agent| Some((agent, under_way.get_mut(&agent)?))) else {
                    continue;
                };
                progress = now();
                match (code, registration.authorization(agent, message)) {
                    (200, _) => {
                        under_way.remove(&agent);
                        done += 1;
                    }
                    (401, Some(authorization)) if *sequence < 3 => {
                        *sequence += 1;
                        let again = registration.request(agent, *sequence, &authorization);
                        socket.send(again.as_bytes(), options.server);
                    }
                    _ => panic!("agent {agent} is refused:\n{message}"),
                }
            }
        }
        assert!(now() < progress + 5 * SECOND, "registration stands still at {done} of {}", options.register);
        sleep_until(now() + MILLISECOND / 4);
    }
    json!({ "agents": done, "ms": (now() - began) / MILLISECOND })
}
