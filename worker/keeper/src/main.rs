//! `stakeout-keeper`: see the library.

use std::{
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Parser;
use stakeout_keeper::{Budget, Entry, Keeper, LIST, What};

/// Keeps what is deleted or written over in folders, until a file `stop` appears in the folder that it keeps it in.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Where it writes `entries.jsonl` and what it keeps; made if it is not there.
    #[arg(long)]
    out: PathBuf,
    /// Go on in the background, and end when everything is watched.
    #[arg(long)]
    detach: bool,
    /// Bytes of one file that are kept at most.
    #[arg(long, default_value_t = 64 << 20)]
    file_bytes: u64,
    /// Bytes of all of them.
    #[arg(long, default_value_t = 512 << 20)]
    all_bytes: u64,
    /// How many.
    #[arg(long, default_value_t = 10_000)]
    files: u64,
    /// A folder before those that are watched, which is left out of what is written down: for tests.
    #[arg(long)]
    root: Option<PathBuf>,
    /// A folder that is watched where it is there.
    #[arg(long)]
    also: Vec<PathBuf>,
    /// Folders to watch, with all below them. One that is not there is a loss.
    #[arg(required = true)]
    folders: Vec<PathBuf>,
}

/// What a detached one complains about, in its own folder.
const SAID: &str = "said";
/// Time until everything is watched.
const WITHIN: Duration = Duration::from_secs(30);

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if args.detach {
        return detach(&args.out);
    }
    let budget = Budget { file_bytes: args.file_bytes, bytes: args.all_bytes, files: args.files };
    Keeper::new(&args.out, budget)?.watch(args.root.as_deref(), &args.folders, &args.also)?.run()
}

/// Starts another of itself, which nobody's end ends.
fn detach(out: &Path) -> anyhow::Result<()> {
    let arguments = std::env::args_os().skip(1).filter(|a| a != "--detach");
    fs::create_dir_all(out).with_context(|| format!("`{}` cannot be made", out.display()))?;
    let before = lives(out);
    let said = File::create(out.join(SAID))?;
    // A session of its own: who hangs up on the one that started it does not hang up on it.
    let mut words = vec![OsString::from("setsid"), std::env::current_exe()?.into_os_string()];
    words.extend(arguments);
    let mut child =
        Command::new(&words[0]).args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().context("no `setsid`")?;
    let begun = Instant::now();
    while lives(out) == before {
        if let Some(status) = child.try_wait()? {
            let why = fs::read_to_string(out.join(SAID)).unwrap_or_default();
            bail!("it ended ({status}): {}", why.lines().next().unwrap_or("it said nothing"));
        }
        if begun.elapsed() > WITHIN {
            let _ = child.kill();
            bail!("not everything is watched after {} s", WITHIN.as_secs());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// How often one began to watch.
fn lives(out: &Path) -> usize {
    let text = fs::read_to_string(out.join(LIST)).unwrap_or_default();
    text.lines().filter_map(|l| serde_json::from_str::<Entry>(l).ok()).filter(|e| matches!(e.what, What::Watching { .. })).count()
}
