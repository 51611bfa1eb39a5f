//! Configuration: a folder of TOML and YAML files in, checked values out, or every mistake of every file at once.
//!
//! [`load`] reads all of it in one pass: dozvon.toml and the environment ([`base`]), queues, agents and tokens
//! ([`staff`]), trunks, numbers and rollouts ([`routes`]), [`bots`], [`recognisers`], [`webhooks`], prompts, calendars
//! and flows ([`ivr`]). A wrong value is noted and its default stands in, so that the rest is read too. What there is
//! to configure is one table, [`keys`]. Nothing here opens a socket for traffic or starts anything.

mod base;
mod bots;
mod callbacks;
mod ci;
mod classifiers;
mod database;
mod endpoints;
mod files;
mod finding;
mod ivr;
mod keys;
mod opening;
mod plans;
mod prompts;
mod recognisers;
mod reference;
mod render;
mod routes;
mod schedules;
mod secrets;
mod settings;
mod staff;
mod statuses;
mod trials;
mod value;
mod walk;
mod webhooks;

pub(crate) use ci::{Case, junit};
pub(crate) use files::{Disk, read as read_file};
pub(crate) use finding::{
    Finding, Findings, Severity as FoundSeverity, SourceId, Told, nearest as nearest_name,
};
pub(crate) use ivr::{
    Files as FlowFiles, add_prompts, name_in as flow_name, read_texts, stamp as stamp_flow,
    tell as tell_flow,
};
pub(crate) use plans::{read as read_plan, tell as tell_plan};
pub(crate) use prompts::read as read_prompts;
pub(crate) use reference::{reference, sample};
pub(crate) use render::{counts, render};
pub(crate) use schedules::{Shifts, read as read_schedules};
pub(crate) use secrets::{Missing, make as make_secret};
pub(crate) use settings::*;

use crate::server::store::db::Database;
use base::Base;
use classifiers::Classifiers;
use dozvon_center::acd;
use dozvon_center::flow::model::{Kind, MUSIC};
use dozvon_center::flow::{Flow, Surroundings};
use dozvon_center::policy::Policy;
use dozvon_center::rollout::Rollout;
use dozvon_center::rollout::plan::Plan;
use dozvon_center::waiting::Announcements;
use dozvon_switch::config::Config;
use finding::nearest;
use keys::OTHERS;
use secrets::Secrets;
use sha2::Digest as _;
use staff::Staff;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Everything that starts the switch.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// For the roof.
    pub(crate) settings: Settings,
    /// For the center.
    pub(crate) policy: Policy,
    /// For the switch. `sip.secret` is zeros and `clips` is empty: the roof fills them in.
    pub(crate) switch: Config,
    /// What bots must prove before they get more callers.
    pub(crate) plans: Vec<Arc<Plan>>,
    /// The WAV files to be loaded into the clip library.
    pub(crate) prompts: Vec<PromptFile>,
    /// Bots that the connector of streams reaches.
    pub(crate) streams: Streams,
    /// Who listens to callers for words.
    pub(crate) recognisers: Recognisers,
    /// The folder it was read from.
    pub(crate) folder: PathBuf,
    /// The environment it was read with, which may hold secrets.
    variables: Arc<[(String, Secret)]>,
    /// The folders of all its files: its own, that of flows, that of prompts.
    pub(crate) watched: Vec<PathBuf>,
    /// Every file read but prompts and secrets: its name as seen from the folder, and its text.
    pub(crate) texts: Arc<[(String, String)]>,
    /// Twelve digits of the SHA-256 of every file and variable read, prompts included.
    pub(crate) version: Arc<str>,
}

