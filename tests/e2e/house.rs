//! A switch of one's own for each test: its folder, its process, its HTTP and database.

use crate::phone::{Account, Agent, Answering, Call, Heard, Manner, Phone, PhoneError, Source};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

/// Longer than anything that is waited for takes on a slow machine.
pub(crate) const TALK: Duration = Duration::from_secs(60);

const BINARY: &str = env!("CARGO_BIN_EXE_dozvon");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Files of the shipped configuration that a house takes over.
const COPIED: [&str; 6] =
    ["numbers.toml", "trunks.toml", "tokens.toml", "agents.toml", "bots.toml", "endpoints.toml"];
/// Folders of the shipped configuration that a house takes over.
const FOLDERS: [&str; 3] = ["rollouts", "calendars", "calendars/holidays"];
static HOUSES: AtomicU32 = AtomicU32::new(0);

const QUEUES: &str = "\
[skills]
names = [\"cards\", \"loans\"]
[[queue]]
name = \"general\"
wrap_up_secs = 1
[[queue]]
name = \"urgent\"
[[queue]]
name = \"cards\"
[[queue]]
name = \"loans\"
";

/// A contact as the database has it.
#[derive(Clone, Debug)]
pub(crate) struct Contact {
    pub(crate) caller: String,
    pub(crate) dialled: String,
    pub(crate) ended: bool,
    pub(crate) reason: Option<String>,
    pub(crate) operator_requested: bool,
    pub(crate) segments: Vec<Segment>,
}

/// A stage of it.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) kind: String,
    pub(crate) agent: Option<String>,
    pub(crate) from: i64,
    pub(crate) to: Option<i64>,
}

/// A running switch with its folder; both go when it is dropped.
pub(crate) struct House {
    folder: PathBuf,
    process: Mutex<Option<Child>>,
    pid: u32,
    ready: Value,
}

