//! Checking bundles and passing them on.

use std::path::PathBuf;

use clap::Args;

#[derive(Args)]
#[command(after_long_help = "Examples:
  stakeout verify result/bundle.zip --receipt result/receipt.json
      that it is what was promised at submit, and nothing was changed since; this host's own key is known
  stakeout verify theirs.zip --key lab.pub --json
      a bundle of somebody else, whose public key came another way

Exit codes: 0 intact and signed by a known operator, 3 intact but the signer is unknown, 1 not intact, or not of the \
receipt, 2 wrong usage.")]
pub(crate) struct VerifyArgs {
    /// The bundle
    pub bundle: PathBuf,
    /// A public key (PEM) to trust; else those in the trust store: STAKEOUT_DATA/trusted/*.pub and this host's own
    #[arg(long, value_name = "FILE.pub")]
    pub key: Vec<PathBuf>,
    /// The receipt that was given at submit
    #[arg(long, value_name = "RECEIPT.json")]
    pub receipt: Option<PathBuf>,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_long_help = "Examples:
  stakeout share result/bundle.zip --out public.zip --without '*/capture.pcapng' --without 'trials/*/artifacts/*'
      the verdicts and what they rest on, without the bytes; `stakeout verify public.zip` names what was left out
  stakeout share result/bundle.zip --out one.zip --without 'trials/2/*' --without 'trials/3/*'
      the first of three trials

Each pattern must fit something: what is misspelt would leave in what should be left out.")]
pub(crate) struct ShareArgs {
    /// The bundle
    pub bundle: PathBuf,
    /// The copy
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Entries to leave out, `*` stands for anything: `trials/*/artifacts/*`, `*/capture.pcapng`; may be given more than once
    #[arg(long, required = true, value_name = "PATTERN")]
    pub without: Vec<String>,
}
