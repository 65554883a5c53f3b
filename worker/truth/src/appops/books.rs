//! What `dumpsys appops` holds.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Mode, UidState};
use crate::{lines::PER_USER, props::Listed, when::When};

/// The books of all uids.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct AppOps {
    /// In the service's order.
    pub uids: Vec<UidOps>,
    /// How many dates are [`OpAccess::doubtful`]: the zone or the clock was changed, or the zone that was given is not the guest's.
    pub doubtful_dates: u32,
}

impl AppOps {
    /// The books of a package, of all users.
    pub fn package<'a>(&'a self, package: &'a str) -> impl Iterator<Item = (&'a UidOps, &'a PackageOps)> + 'a {
        self.uids.iter().flat_map(|u| u.packages.iter().map(move |p| (u, p))).filter(move |(_, p)| p.package == package)
    }

    /// Uids of apps that no installed package has: of an app that was removed, or a name that another app's tag invented to hide uses.
    pub fn strangers<'a>(&'a self, installed: &'a [Listed]) -> impl Iterator<Item = &'a UidOps> {
        const APPS: std::ops::Range<u32> = 10_000..20_000;
        let app = |uid: u32| uid % PER_USER;
        let known: BTreeSet<u32> = installed.iter().filter_map(|l| l.uid).map(app).collect();
        self.uids.iter().filter(move |u| APPS.contains(&app(u.uid)) && !known.contains(&app(u.uid)))
    }
}

/// The books of a uid.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UidOps {
    /// Which.
    pub uid: u32,
    /// What it is doing now (API 28+).
    pub state: Option<UidState>,
    /// `capability=` as it stands (API 30+): `L`, `C`, `M` say that location, camera, microphone work in the background.
    pub capability: Option<String>,
    /// Modes of the whole uid; they overrule those of its packages.
    pub modes: Vec<(String, Mode)>,
    /// Its packages.
    pub packages: Vec<PackageOps>,
}

impl UidOps {
    /// The mode that holds for a package's operation: the uid's, else its own.
    pub fn mode(&self, package: &str, op: &str) -> Option<&Mode> {
        let own = || self.packages.iter().find(|p| p.package == package)?.ops.iter().find(|o| o.name == op).map(|o| &o.mode);
        self.modes.iter().find(|(n, _)| n == op).map(|(_, m)| m).or_else(own)
    }
}

/// The books of a package.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PackageOps {
    /// Its name.
    pub package: String,
    /// Operations that it used, or that have a mode of their own.
    pub ops: Vec<Op>,
}

/// An operation of a package.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Op {
    /// Its name, without `android:`.
    pub name: String,
    /// What the package may.
    pub mode: Mode,
    /// Uses, by the part of the app that named itself (API 30+; before, one entry without a tag).
    pub attributed: Vec<Attributed>,
}

/// Uses of an operation by one part of an app.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Attributed {
    /// Its tag; the app chooses it.
    pub tag: Option<String>,
    /// The last use and the last refusal in each state.
    pub accesses: Vec<OpAccess>,
    /// It is in use, for so many milliseconds.
    pub running_ms: Option<i64>,
}

/// A use, or a refusal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OpAccess {
    /// It was refused.
    pub rejected: bool,
    /// What the app was doing; none before API 28.
    pub state: Option<UidState>,
    /// `s` for itself, `tp` and `up` on behalf of another app, `tpd` and `upd` by another app for this one (API 29+).
    pub flags: Vec<String>,
    /// When it began.
    pub when: When,
    /// The date and the age beside it contradict each other; `when` holds both.
    pub doubtful: bool,
    /// How long it lasted, milliseconds, for operations that last.
    pub duration_ms: Option<i64>,
    /// The app between.
    pub proxy: Option<Proxy>,
}

/// An app that used an operation on behalf of another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Proxy {
    /// Its uid.
    pub uid: Option<u32>,
    /// Its package.
    pub package: Option<String>,
}
