//! One POST to a receiver: HTTP/1.1, over TLS where the address says so. Follows no redirect and uses no proxy.

use super::event::{MEDIA_TYPE, SIGNATURE, signature};
use super::outbox::Answer;
use crate::server::config::Secret;
use crate::server::outgoing::{self, HttpClient, USER_AGENT};
use axum::http::header::{self, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{Request, Response, StatusCode, Uri};
use http_body_util::Full;
use std::time::Duration;

/// How much of an answer's body is read, in bytes, so that the connection can be used again; with a longer one it is
/// closed.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How long the rest of an answer is waited for behind its head. With a slower one the connection is closed.
const ANSWER_REST_MAX: Duration = Duration::from_secs(1);
/// How long a receiver's `Retry-After` may keep us away.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// Idle connections kept to one receiver: there is one attempt at a time.
const IDLE_CONNECTIONS_MAX: usize = 1;

/// Carries events to one address.
#[derive(Clone, Debug)]
pub(super) struct Courier {
    client: HttpClient,
    url: Uri,
    secret: Secret,
    timeout: Duration,
}

impl Courier {
    /// One that nobody has sent yet.
    pub(super) fn new(
        url: Uri,
        secret: Secret,
        timeout: Duration,
        roots: rustls::RootCertStore,
    ) -> Result<Courier, rustls::Error> {
        let client = outgoing::client(roots, IDLE_CONNECTIONS_MAX)?;
        Ok(Courier { client, url, secret, timeout })
    }

    /// Posts an event once, signed with the time of the attempt.
    pub(super) async fn post(self, body: String, unix_secs: u64) -> Answer {
        let request = Request::post(self.url)
            .header(CONTENT_TYPE, MEDIA_TYPE)
            .header(header::USER_AGENT, USER_AGENT)
            .header(SIGNATURE, signature(&self.secret.0, unix_secs, &body))
            .body(Full::from(body));
        let request = match request {
            Ok(request) => request,
            Err(error) => return Answer::Failed(error.to_string(), None),
        };
        match tokio::time::timeout(self.timeout, outgoing::send(&self.client, request)).await {
            Ok(Ok(response)) => {
                let (head, body) = response.into_parts();
                // The answer stands in its head; a body that never ends is no reason to post again.
                let rest = outgoing::read(body, ANSWER_BYTES_MAX);
                let _ = tokio::time::timeout(ANSWER_REST_MAX, rest).await;
                judged(&Response::from_parts(head, ()))
            }
            Ok(Err(why)) => Answer::Failed(why, None),
            Err(_) => {
                Answer::Failed(format!("no answer within {} ms", self.timeout.as_millis()), None)
            }
        }
    }
}

/// 2xx is taken. What says that the event itself is wrong, or that nobody is there for good, is final. Everything
/// else may be mended while we wait: a redirect, a missing path, a wrong secret, a receiver that is down.
fn judged(response: &Response<()>) -> Answer {
    let status = response.status();
    let word = format!("HTTP {}", status.as_u16());
    if status.is_success() {
        return Answer::Taken;
    }
    let final_ones = [
        StatusCode::BAD_REQUEST,
        StatusCode::GONE,
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        StatusCode::UNPROCESSABLE_ENTITY,
    ];
    if final_ones.contains(&status) {
        return Answer::Refused(word);
    }
    let asked =
        response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Answer::Failed(word, asked.map(|secs| Duration::from_secs(secs).min(RETRY_AFTER_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_be_taken_is_told_from_what_may_be_later() {
        let answer = |status: u16, retry_after: Option<&str>| {
            let mut response = Response::builder().status(status);
            if let Some(wait) = retry_after {
                response = response.header(RETRY_AFTER, wait);
            }
            judged(&response.body(()).unwrap())
        };
        let failed = |status, secs: Option<u64>| {
            Answer::Failed(format!("HTTP {status}"), secs.map(Duration::from_secs))
        };
        assert_eq!(answer(200, None), Answer::Taken);
        assert_eq!(answer(204, None), Answer::Taken);
        for status in [400, 410, 413, 415, 422] {
            assert_eq!(answer(status, None), Answer::Refused(format!("HTTP {status}")));
        }
        for status in [301, 401, 403, 404, 408, 429, 500, 503] {
            assert_eq!(answer(status, None), failed(status, None));
        }
        assert_eq!(answer(429, Some("17")), failed(429, Some(17)));
        assert_eq!(answer(503, Some("999999")), failed(503, Some(3_600)));
        assert_eq!(answer(503, Some("Fri, 31 Dec 1999 23:59:59 GMT")), failed(503, None));
    }
}
