//! The signature's envelope: DSSE v1 (github.com/secure-systems-lab/dsse, `protocol.md` and `envelope.md`).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use stakeout_contract::statement::{Envelope, Signature};

use crate::{
    BundleError, broken,
    keys::{PublicKey, SigningKey},
};

/// What an envelope holds: its type, and where it stands in a bundle, for messages.
#[derive(Clone, Copy, Debug)]
pub struct Payload {
    /// MIME type.
    pub mime: &'static str,
    /// Name of what holds the envelope.
    pub envelope: &'static str,
}

/// A bundle's manifest.
pub const MANIFEST: Payload = Payload { mime: "application/vnd.stakeout.manifest+json", envelope: "manifest.dsse.json" };
/// A worker's statement.
pub const STATEMENT: Payload = Payload { mime: "application/vnd.stakeout.statement+json", envelope: "statement.dsse.json" };

/// What a submitter is given.
pub const RECEIPT: Payload = Payload { mime: "application/vnd.stakeout.receipt+json", envelope: "receipt.json" };

/// DSSE's pre-authentication encoding.
fn pae(mime: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {mime} {} ", mime.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// Signs a payload.
pub fn sign(what: Payload, key: &SigningKey, payload: &[u8]) -> Envelope {
    let public = key.public();
    let signature = Signature {
        keyid: public.fingerprint(),
        sig: STANDARD.encode(key.sign(&pae(what.mime, payload))),
        public_key: STANDARD.encode(public.bytes()),
    };
    Envelope { payload_type: what.mime.to_owned(), payload: STANDARD.encode(payload), signatures: vec![signature] }
}

/// The payload, and the keys whose signatures over it hold. An envelope without a good signature, or with a bad one, is an error.
pub fn open(what: Payload, envelope: &Envelope) -> Result<(Vec<u8>, Vec<PublicKey>), BundleError> {
    let name = what.envelope;
    if envelope.payload_type != what.mime {
        return Err(broken(format!("`{name}` signs something else than it should")));
    }
    let payload = STANDARD.decode(&envelope.payload).map_err(|_| broken(format!("the payload of `{name}` is no base64")))?;
    let message = pae(what.mime, &payload);
    let mut out = Vec::new();
    for s in envelope.signatures.iter().take(16) {
        let key = STANDARD.decode(&s.public_key).ok().and_then(|b| b.try_into().ok()).and_then(|b| PublicKey::from_bytes(&b));
        let sig: Option<[u8; 64]> = STANDARD.decode(&s.sig).ok().and_then(|b| b.try_into().ok());
        match (key, sig) {
            (Some(key), Some(sig)) if key.signed(&message, &sig) && key.fingerprint() == s.keyid => out.push(key),
            _ => return Err(broken(format!("a signature in `{name}` does not hold"))),
        }
    }
    if out.is_empty() { Err(broken(format!("`{name}` has no signature"))) } else { Ok((payload, out)) }
}
