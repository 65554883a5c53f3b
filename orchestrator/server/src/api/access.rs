//! Tokens, tenants, audit, usage.

use axum::{
    Extension, Json,
    extract::State,
    http::{Method, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use stakeout_contract::{
    TenantId, TokenId,
    api::{
        access::{AuditEntry, Me, NewToken, Role, Tenant, Token, TokenSpec, Usage},
        page::{Page, PageQuery},
        problem::Code,
    },
};
use stakeout_store::{Access, Deed, Noted, Store, StoreError, TokenRow};

use super::{
    App,
    auth::{self, Caller},
    idempotency::json,
    page,
    problem::{Answer, Failed},
    read::{Args, At, Body, is_plain, within},
    spec::{Needs, Routes, op},
};
use crate::{ENGINE, ServiceError, service::now};

const DAY: i64 = 24 * 3600 * 1000;
/// Days that a token lasts unless told otherwise.
const TOKEN_DAYS: u32 = 90;

/// Which tenant is asked about.
#[derive(Deserialize, Serialize, schemars::JsonSchema, Default)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OfTenant {
    /// Another tenant's; only for admins of `farm`.
    tenant: Option<TenantId>,
    /// Days, 1 to 366; 30 if not given.
    #[schemars(range(min = 1, max = 366))]
    days: Option<u32>,
}

/// Which entries are wanted.
#[derive(Deserialize, Serialize, schemars::JsonSchema, Default)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// Entries after this number; 0: from the begin.
    after: u32,
    /// Items, 1 to 1000; 200 if not given.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<u32>,
    /// Another tenant's; only for admins of `farm`.
    tenant: Option<TenantId>,
}

pub(crate) fn routes(r: &mut Routes) {
    let (admin, reader) = (Needs::Role(Role::Admin), Needs::Role(Role::Reader));
    r.add(op(Method::GET, "/v1/me", "me", reader, "Who one is").gives::<Me>(200, "Token and tenant"), me);
    r.add(
        op(Method::GET, "/v1/tokens", "listTokens", admin, "Tokens of the tenant")
            .query::<PageQuery>()
            .gives::<Page<Token>>(200, "Without their secrets"),
        tokens,
    );
    r.add(
        op(Method::POST, "/v1/tokens", "makeToken", admin, "Make a token")
            .more("Its text is shown this once.")
            .takes::<TokenSpec>()
            .gives::<NewToken>(201, "The token and its text")
            .fails(&[Code::NotFound, Code::Quota]),
        make_token,
    );
    r.add(
        op(Method::DELETE, "/v1/tokens/{token}", "revokeToken", admin, "Take a token back").gives_nothing(204, "It counts no more"),
        revoke,
    );
    r.add(op(Method::GET, "/v1/tenants", "listTenants", Needs::Operator, "All tenants").gives::<Page<Tenant>>(200, "By id"), tenants);
    r.add(
        op(Method::GET, "/v1/audit", "audit", admin, "What was done, the oldest first")
            .more("Each entry's hash covers the one before: `stakeout tenant audit` exports and checks it.")
            .query::<AuditQuery>()
            .gives::<Page<AuditEntry>>(200, "In order"),
        audit,
    );
    r.add(
        op(Method::GET, "/v1/usage", "usage", reader, "What the tenant used, by day (UTC)")
            .query::<OfTenant>()
            .gives::<Usage>(200, "Usage"),
        usage,
    );
}

async fn me(Extension(c): Extension<Caller>) -> Json<Me> {
    Json(Me { token: c.token, tenant: c.tenant, engine: ENGINE.to_owned() })
}

/// What the caller did, for the audit. It goes into the store together with what is done, so that there is neither without the other.
pub(crate) fn deed(c: &Caller, action: &'static str, thing: &str, detail: String) -> Deed {
    Deed { tenant: c.tenant().clone(), token: Some(c.token.id.clone()), action, thing: thing.to_owned(), detail }
}

/// The same of what is another tenant's, as an admin of the farm may do: it stands in both chains, as each tenant reads its own.
pub(crate) fn deeds_on(c: &Caller, tenant: &TenantId, deed: Deed) -> Vec<Deed> {
    let theirs = (tenant != c.tenant()).then(|| Deed { tenant: tenant.clone(), ..deed.clone() });
    std::iter::once(deed).chain(theirs).collect()
}

/// Deeds of now.
pub(crate) fn noted(deeds: &[Deed]) -> Noted<'_> {
    Noted { deeds, at: now() }
}

