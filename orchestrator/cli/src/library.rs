//! Scenarios by name or file.

use std::path::{Path, PathBuf};

use stakeout_contract::scenario::Scenario;

use crate::{exit::Failure, places};

pub(crate) use stakeout_server::scenarios::BUILT_IN;

/// Largest scenario file, bytes.
const FILE_MAX: u64 = 8 << 20;

/// Reads a scenario: a file, a name in a folder of `STAKEOUT_SCENARIOS`, or one that is built in.
pub(crate) fn load(name: &str) -> Result<Scenario, Failure> {
    let (source, text) = find(name)?;
    parse(&source, &text)
}

/// Where a scenario is and what it says.
pub(crate) fn find(name: &str) -> Result<(String, String), Failure> {
    let as_file = Path::new(name);
    if name.contains('/') || as_file.extension().is_some_and(|e| e == "yaml" || e == "yml") {
        return Ok((name.to_owned(), read(as_file)?));
    }
    let named: Option<PathBuf> = places::scenarios().into_iter().map(|d| d.join(format!("{name}.yaml"))).find(|p| p.is_file());
    if let Some(p) = named {
        return Ok((p.display().to_string(), read(&p)?));
    }
    if let Some((n, text)) = BUILT_IN.iter().find(|(n, _)| *n == name) {
        Ok(((*n).to_owned(), (*text).to_owned()))
    } else {
        let known: Vec<&str> = BUILT_IN.iter().map(|(n, _)| *n).collect();
        Err(Failure::hint(
            format!("there is no scenario `{name}`"),
            format!("give a file that ends in `.yaml`, or one of: {}", known.join(", ")),
        ))
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let bad = |e: std::io::Error| {
        Failure::hint(
            format!("the scenario `{}` cannot be read: {e}", path.display()),
            "check the path; `stakeout scenario list` names those that are built in",
        )
    };
    let size = std::fs::metadata(path).map_err(bad)?.len();
    if size > FILE_MAX {
        return Err(Failure::hint(
            format!("the scenario `{}` has {size} bytes", path.display()),
            format!("at most {FILE_MAX} bytes are read"),
        ));
    }
    std::fs::read_to_string(path).map_err(bad)
}

/// Reads the form and the contents, and says line and column of a mistake.
pub(crate) fn parse(source: &str, text: &str) -> Result<Scenario, Failure> {
    stakeout_server::scenarios::parse(text).map_err(|m| match m.place {
        Some((line, column)) => Failure::hint(
            format!("{source}:{line}:{column}: {m}"),
            "`stakeout scenario schema` prints what is allowed, `docs/scenarios.md` explains it",
        ),
        None => Failure::usage(anyhow::anyhow!("{source}: {m}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_with_line_and_column() {
        let text = "name: x\nsteps:\n  - launchApp\n  - idle: {state: backgrond, for: 5m}\n";
        let Err(f) = parse("x.yaml", text) else { panic!("it was accepted") };
        // The report is what a person sees.
        let said = format!("{:#}", f.error_for_tests());
        assert!(said.starts_with("x.yaml:4:"), "{said}");
        assert!(said.contains("backgrond") && said.contains("screenOff"), "{said}");
    }
}
