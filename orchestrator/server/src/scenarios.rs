//! Scenarios that come with Stakeout, and reading one from its text.

use stakeout_contract::scenario::Scenario;

/// Scenarios that the program brings: name and text.
pub const BUILT_IN: &[(&str, &str)] =
    &[("idle-demo", include_str!("../scenarios/idle-demo.yaml")), ("idle-overnight", include_str!("../scenarios/idle-overnight.yaml"))];

/// Largest scenario, bytes: each job keeps its own copy.
pub const TEXT_MAX: usize = 256 << 10;

/// A mistake in a scenario's text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}")]
pub struct Mistake {
    /// What is wrong.
    pub what: String,
    /// Line and column, from 1, where the form is wrong; none: it is of the right form, and means nothing.
    pub place: Option<(u32, u32)>,
}

/// Reads the form and checks the contents.
pub fn parse(text: &str) -> Result<Scenario, Mistake> {
    if text.len() > TEXT_MAX {
        return Err(Mistake { what: format!("it has {} bytes, more than the {TEXT_MAX} that are read", text.len()), place: None });
    }
    let s: Scenario = serde_norway::from_str(text).map_err(|e| {
        let said = e.to_string();
        let what = said.split(" at line ").next().unwrap_or(&said).to_owned();
        Mistake { what, place: e.location().map(|l| (l.line() as u32, l.column() as u32)) }
    })?;
    s.check().map_err(|e| Mistake { what: e.to_string(), place: None })?;
    Ok(s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_scenario_reads_and_has_its_name() {
        for (name, text) in BUILT_IN {
            assert_eq!(parse(text).unwrap_or_else(|e| panic!("{name}: {e}")).name, *name);
        }
    }

    #[test]
    fn a_mistake_has_its_line() {
        let m = parse("name: x\nsteps:\n  - launchApp\n  - idle: {state: backgrond, for: 5m}\n").unwrap_err();
        assert_eq!(m.place.unwrap().0, 4);
        assert!(m.what.contains("backgrond"), "{m}");
    }
}
