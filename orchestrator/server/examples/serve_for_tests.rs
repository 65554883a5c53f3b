//! The API on a new store, for `tests/schemathesis.sh` where the command line is not built: the same options as `stakeout serve`.

use std::{error::Error, path::PathBuf, sync::Arc};

use stakeout_blobs::Blobs;
use stakeout_bundle::keys::SigningKey;
use stakeout_server::{
    Service,
    api::{self, ApiOptions, App},
    http,
    seal::Sealer,
    tasks,
};
use stakeout_store::sqlite::SqliteStore;
use tokio_util::sync::CancellationToken;

fn option(name: &str) -> Result<PathBuf, String> {
    let mut all = std::env::args().skip_while(|a| a != name);
    all.nth(1).map(PathBuf::from).ok_or_else(|| format!("`{name}` is missing"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let store = SqliteStore::open(&option("--store")?).await?;
    let service =
        Arc::new(Service::new(Arc::new(store), Blobs::folder(&option("--blobs")?)?, Sealer::load_or_create(&option("--seal-key")?)?));
    let token = api::bootstrap(service.store(), None).await?.ok_or("the store is not new")?;
    std::fs::write(option("--admin-token-file")?, token.token)?;
    let work = option("--blobs")?.with_extension("work");
    std::fs::create_dir_all(&work)?;
    let options = ApiOptions { work, app_bytes: 64 << 20, secure: false, private_hooks: false };
    let app = App::new(service, SigningKey::load_or_create(&option("--key")?)?, options);
    let listener = http::bind(option("--listen")?.to_string_lossy().parse()?).await?;
    eprintln!("listening on http://{}", listener.local_addr()?);
    let stop = CancellationToken::new();
    tokio::spawn(tasks::run(app.clone(), stop.clone()));
    http::serve(listener, api::router(app), None, stop).await;
    Ok(())
}
