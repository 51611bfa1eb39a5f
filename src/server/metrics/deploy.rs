//! What is shipped in `deploy/` for Prometheus and Grafana fits the figures that are exported here.

use super::tests::exported;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The words of a text that begin like a metric of ours, without what a histogram appends to them.
fn metrics_named_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    let ours = words.filter(|word| word.starts_with("dozvon_") || word.starts_with("process_"));
    ours.map(|word| {
        let histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end));
        histogram.unwrap_or(word).to_owned()
    })
    .collect()
}

#[test]
fn rules_and_dashboard_name_only_figures_that_are_exported() {
    let text = exported();
    let exported: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned))
        .collect();
    let recording = read("deploy/prometheus/recording.yaml");
    let recorded: BTreeSet<&str> =
        recording.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).collect();
    for name in [
        "deploy/prometheus/recording.yaml",
        "deploy/prometheus/alerts.yaml",
        "deploy/prometheus/rules_test.yml",
        "deploy/grafana/dozvon.json",
    ] {
        let text = read(name);
        let unknown: Vec<_> = metrics_named_in(&text).difference(&exported).cloned().collect();
        assert_eq!(unknown, [""; 0], "{name} names what nobody exports");
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
        for rule in words.filter(|word| word.starts_with("dozvon:")) {
            assert!(recorded.contains(rule), "{name}: `{rule}` is recorded nowhere");
        }
    }
}

#[test]
fn every_alert_has_its_chapter_in_the_runbook_and_every_chapter_its_alert() {
    let alerts = read("deploy/prometheus/alerts.yaml");
    let alerts: BTreeSet<&str> =
        alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let runbook = read("docs/runbook.md");
    let chapters: BTreeSet<&str> =
        runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(alerts, chapters);
    for alert in alerts {
        let link = format!("docs/runbook.md#{}", alert.to_lowercase());
        assert!(read("deploy/prometheus/alerts.yaml").contains(&link), "{alert} links nowhere");
    }
}

#[test]
fn promtool_checks_and_tests_the_rules() {
    for arguments in [
        ["check", "config", "deploy/prometheus/prometheus.yml"],
        ["test", "rules", "deploy/prometheus/rules_test.yml"],
    ] {
        let promtool = Command::new("promtool").args(arguments).current_dir(file(".")).output();
        // Without promtool (Debian package `prometheus`) the other tests must do.
        let Ok(output) = promtool else { return };
        let said = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{arguments:?}: {said}");
    }
}

#[test]
fn the_dashboard_has_an_id_for_each_panel_and_a_unit_for_each_figure() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&read("deploy/grafana/dozvon.json")).unwrap();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{} twice", panel["id"]);
        if panel["type"] != "row" {
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{}", panel["title"]);
            assert!(!panel["targets"].as_array().unwrap().is_empty(), "{}", panel["title"]);
        }
    }
}
