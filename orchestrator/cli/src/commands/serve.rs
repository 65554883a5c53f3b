//! `stakeout serve`: the API, its pages and its tasks, until told to stop.

use std::{io::Write as _, net::SocketAddr, path::Path, process::ExitCode, sync::Arc, time::Duration};

use stakeout_agent::{Shutdown, Worker};
use stakeout_blobs::{BlobError, Blobs, MasterKey};
use stakeout_bundle::keys::SigningKey;
use stakeout_server::{
    Service,
    api::{self, ApiOptions, App, BootstrapError},
    clock, http,
    seal::{Sealer, read_secret},
    tasks,
};
use stakeout_store::{Store, postgres::PostgresStore, sqlite::SqliteStore};
use tokio_util::sync::CancellationToken;

use super::{intake, work};
use crate::{
    args::{farm::ServeArgs, frida::FridaArgs, walls::WallArgs},
    exit::Failure,
    interrupt, places,
    state_dir::StateDir,
};

/// As `--disk-gib` of `stakeout work`.
const DISK_GIB: u64 = 5;
/// Connections to PostgreSQL of one orchestrator.
const CONNECTIONS: u32 = 16;

/// Which store is meant.
pub(crate) enum Place {
    Sqlite(std::path::PathBuf),
    Postgres(String),
}

/// A store's address.
pub(crate) fn place(text: &str) -> Result<Place, Failure> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(Place::Postgres(text.to_owned()));
    }
    if let Some(path) = text.strip_prefix("sqlite:") {
        return Ok(Place::Sqlite(path.into()));
    }
    match text.split_once("://") {
        // The rest may hold a password.
        Some((scheme, _)) => Err(Failure::hint(format!("`{scheme}://` is no kind of store"), "a file, sqlite:PATH or postgres://..")),
        None => Ok(Place::Sqlite(text.into())),
    }
}

/// Artifacts, encrypted if there is a key.
pub(crate) fn blobs(address: &str, key: Option<&Path>) -> Result<Blobs, Failure> {
    let blobs = Blobs::open(address).map_err(Failure::usage)?;
    let Some(path) = key else { return Ok(blobs) };
    let bad = |why: String| {
        Failure::hint(
            format!("the blob key `{}` cannot be used: {why}", path.display()),
            "it holds 64 hexadecimal digits (`openssl rand -hex 32`) and is nobody else's to read (mode 0600)",
        )
    };
    let text = read_secret(path).map_err(|e| bad(e.to_string()))?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.trim(), &mut bytes).map_err(|e| bad(e.to_string()))?;
    Ok(blobs.sealed(MasterKey::from_bytes(&bytes)))
}

