//! Incidents: the one that goes on as it stands, and the reports of those that are over.

use super::App;
use super::auth::{Right, Who};
use super::problem::Problem;
use super::view::IncidentView;
use crate::server::store::IncidentRow;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// Incidents shown when the request does not say.
const LIMIT_DEFAULT: u32 = 50;

/// How many incidents.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// At most so many, 1 to 500; 50 when absent.
    limit: Option<u32>,
}

/// Incidents, newest first; one that goes on has no `ended_at`.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "agents", params(Wanted), responses(
    (status = 200, body = [IncidentView]), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 503, body = Problem)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    who: Who,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Vec<IncidentView>>, Problem> {
    who.may(Right::Look)?;
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let reader = app.reader.as_ref();
    let reader =
        reader.ok_or_else(|| Problem::unavailable("nothing is stored: no database is open"))?;
    let snapshot = app.brain.snapshot().await?;
    let mut rows = reader.incidents(wanted.limit.unwrap_or(LIMIT_DEFAULT)).await?;
    if let Some(open) = &snapshot.incident {
        // What is stored of it is how it began.
        let open = IncidentRow::of(open, &app.directory);
        rows.retain(|row| row.id != open.id);
        rows.insert(0, open);
    }
    Ok(Json(rows.into_iter().map(IncidentView::new).collect()))
}
