//! `dozvon demo`: a whole bank on this machine, without any configuration.
//!
//! The real server from a temporary folder on loopback addresses, with agents and a voice bot that answer by themselves
//! and callers that call by themselves, all over real SIP and RTP. Ends cleanly with ctrl-c and leaves nothing behind.

mod bot;
mod callers;
mod contacts;
mod folder;

use crate::caller::phone::{Account, Agent, Answering, Manner, PhoneError, Source};
use crate::cli::{self, DemoArgs};
use crate::server::brain::Stop;
use crate::server::config::{Missing, Tests, load};
use crate::server::{Server, StartError, telemetry};
use bot::StreamBot;
use callers::{Dice, Script};
use contacts::Contacts;
use folder::{BANK, ECHO, Folder, GUIDE, OWN_FLOW, agent_user};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// What agents and the bot say: a sentence of the bank's own prompts.
const VOICE: &[u8] = include_bytes!("../../ivr-flows/prompts/ru/agent-will-help.wav");
/// Callers on the line at once; one more does not come.
const CALLERS_MAX: usize = 500;
/// Phones that register at the same moment.
const REGISTERING_MAX: usize = 20;

/// Why the demo does not start.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("the temporary folder: {0}")]
    Folder(#[from] std::io::Error),
    #[error("{}{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"), cure(.0))]
    Start(Vec<StartError>),
    #[error("a demo phone: {0}")]
    Phone(#[from] PhoneError),
    #[error("the demo's own configuration is wrong: please report it")]
    Config,
    #[error(
        "{0} or a flow beside it has these mistakes; the demo has the queues general, urgent, cards and loans, and for \
         others there is dozvon serve"
    )]
    Flow(String),
    #[error("the log: {0}")]
    Log(#[from] telemetry::TelemetryError),
}

/// Which option helps.
fn cure(errors: &[StartError]) -> &'static str {
    let sip = errors.iter().any(|e| matches!(e, StartError::Listen(_)));
    let http = errors.iter().any(|e| matches!(e, StartError::Http(..)));
    match (sip, http) {
        (true, true) => "\nchoose other ports: dozvon demo --sip-port 5070 --http-port 8081",
        (true, false) => "\nchoose another port: dozvon demo --sip-port 5070",
        (false, true) => "\nchoose another port: dozvon demo --http-port 8081",
        (false, false) => "",
    }
}

/// Runs the command.
pub(crate) fn run(args: &DemoArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime of one thread needs only a few descriptors");
    match runtime.block_on(demo(args)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("dozvon demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn demo(args: &DemoArgs) -> Result<ExitCode, DemoError> {
    let began = Instant::now();
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let bot = Agent::start(Account::at(nowhere), bot_manner(), None).await?;
    let stream = StreamBot::start().await?;
    let folder = Folder::write(args, bot.local(), stream.local())?;
    let (loaded, findings) = load(folder.path(), &[], Missing::Make, Tests::Play);
    let Some(loaded) = loaded else {
        cli::tell(&findings, cli::Format::Full);
        let flow = args.flow.as_ref().map(|file| DemoError::Flow(file.display().to_string()));
        return Err(flow.unwrap_or(DemoError::Config));
    };
    telemetry::init(&loaded.settings.log)?;
    let server = Server::build(loaded, None).map_err(DemoError::Start)?;
    let sip = *server.ready.sip_udp.first().expect("the demo listens on UDP");
    let http = *server.ready.http.as_ref().expect("the demo has HTTP");
    let (stop, live, directory) =
        (server.stopper(), server.live.listen(), server.directory.clone());
    server.obey_changes();
    let serving = tokio::spawn(server.serve());
    let agents = start_agents(args.agents, sip, &folder).await?;
    let token = folder.secret("tokens/supervisor").unwrap_or_default();
    cli::print(&welcome(args, sip, http, &token, began.elapsed()));
    let end = async {
        match args.duration {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = come_and_go(args, sip) => {}
        () = tell_contacts(live, Contacts::new(directory), began) => {}
        () = told_to_stop() => {}
        () = end => {}
    }
    cli::print("stopping\n");
    let _ = stop.send(Stop::Now);
    let code = serving.await.unwrap_or(ExitCode::FAILURE);
    drop((agents, bot, stream, folder));
    Ok(code)
}

/// Waits for ctrl-c or SIGTERM.
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut term) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = term.recv() => {}
        },
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

fn welcome(
    args: &DemoArgs,
    sip: SocketAddr,
    http: SocketAddr,
    token: &str,
    took: Duration,
) -> String {
    let callers = match args.callers_per_minute {
        0 => "nobody calls but you".to_owned(),
        n => format!("{n} callers a minute"),
    };
    let number = dialled(args);
    let line = match &args.flow {
        Some(file) => format!("your line, {}", file.display()),
        None => "the bank: 0 = a person, 1 = stolen card, 3 = cards (bot or person)".to_owned(),
    };
    // A visitor's own folder of flows is left as it is.
    let guide = match &args.flow {
        Some(_) => String::new(),
        None => format!(
            "         sip:{GUIDE}@{sip}   a voice bot over a stream: 1 = it counts, 2 = a person, 3 = done\n"
        ),
    };
    format!(
        "The bank is open after {:.1} s: {} agents, a voice bot, {callers}. Ctrl-C closes it.

  dial   sip:{number}@{sip}   {line}
         sip:{ECHO}@{sip}   echo
{guide}         dozvon call sip:{number}@{sip} --press 0@4s --duration 30s
  open   http://{http}/   live page; token for the API: {token}

Contacts as they end (numbers are masked), from process {}:
",
        took.as_secs_f64(),
        args.agents,
        std::process::id(),
    )
}

/// What callers dial.
fn dialled(args: &DemoArgs) -> &'static str {
    if args.flow.is_some() { OWN_FLOW } else { BANK }
}