impl Loaded {
    /// The environment it was read with: whoever reads it again takes the same.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        self.variables.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect()
    }

    /// What differs in `next` that counts only after a restart, in the operator's words.
    pub(crate) fn restart_needed(&self, next: &Loaded) -> Vec<&'static str> {
        let Config { sip, agents, trunks, feature_codes, .. } = &self.switch;
        let media = |config: &Config| {
            let ports = (config.rtp_ports.clone(), config.rtp_port_cooldown);
            let addresses = (config.media_v4, config.media_v6);
            (ports, addresses, config.workers, config.codecs.clone(), config.limits)
        };
        let language = self.switch.default_language == next.switch.default_language;
        // What is to be proved, and with whom, is not changed on the way.
        let planned = |loaded: &Loaded| {
            let planned = loaded.policy.rollouts.values().filter(|rollout| rollout.planned);
            let draw =
                |r: &Rollout| (r.name.clone(), r.tried.clone(), r.salt.clone(), r.share, r.holdout);
            (loaded.plans.clone(), planned.map(draw).collect::<Vec<_>>())
        };
        let same = [
            (
                self.policy.can_become(&next.policy) && *agents == next.switch.agents,
                "queues, agents, their statuses, skills, passwords or classifiers",
            ),
            (
                planned(self) == planned(next),
                "plans of rollouts, or the bot, flows, salt, share or holdout of a rollout with a plan",
            ),
            (*trunks == next.switch.trunks, "trunks"),
            (*feature_codes == next.switch.feature_codes, "feature codes"),
            (*sip == next.switch.sip, "[sip] of dozvon.toml"),
            (
                media(&self.switch) == media(&next.switch) && language,
                "[media], [limits] or the language of dozvon.toml",
            ),
            (
                self.settings == next.settings,
                "tokens, webhooks, endpoints, or another part of dozvon.toml",
            ),
        ];
        same.into_iter().filter(|(same, _)| !same).map(|(_, what)| what).collect()
    }
}

/// The environment of this process; variables that aren't UTF-8 are none of ours.
pub(crate) fn environment() -> Vec<(String, String)> {
    let text = |part: std::ffi::OsString| part.into_string().ok();
    std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect()
}

/// Reads a configuration folder. `None` as soon as there is an error; all of them, and the warnings, are in the
/// findings. `variables` is the environment: what begins with `DOZVON__` wins over dozvon.toml.
pub(crate) fn load(
    folder: &Path,
    variables: &[(String, String)],
    missing: Missing,
    tests: Tests,
) -> (Option<Loaded>, Findings) {
    load_from(Disk::Real, folder, variables, missing, tests)
}

/// What becomes of the flows' own tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tests {
    /// They are played, and one that fails is a mistake: for whoever brings the configuration in force.
    Play,
    /// They are left, and a flow that doesn't do what they say may be looked at all the same.
    Leave,
}

