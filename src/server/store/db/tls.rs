//! TLS to a PostgreSQL server, by the same `rustls` as webhooks. The server's name and certificate are always checked.

use super::DbError;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client;

/// Makes the TLS of connections.
#[derive(Clone)]
pub(super) struct Tls(TlsConnector);

impl Tls {
    /// With these trusted roots.
    pub(super) fn new(roots: rustls::RootCertStore) -> Result<Tls, DbError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| DbError::System(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Tls(TlsConnector::from(Arc::new(config))))
    }
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Stream;
    type TlsConnect = Handshake;
    type Error = Distrust;

    // Asked for connections without TLS too, where the name is that of no host.
    fn make_tls_connect(&mut self, domain: &str) -> Result<Handshake, Distrust> {
        let name = ServerName::try_from(domain).map(|name| name.to_owned());
        Ok(Handshake { connector: self.0.clone(), name })
    }
}

/// One handshake to be.
pub(super) struct Handshake {
    connector: TlsConnector,
    name: Result<ServerName<'static>, InvalidDnsNameError>,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Stream;
    type Error = Distrust;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Distrust>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let wrong = |error| Distrust(io::Error::new(io::ErrorKind::InvalidInput, error));
            let name = self.name.map_err(wrong)?;
            let stream = self.connector.connect(name, socket).await.map_err(Distrust)?;
            Ok(Stream(stream))
        })
    }
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Distrust(pub(super) io::Error);

/// The connection within.
pub(super) struct Stream(client::TlsStream<Socket>);

impl TlsStream for Stream {
    // The certificate is checked, so the password's proof need not be bound to it.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
