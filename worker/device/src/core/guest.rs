//! What a kind of device can do. The session checks the order of verbs; a guest does them.

use std::future::Future;

use stakeout_contract::{
    Nanos,
    canary::PlantData,
    scenario::{PermissionPolicy, StandbyBucket},
};
use stakeout_protocol::{
    Problem,
    device::{Advanced, Assignment, BlobRef, Booted, Found, Hello, Input, Installed, Launched, Shot, Snapshot, Stopped},
};

/// What is done to the device's state, answered by nothing.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// Home is pressed.
    Background,
    /// The app's task is opened again.
    Foreground,
    /// The screen goes on or off.
    Screen(bool),
    /// Deep idle begins or ends.
    Doze(bool),
    /// The device starts anew.
    Reboot,
    /// The app is one that is used so often.
    Bucket(StandbyBucket),
    /// Permission requests are answered so from here on.
    Permission(PermissionPolicy, Vec<String>),
}

/// A kind of device. `id` is the request's: blobs of an answer carry it.
pub trait Guest {
    /// What it is.
    fn hello(&self) -> Hello;
    /// Starts it without an app.
    fn boot(&mut self, api: u32, locale: &str) -> impl Future<Output = Result<Booted, Problem>>;
    /// Makes it a trial's.
    fn assign(&mut self, to: Assignment) -> impl Future<Output = Result<(), Problem>>;
    /// Puts data on it; counts by kind.
    fn plant(&mut self, data: PlantData) -> impl Future<Output = Result<serde_json::Value, Problem>>;
    /// Puts the app on it.
    fn install(
        &mut self,
        id: u64,
        apk: BlobRef,
        splits: Vec<BlobRef>,
        prepared: Option<BlobRef>,
    ) -> impl Future<Output = Result<Installed, Problem>>;
    /// Opens the app.
    fn launch(&mut self) -> impl Future<Output = Result<Launched, Problem>>;
    /// Is its owner.
    fn input(&mut self, input: Input) -> impl Future<Output = Result<Found, Problem>>;
    /// Changes its state.
    fn change(&mut self, change: Change) -> impl Future<Output = Result<(), Problem>>;
    /// Lets time pass.
    fn advance(&mut self, nanos: Nanos) -> impl Future<Output = Result<Advanced, Problem>>;
    /// Pictures its screen.
    fn screenshot(&mut self, id: u64) -> impl Future<Output = Result<Shot, Problem>>;
    /// Ends the app and gives its files.
    fn snapshot(&mut self, id: u64, max_bytes: u64, max_files: u64) -> impl Future<Output = Result<Snapshot, Problem>>;
    /// Ends it in peace.
    fn stop(&mut self) -> impl Future<Output = Result<Stopped, Problem>>;
    /// Kills everything. Called last, whatever happened.
    fn kill(&mut self) -> impl Future<Output = ()>;
}
