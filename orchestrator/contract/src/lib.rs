//! What crosses a process boundary: the words, rungs, states, ids and documents that programs, files and people exchange.
//!
//! Every other crate depends on this one, and this one does no input or output. A word that the product uses (a data kind,
//! a rung of the ladder, a device state, a verdict) is an enum here and nowhere else; the command line's help, the JSON
//! schemas, the pages and the docs are made from these types.
//!
//! Values are parsed at the door: [`Sha256Digest`], [`TrialId`], [`Nanos`] and the like have private fields and one checked
//! constructor, so that code past the door never checks again. Documents that strangers may hand us (a scenario, a trial
//! record, findings) are read with `serde`; unknown fields are refused in scenarios, where a typing mistake would silently
//! weaken a trial, and ignored elsewhere, so that a newer minor version can be read.
//!
//! It is not the place for decisions: what may happen next is in `domain`, how bytes are matched is in `evidence`.
//!
//! Read first: [`scenario::Scenario`] (what a trial does), [`trial::TrialRecord`] (what one trial was) and
//! [`result::JobResult`] (what was found, the document behind `result.json`).

pub mod api;
pub mod artifact;
pub mod canary;
pub mod clock;
pub mod digest;
pub mod finding;
pub mod flow;
pub mod ids;
pub mod lease;
pub mod object;
pub mod observation;
pub mod probability;
pub mod result;
pub mod scenario;
pub mod statement;
pub mod told;
pub mod trial;
pub mod words;

pub use clock::Nanos;
pub use digest::Sha256Digest;
pub use ids::{DeliveryId, Epoch, HookId, JobId, TenantId, TokenId, TrialId, UploadId, WorkerId};
pub use probability::Probability;
pub use words::{Answer, DeviceKind, DeviceState, Kind, Rung, Sensor};
