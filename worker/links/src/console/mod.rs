//! The emulator's console: lines on a TCP port.
//!
//! Source: external/qemu, `android/android-emu/android/console.cpp`, and the console's page of the emulator's documentation.
//! A greeting ends with `OK`; where it says `Authentication required`, `auth <token>` comes first, and the token is in
//! `~/.emulator_console_auth_token` (an empty file there means that none is asked for). Each command is a line; its answer is
//! lines and then `OK`, `OK: ..` or `KO: ..`.

mod answer;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::Mutex,
};

use self::answer::{Answer, Reply, read_reply};
use crate::{
    Fault, LinkError, Stage, Token,
    dial::{broken, loopback},
    error::within,
    limits,
};

/// Where the emulator keeps the console's token, below the home folder of its user.
pub const TOKEN_FILE: &str = ".emulator_console_auth_token";

/// Reads the console's token from the home folder of the emulator's user. `None`: the file is empty, so none is asked for.
pub fn token(home: &Path) -> Result<Option<Token>, LinkError> {
    let path: PathBuf = home.join(TOKEN_FILE);
    let unreadable = |source| Fault::Unreadable { path: path.clone(), source }.at(Stage::ConsoleAuth);
    let file = std::fs::File::open(&path).map_err(unreadable)?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut std::io::Read::take(file, limits::TOKEN as u64 + 2), &mut text).map_err(unreadable)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    Token::new(&text).map(Some).ok_or_else(|| Fault::Invalid("what the file of the console's token holds").at(Stage::ConsoleAuth))
}

/// A client of the console.
#[derive(Debug)]
pub struct Console {
    port: u16,
    token: Option<Token>,
    /// Taken out for a command and put back when its answer is whole: what was dropped in the middle is never used again.
    session: Mutex<Option<BufReader<TcpStream>>>,
}

impl Console {
    /// The console behind `port` on loopback: `port.serial` of the discovery file. Nothing is sent yet.
    pub fn new(port: u16, token: Option<Token>) -> Self {
        Self { port, token, session: Mutex::new(None) }
    }

    async fn open(&self, limit: Duration) -> Result<BufReader<TcpStream>, LinkError> {
        let mut stream = within(Stage::ConsoleConnect, limit, async { Ok(BufReader::new(loopback(self.port).await?)) }).await?;
        let greeting = within(Stage::ConsoleConnect, limit, read_reply(&mut stream)).await?;
        let Answer::Ok(_) = greeting.answer else {
            return Err(Fault::Protocol("a console that greets with KO".to_owned()).at(Stage::ConsoleConnect));
        };
        if greeting.lines.iter().any(|l| l.contains("Authentication required")) {
            within(Stage::ConsoleAuth, limit, async {
                let Some(token) = &self.token else {
                    return Err(Fault::Unauthorized("the console asks for a token".to_owned()));
                };
                say(&mut stream, &format!("auth {}", token.reveal())).await?;
                match read_reply(&mut stream).await?.answer {
                    Answer::Ok(_) => Ok(()),
                    Answer::Ko(why) => Err(Fault::Unauthorized(why)),
                }
            })
            .await?;
        }
        Ok(stream)
    }

    /// Says one command. The lines of its answer without `OK`. `KO` is [`Fault::Denied`], or [`Fault::NotImplemented`].
    pub async fn command(&self, command: &str, limit: Duration) -> Result<Vec<String>, LinkError> {
        Ok(self.reply(command, limit).await?.lines)
    }

    async fn reply(&self, command: &str, limit: Duration) -> Result<Reply, LinkError> {
        let started = tokio::time::Instant::now();
        if command.trim().is_empty() || command.len() > limits::CONSOLE.0 || command.chars().any(char::is_control) {
            return Err(Fault::Invalid("a console command is one line").at(Stage::ConsoleCommand));
        }
        let slot = within(Stage::ConsoleCommand, limit, async { Ok(self.session.lock().await) }).await;
        let mut slot = slot?;
        let mut stream = match slot.take() {
            // What was said without being asked would be taken for this answer.
            Some(stream) if stream.buffer().is_empty() => stream,
            _ => self.open(limit.saturating_sub(started.elapsed())).await?,
        };
        let reply = within(Stage::ConsoleCommand, limit.saturating_sub(started.elapsed()), async {
            say(&mut stream, command).await?;
            read_reply(&mut stream).await
        })
        .await?;
        *slot = Some(stream);
        match &reply.answer {
            Answer::Ok(_) => Ok(reply),
            Answer::Ko(why) => Err(refusal(why).at(Stage::ConsoleCommand)),
        }
    }

