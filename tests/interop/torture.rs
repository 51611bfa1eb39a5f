//! RFC 4475 and RFC 5118 over UDP: the good is answered as good, the bad is never processed, and after each the switch
//! is alive.

use crate::house::House;
use crate::rfc4475::{self, Expected};
use crate::rfc5118;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;

/// An answer that has not come by then does not come.
const SILENCE: Duration = Duration::from_millis(300);
/// These say that the message itself was taken for wrong.
const MALFORMED: [u16; 4] = [400, 500, 505, 513];

/// Sends a datagram from a socket of its own; the final status, if there is one.
async fn answer(to: SocketAddr, bytes: &[u8], patience: Duration) -> Option<u16> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(bytes, to).await.unwrap();
    let final_status = async {
        let mut buffer = [0; 65_535];
        loop {
            let length = socket.recv(&mut buffer).await.unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let status =
                text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3)?.parse::<u16>().ok());
            if let Some(status @ 200..) = status {
                return status;
            }
        }
    };
    tokio::time::timeout(patience, final_status).await.ok()
}

async fn alive(to: SocketAddr, number: usize) -> bool {
    let text = format!(
        "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKalive{number};rport\r\n\
         From: <sip:p@127.0.0.1>;tag=a{number}\r\nTo: <sip:{to}>\r\nCall-ID: alive-{number}\r\nCSeq: 1 OPTIONS\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    answer(to, text.as_bytes(), Duration::from_secs(5)).await == Some(200)
}

/// What is sound, and still can't be answered with anything better: an INVITE of RFC 2543 (§3.4.1) may come without the
/// Contact that RFC 3261 asks for, so nobody could be told of the end of the call.
const WITHOUT_CONTACT: &str = "inv2543";

/// Messages of RFC 5118 share one transaction, and a second one would be a retransmission: each gets its own.
fn of_its_own(bytes: Vec<u8>, number: usize) -> Vec<u8> {
    let text = String::from_utf8(bytes).unwrap();
    let text = text.replace("branch=z9hG4bK", &format!("branch=z9hG4bK{number}-"));
    text.replace("Call-ID: ", &format!("Call-ID: {number}-")).into_bytes()
}

/// Name, what should become of it, and bytes of each message.
async fn insist(house: &House, messages: Vec<(&'static str, Expected, Vec<u8>)>) {
    let to = house.sip();
    let mut wrong = Vec::new();
    for (number, (name, expected, bytes)) in messages.into_iter().enumerate() {
        let got = answer(to, &bytes, SILENCE).await;
        let is_response = bytes.starts_with(b"SIP/");
        let right = match (expected, got) {
            // Responses that belong to no request of ours end here.
            (Expected::Fit, None) => is_response,
            (Expected::Fit, Some(400)) => name == WITHOUT_CONTACT,
            (Expected::Fit, Some(status)) => !is_response && !MALFORMED.contains(&status),
            (Expected::Refused(refusal), Some(status)) => status == refusal,
            (Expected::Refused(_), None) => false,
            (Expected::Dropped, got) => got.is_none(),
        };
        println!("{name:40} {expected:?} → {got:?}");
        if !right {
            wrong.push((name, expected, got));
        }
        assert!(alive(to, number).await, "dead after {name}: {}", house.log());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(house.contacts().is_empty(), "nobody has called: {:?}", house.contacts());
    house.stop().await;
}

#[tokio::test]
async fn the_messages_of_rfc_4475() {
    let house = House::open().await;
    let messages = rfc4475::messages();
    assert_eq!(messages.len(), 49);
    let all = messages.into_iter().map(|torture| (torture.name, torture.expected, torture.bytes));
    insist(&house, all.collect()).await;
}

#[tokio::test]
async fn the_messages_of_rfc_5118() {
    let house = House::open().await;
    let expected = |valid| if valid { Expected::Fit } else { Expected::Refused(400) };
    let messages = rfc5118::messages();
    assert_eq!(messages.len(), 12);
    let all = messages.into_iter().enumerate();
    let all = all
        .map(|(number, (name, valid, bytes))| (name, expected(valid), of_its_own(bytes, number)));
    insist(&house, all.collect()).await;
}
