//! `stakeout backup` and `stakeout restore`: all rows as lines of JSON, all artifacts as files.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use stakeout_blobs::Blobs;
use stakeout_store::{postgres::PostgresStore, sqlite::SqliteStore};
use tokio::io::{AsyncWriteExt, BufReader, BufWriter};

use super::serve::{Place, blobs, place};
use crate::{
    args::backup::{BackupArgs, RestoreArgs},
    exit::Failure,
    places,
};

const ROWS: &str = "store.jsonl";

fn file(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    let path = path.display().to_string();
    move |e| Failure::usage(anyhow::anyhow!("`{path}` cannot be used: {e}"))
}

/// Opening makes what is missing, and the backup of a misspelt store would be an empty one.
fn there(store: &Place, blobs: &str) -> Result<(), Failure> {
    if let Place::Sqlite(p) = store
        && !p.exists()
    {
        let hint = "give the file or URL that `stakeout serve --store` has; backup makes none";
        return Err(Failure::hint(format!("there is no store `{}`", p.display()), hint));
    }
    if let Some(p) = folder(blobs)
        && !p.is_dir()
    {
        let hint = "give the folder or URL that `stakeout serve --blobs` has; backup makes none";
        return Err(Failure::hint(format!("there is no folder `{}` of artifacts", p.display()), hint));
    }
    Ok(())
}

/// The folder that an address of artifacts names, if it names one.
fn folder(blobs: &str) -> Option<PathBuf> {
    if !blobs.contains("://") {
        return Some(blobs.into());
    }
    reqwest::Url::parse(blobs).ok().filter(|u| u.scheme() == "file")?.to_file_path().ok()
}

