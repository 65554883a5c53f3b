//! `stakeout share`.

use std::process::ExitCode;

use stakeout_bundle::Bundle;
use stakeout_contract::scenario::glob;

use crate::{args::ShareArgs, exit::Failure, output};

pub(crate) fn run(a: &ShareArgs) -> Result<ExitCode, Failure> {
    if a.out.exists() {
        return Err(Failure::hint(format!("`{}` exists", a.out.display()), "choose another name; nothing is overwritten"));
    }
    let bundle = Bundle::open(&a.bundle).map_err(Failure::usage)?;
    for p in &a.without {
        if !bundle.names().any(|n| glob(p, n)) {
            return Err(Failure::hint(
                format!("no entry fits `{p}`"),
                "entries look like `trials/1/artifacts/SHA256`, `trials/1/capture.pcapng`, `app.apk`",
            ));
        }
    }
    let gone = stakeout_bundle::share(&bundle, &a.out, &|n| a.without.iter().any(|p| glob(p, n))).map_err(Failure::other)?;
    output::line(&format!("`{}` is written without {} entries; it verifies as the original does", a.out.display(), gone.len()))?;
    Ok(ExitCode::SUCCESS)
}
