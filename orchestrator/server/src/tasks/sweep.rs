//! What the storage has and the store does not know of: a server stored it and died, or was refused, before it was written down.

use std::time::{Duration, SystemTime};

use stakeout_contract::api::access::Tenant;
use stakeout_store::StoreError;
use tokio_util::sync::CancellationToken;

use crate::{ServiceError, api::App, service::now};

/// Who stores a part notes it at once, and an upload lasts a day.
const PART: Duration = Duration::from_secs(48 * 3600);
/// Who stores a blob notes it at once; an upload that is being ended may take its time.
const BLOB: Duration = Duration::from_secs(24 * 3600);

/// Looks through all that is stored, tenant by tenant. It may take hours, and is left when the server stops.
pub(crate) async fn all(app: &App, stop: &CancellationToken) -> Result<(), ServiceError> {
    let stored = app.service().blobs().tenants().await?;
    for tenant in app.service().store().tenants().await?.iter().filter(|t| stored.contains(&t.id)) {
        parts(app, tenant).await?;
        for first in 0..=u8::MAX {
            if stop.is_cancelled() {
                return Ok(());
            }
            blobs(app, tenant, first).await?;
        }
    }
    Ok(())
}

/// Whether it was written so long ago, and while the store knew its tenant: a store that was lost and begun anew, or one that is
/// not this storage's, must not take the evidence with it.
fn is_left(modified: SystemTime, age: Duration, tenant: &Tenant) -> bool {
    now() - millis(modified) > i64::try_from(age.as_millis()).unwrap_or(i64::MAX) && millis(modified) > tenant.created_ms
}

fn millis(at: SystemTime) -> i64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

async fn parts(app: &App, tenant: &Tenant) -> Result<(), ServiceError> {
    let of = app.service().blobs().of(&tenant.id);
    for part in of.list_parts().await? {
        if is_left(part.modified, PART, tenant) && !app.service().store().is_part(&tenant.id, &part.name.to_string()).await? {
            tracing::info!(tenant = %tenant.id, part = %part.name, "a part of no upload is removed");
            of.remove_part(&part.name).await?;
        }
    }
    Ok(())
}

/// Blobs without a row get one, as old as they are. So they go the way of all that nobody names, and whoever gives the same
/// bytes meanwhile keeps them.
async fn blobs(app: &App, tenant: &Tenant, first: u8) -> Result<(), ServiceError> {
    let store = app.service().store();
    for blob in app.service().blobs().of(&tenant.id).list(first).await? {
        if !is_left(blob.modified, BLOB, tenant) || store.blob(&tenant.id, &blob.digest).await?.is_some() {
            continue;
        }
        match store.note_blob(&tenant.id, &blob.digest, blob.bytes.unwrap_or(0), millis(blob.modified)).await {
            Ok(()) => tracing::info!(tenant = %tenant.id, sha256 = %blob.digest, "bytes that nobody noted were found"),
            // It is being removed.
            Err(StoreError::Busy { .. }) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use stakeout_blobs::Blobs;
    use stakeout_bundle::keys::SigningKey;
    use stakeout_contract::Sha256Digest;
    use stakeout_store::{Noted, conformance::sample::tenant_row, sqlite::SqliteStore};

    use super::*;
    use crate::{Service, api::ApiOptions, seal::Sealer, tasks::tidy};

    /// Everything below a folder was written so many hours ago.
    fn age(folder: &Path, hours: u64) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                age(&path, hours);
            } else {
                let at = SystemTime::now() - Duration::from_secs(hours * 3600);
                std::fs::File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
            }
        }
    }

    /// A farm in a folder: its store in `db`, its artifacts in `blobs`.
    async fn farm(dir: &Path) -> App {
        let store = SqliteStore::open(&dir.join("db")).await.unwrap();
        let service = Service::new(Arc::new(store), Blobs::folder(&dir.join("blobs")).unwrap(), Sealer::ephemeral().unwrap());
        let options = ApiOptions { work: dir.to_owned(), app_bytes: 1 << 20, secure: true, private_hooks: false };
        App::new(Arc::new(service), SigningKey::load_or_create(&dir.join("op.pem")).unwrap(), options)
    }

    #[tokio::test]
    async fn what_nobody_noted_is_removed_when_it_is_old_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let app = farm(dir.path()).await;
        let store = app.service().store();
        let day = 24 * 3600 * 1000;
        let (mut old, mut new) = (tenant_row("old"), tenant_row("new"));
        (old.created_ms, new.created_ms) = (now() - 100 * day, now());
        store.put_tenant(&old, Noted::NOTHING).await.unwrap();
        store.put_tenant(&new, Noted::NOTHING).await.unwrap();
        let (known, strange) = (app.service().blobs().of(&old.id), app.service().blobs().of(&new.id));
        let noted = known.put(b"noted".to_vec()).await.unwrap();
        store.note_blob(&old.id, &noted, 5, now()).await.unwrap();
        for blobs in [&known, &strange] {
            blobs.put(b"left".to_vec()).await.unwrap();
            blobs.put_part_bytes(b"part".to_vec()).await.unwrap();
        }
        let left = Sha256Digest::of(b"left");
        let look = async |hours| {
            age(&at("blobs"), hours);
            all(&app, &CancellationToken::new()).await.unwrap();
            while tidy::some(&app).await.unwrap() {}
            (known.has(&left).await.unwrap(), known.list_parts().await.unwrap().len())
        };
        assert_eq!(look(23).await, (true, 1));
        assert_eq!(look(47).await, (false, 1));
        assert_eq!(look(49).await, (false, 0));
        assert!(known.has(&noted).await.unwrap());
        // Written before the store knew the tenant: it is another store's.
        assert!(strange.has(&left).await.unwrap() && strange.list_parts().await.unwrap().len() == 1);
    }

    #[tokio::test]
    async fn one_storage_error_stops_neither_the_others_nor_loses_what_it_met() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let app = farm(dir.path()).await;
        let (store, tenant) = (app.service().store(), "acme".parse().unwrap());
        let blobs = app.service().blobs().of(&tenant);
        let mut all = Vec::new();
        for n in 0..5u8 {
            let sha256 = blobs.put(vec![n]).await.unwrap();
            store.note_blob(&tenant, &sha256, 1, i64::from(n)).await.unwrap();
            all.push(sha256);
        }
        // A folder in place of the first one's file cannot be removed as one.
        let name = all[0].to_string();
        let file = at("blobs").join("t").join("acme").join(&name[..2]).join(&name);
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir_all(file.join("x")).unwrap();
        while tidy::some(&app).await.unwrap() {}
        for sha256 in &all[1..] {
            assert!(!blobs.has(sha256).await.unwrap());
        }
        std::fs::remove_dir_all(&file).unwrap();
        let later = store.drop_blobs(now(), now() + 11 * 60 * 1000, 10).await.unwrap();
        assert_eq!(later, [(tenant, all[0])], "it is tried again");
    }
}
