//! The form of a logical backup, which each back end writes and reads: JSON lines, first a header, then a row a line.
//!
//! ```text
//! {"format":"stakeout-store/1"}
//! {"table":"tenants","row":{"id":"acme","weight":1,…}}
//! ```
//!
//! Texts are strings, numbers numbers, bytes hexadecimal; an absent column is null. Tables come in an order in which each row
//! finds what it refers to. Artifacts' bytes are not in it. A column that a backup of an older version does not have gets what a
//! new row has.
//!
//! Since the backup leases were given that it does not know, and their workers may still hold them. So the epochs of trials that
//! have not ended jump by [`RESTORED`] when it is loaded: what such a worker hands in is refused, whoever has the trial next.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::StoreError;

/// Why a backup could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file.
    #[error("the backup's file failed")]
    Io(#[from] std::io::Error),
    /// It is loaded into a store that has something in it.
    #[error("the store is not empty: `{0}` has rows; load into a new one")]
    NotEmpty(&'static str),
    /// It is no backup of this version.
    #[error("line {line} of the backup cannot be read: {why}")]
    BadLine {
        /// From 1.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
}

/// The format of this version.
pub const FORMAT: &str = "stakeout-store/1";

/// How far the epochs of trials that have not ended jump: more than a trial is ever leased.
pub const RESTORED: u32 = 1000;

/// The first line.
#[derive(Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) format: String,
}

/// Any other line.
#[derive(Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) table: String,
    pub(crate) row: Map<String, Value>,
}

/// A table's columns by type.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) texts: &'static [&'static str],
    pub(crate) numbers: &'static [&'static str],
    pub(crate) bytes: &'static [&'static str],
}

impl Table {
    /// All columns, in the order of the statements here.
    pub(crate) fn columns(&self) -> String {
        [self.texts, self.numbers, self.bytes].concat().join(", ")
    }
}

/// All tables, those that others refer to first.
pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "tenants",
        texts: &["id", "name", "quota"],
        numbers: &["weight", "most_running", "own_workers_only", "retention_days", "created"],
        bytes: &[],
    },
    Table { name: "shares", texts: &["tenant"], numbers: &["time"], bytes: &[] },
    Table {
        name: "tokens",
        texts: &["id", "tenant", "role", "label", "hash"],
        numbers: &["created", "expires", "revoked", "used"],
        bytes: &[],
    },
    Table { name: "requests", texts: &["tenant", "key", "fingerprint", "claim", "body"], numbers: &["status", "created"], bytes: &[] },
    Table { name: "chains", texts: &["tenant", "hash"], numbers: &["number"], bytes: &[] },
    Table { name: "audit", texts: &["tenant", "token", "action", "thing", "detail", "hash"], numbers: &["number", "at"], bytes: &[] },
    Table {
        name: "usage_days",
        texts: &["tenant"],
        numbers: &["day", "shard", "jobs", "trials", "slot_ms", "cpu_ms", "bytes"],
        bytes: &[],
    },
    Table { name: "apps", texts: &["tenant", "sha256", "splits", "facts", "package"], numbers: &["bytes", "created"], bytes: &[] },
    Table { name: "scenarios", texts: &["tenant", "name", "document"], numbers: &[], bytes: &[] },
    Table { name: "uploads", texts: &["id", "tenant", "trial", "sha256"], numbers: &["bytes", "here", "complete", "expires"], bytes: &[] },
    Table { name: "upload_parts", texts: &["upload", "part"], numbers: &["number"], bytes: &[] },
    Table { name: "blobs", texts: &["tenant", "sha256"], numbers: &["bytes", "given", "dropping"], bytes: &[] },
    Table { name: "holds", texts: &["tenant", "sha256", "holder"], numbers: &[], bytes: &[] },
    Table {
        name: "jobs",
        texts: &[
            "id",
            "tenant",
            "spec",
            "state",
            "tags",
            "fingerprint",
            "app",
            "package",
            "device",
            "reused",
            "result",
            "outcome",
            "report",
        ],
        numbers: &[
            "priority",
            "created",
            "ended",
            "delete_after",
            "delete_at",
            "own",
            "api",
            "trials",
            "queued",
            "running",
            "finished",
            "failed",
            "cancelled",
            "events",
            "due",
            "decide_tries",
        ],
        bytes: &["secret", "sealed"],
    },
    Table { name: "job_ids", texts: &["id"], numbers: &["taken"], bytes: &[] },
    Table { name: "tags", texts: &["tenant", "tag", "job"], numbers: &[], bytes: &[] },
    Table {
        name: "trials",
        texts: &["id", "job", "tenant", "device", "scenario", "state", "worker", "token", "failed_on", "completion", "digest", "ended"],
        numbers: &[
            "number",
            "api",
            "priority",
            "own",
            "epoch",
            "token_epoch",
            "attempts",
            "leases",
            "expires",
            "cancel",
            "leased",
            "done",
            "slot_ms",
            "kept",
            "counted",
            "told",
            "artifacts",
            "artifact_bytes",
        ],
        bytes: &[],
    },
    Table { name: "observations", texts: &["trial", "observation"], numbers: &["epoch", "line", "upto"], bytes: &[] },
    Table { name: "artifacts", texts: &["trial", "sha256"], numbers: &["epoch"], bytes: &[] },
    Table { name: "events", texts: &["job", "kind", "trial", "what"], numbers: &["number", "at", "epoch", "first", "lines"], bytes: &[] },
    Table {
        name: "workers",
        texts: &["id", "tenant", "mode", "abilities", "host"],
        numbers: &["slots", "first_seen", "last_seen"],
        bytes: &[],
    },
    Table { name: "hooks", texts: &["id", "tenant", "url", "tag"], numbers: &["created", "busy", "served"], bytes: &["sealed"] },
    Table {
        name: "deliveries",
        texts: &["id", "hook", "job", "state", "error", "body"],
        numbers: &["tries", "next", "status", "created", "since"],
        bytes: &[],
    },
];
