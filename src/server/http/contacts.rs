//! The contacts in the database, newest first, page by page; and complaints about them.

use super::App;
use super::auth::{Right, Who};
use super::body::Body;
use super::problem::Problem;
use super::view::{ContactView, ContactsView, contact};
use crate::server::events::rfc3339;
use crate::server::store::{
    Complained, Complaint, ComplaintRow, ContactFilter, Marked, Record, StoreReader,
};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use dozvon_center::ids::CallId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Contacts on a page when the request does not say.
const LIMIT_DEFAULT: u32 = 50;

/// Letters of a complaint's text. A longer one is refused.
const COMPLAINT_CHARS_MAX: usize = 500;

/// Which contacts.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Started at or after this moment, RFC 3339.
    from: Option<String>,
    /// Started before this moment, RFC 3339.
    to: Option<String>,
    /// Waited in, or talked from, this queue.
    queue: Option<String>,
    /// Talked to this agent.
    agent: Option<String>,
    /// Called from exactly this number; needs a supervisor's token.
    caller: Option<String>,
    /// At most so many, 1 to 500; 50 when absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Contacts, running ones included, newest first.
#[utoipa::path(get, path = "/api/v1/contacts", tag = "contacts", params(Wanted), responses(
    (status = 200, body = ContactsView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    who: Who,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<ContactsView>, Problem> {
    who.may(Right::Look)?;
    let Query(wanted) = wanted.map_err(|error| Problem::bad_request(error.body_text()))?;
    if wanted.caller.is_some() {
        who.may(Right::SearchNumbers)?;
    }
    let filter = wanted.filter()?;
    let reader = app.reader.as_ref();
    let reader =
        reader.ok_or_else(|| Problem::unavailable("nothing is stored: no database is open"))?;
    let page = reader.contacts(filter).await?;
    Ok(Json(ContactsView::new(page, who.sees_numbers())))
}

/// A contact, running or ended.
#[utoipa::path(get, path = "/api/v1/contacts/{id}", tag = "contacts",
    params(("id" = u64, Path, description = "the contact's id")), responses(
    (status = 200, body = ContactView), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 404, description = "no such contact", body = Problem), (status = 503, body = Problem)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    who: Who,
    Path(id): Path<String>,
) -> Result<Json<ContactView>, Problem> {
    who.may(Right::Look)?;
    let call = super::talk::call_id(&id)?;
    let reader = app.reader.as_ref();
    let reader =
        reader.ok_or_else(|| Problem::unavailable("nothing is stored: no database is open"))?;
    let filter = ContactFilter { call: Some(call), limit: 1, ..ContactFilter::default() };
    let row = reader.contacts(filter).await?.contacts.into_iter().next();
    let row = row.ok_or_else(|| Problem::not_found(format!("no contact has the id {}", call.0)))?;
    Ok(Json(contact(row, who.sees_numbers())))
}

/// A complaint about a contact.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ComplaintWish {
    /// What was said, up to 500 letters. Personal.
    text: Option<String>,
}

/// A complaint that was marked.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ComplaintView {
    /// The contact's id.
    call: u64,
    /// When it was marked.
    at: String,
    /// Whose token it was.
    by: String,
}

/// Marks that the customer has complained about a contact, once. Who and when are kept; rollouts with the measure
/// `complaint` are judged by it.
#[utoipa::path(post, path = "/api/v1/contacts/{id}/complaint", tag = "contacts", request_body = ComplaintWish,
    params(("id" = u64, Path, description = "the contact's id")), responses(
    (status = 200, description = "it is marked", body = ComplaintView), (status = 400, body = Problem),
    (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, description = "no such contact", body = Problem),
    (status = 409, description = "it was marked before", body = Problem), (status = 413, body = Problem),
    (status = 503, description = "it is not marked, or nobody knows yet", body = Problem)))]
pub(super) async fn complain(
    State(app): State<Arc<App>>,
    who: Who,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<ComplaintView>, Problem> {
    who.may(Right::Complain)?;
    let call = super::talk::call_id(&id)?;
    let example = r#"{"text":"the robot did not let him finish"}"#;
    let wish: ComplaintWish =
        if body.is_empty() { ComplaintWish::default() } else { body.json(example)? };
    let letters = wish.text.as_deref().map_or(0, |text| text.chars().count());
    if letters > COMPLAINT_CHARS_MAX {
        return Err(Problem::bad_request(format!("text: {COMPLAINT_CHARS_MAX} letters at most")));
    }
    let (Some(reader), Some(store)) = (&app.reader, &app.store) else {
        return Err(Problem::unavailable("nothing is stored: no database is open"));
    };
    unmarked(reader, call).await?;
    let row = ComplaintRow { call, at: app.clock.now(), by: who.name, text: wish.text };
    let (at, by) = (rfc3339(row.at.as_micros()), row.by.clone());
    let (complaint, hearing) = Complaint::new(row);
    store.try_send(Record::Complaint(complaint));
    match hearing.marked().await {
        Marked::Now => {
            tracing::info!(call = call.0, %by, "a complaint is marked");
            Ok(Json(ComplaintView { call: call.0, at, by }))
        }
        // Somebody was quicker by less than a transaction.
        Marked::Before => {
            unmarked(reader, call).await?;
            Err(Problem::conflict("it was marked at the same moment", None))
        }
        Marked::Lost => {
            Err(Problem::unavailable("it is not kept, the database lags: try again in a moment"))
        }
    }
}

/// Refuses when there is no such contact, or one that somebody has complained about.
async fn unmarked(reader: &StoreReader, call: CallId) -> Result<(), Problem> {
    match reader.complaint(call).await? {
        Complained::NoContact => {
            Err(Problem::not_found(format!("no contact has the id {}", call.0)))
        }
        Complained::Yes { at, by } => {
            let when = rfc3339(at.as_micros());
            Err(Problem::conflict(format!("`{by}` has marked it already, at {when}"), None))
        }
        Complained::No => Ok(()),
    }
}

impl Wanted {
    fn filter(self) -> Result<ContactFilter, Problem> {
        let cursor = match self.cursor {
            None => None,
            Some(text) => {
                let wrong = |()| Problem::bad_request("cursor: take it from next_cursor unchanged");
                Some(text.parse().map_err(wrong)?)
            }
        };
        Ok(ContactFilter {
            from: moment("from", self.from)?,
            to: moment("to", self.to)?,
            queue: self.queue,
            agent: self.agent,
            caller: self.caller,
            call: None,
            limit: self.limit.unwrap_or(LIMIT_DEFAULT),
            cursor,
        })
    }
}

fn moment(name: &str, text: Option<String>) -> Result<Option<i64>, Problem> {
    let Some(text) = text else { return Ok(None) };
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Ok(Some(time.as_microsecond())),
        Err(_) => {
            let example = "write it like 2026-01-31T09:00:00Z (a + as %2B)";
            Err(Problem::bad_request(format!("{name}: `{text}` is no time: {example}")))
        }
    }
}
