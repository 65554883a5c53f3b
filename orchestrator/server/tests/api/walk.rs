//! Every route of the document, as everybody who should not. The walk is driven by the document: a new route walks along, and
//! one whose request is not known here stops the walk until it is said what it takes.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stakeout_contract::api::problem::Code;

use crate::{
    farm::{Farm, Said, said, spec, text},
    hand::{Hand, abilities, completion, end, progress},
};

/// A route of the document.
struct Route {
    id: String,
    method: String,
    path: String,
    /// `admin`, `submitter`, `reader`, `worker`, `operator`; empty: anyone.
    role: String,
    media: String,
    headers: Vec<String>,
    /// What it gives has an ETag.
    tagged: bool,
}

fn routes(document: &Value) -> Vec<Route> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, op) in item.as_object().unwrap() {
            let said = text(op, "description").rsplit("Role: ").next().unwrap().trim_end_matches('.');
            let open = op["security"] == json!([]);
            let role = if said.contains("farm") { "operator" } else { said };
            let media = op["requestBody"]["content"].as_object().and_then(|c| c.keys().next()).cloned().unwrap_or_default();
            let headers = op["parameters"].as_array().unwrap().iter().filter(|p| p["in"] == "header" && p["required"] == true);
            all.push(Route {
                id: text(op, "operationId").to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                role: if open { String::new() } else { role.to_owned() },
                media,
                headers: headers.map(|p| text(p, "name").to_owned()).collect(),
                tagged: op["responses"].get("304").is_some(),
            });
        }
    }
    all
}

/// What the first tenant has, by the names of parameters, and what its worker hands in.
struct Things {
    ids: BTreeMap<&'static str, String>,
    completion: Value,
    progress: Value,
}

impl Things {
    fn id(&self, name: &str) -> &str {
        self.ids.get(name).unwrap_or_else(|| panic!("the walk has no `{name}`: make one in `things`"))
    }

    fn path(&self, route: &Route) -> String {
        let mut path = route.path.clone();
        while let Some((before, rest)) = path.clone().split_once('{') {
            let (name, after) = rest.split_once('}').unwrap();
            let id = match (name, route.path.as_str()) {
                ("sha256", p) if p.contains("/artifacts/") => self.id("artifact"),
                ("sha256", _) => self.id("app"),
                ("trial", p) if p.starts_with("/v1/leases") => self.id("leased"),
                ("name", p) if p.starts_with("/v1/scenarios") => self.id("scenario"),
                (name, _) => self.id(name),
            };
            path = format!("{before}{id}{after}");
        }
        path
    }

    fn body(&self, route: &Route) -> Vec<u8> {
        let app = self.id("app").parse().unwrap();
        let document = match route.id.as_str() {
            "addApp" | "fillUpload" | "fillArtifact" => return b"bytes".to_vec(),
            "putScenario" | "checkScenario" => return format!("name: {}\nsteps: [launchApp]\n", self.id("scenario")).into_bytes(),
            "makeToken" => json!({"role": "reader"}),
            "putTenant" => json!({"id": "acme"}),
            "addAppSet" => json!({"upload": self.id("upload")}),
            "beginUpload" => json!({"bytes": 5, "sha256": self.id("app")}),
            "submitJob" | "estimateJob" => spec(&app, 1, json!({})),
            "submitBatch" => json!({"jobs": [spec(&app, 1, json!({}))]}),
            "lease" => json!({"worker": self.id("worker"), "abilities": abilities()}),
            "heartbeat" => json!({"abilities": abilities(), "host": {}}),
            "renewLease" => json!({}),
            "beginArtifact" => json!({"bytes": 5}),
            "observe" => json!({"first": 0, "observations": []}),
            "tellProgress" => self.progress.clone(),
            "completeLease" => self.completion.clone(),
            "failLease" => json!(end(stakeout_contract::trial::TrialState::Failed, "x")),
            "makeWebhook" => json!({"url": "https://example.com/"}),
            other => panic!("the walk does not know what `{other}` takes: say it here"),
        };
        document.to_string().into_bytes()
    }

