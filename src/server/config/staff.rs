//! queues.toml, agents.toml and tokens.toml: queues, skills, people and who may use the API.

use super::base::Base;
use super::callbacks;
use super::classifiers::{self, Classifiers};
use super::files::{refuse_duplicates, tables};
use super::finding::{Findings, Place, suggest};
use super::keys::{AGENT, QUEUE, RESERVE, SKILLS, STAGE, TOKEN};
use super::opening;
use super::secrets::Secrets;
use super::settings::{Role, Secret, Token};
use super::walk::Table;
use dozvon_center::acd::requirement::LEVEL_DEFAULT;
use dozvon_center::acd::{
    AgentConfig, Expression, Order, QueueConfig, Relax, Requirement, ReserveConfig, Ring, Stage,
    StickyConfig,
};
use dozvon_center::callback::QueueCallbacks;
use dozvon_center::ids::{QueueId, SkillId};
use dozvon_center::opening::QueueHours;
use dozvon_center::waiting::Announcements;
use dozvon_sip::digest::Ha1;
use dozvon_sip::endpoint::Ha1Pair;
use dozvon_switch::config::AgentAccess;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Queues, skills and agents.
#[derive(Debug, Default)]
pub(super) struct Staff {
    /// Queues in the order of the file.
    pub(super) queues: Vec<QueueConfig>,
    /// What waiting callers are told, by queue, and where that is said.
    pub(super) announcements: BTreeMap<Arc<str>, (Announcements, Place)>,
    /// Opening hours by queue, and where they are said.
    pub(super) hours: BTreeMap<Arc<str>, (QueueHours, Place)>,
    /// What queues say of callbacks.
    pub(super) callbacks: BTreeMap<Arc<str>, QueueCallbacks>,
    /// Skills: those listed, then the languages of agents as `lang:…`.
    pub(super) skills: Vec<Arc<str>>,
    /// Agents kept for those who have nobody else.
    pub(super) reserves: Vec<ReserveConfig>,
    /// Agents in the order of the file.
    pub(super) agents: Vec<AgentConfig>,
    /// How each of them gets in.
    pub(super) access: Vec<AgentAccess>,
}

/// The prefix of skills that are languages.
const LANGUAGE: &str = "lang:";

impl Staff {
    /// Reads queues.toml and agents.toml.
    pub(super) fn read(
        findings: &mut Findings,
        base: &Base,
        secrets: &Secrets<'_>,
        codes: &Classifiers,
    ) -> Staff {
        let mut staff = Staff::default();
        let path = base.folder.join("queues.toml");
        let found = tables(findings, &path, &[&SKILLS, &QUEUE, &STAGE, &RESERVE]);
        let listed = |name: &str| found.get(name).map_or(&[][..], Vec::as_slice);
        for (skill, place) in listed("skills").iter().flat_map(|table| table.list("names")) {
            if staff.skills.iter().any(|known| **known == **skill) {
                findings.error(place, format!("there is a second skill `{skill}`"), "take one out");
            } else {
                staff.skills.push(skill.as_str().into());
            }
        }
        refuse_duplicates(findings, listed("queue"), "name", "queue");
        let one = |table| classifiers::wrap_up(findings, codes, table, queue(table));
        staff.queues = listed("queue").iter().map(one).collect();

        for table in listed("queue") {
            let place = if table.says("announce") { "announce" } else { "comfort" };
            let entry = (announcements(table), table.place(place).clone());
            staff.announcements.insert(table.text("name").into(), entry);
            let hours = opening::queue_hours(findings, table);
            staff.hours.extend(hours.map(|hours| (table.text("name").into(), hours)));
            staff.callbacks.insert(table.text("name").into(), callbacks::queue(table));
        }

        let path = base.folder.join("agents.toml");
        let agents = tables(findings, &path, &[&AGENT]).remove("agent").unwrap_or_default();
        refuse_duplicates(findings, &agents, "user", "agent");
        for (skill, _) in agents.iter().flat_map(|agent| agent.list("languages")) {
            staff.add_language(skill);
        }
        for table in &agents {
            let agent = staff.agent(findings, table);
            let access = access(findings, base, secrets, table);
            staff.agents.push(agent);
            staff.access.push(access);
        }
        for table in listed("stage") {
            staff.stage(findings, table);
        }
        for queue in &mut staff.queues {
            queue.stages.sort_by_key(|stage| stage.after);
        }
        for table in listed("reserve") {
            let requires = staff.requirement(findings, table);
            let (idle_min, lasts) = (table.number("idle_min"), table.secs("lasts_secs"));
            staff.reserves.push(ReserveConfig { requires, idle_min, lasts });
        }
        staff
    }

