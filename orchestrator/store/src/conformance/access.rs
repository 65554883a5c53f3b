//! Tenants, tokens, keys of requests, audit.

use stakeout_contract::{
    Sha256Digest, TenantId, TokenId, TrialId,
    api::{
        access::{AuditEntry, Role, Tenant, Token},
        fleet::WorkerMode,
    },
};

use super::sample::{job, tenant, tenant_row};
use crate::{Answered, Claim, Deed, Idempotent, JobFilter, JobRow, Noted, Notes, Store, StoreError, TokenRow};

pub(super) async fn all(store: &dyn Store) {
    tenants_are_made_and_changed(store).await;
    tokens_are_their_tenants(store).await;
    a_request_that_comes_again_is_answered_as_before(store).await;
    a_submit_and_its_answer_are_there_together_or_not_at_all(store).await;
    the_chain_of_audit_holds(store).await;
    what_is_noted_is_there_with_the_change_in_each_chain_or_not_at_all(store).await;
}

async fn tenants_are_made_and_changed(store: &dyn Store) {
    let mut row = tenant_row("changing");
    assert!(store.put_tenant(&row, Noted::NOTHING).await.unwrap());
    (row.weight, row.retention_days, row.own_workers_only) = (7, Some(3), true);
    row.quota.bytes = Some(u64::from(u32::MAX) * 10);
    assert!(!store.put_tenant(&row, Noted::NOTHING).await.unwrap());
    assert_eq!(store.tenant(&row.id).await.unwrap(), row);
    let newer = Tenant { weight: 9, ..row.clone() };
    for before in [None, Some(&tenant_row("changing")), Some(&newer)] {
        let late = store.put_tenant_if(&newer, before, Noted::NOTHING).await;
        assert!(matches!(late, Err(StoreError::Changed { what: "tenant", .. })), "{late:?}");
    }
    let other = Tenant { name: "other".to_owned(), ..row.clone() };
    let (a, b) =
        tokio::join!(store.put_tenant_if(&newer, Some(&row), Noted::NOTHING), store.put_tenant_if(&other, Some(&row), Noted::NOTHING));
    assert!(a.is_ok() != b.is_ok(), "one of two: {a:?} {b:?}");
    assert_eq!(store.tenant(&row.id).await.unwrap(), if a.is_ok() { newer } else { other });
    let made = tenant_row("made-once");
    let none = store.put_tenant_if(&made, Some(&made), Noted::NOTHING).await;
    assert!(matches!(none, Err(StoreError::Changed { .. })), "{none:?}");
    store.put_tenant_if(&made, None, Noted::NOTHING).await.unwrap();
    assert_eq!(store.tenant(&made.id).await.unwrap(), made);
    assert!(matches!(store.tenant(&tenant("nobody")).await, Err(StoreError::NotFound { what: "tenant", .. })));
    let ids: Vec<_> = store.tenants().await.unwrap().into_iter().map(|t| t.id).collect();
    assert!(ids.contains(&row.id) && ids.is_sorted());
}

