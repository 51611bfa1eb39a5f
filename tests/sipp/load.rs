//! Fifty calls a second through the IVR and the queue to a hundred and more agents: none fails, and the database, the
//! metrics and SIPp count the same.

use crate::house::{Furnishing, House, eventually};
use crate::sipp::{Calls, Sipp};
use crate::staff::{QUEUES, agents, come_to_work, users};
use crate::{MACHINE, Metrics, SECOND, count, load_secs};

const PER_SECOND: u32 = 50;
/// 50 calls/s of some 3 s each, and half as many again.
const AGENTS: usize = 240;

/// A house for load: many calls at once, ports that come back soon.
pub(crate) fn furnishing(agents_count: usize) -> Furnishing {
    Furnishing {
        rtp_ports: 3_200,
        media: "rtp_port_cooldown_secs = 1\n".into(),
        limits: "calls_max = 800\n".into(),
        files: vec![("agents.toml", agents(agents_count)), ("queues.toml", QUEUES.into())],
        ..Furnishing::default()
    }
}

#[tokio::test]
async fn fifty_calls_a_second_reach_an_agent_each_and_all_books_agree() {
    let _machine = MACHINE.lock().await;
    let house = House::furnished(furnishing(AGENTS)).await;
    let phones = come_to_work(&house, &users(AGENTS), "agent", None).await;
    let calls = u64::from(PER_SECOND) * load_secs(10);
    let plan = Calls { per_second: PER_SECOND, count: calls, hold: 3 * SECOND, ..Calls::ONE };
    Sipp::calls(&house, "caller", "100", &plan).all_well(calls).await;

    let ended = "SELECT count(*) FROM contacts WHERE ended_at IS NOT NULL";
    eventually("all contacts are in the database", async || {
        (count(&house, ended) >= calls).then_some(())
    })
    .await;
    assert_eq!(count(&house, "SELECT count(*) FROM contacts"), calls, "contacts = calls");
    assert_eq!(
        count(&house, "SELECT count(DISTINCT caller) FROM contacts"),
        calls,
        "each caller has one"
    );
    assert_eq!(count(&house, "SELECT count(*) FROM contacts WHERE operator_requested"), calls);
    eventually("the phones have ended their calls", async || {
        (phones.counted().succeeded >= calls).then_some(())
    })
    .await;
    assert_eq!(phones.counted().failed, 0, "{}", phones.complaints());

    let metrics = Metrics::of(&house).await;
    assert_eq!(metrics.sum("dozvon_calls_active", &[]), 0);
    let segments =
        |what: &str| count(&house, &format!("SELECT count(*) FROM segments WHERE {what}"));
    let answered = segments("kind = 'queue' AND outcome = 'answered'");
    assert_eq!(answered, calls, "everybody was connected");
    for (family, labels, database) in [
        ("dozvon_calls_started_total", &["flow=\"bank-main\""][..], calls),
        (
            "dozvon_calls_answered_total",
            &[],
            count(&house, "SELECT count(*) FROM contacts WHERE answered_at NOT NULL"),
        ),
        ("dozvon_calls_ended_total", &[], count(&house, ended)),
        ("dozvon_queue_segments_offered_total", &["queue=\"general\""], segments("kind = 'queue'")),
        (
            "dozvon_queue_segments_ended_total",
            &["queue=\"general\""],
            segments("kind = 'queue' AND to_at NOT NULL"),
        ),
        ("dozvon_queue_segments_ended_total", &["outcome=\"answered\""], answered),
        ("dozvon_queue_wait_seconds_count", &["result=\"answered\""], answered),
        ("dozvon_queue_service_level_total", &[], answered),
        ("dozvon_talk_seconds_count", &["handler=\"human\""], segments("kind = 'talk'")),
        ("dozvon_ivr_exits_total", &["exit=\"operator\""], calls),
        ("dozvon_operator_requests_total", &["how=\"dtmf\""], calls),
        ("dozvon_agent_offers_total", &["result=\"answered\""], answered),
        ("dozvon_store_errors_total", &[], 0),
        ("dozvon_store_dropped_total", &[], 0),
        ("dozvon_events_dropped_total", &[], 0),
    ] {
        assert_eq!(metrics.sum(family, labels), database, "{family} {labels:?}");
    }
    phones.kill().await;
    house.stop().await;
}
