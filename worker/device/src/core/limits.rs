//! Every limit of a device in one place.

use std::time::Duration;

/// Longest line of a guest, bytes.
pub const GUEST_LINE: usize = 64 << 10;
/// Longest request for a frame or for sound, bytes.
pub const FEED_LINE: usize = 4 << 10;
/// Longest line of a guest's log that is passed on, bytes.
pub const LOG_LINE: usize = 4 << 10;
/// Lines of a guest's log in one trial.
pub const LOG_LINES: u64 = 20_000;
/// Observations that a guest can make in one trial; more are counted as `lost`.
pub const OBSERVATIONS: u64 = 200_000;
/// Frames of the app's stack that an observation keeps, and bytes of each.
pub const STACK: (usize, usize) = (8, 300);
/// Bytes of one blob from the worker.
pub const BLOB: u64 = 1 << 30;
/// Blobs from the worker in one trial.
pub const BLOBS: usize = 64;
/// Largest picture of a screen, bytes.
pub const SCREENSHOT: u64 = 16 << 20;
/// Largest converted app, bytes.
pub const PREPARED: u64 = 512 << 20;
/// Pixels on a side of a frame, and in all.
pub const FRAME: (u32, u64) = (8192, 20_000_000);
/// Samples of sound in one request, and samples a second.
pub const SOUND: (u32, std::ops::RangeInclusive<u32>) = (1 << 20, 4_000..=192_000);
/// Requests to the feed in one trial: a day of preview at 30 frames a second.
pub const FEED_REQUESTS: u64 = 2_592_000;
/// `delivered` facts in one trial; more are counted as `lost`.
pub const DELIVERED: u64 = 100_000;
/// Sessions whose `delivered` fact is not closed yet.
pub const OPEN_RUNS: usize = 64;
/// Folders in folders that a snapshot follows, and names that it reads in all.
pub const TREE: (usize, u64) = (40, 500_000);

/// Real time that the converter has.
pub const CONVERT: Duration = Duration::from_secs(240);
/// Real time without progress after which an `advance` counts as hanging, apart from what threads may hold the clock for.
pub const STALL: Duration = Duration::from_secs(45);
/// Real time for the last words to the worker.
pub const FAREWELL: Duration = Duration::from_secs(5);

/// Real time that a verb of the guest has: some ten times what it takes on a machine that has nothing else to do, as a boot
/// of 8 s was seen to take 100 s where ten things ran on two cores. For `advance` see [`advance`].
pub fn deadline(verb: &str) -> Duration {
    Duration::from_secs(match verb {
        "boot" => 300,
        "install" | "reboot" => 180,
        // Of an app that does not come back; all of its user is killed afterwards.
        "stop" => 20,
        "input" | "foreground" | "plant" => 90,
        // `launch` too: an app that never comes back from its first callback costs this much.
        _ => 60,
    })
}

/// Real time that an `advance` of `nanos` has in all: a virtual device is faster than real, but for an app that holds its clock.
pub fn advance(nanos: u64) -> Duration {
    Duration::from_secs(600) + Duration::from_nanos(nanos / 4)
}
