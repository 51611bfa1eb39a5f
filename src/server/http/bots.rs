//! What voice bots ask about their calls by REST, as Twilio's API has it: the one request that ends a bot's part.
//!
//! Bots come with the account and token of bots.toml and not with a token of the API. Errors have Twilio's form, which
//! their libraries read.

use super::App;
use crate::server::bot::{Untaken, twiml};
use axum::Json;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use dozvon_center::bot::{BotNote, BotOver};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The fields of the request that mean something here; others are left alone.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Update {
    status: Option<String>,
    twiml: Option<String>,
    /// Ours, as are those that follow: why, what was said, whether the matter is settled, a JSON object.
    reason: Option<String>,
    summary: Option<String>,
    resolved: Option<String>,
    data: Option<String>,
}

/// `POST /2010-04-01/Accounts/{account}/Calls/{sid}.json`.
pub(super) async fn update(
    State(app): State<Arc<App>>,
    Path((account, file)): Path<(String, String)>,
    headers: HeaderMap,
    form: Result<Form<Update>, FormRejection>,
) -> Response {
    let Some((user, password)) = credentials(&headers) else { return unauthorized() };
    if !app.bots.admits(&account, &user, &password) {
        return unauthorized();
    }
    let Some(sid) = file.strip_suffix(".json") else {
        return error(StatusCode::NOT_FOUND, 20404, "calls are asked for as {sid}.json");
    };
    let update = match form {
        Ok(Form(update)) => update,
        Err(why) => return error(StatusCode::BAD_REQUEST, 21600, &why.body_text()),
    };
    let (over, note) = match wanted(&update) {
        Ok(wanted) => wanted,
        Err((code, why)) => return error(StatusCode::BAD_REQUEST, code, &why),
    };
    let status = match over {
        BotOver::Transfer => "in-progress",
        BotOver::Done | BotOver::Failed(_) => "completed",
    };
    match app.bots.end((&account, &password), sid, over, note) {
        Ok(()) => {
            Json(json!({"sid": sid, "account_sid": account, "status": status})).into_response()
        }
        Err(Untaken::Unauthorized) => unauthorized(),
        Err(Untaken::Ended) => {
            let message = format!(
                "The requested resource /2010-04-01/Accounts/{account}/Calls/{sid}.json was not found"
            );
            error(StatusCode::NOT_FOUND, 20404, &message)
        }
        Err(Untaken::Busy) => {
            error(StatusCode::TOO_MANY_REQUESTS, 20429, "too many requests about this call")
        }
    }
}

/// What a bot wants; or the code and the sentence of what is wrong.
fn wanted(update: &Update) -> Result<(BotOver, BotNote), (u32, String)> {
    let (over, said) = match (update.status.as_deref(), update.twiml.as_deref()) {
        (Some("completed"), None) => (BotOver::Done, BotNote::default()),
        (None, Some(text)) => twiml::read(text).map_err(|why| (12100, why))?,
        (Some(_), Some(_)) => return Err((21600, "either Status or Twiml".to_owned())),
        (Some(other), None) => {
            return Err((21600, format!("Status must be `completed`, not `{other}`")));
        }
        (None, None) => return Err((21600, "there is neither Status nor Twiml".to_owned())),
    };
    let is_object = |text: &String| serde_json::from_str::<Map<String, Value>>(text).is_ok();
    if !update.data.iter().all(is_object) {
        return Err((21600, "Data must be a JSON object".to_owned()));
    }
    let beside = BotNote::of_texts(&[
        ("reason", update.reason.as_deref()),
        ("summary", update.summary.as_deref()),
        ("resolved", update.resolved.as_deref()),
        ("data", update.data.as_deref()),
    ]);
    Ok((over, said.or(beside)))
}

/// User and password of Basic authentication (RFC 7617).
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, text) = value.split_once(' ')?;
    let decoded =
        BASE64.decode(text.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn unauthorized() -> Response {
    let mut response = error(StatusCode::UNAUTHORIZED, 20003, "Authenticate");
    let basic = HeaderValue::from_static("Basic realm=\"dozvon\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
    response
}

fn error(status: StatusCode, code: u32, message: &str) -> Response {
    let body =
        json!({"code": code, "message": message, "more_info": "", "status": status.as_u16()});
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(fields: &[(&str, &str)]) -> Result<(BotOver, BotNote), (u32, String)> {
        let map: Map<String, Value> =
            fields.iter().map(|(key, text)| ((*key).to_owned(), json!(text))).collect();
        wanted(&serde_json::from_value(Value::Object(map)).unwrap())
    }

    #[test]
    fn completed_is_done_and_twiml_a_transfer_with_what_is_said_beside() {
        let (over, note) = update(&[("Status", "completed"), ("Resolved", "true")]).unwrap();
        assert_eq!((over, note.resolved), (BotOver::Done, Some(true)));
        let (over, note) = update(&[
            ("Twiml", "<Response><Enqueue>cards</Enqueue></Response>"),
            ("Summary", "wants a person"),
            ("Data", "{\"intent\":\"block\"}"),
        ])
        .unwrap();
        assert_eq!((over, note.to.as_deref()), (BotOver::Transfer, Some("queue:cards")));
        assert_eq!(
            (note.summary.as_deref(), &*note.data["intent"]),
            (Some("wants a person"), "block")
        );
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (fields, said) in [
            (&[][..], "neither"),
            (&[("Status", "busy")][..], "`busy`"),
            (&[("Status", "completed"), ("Twiml", "<Response/>")][..], "either"),
            (&[("Twiml", "<Response><Play>x</Play></Response>")][..], "<Play>"),
            (&[("Status", "completed"), ("Data", "5")][..], "JSON object"),
        ] {
            assert!(update(fields).unwrap_err().1.contains(said), "{fields:?}");
        }
    }

    #[test]
    fn only_basic_credentials_are_read() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            credentials(&headers)
        };
        assert_eq!(read("Basic QUM6YTpi"), Some(("AC".into(), "a:b".into())));
        assert_eq!(read("Bearer QUM6YTpi"), None);
        assert_eq!(read("Basic ????"), None);
        assert_eq!(credentials(&HeaderMap::new()), None);
    }
}
