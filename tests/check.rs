//! `dozvon check` through the real binary: broken configurations and flows, and the configuration that we ship.
//!
//! Each folder of tests/broken is a configuration with mistakes, and `expected.txt` in it is what a person sees. After
//! a change of wording: `UPDATE_EXPECT=1 cargo test --test check`, then read the difference.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The exit code of a wrong configuration.
const EX_CONFIG: i32 = 78;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn dozvon(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dozvon"));
    command.current_dir(folder).args(arguments).env("NO_COLOR", "1");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DOZVON_") {
            command.env_remove(name);
        }
    }
    command.output().expect("the binary was built for this test")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("all output is UTF-8")
}

/// What a person sees: mistakes, then the exit code.
fn seen(output: &Output) -> String {
    format!("{}exit code {}\n", text(&output.stderr), output.status.code().unwrap_or(-1))
}

fn broken() -> Vec<String> {
    let entries = fs::read_dir(root().join("tests/broken")).expect("tests/broken is there");
    let folders =
        entries.map(|entry| entry.expect("it can be listed").path()).filter(|path| path.is_dir());
    let mut names: Vec<String> = folders
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn every_broken_configuration_is_told_as_expected() {
    let folder = root().join("tests/broken");
    let mut wrong = Vec::new();
    for name in broken() {
        let shown = seen(&dozvon(&folder, &["check", &name]));
        let path = folder.join(&name).join("expected.txt");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&path, &shown).expect("expected.txt can be written");
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if shown != expected {
            wrong.push(format!("==== {name}: expected\n{expected}==== but got\n{shown}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nIf this is right: UPDATE_EXPECT=1 cargo test --test check",
        wrong.join("\n")
    );
}

#[test]
fn every_mistake_has_its_file_its_line_and_a_cure() {
    let folder = root().join("tests/broken");
    assert!(broken().len() >= 12);
    for name in broken() {
        let output = dozvon(&folder, &["check", &name, "--format", "json"]);
        assert_eq!(output.status.code(), Some(EX_CONFIG), "{name}");
        let list: Value = serde_json::from_slice(&output.stdout).expect("JSON on standard output");
        let list = list.as_array().expect("a list of mistakes");
        assert!(list.iter().any(|mistake| mistake["severity"] == "error"), "{name}");
        for mistake in list {
            let file = mistake["file"].as_str().unwrap_or_default();
            assert!(folder.join(file).exists(), "{name}: there is no {file}: {mistake}");
            assert!(
                mistake["line"].as_u64() >= Some(1) && mistake["column"].as_u64() >= Some(1),
                "{mistake}"
            );
            assert!(
                mistake["cure"].as_str().is_some_and(|cure| cure.len() > 5),
                "{name}: no cure: {mistake}"
            );
        }
    }
}

#[test]
fn all_files_are_told_in_one_pass() {
    let output =
        dozvon(&root().join("tests/broken"), &["check", "99-everything", "--format", "concise"]);
    let shown = text(&output.stderr);
    for file in [
        "dozvon.toml",
        "queues.toml",
        "agents.toml",
        "trunks.toml",
        "numbers.toml",
        "bots.toml",
        "tokens.toml",
        "rollouts/cards.toml",
        "calendars/bank.yaml",
        "main.yaml",
    ] {
        assert!(
            shown.contains(&format!("99-everything/{file}:")),
            "nothing about {file}:\n{shown}"
        );
    }
}

#[test]
fn the_shipped_configuration_has_no_error_and_no_warning() {
    let output = dozvon(&root(), &["check", "config"]);
    assert_eq!(seen(&output), "exit code 0\n");
    assert!(text(&output.stdout).starts_with("config: "), "it says what there is");
    let output = dozvon(&root(), &["check", "config", "--format", "json"]);
    assert_eq!(text(&output.stdout), "[]\n");
}

#[test]
fn generated_files_are_those_of_the_binary() {
    for (arguments, file) in [
        (&["config", "sample"][..], "config/dozvon.toml"),
        (&["config", "reference"], "docs/config.md"),
        (&["prompts", "texts"], "ivr-flows/prompts/values.tsv"),
        (&["flow", "schema"], "ivr-flows/flow.schema.json"),
        (&["flow", "schema", "--subflow"], "ivr-flows/subflow.schema.json"),
    ] {
        let output = dozvon(&root(), arguments);
        let printed = text(&output.stdout);
        let kept = fs::read_to_string(root().join(file)).unwrap_or_default();
        assert!(printed == kept, "{file} is stale: dozvon {} > {file}", arguments.join(" "));
    }
}

#[test]
fn the_environment_is_checked_like_a_file() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dozvon"));
    command
        .current_dir(root())
        .args(["check", "config", "--format", "concise"])
        .env("NO_COLOR", "1");
    command.env("DOZVON__SIP__RELM", "bank").env("DOZVON__LIMITS__CALLS_MAX", "many");
    let output = command.output().expect("the binary was built for this test");
    let shown = text(&output.stderr);
    assert_eq!(output.status.code(), Some(EX_CONFIG));
    for part in
        ["did you mean `DOZVON__SIP__REALM`?", "`many` is no whole number (choose from 1 to 12000)"]
    {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_told_with_the_cure() {
    let output = dozvon(&root(), &["check", "nowhere", "--format", "concise"]);
    let shown = text(&output.stderr);
    assert_eq!(output.status.code(), Some(EX_CONFIG));
    assert!(shown.contains("nowhere/dozvon.toml:1:1: error: there is no such file"), "{shown}");
    assert!(shown.contains("dozvon config sample > nowhere/dozvon.toml"), "{shown}");
}

#[test]
fn serving_a_broken_configuration_ends_at_once_with_its_mistakes() {
    let output = dozvon(&root().join("tests/broken"), &["serve", "--config", "01-unknown-key"]);
    assert_eq!(output.status.code(), Some(EX_CONFIG));
    assert!(text(&output.stderr).contains("did you mean `realm`?"));
}

#[test]
fn the_shipped_flow_passes_its_tests_and_can_be_drawn() {
    let flow = "ivr-flows/bank-main.yaml";
    let output = dozvon(&root(), &["flow", "check", flow]);
    assert_eq!(seen(&output), "exit code 0\n");
    let output = dozvon(&root(), &["flow", "test", flow]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains(" passed, 0 failed; "), "{}", text(&output.stdout));
    let output = dozvon(&root(), &["flow", "graph", flow]);
    assert!(text(&output.stdout).starts_with("flowchart TD"));
    let output = dozvon(&root(), &["flow", "graph", flow, "--format", "dot"]);
    assert!(text(&output.stdout).starts_with("digraph"));
}

#[test]
fn a_flow_that_fails_its_tests_says_where_the_caller_went() {
    let folder = std::env::temp_dir().join(format!("dozvon-flow-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the test");
    let shipped =
        fs::read_to_string(root().join("ivr-flows/bank-main.yaml")).expect("the shipped flow");
    let wrong = shipped.replace("then: {in_queue: loans}", "then: {in_queue: cards}");
    assert_ne!(wrong, shipped, "the shipped flow has another test by now: plant another mistake");
    let file = folder.join("bank-main.yaml");
    fs::write(&file, wrong).expect("it can be written");
    let prompts = root().join("ivr-flows/prompts");
    copy_folder(&prompts, &folder.join("prompts"));
    let subflow = root().join("ivr-flows/identify.yaml");
    fs::copy(subflow, folder.join("identify.yaml")).expect("it can be copied");
    let config = root().join("config").display().to_string();
    let output =
        dozvon(&root(), &["flow", "test", &file.display().to_string(), "--config", &config]);
    let _ = fs::remove_dir_all(&folder);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{shown}{}", text(&output.stderr));
    for part in ["FAIL loans in opening hours", "way: ", "loans-hours", "1 failed"] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
}

/// A configuration with two calendars, queues of which one has hours, a site, and a flow that doesn't do what its test
/// says.
fn with_hours() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("dozvon-hours-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder for the test");
        fs::write(path, text).expect("it can be written");
    };
    let prompts = root().join("ivr-flows/prompts").display().to_string();
    write("dozvon.toml", &format!("[flows]\nfolder = \".\"\nprompts = \"{prompts}\"\n"));
    let queues =
        "[[queue]]\nname = \"general\"\n\n[[queue]]\nname = \"loans\"\ncalendar = \"office\"\n";
    write("queues.toml", queues);
    write("numbers.toml", "[[number]]\ndial = \"101\"\necho = true\n");
    let site = "[[site]]\nname = \"almaty\"\nnumbers = [\"101\"]\nduty_number = \"+77270000112\"\n";
    write("sites.toml", site);
    let shipped = root().join("config/calendars/holidays/kazakhstan.ics");
    let holidays = fs::read_to_string(shipped).expect("it can be read");
    write("calendars/holidays/kz.ics", &holidays);
    let office = "calendar: office\nzone: Asia/Almaty\nweekly:\n  mon-fri: [09:00-18:00]\nholiday_lists: [kz]\n\
                  holidays:\n  - {date: 2026-12-31, name: short, hours: [09:00-15:00]}\n";
    write("calendars/office.yaml", office);
    let saturdays = "BEGIN:VCALENDAR\nX-WR-TIMEZONE:Europe/Berlin\nBEGIN:VEVENT\nSUMMARY:Open on Saturdays\n\
                     DTSTART:20260103T100000\nDTEND:20260103T140000\nRRULE:FREQ=WEEKLY\nEND:VEVENT\nEND:VCALENDAR\n";
    write("calendars/branch.ics", saturdays);
    let flow = "flow: late\nlanguages: [ru]\nstart: wait\noperator: {keys: [\"0\"], to: wait}\nnodes:\n  \
                wait: {queue: {name: general, max_wait: 5m, after: {answered: bye, max_wait: bye, nobody: bye}}}\n  \
                bye: {hangup: {play: goodbye}}\n\
                tests:\n  - {name: loans wait, then: {in_queue: loans}}\n";
    write("late.yaml", flow);
    folder
}

#[test]
fn hours_are_told_with_the_line_that_makes_them_and_their_end() {
    let folder = with_hours();
    let ask = |more: &[&str]| dozvon(&folder, &[&["hours", "--config", "."], more].concat());
    let all = ask(&["--at", "2026-12-31T16:00"]);
    let holiday = ask(&["--at", "2026-12-15T20:00:00Z", "--queue", "loans", "--json"]);
    let open = ask(&["--at", "2026-07-04T11:00+02:00", "--calendar", "branch"]);
    let unknown = ask(&["--queue", "cards"]);
    let no_moment = ask(&["--at", "noon"]);
    let check = dozvon(&folder, &["check", "."]);
    let _ = fs::remove_dir_all(&folder);
    assert_eq!(
        text(&all.stdout),
        "calendar branch: closed until 2027-01-02T10:00:00+01:00\n  by: no line opens it\n\
         calendar office: closed until 2027-01-01T00:00:00+05:00\n  by: short (./calendars/office.yaml:7)\n  \
         opens: 2027-01-04T09:00:00+05:00\n\
         queue general: open: it has no calendar\n\
         queue loans: closed until 2027-01-01T00:00:00+05:00\n  by: short (./calendars/office.yaml:7)\n  \
         calendar office; who waits when it closes is served for 600 s more\n  \
         opens: 2027-01-04T09:00:00+05:00\n\
         site almaty: normal; in an emergency its calls go to number +77270000112\n",
        "{}",
        text(&all.stderr)
    );
    assert_eq!(check.status.code(), Some(EX_CONFIG), "it is not to be served");
    assert!(text(&check.stderr).contains("test `loans wait`"), "{}", text(&check.stderr));
    let rows: Value = serde_json::from_slice(&holiday.stdout).expect("JSON on standard output");
    let row = &rows[0];
    assert_eq!((rows.as_array().map(Vec::len), row["state"].as_str()), (Some(1), Some("holiday")));
    assert_eq!(row["rule"]["says"], "Independence Day");
    assert_eq!(row["rule"]["file"], "./calendars/holidays/kz.ics");
    assert!(row["rule"]["line"].as_u64() > Some(3), "{row}");
    assert_eq!(
        (&row["at"], &row["until"]),
        (&"2026-12-16T01:00:00+05:00".into(), &"2026-12-17T00:00:00+05:00".into())
    );
    let shown = text(&open.stdout);
    assert_eq!(
        shown,
        "calendar branch: open until 2026-07-04T14:00:00+02:00\n  by: Open on Saturdays (./calendars/branch.ics:3)\n"
    );
    assert_eq!((unknown.status.code(), no_moment.status.code()), (Some(2), Some(2)));
    assert!(text(&unknown.stderr).contains("there is no queue `cards`"));
    assert!(text(&no_moment.stderr).contains("2026-01-01T09:00"));
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

#[test]
fn an_agents_password_is_made_once_and_its_hashes_are_accepted() {
    let folder = std::env::temp_dir().join(format!("dozvon-password-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for the test");
    let write =
        |name: &str, text: &str| fs::write(folder.join(name), text).expect("it can be written");
    let prompts = root().join("ivr-flows/prompts").display().to_string();
    write("dozvon.toml", &format!("[flows]\nfolder = \".\"\nprompts = \"{prompts}\"\n"));
    write("agents.toml", "[[agent]]\nuser = \"anna\"\n");
    let ask = |more: &[&str]| {
        let arguments = [&["agent-password", "anna", "--config", "."], more].concat();
        text(&dozvon(&folder, &arguments).stdout)
    };
    let password = ask(&[]);
    assert_eq!((password.trim().len(), ask(&[])), (20, password.clone()));
    let hashes = ask(&["--hashes"]);
    assert_ne!(ask(&["--renew"]), password);
    write("agents.toml", &format!("[[agent]]\nuser = \"anna\"\n{hashes}"));
    let checked = dozvon(&folder, &["check", "."]);
    let unknown = dozvon(&folder, &["agent-password", "ana", "--config", "."]);
    let _ = fs::remove_dir_all(&folder);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    assert_eq!(unknown.status.code(), Some(EX_CONFIG));
    assert!(text(&unknown.stderr).contains("did you mean `anna`?"), "{}", text(&unknown.stderr));
}

#[test]
fn a_plan_is_counted_and_one_that_cannot_finish_is_refused() {
    let file = "config/rollouts/plans/cards.toml";
    let plan = |callers: &str| {
        dozvon(&root(), &["rollout", "plan", file, "--calls-per-day", callers, "--json"])
    };
    let (many, few) = (plan("2000"), plan("200"));
    let json = |output: &Output| -> Value { serde_json::from_slice(&output.stdout).expect("JSON") };
    assert_eq!((many.status.code(), few.status.code()), (Some(0), Some(1)));
    assert_eq!(json(&many)["needs"]["days"], 42, "six weeks");
    let found = &json(&few)["findings"][0];
    assert_eq!((&found["line"], &found["severity"]), (&13.into(), &"error".into()), "{found}");
    assert!(found["message"].as_str().unwrap().contains("days"), "{found}");
    let shown =
        text(&dozvon(&root(), &["rollout", "plan", file, "--calls-per-day", "2000"]).stdout);
    assert!(shown.contains("in all 42 days, 6.0 weeks"), "{shown}");
}

#[test]
fn the_help_of_every_command_has_an_example() {
    for arguments in [
        &["--help"][..],
        &["serve", "--help"],
        &["demo", "--help"],
        &["check", "--help"],
        &["call", "--help"],
        &["hours", "--help"],
        &["flow", "check", "--help"],
        &["flow", "test", "--help"],
        &["flow", "graph", "--help"],
        &["flow", "diff", "--help"],
        &["flow", "try", "--help"],
        &["flow", "schema", "--help"],
        &["prompts", "texts", "--help"],
        &["prompts", "check", "--help"],
        &["prompts", "build", "--help"],
        &["prompts", "import", "--help"],
        &["rollout", "plan", "--help"],
        &["rollout", "status", "--help"],
        &["rollout", "explain", "--help"],
        &["rollout", "promote", "--help"],
        &["agent-password", "--help"],
    ] {
        let shown = text(&dozvon(&root(), arguments).stdout);
        assert!(
            shown.contains("Example") && shown.contains("  dozvon "),
            "{arguments:?}:\n{shown}"
        );
    }
    assert!(text(&dozvon(&root(), &["--version"]).stdout).starts_with("dozvon "));
    assert_eq!(dozvon(&root(), &["chekc"]).status.code(), Some(2), "wrong arguments");
}
