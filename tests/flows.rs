//! `dozvon flow` through the real binary: flows that we ship, walked, compared and held to their coverage.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Of nodes and outcomes of the shipped flows, in percent; urgent options and the operator key are always all.
const COVERAGE_FLOOR: &str = "70";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn dozvon(arguments: &[&str], typed: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dozvon"));
    command.current_dir(root()).args(arguments).env("NO_COLOR", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary was built for this test");
    let mut stdin = child.stdin.take().expect("it was piped");
    // A program that reads nothing may be gone already.
    let _ = stdin.write_all(typed.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("all output is UTF-8")
}

/// A folder that is gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("dozvon-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder for the test");
        Folder(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder for the test");
    for entry in fs::read_dir(from).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).expect("it can be copied");
        }
    }
}

fn shipped_flows() -> Vec<String> {
    let entries = fs::read_dir(root().join("ivr-flows")).expect("the flows are there");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let flows = paths.filter(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    let mut names: Vec<String> = flows
        .map(|path| format!("ivr-flows/{}", path.file_name().expect("a name").to_string_lossy()))
        .collect();
    names.sort();
    names
}

#[test]
fn every_shipped_flow_tries_all_its_urgent_options_and_the_operator_key_everywhere() {
    let flows = shipped_flows();
    assert!(!flows.is_empty());
    for flow in flows {
        let output = dozvon(&["flow", "test", &flow, "--coverage-floor", COVERAGE_FLOOR], "");
        let shown = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{flow}:\n{shown}");
        assert!(shown.contains(" 0 failed; "), "{shown}");
    }
}

#[test]
fn below_the_floor_a_flow_fails_and_says_why() {
    let bank =
        fs::read_to_string(root().join("ivr-flows/bank-main.yaml")).expect("the bank's flow");
    let (nodes, _) = bank.split_once("\ntests:\n").expect("it has tests");
    let few = "\ntests: [{name: silence, then: {in_queue: general}}]\n";
    let folder = Folder::new("floor");
    copy_folder(&root().join("ivr-flows/prompts"), &folder.0.join("prompts"));
    fs::write(folder.0.join("few.yaml"), format!("{nodes}{few}")).expect("it can be written");
    let file = folder.path("few.yaml");
    let test = |more: &[&str]| {
        dozvon(&[&["flow", "test", &file, "--config", "config"], more].concat(), "")
    };
    assert_eq!(test(&[]).status.code(), Some(0), "without a floor it is told only");
    let output = test(&["--coverage-floor", "50"]);
    let (shown, why) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{shown}");
    for part in ["urgent options not taken: main by key 1", "operator key was not tried: language"]
    {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
    for part in ["50 % are wanted", "every urgent option", "the operator key must be tried"] {
        assert!(why.contains(part), "{part:?} is not in:\n{why}");
    }
    assert_eq!(test(&["--coverage-floor", "101"]).status.code(), Some(2));
}

#[test]
fn a_flow_is_walked_by_typing_keys() {
    let bank = "ivr-flows/bank-main.yaml";
    let output =
        dozvon(&["flow", "try", bank, "--language", "en"], "\n3\nbot\n0\nanswered\n5\n1\n\n");
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}{}", text(&output.stderr));
    for part in [
        "   0.0 s  greeting  (start)\n",
        "main  (next)",
        "the rollout draws",
        "talks to bot `cards-assistant`",
        "q-general  (operator)",
        "waits in queue `general` for lang:en, priority 4",
        "csi  (answered)",
        "scores: csi 5",
        "the flow hangs up",
    ] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
    let shown = text(&dozvon(&["flow", "try", bank, "--language", "ru"], "0\n").stdout);
    assert!(shown.contains("ru: ") && shown.ends_with("the caller hangs up\n"), "{shown}");
    assert_eq!(dozvon(&["flow", "try", bank, "--at", "noon"], "").status.code(), Some(2));
    assert_eq!(dozvon(&["flow", "try", "nowhere.yaml"], "").status.code(), Some(78));
}

#[test]
fn two_versions_are_compared_in_words() {
    let bank =
        fs::read_to_string(root().join("ivr-flows/bank-main.yaml")).expect("the bank's flow");
    let folder = Folder::new("diff");
    copy_folder(&root().join("ivr-flows/prompts"), &folder.0.join("prompts"));
    let changed = bank.replacen("to: cards, label: cards", "to: q-cards, label: cards", 1);
    let changed = changed.replacen(
        "play: [hello, operator-hint",
        "play: [call-is-recorded, hello, operator-hint",
        1,
    );
    assert_ne!(bank, changed, "plant other changes");
    fs::write(folder.0.join("new.yaml"), &changed).expect("it can be written");
    let new = folder.path("new.yaml");
    let diff = |new: &str, more: &[&str]| {
        let arguments = ["flow", "diff", "ivr-flows/bank-main.yaml", new, "--config", "config"];
        dozvon(&[&arguments[..], more].concat(), "")
    };
    let output = diff(&new, &[]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}{}", text(&output.stderr));
    for part in [
        "the caller has heard how to reach a person after: ",
        "; promised: 15s\n",
        "main: key 3 now leads to `q-cards`, before: `cards`\n",
        "greeting: plays: hello, operator-hint, call-is-recorded -> call-is-recorded, hello, ",
    ] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
    let list: serde_json::Value =
        serde_json::from_slice(&diff(&new, &["--json"]).stdout).expect("JSON");
    assert!(
        list.as_array().expect("a list").iter().any(|change| change["node"] == "main"),
        "{list}"
    );
    let same = text(&diff("ivr-flows/bank-main.yaml", &[]).stdout);
    assert_eq!(same, "callers notice no difference\n");
}