pub(crate) async fn run(a: ServeArgs) -> Result<ExitCode, Failure> {
    // Before anything is made: what cannot be listened to leaves nothing behind. Who connects before all is ready waits.
    let tls = match (&a.tls_cert, &a.tls_key) {
        (Some(cert), Some(key)) => Some(http::tls(cert, key).map_err(Failure::usage)?),
        _ => None,
    };
    let listener = http::bind(a.listen).await.map_err(Failure::usage)?;
    let metrics = match a.metrics {
        Some(m) => Some(http::bind(m).await.map_err(Failure::usage)?),
        None => None,
    };
    let data = places::data()?;
    let store = Box::pin(store(&data, a.store.clone())).await?;
    clock::look(&*store).await.map_err(Failure::other)?;
    let address = a.blobs.clone().unwrap_or_else(|| data.join("artifacts").display().to_string());
    let blobs = blobs(&address, a.blob_key.as_deref())?;
    blobs.check().await.map_err(|e| match e {
        BlobError::Key { .. } => Failure::usage(e),
        // Whoever starts it again, as systemd and Kubernetes do, may find it there.
        e => Failure::other(anyhow::Error::from(e).context(
            "the storage of artifacts cannot be used\nhint: does it answer, and are its name and credentials right? `--blobs` names it",
        )),
    })?;
    let operator = SigningKey::load_or_create(&a.key.clone().map_or_else(places::operator_key, Ok)?).map_err(Failure::usage)?;
    let sealer = Sealer::load_or_create(&a.seal_key.clone().unwrap_or_else(|| data.join("seal.key"))).map_err(Failure::usage)?;
    first_admin(&*store, &a.admin_token_file.clone().unwrap_or_else(|| data.join("admin.token"))).await?;
    // Apps and bundles are larger than many a /tmp.
    let work = StateDir::new(&places::cache()?, "serve-")?;
    let public_tls = a.public_url.as_deref().is_some_and(|u| u.starts_with("https://"));
    let options = ApiOptions {
        work: work.path().to_owned(),
        app_bytes: a.app_mib << 20,
        secure: tls.is_some() || a.behind_proxy || public_tls,
        private_hooks: a.allow_private_hooks,
    };
    let service = Arc::new(Service::new(store, blobs, sealer).reading_apps(intake::reader()).leases_of(a.lease_seconds).serving());
    // A worker that cannot start is told before anybody sees this server.
    let worker = if a.with_worker { Some(Box::pin(Embedded::new(&service, &a.walls, &a.frida, !a.no_live)).await?) } else { None };
    let app = App::new(service, operator, options);
    let at = listener.local_addr().unwrap_or(a.listen);
    let stop = interrupt::ending("ending: requests may end for 25 seconds")?;
    let worker = worker.map(|w| tokio::spawn(w.run(stop.clone())));
    let doing = tokio::spawn(tasks::run(app.clone(), stop.clone()));
    if let Some(m) = metrics {
        tokio::spawn(http::serve(m, api::metrics(app.clone()), None, stop.clone()));
    }
    say!("listening on {}://{at}", if tls.is_some() { "https" } else { "http" });
    warn_of_plain(&a, at);
    http::serve(listener, api::router(app), tls, stop).await;
    doing.await.map_err(Failure::other)?;
    if let Some(w) = worker {
        w.await.map_err(Failure::other)??;
    }
    Ok(ExitCode::SUCCESS)
}

/// The store that is meant, with the folders that it needs.
async fn store(data: &Path, named: Option<String>) -> Result<Arc<dyn Store>, Failure> {
    std::fs::create_dir_all(data).map_err(|e| Failure::usage(anyhow::anyhow!("`{}` cannot be used: {e}", data.display())))?;
    let store: Arc<dyn Store> = match place(&named.unwrap_or_else(|| data.join("farm.db").display().to_string()))? {
        Place::Sqlite(path) => {
            if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
                std::fs::create_dir_all(dir).map_err(|e| Failure::usage(anyhow::anyhow!("`{}` cannot be made: {e}", dir.display())))?;
            }
            Arc::new(SqliteStore::open(&path).await.map_err(Failure::usage)?)
        }
        Place::Postgres(url) => Arc::new(PostgresStore::open(&url, CONNECTIONS).await.map_err(Failure::other)?),
    };
    Ok(store)
}

fn warn_of_plain(a: &ServeArgs, at: SocketAddr) {
    if a.tls_cert.is_none() && !a.behind_proxy && !at.ip().is_loopback() {
        tracing::warn!("tokens and evidence go over the network in the clear: give --tls-cert and --tls-key, or --behind-proxy");
    }
}

