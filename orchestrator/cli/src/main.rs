//! `stakeout`: everything that a person or a host runs.
#![deny(clippy::print_stderr, reason = "it panics where nothing can be written: `say!`")]

/// A line on standard error, for people. That nobody can read it (a full disk, a closed pipe) ends neither a server nor a run, and
/// changes no exit code.
macro_rules! say {
    ($($words:tt)*) => {{
        let _ = std::io::Write::write_fmt(&mut std::io::stderr().lock(), format_args!("{}\n", format_args!($($words)*)));
    }};
}

mod args;
mod commands;
mod exit;
mod interrupt;
mod library;
mod output;
mod places;
mod state_dir;
mod table;
mod telemetry;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::{
    args::{Cli, Command, farm::LogFormat},
    exit::Failure,
    telemetry::Traces,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // It bounds its memory: no threads, no log.
    if let Command::Intake(a) = &cli.command {
        return commands::intake::run(a);
    }
    // A server and a worker say what they do; a command says what went wrong.
    let format = cli.command.log();
    let usual = || Targets::new().with_default(if cli.verbose || format.is_some() { LevelFilter::INFO } else { LevelFilter::ERROR });
    let filter = match std::env::var("STAKEOUT_LOG").map(|v| v.parse::<Targets>()) {
        Ok(Ok(filter)) => filter,
        Ok(Err(e)) => {
            return exit::report(&Failure::hint(format!("STAKEOUT_LOG cannot be read: {e}"), "write it as `info,stakeout_agent=debug`"));
        }
        Err(_) => usual(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(r) => r,
        Err(e) => return exit::report(&Failure::other(e)),
    };
    let traces = match Traces::of_environment(runtime.handle(), cli.command.service()) {
        Ok(t) => t,
        Err(e) => return exit::report(&e),
    };
    // A line that cannot be written is lost: to say so would be another, and to panic is no answer to a full disk.
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false).log_internal_errors(false);
    let logs = if format == Some(LogFormat::Json) { layer.json().with_filter(filter).boxed() } else { layer.with_filter(filter).boxed() };
    tracing_subscriber::registry().with(logs).with(traces.as_ref().map(Traces::layer)).init();
    let code = match runtime.block_on(commands::run(cli.command)) {
        Ok(code) => code,
        Err(e) => exit::report(&e),
    };
    if let Some(t) = traces {
        t.end();
    }
    // Threads that still run while the process ends would meet half of it gone.
    runtime.shutdown_timeout(Duration::from_secs(5));
    code
}
