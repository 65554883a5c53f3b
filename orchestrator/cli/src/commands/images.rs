//! `stakeout images`: what cells are made of, on this host.

mod bake;
mod build;
mod host;
mod list;
mod options;
mod prune;
mod show;

use std::process::ExitCode;

use self::options::BuildCommand;
pub(crate) use self::{
    host::{Kvm, baked_for, kvm, ours, prefer_baked},
    options::ImagesCommand,
    prune::current,
};
use crate::exit::Failure;

pub(crate) async fn run(c: ImagesCommand) -> Result<ExitCode, Failure> {
    match c {
        ImagesCommand::Build(BuildCommand::Emulator(a)) => build::run(&a).await,
        ImagesCommand::List { json } => list::run(json).await,
        ImagesCommand::Prune { dry_run, json } => prune::run(dry_run, json).await,
    }
}

/// Bytes as people say them: `1.42 GB`.
pub(crate) fn bytes(n: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (n as f64, 0);
    while value >= 999.5 && unit + 1 < units.len() {
        (value, unit) = (value / 1000.0, unit + 1);
    }
    if unit < 3 { format!("{value:.0} {}", units[unit]) } else { format!("{value:.2} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn bytes_are_said_in_three_digits_or_so() {
        for (n, said) in
            [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (349_654_171, "350 MB"), (999_600_000, "1.00 GB"), (1_420_000_000, "1.42 GB")]
        {
            assert_eq!(bytes(n), said);
        }
    }
}
