//! One tenant: as it is, made, changed. The list of them is in [`super::access`].
//!
//! A `PUT` says all of a tenant, so whoever read it before says by `If-Match` what they read: of two who change it at once the second
//! hears that it was changed, and does not undo the first.

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use stakeout_contract::{
    TenantId,
    api::{
        access::{Role, Tenant, TenantSpec},
        problem::Code,
    },
};
use stakeout_store::StoreError;

use super::{
    App,
    access::{asked, deed, deeds_on, noted},
    auth::Caller,
    idempotency::{tag_of, tagged, with_tag},
    problem::{Answer, Failed},
    read::{At, Body, is_plain, still},
    spec::{Needs, Routes, op},
};
use crate::service::now;

pub(crate) fn routes(r: &mut Routes) {
    r.add(
        op(Method::GET, "/v1/tenants/{tenant}", "getTenant", Needs::Role(Role::Reader), "A tenant as it is now")
            .more("One's own; any for admins of `farm`. Its ETag is for the `If-Match` of who changes it.")
            .gives::<Tenant>(200, "The tenant")
            .tagged(),
        get,
    );
    r.add(
        op(Method::PUT, "/v1/tenants", "putTenant", Needs::Operator, "Make a tenant, or say anew all that one is")
            .more("What is not given is as in a new tenant, and not as it was.")
            .header("If-Match", "The ETag of the tenant as it was read: 412 if it is another by now", false)
            .header("If-None-Match", "`*`: 412 if there is one of this id", false)
            .takes::<TenantSpec>()
            .gives::<Tenant>(200, "Changed")
            .gives::<Tenant>(201, "Made")
            .fails(&[Code::Changed]),
        put,
    );
}

async fn get(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<TenantId>, headers: HeaderMap) -> Answer<Response> {
    tagged(&headers, &app.service().store().tenant(&asked(&c, Some(id))?).await?)
}

async fn put(State(app): State<App>, Extension(c): Extension<Caller>, headers: HeaderMap, body: Body<TenantSpec>) -> Answer<Response> {
    let s = body.value;
    if !(1..=1000).contains(&s.weight) || !is_plain(&s.name, 200) || s.retention_days.is_some_and(|d| !(1..=36500).contains(&d)) {
        return Err(Failed::value(
            "weight",
            "a weight is 1 to 1000, a name has at most 200 characters without line breaks, things are kept 1 to 36500 days",
        ));
    }
    let store = app.service().store();
    let there = match store.tenant(&s.id).await {
        Ok(t) => Some(t),
        Err(StoreError::NotFound { .. }) => None,
        Err(e) => return Err(e.into()),
    };
    let asked_for = still(&headers, there.as_ref().map(tag_of).transpose()?.as_deref());
    let tenant = Tenant {
        id: s.id,
        name: s.name,
        weight: s.weight,
        quota: s.quota,
        own_workers_only: s.own_workers_only,
        retention_days: s.retention_days,
        created_ms: there.as_ref().map_or_else(now, |t| t.created_ms),
    };
    let deeds = deeds_on(&c, &tenant.id, deed(&c, "tenant.put", tenant.id.as_str(), String::new()));
    let new = match asked_for {
        None => store.put_tenant(&tenant, noted(&deeds)).await?,
        Some(false) => return Err(changed(&tenant.id)),
        // Another may have changed it since it was read here.
        Some(true) => match store.put_tenant_if(&tenant, there.as_ref(), noted(&deeds)).await {
            Ok(()) => there.is_none(),
            Err(StoreError::Changed { .. }) => return Err(changed(&tenant.id)),
            Err(e) => return Err(e.into()),
        },
    };
    with_tag(if new { StatusCode::CREATED } else { StatusCode::OK }, &tenant)
}

fn changed(id: &TenantId) -> Failed {
    Failed::new(Code::Changed, format!("the tenant `{id}` is not as it was read")).hint("read it again, and change that")
}
