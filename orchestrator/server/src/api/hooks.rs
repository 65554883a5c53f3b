//! Webhooks: who is told when a job ends.

use axum::{
    Extension, Json,
    extract::State,
    http::{Method, StatusCode},
    response::Response,
};
use stakeout_contract::{
    DeliveryId, HookId,
    api::{
        access::Role,
        hooks::{Delivery, Hook, HookSpec, NewHook},
        page::{Page, PageQuery},
        problem::Code,
    },
};
use stakeout_store::HookRow;

use super::{
    App, access,
    auth::Caller,
    idempotency::json,
    page,
    problem::{Answer, Failed},
    read::{Args, At, Body, is_plain, within},
    spec::{Needs, Routes, op},
};
use crate::{ServiceError, seal::random, service::now};

/// Webhooks of a tenant at most.
const MOST: usize = 50;

pub(crate) fn routes(r: &mut Routes) {
    let admin = Needs::Role(Role::Admin);
    r.add(op(Method::GET, "/v1/webhooks", "listWebhooks", admin, "Webhooks").gives::<Page<Hook>>(200, "Without their secrets"), list);
    r.add(
        op(Method::POST, "/v1/webhooks", "makeWebhook", admin, "Make a webhook")
            .more("It gets `{\"event\": \"job.ended\", \"delivery\": .., \"job\": <Job>}` by POST when a job ends, signed; tried again for a day.")
            .takes::<HookSpec>()
            .gives::<NewHook>(201, "The webhook and its secret")
            .fails(&[Code::Quota]),
        make,
    );
    r.add(op(Method::DELETE, "/v1/webhooks/{webhook}", "deleteWebhook", admin, "Forget a webhook").gives_nothing(204, "Forgotten"), delete);
    r.add(
        op(Method::GET, "/v1/webhooks/{webhook}/deliveries", "listDeliveries", admin, "What it was told, the newest first")
            .query::<PageQuery>()
            .gives::<Page<Delivery>>(200, "Deliveries"),
        deliveries,
    );
    r.add(
        op(Method::POST, "/v1/deliveries/{delivery}/replay", "replayDelivery", admin, "Tell it again")
            .gives::<Delivery>(200, "To be tried")
            .fails(&[Code::Quota]),
        replay,
    );
}

async fn list(State(app): State<App>, Extension(c): Extension<Caller>) -> Answer<Json<Page<Hook>>> {
    Ok(Json(Page { items: app.service().store().hooks(c.tenant()).await?, next: None }))
}

async fn make(State(app): State<App>, Extension(c): Extension<Caller>, body: Body<HookSpec>) -> Answer<Response> {
    let s = body.value;
    let url: reqwest::Url = s.url.parse().map_err(|_| Failed::value("url", "this is no URL").hint("write it as `https://host/path`"))?;
    let plain = app.options().private_hooks && url.scheme() == "http";
    if s.url.len() > 2000
        || !(url.scheme() == "https" || plain)
        || url.host().is_none()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err(Failed::value("url", "a webhook goes to `https://` without user and password"));
    }
    if !app.options().private_hooks && crate::tasks::hooks::is_private_host(&url) {
        return Err(Failed::value("url", "a webhook does not go to a private address")
            .hint("an operator may allow it with `--allow-private-hooks`"));
    }
    if s.tag.as_ref().is_some_and(|t| t.is_empty() || !is_plain(t, 64)) {
        return Err(Failed::value("tag", "a tag has 1 to 64 characters"));
    }
    let store = app.service().store();
    if store.hooks(c.tenant()).await?.len() >= MOST {
        return Err(Failed::new(Code::Quota, format!("a tenant has at most {MOST} webhooks")).hint("delete one that nobody hears"));
    }
    let hook = Hook { id: HookId::at(now()), url: url.into(), tag: s.tag, created_ms: now() };
    let secret = hex::encode(random::<32>().map_err(ServiceError::from)?);
    let sealed = app.service().sealer.seal(hook.id.as_str(), secret.as_bytes()).map_err(ServiceError::from)?;
    let deed = access::deed(&c, "webhook.make", hook.id.as_str(), hook.url.clone());
    store.put_hook(&HookRow { hook: hook.clone(), tenant: c.tenant().clone(), sealed }, access::noted(&[deed])).await?;
    json(StatusCode::CREATED, &NewHook { hook, secret })
}

async fn delete(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<HookId>) -> Answer<StatusCode> {
    let deed = access::deed(&c, "webhook.delete", id.as_str(), String::new());
    app.service().store().delete_hook(c.tenant(), &id, access::noted(&[deed])).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn deliveries(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At(id): At<HookId>,
    Args(q): Args<PageQuery>,
) -> Answer<Json<Page<Delivery>>> {
    let (n, before) = (within("limit", q.limit, 50, 200)?, page::read::<DeliveryId>(q.cursor.as_deref())?);
    let items = app.service().store().deliveries(c.tenant(), &id, before.as_ref(), n + 1).await?;
    Ok(Json(page::of(items, n, |d| d.id.clone())))
}

async fn replay(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<DeliveryId>) -> Answer<Json<Delivery>> {
    let deed = access::deed(&c, "webhook.replay", id.as_str(), String::new());
    Ok(Json(app.service().store().replay(c.tenant(), &id, now(), access::noted(&[deed])).await?))
}
