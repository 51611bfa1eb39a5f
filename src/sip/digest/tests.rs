//! Known vectors, and what an attacker or a sloppy phone would try.

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn verifier() -> Verifier {
    Verifier::new([7; 32], "dozvon")
}

fn credentials(user: &str, password: &str) -> Credentials {
    Credentials { user: user.into(), password: password.into() }
}

fn lookup(user: &str) -> Option<Ha1> {
    (user == "1001").then(|| Ha1::of("1001", "dozvon", "secret"))
}

fn challenge(verifier: &mut Verifier, now: Timestamp, at: usize) -> Challenge {
    Challenge::parse(verifier.challenges(now, false)[at].as_bytes()).unwrap()
}

fn answer(challenge: &Challenge, nc: u32) -> String {
    challenge.respond(
        &credentials("1001", "secret"),
        "REGISTER",
        "sip:dozvon.example",
        nc,
        "c0ffee",
    )
}

fn verify(verifier: &mut Verifier, now: Timestamp, value: &str) -> Verdict {
    verifier.verify(now, value.as_bytes(), "REGISTER", "sip:dozvon.example", lookup)
}

fn ok() -> Verdict {
    Verdict::Ok { user: "1001".into() }
}

#[test]
fn rfc_7616_vectors() {
    let challenge = |algorithm: &str| {
        let value = format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        Challenge::parse(value.as_bytes()).unwrap()
    };
    let mufasa = credentials("Mufasa", "Circle of Life");
    let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    let md5 = challenge("MD5").respond(&mufasa, "GET", "/dir/index.html", 1, cnonce);
    assert!(md5.contains("response=\"8ca523f5e9506fed4657c9700eebdbec\""), "{md5}");
    assert!(md5.contains("nc=00000001") && md5.contains("opaque=\"FQhe/"), "{md5}");
    let sha = challenge("SHA-256").respond(&mufasa, "GET", "/dir/index.html", 1, cnonce);
    let expected = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
    assert!(sha.contains(&format!("response=\"{expected}\"")), "{sha}");
}

