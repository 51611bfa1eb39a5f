//! The running switch's API, asked from the command line.

use super::{Format, Remote, failed, tell, verdict};
use crate::server::config::{Missing, Role, Tests, environment, load};
use crate::server::outgoing::{self, Body, USER_AGENT};
use axum::body::Bytes;
use axum::http::{Request, header};
use http_body_util::Full;
use serde_json::Value;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Bytes of an answer that are read.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// Where the API is, and a token for it.
pub(super) struct Api {
    url: String,
    token: String,
}

impl Api {
    /// The API of this configuration, or of another address with its tokens.
    ///
    /// # Errors
    /// The exit code; what is wrong and its cure have been told.
    pub(super) fn of(remote: &Remote) -> Result<Api, ExitCode> {
        let (loaded, findings) = load(&remote.config, &environment(), Missing::Leave, Tests::Leave);
        let Some(loaded) = loaded else {
            tell(&findings, Format::Full);
            return Err(verdict(&findings));
        };
        let http = &loaded.settings.http;
        let chosen = |name: &str, role: Role| match &remote.token {
            Some(wanted) => name == wanted,
            None => matches!(role, Role::Supervisor | Role::Admin),
        };
        let token = http.tokens.iter().find(|token| chosen(&token.name, token.role));
        let token =
            token.ok_or_else(|| failed("tokens.toml has no such token: name one with --token"))?;
        let url = match (&remote.url, http.listen) {
            (Some(url), _) => url.trim_end_matches('/').to_owned(),
            (None, Some(listen)) => format!("http://{}", reachable(listen)),
            (None, None) => {
                return Err(failed("[http] listen is empty: say where with --url"));
            }
        };
        Ok(Api { url, token: token.token.0.clone() })
    }

    /// Asks once.
    ///
    /// # Errors
    /// Why there is no answer, or the answer's own refusal.
    pub(super) fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        runtime.block_on(async {
            let asked = tokio::time::timeout(PATIENCE, self.exchange(method, path, body)).await;
            asked.unwrap_or_else(|_| Err(format!("{} does not answer", self.url)))
        })
    }

    async fn exchange(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, String> {
        let client = outgoing::client(outgoing::roots(None)?, 1).map_err(|e| e.to_string())?;
        let bytes = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(bytes))
            .map_err(|error| format!("{}{path}: {error}", self.url))?;
        let response = outgoing::send(&client, request)
            .await
            .map_err(|error| format!("{} can't be reached: {error}", self.url))?;
        let status = response.status();
        let Body::Whole(answer) = outgoing::read(response.into_body(), BYTES_MAX).await else {
            return Err(format!("the answer of {} broke off, or is too long", self.url));
        };
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if status.is_success() {
            return Ok(answer);
        }
        Err(answer["detail"].as_str().map_or_else(|| status.to_string(), str::to_owned))
    }
}

/// Where a server that listens there is reached from this machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    if !listen.ip().is_unspecified() {
        return listen;
    }
    let ip = if listen.is_ipv4() { [127, 0, 0, 1].into() } else { [0, 0, 0, 0, 0, 0, 0, 1].into() };
    SocketAddr::new(ip, listen.port())
}
