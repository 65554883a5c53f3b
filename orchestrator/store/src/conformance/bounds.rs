//! What a tenant, and what a lease, may not have more of.

use stakeout_contract::{
    Sha256Digest, TenantId, TrialId,
    api::apps::{ScenarioDoc, Upload},
    trial::TrialState,
};
use stakeout_domain::budget::{self, Over};

use super::sample::{FIRST, end, insert, job, lease, tenant, tenant_row};
use crate::{Noted, OverQuota, Store, StoreError, UploadRow, library};

pub(super) async fn all(store: &dyn Store) {
    an_open_upload_counts_against_the_bytes_until_it_is_ended(store).await;
    a_tenant_has_a_number_of_open_uploads(store).await;
    a_tenant_has_a_number_of_scenarios(store).await;
    a_lease_uploads_so_many_bytes_and_the_next_one_as_many(store).await;
}

fn upload(tenant: &TenantId, name: &str, bytes: u64, trial: Option<&TrialId>) -> UploadRow {
    let upload = Upload {
        id: format!("upload-{name}").parse().unwrap(),
        bytes,
        offset: 0,
        sha256: Sha256Digest::of(name.as_bytes()),
        complete: false,
        expires_ms: 10_000_000_000,
    };
    UploadRow { upload, tenant: tenant.clone(), trial: trial.cloned() }
}

async fn an_open_upload_counts_against_the_bytes_until_it_is_ended(store: &dyn Store) {
    let mut row = tenant_row("bytes-quota");
    row.quota.bytes = Some(10);
    store.put_tenant(&row, Noted::NOTHING).await.unwrap();
    let t = &row.id;
    let begin = async |name: &str| store.put_upload(&upload(t, name, 8, None)).await;
    let over = |r| matches!(r, Err(StoreError::OverQuota(OverQuota::Bytes { most: 10, new: 8, .. })));
    assert_eq!(store.room(t).await.unwrap(), Some(10));
    let first = begin("quota-a").await.unwrap();
    assert_eq!(store.room(t).await.unwrap(), Some(2));
    assert!(over(begin("quota-b").await), "while the first is open");
    // Whoever was cut off begins it again, and has the one of before.
    let mut again = upload(t, "quota-a", 8, None);
    (again.upload.id, again.upload.expires_ms) = ("upload-quota-c".parse().unwrap(), 20_000_000_000);
    let went_on = store.put_upload(&again).await.unwrap().upload;
    assert_eq!((went_on.id.clone(), went_on.expires_ms), (first.upload.id.clone(), 20_000_000_000));
    assert_eq!(store.upload(t, &went_on.id).await.unwrap().upload, went_on);
    store.drop_upload(&first.upload.id).await.unwrap();
    let second = begin("quota-b").await.unwrap().upload;
    store.upload_part(&second.id, 0, 8, "part-quota").await.unwrap();
    store.note_blob(t, &second.sha256, 8, 1).await.unwrap();
    store.upload_complete(&second.id, 1).await.unwrap();
    assert_eq!(store.room(t).await.unwrap(), Some(2), "now it is kept");
    assert!(over(begin("quota-a").await));
    assert_eq!(store.room(&tenant("uploads-number")).await.unwrap(), None);
    store.drop_uploads(30_000_000_000, 10).await.unwrap();
}

async fn a_tenant_has_a_number_of_open_uploads(store: &dyn Store) {
    let t = tenant("uploads-number");
    store.put_tenant(&tenant_row("uploads-number"), Noted::NOTHING).await.unwrap();
    for n in 0..library::OPEN_UPLOADS {
        store.put_upload(&upload(&t, &format!("number-{n}"), 1, None)).await.unwrap();
    }
    let more = async || store.put_upload(&upload(&t, "number-more", 1, None)).await;
    assert!(matches!(more().await, Err(StoreError::OverQuota(OverQuota::Uploads { .. }))));
    store.drop_upload(&"upload-number-0".parse().unwrap()).await.unwrap();
    more().await.unwrap();
    store.drop_uploads(30_000_000_000, 1000).await.unwrap();
}

async fn a_tenant_has_a_number_of_scenarios(store: &dyn Store) {
    let t = tenant("scenarios-number");
    store.put_tenant(&tenant_row("scenarios-number"), Noted::NOTHING).await.unwrap();
    let put = async |n: u32| {
        let doc = ScenarioDoc {
            name: format!("s-{n:03}"),
            built_in: false,
            sha256: Sha256Digest::of(b""),
            text: String::new(),
            trials: 1,
            api: 34,
            seconds: 0.0,
            created_ms: 1,
        };
        store.put_scenario(&t, &doc, Noted::NOTHING).await
    };
    for n in 0..library::SCENARIOS {
        put(n).await.unwrap();
    }
    assert!(matches!(put(library::SCENARIOS).await, Err(StoreError::OverQuota(OverQuota::Scenarios { .. }))));
    put(0).await.unwrap();
    store.delete_scenario(&t, "s-001", Noted::NOTHING).await.unwrap();
    put(library::SCENARIOS).await.unwrap();
    let page: Vec<_> = store.scenarios(&t, Some("s-001"), 2).await.unwrap().into_iter().map(|s| s.name).collect();
    assert_eq!((page, store.scenario_names(&t).await.unwrap().len()), (vec!["s-002".to_owned(), "s-003".to_owned()], 200));
}

async fn a_lease_uploads_so_many_bytes_and_the_next_one_as_many(store: &dyn Store) {
    let t = tenant("uploads-trial");
    let j = job(&t, 1);
    insert(store, &j).await;
    let (trial, _) = lease(store, &t, "up-1", 0).await;
    let begin = async |name: &str, bytes| store.put_upload(&upload(&t, name, bytes, Some(&trial.id))).await;
    let over = |r, what| matches!(r, Err(StoreError::OverBudget(o)) if o == what);
    begin("trial-a", budget::ARTIFACT_BYTES - 1).await.unwrap();
    assert!(over(begin("trial-b", 2).await, Over::ArtifactBytes));
    begin("trial-b", 1).await.unwrap();
    assert!(over(begin("trial-c", 1).await, Over::ArtifactBytes), "what was refused is not counted, what was taken is");
    store.give_back(&trial.id, FIRST, &end(TrialState::Failed, "died"), 1).await.unwrap();
    lease(store, &t, "up-2", 2).await;
    for n in 2..budget::UPLOADS {
        begin(&format!("trial-{n}"), 1).await.unwrap();
    }
    assert!(over(begin("trial-d", 1).await, Over::Uploads));
    store.cancel(&j.id, 3, Noted::NOTHING).await.unwrap();
    store.drop_uploads(30_000_000_000, 1000).await.unwrap();
}
