//! What the command line is.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use stakeout_server::intake::Question;

pub(crate) use self::bundle::{ShareArgs, VerifyArgs};
use self::{frida::FridaArgs, walls::WallArgs};

/// What does this Android app do with the camera, the microphone and personal data while nobody is using it?
#[derive(Parser)]
#[command(
    name = "stakeout",
    version,
    max_term_width = 100,
    after_help = "Begin with `stakeout doctor`, then `stakeout run APP.apk --out result`."
)]
pub(crate) struct Cli {
    /// Log what is done to standard error (STAKEOUT_LOG sets it finer, as `info,stakeout_agent=debug`)
    #[arg(long, short, global = true)]
    pub verbose: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run an app through a scenario on this host and answer each claim
    Run(Box<RunArgs>),
    /// Run the detectors again, offline, on a bundle or on files
    Analyze(AnalyzeArgs),
    /// Make a trial's keys, or render what its camera and microphone were fed
    #[command(subcommand)]
    Feed(FeedCommand),
    /// Show the verdicts of an earlier run, or of a job on a server
    Report(ReportArgs),
    /// Serve the API and its web pages
    Serve(Box<farm::ServeArgs>),
    /// Be a worker of a server: lease trials and run them on this host
    Work(Box<farm::WorkArgs>),
    /// Submit apps to a server
    Submit(Box<farm::SubmitArgs>),
    /// List jobs on a server
    Jobs(farm::JobsArgs),
    /// Follow a job on a server until it has ended
    Watch(farm::WatchArgs),
    /// Give a job on a server up
    Cancel(farm::CancelArgs),
    /// Tokens of a server: who one is, make, list, take back
    #[command(subcommand)]
    Token(farm::TokenCommand),
    /// Tenants of a server, for its operators
    #[command(subcommand)]
    Tenant(farm::TenantCommand),
    /// Workers of a server: list, drain, quarantine, activate
    #[command(subcommand)]
    Workers(farm::WorkersCommand),
    /// Write all that a store holds, and all artifacts, to a folder
    Backup(backup::BackupArgs),
    /// Read a backup into an empty store
    Restore(backup::RestoreArgs),
    /// Check a bundle: signature, every entry, every commitment
    Verify(VerifyArgs),
    /// Copy a bundle without some of its entries; the rest still verifies
    Share(ShareArgs),
    /// Check scenarios and show what they may hold
    #[command(
        subcommand,
        after_long_help = "Examples:
  stakeout scenario show idle-demo > my.yaml
      a scenario to begin with
  stakeout scenario check my.yaml
      what is wrong with it, by line and column, or how long it lasts and which states it exercises
  stakeout scenario schema > scenario.schema.json
      for an editor that completes as one types"
    )]
    Scenario(ScenarioCommand),
    /// The operator's key, which signs bundles
    #[command(
        subcommand,
        after_long_help = "Example:
  stakeout key show --json
      the fingerprint to tell those who get bundles, and the public key for their `stakeout verify --key`"
    )]
    Key(KeyCommand),
    /// What the devices are made of, on this host: build, list, remove
    #[command(subcommand)]
    Images(crate::commands::images::ImagesCommand),
    /// Say what is missing on this host and how to get it
    #[command(after_long_help = "Examples:
  stakeout doctor
      each thing that is needed, whether it is here, and the command that gets it
  stakeout doctor --runtime analysis=runsc
      whether this engine has that runtime, and which walls cells would have

Exit codes: 0 nothing needed is missing, 1 something is.")]
    Doctor {
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        walls: WallArgs,
    },
    /// Try whether a device does what the device protocol says
    Conformance(ConformanceArgs),
    /// Read an app for another `stakeout`: bounds itself, one JSON document on standard output
    #[command(hide = true)]
    Intake(IntakeArgs),
    /// Print completions for a shell: `stakeout completions bash > /etc/bash_completion.d/stakeout`
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

