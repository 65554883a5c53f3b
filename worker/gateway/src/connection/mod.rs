//! A connection of the app, from its first byte: which protocol, and who takes it from there.

pub mod opaque;
pub mod sniff;
pub mod stream;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rustls::server::Acceptor;
use sniff::{Sniffed, sniff};
use socket2::SockRef;
use stakeout_contract::{observation::Fact, scenario::TlsMode};
use stream::{Duplex, End, Stream};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::LazyConfigAcceptor;

use crate::{
    capture::packet::Target,
    http::{self, record::Peer, upstream::Secure},
    tls,
    trial::Trial,
};

/// Accepts until the process ends.
pub async fn serve(trial: Arc<Trial>, listener: TcpListener) {
    loop {
        // Never closed.
        let Ok(place) = Arc::clone(&trial.places).acquire_owned().await else { return };
        let Ok((socket, _)) = listener.accept().await else {
            // One connection is gone already, or there are no descriptors for the moment.
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let shared = Arc::clone(&trial);
        trial.spawn(async move {
            one(&shared, socket).await;
            drop(place);
        });
    }
}

/// Where the app wanted to go; none: here, which nobody may.
pub(crate) fn original(socket: &TcpStream) -> io::Result<Option<SocketAddr>> {
    let local = socket.local_addr()?;
    let original = SockRef::from(socket).original_dst_v4().ok().and_then(|a| a.as_socket());
    Ok(original.filter(|o| *o != local))
}

async fn one(trial: &Trial, socket: TcpStream) {
    let to = match original(&socket) {
        Ok(Some(to)) => to,
        Ok(None) => {
            let Ok(local) = socket.local_addr() else { return };
            trial
                .blocked(
                    Target { protocol: "tcp".to_owned(), address: local.ip(), port: local.port() },
                    "straight to the gateway's own port",
                )
                .await;
            return;
        }
        // It is gone already.
        Err(_) => return,
    };
    let _ = socket.set_nodelay(true);
    let name = match to.ip() {
        IpAddr::V4(a) => trial.names.name(a),
        IpAddr::V6(_) => None,
    };
    let peer = Peer { scheme: "tcp", name, address: to.ip(), port: to.port() };
    any(trial, peer, Stream::new(socket, trial.ended.clone())).await;
}

/// Takes a connection whatever it speaks.
pub async fn any<S: Duplex>(trial: &Trial, mut peer: Peer, mut stream: Stream<S>) {
    let sniffed = loop {
        match sniff(&stream.buffer) {
            Sniffed::More => {}
            known => break known,
        }
        match stream.fill(trial.limits.opaque_idle).await {
            Ok(()) => {}
            Err(End::Idle(_)) if stream.buffer.is_empty() => break Sniffed::Other("silent"),
            Err(_) => break Sniffed::Other("tcp"),
        }
    };
    match (sniffed, trial.configuration.network.tls) {
        (Sniffed::Tls(name), TlsMode::Intercept) => {
            peer.name = name.or(peer.name);
            intercept(trial, peer, stream).await;
        }
        (Sniffed::Tls(name), TlsMode::Pass) => {
            peer.name = name.or(peer.name);
            peer.scheme = "tls";
            opaque::swallow(trial, &peer, "tls", Secure::No, stream).await;
        }
        (Sniffed::Http, _) => {
            peer.scheme = "http";
            if let Some(stream) = http::serve(trial, &peer, stream).await.not_http {
                peer.scheme = "tcp";
                opaque::swallow(trial, &peer, "tcp", Secure::No, stream).await;
            }
        }
        (Sniffed::Other(protocol), _) => opaque::swallow(trial, &peer, protocol, Secure::No, stream).await,
        (Sniffed::More, _) => {}
    }
}

async fn intercept<S: Duplex>(trial: &Trial, mut peer: Peer, stream: Stream<S>) {
    let refused = async |reason: String| {
        trial.out.fact(Fact::TlsRefused { host: peer.host(), port: peer.port, reason }).await;
    };
    let config = match trial.certificates.config(&peer.host(), peer.address) {
        Ok(c) => c,
        Err(e) => return refused(format!("no certificate can be made: {e}")).await,
    };
    let handshake = async {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        hello.into_stream(config).await
    };
    let tls = tokio::select! {
        r = tokio::time::timeout(trial.limits.handshake, handshake) => match r {
            Ok(Ok(s)) => s,
            Ok(Err(e)) => return refused(tls::refusal(&e)).await,
            Err(_) => return refused("the app left the handshake unfinished".to_owned()).await,
        },
        () = trial.ended.cancelled() => return refused("the trial ended within the handshake".to_owned()).await,
    };
    let mut stream = Stream::new(tls, trial.ended.clone());
    let sniffed = loop {
        match sniff(&stream.buffer) {
            Sniffed::More => {}
            known => break known,
        }
        match stream.fill(trial.limits.idle).await {
            Ok(()) => {}
            // OkHttp's pinning, for one, looks at the certificate only when the handshake is done.
            Err(e) if stream.buffer.is_empty() => return refused(format!("the handshake went well, then the app said nothing: {e}")).await,
            Err(_) => break Sniffed::Other("unknown"),
        }
    };
    peer.scheme = "https";
    let rest = match sniffed {
        Sniffed::Http => http::serve(trial, &peer, stream).await.not_http.map(|s| ("unknown", s)),
        Sniffed::Other(p) => Some((p, stream)),
        Sniffed::Tls(_) => Some(("tls in tls", stream)),
        Sniffed::More => None,
    };
    if let Some((protocol, stream)) = rest {
        peer.scheme = "tls";
        opaque::swallow(trial, &peer, &format!("{protocol} in tls"), Secure::Other, stream).await;
    }
}