async fn tokens(State(app): State<App>, Extension(c): Extension<Caller>, Args(q): Args<PageQuery>) -> Answer<Json<Page<Token>>> {
    let before: Option<TokenId> = page::read(q.cursor.as_deref())?;
    let n = within("limit", q.limit, 50, 200)?;
    let items = app.service().store().tokens(c.tenant(), before.as_ref(), n + 1).await?;
    Ok(Json(page::of(items, n, |t| t.id.clone())))
}

async fn make_token(State(app): State<App>, Extension(c): Extension<Caller>, body: Body<TokenSpec>) -> Answer<Response> {
    json(StatusCode::CREATED, &new_token(&app, &c, body.value).await?)
}

/// Makes a token.
pub(crate) async fn new_token(app: &App, c: &Caller, spec: TokenSpec) -> Answer<NewToken> {
    let tenant = spec.tenant.unwrap_or_else(|| c.tenant().clone());
    if tenant != *c.tenant() && !c.is_operator() {
        return Err(Failed::not_found("tenant", tenant.as_str()));
    }
    if !is_plain(&spec.label, 200) || spec.days.is_some_and(|d| !(1..=3650).contains(&d)) {
        return Err(Failed::value("label", "a label has at most 200 characters without line breaks, and a token lasts 1 to 3650 days"));
    }
    app.service().store().tenant(&tenant).await?;
    let now = now();
    let token = Token {
        id: TokenId::at(now),
        tenant,
        role: spec.role,
        label: spec.label,
        created_ms: now,
        expires_ms: Some(now + i64::from(spec.days.unwrap_or(TOKEN_DAYS)) * DAY),
        revoked_ms: None,
        last_used_ms: None,
    };
    let (secret, row) = auth::new_token(token.clone()).map_err(ServiceError::from)?;
    let deed = deed(c, "token.make", token.id.as_str(), format!("{} of {}", token.role.as_str(), token.tenant));
    app.service().store().put_token(&row, noted(&deeds_on(c, &token.tenant, deed))).await?;
    Ok(NewToken { token, secret })
}

