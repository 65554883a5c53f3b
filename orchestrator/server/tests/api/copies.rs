//! What a batch copies for each of its jobs.

use serde_json::json;
use stakeout_contract::api::problem::Code;

use crate::{
    farm::{Farm, spec, text},
    hand::Hand,
};

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_before_are_copied_for_a_batch_within_bounds() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let app = farm.app("acme", "app").await;
    let job = farm.submit(&admin, &app, 1, json!({})).await;
    let hand = Hand::new(farm.client(&farm.token("farm", "worker").await), "w");
    hand.run(&hand.lease().await, b"x").await;
    farm.until(&admin, text(&job, "id"), |j| j["state"] == "finished").await;
    let batch = |n: usize| json!({"jobs": vec![spec(&app, 1, json!({"reuse": "require"})); n]});
    assert_eq!(farm.send("POST", "/v1/batches", &admin, &batch(3)).await.json(201)["jobs"].as_array().unwrap().len(), 3);
    // A result as large as one of many trials.
    let file = sqlx::SqlitePool::connect(&format!("sqlite://{}", farm.database().display())).await.unwrap();
    let grown = "UPDATE jobs SET result = json_set(result, '$.scenario', printf('%.*c', 1000000, 'x')) WHERE id = $1";
    sqlx::query(grown).bind(text(&job, "id")).execute(&file).await.unwrap();
    let refused = farm.send("POST", "/v1/batches", &admin, &batch(40)).await.fails(Code::TooLarge);
    // 32 MiB: fewer than 34 of them, as each has its other rows and its job's documents too.
    let at = refused.at.as_deref().and_then(|at| at.strip_prefix("jobs[")?.strip_suffix("].reuse")?.parse::<usize>().ok());
    assert!(at.is_some_and(|n| (20..34).contains(&n)), "{refused:?}");
    farm.send("POST", "/v1/batches", &admin, &batch(10)).await.json(201);
    // And none of it without room.
    farm.send("PUT", "/v1/tenants", &farm.admin, &json!({"id": "acme", "quota": {"bytes": 1}})).await.json(200);
    farm.send("POST", "/v1/batches", &admin, &batch(1)).await.fails(Code::Quota);
}
