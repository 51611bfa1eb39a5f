//! linphone as an agent's phone: it registers, answers, holds, asks a colleague and passes the customer on, by REFER
//! and by REFER with Replaces.

use crate::house::{Furnishing, House, TALK, eventually, tone_manner};
use crate::namespace::Namespace;
use crate::phone::Source;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};

const SECOND: Duration = Duration::from_secs(1);
/// What the customer, the colleague and linphone say, Hz.
const CUSTOMER_TONE: u32 = 600;
const COLLEAGUE_TONE: u32 = 1_000;
const LINPHONE_TONE: u32 = 1_400;

/// A running linphonec. Ends when dropped.
struct Linphone {
    _process: Child,
    keyboard: ChildStdin,
    folder: PathBuf,
}

impl Linphone {
    /// Starts it with the account of an agent, whose phone it is from then on.
    async fn start(namespace: &Namespace, house: &House, user: &str) -> Linphone {
        let folder = house.folder().join("linphone");
        // It does not start without a place for its database, and does not make one.
        std::fs::create_dir_all(folder.join(".local/share/linphone")).unwrap();
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut tone = hound::WavWriter::create(folder.join("tone.wav"), spec).unwrap();
        for n in 0..8_000 * 60 {
            let phase = std::f64::consts::TAU * f64::from(LINPHONE_TONE) * f64::from(n) / 8_000.0;
            tone.write_sample((8_000.0 * phase.sin()) as i16).unwrap();
        }
        tone.finalize().unwrap();
        let password = house.account(user).login.expect("an agent has a login").password;
        let server = house.sip();
        let settings = format!(
            "[sip]\nsip_port=5060\nsip_tcp_port=0\nuse_ipv6=0\ndefault_proxy=0\n[rtp]\naudio_rtp_port=7078\n\
             [auth_info_0]\nusername={user}\npasswd={password}\n\
             [proxy_0]\nreg_proxy=<sip:{server}>\nreg_identity=sip:{user}@{server}\nreg_expires=300\n\
             reg_sendregister=1\n"
        );
        std::fs::write(folder.join("rc"), settings).unwrap();
        let told = std::fs::File::create(folder.join("told")).unwrap();
        let mut process = Command::new("ip")
            .args(["netns", "exec", &namespace.name, "linphonec", "-c"])
            .arg(folder.join("rc"))
            .env("HOME", &folder)
            .stdin(Stdio::piped())
            .stdout(told.try_clone().unwrap())
            .stderr(told)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let keyboard = process.stdin.take().unwrap();
        let mut linphone = Linphone { _process: process, keyboard, folder: folder.clone() };
        linphone.says("linphonec>").await;
        linphone.enter("soundcard use files").await;
        linphone.enter(&format!("play {}/tone.wav", folder.display())).await;
        linphone
    }

    async fn enter(&mut self, line: &str) {
        self.keyboard.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    fn told(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.join("told")).unwrap()).into_owned()
    }

    /// Waits until linphone has said that.
    async fn says(&self, what: &str) {
        let said = async || self.told().contains(what).then_some(());
        let patience = tokio::time::timeout(TALK, eventually("linphone speaks", said)).await;
        assert!(patience.is_ok(), "linphone never said `{what}`: {}", self.told());
    }
}

/// A house on the host's side of the namespace, with holds that are too long after two seconds; anna's phone is
/// linphone, bolat' one of ours that hums.
async fn house(namespace: &Namespace) -> (House, Linphone) {
    let trunks = format!("[[trunk]]\nname = \"here\"\nnetworks = [\"{}/32\"]\n", namespace.here);
    let with = Furnishing {
        address: namespace.here.into(),
        files: vec![("trunks.toml", trunks)],
        limits: "calls_max = 40\n[talk]\nhold_warn_at_secs = 1\nhold_max_secs = 2".into(),
        ..Furnishing::default()
    };
    let house = House::furnished(with).await;
    let linphone = Linphone::start(namespace, &house, "anna").await;
    eventually("linphone is registered", async || {
        (house.agent_row("anna").await["reachable"] == true).then_some(())
    })
    .await;
    assert_eq!(house.set_status("anna", "ready").await.0, 200);
    (house, linphone)
}

