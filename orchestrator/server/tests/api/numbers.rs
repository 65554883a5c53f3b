//! What a tenant may not have without number.

use serde_json::json;
use sqlx::SqlitePool;
use stakeout_contract::api::problem::Code;

use crate::farm::{Farm, said, text};

async fn database(farm: &Farm) -> SqlitePool {
    SqlitePool::connect(&format!("sqlite://{}", farm.database().display())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_scenarios_have_a_number_and_are_listed_in_pages() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let make = async || farm.send("POST", "/v1/tokens", &admin, &json!({"role": "reader"})).await;
    let last = make().await.json(201);
    let file = database(&farm).await;
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 998) \
                INSERT INTO tokens (id, tenant, role, label, hash, created, expires) \
                SELECT 'token-many-' || i, 'acme', 'reader', '', hex(randomblob(32)), 1, 99999999999999 FROM n";
    sqlx::query(many).execute(&file).await.unwrap();
    let refused = make().await;
    assert!(refused.fails(Code::Quota).hint.is_some());
    // An operator is bounded by the tenant's number too, and another tenant is not.
    farm.send("POST", "/v1/tokens", &farm.admin, &json!({"role": "reader", "tenant": "acme"})).await.fails(Code::Quota);
    farm.token("farm", "reader").await;
    farm.ask("DELETE", &format!("/v1/tokens/{}", text(&last["token"], "id")), &admin).await.done();
    make().await.json(201);
    let put = async |n: u32| {
        let request = farm.request("PUT", &format!("/v1/scenarios/s-{n}"), &admin).header("content-type", "application/yaml");
        said(request.body(format!("name: s-{n}\nsteps: [launchApp]\n"))).await
    };
    for n in 0..3 {
        put(n).await.json(200);
    }
    let (mut names, mut next) = (Vec::new(), String::new());
    loop {
        let page = farm.get(&format!("/v1/scenarios?limit=2{next}"), &admin).await;
        names.extend(page["items"].as_array().unwrap().iter().map(|s| text(s, "name").to_owned()));
        let Some(cursor) = page["next"].as_str() else { break };
        next = format!("&cursor={cursor}");
    }
    assert_eq!(names, ["idle-demo", "idle-overnight", "s-0", "s-1", "s-2"]);
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 197) \
                INSERT INTO scenarios (tenant, name, document) SELECT 'acme', 'z-' || i, '{}' FROM n";
    sqlx::query(many).execute(&file).await.unwrap();
    let refused = put(3).await.fails(Code::Quota);
    assert!(refused.detail.contains("200 scenarios") && refused.hint.is_some());
    put(2).await.json(200);
}
