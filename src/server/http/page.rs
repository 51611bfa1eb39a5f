//! The live page and the page of rollouts: files in the binary, nothing from elsewhere, no right of its own.
//!
//! The page is open to everybody and empty; its script asks the API, with the token that the person types in where one
//! is needed.

use axum::http::header;
use axum::response::IntoResponse;

/// What the browser may load and talk to: this server only, no inline script or style.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page of rollouts.
pub(super) async fn rollouts_html() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], include_str!("page/rollouts.html"))
}

/// Its script.
pub(super) async fn rollouts_js() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("page/rollouts.js"))
}

/// The live page.
pub(super) async fn html() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], include_str!("page/live.html"))
}

/// Its script.
pub(super) async fn js() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("page/live.js"))
}

/// What the scripts of both share.
pub(super) async fn shared_js() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("page/page.js"))
}

/// The looks of both.
pub(super) async fn css() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("page/live.css"))
}
