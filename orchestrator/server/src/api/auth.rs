//! Who calls, and whether they may.
//!
//! A token is `stk_<id>_<secret>`: the id finds its row, the secret (32 random bytes) is compared by its SHA-256. What a token
//! may do is decided by the table of routes ([`super::spec`]); whose things it sees is decided by its tenant in every query.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use stakeout_contract::{
    Sha256Digest, TenantId, TokenId,
    api::{
        access::{Role, Tenant, Token},
        problem::Code,
    },
};
use stakeout_store::{StoreError, TokenRow};

use super::{App, problem::Failed, spec::Needs};
use crate::{seal::random, service::now, trace};

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) token: Token,
    pub(crate) tenant: Tenant,
}

impl Caller {
    /// Whose things are seen.
    pub(crate) const fn tenant(&self) -> &TenantId {
        &self.tenant.id
    }

    /// An admin of the farm.
    pub(crate) fn is_operator(&self) -> bool {
        self.token.role == Role::Admin && self.tenant.id.is_farm()
    }

    fn may(&self, needs: Needs) -> bool {
        match needs {
            Needs::Nothing => true,
            Needs::Role(r) => self.token.role.covers(r),
            Needs::Operator => self.is_operator(),
        }
    }
}

/// A new token's text and row.
pub(crate) fn new_token(token: Token) -> Result<(String, TokenRow), crate::seal::SealError> {
    let secret = hex::encode(random::<32>()?);
    let text = format!("stk_{}_{secret}", token.id);
    Ok((text, TokenRow { token, hash: hash(&secret) }))
}

/// SHA-256 of a secret.
pub(crate) fn hash(secret: &str) -> Sha256Digest {
    Sha256Digest::from_bytes(Sha256::digest(secret.as_bytes()).into())
}

/// Id and secret of a token's text.
pub(crate) fn parts(text: &str) -> Option<(TokenId, &str)> {
    let (id, secret) = text.strip_prefix("stk_")?.rsplit_once('_')?;
    let ok = secret.len() == 64 && secret.bytes().all(|b| b.is_ascii_hexdigit());
    Some((id.parse().ok()?, secret)).filter(|_| ok)
}

/// Requests that a tenant may still make now.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<TenantId, (f64, Instant)>>);

impl Rates {
    /// Takes one of `a_minute`, or says in how many seconds there is one.
    fn take(&self, tenant: &TenantId, a_minute: u32, now: Instant) -> Result<(), u64> {
        let most = f64::from(a_minute.max(1));
        let a_second = most / 60.0;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, at) = all.entry(tenant.clone()).or_insert((most, now));
        *left = (*left + now.duration_since(*at).as_secs_f64() * a_second).min(most);
        *at = now;
        if *left >= 1.0 {
            *left -= 1.0;
            Ok(())
        } else {
            Err(((1.0 - *left) / a_second).ceil() as u64)
        }
    }
}

/// A route's gate.
pub(crate) struct Gate {
    pub(crate) app: App,
    pub(crate) needs: Needs,
    pub(crate) route: &'static str,
}

impl Clone for Gate {
    fn clone(&self) -> Self {
        Self { app: self.app.clone(), needs: self.needs, route: self.route }
    }
}

/// Lets a request through, with its [`Caller`], or refuses it.
pub(crate) async fn check(State(gate): State<Gate>, mut req: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = req.method().clone();
    let headers = req.headers().clone();
    let answer = async {
        if gate.needs == Needs::Nothing {
            return next.run(req).await;
        }
        match admit(&gate, headers.clone(), &method).await {
            Ok(caller) => {
                req.extensions_mut().insert(caller);
                next.run(req).await
            }
            Err(e) => e.into_response(),
        }
    };
    let response = trace::request(gate.route, &method, &headers, answer, Response::status).await;
    gate.app.metrics().request(gate.route, &method, response.status(), began.elapsed());
    response
}

async fn admit(gate: &Gate, headers: HeaderMap, method: &Method) -> Result<Caller, Failed> {
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let text = given.and_then(|v| v.strip_prefix("Bearer ").or_else(|| v.strip_prefix("bearer ")));
    let text = text.or_else(|| super::session::token_of(&headers, method, gate.app.options().secure));
    admitted(&gate.app, gate.needs, text).await
}

/// Who has this token, if rate and role let them in.
pub(crate) async fn admitted(app: &App, needs: Needs, text: Option<&str>) -> Result<Caller, Failed> {
    let caller = who(app, text).await?;
    if let Some(n) = caller.tenant.quota.requests_a_minute
        && let Err(seconds) = app.rates().take(caller.tenant(), n, Instant::now())
    {
        return Err(Failed::new(Code::TooMany, format!("the tenant `{}` may make {n} requests a minute", caller.tenant())).retry(seconds));
    }
    if caller.may(needs) {
        return Ok(caller);
    }
    let role = caller.token.role.as_str();
    Err(Failed::new(Code::Forbidden, format!("the token `{}` has the role `{role}`", caller.token.id)).hint(match needs {
        Needs::Role(r) => format!("use a token with the role `{}`", r.as_str()),
        _ => "this is for admins of the tenant `farm`".to_owned(),
    }))
}

/// Whose token this is.
pub(crate) async fn who(app: &App, text: Option<&str>) -> Result<Caller, Failed> {
    let unauthorized = |detail: &str| {
        Failed::new(Code::Unauthorized, detail).hint("send `Authorization: Bearer <token>`; an admin makes one with `stakeout token new`")
    };
    let text = text.ok_or_else(|| unauthorized("the request has no token"))?;
    let unknown = || unauthorized("the token is not known, has expired or was taken back");
    let (id, secret) = parts(text).ok_or_else(unknown)?;
    let store = app.service().store();
    let (row, tenant) = match store.token(&id).await {
        Ok(found) => found,
        Err(StoreError::NotFound { .. }) => return Err(unknown()),
        Err(e) => return Err(e.into()),
    };
    let same = aws_lc_rs::constant_time::verify_slices_are_equal(row.hash.as_bytes(), hash(secret).as_bytes()).is_ok();
    let now = now();
    if !same || row.token.revoked_ms.is_some() || row.token.expires_ms.is_some_and(|e| e <= now) {
        return Err(unknown());
    }
    if row.token.last_used_ms.is_none_or(|t| now - t > 60_000) {
        match store.token_used(&id, now).await {
            // Who only reads is not refused for that.
            Err(e) if e.is_full() => tracing::debug!(token = %id, "there is no room to note that it was used"),
            noted => noted?,
        }
    }
    Ok(Caller { token: row.token, tenant })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_token_is_one() {
        let secret = "ab".repeat(32);
        let (id, s) = parts(&format!("stk_token-1_{secret}")).map(|(i, s)| (i.to_string(), s.to_owned())).unwrap();
        assert_eq!((id.as_str(), s.as_str()), ("token-1", secret.as_str()));
        for bad in ["", "stk_", "stk_token-1_", "stk_token-1_xyz", &secret] {
            assert!(parts(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_rate_is_kept_and_says_when_to_come_again() {
        let (rates, t) = (Rates::default(), "t".parse().unwrap());
        let now = Instant::now();
        for _ in 0..60 {
            rates.take(&t, 60, now).unwrap();
        }
        assert_eq!(rates.take(&t, 60, now), Err(1));
        rates.take(&t, 60, now + std::time::Duration::from_secs(1)).unwrap();
    }
}
