//! HTTP: health, metrics, the API, live events, and a plain live page. It shows and passes on; it decides nothing.
//!
//! Bounded in every direction: connections ([`CONNECTIONS_MAX`]), idle time, request time, body size, live screens.

mod auth;
mod body;
mod bots;
mod callbacks;
mod contacts;
mod desk;
mod incidents;
mod listener;
mod live;
mod openapi;
mod page;
mod problem;
mod read;
mod reload;
mod rollouts;
mod sites;
mod talk;
mod view;
mod why;
mod wrap_up;

#[cfg(test)]
mod tests;

use crate::server::bot::BotDoor;
use crate::server::clock::Clock;
use crate::server::config;
use crate::server::events::{Directory, Live};
use crate::server::handle::BrainHandle;
use crate::server::metrics::Metrics;
use crate::server::reload::ReloadDoor;
use crate::server::rollout::StewardDoor;
use crate::server::store::{StoreReader, StoreSender};
use auth::Tokens;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use listener::{BoundedListener, Peer};
use problem::Problem;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// Connections at the same time. The next one waits in the kernel's queue until one closes.
pub(crate) const CONNECTIONS_MAX: usize = 256;

/// Live screens (WebSockets) at the same time, so that they leave room for requests. One more gets 503.
pub(crate) const SCREENS_MAX: usize = 64;

/// Bytes of a request's body. A longer one gets 413.
pub(crate) const BODY_BYTES_MAX: usize = 16 * 1024;

/// How long a request may take. A longer one gets 503.
pub(crate) const REQUEST_WITHIN: Duration = Duration::from_secs(10);

/// How long a connection may be silent before it is closed. Live screens are pinged more often than that.
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(60);

/// What the handlers work with.
#[derive(Debug)]
pub(crate) struct App {
    /// The door to the brain.
    pub(crate) brain: BrainHandle,
    /// The figures.
    pub(crate) metrics: Arc<Metrics>,
    /// The contacts; `None` when nothing is stored.
    pub(crate) reader: Option<StoreReader>,
    /// Where complaints go; `None` when nothing is stored.
    pub(crate) store: Option<StoreSender>,
    /// Facts as they happen.
    pub(crate) live: Live,
    /// Names.
    pub(crate) directory: Arc<Directory>,
    /// The way to another version of the configuration.
    pub(crate) reloads: ReloadDoor,
    /// The way to the rollouts.
    pub(crate) rollouts: StewardDoor,
    /// What bots ask by REST goes there.
    pub(crate) bots: BotDoor,
    /// The time.
    pub(crate) clock: Clock,
    /// Who may do what.
    tokens: Tokens,
    screens: Arc<Semaphore>,
    /// Turns true when the server goes down: live screens are let go.
    stopping: watch::Receiver<bool>,
}

/// What an [`App`] is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The door to the brain.
    pub(crate) brain: BrainHandle,
    /// The figures.
    pub(crate) metrics: Arc<Metrics>,
    /// The contacts; `None` when nothing is stored.
    pub(crate) reader: Option<StoreReader>,
    /// Where complaints go; `None` when nothing is stored.
    pub(crate) store: Option<StoreSender>,
    /// Facts as they happen.
    pub(crate) live: Live,
    /// Names.
    pub(crate) directory: Arc<Directory>,
    /// The way to another version of the configuration.
    pub(crate) reloads: ReloadDoor,
    /// The way to the rollouts.
    pub(crate) rollouts: StewardDoor,
    /// The tokens of the configuration.
    pub(crate) tokens: Vec<config::Token>,
    /// What bots ask by REST goes there.
    pub(crate) bots: BotDoor,
    /// The time.
    pub(crate) clock: Clock,
}

/// Serves until `stopping` turns true, then finishes the requests that run and returns.
///
/// # Errors
/// What the listener says when it can't go on.
pub(crate) async fn serve(
    listener: TcpListener,
    parts: Parts,
    stopping: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let app = Arc::new(App::new(parts, stopping.clone()));
    let service = router(app).into_make_service_with_connect_info::<Peer>();
    let listener = BoundedListener::new(listener, CONNECTIONS_MAX, IDLE_MAX);
    let mut stopping = stopping;
    axum::serve(listener, service)
        .with_graceful_shutdown(async move {
            // An error means that nobody is left who could say stop: that is a stop too.
            let _ = stopping.wait_for(|stop| *stop).await;
        })
        .await
}