async fn tokens_are_their_tenants(store: &dyn Store) {
    let t = tenant("tokens");
    let row = |id: &str| TokenRow {
        token: Token {
            id: id.parse::<TokenId>().unwrap(),
            tenant: t.clone(),
            role: Role::Submitter,
            label: "ci".to_owned(),
            created_ms: 1,
            expires_ms: Some(100),
            revoked_ms: None,
            last_used_ms: None,
        },
        hash: Sha256Digest::of(id.as_bytes()),
    };
    store.put_tenant(&tenant_row("tokens"), Noted::NOTHING).await.unwrap();
    let (a, b) = (row("token-a"), row("token-b"));
    store.put_token(&a, Noted::NOTHING).await.unwrap();
    store.put_token(&b, Noted::NOTHING).await.unwrap();
    assert!(store.put_token(&a, Noted::NOTHING).await.is_err(), "an id is used once");
    assert_eq!(store.token(&a.token.id).await.unwrap(), (a.clone(), store.tenant(&t).await.unwrap()));
    assert!(matches!(store.token(&"token-z".parse().unwrap()).await, Err(StoreError::NotFound { what: "token", .. })));
    assert_eq!(store.tokens(&t, None, 10).await.unwrap(), [b.token.clone(), a.token.clone()]);
    assert_eq!(store.tokens(&t, None, 1).await.unwrap(), std::slice::from_ref(&b.token));
    assert_eq!(store.tokens(&t, Some(&b.token.id), 10).await.unwrap(), std::slice::from_ref(&a.token));
    assert!(store.tokens(&tenant("stranger"), None, 10).await.unwrap().is_empty());
    let stranger = store.revoke_token(&tenant("stranger"), &a.token.id, 5, Noted::NOTHING).await;
    assert!(matches!(stranger, Err(StoreError::NotFound { what: "token", .. })));
    store.revoke_token(&t, &a.token.id, 5, Noted::NOTHING).await.unwrap();
    store.revoke_token(&t, &a.token.id, 9, Noted::NOTHING).await.unwrap();
    assert_eq!(store.token(&a.token.id).await.unwrap().0.token.revoked_ms, Some(5));
    for now in [1000, 30_000, 61_000, 62_000] {
        store.token_used(&b.token.id, now).await.unwrap();
    }
    assert_eq!(store.token(&b.token.id).await.unwrap().0.token.last_used_ms, Some(61_000));
}

fn claim(tenant: &TenantId, id: &str) -> Claim {
    Claim { tenant: tenant.clone(), key: "k".to_owned(), id: id.to_owned() }
}

/// Submits a job for a claim.
async fn submit(store: &dyn Store, claim: &Claim) -> Result<JobRow, StoreError> {
    let j = job(&claim.tenant, 1);
    let deed = Deed { tenant: claim.tenant.clone(), token: None, action: "job.submit", thing: j.id.to_string(), detail: String::new() };
    let answered = Answered { claim: claim.clone(), status: 201, body: format!("{{\"by\":\"{}\"}}", claim.id) };
    let notes = Notes { answered: Some(answered), deeds: vec![deed] };
    store.insert_jobs(vec![(j.clone(), vec![TrialId::generate()])], &notes).await?;
    Ok(j)
}

fn again(by: &str) -> Idempotent {
    Idempotent::Again { status: 201, body: format!("{{\"by\":\"{by}\"}}") }
}

async fn a_request_that_comes_again_is_answered_as_before(store: &dyn Store) {
    let (t, f, g, day) = (tenant("idem"), Sha256Digest::of(b"f"), Sha256Digest::of(b"g"), 86_400_000);
    let ask = async |id: &str, f: Sha256Digest, now| store.idempotent(&claim(&t, id), &f, now).await.unwrap();
    assert_eq!(ask("a", f, 0).await, Idempotent::First);
    assert_eq!(ask("b", f, 1).await, Idempotent::Running);
    assert_eq!(ask("b", g, 1).await, Idempotent::Differs);
    assert_eq!(store.idempotent(&claim(&tenant("stranger"), "a"), &f, 1).await.unwrap(), Idempotent::First);
    store.release(&claim(&t, "b")).await.unwrap();
    assert_eq!(ask("b", f, 1).await, Idempotent::Running, "only who has the key lets it go");
    store.release(&claim(&t, "a")).await.unwrap();
    assert_eq!(ask("b", f, 2).await, Idempotent::First, "the first one failed");
    let first = submit(store, &claim(&t, "b")).await.unwrap();
    assert_eq!(ask("c", f, 3).await, again("b"));
    store.release(&claim(&t, "b")).await.unwrap();
    assert_eq!(ask("c", f, 3).await, again("b"), "what was answered stays");
    assert_eq!(ask("c", f, 2 + day).await, Idempotent::First, "a day is over");
    store.tidy(3 + day).await.unwrap();
    assert_eq!(ask("d", f, 4 + day).await, Idempotent::Running);
    store.tidy(3 + 2 * day).await.unwrap();
    assert_eq!(ask("e", g, 4 + day).await, Idempotent::First);
    assert_eq!(ask("f", f, 4 + day + 299_999).await, Idempotent::Differs);
    assert_eq!(ask("f", f, 4 + day + 300_000).await, Idempotent::First, "whoever was to answer has died");
    store.cancel(&first.id, 5, Noted::NOTHING).await.unwrap();
}

