//! [`Library`]: apps; scenarios, uploads and blobs by their own files.

use sqlx::QueryBuilder;
use stakeout_contract::{
    Sha256Digest, TenantId, TrialId, UploadId,
    api::apps::{App, ScenarioDoc},
};
use stakeout_domain::lease::Millis;

use super::{
    Backend, Db, DbRow, audit, blobs, bounds,
    hold::{Must, hold, let_go},
    row::{Read, columns},
    scenarios, uploads,
};
use crate::{
    Library, Noted, StoreError, UploadRow,
    codec::{DAY, db, int, json, missing, uint},
};

fn app_of(row: &DbRow) -> Result<App, StoreError> {
    let r = Read("apps", row);
    Ok(App {
        sha256: r.id("sha256")?,
        splits: r.json("splits")?,
        bytes: uint(r.int("bytes")?),
        facts: r.json("facts")?,
        created_ms: r.int("created")?,
    })
}

fn holder(app: &Sha256Digest, tenant: &TenantId) -> String {
    format!("app:{tenant}:{app}")
}

#[async_trait::async_trait]
impl Library for Backend {
    async fn put_app(&self, tenant: &TenantId, app: &App, noted: Noted<'_>) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let apks = std::iter::once(app.sha256).chain(app.splits.iter().copied());
        hold(&mut tx, tenant, &holder(&app.sha256, tenant), apks, Must::BeThere, app.created_ms).await?;
        let new = run!(
            tx,
            "keep an app",
            "INSERT INTO apps (tenant, sha256, splits, bytes, facts, package, created) VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT DO NOTHING",
            tenant.as_str(),
            app.sha256.to_string(),
            json("apps", &app.splits)?,
            int(app.bytes),
            json("apps", &app.facts)?,
            app.facts.package.as_str(),
            app.created_ms
        )?;
        if new > 0 {
            audit::note(&mut tx, noted).await?;
            tx.commit().await.map_err(db("commit"))?;
        }
        Ok(new > 0)
    }

    async fn app(&self, tenant: &TenantId, sha256: &Sha256Digest) -> Result<App, StoreError> {
        let row = maybe!(
            self.reader().await?,
            "read an app",
            concat!("SELECT ", columns!(apps), " FROM apps WHERE tenant = $1 AND sha256 = $2"),
            tenant.as_str(),
            sha256.to_string()
        )?;
        app_of(&row.ok_or_else(|| missing("app", sha256))?)
    }

    async fn apps(
        &self,
        tenant: &TenantId,
        package: Option<&str>,
        before: Option<(Millis, Sha256Digest)>,
        most: u32,
    ) -> Result<Vec<App>, StoreError> {
        let mut q = QueryBuilder::<Db>::new(concat!("SELECT ", columns!(apps), " FROM apps WHERE tenant = "));
        q.push_bind(tenant.as_str());
        if let Some(package) = package {
            q.push(" AND package = ").push_bind(package);
        }
        if let Some((created, sha256)) = before {
            q.push(" AND (created, sha256) < (").push_bind(created).push(", ").push_bind(sha256.to_string()).push(")");
        }
        q.push(" ORDER BY created DESC, sha256 DESC LIMIT ").push_bind(i64::from(most));
        let rows = q.build().fetch_all(&mut *self.reader().await?).await.map_err(db("read apps"))?;
        rows.iter().map(app_of).collect()
    }

    async fn delete_app(&self, tenant: &TenantId, sha256: &Sha256Digest, noted: Noted<'_>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let digest = sha256.to_string();
        let there = run!(tx, "forget an app", "DELETE FROM apps WHERE tenant = $1 AND sha256 = $2", tenant.as_str(), digest.as_str())?;
        if there == 0 {
            return Err(missing("app", digest));
        }
        let open = maybe!(
            tx,
            "look for open jobs of an app",
            "SELECT id FROM jobs WHERE tenant = $1 AND app = $2 AND ended IS NULL LIMIT 1",
            tenant.as_str(),
            digest.as_str()
        )?;
        if open.is_some() {
            return Err(StoreError::InUse { what: "app", id: digest });
        }
        let_go(&mut tx, &holder(sha256, tenant)).await?;
        audit::note(&mut tx, noted).await?;
        tx.commit().await.map_err(db("commit"))
    }

