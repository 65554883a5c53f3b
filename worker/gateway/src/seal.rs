//! Giving up power, for good, before the first byte of an app is read.
//!
//! Order matters: the rules stand, sockets are open, then this; and all of it while the process has one thread, since
//! capabilities belong to threads. What is left can be read by anyone in `/proc/PID/status`.

use caps::CapSet;
use rustix::process::{Gid, Uid};
use stakeout_protocol::gateway::GATEWAY_UID;

use crate::Error;

/// Becomes [`GATEWAY_UID`] without capabilities, without a way to get any. Returns `CapEff` as the kernel tells it.
pub fn drop_power() -> Result<String, Error> {
    let named = |e: caps::errors::CapsError| Error::Capabilities(e.to_string());
    for capability in caps::all() {
        // A kernel that does not know one cannot have it in the set.
        if caps::has_cap(None, CapSet::Bounding, capability).unwrap_or(false) {
            caps::drop(None, CapSet::Bounding, capability).map_err(named)?;
        }
    }
    rustix::thread::set_thread_groups(&[]).map_err(Error::seal("leave all groups"))?;
    let (gid, uid) = (Gid::from_raw(GATEWAY_UID), Uid::from_raw(GATEWAY_UID));
    rustix::thread::set_thread_res_gid(gid, gid, gid).map_err(Error::seal("change the group"))?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).map_err(Error::seal("change the user"))?;
    for set in [CapSet::Ambient, CapSet::Effective, CapSet::Inheritable, CapSet::Permitted] {
        caps::clear(None, set).map_err(named)?;
    }
    rustix::thread::set_no_new_privs(true).map_err(Error::seal("refuse new privileges"))?;
    cap_eff()
}

fn cap_eff() -> Result<String, Error> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(Error::seal("read `/proc/self/status`"))?;
    let found = status.lines().find_map(|l| l.strip_prefix("CapEff:")).map(|v| v.trim().to_owned());
    match found {
        Some(v) if v.bytes().all(|b| b == b'0') => Ok(v),
        other => Err(Error::Capabilities(format!("`CapEff` is `{}`", other.unwrap_or_default()))),
    }
}