pub(crate) mod backup;
mod bundle;
pub(crate) mod farm;
pub(crate) mod frida;
pub(crate) mod walls;

impl Command {
    /// How a command that goes on by itself logs; none: it is no such command.
    pub(crate) const fn log(&self) -> Option<farm::LogFormat> {
        match self {
            Self::Serve(a) => Some(a.log),
            Self::Work(a) => Some(a.log),
            _ => None,
        }
    }

    /// What this process is in a trace.
    pub(crate) const fn service(&self) -> &'static str {
        match self {
            Self::Serve(_) => "stakeout-server",
            Self::Work(_) => "stakeout-worker",
            _ => "stakeout",
        }
    }
}

/// Run an app through a scenario on this host and answer each claim.
#[derive(Args)]
#[command(after_long_help = "Examples:
  stakeout run app.apk --out result
      the built-in scenario `idle-demo`, three trials, on the jvm device
  stakeout run app.apk --scenario my.yaml --trials 10 --fail-on transmitted
      a gate in a pipeline that fails only when something taken while idle left the device, or left while idle
  stakeout run app.apk --api 23 --out on-android-6
      the same under the rules of Android 6
  stakeout run app.apk --scenario login.yaml --secret PASSWORD=env:TEST_PASSWORD
  stakeout run app.apk --server https://farm.example --out result
      the same on a farm: submits, waits, fetches the report, the result and the bundle,
      and keeps the receipt

