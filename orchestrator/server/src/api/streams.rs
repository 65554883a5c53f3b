//! How many event streams there are, and how long one lasts.
//!
//! A stream is a connection and a look at the store each second for as long as it is open. Each orchestrator counts its own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use stakeout_contract::{TenantId, TokenId, api::problem::Code};
use tokio::time::Instant;

use super::{auth::Caller, problem::Failed};

/// Streams of a token at a time.
const OF_A_TOKEN: usize = 20;
/// Streams of a tenant at a time.
const OF_A_TENANT: usize = 100;
/// Seconds after which it may be tried again.
const AGAIN: u64 = 10;
/// A stream ends after so long. Whoever follows comes back with the last number that was seen, and misses nothing.
const LASTS: Duration = Duration::from_secs(3600);
/// Whether its token counts is looked at so often.
const TOKEN: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Open {
    tokens: HashMap<TokenId, usize>,
    tenants: HashMap<TenantId, usize>,
}

/// Streams that are open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams(Arc<Mutex<Open>>);

/// One of them; it is one less when this goes.
#[derive(Debug)]
pub(crate) struct Place {
    all: Streams,
    token: TokenId,
    tenant: TenantId,
}

impl Streams {
    /// A place for one more, if there is one.
    pub(crate) fn enter(&self, c: &Caller) -> Result<Place, Failed> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (of_token, of_tenant) = (count(&open.tokens, &c.token.id), count(&open.tenants, c.tenant()));
        let full = if of_token >= OF_A_TOKEN {
            Some(format!("the token `{}` has {of_token} event streams open, and may have no more", c.token.id))
        } else if of_tenant >= OF_A_TENANT {
            Some(format!("the tenant `{}` has {of_tenant} event streams open, and may have no more", c.tenant()))
        } else {
            None
        };
        if let Some(detail) = full {
            return Err(Failed::new(Code::TooMany, detail).hint("close some, or ask for `event-list` now and then").retry(AGAIN));
        }
        *open.tokens.entry(c.token.id.clone()).or_default() += 1;
        *open.tenants.entry(c.tenant().clone()).or_default() += 1;
        Ok(Place { all: self.clone(), token: c.token.id.clone(), tenant: c.tenant().clone() })
    }
}

fn count<K: std::hash::Hash + Eq>(all: &HashMap<K, usize>, key: &K) -> usize {
    all.get(key).copied().unwrap_or_default()
}

fn leave<K: std::hash::Hash + Eq>(all: &mut HashMap<K, usize>, key: &K) {
    if let Some(n) = all.get_mut(key) {
        *n -= 1;
        if *n == 0 {
            all.remove(key);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        leave(&mut open.tokens, &self.token);
        leave(&mut open.tenants, &self.tenant);
    }
}

/// What is to be done with a stream now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// It goes on.
    Nothing,
    /// It is looked whether its token counts still.
    Token,
    /// It ends.
    End,
}

/// How long a stream has been open, and since when its token is known to count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    began: Instant,
    asked: Instant,
}

impl Life {
    /// Of one that begins now.
    pub(crate) const fn new(now: Instant) -> Self {
        Self { began: now, asked: now }
    }

    /// What is due at a time; a token that is to be looked at counts as looked at.
    pub(crate) fn due(&mut self, now: Instant) -> Due {
        if now.duration_since(self.began) >= LASTS {
            Due::End
        } else if now.duration_since(self.asked) >= TOKEN {
            self.asked = now;
            Due::Token
        } else {
            Due::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use stakeout_contract::api::access::{Role, Token};
    use stakeout_store::conformance::sample::tenant_row;

    use super::*;

    fn caller(tenant: &str, token: usize) -> Caller {
        let tenant = tenant_row(tenant);
        let token = Token {
            id: format!("token-{token}").parse().unwrap(),
            tenant: tenant.id.clone(),
            role: Role::Reader,
            label: String::new(),
            created_ms: 0,
            expires_ms: None,
            revoked_ms: None,
            last_used_ms: None,
        };
        Caller { token, tenant }
    }

    #[test]
    fn a_token_and_a_tenant_have_so_many_streams_and_another_has_its_own() {
        let streams = Streams::default();
        let mut all: Vec<Place> = (0..OF_A_TENANT).map(|n| streams.enter(&caller("a", n / OF_A_TOKEN)).unwrap()).collect();
        for token in [0, 99] {
            let refused = streams.enter(&caller("a", token)).unwrap_err();
            assert_eq!((refused.problem.status, refused.retry_after), (429, Some(AGAIN)), "{token}");
        }
        streams.enter(&caller("b", 1000)).unwrap();
        all.pop();
        let last = streams.enter(&caller("a", 4)).unwrap();
        assert!(streams.enter(&caller("a", 4)).is_err());
        drop((all, last));
        let open = streams.0.lock().unwrap();
        assert!(open.tokens.is_empty() && open.tenants.is_empty(), "nothing is left of who has gone: {open:?}");
    }

    #[test]
    fn a_stream_asks_for_its_token_each_minute_and_ends_after_an_hour() {
        let began = Instant::now();
        let mut life = Life::new(began);
        let mut at = |seconds| life.due(began + Duration::from_secs(seconds));
        assert_eq!(
            [at(0), at(59), at(60), at(61), at(119), at(120)],
            [Due::Nothing, Due::Nothing, Due::Token, Due::Nothing, Due::Nothing, Due::Token]
        );
        assert_eq!([at(3599), at(3600)], [Due::Token, Due::End]);
    }
}
