//! HTTP requests of ours to other programs: HTTP/1.1, over TLS where the address says so. Follows no redirect and uses
//! no proxy. Must never know what is asked or told.

use axum::body::{self, Bytes};
use axum::http::{Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;

/// How we call ourselves.
pub(crate) const USER_AGENT: &str = concat!("dozvon/", env!("CARGO_PKG_VERSION"));

/// A client with its connections.
pub(crate) type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// All of it.
    Whole(Bytes),
    /// More than is read.
    TooLong,
    /// The connection broke within it.
    Broken,
}

/// The certificates that the other side's one is checked against: those of a PEM file, or those that browsers know.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn roots(file: Option<&Path>) -> Result<rustls::RootCertStore, String> {
    let mut roots = rustls::RootCertStore::empty();
    let Some(file) = file else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    };
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("{} can't be read: {error}", file.display()))?;
    for certificate in certificates {
        roots.add(certificate).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if roots.is_empty() {
        return Err(format!("there is no certificate in {}", file.display()));
    }
    Ok(roots)
}

/// A client that keeps so many idle connections to each host.
///
/// # Errors
/// When TLS can't be set up.
pub(crate) fn client(
    roots: rustls::RootCertStore,
    idle_max: usize,
) -> Result<HttpClient, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(idle_max)
        .build(connector))
}

/// Asks once; the caller bounds the time.
///
/// # Errors
/// Why there is no connection, or what broke it, in words.
pub(crate) async fn send(
    client: &HttpClient,
    request: Request<Full<Bytes>>,
) -> Result<Response<body::Body>, String> {
    let response = client.request(request).await.map_err(|error| {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{error}{cause}")
    })?;
    Ok(response.map(body::Body::new))
}

/// Reads at most so many bytes of an answer; the caller bounds the time.
pub(crate) async fn read(body: body::Body, bytes_max: usize) -> Body {
    match Limited::new(body, bytes_max).collect().await {
        Ok(whole) => Body::Whole(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Body::TooLong,
        Err(_) => Body::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(roots(Some(&file)).unwrap_err().contains("no certificate"));
        assert!(roots(Some(Path::new("/nowhere.pem"))).unwrap_err().contains("can't be read"));
        assert!(!roots(None).unwrap().is_empty());
    }
}
