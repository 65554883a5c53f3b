//! Reads columns as types.

use std::str::FromStr;

use serde::de::DeserializeOwned;
use sqlx::{ColumnIndex, Decode, Row, Type};
use stakeout_contract::{Epoch, Sha256Digest, api::jobs::TrialCounts};
use stakeout_domain::lease::TrialRow;

use super::{Db, DbRow};
use crate::{
    JobRow, StoreError, TrialFull,
    codec::{bad, of_json, of_word, small},
};

/// The columns of tables that are read whole. Named: a newer orchestrator may add one while this one runs, and PostgreSQL refuses a
/// prepared `*` from then on.
macro_rules! columns {
    (jobs) => {
        "id, tenant, spec, secret, state, priority, tags, fingerprint, sealed, created, ended, delete_after, own, \
         trials, queued, running, finished, failed, cancelled, events, due, reused, result, outcome, report"
    };
    (trials) => {
        "id, job, tenant, number, state, epoch, worker, token, token_epoch, expires, cancel, failed_on, attempts, leases, leased, digest, \
         completion, ended"
    };
    (tenants) => {
        "id, name, weight, quota, own_workers_only, retention_days, created"
    };
    (tokens) => {
        "id, tenant, role, label, hash, created, expires, revoked, used"
    };
    (apps) => {
        "sha256, splits, bytes, facts, created"
    };
    (uploads) => {
        "id, tenant, trial, bytes, here, sha256, complete, expires"
    };
    (audit) => {
        "number, at, tenant, token, action, thing, detail, hash"
    };
    (deliveries) => {
        "id, hook, job, state, tries, next, status, error, created"
    };
}
pub(super) use columns;

/// A row of a table, with the table's name for errors.
pub(super) struct Read<'r>(pub(super) &'static str, pub(super) &'r DbRow);

impl<'r> Read<'r> {
    pub(super) fn get<T: Decode<'r, Db> + Type<Db>>(&self, column: &'static str) -> Result<T, StoreError>
    where
        &'static str: ColumnIndex<DbRow>,
    {
        self.1.try_get(column).map_err(bad(self.0))
    }

    pub(super) fn int(&self, column: &'static str) -> Result<i64, StoreError> {
        self.get(column)
    }

    pub(super) fn small(&self, column: &'static str) -> Result<u32, StoreError> {
        self.int(column).map(small)
    }

    pub(super) fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        self.int(column).map(|n| n != 0)
    }

    pub(super) fn text(&self, column: &'static str) -> Result<String, StoreError> {
        self.get(column)
    }

    pub(super) fn word<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        of_word(self.0, self.text(column)?)
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        of_json(self.0, self.get(column)?)
    }

    pub(super) fn maybe_json<T: DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        self.get::<Option<&str>>(column)?.map(|t| of_json(self.0, t)).transpose()
    }

    pub(super) fn id<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(&self, column: &'static str) -> Result<T, StoreError> {
        self.get::<&str>(column)?.parse().map_err(bad(self.0))
    }

    pub(super) fn maybe_id<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        self.get::<Option<&str>>(column)?.map(|t| t.parse().map_err(bad(self.0))).transpose()
    }

    pub(super) fn counts(&self) -> Result<TrialCounts, StoreError> {
        Ok(TrialCounts {
            all: self.small("trials")?,
            queued: self.small("queued")?,
            running: self.small("running")?,
            finished: self.small("finished")?,
            failed: self.small("failed")?,
            cancelled: self.small("cancelled")?,
        })
    }
}

/// A row of `jobs`.
pub(super) fn job_of(row: &DbRow) -> Result<JobRow, StoreError> {
    let r = Read("jobs", row);
    let secret: Vec<u8> = r.get("secret")?;
    Ok(JobRow {
        id: r.id("id")?,
        tenant: r.id("tenant")?,
        spec: r.json("spec")?,
        secret: secret.try_into().map_err(|_| bad("jobs")("a secret has 32 bytes"))?,
        state: r.word("state")?,
        priority: i32::try_from(r.int("priority")?).map_err(bad("jobs"))?,
        tags: r.json("tags")?,
        fingerprint: r.id("fingerprint")?,
        sealed: r.get("sealed")?,
        created: r.int("created")?,
        ended: r.get("ended")?,
        delete_after: r.get("delete_after")?,
        own_workers_only: r.flag("own")?,
        counts: r.counts()?,
        reused: r.maybe_id("reused")?,
        result: r.maybe_json("result")?,
        outcome: r.maybe_json("outcome")?,
        report: r.maybe_id::<Sha256Digest>("report")?,
    })
}

/// The part of a row of `trials` that [`stakeout_domain::lease`] decides by.
pub(super) fn trial_row_of(r: &Read<'_>) -> Result<TrialRow, StoreError> {
    let (epoch, of) = (r.small("epoch")?, r.small("token_epoch")?);
    Ok(TrialRow {
        state: r.word("state")?,
        epoch: Epoch(epoch),
        worker: r.maybe_id("worker")?,
        // A version that does not keep it may have leased the trial since.
        token: if of == epoch { r.maybe_id("token")? } else { None },
        expires: r.get("expires")?,
        cancel: r.flag("cancel")?,
        failed_on: r.json("failed_on")?,
        attempts: r.small("attempts")?,
        leases: r.small("leases")?,
    })
}

/// A row of `trials`.
pub(super) fn trial_of(row: &DbRow) -> Result<TrialFull, StoreError> {
    let r = Read("trials", row);
    Ok(TrialFull {
        id: r.id("id")?,
        job: r.id("job")?,
        tenant: r.id("tenant")?,
        number: r.small("number")?,
        row: trial_row_of(&r)?,
        completion: r.maybe_json("completion")?,
        ended: r.maybe_json("ended")?,
    })
}
