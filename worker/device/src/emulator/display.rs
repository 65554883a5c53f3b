//! The display of an emulator whose window is hidden: an X server (Xvfb) that draws into memory.
//!
//! It is started before its emulator, which connects with it at its start and ends when it is gone, as Qt does. It runs as a user of
//! its own without any power, listens on one socket in the file system and on no port and no abstract name (others may share the
//! container's network), and lets in only who has its cookie: that is a file that the emulator's user reads and no other user of
//! the container. The guest reaches none of it: its packets leave as the emulator's TCP and UDP.
//!
//! Whether an emulator takes it is its own matter; see `docs/emulator.md`.

use std::{
    ffi::OsString,
    fs,
    io::{self, Read as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use stakeout_protocol::bake::Window;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStderr},
    time::timeout,
};

use super::layout::Layout;
use crate::confine::{self, Limits};

/// Where every X server and every client look for sockets: it is compiled into both (xtrans, `UNIX_DIR`).
const SOCKETS: &str = "/tmp/.X11-unix";
/// From its start until it can be used: 0.4 s where nothing else is to do, most of it for its keyboard.
const START: Duration = Duration::from_secs(15);
/// The kind of cookie, and its bytes.
const KIND: &str = "MIT-MAGIC-COOKIE-1";
const COOKIE: usize = 16;
/// More than any answer of it.
const WORD: u64 = 64;
const LIMITS: Limits = Limits { files: 256, file_bytes: 16 << 20, groups: [None; 2] };

/// What an emulator's window is on.
pub struct Screen {
    /// Which window it is.
    window: Window,
    display: Option<Display>,
}

/// A running X server. Dropping it ends it.
struct Display {
    _child: Child,
    number: u32,
    /// The emulator's file of the cookie.
    cookie: PathBuf,
}

impl Screen {
    /// What this window needs, started; why it cannot be, if so.
    pub async fn start(layout: &Layout, window: Window) -> Result<Self, String> {
        let display = if window == Window::Hidden { Some(Display::start(layout).await?) } else { None };
        Ok(Self { window, display })
    }

    /// Which window it is.
    pub const fn window(&self) -> Window {
        self.window
    }

    /// In words, for a trial's record.
    pub fn words(&self) -> String {
        match &self.display {
            Some(d) => format!("window {} on display :{}", self.window.word(), d.number),
            None => format!("window {}", self.window.word()),
        }
    }

    /// What its emulator is told by its environment.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        match (&self.display, self.window) {
            (Some(d), _) => vec![("DISPLAY", format!(":{}", d.number).into()), ("XAUTHORITY", d.cookie.clone().into())],
            (None, Window::Offscreen) => vec![("QT_QPA_PLATFORM", Window::Offscreen.word().into())],
            (None, _) => Vec::new(),
        }
    }
}

impl Display {
    async fn start(layout: &Layout) -> Result<Self, String> {
        let failed = |e: io::Error| format!("its display cannot be started: {e}");
        sockets(Path::new(SOCKETS)).map_err(failed)?;
        let folder = layout.work.join("display");
        fs::create_dir_all(&folder).map_err(failed)?;
        let cookie = random::<COOKIE>().map_err(failed)?;
        let (own, theirs) = (folder.join("server"), folder.join("client"));
        keep(&own, &cookie, layout.display_user).await.map_err(failed)?;
        keep(&theirs, &cookie, layout.user).await.map_err(failed)?;
        let number = number(Path::new(SOCKETS)).map_err(failed)?;
        let mut command = confine::command(&arguments(number, &own), layout.display_user, LIMITS);
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let said = child.stderr.take().map(|e| tokio::spawn(listen(e)));
        let out = child.stdout.take().ok_or_else(|| "its display says nothing".to_owned())?;
        let mut line = String::new();
        let mut out = BufReader::new(out.take(WORD));
        match timeout(START, out.read_line(&mut line)).await {
            Err(_) => return Err(format!("its display does not begin within {} s", START.as_secs())),
            Ok(Err(e)) => return Err(failed(e)),
            Ok(Ok(_)) => {}
        }
        if line.trim().parse() != Ok(number) {
            let why = match said {
                Some(task) => timeout(Duration::from_secs(1), task).await.ok().and_then(Result::ok).unwrap_or_default(),
                None => String::new(),
            };
            return Err(format!("its display ended at its start: {}", if why.is_empty() { "it does not say why" } else { &why }));
        }
        Ok(Self { _child: child, number, cookie: theirs })
    }
}

/// A number that no other server of this place has: one that listens on files alone does not see whether another does, and takes its
/// place.
fn number(sockets: &Path) -> io::Result<u32> {
    loop {
        let bytes = random::<2>()?;
        let number = 100 + u32::from(u16::from_le_bytes(bytes)) % 50_000;
        if !sockets.join(format!("X{number}")).exists() {
            return Ok(number);
        }
    }
}

