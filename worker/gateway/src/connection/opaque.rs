//! Connections whose protocol is not read: counted, their begin kept, and in `live` passed on.

use stakeout_contract::observation::Fact;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stream::{Duplex, End, Stream};
use crate::{
    http::record::{Began, Exchange, Peer},
    policy,
    trial::Trial,
};

/// Takes all that the app says. `protocol` is for people.
pub async fn swallow<S: Duplex>(trial: &Trial, peer: &Peer, protocol: &str, mut stream: Stream<S>) {
    let mut exchange = Exchange::begin(trial, peer, Began::now());
    let error = if policy::allowed(&trial.configuration.network, &peer.host()) {
        exchange.live();
        pass(trial, peer, &mut exchange, stream).await
    } else {
        loop {
            let piece = stream.buffer.split();
            exchange.sent(&piece).await;
            match stream.fill(trial.limits.opaque_idle).await {
                Ok(()) => {}
                Err(End::Closed) => break String::new(),
                Err(e) => break e.to_string(),
            }
        }
    };
    let fact = Fact::Opaque {
        host: peer.host(),
        port: peer.port,
        protocol: protocol.to_owned(),
        sent: exchange.flow.sent,
        received: exchange.flow.received,
    };
    exchange.finish(&error).await;
    trial.out.fact(fact).await;
}

/// Between the app and the real server, until one of them has had enough.
async fn pass<S: Duplex>(trial: &Trial, peer: &Peer, exchange: &mut Exchange<'_>, mut app: Stream<S>) -> String {
    let limits = &trial.limits;
    let mut server = match trial.upstream.connect(&peer.host(), peer.port, false, limits.upstream).await {
        Ok(s) => s,
        Err(e) => return e.to_string(),
    };
    let mut from_server = bytes::BytesMut::new();
    loop {
        if !app.buffer.is_empty() {
            let piece = app.buffer.split();
            exchange.sent(&piece).await;
            if let Err(e) = server.write_all(&piece).await {
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
