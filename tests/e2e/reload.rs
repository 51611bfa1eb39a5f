//! Another version of flows and prompts while callers are there: all at once, or not at all.

use crate::house::{Furnishing, House, eventually, tone_manner};
use crate::phone::Source;
use serde_json::Value;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A flow that begins at this node.
pub(crate) fn flow(start: &str, news: &str) -> String {
    format!(
        r##"
flow: bank-main
languages: [ru]
start: {start}
operator: {{keys: ["0"], to: q}}
nodes:
  news: {{say: {{play: [{news}], next: q}}}}
  q: {{queue: {{name: general, max_wait: 10m, after: {{answered: bye, max_wait: bye, nobody: bye}}}}}}
  bye: {{hangup: {{play: goodbye}}}}
tests:
  - {{name: everybody waits, then: {{in_queue: general}}}}
"##
    )
}

pub(crate) async fn house(text: &str) -> House {
    let house =
        House::furnished(Furnishing { flow: Some(text.to_owned()), ..Furnishing::default() }).await;
    own_prompts(&house.folder().join("flows/prompts"));
    house
}

/// The house's prompts become its own, so that one more can be laid beside them.
fn own_prompts(prompts: &Path) {
    let shipped = std::fs::read_link(prompts).unwrap();
    std::fs::remove_file(prompts).unwrap();
    std::fs::create_dir_all(prompts.join("ru")).unwrap();
    for (from, to) in
        [(shipped.clone(), prompts.to_owned()), (shipped.join("ru"), prompts.join("ru"))]
    {
        for entry in std::fs::read_dir(from).unwrap().flatten() {
            let _ = symlink(entry.path(), to.join(entry.file_name()));
        }
    }
}

pub(crate) fn record(house: &House, name: &str, hz: f64, secs: u32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let path = house.folder().join(format!("flows/prompts/ru/{name}.wav"));
    let mut file = hound::WavWriter::create(path, spec).unwrap();
    for n in 0..secs * 8_000 {
        let phase = f64::from(n) / 8_000.0 * hz * std::f64::consts::TAU;
        file.write_sample((phase.sin() * 8_000.0) as i16).unwrap();
    }
    file.finalize().unwrap();
}

pub(crate) fn write(house: &House, name: &str, text: &str) {
    std::fs::write(house.folder().join(name), text).unwrap();
}

pub(crate) async fn reload(house: &House) -> (u16, Value) {
    let (code, body) = house.post("/api/v1/reload", "").await;
    (code, serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}")))
}

pub(crate) async fn version(house: &House) -> Value {
    serde_json::from_str(&house.get("/api/v1/version").await.1).unwrap()
}

/// Who waits goes on where he is, the next one hears the new recording; each contact names its version.
#[tokio::test]
async fn callers_end_in_the_version_they_began_in_and_new_ones_hear_the_new_one() {
    let house = house(&flow("q", "goodbye")).await;
    let before = version(&house).await;
    let mut first = house.call("+77015550101", Source::Silence).await.unwrap();
    assert!(first.stay(SECOND).await);

    write(&house, "flows/bank-main.yaml", &flow("news", "latest"));
    record(&house, "latest", 900.0, 2);
    let (code, after) = reload(&house).await;
    assert_eq!(code, 200, "{after}");
    assert_ne!(after["version"], before["version"]);
    assert_eq!(after["last_attempt"]["taken"], true);
    assert_eq!(version(&house).await["version"], after["version"]);
    let (code, again) = reload(&house).await;
    assert_eq!((code, &again["version"]), (200, &after["version"]), "nothing has changed since");

    let mut second = house.call("+77015550102", Source::Silence).await.unwrap();
    assert!(second.stay(3 * SECOND).await && first.stay(SECOND).await);
    record(&house, "latest", 1300.0, 2);
    let (code, third_version) = reload(&house).await;
    assert_eq!(code, 200, "{third_version}");
    assert_ne!(third_version["flows"], after["flows"], "a new recording is a new version");
    let mut third = house.call("+77015550103", Source::Silence).await.unwrap();
    assert!(third.stay(3 * SECOND).await);

    let _anna = house.agent("anna", tone_manner(1000.0)).await;
    assert!(first.stay(4 * SECOND).await, "who waited first is answered");
    let heard = first.hang_up().await;
    assert!(heard.tone_secs(1000) > 1.0 && heard.tone_secs(900) < 0.1, "{heard:?}");
    let heard = second.hang_up().await;
    assert!(heard.tone_secs(900) > 1.5 && heard.tone_secs(1300) < 0.1, "{heard:?}");
    let heard = third.hang_up().await;
    assert!(heard.tone_secs(1300) > 1.5 && heard.tone_secs(900) < 0.1, "{heard:?}");

    let contacts = eventually("all have ended", async || {
        let body: Value = serde_json::from_str(&house.get("/api/v1/contacts").await.1).ok()?;
        let all = body["contacts"].as_array()?.clone();
        let ended = all.iter().all(|contact| contact["ended_at"].is_string());
        (ended && all.len() == 3).then_some(all)
    })
    .await;
    let versions: Vec<&Value> = contacts.iter().rev().map(|c| &c["flow_version"]).collect();
    let named = |told: &Value| told["flows"][0]["version"].clone();
    assert_eq!(versions, [&named(&before), &named(&after), &named(&third_version)]);
    house.stop().await;
}

