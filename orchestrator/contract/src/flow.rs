//! One HTTP exchange as the gateway saw it.

use serde::{Deserialize, Serialize};

use crate::{Nanos, Sha256Digest};

/// The scheme of a request that is none: the names that were asked for in one state of the device.
pub const DNS: &str = "dns";

/// Request and answer of one exchange, or one connection that is not HTTP.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Flow {
    /// From 1, in order of begin.
    pub id: u32,
    /// The trial's clock when the request's first byte came. Filled in by the worker, from `real`.
    #[serde(default)]
    pub at: Nanos,
    /// CLOCK_MONOTONIC, nanoseconds, when the request's first byte came.
    pub real: u64,
    /// And when the answer's last byte was given.
    pub real_end: u64,
    /// The same clock when the request's last byte came; 0: not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub real_sent: u64,
    /// Wall clock of the gateway's host, RFC 3339.
    pub wall: String,
    /// `http`, `https`, `tls` (opaque inside), `tcp`, `udp`; `dns`: the names that were asked for in one state of the device.
    pub scheme: String,
    /// By SNI or `Host`, else the address.
    pub host: String,
    /// Where the app connected to: address.
    pub address: String,
    /// And port.
    pub port: u16,
    /// HTTP method, empty if not HTTP.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Request headers in order.
    pub request_headers: Vec<(String, String)>,
    /// Answer's status; 0 if there was none.
    pub status: u16,
    /// Answer's headers in order.
    pub response_headers: Vec<(String, String)>,
    /// Bytes of the request's body on the wire.
    pub sent: u64,
    /// Bytes of the answer's body.
    pub received: u64,
    /// The request as it was sent: head and body without chunk framing.
    pub request: Option<Sha256Digest>,
    /// The answer's body.
    pub response: Option<Sha256Digest>,
    /// Which stub of the scenario answered; none: the default answer of the sinkhole, or a live server.
    pub stub: Option<usize>,
    /// `sinkhole` or `live`.
    pub policy: String,
    /// The kept request is only its begin.
    #[serde(default)]
    pub truncated: bool,
    /// Why the exchange did not end well, else empty.
    #[serde(default)]
    pub error: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}
