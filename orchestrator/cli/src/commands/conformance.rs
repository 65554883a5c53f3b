//! `stakeout conformance`: does a device do what the protocol says?

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use stakeout_agent::Limits;
use stakeout_conformance::{CheckReport, Outcome, Plan, Report};
use stakeout_contract::DeviceKind;

use super::doctor;
use crate::{
    args::{ConformanceArgs, Device, StandIn},
    exit::Failure,
    interrupt, output,
};

/// Where `tests/apps/build.sh target/apps` puts the suite's app.
const APP: &str = "target/apps/conform.apk";
/// Columns of a table that nobody's terminal has asked for.
const WIDTH: u16 = 160;

pub(crate) async fn run(a: ConformanceArgs) -> Result<ExitCode, Failure> {
    if a.list {
        output::line(&stakeout_conformance::names().join("\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let device = match (a.device, a.on) {
        (Device::Jvm, None) => DeviceKind::Jvm,
        (Device::Emulator, None) => DeviceKind::Emulator,
        (Device::EmulatorFake, _) | (Device::Emulator, Some(StandIn::Fake)) => DeviceKind::EmulatorFake,
        (Device::Jvm, Some(StandIn::Fake)) => {
            return Err(Failure::hint("the jvm device has no stand-in", "leave out `--on`, or use `--device emulator --on fake`"));
        }
    };
    let images = doctor::images();
    let Some(image) = images.device(device, a.api) else {
        return Err(Failure::hint(format!("the {device} device has no API level {}", a.api), "see `--api` of `stakeout run --help`"));
    };
    let plan = Plan {
        device,
        image: image.to_owned(),
        gateway: images.gateway.clone(),
        api: a.api,
        app: a.app.unwrap_or_else(|| PathBuf::from(APP)),
        only: a.only,
        record: a.record,
        limits: Limits::default(),
    };
    let engine = super::engine().await?;
    engine.sweep().await.map_err(Failure::other)?;
    let stop = interrupt::token()?;
    let mut told = |c: &CheckReport| eprintln!("{}", output::plain(&line(c)));
    let report = tokio::select! {
        done = stakeout_conformance::run(&engine, plan, &mut told) => done.map_err(Failure::usage)?,
        () = stop.cancelled() => {
            engine.destroy_all().await;
            return Err(Failure::other(anyhow::anyhow!("interrupted")).with_code(130));
        }
    };
    if let Some(path) = &a.out {
        write(path, &report)?;
    }
    output::line(&table(&report).to_string())?;
    let n = |o| report.count(o);
    output::line(&format!(
        "{} of API {}: {} passed, {} failed, {} skipped",
        report.device,
        report.api,
        n(Outcome::Pass),
        n(Outcome::Fail),
        n(Outcome::Skipped)
    ))?;
    Ok(ExitCode::from(u8::from(n(Outcome::Fail) > 0)))
}

fn write(path: &Path, report: &Report) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(report).map_err(Failure::other)?;
    std::fs::write(path, text + "\n").map_err(|e| Failure::usage(anyhow::anyhow!("`{}` cannot be written: {e}", path.display())))
}

/// What a person reads while it runs.
fn line(c: &CheckReport) -> String {
    format!("{:<8}{:>8} ms  {}", c.outcome, c.millis, c.name)
}

fn table(report: &Report) -> Table {
    let mut t = Table::new();
    t.load_preset(UTF8_BORDERS_ONLY);
    t.set_content_arrangement(comfy_table::ContentArrangement::Dynamic).set_width(WIDTH);
    t.set_header(["check", "outcome", "ms", "what holds, or what was expected and what came"]);
    for c in &report.checks {
        let said = match c.outcome {
            Outcome::Pass => c.says.clone(),
            Outcome::Skipped => format!("({})", c.reason),
            Outcome::Fail => format!("expected: {}\ncame: {}", output::plain(&c.expected), output::plain(&c.came)),
        };
        t.add_row([c.name.clone(), c.outcome.to_string(), c.millis.to_string(), said]);
    }
    t
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_without_control_characters_of_the_device() {
        let check = |outcome, came: &str| CheckReport {
            name: "life.boot".to_owned(),
            says: "it boots".to_owned(),
            outcome,
            millis: 5,
            expected: "API 34".to_owned(),
            came: came.to_owned(),
            reason: "no reason".to_owned(),
        };
        let report = Report {
            format: Report::FORMAT.to_owned(),
            version: String::new(),
            started: String::new(),
            device: DeviceKind::Jvm,
            api: 34,
            hello: None,
            host: stakeout_conformance::HostFacts::default(),
            checks: vec![check(Outcome::Pass, ""), check(Outcome::Fail, "\u{1b}[2Jnothing"), check(Outcome::Skipped, "")],
            logs: Vec::new(),
        };
        let text = table(&report).to_string();
        assert!(!text.contains('\u{1b}') && text.contains("came: \u{fffd}[2Jnothing") && text.contains("(no reason)"), "{text}");
    }
}
