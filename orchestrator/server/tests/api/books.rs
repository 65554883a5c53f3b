//! The books: what was done, and what was used.

use serde_json::json;
use stakeout_contract::api::access::AuditEntry;

use crate::{
    apk::apk,
    farm::{Farm, said, text},
    hand::Hand,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_stands_in_a_chain_that_holds_and_what_was_used_is_counted() {
    let farm = Farm::start().await;
    let admin = farm.tenant("acme", json!({})).await;
    let bytes = apk("com.example.books", "b");
    let request = farm.request("POST", "/v1/apps", &admin).header("content-type", "application/vnd.android.package-archive");
    let app = said(request.body(bytes.clone())).await.json(201);
    let sha256 = text(&app, "sha256").parse().unwrap();
    let job = farm.submit(&admin, &sha256, 2, json!({})).await;
    let hand = Hand::new(farm.client(&farm.token("farm", "worker").await), "w");
    for n in 0..2 {
        hand.run(&hand.lease().await, format!("artifact {n}").as_bytes()).await;
    }
    farm.until(&admin, text(&job, "id"), |j| j["state"] == "finished").await;
    let usage = farm.get("/v1/usage", &admin).await;
    let day = &usage["days"][0];
    assert_eq!((day["jobs"].as_u64(), day["trials"].as_u64(), day["cpu_seconds"].as_f64()), (Some(1), Some(2), Some(3.0)));
    assert!(day["slot_seconds"].as_f64() > Some(0.0) && day["bytes"].as_u64() >= Some(20), "{day}");
    assert!(usage["bytes_kept"].as_u64() > Some(bytes.len() as u64 + 20), "app, artifacts, report, bundle: {usage}");
    assert_eq!((usage["waiting_trials"].as_u64(), usage["running_trials"].as_u64()), (Some(0), Some(0)));
    farm.ask("DELETE", &format!("/v1/jobs/{}", text(&job, "id")), &admin).await.done();
    farm.ask("DELETE", &format!("/v1/apps/{sha256}"), &admin).await.done();
    let (mut all, mut after): (Vec<AuditEntry>, String) = (vec![], "0".to_owned());
    loop {
        let page = farm.get(&format!("/v1/audit?limit=2&after={after}"), &admin).await;
        all.extend(serde_json::from_value::<Vec<AuditEntry>>(page["items"].clone()).unwrap());
        let Some(next) = page["next"].as_str() else { break };
        next.clone_into(&mut after);
    }
    assert_eq!(AuditEntry::broken(None, &all), None);
    let actions: Vec<&str> = all.iter().map(|e| e.action.as_str()).collect();
    // The first two are what an operator did to the tenant.
    assert_eq!(actions, ["tenant.put", "token.make", "app.add", "job.submit", "job.delete", "app.delete"]);
    for (entry, by) in all.iter().zip([&farm.admin, &farm.admin, &admin, &admin, &admin, &admin]) {
        let me = farm.get("/v1/me", by).await;
        assert_eq!(entry.token.as_ref().map(ToString::to_string).as_deref(), me["token"]["id"].as_str(), "{entry:?}");
    }
    // The operator reads the same, and its own chain is another.
    let theirs = farm.get("/v1/audit?tenant=acme", &farm.admin).await;
    assert_eq!(serde_json::from_value::<Vec<AuditEntry>>(theirs["items"].clone()).unwrap(), all);
    let own = farm.get("/v1/audit", &farm.admin).await;
    assert!(own["items"].as_array().unwrap().iter().any(|e| e["action"] == "tenant.put"));
}
