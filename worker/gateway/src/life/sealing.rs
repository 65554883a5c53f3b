//! The beginning of a gateway's life: from a process with power to one without.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};

use stakeout_protocol::gateway::{DNS_PORT, TCP_PORT};

use crate::{Error, capture::nflog::Group, netlink::route, rules, seal};

/// How a gateway is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// TCP ports on loopback that steer the device and are refused to its users.
    pub control_ports: Vec<u16>,
}

/// All that a gateway needed power for.
#[derive(Debug)]
pub struct Sealed {
    /// Connections of the device come here.
    pub tcp: TcpListener,
    /// Its DNS too.
    pub dns_udp: UdpSocket,
    /// Also by TCP.
    pub dns_tcp: TcpListener,
    /// What is captured.
    pub capture: Group,
    /// What is refused.
    pub refused: Group,
    /// What is left of capabilities: zeros.
    pub cap_eff: String,
    /// The default route leads nowhere.
    pub island: bool,
    /// Things that the operator should know.
    pub notes: Vec<String>,
}

/// Seals the cell: rules, routes, sockets; then gives up all power. Must run while the process has one thread.
pub fn seal(options: &Options) -> Result<Sealed, Error> {
    rules::install(&rules::text(&options.control_ports))?;
    let island = route::provide()?;
    let notes = rules::sysctl::apply();
    let (capture, refused) = (Group::open(rules::GROUP_CAPTURE)?, Group::open(rules::GROUP_REFUSED)?);
    let here = |port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    let tcp = TcpListener::bind(here(TCP_PORT)).map_err(Error::seal("listen for connections"))?;
    let dns_udp = UdpSocket::bind(here(DNS_PORT)).map_err(Error::seal("listen for DNS"))?;
    let dns_tcp = TcpListener::bind(here(DNS_PORT)).map_err(Error::seal("listen for DNS by TCP"))?;
    for r in [tcp.set_nonblocking(true), dns_udp.set_nonblocking(true), dns_tcp.set_nonblocking(true)] {
        r.map_err(Error::seal("make sockets non-blocking"))?;
    }
    let cap_eff = seal::drop_power()?;
    Ok(Sealed { tcp, dns_udp, dns_tcp, capture, refused, cap_eff, island, notes })
}
