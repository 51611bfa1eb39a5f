//! The version of the configuration in force, and another one.

use super::App;
use super::auth::{Right, Who};
use super::problem::Problem;
use crate::server::reload::{InForce, NotReloaded};
use axum::Json;
use axum::extract::State;
use std::sync::Arc;

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
    match app.reloads.reload(&who.name).await {
        Ok(in_force) => Ok(Json(in_force)),
        Err(NotReloaded::Refused(findings)) => Err(Problem::unprocessable(findings)),
        Err(NotReloaded::Busy) => {
            Err(Problem::unavailable("others are being reloaded: try again in some seconds"))
        }
        Err(NotReloaded::Gone) => Err(Problem::unavailable("the server goes down")),
    }
}
