//! TLS secrets of the connections that the gateway opened, in NSS's key log format, for the capture.

use std::{fmt::Write, sync::Mutex};

/// More than this is not kept; a connection needs about 700 bytes.
const MAX: usize = 32 << 20;

/// Where rustls writes secrets to.
#[derive(Default)]
pub struct KeyLog(Mutex<String>);

impl std::fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyLog(hidden)")
    }
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    text.push(' ');
    for b in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{b:02x}");
    }
}

impl rustls::KeyLog for KeyLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let mut text = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if text.len() < MAX {
            text.push_str(label);
            push_hex(&mut text, client_random);
            push_hex(&mut text, secret);
            text.push('\n');
        }
    }
}

impl KeyLog {
    /// All lines so far.
    pub fn text(&self) -> String {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}
