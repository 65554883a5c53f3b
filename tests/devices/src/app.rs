//! What the suite knows of its app, `tests/apps/conform`.

/// Its package.
pub(crate) const PACKAGE: &str = "org.example.conform";
/// Its name on the launcher.
pub(crate) const LABEL: &str = "Conform";
/// Its version for people and for machines.
pub(crate) const VERSION: (&str, u64) = ("1.7", 7);
/// The level that it was made for.
pub(crate) const TARGET: u32 = 34;
/// The permissions of its manifest that a person is asked for.
pub(crate) const ASKED: [&str; 4] = ["CAMERA", "RECORD_AUDIO", "READ_CONTACTS", "READ_CALL_LOG"];
/// Whom it asks over HTTPS.
pub(crate) const HOST: &str = "conform.example";
/// What it asks for there.
pub(crate) const PATH: &str = "/hello?from=app";
/// What the suite's stub answers.
pub(crate) const ANSWER: &str = "said by the stub";
/// What it writes into `written.txt`, and into `gone.txt` before it deletes that.
pub(crate) const WRITTEN: &str = "written by the app";
/// See [`WRITTEN`].
pub(crate) const DELETED: &str = "deleted by the app";
/// Seconds until its alarm.
pub(crate) const ALARM: u64 = 30;
/// Where an app could look for what steers its device.
pub(crate) const CONTROLS: ([&str; 2], [u16; 3]) = (["127.0.0.1", "10.0.2.2"], stakeout_containers::EMULATOR_PORTS);
