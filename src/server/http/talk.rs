//! What can be done with running calls: hold, mute, consult, transfer, park; and what supervisors do in them.

use super::App;
use super::auth::{Right, Who};
use super::body::Body;
use super::problem::Problem;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use dozvon_center::ids::{AgentId, CallId, QueueId};
use dozvon_center::supervise::{WatchError, WatchMode};
use dozvon_center::talk::{Destination, TalkCommand, TalkError};
use dozvon_switch::border::{CallCommand, CallRefusal, WatchCommand};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What is wanted of a talk.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TalkWish {
    /// The command.
    command: TalkVerb,
    /// Where to, for `transfer` and `consult`.
    to: Option<Target>,
}

/// What can be done with a talk.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TalkVerb {
    /// The customer hears music.
    Hold,
    /// The customer is back.
    Resume,
    /// Nobody hears the agent.
    Mute,
    /// The agent is heard again.
    Unmute,
    /// Pass the call on without asking; needs `to`.
    Transfer,
    /// Call a third party while the customer is on hold; needs `to`, an agent, a queue or a number.
    Consult,
    /// The third party takes the call over.
    Complete,
    /// All three hear each other.
    Join,
    /// The third party leaves; the customer is back.
    Drop,
    /// The agent leaves, and the customer waits for whoever retrieves him.
    Park,
}

/// Where a call is passed on to: exactly one of them.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// An agent's name.
    Agent(String),
    /// A queue's name.
    Queue(String),
    /// A node of the flow that the call came by.
    Node(String),
    /// A number or SIP address outside, by the first trunk that takes calls.
    Number(String),
}

/// Who is to take a parked call.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetrieveWish {
    /// The agent's name.
    agent: String,
}

/// How an agent's calls are to be watched.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchWish {
    /// The agent whose phone is the supervisor's.
    supervisor: String,
    /// `listen`, `whisper` (only the agent hears the supervisor) or `barge` (everybody does).
    #[schema(value_type = String)]
    mode: WatchMode,
}

