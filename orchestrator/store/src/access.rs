//! Tenants, tokens, what they did, what they used.

use std::future::Future;

use stakeout_contract::{
    Sha256Digest, TenantId, TokenId,
    api::access::{AuditEntry, Tenant, Token, Usage},
};
use stakeout_domain::lease::Millis;

use crate::StoreError;

/// A token as it is kept: of its secret only the SHA-256.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenRow {
    /// What may be shown.
    pub token: Token,
    /// SHA-256 of the secret, which is random, so that no slow hash is needed.
    pub hash: Sha256Digest,
}

/// What was done, before it has its place in the chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deed {
    /// Whose.
    pub tenant: TenantId,
    /// By which token.
    pub token: Option<TokenId>,
    /// `job.submit`.
    pub action: &'static str,
    /// To which thing.
    pub thing: String,
    /// More of it.
    pub detail: String,
}

/// What came of asking for an Idempotency-Key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Idempotent {
    /// The first time: do it, then [`Access::answered`].
    First,
    /// It was done: the status and body of then.
    Again {
        /// HTTP status.
        status: u16,
        /// JSON.
        body: String,
    },
    /// The same key came with another request.
    Differs,
    /// The first one has not been answered yet.
    Running,
}

/// Tenants and tokens.
pub trait Access: Send + Sync + 'static {
    /// Makes a tenant, or changes it. Whether it is new.
    fn put_tenant(&self, tenant: &Tenant) -> impl Future<Output = Result<bool, StoreError>> + Send;
    /// A tenant.
    fn tenant(&self, id: &TenantId) -> impl Future<Output = Result<Tenant, StoreError>> + Send;
    /// All tenants by id.
    fn tenants(&self) -> impl Future<Output = Result<Vec<Tenant>, StoreError>> + Send;
    /// Keeps a new token.
    fn put_token(&self, token: &TokenRow) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// A token by its id, whosever.
    fn token(&self, id: &TokenId) -> impl Future<Output = Result<TokenRow, StoreError>> + Send;
    /// A tenant's tokens, the newest first.
    fn tokens(&self, tenant: &TenantId) -> impl Future<Output = Result<Vec<Token>, StoreError>> + Send;
    /// Takes a tenant's token back. It is no error if it was before.
    fn revoke_token(&self, tenant: &TenantId, id: &TokenId, now: Millis) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// A token was used.
    fn token_used(&self, id: &TokenId, now: Millis) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Whether a request with this key is the first, a repetition, or another one. Keys are forgotten after a day.
    fn idempotent(
        &self,
        tenant: &TenantId,
        key: &str,
        fingerprint: &Sha256Digest,
        now: Millis,
    ) -> impl Future<Output = Result<Idempotent, StoreError>> + Send;
    /// What the first request with a key was answered; none: it failed, and the key may be used again.
    fn answered(&self, tenant: &TenantId, key: &str, answer: Option<(u16, &str)>) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Adds an entry to a tenant's chain.
    fn audit(&self, deed: &Deed, now: Millis) -> impl Future<Output = Result<AuditEntry, StoreError>> + Send;
    /// A tenant's entries with a number above `after`, the oldest first, at most so many.
    fn audit_after(&self, tenant: &TenantId, after: u64, most: u32) -> impl Future<Output = Result<Vec<AuditEntry>, StoreError>> + Send;
    /// What a tenant used in the last `days`, and keeps now.
    fn usage(&self, tenant: &TenantId, days: u32, now: Millis) -> impl Future<Output = Result<Usage, StoreError>> + Send;
    /// Removes keys of requests that are over. Uploads: [`crate::Library::drop_uploads`].
    fn tidy(&self, now: Millis) -> impl Future<Output = Result<(), StoreError>> + Send;
}
