//! The filters of system calls that containers get, and whose they are.
//!
//! Each kind of container has a list of its own in `worker/containers/seccomp`, in the engine's form: what its programs were
//! seen to call in trials, with some room in each group, and nothing else. How the lists were found is in
//! `docs/adr/0030-a-filter-of-system-calls-of-our-own.md`; `scripts/seccomp-trace.sh` finds them again and compares.
//!
//! A call that is not listed fails with EPERM, one that is newer than all that are listed with ENOSYS (that is runc's doing),
//! and `clone3` with ENOSYS, since its flags lie in memory where a filter cannot read them: libc then takes `clone`, whose flags
//! are looked at. A call in another form than that of x86-64 (32 bits, x32) ends its process.

use std::{fmt, fs, io, path::PathBuf, str::FromStr};

/// What a container runs, which says what it may call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    /// `stakeout-gateway`, with `nft` until the cell is sealed.
    Gateway,
    /// `stakeout-device` with the Java host, the converter and the app.
    Jvm,
    /// `stakeout-device` with an emulator, or what plays one. Not measured with a real one: wider than the others.
    Emulator,
    /// `stakeout analyze` with ffmpeg.
    Analysis,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gateway, Self::Jvm, Self::Emulator, Self::Analysis];

    /// Its name, which is also its file's.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Jvm => "jvm",
            Self::Emulator => "emulator",
            Self::Analysis => "analysis",
        }
    }

    /// The list as the engine takes it.
    pub const fn json(self) -> &'static str {
        match self {
            Self::Gateway => include_str!("../seccomp/gateway.json"),
            Self::Jvm => include_str!("../seccomp/jvm.json"),
            Self::Emulator => include_str!("../seccomp/emulator.json"),
            Self::Analysis => include_str!("../seccomp/analysis.json"),
        }
    }
}

/// Whose filter containers get: `ours`, the `engine`'s own, or that of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Filter {
    /// The lists of this program, one for each kind of container.
    #[default]
    Ours,
    /// The engine's default, which is the same for all containers and allows far more.
    Engine,
    /// An operator's, the same for all kinds.
    File {
        /// Where it was read.
        path: PathBuf,
        /// Its text.
        json: String,
    },
}

impl Filter {
    /// What the engine is told for a kind of container; none: nothing, and it takes its own.
    pub fn json(&self, profile: Profile) -> Option<&str> {
        match self {
            Self::Ours => Some(profile.json()),
            Self::Engine => None,
            Self::File { json, .. } => Some(json),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours => f.write_str("ours"),
            Self::Engine => f.write_str("engine"),
            Self::File { path, .. } => path.display().fmt(f),
        }
    }
}

/// Why a filter cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// The file cannot be read.
    #[error("`{}` cannot be read: {source}; give `ours`, `engine` or a file with a seccomp profile", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is none.
    #[error("`{}` is no seccomp profile: {reason}", path.display())]
    Profile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl FromStr for Filter {
    type Err = FilterError;

    /// Reads the file, so that what is wrong with it is said before anything runs. An engine takes a profile that says nothing
    /// for none at all and runs the container without a filter, so what is unlisted must be refused by it in so many words.
    fn from_str(text: &str) -> Result<Self, FilterError> {
        match text {
            "" | "ours" => return Ok(Self::Ours),
            "engine" => return Ok(Self::Engine),
            _ => {}
        }
        let path = PathBuf::from(text);
        let json = match fs::read_to_string(&path) {
            Ok(j) => j,
            Err(source) => return Err(FilterError::Read { path, source }),
        };
        match refuses(&json) {
            Ok(()) => Ok(Self::File { path, json }),
            Err(reason) => Err(FilterError::Profile { path, reason }),
        }
    }
}

/// Whether a profile refuses what it does not list.
fn refuses(json: &str) -> Result<(), String> {
    let profile: serde_json::Value = serde_json::from_str(json).map_err(|e| e.to_string())?;
    let unlisted = profile.get("defaultAction").and_then(serde_json::Value::as_str).unwrap_or_default();
    if !["SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS"].contains(&unlisted) {
        return Err(format!("its `defaultAction` is `{unlisted}` and not `SCMP_ACT_ERRNO` or `SCMP_ACT_KILL_PROCESS`"));
    }
    match profile.get("syscalls").and_then(serde_json::Value::as_array) {
        Some(calls) if !calls.is_empty() => Ok(()),
        _ => Err("it lists no `syscalls`".to_owned()),
    }
}

#[cfg(test)]
mod tests;
