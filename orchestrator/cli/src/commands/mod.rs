//! One file a command.

mod analyze;
mod analyze_bundle;
mod backup;
mod conformance;
mod doctor;
mod farm;
mod feed;
pub(crate) mod images;
pub(crate) mod intake;
mod progress;
mod receipts;
mod report;
mod run;
mod scenario;
mod serve;
mod share;
mod submit;
mod verify;
mod watch;
mod work;

use std::process::ExitCode;

use clap::CommandFactory;
use stakeout_agent::WorkerError;
use stakeout_containers::{Engine, EngineError};

use crate::{
    args::{Cli, Command, KeyCommand, walls::WallArgs},
    exit::Failure,
    output, places,
};

pub(crate) async fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Run(a) => Box::pin(run::run(*a)).await,
        Command::Analyze(a) => analyze::run(&a),
        Command::Feed(c) => feed::run(c),
        Command::Report(a) => report::run(a).await,
        Command::Serve(a) => Box::pin(serve::run(*a)).await,
        Command::Work(a) => work::run(*a).await,
        Command::Submit(a) => submit::run(*a).await,
        Command::Jobs(a) => farm::jobs(a).await,
        Command::Watch(a) => watch::run(a).await,
        Command::Cancel(a) => farm::cancel(a).await,
        Command::Token(c) => farm::token(c).await,
        Command::Tenant(c) => farm::tenant(c).await,
        Command::Workers(c) => farm::workers(c).await,
        Command::Backup(a) => backup::write(a).await,
        Command::Restore(a) => backup::read(a).await,
        Command::Verify(a) => verify::run(&a),
        Command::Share(a) => share::run(&a),
        Command::Scenario(c) => scenario::run(c),
        Command::Key(KeyCommand::Show { json }) => key(json),
        Command::Images(c) => images::run(c).await,
        Command::Doctor { json, walls } => doctor::run(json, &walls).await,
        Command::Conformance(a) => Box::pin(conformance::run(a)).await,
        Command::Intake(a) => Ok(intake::run(&a)),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "stakeout", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// This host's container engine, to look at and to tidy up.
async fn engine() -> Result<Engine, Failure> {
    Engine::connect().await.map_err(of_engine)
}

/// This host's container engine, to run something behind walls.
async fn walled(walls: &WallArgs) -> Result<Engine, Failure> {
    engine().await?.behind(walls.walls()).await.map_err(of_engine)
}

/// What its user must mend before anything can be run here is told as wrong input is; what the engine did wrong is not.
fn of_engine(e: EngineError) -> Failure {
    match e {
        EngineError::NoSocket { .. }
        | EngineError::NoPermission { .. }
        | EngineError::NotAnswering { .. }
        | EngineError::NotLocal { .. }
        | EngineError::NoSeccomp { .. }
        | EngineError::NoRuntime { .. }
        | EngineError::NoImage { .. }
        | EngineError::DiskFull => Failure::usage(e),
        EngineError::Timeout { .. } | EngineError::NotSealed { .. } | EngineError::Call { .. } | EngineError::Proc(_) => Failure::other(e),
    }
}

/// A worker that cannot be made.
fn of_worker(e: WorkerError) -> Failure {
    match e {
        WorkerError::Engine(e) => of_engine(e),
        WorkerError::Cache { .. } | WorkerError::Key(_) => Failure::usage(e),
        WorkerError::Orchestrator(_) => Failure::other(e),
    }
}

fn key(json: bool) -> Result<ExitCode, Failure> {
    let path = places::operator_key()?;
    let public = stakeout_bundle::keys::SigningKey::load_or_create(&path).map_err(Failure::usage)?.public();
    let pem = public.pem().map_err(Failure::other)?;
    if json {
        output::json(&serde_json::json!({"path": path, "fingerprint": public.fingerprint(), "public_key": pem}))?;
    } else {
        output::line(&format!("{}\n{}\n{}", path.display(), public.fingerprint(), pem.trim_end()))?;
    }
    Ok(ExitCode::SUCCESS)
}