fn voice() -> Source {
    Source::wav_bytes(VOICE, false).expect("the demo's own prompt is 16-bit PCM")
}

/// The samples of a prompt, 8,000 a second.
fn sound(wav: &[u8]) -> std::sync::Arc<[i16]> {
    let prompt = Source::wav_bytes(wav, false).expect("the demo's own prompts are 16-bit PCM");
    let Source::Samples { samples, .. } = prompt else { unreachable!("a file has samples") };
    samples
}

fn bot_manner() -> Manner {
    Manner {
        answering: Answering::Answer,
        rings: (Duration::from_millis(50), Duration::from_millis(300)),
        talks: Some((Duration::from_secs(5), Duration::from_secs(12))),
        says: voice(),
        many: true,
        register_secs: 0,
        dials_first: None,
    }
}

/// Registers the agents' phones and makes them ready with the feature code.
async fn start_agents(
    count: u32,
    server: SocketAddr,
    folder: &Folder,
) -> Result<Vec<Agent>, DemoError> {
    let mut starting = JoinSet::new();
    let mut agents = Vec::new();
    for index in 0..count {
        let user = agent_user(index);
        let password = folder.secret(&format!("agents/{user}"))?;
        let manner = Manner {
            answering: Answering::Answer,
            rings: (Duration::from_millis(800), Duration::from_secs(4)),
            talks: Some((Duration::from_secs(6), Duration::from_secs(20))),
            says: voice(),
            many: false,
            register_secs: 300,
            dials_first: Some(format!("sip:*1@{server}")),
        };
        let account = Account::at(server).login(&user, &password);
        starting.spawn(Agent::start(account, manner, None));
        if starting.len() >= REGISTERING_MAX
            && let Some(Ok(agent)) = starting.join_next().await
        {
            agents.push(agent?);
        }
    }
    while let Some(agent) = starting.join_next().await {
        if let Ok(agent) = agent {
            agents.push(agent?);
        }
    }
    Ok(agents)
}

/// Callers come evenly over each minute, the first at once.
async fn come_and_go(args: &DemoArgs, server: SocketAddr) {
    if args.callers_per_minute == 0 {
        return std::future::pending().await;
    }
    let mut dice = Dice::new(args.seed);
    let mut every = tokio::time::interval(Duration::from_secs(60) / args.callers_per_minute);
    let mut calls = JoinSet::new();
    loop {
        tokio::select! {
            _ = every.tick() => if calls.len() < CALLERS_MAX {
                calls.spawn(callers::call(server, dialled(args), Script::roll(&mut dice)));
            },
            Some(_) = calls.join_next() => {}
        }
    }
}

/// Prints a line for each contact that ends.
async fn tell_contacts(
    mut live: tokio::sync::broadcast::Receiver<std::sync::Arc<dozvon_center::fact::Fact>>,
    mut contacts: Contacts,
    began: Instant,
) {
    use tokio::sync::broadcast::error::RecvError;
    loop {
        match live.recv().await {
            Ok(fact) => {
                if let Some(line) = contacts.fact(&fact) {
                    cli::print(&format!("{:>7.1} s  {line}\n", began.elapsed().as_secs_f64()));
                }
            }
            Err(RecvError::Lagged(missed)) => {
                cli::print(&format!("          ({missed} happenings not shown)\n"))
            }
            // The server has ended by itself; its exit code says why.
            Err(RecvError::Closed) => return,
        }
    }
}
