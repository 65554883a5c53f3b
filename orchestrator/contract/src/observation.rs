//! One dated fact from the device, the feed, the gateway or the worker.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Kind, Nanos, Rung, Sensor};

/// A dated fact. Text in it may come from the app: it is shown escaped and never used as a path.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Observation {
    /// The trial's clock.
    pub at: Nanos,
    /// Who says so.
    pub source: Source,
    /// What.
    #[serde(flatten)]
    pub fact: Fact,
    /// The app's own frames, innermost first, at most 8: `class.method:line`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stack: Vec<String>,
}

/// How the worker begins the `what` of a [`Fact::Lost`] that is a step which failed. Not a fact of its own: a server of the version
/// before, which would not know that, takes this for lost evidence, and is as cautious.
pub const LOST_STEP: &str = "step ";

/// The `what` of a [`Fact::Lost`] that is places which were overwritten for a typed secret and may have been something else. Not a fact
/// of its own, for the same reason.
pub const LOST_TYPED: &str = "places overwritten for a typed secret";

/// Who says it, and so how far it can be believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The device, from inside the process that the app shares (cooperative: the app could lie).
    Host,
    /// The device, from outside the app's reach.
    Device,
    /// The feed's own log.
    Feed,
    /// The gateway.
    Gateway,
    /// The worker.
    Worker,
}

/// Which camera.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Facing {
    /// Away from the owner.
    Back,
    /// At the owner.
    Front,
}

/// What happened. The tag is `fact`; fields are as `docs/host-pipe.md` lists them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields are documented in docs/host-pipe.md, which is their one place")]
pub enum Fact {
    /// The manifest names permissions.
    PermissionDeclared {
        permissions: Vec<String>,
    },
    /// The app asked; one answer (`granted`, `denied`) for each permission.
    PermissionRequested {
        permissions: Vec<String>,
        answers: Vec<String>,
    },
    /// Given without being asked.
    PermissionGranted {
        permissions: Vec<String>,
    },
    /// A sensor was opened.
    Opened {
        sensor: Sensor,
        #[serde(default)]
        id: String,
        #[serde(default)]
        facing: Option<Facing>,
        #[serde(default)]
        api: String,
        session: u64,
        #[serde(default)]
        preview_visible: bool,
    },
    /// And closed.
    Closed {
        sensor: Sensor,
        session: u64,
    },
    /// The preview of a session became visible or invisible.
    Preview {
        session: u64,
        visible: bool,
    },
    /// The shutter sounded.
    Shutter {
        session: u64,
        audible: bool,
    },
    /// The feed gave frames (or 50 ms blocks of sound) `first..=last` to the app's process.
    Delivered {
        sensor: Sensor,
        #[serde(default)]
        facing: Option<Facing>,
        session: u64,
        first: u64,
        last: u64,
        count: u64,
    },
    /// Access was refused.
    Refused {
        #[serde(default)]
        sensor: Option<Sensor>,
        #[serde(default)]
        data: Option<Kind>,
        what: String,
        reason: String,
    },
    /// Personal data was read.
    Read {
        data: Kind,
        what: String,
        #[serde(default)]
        rows: Option<u64>,
    },
    Service {
        name: String,
        change: String,
        #[serde(default)]
        types: Vec<String>,
        #[serde(default)]
        reason: String,
    },
    Activity {
        name: String,
        change: String,
    },
    /// A wake-up that the system gave to the app.
    Alarm {
        what: String,
    },
    Job {
        what: String,
    },
    Broadcast {
        what: String,
    },
    File {
        path: String,
        change: String,
        #[serde(default)]
        bytes: Option<u64>,
        #[serde(default)]
        to: Option<String>,
    },
    Crypto {
        algorithm: String,
        operation: String,
        #[serde(default)]
        plain: Option<String>,
        #[serde(default)]
        cipher: Option<String>,
    },
    Crashed {
        message: String,
        #[serde(default)]
        trace: Vec<String>,
    },
    Restarted {
        reason: String,
    },
    Anr {
        message: String,
    },
    NativeLibrary {
        name: String,
        #[serde(default)]
        how: String,
    },
    DexLoaded {
        path: String,
        #[serde(default)]
        artifact: Option<String>,
    },
    Escape {
        what: String,
    },
    /// The app looked for what tells a phone from another device.
    Looked {
        what: String,
        /// Whether it was answered as by a phone.
        as_phone: bool,
    },
    /// The app used up the memory that it may have, and may live on.
    OutOfMemory {
        what: String,
    },
    /// The app read a clock that shows real time.
    RealTime {
        what: String,
    },
    /// A login stood on the screen when the owner left.
    LoginScreen {
        activity: String,
    },
    /// A dialog that nobody answered stood on the screen when the owner left.
    DialogOpen {
        activity: String,
        /// What it says, and what is on its buttons.
        #[serde(default)]
        texts: Vec<String>,
    },
    UnsupportedApi {
        name: String,
        effect: String,
    },
    ClockHeld {
        thread: String,
        r#where: String,
        spins: bool,
    },
    Network {
        host: String,
        port: u16,
        what: String,
    },
    /// The device keeps no books of this: `not_observed` is not possible for these kinds on this rung.
    NotWatched {
        kinds: Vec<Kind>,
        rung: Rung,
        what: String,
        settled_by: String,
    },
    /// Evidence was lost: `not_observed` is no longer possible for what it could have shown.
    Lost {
        what: String,
        count: u64,
    },
    /// The device's state from here on, by the scenario.
    State {
        state: crate::DeviceState,
        #[serde(default)]
        step: String,
    },
    /// A step of the scenario ended.
    Step {
        index: usize,
        step: String,
        outcome: String,
    },
    /// A connection or datagram of the app that did not become a flow.
    Blocked {
        protocol: String,
        address: String,
        port: u16,
        reason: String,
    },
    /// A name was asked for.
    Dns {
        name: String,
        #[serde(default)]
        answer: String,
    },
    /// The app refused our certificate, or spoke something that is not understood.
    TlsRefused {
        host: String,
        port: u16,
        reason: String,
    },
    Opaque {
        host: String,
        port: u16,
        protocol: String,
        sent: u64,
        received: u64,
    },
    /// A flow ended; its record is in the HAR.
    Flow {
        id: u32,
        method: String,
        host: String,
        path: String,
        status: u16,
        sent: u64,
        received: u64,
        stub: bool,
    },
    /// An alarm of the evidence itself: a match that the feed's log contradicts, say.
    Alert {
        what: String,
    },
    Log {
        line: String,
    },
}

/// Camera sessions whose preview was on the screen when it was first told of.
pub fn previews_shown(all: &[Observation]) -> BTreeSet<u64> {
    let mut first = BTreeMap::new();
    for o in all {
        if let Fact::Preview { session, visible } = &o.fact {
            first.entry(*session).or_insert(*visible);
        }
    }
    first.into_iter().filter(|(_, visible)| *visible).map(|(session, _)| session).collect()
}
