//! The version of the configuration in force, another one, and those that were in force before.

use super::App;
use super::auth::{Right, Who};
use super::body::Body;
use super::problem::Problem;
use crate::server::reload::{InForce, NotReloaded, Target};
use crate::server::versions::{FlowVersion, Kept};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The version that is wished for.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollbackWish {
    /// Twelve digits, as `GET /api/v1/versions` lists them. Absent: the one that was in force before this one.
    #[serde(default)]
    version: Option<String>,
}

/// The versions of the configuration.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct VersionsView {
    /// The one in force, and what came of the last wish for another.
    in_force: InForce,
    /// Those that can be put in force again, the last one in force first; the one in force is among them.
    kept: Vec<KeptView>,
}

/// A version that can be put in force again.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct KeptView {
    /// Twelve digits of the SHA-256 of all files and variables read.
    version: String,
    /// Whether it is in force.
    in_force: bool,
    /// When it came into force last, RFC 3339.
    at: String,
    /// Who brought it then; `start`: the server started with it.
    by: String,
    /// Its flows, each with its own version, as contacts name it.
    flows: Vec<FlowVersion>,
    /// How many files it has, prompts included.
    files: usize,
}

/// The version in force, and what came of the last wish for another.
#[utoipa::path(get, path = "/api/v1/version", tag = "configuration", responses(
    (status = 200, body = InForce), (status = 401, body = Problem)))]
pub(super) async fn version(
    State(app): State<Arc<App>>,
    who: Who,
) -> Result<Json<InForce>, Problem> {
    who.may(Right::Look)?;
    Ok(Json(app.reloads.in_force()))
}

/// The version in force and those that can be put in force again.
#[utoipa::path(get, path = "/api/v1/versions", tag = "configuration", responses(
    (status = 200, body = VersionsView), (status = 401, body = Problem)))]
pub(super) async fn versions(
    State(app): State<Arc<App>>,
    who: Who,
) -> Result<Json<VersionsView>, Problem> {
    who.may(Right::Look)?;
    let versions = app.reloads.versions();
    let list = tokio::task::spawn_blocking(move || versions.list()).await.unwrap_or_default();
    let in_force = app.reloads.in_force();
    let view = |kept: Kept| KeptView {
        in_force: kept.version == in_force.version,
        version: kept.version,
        at: kept.at,
        by: kept.by,
        flows: kept.flows,
        files: kept.files.len(),
    };
    let kept = list.into_iter().map(view).collect();
    Ok(Json(VersionsView { in_force, kept }))
}

/// Reads the configuration again and goes over to it, all at once or not at all. Running calls end in the flows that
/// they began in.
#[utoipa::path(post, path = "/api/v1/reload", tag = "configuration", responses(
    (status = 200, description = "it is in force", body = InForce), (status = 401, body = Problem),
    (status = 403, body = Problem),
    (status = 422, description = "nothing has changed; `findings` are the reasons", body = Problem),
    (status = 503, body = Problem)))]
pub(super) async fn reload(
    State(app): State<Arc<App>>,
    who: Who,
) -> Result<Json<InForce>, Problem> {
    who.may(Right::Reload)?;
    go_over(&app, Target::Disk, &who).await
}

/// Puts a version in force that was in force before, with the same proofs, all at once or not at all. The files on disk
/// stay as they are, and it stays in force until they change or are reloaded.
#[utoipa::path(post, path = "/api/v1/rollback", tag = "configuration", request_body = RollbackWish, responses(
    (status = 200, description = "it is in force", body = InForce), (status = 400, body = Problem),
    (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, description = "no such version is kept", body = Problem), (status = 413, body = Problem),
    (status = 422, description = "nothing has changed; `findings` are the reasons", body = Problem),
    (status = 503, body = Problem)))]
pub(super) async fn rollback(
    State(app): State<Arc<App>>,
    who: Who,
    body: Body,
) -> Result<Json<InForce>, Problem> {
    who.may(Right::Reload)?;
    let example = r#"{"version":"62f4c1f0a1b4"}"#;
    let wish =
        if body.is_empty() { RollbackWish::default() } else { body.json::<RollbackWish>(example)? };
    go_over(&app, Target::Kept(wish.version), &who).await
}

async fn go_over(app: &App, target: Target, who: &Who) -> Result<Json<InForce>, Problem> {
    match app.reloads.reload(target, &who.name).await {
        Ok(in_force) => Ok(Json(in_force)),
        Err(NotReloaded::Refused(findings)) => Err(Problem::unprocessable(findings)),
        Err(NotReloaded::Unknown(why)) => Err(Problem::not_found(why)),
        Err(NotReloaded::Busy) => {
            Err(Problem::unavailable("others are being reloaded: try again in some seconds"))
        }
        Err(NotReloaded::Gone) => Err(Problem::unavailable("the server goes down")),
    }
}