#[test]
fn rfc_2617_vector_and_a_challenge_without_qop() {
    let mufasa = credentials("Mufasa", "Circle Of Life");
    let with_qop = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
                    nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
    let challenge = Challenge::parse(with_qop.as_bytes()).unwrap();
    let value = challenge.respond(&mufasa, "GET", "/dir/index.html", 1, "0a4f113b");
    assert!(value.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{value}");
    let bare = "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
    let value =
        Challenge::parse(bare.as_bytes()).unwrap().respond(&mufasa, "GET", "/", 1, "0a4f113b");
    assert!(!value.contains("qop") && !value.contains("cnonce"), "{value}");
}

#[test]
fn sha_256_is_offered_first_and_both_are_accepted() {
    let mut verifier = verifier();
    let offered = verifier.challenges(NOW, true);
    assert!(offered[0].contains("SHA-256") && offered[1].contains("algorithm=MD5"));
    assert!(
        offered.iter().all(|value| value.contains("stale=true") && value.contains("qop=\"auth\""))
    );
    for at in [0, 1] {
        let challenge = challenge(&mut verifier, NOW, at);
        assert_eq!(verify(&mut verifier, NOW, &answer(&challenge, 1)), ok());
    }
    let chosen = Challenge::choose(offered.iter().rev().map(|v| v.as_bytes()), Some("dozvon"));
    assert_eq!(chosen.unwrap().algorithm, Algorithm::Sha256);
    assert_eq!(Challenge::choose(offered.iter().map(|v| v.as_bytes()), Some("other")), None);
}

#[test]
fn nonces_are_unique_and_19_bytes_long() {
    let mut verifier = verifier();
    let nonces: std::collections::BTreeSet<String> =
        (0..1000).map(|_| challenge(&mut verifier, NOW, 0).nonce).collect();
    assert_eq!(nonces.len(), 1000);
    assert!(nonces.iter().all(|nonce| nonce.len() == 38));
}

#[test]
fn counts_are_hexadecimal_and_never_repeat() {
    let mut verifier = verifier();
    let challenge = challenge(&mut verifier, NOW, 0);
    for nc in [1, 9, 10, 255, 256, 0x0fff_ffff] {
        assert_eq!(verify(&mut verifier, NOW, &answer(&challenge, nc)), ok(), "{nc}");
        assert_eq!(
            verify(&mut verifier, NOW, &answer(&challenge, nc)),
            Verdict::Stale,
            "{nc} again"
        );
    }
    assert_eq!(verify(&mut verifier, NOW, &answer(&challenge, 3)), Verdict::Stale);
}

#[test]
fn old_foreign_and_other_realms_nonces_are_stale_only_for_the_right_password() {
    let mut verifier = verifier();
    let challenge = challenge(&mut verifier, NOW, 0);
    let value = answer(&challenge, 1);
    assert_eq!(verify(&mut verifier, NOW + Duration::from_secs(60), &value), ok());
    assert_eq!(
        verify(&mut verifier, NOW + Duration::from_secs(61), &answer(&challenge, 2)),
        Verdict::Stale
    );
    let wrong =
        challenge.respond(&credentials("1001", "guess"), "REGISTER", "sip:dozvon.example", 3, "c");
    assert_eq!(verify(&mut verifier, NOW + Duration::from_secs(61), &wrong), Verdict::Bad);
    let mut other = Verifier::new([8; 32], "dozvon");
    assert_eq!(verify(&mut other, NOW, &value), Verdict::Stale);
}

#[test]
fn replay_is_refused_even_after_the_table_forgot_the_nonce() {
    let mut verifier = verifier();
    let first = challenge(&mut verifier, NOW, 1);
    assert_eq!(verify(&mut verifier, NOW, &answer(&first, 1)), ok());
    for i in 0..=NONCES_MAX as u64 {
        let now = NOW + Duration::from_millis(1 + i / 1000);
        let challenge = challenge(&mut verifier, now, 1);
        assert_eq!(verify(&mut verifier, now, &answer(&challenge, 1)), ok());
    }
    assert_eq!(verifier.used.len(), NONCES_MAX);
    assert_eq!(verify(&mut verifier, NOW, &answer(&first, 1)), Verdict::Stale);
    assert_eq!(verify(&mut verifier, NOW, &answer(&first, 2)), Verdict::Stale);
}

#[test]
fn tampering_in_any_part_is_bad() {
    let mut verifier = verifier();
    let challenge = challenge(&mut verifier, NOW, 0);
    let good = answer(&challenge, 1);
    let tampered = [
        good.replace("username=\"1001\"", "username=\"1002\""),
        good.replace("username=\"1001\", ", ""),
        good.replace("realm=\"dozvon\"", "realm=\"evil\""),
        good.replace("algorithm=SHA-256", "algorithm=MD5"),
        good.replace("algorithm=SHA-256", "algorithm=SHA-256-sess"),
        good.replace(", algorithm=SHA-256", ""),
        good.replace("qop=auth", "qop=auth-int"),
        good.replace(", qop=auth, nc=00000001, cnonce=\"c0ffee\"", ""),
        good.replace("nc=00000001", "nc=00000002"),
        good.replace("nc=00000001", "nc=00000000"),
        good.replace("nc=00000001", "nc=+0000001"),
        good.replace("nc=00000001", "nc=1"),
        good.replace("cnonce=\"c0ffee\"", "cnonce=\"\""),
        good.replace("uri=\"sip:dozvon.example\"", "uri=\"sip:elsewhere.example\""),
        good.replace("Digest ", "Basic "),
        format!("{good}, username=\"1001\""),
        format!("{good}, opaque=\"never closed"),
        format!("{good}, {}", "x".repeat(AUTHORIZATION_BYTES_MAX)),
        String::new(),
    ];
    for value in tampered {
        assert_eq!(verify(&mut verifier, NOW, &value), Verdict::Bad, "{value}");
    }
    assert_eq!(verify(&mut verifier, NOW, &good), ok());
    let invite = verifier.verify(
        NOW,
        answer(&challenge, 5).as_bytes(),
        "INVITE",
        "sip:dozvon.example",
        lookup,
    );
    assert_eq!(invite, Verdict::Bad, "credentials of one method do not serve another");
}

#[test]
fn an_answer_without_qop_is_bad_even_when_its_hash_is_right() {
    let mut verifier = verifier();
    let mut challenge = challenge(&mut verifier, NOW, 1);
    challenge.qop_auth = false;
    assert_eq!(verify(&mut verifier, NOW, &answer(&challenge, 1)), Verdict::Bad);
}

#[test]
fn the_digest_uri_may_spell_the_request_uri_differently_but_not_name_another_target() {
    let same = [
        ("sip:a@h", "sip:a@H"),
        ("sip:a@h", "sip:a@h:5060"),
        ("sip:h", "sip:h;transport=tcp"),
        ("sip:%61@h", "sip:a@h"),
        ("sip:h;transport=ws", "sips:h"),
    ];
    for (digest, request) in same {
        assert!(same_target(digest, request), "{digest} {request}");
    }
    for (digest, request) in [
        ("sip:a@h", "sip:b@h"),
        ("sip:a@h", "sip:a@g"),
        ("sip:h:5060", "sip:h:5070"),
        ("/", "sip:h"),
    ] {
        assert!(!same_target(digest, request), "{digest} {request}");
    }
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let shown = format!("{:?} {:?}", Ha1::of("u", "r", "p"), credentials("u", "hunter2"));
    assert!(!shown.contains("hunter2") && shown.contains("hidden"), "{shown}");
}

#[test]
fn an_answer_made_for_another_target_is_bad_although_its_hash_is_right() {
    let mut verifier = verifier();
    let challenge = challenge(&mut verifier, NOW, 0);
    let credentials = credentials("1001", "secret");
    let value = challenge.respond(&credentials, "REGISTER", "sip:elsewhere.example", 1, "c");
    assert_eq!(verify(&mut verifier, NOW, &value), Verdict::Bad);
}

#[test]
fn a_nonce_that_was_never_used_grows_old_all_the_same() {
    let mut verifier = verifier();
    let challenge = challenge(&mut verifier, NOW, 0);
    let late = NOW + Duration::from_secs(61);
    assert_eq!(verify(&mut verifier, late, &answer(&challenge, 1)), Verdict::Stale);
}
