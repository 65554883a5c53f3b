//! The window, as far as others notice it: whether there is one decides whether there is PulseAudio, and one that is hidden needs a
//! display all the same, as Qt does. The display is a real X server: whoever starts us gives it.

use std::{env, fs, io, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    process::Command,
};

use crate::{
    args::Args,
    faults::{Fault, Faults},
    world::World,
};

/// Where X servers have their sockets.
const SOCKETS: &str = "/tmp/.X11-unix";
/// What Qt says when there is none, in the emulator's frame.
const NO_PLATFORM: &str = "FATAL   | This application failed to start because no Qt platform plugin could be initialized. Reinstalling the application may fix this problem.";

/// A connection with a display.
#[derive(Debug)]
pub struct Display {
    stream: UnixStream,
}

/// Connects with what the window needs; none, if it needs nothing. An error is what goes to standard error.
pub async fn open(args: &Args, faults: &Faults) -> Result<Option<Display>, String> {
    if args.no_window || env::var("QT_QPA_PLATFORM").is_ok_and(|p| p == "offscreen") {
        return Ok(None);
    }
    let name = env::var("DISPLAY").unwrap_or_default();
    let cannot = |why: &dyn std::fmt::Display| format!("WARNING | could not connect to display {name} ({why})\n{NO_PLATFORM}");
    if faults.has(Fault::NoQtPlatform) {
        return Err(NO_PLATFORM.to_owned());
    }
    let number = name.strip_prefix(':').map(|n| n.split('.').next().unwrap_or(n)).filter(|n| !n.is_empty());
    let number = number.ok_or_else(|| cannot(&"there is none"))?;
    let mut stream = UnixStream::connect(format!("{SOCKETS}/X{number}")).await.map_err(|e| cannot(&e))?;
    let cookie = env::var_os("XAUTHORITY").and_then(|path| fs::read(path).ok()).and_then(|all| first(&all)).unwrap_or_default();
    greet(&mut stream, &cookie).await.map_err(|e| cannot(&e))?;
    Ok(Some(Display { stream }))
}

/// Kind and cookie of the first entry of a file of cookies.
fn first(all: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut rest = all.get(2..)?;
    let mut parts = Vec::new();
    for _ in 0..4 {
        let (length, more) = rest.split_at_checked(2)?;
        let (part, more) = more.split_at_checked(usize::from(u16::from_be_bytes([length[0], length[1]])))?;
        parts.push(part.to_vec());
        rest = more;
    }
    Some((parts.remove(2), parts.remove(2)))
}

/// The connection setup of the X protocol, version 11: byte order, versions, kind and cookie, each padded to four bytes.
async fn greet(stream: &mut UnixStream, (kind, cookie): &(Vec<u8>, Vec<u8>)) -> io::Result<()> {
    let mut said = vec![b'l', 0, 11, 0, 0, 0];
    for part in [kind, cookie] {
        said.extend((part.len() as u16).to_le_bytes());
    }
    said.extend([0, 0]);
    for part in [kind, cookie] {
        said.extend(part);
        said.resize(said.len().next_multiple_of(4), 0);
    }
    stream.write_all(&said).await?;
    let mut head = [0; 8];
    stream.read_exact(&mut head).await?;
    let mut more = vec![0; usize::from(u16::from_le_bytes([head[6], head[7]])) * 4];
    stream.read_exact(&mut more).await?;
    if head[0] == 1 {
        return Ok(());
    }
    more.truncate(usize::from(head[1]));
    Err(io::Error::other(String::from_utf8_lossy(&more).trim().to_owned()))
}

impl Display {
    /// Ends the emulator when the display does, as Qt does.
    pub async fn follow(mut self, world: Arc<World>) {
        let pid = self.stream.peer_cred().ok().and_then(|c| c.pid());
        let mut bytes = [0; 1024];
        let gone = async { while self.stream.read(&mut bytes).await.is_ok_and(|n| n > 0) {} };
        tokio::select! {
            () = gone => {}
            () = dies(&world, pid) => {}
        }
        eprintln!("WARNING | The X11 connection broke (error 1). Did the X11 server die?");
        let _ = world.end.send(Some(1));
    }
}

/// The display's end, if it was asked for; else never.
async fn dies(world: &World, pid: Option<i32>) {
    if !world.faults.has(Fault::DisplayDies) {
        std::future::pending::<()>().await;
    }
    world.later(Fault::DisplayDies, 5.0).await;
    if let Some(pid) = pid {
        let _ = Command::new("sh").args(["-c", &format!("kill -9 {pid}")]).status().await;
    }
    // Its socket ends.
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_cookie_of_a_file_is_read_and_no_other_file_is_fatal() {
        let mut file = vec![0xff, 0xff, 0, 0, 0, 0, 0, 2];
        file.extend(b"MM");
        file.extend([0, 3, 7, 8, 9]);
        assert_eq!(first(&file), Some((b"MM".to_vec(), vec![7, 8, 9])));
        for n in 0..file.len() {
            assert_eq!(first(&file[..n]), None);
        }
    }
}
