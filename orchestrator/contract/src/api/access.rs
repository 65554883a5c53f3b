//! Tenants, tokens, audit, usage.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Sha256Digest, TenantId, TokenId};

/// What a token may do. Each one may do what those after it in this list may, but a worker, who may only work.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Tokens, webhooks, workers, audit of the tenant; of the tenant `farm`: everything of the farm.
    Admin,
    /// Apps, scenarios and jobs: makes and deletes them.
    Submitter,
    /// Looks at all of the tenant's.
    Reader,
    /// Leases trials; of the tenant `farm`: of all tenants, else of its own.
    Worker,
}

impl Role {
    /// Whether a token of this role may do what is allowed to `needed`.
    pub const fn covers(self, needed: Self) -> bool {
        matches!(
            (self, needed),
            (Self::Admin, Self::Admin | Self::Submitter | Self::Reader)
                | (Self::Submitter, Self::Submitter | Self::Reader)
                | (Self::Reader, Self::Reader)
                | (Self::Worker, Self::Worker)
        )
    }

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Submitter => "submitter",
            Self::Reader => "reader",
            Self::Worker => "worker",
        }
    }
}

/// Bounds of a tenant; what is not given is not bounded.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Quota {
    /// Trials that run at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_trials: Option<u32>,
    /// Trials that wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_trials: Option<u32>,
    /// Trials in 24 hours (UTC days): those that ended, run or wait when a job is submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trials_a_day: Option<u32>,
    /// Hours of workers' slots in 24 hours (UTC days).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot_hours_a_day: Option<u32>,
    /// Bytes kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Requests a minute, at each orchestrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_a_minute: Option<u32>,
}

/// A tenant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Tenant {
    /// Its id, chosen by the operator.
    pub id: TenantId,
    /// For people.
    pub name: String,
    /// Share of the farm against other tenants that wait: 2 gets twice of what 1 gets. 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub weight: u32,
    /// Its bounds.
    pub quota: Quota,
    /// Its trials run only on workers of its own.
    pub own_workers_only: bool,
    /// Days that jobs, apps and what belongs to them are kept; none: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// Unix milliseconds.
    pub created_ms: i64,
}

/// A tenant to be made, or all that one is from now on: what is not given is as in a new one, and not as it was.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantSpec {
    /// Its id: 1 to 64 letters, digits, `-` or `_`.
    pub id: TenantId,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Share of the farm.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub weight: u32,
    /// Its bounds.
    #[serde(default, deserialize_with = "crate::object::object")]
    pub quota: Quota,
    /// Its trials run only on workers of its own.
    #[serde(default)]
    pub own_workers_only: bool,
    /// Days that its things are kept.
    #[serde(default)]
    #[schemars(range(min = 1, max = 36500))]
    pub retention_days: Option<u32>,
}

const fn one() -> u32 {
    1
}

/// A token, without its secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// Whose.
    pub tenant: TenantId,
    /// What it may do.
    pub role: Role,
    /// What it is for: text of whoever made it.
    pub label: String,
    /// Unix milliseconds.
    pub created_ms: i64,
    /// When it ends by itself; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<i64>,
    /// When it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_ms: Option<i64>,
    /// When it was used last, to a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_ms: Option<i64>,
}

/// A token to be made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenSpec {
    /// What it may do.
    pub role: Role,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub label: String,
    /// Days until it ends, 1 to 3650; none: 90.
    #[serde(default)]
    #[schemars(range(min = 1, max = 3650))]
    pub days: Option<u32>,
    /// Of which tenant; only an admin of `farm` may name another than their own.
    #[serde(default)]
    pub tenant: Option<TenantId>,
}

/// A token that was just made: the only time that its text is shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NewToken {
    /// What it is.
    pub token: Token,
    /// What goes behind `Authorization: Bearer`.
    pub secret: String,
}

/// Who one is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Me {
    /// The token that was used.
    pub token: Token,
    /// Its tenant.
    pub tenant: Tenant,
    /// Version of the server.
    pub engine: String,
}

/// One thing that somebody did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AuditEntry {
    /// From 1, without gap, for each tenant.
    pub number: u64,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Whose.
    pub tenant: TenantId,
    /// By which token; none: by the server itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenId>,
    /// What was done: `job.submit`, `token.revoke`, …
    pub action: String,
    /// To which thing.
    pub thing: String,
    /// More of it.
    #[serde(default)]
    pub detail: String,
    /// SHA-256 of the entry before and of this one's other fields: a changed or missing entry breaks the chain.
    pub hash: Sha256Digest,
}