/// The same of a folder whose files are elsewhere.
pub(crate) fn load_from(
    disk: Disk,
    folder: &Path,
    variables: &[(String, String)],
    missing: Missing,
    tests: Tests,
) -> (Option<Loaded>, Findings) {
    let mut findings = Findings::default();
    findings.disk = disk;
    let base = Base::read(&mut findings, folder, variables);
    let secrets = Secrets { folder, variables, missing };
    let around = read_around(&mut findings, &base, &secrets);
    let flows_folder = flows_folder(&base);
    if !findings.disk.is_folder(&flows_folder) {
        let message = format!("there is no folder {}", shown(&flows_folder));
        findings.error(
            base.table("flows").place("folder"),
            message,
            "name the folder of the IVR flows",
        );
    }
    let (flows, flow_names) = ivr::flows(
        &mut findings,
        &flows_folder,
        &around.surroundings,
        &around.prompts,
        (&around.calendars, tests),
    );
    let flow_names: Vec<&str> = flow_names.iter().map(String::as_str).collect();
    let numbers = routes::numbers(&mut findings, &base, &flow_names, &around.staff);
    trials::check(&mut findings, &around.trials, &flows, &flow_names, &numbers);
    let known = opening::Known {
        staff: &around.staff,
        calendars: &around.calendars,
        numbers: &numbers,
        flows: &flows,
        trials: &around.trials,
    };
    let opening = opening::read(&mut findings, &base, &known);
    let trunks = routes::trunks(&mut findings, &base, &secrets, &numbers);
    let tokens = staff::tokens(&mut findings, &base, &secrets, &around.staff);
    check_music(&mut findings, &base, &around.prompts);
    check_confirmations(&mut findings, &base, &around.staff, &around.prompts);
    check_talk(&mut findings, &base, &around.prompts);
    check_announcements(&mut findings, &base, &around.staff, &flows, &around.prompts);
    check_stray_files(&mut findings, folder);
    let Around {
        mut staff,
        bots,
        recognisers,
        mut rollouts,
        calendars,
        classifiers,
        endpoints,
        prompts,
        ..
    } = around;
    let plans = plans::plans(&mut findings, &base, &mut rollouts);
    let acd = acd_config(&mut findings, &base, &mut staff);
    let queues = std::mem::take(&mut staff.callbacks);
    let callbacks = callbacks::read(&mut findings, &base, &calendars, queues);
    let webhooks = webhooks::read(&mut findings, &base, &secrets);
    let store = database::read(&mut findings, &base, &secrets);
    let settings = settings(&mut findings, &base, tokens, store, (webhooks, endpoints));
    if findings.has_errors() {
        return (None, findings);
    }
    let announcements = announcements(&mut staff);
    let shared = base.table("acd").list("shared_numbers");
    let policy = Policy {
        acd,
        skills: staff.skills,
        shared_numbers: shared.iter().map(|(number, _)| number.as_str().into()).collect(),
        flows,
        calendars,
        opening,
        rollouts,
        bots: bots.policy,
        recognisers: recognisers.by_language,
        announcements,
        music: base.table("flows").text("music").into(),
        talk: base.talk(),
        classifiers,
        callbacks,
    };
    let media = base.table("media");
    let switch = Config {
        sip: base.endpoint(),
        media_v4: base.media_v4(),
        media_v6: base.media_v6(),
        rtp_ports: media.number("rtp_port_min")..=media.number("rtp_port_max"),
        rtp_port_cooldown: media.secs("rtp_port_cooldown_secs"),
        workers: settings.media.workers,
        codecs: base.codecs(),
        numbers,
        agents: staff.access,
        trunks,
        bots: bots.access,
        feature_codes: base.feature_codes.clone(),
        clips: std::collections::BTreeMap::new(),
        default_language: base.table("flows").text("language").into(),
        limits: base.switch_limits(),
    };
    let mut version = findings.digest(folder);
    let file = |(name, text): (&str, &str)| (files::inside(folder, name).into_owned(), text.into());
    let texts = findings.files().map(file).collect();
    prompts.iter().for_each(|prompt| version.update(prompt.digest));
    let (folder, version) = (folder.to_owned(), ivr::short(version));
    let watched = vec![folder.clone(), flows_folder, prompts_folder(&base)];
    let variables = variables.iter().map(|(name, value)| (name.clone(), Secret(value.clone())));
    let loaded = Loaded {
        settings,
        policy,
        switch,
        plans,
        prompts,
        streams: bots.streams,
        recognisers: recognisers.recognisers,
        folder,
        variables: variables.collect(),
        watched,
        texts,
        version,
    };
    (Some(loaded), findings)
}

/// The values of dozvon.toml in force, as TOML with comments on whence they come.
pub(crate) fn show(folder: &Path, variables: &[(String, String)]) -> (String, Findings) {
    let mut findings = Findings::default();
    let base = Base::read(&mut findings, folder, variables);
    (reference::in_force(&base), findings)
}

/// Where a configuration keeps what is read back, for commands that start nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    /// The database.
    pub(crate) store: Database,
    /// The event log, if there is one.
    pub(crate) events: Option<PathBuf>,
    /// The time zone of all calendars; `None` when there are none, or when they differ.
    pub(crate) zone: Option<String>,
}

/// Reads only where things are kept. Mistakes elsewhere in the configuration are not told.
pub(crate) fn places(folder: &Path, variables: &[(String, String)]) -> (Places, Findings) {
    let mut findings = Findings::default();
    let base = Base::read(&mut findings, folder, variables);
    let calendars = ivr::calendars(&mut Findings::default(), &base.folder);
    let zones = calendars.names().filter_map(|name| calendars.get(name));
    let zones: std::collections::BTreeSet<&str> = zones.map(|calendar| calendar.zone()).collect();
    let zone = zones.first().filter(|_| zones.len() == 1).map(ToString::to_string);
    let secrets = Secrets { folder, variables, missing: Missing::Leave };
    let store = database::read(&mut findings, &base, &secrets).database;
    (Places { store, events: base.events().file, zone }, findings)
}

/// What flows may name, by a configuration folder, and its calendars. Mistakes of the folder are not told.
pub(crate) fn surroundings(
    folder: &Path,
    variables: &[(String, String)],
) -> (Surroundings, dozvon_center::calendar::Calendars) {
    let mut findings = Findings::default();
    let base = Base::read(&mut findings, folder, variables);
    let secrets = Secrets { folder, variables, missing: Missing::Leave };
    let around = read_around(&mut findings, &base, &secrets);
    (around.surroundings, Arc::unwrap_or_clone(around.calendars))
}

