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
    let n =
        copy(&blobs(&a.farm.blobs, a.farm.blob_key.as_deref())?, &Blobs::folder(&a.out.join("artifacts")).map_err(Failure::usage)?).await?;
    std::fs::rename(&part, &rows).map_err(file(&rows))?;
    eprintln!("{n} artifacts and all rows are in `{}`; the keys of the operator are not: keep them apart", a.out.display());
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn read(a: RestoreArgs) -> Result<ExitCode, Failure> {
    let store = place(&a.farm.store)?;
    let rows = a.from.join(ROWS);
    let open = tokio::fs::File::open(&rows).await;
    let mut input = BufReader::new(open.map_err(|e| {
        Failure::hint(format!("`{}` cannot be read: {e}", rows.display()), "give the folder of `stakeout backup` as `--from`")
    })?);
    let n = copy(&Blobs::folder(&a.from.join("artifacts")).map_err(Failure::usage)?, &blobs(&a.farm.blobs, a.farm.blob_key.as_deref())?)
        .await?;
    match store {
        Place::Sqlite(p) => SqliteStore::open(&p).await.map_err(Failure::usage)?.load(&mut input).await.map_err(Failure::usage)?,
        Place::Postgres(url) => {
            PostgresStore::open(&url, 2).await.map_err(Failure::other)?.load(&mut input).await.map_err(Failure::usage)?;
        }
    }
    eprintln!("{n} artifacts and all rows were restored");
    Ok(ExitCode::SUCCESS)
}

/// Copies all artifacts of all tenants, each checked against its digest.
async fn copy(from: &Blobs, to: &Blobs) -> Result<u64, Failure> {
    let dir = tempfile::tempdir().map_err(Failure::other)?;
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
