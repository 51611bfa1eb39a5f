//! The demo's temporary folder: a configuration, the bank's flow and its prompts, all out of the program itself.

use crate::cli::DemoArgs;
use crate::server::config::flow_name;
use include_dir::{Dir, include_dir};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The bank's flow and prompts.
static FLOWS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/ivr-flows");

/// Files of `config/` taken as they are. The folder is not taken whole: secrets may lie in it where it is used.
const TAKEN: [(&str, &str); 5] = [
    ("endpoints.toml", include_str!("../../config/endpoints.toml")),
    ("tokens.toml", include_str!("../../config/tokens.toml")),
    ("calendars/bank-kz.yaml", include_str!("../../config/calendars/bank-kz.yaml")),
    ("calendars/loans-office.yaml", include_str!("../../config/calendars/loans-office.yaml")),
    (
        "calendars/holidays/kazakhstan.ics",
        include_str!("../../config/calendars/holidays/kazakhstan.ics"),
    ),
];

/// The shipped numbers.
const NUMBERS: &str = include_str!("../../config/numbers.toml");

/// The number of the bank.
pub(super) const BANK: &str = "100";
/// The number that sends back what it hears.
pub(super) const ECHO: &str = "101";
/// The number of the visitor's own flow.
pub(super) const OWN_FLOW: &str = "200";
/// The number of the bot over a stream.
pub(super) const GUIDE: &str = "103";

/// Its flow: the bot first, and people when it asks for them, is done for, or the caller presses 0.
const GUIDE_FLOW: &str = r#"flow: guide
languages: [ru]
start: guide
operator: {keys: ["0"], to: people}
nodes:
  guide:
    bot: {use: guide, max_duration: 5m,
      after: {done: bye, transfer: people, failed: people, too_long: people}}
  people:
    queue: {name: general, max_wait: 30m,
      after: {answered: bye, max_wait: bye, nobody: bye, full: bye, closed: bye}}
  bye: {hangup: {play: [goodbye]}}
tests: []
"#;

/// Names of the agents; more agents than names get a number.
const NAMES: [(&str, &str); 6] = [
    ("anna", "Анна Ким"),
    ("bolat", "Болат Серіков"),
    ("dana", "Дана Ахметова"),
    ("ivan", "Иван Петров"),
    ("mary", "Mary Lee"),
    ("olga", "Ольга Цой"),
];

/// Wrap-up is short, so that a visitor sees movement.
const QUEUES: &str = "\
[skills]
names = [\"cards\", \"loans\"]

[[queue]]
name = \"general\"
wrap_up_secs = 4

[[queue]]
name = \"urgent\"
service_level_secs = 10
short_abandon_secs = 3
wrap_up_secs = 4

[[queue]]
name = \"cards\"
wrap_up_secs = 4

[[queue]]
name = \"loans\"
wrap_up_secs = 4
";

/// Half of those who ask for their cards talk to the bot.
const ROLLOUT: &str = "\
[[rollout]]
name = \"cards\"
bot = \"cards-assistant\"
share = \"1/2\"
salt = \"demo\"
";

/// Every softphone of this machine, whichever of its own addresses it sends from. Nobody else can reach the demo's
/// sockets: they are bound to 127.0.0.1.
const TRUNKS: &str = "\
[[trunk]]
name = \"this-machine\"
networks = [\"0.0.0.0/0\"]
";

/// The folder; removed with everything in it when dropped.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("dozvon demo: {} is left behind: {error}", self.0.display());
        }
    }
}

