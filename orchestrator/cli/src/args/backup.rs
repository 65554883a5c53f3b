//! A farm's backup, and the way back.

use std::path::PathBuf;

use clap::Args;

#[derive(Args)]
#[command(after_long_help = "Example:
  stakeout backup --store farm.db --blobs artifacts --out backup-1
  stakeout restore --store postgres://db/stakeout --blobs s3://evidence/lab --from backup-1
      moves a farm from one host to several

Servers may run: rows are read in one transaction, artifacts after them. What is deleted meanwhile may be missing, \
what comes in is not in it: stop the servers before a move. Large farms use the tools of PostgreSQL and of their \
object storage.")]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    pub farm: StoredArgs,
    /// The backup's folder
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

#[derive(Args)]
#[command(after_long_help = "Example:
  stakeout restore --store postgres://db/stakeout --blobs s3://evidence/lab --from backup-1

No server may run on this store meanwhile. The store and the artifacts must be empty.")]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub farm: StoredArgs,
    /// The folder of `stakeout backup`
    #[arg(long, alias = "out", value_name = "DIR")]
    pub from: PathBuf,
}

#[derive(Args)]
pub(crate) struct StoredArgs {
    /// The store: a file of SQLite, or postgres://..
    #[arg(long, value_name = "PATH|URL", env = "STAKEOUT_STORE", hide_env_values = true)]
    pub store: String,
    /// The artifacts: a folder, or s3://..
    #[arg(long, value_name = "DIR|URL", env = "STAKEOUT_BLOBS")]
    pub blobs: String,
    /// The key that encrypts artifacts at rest
    #[arg(long, value_name = "FILE", env = "STAKEOUT_BLOB_KEY")]
    pub blob_key: Option<PathBuf>,
}
