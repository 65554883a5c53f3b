//! The certificate authority of one trial: made for it, given to its gateway and its device, forgotten with it.

use std::ops::Range;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};
use time::OffsetDateTime;

const DAY: i64 = 24 * 3600;

/// A CA as PEM.
pub struct Ca {
    /// Certificate.
    pub cert_pem: String,
    /// Its key (PKCS #8).
    pub key_pem: String,
}

/// The time in which certificates must be valid, Unix seconds: the device's clock may be years from ours, and some libraries
/// look at the one, some at the other. A week before the earlier, a month after the later.
pub fn validity(device: Range<i64>, now: i64) -> (i64, i64) {
    (device.start.min(now) - 7 * DAY, device.end.max(now) + 31 * DAY)
}

/// A new CA (ECDSA P-256) that is valid in this time.
pub fn make(not_before: i64, not_after: i64) -> Result<Ca, String> {
    let date = |t| OffsetDateTime::from_unix_timestamp(t).map_err(|e| format!("`{t}` is no date of a certificate: {e}"));
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    (params.not_before, params.not_after) = (date(not_before)?, date(not_after)?);
    params.distinguished_name.push(DnType::CommonName, "Stakeout trial CA");
    params.distinguished_name.push(DnType::OrganizationName, "Stakeout");
    let key = KeyPair::generate().map_err(|e| e.to_string())?;
    let cert = params.self_signed(&key).map_err(|e| e.to_string())?;
    Ok(Ca { cert_pem: cert.pem(), key_pem: key.serialize_pem() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_valid_on_both_clocks() {
        // 2016 on the device, 2026 here, and the other way round.
        let (from, to) = validity(1_454_976_000..1_455_100_000, 1_790_000_000);
        assert!(from < 1_454_976_000 - 6 * DAY && to > 1_790_000_000 + 30 * DAY);
        let (from, to) = validity(1_890_000_000..1_890_100_000, 1_790_000_000);
        assert!(from < 1_790_000_000 && to > 1_890_100_000);
    }

    #[test]
    fn two_trials_have_different_authorities() {
        let (a, b) = (make(0, 1_900_000_000).unwrap(), make(0, 1_900_000_000).unwrap());
        assert!(a.cert_pem.starts_with("-----BEGIN CERTIFICATE-----") && a.key_pem.contains("PRIVATE KEY"));
        assert_ne!(a.key_pem, b.key_pem);
    }
}
