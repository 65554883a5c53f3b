//! A connection on which nobody asks anything.
//!
//! HTTP/1 has a timer for the next header. Of HTTP/2 a client that answers its pings would hold a connection for ever, and never ask.
//! A request is open until its answer is given whole: who waits for a trial, or follows events, is not idle.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tower_http::metrics::in_flight_requests::{InFlightRequests, InFlightRequestsCounter};
use tower_service::Service;

/// What was asked on a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// Requests so far.
    begun: Arc<AtomicU64>,
    /// Those whose answer is not given yet, or not whole.
    open: InFlightRequestsCounter,
}

impl Asked {
    /// A service whose requests are counted here.
    pub(super) fn of<S>(&self, inner: S) -> Counted<InFlightRequests<S>> {
        Counted { inner: InFlightRequests::new(inner, self.open.clone()), begun: self.begun.clone() }
    }

    /// Ends when nothing was begun and nothing was open for so long. It looks now and then, so this may take twice as long.
    pub(super) async fn idle(&self, most: Duration) {
        let mut before = self.at_rest();
        loop {
            tokio::time::sleep(most).await;
            let now = self.at_rest();
            if now.is_some() && now == before {
                return;
            }
            before = now;
        }
    }

    /// Requests so far, if none is open.
    fn at_rest(&self) -> Option<u64> {
        (self.open.get() == 0).then(|| self.begun.load(Ordering::Relaxed))
    }
}

/// A service that counts what it is asked.
#[derive(Clone, Debug)]
pub(super) struct Counted<S> {
    inner: S,
    begun: Arc<AtomicU64>,
}

impl<S: Service<R>, R> Service<R> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.inner.call(request)
    }
}
