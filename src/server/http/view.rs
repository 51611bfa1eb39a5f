//! What the API shows: queues, agents, calls, contacts as JSON, times as RFC 3339, numbers masked unless allowed.

use crate::server::events::{call_card, rfc3339};
use crate::server::store::{ArmRow, ComplaintRow, ContactPage, ContactRow, IncidentRow};
use crate::server::telemetry::Masked;
use dozvon_center::acd::Estimate;
use dozvon_center::bot::BotNote;
use dozvon_center::contact::Speech;
use dozvon_clock::Timestamp;
use dozvon_switch::border::{AgentRow, CallRow, QueueRow, WrapUpRow};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// A queue.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct QueueView {
    /// Its name.
    name: String,
    /// Calls waiting, those being offered included.
    waiting: usize,
    /// Those of them whose customer is not on the line but to be called back.
    callbacks: usize,
    /// When the one waiting longest came.
    oldest_enqueued_at: Option<String>,
    /// Seconds since then.
    oldest_wait_secs: Option<f64>,
    /// Threshold T of the service level, seconds.
    service_level_secs: f64,
    /// How long a call that came now would wait; absent when that can't be known.
    estimated_wait: Option<WaitView>,
    /// Agents who serve it, by what they do. Queues share agents: don't add up over queues.
    agents: QueueAgents,
}

/// A forecast of a wait, seconds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct WaitView {
    /// Its mean.
    mean_secs: f64,
    /// Half of such waits are shorter.
    p50_secs: f64,
    /// Eight of ten such waits are shorter.
    p80_secs: f64,
    /// Nine of ten such waits are shorter.
    p90_secs: f64,
}

impl WaitView {
    fn new(estimate: Estimate) -> WaitView {
        WaitView {
            mean_secs: estimate.mean.as_secs_f64(),
            p50_secs: estimate.p50.as_secs_f64(),
            p80_secs: estimate.p80.as_secs_f64(),
            p90_secs: estimate.p90.as_secs_f64(),
        }
    }
}

/// A queue's agents by what they do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct QueueAgents {
    /// Ready and free.
    idle: u32,
    /// Free, but not ready.
    away: u32,
    /// Being offered a call, the phone not ringing yet.
    reserved: u32,
    /// Ringing.
    ringing: u32,
    /// Answered, not joined yet.
    connecting: u32,
    /// Talking.
    talking: u32,
    /// With a caller on hold.
    hold: u32,
    /// Speaking with a third party about a call.
    consult: u32,
    /// Speaking with the caller and a third party.
    conference: u32,
    /// In wrap-up.
    wrap_up: u32,
    /// In a call of their own.
    outbound: u32,
    /// Listening to, or speaking in, a colleague's calls.
    supervising: u32,
}

/// An agent.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AgentView {
    /// Number, as in events.
    id: u32,
    /// Name.
    name: String,
    /// Team.
    team: String,
    /// One of the nine statuses, or `logged_out`, `not_responding`, `unreachable`.
    status: String,
    /// What the phone is busy with.
    activity: String,
    /// The status to come when the activity is over.
    pending: Option<String>,
    /// Since when status and activity are these.
    since: String,
    /// The same in seconds.
    for_secs: f64,
    /// Whether a phone is registered.
    reachable: bool,
    /// Send it with a command to be refused when the agent has changed meanwhile.
    epoch: u64,
    /// The call the agent has.
    call: Option<u64>,
    /// When the status reaches its limit, or did.
    limit_at: Option<String>,
    /// Seconds until then; negative: over the limit.
    limit_in_secs: Option<f64>,
    /// The desk that he works at, when he has told one.
    place: Option<String>,
    /// What there is to do about the talk that lasts, or after the one that is over.
    wrap_up: Option<WrapUpView>,
}

/// An agent's work about a talk.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct WrapUpView {
    /// The call.
    call: u64,
    /// `off`, `timed`, `until_code` or `until_code_max`.
    mode: &'static str,
    /// When the wrap-up that runs ends by itself; absent while the talk lasts, and when only a code ends it.
    ends_at: Option<String>,
    /// Seconds until then.
    ends_in_secs: Option<f64>,
    /// The classifier whose codes the talk can be given.
    classifier: Option<String>,
    /// Its version.
    classifier_version: Option<String>,
}

impl WrapUpView {
    fn new(row: &WrapUpRow, now: Timestamp) -> WrapUpView {
        WrapUpView {
            call: row.call.0,
            mode: row.mode,
            ends_at: row.ends_at.map(time),
            ends_in_secs: row.ends_at.map(|at| at.since(now).as_secs_f64()),
            classifier: row.classifier.as_ref().map(ToString::to_string),
            classifier_version: row.classifier_version.as_ref().map(ToString::to_string),
        }
    }
}

