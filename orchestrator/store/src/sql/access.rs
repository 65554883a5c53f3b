//! [`Access`]: tenants, tokens, keys of requests.

use stakeout_contract::{
    Sha256Digest, TenantId, TokenId,
    api::access::{AuditEntry, Tenant, Token, Usage},
};
use stakeout_domain::lease::Millis;

use super::{
    Backend, Conn, Db, DbRow, audit, bounds, deliveries, look,
    row::{Read, columns},
    tenants, usage,
};
use crate::{
    Access, Answered, Claim, Deed, IDS_KEPT, Idempotent, Noted, StoreError, TokenRow,
    codec::{DAY, bad, db, missing, word},
};

pub(super) fn tenant_of(row: &DbRow) -> Result<Tenant, StoreError> {
    let r = Read("tenants", row);
    tenant_from(&r, r.id("id")?, r.int("created")?)
}

/// A tenant, where another table beside it has columns of the same names.
fn tenant_from(r: &Read<'_>, id: TenantId, created_ms: Millis) -> Result<Tenant, StoreError> {
    Ok(Tenant {
        id,
        name: r.text("name")?,
        weight: r.small("weight")?,
        quota: r.json("quota")?,
        own_workers_only: r.flag("own_workers_only")?,
        retention_days: r.get::<Option<i64>>("retention_days")?.map(u32::try_from).transpose().map_err(bad("tenants"))?,
        created_ms,
    })
}

fn token_of(row: &DbRow) -> Result<Token, StoreError> {
    let r = Read("tokens", row);
    Ok(Token {
        id: r.id("id")?,
        tenant: r.id("tenant")?,
        role: r.word("role")?,
        label: r.text("label")?,
        created_ms: r.int("created")?,
        expires_ms: r.get("expires")?,
        revoked_ms: r.get("revoked")?,
        last_used_ms: r.get("used")?,
    })
}

/// A token, with the tenant whose columns are beside its own.
pub(super) fn token_with_tenant(row: &DbRow) -> Result<(TokenRow, Tenant), StoreError> {
    let (token, r) = (token_of(row)?, Read("tokens", row));
    let tenant = tenant_from(&r, token.tenant.clone(), r.int("tenant_created")?)?;
    Ok((TokenRow { token, hash: r.id("hash")? }, tenant))
}

/// A use of a token is written at most so often.
const MINUTE: Millis = 60_000;

/// A request that is not answered after so long was of a server that died, most likely: its key is the next one's.
const ANSWERED: Millis = 5 * MINUTE;

#[async_trait::async_trait]
impl Access for Backend {
    async fn put_tenant(&self, t: &Tenant, noted: Noted<'_>) -> Result<bool, StoreError> {
        tenants::put(self, t, noted).await
    }

    async fn put_tenant_if(&self, t: &Tenant, before: Option<&Tenant>, noted: Noted<'_>) -> Result<(), StoreError> {
        tenants::put_if(self, t, before, noted).await
    }

    async fn tenant(&self, id: &TenantId) -> Result<Tenant, StoreError> {
        let row = maybe!(
            self.reader().await?,
            "read a tenant",
            concat!("SELECT ", columns!(tenants), " FROM tenants WHERE id = $1"),
            id.as_str()
        )?;
        tenant_of(&row.ok_or_else(|| missing("tenant", id))?)
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        all!(self.reader().await?, "read tenants", concat!("SELECT ", columns!(tenants), " FROM tenants ORDER BY id"))?
            .iter()
            .map(tenant_of)
            .collect()
    }

    async fn put_token(&self, row: &TokenRow, noted: Noted<'_>) -> Result<(), StoreError> {
        let t = &row.token;
        let mut tx = self.begin().await?;
        // One without an end is the first admin's, which a server makes when it starts: an operator must get in.
        if t.expires_ms.is_some() {
            bounds::token(&mut tx, &t.tenant, t.created_ms).await?;
        }
        run!(
            tx,
            "make a token",
            "INSERT INTO tokens (id, tenant, role, label, hash, created, expires, revoked, used) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            t.id.as_str(),
            t.tenant.as_str(),
            word("tokens", &t.role)?,
            t.label.as_str(),
            row.hash.to_string(),
            t.created_ms,
            t.expires_ms,
            t.revoked_ms,
            t.last_used_ms
        )?;
        audit::note(&mut tx, noted).await?;
        tx.commit().await.map_err(db("commit"))
    }

    async fn token(&self, id: &TokenId) -> Result<(TokenRow, Tenant), StoreError> {
        look::token(self, id).await
    }

    async fn tokens(&self, tenant: &TenantId, before: Option<&TokenId>, most: u32) -> Result<Vec<Token>, StoreError> {
        let rows = all!(
            self.reader().await?,
            "read tokens",
            concat!("SELECT ", columns!(tokens), " FROM tokens WHERE tenant = $1 AND ($2 IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"),
            tenant.as_str(),
            before.map(TokenId::as_str),
            i64::from(most)
        )?;
        rows.iter().map(token_of).collect()
    }