    fn stage(&mut self, findings: &mut Findings, table: &Table) {
        let name = table.text("queue");
        let names: Vec<String> = self.queues.iter().map(|queue| queue.name.to_string()).collect();
        let Some(at) = names.iter().position(|known| known == name) else {
            let message = format!("a stage names the queue `{name}`, which is not in queues.toml");
            let cure = suggest(name, "queue", names.iter().map(String::as_str));
            findings.error(table.place("queue"), message, cure);
            return;
        };
        let drop = table.list("drop").to_vec();
        if table.says("requires") != drop.is_empty() {
            let message = format!("a stage of `{name}` has either `requires` or `drop`");
            findings.error(&table.place, message, "say one of them");
            return;
        }
        let relax = if drop.is_empty() {
            Relax::To(self.requirement(findings, table))
        } else {
            let find = |(skill, place): &(String, Place)| self.skill(findings, skill, place);
            Relax::Drop(drop.iter().map(find).collect())
        };
        let Some(_) = table.entry("after_secs") else { return };
        let after = table.secs("after_secs");
        if self.queues[at].stages.iter().any(|stage| stage.after == after) {
            let message = format!("`{name}` has a second stage at this moment");
            findings.error(table.place("after_secs"), message, "give each its own");
            return;
        }
        self.queues[at].stages.push(Stage { after, relax });
    }

    /// What the `requires` of a table says; `anyone` when something is wrong with it, which is noted.
    fn requirement(&mut self, findings: &mut Findings, table: &Table) -> Requirement {
        let (text, place) = (table.text("requires"), table.place("requires"));
        match Expression::parse(text) {
            Ok(expression) => {
                let mut found = |name: &String| self.skill(findings, name, place);
                Requirement::of(&expression, &mut found)
            }
            Err(mistake) => {
                let column = text[..mistake.at].chars().count() + 1;
                let message = format!("`requires`, at character {column}: {}", mistake.message);
                findings.error(place, message, "write it like \"lang:kk and cards >= 2\"");
                Requirement::anyone()
            }
        }
    }

    /// The number of a skill; one that isn't known is noted, but languages need not be.
    fn skill(&mut self, findings: &mut Findings, name: &str, place: &Place) -> SkillId {
        if let Some(language) = name.strip_prefix(LANGUAGE) {
            self.add_language(language);
        }
        let at = self.skills.iter().position(|known| **known == *name).unwrap_or_else(|| {
            let message = format!("there is no skill `{name}` in [skills] of queues.toml");
            let known = self.skills.iter().map(|skill| &**skill);
            findings.error(place, message, suggest(name, "skill", known));
            0
        });
        SkillId(u16::try_from(at).expect("fewer skills than a file has bytes"))
    }

    /// Makes the skill of a language known.
    pub(super) fn add_language(&mut self, language: &str) {
        let skill = format!("{LANGUAGE}{language}");
        if !self.skills.iter().any(|known| **known == *skill) {
            self.skills.push(skill.into());
        }
    }

