//! What a gateway is told and what it says.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use stakeout_contract::{flow::Flow, observation::Fact, scenario::Network};

pub use crate::device::BlobRef;

/// What makes a sealed gateway this trial's.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Configuration {
    /// Policy and stubs.
    pub network: Network,
    /// The job's CA: certificate.
    pub ca_cert_pem: String,
    /// And its key.
    pub ca_key_pem: String,
    /// Certificates are valid from here (Unix seconds): before both the device's clock and ours.
    pub not_before: i64,
    /// Until here: after both.
    pub not_after: i64,
    /// At most so many bytes of one request or answer are kept.
    pub body_max: u64,
    /// At most so many bytes of capture.
    pub capture_max: u64,
    /// Addresses that are not reached in `live`, whatever name leads there: the host's own.
    #[serde(default)]
    pub denied: Vec<IpAddr>,
}

/// What a gateway is asked.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Verb {
    /// Be this trial's: from here on it answers. Before, every connection is refused.
    Configure(Box<Configuration>),
    /// End all connections, give the capture (pcapng with TLS secrets) as a blob with the request's id. Answered by [`Collected`].
    Collect,
    /// Exit.
    Stop,
}

/// Answer to `collect`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Collected {
    /// The capture.
    pub capture: BlobRef,
    /// Packets in it.
    pub packets: u64,
    /// Packets that the kernel or the limit dropped: loss of evidence.
    pub lost_packets: u64,
}

/// What a gateway says without being asked. Times are CLOCK_MONOTONIC nanoseconds of the host.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Rules stand, the capture runs, capabilities are dropped: the device may be started.
    Sealed {
        /// The effective capabilities that are left, hexadecimal: zeros.
        cap_eff: String,
    },
    /// An exchange ended. Its request and answer were sent as blobs before.
    Flow {
        /// The record.
        flow: Box<Flow>,
        /// The request, if kept.
        request: Option<BlobRef>,
        /// The answer's body, if kept.
        response: Option<BlobRef>,
    },
    /// One of `dns`, `tls_refused`, `opaque`, `blocked`, `lost`.
    Observation {
        /// When.
        real: u64,
        /// What.
        fact: Box<Fact>,
    },
    /// A line of the log.
    Log {
        /// Text.
        line: String,
    },
}

/// What comes out of a gateway.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FromGateway {
    /// An answer.
    Answer(crate::Answer),
    /// An event.
    Event(Event),
}

/// The gateway's user in its container.
pub const GATEWAY_UID: u32 = 970;
/// Every user from here to [`DEVICE_UID_LAST`] is the device's: what they send is redirected and captured.
pub const DEVICE_UID_FIRST: u32 = 10_000;
/// Last user of the device.
pub const DEVICE_UID_LAST: u32 = 19_999;
/// TCP of the device is redirected to here.
pub const TCP_PORT: u16 = 15_001;
/// DNS of the device is redirected to here.
pub const DNS_PORT: u16 = 15_053;
