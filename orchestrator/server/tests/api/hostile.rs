//! What no client sends: every answer to it is a problem document of a known type, or a closed connection, and never our fault.

use std::time::{Duration, Instant};

use serde_json::json;
use stakeout_contract::api::problem::{Code, Problem};

use crate::{
    farm::{Farm, said, spec},
    wire::{is_cut, raw},
};

const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_a_header_slowly_or_nothing_at_all_is_let_go() {
    let farm = Farm::start().await;
    let base = &farm.server.base;
    let began = Instant::now();
    let within = Duration::from_secs(20);
    let tls_hello = [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0];
    let cut = tokio::join!(
        is_cut(base, b"", within),
        is_cut(base, b"P", within),
        is_cut(base, b"PRI * HTTP/2.0\r\n", within),
        is_cut(base, b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ", within),
        is_cut(base, &tls_hello, within),
        is_cut(base, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", Duration::from_secs(30)),
    );
    assert_eq!(cut, (true, true, true, true, true, true), "after {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_request_are_refused_and_the_server_lives() {
    let farm = Farm::start().await;
    let long = "a".repeat(100_000);
    let many = "x-many: 1\r\n".repeat(200);
    let smuggled = "POST /v1/jobs HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/me HTTP/1.1\r\nhost: x\r\n\r\n";
    for (request, statuses) in [
        (format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: {long}\r\n\r\n"), &["431"][..]),
        (format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{many}\r\n"), &["431"]),
        (format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"), &["414", "431"]),
        ("GARBAGE\r\n\r\n".to_owned(), &["400"]),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), &["400", ""]),
        ("POST /v1/jobs HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".to_owned(), &["400"]),
        ("POST /v1/jobs HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".to_owned(), &["400"]),
        (smuggled.to_owned(), &["400", "401"]),
        ("GET /healthz HTTP/1.1\r\nhost: x\r\nx:\0\r\n\r\n".to_owned(), &["400"]),
        ("CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned(), &["404", "405", "400"]),
        ("OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned(), &["404", "405"]),
        ("GET http://example.com/healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned(), &["200"]),
    ] {
        let got = raw(&farm.server.base, request.as_bytes(), PATIENCE).await;
        let status = got.split(' ').nth(1).unwrap_or_default();
        assert!(statuses.contains(&status), "{request:.60}: {got:.300}");
        assert!(!got.contains("HTTP/1.1 5"), "{got}");
        if status.starts_with('4') && got.matches("HTTP/1.1 ").count() == 1 {
            is_problem(&got);
        }
    }
    assert_eq!(farm.ask("GET", "/healthz", "").await.text(), "ok\n");
}

/// An answer's document, whose status is the answer's.
#[track_caller]
fn is_problem(got: &str) -> Problem {
    let (head, body) = got.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{got:.300}"));
    assert!(head.contains("content-type: application/problem+json") && head.contains("x-content-type-options: nosniff"), "{got:.500}");
    let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse().ok());
    assert_eq!(length, Some(body.len()), "{got:.500}");
    let p: Problem = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {got:.500}"));
    assert!(p.code().is_some() && head.starts_with(&format!("HTTP/1.1 {} ", p.status)), "{got:.500}");
    p
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_is_refused_on_any_request_of_a_connection() {
    let farm = Farm::start().await;
    let (target, header) = ("a".repeat(17_000), "a".repeat(33_000));
    for (request, code) in [
        (format!("GET /{target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"), Code::LongTarget),
        (format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: {header}\r\nconnection: close\r\n\r\n"), Code::LargeHeader),
    ] {
        let first = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
        let got = raw(&farm.server.base, format!("{first}{request}").as_bytes(), PATIENCE).await;
        let (before, after) = got.split_once("ok\n").unwrap();
        assert!(before.starts_with("HTTP/1.1 200 "), "{got:.300}");
        assert_eq!(is_problem(after).code(), Some(code));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_play_tricks_lead_nowhere() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let long = "a".repeat(5000);
    let ids = [
        "%2e%2e",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "a%00b",
        "%ff%fe",
        "%25",
        "%2525",
        "a;b",
        "*",
        "%F0%9F%92%A9",
        &long,
        "'%20OR%201=1--",
        "%0d%0ax:%20y",
        "%",
    ];
    let routes = [
        ("GET", "/v1/jobs/{}"),
        ("GET", "/v1/jobs/{}/bundle"),
        ("GET", "/v1/jobs/{}/events"),
        ("GET", "/v1/trials/{}"),
        ("GET", "/v1/apps/{}"),
        ("GET", "/v1/apps/{}/apk"),
        ("GET", "/v1/scenarios/{}"),
        ("DELETE", "/v1/scenarios/{}"),
        ("GET", "/v1/uploads/{}"),
        ("GET", "/v1/workers/{}"),
        ("DELETE", "/v1/tokens/{}"),
        ("GET", "/v1/webhooks/{}/deliveries"),
        ("GET", "/v1/{}"),
        ("GET", "/{}"),
    ];
    for (method, route) in routes {
        for id in ids {
            let path = route.replace("{}", id);
            let token = format!("authorization: Bearer {admin}");
            let got = raw(
                &farm.server.base,
                format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{token}\r\nconnection: close\r\n\r\n").as_bytes(),
                PATIENCE,
            )
            .await;
            let (head, body) = got.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: {got}"));
            assert!(
                ["HTTP/1.1 400", "HTTP/1.1 404", "HTTP/1.1 405", "HTTP/1.1 422"].iter().any(|s| head.starts_with(s)),
                "{path:.80}: {got:.300}"
            );
            assert!(head.contains("application/problem+json") && !body.is_empty(), "{path:.80}: {got:.500}");
            assert!(!head.contains("\r\nx: y"), "{got}");
        }
    }
    for (path, status) in [
        ("//v1/me", 404),
        ("/v1//me", 404),
        ("/v1/me/", 404),
        ("/V1/me", 404),
        ("/v1/../v1/me", 200),
        ("/v1/jobs?cursor=%00", 400),
        ("/v1/jobs?tag=%00", 400),
        ("/v1/apps?package=%00", 400),
    ] {
        let got = farm.ask("GET", path, &admin).await;
        assert_eq!(got.status, status, "{path} {}", got.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_is_not_there_is_told_which_are() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    for (method, path) in [
        ("TRACE", "/v1/me"),
        ("PROPFIND", "/v1/jobs"),
        ("PUT", "/v1/jobs"),
        ("OPTIONS", "/v1/jobs"),
        ("X", "/healthz"),
        ("PATCH", "/v1/openapi.json"),
        ("POST", "/v1/jobs/job-1"),
    ] {
        for token in ["", &admin] {
            let refused = farm.ask(method, path, token).await;
            refused.fails(Code::MethodNotAllowed);
            let allow = refused.header("allow");
            assert!(allow.contains("GET") && !allow.contains(method), "{method} {path}: `{allow}`");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_none_is_a_problem_with_its_place() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let app = farm.app("acme", "app").await;
    let good = spec(&app, 1, json!({}));
    let post = |path: &str, media: &str, body: Vec<u8>| {
        let request = farm.request("POST", path, &admin);
        let request = if media.is_empty() { request } else { request.header("content-type", media) };
        said(request.body(body))
    };
    let jobs = "/v1/jobs";
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let with = |field: &str, value: serde_json::Value| {
        let mut v = good.clone();
        v[field] = value;
        v.to_string().into_bytes()
    };
    for (body, code) in [
        (b"".to_vec(), Code::BadRequest),
        (b"{".to_vec(), Code::BadRequest),
        (b"\xff\xfe".to_vec(), Code::BadRequest),
        (good.to_string().replace("[\"launchApp\"]", &deep).into_bytes(), Code::BadRequest),
        (b"[]".to_vec(), Code::BadValue),
        (b"null".to_vec(), Code::BadValue),
        (with("unknown", json!(1)), Code::BadValue),
        (with("trials", json!(0)), Code::BadValue),
        (with("trials", json!(1001)), Code::BadValue),
        (with("trials", json!(1e99)), Code::BadValue),
        (with("trials", json!("1")), Code::BadValue),
        (with("priority", json!(101)), Code::BadValue),
        (with("api", json!(0)), Code::BadValue),
        (with("app", json!("x")), Code::BadValue),
        (with("nonce", json!("x")), Code::BadValue),
        (with("tags", json!(["a\u{0}b"])), Code::BadValue),
        (with("tags", json!(vec!["x"; 21])), Code::BadValue),
        (with("secrets", json!({"a": "abc"})), Code::BadValue),
        (with("device", json!("emulator-fake")), Code::BadValue),
        (with("delete_after_days", json!(36501)), Code::BadValue),
        (with("scenario", json!("../../etc/passwd")), Code::BadValue),
        (with("scenario", json!("nowhere")), Code::NotFound),
        (with("scenario", json!({"yaml": "name: x\nsteps: [nothing]"})), Code::BadScenario),
        (with("scenario", json!({"name": "x", "steps": []})), Code::BadScenario),
    ] {
        let p = post(jobs, "application/json", body.clone()).await;
        assert_eq!(p.problem().code(), Some(code), "{:.100}: {}", String::from_utf8_lossy(&body), p.text());
    }
    let twice = good.to_string().replacen('{', "{\"trials\": 5, ", 1).into_bytes();
    post(jobs, "application/json", twice).await.fails(Code::BadValue);
    for media in ["", "text/plain", "application/jsonp", "application/x-www-form-urlencoded", "multipart/form-data"] {
        post(jobs, media, good.to_string().into_bytes()).await.fails(Code::MediaType);
    }
    assert_eq!(post(jobs, "Application/JSON; charset=utf-8", good.to_string().into_bytes()).await.status, 201);
    let huge = vec![b' '; (10 << 20) + 1];
    post(jobs, "application/json", huge.clone()).await.fails(Code::TooLarge);
    let checks = "/v1/scenario-checks";
    post(checks, "application/yaml", huge).await.fails(Code::TooLarge);
    post(checks, "application/yaml", b"\xff\xfe".to_vec()).await.fails(Code::BadRequest);
    post(checks, "text/yaml", b"name: x".to_vec()).await.fails(Code::MediaType);
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\nsteps: [*d]\n";
    assert_eq!(post(checks, "application/yaml", bomb.into()).await.json(200)["ok"], false);
    for at in ["{\"role\": \"reader\", \"label\": \"a\\u0000b\"}", "{\"role\": \"root\"}", "{\"role\": \"reader\", \"tenant\": \"../x\"}"] {
        post("/v1/tokens", "application/json", at.into()).await.fails(Code::BadValue);
    }
    let strange = said(farm.request("PUT", "/v1/tenants", &farm.admin).json(&json!({"id": "x", "name": "a\u{0}b"}))).await;
    strange.fails(Code::BadValue);
    // Lists of fields in order are no objects.
    post("/v1/tokens", "application/json", b"[\"reader\", \"label\", 1, null]".to_vec()).await.fails(Code::BadValue);
    let listed = farm.send("PUT", "/v1/tenants", &farm.admin, &json!({"id": "x", "quota": [1, null]})).await;
    listed.fails(Code::BadValue);
    // A body that ends before its time.
    let cut = format!(
        "POST {jobs} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {admin}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n"
    );
    let got = raw(&farm.server.base, cut.as_bytes(), PATIENCE).await;
    assert!(got.starts_with("HTTP/1.1 400"), "{got}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_somebody_who_is_not_known_is_small() {
    let farm = Farm::start().await;
    let sign_in = |bytes: usize| {
        let request = farm.request("POST", "/sign-in", "").header("sec-fetch-site", "same-origin");
        said(request.header("content-type", "application/x-www-form-urlencoded").body(format!("token={}", "x".repeat(bytes))))
    };
    // Not many more than are taken: who still sends when the answer comes sees a connection that broke.
    for (bytes, status) in [(100, 403), (63 << 10, 403), (64 << 10, 413)] {
        let answer = sign_in(bytes).await;
        assert_eq!(answer.status, status, "{bytes}: {}", answer.text());
        assert!(answer.header("content-type").starts_with("text/html"), "a person reads it");
    }
    // Of more than is taken no more is waited for.
    let head = "POST /sign-in HTTP/1.1\r\nhost: x\r\nsec-fetch-site: same-origin\r\nconnection: close\r\n\
                content-type: application/x-www-form-urlencoded\r\ncontent-length: 102400\r\n\r\n";
    let got = raw(&farm.server.base, format!("{head}token={}", "x".repeat(64 << 10)).as_bytes(), PATIENCE).await;
    assert!(got.starts_with("HTTP/1.1 413 "), "{got:.300}");
    // A submit is only for who is known, and has an app in it.
    let app = format!("--b\r\ncontent-disposition: form-data; name=\"apk\"; filename=\"a\"\r\n\r\n{}\r\n--b--\r\n", "x".repeat(200 << 10));
    let known = farm.request("POST", "/submit", "").header("sec-fetch-site", "same-origin");
    let known = known.header("cookie", format!("stakeout_token={}", farm.admin)).header("content-type", "multipart/form-data; boundary=b");
    assert_eq!(said(known.body(app)).await.status, 422);
}
