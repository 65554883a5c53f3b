//! What stands between cells and this host's kernel.

use clap::Args;
use stakeout_containers::{Filter, Runtimes, Walls};

#[derive(Args, Clone, Debug)]
pub(crate) struct WallArgs {
    /// Filter of system calls of cells on this host: `ours`, the `engine`'s own, or a file with a profile
    #[arg(long, default_value = "ours", value_name = "ours|engine|FILE", env = "STAKEOUT_SECCOMP")]
    pub seccomp: Filter,
    /// Which of the engine's runtimes runs cells and analyses on this host, or with `analysis=NAME` these alone
    /// (`analysis=runsc`: gVisor for what reads media); the engine's default if not given
    #[arg(long, default_value = "", hide_default_value = true, value_name = "NAME|analysis=NAME", env = "STAKEOUT_RUNTIME")]
    pub runtime: Runtimes,
}

impl WallArgs {
    pub(crate) fn walls(&self) -> Walls {
        Walls { filter: self.seccomp.clone(), runtimes: self.runtime.clone() }
    }
}
