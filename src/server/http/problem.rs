//! Refusals as JSON problems (RFC 9457): a status, a title, and a sentence that a person understands.

use super::view::AgentView;
use crate::server::config::Told;
use crate::server::handle::BrainError;
use crate::server::store::ReadError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request was not done.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The status in words.
    pub(crate) title: String,
    /// What is wrong and what to do.
    pub(crate) detail: String,
    /// How the agent stands now, when a command about one was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<Box<AgentView>>,
    /// Every mistake of a configuration that was not taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) findings: Vec<Told>,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        let title = status.canonical_reason().unwrap_or("Error").to_owned();
        Problem {
            status: status.as_u16(),
            title,
            detail: detail.into(),
            agent: None,
            findings: Vec::new(),
        }
    }

    /// 400: the request can't be understood.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401: nobody known asks.
    pub(crate) fn unauthorized(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// 403: whoever asks may not.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404: there is no such thing.
    pub(crate) fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, detail)
    }

    /// 405: not with this method.
    pub(crate) fn method_not_allowed() -> Problem {
        let detail = "this path has another method; see /api/v1/openapi.json";
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
    }

    /// 409: the agent stands otherwise.
    pub(crate) fn conflict(detail: impl Into<String>, agent: Option<AgentView>) -> Problem {
        let agent = agent.map(Box::new);
        Problem { agent, ..Problem::new(StatusCode::CONFLICT, detail) }
    }

    /// 413: the body is too long.
    pub(crate) fn too_large() -> Problem {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 16 KiB")
    }

    /// 422: a configuration with these mistakes.
    pub(crate) fn unprocessable(findings: Vec<Told>) -> Problem {
        let errors = findings.iter().filter(|finding| finding.severity == "error").count();
        let detail = format!("nothing has changed; mistakes, each in `findings`: {errors}");
        Problem { findings, ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
    }

    /// 500: our own mistake, or the machine's.
    pub(crate) fn internal(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// 503: not now.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

impl From<BrainError> for Problem {
    fn from(error: BrainError) -> Problem {
        Problem::unavailable(error.to_string())
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Problem {
        match error {
            ReadError::Busy | ReadError::TooLong | ReadError::Away => {
                Problem::unavailable(error.to_string())
            }
            ReadError::Refused(_) => {
                tracing::error!(%error, "contacts can't be read");
                Problem::internal("the database can't be read; the log says why")
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            let realm = HeaderValue::from_static("Bearer realm=\"dozvon\"");
            headers.insert(header::WWW_AUTHENTICATE, realm);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