impl Drop for House {
    fn drop(&mut self) {
        if self.process.lock().unwrap().is_some() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// What a house has otherwise than the usual one.
#[derive(Clone, Debug)]
pub(crate) struct Furnishing {
    /// Where it listens, for SIP and for sound.
    pub(crate) address: IpAddr,
    /// Ports for sound.
    pub(crate) rtp_ports: u16,
    /// More lines for `[media]`.
    pub(crate) media: String,
    /// The lines of `[limits]`.
    pub(crate) limits: String,
    /// Files that are written over those of the repository's `config/`, by their names.
    pub(crate) files: Vec<(&'static str, String)>,
    /// A flow in place of the bank's, under its name.
    pub(crate) flow: Option<String>,
    /// Whether files that change are taken by themselves.
    pub(crate) watch: bool,
}

impl Default for Furnishing {
    fn default() -> Furnishing {
        Furnishing {
            address: Ipv4Addr::LOCALHOST.into(),
            rtp_ports: 200,
            media: String::new(),
            limits: "calls_max = 40".into(),
            files: Vec::new(),
            flow: None,
            watch: false,
        }
    }
}

/// How an agent behaves who rings shortly and then does as told.
pub(crate) fn manner(answering: Answering) -> Manner {
    let short = Duration::from_millis(300);
    Manner {
        answering,
        rings: (short, short),
        talks: None,
        says: Source::Silence,
        many: false,
        register_secs: 300,
        dials_first: None,
    }
}

/// An agent who answers and hums.
pub(crate) fn tone_manner(hz: f64) -> Manner {
    Manner { says: Source::Tone(hz), ..manner(Answering::Answer) }
}

/// Asks again and again until there is an answer.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let patience = tokio::time::timeout(TALK, async {
        let mut glance = tokio::time::interval(Duration::from_millis(50));
        loop {
            glance.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    });
    patience.await.unwrap_or_else(|_| panic!("never happened: {what}"))
}

/// Runs the binary to its end.
pub(crate) async fn run(args: &[&str]) -> Output {
    let run = Command::new(BINARY).args(args).kill_on_drop(true).output();
    tokio::time::timeout(2 * TALK, run).await.expect("the command ends").unwrap()
}

/// The process of a demo, as its temporary folder is named.
pub(crate) fn demo_pid(text: &str) -> Option<String> {
    let rest = text.lines().find_map(|line| line.split("process ").nth(1))?;
    Some(rest.chars().take_while(char::is_ascii_digit).collect())
}

/// Asks the API at this address with this token: the status and the body of its answer.
pub(crate) async fn http(
    at: SocketAddr,
    token: &str,
    method: &str,
    path: &str,
    body: &str,
) -> (u16, String) {
    let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

impl House {
    /// Writes a configuration and starts the switch.
    pub(crate) async fn open() -> House {
        House::furnished(Furnishing::default()).await
    }

    /// Writes a configuration that differs from the usual one, and starts the switch.
    pub(crate) async fn furnished(with: Furnishing) -> House {
        let number = HOUSES.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("dozvon-e2e-{}-{number}", std::process::id()));
        for sub in FOLDERS {
            std::fs::create_dir_all(folder.join(sub)).unwrap();
        }
        let root = Path::new(ROOT);
        for name in COPIED {
            std::fs::copy(root.join("config").join(name), folder.join(name)).unwrap();
        }
        for sub in FOLDERS {
            let entries = std::fs::read_dir(root.join("config").join(sub)).unwrap().flatten();
            for file in entries.filter(|entry| entry.path().is_file()) {
                std::fs::copy(file.path(), folder.join(sub).join(file.file_name())).unwrap();
            }
        }
        std::fs::write(folder.join("queues.toml"), QUEUES).unwrap();
        let mut flows = root.join("ivr-flows");
        if let Some(text) = &with.flow {
            let own = folder.join("flows");
            std::fs::create_dir_all(&own).unwrap();
            std::os::unix::fs::symlink(flows.join("prompts"), own.join("prompts")).unwrap();
            std::fs::write(own.join("bank-main.yaml"), text).unwrap();
            // What the shipped flow calls.
            if text.contains("flow: identify") {
                std::fs::copy(flows.join("identify.yaml"), own.join("identify.yaml")).unwrap();
            }
            flows = own;
        }
        let flows = flows.display();
        for (name, text) in &with.files {
            let file = folder.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        // Ports of this house alone, as far as that can be, below the ephemeral ones of the phones; a large house is
        // apart from the small ones beside it and from the control ports of SIPp (8888 and on).
        let ports = u32::from(with.rtp_ports);
        let floor = if ports > 200 { 10_000 } else { 20_000 };
        let first = floor + (std::process::id() + number) % (12_000 / ports) * ports;
        let last = first + ports - 1;
        let Furnishing { address, media, limits, watch, .. } = with;
        let listen = SocketAddr::new(address, 0);
        let settings = format!(
            "[sip]\nlisten_udp = [\"{listen}\"]\nlisten_tcp = [\"{listen}\"]\n\
             [media]\naddress = \"{address}\"\nrtp_port_min = {first}\nrtp_port_max = {last}\nworkers = 1\n{media}\n\
             [limits]\n{limits}\n\
             [flows]\nfolder = \"{flows}\"\nwatch = {watch}\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [store]\npath = \"dozvon.db\"\n[events]\nfile = \"events.jsonl\"\n[drain]\nfinish_within_secs = 30\n"
        );
        std::fs::write(folder.join("dozvon.toml"), settings).unwrap();
        House::start(folder).await
    }

    async fn start(folder: PathBuf) -> House {
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        let mut process = Command::new(BINARY)
            .args(["serve", "--config", &folder.to_string_lossy()])
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line =
            tokio::time::timeout(TALK, lines.next_line()).await.expect("ready in time").unwrap();
        let line = line.unwrap_or_else(|| {
            panic!(
                "the switch did not start: {}",
                std::fs::read_to_string(folder.join("log")).unwrap()
            )
        });
        let ready: Value = serde_json::from_str(&line).unwrap();
        let pid = process.id().unwrap();
        House { folder, process: Mutex::new(Some(process)), pid, ready }
    }

    /// Starts the switch again on the same folder, after it has ended.
    pub(crate) async fn open_again(self) -> House {
        self.process.lock().unwrap().take();
        House::start(self.folder.clone()).await
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn address(&self, key: &str) -> SocketAddr {
        self.ready[key][0].as_str().or(self.ready[key].as_str()).unwrap().parse().unwrap()
    }

    /// Where SIP is spoken over UDP.
    pub(crate) fn sip(&self) -> SocketAddr {
        self.address("sip_udp")
    }

    /// Where SIP is spoken over TCP.
    pub(crate) fn sip_tcp(&self) -> SocketAddr {
        self.address("sip_tcp")
    }

    /// Where HTTP is spoken.
    pub(crate) fn http_address(&self) -> SocketAddr {
        self.address("http")
    }

    /// Calls the bank.
    pub(crate) async fn call(&self, number: &str, says: Source) -> Result<Call, PhoneError> {
        let phone = Phone::open(Account::at(self.sip()).number(number), None).await?;
        phone.call(&format!("sip:100@{}", self.sip()), says, false, TALK).await
    }

    /// Calls the echo with a tone for a second and a half.
    pub(crate) async fn echo(&self, account: Account) -> Heard {
        let to = format!("sip:101@{}", account.server);
        let phone = Phone::open(account, None).await.unwrap();
        let mut call = phone.call(&to, Source::Tone(700.0), false, TALK).await.unwrap();
        assert!(call.stay(Duration::from_millis(1_800)).await);
        assert_eq!(phone.unreadable(), 0);
        call.hang_up().await
    }

    /// An agent's account.
    pub(crate) fn account(&self, user: &str) -> Account {
        let password =
            std::fs::read_to_string(self.folder.join("secrets/agents").join(user)).unwrap();
        Account::at(self.sip()).login(user, password.trim())
    }

    /// An agent's phone, registered and ready.
    pub(crate) async fn agent(&self, user: &str, manner: Manner) -> Agent {
        let agent = Agent::start(self.account(user), manner, None).await.unwrap();
        let (code, body) = self.set_status(user, "ready").await;
        assert_eq!(code, 200, "{body}");
        agent
    }

    /// Dials a number from an agent's account.
    pub(crate) async fn dial(&self, user: &str, number: &str) -> Result<Call, PhoneError> {
        let phone = Phone::open(self.account(user), None).await?;
        phone.call(&format!("sip:{number}@{}", self.sip()), Source::Silence, false, TALK).await
    }

    // ---- HTTP -----------------------------------------------------------------------------------------------------

    async fn http(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let token = std::fs::read_to_string(self.folder.join("secrets/tokens/admin")).unwrap();
        http(self.address("http"), token.trim(), method, path, body).await
    }

    /// GET.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.http("GET", path, "").await
    }

    /// POST.
    pub(crate) async fn post(&self, path: &str, body: &str) -> (u16, String) {
        self.http("POST", path, body).await
    }

    /// PUT.
    #[allow(dead_code, reason = "the tests with SIPp put nothing")]
    pub(crate) async fn put(&self, path: &str, body: &str) -> (u16, String) {
        self.http("PUT", path, body).await
    }

    /// Sets an agent's status, as a supervisor does.
    pub(crate) async fn set_status(&self, agent: &str, status: &str) -> (u16, String) {
        let body = serde_json::json!({ "status": status, "reason": "test" }).to_string();
        self.http("POST", &format!("/api/v1/agents/{agent}/status"), &body).await
    }

    /// An agent's row.
    pub(crate) async fn agent_row(&self, agent: &str) -> Value {
        let (code, body) = self.get(&format!("/api/v1/agents/{agent}/status")).await;
        assert_eq!(code, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// An agent's status.
    pub(crate) async fn status(&self, agent: &str) -> String {
        self.agent_row(agent).await["status"].as_str().unwrap().to_owned()
    }

    // ---- files and process ----------------------------------------------------------------------------------------

    /// The contacts in the database, oldest first.
    pub(crate) fn contacts(&self) -> Vec<Contact> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database =
            rusqlite::Connection::open_with_flags(self.folder.join("dozvon.db"), flags).unwrap();
        let mut contacts = database
            .prepare(
                "SELECT call, caller, dialled, ended_at, ending_reason, operator_requested \
                 FROM contacts ORDER BY call",
            )
            .unwrap();
        let mut segments = database
            .prepare(
                "SELECT kind, agent, from_at, to_at FROM segments WHERE call = ?1 ORDER BY seq",
            )
            .unwrap();
        let rows = contacts.query_map([], |row| {
            let of_call = segments.query_map([row.get::<_, i64>(0)?], |row| {
                Ok(Segment {
                    kind: row.get(0)?,
                    agent: row.get(1)?,
                    from: row.get(2)?,
                    to: row.get(3)?,
                })
            })?;
            Ok(Contact {
                caller: row.get(1)?,
                dialled: row.get(2)?,
                ended: row.get::<_, Option<i64>>(3)?.is_some(),
                reason: row.get(4)?,
                operator_requested: row.get(5)?,
                segments: of_call.collect::<Result<_, _>>()?,
            })
        });
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// The state of the only request to be called back in the database: stage, attempts, all of it.
    pub(crate) fn callback(&self) -> Option<(String, u32, Value)> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database =
            rusqlite::Connection::open_with_flags(self.folder.join("dozvon.db"), flags).unwrap();
        let mut query = database.prepare("SELECT stage, attempts, whole FROM callbacks").unwrap();
        let rows =
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)));
        let mut rows: Vec<(String, u32, String)> = rows.unwrap().collect::<Result<_, _>>().unwrap();
        assert!(rows.len() <= 1, "one request: {rows:?}");
        rows.pop().map(|(stage, attempts, whole)| {
            (stage, attempts, serde_json::from_str(&whole).unwrap())
        })
    }

    /// What the switch has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// The process of the switch.
    #[allow(dead_code, reason = "the tests with SIPp look at the process, these do not")]
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let status = std::process::Command::new("kill")
            .args([&format!("-{name}"), &self.pid.to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// Waits for the end of the process.
    pub(crate) async fn exit_code(&self) -> Option<i32> {
        let mut process = self.process.lock().unwrap().take().expect("the switch runs");
        let status =
            tokio::time::timeout(TALK, process.wait()).await.expect("the switch ends").unwrap();
        *self.process.lock().unwrap() = Some(process);
        status.code()
    }

    /// Stops the switch in good order.
    pub(crate) async fn stop(&self) {
        self.signal("TERM");
        assert_eq!(self.exit_code().await, Some(0), "{}", self.log());
    }

    /// Runs another command of the binary.
    pub(crate) async fn command(&self, args: &[&str]) -> Output {
        run(args).await
    }
}
