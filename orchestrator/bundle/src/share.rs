//! Leaving entries out, so that the rest can be given away and still verifies.

use std::path::Path;

use crate::{
    Bundle, BundleError, Writer,
    manifest::{OWN, Salts},
};

/// Writes a copy of `bundle` to `out` without the entries for which `leave_out` says yes. The signature stays as it is.
/// Returns the names that were left out.
pub fn share(bundle: &Bundle, out: &Path, leave_out: &dyn Fn(&str) -> bool) -> Result<Vec<String>, BundleError> {
    let mut salts: Salts = bundle.json("salts.json")?;
    let mut w = Writer::create(out)?;
    let mut gone = Vec::new();
    for name in bundle.names().filter(|n| !OWN.contains(n)) {
        if leave_out(name) {
            salts.remove(name);
            gone.push(name.to_owned());
        } else {
            w.put(name, &bundle.read(name)?)?;
        }
    }
    w.close(&bundle.read("manifest.json")?, &bundle.read("manifest.dsse.json")?, &serde_json::to_vec_pretty(&salts)?)?;
    Ok(gone)
}
