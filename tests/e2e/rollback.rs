//! Versions that were in force are put in force again; files that change are taken by themselves.

use crate::house::{Furnishing, House, eventually};
use crate::phone::Source;
use crate::reload::{flow, house, record, reload, version, write};
use serde_json::Value;
use std::io::Write as _;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

async fn versions(house: &House) -> Value {
    serde_json::from_str(&house.get("/api/v1/versions").await.1).unwrap()
}

async fn rollback(house: &House, version: &Value) -> (u16, Value) {
    let wish = serde_json::json!({ "version": version }).to_string();
    let (code, body) = house.post("/api/v1/rollback", &wish).await;
    (code, serde_json::from_str(&body).unwrap())
}

/// The same from the shell.
async fn flow_command(house: &House, word: &str) -> String {
    let (folder, url) =
        (house.folder().display().to_string(), format!("http://{}", house.http_address()));
    let output = house.command(&["flow", word, "--config", &folder, "--url", &url]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Recordings and flows come back as they were, whatever is on disk; a restart keeps to it, and a reload ends it.
#[tokio::test]
async fn a_version_comes_back_whole_stays_over_a_restart_and_leaves_the_files_alone() {
    let house = house(&flow("q", "goodbye")).await;
    record(&house, "latest", 900.0, 2);
    write(&house, "flows/bank-main.yaml", &flow("news", "latest"));
    let (code, good) = reload(&house).await;
    assert_eq!(code, 200, "{good}");
    record(&house, "latest", 1300.0, 2);
    let (code, bad) = reload(&house).await;
    assert_eq!(code, 200, "{bad}");
    let told = versions(&house).await;
    let kept = told["kept"].as_array().unwrap();
    assert_eq!(kept.len(), 3, "{told}");
    assert_eq!((&kept[0]["version"], &kept[1]["version"]), (&bad["version"], &good["version"]));
    assert_eq!((&kept[0]["in_force"], &kept[2]["by"]), (&true.into(), &"start".into()));
    let listed = flow_command(&house, "versions").await;
    assert!(listed.contains(&format!("* {}", bad["version"].as_str().unwrap())), "{listed}");

    let back = flow_command(&house, "rollback").await;
    let good_version = good["version"].as_str().unwrap();
    assert!(
        back.contains(good_version) && back.contains("in place of the files on disk"),
        "{back}"
    );
    let now = version(&house).await;
    assert_eq!((&now["version"], &now["flows"]), (&good["version"], &good["flows"]));
    assert_eq!(now["rolled_back"]["files"], bad["version"]);
    assert_eq!(now["last_attempt"]["version"], good["version"]);
    let mut call = house.call("+77015550101", Source::Silence).await.unwrap();
    assert!(call.stay(3 * SECOND).await);
    let heard = call.hang_up().await;
    assert!(heard.tone_secs(900) > 1.5 && heard.tone_secs(1300) < 0.1, "{heard:?}");
    assert!(house.get("/metrics").await.1.contains("dozvon_config_rolled_back 1"));

    // Again as it was left: the files on disk have not changed.
    house.stop().await;
    let events = std::fs::read_to_string(house.folder().join("events.jsonl")).unwrap();
    let mut changed = events.lines().rev().filter(|line| line.contains("\"policy_changed\""));
    assert!(
        changed.next().unwrap().contains(good_version),
        "it is in the event log, with who did it"
    );
    let house = house.open_again().await;
    let now = version(&house).await;
    assert_eq!((&now["version"], &now["rolled_back"]["by"]), (&good["version"], &"admin".into()));
    assert!(house.log().contains("rolled back: a kept version is in force"), "{}", house.log());
    // Who wishes for the files on disk has them.
    let (code, told) = reload(&house).await;
    assert_eq!((code, &told["version"]), (200, &bad["version"]), "{told}");
    assert!(
        told["rolled_back"].is_null()
            && versions(&house).await["kept"].as_array().unwrap().len() == 3
    );

    // A restart after the files have changed takes the files.
    let (code, told) = rollback(&house, &good["version"]).await;
    assert_eq!((code, &told["version"]), (200, &good["version"]), "{told}");
    house.stop().await;
    write(&house, "flows/bank-main.yaml", &flow("q", "goodbye"));
    let house = house.open_again().await;
    let now = version(&house).await;
    assert!(now["rolled_back"].is_null() && now["version"] != good["version"], "{now}");
    house.stop().await;
}

/// What is not kept, or not whole any more, changes nothing; secrets are not kept at all.
#[tokio::test]
async fn a_version_that_is_not_whole_is_refused_and_no_secret_is_kept() {
    let house = house(&flow("q", "goodbye")).await;
    let before = eventually("the first version is kept", async || {
        versions(&house).await["kept"].get(0).cloned()
    })
    .await;
    let (code, told) = rollback(&house, &Value::Null).await;
    assert_eq!(code, 404, "there was none before: {told}");
    assert_eq!(rollback(&house, &"0123456789ab".into()).await.0, 404);
    assert_eq!(rollback(&house, &"../../../etc/passwd".into()).await.0, 404);
    write(&house, "flows/bank-main.yaml", &flow("news", "goodbye"));
    let (code, now) = reload(&house).await;
    assert_eq!(code, 200, "{now}");

    let folder = house.folder().join("versions");
    let secret = std::fs::read_to_string(house.folder().join("secrets/tokens/admin")).unwrap();
    let mut flows = Vec::new();
    for entry in std::fs::read_dir(folder.join("objects")).unwrap().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(secret.trim()), "a token is kept in {:?}", entry.path());
        if text.contains("flow: bank-main") && text.contains("start: q") {
            flows.push(entry.path());
        }
    }
    std::fs::write(&flows[0], flow("bye", "goodbye")).unwrap();
    let (code, told) = rollback(&house, &before["version"]).await;
    assert_eq!(code, 422, "{told}");
    assert!(told["findings"][0]["message"].as_str().unwrap().contains("altered"), "{told}");
    assert_eq!(version(&house).await["version"], now["version"]);
    house.stop().await;
}

