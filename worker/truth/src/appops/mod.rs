//! Android's books of accesses that need a permission ("app ops"): `dumpsys appops` and `cmd appops get`.
//!
//! For each uid, package and operation (`CAMERA`, `READ_CONTACTS` ..) the service remembers the *last* time that it was used and the last
//! time that it was refused, and from API 28 on one of each for every state that the app may have been in. So it is no log:
//! two uses in one state are one entry. An entry says that the platform let an access through (and for operations that
//! last, how long), at what time to the millisecond, and whether the app was on screen then. It does not say what was returned.

mod books;
mod dump;
mod get;
mod ops;

use serde::{Deserialize, Serialize};

pub use books::{AppOps, Attributed, Op, OpAccess, PackageOps, Proxy, UidOps};
pub use dump::parse;
pub use get::{GetEntry, GetOps, Scope, parse_get};
pub use ops::{code, kind_of};

/// What an app may do with an operation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It is let through.
    Allow,
    /// It is refused in silence: the app gets nothing, or zeros.
    Ignore,
    /// It is refused with an error.
    Deny,
    /// As the permission says.
    Default,
    /// Let through while the app is in use.
    Foreground,
    /// Another word.
    Other(String),
}

impl Mode {
    /// From the service's word, or before API 28 its number.
    pub fn read(text: &str) -> Self {
        match text.trim() {
            "allow" | "0" => Self::Allow,
            "ignore" | "1" => Self::Ignore,
            "deny" | "2" => Self::Deny,
            "default" | "3" => Self::Default,
            "foreground" | "4" => Self::Foreground,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// What the app was doing when it used an operation, as the service divides it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UidState {
    /// A persistent part of the system.
    Pers,
    /// It was the app on screen.
    Top,
    /// It had a foreground service of type location (API 29 and 30).
    FgsvcLocation,
    /// It had a foreground service, which does not need the screen.
    Fgsvc,
    /// It was visible otherwise, or bound by what is.
    Fg,
    /// It was in the background.
    Bg,
    /// It was in the background and doing nothing, as far as the system knew.
    Cch,
    /// Another word.
    Other(String),
}

impl UidState {
    /// From the service's word.
    pub fn read(text: &str) -> Self {
        match text.trim() {
            "pers" => Self::Pers,
            "top" => Self::Top,
            "fgsvcl" => Self::FgsvcLocation,
            "fgsvc" => Self::Fgsvc,
            "fg" => Self::Fg,
            "bg" => Self::Bg,
            "cch" => Self::Cch,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// A name of an operation: capitals, digits, underscores (and `android:..` of later levels).
pub(crate) fn is_op(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 80
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        && name.bytes().any(|b| b.is_ascii_uppercase())
}