/// The password of an agent, or why there is none to be had: where it is, and whether dozvon keeps it itself.
pub(crate) fn agent_password_file(
    folder: &Path,
    variables: &[(String, String)],
    user: &str,
) -> Result<AgentPassword, String> {
    let mut findings = Findings::default();
    let base = Base::read(&mut findings, folder, variables);
    let path = folder.join("agents.toml");
    let agents =
        files::tables(&mut findings, &path, &[&keys::AGENT]).remove("agent").unwrap_or_default();
    let Some(table) = agents.iter().find(|agent| agent.text("user") == user) else {
        let users = agents.iter().map(|agent| agent.text("user"));
        let cure = finding::suggest(user, "agent", users.collect::<Vec<_>>());
        return Err(format!("there is no agent `{user}` in {} ({cure})", path.display()));
    };
    let realm = staff::realm(&base).to_owned();
    if table.entry("ha1_sha256").is_some() || table.entry("ha1_md5").is_some() {
        return Err(format!(
            "only hashes of `{user}`'s password are known; nobody can tell it from them"
        ));
    }
    if let Some(path) = table.text_opt("password_file") {
        return Ok(AgentPassword { realm, file: folder.join(path), kept: false });
    }
    if let Some(variable) = table.text_opt("password_env") {
        return Err(format!("`{user}`'s password is in the environment variable {variable}"));
    }
    let kept = base.path("sip", "agent_passwords").map(|folder| folder.join(user));
    let file = kept.ok_or_else(|| {
        format!("`{user}` has no password, and agent_passwords of [sip] is empty")
    })?;
    Ok(AgentPassword { realm, file, kept: true })
}

/// Where an agent's password is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AgentPassword {
    /// The digest realm.
    pub(crate) realm: String,
    /// The file that holds it, or will.
    pub(crate) file: PathBuf,
    /// Whether dozvon keeps it itself and may make a new one.
    pub(crate) kept: bool,
}

/// What flows may name.
struct Around {
    staff: Staff,
    bots: bots::Bots,
    recognisers: recognisers::Read,
    rollouts: std::collections::BTreeMap<Arc<str>, Rollout>,
    trials: Vec<trials::Trial>,
    calendars: Arc<dozvon_center::calendar::Calendars>,
    classifiers: std::collections::BTreeMap<Arc<str>, Arc<dozvon_center::classifier::Classifier>>,
    endpoints: Vec<Endpoint>,
    prompts: Vec<PromptFile>,
    surroundings: Surroundings,
}

fn read_around(findings: &mut Findings, base: &Base, secrets: &Secrets<'_>) -> Around {
    let classifiers = Classifiers::read(findings, &base.folder);
    let mut staff = Staff::read(findings, base, secrets, &classifiers);
    let bots = bots::read(findings, base, secrets);
    let recognisers = recognisers::read(findings, base, secrets);
    let calendars = Arc::new(ivr::calendars(findings, &base.folder));
    let (rollouts, trials) = routes::rollouts(findings, base, &bots.policy, &calendars);
    let prompts = prompts::read(findings, &prompts_folder(base));
    for prompt in prompts.iter().filter(|prompt| &*prompt.language != MUSIC) {
        staff.add_language(&prompt.language);
    }
    let endpoints = endpoints::read(findings, base, secrets);
    // The draw of a flow's trial comes before the flow, and can't be asked for in one.
    let of_bots = rollouts.values().filter(|rollout| rollout.tried.bot().is_some());
    let mut surroundings = Surroundings {
        queues: staff.queues.iter().map(|queue| queue.name.to_string()).collect(),
        bots: bots.policy.keys().map(ToString::to_string).collect(),
        rollouts: of_bots.map(|rollout| rollout.name.to_string()).collect(),
        calendars: calendars.names().map(str::to_owned).collect(),
        skills: staff.skills.iter().map(ToString::to_string).collect(),
        endpoints: endpoints::facts(&endpoints),
        heard: recognisers.by_language.keys().map(ToString::to_string).collect(),
        ..Surroundings::default()
    };
    ivr::add_prompts(findings, &mut surroundings, &prompts_folder(base), &prompts);
    let classifiers = classifiers.by_name;
    Around {
        staff,
        bots,
        recognisers,
        rollouts,
        trials,
        calendars,
        classifiers,
        endpoints,
        prompts,
        surroundings,
    }
}

