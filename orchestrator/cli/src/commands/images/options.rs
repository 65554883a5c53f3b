//! What `stakeout images` can be asked.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use stakeout_sdk::avd::{Cameras, Window};

use crate::args::walls::WallArgs;

#[derive(Subcommand)]
pub(crate) enum ImagesCommand {
    /// Build an image here, from parts that nobody may pass on
    #[command(subcommand)]
    Build(BuildCommand),
    /// List the images of this project that are on this host, and which of them fit it
    List {
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// Remove images of this project that nothing uses any more
    #[command(after_long_help = "Goes: an image whose only names are digests (`stakeout/jvm:eb90…`) or an older version's, that no \
container uses and nothing that stays was built on; a bake whose image goes or is gone.
Stays: what has this version's name or one that you gave it, and everything of others.")]
    Prune {
        /// Only say what would go
        #[arg(long)]
        dry_run: bool,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum BuildCommand {
    /// Google's Android Emulator for the `emulator` device; you must have accepted its licences
    Emulator(Box<EmulatorArgs>),
}

/// Google's Android Emulator for the `emulator` device; you must have accepted its licences.
#[derive(Args)]
#[command(after_long_help = "Examples:
  stakeout images build emulator --api 34
      shows the licences and what would be fetched; nothing else happens
  stakeout images build emulator --api 28,34 --accept-licenses
      fetches (1 to 2 GB each) and builds
  stakeout images build emulator --api 34 --accept-licenses --from-dir /media/sdk
      the same without a network, from files that somebody brought
  stakeout images build emulator --api 34 --accept-licenses --sdk-index https://mirror.example/android/repository/

A broken download goes on where it stopped, also after Ctrl-C. docs/emulator-images.md says which files are fetched, \
how they are pinned and how much disk is needed.

Exit codes: 0 built (nothing is baked yet: trials boot cold), 2 licences not \
accepted, wrong usage or input, no container engine that can be used, 1 anything else, also a bake that failed, 130 interrupted.")]
pub(crate) struct EmulatorArgs {
    /// API levels, parted by commas; an image each
    #[arg(long, required = true, value_delimiter = ',', value_name = "N,N", value_parser = clap::value_parser!(u32).range(26..=99))]
    pub api: Vec<u32>,
    /// ABI of the system images
    #[arg(long, default_value = "x86_64")]
    pub abi: String,
    /// Say that you read and accepted the vendor's licences
    #[arg(long)]
    pub accept_licenses: bool,
    /// Another SDK repository than Google's: its folder, or its repository2-1.xml
    #[arg(long, value_name = "URL", conflicts_with = "from_dir")]
    pub sdk_index: Option<String>,
    /// A folder with indexes and archives; nothing is fetched
    #[arg(long, value_name = "DIR")]
    pub from_dir: Option<PathBuf>,
    /// Versions and checksums, instead of those that this version brings
    #[arg(long, value_name = "LOCK.json")]
    pub lock: Option<PathBuf>,
    /// Root certificates that are trusted beside Mozilla's, for a network that reads its own TLS
    #[arg(long, value_name = "FILE.pem")]
    pub roots: Option<PathBuf>,
    /// The program `stakeout-device`, instead of the one beside this program
    #[arg(long, value_name = "FILE")]
    pub device_program: Option<PathBuf>,
    /// The program `stakeout-keeper`, instead of the one beside this program
    #[arg(long, value_name = "FILE")]
    pub keeper_program: Option<PathBuf>,
    /// The app that proves that a phone is ready, instead of the one beside this program
    #[arg(long, value_name = "FILE.apk")]
    pub probe: Option<PathBuf>,
    /// The emulator's window, which nobody sees: `none`, `hidden` (on a display of its own) or `offscreen` (drawn by Qt into memory).
    /// Only an emulator with a window takes sound from PulseAudio; see docs/emulator.md
    #[arg(long, default_value = "none", value_parser = window, value_name = "none|hidden|offscreen")]
    pub window: Window,
    /// Where the cameras' pictures come from: `imagefile` (a picture for each opening), `videofile` (a film for each opening) or
    /// `webcam` (the back one by the host's v4l2loopback, named by STAKEOUT_VIDEO); see docs/emulator.md
    #[arg(long, default_value = "imagefile", value_parser = cameras, value_name = "imagefile|videofile|webcam")]
    pub camera: Cameras,
    /// Build only; trials boot cold
    #[arg(long)]
    pub no_bake: bool,
    #[command(flatten)]
    pub walls: WallArgs,
    /// The device of the host's virtualization; another one is for tests
    #[arg(long, value_name = "FILE", default_value = "/dev/kvm", hide = true)]
    pub kvm: PathBuf,
}

fn window(text: &str) -> Result<Window, String> {
    Window::parse(text).ok_or_else(|| "it is `none`, `hidden` or `offscreen`".to_owned())
}

fn cameras(text: &str) -> Result<Cameras, String> {
    Cameras::parse(text).ok_or_else(|| "it is `imagefile`, `videofile` or `webcam`".to_owned())
}
