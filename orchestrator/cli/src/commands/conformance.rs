//! `stakeout conformance`: does a device do what the protocol says?

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use stakeout_agent::Limits;
use stakeout_conformance::{CheckReport, Outcome, Plan, Report};
use stakeout_contract::DeviceKind;

use super::{doctor, images as local};
use crate::{
    args::{ConformanceArgs, Device, StandIn},
    exit::Failure,
    interrupt, output,
};

/// Where `tests/apps/build.sh target/apps` puts the suite's app.
const APP: &str = "target/apps/conform.apk";
/// Largest report that is read, bytes.
const REPORT_MAX: u64 = 16 << 20;
/// Columns of a table that nobody's terminal has asked for.
const WIDTH: u16 = 160;

pub(crate) async fn run(a: ConformanceArgs) -> Result<ExitCode, Failure> {
    if a.list {
        output::line(&stakeout_conformance::names().join("\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    if !a.compare.is_empty() {
        let reports = a.compare.iter().map(|p| read(p)).collect::<Result<Vec<_>, _>>()?;
        output::line(&side_by_side(&reports).to_string())?;
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
    let mut images = doctor::images();
    images.frida = a.frida.folder()?;
    let engine = super::walled(&a.walls).await?;
    local::prefer_baked(&engine, &mut images).await;
    let Some(image) = images.device(device, a.api) else {
        return Err(Failure::hint(format!("the {device} device has no API level {}", a.api), "see `--api` of `stakeout run --help`"));
    };
    let plan = Plan {
        device,
        image: image.to_owned(),
        gateway: images.gateway.clone(),
        video: images.video.clone(),
        frida: images.frida.clone(),
        api: a.api,
        app: a.app.unwrap_or_else(|| PathBuf::from(APP)),
        only: a.only,
        record: a.record,
        limits: Limits::default(),
    };
    engine.sweep().await.map_err(Failure::other)?;
    let stop = interrupt::token()?;
    let mut told = |c: &CheckReport| say!("{}", output::plain(&line(c)));
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

/// A report from anywhere.
fn read(path: &Path) -> Result<Report, Failure> {
    let bad = |why: String| {
        let hint = "give files that `stakeout conformance --out` wrote, of about this version";
        Failure::hint(format!("`{}` cannot be read as a report: {why}", path.display()), hint)
    };
    let file = std::fs::File::open(path).map_err(|e| bad(e.to_string()))?;
    let mut text = Vec::new();
    file.take(REPORT_MAX + 1).read_to_end(&mut text).map_err(|e| bad(e.to_string()))?;
    if text.len() as u64 > REPORT_MAX {
        return Err(bad(format!("it has more than {REPORT_MAX} bytes")));
    }
    let report: Report = serde_json::from_slice(&text).map_err(|e| bad(e.to_string()))?;
    if report.format != Report::FORMAT {
        return Err(bad(format!("its format is `{}` and not `{}`", report.format, Report::FORMAT)));
    }
    Ok(report)
}

/// A row a check, in the first report's order; a check that a report has not is a dash.
fn side_by_side(reports: &[Report]) -> Table {
    let mut t = Table::new();
    t.load_preset(UTF8_BORDERS_ONLY);
    let devices = reports.iter().map(|r| format!("{} {}", r.device, r.api));
    t.set_header(std::iter::once("check".to_owned()).chain(devices));
    let mut names: Vec<&str> = Vec::new();
    for c in reports.iter().flat_map(|r| &r.checks) {
        if !names.contains(&c.name.as_str()) {
            names.push(&c.name);
        }
    }
    for name in names {
        let came = reports.iter().map(|r| {
            let check = r.checks.iter().find(|c| c.name == name);
            check.map_or("-".to_owned(), |c| {
                if c.outcome == Outcome::Skipped { c.outcome.to_string() } else { format!("{} {} ms", c.outcome, c.millis) }
            })
        });
        t.add_row(std::iter::once(output::plain(name)).chain(came));
    }
    let sums = reports.iter().map(|r| {
        let n = |o| r.count(o);
        format!("{} pass, {} fail, {} skipped", n(Outcome::Pass), n(Outcome::Fail), n(Outcome::Skipped))
    });
    t.add_row(std::iter::once("all".to_owned()).chain(sums));
    t
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
        let mut other = report.clone();
        other.checks.remove(0);
        other.checks[0].outcome = Outcome::Pass;
        let both = side_by_side(&[report.clone(), other]).to_string();
        let row = both.lines().find(|l| l.contains("life.boot")).unwrap_or_default();
        assert!(both.contains("1 pass, 1 fail, 1 skipped") && both.contains("1 pass, 0 fail, 1 skipped"), "{both}");
        assert!(row.contains("pass 5 ms"), "{both}");
        let text = table(&report).to_string();
        assert!(!text.contains('\u{1b}') && text.contains("came: \u{fffd}[2Jnothing") && text.contains("(no reason)"), "{text}");
    }
}
