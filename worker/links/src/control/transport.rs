//! HTTP/2 to the gRPC port, as tonic's clients take it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::AbortHandle;
use tonic::body::Body;

use crate::{
    Fault,
    dial::{broken, loopback},
};

/// Ends the connection's task with the last user of the connection.
#[derive(Debug)]
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A connection; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    send: http2::SendRequest<Body>,
    driver: std::sync::Arc<Driver>,
}

impl Transport {
    /// Connects to a port on loopback.
    pub(super) async fn open(port: u16) -> Result<Self, Fault> {
        let socket = TokioIo::new(loopback(port).await?);
        let (send, connection) =
            http2::Builder::new(TokioExecutor::new()).max_header_list_size(16 << 10).handshake(socket).await.map_err(|e| lost(&e))?;
        let task = tokio::spawn(async move {
            if let Err(e) = connection.await {
                tracing::debug!(error = &e as &dyn std::error::Error, "a gRPC connection ended");
            }
        });
        Ok(Self { send, driver: std::sync::Arc::new(Driver(task.abort_handle())) })
    }

    /// Whether it can still be used.
    pub(super) fn is_alive(&self) -> bool {
        !self.send.is_closed()
    }
}

/// What an error of HTTP/2 means.
pub(super) fn lost(error: &hyper::Error) -> Fault {
    let mut source = std::error::Error::source(error);
    while let Some(e) = source {
        if let Some(io) = e.downcast_ref::<std::io::Error>() {
            return broken(io.kind().into());
        }
        source = e.source();
    }
    if error.is_closed() || error.is_canceled() || error.is_incomplete_message() {
        return Fault::Closed;
    }
    Fault::Protocol(error.to_string())
}

impl tower_service::Service<http::Request<Body>> for Transport {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.send.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let answer = self.send.send_request(request);
        // The connection lives as long as a call on it.
        let driver = self.driver.clone();
        Box::pin(async move {
            let answer = answer.await;
            drop(driver);
            answer
        })
    }
}