async fn a_submit_and_its_answer_are_there_together_or_not_at_all(store: &dyn Store) {
    let (t, f) = (tenant("together"), Sha256Digest::of(b"f"));
    let jobs = async || store.jobs(&t, &JobFilter { most: 10, ..JobFilter::default() }).await.unwrap().len();
    let ask = async |id: &str, now| store.idempotent(&claim(&t, id), &f, now).await.unwrap();
    assert_eq!(ask("slow", 0).await, Idempotent::First);
    assert_eq!(ask("fast", 300_000).await, Idempotent::First);
    let overtaken = submit(store, &claim(&t, "slow")).await;
    assert!(matches!(overtaken, Err(StoreError::Changed { what: "request", .. })), "{overtaken:?}");
    assert_eq!((jobs().await, store.audit_after(&t, 0, 10).await.unwrap().len()), (0, 0));
    store.release(&claim(&t, "slow")).await.unwrap();
    assert_eq!(ask("third", 300_001).await, Idempotent::Running, "the key is the other's");
    let done = submit(store, &claim(&t, "fast")).await.unwrap();
    assert!(matches!(submit(store, &claim(&t, "fast")).await, Err(StoreError::Changed { what: "request", .. })), "it is answered once");
    assert_eq!(ask("third", 300_002).await, again("fast"));
    let audit = store.audit_after(&t, 0, 10).await.unwrap();
    assert_eq!((jobs().await, audit.len(), audit[0].thing.as_str()), (1, 1, done.id.as_str()));
    store.cancel(&done.id, 5, Noted::NOTHING).await.unwrap();
}

async fn the_chain_of_audit_holds(store: &dyn Store) {
    let t = tenant("audited");
    for n in 0..4 {
        let token = (n % 2 == 0).then(|| "token-1".parse().unwrap());
        let deed = Deed { tenant: t.clone(), token, action: "job.submit", thing: format!("job-{n}"), detail: "\"ü\"".to_owned() };
        assert_eq!(store.audit(&deed, 10 + n).await.unwrap().number, n as u64 + 1);
    }
    let all = store.audit_after(&t, 0, 100).await.unwrap();
    assert_eq!(AuditEntry::broken(None, &all), None);
    assert_eq!(store.audit_after(&t, 1, 2).await.unwrap(), all[1..3]);
    assert!(store.audit_after(&tenant("stranger"), 0, 100).await.unwrap().is_empty());
}

async fn what_is_noted_is_there_with_the_change_in_each_chain_or_not_at_all(store: &dyn Store) {
    let (t, other) = (tenant("noted"), tenant("noted-by"));
    let deed =
        |tenant: &TenantId| Deed { tenant: tenant.clone(), token: None, action: "tenant.put", thing: t.to_string(), detail: String::new() };
    let deeds = [deed(&t), deed(&other)];
    let noted = Noted { deeds: &deeds, at: 7 };
    let entries = async |tenant: &TenantId| store.audit_after(tenant, 0, 10).await.unwrap().len();
    assert!(store.put_tenant(&tenant_row("noted"), noted).await.unwrap());
    assert_eq!((entries(&t).await, entries(&other).await), (1, 1));
    assert_eq!(store.audit_after(&other, 0, 1).await.unwrap()[0].at_ms, 7);
    assert!(store.revoke_token(&t, &"token-none".parse().unwrap(), 8, noted).await.is_err());
    assert!(store.delete_scenario(&t, "none", noted).await.is_err());
    assert!(store.delete_hook(&t, &"hook-none".parse().unwrap(), noted).await.is_err());
    assert!(store.set_worker_mode(&t, &"none-1".parse().unwrap(), WorkerMode::Draining, noted).await.is_err());
    assert_eq!((entries(&t).await, entries(&other).await), (1, 1), "what was not done is not noted");
}
