//! Where things lie in the container of a jvm device. `images/README.md` has the options that make it so.

use std::{ffi::OsString, path::PathBuf};

/// Folders, users and programs. Tests give others.
#[derive(Clone, Debug)]
pub struct Layout {
    /// What `images/jvm/build.sh` wrote; the host and the converter run in it. Read-only.
    pub java: PathBuf,
    /// Blobs and the converted app: ours, readable by the guest.
    pub work: PathBuf,
    /// The app's data and its external storage: the guest's.
    pub data: PathBuf,
    /// What the device kept of the app's calls: the guest's.
    pub artifacts: PathBuf,
    /// Temporary files and native libraries of the JVM: the guest's, programs may run from here.
    pub temporary: PathBuf,
    /// Shared memory: whoever wants to may write to it.
    pub shared: PathBuf,
    /// The converter's folder: the converter's.
    pub convert: PathBuf,
    /// The guest's user; none: our own, for tests.
    pub guest_user: Option<u32>,
    /// The converter's user.
    pub convert_user: Option<u32>,
    /// The host's command.
    pub host: Vec<OsString>,
    /// The converter's command, without its files.
    pub converter: Vec<OsString>,
}

/// Java memory of the host: it was measured at 390 to 440 MB with its native parts.
const HOST_HEAP: &str = "-Xmx768m";
/// Java memory of the converter, for apps of some ten thousand classes.
const CONVERT_HEAP: &str = "-Xmx896m";

impl Layout {
    /// As in the image.
    pub fn container() -> Self {
        let words = |w: &[&str]| w.iter().map(OsString::from).collect();
        Self {
            java: "/opt/stakeout".into(),
            work: "/work".into(),
            data: "/data".into(),
            artifacts: "/artifacts".into(),
            temporary: "/tmp".into(),
            shared: "/dev/shm".into(),
            convert: "/convert".into(),
            guest_user: Some(10_001),
            convert_user: Some(10_002),
            host: words(&["java", HOST_HEAP, "-XX:-UsePerfData", "-Djava.io.tmpdir=/tmp", "-Duser.home=/data", "@host.args"]),
            converter: words(&["java", CONVERT_HEAP, "-XX:-UsePerfData", "-Djava.io.tmpdir=/convert", "@convert.args"]),
        }
    }
}
