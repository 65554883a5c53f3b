//! Event streams: how many, and for how long.

use std::time::Duration;

use serde_json::json;
use stakeout_contract::api::problem::Code;

use crate::farm::{Farm, text};

#[tokio::test(flavor = "multi_thread")]
async fn event_streams_have_a_number_and_who_closes_one_may_open_another() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let job = farm.submit(&admin, &farm.app("acme", "app").await, 1, json!({})).await;
    let path = format!("/v1/jobs/{}/events", text(&job, "id"));
    let open = async || farm.request("GET", &path, &admin).send().await.unwrap();
    let mut streams = Vec::new();
    for _ in 0..20 {
        let stream = open().await;
        assert_eq!(stream.status(), 200);
        streams.push(stream);
    }
    let refused = farm.ask("GET", &path, &admin).await;
    refused.fails(Code::TooMany);
    assert_eq!(refused.header("retry-after"), "10");
    farm.get(&format!("/v1/jobs/{}/event-list", text(&job, "id")), &admin).await;
    let other = farm.token("acme", "reader").await;
    assert_eq!(farm.request("GET", &path, &other).send().await.unwrap().status(), 200, "another token has its own");
    drop(streams);
    for _ in 0..200 {
        if open().await.status() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("streams that were closed are still counted");
}