/// A running call.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct CallView {
    /// Its identity.
    id: u64,
    /// The caller's number; masked without the right.
    caller: String,
    /// The flow.
    flow: String,
    /// `ivr`, `bot`, `waiting`, `offered`, `talking`, `hold`, `transfer`, `survey`.
    state: String,
    /// Node, queue, agent or bot, as fits the state.
    place: String,
    /// When it came in.
    started_at: String,
    /// Since when it is in this state.
    since: String,
    /// The same in seconds.
    for_secs: f64,
    /// What its agent is to see of it: `language`, `chosen` (options of menus taken), `waited_secs`, and the `customer`
    /// (`state` `unknown`, `known` or `several`; missing when nobody was asked). Who he is, is shown to his agent and
    /// to those above him.
    #[schema(value_type = Object)]
    card: serde_json::Value,
}

/// A page of contacts, newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ContactsView {
    /// The contacts.
    contacts: Vec<ContactView>,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A contact, running or ended.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ContactView {
    /// Its identity.
    id: i64,
    /// The caller's number; masked without the right.
    caller: String,
    /// The number dialled.
    dialled: String,
    /// The flow.
    flow: String,
    /// Its version.
    flow_version: String,
    /// The language chosen last.
    language: String,
    /// When it came in.
    started_at: String,
    /// When it was answered.
    answered_at: Option<String>,
    /// When it ended.
    ended_at: Option<String>,
    /// Seconds from beginning to end.
    duration_secs: Option<f64>,
    /// Whose doing the end was.
    fault: Option<String>,
    /// Why it ended.
    reason: Option<String>,
    /// Nodes of the flow in order.
    path: Vec<String>,
    /// Whether the caller asked for a person.
    operator_requested: bool,
    /// Stages in order, without a gap.
    segments: Vec<SegmentView>,
    /// Rollout draws.
    arms: Vec<ArmView>,
    /// Survey answers.
    survey: Vec<AnswerView>,
    /// The complaint about it, if it was marked that there is one.
    complaint: Option<ComplainedView>,
}

/// A complaint about a contact.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ComplainedView {
    /// When it was marked.
    at: String,
    /// Whose token it was.
    by: String,
    /// What was said; only with the right to see numbers.
    text: Option<String>,
}

impl ComplainedView {
    fn of(row: ComplaintRow, plain: bool) -> ComplainedView {
        ComplainedView { at: time(row.at), by: row.by, text: row.text.filter(|_| plain) }
    }
}

/// A stage of a contact.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SegmentView {
    /// `ivr`, `bot`, `queue`, `talk`, `transfer`, `survey`.
    kind: String,
    /// Its beginning.
    from: String,
    /// Its end.
    to: Option<String>,
    /// Its length.
    duration_secs: Option<f64>,
    /// The queue.
    queue: Option<String>,
    /// The agent.
    agent: Option<String>,
    /// The bot, or the class of the number outside.
    peer: Option<String>,
    /// How the wait ended, one of twelve.
    outcome: Option<String>,
    /// Seconds on hold.
    hold_secs: f64,
    /// How many times the customer was put on hold.
    holds: u32,
    /// How many of them were longer than `[talk] hold_max_secs`.
    long_holds: u32,
    /// How a talk was passed on: `blind`, `attended`, `conference`, `taken_over`, `agent_lost`, `agent_dropped`.
    passed_on: Option<String>,
    /// Seconds of wrap-up.
    wrap_up_secs: Option<f64>,
    /// What the talk was about.
    code: Option<String>,
    /// The classifier and its version: `bank@3`.
    code_version: Option<String>,
    /// The note that came with the code; only with the right to see numbers.
    code_note: Option<String>,
    /// What the bot said at its end, if it said anything.
    bot_note: Option<BotNoteView>,
    /// How the talk went by ear, where it was measured.
    speech: Option<SpeechView>,
}

/// What a bot said at its end.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct BotNoteView {
    /// Where it wanted the caller to go.
    to: Option<String>,
    /// Why it ended.
    reason: Option<String>,
    /// Whether the caller's matter was settled.
    resolved: Option<bool>,
    /// What was said; only with the right to see numbers.
    summary: Option<String>,
    /// What it had found out; only with the right to see numbers.
    data: BTreeMap<String, String>,
}

impl BotNoteView {
    fn of(note: BotNote, plain: bool) -> BotNoteView {
        let note = if plain { note } else { note.without_personal() };
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        let data = note.data.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        BotNoteView {
            to: text(&note.to),
            reason: text(&note.reason),
            resolved: note.resolved,
            summary: text(&note.summary),
            data: data.collect(),
        }
    }
}

