//! What a process that reads strangers' bytes may reach: programs, their libraries, and the files that it is given.
//!
//! It is Landlock's doing, which needs no power, no namespace and no second user: a kernel's own rule that a thread takes upon
//! itself, for good and for all that it starts. What is not named cannot be read, written, made or run; on newer kernels no
//! address can be reached either, and no process outside be signalled. A confined process can look into no memory but that of
//! what it started itself.
//!
//! Kernels before 5.13, kernels without it and some containers' runtimes have none: then everything goes on without, and
//! [`held`] says so, which whoever starts such a process passes on.
//!
//! Read first: [`Reach`], then [`spawn`].

use std::{
    io,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::OnceLock,
    thread,
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
    Scope, path_beneath_rules,
};

/// The newest rules that are asked for; an older kernel keeps those that it knows.
const ASKED: ABI = ABI::V6;
/// Where programs and their libraries lie, and what a loader reads to find them.
const PROGRAMS: [&str; 8] = ["/usr", "/bin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store", "/etc/ld.so.cache"];
/// Tables that libraries of programs read.
const TABLES: [&str; 3] = ["/etc/localtime", "/etc/wireshark", "/etc/ssl/openssl.cnf"];

/// What a program that starts such processes says where [`held`] is nothing.
pub const UNCONFINED: &str = "this kernel has no Landlock, or may not use it here: ffmpeg and tshark have the rights of whoever runs this";

/// What may be reached.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// Files and folders that may be read.
    pub reads: Vec<PathBuf>,
    /// Folders in which all may be done.
    pub writes: Vec<PathBuf>,
    /// A program that may be run, with all that usual programs need to run.
    pub program: Option<PathBuf>,
}

/// What a kernel holds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Files, addresses and signals.
    Whole,
    /// Files and others' memory, and not all of the rest.
    Files,
    /// Nothing: confined processes have the rights of their user.
    Nothing,
}

impl Held {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "files, addresses and signals",
            Self::Files => "files",
            Self::Nothing => "nothing",
        }
    }
}

/// What this kernel holds to, for this process.
pub fn held() -> Held {
    static HELD: OnceLock<Held> = OnceLock::new();
    // It can only be tried for good, so by a thread that ends.
    *HELD.get_or_init(|| thread::spawn(|| here(&Reach::default())).join().unwrap_or(Held::Nothing))
}

/// Confines the calling thread and all that it starts from now on. A kernel that cannot leaves it as it was.
pub fn here(reach: &Reach) -> Held {
    restrict(reach).unwrap_or(Held::Nothing)
}

fn restrict(reach: &Reach) -> Result<Held, RulesetError> {
    let all = AccessFs::from_all(ASKED);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let null: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::WriteFile;
    let mut rules = Ruleset::default()
        .handle_access(all)?
        .handle_access(AccessNet::from_all(ASKED))?
        .scope(Scope::from_all(ASKED))?
        .create()?
        .add_rules(path_beneath_rules(["/dev/null"], null))?
        .add_rules(path_beneath_rules(["/dev/random", "/dev/urandom"], AccessFs::ReadFile))?
        .add_rules(path_beneath_rules(&reach.reads, read))?
        .add_rules(path_beneath_rules(&reach.writes, all))?;
    if let Some(program) = &reach.program {
        let own = program.canonicalize().ok().and_then(|p| p.parent().map(Path::to_owned));
        let places = PROGRAMS.iter().map(PathBuf::from).chain(own);
        rules = rules.add_rules(path_beneath_rules(places, read | AccessFs::Execute))?.add_rules(path_beneath_rules(TABLES, read))?;
    }
    let status = rules.restrict_self()?;
    Ok(match (status.ruleset, status.landlock) {
        (RulesetStatus::FullyEnforced, _) => Held::Whole,
        (RulesetStatus::PartiallyEnforced, LandlockStatus::Available { .. }) => Held::Files,
        _ => Held::Nothing,
    })
}

/// Starts a program that reaches no more than `reach`, besides its own place and what programs need. The files that `command`
/// itself opens for it are reached by nobody else.
pub fn spawn(command: &mut Command, reach: &Reach) -> io::Result<Child> {
    thread::scope(|s| {
        let confined = s.spawn(|| {
            here(reach);
            command.spawn()
        });
        confined.join().unwrap_or_else(|_| Err(io::Error::other("the thread that starts it broke")))
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, net::TcpListener, process::Stdio};

    use super::*;

    /// Whether a script ends well within this reach.
    fn works(script: &str, reach: &Reach) -> bool {
        let mut command = Command::new("/bin/bash");
        command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let reach = Reach { program: Some("/bin/bash".into()), ..reach.clone() };
        spawn(&mut command, &reach).unwrap().wait().unwrap().success()
    }

    #[test]
    fn a_confined_program_reaches_what_it_is_given_and_nothing_else() {
        if held() == Held::Nothing {
            eprintln!("this kernel has no Landlock: nothing is tried");
            return;
        }
        let (given, other, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (film, key) = (given.path().join("film"), other.path().join("key"));
        fs::write(&film, "a").unwrap();
        fs::write(&key, "a secret").unwrap();
        let reach = Reach { reads: vec![film.clone()], writes: vec![folder.path().into()], program: None };
        let (film, key, folder) = (film.display(), key.display(), folder.path().display());
        assert!(works(&format!("cat {film} > /dev/null"), &reach));
        assert!(works(&format!("cp {film} {folder}/copy && rm {folder}/copy"), &reach));
        for refused in [
            format!("cat {key}"),
            format!("cat {film}.other {key}"),
            format!("echo >> {film}"),
            format!("echo > {key}.new"),
            format!("rm {key}"),
            format!("ls {}", other.path().display()),
            "ls /proc".to_owned(),
            "cat /etc/passwd".to_owned(),
            "cat /proc/$PPID/environ".to_owned(),
            format!("cp /bin/true {folder}/program && {folder}/other"),
        ] {
            assert!(!works(&refused, &reach), "{refused}");
        }
        // All of it stands, and who started them reads it.
        assert_eq!(fs::read_to_string(key.to_string()).unwrap(), "a secret");
    }

    #[test]
    fn a_confined_program_reaches_no_address_and_ends_no_process() {
        if held() != Held::Whole {
            eprintln!("this kernel holds to {}: nothing is tried", held().as_str());
            return;
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{}", listener.local_addr().unwrap().port());
        assert!(!works(&connect, &Reach::default()));
        assert!(!works(&format!("kill -0 {}", std::process::id()), &Reach::default()));
        // Without, both work.
        for script in [connect, format!("kill -0 {}", std::process::id())] {
            assert!(Command::new("/bin/bash").args(["-c", &script]).status().unwrap().success(), "{script}");
        }
    }

    #[test]
    fn who_starts_it_is_confined_no_more_than_before() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(works("true", &Reach::default()));
        assert!(fs::read(file.path()).is_ok() && fs::read("/etc/passwd").is_ok());
    }
}
