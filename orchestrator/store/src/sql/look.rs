//! What each call of a worker reads first: its token, itself, its trial. Those that come at the same time are read together, each after
//! it was asked for.

use std::collections::{BTreeMap, BTreeSet};

use stakeout_contract::{
    TenantId, TokenId, TrialId, WorkerId,
    api::{
        access::Tenant,
        fleet::{HostFacts, WorkerMode},
    },
};
use stakeout_domain::lease::Millis;

use super::{
    Backend, Db, DbRow,
    access::token_with_tenant,
    row::{Read, columns, trial_of},
};
use crate::{
    StoreError, TokenRow, TrialFull,
    codec::{bad, json, missing},
    train::{Trip, ended},
};

/// See [`crate::Access::token`].
pub(super) async fn token(store: &Backend, id: &TokenId) -> Result<(TokenRow, Tenant), StoreError> {
    store.trains.tokens.ride(id.clone(), || Tokens(store.clone())).await.unwrap_or_else(|| Err(ended()))
}

/// See [`crate::Jobs::trial`].
pub(super) async fn trial(store: &Backend, tenant: Option<&TenantId>, id: &TrialId) -> Result<TrialFull, StoreError> {
    let trial = store.trains.trials.ride(id.clone(), || Trials(store.clone())).await.unwrap_or_else(|| Err(ended()))?;
    if tenant.is_some_and(|t| *t != trial.tenant) { Err(missing("trial", id)) } else { Ok(trial) }
}

/// A worker that asks, as it is kept; none, if it was never heard of.
pub(super) async fn asker(store: &Backend, id: &WorkerId) -> Result<Option<Asker>, StoreError> {
    store.trains.askers.ride(id.clone(), || Askers(store.clone())).await.unwrap_or_else(|| Err(ended()))
}

/// See [`crate::Fleet::worker_host`].
pub(super) async fn worker_host(store: &Backend, id: &WorkerId) -> Result<Option<HostFacts>, StoreError> {
    let Some(known) = asker(store, id).await? else { return Ok(None) };
    serde_json::from_str(&known.host).map(Some).map_err(bad("workers"))
}

/// What is kept of a worker that asks.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) tenant: TenantId,
    pub(super) mode: WorkerMode,
    /// As it was told.
    pub(super) abilities: String,
    host: String,
    pub(super) last_seen: Millis,
}

/// Tokens with their tenants.
pub(super) struct Tokens(Backend);

impl Trip for Tokens {
    type Ask = TokenId;
    type Got = (TokenRow, Tenant);

    async fn at_once(&self, asks: &[TokenId]) -> Result<Vec<Result<Self::Got, StoreError>>, StoreError> {
        let rows = all!(
            self.0.reader().await?,
            "read tokens",
            concat!(
                "SELECT k.id, k.tenant, k.role, k.label, k.hash, k.created, k.expires, k.revoked, k.used, t.name, t.weight, t.quota, t.own_workers_only, t.retention_days, t.created AS tenant_created \
                 FROM tokens k JOIN tenants t ON t.id = k.tenant WHERE ",
                among!("k.id", "$1")
            ),
            json("tokens", &asks.iter().collect::<BTreeSet<_>>())?
        )?;
        each("token", asks, &rows, token_with_tenant)
    }
}

/// Trials with what was handed in.
pub(super) struct Trials(Backend);

impl Trip for Trials {
    type Ask = TrialId;
    type Got = TrialFull;

    async fn at_once(&self, asks: &[TrialId]) -> Result<Vec<Result<Self::Got, StoreError>>, StoreError> {
        let rows = all!(
            self.0.reader().await?,
            "read trials",
            concat!("SELECT ", columns!(trials), " FROM trials WHERE ", among!("id", "$1")),
            json("trials", &asks.iter().collect::<BTreeSet<_>>())?
        )?;
        each("trial", asks, &rows, trial_of)
    }
}

/// Workers.
pub(super) struct Askers(Backend);

impl Trip for Askers {
    type Ask = WorkerId;
    type Got = Option<Asker>;

    async fn at_once(&self, asks: &[WorkerId]) -> Result<Vec<Result<Self::Got, StoreError>>, StoreError> {
        let rows = all!(
            self.0.reader().await?,
            "read workers that ask",
            concat!("SELECT id, tenant, mode, abilities, host, last_seen FROM workers WHERE ", among!("id", "$1")),
            json("workers", &asks.iter().collect::<BTreeSet<_>>())?
        )?;
        let found = each("worker", asks, &rows, |row| {
            let r = Read("workers", row);
            Ok(Asker {
                tenant: r.id("tenant")?,
                mode: r.word("mode")?,
                abilities: r.text("abilities")?,
                host: r.text("host")?,
                last_seen: r.int("last_seen")?,
            })
        })?;
        Ok(found
            .into_iter()
            .map(|f| f.map(Some).or_else(|e| if matches!(e, StoreError::NotFound { .. }) { Ok(None) } else { Err(e) }))
            .collect())
    }
}

/// Each one's row by its `id`. A row that cannot be read is only theirs who asked for it.
fn each<I: std::fmt::Display, G>(
    what: &'static str,
    asks: &[I],
    rows: &[DbRow],
    of: impl Fn(&DbRow) -> Result<G, StoreError>,
) -> Result<Vec<Result<G, StoreError>>, StoreError> {
    let mut by_id = BTreeMap::new();
    for row in rows {
        by_id.insert(Read(what, row).get::<&str>("id")?, row);
    }
    Ok(asks.iter().map(|id| by_id.get(id.to_string().as_str()).ok_or_else(|| missing(what, id)).and_then(|row| of(row))).collect())
}