/// How a talk went by ear, holds left out.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SpeechView {
    /// Seconds measured.
    measured_secs: f64,
    /// Seconds from the answer to the agent's first word; missing when he said nothing.
    greeting_secs: Option<f64>,
    /// Seconds in which the agent spoke.
    agent_secs: f64,
    /// Seconds in which the caller spoke.
    caller_secs: f64,
    /// The agent's part of both voices, 0 to 1; missing when nobody spoke.
    talk_ratio: Option<f64>,
    /// Seconds in which both spoke at once.
    both_secs: f64,
    /// How many times they did.
    both_times: u32,
    /// Silences of both longer than five seconds.
    silences: u32,
    /// Seconds of these silences.
    silence_secs: f64,
    /// The longest of them.
    longest_silence_secs: f64,
}

impl From<Speech> for SpeechView {
    fn from(speech: Speech) -> SpeechView {
        let voices = speech.agent_secs + speech.caller_secs;
        SpeechView {
            measured_secs: speech.measured_secs,
            greeting_secs: speech.greeting_secs,
            agent_secs: speech.agent_secs,
            caller_secs: speech.caller_secs,
            talk_ratio: (voices > 0.0).then(|| speech.agent_secs / voices),
            both_secs: speech.both_secs,
            both_times: speech.both_times,
            silences: speech.silences,
            silence_secs: speech.silence_secs,
            longest_silence_secs: speech.longest_silence_secs,
        }
    }
}

/// A rollout draw.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ArmView {
    /// The rollout.
    option: String,
    /// Whether a `bot` is tried or a `flow`.
    tried: String,
    /// `bot` or `people`; where a flow is tried, `bot` is the new one and `people` the present one.
    arm: String,
    /// The share of `bot` then.
    share: f64,
    /// Whether the caller really got it.
    delivered: bool,
    /// Why he was not drawn and is in no arm; `null`: he was drawn.
    excluded: Option<String>,
    /// How the bot's part ended: `done`, `transfer`, `failed`, `too_long` or `caller_gone`; `failed` where a flow ran
    /// in circles.
    bot_end: Option<String>,
}

/// A survey answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct AnswerView {
    /// The question.
    question: String,
    /// The score.
    score: u8,
}

/// A caller's number as this asker may see it.
pub(super) fn number(number: &str, plain: bool) -> String {
    if plain { number.to_owned() } else { Masked(number).to_string() }
}

pub(super) fn time(at: Timestamp) -> String {
    rfc3339(at.as_micros())
}

fn stored(micros: i64) -> String {
    rfc3339(u64::try_from(micros).unwrap_or(0))
}

fn between(from: i64, to: i64) -> f64 {
    (to - from) as f64 / 1e6
}

impl QueueView {
    /// A row of the picture taken at `now`.
    pub(super) fn new(row: &QueueRow, now: Timestamp) -> QueueView {
        let counts = &row.agents;
        QueueView {
            name: row.name.to_string(),
            waiting: row.waiting,
            callbacks: row.callbacks,
            oldest_enqueued_at: row.oldest_enqueued_at.map(time),
            oldest_wait_secs: row.oldest_enqueued_at.map(|at| now.since(at).as_secs_f64()),
            service_level_secs: row.service_level_secs,
            estimated_wait: row.estimate.map(WaitView::new),
            agents: QueueAgents {
                idle: counts.idle,
                away: counts.away,
                reserved: counts.reserved,
                ringing: counts.ringing,
                connecting: counts.connecting,
                talking: counts.talking,
                hold: counts.hold,
                consult: counts.consult,
                conference: counts.conference,
                wrap_up: counts.wrap_up,
                outbound: counts.outbound,
                supervising: counts.supervising,
            },
        }
    }
}

impl AgentView {
    /// A row as it stood at `now`.
    pub(super) fn new(row: &AgentRow, now: Timestamp) -> AgentView {
        AgentView {
            id: row.id.0,
            name: row.name.to_string(),
            team: row.team.to_string(),
            status: row.status.to_string(),
            activity: row.activity.to_string(),
            pending: row.pending.map(|pending| pending.to_string()),
            since: time(row.since),
            for_secs: now.since(row.since).as_secs_f64(),
            reachable: row.reachable,
            epoch: row.epoch,
            call: row.call.map(|call| call.0),
            limit_at: row.limit_at.map(time),
            limit_in_secs: row
                .limit_at
                .map(|at| at.since(now).as_secs_f64() - now.since(at).as_secs_f64()),
            place: row.place.as_ref().map(ToString::to_string),
            wrap_up: row.wrap_up.as_ref().map(|row| WrapUpView::new(row, now)),
        }
    }
}

