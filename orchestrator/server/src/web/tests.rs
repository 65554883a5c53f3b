//! The pages as a browser asks for them, over a store on disk.

use std::{path::Path, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use stakeout_blobs::Blobs;
use stakeout_bundle::keys::SigningKey;
use stakeout_store::{Noted, conformance::sample, sqlite::SqliteStore};
use tower_service::Service as _;

use crate::{
    Service,
    api::{self, ApiOptions, App},
    seal::Sealer,
};

struct Site {
    router: Router,
    app: App,
    admin: String,
    _dir: tempfile::TempDir,
}

struct Page {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Page {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

impl Site {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let store = SqliteStore::open(&at("db")).await.unwrap();
        let service = Service::new(Arc::new(store), Blobs::folder(&at("blobs")).unwrap(), Sealer::ephemeral().unwrap());
        let options = ApiOptions { work: dir.path().to_owned(), app_bytes: 1 << 20, secure: true, private_hooks: false };
        let app = App::new(Arc::new(service), SigningKey::load_or_create(Path::new(&at("op.pem"))).unwrap(), options);
        let admin = api::bootstrap(app.service().store(), None).await.unwrap().unwrap().token;
        Self { router: api::router(app.clone()), app, admin, _dir: dir }
    }

    async fn ask(&self, request: Request<Body>) -> Page {
        let r = self.router.clone().call(request).await.unwrap();
        let (parts, body) = r.into_parts();
        let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        Page { status: parts.status, headers: parts.headers, text }
    }

    /// As a browser that has this token in its cookie, if any.
    fn request(method: &str, path: &str, token: &str) -> axum::http::request::Builder {
        let r = Request::builder().method(method).uri(path).header("accept", "text/html,*/*").header("sec-fetch-site", "same-origin");
        if token.is_empty() { r } else { r.header("cookie", format!("__Host-stakeout_token={token}")) }
    }

    async fn get(&self, path: &str, token: &str) -> Page {
        self.ask(Self::request("GET", path, token).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, token: &str, form: &str) -> Page {
        let r = Self::request("POST", path, token).header("content-type", "application/x-www-form-urlencoded");
        self.ask(r.body(Body::from(form.to_owned())).unwrap()).await
    }

    /// A token of this role, made on the page.
    async fn token(&self, role: &str) -> String {
        self.token_of("", role).await
    }

    /// The same of a tenant.
    async fn token_of(&self, tenant: &str, role: &str) -> String {
        let p = self.post("/tokens", &self.admin, &format!("role={role}&label=a%3Cb%3E&days=&tenant={tenant}")).await;
        assert_eq!(p.status, StatusCode::CREATED, "{}", p.text);
        // The page lists its own tenant's.
        assert!(!tenant.is_empty() || p.text.contains("a&#60;b&#62;"), "{}", p.text);
        p.text.split_once("id=\"secret\">").unwrap().1.split_once('<').unwrap().0.to_owned()
    }
}

#[tokio::test]
async fn who_is_not_signed_in_is_sent_there_and_back_again() {
    let site = Site::new().await;
    let p = site.get("/jobs/job-1?x=1", "").await;
    assert_eq!((p.status, p.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/sign-in?next=%2Fjobs%2Fjob-1%3Fx%3D1"));
    let p = site.get("/sign-in?next=//evil.example", "").await;
    assert!(p.text.contains("name=\"next\" value=\"/\""), "{}", p.text);
    let p = site.post("/sign-in", "", &format!("token={}&next=/workers", site.admin)).await;
    assert_eq!((p.status, p.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/workers"));
    let cookie = p.header(header::SET_COOKIE);
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Secure"), "{cookie}");
    let p = site.post("/sign-in", "", "token=stk_x").await;
    assert!(p.status == StatusCode::FORBIDDEN && p.text.contains("is not known") && p.header(header::SET_COOKIE).is_empty());
    assert!(site.post("/sign-out", &site.admin, "").await.header(header::SET_COOKIE).contains("Max-Age=0"));
}

#[tokio::test]
async fn every_page_is_bound_by_its_policy_and_kept_by_nobody() {
    let site = Site::new().await;
    for path in ["/", "/submit", "/workers", "/tokens", "/sign-in", "/no/such/page", "/jobs/job-1", "/compare?a=x&b=y", "/?cursor=!"] {
        let p = site.get(path, &site.admin).await;
        let policy = p.header(header::CONTENT_SECURITY_POLICY);
        assert!(
            policy.starts_with("default-src 'none';") && policy.contains("form-action 'self'") && !policy.contains("unsafe"),
            "{path}: {policy}"
        );
        assert_eq!((p.header(header::REFERRER_POLICY), p.header(header::CACHE_CONTROL)), ("same-origin", "no-store"), "{path}");
        assert!(p.text.contains("<h1>") && !p.text.contains("style=") && !p.text.contains("<script>"), "{path}: {}", p.text);
    }
}

#[tokio::test]
async fn a_role_sees_what_it_may_and_forms_of_other_sites_do_nothing() {
    let site = Site::new().await;
    let (reader, worker) = (site.token("reader").await, site.token("worker").await);
    let p = site.get("/", &reader).await;
    assert!(p.status == StatusCode::OK && !p.text.contains("href=\"/submit\"") && !p.text.contains("href=\"/tokens\""), "{}", p.text);
    for path in ["/submit", "/tokens"] {
        assert_eq!(site.get(path, &reader).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(site.post("/workers/w/mode", &reader, "mode=draining").await.status, StatusCode::FORBIDDEN);
    assert_eq!(site.get("/", &worker).await.status, StatusCode::FORBIDDEN);
    assert_eq!(site.post("/sign-in", "", &format!("token={worker}")).await.status, StatusCode::FORBIDDEN);

    let foreign = Request::post("/tokens")
        .header("cookie", format!("__Host-stakeout_token={}", site.admin))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "cross-site");
    let p = site.ask(foreign.body(Body::from("role=admin")).unwrap()).await;
    assert!(p.status == StatusCode::FORBIDDEN && !p.text.contains("stk_"), "{}", p.text);

    let id = reader.strip_prefix("stk_").unwrap().rsplit_once('_').unwrap().0;
    assert_eq!(site.post(&format!("/tokens/{id}/revoke"), &site.admin, "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.get("/", &reader).await.header(header::LOCATION), "/sign-in");
}

#[tokio::test]
async fn a_worker_is_minded_by_its_tenants_admins_and_by_operators() {
    let site = Site::new().await;
    let store = site.app.service().store();
    store.put_tenant(&sample::tenant_row("other"), Noted::NOTHING).await.unwrap();
    let key = format!("sha256:{}", "a".repeat(64));
    let host = stakeout_contract::api::fleet::HostFacts { key: key.clone(), ..Default::default() };
    for (id, tenant) in [("worker-farm", "farm"), ("worker-own", "other")] {
        let now = crate::service::now();
        store.worker_seen(&id.parse().unwrap(), &sample::tenant(tenant), &sample::abilities(34), Some(&host), now).await.unwrap();
    }
    let form = |id: &str| format!("action=\"/workers/{id}/mode\"");
    let (theirs, reader) = (site.token_of("other", "admin").await, site.token_of("other", "reader").await);
    for (token, sees) in [(&site.admin, (true, true)), (&theirs, (false, true)), (&reader, (false, false))] {
        let p = site.get("/workers", token).await;
        assert!(p.text.contains("worker-farm") && p.text.contains("worker-own") && p.text.contains(&key), "{}", p.text);
        assert_eq!((p.text.contains(&form("worker-farm")), p.text.contains(&form("worker-own"))), sees, "{}", p.text);
    }
    assert_eq!(site.post("/workers/worker-farm/mode", &theirs, "mode=draining").await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.post("/workers/worker-own/mode", &theirs, "mode=draining").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_job_is_listed_shown_and_given_up_and_is_not_there_for_another_tenant() {
    let site = Site::new().await;
    let store = site.app.service().store();
    let mut job = sample::job(&stakeout_contract::TenantId::farm(), 2);
    job.spec.facts.package = "com.\"><img src=x>".to_owned();
    job.tags = vec!["nightly".to_owned()];
    sample::insert(store, &job).await;
    let other = sample::job(&sample::tenant("other"), 1);
    store.put_tenant(&sample::tenant_row("other"), Noted::NOTHING).await.unwrap();
    sample::insert(store, &other).await;

    let list = site.get("/?tag=nightly", &site.admin).await;
    assert!(list.text.contains(job.id.as_str()) && !list.text.contains(other.id.as_str()) && !list.text.contains("<img"), "{}", list.text);
    assert!(!site.get("/?state=finished", &site.admin).await.text.contains(job.id.as_str()));
    assert_eq!(site.get(&format!("/jobs/{}", other.id), &site.admin).await.status, StatusCode::NOT_FOUND);

    let path = format!("/jobs/{}", job.id);
    let p = site.get(&path, &site.admin).await;
    assert!(p.text.contains("2 trials: 2 queued") && p.text.contains("data-follow=\"/v1/jobs/"), "{}", p.text);
    assert_eq!(site.post(&format!("{path}/cancel"), &site.admin, "").await.header(header::LOCATION), path);
    assert!(site.get(&path, &site.admin).await.text.contains("2 trials: 2 cancelled"));
}

#[tokio::test]
async fn a_form_without_an_app_comes_back_with_what_is_wrong() {
    let site = Site::new().await;
    let part = |name: &str, text: &str| format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
    let file = "--b\r\ncontent-disposition: form-data; name=\"apk\"; filename=\"x.apk\"\r\n\r\nno zip\r\n";
    for (body, wanted) in [(part("tags", "nightly"), "there is no app"), (part("tags", "nightly") + file, "the app is no APK")] {
        let r = Site::request("POST", "/submit", &site.admin).header("content-type", "multipart/form-data; boundary=b");
        let p = site.ask(r.body(Body::from(body + "--b--\r\n")).unwrap()).await;
        assert_eq!(p.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", p.text);
        assert!(p.text.contains("id=\"apk-mistake\"") && p.text.contains(wanted) && p.text.contains("value=\"nightly\""), "{}", p.text);
    }
}

#[path = "../../tests/api/apk.rs"]
mod apk;

/// A form's part: its name, a file's name or none, its bytes.
type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

impl Site {
    async fn submit(&self, parts: &[Part<'_>]) -> Page {
        let mut body = Vec::new();
        for (name, file, bytes) in parts {
            let file = file.map_or_else(String::new, |f| format!("; filename=\"{f}\""));
            body.extend(format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n").as_bytes());
            body.extend([*bytes, b"\r\n"].concat());
        }
        body.extend(b"--b--\r\n");
        let r = Self::request("POST", "/submit", &self.admin).header("content-type", "multipart/form-data; boundary=b");
        self.ask(r.body(Body::from(body)).unwrap()).await
    }
}

#[tokio::test]
async fn an_apps_files_come_in_any_order_and_the_base_is_found() {
    let site = Site::new().await;
    let (base, other) = (apk::apk("com.example.app", "1"), apk::apk("com.example.other", "1"));
    let (de, fr) = (apk::split("com.example.app", "config.de"), apk::split("com.example.app", "config.fr"));
    let file = |bytes| ("apk", Some("x.apk"), bytes);
    for (files, wanted) in [
        (vec![file(&de[..]), file(&fr)], "the app comes with splits only, and without its base"),
        (vec![file(&base[..]), file(&de), file(&other)], "more than one base: `com.example.app` and `com.example.other`"),
        (vec![file(&other[..]), file(&de)], "is a split of `com.example.app`, not of `com.example.other`"),
    ] {
        let p = site.submit(&files).await;
        assert_eq!(p.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", p.text);
        assert!(
            p.text.contains("id=\"apk-mistake\"") && p.text.contains(&wanted.replace('`', "&#96;")) || p.text.contains(wanted),
            "{}",
            p.text
        );
    }
    let p = site.submit(&[file(&de), file(&base), file(&fr), ("do", None, b"estimate")]).await;
    assert!(p.status == StatusCode::OK && p.text.contains("with 2 splits is here already"), "{}", p.text);
    let digest = stakeout_contract::Sha256Digest::of(&base);
    let kept = site.app.service().store().app(&stakeout_contract::TenantId::farm(), &digest).await.unwrap();
    assert_eq!(kept.splits, [&de, &fr].map(|s| stakeout_contract::Sha256Digest::of(s)));
    // The same base with other splits is another app than the one that is kept.
    let p = site.submit(&[file(&base)]).await;
    assert!(p.status == StatusCode::CONFLICT && p.text.contains("id=\"apk-mistake\""), "{}", p.text);
    // And it is submitted without its files.
    let p = site.submit(&[("app", None, digest.to_string().as_bytes()), ("scenario", None, b"idle-demo")]).await;
    assert!(p.status == StatusCode::SEE_OTHER && p.header(header::LOCATION).starts_with("/jobs/"), "{}", p.text);
}

#[tokio::test]
async fn values_that_a_scenario_types_go_into_the_job_and_into_no_page() {
    const VALUE: &str = "correct-horse-battery";
    let site = Site::new().await;
    let (base, yaml) = (apk::apk("com.example.app", "1"), "name: login\nsteps:\n  - launchApp\n  - inputText: {secret: password}\n");
    let app = ("apk", Some("x.apk"), &base[..]);
    let text = |name, text: &'static str| (name, None, text.as_bytes());
    let (name, value) = (text("secret-name", "password"), text("secret-value", VALUE));
    let (nobody, nothing) = (text("secret-name", ""), text("secret-value", ""));
    for (typed, wanted) in [
        (vec![nobody, nothing], "which was not given"),
        (vec![name, nothing], "has no value"),
        (vec![nobody, value], "a value has no name"),
        (vec![name, text("secret-value", "abc")], "a secret has 4 to 4096 bytes"),
    ] {
        let p = site.submit(&[vec![app, text("yaml", yaml)], typed].concat()).await;
        assert_eq!(p.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", p.text);
        assert!(p.text.contains("id=\"secrets-mistake\"") && p.text.contains(wanted) && !p.text.contains(VALUE), "{}", p.text);
    }
    let all = [app, text("yaml", yaml), nobody, nothing, name, value];
    let p = site.submit(&[&all[..], &[text("do", "estimate")]].concat()).await;
    assert!(p.status == StatusCode::OK && !p.text.contains(VALUE) && p.text.contains("type them again"), "{}", p.text);
    assert!(
        p.text.contains("name=\"secret-name\" value=\"password\"") && p.text.contains("type=\"password\" autocomplete=\"off\""),
        "{}",
        p.text
    );
    let p = site.submit(&all).await;
    let path = p.header(header::LOCATION).to_owned();
    assert_eq!(p.status, StatusCode::SEE_OTHER, "{}", p.text);
    let job = path.strip_prefix("/jobs/").unwrap().parse().unwrap();
    let row = site.app.service().store().job(None, &job).await.unwrap();
    assert_eq!(site.app.service().secrets_of(&row).unwrap().get("password"), Some(VALUE));
    assert!(!site.get(&path, &site.admin).await.text.contains(VALUE));
}

#[tokio::test]
async fn programs_get_problems_and_assets_are_asked_for_again() {
    let site = Site::new().await;
    let r = Request::get("/no/such/page").header("accept", "application/json").body(Body::empty()).unwrap();
    assert_eq!(site.ask(r).await.header(header::CONTENT_TYPE), "application/problem+json");
    let p = site.get("/assets/pages.css", "").await;
    assert_eq!((p.status, p.header(header::CONTENT_TYPE)), (StatusCode::OK, "text/css; charset=utf-8"));
    let again = Site::request("GET", "/assets/pages.css", "").header("if-none-match", p.header(header::ETAG));
    assert_eq!(site.ask(again.body(Body::empty()).unwrap()).await.status, StatusCode::NOT_MODIFIED);
}