fn flows_folder(base: &Base) -> PathBuf {
    let folder = base.path("flows", "folder").unwrap_or_else(|| base.folder.clone());
    // Without the `.` in `config/./main.yaml`; `..` stays, a link may stand before it.
    folder.components().collect()
}

fn prompts_folder(base: &Base) -> PathBuf {
    base.path("flows", "prompts").unwrap_or_else(|| flows_folder(base).join("prompts"))
}

fn settings(
    findings: &mut Findings,
    base: &Base,
    tokens: Vec<Token>,
    store: Store,
    (webhooks, endpoints): (Vec<Webhook>, Vec<Endpoint>),
) -> Settings {
    Settings {
        webhooks,
        endpoints,
        shifts: schedules::shifts(findings, base),
        sip: base.sip(),
        media: base.media(),
        http: base.http(tokens),
        watch: base.table("flows").flag("watch"),
        store,
        events: base.events(),
        log: base.log(),
        drain: base.drain(),
    }
}

/// The center's rules of distribution. Bounds that the table of keys doesn't know are told by the center.
fn acd_config(findings: &mut Findings, base: &Base, staff: &mut Staff) -> acd::Config {
    let table = base.table("acd");
    let config = acd::Config {
        queues: std::mem::take(&mut staff.queues),
        agents: std::mem::take(&mut staff.agents),
        reserves: std::mem::take(&mut staff.reserves),
        reserved_max: table.millis("reserved_max_ms"),
        connecting_max: table.millis("connecting_max_ms"),
        late_answer: table.millis("late_answer_ms"),
        rona_cooldown: table.secs("rona_cooldown_secs"),
        rona_limit: table.number("rona_limit"),
        rona_forget: table.secs("rona_forget_secs"),
        reject_cooldown: table.secs("reject_cooldown_secs"),
        fault_cooldown: table.secs("fault_cooldown_secs"),
        skip: table.secs("skip_secs"),
        unreachable_grace: table.secs("unreachable_grace_secs"),
        unreachable_return: table.secs("unreachable_return_secs"),
        no_agents_grace: table.secs("no_agents_grace_secs"),
        talk_max: table.secs("talk_max_secs"),
        talk_max_ends: table.flag("talk_max_ends"),
        outbound_max: table.secs("outbound_max_secs"),
        statuses: base.statuses.clone(),
    };
    for problem in config.problems() {
        findings.error(&base.place, problem, "see queues.toml, agents.toml and [acd]");
    }
    config
}

/// A folder as people are shown it.
fn shown(folder: &Path) -> String {
    files::shown(&folder.display().to_string())
}

fn check_music(findings: &mut Findings, base: &Base, prompts: &[PromptFile]) {
    let table = base.table("flows");
    let music = table.text("music");
    let mut known = prompts.iter().filter(|prompt| &*prompt.language == MUSIC);
    if !known.any(|prompt| &*prompt.name == music) {
        let message =
            format!("there is no music `{music}` in {}/{MUSIC}", shown(&prompts_folder(base)));
        let names =
            prompts.iter().filter(|prompt| &*prompt.language == MUSIC).map(|prompt| &*prompt.name);
        let cure = finding::suggest(music, "music", names.collect::<Vec<_>>());
        findings.warning(table.place("music"), format!("{message}: callers wait in silence"), cure);
    }
}

/// The phrases of [talk] in every language that a caller may speak, and times that fit together.
fn check_talk(findings: &mut Findings, base: &Base, prompts: &[PromptFile]) {
    let table = base.table("talk");
    let languages: std::collections::BTreeSet<&str> =
        prompts.iter().map(|prompt| &*prompt.language).filter(|name| *name != MUSIC).collect();
    for key in ["hold_phrase", "lost_phrase"] {
        let Some(phrase) = table.text_opt(key).filter(|phrase| !phrase.is_empty()) else {
            continue;
        };
        let spoken =
            |language: &str| prompts.iter().any(|p| &*p.language == language && &*p.name == phrase);
        let missing: Vec<&str> = languages.iter().copied().filter(|l| !spoken(l)).collect();
        if !missing.is_empty() {
            let message = format!("there is no prompt `{phrase}` in {}", missing.join(", "));
            let cure = "record it there, or leave the phrase empty: then only music is heard";
            findings.warning(table.place(key), message, cure);
        }
    }
    if table.secs("hold_warn_at_secs") >= table.secs("hold_max_secs") {
        let message = "the agent is warned of a hold when it is too long already";
        let cure = "make hold_warn_at_secs smaller than hold_max_secs";
        findings.error(table.place("hold_warn_at_secs"), message, cure);
    }
}