/// A mistake anywhere changes nothing, and everyone can see why.
#[tokio::test]
async fn a_broken_version_changes_nothing_and_tells_every_reason() {
    let good = flow("q", "goodbye");
    let house = house(&good).await;
    let before = version(&house).await;
    let config = house.folder().to_owned();
    let queues = std::fs::read_to_string(config.join("queues.toml")).unwrap();
    let more = format!("{queues}\n[[queue]]\nname = \"newcomer\"\n");
    let untold = good.replace("in_queue: general", "in_queue: cards");
    for (file, text, file_told, message) in [
        ("flows/bank-main.yaml", flow("nowhere", "goodbye"), "bank-main.yaml", "`nowhere`"),
        ("flows/bank-main.yaml", flow("q", "never-recorded"), "bank-main.yaml", "never-recorded"),
        ("flows/bank-main.yaml", untold, "bank-main.yaml", "everybody waits"),
        ("queues.toml", more, "", "counts only after a restart"),
    ] {
        let was = std::fs::read_to_string(config.join(file)).unwrap();
        write(&house, file, &text);
        let (code, told) = reload(&house).await;
        assert_eq!(code, 422, "{message}: {told}");
        let findings = told["findings"].as_array().unwrap();
        let is_told = |finding: &&Value| {
            finding["severity"] == "error"
                && finding["message"].as_str().unwrap().contains(message)
                && finding["file"].as_str().unwrap().ends_with(file_told)
        };
        assert!(findings.iter().any(|finding| is_told(&finding)), "{message}: {told}");
        let now = version(&house).await;
        assert_eq!((&now["version"], &now["since"]), (&before["version"], &before["since"]));
        assert_eq!(now["last_attempt"]["taken"], false);
        let metrics = house.get("/metrics").await.1;
        assert!(metrics.contains("dozvon_config_last_reload_successful 0"), "{metrics}");
        write(&house, file, &was);
    }
    let mut call = house.call("+77015550101", Source::Silence).await.unwrap();
    assert!(call.stay(SECOND).await, "callers go on as before");
    call.hang_up().await;

    // A signal does it as well.
    write(&house, "flows/bank-main.yaml", &flow("news", "goodbye"));
    house.signal("HUP");
    let after = eventually("the signal is obeyed", async || {
        Some(version(&house).await).filter(|now| now["version"] != before["version"])
    })
    .await;
    assert_eq!(after["last_attempt"]["by"], "SIGHUP");
    let metrics = house.get("/metrics").await.1;
    assert!(metrics.contains("dozvon_config_last_reload_successful 1"), "{metrics}");
    assert!(metrics.contains("dozvon_config_reloads_total{result=\"refused\"} 4"), "{metrics}");
    house.stop().await;
}
