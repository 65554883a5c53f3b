//! Webhooks.

use serde::{Deserialize, Serialize};

use crate::{DeliveryId, HookId, JobId};

/// A webhook to be made. It gets a `POST` when a job ends.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HookSpec {
    /// `https://…`, or `http://…` where the operator allows it.
    #[schemars(length(max = 2000), regex(pattern = "^https?://[A-Za-z0-9]"))]
    pub url: String,
    /// Only jobs with this tag; none: all.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64))]
    pub tag: Option<String>,
}

/// A webhook.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Hook {
    /// Its id.
    pub id: HookId,
    /// Where.
    pub url: String,
    /// Only jobs with this tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Unix milliseconds.
    pub created_ms: i64,
}

/// A webhook that was just made: the only time that its secret is shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NewHook {
    /// What it is.
    pub hook: Hook,
    /// Key of the HMAC-SHA256 in the header `Stakeout-Signature: t=<unix seconds>,v1=<hex>`, over `<t>.<body>`.
    pub secret: String,
}

/// How far a delivery is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// To be tried (again).
    Waiting,
    /// The other side said 2xx.
    Delivered,
    /// Given up after a day.
    Failed,
}

/// What was told to a webhook, or is to be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Delivery {
    /// Its id: the same in all tries, so that the other side can count it once.
    pub id: DeliveryId,
    /// Which webhook.
    pub hook: HookId,
    /// About which job.
    pub job: JobId,
    /// How far.
    pub state: DeliveryState,
    /// Tries so far.
    pub tries: u32,
    /// When it is tried next, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_ms: Option<i64>,
    /// HTTP status of the last try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong in the last try.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// Unix milliseconds.
    pub created_ms: i64,
}
