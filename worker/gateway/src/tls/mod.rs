//! TLS: read the hello, answer it in the server's name, and tell when the app does not believe it.
//!
//! A refused handshake is evidence (the app pins its server's certificate, or brings its own trust), so every way in which
//! one can fail has a sentence ([`refusal`]). HTTP/2 is not offered: add `h2` to the ALPN list in [`certificates`] when the
//! `http` room can speak it.

pub mod certificates;
pub mod hello;

use std::io;

use rustls::AlertDescription;

/// Why an app ended a handshake, as a sentence.
pub fn refusal(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
    match (inner, error.kind()) {
        (Some(rustls::Error::AlertReceived(a)), _) => match a {
            AlertDescription::UnknownCA => "the app does not know the CA (alert unknown_ca)".to_owned(),
            AlertDescription::CertificateUnknown => "the app does not accept the certificate (alert certificate_unknown)".to_owned(),
            AlertDescription::BadCertificate => "the app calls the certificate bad (alert bad_certificate)".to_owned(),
            AlertDescription::CertificateExpired => "the app calls the certificate expired (alert certificate_expired)".to_owned(),
            a => format!("the app ended the handshake (alert {a:?})"),
        },
        (Some(e), _) => format!("no common TLS: {e}"),
        (None, io::ErrorKind::UnexpectedEof) => "the app closed the connection when it saw the certificate".to_owned(),
        (None, io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
            "the app reset the connection when it saw the certificate".to_owned()
        }
        (None, _) => format!("the handshake failed: {error}"),
    }
}
