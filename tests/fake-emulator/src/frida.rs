//! Frida's program in the guest, as far as a device uses it: what the real one would print for what the scripted app does.
//!
//! Nothing of Frida's is here. A file that was pushed is taken for it by its first line, `#!stand-in frida-inject VERSION`, which no
//! program has. The script is not run: whether there is a Java follows from the version and from whether a bridge stands before it.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::{faults::Fault, shell::Done, world::World};

/// How a device calls it.
pub const NAME: &str = "stakeout-frida";
/// How a file says that it is the stand-in's.
pub const MARKER: &str = "#!stand-in frida-inject ";
/// Bytes of a text in one line: fewer than the real agent's, so that there are pieces.
const PIECE: usize = 4096;

/// What an agent in the app's process hears.
#[derive(Clone, Debug)]
pub enum Inside {
    /// Something was encrypted.
    Encrypted {
        /// By which process.
        pid: u32,
        /// Before.
        plain: Vec<u8>,
        /// After.
        cipher: Vec<u8>,
    },
    /// A connection was made.
    Connected {
        /// By which process.
        pid: u32,
        /// To this host.
        host: String,
        /// And port.
        port: u16,
    },
    /// A camera or microphone was opened.
    Opened {
        /// By which process.
        pid: u32,
        /// Which.
        sensor: &'static str,
        /// By which of Android's.
        api: &'static str,
        /// Its name.
        id: String,
    },
}

/// Whether a command line is one that goes on until its process ends.
pub fn goes_on(words: &[String]) -> bool {
    words.first().is_some_and(|w| w.ends_with(&format!("/{NAME}"))) && words.iter().any(|w| w == "-p")
}

/// Its version; else why the guest does not run it.
fn version(world: &World, path: &str) -> Result<String, Done> {
    let bytes = world.phone().files.get(path).map(|f| f.bytes.clone());
    let Some(bytes) = bytes else { return Err(Done::failed(127, format!("/system/bin/sh: {path}: inaccessible or not found"))) };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let known = text.strip_prefix(MARKER).map(|rest| rest.lines().next().unwrap_or_default().trim().to_owned());
    match known {
        Some(version) if !world.faults.has(Fault::FridaRefused) => Ok(version),
        _ => Err(Done::failed(126, format!("/system/bin/sh: {path}: not executable: 64-bit ELF file"))),
    }
}

/// A command that ends by itself.
pub fn once(world: &World, path: &str, rest: &[&str]) -> Done {
    match (version(world, path), rest) {
        (Err(done), _) => done,
        (Ok(version), ["--version"]) => Done::said(version + "\n"),
        (Ok(_), _) => Done::failed(2, "PID or name must be specified"),
    }
}

/// How a line of its output goes to the client; none when nobody listens.
pub trait Out {
    /// Writes it.
    fn line(&mut self, text: &str) -> impl Future<Output = Option<()>> + Send;
}

struct Agent<'a, O> {
    world: &'a Arc<World>,
    pid: u32,
    number: u64,
    out: &'a mut O,
}

impl<O: Out + Send> Agent<'_, O> {
    async fn tell(&mut self, kind: &str, fields: Value) -> Option<()> {
        let mut line = json!({"v": 1, "p": self.pid, "t": u64::try_from(self.world.uptime().as_millis()).unwrap_or(0), "k": kind});
        if let (Some(line), Some(fields)) = (line.as_object_mut(), fields.as_object()) {
            line.extend(fields.clone());
        }
        self.out.line(&line.to_string()).await
    }

    async fn heard(&mut self, what: Inside) -> Option<()> {
        let stack = json!(["net.example.played.Worker.run:42"]);
        match what {
            Inside::Encrypted { pid, plain, cipher } if pid == self.pid => {
                self.number += 1;
                let n = self.number;
                self.tell("begin", json!({"n": n, "algorithm": "AES/CTR/NoPadding", "operation": "encrypt", "stack": stack})).await?;
                for (side, text) in [("plain", plain), ("cipher", cipher)] {
                    for piece in text.chunks(PIECE) {
                        self.tell("piece", json!({"n": n, "side": side, "data": base64(piece)})).await?;
                    }
                }
                self.tell("end", json!({"n": n, "over": false})).await
            }
            Inside::Connected { pid, host, port } if pid == self.pid => {
                self.tell("connect", json!({"host": host, "port": port, "stack": stack})).await
            }
            Inside::Opened { pid, sensor, api, id } if pid == self.pid => {
                self.tell("open", json!({"sensor": sensor, "api": api, "id": id, "stack": stack})).await
            }
            _ => Some(()),
        }
    }
}

