//! Real servers, for `live`.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hickory_proto::{
    op::{Message, Query},
    rr::{Name, RData, RecordType},
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;

use crate::{connection::stream::Duplex, policy};

/// How a connection is kept from strangers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Secure {
    /// It is not.
    No,
    /// TLS with HTTP/1 inside.
    Http,
    /// TLS with another protocol inside, or nobody knows which.
    Other,
}

/// How real servers are reached.
#[derive(Clone, Debug)]
pub struct Upstream {
    route: Route,
    http: Arc<ClientConfig>,
    other: Arc<ClientConfig>,
}

#[derive(Clone, Debug)]
enum Route {
    /// Names by these servers; addresses only on the public internet, and none of these.
    Resolvers { servers: Vec<SocketAddr>, denied: Vec<IpAddr> },
    /// Everything at one address: for tests with a server of their own.
    Fixed(SocketAddr),
}

/// The servers of a `resolv.conf`.
pub fn resolvers(resolv_conf: &str) -> Vec<SocketAddr> {
    let lines = resolv_conf.lines().filter_map(|l| l.trim().strip_prefix("nameserver"));
    lines.filter_map(|a| a.trim().parse::<IpAddr>().ok()).map(|a| (a, 53).into()).collect()
}

/// For HTTP, and for what is not.
fn client_configs(roots: RootCertStore) -> Result<[Arc<ClientConfig>; 2], rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let other = Arc::new(config.clone());
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok([Arc::new(config), other])
}

impl Upstream {
    /// The internet, by these resolvers, with Mozilla's roots; without these addresses.
    pub fn internet(servers: Vec<SocketAddr>, denied: Vec<IpAddr>) -> Result<Self, rustls::Error> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let [http, other] = client_configs(roots)?;
        Ok(Self { route: Route::Resolvers { servers, denied }, http, other })
    }

    /// Every name and address at `server`, which `roots` vouch for.
    pub fn fixed(server: SocketAddr, roots: RootCertStore) -> Result<Self, rustls::Error> {
        let [http, other] = client_configs(roots)?;
        Ok(Self { route: Route::Fixed(server), http, other })
    }

    /// Connects to a host by name or address, within `patience`.
    pub async fn connect(&self, host: &str, port: u16, secure: Secure, patience: Duration) -> io::Result<Box<dyn Duplex>> {
        tokio::time::timeout(patience, self.connect_now(host, port, secure)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn connect_now(&self, host: &str, port: u16, secure: Secure) -> io::Result<Box<dyn Duplex>> {
        let socket = match &self.route {
            Route::Fixed(a) => TcpStream::connect(a).await?,
            Route::Resolvers { servers, denied } => TcpStream::connect(&public(host, port, servers, denied).await?[..]).await?,
        };
        socket.set_nodelay(true)?;
        let tls = match secure {
            Secure::No => return Ok(Box::new(socket)),
            Secure::Http => &self.http,
            Secure::Other => &self.other,
        };
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        Ok(Box::new(TlsConnector::from(Arc::clone(tls)).connect(name, socket).await?))
    }
}

async fn public(host: &str, port: u16, servers: &[SocketAddr], denied: &[IpAddr]) -> io::Result<Vec<SocketAddr>> {
    let found = match host.parse::<IpAddr>() {
        Ok(a) => vec![a],
        Err(_) => resolve(host, servers).await?.into_iter().map(IpAddr::V4).collect(),
    };
    let public: Vec<SocketAddr> = found.iter().filter(|a| policy::may_be_reached(**a, denied)).map(|a| (*a, port).into()).collect();
    match (found.is_empty(), public.is_empty()) {
        (true, _) => Err(io::Error::new(io::ErrorKind::NotFound, format!("`{host}` has no address"))),
        (_, true) => Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("`{host}` is not on the public internet"))),
        _ => Ok(public),
    }
}

async fn resolve(host: &str, servers: &[SocketAddr]) -> io::Result<Vec<Ipv4Addr>> {
    let mut query = Message::query();
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(Name::from_ascii(format!("{host}.")).map_err(io::Error::other)?, RecordType::A));
    let bytes = query.to_vec().map_err(io::Error::other)?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the container has no resolver");
    for server in servers.iter().cycle().take(servers.len() * 2) {
        match tokio::time::timeout(Duration::from_secs(3), ask(*server, &bytes, query.metadata.id)).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(e)) => last = e,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

async fn ask(server: SocketAddr, query: &[u8], id: u16) -> io::Result<Vec<Ipv4Addr>> {
    let any: SocketAddr = if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (std::net::Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut buffer = vec![0; 4096];
    loop {
        let n = socket.recv(&mut buffer).await?;
        let Ok(reply) = Message::from_vec(&buffer[..n]) else { continue };
        if reply.metadata.id == id {
            let addresses = reply.answers.iter().filter_map(|r| match &r.data {
                RData::A(a) => Some(a.0),
                _ => None,
            });
            return Ok(addresses.collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_read_and_nonsense_is_not() {
        let text = "# c\nsearch x\nnameserver 9.9.9.9\nnameserver 2620:fe::fe\nnameserver what\n";
        assert_eq!(resolvers(text), ["9.9.9.9:53".parse().unwrap(), "[2620:fe::fe]:53".parse().unwrap()]);
    }

    #[tokio::test]
    async fn private_addresses_are_refused_before_a_packet_is_sent() {
        for host in ["127.0.0.1", "169.254.169.254", "10.0.0.1", "::1"] {
            assert_eq!(public(host, 80, &[], &[]).await.unwrap_err().kind(), io::ErrorKind::PermissionDenied, "{host}");
        }
        assert_eq!(public("1.1.1.1", 443, &[], &[]).await.unwrap(), ["1.1.1.1:443".parse().unwrap()]);
    }

    #[tokio::test]
    async fn the_hosts_own_public_address_is_refused_before_a_packet_is_sent() {
        let denied = ["1.1.1.1".parse().unwrap(), "2606:4700::1111".parse().unwrap()];
        for host in ["1.1.1.1", "2606:4700::1111"] {
            assert_eq!(public(host, 22, &[], &denied).await.unwrap_err().kind(), io::ErrorKind::PermissionDenied, "{host}");
        }
        assert_eq!(public("1.0.0.1", 443, &[], &denied).await.unwrap(), ["1.0.0.1:443".parse().unwrap()]);
    }
}