    fn agent(&self, findings: &mut Findings, table: &Table) -> AgentConfig {
        let queue_names: BTreeMap<&str, u16> =
            (0..).zip(&self.queues).map(|(n, q)| (&*q.name, n)).collect();
        let skill_names: BTreeMap<&str, u16> =
            (0..).zip(&self.skills).map(|(n, s)| (&**s, n)).collect();
        let mut skills = BTreeMap::new();
        for (language, _) in table.list("languages") {
            let known = skill_names.get(format!("{LANGUAGE}{language}").as_str());
            skills.extend(known.map(|id| (SkillId(*id), LEVEL_DEFAULT)));
        }
        let home = "[skills] of queues.toml";
        for (skill, level, place) in table.levels("skills") {
            let found = find(findings, table, (skill, place), "skill", home, &skill_names);
            skills.extend(found.map(|id| (SkillId(id), *level)));
        }
        let listed = table.list("queues").iter().map(|(name, place)| (name, place));
        let queues = listed.filter_map(|(name, place)| {
            find(findings, table, (name, place), "queue", "queues.toml", &queue_names)
        });
        AgentConfig {
            name: table.text("user").into(),
            skills,
            queues: queues.map(QueueId).collect(),
            team: table.text("team").into(),
            rank: table.number("rank"),
        }
    }
}

/// The number of a name that an agent's table names; one that isn't known is noted.
fn find(
    findings: &mut Findings,
    table: &Table,
    (name, place): (&str, &Place),
    what: &str,
    home: &str,
    known: &BTreeMap<&str, u16>,
) -> Option<u16> {
    let number = known.get(name).copied();
    if number.is_none() {
        let user = table.text("user");
        let message = format!("agent `{user}` names the {what} `{name}`, which is not in {home}");
        findings.error(place, message, suggest(name, what, known.keys().copied()));
    }
    number
}

fn queue(table: &Table) -> QueueConfig {
    let max_wait = table.secs("max_wait_secs");
    QueueConfig {
        service_level: table.secs("service_level_secs"),
        short_abandon: table.secs("short_abandon_secs"),
        ring_timeout: table.secs("ring_timeout_secs"),
        handle_prior: table.secs("handle_prior_secs"),
        max_wait: Some(max_wait).filter(|wait| !wait.is_zero()),
        length_max: table.number("length_max"),
        tier: table.number("tier"),
        order: order(table.text("order")),
        ring: match table.text("ring") {
            "parallel" => Ring::Parallel(table.number("ring_phones_max")),
            "broadcast" => Ring::Broadcast,
            _ => Ring::One,
        },
        sticky: sticky(table),
        interrupted_boost: table.secs("interrupted_boost_secs"),
        resume_within: table.secs("resume_within_secs"),
        ..QueueConfig::new(table.text("name"))
    }
}

fn announcements(table: &Table) -> Announcements {
    let wanted = |what: &str| table.list("announce").iter().any(|(word, _)| word == what);
    Announcements {
        position: wanted("position"),
        wait: wanted("wait"),
        first_after: table.secs("announce_after_secs"),
        every: table.secs("announce_every_secs"),
        comfort: table.list("comfort").iter().map(|(name, _)| name.as_str().into()).collect(),
    }
}

fn order(word: &str) -> Order {
    Order::ALL.into_iter().find(|order| order.as_str() == word).unwrap_or_default()
}

fn sticky(table: &Table) -> Option<StickyConfig> {
    let within = table.secs("sticky_within_secs");
    (!within.is_zero()).then(|| StickyConfig {
        within,
        wait_up_to: table.secs("sticky_wait_secs"),
        same_topic: table.flag("sticky_same_topic"),
    })
}

