//! What can be commanded: agents' statuses, log-out, the end of a call.

use super::App;
use super::auth::{Right, Who};
use super::body::Body;
use super::problem::Problem;
use super::view::AgentView;
use crate::server::handle::{DeskAnswer, DeskRefusal};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use dozvon_center::acd::{Actor, Status, StatusError};
use dozvon_center::coding::CodeError;
use dozvon_center::desk::Asker;
use dozvon_switch::border::{AgentRow, DeskCommand, Snapshot, WrapUpCommand};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A status wanted.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusWish {
    /// One of `ready`, `lunch`, `training`, `short_break`, `huddle`, `not_ready`, `one_to_one`, `group_meeting`,
    /// `technical_problems`. Who is logged out is logged in first.
    status: String,
    /// `epoch` of the row that the wish was made from: refused with 409 when the agent has changed since.
    epoch: Option<u64>,
    /// Why, up to 200 letters. A supervisor must say it.
    reason: Option<String>,
    /// The desk that an agent asks from, up to 64 letters. He is refused with 409 when he works at another one, or
    /// another agent works there.
    place: Option<String>,
    /// Takes the session from the other desk, or the desk from the other agent, who is logged out.
    #[serde(default)]
    take_over: bool,
    /// Whether a program of a supervisor carries out the plan of shifts: the change is recorded as `schedule`.
    #[serde(default)]
    schedule: bool,
}

/// A log-out wanted. The body may be left out by an agent.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogOutWish {
    /// Why, up to 200 letters. A supervisor must say it.
    reason: Option<String>,
    /// The desk that an agent asks from.
    place: Option<String>,
    /// Logs out although he works at another desk.
    #[serde(default)]
    take_over: bool,
}

/// How one agent stands.
#[utoipa::path(get, path = "/api/v1/agents/{name}/status", tag = "agents",
    params(("name" = String, Path, description = "the agent's name")), responses(
    (status = 200, body = AgentView), (status = 401, body = Problem), (status = 404, body = Problem),
    (status = 503, body = Problem)))]
pub(super) async fn status(
    State(app): State<Arc<App>>,
    who: Who,
    Path(name): Path<String>,
) -> Result<Json<AgentView>, Problem> {
    who.may(Right::Look)?;
    let snapshot = app.brain.snapshot().await?;
    let row = find(&snapshot, &name)?;
    Ok(Json(AgentView::new(row, snapshot.at)))
}

