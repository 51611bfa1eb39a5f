//! Callbacks: which are open, one more for a customer, one taken back.

use super::App;
use super::auth::{Right, Who};
use super::body::Body;
use super::problem::Problem;
use super::view::{number, time};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use dozvon_center::callback::{AskedBy, Callback, CallbackError, CallbackRequest, Proof, Stage};
use dozvon_center::ids::{CallId, CallbackId};
use dozvon_clock::Timestamp;
use dozvon_switch::border::CallbackCommand;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Who is to be called back.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallbackWish {
    /// The customer's number; it must begin like one of `[callback] allow`.
    number: String,
    /// The queue whose agents call.
    queue: String,
    /// His language, as flows name it; the house's first one by default.
    language: Option<String>,
    /// What the agent must be able to do: an expression over names of skills.
    requires: Option<String>,
    /// What it is about, in a word.
    topic: Option<String>,
    /// The call that he has asked in, if he has: nothing is dialled while it lasts.
    call: Option<u64>,
    /// The program that asks for the customer, such as the bank's site; absent: the holder of the token asks himself.
    program: Option<String>,
    /// What shows that the customer asked: where the recording is kept, the number of the form he sent.
    proof: Option<String>,
}

/// A request to be called back.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct CallbackView {
    /// Its id.
    id: u64,
    /// The customer's number; only its end without the right to see numbers.
    number: String,
    /// Its queue.
    queue: String,
    /// `due`, `queued`, `offered`, `dialing`, `here`, `calling` (the customer is in a call of his own).
    stage: String,
    /// When it is due, for `due`.
    due_at: Option<String>,
    /// The call that the attempt is, or the customer's own.
    call: Option<u64>,
    /// When the customer began to wait: his place in the line.
    enqueued_at: String,
    /// When he asked.
    asked_at: String,
    /// Who asked: `key`, `staff`, `program`.
    asked_by: String,
    /// The contact that asked.
    contact: Option<u64>,
    /// The flow and the node in which a key was pressed.
    flow: Option<String>,
    /// See `flow`.
    node: Option<String>,
    /// The key.
    key: Option<String>,
    /// Who asked for him, for `staff` and `program`.
    user: Option<String>,
    /// Where the proof is kept.
    proof: Option<String>,
    /// Attempts begun.
    attempts: u32,
    /// How the last one failed.
    missed: Option<String>,
}

/// A request that was taken.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct CallbackTaken {
    /// Its id.
    id: u64,
}

impl CallbackView {
    fn new(callback: &Callback, plain: bool) -> CallbackView {
        let text = |text: &Option<Arc<str>>| text.as_ref().map(ToString::to_string);
        let proof = &callback.proof;
        let due_at = match callback.stage {
            Stage::Due { at } => Some(time(at)),
            Stage::Queued { .. }
            | Stage::Offered { .. }
            | Stage::Dialing { .. }
            | Stage::Here { .. }
            | Stage::Calling { .. }
            | Stage::Ended { .. } => None,
        };
        CallbackView {
            id: callback.id.0,
            number: number(&callback.number, plain),
            queue: callback.queue.to_string(),
            stage: callback.stage.as_str().to_owned(),
            due_at,
            call: callback.stage.call().map(|call| call.0),
            enqueued_at: time(callback.enqueued_at),
            asked_at: time(callback.asked_at),
            asked_by: proof.by.as_str().to_owned(),
            contact: callback.contact.map(|contact| contact.0),
            flow: text(&proof.flow),
            node: text(&proof.node),
            key: proof.key.map(|key| key.to_string()),
            user: text(&proof.user),
            proof: text(&proof.recording),
            attempts: callback.attempts,
            missed: callback.missed.map(|why| why.as_str().to_owned()),
        }
    }
}

/// The open requests, oldest first.
#[utoipa::path(get, path = "/api/v1/callbacks", tag = "callbacks", responses(
    (status = 200, body = [CallbackView]), (status = 401, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    who: Who,
) -> Result<Json<Vec<CallbackView>>, Problem> {
    who.may(Right::Look)?;
    let snapshot = app.brain.snapshot().await?;
    let view = |callback| CallbackView::new(callback, who.sees_numbers());
    Ok(Json(snapshot.callbacks.iter().map(view).collect()))
}

/// A customer is to be called back. The token's holder is kept as the one who asked for him.
#[utoipa::path(post, path = "/api/v1/callbacks", tag = "callbacks", request_body = CallbackWish, responses(
    (status = 201, body = CallbackTaken), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 409, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn request(
    State(app): State<Arc<App>>,
    who: Who,
    body: Body,
) -> Result<(StatusCode, Json<CallbackTaken>), Problem> {
    who.may(Right::Talk)?;
    let example = r#"{"number":"+77010000001","queue":"cards"}"#;
    let wish: CallbackWish = body.json(example)?;
    if let Some(text) = &wish.requires {
        dozvon_center::acd::Expression::parse(text)
            .map_err(|mistake| Problem::bad_request(format!("requires: {mistake}")))?;
    }
    let snapshot = app.brain.snapshot().await?;
    let queue = wish.queue.clone();
    let command = CallbackCommand::Request(Box::new(asked(&who, wish, snapshot.at)));
    let answer = app.brain.callback(command).await?;
    tracing::info!(by = %who.name, %queue, done = answer.is_ok(), "callback requested");
    match answer {
        Ok(id) => Ok((StatusCode::CREATED, Json(CallbackTaken { id: id.0 }))),
        Err(why @ (CallbackError::Queue(_) | CallbackError::Number(_))) => {
            Err(Problem::bad_request(why.to_string()))
        }
        Err(why) => Err(Problem::conflict(why.to_string(), None)),
    }
}

fn asked(who: &Who, wish: CallbackWish, now: Timestamp) -> CallbackRequest {
    let by = if wish.program.is_some() { AskedBy::Program } else { AskedBy::Staff };
    let user = match &wish.program {
        Some(program) => format!("{} for {program}", who.name),
        None => who.name.clone(),
    };
    let proof = Proof {
        by,
        at: now,
        from: None,
        key: None,
        flow: None,
        node: None,
        user: Some(user.into()),
        recording: wish.proof.map(Into::into),
    };
    CallbackRequest {
        number: wish.number,
        own: false,
        queue: wish.queue.into(),
        requires: wish.requires.map(Into::into),
        priority: 0,
        enqueued_at: None,
        language: wish.language.unwrap_or_default().into(),
        topic: wish.topic.map(Into::into),
        contact: wish.call.map(CallId),
        proof,
    }
}

/// Takes a request back.
#[utoipa::path(delete, path = "/api/v1/callbacks/{id}", tag = "callbacks",
    params(("id" = u64, Path, description = "the request's id")), responses(
    (status = 204, description = "nobody is called back for it"), (status = 400, body = Problem),
    (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    who: Who,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    who.may(Right::Talk)?;
    let why = "a request's id is a number, as /api/v1/callbacks shows it";
    let id = id.parse().map(CallbackId).map_err(|_| Problem::bad_request(why))?;
    let answer = app.brain.callback(CallbackCommand::Cancel(id)).await?;
    tracing::info!(by = %who.name, callback = id.0, done = answer.is_ok(), "callback cancelled");
    match answer {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(why @ CallbackError::Unknown) => Err(Problem::not_found(why.to_string())),
        Err(why) => Err(Problem::conflict(why.to_string(), None)),
    }
}
