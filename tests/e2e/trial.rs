//! A new version of a flow on a share of the callers, over real SIP: who is drawn hears it, the next version of the
//! share counts for the next caller, and each contact names the flow that he heard.

use crate::house::{House, eventually};
use crate::phone::Source;
use crate::reload::{flow, house, record, reload, write};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The trial at this share. By this salt the first caller below is drawn at 1/2, and the second is not.
fn trial(share: &str) -> String {
    format!(
        "[[rollout]]\nname = \"news\"\nflow = \"bank-main\"\ncandidate = \"bank-next\"\n\
         salt = \"b\"\nshare = \"{share}\"\n"
    )
}

/// Seconds of the tones of the present flow and of the new one that a caller hears.
async fn hears(house: &House, number: &str) -> (f64, f64) {
    let mut call = house.call(number, Source::Silence).await.unwrap();
    assert!(call.stay(Duration::from_secs(3)).await);
    let heard = call.hang_up().await;
    (heard.tone_secs(900), heard.tone_secs(1300))
}

#[tokio::test]
async fn who_is_drawn_hears_the_new_flow_and_everybody_else_the_present_one() {
    let house = house(&flow("news", "goodbye")).await;
    record(&house, "present", 900.0, 2);
    record(&house, "new", 1300.0, 2);
    write(&house, "flows/bank-main.yaml", &flow("news", "present"));
    let next = flow("news", "new").replace("flow: bank-main", "flow: bank-next");
    write(&house, "flows/bank-next.yaml", &next);
    let [first, second] = ["+77015550101", "+77015550102"];
    for (share, new) in [("0", [false; 2]), ("1/2", [true, false]), ("all", [true; 2])] {
        write(&house, "rollouts/news.toml", &trial(share));
        let (code, told) = reload(&house).await;
        assert_eq!(code, 200, "{told}");
        for (number, new) in [first, second].into_iter().zip(new) {
            let (of_present, of_new) = hears(&house, number).await;
            let (heard, other) = if new { (of_new, of_present) } else { (of_present, of_new) };
            assert!(heard > 1.5 && other < 0.1, "{number} at {share}: {of_present} {of_new}");
        }
    }
    let contacts = eventually("all have ended", async || {
        let body: Value = serde_json::from_str(&house.get("/api/v1/contacts").await.1).ok()?;
        let all = body["contacts"].as_array()?.clone();
        let ended = all.iter().all(|contact| contact["ended_at"].is_string());
        (ended && all.len() == 6).then_some(all)
    })
    .await;
    let mut flows: BTreeMap<(String, String), u32> = BTreeMap::new();
    for contact in &contacts {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let arm = &contact["arms"][0];
        assert_eq!((&arm["option"], &arm["tried"]), (&"news".into(), &"flow".into()));
        *flows.entry((text(&contact["flow"]), text(&arm["arm"]))).or_default() += 1;
    }
    let told = [(("bank-main", "people"), 3), (("bank-next", "bot"), 3)];
    let told = told.map(|((flow, arm), count)| ((flow.to_owned(), arm.to_owned()), count));
    assert_eq!(flows, BTreeMap::from(told));
    let metrics = house.get("/metrics").await.1;
    for line in [
        "dozvon_calls_started_total{flow=\"bank-next\"} 3",
        "dozvon_rollout_draws_total{arm=\"bot\",option=\"news\"} 3",
        "dozvon_flow_astray_total{flow=\"bank-main\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
    house.stop().await;
}