/// Sets an agent's status: at once when he is free, otherwise after the call. A ringing offer is withdrawn and the
/// caller keeps his place.
#[utoipa::path(post, path = "/api/v1/agents/{name}/status", tag = "agents", request_body = StatusWish,
    params(("name" = String, Path, description = "the agent's name")), responses(
    (status = 200, description = "the agent's new row", body = AgentView),
    (status = 400, description = "no such status, or no JSON", body = Problem),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, description = "the agent stands otherwise; his row is in `agent`", body = Problem),
    (status = 413, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn set_status(
    State(app): State<Arc<App>>,
    who: Who,
    Path(name): Path<String>,
    body: Body,
) -> Result<Json<AgentView>, Problem> {
    who.may(Right::Command(&name))?;
    let wish: StatusWish = body.json(r#"{"status":"lunch"}"#)?;
    let status: Status =
        wish.status.parse().map_err(|error| Problem::bad_request(format!("{error}")))?;
    let StatusWish { epoch, reason, place, take_over, schedule, .. } = wish;
    let actor = match (actor(&who), schedule) {
        (Actor::Supervisor, true) => Actor::Schedule,
        (_, true) => {
            return Err(Problem::bad_request(
                "schedule: only a supervisor's program carries it out",
            ));
        }
        (actor, false) => actor,
    };
    let asker = asker(&who, actor, reason, place, take_over);
    give(&app, &who, &name, DeskCommand::SetStatus { status, asker, epoch }).await
}

/// Logs an agent out: at once when he is free, otherwise after the call.
#[utoipa::path(post, path = "/api/v1/agents/{name}/logout", tag = "agents", request_body = LogOutWish,
    params(("name" = String, Path, description = "the agent's name")), responses(
    (status = 200, description = "the agent's new row", body = AgentView),
    (status = 400, description = "no reason, or no JSON", body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
    (status = 413, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn log_out(
    State(app): State<Arc<App>>,
    who: Who,
    Path(name): Path<String>,
    body: Body,
) -> Result<Json<AgentView>, Problem> {
    who.may(Right::Command(&name))?;
    let wish =
        if body.is_empty() { LogOutWish::default() } else { body.json("{\"reason\":\"…\"}")? };
    let asker = asker(&who, actor(&who), wish.reason, wish.place, wish.take_over);
    give(&app, &who, &name, DeskCommand::LogOut { asker }).await
}

/// Hangs up a call.
#[utoipa::path(delete, path = "/api/v1/calls/{id}", tag = "live",
    params(("id" = u64, Path, description = "the call's id")), responses(
    (status = 204, description = "hung up"), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn hang_up(
    State(app): State<Arc<App>>,
    who: Who,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    who.may(Right::HangUp)?;
    let call = super::talk::call_id(&id)?;
    tracing::info!(by = %who.name, call = call.0, "asked to hang up");
    if app.brain.hang_up(call).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("no such call: it has ended already"))
    }
}

pub(super) fn actor(who: &Who) -> Actor {
    if who.is_agent() { Actor::Agent } else { Actor::Supervisor }
}

fn asker(
    who: &Who,
    actor: Actor,
    reason: Option<String>,
    place: Option<String>,
    take_over: bool,
) -> Asker {
    let mut asker = Asker { name: Some(who.name.as_str().into()), take_over, ..Asker::new(actor) };
    if let Some(reason) = reason {
        asker = asker.because(&reason);
    }
    match place {
        Some(place) if !place.trim().is_empty() => asker.at(place.trim()),
        Some(_) | None => asker,
    }
}

fn find<'a>(snapshot: &'a Snapshot, name: &str) -> Result<&'a AgentRow, Problem> {
    let found = snapshot.agents.iter().find(|row| &*row.name == name);
    found.ok_or_else(|| Problem::not_found(format!("no agent is called `{name}`")))
}

/// Why a command was refused, and what would do.
fn sentence(why: StatusError) -> String {
    match why {
        StatusError::LoggedInElsewhere | StatusError::PlaceTaken => {
            format!("{why}: send \"take_over\":true to go on here")
        }
        StatusError::UnknownAgent
        | StatusError::LoggedOut
        | StatusError::Stale
        | StatusError::NotAllowed
        | StatusError::Unreachable
        | StatusError::ReasonMissing
        | StatusError::WrapUp(_)
        | StatusError::Code(_) => why.to_string(),
    }
}

/// Gives a command about an agent; answers his new row.
pub(super) async fn give(
    app: &App,
    who: &Who,
    name: &str,
    command: DeskCommand,
) -> Result<Json<AgentView>, Problem> {
    let agent = super::talk::agent(app, name)?;
    let wanted = match &command {
        DeskCommand::SetStatus { status, .. } => status.as_str(),
        DeskCommand::LogOut { .. } => "log_out",
        DeskCommand::WrapUp(WrapUpCommand::End { .. }) => "end_wrap_up",
        DeskCommand::WrapUp(WrapUpCommand::Extend { .. }) => "extend_wrap_up",
        DeskCommand::WrapUp(WrapUpCommand::Code(_)) => "code",
    };
    let DeskAnswer { at, done } = app.brain.desk(agent, command).await?;
    tracing::info!(by = %who.name, agent = name, wanted, done = done.is_ok(), "desk command");
    match done {
        Ok(row) => Ok(Json(AgentView::new(&row, at))),
        Err(DeskRefusal { why: StatusError::UnknownAgent, .. }) => {
            Err(Problem::not_found(format!("no agent is called `{name}`")))
        }
        Err(DeskRefusal { why: why @ StatusError::ReasonMissing, .. }) => {
            Err(Problem::bad_request(format!("{why}: add \"reason\"")))
        }
        Err(DeskRefusal {
            why:
                StatusError::Code(
                    why @ (CodeError::Unknown | CodeError::NotLeaf | CodeError::NoteMissing),
                ),
            ..
        }) => Err(Problem::bad_request(why.to_string())),
        Err(DeskRefusal { why, row }) => {
            let view = row.map(|row| AgentView::new(&row, at));
            Err(Problem::conflict(sentence(why), view))
        }
    }
}
