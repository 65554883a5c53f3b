//! Apps, scenarios, uploads, blobs.

use stakeout_contract::{
    Sha256Digest, TenantId, TrialId,
    api::apps::{App, ScenarioDoc, Upload},
    trial::{AppFacts, TrialState},
};

use super::sample::{decided, end, insert, job, lease, tenant, tenant_row};
use crate::{Noted, Store, StoreError, UploadRow};

pub(super) async fn all(store: &dyn Store) {
    apps_are_their_tenants(store).await;
    an_app_is_kept_while_it_is_needed(store).await;
    scenarios_are_kept_by_name(store).await;
    uploads_go_on_where_they_were(store).await;
    blobs_are_kept_while_named(store).await;
    a_blob_whose_bytes_are_being_removed_is_not_there(store).await;
}

fn app(name: &str, created_ms: i64) -> App {
    App {
        sha256: Sha256Digest::of(name.as_bytes()),
        splits: vec![Sha256Digest::of(b"split")],
        bytes: 10,
        facts: AppFacts { package: format!("com.{}", &name[..1]), ..AppFacts::default() },
        created_ms,
    }
}

async fn put(store: &dyn Store, tenant: &TenantId, app: &App) -> bool {
    store.note_blob(tenant, &app.sha256, 6, app.created_ms).await.unwrap();
    store.note_blob(tenant, &app.splits[0], 4, app.created_ms).await.unwrap();
    store.put_app(tenant, app, Noted::NOTHING).await.unwrap()
}

async fn apps_are_their_tenants(store: &dyn Store) {
    let (t, stranger) = (tenant("apps"), tenant("stranger"));
    let [a, b, c] = [app("a1", 1), app("a2", 2), app("b1", 2)];
    assert!(
        matches!(store.put_app(&t, &a, Noted::NOTHING).await, Err(StoreError::NotFound { what: "blob", .. })),
        "its bytes must be there"
    );
    for app in [&a, &b, &c] {
        assert!(put(store, &t, app).await);
    }
    assert!(!put(store, &t, &a).await);
    assert_eq!(store.app(&t, &a.sha256).await.unwrap(), a);
    assert!(matches!(store.app(&stranger, &a.sha256).await, Err(StoreError::NotFound { what: "app", .. })));
    assert!(matches!(store.delete_app(&stranger, &a.sha256, Noted::NOTHING).await, Err(StoreError::NotFound { .. })));
    let all = store.apps(&t, None, None, 10).await.unwrap();
    assert_eq!((all.len(), &all[2]), (3, &a));
    assert!(all[0].sha256 > all[1].sha256);
    assert_eq!(store.apps(&t, None, Some((2, all[0].sha256)), 10).await.unwrap(), all[1..]);
    assert_eq!(store.apps(&t, Some("com.a"), None, 10).await.unwrap(), [b.clone(), a.clone()]);
    assert!(store.apps(&stranger, None, None, 10).await.unwrap().is_empty());
}

async fn an_app_is_kept_while_it_is_needed(store: &dyn Store) {
    let (t, day) = (tenant("needed"), 86_400_000);
    let mut row = tenant_row("needed");
    row.retention_days = Some(1);
    store.put_tenant(&row, Noted::NOTHING).await.unwrap();
    let (a, free) = (app("needed", 0), app("free", 0));
    put(store, &t, &a).await;
    put(store, &t, &free).await;
    let mut j = job(&t, 1);
    j.spec.app = a.sha256;
    insert(store, &j).await;
    assert!(matches!(store.delete_app(&t, &a.sha256, Noted::NOTHING).await, Err(StoreError::InUse { what: "app", .. })));
    assert_eq!(store.app(&t, &a.sha256).await.unwrap(), a);
    let outdated =
        async |now| store.outdated_apps(now, 10).await.unwrap().into_iter().filter(|(of, _)| *of == t).map(|(_, a)| a).collect::<Vec<_>>();
    assert!(outdated(day - 1).await.is_empty());
    assert_eq!(outdated(day).await, [free.sha256]);
    store.cancel(&j.id, 0, Noted::NOTHING).await.unwrap();
    store.decide(&j.id, &decided(&j, TrialState::Cancelled), 0).await.unwrap();
    store.delete_app(&t, &a.sha256, Noted::NOTHING).await.unwrap();
    assert!(matches!(store.app(&t, &a.sha256).await, Err(StoreError::NotFound { .. })));
}

