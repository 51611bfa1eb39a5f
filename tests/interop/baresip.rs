//! baresip as the caller: it dials in, hears the bank, presses 0, hears music, talks with an agent.

use crate::hearing::Recording;
use crate::house::{Furnishing, House, TALK, eventually};
use crate::namespace::Namespace;
use crate::phone::{Phone, Source};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const SECOND: Duration = Duration::from_secs(1);
/// What baresip says and what the agent says, Hz.
const CALLER_TONE: f64 = 600.0;
const AGENT_TONE: f64 = 1_000.0;

/// A running baresip. Ends when dropped.
struct Baresip {
    _process: Child,
    control: TcpStream,
    told: String,
    folder: PathBuf,
}

/// Where its remote control listens: in a namespace where nobody else is.
const CONTROL_PORT: u16 = 4444;

impl Baresip {
    async fn start(namespace: &Namespace, folder: &Path) -> Baresip {
        std::fs::create_dir_all(folder).unwrap();
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut tone = hound::WavWriter::create(folder.join("tone.wav"), spec).unwrap();
        for n in 0..8_000 * 60 {
            let phase = std::f64::consts::TAU * CALLER_TONE * f64::from(n) / 8_000.0;
            tone.write_sample((8_000.0 * phase.sin()) as i16).unwrap();
        }
        tone.finalize().unwrap();
        let config = format!(
            "sip_listen {there}:0\nmodule_path /usr/lib/baresip/modules\nmodule g711.so\nmodule aufile.so\n\
             module sndfile.so\nmodule ctrl_tcp.so\nmodule_app account.so\nmodule_app menu.so\n\
             ctrl_tcp_listen {there}:{CONTROL_PORT}\naudio_source aufile,{folder}/tone.wav\nsnd_path {folder}\n",
            there = namespace.there,
            folder = folder.display()
        );
        std::fs::write(folder.join("config"), config).unwrap();
        std::fs::write(
            folder.join("accounts"),
            format!("<sip:foreign@{}>;regint=0\n", namespace.there),
        )
        .unwrap();
        std::fs::write(folder.join("contacts"), "").unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let process = Command::new("ip")
            .args(["netns", "exec", &namespace.name, "baresip", "-f"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let control = eventually("baresip runs (apt-get install baresip-core)", async || {
            TcpStream::connect((namespace.there, CONTROL_PORT)).await.ok()
        })
        .await;
        Baresip { _process: process, control, told: String::new(), folder: folder.to_owned() }
    }

    /// A command, as a netstring of JSON.
    async fn tell(&mut self, command: &str, params: &str) {
        let json = serde_json::json!({ "command": command, "params": params }).to_string();
        self.control.write_all(format!("{}:{json},", json.len()).as_bytes()).await.unwrap();
    }

    /// Waits until baresip tells of that event.
    async fn event(&mut self, name: &str) {
        let told = async {
            while !self.told.contains(&format!("\"type\":\"{name}\"")) {
                let mut bytes = [0; 4096];
                let length = self.control.read(&mut bytes).await.unwrap();
                assert_ne!(length, 0, "baresip is gone: {}", self.log());
                self.told.push_str(&String::from_utf8_lossy(&bytes[..length]));
            }
        };
        let told = tokio::time::timeout(TALK, told).await;
        assert!(told.is_ok(), "no {name} from baresip: {}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// The file of what it hears.
    fn recorded(&self) -> Option<PathBuf> {
        let mut files = std::fs::read_dir(&self.folder).unwrap().flatten().map(|file| file.path());
        files.find(|path| path.to_string_lossy().ends_with("-dec.wav"))
    }

    /// Listens until so many seconds of the call are recorded; answers how many there are.
    async fn listens_until(&self, secs: f64) -> f64 {
        eventually("baresip records", async || {
            // 8,000 samples of two bytes a second; the head of the file tells its length only at the end.
            let bytes = std::fs::metadata(self.recorded()?).ok()?.len();
            Some(bytes as f64 / 16_000.0).filter(|recorded| *recorded >= secs)
        })
        .await
    }

    /// What it heard.
    fn recording(&self) -> Recording {
        Recording::read(
            &self.recorded().unwrap_or_else(|| panic!("baresip recorded: {}", self.log())),
        )
    }
}

/// An agent who rings for three seconds, answers with a tone and records until the caller hangs up.
async fn agent(house: &House) -> tokio::task::JoinHandle<Recording> {
    let mut phone = Phone::open(house.account("anna"), None).await.unwrap();
    phone.register(300).await.unwrap();
    assert_eq!(house.set_status("anna", "ready").await.0, 200);
    tokio::spawn(async move {
        let mut ringing = phone.ring().await;
        assert!(ringing.ring(3 * SECOND).await, "the caller waits");
        let mut call = ringing.answer(Source::Tone(AGENT_TONE), true).await.unwrap();
        assert!(!call.stay(TALK).await, "the caller hangs up");
        let (rate_hz, samples) = call.recording();
        Recording { rate_hz, samples }
    })
}

#[tokio::test]
async fn a_foreign_softphone_hears_the_bank_presses_0_and_talks_to_an_agent() {
    let namespace = Namespace::open();
    let trunks = format!("[[trunk]]\nname = \"branch\"\nnetworks = [\"{}/32\"]\n", namespace.there);
    let with = Furnishing {
        address: namespace.here.into(),
        files: vec![("trunks.toml", trunks)],
        ..Furnishing::default()
    };
    let house = House::furnished(with).await;
    let agent = agent(&house).await;
    let mut baresip = Baresip::start(&namespace, &house.folder().join("baresip")).await;
    baresip.tell("dial", &format!("sip:100@{}", house.sip())).await;
    baresip.event("CALL_ESTABLISHED").await;
    let pressed = baresip.listens_until(4.0).await;
    baresip.tell("sndcode", "0").await;
    baresip.listens_until(pressed + 8.0).await;
    baresip.tell("hangup", "").await;
    baresip.event("CALL_CLOSED").await;
    let agent_heard =
        tokio::time::timeout(TALK, agent).await.expect("the agent's call ends").unwrap();

    let heard = baresip.recording();
    assert!(heard.secs() > 10.0, "{} s recorded", heard.secs());
    let greeting = heard.sound_secs(0.2, pressed - 0.2);
    let music = heard.sound_secs(pressed + 0.7, pressed + 2.7);
    let too_early = heard.tone_secs(AGENT_TONE, 0.0, pressed + 2.7);
    let tone = heard.tone_secs(AGENT_TONE, pressed + 2.7, heard.secs());
    let callers_tone = agent_heard.tone_secs(CALLER_TONE, 0.0, agent_heard.secs());
    println!(
        "baresip heard {greeting:.1} s of greeting, {music:.1} s of music, {tone:.1} s of {AGENT_TONE} Hz; \
         the agent heard {callers_tone:.1} s of {CALLER_TONE} Hz"
    );
    assert!(greeting > 1.5, "the greeting is heard: {greeting} s");
    assert!(music > 1.0, "music while waiting: {music} s");
    assert!(too_early < 0.25, "the agent is not heard before he answers: {too_early} s");
    assert!(tone > 3.0, "the caller hears the agent: {tone} s");
    assert!(callers_tone > 3.0, "the agent hears the caller: {callers_tone} s");

    let contact = eventually("the contact is in the database", async || {
        house.contacts().into_iter().find(|c| c.ended)
    })
    .await;
    assert_eq!((&*contact.caller, &*contact.dialled), ("foreign", "100"));
    let kinds: Vec<&str> = contact.segments.iter().map(|s| &*s.kind).collect();
    assert_eq!(kinds, ["ivr", "queue", "talk"], "{contact:?}");
    let waited = contact.segments[1].to.unwrap() - contact.segments[1].from;
    assert!(waited > 2_500_000, "in the queue while the phone rang: {waited} µs");
    let metrics = house.get("/metrics").await.1;
    for line in ["dozvon_calls_answered_total 1", "dozvon_calls_active 0"] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
    house.stop().await;
}
