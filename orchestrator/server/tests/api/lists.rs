//! Lists in pages, and documents that did not change.

use std::collections::BTreeSet;

use serde_json::json;
use stakeout_agent::{Fence, Orchestrator as _};
use stakeout_contract::{JobId, TrialId, api::problem::Code, trial::TrialState};
use stakeout_store::conformance::sample;

use crate::{
    farm::{Farm, said, text},
    hand::{Hand, completion, end},
};

/// All of a list, page by page; `between` happens after each page.
async fn pages(farm: &Farm, path: &str, token: &str, between: impl AsyncFn(usize)) -> Vec<String> {
    let (mut all, mut next, mut n) = (Vec::new(), String::new(), 0);
    loop {
        let page = farm.get(&format!("{path}limit=3{next}"), token).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        all.extend(items.iter().map(|i| i.get("id").or(i.get("sha256")).unwrap().as_str().unwrap().to_owned()));
        let Some(cursor) = page["next"].as_str() else { return all };
        assert_eq!(items.len(), 3, "a page that is not the last is full");
        next = format!("&cursor={cursor}");
        between(n).await;
        n += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_complete_and_without_doubles_while_jobs_come() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let app = farm.app("acme", "app").await;
    let mut before = BTreeSet::new();
    for n in 0..10 {
        let tags = json!({"tags": [if n % 2 == 0 { "even" } else { "odd" }]});
        before.insert(text(&farm.submit(&admin, &app, 1, tags).await, "id").to_owned());
    }
    let got = pages(&farm, "/v1/jobs?", &admin, async |_| {
        farm.submit(&admin, &app, 1, json!({})).await;
    })
    .await;
    assert_eq!(got.iter().cloned().collect::<BTreeSet<_>>(), before);
    assert_eq!(got.len(), before.len());
    assert!(got.is_sorted_by(|a, b| a > b), "the newest first");
    assert_eq!(pages(&farm, "/v1/jobs?tag=even&", &admin, async |_| ()).await.len(), 5);
    assert_eq!(pages(&farm, "/v1/jobs?state=finished&", &admin, async |_| ()).await.len(), 0);
    for n in 0..7 {
        farm.app("acme", &format!("app {n}")).await;
    }
    let apps = pages(&farm, "/v1/apps?", &admin, async |_| ()).await;
    assert_eq!((apps.len(), apps.iter().collect::<BTreeSet<_>>().len()), (8, 8));
    let tokens = pages(&farm, "/v1/tokens?", &admin, async |_| ()).await;
    assert_eq!(tokens.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_page_of_jobs_is_whole_though_few_are_read_at_once() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let tenant = "acme".parse().unwrap();
    let mut ids = Vec::new();
    for _ in 0..41 {
        let job = sample::job(&tenant, 1);
        sample::insert(farm.store(), &job).await;
        ids.push(job.id.to_string());
    }
    ids.reverse();
    for (limit, most) in [(20, 20), (39, 39), (40, 40), (41, 41), (200, 41)] {
        let page = farm.get(&format!("/v1/jobs?limit={limit}"), &admin).await;
        let got: Vec<&str> = page["items"].as_array().unwrap().iter().map(|j| text(j, "id")).collect();
        assert_eq!(got, ids[..most], "{limit}");
        assert_eq!(page["next"].is_string(), most < 41, "{limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jobs_trials_come_in_pages_with_few_artifacts_each_and_without_logs() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let app = farm.app("acme", "app").await;
    let job = farm.submit(&admin, &app, 10, json!({})).await;
    let id: JobId = text(&job, "id").parse().unwrap();
    let path = format!("/v1/jobs/{id}/trials");
    let all: Vec<String> = (1..=10).map(|n| TrialId::of(&id, n).to_string()).collect();
    assert_eq!(pages(&farm, &format!("{path}?"), &admin, async |_| ()).await, all);
    let whole = farm.get(&path, &admin).await;
    assert_eq!((whole["items"].as_array().unwrap().len(), whole.get("next")), (10, None));
    farm.submit(&admin, &app, 1, json!({})).await;
    let other = farm.get("/v1/jobs?limit=1", &admin).await;
    for query in ["limit=0".to_owned(), "limit=201".to_owned(), format!("cursor={}", text(&other, "next"))] {
        farm.ask("GET", &format!("{path}?{query}"), &admin).await.fails(Code::BadRequest);
    }

    let hand = Hand::new(farm.client(&farm.token("farm", "worker").await), "w");
    let (first, second) = (hand.lease().await, hand.lease().await);
    let one = hand.artifact(&first, b"x").await;
    hand.remote.complete(&Fence::from(&first), completion(&first, vec![one; 120])).await.unwrap();
    hand.remote.fail(&Fence::from(&second), end(TrialState::Failed, "no boot")).await.unwrap();
    let listed = farm.get(&path, &admin).await;
    let left = |t: &serde_json::Value| (t["artifacts"].as_array().unwrap().len(), t["artifacts_left_out"].as_u64());
    assert_eq!(left(&listed["items"][0]), (100, Some(20)));
    assert_eq!(left(&farm.get(&format!("/v1/trials/{}", first.trial), &admin).await), (120, None));
    assert_eq!(listed["items"][1]["end"]["log"].as_str().unwrap_or_default(), "");
    let whole = farm.get(&format!("/v1/trials/{}", second.trial), &admin).await;
    assert_eq!((text(&whole["end"], "log"), text(&listed["items"][1]["end"], "reason")), ("log of no boot", "no boot"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_is_none_of_the_list_is_refused() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let app = farm.app("acme", "app").await;
    farm.app("acme", "another").await;
    for _ in 0..2 {
        farm.submit(&admin, &app, 1, json!({})).await;
        farm.token("acme", "reader").await;
    }
    let lists = ["/v1/jobs", "/v1/apps", "/v1/tokens"];
    for from in lists {
        let page = farm.get(&format!("{from}?limit=1"), &admin).await;
        let cursor = text(&page, "next");
        for to in lists.iter().filter(|l| **l != from) {
            farm.ask("GET", &format!("{to}?cursor={cursor}"), &admin).await.fails(Code::BadRequest);
        }
    }
    for (cursor, path) in [("x", "/v1/jobs"), ("", "/v1/apps"), ("e30", "/v1/tokens"), ("ImpvYi0xIg", "/v1/jobs")] {
        let p = farm.ask("GET", &format!("{path}?cursor={cursor}"), &admin).await.fails(Code::BadRequest);
        assert_eq!(p.at.as_deref(), Some("cursor"));
    }
    for query in ["limit=x", "limit=-1", "nope=1", "state=asleep", "app=12", "limit=0", "limit=201"] {
        farm.ask("GET", &format!("/v1/jobs?{query}"), &admin).await.fails(Code::BadRequest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_change_is_not_sent_again() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let app = farm.app("acme", "app").await;
    let job = farm.submit(&admin, &app, 1, json!({})).await;
    let trials = farm.get(&format!("/v1/jobs/{}/trials", text(&job, "id")), &admin).await;
    let paths = [
        format!("/v1/jobs/{}", text(&job, "id")),
        format!("/v1/trials/{}", text(&trials["items"][0], "id")),
        format!("/v1/apps/{app}"),
        format!("/v1/apps/{app}/apk"),
        "/v1/scenarios/idle-demo".to_owned(),
    ];
    let with = |path: &str, tag: &str| farm.request("GET", path, &admin).header("if-none-match", tag);
    for path in &paths {
        let first = farm.ask("GET", path, &admin).await;
        let tag = first.header("etag").to_owned();
        assert!(first.status == 200 && tag.starts_with('"'), "{path}");
        for same in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let again = said(with(path, &same)).await;
            assert_eq!((again.status, again.header("etag"), again.body.len()), (304, tag.as_str(), 0), "{path} {same}");
        }
        assert_eq!(said(with(path, "\"x\"")).await.status, 200);
    }
    let before = farm.ask("GET", &paths[0], &admin).await.header("etag").to_owned();
    Hand::new(farm.client(&farm.token("farm", "worker").await), "w").lease().await;
    assert_eq!(said(with(&paths[0], &before)).await.json(200)["trials"]["running"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_come_in_ranges() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let app = farm.app("acme", "0123456789").await;
    let path = format!("/v1/apps/{app}/apk");
    let get = async |headers: &[(&str, &str)]| {
        let request = headers.iter().fold(farm.request("GET", &path, &admin), |r, (n, v)| r.header(*n, *v));
        said(request).await
    };
    let whole = get(&[]).await;
    assert_eq!((whole.status, whole.text().as_str(), whole.header("accept-ranges")), (200, "0123456789", "bytes"));
    assert!(whole.header("content-disposition").starts_with("attachment"));
    let tag = whole.header("etag").to_owned();
    for (range, status, body, content_range) in [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=8-", 206, "89", "bytes 8-9/10"),
        ("bytes=-1", 206, "9", "bytes 9-9/10"),
        ("bytes=0-0,2-3", 200, "0123456789", ""),
        ("lines=1-2", 200, "0123456789", ""),
    ] {
        let part = get(&[("range", range)]).await;
        assert_eq!((part.status, part.text().as_str(), part.header("content-range")), (status, body, content_range), "{range}");
    }
    let none = get(&[("range", "bytes=10-")]).await;
    none.fails(Code::Range);
    assert_eq!(none.header("content-range"), "bytes */10");
    assert_eq!(get(&[("range", "bytes=2-4"), ("if-range", &tag)]).await.status, 206);
    for changed in ["\"x\"", "Wed, 21 Oct 2015 07:28:00 GMT", &format!("W/{tag}")] {
        assert_eq!(get(&[("range", "bytes=2-4"), ("if-range", changed)]).await.status, 200, "{changed}");
    }
    let head = farm.ask("HEAD", &path, &admin).await;
    assert_eq!((head.status, head.header("content-length"), head.header("etag"), head.body.len()), (200, "10", tag.as_str(), 0));
    let head = farm.ask("HEAD", "/v1/jobs", &admin).await;
    assert_eq!((head.status, head.body.len(), head.header("content-type")), (200, 0, "application/json"));
    assert_eq!(farm.ask("HEAD", "/v1/jobs/job-x", &admin).await.status, 404);
}
