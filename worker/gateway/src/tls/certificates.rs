//! Certificates for whatever name an app asks for, signed by the job's CA.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::NoServerSessionStorage,
    sign::CertifiedKey,
};
use sha2::{Digest, Sha256};
use stakeout_protocol::gateway::Configuration;
use time::OffsetDateTime;

use crate::{Error, capture::keylog::KeyLog};

/// More than this many certificates are made anew each time.
const KEPT_MAX: usize = 4096;

/// The job's CA at work. One key serves all certificates of a trial; making one takes a signature.
pub struct Certificates {
    issuer: Issuer<'static, KeyPair>,
    ca: CertificateDer<'static>,
    key: KeyPair,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    key_log: Arc<KeyLog>,
    made: Mutex<HashMap<(String, IpAddr), Arc<ServerConfig>>>,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificates(..)")
    }
}

impl Certificates {
    /// Reads the CA of a configuration. Secrets of all connections go into `key_log`.
    pub fn new(configuration: &Configuration, key_log: Arc<KeyLog>) -> Result<Self, Error> {
        fn bad<E: std::fmt::Display>(field: &'static str) -> impl Fn(E) -> Error {
            move |e| Error::Configuration { field, problem: e.to_string() }
        }
        let ca_key = KeyPair::from_pem(&configuration.ca_key_pem).map_err(bad("ca_key_pem"))?;
        Ok(Self {
            issuer: Issuer::from_ca_cert_pem(&configuration.ca_cert_pem, ca_key).map_err(bad("ca_cert_pem"))?,
            ca: CertificateDer::from_pem_slice(configuration.ca_cert_pem.as_bytes()).map_err(bad("ca_cert_pem"))?,
            key: KeyPair::generate().map_err(bad("ca_key_pem"))?,
            not_before: OffsetDateTime::from_unix_timestamp(configuration.not_before).map_err(bad("not_before"))?,
            not_after: OffsetDateTime::from_unix_timestamp(configuration.not_after).map_err(bad("not_after"))?,
            key_log,
            made: Mutex::default(),
        })
    }

    /// How to answer a handshake for `name`, which the app reached at `address`. Both are in the certificate, for apps that
    /// connect by address alone.
    pub fn config(&self, name: &str, address: IpAddr) -> Result<Arc<ServerConfig>, String> {
        let key = (name.to_owned(), address);
        if let Some(c) = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(c));
        }
        let config = Arc::new(self.make(name, address)?);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() < KEPT_MAX {
            made.insert(key, Arc::clone(&config));
        }
        Ok(config)
    }

    fn make(&self, name: &str, address: IpAddr) -> Result<ServerConfig, String> {
        let mut params = CertificateParams::default();
        (params.not_before, params.not_after) = (self.not_before, self.not_after);
        params.distinguished_name = DistinguishedName::new();
        // X.520 allows 64 characters for a common name; the alternative names are what counts.
        params.distinguished_name.push(DnType::CommonName, name.chars().take(64).collect::<String>());
        if let Ok(n) = name.try_into() {
            params.subject_alt_names.push(SanType::DnsName(n));
        }
        params.subject_alt_names.push(SanType::IpAddress(address));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let mut serial = Sha256::new_with_prefix(name);
        serial.update(address.to_string());
        serial.update(self.key.public_key_raw());
        let mut serial = serial.finalize()[..16].to_vec();
        serial[0] &= 0x7f;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        let leaf = params.signed_by(&self.key, &self.issuer).map_err(|e| e.to_string())?;

        let provider = Arc::new(aws_lc_rs::default_provider());
        let der = PrivateKeyDer::try_from(self.key.serialize_der())?;
        let signing = provider.key_provider.load_private_key(der).map_err(|e| e.to_string())?;
        let certified = CertifiedKey::new(vec![leaf.into(), self.ca.clone()], signing);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.key_log = Arc::clone(&self.key_log) as _;
        // Every connection is whole in the capture: no resumption, which would hide that an app refuses our certificate.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, IsCa};
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection, pki_types::UnixTime, time_provider::TimeProvider};
    use stakeout_contract::scenario::Network;

    use super::*;

    #[derive(Debug)]
    struct At(u64);

    impl TimeProvider for At {
        fn current_time(&self) -> Option<UnixTime> {
            Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0)))
        }
    }

    fn certificates() -> Certificates {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let configuration = Configuration {
            network: Network::default(),
            ca_cert_pem: params.self_signed(&key).unwrap().pem(),
            ca_key_pem: key.serialize_pem(),
            not_before: 1_400_000_000,
            not_after: 2_000_000_000,
            body_max: 0,
            capture_max: 0,
            denied: vec![],
        };
        Certificates::new(&configuration, Arc::default()).unwrap()
    }

    /// A handshake in memory, by a client whose clock says `now`.
    fn handshake(c: &Certificates, asked: &'static str, made_for: &str, now: u64) -> Result<(), rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(c.ca.clone()).unwrap();
        let config = ClientConfig::builder_with_details(Arc::new(aws_lc_rs::default_provider()), Arc::new(At(now)))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut client = ClientConnection::new(Arc::new(config), asked.try_into().unwrap())?;
        let mut server = ServerConnection::new(c.config(made_for, "198.18.0.7".parse().unwrap()).unwrap())?;
        while client.is_handshaking() {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut &wire[..]).unwrap();
            server.process_new_packets()?;
            wire.clear();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut &wire[..]).unwrap();
            client.process_new_packets()?;
        }
        Ok(())
    }

    #[test]
    fn certificates_are_valid_on_both_clocks_and_nowhere_else() {
        let c = certificates();
        for now in [1_400_000_001, 1_455_000_000, 1_999_999_999] {
            handshake(&c, "api.example", "api.example", now).unwrap();
        }
        for now in [1_399_999_999, 2_000_000_001] {
            assert!(matches!(handshake(&c, "api.example", "api.example", now), Err(rustls::Error::InvalidCertificate(_))), "{now}");
        }
    }

    #[test]
    fn a_certificate_is_for_its_name_and_its_address() {
        let c = certificates();
        handshake(&c, "198.18.0.7", "api.example", 1_500_000_000).unwrap();
        handshake(
            &c,
            "a-very-long-name-of-more-than-sixty-four-characters-altogether.example",
            "a-very-long-name-of-more-than-sixty-four-characters-altogether.example",
            1_500_000_000,
        )
        .unwrap();
        assert!(handshake(&c, "other.example", "api.example", 1_500_000_000).is_err());
        assert!(c.key_log.text().contains("CLIENT_TRAFFIC_SECRET_0 "));
    }
}
