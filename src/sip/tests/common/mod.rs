//! Shared by tests and the bench: an INVITE as a desk phone behind a proxy sends it, and a seeded generator.

#[allow(dead_code)] // Not every test that includes this file needs it.
/// An INVITE of 1,154 bytes with 17 headers and SDP.
pub(crate) fn invite() -> Vec<u8> {
    let sdp = "v=0\r\n\
        o=- 3465726723 1837206434 IN IP4 192.0.2.101\r\n\
        s=call\r\n\
        c=IN IP4 192.0.2.101\r\n\
        t=0 0\r\n\
        m=audio 11800 RTP/AVP 9 8 0 101\r\n\
        a=rtpmap:9 G722/8000\r\n\
        a=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:0 PCMU/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\n\
        a=fmtp:101 0-15\r\n\
        a=ptime:20\r\n\
        a=sendrecv\r\n";
    let head = format!(
        "INVITE sip:+74951234567@pbx.bank.example:5060;transport=udp SIP/2.0\r\n\
        Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-524287-1---a7b9c3d1e5f70213;rport\r\n\
        Via: SIP/2.0/UDP 192.0.2.101:5062;branch=z9hG4bKkjshdyff8f1;received=192.0.2.101\r\n\
        Record-Route: <sip:198.51.100.7;lr;ftag=1928301774>\r\n\
        Max-Forwards: 69\r\n\
        From: \"Ivan Petrov\" <sip:+79161234567@carrier.example>;tag=1928301774\r\n\
        To: <sip:+74951234567@pbx.bank.example>\r\n\
        Call-ID: a84b4c76e66710-9f2e@192.0.2.101\r\n\
        CSeq: 314159 INVITE\r\n\
        Contact: <sip:+79161234567@192.0.2.101:5062;transport=udp>\r\n\
        Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, UPDATE\r\n\
        Supported: replaces, timer, 100rel\r\n\
        Session-Expires: 1800;refresher=uac\r\n\
        User-Agent: DeskPhone 12.3 (bank build 2026-03-17; serial number 04A2F1B3C5D7E9)\r\n\
        P-Asserted-Identity: <sip:+79161234567@carrier.example>\r\n\
        Accept: application/sdp\r\n\
        Content-Type: application/sdp\r\n\
        Content-Length: {}\r\n\r\n",
        sdp.len()
    );
    (head + sdp).into_bytes()
}

/// A small deterministic generator (SplitMix64).
#[allow(dead_code)] // Not every test that includes this file makes random choices.
pub(crate) struct Seeded(pub(crate) u64);

#[allow(dead_code)]
impl Seeded {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