/// Does something with a talk: hold, mute, consult, transfer, park. The agent's own token is enough for his own talk.
#[utoipa::path(post, path = "/api/v1/calls/{id}/talk", tag = "talks", request_body = TalkWish,
    params(("id" = u64, Path, description = "the call's id")), responses(
    (status = 204, description = "done, or under way"), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, description = "not in the present state of the call", body = Problem),
    (status = 413, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn talk(
    State(app): State<Arc<App>>,
    who: Who,
    Path(id): Path<String>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let call = call_id(&id)?;
    let holder = talker(&app, call).await?;
    who.may(holder.as_deref().map_or(Right::HangUp, Right::Command))?;
    let wish: TalkWish = body.json(r#"{"command":"transfer","to":{"queue":"cards"}}"#)?;
    let command = command(&app, wish)?;
    give(&app, &who, CallCommand::Talk { call, command }).await
}

/// Rings an agent for a parked call.
#[utoipa::path(post, path = "/api/v1/calls/{id}/retrieve", tag = "talks", request_body = RetrieveWish,
    params(("id" = u64, Path, description = "the call's id")), responses(
    (status = 204, description = "the agent's phone is rung"), (status = 400, body = Problem),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, description = "not parked, or the agent is not free", body = Problem),
    (status = 413, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn retrieve(
    State(app): State<Arc<App>>,
    who: Who,
    Path(id): Path<String>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let call = call_id(&id)?;
    who.may(Right::Talk)?;
    let wish: RetrieveWish = body.json(r#"{"agent":"anna"}"#)?;
    who.may(Right::Command(&wish.agent))?;
    let agent = agent(&app, &wish.agent)?;
    give(&app, &who, CallCommand::Retrieve { call, agent }).await
}

/// Begins to supervise an agent who is in a talk, or changes the way of it: rings the supervisor's phone. It goes with
/// the agent from call to call.
#[utoipa::path(post, path = "/api/v1/agents/{name}/watch", tag = "talks", request_body = WatchWish,
    params(("name" = String, Path, description = "the agent's name")), responses(
    (status = 204, description = "the supervisor's phone is rung, or the way is changed"),
    (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem),
    (status = 503, body = Problem)))]
pub(super) async fn watch(
    State(app): State<Arc<App>>,
    who: Who,
    Path(name): Path<String>,
    body: Body,
) -> Result<StatusCode, Problem> {
    who.may(Right::HangUp)?;
    let wish: WatchWish = body.json(r#"{"supervisor":"vera","mode":"listen"}"#)?;
    let supervisor = agent(&app, &wish.supervisor)?;
    let command = WatchCommand::Watch { agent: agent(&app, &name)?, mode: wish.mode };
    give(&app, &who, CallCommand::Supervise { supervisor, command }).await
}

/// The supervisor with this phone takes over the talk that he watches.
#[utoipa::path(post, path = "/api/v1/agents/{name}/take-over", tag = "talks",
    params(("name" = String, Path, description = "the supervisor's name")), responses(
    (status = 204, description = "the talk is his"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn take_over(
    State(app): State<Arc<App>>,
    who: Who,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    supervise(&app, &who, &name, WatchCommand::TakeOver).await
}

/// Ends the watch of the supervisor with this phone.
#[utoipa::path(post, path = "/api/v1/agents/{name}/end-watch", tag = "talks",
    params(("name" = String, Path, description = "the supervisor's name")), responses(
    (status = 204, description = "ended"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn end_watch(
    State(app): State<Arc<App>>,
    who: Who,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    supervise(&app, &who, &name, WatchCommand::End).await
}

async fn supervise(
    app: &App,
    who: &Who,
    name: &str,
    command: WatchCommand,
) -> Result<StatusCode, Problem> {
    who.may(Right::HangUp)?;
    let supervisor = agent(app, name)?;
    give(app, who, CallCommand::Supervise { supervisor, command }).await
}

/// The agent who talks in a call, as the picture shows it; `None` when it is in no talk.
async fn talker(app: &App, call: CallId) -> Result<Option<String>, Problem> {
    let snapshot = app.brain.snapshot().await?;
    let row = snapshot.calls.iter().find(|row| row.call == call);
    let talks = |state| matches!(state, "talking" | "hold" | "consult" | "conference");
    Ok(row.filter(|row| talks(row.state)).map(|row| row.place.to_string()))
}

fn command(app: &App, wish: TalkWish) -> Result<TalkCommand, Problem> {
    let needs = |to: Option<Target>| {
        to.ok_or_else(|| {
            Problem::bad_request("say where: \"to\":{\"agent\":\"boris\"}, queue, node or number")
        })
    };
    Ok(match wish.command {
        TalkVerb::Transfer => TalkCommand::Transfer(destination(app, needs(wish.to)?)?),
        TalkVerb::Consult => TalkCommand::Consult(destination(app, needs(wish.to)?)?),
        TalkVerb::Hold => TalkCommand::Hold,
        TalkVerb::Resume => TalkCommand::Resume,
        TalkVerb::Mute => TalkCommand::Mute,
        TalkVerb::Unmute => TalkCommand::Unmute,
        TalkVerb::Complete => TalkCommand::Complete,
        TalkVerb::Join => TalkCommand::Join,
        TalkVerb::Drop => TalkCommand::Drop,
        TalkVerb::Park => TalkCommand::Park,
    })
}

fn destination(app: &App, target: Target) -> Result<Destination, Problem> {
    Ok(match target {
        Target::Agent(name) => Destination::Agent(agent(app, &name)?),
        Target::Queue(name) => {
            let at = app.directory.queues.iter().position(|queue| *queue.name == *name);
            let at = at.and_then(|at| u16::try_from(at).ok()).map(QueueId);
            let none = || Problem::bad_request(format!("no queue is called `{name}`"));
            Destination::Queue(at.ok_or_else(none)?)
        }
        Target::Node(name) => Destination::Node(name.into()),
        Target::Number(number) => Destination::Number(number.into()),
    })
}

/// The agent of that name, by the configuration: no picture has to be drawn for it.
pub(super) fn agent(app: &App, name: &str) -> Result<AgentId, Problem> {
    let at = app.directory.agents.iter().position(|agent| *agent.name == *name);
    let at = at.and_then(|at| u32::try_from(at).ok()).map(AgentId);
    at.ok_or_else(|| Problem::not_found(format!("no agent is called `{name}`")))
}

/// A call's id in a path.
pub(super) fn call_id(id: &str) -> Result<CallId, Problem> {
    let why = "a call's id is a number, as /api/v1/calls shows it";
    id.parse().map(CallId).map_err(|_| Problem::bad_request(why))
}

async fn give(app: &App, who: &Who, command: CallCommand) -> Result<StatusCode, Problem> {
    let told = format!("{command:?}");
    let answer = app.brain.command(command).await?;
    tracing::info!(by = %who.name, command = told, done = answer.is_ok(), "call command");
    match answer {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(why @ CallRefusal::Talk(TalkError::NoCall)) => Err(Problem::not_found(why.to_string())),
        Err(why @ CallRefusal::Watch(WatchError::Unknown)) => {
            Err(Problem::not_found(why.to_string()))
        }
        Err(why) => Err(Problem::conflict(why.to_string(), None)),
    }
}
