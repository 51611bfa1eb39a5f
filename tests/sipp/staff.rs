//! Many agents whose phones are one SIPp: registered each for himself, by a REGISTER written out here.

use crate::house::{House, TALK};
use crate::sipp::Sipp;
use md5::{Digest, Md5};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;

/// Queues that load tests use: nobody rests between calls.
pub(crate) const QUEUES: &str = "\
[skills]
names = [\"cards\", \"loans\"]
[[queue]]
name = \"general\"
wrap_up_secs = 0
[[queue]]
name = \"urgent\"
[[queue]]
name = \"cards\"
[[queue]]
name = \"loans\"
";

/// The users of so many agents.
pub(crate) fn users(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("agent{n}")).collect()
}

/// `agents.toml` with so many of them, and anna, who has a token.
pub(crate) fn agents(count: usize) -> String {
    let one = |user: String| {
        format!(
            "[[agent]]\nuser = \"{user}\"\nname = \"{user}\"\nteam = \"day\"\nlanguages = [\"ru\", \"kk\", \"en\"]\n"
        )
    };
    users(count).into_iter().chain(["anna".to_owned()]).map(one).collect()
}

fn md5(text: &str) -> String {
    format!("{:x}", Md5::digest(text.as_bytes()))
}

/// The quoted value of a parameter of a challenge.
fn quoted<'a>(challenge: &'a str, name: &str) -> &'a str {
    let (_, rest) = challenge.split_once(&format!("{name}=\"")).expect("the challenge has it");
    rest.split_once('"').unwrap().0
}

async fn asked(socket: &UdpSocket, to: SocketAddr, text: &str, cseq: u32) -> String {
    let again = async {
        loop {
            socket.send_to(text.as_bytes(), to).await.unwrap();
            let mut buffer = [0; 4096];
            let answer = tokio::time::timeout(Duration::from_secs(1), async {
                loop {
                    let (length, _) = socket.recv_from(&mut buffer).await.unwrap();
                    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                    if text.contains(&format!("CSeq: {cseq} REGISTER")) {
                        return text;
                    }
                }
            });
            if let Ok(answer) = answer.await {
                return answer;
            }
        }
    };
    tokio::time::timeout(TALK, again).await.expect("REGISTER is answered")
}

/// Registers a user's contact at the phones' address: RFC 3261 §10.2 with MD5 digest and `qop=auth` (RFC 7616).
async fn register(house: &House, socket: &UdpSocket, user: &str, phones: SocketAddr, cseq: u32) {
    let (server, local) = (house.sip(), socket.local_addr().unwrap());
    let uri = format!("sip:{}", server.ip());
    let text = |cseq: u32, authorization: &str| {
        format!(
            "REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{user}-{cseq};rport\r\n\
             From: <sip:{user}@{ip}>;tag={user}\r\nTo: <sip:{user}@{ip}>\r\nCall-ID: {user}-{local}\r\n\
             CSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\nContact: <sip:{user}@{phones}>\r\nExpires: 600\r\n\
             {authorization}Content-Length: 0\r\n\r\n",
            ip = server.ip(),
        )
    };
    let challenged = asked(socket, server, &text(cseq, ""), cseq).await;
    assert!(challenged.starts_with("SIP/2.0 401"), "{challenged}");
    let challenge = challenged
        .lines()
        .find(|l| l.starts_with("WWW-Authenticate") && l.contains("MD5"))
        .unwrap();
    let (realm, nonce) = (quoted(challenge, "realm"), quoted(challenge, "nonce"));
    let login = house.account(user).login.unwrap();
    let ha1 = md5(&format!("{user}:{realm}:{}", login.password));
    let ha2 = md5(&format!("REGISTER:{uri}"));
    let response = md5(&format!("{ha1}:{nonce}:00000001:abcdef:auth:{ha2}"));
    let authorization = format!(
        "Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"abcdef\"\r\n"
    );
    let answer = asked(socket, server, &text(cseq + 1, &authorization), cseq + 1).await;
    assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
}

/// Registers all of them, each from the port where SIPp is to answer for all their phones (calls go where a
/// registration came from), starts SIPp there and makes them ready.
pub(crate) async fn come_to_work(
    house: &House,
    users: &[String],
    scenario: &str,
    calls: Option<u64>,
) -> Sipp {
    let socket = UdpSocket::bind((house.sip().ip(), 0)).await.unwrap();
    let phones = socket.local_addr().unwrap();
    for user in users {
        register(house, &socket, user, phones, 1).await;
    }
    drop(socket);
    let sipp = Sipp::answers(scenario, phones, calls).await;
    for user in users {
        let (code, body) = house.set_status(user, "ready").await;
        assert_eq!(code, 200, "{body}");
    }
    sipp
}