    /// The same requests with ids that do not exist, each as long as what it stands for.
    fn made_up(&self) -> Self {
        let other = |v: &String| -> String { v.chars().map(|c| if c.is_ascii_hexdigit() { 'a' } else { c }).collect() };
        let ids: BTreeMap<_, _> = self.ids.iter().map(|(k, v)| (*k, if *k == "epoch" { v.clone() } else { other(v) })).collect();
        let mut all = [self.completion.to_string(), self.progress.to_string()];
        for text in &mut all {
            *text = self.ids.iter().filter(|(k, _)| **k != "epoch").fold(text.clone(), |t, (k, v)| t.replace(v, &ids[k]));
        }
        let [completion, progress] = all.map(|t| serde_json::from_str(&t).unwrap());
        Self { ids, completion, progress }
    }
}

async fn walk(farm: &Farm, things: &Things, route: &Route, token: &str) -> Said {
    let mut request = farm.request(&route.method, &things.path(route), token);
    if !route.media.is_empty() {
        request = request.header("content-type", &route.media).body(things.body(route));
    }
    for name in &route.headers {
        assert_eq!(name, "Upload-Offset", "the walk does not know this header: say it here");
        request = request.header(name, "0");
    }
    said(request).await
}

/// One thing of each kind; the leases are this worker's.
async fn things(farm: &Farm, admin: &str, worker: &str) -> Things {
    let hook = farm.send("POST", "/v1/webhooks", admin, &json!({"url": "http://127.0.0.1:9/"})).await.json(201);
    let worker = Hand::new(farm.client(worker), "worker-fade");
    let app = farm.app("acme", "app").await;
    let done = farm.submit(admin, &app, 1, json!({})).await;
    let lease = worker.lease().await;
    let completed = worker.run(&lease, b"artifact").await;
    let job = text(&done, "id").to_owned();
    farm.until(admin, &job, |j| j["state"] == "finished").await;
    let deliveries = farm.get(&format!("/v1/webhooks/{}/deliveries", text(&hook["hook"], "id")), admin).await;
    farm.submit(admin, &app, 1, json!({})).await;
    let leased = worker.lease().await;
    let upload = farm.send("POST", "/v1/uploads", admin, &json!({"bytes": 5, "sha256": app})).await.json(201);
    let scenario = farm.request("PUT", "/v1/scenarios/facade", admin).header("content-type", "application/yaml");
    said(scenario.body("name: facade\nsteps: [launchApp]\n")).await.json(200);
    let me = farm.get("/v1/me", admin).await;
    let ids = BTreeMap::from([
        ("app", app.to_string()),
        ("artifact", completed.record.artifacts[0].sha256.to_string()),
        ("delivery", text(&deliveries["items"][0], "id").to_owned()),
        ("epoch", "1".to_owned()),
        ("job", job),
        ("leased", leased.trial.to_string()),
        ("name", "facade".to_owned()),
        ("scenario", "facade".to_owned()),
        ("tenant", "acme".to_owned()),
        ("token", text(&me["token"], "id").to_owned()),
        ("trial", lease.trial.to_string()),
        ("upload", text(&upload, "id").to_owned()),
        ("webhook", text(&hook["hook"], "id").to_owned()),
        ("worker", worker.id.to_string()),
    ]);
    Things { ids, completion: json!(completion(&leased, vec![])), progress: json!(progress(&leased, "boot")) }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_closed_to_those_without_a_token_a_role_or_the_tenant() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let (worker, reader) = (farm.token("acme", "worker").await, farm.token("acme", "reader").await);
    let things = things(&farm, &admin, &worker).await;
    let document = farm.get("/v1/openapi.json", "").await;
    let routes = routes(&document);
    assert!(routes.len() > 50, "{}", routes.len());
    let unknown = format!("stk_token-x_{}", "0".repeat(64));
    for r in &routes {
        if r.role.is_empty() {
            assert_eq!(walk(&farm, &things, r, "").await.status, 200, "{}", r.id);
            continue;
        }
        for token in ["", "x", unknown.as_str()] {
            let refused = walk(&farm, &things, r, token).await;
            refused.fails(Code::Unauthorized);
            assert_eq!(refused.header("www-authenticate"), "Bearer", "{}", r.id);
        }
        if r.role != "worker" {
            walk(&farm, &things, r, &worker).await.fails(Code::Forbidden);
        }
        if r.role != "reader" {
            walk(&farm, &things, r, &reader).await.fails(Code::Forbidden);
        }
    }
    // The ids are real: their owner gets them all.
    for r in routes.iter().filter(|r| r.method == "GET" && r.role != "operator") {
        let got = walk(&farm, &things, r, if r.role == "worker" { &worker } else { &admin }).await;
        assert_eq!(got.status, 200, "{} {}", r.id, got.text());
        assert_eq!(got.headers.contains_key("etag"), r.tagged, "{}: what has an ETag says so in the document", r.id);
    }
}

