//! Scenarios of tenants.

use stakeout_contract::{TenantId, api::apps::ScenarioDoc};

use super::{Backend, Db, audit, bounds, row::Read};
use crate::{
    Noted, StoreError,
    codec::{db, json, missing},
};

/// See [`crate::Library::put_scenario`].
pub(super) async fn put(store: &Backend, tenant: &TenantId, scenario: &ScenarioDoc, noted: Noted<'_>) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    bounds::scenario(&mut tx, tenant, &scenario.name).await?;
    run!(
        tx,
        "keep a scenario",
        "INSERT INTO scenarios (tenant, name, document) VALUES ($1, $2, $3) \
         ON CONFLICT (tenant, name) DO UPDATE SET document = excluded.document",
        tenant.as_str(),
        scenario.name.as_str(),
        json("scenarios", scenario)?
    )?;
    audit::note(&mut tx, noted).await?;
    tx.commit().await.map_err(db("commit"))
}

/// See [`crate::Library::scenario`].
pub(super) async fn get(store: &Backend, tenant: &TenantId, name: &str) -> Result<ScenarioDoc, StoreError> {
    let row = maybe!(
        store.reader().await?,
        "read a scenario",
        "SELECT document FROM scenarios WHERE tenant = $1 AND name = $2",
        tenant.as_str(),
        name
    )?;
    Read("scenarios", &row.ok_or_else(|| missing("scenario", name))?).json("document")
}

/// See [`crate::Library::scenarios`].
pub(super) async fn list(store: &Backend, tenant: &TenantId, after: Option<&str>, most: u32) -> Result<Vec<ScenarioDoc>, StoreError> {
    let rows = all!(
        store.reader().await?,
        "read scenarios",
        "SELECT document FROM scenarios WHERE tenant = $1 AND ($2 IS NULL OR name > $2) ORDER BY name LIMIT $3",
        tenant.as_str(),
        after,
        i64::from(most)
    )?;
    rows.iter().map(|r| Read("scenarios", r).json("document")).collect()
}

/// See [`crate::Library::scenario_names`].
pub(super) async fn names(store: &Backend, tenant: &TenantId) -> Result<Vec<String>, StoreError> {
    let rows = all!(
        store.reader().await?,
        "read the names of scenarios",
        "SELECT name FROM scenarios WHERE tenant = $1 ORDER BY name",
        tenant.as_str()
    )?;
    rows.iter().map(|r| Read("scenarios", r).text("name")).collect()
}

/// See [`crate::Library::delete_scenario`].
pub(super) async fn delete(store: &Backend, tenant: &TenantId, name: &str, noted: Noted<'_>) -> Result<(), StoreError> {
    let mut tx = store.begin().await?;
    let there = run!(tx, "forget a scenario", "DELETE FROM scenarios WHERE tenant = $1 AND name = $2", tenant.as_str(), name)?;
    if there == 0 {
        return Err(missing("scenario", name));
    }
    audit::note(&mut tx, noted).await?;
    tx.commit().await.map_err(db("commit"))
}