/// The first admin token: from its file, or made and written there where the farm has no admin. Only what is written down gets
/// a row: a token whose text nobody has would count as an admin.
async fn first_admin(store: &dyn Store, path: &Path) -> Result<(), Failure> {
    let bad = |e: &dyn std::fmt::Display, hint: &str| {
        Failure::hint(format!("the admin token's file `{}` cannot be used: {e}", path.display()), hint)
    };
    let unusable = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::PermissionDenied => bad(&e, "it is nobody else's to read: give it the mode 0600 and this server's user"),
        _ => bad(&e, "give another with `--admin-token-file`"),
    };
    let mut given = match read_secret(path) {
        Ok(t) => Some(t.trim().to_owned()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(unusable(e)),
    };
    let make = given.is_none() && !api::has_admin(store).await.map_err(Failure::other)?;
    if make {
        let text = api::first_token().map_err(Failure::other)?;
        keep_token(path, &text).map_err(unusable)?;
        given = Some(text);
    }
    match api::bootstrap(store, given.as_deref()).await {
        Ok(_) => {}
        Err(BootstrapError::Service(e)) => return Err(Failure::other(e)),
        Err(e) => return Err(bad(&e, "put the right text there, or remove it: a new one is made where no admin's token counts")),
    }
    if make {
        say!("the first admin token is in `{}`: keep it, then make tenants and tokens with it", path.display());
    } else if !api::has_admin(store).await.map_err(Failure::other)? {
        tracing::warn!(
            "no admin's token of the tenant `farm` counts any more: remove `{}` and start again, and a new one is made there",
            path.display()
        );
    }
    Ok(())
}

/// Writes a token to a new file, whole or not at all.
fn keep_token(path: &Path, text: &str) -> std::io::Result<()> {
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Only its owner can read it.
    let mut file = tempfile::Builder::new().prefix(".token-").tempfile_in(dir)?;
    writeln!(file, "{text}")?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    Ok(())
}

/// A worker in this process.
struct Embedded {
    worker: Worker<Arc<Service>>,
    host: work::Host,
    service: Arc<Service>,
}

impl Embedded {
    /// With all that this host has: fails if there is no engine, or no image.
    async fn new(service: &Arc<Service>, walls: &WallArgs, frida: &FridaArgs, live: bool) -> Result<Self, Failure> {
        let engine = super::walled(walls).await?;
        let mut config = work::config(&engine, &[], 0, None, None).await?;
        (config.poll, config.live) = (Duration::from_secs(1), live);
        config.images.frida = frida.folder()?;
        let host = work::Host::new(engine.clone(), config.clone(), DISK_GIB)?;
        let worker = Worker::new(service.clone(), engine, config).await.map_err(super::of_worker)?;
        // Its key is known before the first trial that it signs.
        service.worker_lives(host.worker(), &host.abilities(), &host.facts().await).await.map_err(Failure::other)?;
        Ok(Self { worker, host, service: service.clone() })
    }

    /// Until told to stop. Should it end by itself, the server ends with it: nobody would run what is submitted.
    async fn run(self, stop: CancellationToken) -> Result<(), Failure> {
        let _ends_all = stop.clone().drop_guard();
        let Self { worker, host, service } = self;
        let id = host.worker().clone();
        let tell = move |abilities, facts| {
            let (service, id) = (service.clone(), id.clone());
            async move { service.worker_lives(&id, &abilities, &facts).await.map_err(|e| stakeout_agent::chain(&e)) }
        };
        let beating = tokio::spawn(work::beat(host, tell));
        let done = worker.run(Shutdown { drain: CancellationToken::new(), stop }).await;
        beating.abort();
        done.map(drop).map_err(Failure::other)
    }
}

#[cfg(test)]
mod tests {
    use stakeout_contract::TenantId;
    use stakeout_store::Access as _;

    use super::*;

    async fn store(dir: &Path) -> SqliteStore {
        SqliteStore::open(&dir.join("farm.db")).await.unwrap()
    }

    fn put(path: &Path, text: &str) {
        std::fs::write(path, text).unwrap();
        mode(path, 0o600);
    }

