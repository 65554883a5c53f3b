//! Where in a scenario's text something is.
//!
//! The YAML reader says a place only where reading fails. So each place is found by reading up to it and failing there: what is
//! looked for is read as something that nothing can be read as.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_norway::Error;
use stakeout_contract::scenario::Part;

/// Line and column, from 1.
pub(super) type Place = (u32, u32);

/// Where an error was.
pub(super) fn place(e: &Error) -> Option<Place> {
    e.location().map(|l| (l.line() as u32, l.column() as u32))
}

/// Where that stands to which a path leads; where the path goes on beyond the text, what it ends at.
pub(super) fn of(text: &str, path: &[Part<'_>]) -> Option<Place> {
    failed(text, At::<Nothing>::new(path)).and_then(|e| place(&e))
}

/// Where the key stands to whose value a path leads.
pub(super) fn of_key(text: &str, path: &[Part<'_>]) -> Option<Place> {
    failed(text, At::<Nothing> { key: true, ..At::new(path) }).and_then(|e| place(&e))
}

/// Why that to which a path leads cannot be read as a `T`; none: it can.
pub(super) fn wrong<T: DeserializeOwned>(text: &str, path: &[Part<'_>]) -> Option<Error> {
    failed(text, At::<T>::new(path))
}

fn failed<T: DeserializeOwned>(text: &str, at: At<'_, T>) -> Option<Error> {
    at.deserialize(serde_norway::Deserializer::from_str(text)).err()
}

/// Reads nothing on the way, and a `T` at the end of it.
struct At<'a, T> {
    path: &'a [Part<'a>],
    /// It ends at the key.
    key: bool,
    read: PhantomData<T>,
}

impl<'a, T> At<'a, T> {
    const fn new(path: &'a [Part<'a>]) -> Self {
        Self { path, key: false, read: PhantomData }
    }
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for At<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        if self.path.is_empty() { T::deserialize(d).map(drop) } else { d.deserialize_any(self) }
    }
}

impl<'de, T: DeserializeOwned> Visitor<'de> for At<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Part::Key(wanted), rest)) = self.path.split_first() else { return Err(de::Error::custom("a list is expected")) };
        let refused = if self.key && rest.is_empty() { Some(*wanted) } else { None };
        while let Some(key) = map.next_key_seed(Name { refused })? {
            if key == *wanted {
                map.next_value_seed(At::<T> { key: self.key, ..At::new(rest) })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((Part::Index(wanted), rest)) = self.path.split_first() else { return Err(de::Error::custom("a mapping is expected")) };
        for n in 0.. {
            let there = if n == *wanted {
                list.next_element_seed(At::<T> { key: self.key, ..At::new(rest) })?.is_some()
            } else {
                list.next_element::<IgnoredAny>()?.is_some()
            };
            if !there {
                break;
            }
        }
        Ok(())
    }
}

/// A key, which is not this one.
struct Name<'a> {
    refused: Option<&'a str>,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<String, D::Error> {
        d.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<String, E> {
        if self.refused == Some(key) { Err(E::custom("this key")) } else { Ok(key.to_owned()) }
    }
}

/// What nothing can be read as.
enum Nothing {}

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Never)
    }
}

struct Never;

impl Visitor<'_> for Never {
    type Value = Nothing;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_place_and_where_it_ends_early_to_what_it_ends_at() {
        let text = "name: x\ntrials: 0\nsteps:\n  - launchApp\n  - tapOn: \"(\"\n  - idle:\n      for: 5m\n";
        let steps = |rest: &[Part<'static>]| [&[Part::Key("steps")][..], rest].concat();
        assert_eq!(of(text, &[Part::Key("trials")]), Some((2, 9)));
        assert_eq!(of_key(text, &[Part::Key("trials")]), Some((2, 1)));
        assert_eq!(of(text, &steps(&[Part::Index(0)])), Some((4, 5)));
        assert_eq!(of(text, &steps(&[Part::Index(1), Part::Key("tapOn"), Part::Key("text")])), Some((5, 12)));
        assert_eq!(of(text, &steps(&[Part::Index(2), Part::Key("idle"), Part::Key("for")])), Some((7, 12)));
        assert_eq!(of(text, &steps(&[Part::Index(3)])), None);
        assert_eq!(of(text, &[Part::Key("deadline")]), None);
        assert!(wrong::<u32>(text, &[Part::Key("trials")]).is_none());
        assert!(wrong::<u32>(text, &[Part::Key("name")]).is_some_and(|e| place(&e) == Some((1, 7)) && e.to_string().starts_with("name: ")));
    }
}
