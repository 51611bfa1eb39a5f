//! Why a call waits, or why it went to its agent, as JSON.

use crate::server::events::{Directory, rfc3339};
use dozvon_center::acd::{Candidate, Decision};
use dozvon_center::ids::AgentId;
use dozvon_switch::border::WhyRow;
use serde::Serialize;
use utoipa::ToSchema;

/// Why a call is where it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct WhyView {
    /// `waiting`, `held` (for one agent alone), `offered`, `connecting`, `talking`, or `between` two agents.
    state: &'static str,
    /// Its queue.
    queue: String,
    /// Its position there, from 1, while it waits.
    position: Option<usize>,
    /// Its tier: smaller ones go before all others.
    tier: i8,
    /// The moment by which it should be answered. Within a tier the earliest goes first.
    due: String,
    /// Since when it waits, as the order and the stages see it.
    enqueued_at: String,
    /// How many stages of its queue it has come through.
    stage: usize,
    /// What is enough for it now, the best first: its own requirement, then what each stage added.
    enough: Vec<String>,
    /// Agents at work who may serve it.
    agents: u32,
    /// Those of them who are talking, on hold or in the paperwork.
    busy: u32,
    /// Those who are idle and not ready.
    away: u32,
    /// Those who could be offered a call this moment.
    free: usize,
    /// Those of the free ones who are kept for calls that nobody else can take.
    kept: usize,
    /// Agents who have just missed or declined it.
    skipped: Vec<String>,
    /// Agents whose phones ring for it, or the one it talks with.
    with: Vec<String>,
    /// The agent whom it waits for alone.
    held_for: Option<String>,
    /// What changes by itself next, soonest first.
    next: Vec<WhyNext>,
    /// Why it was last offered to somebody.
    decision: Option<WhyDecision>,
}

/// Something that will happen by itself.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct WhyNext {
    /// When.
    at: String,
    /// `more_agents`, `hold_over`, `max_wait`, `no_agents` or `skip_over`.
    what: &'static str,
}

/// Why an offer was made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct WhyDecision {
    /// The agent.
    agent: String,
    /// `by_call`: the call looked for an agent; `by_agent`: he became free and looked for a call; `preferred`: it
    /// waited for him alone.
    found: &'static str,
    /// 0: he has what the call requires; n: what its n-th stage requires.
    level: u8,
    /// The order in which free agents stood: `least_occupied`, `longest_idle` or `rank`.
    order: &'static str,
    /// Others that came into question, at most eight, each with why it was passed by: `later` in the order, `farther`
    /// from what is required, `kept` for others, `skipped` because he has just missed or declined the call.
    passed: Vec<String>,
}

impl WhyView {
    /// As shown.
    pub(crate) fn new(row: &WhyRow, directory: &Directory) -> WhyView {
        let why = &row.why;
        let names = |names: &[std::sync::Arc<str>]| names.iter().map(ToString::to_string).collect();
        let counts = &why.agents.counts;
        let time = |at: dozvon_clock::Timestamp| rfc3339(at.as_micros());
        WhyView {
            state: why.state,
            queue: row.queue.to_string(),
            position: row.position,
            tier: why.tier,
            due: time(why.due),
            enqueued_at: time(why.enqueued_at),
            stage: why.stage,
            enough: row.enough.clone(),
            agents: counts.logged_in(),
            busy: counts.logged_in() - counts.idle - counts.away,
            away: counts.away,
            free: why.agents.free,
            kept: why.agents.kept,
            skipped: names(&row.skipped),
            with: names(&row.with),
            held_for: row.held_for.as_ref().map(ToString::to_string),
            next: why.next.iter().map(|(at, what)| WhyNext { at: time(*at), what }).collect(),
            decision: why.decision.as_ref().map(|decision| WhyDecision::new(decision, directory)),
        }
    }
}

impl WhyDecision {
    fn new(decision: &Decision, directory: &Directory) -> WhyDecision {
        let name = |id: AgentId| {
            directory.agent(id).map_or_else(|| id.to_string(), |agent| agent.name.to_string())
        };
        let passed = decision.passed.iter().map(|passed| {
            let who = match passed.who {
                Candidate::Agent(agent) => name(agent),
                Candidate::Call(call) => call.0.to_string(),
            };
            format!("{who}: {}", passed.why.as_str())
        });
        WhyDecision {
            agent: name(decision.agent),
            found: decision.found.as_str(),
            level: decision.level,
            order: decision.order.as_str(),
            passed: passed.collect(),
        }
    }
}
