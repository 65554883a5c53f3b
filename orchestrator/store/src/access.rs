//! Tenants, tokens, what they did, what they used.

use async_trait::async_trait;
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

/// What the audit says of a change. It is kept in the change's own transaction: both are there, or neither, whoever leaves or dies
/// meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Noted<'a> {
    /// What was done; an entry for each tenant that it is about.
    pub deeds: &'a [Deed],
    /// When.
    pub at: Millis,
}

impl Noted<'_> {
    /// For what the audit does not tell, and for tests.
    pub const NOTHING: Noted<'static> = Noted { deeds: &[], at: 0 };
}

/// One try to do a request that has an Idempotency-Key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Whose.
    pub tenant: TenantId,
    /// The key.
    pub key: String,
    /// Random: a try that was overtaken by another is told from it.
    pub id: String,
}

/// What a request with a key is answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered {
    /// Who answers.
    pub claim: Claim,
    /// HTTP status.
    pub status: u16,
    /// JSON.
    pub body: String,
}

/// What came of asking for an Idempotency-Key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Idempotent {
    /// The first time: the key is the claim's. Do it, and keep the answer together with what was done ([`crate::Notes`]).
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

/// Tokens of a tenant that count, at most.
pub const LIVE_TOKENS: u32 = 1000;

/// Tenants and tokens.
#[async_trait]
pub trait Access: Send + Sync + 'static {
    /// Makes a tenant, or changes it. Whether it is new.
    async fn put_tenant(&self, tenant: &Tenant, noted: Noted<'_>) -> Result<bool, StoreError>;
    /// The same to a tenant that is as `before` in all; none: that is not there yet. Else [`StoreError::Changed`].
    async fn put_tenant_if(&self, tenant: &Tenant, before: Option<&Tenant>, noted: Noted<'_>) -> Result<(), StoreError>;
    /// A tenant.
    async fn tenant(&self, id: &TenantId) -> Result<Tenant, StoreError>;
    /// All tenants by id.
    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError>;
    /// Keeps a new token. [`StoreError::OverQuota`]: its tenant has so many that count, by [`LIVE_TOKENS`].
    async fn put_token(&self, token: &TokenRow, noted: Noted<'_>) -> Result<(), StoreError>;
    /// A token by its id, whosever, and its tenant: asked for with every request.
    async fn token(&self, id: &TokenId) -> Result<(TokenRow, Tenant), StoreError>;
    /// A tenant's tokens, the newest first, at most so many; `before` is the last one of the part before.
    async fn tokens(&self, tenant: &TenantId, before: Option<&TokenId>, most: u32) -> Result<Vec<Token>, StoreError>;
    /// Takes a tenant's token back. It is no error if it was before.
    async fn revoke_token(&self, tenant: &TenantId, id: &TokenId, now: Millis, noted: Noted<'_>) -> Result<(), StoreError>;
    /// A token was used.
    async fn token_used(&self, id: &TokenId, now: Millis) -> Result<(), StoreError>;
    /// Whether a request with this claim's key is the first, a repetition, or another one. Keys are forgotten after a day; one whose
    /// claim was not answered for five minutes is given to the next who asks.
    async fn idempotent(&self, claim: &Claim, fingerprint: &Sha256Digest, now: Millis) -> Result<Idempotent, StoreError>;
    /// The request failed: its key may be used again. Nothing happens where it was answered, or where another has the key by now.
    async fn release(&self, claim: &Claim) -> Result<(), StoreError>;
    /// Adds an entry to a tenant's chain.
    async fn audit(&self, deed: &Deed, now: Millis) -> Result<AuditEntry, StoreError>;
    /// A tenant's entries with a number above `after`, the oldest first, at most so many.
    async fn audit_after(&self, tenant: &TenantId, after: u64, most: u32) -> Result<Vec<AuditEntry>, StoreError>;
    /// What a tenant used in the last `days`, and keeps now.
    async fn usage(&self, tenant: &TenantId, days: u32, now: Millis) -> Result<Usage, StoreError>;
    /// Removes keys of requests that are over, and ids of jobs that may be used again. Uploads: [`crate::Library::drop_uploads`].
    async fn tidy(&self, now: Millis) -> Result<(), StoreError>;
}
