//! `dozvon flow` through the real binary: flows that we ship, walked, compared and held to their coverage, and broken
//! ones.
//!
//! Each file of tests/flows/broken breaks the rule in its name, and the file `.txt` of that name is what a person sees.
//! After a change of wording: `UPDATE_EXPECT=1 cargo test --test flows`, then read the difference.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

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

/// Puts what the bank's flow leans on into a folder: recordings, and the sub-flow that it calls.
fn beside(folder: &Folder) {
    copy_folder(&root().join("ivr-flows/prompts"), &folder.0.join("prompts"));
    let subflow = root().join("ivr-flows/identify.yaml");
    fs::copy(subflow, folder.0.join("identify.yaml")).expect("it can be copied");
}

fn shipped_flows() -> Vec<String> {
    let entries = fs::read_dir(root().join("ivr-flows")).expect("the flows are there");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let is_flow = |path: &PathBuf| {
        let is_yaml = path.extension().is_some_and(|ending| ending == "yaml");
        is_yaml && !fs::read_to_string(path).expect("it can be read").contains("\nsubflow: ")
    };
    let flows = paths.filter(is_flow);
    let mut names: Vec<String> = flows
        .map(|path| format!("ivr-flows/{}", path.file_name().expect("a name").to_string_lossy()))
        .collect();
    names.sort();
    names
}

#[test]
fn every_shipped_flow_tries_all_its_urgent_options_and_the_operator_key_everywhere() {
    let flows = shipped_flows();
    assert!(flows.len() >= 3, "{flows:?}");
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
    beside(&folder);
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
    beside(&folder);
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
    let alone = Folder::new("diff-alone");
    fs::write(alone.0.join("old.yaml"), &changed).expect("it can be written");
    let by_itself = ["flow", "diff", &alone.path("old.yaml"), "ivr-flows/bank-main.yaml"];
    let output = dozvon(&by_itself, "");
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}{}", text(&output.stderr));
    assert!(shown.contains("main: key 3 now leads to `cards`, before: `q-cards`\n"), "{shown}");
    let same = text(&diff("ivr-flows/bank-main.yaml", &[]).stdout);
    assert_eq!(same, "callers notice no difference\n");
}

// ---- broken flows -------------------------------------------------------------------------------

/// Seconds of the recordings of the broken flows: in Kazakh everything takes a second longer.
const SECONDS: [(&str, u32); 9] = [
    ("hello", 2),
    ("operator-hint", 2),
    ("opt-stolen", 2),
    ("opt-cards", 2),
    ("enter-code", 2),
    ("goodbye", 1),
    ("advert", 9),
    ("only-ru", 1),
    ("say-0", 1),
];

/// The broken flows with recordings of known lengths beside them.
fn broken(what: &str) -> (Folder, Vec<String>) {
    let folder = Folder::new(what);
    let source = root().join("tests/flows/broken");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    for (language, more) in [("ru", 0), ("kk", 1)] {
        let prompts = folder.0.join("prompts").join(language);
        fs::create_dir_all(&prompts).expect("a folder for recordings");
        for (name, secs) in SECONDS.iter().filter(|(name, _)| *name != "only-ru" || more == 0) {
            let path = prompts.join(format!("{name}.wav"));
            let mut wav = hound::WavWriter::create(path, spec).expect("it can be written");
            for _ in 0..(secs + more) * spec.sample_rate {
                wav.write_sample(0i16).expect("it can be written");
            }
            wav.finalize().expect("it can be written");
        }
    }
    let texts = folder.0.join("prompts/prompts.yaml");
    fs::copy(source.join("prompts.yaml"), texts).expect("it can be copied");
    let mut names = Vec::new();
    for entry in fs::read_dir(&source).expect("the flows are there") {
        let path = entry.expect("it can be listed").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if name.ends_with(".yaml") && name != "prompts.yaml" {
            fs::copy(&path, folder.0.join(&name)).expect("it can be copied");
            // The others are the sub-flows that these call.
            names.extend(name.starts_with(['F', 'Y']).then_some(name));
        }
    }
    names.sort();
    (folder, names)
}

fn check(folder: &Folder, name: &str, format: &str) -> Output {
    let config = root().join("config").display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_dozvon"));
    command.current_dir(&folder.0).env("NO_COLOR", "1");
    command.args(["flow", "check", name, "--config", &config, "--format", format]);
    command.output().expect("the binary was built for this test")
}

/// Compares with what is kept, or keeps it anew; tells what differs.
fn expect(kept: &str, shown: &str) -> Option<String> {
    let path = root().join("tests/flows/broken").join(kept);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, shown).expect("it can be written");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    (shown != expected).then(|| format!("==== {kept}: expected\n{expected}==== but got\n{shown}"))
}

