//! The gateway: the only way out of a cell, and the witness of what an app tried to send.
//!
//! It is the first process of a container and shares its network namespace with the device. What the device's users send is
//! marked, captured with the addresses that the app used, and turned to the gateway's own ports ([`rules`], [`capture`]).
//! There every name has an address ([`dns`]), TLS is opened with certificates of the job's CA ([`tls`]), HTTP is read, kept
//! and answered from the scenario's stubs, by a default answer, or by the real server ([`http`]). Whatever is not understood
//! is counted and its begin kept; whatever is refused is reported. Nothing of this believes what the app says.
//!
//! Its life, in order: rules, route, log sockets, listening sockets, then it gives up every capability and its user for good
//! ([`seal`]), says `sealed`, waits to be configured ([`life`]), serves until the worker collects the capture, and ends when
//! the worker's pipe does.
//!
//! Decisions are functions of values and have tests without a network: [`dns::answer`], [`tls::hello::parse`],
//! [`http::body::Decoder`], [`http::answer::choose`], [`policy`], [`capture::nflog::parse`]. What the kernel does with the
//! rules is tested in `tests/`, as root in network namespaces of their own.
//!
//! [`har`] is for the worker: it writes the flows that this gateway reported as HAR 1.2.
//!
//! HTTP/2 has its place: `http::serve` speaks HTTP/1.1 over any stream, and what it tells of an exchange goes through
//! [`http::record`], which knows nothing of framing.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

pub mod capture;
pub mod clock;
pub mod connection;
pub mod dns;
mod error;
pub mod har;
pub mod http;
pub mod life;
pub mod netlink;
pub mod out;
pub mod policy;
pub mod rules;
pub mod seal;
pub mod tls;
pub mod trial;

pub use error::Error;