/// A tenant's own names, and ids that workers choose for themselves on the whole farm.
const CHOSEN: [&str; 3] = ["putScenario", "lease", "heartbeat"];

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_things_are_as_if_they_were_not() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let things = things(&farm, &admin, &farm.token("acme", "worker").await).await;
    let nothing = things.made_up();
    let stranger = farm.tenant("other", json!({})).await;
    let worker = farm.token("other", "worker").await;
    let document = farm.get("/v1/openapi.json", "").await;
    let mut walked = 0;
    for r in routes(&document) {
        let body = |t: &Things| if r.media.is_empty() { vec![] } else { t.body(&r) };
        let same = things.path(&r) == nothing.path(&r) && body(&things) == body(&nothing);
        if same || CHOSEN.contains(&r.id.as_str()) || ["beginUpload", "checkScenario"].contains(&r.id.as_str()) {
            continue;
        }
        let token = if r.role == "worker" { &worker } else { &stranger };
        let (theirs, nobodys) = (walk(&farm, &things, &r, token).await, walk(&farm, &nothing, &r, token).await);
        assert_eq!((theirs.status, nobodys.status), (404, 404), "{}: {} {}", r.id, theirs.text(), nobodys.text());
        theirs.fails(Code::NotFound);
        let hide = |s: &Said, t: &Things| {
            let mut ids: Vec<&String> = t.ids.iter().filter(|(k, _)| **k != "epoch").map(|(_, v)| v).collect();
            ids.sort_by_key(|id| std::cmp::Reverse(id.len()));
            let body = ids.iter().fold(s.text(), |b, id| b.replace(*id, "*"));
            let mut headers = s.headers.clone();
            headers.remove("date");
            (headers, body)
        };
        assert_eq!(hide(&theirs, &things), hide(&nobodys, &nothing), "{}", r.id);
        walked += 1;
    }
    assert!(walked >= 35, "{walked}");
    for (method, path, body) in [
        ("GET", "/v1/audit?tenant=acme", json!(null)),
        ("GET", "/v1/usage?tenant=acme", json!(null)),
        ("POST", "/v1/tokens", json!({"role": "reader", "tenant": "acme"})),
    ] {
        let theirs = farm.send(method, path, &stranger, &body).await;
        let nobodys = farm
            .send(
                method,
                &path.replace("acme", "nope"),
                &stranger,
                &serde_json::from_str(&body.to_string().replace("acme", "nope")).unwrap(),
            )
            .await;
        theirs.fails(Code::NotFound);
        assert_eq!(theirs.text().replace("acme", "*"), nobodys.text().replace("nope", "*"));
    }
    for list in ["/v1/apps", "/v1/jobs", "/v1/webhooks", "/v1/workers"] {
        assert_eq!(farm.get(list, &stranger).await["items"], json!([]), "{list}");
    }
    assert_eq!(farm.get("/v1/scenarios/facade", &admin).await["name"], "facade");
}
