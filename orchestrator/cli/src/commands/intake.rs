//! `stakeout intake`: reads a stranger's app for another `stakeout`, in a process that may be brought down.

use std::{io::Write as _, process::ExitCode};

use stakeout_server::intake::{self, Intake};

use crate::args::IntakeArgs;

/// The one document on standard output. Nobody reads what else is said, nor may this process write it.
pub(crate) fn run(a: &IntakeArgs) -> ExitCode {
    let mut out = std::io::stdout();
    let said = intake::answer(a.question, &a.files).and_then(|document| out.write_all(&document)).and_then(|()| out.flush());
    if said.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Strangers' apps are read by this program again, whatever is at its path by now.
pub(crate) fn reader() -> Intake {
    Intake::by("/proc/self/exe")
}
