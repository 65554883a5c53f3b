//! Where things are on this host. Variables that name folders are read here and nowhere else; those that stand for an option
//! are with it in `args`.

use std::path::PathBuf;

use crate::exit::Failure;

/// Folder for the operator's key and trusted keys: `STAKEOUT_DATA`, else `$XDG_DATA_HOME/stakeout`, else `~/.local/share/stakeout`.
pub(crate) fn data() -> Result<PathBuf, Failure> {
    named("STAKEOUT_DATA", "XDG_DATA_HOME", ".local/share")
}

/// Folder for what can be made again: `STAKEOUT_CACHE`, else `$XDG_CACHE_HOME/stakeout`, else `~/.cache/stakeout`.
pub(crate) fn cache() -> Result<PathBuf, Failure> {
    named("STAKEOUT_CACHE", "XDG_CACHE_HOME", ".cache")
}

fn named(own: &str, xdg: &str, home: &str) -> Result<PathBuf, Failure> {
    folder(Some(own), xdg, home)
        .ok_or_else(|| Failure::hint(format!("no folder for `{own}` can be found"), format!("set `{own}` or `HOME`")))
}

fn folder(own: Option<&str>, xdg: &str, home: &str) -> Option<PathBuf> {
    let var = |n: &str| std::env::var_os(n).filter(|v| !v.is_empty()).map(PathBuf::from);
    own.and_then(var).or_else(|| var(xdg).map(|p| p.join("stakeout"))).or_else(|| var("HOME").map(|h| h.join(home).join("stakeout")))
}

/// The operator's key.
pub(crate) fn operator_key() -> Result<PathBuf, Failure> {
    Ok(data()?.join("operator.pem"))
}

/// Settings for servers: `STAKEOUT_CONFIG`, else `$XDG_CONFIG_HOME/stakeout/config.yaml`, else `~/.config/stakeout/config.yaml`.
/// With it, whether somebody chose it.
pub(crate) fn config() -> Option<(PathBuf, bool)> {
    let set = std::env::var_os("STAKEOUT_CONFIG").filter(|v| !v.is_empty()).map(|v| (PathBuf::from(v), true));
    set.or_else(|| folder(None, "XDG_CONFIG_HOME", ".config").map(|d| (d.join("config.yaml"), false)))
}

/// Keys of operators that are trusted, `*.pub`.
pub(crate) fn trusted() -> Result<PathBuf, Failure> {
    Ok(data()?.join("trusted"))
}

/// Folders with scenarios, searched before those that are built in: `STAKEOUT_SCENARIOS`, parted by `:`.
pub(crate) fn scenarios() -> Vec<PathBuf> {
    std::env::var_os("STAKEOUT_SCENARIOS")
        .map(|v| std::env::split_paths(&v).filter(|p| !p.as_os_str().is_empty()).collect())
        .unwrap_or_default()
}

/// Memory that programs can have on this host without swapping, bytes; 0 if the system does not say.
pub(crate) fn memory_available() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix("MemAvailable:"));
    line.and_then(|l| l.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}