async fn activity(house: &House, agent: &str, wanted: &str) -> Value {
    eventually(&format!("{agent} is {wanted}"), async || {
        let row = house.agent_row(agent).await;
        (row["activity"] == wanted).then_some(row)
    })
    .await
}

/// The agents of a contact's talks, in order, once it has ended.
async fn talks(house: &House) -> Vec<String> {
    let contact = eventually("the contact has ended in the database", async || {
        house.contacts().into_iter().find(|contact| contact.ended)
    })
    .await;
    assert_eq!(house.contacts().len(), 1, "one contact, whoever talked in it");
    let talk = contact.segments.into_iter().filter(|segment| segment.kind == "talk");
    talk.filter_map(|segment| segment.agent).collect()
}

#[tokio::test]
async fn a_foreign_phone_holds_asks_a_colleague_and_hands_the_customer_over() {
    let namespace = Namespace::open();
    let (house, mut linphone) = house(&namespace).await;
    let customer = Source::Tone(CUSTOMER_TONE.into());
    let mut customer = house.call("+77010000001", customer).await.unwrap();
    customer.press(&['0']);
    linphone.says("Receiving new incoming call").await;
    linphone.enter("answer").await;
    activity(&house, "anna", "talking").await;
    let colleague = house.agent("bolat", tone_manner(COLLEAGUE_TONE.into())).await;
    customer.stay(2 * SECOND).await;

    linphone.enter("pause").await;
    activity(&house, "anna", "hold").await;
    customer.stay(4 * SECOND).await;
    let server = house.sip();
    linphone.enter(&format!("call sip:bolat@{server}")).await;
    activity(&house, "bolat", "consult").await;
    customer.stay(SECOND).await;
    linphone.enter("transfer 1 --to-call 2").await;
    activity(&house, "bolat", "talking").await;
    activity(&house, "anna", "wrap_up").await;
    customer.stay(4 * SECOND).await;
    let heard = customer.hang_up().await;
    println!("the customer heard {heard:?}");
    assert!(heard.tone_secs(LINPHONE_TONE) > 1.0, "first linphone: {heard:?}");
    assert!(heard.tone_secs(COLLEAGUE_TONE) > 2.0, "then the colleague: {heard:?}");

    assert_eq!(talks(&house).await, ["anna", "bolat"]);
    let metrics = house.get("/metrics").await.1;
    for line in [
        "dozvon_holds_total{queue=\"general\",too_long=\"true\"} 1",
        "dozvon_transfers_total{kind=\"attended\",queue=\"general\",result=\"answered\",target=\"agent\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
    let events = std::fs::read_to_string(house.folder().join("events.jsonl")).unwrap();
    for alarm in ["\"alarm\":\"warning\"", "\"alarm\":\"too_long\""] {
        let told = events.lines().any(|l| l.contains("\"hold_lasts\"") && l.contains(alarm));
        assert!(told, "{alarm} is on the event stream");
    }
    drop(colleague);
    house.stop().await;
}

#[tokio::test]
async fn a_foreign_phone_passes_the_customer_on_without_asking() {
    let namespace = Namespace::open();
    let (house, mut linphone) = house(&namespace).await;
    let mut customer =
        house.call("+77010000002", Source::Tone(CUSTOMER_TONE.into())).await.unwrap();
    customer.press(&['0']);
    linphone.says("Receiving new incoming call").await;
    linphone.enter("answer").await;
    activity(&house, "anna", "talking").await;
    let colleague = house.agent("bolat", tone_manner(COLLEAGUE_TONE.into())).await;
    customer.stay(2 * SECOND).await;
    linphone.enter(&format!("transfer sip:bolat@{}", house.sip())).await;
    activity(&house, "bolat", "talking").await;
    customer.stay(3 * SECOND).await;
    let heard = customer.hang_up().await;
    assert!(heard.tone_secs(COLLEAGUE_TONE) > 2.0, "the colleague: {heard:?}");
    assert_eq!(talks(&house).await, ["anna", "bolat"]);
    drop(colleague);
    house.stop().await;
}
