//! The screen: what is on it, and touches, as its owner would.

use regex::Regex;
use stakeout_protocol::{
    Problem,
    device::{Found, Input},
};
use stakeout_truth::ui::{self, Screen};

use super::phone::{FOLDER, Phone};

/// How often the screen is asked for: the dump fails while it moves.
const TRIES: u32 = 3;
/// Bytes of a scenario's expression once it is compiled.
const EXPRESSION: usize = 1 << 20;

/// Keys that a scenario may press, as Android's `KeyEvent` numbers them.
const KEYS: [(&str, u32); 10] = [
    ("home", 3),
    ("back", 4),
    ("volume_up", 24),
    ("volume_down", 25),
    ("power", 26),
    ("camera", 27),
    ("tab", 61),
    ("enter", 66),
    ("menu", 82),
    ("search", 84),
];

impl Phone {
    /// What is on the screen.
    pub async fn screen(&self) -> Result<Screen, Problem> {
        let file = format!("{FOLDER}/stakeout-screen.xml");
        let command = format!("rm -f {file}; uiautomator dump {file} > /dev/null 2>&1; cat {file}; rm -f {file}");
        let mut why = String::new();
        for _ in 0..TRIES {
            let done = self.run(&command).await?;
            let screen = ui::parse(&done.stdout);
            if screen.notes.is_whole() {
                return Ok(screen.value);
            }
            why = super::phone::first_line(&done);
        }
        Err(Problem::new("failed", format!("the screen cannot be read: {why}")))
    }

    /// Touches a point.
    pub async fn touch(&self, (x, y): (i32, i32)) -> Result<(), Problem> {
        self.say(&format!("input tap {x} {y}")).await.map(drop)
    }

    /// An act of the owner.
    pub async fn input(&self, input: &Input) -> Result<Found, Problem> {
        match input {
            Input::Tap { point: Some([x, y]), .. } => {
                let at = (i32::try_from(*x), i32::try_from(*y));
                let (Ok(x), Ok(y)) = at else { return Err(Problem::new("bad_request", "the point is not on the screen")) };
                self.touch((x, y)).await?;
                Ok(Found { found: true, what: format!("{x},{y}") })
            }
            Input::Tap { text, view_id, point: None } => {
                let Some((at, what)) = self.find(text.as_deref(), view_id.as_deref()).await? else { return Ok(nothing(input)) };
                self.touch(at).await?;
                Ok(Found { found: true, what })
            }
            Input::Text { value, view_id } => {
                if let Some(id) = view_id {
                    let Some((at, _)) = self.find(None, Some(id)).await? else { return Ok(nothing(input)) };
                    self.touch(at).await?;
                }
                // `input text` takes `%s` for a space and cannot write beyond ASCII.
                if !value.is_ascii() {
                    return Err(Problem::new("unsupported", "this device types ASCII only"));
                }
                self.call("input text", &[&value.replace(' ', "%s")]).await?;
                Ok(Found { found: true, what: String::new() })
            }
            Input::Key { key } => {
                let Some((_, code)) = KEYS.iter().find(|(name, _)| name == key) else {
                    return Err(Problem::new(
                        "unsupported",
                        format!("`{}` is no key of this device", key.chars().take(40).collect::<String>()),
                    ));
                };
                self.say(&format!("input keyevent {code}")).await?;
                Ok(Found { found: true, what: key.clone() })
            }
        }
    }

    /// Where something is that has this whole text (or description) and this id.
    async fn find(&self, text: Option<&str>, id: Option<&str>) -> Result<Option<((i32, i32), String)>, Problem> {
        let re = match text {
            Some(t) => {
                let whole = regex::RegexBuilder::new(&format!("^(?:{t})$")).size_limit(EXPRESSION).build();
                Some(whole.map_err(|e| Problem::new("bad_request", format!("`{t}` is no expression: {e}")))?)
            }
            None => None,
        };
        let screen = self.screen().await?;
        Ok(pick(&screen, re.as_ref(), id))
    }
}

/// The node that fits, and where it is touched.
fn pick(screen: &Screen, re: Option<&Regex>, id: Option<&str>) -> Option<((i32, i32), String)> {
    if re.is_none() && id.is_none() {
        return None;
    }
    let fits: Vec<&ui::Node> = screen
        .nodes
        .iter()
        .filter(|n| re.is_none_or(|r| r.is_match(&n.text) || (n.text.is_empty() && r.is_match(&n.content_desc))))
        .filter(|n| id.is_none_or(|i| n.id() == i))
        .collect();
    let first = fits.iter().find(|n| !n.bounds.is_empty())?;
    let what = if first.text.is_empty() { first.resource_id.clone() } else { first.text.clone() };
    Some((screen.point(fits.iter().copied())?, what.chars().take(200).collect()))
}

fn nothing(input: &Input) -> Found {
    let what = serde_json::to_string(input).unwrap_or_default();
    Found { found: false, what: format!("nothing on the screen fits {}", what.chars().take(200).collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: &[u8] = br#"<?xml version='1.0' encoding='UTF-8' standalone='yes' ?><hierarchy rotation="0">
<node index="0" text="" resource-id="" class="android.widget.FrameLayout" package="a.b" content-desc="" clickable="false" enabled="true" focused="false" password="false" bounds="[0,0][1080,1920]">
<node index="0" text="Take photo" resource-id="a.b:id/photo" class="android.widget.Button" package="a.b" content-desc="" clickable="true" enabled="true" focused="false" password="false" bounds="[100,300][980,390]" />
<node index="1" text="" resource-id="a.b:id/scan" class="android.widget.ImageButton" package="a.b" content-desc="Scan" clickable="true" enabled="true" focused="false" password="false" bounds="[100,400][980,500]" />
</node></hierarchy>"#;

    #[test]
    fn a_text_means_the_whole_text_or_the_description_of_what_has_none() {
        let screen = ui::parse(SCREEN).value;
        let at = |re: &str| pick(&screen, Some(&Regex::new(&format!("^(?:{re})$")).unwrap()), None).map(|p| p.0);
        assert_eq!(at("Take photo"), Some((540, 345)));
        assert_eq!(at("photo"), None);
        assert_eq!(at("(?i)scan|photo"), Some((540, 450)));
        assert_eq!(pick(&screen, None, Some("photo")).unwrap().1, "Take photo");
        assert_eq!(pick(&screen, None, None), None);
    }
}
