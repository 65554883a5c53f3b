//! Connections whose protocol is not read: counted, their begin kept, and in `live` passed on.

use stakeout_contract::observation::Fact;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stream::{Duplex, End, Stream};
use crate::{
    http::{
        record::{Began, Exchange, Peer},
        upstream::Secure,
    },
    policy,
    trial::Trial,
};

/// Takes all that the app says. `protocol` is for people. `secure`: how the real server is reached; what came out of TLS goes
/// into TLS again.
pub async fn swallow<S: Duplex>(trial: &Trial, peer: &Peer, protocol: &str, secure: Secure, mut stream: Stream<S>) {
    let mut exchange = Exchange::begin(trial, peer, Began::now());
    let error = if policy::allowed(&trial.configuration.network, &peer.host()) {
        exchange.live();
        pass(trial, peer, secure, &mut exchange, stream).await
    } else {
        take(trial, &mut exchange, &mut stream).await
    };
    tell(trial, peer, protocol, exchange, &error).await;
}

/// Takes all that the app says where nothing is passed on, whatever the policy.
pub async fn keep<S: Duplex>(trial: &Trial, peer: &Peer, protocol: &str, mut stream: Stream<S>) {
    let mut exchange = Exchange::begin(trial, peer, Began::now());
    let error = take(trial, &mut exchange, &mut stream).await;
    tell(trial, peer, protocol, exchange, &error).await;
}

/// Takes a message that came alone.
pub async fn message(trial: &Trial, peer: &Peer, protocol: &str, bytes: &[u8]) {
    let mut exchange = Exchange::begin(trial, peer, Began::now());
    exchange.sent(bytes).await;
    tell(trial, peer, protocol, exchange, "").await;
}

async fn tell(trial: &Trial, peer: &Peer, protocol: &str, exchange: Exchange<'_>, error: &str) {
    let fact = Fact::Opaque {
        host: peer.host(),
        port: peer.port,
        protocol: protocol.to_owned(),
        sent: exchange.flow.sent,
        received: exchange.flow.received,
    };
    exchange.finish(error).await;
    trial.opaque(fact).await;
}

/// All that the app says, unanswered. Why it did not end well, or nothing.
async fn take<S: Duplex>(trial: &Trial, exchange: &mut Exchange<'_>, app: &mut Stream<S>) -> String {
    loop {
        let piece = app.buffer.split();
        exchange.sent(&piece).await;
        match app.fill(trial.limits.opaque_idle).await {
            Ok(()) => {}
            Err(End::Closed) => return String::new(),
            Err(e) => return e.to_string(),
        }
    }
}

/// Between the app and the real server, until one of them has had enough.
async fn pass<S: Duplex>(trial: &Trial, peer: &Peer, secure: Secure, exchange: &mut Exchange<'_>, mut app: Stream<S>) -> String {
    let limits = &trial.limits;
    let mut server = match trial.upstream.connect(&peer.host(), peer.port, secure, limits.upstream).await {
        Ok(s) => s,
        Err(e) => {
            take(trial, exchange, &mut app).await;
            return format!("the server cannot be reached{}: {e}", if secure == Secure::No { "" } else { " by TLS" });
        }
    };
    let mut from_server = bytes::BytesMut::new();
    loop {
        if !app.buffer.is_empty() {
            let piece = app.buffer.split();
            exchange.sent(&piece).await;
            let sent = async {
                server.write_all(&piece).await?;
                server.flush().await
            };
            if let Err(e) = sent.await {
                return format!("the server: {e}");
            }
        }
        from_server.clear();
        from_server.reserve(64 << 10);
        tokio::select! {
            r = app.fill(limits.idle) => match r {
                Ok(()) => {}
                Err(End::Closed) => return String::new(),
                Err(e) => return e.to_string(),
            },
            r = server.read_buf(&mut from_server) => match r {
                Ok(0) => return String::new(),
                Ok(_) => {
                    let piece = from_server.split().freeze();
                    exchange.received(&piece).await;
                    if let Err(e) = app.send(&piece, limits.idle).await {
                        return e.to_string();
                    }
                }
                Err(e) => return format!("the server: {e}"),
            },
        }
    }
}
