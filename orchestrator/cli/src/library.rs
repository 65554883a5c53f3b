//! Scenarios by name or file.

use std::path::{Path, PathBuf};

use stakeout_contract::scenario::Scenario;
use stakeout_server::scenarios::{Mistake, read as read_all};

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

/// Reads the form and the contents, and says line and column of each mistake.
pub(crate) fn parse(source: &str, text: &str) -> Result<Scenario, Failure> {
    read_all(text).map_err(|m| Failure::usage(told(source, &m.first)).and(m.more.iter().map(|m| told(source, m))))
}

fn told(source: &str, m: &Mistake) -> anyhow::Error {
    let at = m.place.map_or_else(|| source.to_owned(), |(line, column)| format!("{source}:{line}:{column}"));
    // What is wrong with the contents has a hint of its own.
    let hint = if m.what.contains("\nhint: ") { "" } else { FORM };
    anyhow::anyhow!("{at}: {m}{hint}")
}

const FORM: &str = "\nhint: `stakeout scenario schema` prints what is allowed, `docs/scenarios.md` explains it";

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
    #[test]
    fn every_mistake_is_told_and_those_of_the_contents_have_a_place_and_a_hint_too() {
        let Err(f) = parse("x.yaml", "name: x\ntrials: 0\nsteps:\n  - pressKey: hme\n") else { panic!("it was accepted") };
        let said = f.all_for_tests();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("x.yaml:2:9: `trials: 0`") && said[0].contains("\nhint: use 1 to 1000"), "{said:?}");
        assert!(said[1].starts_with("x.yaml:4:15: `pressKey: hme`") && said[1].contains("\nhint: use `back`"), "{said:?}");
    }
}
