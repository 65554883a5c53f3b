//! The steps of a scenario.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor},
    ser::SerializeMap,
};

use super::Span;
use crate::DeviceState;

/// One step. In YAML either a name (`launchApp`) or a name with its parameters (`idle: {state: background, for: 30m}`).
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// Opens the app by its launcher icon.
    LaunchApp,
    /// Taps what carries a text, an id, or a point.
    TapOn(TapOn),
    /// Types into the field that has the focus.
    InputText(InputText),
    /// Presses `back`, `enter`, `home`.
    PressKey(String),
    /// Presses Home.
    Background,
    /// Nothing is done for a time.
    Idle {
        /// In which state.
        state: IdleState,
        /// How long.
        r#for: Span,
    },
    /// The device starts anew.
    Reboot,
    /// Keeps a picture of the screen, under this name.
    TakeScreenshot(String),
    /// The app is one that its owner opens so often: Android lets it work the less, the rarer that is.
    StandbyBucket(StandbyBucket),
}

/// How often an app is used, as Android counts it from 9 on (`UsageStatsManager`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StandbyBucket {
    /// In use.
    Active,
    /// Each day.
    WorkingSet,
    /// Often, not each day.
    Frequent,
    /// Hardly ever.
    Rare,
    /// Android takes it for a nuisance. From 12 on.
    Restricted,
}

impl StandbyBucket {
    /// As scenarios write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::WorkingSet => "workingSet",
            Self::Frequent => "frequent",
            Self::Rare => "rare",
            Self::Restricted => "restricted",
        }
    }
}

/// The names of all steps, for help and messages.
pub const STEP_NAMES: &[&str] =
    &["launchApp", "tapOn", "inputText", "pressKey", "background", "idle", "reboot", "takeScreenshot", "standbyBucket"];

/// The keys that can be pressed.
pub(super) const KEYS: &[&str] = &["back", "enter", "home", "camera"];

/// What is tapped.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TapOn {
    /// A regular expression that the whole visible text fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A resource id without package: `agree`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Pixels from the top left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub point: Option<[u32; 2]>,
    /// It is no failure if nothing fits.
    pub optional: bool,
}

/// What is typed.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InputText {
    /// The text itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Name of a secret (`--secret NAME=env:VAR` or `NAME=file:PATH`): its value is kept out of everything that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The secret may have fewer than 6 bytes, as a PIN has, 4 at least: it may then stand by chance where it was not typed, and what is
    /// overwritten there is lost evidence.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub short: bool,
    /// The field, by resource id; none: the one that has the focus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// It is no failure if there is no such field.
    pub optional: bool,
}

/// A state in which nobody does anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum IdleState {
    /// The app stays visible.
    Foreground,
    /// Home is visible.
    Background,
    /// The screen is off.
    ScreenOff,
    /// Deep idle, screen off.
    Doze,
}