fn announcements(staff: &mut Staff) -> BTreeMap<Arc<str>, Announcements> {
    let all = std::mem::take(&mut staff.announcements).into_iter();
    all.map(|(queue, (what, _))| (queue, what)).filter(|(_, what)| !what.is_silent()).collect()
}

/// What waiting callers are told must be there in every language of the flows that lead to their queue.
fn check_announcements(
    findings: &mut Findings,
    base: &Base,
    staff: &Staff,
    flows: &BTreeMap<Arc<str>, Arc<Flow>>,
    prompts: &[PromptFile],
) {
    let folder = prompts_folder(base);
    for (queue, (what, place)) in &staff.announcements {
        let leads = |flow: &&Arc<Flow>| {
            let here = |kind: &Kind| matches!(kind, Kind::Queue(node) if node.name.value == *queue);
            flow.nodes.iter().any(|node| here(&node.kind))
        };
        let leading = flows.values().filter(leads);
        let languages = leading.flat_map(|flow| flow.languages.iter().map(|l| l.value.clone()));
        for language in languages.collect::<BTreeSet<Arc<str>>>() {
            let there =
                |name: &Arc<str>| prompts.iter().any(|p| p.language == language && p.name == *name);
            let mut missing = what.prompts(&language);
            missing.retain(|name| !there(name));
            if let Some(first) = missing.first() {
                let (many, first_five) = (missing.len(), &missing[..missing.len().min(5)]);
                let message = format!(
                    "callers of queue `{queue}` who speak `{language}` can't be told everything: {many} prompts are \
                     missing: {}{}",
                    first_five.join(", "),
                    if many > first_five.len() { ", …" } else { "" }
                );
                let cure =
                    format!("record {}/{language}/{first}.wav and the others", shown(&folder));
                findings.error(place, message, cure);
            }
        }
    }
}

/// The words that the switch speaks to an agent who has dialled a feature code: `status-short-break` and so on.
fn check_confirmations(
    findings: &mut Findings,
    base: &Base,
    staff: &Staff,
    prompts: &[PromptFile],
) {
    let default = base.table("flows").text("language");
    let spoken = staff.access.iter().map(|agent| agent.language.as_deref().unwrap_or(default));
    let spoken: std::collections::BTreeSet<&str> = spoken.collect();
    for language in spoken {
        let there =
            |name: &str| prompts.iter().any(|p| &*p.language == language && &*p.name == name);
        let wanted = base.feature_codes.values().map(|code| match code {
            dozvon_switch::config::FeatureCode::Status(status) => {
                format!("status-{}", status.as_str().replace('_', "-"))
            }
            dozvon_switch::config::FeatureCode::LogOut => "status-logged-out".to_owned(),
            dozvon_switch::config::FeatureCode::WrapUpCode => "unknown-code".to_owned(),
        });
        let mut missing: Vec<String> = wanted.collect();
        missing.retain(|name| !there(name));
        if !missing.is_empty() {
            let message = format!(
                "agents who speak `{language}` hear no confirmation: {}",
                missing.join(", ")
            );
            let cure = format!("record them in {}/{language}", shown(&prompts_folder(base)));
            findings.warning(base.table("flows").place("language"), message, cure);
        }
    }
}

/// A misspelt file name would otherwise be a file that nobody reads.
fn check_stray_files(findings: &mut Findings, folder: &Path) {
    let mut known: Vec<&str> = OTHERS.iter().map(|section| section.file).collect();
    known.push("dozvon.toml");
    for path in files::list(findings, folder, "toml") {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if !known.contains(&name) {
            let place = findings.file(path.display().to_string());
            let cure = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => String::from("take it out, or call it *.toml.off"),
            };
            findings.warning(&place, "nobody reads this file", cure);
        }
    }
}

#[cfg(test)]
mod tests;
