//! Listening: TLS, bounds on connections and headers, an end that lets requests end.
//!
//! A client that sends its header slowly, or its body, or does not read its answer, or asks nothing, is let go: it holds one of a
//! bounded number of connections.

mod idle;
mod prompt;
mod refusals;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower_http::timeout::RequestBodyTimeoutLayer;

use idle::Asked;
use prompt::Prompt;
use refusals::Refusals;
pub(crate) use refusals::bounded;

/// What is borne of clients.
#[derive(Clone, Copy)]
struct Bounds {
    /// Connections at a time; each worker holds one or two.
    connections: u32,
    /// A connection on which nothing was asked and nothing is answered for so long is closed, after twice as long at the latest.
    idle: Duration,
}

const BOUNDS: Bounds = Bounds { connections: 16_384, idle: Duration::from_secs(60) };
/// A header must have come after so long.
const HEADER: Duration = Duration::from_secs(10);
/// A TLS handshake, likewise.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Between two parts of a body.
const BODY: Duration = Duration::from_secs(30);
/// Sent bytes that are not acknowledged for so long end the connection.
const UNREAD: Duration = Duration::from_secs(60);
/// Requests may end for so long after the stop.
const ENDING: Duration = Duration::from_secs(25);

/// The server was told to stop: what would last ends now.
#[derive(Clone, Debug)]
pub(crate) struct Stopping(pub(crate) CancellationToken);

/// Why it does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address.
    #[error("`{address}` cannot be listened on: {source}\nhint: choose another with `--listen`, or stop what listens there")]
    Address {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Certificate or key.
    #[error("`{path}` cannot be used for TLS: {why}\nhint: `--tls-cert` is a chain in PEM, the server's own first, `--tls-key` its key")]
    Tls {
        /// Which file.
        path: String,
        /// Why.
        why: String,
    },
}

/// Reads certificate chain and key.
pub fn tls(cert: &std::path::Path, key: &std::path::Path) -> Result<TlsAcceptor, ListenError> {
    let bad = |path: &std::path::Path, why: String| ListenError::Tls { path: path.display().to_string(), why };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(cert).map_err(|e| bad(cert, e.to_string()))?.collect();
    let chain = chain.map_err(|e| bad(cert, e.to_string()))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|e| bad(key, e.to_string()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| bad(cert, e.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, secret);
    let mut config = config.map_err(|e| bad(cert, e.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Binds an address.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError::Address { address, source })
}

/// Serves until told to stop; then takes no more, and lets requests end for a while.
pub async fn serve(listener: TcpListener, router: Router, tls: Option<TlsAcceptor>, stop: CancellationToken) {
    serve_within(listener, router, tls, stop, BOUNDS).await;
}

async fn serve_within(listener: TcpListener, router: Router, tls: Option<TlsAcceptor>, stop: CancellationToken, bounds: Bounds) {
    let router = router.layer(RequestBodyTimeoutLayer::new(BODY)).layer(Extension(Stopping(stop.clone())));
    let router = if tls.is_some() { router.layer(axum::middleware::map_response(strict_transport)) } else { router };
    let room = Arc::new(Semaphore::new(bounds.connections as usize));
    while let Some((stream, permit)) = next(&listener, &room, &stop).await {
        let _ = stream.set_nodelay(true);
        let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNREAD));
        let tls = tls.clone();
        let serving = Serving { router: router.clone(), stop: stop.clone(), idle: bounds.idle };
        tokio::spawn(async move {
            let _permit = permit;
            let ended = match tls {
                None => serving.speak(stream).await,
                Some(tls) => {
                    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await else { return };
                    serving.speak(stream).await
                }
            };
            if let Err(e) = ended {
                tracing::debug!(error = %e, "a connection ended");
            }
        });
    }
    drop(listener);
    tokio::select! {
        // Each gives its place back when it has ended.
        _ = room.acquire_many(bounds.connections) => {}
        () = tokio::time::sleep(ENDING) => tracing::warn!("some requests did not end in time"),
    }
}

/// The next connection and its place; none after the stop, also while no place is free.
async fn next(listener: &TcpListener, room: &Arc<Semaphore>, stop: &CancellationToken) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    tokio::select! {
        () = stop.cancelled() => None,
        found = taken(listener, room) => found,
    }
}

async fn taken(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    // It is never closed.
    let permit = room.clone().acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Some((stream, permit)),
            // No file descriptors: others must end first.
            Err(e) => {
                tracing::warn!(error = %e, "a connection was not taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// How a connection is served.
struct Serving {
    router: Router,
    stop: CancellationToken,
    idle: Duration,
}

impl Serving {
    /// Speaks HTTP until the connection ends. After the stop, and when nobody asks anything, it ends with what is open.
    async fn speak<IO>(self, stream: IO) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let asked = Asked::default();
        let service = TowerToHyperService::new(asked.of(self.router));
        let stream = TokioIo::new(Refusals::new(Prompt::new(stream, HEADER)));
        let builder = builder();
        let mut served = std::pin::pin!(builder.serve_connection_with_upgrades(stream, service).into_owned());
        tokio::select! {
            ended = served.as_mut() => return ended,
            () = self.stop.cancelled() => {}
            () = asked.idle(self.idle) => {}
        }
        served.as_mut().graceful_shutdown();
        served.await
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER).max_buf_size(64 << 10);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .max_concurrent_streams(64)
        .max_header_list_size(64 << 10);
    builder
}

async fn strict_transport(mut r: axum::response::Response) -> axum::response::Response {
    let value = axum::http::HeaderValue::from_static("max-age=31536000");
    r.headers_mut().insert(axum::http::header::STRICT_TRANSPORT_SECURITY, value);
    r
}

#[cfg(test)]
mod tests;
