//! `dozvon demo` as a visitor has it: its callers, its bot, and a flow of his own that he changes while it runs.

use crate::house::{self, TALK, eventually};
use crate::phone::{self, Source};
use crate::reload::flow;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

const SECOND: Duration = Duration::from_secs(1);

/// A demo on ports of its own, which nobody calls by himself.
struct Demo {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Demo {
    fn open(more: &[&str]) -> Demo {
        let mut process = Command::new(env!("CARGO_BIN_EXE_dozvon"))
            .args(["demo", "--sip-port", "0", "--http-port", "0", "--callers-per-minute", "0"])
            .args(more)
            // Meant for a switch of this machine, and not for the demo: neither at its start nor later.
            .env("DOZVON__SIP__REALM", "bank.example")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Demo { process, lines }
    }

    /// The line that has this in it, and what stands behind it there.
    async fn line_with(&mut self, what: &str) -> (String, String) {
        let told = async {
            loop {
                let Some(line) = self.lines.next_line().await.unwrap() else {
                    let mut why = String::new();
                    let errors = self.process.stderr.as_mut().expect("it is read here only");
                    errors.read_to_string(&mut why).await.unwrap();
                    panic!("the demo has ended: {why}");
                };
                if let Some((_, rest)) = line.split_once(what) {
                    return (line.clone(), rest.to_owned());
                }
            }
        };
        tokio::time::timeout(TALK, told).await.unwrap_or_else(|_| panic!("it says `{what}`"))
    }

    async fn word_after(&mut self, what: &str) -> String {
        self.line_with(what).await.1.split_whitespace().next().unwrap().to_owned()
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it, and has what it has said to its operator.
    async fn close(self) -> String {
        self.signal("-TERM");
        let output = self.process.wait_with_output().await.unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        told
    }
}

#[tokio::test]
async fn the_demo_answers_its_callers_and_leaves_nothing_behind() {
    let began = std::time::Instant::now();
    let args = [
        "demo",
        "--sip-port",
        "0",
        "--http-port",
        "0",
        "--callers-per-minute",
        "60",
        "--duration",
        "30s",
    ];
    let output = house::run(&args).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("sip:100@127.0.0.1:"), "{text}");
    let lines = text.lines().filter(|line| line.contains("→ 100")).count();
    assert!(lines >= 2, "contacts are told:\n{text}");
    assert!(!text.contains("panicked") && !text.contains("our_fault"), "{text}");
    assert!(began.elapsed() < 30 * SECOND + TALK);
    let left = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    let mine = format!("dozvon-demo-{}-", house::demo_pid(&text).unwrap_or_default());
    assert!(
        !left.map(|f| f.file_name().to_string_lossy().into_owned()).any(|n| n.starts_with(&mine))
    );
}

#[tokio::test]
async fn the_bot_of_the_demo_greets_counts_and_is_done_or_hands_over() {
    let mut demo = Demo::open(&[]);
    let at = demo.word_after("sip:103@").await;
    let dial = async || {
        let phone = phone::Phone::open(phone::Account::at(at.parse().unwrap()), None).await?;
        phone.call(&format!("sip:103@{at}"), Source::Silence, false, TALK).await
    };
    let mut call = dial().await.unwrap();
    assert!(call.stay(3 * SECOND).await);
    assert!(call.heard().sound_secs() > 1.0, "the greeting: {:?}", call.heard());
    let before = call.heard().sound_secs();
    call.press(&['1']);
    assert!(call.stay(3 * SECOND).await);
    assert!(call.heard().sound_secs() > before + 0.5, "it counts: {:?}", call.heard());
    call.press(&['3']);
    assert!(!call.stay(TALK).await, "the bank says goodbye");
    let mut call = dial().await.unwrap();
    assert!(call.stay(SECOND).await);
    call.press(&['2']);
    assert!(call.stay(6 * SECOND).await, "music, or an agent");
    assert!(call.hang_up().await.sound_secs() > 3.0);
    demo.close().await;
}

/// A flow in a folder of its own, with the prompts of the bank.
fn own_flow(folder: &Path, text: &str) -> String {
    std::fs::create_dir_all(folder).unwrap();
    let prompts = Path::new(env!("CARGO_MANIFEST_DIR")).join("ivr-flows/prompts");
    let _ = std::os::unix::fs::symlink(prompts, folder.join("prompts"));
    let file = folder.join("line.yaml");
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

#[tokio::test]
async fn a_flow_of_ones_own_changes_while_the_demo_runs_by_saving_it_or_by_a_signal() {
    let folder = std::env::temp_dir().join(format!("dozvon-e2e-own-flow-{}", std::process::id()));
    let file = own_flow(&folder, &flow("q", "goodbye"));
    let mut demo = Demo::open(&["--agents", "0", "--flow", &file]);
    let (line, rest) = demo.line_with("http://").await;
    let http: SocketAddr = rest.split('/').next().unwrap().parse().unwrap();
    let token = line.rsplit(' ').next().unwrap().to_owned();
    let version = async || -> Value {
        let (code, body) = house::http(http, &token, "GET", "/api/v1/version", "").await;
        assert_eq!(code, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    };
    let after = async |what: &str, is: &dyn Fn(&Value) -> bool| {
        eventually(what, async || Some(version().await).filter(|now| is(now))).await
    };
    let before = version().await;

    demo.signal("-HUP");
    let now = after("the signal is obeyed", &|now| now["last_attempt"]["by"] == "SIGHUP").await;
    assert_eq!(now["version"], before["version"], "nothing has changed: {now}");

    own_flow(&folder, &flow("news", "hello"));
    let now = after("what is saved is taken", &|now| now["version"] != before["version"]).await;
    assert_eq!(now["last_attempt"]["by"], "file watch", "{now}");

    own_flow(&folder, &flow("nowhere", "hello"));
    demo.signal("-HUP");
    let refused = after("a mistake is told", &|now| now["last_attempt"]["taken"] == false).await;
    assert_eq!(refused["version"], now["version"], "the one before stays: {refused}");

    let told = demo.close().await;
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(told.contains("another version of the configuration is in force"), "{told}");
    assert!(told.contains("not reloaded") && told.contains("nowhere"), "{told}");
}

#[tokio::test]
async fn a_demo_of_a_flow_with_mistakes_says_so_and_names_the_queues_it_has() {
    let folder = std::env::temp_dir().join(format!("dozvon-e2e-wrong-flow-{}", std::process::id()));
    let file = own_flow(&folder, &flow("q", "goodbye").replace("name: general", "name: mortgages"));
    let output =
        house::run(&["demo", "--sip-port", "0", "--http-port", "0", "--flow", &file]).await;
    std::fs::remove_dir_all(&folder).unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    for part in ["`mortgages`", "line.yaml or a flow beside it has these mistakes", "urgent, cards"]
    {
        assert!(told.contains(part), "{part} in\n{told}");
    }
}
