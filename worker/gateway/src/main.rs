//! `stakeout-gateway`: seals the cell, gives up all power, then serves on standard input and output.

use std::process::ExitCode;

use anyhow::{Context, bail};
use stakeout_gateway::life;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("stakeout-gateway: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let options = options(std::env::args().skip(1))?;
    // Before there is a second thread: capabilities are dropped for this one, and later ones inherit that.
    let sealed = life::seal(&options).context("the cell is not sealed")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("cannot start the runtime")?;
    let result = runtime.block_on(life::live(sealed, tokio::io::stdin(), tokio::io::stdout()));
    // A thread may still wait for standard input.
    runtime.shutdown_background();
    Ok(result?)
}

fn options(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<life::Options> {
    let mut options = life::Options::default();
    while let Some(a) = arguments.next() {
        match a.as_str() {
            "--control-port" => {
                let port = arguments.next().context("`--control-port` needs a port")?;
                options.control_ports.push(port.parse().with_context(|| format!("`{port}` is no port"))?);
            }
            "--version" => {
                println!("stakeout-gateway {}", env!("CARGO_PKG_VERSION"));
                std::process::exit(0);
            }
            _ => bail!("`{a}` is not understood; usage: stakeout-gateway [--control-port PORT]..."),
        }
    }
    Ok(options)
}
