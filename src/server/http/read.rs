//! What can be looked at: health, metrics, queues, agents, calls.

use super::App;
use super::auth::{Right, Who};
use super::problem::Problem;
use super::view::{AgentView, CallView, QueueView};
use super::why::WhyView;
use crate::server::metrics::CONTENT_TYPE;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use dozvon_center::ids::CallId;
use dozvon_switch::border::{AgentRow, CallRow, Snapshot};
use std::sync::Arc;

/// Whether the process is alive. Open to everybody.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "alive", body = String)))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether new calls should be sent here: not while a stop drains the house, and not while records can't be written.
/// Open to everybody.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses(
    (status = 200, description = "ready for calls", body = String),
    (status = 503, description = "not ready; the text says why", body = String)))]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> (StatusCode, String) {
    let not_ready = |why: &str| (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n"));
    match app.brain.snapshot().await {
        Err(error) => not_ready(&error.to_string()),
        Ok(snapshot) if snapshot.draining => {
            not_ready("draining: no new calls, running ones finish")
        }
        Ok(_) if app.reader.as_ref().is_some_and(|reader| !reader.is_healthy()) => {
            not_ready("the database can't be written; the log says why")
        }
        Ok(_) => (StatusCode::OK, "ready\n".to_owned()),
    }
}

/// All figures for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, description = "Prometheus text format", body = String),
    (status = 401, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn metrics(State(app): State<Arc<App>>, who: Who) -> Result<Response, Problem> {
    who.may(Right::Look)?;
    let snapshot = app.brain.snapshot().await?;
    let text = app.metrics.render(&snapshot);
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

/// The queues as they stand.
#[utoipa::path(get, path = "/api/v1/queues", tag = "live", responses(
    (status = 200, body = [QueueView]), (status = 401, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn queues(
    State(app): State<Arc<App>>,
    who: Who,
) -> Result<Json<Vec<QueueView>>, Problem> {
    who.may(Right::Look)?;
    let snapshot = app.brain.snapshot().await?;
    let view = |row| QueueView::new(row, snapshot.at);
    Ok(Json(snapshot.queues.iter().map(view).collect()))
}

/// The agents as they stand.
#[utoipa::path(get, path = "/api/v1/agents", tag = "live", responses(
    (status = 200, body = [AgentView]), (status = 401, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn agents(
    State(app): State<Arc<App>>,
    who: Who,
) -> Result<Json<Vec<AgentView>>, Problem> {
    who.may(Right::Look)?;
    let snapshot = app.brain.snapshot().await?;
    let view = |row| AgentView::new(row, snapshot.at);
    Ok(Json(snapshot.agents.iter().map(view).collect()))
}

/// The running calls, oldest first.
#[utoipa::path(get, path = "/api/v1/calls", tag = "live", responses(
    (status = 200, body = [CallView]), (status = 401, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn calls(
    State(app): State<Arc<App>>,
    who: Who,
) -> Result<Json<Vec<CallView>>, Problem> {
    who.may(Right::Look)?;
    let snapshot = app.brain.snapshot().await?;
    Ok(Json(snapshot.calls.iter().map(|row| seen(&snapshot, row, &who)).collect()))
}

/// One running call.
#[utoipa::path(get, path = "/api/v1/calls/{id}", tag = "live",
    params(("id" = u64, Path, description = "the call's id")), responses(
    (status = 200, body = CallView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn call(
    State(app): State<Arc<App>>,
    who: Who,
    Path(id): Path<String>,
) -> Result<Json<CallView>, Problem> {
    who.may(Right::Look)?;
    let call = call_id(&id)?;
    let snapshot = app.brain.snapshot().await?;
    let row = snapshot.calls.iter().find(|row| row.call == call);
    let row = row.ok_or_else(|| Problem::not_found("no such call: it has ended, or never was"))?;
    Ok(Json(seen(&snapshot, row, &who)))
}

/// A call as whoever asks may see it: an agent sees the customer of the call that he has or is offered.
fn seen(snapshot: &Snapshot, row: &CallRow, who: &Who) -> CallView {
    let own = |agent: &AgentRow| agent.call == Some(row.call) && who.sees_customers_of(&agent.name);
    let in_full = who.sees_numbers() || (who.is_agent() && snapshot.agents.iter().any(own));
    CallView::new(row, snapshot.at, who.sees_numbers(), in_full)
}

fn call_id(id: &str) -> Result<CallId, Problem> {
    let wrong = |_| Problem::bad_request("a call's id is a number, as /api/v1/calls shows it");
    id.parse().map(CallId).map_err(wrong)
}

/// Why a call waits, or why it went to its agent.
#[utoipa::path(get, path = "/api/v1/calls/{id}/why", tag = "live",
    params(("id" = u64, Path, description = "the call's id")), responses(
    (status = 200, body = WhyView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn why(
    State(app): State<Arc<App>>,
    who: Who,
    Path(id): Path<String>,
) -> Result<Json<WhyView>, Problem> {
    who.may(Right::Look)?;
    let call = call_id(&id)?;
    match app.brain.why(call).await? {
        Some(row) => Ok(Json(WhyView::new(&row, &app.directory))),
        None => Err(Problem::not_found("no such call in a queue or a talk")),
    }
}
