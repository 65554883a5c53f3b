//! Cursors: opaque to those who use them, and checked when they come back.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};
use stakeout_contract::api::{page::Page, problem::Code};

use super::problem::Failed;

/// Reads a cursor.
pub(crate) fn read<T: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<T>, Failed> {
    let Some(text) = cursor else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let value = bytes.and_then(|b| serde_json::from_slice(&b).ok());
    value.map(Some).ok_or_else(|| {
        Failed::new(Code::BadRequest, "the cursor is none of this list").at("cursor").hint("give `next` of the page before, unchanged")
    })
}

/// A page of `most` items at most, of which one more was asked for; `key` is the place of an item.
pub(crate) fn of<T, K: Serialize>(mut items: Vec<T>, most: u32, key: impl Fn(&T) -> K) -> Page<T> {
    let more = items.len() > most as usize;
    items.truncate(most as usize);
    let last = items.last().filter(|_| more);
    let next = last.and_then(|t| serde_json::to_vec(&key(t)).ok()).map(|b| URL_SAFE_NO_PAD.encode(b));
    Page { items, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_given_and_others_are_refused() {
        let page = of(vec![1, 2, 3], 2, |n| format!("key-{n}"));
        assert_eq!(page.items, [1, 2]);
        assert_eq!(read::<String>(page.next.as_deref()).unwrap().unwrap(), "key-2");
        assert!(read::<String>(Some("!!")).is_err() && read::<String>(Some("e30")).is_err());
        assert_eq!(of(vec![1], 2, |n| *n).next, None);
    }
}