/// A kept version that is not whole at the next start is given up for good: whole again, it doesn't come back.
#[tokio::test]
async fn a_version_that_is_spoilt_at_a_start_is_not_rolled_back_to_any_more() {
    let house = house(&flow("q", "goodbye")).await;
    let before = version(&house).await;
    write(&house, "flows/bank-main.yaml", &flow("news", "goodbye"));
    let (code, disk) = reload(&house).await;
    assert_eq!(code, 200, "{disk}");
    let (code, told) = rollback(&house, &before["version"]).await;
    assert_eq!(code, 200, "{told}");
    house.stop().await;

    let folder = house.folder().join("versions");
    let list = folder.join(format!("{}.json", before["version"].as_str().unwrap()));
    let whole = std::fs::read(&list).unwrap();
    std::fs::write(&list, "{}").unwrap();
    let house = house.open_again().await;
    let now = version(&house).await;
    assert_eq!((&now["version"], &now["rolled_back"]), (&disk["version"], &Value::Null));
    assert!(house.log().contains("the files on disk count"), "{}", house.log());
    house.stop().await;

    std::fs::write(&list, whole).unwrap();
    let house = house.open_again().await;
    let now = version(&house).await;
    assert_eq!((&now["version"], &now["rolled_back"]), (&disk["version"], &Value::Null));
    house.stop().await;
}

/// Files are taken when they are left alone, never in between; a broken save changes nothing and is told.
#[tokio::test]
async fn changed_files_are_taken_by_themselves_when_whole_and_told_of_when_broken() {
    let with =
        Furnishing { flow: Some(flow("q", "goodbye")), watch: true, ..Furnishing::default() };
    let house = House::furnished(with).await;
    let before = version(&house).await;
    let text = flow("news", "hello");
    let path = house.folder().join("flows/bank-main.yaml");
    let mut file = std::fs::File::create(&path).unwrap();
    // A slow hand: whatever part of it were taken would be refused.
    let mut writing = tokio::time::interval(Duration::from_millis(300));
    for piece in text.as_bytes().chunks(text.len().div_ceil(12)) {
        writing.tick().await;
        file.write_all(piece).unwrap();
    }
    drop(file);
    let changed =
        async || Some(version(&house).await).filter(|now| now["version"] != before["version"]);
    let after = eventually("the new flow is taken", changed).await;
    assert_eq!(after["last_attempt"]["by"], "file watch");
    let metrics = house.get("/metrics").await.1;
    for line in [
        "dozvon_config_reloads_total{result=\"taken\"} 1",
        "dozvon_config_reloads_total{result=\"refused\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }

    std::fs::write(&path, flow("nowhere", "hello")).unwrap();
    let told = eventually("the broken save is told", async || {
        Some(versions(&house).await)
            .filter(|told| told["in_force"]["last_attempt"]["taken"] == false)
    })
    .await;
    assert_eq!(told["in_force"]["version"], after["version"], "nothing has changed");
    assert!(told.to_string().contains("`nowhere`"), "{told}");
    assert!(house.log().contains("not reloaded") && house.log().contains("nowhere"));
    assert!(house.get("/metrics").await.1.contains("dozvon_config_last_reload_successful 0"));

    // Rolled back, it stays so: the files have not changed since.
    let (code, told) = rollback(&house, &before["version"]).await;
    assert_eq!(code, 200, "{told}");
    assert_eq!(told["rolled_back"]["files"], after["version"]);
    std::fs::write(&path, flow("news", "goodbye")).unwrap();
    eventually("files that change are taken again", async || {
        let now = version(&house).await;
        (now["rolled_back"].is_null() && now["last_attempt"]["taken"] == true).then_some(())
    })
    .await;
    house.stop().await;
}