/// How an agent's phone gets in: hashes from the file, or made of a password from wherever it is.
fn access(
    findings: &mut Findings,
    base: &Base,
    secrets: &Secrets<'_>,
    table: &Table,
) -> AgentAccess {
    let user = table.text("user");
    let hashes = [table.text_opt("ha1_sha256"), table.text_opt("ha1_md5")];
    let has_password = table.says("password_file") || table.says("password_env");
    let has_hashes = table.says("ha1_sha256") || table.says("ha1_md5");
    if has_password && has_hashes {
        let message = format!("agent `{user}` has both a password and hashes");
        findings.error(&table.place, message, "leave one of them out");
    }
    let ha1 = match hashes {
        _ if !has_hashes => {
            let password = if has_password {
                secrets.named(findings, table, "password")
            } else {
                base.path("sip", "agent_passwords")
                    .and_then(|folder| secrets.kept(findings, table.place("user"), &folder, user))
            };
            password.map_or_else(Ha1Pair::default, |password| {
                pair(&Ha1::of(user, realm(base), &password))
            })
        }
        [sha256, md5] => {
            if !table.says("ha1_md5") {
                let message = format!(
                    "agent `{user}` has no ha1_md5: a phone without SHA-256 can't register"
                );
                findings.warning(table.place("ha1_sha256"), message, hashes_cure(user));
            }
            if !table.says("ha1_sha256") {
                let message = format!("agent `{user}` has no ha1_sha256: his phone has to use MD5");
                findings.warning(table.place("ha1_md5"), message, hashes_cure(user));
            }
            let lower = |hash: Option<&str>| hash.unwrap_or_default().to_ascii_lowercase();
            Ha1Pair { sha256: lower(sha256), md5: lower(md5) }
        }
    };
    AgentAccess {
        user: user.to_owned(),
        ha1,
        language: table.list("languages").first().map(|(language, _)| language.as_str().into()),
        may_call: table.flag("may_call"),
    }
}

fn pair(hashes: &Ha1) -> Ha1Pair {
    let (md5, sha256) = hashes.to_hex();
    Ha1Pair { sha256: sha256.to_owned(), md5: md5.to_owned() }
}

fn hashes_cure(user: &str) -> String {
    format!("print both with `dozvon agent-password --hashes {user}`")
}

/// The digest realm.
pub(super) fn realm(base: &Base) -> &str {
    base.table("sip").text("realm")
}

/// Reads tokens.toml.
pub(super) fn tokens(
    findings: &mut Findings,
    base: &Base,
    secrets: &Secrets<'_>,
    staff: &Staff,
) -> Vec<Token> {
    let path = base.folder.join("tokens.toml");
    let found = tables(findings, &path, &[&TOKEN]).remove("token").unwrap_or_default();
    refuse_duplicates(findings, &found, "name", "token");
    let mut seen: BTreeMap<String, Place> = BTreeMap::new();
    let mut tokens = Vec::new();
    for table in &found {
        let name = table.text("name");
        let named = table.says("token_file") || table.says("token_env");
        let secret = if named {
            secrets.named(findings, table, "token")
        } else {
            base.path("http", "tokens")
                .and_then(|folder| secrets.kept(findings, table.place("name"), &folder, name))
        };
        let role =
            Role::ALL.iter().find(|(word, _)| *word == table.text("role")).map(|(_, role)| *role);
        // Noted already.
        let Some(role) = role else { continue };
        check_agent_of_token(findings, table, role, staff);
        if let Some(secret) = secret {
            if seen.insert(secret.clone(), table.place("name").clone()).is_some() {
                let message = format!("token `{name}` is the same as another one");
                findings.error(table.place("name"), message, "make a token for each");
            }
            let agent = table.text_opt("agent").map(str::to_owned);
            tokens.push(Token { name: name.to_owned(), role, token: Secret(secret), agent });
        }
    }
    tokens
}

fn check_agent_of_token(findings: &mut Findings, table: &Table, role: Role, staff: &Staff) {
    let name = table.text("name");
    match (role, table.text_opt("agent")) {
        (Role::Agent, None) => {
            let message = format!("token `{name}` has the role agent and names none");
            findings.error(
                table.place("role"),
                message,
                "add agent = \"…\", a user of agents.toml",
            );
        }
        (Role::Agent, Some(user)) => {
            let users: Vec<&str> = staff.access.iter().map(|access| access.user.as_str()).collect();
            if !users.contains(&user) {
                let message =
                    format!("token `{name}` names the agent `{user}`, who is not in agents.toml");
                findings.error(table.place("agent"), message, suggest(user, "agent", users));
            }
        }
        (_, Some(_)) => {
            let message = format!("token `{name}` names an agent, but its role is another");
            findings.error(table.place("agent"), message, "role = \"agent\", or take it out");
        }
        (_, None) => {}
    }
}
