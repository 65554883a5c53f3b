//! Cursors: opaque to those who use them, and checked when they come back.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use stakeout_contract::{
    DeliveryId, JobId, Sha256Digest, TokenId,
    api::{page::Page, problem::Code},
};

use super::problem::Failed;

/// Where an item is in its list.
pub(crate) trait Place: Serialize + DeserializeOwned {
    /// Which list: a cursor of another is refused.
    const LIST: &str;
}

impl Place for JobId {
    const LIST: &str = "jobs";
}

impl Place for TokenId {
    const LIST: &str = "tokens";
}

impl Place for DeliveryId {
    const LIST: &str = "deliveries";
}

/// A scenario's name.
#[derive(Serialize, Deserialize)]
pub(crate) struct ScenarioName(pub(crate) String);

impl Place for ScenarioName {
    const LIST: &str = "scenarios";
}

/// A trial's number within its job.
#[derive(Serialize, Deserialize)]
pub(crate) struct TrialNumber(pub(crate) u32);

impl Place for TrialNumber {
    const LIST: &str = "trials";
}

impl Place for (i64, Sha256Digest) {
    const LIST: &str = "apps";
}

/// Reads a cursor.
pub(crate) fn read<T: Place>(cursor: Option<&str>) -> Result<Option<T>, Failed> {
    let Some(text) = cursor else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let value: Option<(String, T)> = bytes.and_then(|b| serde_json::from_slice(&b).ok());
    value.filter(|(list, _)| list == T::LIST).map(|(_, at)| Some(at)).ok_or_else(|| {
        Failed::new(Code::BadRequest, "the cursor is none of this list").at("cursor").hint("give `next` of the page before, unchanged")
    })
}

/// A page of `most` items at most, of which one more was asked for; `key` is the place of an item.
pub(crate) fn of<T, K: Place>(mut items: Vec<T>, most: u32, key: impl Fn(&T) -> K) -> Page<T> {
    let more = items.len() > most as usize;
    items.truncate(most as usize);
    let last = items.last().filter(|_| more);
    let next = last.and_then(|t| serde_json::to_vec(&(K::LIST, key(t))).ok()).map(|b| URL_SAFE_NO_PAD.encode(b));
    Page { items, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_given_and_others_are_refused() {
        let id = |n: &u32| -> JobId { format!("job-{n}").parse().unwrap() };
        let page = of(vec![1, 2, 3], 2, id);
        assert_eq!(page.items, [1, 2]);
        assert_eq!(read::<JobId>(page.next.as_deref()).unwrap().unwrap(), id(&2));
        assert!(read::<TokenId>(page.next.as_deref()).is_err(), "of another list");
        assert!(read::<JobId>(Some("!!")).is_err() && read::<JobId>(Some("e30")).is_err());
        assert_eq!(of(vec![1], 2, id).next, None);
    }
}
