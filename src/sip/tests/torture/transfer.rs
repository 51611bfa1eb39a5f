//! Call transfer abused: REFERs and INVITEs with Replaces as no standard wrote them out. A newline stands for CRLF.

/// One message: its name, its bytes, and the status that its headers alone deserve; `None` is fit.
pub(crate) type Torture = (&'static str, Vec<u8>, Option<u16>);

fn request(method: &str, headers: &str) -> Vec<u8> {
    format!(
        "{method} sip:hotline@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK7\n\
         From: <sip:100@192.0.2.7>;tag=phone\nTo: <sip:hotline@192.0.2.1>{}\nCall-ID: 7@192.0.2.7\n\
         CSeq: 7 {method}\nContact: <sip:100@192.0.2.7>\nMax-Forwards: 70\n{headers}Content-Length: 0\n\n",
        if method == "INVITE" { "" } else { ";tag=house" }
    )
    .replace('\n', "\r\n")
    .into_bytes()
}

/// All of them. What is wrong with a Refer-To is the endpoint's matter, so those are fit.
pub(crate) fn messages() -> Vec<Torture> {
    let refer = |name, headers, status| (name, request("REFER", headers), status);
    let invite = |name, headers, status| (name, request("INVITE", headers), status);
    vec![
        refer("blind", "Refer-To: <sip:200@192.0.2.1>\nReferred-By: <sip:100@192.0.2.7>\n", None),
        refer(
            "attended",
            "r: \"B\" <sip:200@h?Replaces=a%40h%3Bto-tag%3D1%3Bfrom-tag%3D2&Require=replaces>\n\
             b: sip:100@h;cid=\"1@h\"\nRefer-Sub: false\nSupported: norefersub\n",
            None,
        ),
        refer("nowhere", "", None),
        refer("two places in one line", "Refer-To: <sip:1@h>, <sip:2@h>\n", None),
        refer("two places in two lines", "Refer-To: <sip:1@h>\nr: <sip:2@h>\n", Some(400)),
        refer("two who referred", "Refer-To: <sip:1@h>\nb: <sip:2@h>\nb: <sip:3@h>\n", Some(400)),
        refer("folded", "Refer-To:\n \"A\n B\"\n\t<sip:200@h>\n", None),
        refer(
            "headers smuggled in",
            "Refer-To: <sip:1@h?Via=x&Route=%3Csip:evil@h%3E&Replaces=a%0D%0ABye:1%3Bto-tag%3D1>\n",
            None,
        ),
        refer("a script", "Refer-To: <javascript:alert(1)>\n", None),
        refer("a NUL", "Refer-To: <sip:%00@h?%00=%00&Replaces=%00>\n", None),
        refer(
            "half an escape",
            "Refer-To: <sip:1@h?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D%2>\n",
            None,
        ),
        refer("only headers", "Refer-To: <sip:h?Replaces>\n", None),
        refer("many headers", &format!("Refer-To: <sip:1@h?{}>\n", "a=b&".repeat(900)), None),
        refer(
            "Replaces in a REFER",
            "Refer-To: <sip:1@h>\nReplaces: a;to-tag=1;from-tag=2\n",
            Some(400),
        ),
        invite("taking over", "Replaces: a@h ;from-tag=2; to-tag=1\nRequire: replaces\n", None),
        invite("while it rings", "Replaces: a;early-only;to-tag=1;from-tag=2\n", None),
        invite(
            "two calls",
            "Replaces: a;to-tag=1;from-tag=2\nReplaces: b;to-tag=1;from-tag=2\n",
            Some(400),
        ),
        invite(
            "two calls in one line",
            "Replaces: a;to-tag=1;from-tag=2, b;to-tag=1;from-tag=2\n",
            Some(400),
        ),
        invite("no tags", "Replaces: a\n", Some(400)),
        invite("one tag", "Replaces: a;to-tag=1\n", Some(400)),
        invite("three tags", "Replaces: a;to-tag=1;to-tag=2;from-tag=3\n", Some(400)),
        invite("a tag in quotes", "Replaces: a;to-tag=\"1\";from-tag=2\n", Some(400)),
        invite("an empty Replaces", "Replaces:\n", Some(400)),
        invite("white space in the Call-ID", "Replaces: a b;to-tag=1;from-tag=2\n", Some(400)),
        invite(
            "Replaces and Join",
            "Replaces: a;to-tag=1;from-tag=2\nJoin: a;to-tag=1;from-tag=2\n",
            Some(400),
        ),
    ]
}