/// An agent in a process, until that ends or nobody listens.
pub async fn attach(world: &Arc<World>, words: &[String], out: &mut (impl Out + Send)) -> Option<()> {
    let value = |name: &str| words.iter().position(|w| w == name).and_then(|at| words.get(at + 1)).cloned().unwrap_or_default();
    let version = match version(world, &words[0]) {
        Ok(version) => version,
        Err(done) => return out.line(String::from_utf8_lossy(&done.stderr).trim()).await,
    };
    let pid: u32 = value("-p").parse().unwrap_or(0);
    let runs = |world: &World| world.phone().packages.values().any(|p| p.pid == Some(pid));
    let script = world.phone().files.get(&value("-s")).map(|f| String::from_utf8_lossy(&f.bytes).into_owned());
    let Some(script) = script else { return out.line(&format!("Failed to open file “{}”", value("-s"))).await };
    if !runs(world) {
        return out.line(&format!("Unable to find process with pid {pid}")).await;
    }
    let mut heard = world.inside.subscribe();
    let faults = &world.faults;
    if faults.has(Fault::FridaExits) {
        return out.line("Unable to access process with pid: Permission denied").await;
    }
    if faults.has(Fault::FridaHangs) {
        return std::future::pending().await;
    }
    if faults.has(Fault::FridaFloods) {
        loop {
            out.line(&"{\"v\":1,\"k\":\"piece\",".repeat(8000)).await?;
        }
    }
    let mut agent = Agent { world, pid, number: 0, out };
    if faults.has(Fault::FridaGarbage) {
        for line in ["\u{1b}[0;33mwarning\u{1b}[0m", "{\"type\":\"error\",\"description\":\"SyntaxError\"}", "{\"v\":1", ""] {
            agent.out.line(line).await?;
        }
        agent.tell("preview", json!({"visible": true})).await?;
        agent.tell("piece", json!({"n": 9, "side": "plain", "data": "%%%"})).await?;
    }
    let bridged =
        version.split('.').next().and_then(|v| v.parse::<u32>().ok()).is_some_and(|v| v < 17) || script.contains("globalThis.Java");
    if !bridged || faults.has(Fault::FridaNoJava) {
        let why = "this Frida has no Java bridge of its own";
        agent.tell("hello", json!({"frida": version, "java": false, "why": why})).await?;
        return std::future::pending().await;
    }
    agent.tell("hello", json!({"frida": version, "java": true})).await?;
    let hooks = ["cipher", "tls", "socket", "camera1", "camera2", "audio_record"];
    agent.tell("hooked", json!({"hooked": hooks, "missing": {"media_recorder": "java.lang.ClassNotFoundException"}})).await?;
    if faults.has(Fault::FridaLies) {
        // What an app could say that has the agent in its hands.
        for id in ["0", "1"] {
            agent.tell("open", json!({"sensor": "camera", "api": "camera2", "id": id})).await?;
        }
        agent.tell("lost", json!({"what": "all", "count": u64::MAX})).await?;
    }
    let dies = world.later(Fault::FridaDies, 1.0);
    tokio::pin!(dies);
    loop {
        tokio::select! {
            what = heard.recv() => match what {
                Ok(what) => agent.heard(what).await?,
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            },
            () = &mut dies, if faults.has(Fault::FridaDies) => return agent.out.line("Segmentation fault").await,
            () = tokio::time::sleep(std::time::Duration::from_millis(20)) => {
                if !runs(world) {
                    return agent.out.line("\u{1b}[0;31mProcess terminated\u{1b}[0m").await;
                }
            }
        }
    }
}

/// The app's own cipher: bytes as from a stream cipher, the same for the same length.
pub fn encrypt(plain: &[u8]) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ plain.len() as u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    };
    plain.iter().map(|b| b ^ next()).collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for piece in bytes.chunks(3) {
        let bits = piece.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - piece.len()));
        for digit in 0..4 {
            let at = (bits >> (18 - 6 * digit)) as usize & 63;
            out.push(if digit <= piece.len() { char::from(DIGITS[at]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_written_as_base64() {
        for (bytes, text) in [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foob", "Zm9vYg==")] {
            assert_eq!(base64(bytes), text);
        }
    }

    #[test]
    fn what_is_encrypted_comes_back_and_looks_like_noise() {
        let plain = vec![0; 4000];
        let cipher = encrypt(&plain);
        assert_eq!(encrypt(&cipher), plain);
        let mut seen = [0_u32; 256];
        for b in &cipher {
            seen[usize::from(*b)] += 1;
        }
        assert!(seen.iter().all(|n| *n < 60));
    }
}
