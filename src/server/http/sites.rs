//! Sites and their emergencies.

use super::App;
use super::auth::{Right, Who};
use super::body::Body;
use super::problem::Problem;
use crate::server::events::rfc3339;
use crate::server::handle::EmergencyWish;
use axum::Json;
use axum::extract::{Path, State};
use dozvon_center::opening::{EmergencyError, SiteView as Site};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Whether a site shall have an emergency.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmergencyBody {
    /// `true` declares it, or gives one that goes on another reason; `false` calls it off.
    emergency: bool,
    /// Why, up to 200 letters. It must be said when an emergency is declared.
    #[serde(default)]
    reason: String,
}

/// A site as it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct SiteView {
    /// Its name.
    name: String,
    /// Its name for people.
    title: String,
    /// Whether it has an emergency.
    emergency: bool,
    /// Since when.
    since: Option<String>,
    /// Who declared it.
    by: Option<String>,
    /// Why.
    reason: Option<String>,
}

impl SiteView {
    fn new(site: &Site) -> SiteView {
        let emergency = site.emergency.as_ref();
        SiteView {
            name: site.name.to_string(),
            title: site.title.to_string(),
            emergency: emergency.is_some(),
            since: emergency.map(|emergency| rfc3339(emergency.since.as_micros())),
            by: emergency.map(|emergency| emergency.by.to_string()),
            reason: emergency.map(|emergency| emergency.reason.to_string()),
        }
    }
}

/// All sites.
#[utoipa::path(get, path = "/api/v1/sites", tag = "sites", responses(
    (status = 200, body = [SiteView]), (status = 401, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    who: Who,
) -> Result<Json<Vec<SiteView>>, Problem> {
    who.may(Right::Look)?;
    let snapshot = app.brain.snapshot().await?;
    Ok(Json(snapshot.sites.iter().map(SiteView::new).collect()))
}

/// Declares an emergency at a site or calls it off: its calls go to its duty office. Survives a restart.
#[utoipa::path(put, path = "/api/v1/sites/{site}/emergency", tag = "sites", request_body = EmergencyBody,
    params(("site" = String, Path, description = "the site's name")), responses(
    (status = 200, description = "the site as it stands now", body = SiteView),
    (status = 400, description = "no reason, or no JSON", body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem), (status = 413, body = Problem),
    (status = 503, body = Problem)))]
pub(super) async fn set_emergency(
    State(app): State<Arc<App>>,
    who: Who,
    Path(site): Path<String>,
    body: Body,
) -> Result<Json<SiteView>, Problem> {
    who.may(Right::Emergency)?;
    let wish: EmergencyBody = body.json(r#"{"emergency":true,"reason":"fire alarm"}"#)?;
    let EmergencyBody { emergency: on, reason } = wish;
    let wish = EmergencyWish { site: site.clone(), on, by: who.name.clone(), reason };
    let unknown = || Problem::not_found(format!("no site is called `{site}`"));
    match app.brain.emergency(wish).await? {
        Ok(()) => {
            let snapshot = app.brain.snapshot().await?;
            let found = snapshot.sites.iter().find(|found| *found.name == *site);
            Ok(Json(SiteView::new(found.ok_or_else(unknown)?)))
        }
        Err(EmergencyError::UnknownSite) => Err(unknown()),
        Err(why @ EmergencyError::ReasonMissing) => {
            Err(Problem::bad_request(format!("{why}: add \"reason\"")))
        }
    }
}
