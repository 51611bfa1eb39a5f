//! A stranger's flood of INVITEs that he never acknowledges: memory stays bounded and others get through.

use crate::house::{Furnishing, House};
use crate::phone::Source;
use crate::{MACHINE, SECOND, load_secs, resident_kb};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const PER_SECOND: u64 = 5_000;
const TRUNKS: &str = "[[trunk]]\nname = \"local\"\nnetworks = [\"127.0.0.1\"]\n";

fn invite(from: SocketAddr, to: SocketAddr, number: u64) -> String {
    let sdp = format!(
        "v=0\r\no=- {number} 1 IN IP4 127.0.0.66\r\ns=-\r\nc=IN IP4 127.0.0.66\r\nt=0 0\r\n\
         m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    );
    format!(
        "INVITE sip:100@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKflood{number};rport\r\n\
         From: <sip:flood{number}@127.0.0.66>;tag=f{number}\r\nTo: <sip:100@{to}>\r\n\
         Call-ID: flood-{number}@127.0.0.66\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:flood@{from}>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    )
}

/// Sends until told to stop; answers how many.
fn flood(to: SocketAddr, stop: &AtomicBool) -> u64 {
    let socket = UdpSocket::bind("127.0.0.66:0").unwrap();
    let from = socket.local_addr().unwrap();
    // Between two bursts it looks at the answers, and acknowledges none.
    socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let (began, mut sent) = (Instant::now(), 0);
    while !stop.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_secs_f64() * PER_SECOND as f64) as u64;
        while sent < due {
            // The kernel may refuse for a moment; a flooder does not mind.
            let _ = socket.send_to(invite(from, to, sent).as_bytes(), to);
            sent += 1;
        }
        let _ = socket.recv(&mut [0; 2048]);
    }
    sent
}

#[tokio::test]
async fn a_flood_from_one_source_costs_little_memory_and_no_call_of_another() {
    let _machine = MACHINE.lock().await;
    let with = Furnishing { files: vec![("trunks.toml", TRUNKS.into())], ..Furnishing::default() };
    let house = House::furnished(with).await;
    house.call("+77010000000", Source::Silence).await.unwrap().hang_up().await;
    let before = resident_kb(house.pid());
    let stop = Arc::new(AtomicBool::new(false));
    let (to, told) = (house.sip(), stop.clone());
    let began = Instant::now();
    let flooding = std::thread::spawn(move || flood(to, &told));
    let (peak, mut calls, mut slowest) = (AtomicU64::new(0), 0_u32, Duration::ZERO);
    while began.elapsed() < SECOND * load_secs(5) as u32 {
        let dialled = Instant::now();
        let mut call = house
            .call(&format!("+7701000{calls:04}"), Source::Silence)
            .await
            .expect("a trusted call");
        slowest = slowest.max(dialled.elapsed());
        assert!(call.stay(Duration::from_millis(400)).await);
        assert!(call.heard().received > 5, "with sound: {:?}", call.heard());
        call.hang_up().await;
        calls += 1;
        peak.fetch_max(resident_kb(house.pid()), Ordering::Relaxed);
    }
    stop.store(true, Ordering::Relaxed);
    let (sent, secs) = (flooding.join().unwrap(), began.elapsed().as_secs_f64());
    let grown = peak.load(Ordering::Relaxed).saturating_sub(before) / 1024;
    println!(
        "{sent} INVITEs in {secs:.1} s ({:.0}/s): memory {} MB + {grown} MB; {calls} calls of another source set up, \
         the slowest in {slowest:?}",
        sent as f64 / secs,
        before / 1024
    );
    assert!(sent as f64 / secs > 0.8 * PER_SECOND as f64, "the flood was real: {sent} in {secs} s");
    assert!(grown < 200, "memory grew by {grown} MB");
    assert!(calls >= 5 && slowest < 2 * SECOND, "{calls} calls, the slowest in {slowest:?}");
    assert!(
        house.contacts().iter().all(|c| !c.caller.contains("flood")),
        "no stranger became a contact"
    );
}