async fn revoke(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<TokenId>) -> Answer<StatusCode> {
    take_back(&app, &c, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a token back.
pub(crate) async fn take_back(app: &App, c: &Caller, id: &TokenId) -> Answer<()> {
    let deed = deed(c, "token.revoke", id.as_str(), String::new());
    Ok(app.service().store().revoke_token(c.tenant(), id, now(), noted(&[deed])).await?)
}

async fn tenants(State(app): State<App>) -> Answer<Json<Page<Tenant>>> {
    Ok(Json(Page { items: app.service().store().tenants().await?, next: None }))
}

/// The tenant that is asked about: one's own, or any for an operator.
pub(super) fn asked(c: &Caller, tenant: Option<TenantId>) -> Answer<TenantId> {
    match tenant {
        None => Ok(c.tenant().clone()),
        Some(t) if t == *c.tenant() || c.is_operator() => Ok(t),
        Some(t) => Err(Failed::not_found("tenant", t.as_str())),
    }
}

async fn audit(State(app): State<App>, Extension(c): Extension<Caller>, Args(q): Args<AuditQuery>) -> Answer<Json<Page<AuditEntry>>> {
    let tenant = asked(&c, q.tenant)?;
    let most = within("limit", q.limit, 200, 1000)?;
    let items = app.service().store().audit_after(&tenant, u64::from(q.after), most).await?;
    let next = items.last().filter(|_| items.len() == most as usize).map(|e| e.number.to_string());
    Ok(Json(Page { items, next }))
}

async fn usage(State(app): State<App>, Extension(c): Extension<Caller>, Args(q): Args<OfTenant>) -> Answer<Json<Usage>> {
    let tenant = asked(&c, q.tenant)?;
    Ok(Json(app.service().store().usage(&tenant, within("days", q.days, 30, 366)?, now()).await?))
}

/// The first admin token of an empty farm.
pub struct Bootstrap {
    /// Its text.
    pub token: String,
    /// It was made now.
    pub new: bool,
}

/// Why there is no first admin token.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// What was given is no token's text.
    #[error("it holds no token")]
    NoToken,
    /// The store has a token with this id and another secret.
    #[error("its token is not the one that the store has as `{0}`")]
    Another(TokenId),
    /// The store failed, or the system gave no randomness.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl From<StoreError> for BootstrapError {
    fn from(e: StoreError) -> Self {
        Self::Service(e.into())
    }
}

/// A text that can be given to [`bootstrap`]: it counts from then on.
pub fn first_token() -> Result<String, ServiceError> {
    Ok(auth::new_token(first_admin(TokenId::generate()))?.0)
}

/// Tokens that are looked at together.
const TOKENS: u32 = 200;

/// Whether the farm has an admin whose token counts now.
pub async fn has_admin(store: &dyn Store) -> Result<bool, ServiceError> {
    let now = now();
    let counts = |t: &Token| t.role == Role::Admin && t.revoked_ms.is_none() && t.expires_ms.is_none_or(|e| e > now);
    let mut before: Option<TokenId> = None;
    loop {
        let some = store.tokens(&TenantId::farm(), before.as_ref(), TOKENS).await?;
        if some.iter().any(counts) {
            return Ok(true);
        }
        let Some(last) = some.last() else { return Ok(false) };
        before = Some(last.id.clone());
    }
}

fn first_admin(id: TokenId) -> Token {
    Token {
        id,
        tenant: TenantId::farm(),
        role: Role::Admin,
        label: "first admin".to_owned(),
        created_ms: now(),
        expires_ms: None,
        revoked_ms: None,
        last_used_ms: None,
    }
}

/// Makes the tenant `farm`, and sees that the store knows the admin token `given`; without one, makes one where no admin's counts.
/// Nobody has the text of a token that is made here but the caller: write one down first ([`first_token`]), then give it.
pub async fn bootstrap(store: &dyn Store, given: Option<&str>) -> Result<Option<Bootstrap>, BootstrapError> {
    let farm = TenantId::farm();
    if matches!(store.tenant(&farm).await, Err(StoreError::NotFound { .. })) {
        let tenant = Tenant {
            id: farm.clone(),
            name: "operators".to_owned(),
            weight: 1,
            quota: stakeout_contract::api::access::Quota::default(),
            own_workers_only: false,
            retention_days: None,
            created_ms: now(),
        };
        store.put_tenant(&tenant, Noted::NOTHING).await?;
    }
    let (text, new) = match given {
        Some(text) => (text.to_owned(), false),
        None if has_admin(store).await? => return Ok(None),
        None => (first_token()?, true),
    };
    let (id, secret) = auth::parts(&text).ok_or(BootstrapError::NoToken)?;
    match Access::token(store, &id).await {
        Ok((row, _)) if row.hash == auth::hash(secret) => {}
        Ok(_) => return Err(BootstrapError::Another(id)),
        Err(StoreError::NotFound { .. }) => {
            let deed = Deed {
                tenant: farm,
                token: None,
                action: "token.first",
                thing: id.to_string(),
                detail: "the admin token that the server was started with".to_owned(),
            };
            store.put_token(&TokenRow { hash: auth::hash(secret), token: first_admin(id) }, noted(&[deed])).await?;
        }
        Err(e) => return Err(e.into()),
    }
    Ok(Some(Bootstrap { token: text, new }))
}

#[cfg(test)]
mod tests {
    use stakeout_store::sqlite::SqliteStore;

    use super::*;

    #[tokio::test]
    async fn an_admin_whose_token_has_ended_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("db")).await.unwrap();
        let first = bootstrap(&store, None).await.unwrap().unwrap();
        assert!(first.new && bootstrap(&store, None).await.unwrap().is_none());
        let (id, _) = auth::parts(&first.token).unwrap();
        store.revoke_token(&TenantId::farm(), &id, now(), Noted::NOTHING).await.unwrap();
        let ended = Token { expires_ms: Some(now() - 1), ..first_admin(TokenId::generate()) };
        store.put_token(&auth::new_token(ended).unwrap().1, Noted::NOTHING).await.unwrap();
        assert!(!has_admin(&store).await.unwrap());
        assert!(bootstrap(&store, None).await.unwrap().is_some_and(|b| b.new));
        assert!(has_admin(&store).await.unwrap());
        // One that was taken back stays so, though its file is still there.
        assert!(bootstrap(&store, Some(&first.token)).await.unwrap().is_some_and(|b| !b.new));
        assert!(Access::token(&store, &id).await.unwrap().0.token.revoked_ms.is_some());
        let audit = store.audit_after(&TenantId::farm(), 0, 10).await.unwrap();
        assert_eq!(audit.iter().map(|e| e.action.as_str()).collect::<Vec<_>>(), ["token.first", "token.first"]);
        assert!(matches!(bootstrap(&store, Some("none")).await, Err(BootstrapError::NoToken)));
    }
}