#[test]
fn every_broken_flow_is_told_as_expected_and_every_rule_has_one() {
    let (folder, names) = broken("rules");
    assert!(names.len() >= 20, "{names:?}");
    let mut wrong = Vec::new();
    for name in &names {
        let output = check(&folder, name, "full");
        let shown =
            format!("{}exit code {}\n", text(&output.stderr), output.status.code().unwrap_or(-1));
        let (code, _) = name.split_once('-').expect("a rule and what is wrong");
        assert!(shown.contains(&format!("[{code}]")), "{name} does not break {code}:\n{shown}");
        wrong.extend(expect(&name.replace(".yaml", ".txt"), &shown));
    }
    for rule in 1..=19 {
        let code = format!("F{rule:03}-");
        assert!(names.iter().any(|name| name.starts_with(&code)), "no flow breaks {code}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_format_tells_the_same_mistakes_and_stays_as_it_is() {
    let (folder, _) = broken("formats");
    let mut wrong = Vec::new();
    for format in ["concise", "json", "sarif", "github", "junit"] {
        let output = check(&folder, "F015-variables.yaml", format);
        assert_eq!(output.status.code(), Some(78), "{format}");
        let shown = match format {
            "concise" => text(&output.stderr),
            _ => text(&output.stdout),
        };
        wrong.extend(expect(&format!("formats/{format}.txt"), &shown));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn failed_tests_are_told_in_the_formats_of_programs_too() {
    let bank =
        fs::read_to_string(root().join("ivr-flows/bank-main.yaml")).expect("the bank's flow");
    let folder = Folder::new("failed");
    beside(&folder);
    let wrong = bank.replacen("then: {in_queue: loans}", "then: {in_queue: cards}", 1);
    assert_ne!(bank, wrong, "plant another mistake");
    fs::write(folder.0.join("bank.yaml"), &wrong).expect("it can be written");
    let test = |format: &str| {
        let file = folder.path("bank.yaml");
        let output = dozvon(&["flow", "test", &file, "--config", "config", "--format", format], "");
        assert_eq!(output.status.code(), Some(1), "{format}");
        text(&output.stdout)
    };
    let junit = test("junit");
    assert!(junit.contains(" failures=\"1\"") && junit.contains("way: 0.0 s greeting"), "{junit}");
    let github = test("github");
    assert!(
        github.starts_with("::error file=") && github.contains("loans in opening hours: "),
        "{github}"
    );
    let sarif: serde_json::Value = serde_json::from_str(&test("sarif")).expect("JSON");
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "test");
}

#[test]
fn a_sub_flow_is_checked_by_itself_and_played_where_it_is_called() {
    let subflow = "ivr-flows/identify.yaml";
    let output = dozvon(&["flow", "check", subflow], "");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let output = dozvon(&["flow", "test", subflow], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("in the flows that call it"));
    let (folder, _) = broken("subflow");
    let output = check(&folder, "ask-code.yaml", "concise");
    let shown = text(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{shown}");
    assert!(
        shown.starts_with("ask-code.yaml:10:") && shown.contains("did you mean `entered`?"),
        "{shown}"
    );
    let graph = dozvon(&["flow", "graph", "ivr-flows/bank-main.yaml"], "");
    assert!(text(&graph.stdout).contains("balance.check-code"));
}

// ---- pictures -----------------------------------------------------------------------------------

/// A whole number of an attribute.
fn number(node: roxmltree::Node<'_, '_>, name: &str) -> i64 {
    node.attribute(name).expect("it is there").parse().expect("it is a number")
}

#[test]
fn the_picture_of_every_flow_has_every_node_once_and_every_way_and_the_operator() {
    for flow in shipped_flows() {
        let drawn = dozvon(&["flow", "graph", &flow, "--format", "svg"], "");
        let picture = text(&drawn.stdout);
        let picture = roxmltree::Document::parse(&picture).expect("it is XML");
        let dot = text(&dozvon(&["flow", "graph", &flow, "--format", "dot"], "").stdout);
        let boxes: Vec<_> =
            picture.descendants().filter(|node| node.attribute("data-node").is_some()).collect();
        let names = dot.lines().filter_map(|line| line.split_once("label=\"")?.1.split_once("\\n"));
        let mut names: Vec<String> = names.map(|(name, _)| name.to_owned()).collect();
        names.extend(["(start)".to_owned(), "operator 0".to_owned()]);
        names.sort();
        let mut shown: Vec<&str> =
            boxes.iter().filter_map(|node| node.attribute("data-node")).collect();
        shown.sort_unstable();
        assert_eq!(shown, names, "{flow}");
        let paths = picture.descendants().filter(|node| node.has_tag_name("path")).count();
        assert_eq!(paths, dot.matches(" -> ").count(), "{flow}");
        let exit = picture.descendants().filter(|node| {
            node.has_tag_name("path") && node.attribute("class") == Some("operator")
        });
        assert_eq!(exit.count(), 1, "{flow}");

        // Nothing lies over anything else, and all of it is within the picture.
        let (width, height) =
            (number(picture.root_element(), "width"), number(picture.root_element(), "height"));
        let places: Vec<[i64; 4]> = boxes
            .iter()
            .map(|node| {
                let place = node.first_element_child().expect("its rectangle");
                ["x", "y", "width", "height"].map(|name| number(place, name))
            })
            .collect();
        for (index, [x, y, wide, high]) in places.iter().enumerate() {
            assert!(*x >= 0 && *y >= 0 && x + wide <= width && y + high <= height, "{flow}");
            for [other_x, other_y, ..] in &places[index + 1..] {
                assert!((x - other_x).abs() >= *wide || (y - other_y).abs() >= *high, "{flow}");
            }
        }
    }
}

// ---- the tutorial -------------------------------------------------------------------------------

/// A block of the tutorial: what stands behind its fence, and what is in it.
fn blocks(text: &str) -> Vec<(String, String)> {
    let parts = text.split("\n```").skip(1).step_by(2);
    let parts = parts.filter_map(|block| block.split_once('\n'));
    parts.map(|(info, body)| (info.to_owned(), body.to_owned())).collect()
}

/// `sh` with the binary in its PATH.
fn shell(line: &str, here: &Path) -> Command {
    let folder = Path::new(env!("CARGO_BIN_EXE_dozvon")).parent().expect("a folder").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&path)))
        .expect("paths without colons");
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(here).env("PATH", path).env("NO_COLOR", "1");
    command
}

/// The commands of a block, each with what it shall print.
fn commands(body: &str) -> Vec<(String, String)> {
    let commands = format!("\n{body}");
    let commands = commands.split("\n$ ").skip(1);
    let split = |command: &str| {
        let (line, expected) = command.split_once('\n').unwrap_or((command, ""));
        (line.to_owned(), expected.to_owned())
    };
    commands.map(split).collect()
}

/// The address that the tutorial names; tests take a free one.
const TUTORIAL_SIP: &str = "127.0.0.1:5060";

/// A command of the tutorial that runs on while others do.
struct Background(Child, String);

impl Background {
    /// Starts it on free ports, and waits for the line that it shall print.
    fn start(body: &str, here: &Path) -> Background {
        let (line, expected) = commands(body).remove(0);
        let mut child = shell(&format!("exec {line} --sip-port 0 --http-port 0"), here)
            .stdout(Stdio::piped())
            .spawn()
            .expect("there is a shell");
        let (before, after) =
            expected.trim().split_once(TUTORIAL_SIP).expect("it tells its address");
        let mut lines = BufReader::new(child.stdout.take().expect("it was asked for")).lines();
        let told = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let rest = line.trim().strip_prefix(before)?.to_owned();
            rest.strip_suffix(after).map(str::to_owned)
        });
        // It goes on telling, and must be listened to.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Background(child, told.expect("it says so"))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // As ctrl-c would: it clears up behind itself.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// Runs a block of commands: each line behind `$ ` is one, and the lines below it must be in what it prints, in order.
fn run_console(body: &str, here: &mut PathBuf, background: Option<&Background>) {
    for (line, expected) in commands(body) {
        if let Some(to) = line.strip_prefix("cd ") {
            here.push(to);
            continue;
        }
        let line = background.map_or(line.clone(), |other| line.replace(TUTORIAL_SIP, &other.1));
        let output = shell(&line, here).output().expect("there is a shell");
        let shown = format!("{}{}", text(&output.stderr), text(&output.stdout));
        assert!(output.status.success(), "$ {line}\n{shown}");
        let mut rest = &*shown;
        for wanted in expected.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let at = rest.find(wanted);
            let at = at.unwrap_or_else(|| panic!("$ {line}\n{wanted:?} is not in:\n{shown}"));
            rest = &rest[at + wanted.len()..];
        }
    }
}

#[test]
fn the_tutorial_does_what_it_says_from_its_first_block_to_its_last() {
    let tutorial = fs::read_to_string(root().join("docs/tutorial.md")).expect("the tutorial");
    let folder = Folder::new("tutorial");
    for name in ["config", "ivr-flows"] {
        copy_folder(&root().join(name), &folder.0.join("clone").join(name));
    }
    let mut here = folder.0.join("clone");
    let mut background = None;
    let blocks = blocks(&tutorial);
    assert!(blocks.len() >= 16, "{}", blocks.len());
    for (info, body) in blocks {
        match info.split_whitespace().collect::<Vec<_>>()[..] {
            ["console"] => run_console(&body, &mut here, background.as_ref()),
            ["console", "background"] => background = Some(Background::start(&body, &here)),
            [_, "append", file] => {
                let path = here.join(file);
                let before = fs::read_to_string(&path).expect("it is there");
                fs::write(path, format!("{before}\n{body}")).expect("it can be written");
            }
            [_, file] => fs::write(here.join(file), body).expect("it can be written"),
            _ => panic!("nobody knows what to do with a block `{info}`"),
        }
    }
}