    /// `avd snapshot save`: the whole state under a name. It stops the guest for as long as it takes.
    pub async fn save_snapshot(&self, name: &str, limit: Duration) -> Result<(), LinkError> {
        self.snapshot("save", name, limit).await
    }

    /// `avd snapshot load`.
    pub async fn load_snapshot(&self, name: &str, limit: Duration) -> Result<(), LinkError> {
        self.snapshot("load", name, limit).await
    }

    async fn snapshot(&self, verb: &str, name: &str, limit: Duration) -> Result<(), LinkError> {
        let lines = self.command(&format!("avd snapshot {verb} {}", word(name)?), limit).await?;
        // Some versions tell a failure in a line before their OK (?).
        match lines.into_iter().find(|l| l.starts_with("Error") || l.starts_with("KO")) {
            Some(line) => Err(Fault::Denied(line).at(Stage::ConsoleCommand)),
            None => Ok(()),
        }
    }

    /// `avd snapshot list`: names, in the order of the table (`ID TAG ..`).
    pub async fn snapshots(&self, limit: Duration) -> Result<Vec<String>, LinkError> {
        Ok(answer::snapshots(&self.command("avd snapshot list", limit).await?))
    }

    /// `avd name`.
    pub async fn avd_name(&self, limit: Duration) -> Result<String, LinkError> {
        Ok(self.command("avd name", limit).await?.into_iter().next_back().unwrap_or_default())
    }

    /// `geo fix`: degrees east and north.
    pub async fn position(&self, longitude: f64, latitude: f64, limit: Duration) -> Result<(), LinkError> {
        if !(longitude.abs() <= 180.0 && latitude.abs() <= 90.0) {
            return Err(Fault::Invalid("no position on earth").at(Stage::ConsoleCommand));
        }
        self.command(&format!("geo fix {longitude} {latitude}"), limit).await.map(drop)
    }

    /// `sms send`: a message arrives. Line ends and backslashes of the text are escaped as the console reads them.
    pub async fn message(&self, from: &str, text: &str, limit: Duration) -> Result<(), LinkError> {
        self.command(&format!("sms send {} {}", word(from)?, answer::escape(text)), limit).await.map(drop)
    }

    /// `avd hostmicon`, `avd hostmicoff`: whether the guest hears the host's sound input.
    pub async fn host_microphone(&self, on: bool, limit: Duration) -> Result<(), LinkError> {
        self.command(if on { "avd hostmicon" } else { "avd hostmicoff" }, limit).await.map(drop)
    }

    /// `kill`: the emulator ends. That it closes the connection is its answer.
    pub async fn kill(&self, limit: Duration) -> Result<(), LinkError> {
        match self.reply("kill", limit).await {
            Ok(_) | Err(LinkError { fault: Fault::Closed, stage: Stage::ConsoleCommand }) => {
                *self.session.lock().await = None;
                Ok(())
            }
            Err(e) => Err(e),
        }
    }
}

async fn say(stream: &mut BufReader<TcpStream>, line: &str) -> Result<(), Fault> {
    stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await.map_err(broken)
}

/// A name that is one word of a command.
fn word(text: &str) -> Result<&str, LinkError> {
    let fits = !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic());
    fits.then_some(text).ok_or(Fault::Invalid("a name for the console is one word of ASCII").at(Stage::ConsoleCommand))
}

/// What a `KO` means. Newer emulators answer "not implemented" to old commands (?), or do not know them any more.
fn refusal(why: &str) -> Fault {
    let lower = why.to_ascii_lowercase();
    let unknown = ["not implemented", "unknown command", "bad sub-command", "not supported"];
    if unknown.iter().any(|u| lower.contains(u)) { Fault::NotImplemented(why.to_owned()) } else { Fault::Denied(why.to_owned()) }
}
