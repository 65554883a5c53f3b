//! A farm of one test.

use std::{path::PathBuf, sync::Arc, time::Duration};

use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};
use stakeout_blobs::Blobs;
use stakeout_bundle::keys::SigningKey;
use stakeout_client::{Client, ClientOptions};
use stakeout_contract::{
    Sha256Digest, TenantId,
    api::{
        apps,
        problem::{Code, Problem},
    },
    trial::AppFacts,
};
use stakeout_server::{
    Service,
    api::{self, ApiOptions, App},
    http,
    seal::Sealer,
    tasks,
};
use stakeout_store::{Noted, Store, sqlite::SqliteStore};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Largest app that the farm takes.
pub(crate) const APP_MAX: u64 = 1 << 20;

/// An answer.
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Said {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The document of an answer with this status.
    #[track_caller]
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// A success without a body.
    #[track_caller]
    pub(crate) fn done(&self) {
        assert_eq!((self.status, self.text().as_str()), (204, ""));
    }

    /// A problem document, whose status is that of its type and of the answer.
    #[track_caller]
    pub(crate) fn problem(&self) -> Problem {
        assert_eq!(self.header("content-type"), "application/problem+json", "{} {}", self.status, self.text());
        let p: Problem = serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()));
        let code = p.code().unwrap_or_else(|| panic!("an unknown type: {}", p.kind));
        assert_eq!((p.status, code.status()), (self.status, self.status), "{p:?}");
        p
    }

    /// A problem of this type.
    #[track_caller]
    pub(crate) fn fails(&self, code: Code) -> Problem {
        let p = self.problem();
        assert_eq!(p.code(), Some(code), "{p:?}");
        p
    }
}

/// One served router.
pub(crate) struct Server {
    pub(crate) base: String,
    stop: CancellationToken,
    running: Vec<JoinHandle<()>>,
}

impl Server {
    /// Ends as a process that was told to: what runs may end.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        for task in self.running {
            task.await.unwrap();
        }
    }
}

/// A store, artifacts, and a server on them.
pub(crate) struct Farm {
    pub(crate) dir: Arc<TempDir>,
    pub(crate) api: App,
    pub(crate) server: Server,
    /// The first admin's token.
    pub(crate) admin: String,
    http: reqwest::Client,
}

fn options(dir: &TempDir) -> ApiOptions {
    let work = dir.path().join("work");
    std::fs::create_dir_all(&work).unwrap();
    ApiOptions { work, app_bytes: APP_MAX, secure: false, private_hooks: true }
}

/// Serves a store; all that is beside it is in `dir`.
pub(crate) async fn serve(dir: &TempDir, store: impl Store, change: impl FnOnce(&mut ApiOptions)) -> (App, Server) {
    let blobs = Blobs::folder(&dir.path().join("blobs")).unwrap();
    let service = Arc::new(Service::new(Arc::new(store), blobs, Sealer::new(&[7; 32]).unwrap()));
    let operator = SigningKey::load_or_create(&dir.path().join("operator.pem")).unwrap();
    let mut options = options(dir);
    change(&mut options);
    let app = App::new(service, operator, options);
    let listener = http::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let running = vec![
        tokio::spawn(http::serve(listener, api::router(app.clone()), None, stop.clone())),
        tokio::spawn(tasks::run(app.clone(), stop.clone())),
    ];
    (app, Server { base, stop, running })
}