impl From<IdleState> for DeviceState {
    fn from(s: IdleState) -> Self {
        match s {
            IdleState::Foreground => Self::Foreground,
            IdleState::Background => Self::Background,
            IdleState::ScreenOff => Self::ScreenOff,
            IdleState::Doze => Self::Doze,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Idle {
    state: IdleState,
    r#for: Span,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Short<T> {
    Text(String),
    Full(T),
}

impl Step {
    /// For people and progress: `idle background 30m`.
    pub fn summary(&self) -> String {
        match self {
            Self::LaunchApp => "launchApp".to_owned(),
            Self::TapOn(t) => {
                let what = t.text.clone().or_else(|| t.id.as_ref().map(|i| format!("#{i}")));
                format!("tapOn {}", what.unwrap_or_else(|| t.point.map_or(String::new(), |[x, y]| format!("{x},{y}"))))
            }
            Self::InputText(i) => format!("inputText {}", i.secret.as_deref().map_or("text".to_owned(), |s| format!("secret {s}"))),
            Self::PressKey(k) => format!("pressKey {k}"),
            Self::Background => "background".to_owned(),
            Self::Idle { state, r#for } => format!("idle {} {}", DeviceState::from(*state), r#for),
            Self::Reboot => "reboot".to_owned(),
            Self::TakeScreenshot(n) => format!("takeScreenshot {n}"),
            Self::StandbyBucket(b) => format!("standbyBucket {}", b.name()),
        }
    }
}

struct StepVisitor;

impl<'de> Visitor<'de> for StepVisitor {
    type Value = Step;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a step: one of {}", STEP_NAMES.join(", "))
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Step, E> {
        match name {
            "launchApp" => Ok(Step::LaunchApp),
            "background" => Ok(Step::Background),
            "reboot" => Ok(Step::Reboot),
            "tapOn" | "inputText" | "pressKey" | "idle" | "takeScreenshot" | "standbyBucket" => {
                Err(E::custom(format!("the step `{name}` needs parameters")))
            }
            _ => Err(unknown(name)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Step, A::Error> {
        let name: String = map.next_key()?.ok_or_else(|| de::Error::custom("an empty step"))?;
        let step = match name.as_str() {
            "launchApp" => nothing(&mut map, Step::LaunchApp)?,
            "background" => nothing(&mut map, Step::Background)?,
            "reboot" => nothing(&mut map, Step::Reboot)?,
            "tapOn" => Step::TapOn(match map.next_value::<Short<TapOn>>()? {
                Short::Text(t) => TapOn { text: Some(t), ..TapOn::default() },
                Short::Full(t) => t,
            }),
            "inputText" => Step::InputText(match map.next_value::<Short<InputText>>()? {
                Short::Text(t) => InputText { text: Some(t), ..InputText::default() },
                Short::Full(t) => t,
            }),
            "pressKey" => Step::PressKey(map.next_value()?),
            "takeScreenshot" => Step::TakeScreenshot(map.next_value()?),
            "standbyBucket" => Step::StandbyBucket(map.next_value()?),
            "idle" => {
                let i: Idle = map.next_value()?;
                Step::Idle { state: i.state, r#for: i.r#for }
            }
            _ => return Err(unknown(&name)),
        };
        match map.next_key::<String>()? {
            Some(second) => Err(de::Error::custom(format!("a step has one name, but `{second}` follows `{name}`: begin a new `- ` item"))),
            None => Ok(step),
        }
    }
}

fn nothing<'de, A: MapAccess<'de>>(map: &mut A, step: Step) -> Result<Step, A::Error> {
    map.next_value::<Option<()>>()?;
    Ok(step)
}

fn unknown<E: de::Error>(name: &str) -> E {
    let name: String = name.chars().take(40).collect();
    E::custom(format!("unknown step `{}`, use one of {}", name.escape_debug(), STEP_NAMES.join(", ")))
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(StepVisitor)
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::LaunchApp => s.serialize_str("launchApp"),
            Self::Background => s.serialize_str("background"),
            Self::Reboot => s.serialize_str("reboot"),
            Self::TapOn(t) => entry(s, "tapOn", t),
            Self::InputText(t) => entry(s, "inputText", t),
            Self::PressKey(k) => entry(s, "pressKey", k),
            Self::TakeScreenshot(n) => entry(s, "takeScreenshot", n),
            Self::StandbyBucket(b) => entry(s, "standbyBucket", b),
            Self::Idle { state, r#for } => entry(s, "idle", &Idle { state: *state, r#for: *r#for }),
        }
    }
}

fn entry<S: Serializer, T: Serialize>(s: S, name: &str, value: &T) -> Result<S::Ok, S::Error> {
    let mut m = s.serialize_map(Some(1))?;
    m.serialize_entry(name, value)?;
    m.end()
}

impl schemars::JsonSchema for Step {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Step".into()
    }

    fn json_schema(g: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let (tap, input, state) = (g.subschema_for::<TapOn>(), g.subschema_for::<InputText>(), g.subschema_for::<IdleState>());
        let bucket = g.subschema_for::<StandbyBucket>();
        let one = |name: &str, v: serde_json::Value| serde_json::json!({"type": "object", "required": [name], "additionalProperties": false, "properties": {name: v}});
        let text = serde_json::json!({"type": "string"});
        schemars::json_schema!({"oneOf": [
            {"type": "string", "enum": ["launchApp", "background", "reboot"]},
            one("tapOn", serde_json::json!({"anyOf": [text, tap]})),
            one("inputText", serde_json::json!({"anyOf": [text, input]})),
            one("pressKey", serde_json::json!({"enum": ["back", "enter", "home", "camera"]})),
            one("takeScreenshot", text.clone()),
            one("standbyBucket", serde_json::json!(bucket)),
            one("idle", serde_json::json!({"type": "object", "required": ["state", "for"], "additionalProperties": false, "properties": {"state": state, "for": text}})),
        ]})
    }
}
