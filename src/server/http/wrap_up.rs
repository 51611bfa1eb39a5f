//! What is asked of wrap-ups: their end, more time, codes; and the classifiers that the codes are of.

use super::App;
use super::auth::{Right, Who};
use super::body::Body;
use super::desk::{actor, give};
use super::problem::Problem;
use super::view::AgentView;
use axum::Json;
use axum::extract::{Path, State};
use dozvon_center::acd::Activity;
use dozvon_center::classifier::{Classifier, LANGUAGES};
use dozvon_center::coding::{CodeName, Coding};
use dozvon_center::ids::CallId;
use dozvon_switch::border::{DeskCommand, WrapUpCommand};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// More seconds wanted for a wrap-up.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtendWish {
    /// By how many seconds its end is put off, 1 to 86400; all of them together within the queue's
    /// `wrap_up_extend_max_secs`.
    secs: u32,
}

/// A code for a talk.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeWish {
    /// The path of a leaf: `cards/lost`.
    code: String,
    /// What there is to say besides, up to 500 letters. Some codes need it.
    note: Option<String>,
}

/// A classifier: what talks can be about.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ClassifierView {
    /// Its name.
    name: String,
    /// Its version.
    version: String,
    /// Its codes, each before those below it.
    codes: Vec<CodeView>,
}

/// A code, or a branch of codes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct CodeView {
    /// The path to it.
    code: String,
    /// Its names by language.
    names: BTreeMap<&'static str, String>,
    /// Whether it can be given; otherwise there are codes below it.
    leaf: bool,
    /// Whether a note must come with it.
    note_required: bool,
    /// What is dialled for it behind the feature code.
    #[serde(skip_serializing_if = "Option::is_none")]
    dial: Option<String>,
}

impl ClassifierView {
    fn new(classifier: &Classifier) -> ClassifierView {
        let code = |code: &dozvon_center::classifier::Code| CodeView {
            code: code.path.to_string(),
            names: LANGUAGES.into_iter().zip(code.names.iter().map(ToString::to_string)).collect(),
            leaf: code.leaf,
            note_required: code.note_required,
            dial: code.dial.as_ref().map(ToString::to_string),
        };
        ClassifierView {
            name: classifier.name.to_string(),
            version: classifier.version.to_string(),
            codes: classifier.codes.iter().map(code).collect(),
        }
    }
}

/// Ends an agent's wrap-up now. An agent whose talk needs a code gives that instead.
#[utoipa::path(post, path = "/api/v1/agents/{name}/end-wrap-up", tag = "agents",
    params(("name" = String, Path, description = "the agent's name")), responses(
    (status = 200, description = "the agent's new row", body = AgentView), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, description = "the talk needs a code first", body = Problem),
    (status = 503, body = Problem)))]
pub(super) async fn end(
    State(app): State<Arc<App>>,
    who: Who,
    Path(name): Path<String>,
) -> Result<Json<AgentView>, Problem> {
    who.may(Right::Command(&name))?;
    let command = WrapUpCommand::End { by: actor(&who) };
    give(&app, &who, &name, DeskCommand::WrapUp(command)).await
}

/// Puts the end of an agent's wrap-up off. One that has run out goes on if no call was offered since.
#[utoipa::path(post, path = "/api/v1/agents/{name}/extend-wrap-up", tag = "agents", request_body = ExtendWish,
    params(("name" = String, Path, description = "the agent's name")), responses(
    (status = 200, description = "the agent's new row", body = AgentView), (status = 400, body = Problem),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, description = "over, without an end, or put off far enough", body = Problem),
    (status = 413, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn extend(
    State(app): State<Arc<App>>,
    who: Who,
    Path(name): Path<String>,
    body: Body,
) -> Result<Json<AgentView>, Problem> {
    who.may(Right::Command(&name))?;
    let wish: ExtendWish = body.json(r#"{"secs":30}"#)?;
    if !(1..=86_400).contains(&wish.secs) {
        return Err(Problem::bad_request("secs: 1 to 86400"));
    }
    let command = WrapUpCommand::Extend { by: Duration::from_secs(wish.secs.into()) };
    give(&app, &who, &name, DeskCommand::WrapUp(command)).await
}

/// Gives the agent's talk a code, or the one whose wrap-up he is in. The last one counts; it ends a wrap-up that waits
/// for it.
#[utoipa::path(post, path = "/api/v1/agents/{name}/code", tag = "agents", request_body = CodeWish,
    params(("name" = String, Path, description = "the agent's name")), responses(
    (status = 200, description = "the agent's new row", body = AgentView),
    (status = 400, description = "no such code, or it needs a note", body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, description = "no talk to give a code to", body = Problem),
    (status = 413, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn code(
    State(app): State<Arc<App>>,
    who: Who,
    Path(name): Path<String>,
    body: Body,
) -> Result<Json<AgentView>, Problem> {
    who.may(Right::Command(&name))?;
    let coding = coding(body, None)?;
    give(&app, &who, &name, DeskCommand::WrapUp(WrapUpCommand::Code(coding))).await
}

/// Gives a code to the talk of this call, or to the one whose wrap-up runs: for an agent his own, for others the one
/// that lasts.
#[utoipa::path(post, path = "/api/v1/calls/{id}/code", tag = "talks", request_body = CodeWish,
    params(("id" = u64, Path, description = "the call's id")), responses(
    (status = 200, description = "the new row of the agent of the talk", body = AgentView),
    (status = 400, description = "no such code, or it needs a note", body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem),
    (status = 404, description = "no talk of this call, and no wrap-up of one", body = Problem),
    (status = 409, body = Problem), (status = 413, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn code_of_call(
    State(app): State<Arc<App>>,
    who: Who,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<AgentView>, Problem> {
    let call = super::talk::call_id(&id)?;
    who.may(Right::Talk)?;
    let snapshot = app.brain.snapshot().await?;
    let mut rows: Vec<_> = snapshot
        .agents
        .iter()
        .filter(|row| row.wrap_up.as_ref().is_some_and(|work| work.call == call))
        .collect();
    // The talk that lasts comes before those that are over.
    rows.sort_by_key(|row| row.activity == Activity::WrapUp);
    let own = rows.iter().find(|row| who.may(Right::Command(&row.name)).is_ok());
    let Some(row) = own.or(rows.first()) else {
        return Err(Problem::not_found("no talk of this call lasts, and no wrap-up of one"));
    };
    who.may(Right::Command(&row.name))?;
    let coding = coding(body, Some(call))?;
    give(&app, &who, &row.name, DeskCommand::WrapUp(WrapUpCommand::Code(coding))).await
}

/// A classifier: the codes that the talks of its queues can be given.
#[utoipa::path(get, path = "/api/v1/classifiers/{name}", tag = "talks",
    params(("name" = String, Path, description = "the classifier's name")), responses(
    (status = 200, body = ClassifierView), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(super) async fn classifier(
    State(app): State<Arc<App>>,
    who: Who,
    Path(name): Path<String>,
) -> Result<Json<ClassifierView>, Problem> {
    who.may(Right::Look)?;
    let found = app.directory.classifiers.get(name.as_str());
    let missing = || Problem::not_found(format!("no classifier is called `{name}`"));
    found.map(|classifier| Json(ClassifierView::new(classifier))).ok_or_else(missing)
}

fn coding(body: Body, call: Option<CallId>) -> Result<Coding, Problem> {
    let wish: CodeWish = body.json(r#"{"code":"cards/lost"}"#)?;
    let note = wish.note.map(Arc::from);
    Ok(Coding { code: CodeName::Path(wish.code.into()), note, call })
}
