//! Scenarios that come with Stakeout, and reading one from its text.

mod places;

use serde::de::DeserializeOwned;
use serde_norway::Value;
use stakeout_contract::scenario::{DeviceSpec, Network, Part, PermissionPolicy, PlantSpec, Scenario, Span, Step};

/// Scenarios that the program brings: name and text.
pub const BUILT_IN: &[(&str, &str)] =
    &[("idle-demo", include_str!("../scenarios/idle-demo.yaml")), ("idle-overnight", include_str!("../scenarios/idle-overnight.yaml"))];

/// Largest scenario, bytes: each job keeps its own copy.
pub const TEXT_MAX: usize = 256 << 10;

/// Mistakes that are told of one text.
const MISTAKES: usize = 20;

/// A mistake in a scenario's text.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what}")]
pub struct Mistake {
    /// What is wrong.
    pub what: String,
    /// Line and column, from 1; none: it is about the text as a whole, or about what the text does not say.
    pub place: Option<(u32, u32)>,
}

impl Mistake {
    fn of_form(e: &serde_norway::Error) -> Self {
        let said = e.to_string();
        let what = said.split(" at line ").next().unwrap_or(&said).to_owned();
        Self { what, place: places::place(e) }
    }
}

/// What is wrong with a text: something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistakes {
    /// The first.
    pub first: Mistake,
    /// Others, at most 19. Of what has not the form of a scenario nothing but its form is looked at.
    pub more: Vec<Mistake>,
}

impl Mistakes {
    fn of(all: Vec<Mistake>) -> Option<Self> {
        let mut all = all.into_iter();
        Some(Self { first: all.next()?, more: all.collect() })
    }