Exit codes: 0 nothing at or above --fail-on in an idle state, and nothing sent in one (see the bounds: it does not \
mean clean), 10 found, 13 what was taken in use, or when is not known, was sent while nobody used the device, \
11 a covered claim is inconclusive, 12 fewer trials ended than asked for, 2 wrong usage or input, no container engine \
that can be used, or a full disk, 1 anything else, 130 interrupted.")]
pub(crate) struct RunArgs {
    /// The app
    #[arg(value_name = "APP.apk")]
    pub app: PathBuf,
    /// A split of the app; may be given more than once
    #[arg(long, value_name = "APK")]
    pub split: Vec<PathBuf>,
    /// A scenario's name or file
    #[arg(long, default_value = "idle-demo", value_name = "NAME|FILE")]
    pub scenario: String,
    /// What runs the app
    #[arg(long, default_value = "jvm")]
    pub device: Device,
    /// API level, instead of the scenario's (the jvm device has 23, 27, 34; an emulator what its images were built for)
    #[arg(long)]
    pub api: Option<u32>,
    /// How often, instead of the scenario's number
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub trials: Option<u32>,
    /// Folder for result.json, report.html, bundle.zip and receipt.json
    #[arg(long, default_value = "stakeout-result", value_name = "DIR")]
    pub out: PathBuf,
    /// Replace what an earlier run left in --out, once the new job is taken
    #[arg(long)]
    pub force: bool,
    /// Write the result as JSON to a file as well, or to standard output with `-`
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the findings as SARIF 2.1.0
    #[arg(long, value_name = "FILE")]
    pub sarif: Option<PathBuf>,
    /// Write the claims as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write the report to this file as well
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// The rung from which something in an idle state fails the run
    #[arg(long, default_value = "opened", value_name = "RUNG")]
    pub fail_on: stakeout_contract::Rung,
    /// A secret that the scenario types: NAME=env:VARIABLE or NAME=file:PATH
    #[arg(long, value_name = "NAME=SOURCE")]
    pub secret: Vec<String>,
    /// How pictures are coded: `pattern` is found best, `scene` looks like a room
    #[arg(long, default_value = "pattern")]
    pub feed: Feed,
    /// Put the APK into the bundle
    #[arg(long)]
    pub with_app: bool,
    /// Trials at a time; 0: as many as memory and processors allow
    #[arg(long, default_value_t = 0)]
    pub slots: u32,
    /// Run it on this server instead of here
    // Not by STAKEOUT_SERVER: who has set that for `submit` still means this host.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// With --server: a file with the token; else STAKEOUT_TOKEN, else `token:` or `tokenFile:` of the config file
    #[arg(long, value_name = "FILE", env = "STAKEOUT_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// With --server: a certificate authority (PEM) to trust besides the system's
    #[arg(long, value_name = "FILE", env = "STAKEOUT_CA")]
    pub ca: Option<PathBuf>,
    #[command(flatten)]
    pub frida: FridaArgs,
    #[command(flatten)]
    pub walls: WallArgs,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Device {
    /// Android's framework classes on a JVM: needs nothing, the app could lie about what it does
    Jvm,
    /// Google's emulator: needs KVM and `stakeout images build emulator`
    Emulator,
    /// The emulator's device over a stand-in that plays the phone: tests Stakeout itself, says nothing of an app
    EmulatorFake,
}

impl Device {
    /// The contract's word.
    pub(crate) const fn kind(self) -> stakeout_contract::DeviceKind {
        match self {
            Self::Jvm => stakeout_contract::DeviceKind::Jvm,
            Self::Emulator => stakeout_contract::DeviceKind::Emulator,
            Self::EmulatorFake => stakeout_contract::DeviceKind::EmulatorFake,
        }
    }
}

#[derive(Args)]
#[command(after_long_help = "Examples:
  stakeout conformance --device jvm
      all checks, a table on standard output
  stakeout conformance --device emulator --api 34 --out report.json
      on a lab's emulator: a report to send, and what the guest said for those who write parsers
  stakeout conformance --device emulator --on fake --only hostile,life.picture
      the emulator's device on a stand-in: it proves that we agree with ourselves, and no more
  stakeout conformance --compare ours.json theirs.json
      two reports side by side

Exit codes: 0 nothing failed, 1 something failed, 2 wrong usage, 130 interrupted.")]
pub(crate) struct ConformanceArgs {
    /// Which device
    #[arg(long, default_value = "jvm")]
    pub device: Device,
    /// What plays its guest instead of the real one
    #[arg(long)]
    pub on: Option<StandIn>,
    /// API level
    #[arg(long, default_value_t = 34)]
    pub api: u32,
    /// The suite's app, with its split `conform.split` beside it; else target/apps/conform.apk
    #[arg(long, value_name = "APK")]
    pub app: Option<PathBuf>,
    /// Only these scenes and checks, and what they need
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub only: Vec<String>,
    /// Write the report as JSON
    #[arg(long, value_name = "FILE.json")]
    pub out: Option<PathBuf>,
    /// Keep the raw answers of an emulator's guest, a file a scene, to send to those who write parsers
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Print the names of all checks and do nothing
    #[arg(long)]
    pub list: bool,
    /// Put reports side by side, a row a check, and run nothing
    #[arg(long, num_args = 1.., value_name = "REPORT.json", conflicts_with_all = ["list", "out", "record"])]
    pub compare: Vec<PathBuf>,
    #[command(flatten)]
    pub frida: FridaArgs,
    #[command(flatten)]
    pub walls: WallArgs,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum StandIn {
    /// A program of the tests
    Fake,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Feed {
    /// A moving card of cells
    Pattern,
    /// A room with the code below notice
    Scene,
}

#[derive(Args)]
#[command(after_long_help = "Examples:
  stakeout analyze result/bundle.zip
      finds everything again from the bytes alone and compares it with what the bundle says
  stakeout analyze stolen.jpg recording.amr --trial trial.json
      which frame and which seconds of that trial are in these files
  stakeout analyze capture.har --trial trial.json --json

Exit codes: 0 done (for a bundle: the same was found), 1 the bundle says something else, 4 nothing differs, but \
entries that the verdicts need were left out, 2 wrong input.")]
pub(crate) struct AnalyzeArgs {
    /// A bundle, or files of any kind: pictures, sounds, HTTP bodies, HAR, captures
    #[arg(required = true, value_name = "BUNDLE|FILE")]
    pub inputs: Vec<PathBuf>,
    /// The trial whose feeds and canaries are looked for; a bundle has its own
    #[arg(long, value_name = "TRIAL.json")]
    pub trial: Option<PathBuf>,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(crate) struct IntakeArgs {
    /// What is asked
    #[arg(value_name = "app|base")]
    pub question: Question,
    /// The base, then its splits; for `base` in any order
    #[arg(required = true, value_name = "APK")]
    pub files: Vec<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum FeedCommand {
    /// Make a trial's keys without a trial, to try the detectors
    New {
        /// Where to write the trial
        #[arg(long, value_name = "TRIAL.json")]
        out: PathBuf,
        /// Keys that are the same each time, for tests; never for evidence
        #[arg(long)]
        seed: Option<u64>,
        /// How pictures are coded
        #[arg(long, default_value = "pattern")]
        feed: Feed,
    },
    /// Render frames and sound as the trial's device was fed
    Render(RenderArgs),
}

#[derive(Args)]
#[command(after_long_help = "Example:
  stakeout feed new --out t.json && stakeout feed render --trial t.json --out feed --frames 0..30 --audio 0..5
      30 JPEG files of the back camera and five seconds of the microphone as WAV")]
pub(crate) struct RenderArgs {
    /// The trial
    #[arg(long, value_name = "TRIAL.json")]
    pub trial: PathBuf,
    /// Folder for the files
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Frames from A up to B, without B
    #[arg(long, value_name = "A..B")]
    pub frames: Option<String>,
    /// Seconds from A to B
    #[arg(long, value_name = "A..B")]
    pub audio: Option<String>,
    /// Pixels of a frame
    #[arg(long, default_value = "640x480", value_name = "WxH")]
    pub size: String,
    /// Which camera
    #[arg(long, default_value = "back")]
    pub facing: FacingArg,
    /// JPEG quality, 1 to 100
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: u8,
    /// Samples a second
    #[arg(long, default_value_t = 16_000)]
    pub rate: u32,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum FacingArg {
    Back,
    Front,
}

#[derive(Args)]
#[command(after_long_help = "Examples:
  stakeout report result
      the verdicts of an earlier run as a table
  stakeout report result --markdown > comment.md
      for a pull request or a chat
  stakeout report result --gate --fail-on transmitted --junit claims.xml
      the gate of `stakeout run` once more, with another rung
  stakeout report job-0190.. --server https://farm.example --html report.html --bundle bundle.zip
      the files of a job on a server

Exit codes: 0, or with --gate those of `stakeout run`; 2 wrong usage or input; 1 anything else.")]
pub(crate) struct ReportArgs {
    /// The --out folder of a run, its result.json, or the id of a job on a server
    #[arg(value_name = "DIR|RESULT.json|JOB")]
    pub result: PathBuf,
    #[command(flatten)]
    pub server: farm::ServerArgs,
    /// Fetch the report of a job to this file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Fetch the signed bundle of a job to this file
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<PathBuf>,
    /// The result as one JSON document on standard output
    #[arg(long, conflicts_with = "markdown")]
    pub json: bool,
    /// The verdicts as Markdown on standard output
    #[arg(long)]
    pub markdown: bool,
    /// Write the findings as SARIF 2.1.0
    #[arg(long, value_name = "FILE")]
    pub sarif: Option<PathBuf>,
    /// Write the claims as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// End with the exit code that `run` ends with
    #[arg(long)]
    pub gate: bool,
    /// The rung from which something in an idle state counts
    #[arg(long, default_value = "opened", value_name = "RUNG")]
    pub fail_on: stakeout_contract::Rung,
}

#[derive(Subcommand)]
pub(crate) enum ScenarioCommand {
    /// Check a scenario; a mistake is told with line and column
    Check {
        /// Name or file
        scenario: String,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of scenarios
    Schema,
    /// List scenarios that can be given by name
    List,
    /// Print a scenario
    Show {
        /// Name or file
        scenario: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Show the operator's fingerprint and public key; makes the key if there is none
    Show {
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
}
