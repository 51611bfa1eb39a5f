//! The body of a command: taken as it came, and read as JSON only after it is known who asks and whether he may.

use super::problem::Problem;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use std::convert::Infallible;

/// It, or why it could not be read.
pub(super) struct Body(Result<Bytes, BytesRejection>);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Infallible;

    async fn from_request(request: Request, state: &S) -> Result<Body, Infallible> {
        Ok(Body(Bytes::from_request(request, state).await))
    }
}

impl Body {
    /// Whether nothing came.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.0, Ok(body) if body.is_empty())
    }

    /// What it says; `example` shows in the refusal what it looks like.
    pub(super) fn json<T: DeserializeOwned>(self, example: &str) -> Result<T, Problem> {
        let body = self.0.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
            _ => Problem::bad_request(rejection.body_text()),
        })?;
        serde_json::from_slice(&body)
            .map_err(|error| Problem::bad_request(format!("send JSON like {example}: {error}")))
    }
}
