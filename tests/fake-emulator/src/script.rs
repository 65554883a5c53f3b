//! What the app in the guest does, as JSON.

use serde::Deserialize;

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
    /// What its screen shows, for `uiautomator dump`: texts of buttons.
    pub buttons: Vec<String>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            package: "com.example.app".to_owned(),
            activity: ".MainActivity".to_owned(),
            abis: Vec::new(),
            steps: Vec::new(),
            buttons: vec!["Agree".to_owned()],
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

/// An act after an event.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// After what.
    pub on: When,
    /// Guest seconds after it: an alarm.
    #[serde(default)]
    pub after: f64,
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
    /// Starts a foreground service with a visible notification.
    ForegroundService,
    /// A line in the log.
    Log(String),
    /// Ends with an exception.
    Crash,
}