    fn mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }

    fn said(r: Result<(), Failure>) -> String {
        r.err().map(|e| e.error_for_tests()).unwrap_or_default()
    }

    #[test]
    fn an_address_of_another_kind_of_store_is_no_file() {
        for (file, path) in [("farm.db", "farm.db"), ("/srv/farm.db", "/srv/farm.db"), ("sqlite:/srv/a.db", "/srv/a.db")] {
            assert!(matches!(place(file), Ok(Place::Sqlite(p)) if p.as_path() == Path::new(path)), "{file}");
        }
        for url in ["postgres://db/stakeout", "postgresql://u@db/stakeout"] {
            assert!(matches!(place(url), Ok(Place::Postgres(u)) if u == url), "{url}");
        }
        for bad in ["mysql://u:secret@db/stakeout", "foo://x", "file:///srv/farm.db"] {
            let failed = said(place(bad).map(drop));
            assert!(failed.contains("is no kind of store") && failed.contains("hint: ") && !failed.contains("secret"), "{bad}: {failed}");
        }
    }

    #[tokio::test]
    async fn the_first_admins_token_is_written_down_before_it_counts() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path()).await;
        // A folder that is not there: nothing can be written, so nothing may count.
        let failed = said(first_admin(&store, &dir.path().join("none/admin.token")).await);
        assert!(failed.contains("cannot be used") && failed.contains("--admin-token-file"), "{failed}");
        assert!(!api::has_admin(&store).await.unwrap());
        let path = dir.path().join("admin.token");
        assert_eq!(said(first_admin(&store, &path).await), "");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("stk_") && api::has_admin(&store).await.unwrap());
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777, 0o600);
        // The same file at the next start, and none once there are admins: nothing new.
        assert_eq!(said(first_admin(&store, &path).await), "");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(said(first_admin(&store, &path).await), "");
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn an_operator_who_lost_all_tokens_gets_in_by_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path()).await;
        let path = dir.path().join("admin.token");
        assert_eq!(said(first_admin(&store, &path).await), "");
        // As docs/operations.md says it.
        let own = format!("stk_token-recovery-1_{}\n", "5a".repeat(32));
        put(&path, &own);
        assert_eq!(said(first_admin(&store, &path).await), "");
        let ids: Vec<String> = store.tokens(&TenantId::farm(), None, 10).await.unwrap().iter().map(|t| t.id.to_string()).collect();
        assert!(ids.len() == 2 && ids.iter().any(|i| i == "token-recovery-1"), "{ids:?}");
        put(&path, &own.replace("5a", "5b"));
        let failed = said(first_admin(&store, &path).await);
        assert!(failed.contains("not the one that the store has as `token-recovery-1`"), "{failed}");
    }

    #[tokio::test]
    async fn a_key_or_a_token_that_everybody_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path()).await;
        let (token, key) = (dir.path().join("admin.token"), dir.path().join("blob.key"));
        put(&token, &format!("stk_token-own-1_{}\n", "5a".repeat(32)));
        put(&key, &"5a".repeat(32));
        let keyed = |key: &Path| blobs(&dir.path().join("blobs").display().to_string(), Some(key)).map(drop);
        for path in [&token, &key] {
            mode(path, 0o644);
        }
        for failed in [said(first_admin(&store, &token).await), said(keyed(&key))] {
            assert!(failed.contains("everybody on this host can reach it (`chmod 600`)") && failed.contains("hint: "), "{failed}");
        }
        assert!(!api::has_admin(&store).await.unwrap());
        // As a cluster mounts a secret.
        for path in [&token, &key] {
            mode(path, 0o440);
        }
        assert_eq!((said(first_admin(&store, &token).await), said(keyed(&key))), (String::new(), String::new()));
    }

    #[tokio::test]
    async fn a_file_without_a_token_is_told_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path()).await;
        let path = dir.path().join("admin.token");
        for text in ["", "hunter2", "stk_token-1_short"] {
            put(&path, text);
            let failed = said(first_admin(&store, &path).await);
            assert!(failed.contains("it holds no token") && failed.contains("hint: "), "{failed}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert!(!api::has_admin(&store).await.unwrap());
    }
}