    async fn outdated_apps(&self, now: Millis, most: u32) -> Result<Vec<(TenantId, Sha256Digest)>, StoreError> {
        let rows = all!(
            self.reader().await?,
            "find outdated apps",
            "SELECT a.tenant AS tenant, a.sha256 AS sha256 FROM tenants t JOIN apps a ON a.tenant = t.id \
             AND a.created <= $1 - t.retention_days * $2 WHERE t.retention_days IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.tenant = a.tenant AND j.app = a.sha256) ORDER BY a.created LIMIT $3",
            now,
            DAY,
            i64::from(most)
        )?;
        rows.iter().map(|row| Ok((Read("apps", row).id("tenant")?, Read("apps", row).id("sha256")?))).collect()
    }

    async fn put_scenario(&self, tenant: &TenantId, scenario: &ScenarioDoc, noted: Noted<'_>) -> Result<(), StoreError> {
        scenarios::put(self, tenant, scenario, noted).await
    }

    async fn scenario(&self, tenant: &TenantId, name: &str) -> Result<ScenarioDoc, StoreError> {
        scenarios::get(self, tenant, name).await
    }

    async fn scenarios(&self, tenant: &TenantId, after: Option<&str>, most: u32) -> Result<Vec<ScenarioDoc>, StoreError> {
        scenarios::list(self, tenant, after, most).await
    }

    async fn scenario_names(&self, tenant: &TenantId) -> Result<Vec<String>, StoreError> {
        scenarios::names(self, tenant).await
    }

    async fn delete_scenario(&self, tenant: &TenantId, name: &str, noted: Noted<'_>) -> Result<(), StoreError> {
        scenarios::delete(self, tenant, name, noted).await
    }

    async fn put_upload(&self, upload: &UploadRow) -> Result<UploadRow, StoreError> {
        uploads::put(self, upload).await
    }

    async fn room(&self, tenant: &TenantId) -> Result<Option<u64>, StoreError> {
        bounds::room(&mut *self.reader().await?, tenant).await
    }

    async fn upload(&self, tenant: &TenantId, id: &UploadId) -> Result<UploadRow, StoreError> {
        uploads::get(self, tenant, id).await
    }

    async fn artifact_upload(&self, trial: &TrialId, sha256: &Sha256Digest) -> Result<Option<UploadRow>, StoreError> {
        uploads::of_artifact(self, trial, sha256).await
    }

    async fn upload_part(&self, id: &UploadId, from: u64, to: u64, part: &str) -> Result<(), StoreError> {
        uploads::part(self, id, from, to, part).await
    }

    async fn upload_parts(&self, id: &UploadId) -> Result<Vec<String>, StoreError> {
        uploads::parts(&mut *self.reader().await?, id).await
    }

    async fn is_part(&self, tenant: &TenantId, part: &str) -> Result<bool, StoreError> {
        uploads::is_part(self, tenant, part).await
    }

    async fn upload_complete(&self, id: &UploadId, now: Millis) -> Result<(), StoreError> {
        uploads::complete(self, id, now).await
    }

    async fn drop_upload(&self, id: &UploadId) -> Result<Vec<String>, StoreError> {
        uploads::drop_one(self, id).await
    }

    async fn drop_uploads(&self, now: Millis, most: u32) -> Result<Vec<(UploadRow, Vec<String>)>, StoreError> {
        uploads::drop_old(self, now, most).await
    }

    async fn note_blob(&self, tenant: &TenantId, sha256: &Sha256Digest, bytes: u64, now: Millis) -> Result<(), StoreError> {
        blobs::note_blob(self, tenant, sha256, bytes, now).await
    }

    async fn blob(&self, tenant: &TenantId, sha256: &Sha256Digest) -> Result<Option<u64>, StoreError> {
        blobs::blob(self, tenant, sha256).await
    }

    async fn drop_blobs(&self, older_than: Millis, now: Millis, most: u32) -> Result<Vec<(TenantId, Sha256Digest)>, StoreError> {
        blobs::drop_blobs(self, older_than, now, most).await
    }

    async fn blob_dropped(&self, tenant: &TenantId, sha256: &Sha256Digest, since: Millis) -> Result<(), StoreError> {
        blobs::dropped(self, tenant, sha256, since).await
    }
}
