//! The contacts in the database, newest first, page by page.

use super::App;
use super::auth::{Right, Who};
use super::problem::Problem;
use super::view::ContactsView;
use crate::server::store::ContactFilter;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// Contacts on a page when the request does not say.
const LIMIT_DEFAULT: u32 = 50;

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
