//! What an orchestrator remembers: tenants, apps, jobs, trials, leases, observations. Artifacts' bytes are in `blobs`.
//!
//! [`Store`] is what the rest of the product sees, by subject: [`Jobs`] (what is to be done and what came of it),
//! [`Access`] (who may), [`Library`] (apps, scenarios, whose bytes), [`Fleet`] (workers, webhooks). Methods are whole steps
//! (lease a trial, complete one), each one transaction: the store reads a row, asks [`stakeout_domain::lease`] what it becomes,
//! writes that. So several servers on one database cannot lease one trial twice, and a worker whose lease was lost cannot
//! write: it gets [`StoreError::Refused`].
//!
//! [`sqlite::SqliteStore`] is the default: one file in WAL mode with one writer, made for one host. [`postgres::PostgresStore`]
//! serves several orchestrators. Both are the same text of SQL (`sql/`), compiled once for each; what differs is in their
//! `dialect`. [`conformance`] holds what both must do; [`backup`] moves everything from one to the other.
//!
//! It keeps no bytes of apps and decides no verdicts. Times are Unix milliseconds of the caller's clock, given as arguments, so
//! that a test can be a day long without waiting. A tenant's thing asked for by another is [`StoreError::NotFound`].
//!
//! Read first: [`Jobs`], [`JobRow`], [`TrialFull`].

#![allow(clippy::duplicate_mod, reason = "the text of SQL is compiled once for each back end")]

#[macro_use]
mod query;

pub mod access;
pub mod backup;
mod codec;
pub mod conformance;
pub mod fleet;
pub mod jobs;
pub mod library;
pub mod postgres;
pub mod sqlite;
mod train;

pub use access::{Access, Answered, Claim, Deed, Idempotent, Noted, TokenRow};
pub use backup::BackupError;
pub use fleet::{DeliveryRow, Fleet, Gauges, HookRow};
pub use jobs::{Ahead, Decided, Due, Hints, IDS_KEPT, JobFilter, JobRow, JobSpec, Jobs, LeaseFor, Notes, OverQuota, Paces, TrialFull};
pub use library::{Library, UploadRow};

use stakeout_domain::{budget::Over, lease::Refused};

/// All of it. Whoever uses a store has a `dyn Store`; which back end it is matters only where it is opened.
pub trait Store: Jobs + Access + Library + Fleet {}

impl<T: Jobs + Access + Library + Fleet> Store for T {}

/// Why a store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The rules of leases refuse it: stop writing to this trial.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There is no such thing, or it is another tenant's.
    #[error("there is no {what} `{id}`")]
    NotFound {
        /// `job`, `trial`, `app`.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// It is still needed.
    #[error("the {what} `{id}` is still in use")]
    InUse {
        /// `app`, `job`.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// It is not as the caller thought.
    #[error("the {what} `{id}` was changed meanwhile")]
    Changed {
        /// `upload`, `request`.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// Something is being done with it that is soon over: try again.
    #[error("the {what} `{id}` is just being removed; try again")]
    Busy {
        /// `blob`.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// A new thing has the id of one that is there, or was.
    #[error("the id of the {what} `{id}` was used before")]
    Used {
        /// `job`.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// The tenant's quota does not allow it.
    #[error(transparent)]
    OverQuota(#[from] OverQuota),
    /// A lease has written all that one may.
    #[error(transparent)]
    OverBudget(#[from] Over),
    /// The database does not answer as it should.
    #[error("the database failed at `{doing}`")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A row does not have the form that this version writes.
    #[error("a row of `{what}` cannot be read; was it written by another version?")]
    BadRow {
        /// Which table.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// Whether the database had no room for what was to be written: by PostgreSQL's `disk_full` (SQLSTATE 53100) or SQLite's
    /// `SQLITE_FULL` (13). Nothing was written, and nothing is lost; somebody must make room.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Database { source: sqlx::Error::Database(e), .. } => matches!(e.code().as_deref(), Some("53100" | "13")),
            _ => false,
        }
    }
}
