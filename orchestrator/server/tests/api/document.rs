//! The OpenAPI document.

use std::{collections::BTreeSet, path::Path};

use serde_json::Value;
use stakeout_server::api::openapi;

use crate::farm::{Farm, text};

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_the_one_that_is_kept() {
    let farm = Farm::start().await;
    let (path, now) = (Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json"), openapi(&farm.api));
    assert_eq!(serde_json::from_str::<Value>(&now).unwrap(), farm.get("/v1/openapi.json", "").await);
    if std::env::var_os("STAKEOUT_RENEW").is_some() {
        std::fs::write(&path, now).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let line = kept.lines().zip(now.lines()).position(|(a, b)| a != b).unwrap_or(kept.lines().count().min(now.lines().count()));
    assert!(
        kept == now,
        "`orchestrator/server/openapi.json` is not what the server says, from line {} on: `{}`\nhint: look at the change, then run \
         `STAKEOUT_RENEW=1 cargo test -p stakeout-server --test api the_document`",
        line + 1,
        now.lines().nth(line).unwrap_or("(its end)")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_openapi_3_1_and_hangs_together() {
    let farm = Farm::start().await;
    let document = farm.get("/v1/openapi.json", "").await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut refs = Vec::new();
    all_refs(&document, &mut refs);
    for r in refs {
        let pointer = r.strip_prefix('#').unwrap_or_else(|| panic!("`{r}` is of another document"));
        assert!(document.pointer(pointer).is_some(), "`{r}` is nowhere");
    }
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for op in item.as_object().unwrap().values() {
            assert!(ids.insert(text(op, "operationId").to_owned()), "`{}` is there twice", text(op, "operationId"));
            let named: BTreeSet<&str> = path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}')).collect();
            let parameters = op["parameters"].as_array().unwrap();
            let told: BTreeSet<&str> = parameters.iter().filter(|p| p["in"] == "path").map(|p| text(p, "name")).collect();
            assert_eq!(named, told, "{path}");
            assert!(!text(op, "summary").is_empty());
            for (status, answer) in op["responses"].as_object().unwrap() {
                assert!(!text(answer, "description").is_empty(), "{path} {status}");
                let is_problem = answer["content"].get("application/problem+json").is_some();
                assert_eq!(is_problem, status.as_str() >= "400", "{path} {status}");
            }
            headers_are_told(path, op);
        }
    }
}

/// What a client goes by is in the document: what may be asked for by its ETag, by its range, or again.
fn headers_are_told(path: &str, op: &Value) {
    let takes = |name: &str| op["parameters"].as_array().unwrap().iter().any(|p| p["in"] == "header" && p["name"] == name);
    let gives = |status: &str, name: &str| op["responses"][status]["headers"].get(name).is_some();
    let there = |status: &str| op["responses"].get(status).is_some();
    let tagged = there("304");
    // Who changes something may ask by the same head that nothing is there yet.
    let asks = takes("If-None-Match") && !takes("If-Match");
    assert_eq!((asks, gives("200", "ETag"), gives("304", "ETag")), (tagged, tagged, tagged), "{path}");
    let part = there("206");
    assert_eq!((takes("Range"), gives("206", "Content-Range"), there("416")), (part, part, part), "{path}");
    let ends_well = ["200", "201"].into_iter().find(|s| there(s)).unwrap_or("204");
    assert_eq!(takes("Idempotency-Key"), gives(ends_well, "Idempotent-Replay"), "{path}");
    for status in ["409", "429", "503", "507"] {
        assert_eq!(gives(status, "Retry-After"), there(status), "{path} {status}");
    }
}

fn all_refs<'a>(v: &'a Value, out: &mut Vec<&'a str>) {
    match v {
        Value::Object(o) => {
            out.extend(o.get("$ref").and_then(Value::as_str));
            o.values().for_each(|v| all_refs(v, out));
        }
        Value::Array(a) => a.iter().for_each(|v| all_refs(v, out)),
        _ => {}
    }
}
