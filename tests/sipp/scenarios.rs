//! One behaviour each, against SIPp: what it must see on the wire is in the scenario, what must come of it is here.

use crate::house::{House, eventually, tone_manner};
use crate::phone::Source;
use crate::sipp::{Calls, Sipp};
use crate::staff::come_to_work;
use crate::{Metrics, SECOND};

#[tokio::test]
async fn the_key_0_is_understood_in_telephone_events() {
    let house = House::open().await;
    let mut anna = house.agent("anna", tone_manner(1000.0)).await;
    let plan = Calls { hold: 4 * SECOND, ..Calls::ONE };
    Sipp::calls(&house, "caller-rfc4733", "100", &plan).all_well(1).await;
    assert!(anna.talked().await.unwrap().time > SECOND, "anna talked");
    assert_eq!(
        Metrics::of(&house).await.sum("dozvon_operator_requests_total", &["dtmf"]),
        1,
        "one press is one key"
    );
}

#[tokio::test]
async fn a_ringing_agent_is_cancelled_when_the_caller_hangs_up() {
    let house = House::open().await;
    let mut phone = come_to_work(&house, &["anna".to_owned()], "agent-cancelled", Some(1)).await;
    Sipp::calls(&house, "caller", "100", &Calls::ONE).all_well(1).await;
    let counted = phone.end().await;
    assert_eq!((counted.succeeded, counted.failed), (1, 0), "{}", phone.complaints());
    eventually("anna is free", async || {
        (house.agent_row("anna").await["activity"] == "idle").then_some(())
    })
    .await;
    let ended =
        eventually("the contact ended", async || house.contacts().into_iter().find(|c| c.ended))
            .await;
    assert!(ended.segments.iter().all(|s| s.kind != "talk"), "{ended:?}");
    assert_eq!(Metrics::of(&house).await.sum("dozvon_agent_offers_total", &["caller_gone"]), 1);
}

#[tokio::test]
async fn a_caller_holds_and_resumes() {
    let house = House::open().await;
    let mut anna = house.agent("anna", tone_manner(1000.0)).await;
    Sipp::calls(&house, "hold", "100", &Calls::ONE).all_well(1).await;
    assert!(anna.talked().await.unwrap().time > 4 * SECOND, "the talk outlived the hold");
    let contact =
        eventually("the contact ended", async || house.contacts().into_iter().find(|c| c.ended))
            .await;
    let talks = contact.segments.iter().filter(|s| s.kind == "talk").count();
    assert_eq!(talks, 1, "{contact:?}");
}

#[tokio::test]
async fn an_invite_without_an_offer_is_answered_with_one() {
    let house = House::open().await;
    Sipp::calls(&house, "offerless", "101", &Calls::ONE).all_well(1).await;
}

#[tokio::test]
async fn refusals_say_why() {
    let house = House::open().await;
    Sipp::calls(&house, "codec-mismatch", "100", &Calls::ONE).all_well(1).await;
    Sipp::calls(&house, "wrong-number", "4711", &Calls::ONE).all_well(1).await;
    let metrics = Metrics::of(&house).await;
    for reason in ["no_codec", "unknown_number"] {
        assert_eq!(metrics.sum("dozvon_calls_refused_total", &[reason]), 1, "{reason}");
    }
    assert!(house.contacts().is_empty(), "nobody was on the line");
}

#[tokio::test]
async fn a_caller_over_tcp_talks_to_an_agent_over_udp() {
    let house = House::open().await;
    let phone = come_to_work(&house, &["anna".to_owned()], "agent", Some(1)).await;
    let plan = Calls { tcp: true, ..Calls::ONE };
    Sipp::calls(&house, "caller", "100", &plan).all_well(1).await;
    phone.all_well(1).await;
    let contact =
        eventually("the contact ended", async || house.contacts().into_iter().find(|c| c.ended))
            .await;
    assert!(
        contact.segments.iter().any(|s| s.kind == "talk" && s.agent.as_deref() == Some("anna")),
        "{contact:?}"
    );
    // A phone of ours has no trouble with what SIPp left behind.
    house.call("+77010000001", Source::Silence).await.unwrap().hang_up().await;
}