/// An incident: technical problems from the first agent's report to the last one's return.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct IncidentView {
    /// Its identity.
    id: i64,
    /// When the first agent reported it.
    started_at: String,
    /// When the last one was back; absent while it goes on.
    ended_at: Option<String>,
    /// Its length.
    duration_secs: Option<f64>,
    /// Who was in it.
    agents: Vec<IncidentAgentView>,
    /// Calls that were taken from an agent and waited on.
    calls_requeued: Vec<i64>,
    /// Calls that were lost.
    calls_lost: Vec<i64>,
    /// Touches of further calls, which are not listed.
    calls_unlisted: u32,
}

/// An agent in an incident.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct IncidentAgentView {
    /// Name.
    agent: String,
    /// When he reported it first.
    from: String,
    /// When he was back last.
    to: Option<String>,
}

impl IncidentView {
    /// A row as stored, or as it goes on.
    pub(super) fn new(row: IncidentRow) -> IncidentView {
        let agent = |(agent, from, to): (String, i64, Option<i64>)| IncidentAgentView {
            agent,
            from: stored(from),
            to: to.map(stored),
        };
        IncidentView {
            id: row.id,
            started_at: stored(row.started_at),
            ended_at: row.ended_at.map(stored),
            duration_secs: row.ended_at.map(|ended| between(row.started_at, ended)),
            agents: row.agents.into_iter().map(agent).collect(),
            calls_requeued: row.requeued,
            calls_lost: row.lost,
            calls_unlisted: row.unlisted,
        }
    }
}

impl CallView {
    /// A row of the picture taken at `now`.
    pub(super) fn new(row: &CallRow, now: Timestamp, plain: bool, customer: bool) -> CallView {
        CallView {
            id: row.call.0,
            caller: number(&row.caller, plain),
            flow: row.flow.to_string(),
            state: row.state.to_string(),
            place: row.place.to_string(),
            started_at: time(row.started_at),
            since: time(row.since),
            for_secs: now.since(row.since).as_secs_f64(),
            card: call_card(&row.card, customer),
        }
    }
}

impl ContactsView {
    /// A page as stored.
    pub(super) fn new(page: ContactPage, plain: bool) -> ContactsView {
        let next_cursor = page.next.map(|cursor| cursor.to_string());
        let contacts = page.contacts.into_iter().map(|row| contact(row, plain)).collect();
        ContactsView { contacts, next_cursor }
    }
}

/// A contact as stored, as this asker may see it.
pub(super) fn contact(row: ContactRow, plain: bool) -> ContactView {
    let segment = |row: crate::server::store::SegmentRow| SegmentView {
        kind: row.kind,
        from: stored(row.from_at),
        to: row.to_at.map(stored),
        duration_secs: row.to_at.map(|to| between(row.from_at, to)),
        queue: row.queue,
        agent: row.agent,
        peer: row.peer,
        outcome: row.outcome,
        hold_secs: row.hold_secs,
        holds: row.holds,
        long_holds: row.long_holds,
        passed_on: row.passed_on,
        wrap_up_secs: row.wrap_up_secs,
        code: row.code,
        code_version: row.code_version,
        code_note: row.code_note.filter(|_| plain),
        bot_note: row.bot_note.map(|note| BotNoteView::of(note, plain)),
        speech: row.speech.map(SpeechView::from),
    };
    let arm = |row: ArmRow| ArmView {
        option: row.option,
        tried: row.tried,
        arm: row.arm,
        share: row.share,
        delivered: row.delivered,
        excluded: row.excluded,
        bot_end: row.bot_end,
    };
    ContactView {
        id: row.call,
        caller: number(&row.caller, plain),
        dialled: row.dialled,
        flow: row.flow,
        flow_version: row.flow_version,
        language: row.language,
        started_at: stored(row.started_at),
        answered_at: row.answered_at.map(stored),
        ended_at: row.ended_at.map(stored),
        duration_secs: row.ended_at.map(|ended| between(row.started_at, ended)),
        fault: row.ending_fault,
        reason: row.ending_reason,
        path: row.path,
        operator_requested: row.operator_requested,
        segments: row.segments.into_iter().map(segment).collect(),
        arms: row.arms.into_iter().map(arm).collect(),
        survey: row
            .survey
            .into_iter()
            .map(|(question, score)| AnswerView { question, score })
            .collect(),
        complaint: row.complaint.map(|row| ComplainedView::of(*row, plain)),
    }
}