impl Farm {
    /// On a new file.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// With other options.
    pub(crate) async fn start_with(change: impl FnOnce(&mut ApiOptions)) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let store = SqliteStore::open(&dir.path().join("db")).await.unwrap();
        Self::on(dir, store, change).await
    }

    /// The database's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.dir.path().join("db")
    }

    /// On a store.
    pub(crate) async fn on(dir: Arc<TempDir>, store: impl Store, change: impl FnOnce(&mut ApiOptions)) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (api, server) = serve(&dir, store, change).await;
        let admin = api::bootstrap(api.service().store(), None).await.unwrap().unwrap().token;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        Self { dir, api, server, admin, http }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.api.service().store()
    }

    /// A request to be made.
    pub(crate) fn request(&self, method: &str, path: &str, token: &str) -> RequestBuilder {
        let request = self.http.request(Method::from_bytes(method.as_bytes()).unwrap(), format!("{}{path}", self.server.base));
        if token.is_empty() { request } else { request.bearer_auth(token) }
    }

    /// A request without a body.
    pub(crate) async fn ask(&self, method: &str, path: &str, token: &str) -> Said {
        said(self.request(method, path, token)).await
    }

    /// A request with a JSON body.
    pub(crate) async fn send(&self, method: &str, path: &str, token: &str, body: &Value) -> Said {
        said(self.request(method, path, token).json(body)).await
    }

    /// Gets a document.
    pub(crate) async fn get(&self, path: &str, token: &str) -> Value {
        self.ask("GET", path, token).await.json(200)
    }

    pub(crate) fn client(&self, token: &str) -> Client {
        client(&self.server.base, token)
    }

    /// A tenant with these bounds, and its admin's token.
    pub(crate) async fn tenant(&self, id: &str, more: Value) -> String {
        let mut spec = json!({"id": id, "name": id});
        spec.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.send("PUT", "/v1/tenants", &self.admin, &spec).await.json(201);
        self.token(id, "admin").await
    }

    /// A token of a tenant.
    pub(crate) async fn token(&self, tenant: &str, role: &str) -> String {
        let made = self.send("POST", "/v1/tokens", &self.admin, &json!({"role": role, "tenant": tenant})).await.json(201);
        made["secret"].as_str().unwrap().to_owned()
    }

    /// An app of a tenant, as if it had been added.
    pub(crate) async fn app(&self, tenant: &str, text: &str) -> Sha256Digest {
        self.app_of(tenant, text, AppFacts { package: "com.example.tiny".to_owned(), ..AppFacts::default() }).await
    }

    /// The same, which says this of itself.
    pub(crate) async fn app_of(&self, tenant: &str, text: &str, facts: AppFacts) -> Sha256Digest {
        let tenant: TenantId = tenant.parse().unwrap();
        let sha256 = self.api.service().blobs().of(&tenant).put(text.as_bytes().to_vec()).await.unwrap();
        let facts = AppFacts { sha256: Some(sha256), ..facts };
        let app = apps::App { sha256, splits: vec![], bytes: text.len() as u64, facts, created_ms: now() };
        self.store().note_blob(&tenant, &sha256, app.bytes, now()).await.unwrap();
        self.store().put_app(&tenant, &app, Noted::NOTHING).await.unwrap();
        sha256
    }

    /// A job of an app with so many trials of the shortest scenario; what `more` says instead.
    pub(crate) async fn submit(&self, token: &str, app: &Sha256Digest, trials: u32, more: Value) -> Value {
        let said = self.send("POST", "/v1/jobs", token, &spec(app, trials, more)).await;
        assert!(matches!(said.status, 200 | 201), "{}", said.text());
        serde_json::from_slice(&said.body).unwrap()
    }

    /// Waits until a job is as it should be, and gives it.
    pub(crate) async fn until(&self, token: &str, job: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..600 {
            last = self.get(&format!("/v1/jobs/{job}"), token).await;
            if is(&last) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the job stays so: {last}")
    }
}

/// What a job is submitted with.
pub(crate) fn spec(app: &Sha256Digest, trials: u32, more: Value) -> Value {
    let mut spec = json!({"app": app, "trials": trials, "scenario": {"name": "tiny", "steps": ["launchApp"]}});
    spec.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    spec
}

/// Sends a request.
pub(crate) async fn said(request: RequestBuilder) -> Said {
    let r = request.send().await.unwrap();
    Said { status: r.status().as_u16(), headers: r.headers().clone(), body: r.bytes().await.unwrap().to_vec() }
}

pub(crate) fn client(base: &str, token: &str) -> Client {
    let patience = Duration::from_secs(5);
    Client::new(&ClientOptions { server: base.to_owned(), token: token.to_owned(), ca: None, patience }).unwrap()
}

/// Unix milliseconds.
pub(crate) fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A field's text.
#[track_caller]
pub(crate) fn text<'a>(v: &'a Value, field: &str) -> &'a str {
    v[field].as_str().unwrap_or_else(|| panic!("no `{field}` in {v}"))
}
