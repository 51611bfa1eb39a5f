//! The messages of RFC 5118 (§4.1–§4.10), written out. A newline in the text stands for CRLF.

/// Name, whether it may be processed, bytes.
pub(crate) fn messages() -> Vec<(&'static str, bool, Vec<u8>)> {
    let table: [(&str, bool, String); 12] = [
        ("ipv6-good (4.1)", true, register("sip:[2001:db8::10]")),
        ("ipv6-bad (4.2)", false, register("sip:2001:db8::10")),
        // The port is part of the address here: valid, though hardly meant.
        ("port-ambiguous (4.3)", true, register("sip:[2001:db8::10:5070]")),
        ("port-unambiguous (4.4)", true, register("sip:[2001:db8::10]:5070")),
        ("via-received-param-with-delim (4.5)", true, with_received("[2001:db8::9:255]")),
        ("via-received-param-no-delim (4.5)", true, with_received("2001:db8::9:255")),
        ("ipv6-in-sdp (4.6)", true, invite(IPV6_SDP)),
        ("mult-ip-in-header (4.7)", true, MANY_VIAS.into()),
        ("mult-ip-in-sdp (4.8)", true, invite(TWO_FAMILIES_SDP)),
        ("ipv4-mapped-ipv6 (4.9)", true, mapped()),
        // The old ABNF led to three colons (4.10); we take only what is an address.
        ("ipv6-bug-abnf-3-colons (4.10)", false, options("[2001:db8:::192.0.2.1]")),
        ("ipv6-correct-abnf-2-colons (4.10)", true, options("[2001:db8::192.0.2.1]")),
    ];
    table
        .into_iter()
        .map(|(name, valid, text)| (name, valid, text.replace('\n', "\r\n").into_bytes()))
        .collect()
}

fn register(uri: &str) -> String {
    format!(
        "REGISTER {uri} SIP/2.0
To: sip:user@example.com
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Max-Forwards: 70
Contact: \"Caller\" <sip:caller@[2001:db8::1]>
CSeq: 98176 REGISTER
Content-Length: 0

"
    )
}

fn with_received(address: &str) -> String {
    format!(
        "BYE sip:[2001:db8::10] SIP/2.0
To: sip:user@example.com;tag=bd76ya
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::9:1];received={address};branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Max-Forwards: 70
CSeq: 321 BYE
Content-Length: 0

"
    )
}

fn options(host: &str) -> String {
    format!(
        "OPTIONS sip:user@{host} SIP/2.0
To: sip:user@{host}
From: sip:user@example.com;tag=810x2
Via: SIP/2.0/UDP lab1.east.example.com;branch=z9hG4bKas3-111
Call-ID: G9559905523997077@hlau_4100
CSeq: 689 OPTIONS
Max-Forwards: 70
Content-Length: 0

"
    )
}

fn invite(sdp: &str) -> String {
    let length = sdp.len() + sdp.matches('\n').count();
    format!(
        "INVITE sip:user@[2001:db8::10] SIP/2.0
To: sip:user@[2001:db8::10]
From: sip:user@example.com;tag=81x2
Via: SIP/2.0/UDP [2001:db8::20];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Contact: \"Caller\" <sip:caller@[2001:db8::20]>
CSeq: 8612 INVITE
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: {length}

{sdp}"
    )
}

fn mapped() -> String {
    "INVITE sip:user@example.com SIP/2.0
To: sip:user@example.com
From: sip:user@east.example.com;tag=81x2
Via: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19
Via: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111
Call-ID: SSG9559905523997077@hlau_4100
Contact: \"T. desk phone\" <sip:ted@[::ffff:192.0.2.2]>
CSeq: 612 INVITE
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: 0

"
    .into()
}

const MANY_VIAS: &str = "BYE sip:user@host.example.net SIP/2.0
Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144
Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200
Call-ID: 997077@lau_4100
Max-Forwards: 70
CSeq: 89187 BYE
To: sip:user@example.net;tag=9817--94
From: sip:user@example.com;tag=81x2
Content-Length: 0

";

/// Both streams over IPv6.
pub(crate) const IPV6_SDP: &str = "v=0
o=assistant 971731711378798081 0 IN IP6 2001:db8::20
s=Live video feed for today's meeting
c=IN IP6 2001:db8::20
t=3338481189 3370017201
m=audio 6000 RTP/AVP 2
a=rtpmap:2 G726-32/8000
m=video 6024 RTP/AVP 107
a=rtpmap:107 H263-1998/90000
";

/// Audio over IPv4, video over IPv6; the subject is empty.
pub(crate) const TWO_FAMILIES_SDP: &str = "v=0
o=bob 280744730 28977631 IN IP4 host.example.com
s=
t=0 0
m=audio 22334 RTP/AVP 0
c=IN IP4 192.0.2.1
m=video 6024 RTP/AVP 107
c=IN IP6 2001:db8::1
a=rtpmap:107 H263-1998/90000
";
