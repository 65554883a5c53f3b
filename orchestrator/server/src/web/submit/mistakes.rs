//! What is wrong with a form, and beside which field it is said.

use stakeout_contract::api::problem::{Code, Problem};

use crate::web::words;

/// One mistake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mistake {
    pub(super) field: &'static str,
    pub(super) text: String,
    pub(super) hint: String,
    /// `line:column` in the pasted scenario.
    pub(super) place: String,
    /// That line.
    pub(super) line: String,
}

/// All mistakes of a form.
#[derive(Default, Debug)]
pub(super) struct Mistakes(pub(super) Vec<Mistake>);

impl Mistakes {
    /// The one of a field.
    pub(super) fn at(&self, field: &str) -> Option<&Mistake> {
        self.0.iter().find(|m| m.field == field)
    }
}

impl Mistake {
    /// From a problem; none: it is not about what the form says. `taken`: the app was taken, what is wrong is elsewhere.
    pub(super) fn of(p: &Problem, yaml: &str, taken: bool) -> Option<Self> {
        let pasted = !yaml.trim().is_empty();
        let at = p.at.as_deref().unwrap_or_default();
        let scenario = if pasted { "yaml" } else { "scenario" };
        let field = match (p.code()?, at) {
            (Code::BadApp | Code::NotFound | Code::Conflict, _) | (Code::BadValue, "apk") if !taken && at != "offer" => "apk",
            (Code::BadScenario | Code::NotFound, _) | (Code::BadValue, "scenario") => scenario,
            (Code::BadValue, "secrets") => "secrets",
            (Code::BadValue, "trials") => "trials",
            (Code::BadValue, "tags") => "tags",
            // An offer that is no longer valid: the form has another.
            (Code::BadValue, "nonce") | (Code::Conflict, "offer") => "nonce",
            (Code::BadValue, "device") => "device",
            // The two share a message.
            (Code::BadValue, "api" | "delete_after_days") => "api",
            _ => return None,
        };
        let place = if field == "yaml" && at.contains(':') { at.to_owned() } else { String::new() };
        let number = place.split(':').next().and_then(|n| n.parse::<usize>().ok());
        let line = number.and_then(|n| yaml.lines().nth(n.checked_sub(1)?)).map(words::short).unwrap_or_default();
        // A message may end in a hint of its own.
        let (text, hint) = p.detail.split_once("\nhint: ").unwrap_or((&p.detail, p.hint.as_deref().unwrap_or_default()));
        Some(Self { field, text: text.to_owned(), hint: hint.to_owned(), place, line })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_of_a_pasted_scenario_has_its_place_and_its_line() {
        let yaml = "name: x\nsteps:\n  - idle: {state: backgrond, for: 5m}\n";
        let m = crate::scenarios::parse(yaml).unwrap_err();
        let p = crate::api::scenarios::mistake(&m).problem;
        let m = Mistake::of(&p, yaml, true).unwrap();
        assert_eq!((m.field, m.place.starts_with("3:"), m.line.as_str()), ("yaml", true, "- idle: {state: backgrond, for: 5m}"));
        assert!(m.text.contains("backgrond"), "{}", m.text);
    }

    #[test]
    fn mistakes_are_beside_the_field_that_they_are_about() {
        let at = |code, at: &str, yaml: &str, taken| Mistake::of(&Problem::new(code, "x").at(at), yaml, taken).map(|m| m.field);
        assert_eq!(at(Code::BadApp, "", "", false), Some("apk"));
        assert_eq!(at(Code::NotFound, "", "", false), Some("apk"));
        assert_eq!(at(Code::NotFound, "", "", true), Some("scenario"));
        assert_eq!(at(Code::BadValue, "trials", "", true), Some("trials"));
        assert_eq!(at(Code::BadValue, "secrets", "name: x", true), Some("secrets"));
        // Kept with other splits.
        assert_eq!(at(Code::Conflict, "", "", false), Some("apk"));
        assert_eq!(at(Code::Conflict, "offer", "", true), Some("nonce"));
        assert_eq!(at(Code::BadScenario, "", "name: x", true), Some("yaml"));
        assert_eq!(at(Code::Unavailable, "", "", true), None);
        assert_eq!(at(Code::Quota, "", "", true), None);
    }

    #[test]
    fn a_message_gives_its_hint() {
        let p = Problem::new(Code::BadScenario, "`trials: 0` is out of range\nhint: use 1 to 1000");
        let m = Mistake::of(&p, "", true).unwrap();
        assert_eq!((m.text.as_str(), m.hint.as_str()), ("`trials: 0` is out of range", "use 1 to 1000"));
    }
}
