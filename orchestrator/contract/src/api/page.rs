//! Lists.

use serde::{Deserialize, Serialize};

/// A part of a list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Page<T> {
    /// In order: the newest first, unless said otherwise.
    pub items: Vec<T>,
    /// Give it as `cursor` to get the next part; none: this was the last. Opaque, and good for a day at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which part of a list is wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PageQuery {
    /// `next` of the part before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Items, 1 to 200; 50 if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub limit: Option<u32>,
}

impl PageQuery {
    /// How many items, within bounds.
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(50).clamp(1, 200)
    }
}