    async fn revoke_token(&self, tenant: &TenantId, id: &TokenId, now: Millis, noted: Noted<'_>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let there = run!(
            tx,
            "take a token back",
            "UPDATE tokens SET revoked = coalesce(revoked, $1) WHERE id = $2 AND tenant = $3",
            now,
            id.as_str(),
            tenant.as_str()
        )?;
        if there == 0 {
            return Err(missing("token", id));
        }
        audit::note(&mut tx, noted).await?;
        tx.commit().await.map_err(db("commit"))
    }

    async fn token_used(&self, id: &TokenId, now: Millis) -> Result<(), StoreError> {
        let row = maybe!(self.reader().await?, "read a token's use", "SELECT used FROM tokens WHERE id = $1", id.as_str())?;
        let used: Option<Millis> = Read("tokens", &row.ok_or_else(|| missing("token", id))?).get("used")?;
        if used.is_none_or(|u| u.saturating_add(MINUTE) <= now) {
            run!(
                self.writer().await?,
                "note a token's use",
                "UPDATE tokens SET used = $1 WHERE id = $2 AND (used IS NULL OR used < $1)",
                now,
                id.as_str()
            )?;
        }
        Ok(())
    }

    async fn idempotent(&self, claim: &Claim, fingerprint: &Sha256Digest, now: Millis) -> Result<Idempotent, StoreError> {
        let mut tx = self.begin().await?;
        let new = run!(
            tx,
            "keep a request's key",
            "INSERT INTO requests (tenant, key, fingerprint, claim, created) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (tenant, key) DO UPDATE SET fingerprint = excluded.fingerprint, claim = excluded.claim, \
             created = excluded.created, status = NULL, body = NULL \
             WHERE requests.created <= $6 OR (requests.status IS NULL AND requests.created <= $7)",
            claim.tenant.as_str(),
            claim.key.as_str(),
            fingerprint.to_string(),
            claim.id.as_str(),
            now,
            now - DAY,
            now - ANSWERED
        )?;
        if new > 0 {
            tx.commit().await.map_err(db("commit"))?;
            return Ok(Idempotent::First);
        }
        let row = maybe!(
            tx,
            "read a request's key",
            "SELECT fingerprint, status, body FROM requests WHERE tenant = $1 AND key = $2",
            claim.tenant.as_str(),
            claim.key.as_str()
        )?;
        // It was released at this moment: whoever comes again is the first.
        let Some(row) = row else { return Ok(Idempotent::Running) };
        let r = Read("requests", &row);
        if r.id::<Sha256Digest>("fingerprint")? != *fingerprint {
            return Ok(Idempotent::Differs);
        }
        Ok(match r.get::<Option<i64>>("status")? {
            None => Idempotent::Running,
            Some(status) => Idempotent::Again {
                status: u16::try_from(status).map_err(bad("requests"))?,
                body: r.get::<Option<String>>("body")?.unwrap_or_default(),
            },
        })
    }

    async fn release(&self, claim: &Claim) -> Result<(), StoreError> {
        run!(
            self.writer().await?,
            "forget a request's key",
            "DELETE FROM requests WHERE tenant = $1 AND key = $2 AND claim = $3 AND status IS NULL",
            claim.tenant.as_str(),
            claim.key.as_str(),
            claim.id.as_str()
        )?;
        Ok(())
    }

    async fn audit(&self, deed: &Deed, now: Millis) -> Result<AuditEntry, StoreError> {
        let mut tx = self.begin().await?;
        let entry = audit::add(&mut tx, deed, now).await?;
        tx.commit().await.map_err(db("commit"))?;
        Ok(entry)
    }

    async fn audit_after(&self, tenant: &TenantId, after: u64, most: u32) -> Result<Vec<AuditEntry>, StoreError> {
        audit::after(self, tenant, after, most).await
    }

    async fn usage(&self, tenant: &TenantId, days: u32, now: Millis) -> Result<Usage, StoreError> {
        usage::usage(self, tenant, days, now).await
    }

    async fn tidy(&self, now: Millis) -> Result<(), StoreError> {
        run!(self.writer().await?, "forget keys of requests", "DELETE FROM requests WHERE created <= $1", now - DAY)?;
        run!(self.writer().await?, "forget ids of jobs", "DELETE FROM job_ids WHERE taken <= $1", now - IDS_KEPT)?;
        deliveries::forget(self, now).await
    }
}

/// Keeps the answer of a request, in the transaction that does it: neither is there without the other.
pub(super) async fn answer(conn: &mut Conn, a: &Answered) -> Result<(), StoreError> {
    let there = run!(
        conn,
        "keep an answer",
        "UPDATE requests SET status = $1, body = $2 WHERE tenant = $3 AND key = $4 AND claim = $5 AND status IS NULL",
        i64::from(a.status),
        a.body.as_str(),
        a.claim.tenant.as_str(),
        a.claim.key.as_str(),
        a.claim.id.as_str()
    )?;
    if there == 0 { Err(StoreError::Changed { what: "request", id: a.claim.key.clone() }) } else { Ok(()) }
}
