//! What the app in the guest does, as JSON.

use std::io::{Cursor, Read};

use serde::Deserialize;

/// Where an APK carries its script.
pub const ASSET: &str = "assets/stakeout-played.json";
/// Bytes of a script.
const MOST: u64 = 1 << 20;

/// An app.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// Its name; whatever APK is installed becomes this app.
    pub package: String,
    /// Its activity, for `am start` and the resolver.
    pub activity: String,
    /// ABIs that it can run on; empty: any.
    pub abis: Vec<String>,
    /// What it does.
    pub steps: Vec<Step>,
    /// What its screen shows, for `uiautomator dump`.
    pub buttons: Vec<Button>,
    /// `versionName`.
    pub version_name: String,
    /// `versionCode`.
    pub version_code: i64,
    /// `targetSdkVersion`.
    pub target_sdk: u32,
    /// Permissions of its manifest.
    pub permissions: Vec<String>,
}

impl Script {
    /// Whether something begins as an APK and is none: it breaks off.
    pub fn is_broken(apk: &[u8]) -> bool {
        apk.starts_with(b"PK") && zip::ZipArchive::new(Cursor::new(apk)).is_err()
    }

    /// The script in an APK; none if it carries none.
    pub fn of_apk(apk: &[u8]) -> Option<Result<Self, String>> {
        let mut zip = zip::ZipArchive::new(Cursor::new(apk)).ok()?;
        let mut text = String::new();
        zip.by_name(ASSET).ok()?.take(MOST).read_to_string(&mut text).ok()?;
        Some(serde_json::from_str(&text).map_err(|e| format!("{ASSET}: {e}")))
    }
}

/// A button: its text, and the name of its id.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(untagged)]
pub enum Button {
    /// The id is `buttonN`.
    Text(String),
    /// With an id of its own.
    Named {
        /// What it shows.
        text: String,
        /// Its id without the package.
        id: String,
    },
}

impl Button {
    /// What it shows.
    pub fn text(&self) -> &str {
        match self {
            Self::Text(t) | Self::Named { text: t, .. } => t,
        }
    }
}

impl Default for Script {
    fn default() -> Self {
        Self {
            package: "com.example.app".to_owned(),
            activity: ".MainActivity".to_owned(),
            abis: Vec::new(),
            steps: Vec::new(),
            buttons: vec![Button::Text("Agree".to_owned())],
            version_name: "1.0".to_owned(),
            version_code: 1,
            target_sdk: 34,
            permissions: ["CAMERA", "RECORD_AUDIO", "READ_CONTACTS", "READ_CALL_LOG", "POST_NOTIFICATIONS", "INTERNET"]
                .map(|p| format!("android.permission.{p}"))
                .into(),
        }
    }
}

/// When something happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The app comes to the front, from nothing.
    Launch,
    /// Home is pressed.
    Background,
    /// The app is opened again.
    Foreground,
    /// The screen goes off.
    ScreenOff,
    /// The screen goes on.
    ScreenOn,
    /// The guest has booted; the app has run before.
    Boot,
}

/// What a step follows.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(untagged)]
pub enum On {
    /// A word.
    When(When),
    /// A touch.
    Tap {
        /// The text of the button.
        tap: String,
    },
}

/// An act after an event.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// After what.
    pub on: On,
    /// Guest seconds after it: an alarm.
    #[serde(default)]
    pub after: f64,
    /// Again and again, each so many guest seconds, as long as the process lives.
    #[serde(default)]
    pub every: Option<f64>,
    /// Only if the configuration that was fetched says `true` under this name.
    #[serde(default)]
    pub ordered: Option<String>,
    /// Another app of the guest does it, of this name; it comes into being when it does, and may do all.
    #[serde(default)]
    pub by: Option<String>,
    /// What.
    #[serde(rename = "do")]
    pub act: Act,
}

/// Where something goes.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// A path in the guest.
    Store(String),
    /// `http://..` or `https://..`, from this process.
    Upload(String),
    /// The same, encrypted by the app before.
    Encrypted(String),
}

/// What an app can do.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// Asks for a permission, which is then waiting for an answer on the screen.
    RequestPermission(String),
    /// Opens a camera, takes a picture, and closes it.
    OpenCamera {
        /// 0 back, 1 front.
        #[serde(default)]
        id: u32,
        /// Guest seconds that it is open.
        seconds: f64,
        /// Where the picture goes.
        to: To,
    },
    /// Records sound.
    OpenMicrophone {
        /// Guest seconds.
        seconds: f64,
        /// Where it goes: a WAV.
        to: To,
    },
    /// Reads a provider: `contacts` or `call_log`, and sends or stores what it finds.
    Read {
        /// Which.
        what: String,
        /// Where it goes.
        to: To,
    },
    /// Writes a file.
    WriteFile {
        /// Where.
        path: String,
        /// What.
        text: String,
    },
    /// Removes a file.
    DeleteFile {
        /// Where.
        path: String,
    },
    /// Asks a server.
    Get {
        /// `http://..` or `https://..`.
        url: String,
        /// The answer, JSON, is the app's configuration.
        #[serde(default)]
        configuration: bool,
        /// Where its status is kept, if there was one.
        #[serde(default)]
        status: Option<String>,
    },
    /// Connects by TCP and keeps what came of it: `connected`, or why not.
    Connect {
        /// Host.
        host: String,
        /// Port.
        port: u16,
        /// Where the outcome goes.
        to: To,
    },
    /// Starts a foreground service with a visible notification.
    ForegroundService,
    /// A line in the log.
    Log(String),
    /// One after the other, each when the one before is done.
    InTurn(Vec<Act>),
    /// Ends with an exception.
    Crash,
}
