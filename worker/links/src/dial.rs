//! TCP to a port on loopback.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use tokio::net::TcpStream;

use crate::Fault;

/// Connects to `port` on 127.0.0.1, then on `[::1]`: the emulator's gRPC port may be bound to either. The name `localhost`
/// is not asked for, as a static binary may have no resolver.
pub(crate) async fn loopback(port: u16) -> Result<TcpStream, Fault> {
    let places = [SocketAddr::from((Ipv4Addr::LOCALHOST, port)), SocketAddr::from((Ipv6Addr::LOCALHOST, port))];
    let mut last = None;
    for place in places {
        match TcpStream::connect(place).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(Fault::Io)?;
                return Ok(stream);
            }
            // A machine without IPv6 says something else than "refused" for the second place; the first one counts.
            Err(e) => last = last.or(Some(e)),
        }
    }
    Err(match last {
        Some(e) if e.kind() != io::ErrorKind::ConnectionRefused => Fault::Io(e),
        _ => Fault::Refused(port),
    })
}

/// What a failed read or write of a socket means.
pub(crate) fn broken(e: io::Error) -> Fault {
    match e.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected => Fault::Closed,
        _ => Fault::Io(e),
    }
}