async fn scenarios_are_kept_by_name(store: &dyn Store) {
    let (t, stranger) = (tenant("scenes"), tenant("stranger"));
    let mut doc = ScenarioDoc {
        name: "nightly".to_owned(),
        built_in: false,
        sha256: Sha256Digest::of(b"y"),
        text: "name: nightly\nsteps: [launchApp]\n".to_owned(),
        trials: 3,
        api: 34,
        seconds: 1.5,
        created_ms: 1,
    };
    store.put_scenario(&t, &doc, Noted::NOTHING).await.unwrap();
    doc.trials = 4;
    store.put_scenario(&t, &doc, Noted::NOTHING).await.unwrap();
    assert_eq!(store.scenario(&t, "nightly").await.unwrap(), doc);
    assert_eq!(store.scenarios(&t, None, 10).await.unwrap(), std::slice::from_ref(&doc));
    assert!(store.scenarios(&t, Some("nightly"), 10).await.unwrap().is_empty());
    assert_eq!(store.scenario_names(&t).await.unwrap(), ["nightly"]);
    assert!(matches!(store.scenario(&stranger, "nightly").await, Err(StoreError::NotFound { what: "scenario", .. })));
    assert!(matches!(store.delete_scenario(&stranger, "nightly", Noted::NOTHING).await, Err(StoreError::NotFound { .. })));
    store.delete_scenario(&t, "nightly", Noted::NOTHING).await.unwrap();
    assert!(store.scenarios(&t, None, 10).await.unwrap().is_empty());
}

async fn uploads_go_on_where_they_were(store: &dyn Store) {
    let t = tenant("uploads");
    let trial = insert(store, &job(&t, 1)).await.remove(0);
    let row = |id: &str, trial: Option<&TrialId>| UploadRow {
        upload: Upload { id: id.parse().unwrap(), bytes: 10, offset: 0, sha256: Sha256Digest::of(b"u"), complete: false, expires_ms: 100 },
        tenant: t.clone(),
        trial: trial.cloned(),
    };
    let (a, b) = (row("upload-a", None), row("upload-b", Some(&trial)));
    store.put_upload(&a).await.unwrap();
    store.put_upload(&b).await.unwrap();
    let id = &a.upload.id;
    assert_eq!(store.upload(&t, id).await.unwrap(), a);
    assert!(matches!(store.upload(&tenant("stranger"), id).await, Err(StoreError::NotFound { what: "upload", .. })));
    assert_eq!(store.artifact_upload(&trial, &b.upload.sha256).await.unwrap(), Some(b.clone()));
    assert_eq!(store.artifact_upload(&trial, &Sha256Digest::of(b"v")).await.unwrap(), None);
    store.upload_part(id, 0, 4, "part-1").await.unwrap();
    assert!(matches!(store.upload_part(id, 0, 4, "part-1").await, Err(StoreError::Changed { what: "upload", .. })));
    assert!(matches!(store.upload_part(id, 4, 11, "part-2").await, Err(StoreError::Changed { .. })), "more than was said");
    assert!(matches!(store.upload_complete(id, 5).await, Err(StoreError::Changed { .. })), "less than was said");
    store.upload_part(id, 4, 10, "part-2").await.unwrap();
    assert_eq!(store.upload(&t, id).await.unwrap().upload.offset, 10);
    assert_eq!(store.upload_parts(id).await.unwrap(), ["part-1", "part-2"]);
    assert!(store.is_part(&t, "part-2").await.unwrap() && !store.is_part(&t, "part-3").await.unwrap());
    assert!(!store.is_part(&tenant("stranger"), "part-2").await.unwrap());
    assert!(matches!(store.upload_complete(id, 5).await, Err(StoreError::NotFound { what: "blob", .. })), "it must have been noted");
    store.note_blob(&t, &a.upload.sha256, 10, 5).await.unwrap();
    store.upload_complete(id, 5).await.unwrap();
    let dropped = async || store.drop_blobs(50, 0, 100).await.unwrap().into_iter().filter(|(of, _)| *of == t).count();
    assert_eq!(dropped().await, 0, "an upload's blob stays as long as the upload: it is about to be named");
    assert!(store.upload(&t, id).await.unwrap().upload.complete);
    assert!(store.drop_uploads(99, 10).await.unwrap().is_empty());
    let over = store.drop_uploads(100, 10).await.unwrap();
    assert_eq!(over.iter().map(|(u, parts)| (u.upload.id.as_str(), parts.len())).collect::<Vec<_>>(), [("upload-a", 2), ("upload-b", 0)]);
    assert!(store.drop_uploads(100, 10).await.unwrap().is_empty());
    assert_eq!(dropped().await, 1);
    assert!(matches!(store.upload_part(id, 10, 10, "late").await, Err(StoreError::NotFound { .. })));
    store.put_upload(&b).await.unwrap();
    store.upload_part(&b.upload.id, 0, 4, "part-3").await.unwrap();
    assert_eq!(store.drop_upload(&b.upload.id).await.unwrap(), ["part-3"]);
    assert!(matches!(store.drop_upload(&b.upload.id).await, Err(StoreError::NotFound { what: "upload", .. })));
}

