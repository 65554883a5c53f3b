//! Bytes that a trial left behind.

use serde::{Deserialize, Serialize};

use crate::{Nanos, Sha256Digest};

/// One kept piece of bytes and where it came from. In a bundle it is the entry `trials/N/artifacts/SHA256`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Artifact {
    /// Names the bytes.
    pub sha256: Sha256Digest,
    /// Bytes.
    pub size: u64,
    /// What they are.
    pub role: Role,
    /// The app's own name for them (a path, a URL): text from a stranger, for people only, never a path of ours.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The flow that they are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<u32>,
    /// When they were seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Nanos>,
    /// Of the plain text of a cipher: the cipher text that the same call gave or took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cipher: Option<Sha256Digest>,
    /// The stored bytes are only the begin of more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// What an artifact is; it decides which rung a match in it supports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A file of the app at the end of the trial: stored.
    AppFile,
    /// A file of the app that it deleted or overwrote again: stored.
    DeletedFile,
    /// What the app sent in a flow, as on the wire inside TLS: transmitted.
    FlowRequest,
    /// What it was answered.
    FlowResponse,
    /// Plain text of an encryption inside the app, by the device's own record.
    CryptoPlain,
    /// Cipher text of the same.
    CryptoCipher,
    /// Code that the app loaded at run time.
    LoadedCode,
    /// The whole network capture (pcapng with TLS secrets).
    Capture,
    /// All flows (HAR 1.2).
    Har,
    /// The device's screen.
    Screenshot,
    /// A log.
    Log,
}