/// The server's command line: see Xserver(1), Xvfb(1). It says its number on standard output when it can be used.
fn arguments(number: u32, cookie: &Path) -> Vec<OsString> {
    let mut out: Vec<OsString> = [
        "Xvfb",
        &format!(":{number}"),
        "-displayfd",
        "1",
        "-screen",
        "0",
        "1280x1024x24",
        "-nolisten",
        "tcp",
        "-nolisten",
        "local",
        "-noreset",
        "-auth",
    ]
    .map(OsString::from)
    .into();
    out.push(cookie.into());
    out
}

/// Makes the folder of sockets, where it is not there: an X server that is not root does not.
fn sockets(folder: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o1777).create(folder) {
        // The mask of files took something of it away.
        Ok(()) => fs::set_permissions(folder, fs::Permissions::from_mode(0o1777)),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A file of cookies with one that is good for every display: Xsecurity(7), and `Xauth.h` of libXau. Two-byte numbers, the high byte
/// first: family (`FamilyWild`), then address, display, kind and cookie, each after its length.
fn authority(cookie: &[u8; COOKIE]) -> Vec<u8> {
    let mut out = 0xffff_u16.to_be_bytes().to_vec();
    for part in [&b""[..], b"", KIND.as_bytes(), cookie] {
        out.extend((part.len() as u16).to_be_bytes());
        out.extend(part);
    }
    out
}

/// Writes it for one user.
async fn keep(path: &Path, cookie: &[u8; COOKIE], user: Option<u32>) -> io::Result<()> {
    let words = ["sh", "-c", r#"umask 0137 && rm -f -- "$0" && cat > "$0""#].map(OsString::from).into_iter().chain([path.into()]);
    let mut command = confine::in_group(&words.collect::<Vec<_>>(), user);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut to) = child.stdin.take() {
        to.write_all(&authority(cookie)).await?;
    }
    let done = child.wait_with_output().await?;
    if done.status.success() { Ok(()) } else { Err(io::Error::other(String::from_utf8_lossy(&done.stderr).trim().to_owned())) }
}

/// Hears it out; the last that it said that is not empty, without its frame. It says little.
async fn listen(from: ChildStderr) -> String {
    let mut lines = BufReader::new(from.take(64 << 10)).lines();
    let mut last = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        let line: String = line.chars().filter(|c| !c.is_control()).take(300).collect();
        let line = line.trim().trim_start_matches("(EE)").trim();
        if !line.is_empty() {
            line.clone_into(&mut last);
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_listens_on_no_port_and_no_abstract_name_and_asks_for_its_cookie() {
        let words: Vec<String> = arguments(4711, Path::new("/work/display/server")).into_iter().map(|w| w.into_string().unwrap()).collect();
        let all = words.join(" ");
        assert!(all.starts_with("Xvfb :4711 -displayfd 1 "), "{all}");
        assert!(all.contains("-nolisten tcp") && all.contains("-nolisten local"), "{all}");
        assert!(all.ends_with("-auth /work/display/server"), "{all}");
    }

    #[test]
    fn a_cookie_is_written_as_x_libraries_read_it() {
        let bytes = authority(&[7; COOKIE]);
        assert_eq!(bytes[..6], [0xff, 0xff, 0, 0, 0, 0], "for every address and display");
        assert_eq!(bytes[6..8], [0, 18]);
        assert_eq!(&bytes[8..26], KIND.as_bytes());
        assert_eq!(bytes[26..], [&[0, 16][..], &[7; 16]].concat());
        assert_ne!(random::<COOKIE>().unwrap(), random::<COOKIE>().unwrap());
    }

    #[tokio::test]
    async fn a_cookie_s_file_is_no_other_s() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client");
        for n in [1, 2] {
            keep(&path, &[n; COOKIE], None).await.unwrap();
            assert_eq!(fs::read(&path).unwrap(), authority(&[n; COOKIE]), "and the one before is gone");
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
        assert!(keep(&folder.path().join("no/client"), &[1; COOKIE], None).await.is_err());
    }

    #[test]
    fn several_have_a_number_each() {
        let folder = tempfile::tempdir().unwrap();
        let numbers: std::collections::BTreeSet<u32> = (0..20).map(|_| number(folder.path()).unwrap()).collect();
        assert!(numbers.len() > 15 && numbers.iter().all(|n| *n >= 100), "{numbers:?}");
    }

    #[test]
    fn a_folder_of_sockets_is_for_all_and_stays_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sockets");
        sockets(&path).unwrap();
        sockets(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o1777);
    }
}
