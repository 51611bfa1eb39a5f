//! Live events over a WebSocket: every fact as a JSON text message, as it happens.
//!
//! A screen that falls behind is told how many it missed, `{"lagged":n}`, and goes on; one that takes nothing for
//! [`SEND_WITHIN`] is let go.

use super::App;
use super::auth::{Right, Who};
use super::problem::Problem;
use crate::server::events::{Numbers, object, object_with_card};
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use dozvon_center::fact::{Fact, What};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::error::RecvError;

/// The subprotocol spoken.
pub(crate) const PROTOCOL: &str = "dozvon.events.v1";

/// How long one message may wait for a slow screen.
const SEND_WITHIN: Duration = Duration::from_secs(10);

/// How often a screen is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(20);

/// Bytes of a message from a screen; they are not read anyway.
const INCOMING_BYTES_MAX: usize = 4 * 1024;

/// Facts as they happen. A browser brings its token as a second subprotocol, `bearer.<token>`.
#[utoipa::path(get, path = "/api/v1/events", tag = "live", responses(
    (status = 101, description = "WebSocket dozvon.events.v1: a JSON object per fact, or {\"lagged\":n}"),
    (status = 400, body = Problem), (status = 401, body = Problem), (status = 503, body = Problem)))]
pub(super) async fn events(
    State(app): State<Arc<App>>,
    who: Who,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    who.may(Right::Look)?;
    let upgrade = upgrade.map_err(|_| Problem::bad_request("connect with a WebSocket (ws://)"))?;
    let place = app.screens.clone().try_acquire_owned();
    let place = place.map_err(|_| Problem::unavailable("too many live screens: close one"))?;
    let numbers = if who.sees_numbers() { Numbers::Plain } else { Numbers::Masked };
    // Listening begins before the answer, so that nothing after it is missed.
    let facts = app.live.listen();
    Ok(upgrade
        .protocols([PROTOCOL])
        .max_message_size(INCOMING_BYTES_MAX)
        .on_upgrade(move |socket| Screen { app, socket, who, numbers, _place: place }.show(facts)))
}

struct Screen {
    app: Arc<App>,
    socket: WebSocket,
    who: Who,
    numbers: Numbers,
    _place: OwnedSemaphorePermit,
}

impl Screen {
    async fn show(mut self, mut facts: tokio::sync::broadcast::Receiver<Arc<Fact>>) {
        let mut stopping = self.app.stopping.clone();
        let mut ping = tokio::time::interval(PING_EVERY);
        loop {
            let message = tokio::select! {
                fact = facts.recv() => match fact {
                    Ok(fact) => {
                        Message::text(self.seen(&fact))
                    }
                    Err(RecvError::Lagged(missed)) => Message::text(json!({ "lagged": missed }).to_string()),
                    Err(RecvError::Closed) => return,
                },
                _ = ping.tick() => Message::Ping(axum::body::Bytes::new()),
                said = self.socket.recv() => match said {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => continue,
                },
                () = stop(&mut stopping) => {
                    let _ = tokio::time::timeout(SEND_WITHIN, self.socket.send(Message::Close(None))).await;
                    return;
                }
            };
            match tokio::time::timeout(SEND_WITHIN, self.socket.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }
}

impl Screen {
    /// A fact as whoever looks may see it.
    fn seen(&self, fact: &Fact) -> String {
        let directory = &self.app.directory;
        let mut in_full = false;
        if let What::OfferStarted { agent, .. } = &fact.what {
            in_full = self.who.sees_customers_of(&directory.agent_word(*agent));
        }
        let show = if in_full { object_with_card } else { object };
        serde_json::Value::Object(show(fact, directory, self.numbers)).to_string()
    }
}

/// Returns when the server goes down.
async fn stop(stopping: &mut tokio::sync::watch::Receiver<bool>) {
    // An error means that nobody is left who could say it: that is a stop too.
    let _ = stopping.wait_for(|stop| *stop).await;
}