    /// All of them.
    pub fn each(&self) -> impl Iterator<Item = &Mistake> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

impl From<Mistake> for Mistakes {
    fn from(first: Mistake) -> Self {
        Self { first, more: vec![] }
    }
}

/// Reads the form and checks the contents; the first mistake.
pub fn parse(text: &str) -> Result<Scenario, Mistake> {
    up_to(1, text).map_err(|m| m.first)
}

/// The same with all mistakes: the text is read once more for each.
pub fn read(text: &str) -> Result<Scenario, Mistakes> {
    up_to(MISTAKES, text)
}

fn up_to(most: usize, text: &str) -> Result<Scenario, Mistakes> {
    if text.len() > TEXT_MAX {
        let what = format!("it has {} bytes, more than the {TEXT_MAX} that are read", text.len());
        return Err(Mistake { what, place: None }.into());
    }
    let s: Scenario = serde_norway::from_str(text).map_err(|e| {
        let first = Mistake::of_form(&e);
        if most > 1 { of_form(text, first) } else { first.into() }
    })?;
    let problems = s.problems();
    let told = problems.iter().take(most).map(|p| Mistake { what: p.to_string(), place: places::of(text, p.at()) });
    match Mistakes::of(told.collect()) {
        Some(mistakes) => Err(mistakes),
        None => Ok(s),
    }
}

/// The form's mistakes, each field and each step by itself: the reader ends at the first.
fn of_form(text: &str, first: Mistake) -> Mistakes {
    let Ok(Value::Mapping(fields)) = serde_norway::from_str(text) else { return first.into() };
    let mut all = vec![first];
    for (key, value) in &fields {
        let Some(name) = key.as_str() else { continue };
        let at = Part::Key(name);
        match (name, value) {
            ("steps", Value::Sequence(steps)) => {
                // The text is read once more for each that is wrong, and for no other.
                let wrong = |(_, step): &(usize, &Value)| serde_norway::from_value::<Step>((*step).clone()).is_err();
                let wrong = steps.iter().enumerate().filter(wrong).take(MISTAKES);
                all.extend(wrong.filter_map(|(n, _)| of_part::<Step>(text, &[at, Part::Index(n)])));
            }
            ("name" | "description" | "startAt", _) => all.extend(of_part::<String>(text, &[at])),
            ("device", _) => all.extend(of_part::<DeviceSpec>(text, &[at])),
            ("startJitter" | "deadline", _) => all.extend(of_part::<Span>(text, &[at])),
            ("permissions", _) => all.extend(of_part::<PermissionPolicy>(text, &[at])),
            ("deny" | "consent", _) => all.extend(of_part::<Vec<String>>(text, &[at])),
            ("plant", _) => all.extend(of_part::<PlantSpec>(text, &[at])),
            ("network", _) => all.extend(of_part::<Network>(text, &[at])),
            ("trials", _) => all.extend(of_part::<u32>(text, &[at])),
            ("steps", _) => all.extend(of_part::<Vec<Step>>(text, &[at])),
            _ => all.push(Mistake {
                what: format!("unknown field `{}`", name.chars().take(40).collect::<String>().escape_debug()),
                place: places::of_key(text, &[at]),
            }),
        }
        if all.len() > MISTAKES {
            break;
        }
    }
    // The first comes again. The reader's own words are kept of it: it says more where a field is not known.
    all.sort_by_key(|m| m.place);
    all.dedup_by_key(|m| m.place);
    all.truncate(MISTAKES);
    let first = all.remove(0);
    Mistakes { first, more: all }
}

fn of_part<T: DeserializeOwned>(text: &str, path: &[Part<'_>]) -> Option<Mistake> {
    places::wrong::<T>(text, path).map(|e| Mistake::of_form(&e))
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
    #[test]
    fn every_mistake_of_the_form_is_told_with_its_place() {
        let text = "nme: x\ntrials: many\nsteps:\n  - launchApp\n  - idle: {state: backgrond, for: 5m}\n  - lunchApp\n  - background\n  - tapOn: {txt: x}\nstart: 5\n";
        let all = read(text).unwrap_err();
        let told: Vec<(u32, &str)> = all.each().map(|m| (m.place.unwrap().0, m.what.as_str())).collect();
        for (line, what) in [
            (1, "unknown field `nme`"),
            (2, "trials: "),
            (5, "backgrond"),
            (6, "unknown step `lunchApp`"),
            (8, "steps[4]"),
            (9, "unknown field `start`"),
        ] {
            assert!(told.iter().any(|(l, w)| *l == line && w.contains(what)), "{line} {what}: {told:?}");
        }
        assert_eq!(told.len(), 6, "each once: {told:?}");
        assert!(told.is_sorted_by_key(|(l, _)| *l) && parse(text).unwrap_err() == all.first);
    }

    #[test]
    fn every_mistake_of_the_contents_is_told_with_its_place() {
        let text =
            "name: x\ntrials: 0\nnetwork:\n  stubs:\n    - {host: a.example, status: 99}\nsteps:\n  - pressKey: home\n  - pressKey: hme\n";
        let all = read(text).unwrap_err();
        let told: Vec<_> = all.each().map(|m| (m.place, m.what.split('`').nth(1).unwrap_or_default())).collect();
        assert_eq!(told, [(Some((2, 9)), "trials: 0"), (Some((8, 15)), "pressKey: hme"), (Some((5, 7)), "a.example*")]);
        assert!(all.each().all(|m| m.what.contains("\nhint: ")));
    }

    #[test]
    fn each_field_that_a_scenario_may_have_is_looked_at_by_itself() {
        let Err(m) = parse("nme: x") else { panic!("it was accepted") };
        let fields: Vec<&str> = m.what.split('`').skip(3).step_by(2).collect();
        assert!(fields.contains(&"steps") && fields.len() > 10, "{fields:?}");
        for field in fields {
            // A list of lists has the form of none of them.
            let all = read(&format!("nme: x\n{field}: [[]]\n")).unwrap_err();
            assert!(all.each().any(|m| m.place.is_some_and(|p| p.0 == 2) && !m.what.contains("unknown field")), "{field}: {all:?}");
        }
    }

    #[test]
    fn no_more_mistakes_are_told_than_people_read() {
        let text = format!("name: x\nsteps:\n{}", "  - nothing\n".repeat(500));
        assert_eq!(read(&text).unwrap_err().each().count(), MISTAKES);
        let text = format!("name: x\nsteps:\n{}", "  - pressKey: x\n".repeat(500));
        assert_eq!(read(&text).unwrap_err().each().count(), MISTAKES);
    }
}