impl AuditEntry {
    /// What the hash must be: SHA-256 over the hash of the entry before (32 bytes; of the first entry: zeros) and this entry as
    /// JSON without `hash`, keys in order, no spaces.
    pub fn digest(&self, before: Option<&Sha256Digest>) -> Sha256Digest {
        let mut fields = BTreeMap::from([
            ("number", Value::from(self.number)),
            ("at_ms", self.at_ms.into()),
            ("tenant", self.tenant.as_str().into()),
            ("action", self.action.as_str().into()),
            ("thing", self.thing.as_str().into()),
            ("detail", self.detail.as_str().into()),
        ]);
        if let Some(token) = &self.token {
            fields.insert("token", token.as_str().into());
        }
        let fields: Vec<String> = fields.into_iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
        let mut bytes = before.map_or([0; 32], |b| *b.as_bytes()).to_vec();
        bytes.extend(format!("{{{}}}", fields.join(",")).into_bytes());
        Sha256Digest::of(&bytes)
    }

    /// The first entry that does not follow from the one before it, by its number; none: the chain holds. `before` is the entry
    /// before the first of them; none: they begin at number 1.
    pub fn broken<'a>(before: Option<&Self>, entries: impl IntoIterator<Item = &'a Self>) -> Option<u64> {
        let (mut number, mut hash) = before.map_or((0, None), |b| (b.number, Some(b.hash)));
        for entry in entries {
            if entry.number != number + 1 || entry.hash != entry.digest(hash.as_ref()) {
                return Some(entry.number);
            }
            (number, hash) = (entry.number, Some(entry.hash));
        }
        None
    }
}

/// What a tenant used on a day.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct UsageDay {
    /// Whose.
    pub tenant: TenantId,
    /// Days since 1970-01-01 (UTC).
    pub day: i64,
    /// Jobs that were submitted.
    pub jobs: u64,
    /// Trials that ended.
    pub trials: u64,
    /// Seconds of workers' slots.
    pub slot_seconds: f64,
    /// CPU seconds of cells.
    pub cpu_seconds: f64,
    /// Bytes of artifacts that came in.
    pub bytes: u64,
}

/// What a tenant uses.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Usage {
    /// Days, the newest first.
    pub days: Vec<UsageDay>,
    /// Bytes kept now.
    pub bytes_kept: u64,
    /// Trials that wait now.
    pub waiting_trials: u64,
    /// Trials that run now.
    pub running_trials: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(n: u64) -> Vec<AuditEntry> {
        let mut all: Vec<AuditEntry> = Vec::new();
        for number in 1..=n {
            let mut entry = AuditEntry {
                number,
                at_ms: 5,
                tenant: TenantId::farm(),
                token: None,
                action: "job.submit".to_owned(),
                thing: "a \"quoted\" thing".to_owned(),
                detail: String::new(),
                hash: Sha256Digest::from_bytes([0; 32]),
            };
            entry.hash = entry.digest(all.last().map(|e| &e.hash));
            all.push(entry);
        }
        all
    }

    #[test]
    fn a_chain_holds_from_its_begin_and_from_any_entry() {
        let all = chain(4);
        assert_eq!(AuditEntry::broken(None, &all), None);
        assert_eq!(AuditEntry::broken(Some(&all[1]), &all[2..]), None);
    }

    #[test]
    fn a_changed_or_missing_entry_breaks_it() {
        let mut all = chain(4);
        all[1].thing = "another".to_owned();
        assert_eq!(AuditEntry::broken(None, &all), Some(2));
        let mut all = chain(4);
        all.remove(2);
        assert_eq!(AuditEntry::broken(None, &all), Some(4));
    }

    #[test]
    fn what_is_hashed_is_written_down() {
        let mut entry = chain(1).remove(0);
        entry.token = Some("token-1".parse().unwrap());
        let text = "{\"action\":\"job.submit\",\"at_ms\":5,\"detail\":\"\",\"number\":1,\"tenant\":\"farm\",\"thing\":\"a \\\"quoted\\\" thing\",\"token\":\"token-1\"}";
        assert_eq!(entry.digest(None), Sha256Digest::of(&[&[0; 32], text.as_bytes()].concat()));
    }
}