async fn blobs_are_kept_while_named(store: &dyn Store) {
    let (t, old) = (tenant("blobs"), 50_000);
    let a = app("x-blob", 10);
    put(store, &t, &a).await;
    let loose = Sha256Digest::of(b"loose");
    store.note_blob(&t, &loose, 7, 10).await.unwrap();
    assert_eq!(store.blob(&t, &loose).await.unwrap(), Some(7));
    assert_eq!(store.blob(&tenant("stranger"), &loose).await.unwrap(), None, "a digest grants nothing");
    let dropped = async |older| {
        store.drop_blobs(older, 0, 100).await.unwrap().into_iter().filter(|(of, _)| *of == t).map(|(_, d)| d).collect::<Vec<_>>()
    };
    assert!(dropped(10).await.is_empty(), "they are too young");
    store.note_blob(&t, &loose, 7, 60_000).await.unwrap();
    assert!(dropped(old).await.is_empty(), "it was given again");
    store.note_blob(&t, &Sha256Digest::of(b"loose-2"), 7, 20).await.unwrap();
    assert_eq!(dropped(old).await, [Sha256Digest::of(b"loose-2")]);
    assert_eq!(store.usage(&t, 1, 0).await.unwrap().bytes_kept, 6 + 4 + 7);

    // An open job keeps the bytes of its app, the app's own row keeps them after it.
    let mut j = job(&t, 1);
    (j.spec.app, j.spec.splits) = (a.sha256, a.splits.clone());
    insert(store, &j).await;
    store.cancel(&j.id, 0, Noted::NOTHING).await.unwrap();
    assert!(dropped(old).await.is_empty());
    store.decide(&j.id, &decided(&j, TrialState::Cancelled), 0).await.unwrap();
    assert!(dropped(old).await.is_empty());
    store.delete_app(&t, &a.sha256, Noted::NOTHING).await.unwrap();
    let mut gone = dropped(old).await;
    gone.sort();
    let mut expected = vec![a.sha256, a.splits[0]];
    expected.sort();
    assert_eq!(gone, expected);
}

async fn a_blob_whose_bytes_are_being_removed_is_not_there(store: &dyn Store) {
    let t = tenant("dropping");
    let minute = 60_000;
    let a = app("y-blob", 10);
    for sha256 in [a.sha256, a.splits[0]] {
        store.note_blob(&t, &sha256, 5, 10).await.unwrap();
    }
    let drop = async |now| {
        let of = store.drop_blobs(1000, now, 100).await.unwrap().into_iter().filter(|(of, _)| *of == t);
        of.map(|(_, d)| d).collect::<std::collections::BTreeSet<_>>()
    };
    let both = [a.sha256, a.splits[0]].into();
    assert_eq!(drop(minute).await, both);
    assert!(drop(minute).await.is_empty(), "they are somebody's to remove");
    let busy = |e| matches!(e, Err(StoreError::Busy { what: "blob", .. }));
    assert!(busy(store.note_blob(&t, &a.sha256, 5, minute).await), "its row would say that the bytes are there");
    assert_eq!(store.blob(&t, &a.sha256).await.unwrap(), None);
    assert!(matches!(store.put_app(&t, &a, Noted::NOTHING).await, Err(StoreError::NotFound { what: "blob", .. })));
    assert_eq!(store.usage(&t, 1, minute).await.unwrap().bytes_kept, 0);

    let j = job(&t, 1);
    insert(store, &j).await;
    let (trial, _) = lease(store, &t, "w-dropping", minute).await;
    assert!(busy(store.note_artifact(&trial.id, trial.row.epoch, &a.sha256, 5, minute).await));

    // Its server died: another goes on after a while, and what the first says later counts no more.
    assert!(drop(10 * minute).await.is_empty());
    assert_eq!(drop(11 * minute).await, both);
    store.blob_dropped(&t, &a.sha256, minute).await.unwrap();
    assert!(busy(store.note_blob(&t, &a.sha256, 5, minute).await));
    store.blob_dropped(&t, &a.sha256, 11 * minute).await.unwrap();
    store.note_artifact(&trial.id, trial.row.epoch, &a.sha256, 5, minute).await.unwrap();
    store.note_blob(&t, &a.sha256, 5, 11 * minute).await.unwrap();
    assert_eq!(store.blob(&t, &a.sha256).await.unwrap(), Some(5));
    store.blob_dropped(&t, &a.splits[0], 11 * minute).await.unwrap();
    store.give_back(&trial.id, trial.row.epoch, &end(TrialState::Failed, "over"), minute).await.unwrap();
    store.cancel(&j.id, minute, Noted::NOTHING).await.unwrap();
    store.decide(&j.id, &decided(&j, TrialState::Cancelled), minute).await.unwrap();
}
