//! Rollouts: how they stand, what was decided, and orders of people.

use super::App;
use super::auth::{Right, Who};
use super::body::Body;
use super::problem::Problem;
use crate::server::events::rfc3339;
use crate::server::rollout::{MONTHS_MAX, NoAnswer, OrderError, Roadmap, RolloutView, roadmap};
use crate::server::store::{DECISIONS_MAX, DecisionLog, KeptDecision, Log};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use dozvon_center::rollout::decide::Command;
use dozvon_center::rollout::decision::Order;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Decisions shown when the request does not say.
const LIMIT_DEFAULT: i64 = 100;

/// Months of a roadmap when the request does not say.
const MONTHS_DEFAULT: u32 = 12;

/// Why an order is given.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OrderWish {
    /// Kept with the decision; a promotion that overrides the evidence needs one.
    reason: String,
}

/// How many decisions.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The newest so many, 1 to 4096; 100 when absent.
    limit: Option<i64>,
}

/// A decision as it was kept.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct DecisionView {
    /// Its number.
    number: u64,
    /// The moment that it was made for.
    at: String,
    /// What was decided.
    verdict: String,
    /// The state after it.
    state: String,
    /// All of it in words.
    text: String,
    /// Whether its figures, counted again from its counts, are written the same, byte for byte.
    reproduces: bool,
    /// The difference of each metric then.
    points: Vec<PointView>,
}

/// One metric at one decision.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PointView {
    /// Its name.
    metric: String,
    /// The bot's arm less the people's, on the metric's own scale.
    difference: f64,
    /// Half the width of the sequence around it.
    half: Option<f64>,
    /// Since when the stage gathers evidence: points of two stages are not of one line.
    since: String,
}

impl From<NoAnswer> for Problem {
    fn from(_: NoAnswer) -> Problem {
        Problem::unavailable("rollouts are being looked at: try again in a moment")
    }
}

/// Rollouts with a plan.
#[utoipa::path(get, path = "/api/v1/rollouts", tag = "rollouts", responses(
    (status = 200, body = [RolloutView]), (status = 401, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    who: Who,
) -> Result<Json<Vec<RolloutView>>, Problem> {
    who.may(Right::Look)?;
    Ok(Json(app.rollouts.list().await?))
}

/// Which months.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RoadmapWanted {
    /// This month and those before it, 1 to 24 in all; 12 when absent.
    months: Option<u32>,
    /// Whose months they are: a zone like `Asia/Almaty`; UTC when absent.
    zone: Option<String>,
}

/// All options month by month: how many of their callers were drawn for bots, and what is to come.
#[utoipa::path(get, path = "/api/v1/rollouts/roadmap", tag = "rollouts", params(RoadmapWanted), responses(
    (status = 200, body = Roadmap), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 503, body = Problem)))]
pub(super) async fn show_roadmap(
    State(app): State<Arc<App>>,
    who: Who,
    wanted: Result<Query<RoadmapWanted>, QueryRejection>,
) -> Result<Json<Roadmap>, Problem> {
    who.may(Right::Look)?;
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let count = wanted.months.unwrap_or(MONTHS_DEFAULT);
    if !(1..=MONTHS_MAX).contains(&count) {
        return Err(Problem::bad_request(format!("months: 1 to {MONTHS_MAX}")));
    }
    let zone = match wanted.zone.as_deref() {
        None => TimeZone::UTC,
        Some(name) => TimeZoneDatabase::bundled()
            .get(name)
            .map_err(|_| Problem::bad_request(format!("zone: no such zone as `{name}`")))?,
    };
    let reader = app.reader.as_ref();
    let reader =
        reader.ok_or_else(|| Problem::unavailable("nothing is stored: no database is open"))?;
    let rollouts = app.rollouts.list().await?;
    Ok(Json(roadmap(reader, &rollouts, app.clock.now(), &zone, count).await?))
}

/// What was decided about a rollout, of the version decided about last, oldest first.
#[utoipa::path(get, path = "/api/v1/rollouts/{name}/decisions", tag = "rollouts",
    params(("name" = String, Path, description = "the rollout"), Wanted), responses(
    (status = 200, body = [DecisionView]), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 503, body = Problem)))]
pub(super) async fn decisions(
    State(app): State<Arc<App>>,
    who: Who,
    Path(rollout): Path<String>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Vec<DecisionView>>, Problem> {
    who.may(Right::Look)?;
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    let reader = app.reader.as_ref();
    let reader =
        reader.ok_or_else(|| Problem::unavailable("nothing is stored: no database is open"))?;
    let limit = wanted.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, DECISIONS_MAX);
    let log = reader.decisions(Log { rollout, version: None, limit }).await?;
    Ok(Json(log.decisions.iter().map(|kept| view(kept, &log)).collect()))
}

fn view(kept: &KeptDecision, log: &DecisionLog) -> DecisionView {
    let KeptDecision { whole, decision, .. } = kept;
    let figures = decision.figures.as_ref();
    let points = figures.into_iter().flat_map(|figures| {
        let since = rfc3339(figures.since.as_micros());
        let known = figures.metrics.iter().filter_map(|m| Some((m, m.difference?)));
        known.map(move |(metric, difference)| PointView {
            metric: metric.name.to_string(),
            difference: difference.d,
            half: metric.half,
            since: since.clone(),
        })
    });
    DecisionView {
        number: decision.number,
        at: rfc3339(decision.at.as_micros()),
        verdict: decision.verdict.as_str().to_owned(),
        state: decision.after.as_str().to_owned(),
        text: match log.plans.get(&*decision.plan) {
            Some(plan) => decision.explain(plan),
            None => decision.to_string(),
        },
        reproduces: log.reproduces(decision, whole),
        points: points.collect(),
    }
}

/// Moves a rollout by hand: `start`, `promote`, `pause`, `resume`, `abort` or `drain-now`. Who and why are kept.
#[utoipa::path(post, path = "/api/v1/rollouts/{name}/{order}", tag = "rollouts", request_body = OrderWish,
    params(("name" = String, Path, description = "the rollout"), ("order" = String, Path, description = "what to do")),
    responses((status = 200, description = "the rollout as it stands now", body = RolloutView),
    (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, description = "not now, and why", body = Problem),
    (status = 413, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn order(
    State(app): State<Arc<App>>,
    who: Who,
    Path((name, order)): Path<(String, String)>,
    body: Body,
) -> Result<Json<RolloutView>, Problem> {
    who.may(Right::Rollout)?;
    let wish: OrderWish = if body.is_empty() {
        OrderWish::default()
    } else {
        body.json(r#"{"reason":"agreed with the head of the center"}"#)?
    };
    let asked = order.replace('-', "_");
    let order = Order::ALL.into_iter().find(|known| known.as_str() == asked);
    let order = order.ok_or_else(|| {
        let known = Order::ALL.map(|order| order.as_str().replace('_', "-")).join(", ");
        Problem::not_found(format!("no such order: {known}"))
    })?;
    let command = Command { order, who: who.name.as_str().into(), reason: wish.reason };
    match app.rollouts.order(&name, command).await? {
        Ok(view) => Ok(Json(view)),
        Err(error @ OrderError::Unknown) => Err(Problem::not_found(format!("`{name}`: {error}"))),
        Err(error @ (OrderError::NotNow(_) | OrderError::Refused(_))) => {
            Err(Problem::conflict(error.to_string(), None))
        }
    }
}
