//! `stakeout scenario`.

use std::process::ExitCode;

use stakeout_contract::scenario::Scenario;
use stakeout_server::scenarios::{self, Mistake};

use crate::{args::ScenarioCommand, exit::Failure, library, output, places};

pub(crate) fn run(c: ScenarioCommand) -> Result<ExitCode, Failure> {
    match c {
        ScenarioCommand::Check { scenario, json } => {
            let (source, text) = library::find(&scenario)?;
            if json && let Err(all) = scenarios::read(&text) {
                output::json(&serde_json::json!({"mistakes": all.each().map(mistake).collect::<Vec<_>>()}))?;
                return Ok(ExitCode::from(2));
            }
            let s = library::parse(&source, &text)?;
            let states: Vec<&str> = s.states().iter().map(|d| d.as_str()).collect();
            let length = stakeout_contract::Nanos::ZERO.plus(s.virtual_length());
            if json {
                output::json(&serde_json::json!({
                    "name": s.name, "steps": s.steps.len(), "virtual_seconds": length.as_secs_f64(),
                    "states": states, "trials": s.trials, "mistakes": [],
                }))?;
            } else {
                output::line(&format!(
                    "`{}` is good: {} steps, {length} on the device's clock, states {}",
                    s.name,
                    s.steps.len(),
                    states.join(", ")
                ))?;
            }
        }
        ScenarioCommand::Schema => output::line(&serde_json::to_string_pretty(&schemars::schema_for!(Scenario)).map_err(Failure::other)?)?,
        ScenarioCommand::List => {
            for (name, text) in library::BUILT_IN {
                let s = library::parse(name, text)?;
                output::line(&format!("{name:<16} {}", s.description))?;
            }
            for dir in places::scenarios() {
                let Ok(list) = std::fs::read_dir(&dir) else { continue };
                let mut names: Vec<_> =
                    list.filter_map(|e| e.ok().map(|e| e.path())).filter(|p| p.extension().is_some_and(|e| e == "yaml")).collect();
                names.sort();
                for p in names {
                    let name = p.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                    output::line(&output::plain(&format!("{name:<16} {}", p.display())))?;
                }
            }
        }
        ScenarioCommand::Show { scenario } => output::line(library::find(&scenario)?.1.trim_end())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn mistake(m: &Mistake) -> serde_json::Value {
    let (what, hint) = m.what.split_once("\nhint: ").unwrap_or((&m.what, ""));
    serde_json::json!({"what": what, "hint": hint, "line": m.place.map(|p| p.0), "column": m.place.map(|p| p.1)})
}
