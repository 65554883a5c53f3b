//! `stakeout`: everything that a person or a host runs.

mod args;
mod commands;
mod exit;
mod interrupt;
mod library;
mod output;
mod places;
mod table;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::{args::Cli, exit::Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("STAKEOUT_LOG").unwrap_or_else(|_| EnvFilter::new(if cli.verbose { "info" } else { "error" }));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(r) => r,
        Err(e) => return exit::report(&Failure::other(e)),
    };
    let code = match runtime.block_on(commands::run(cli.command)) {
        Ok(code) => code,
        Err(e) => exit::report(&e),
    };
    // Threads that still run while the process ends would meet half of it gone.
    runtime.shutdown_timeout(Duration::from_secs(5));
    code
}