pub(crate) async fn write(a: BackupArgs) -> Result<ExitCode, Failure> {
    let store = place(&a.farm.store)?;
    there(&store, &a.farm.blobs)?;
    let rows = a.out.join(ROWS);
    if rows.exists() {
        return Err(Failure::hint(format!("`{}` holds a backup", a.out.display()), "choose another folder with `--out`"));
    }
    std::fs::create_dir_all(&a.out).map_err(file(&a.out))?;
    // A file of this name is a whole backup, so it gets it last.
    let part = a.out.join("store.jsonl.part");
    let mut out = BufWriter::new(tokio::fs::File::create(&part).await.map_err(file(&part))?);
    match store {
        Place::Sqlite(p) => SqliteStore::open(&p).await.map_err(Failure::usage)?.dump(&mut out).await.map_err(Failure::other)?,
        Place::Postgres(url) => PostgresStore::open(&url, 2).await.map_err(Failure::other)?.dump(&mut out).await.map_err(Failure::other)?,
    }
    out.flush().await.map_err(file(&part))?;
    let from = blobs(&a.farm.blobs, a.farm.blob_key.as_deref())?;
    let n = copy(&from, &Blobs::folder(&a.out.join("artifacts")).map_err(Failure::usage)?, &a.out).await?;
    std::fs::rename(&part, &rows).map_err(file(&rows))?;
    say!("{n} artifacts and all rows are in `{}`; the keys of the operator are not: keep them apart", a.out.display());
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn read(a: RestoreArgs) -> Result<ExitCode, Failure> {
    let store = place(&a.farm.store)?;
    let rows = a.from.join(ROWS);
    let open = tokio::fs::File::open(&rows).await;
    let mut input = BufReader::new(open.map_err(|e| {
        Failure::hint(format!("`{}` cannot be read: {e}", rows.display()), "give the folder of `stakeout backup` as `--from`")
    })?);
    let to = blobs(&a.farm.blobs, a.farm.blob_key.as_deref())?;
    let stage = folder(&a.farm.blobs).map_or_else(places::cache, Ok)?;
    std::fs::create_dir_all(&stage).map_err(file(&stage))?;
    let n = copy(&Blobs::folder(&a.from.join("artifacts")).map_err(Failure::usage)?, &to, &stage).await?;
    match store {
        Place::Sqlite(p) => SqliteStore::open(&p).await.map_err(Failure::usage)?.load(&mut input).await.map_err(Failure::usage)?,
        Place::Postgres(url) => {
            PostgresStore::open(&url, 2).await.map_err(Failure::other)?.load(&mut input).await.map_err(Failure::usage)?;
        }
    }
    say!("{n} artifacts and all rows were restored");
    Ok(ExitCode::SUCCESS)
}

/// Copies all artifacts of all tenants, each checked against its digest. `stage`: a folder with room for the largest, as a /tmp
/// need not have; where artifacts go to a folder, that has it.
async fn copy(from: &Blobs, to: &Blobs, stage: &Path) -> Result<u64, Failure> {
    let dir = tempfile::Builder::new().prefix(".copying-").tempdir_in(stage).map_err(file(stage))?;
    let path = dir.path().join("blob");
    let mut n = 0;
    for tenant in from.tenants().await.map_err(Failure::other)? {
        let (from, to) = (from.of(&tenant), to.of(&tenant));
        for first in 0..=255 {
            for blob in from.list(first).await.map_err(Failure::other)? {
                if !to.has(&blob.digest).await.map_err(Failure::other)? {
                    from.get_to_file(&blob.digest, &path).await.map_err(Failure::other)?;
                    to.put_file(&path).await.map_err(Failure::other)?;
                }
                n += 1;
            }
        }
    }
    Ok(n)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use stakeout_contract::TenantId;

    use super::*;
    use crate::args::backup::StoredArgs;

    fn well<T>(r: Result<T, Failure>) -> T {
        r.unwrap_or_else(|e| panic!("{}", e.error_for_tests()))
    }

    fn key(dir: &Path, digits: &str) -> PathBuf {
        let path = dir.join(format!("{digits}.key"));
        std::fs::write(&path, digits.repeat(32)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut all: Vec<String> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        all.sort_unstable();
        all
    }

    #[tokio::test]
    async fn artifacts_come_back_byte_for_byte_also_to_another_key() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let stored = |store: &str, blobs: &str, blob_key: Option<&PathBuf>| StoredArgs {
            store: at(store).display().to_string(),
            blobs: at(blobs).display().to_string(),
            blob_key: blob_key.cloned(),
        };
        let (old, new) = (key(dir.path(), "5a"), key(dir.path(), "c3"));
        SqliteStore::open(&at("farm.db")).await.unwrap().close().await;
        // One of no bytes, one of some, one of more than a segment of what is encrypted; two tenants, one of which has two.
        let large: Vec<u8> = (0..1_500_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let all = [("farm", large), ("farm", b"some".to_vec()), ("acme", vec![])];
        let kept = well(blobs(&at("blobs").display().to_string(), Some(&old)));
        for (tenant, bytes) in &all {
            kept.of(&tenant.parse().unwrap()).put(bytes.clone()).await.unwrap();
        }
        let backup = BackupArgs { farm: stored("farm.db", "blobs", Some(&old)), out: at("bk") };
        well(write(backup).await);
        assert_eq!(names(&at("bk")), ["artifacts", ROWS], "nothing that was on its way stays");
        for (store, place, blob_key) in [("two.db", "two", Some(&new)), ("three.db", "three", None)] {
            well(read(RestoreArgs { farm: stored(store, place, blob_key), from: at("bk") }).await);
            let there = well(blobs(&at(place).display().to_string(), blob_key.map(PathBuf::as_path)));
            for (tenant, bytes) in &all {
                let tenant: TenantId = tenant.parse().unwrap();
                let digest = stakeout_contract::Sha256Digest::of(bytes);
                assert!(there.of(&tenant).get(&digest).await.unwrap() == *bytes, "{place} {tenant}: {} bytes", bytes.len());
            }
            assert!(names(&at(place)).iter().all(|n| !n.starts_with(".copying-")), "{place}: {:?}", names(&at(place)));
            // What is encrypted at rest is so by the key that was given, and by no other.
            let digest = stakeout_contract::Sha256Digest::of(b"some");
            let by_old = well(blobs(&at(place).display().to_string(), Some(&old)));
            assert!(by_old.of(&TenantId::farm()).get(&digest).await.is_err(), "{place}");
        }
    }

    #[tokio::test]
    async fn an_artifact_that_is_damaged_is_no_part_of_a_backup() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let kept = Blobs::folder(&from).unwrap();
        kept.of(&TenantId::farm()).put(b"some".to_vec()).await.unwrap();
        let mut stack = vec![from];
        while let Some(path) = stack.pop() {
            if path.is_dir() {
                stack.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
            } else {
                std::fs::write(&path, "sume").unwrap();
            }
        }
        let Err(e) = copy(&kept, &Blobs::folder(&to).unwrap(), dir.path()).await else { panic!("it was copied") };
        assert!(e.error_for_tests().contains("damaged"), "{}", e.error_for_tests());
        assert!(names(dir.path()) == ["from", "to"], "{:?}", names(dir.path()));
    }
}