impl Folder {
    /// Makes the folder and writes everything; the voice bots answer at `bot` by SIP and at `stream` by WebSocket.
    pub(super) fn write(
        args: &DemoArgs,
        bot: SocketAddr,
        stream: SocketAddr,
    ) -> io::Result<Folder> {
        let name = format!("dozvon-demo-{}-{}", std::process::id(), bot.port());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        let folder = Folder(path);
        let flows = match &args.flow {
            Some(own) => std::path::absolute(own)?.parent().map(Path::to_owned).unwrap_or_default(),
            None => {
                let flows = folder.0.join("ivr-flows");
                std::fs::create_dir(&flows)?;
                FLOWS.extract(&flows)?;
                std::fs::write(flows.join("guide.yaml"), GUIDE_FLOW)?;
                flows
            }
        };
        for sub in ["calendars/holidays", "rollouts"] {
            std::fs::create_dir_all(folder.0.join(sub))?;
        }
        for (name, text) in TAKEN {
            folder.file(name, text)?;
        }
        folder.file("numbers.toml", &numbers(args)?)?;
        folder.file("trunks.toml", TRUNKS)?;
        folder.file("queues.toml", QUEUES)?;
        folder.file("rollouts/cards.toml", ROLLOUT)?;
        let bots = format!(
            "[[bot]]\nname = \"cards-assistant\"\nuri = \"sip:cards@{bot}\"\n\
             [[bot]]\nname = \"guide\"\nstream = \"ws://{stream}/\"\n"
        );
        folder.file("bots.toml", &bots)?;
        // A shipped token is the first agent's, who is there also when nobody plays him.
        folder.file("agents.toml", &agents(args.agents.max(1)))?;
        folder.file("dozvon.toml", &settings(args, &flows))?;
        Ok(folder)
    }

    fn file(&self, name: &str, text: &str) -> io::Result<()> {
        std::fs::write(self.0.join(name), text)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// A secret that the configuration has made.
    pub(super) fn secret(&self, name: &str) -> io::Result<String> {
        Ok(std::fs::read_to_string(self.0.join("secrets").join(name))?.trim().to_owned())
    }
}

/// The SIP user of the agent of that number.
pub(super) fn agent_user(index: u32) -> String {
    match NAMES.get(index as usize) {
        Some((user, _)) => (*user).to_owned(),
        None => format!("agent{index}"),
    }
}

fn agents(count: u32) -> String {
    let mut text = String::new();
    for index in 0..count {
        let user = agent_user(index);
        let name = NAMES.get(index as usize).map_or(user.as_str(), |(_, name)| name);
        text.push_str(&format!(
            "[[agent]]\nuser = \"{user}\"\nname = \"{name}\"\nteam = \"day\"\nskills = [\"cards\", \"loans\"]\n\
             languages = [\"ru\", \"kk\", \"en\"]\n\n"
        ));
    }
    text
}

/// The shipped numbers; with a flow of the visitor's only his, and the echo.
fn numbers(args: &DemoArgs) -> io::Result<String> {
    let Some(file) = &args.flow else {
        return Ok(format!("{NUMBERS}\n[[number]]\ndial = \"{GUIDE}\"\nflow = \"guide\"\n"));
    };
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(named)?;
    // A file without a name has other mistakes, too, and is told with them.
    let flow = flow_name(&text).unwrap_or_default();
    let echo = format!("[[number]]\ndial = \"{ECHO}\"\necho = true\n");
    Ok(format!("[[number]]\ndial = \"{OWN_FLOW}\"\nflow = \"{flow}\"\n\n{echo}"))
}

fn settings(args: &DemoArgs, flows: &Path) -> String {
    let (sip, http) = (args.sip_port, args.http_port);
    let watch = args.flow.is_some();
    // Several demos on one machine, as in tests, keep out of each other's way, and all out of the ephemeral ports.
    let first_rtp = if sip == 0 { 20_000 + (std::process::id() % 12) * 1_000 } else { 20_000 };
    let last_rtp = first_rtp + 999;
    format!(
        "[sip]\nlisten_udp = [\"127.0.0.1:{sip}\"]\nlisten_tcp = [\"127.0.0.1:{sip}\"]\n\
         [media]\naddress = \"127.0.0.1\"\nrtp_port_min = {first_rtp}\nrtp_port_max = {last_rtp}\n\
         rtp_port_cooldown_secs = 2\n[limits]\ncalls_max = 200\n\
         [flows]\nfolder = {flows:?}\nwatch = {watch}\n\
         [http]\nlisten = \"127.0.0.1:{http}\"\n\
         [store]\npath = \"demo.db\"\n\
         [log]\nfilter = \"warn,dozvon::server::reload=info\"\n\
         [drain]\nfinish_within_secs = 0\n"
    )
}
