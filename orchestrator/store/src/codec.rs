//! Between what rows hold and types, whatever the back end: texts, numbers, errors.

use serde::{Serialize, de::DeserializeOwned};
use stakeout_contract::{WorkerId, api::jobs::TrialCounts};

use crate::StoreError;

/// A row that does not read as its type.
pub(crate) fn bad<E: Into<Box<dyn std::error::Error + Send + Sync>>>(what: &'static str) -> impl Fn(E) -> StoreError {
    move |e| StoreError::BadRow { what, source: e.into() }
}

/// A database that does not answer.
pub(crate) fn db(doing: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |source| StoreError::Database { doing, source }
}

/// There is none.
pub(crate) fn missing(what: &'static str, id: impl ToString) -> StoreError {
    StoreError::NotFound { what, id: id.to_string() }
}

/// A type as JSON.
pub(crate) fn json<T: Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(bad(what))
}

/// A type of JSON.
pub(crate) fn of_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(bad(what))
}

/// A word of an enum, without quotes.
pub(crate) fn word<T: Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value).map_err(bad(what))? {
        serde_json::Value::String(s) => Ok(s),
        _ => Err(bad(what)("a word was expected")),
    }
}

/// The enum of a word.
pub(crate) fn of_word<T: DeserializeOwned>(what: &'static str, text: String) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(text)).map_err(bad(what))
}

/// A number of things as a column holds it.
pub(crate) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A number of things from a column or a sum.
pub(crate) fn uint(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// A number of few things.
pub(crate) fn small(n: i64) -> u32 {
    u32::try_from(n.max(0)).unwrap_or(u32::MAX)
}

/// Milliseconds of seconds, within what a column holds.
pub(crate) fn millis(seconds: u64) -> i64 {
    int(seconds.saturating_mul(1000))
}

/// Milliseconds of processor time that a worker says it measured. No trial takes more than this, and a sum of many must not run
/// over; what is no number counts as nothing.
pub(crate) fn cpu_ms(seconds: f64) -> i64 {
    const MOST: f64 = 30.0 * 86_400.0;
    (seconds.clamp(0.0, MOST) * 1000.0).round() as i64
}

/// Bytes that a worker says it keeps of a trial, bounded for the same reason.
pub(crate) fn kept_bytes(bytes: u64) -> i64 {
    int(bytes.min(1 << 40))
}

/// A UTC day in milliseconds.
pub(crate) const DAY: i64 = 86_400_000;

/// What is in the list of workers on which a trial failed, if this one is.
pub(crate) fn failed_on(worker: &WorkerId) -> String {
    format!("\"{worker}\"")
}

/// Counts as six columns, in their order.
pub(crate) fn columns(c: &TrialCounts) -> [i64; 6] {
    [c.all, c.queued, c.running, c.finished, c.failed, c.cancelled].map(i64::from)
}