impl App {
    fn new(parts: Parts, stopping: watch::Receiver<bool>) -> App {
        let Parts {
            brain,
            metrics,
            reader,
            store,
            live,
            directory,
            reloads,
            rollouts,
            tokens,
            clock,
            bots,
        } = parts;
        App {
            brain,
            metrics,
            reader,
            store,
            live,
            directory,
            reloads,
            rollouts,
            bots,
            clock,
            tokens: Tokens::new(&tokens),
            screens: Arc::new(Semaphore::new(SCREENS_MAX)),
            stopping,
        }
    }
}

/// All routes.
fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(page::html))
        .route("/page.js", get(page::shared_js))
        .route("/live.js", get(page::js))
        .route("/live.css", get(page::css))
        .route("/rollouts", get(page::rollouts_html))
        .route("/rollouts.js", get(page::rollouts_js))
        .route("/healthz", get(read::healthz))
        .route("/readyz", get(read::readyz))
        .route("/metrics", get(read::metrics))
        .route("/api/v1/openapi.json", get(openapi::document))
        .route("/api/v1/queues", get(read::queues))
        .route("/api/v1/agents", get(read::agents))
        .route("/api/v1/agents/{name}/status", get(desk::status).post(desk::set_status))
        .route("/api/v1/agents/{name}/logout", post(desk::log_out))
        .route("/api/v1/agents/{name}/end-wrap-up", post(wrap_up::end))
        .route("/api/v1/agents/{name}/extend-wrap-up", post(wrap_up::extend))
        .route("/api/v1/agents/{name}/code", post(wrap_up::code))
        .route("/api/v1/calls/{id}/code", post(wrap_up::code_of_call))
        .route("/api/v1/classifiers/{name}", get(wrap_up::classifier))
        .route("/api/v1/calls", get(read::calls))
        .route("/api/v1/calls/{id}", get(read::call).delete(desk::hang_up))
        .route("/api/v1/calls/{id}/why", get(read::why))
        .route("/api/v1/calls/{id}/talk", post(talk::talk))
        .route("/api/v1/calls/{id}/retrieve", post(talk::retrieve))
        .route("/api/v1/agents/{name}/watch", post(talk::watch))
        .route("/api/v1/agents/{name}/take-over", post(talk::take_over))
        .route("/api/v1/agents/{name}/end-watch", post(talk::end_watch))
        .route("/api/v1/callbacks", get(callbacks::list).post(callbacks::request))
        .route("/api/v1/callbacks/{id}", delete(callbacks::cancel))
        .route("/api/v1/contacts", get(contacts::list))
        .route("/api/v1/contacts/{id}", get(contacts::show))
        .route("/api/v1/contacts/{id}/complaint", post(contacts::complain))
        .route("/api/v1/incidents", get(incidents::list))
        .route("/api/v1/version", get(reload::version))
        .route("/api/v1/versions", get(reload::versions))
        .route("/api/v1/reload", post(reload::reload))
        .route("/api/v1/rollback", post(reload::rollback))
        .route("/api/v1/rollouts", get(rollouts::list))
        .route("/api/v1/rollouts/roadmap", get(rollouts::show_roadmap))
        .route("/api/v1/rollouts/{name}/decisions", get(rollouts::decisions))
        .route("/api/v1/rollouts/{name}/{order}", post(rollouts::order))
        .route("/api/v1/sites", get(sites::list))
        .route("/api/v1/sites/{site}/emergency", put(sites::set_emergency))
        .route("/api/v1/events", get(live::events))
        .route("/2010-04-01/Accounts/{account}/Calls/{file}", post(bots::update))
        .fallback(|| async {
            Problem::not_found("no such page; the API is at /api/v1/openapi.json")
        })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(in_time))
        .layer(middleware::from_fn(headers))
        .with_state(app)
}

/// Nobody holds a request open for longer than [`REQUEST_WITHIN`].
async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Problem::unavailable("the request took too long: try again in a moment").into_response()
        }
    }
}

/// What every answer carries: nothing is cached, guessed, framed or fetched from elsewhere.
async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CACHE_CONTROL, "no-store");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CONTENT_SECURITY_POLICY, page::POLICY);
    response
}
