//! The signature's envelope: DSSE v1 (github.com/secure-systems-lab/dsse, `protocol.md` and `envelope.md`).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::{
    BundleError, broken,
    keys::{Operator, PublicKey},
};

/// What the payload is.
pub const PAYLOAD_TYPE: &str = "application/vnd.stakeout.manifest+json";

/// A signed payload.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// What the payload is.
    pub payload_type: String,
    /// Base64.
    pub payload: String,
    /// Who signed it.
    pub signatures: Vec<Signature>,
}

/// One signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Signature {
    /// Fingerprint of the key.
    pub keyid: String,
    /// Base64 of 64 bytes.
    pub sig: String,
    /// Base64 of the public key's 32 bytes, so that an unknown signer can be named and the signature checked.
    #[serde(rename = "publicKey")]
    pub public_key: String,
}

/// DSSE's pre-authentication encoding.
fn pae(payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// Signs a payload.
pub fn sign(operator: &Operator, payload: &[u8]) -> Envelope {
    let key = operator.public();
    let signature = Signature {
        keyid: key.fingerprint(),
        sig: STANDARD.encode(operator.sign(&pae(payload))),
        public_key: STANDARD.encode(key.bytes()),
    };
    Envelope { payload_type: PAYLOAD_TYPE.to_owned(), payload: STANDARD.encode(payload), signatures: vec![signature] }
}

/// The keys whose signature over exactly `payload` holds. An envelope without a good signature is an error.
pub fn signers(envelope: &Envelope, payload: &[u8]) -> Result<Vec<PublicKey>, BundleError> {
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(broken("`manifest.dsse.json` signs something that is no manifest"));
    }
    if STANDARD.decode(&envelope.payload).ok().as_deref() != Some(payload) {
        return Err(broken("`manifest.json` is not what `manifest.dsse.json` signs"));
    }
    let message = pae(payload);
    let mut out = Vec::new();
    for s in envelope.signatures.iter().take(16) {
        let key = STANDARD.decode(&s.public_key).ok().and_then(|b| b.try_into().ok()).and_then(|b| PublicKey::from_bytes(&b));
        let sig: Option<[u8; 64]> = STANDARD.decode(&s.sig).ok().and_then(|b| b.try_into().ok());
        match (key, sig) {
            (Some(key), Some(sig)) if key.signed(&message, &sig) && key.fingerprint() == s.keyid => out.push(key),
            _ => return Err(broken("a signature in `manifest.dsse.json` does not hold")),
        }
    }
    if out.is_empty() { Err(broken("`manifest.dsse.json` has no signature")) } else { Ok(out) }
}
