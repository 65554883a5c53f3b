//! The program on real folders.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test suite")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use stakeout_keeper::{Entry, KEPT, LIST, Loss, STOP, What};
use tempfile::TempDir;

/// A keeper of `root/data/app`, which the app knows as `/data/app`.
struct Run {
    folder: TempDir,
    child: Child,
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Run {
    fn start(arguments: &[&str], before: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let app = folder.path().join("root/data/app");
        fs::create_dir_all(&app).unwrap();
        before(&app);
        let child = Command::new(env!("CARGO_BIN_EXE_stakeout-keeper"))
            .arg("--out")
            .arg(folder.path().join("out"))
            .arg("--root")
            .arg(folder.path().join("root"))
            .args(arguments)
            .args(["--also", "/not/there", "/data/app"])
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let run = Self { folder, child };
        run.wait(|all| all.iter().any(|e| matches!(e.what, What::Watching { .. })));
        run
    }

    fn app(&self) -> PathBuf {
        self.folder.path().join("root/data/app")
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn entries(&self) -> Vec<Entry> {
        let text = fs::read_to_string(self.out().join(LIST)).unwrap_or_default();
        // The last line may be in the making.
        text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect()
    }

    fn wait(&self, until: impl Fn(&[Entry]) -> bool) -> Vec<Entry> {
        let begun = Instant::now();
        loop {
            let all = self.entries();
            if until(&all) {
                return all;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{all:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it wrote until it ended, without the first and the last line.
    fn end(&mut self) -> Vec<What> {
        fs::write(self.out().join(STOP), "").unwrap();
        assert!(self.child.wait().unwrap().success());
        let all: Vec<What> = self.entries().into_iter().map(|e| e.what).collect();
        assert!(matches!(all.last(), Some(What::Ended { unlisted: 0 })), "{all:?}");
        all.into_iter().filter(|w| !matches!(w, What::Watching { .. } | What::Ended { .. })).collect()
    }

    fn kept(&self, name: Option<&String>) -> Vec<u8> {
        fs::read(self.out().join(KEPT).join(name.expect("it is kept"))).unwrap()
    }
}

/// The keeper has seen what was done until here.
fn settle(run: &Run) {
    let mark = format!("mark-{:x}", rand::random::<u64>());
    fs::write(run.app().join(&mark), "").unwrap();
    run.wait(|all| all.iter().any(|e| matches!(&e.what, What::Written { path, .. } if path.ends_with(&mark))));
    // What changes at once after a copy counts as too quick.
    thread::sleep(Duration::from_millis(25));
}

fn losses(all: &[What]) -> Vec<&What> {
    all.iter().filter(|w| matches!(w, What::Lost { .. })).collect()
}

#[test]
fn what_is_deleted_is_kept_and_told() {
    let mut run = Run::start(&[], |_| ());
    fs::write(run.app().join("picture.jpg"), "a picture").unwrap();
    settle(&run);
    fs::remove_file(run.app().join("picture.jpg")).unwrap();
    let all = run.end();
    let find = |name: &str| {
        all.iter().find_map(|w| match w {
            What::Deleted { path, bytes, kept } if path == name => Some((*bytes, run.kept(kept.as_ref()))),
            _ => None,
        })
    };
    assert_eq!(find("/data/app/picture.jpg"), Some((9, b"a picture".to_vec())), "{all:?}");
    assert!(all.contains(&What::Written { path: "/data/app/picture.jpg".into(), bytes: 9 }));
    assert_eq!(losses(&all), Vec::<&What>::new());
}

#[test]
fn what_is_written_over_is_kept_and_what_is_added_to_is_not() {
    let mut run = Run::start(&[], |_| ());
    let file = run.app().join("state");
    fs::write(&file, "first").unwrap();
    settle(&run);
    fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b" and more").unwrap();
    settle(&run);
    fs::write(&file, "second").unwrap();
    settle(&run);
    let temporary = run.app().join("state.tmp");
    fs::write(&temporary, "third").unwrap();
    fs::rename(&temporary, &file).unwrap();
    let all = run.end();
    let replaced: Vec<Vec<u8>> = all
        .iter()
        .filter_map(|w| match w {
            What::Replaced { path, kept, .. } if path == "/data/app/state" => Some(run.kept(kept.as_ref())),
            _ => None,
        })
        .collect();
    assert_eq!(replaced, [b"first and more".to_vec(), b"second".to_vec()], "{all:?}");
    assert!(all.contains(&What::Renamed { path: "/data/app/state.tmp".into(), to: "/data/app/state".into() }), "{all:?}");
    assert_eq!(losses(&all), Vec::<&What>::new());
}

#[test]
fn what_is_emptied_or_written_over_without_a_close_is_kept() {
    let mut run = Run::start(&[], |_| ());
    for name in ["cut", "cut and gone", "zeros and gone", "moved over"] {
        fs::write(run.app().join(name), format!("picture of {name}")).unwrap();
    }
    settle(&run);
    let open = |name: &str| fs::OpenOptions::new().write(true).open(run.app().join(name)).unwrap();
    let cut = open("cut");
    cut.set_len(0).unwrap();
    let gone = open("cut and gone");
    gone.set_len(0).unwrap();
    fs::remove_file(run.app().join("cut and gone")).unwrap();
    let mut zeros = open("zeros and gone");
    zeros.write_all(&[0; 30]).unwrap();
    fs::remove_file(run.app().join("zeros and gone")).unwrap();
    let over = open("moved over");
    over.set_len(0).unwrap();
    fs::write(run.app().join("other"), "other").unwrap();
    fs::rename(run.app().join("other"), run.app().join("moved over")).unwrap();
    let all = run.end();
    let kept: BTreeSet<Vec<u8>> = all
        .iter()
        .filter_map(|w| match w {
            What::Replaced { kept: Some(name), .. } | What::Deleted { kept: Some(name), .. } => Some(run.kept(Some(name))),
            _ => None,
        })
        .collect();
    for name in ["cut", "cut and gone", "zeros and gone", "moved over"] {
        assert!(kept.contains(format!("picture of {name}").as_bytes()), "{name}: {all:?}");
    }
    assert_eq!(losses(&all), Vec::<&What>::new());
}

#[test]
fn what_was_there_before_the_app_is_not_the_app_s() {
    let mut run = Run::start(&[], |app| {
        for name in ["owner's", "changed"] {
            fs::write(app.join(name), format!("planted {name}")).unwrap();
        }
    });
    fs::write(run.app().join("changed"), "by the app").unwrap();
    settle(&run);
    for name in ["owner's", "changed"] {
        fs::remove_file(run.app().join(name)).unwrap();
    }
    let all = run.end();
    assert!(all.contains(&What::Deleted { path: "/data/app/owner's".into(), bytes: 15, kept: None }), "{all:?}");
    let changed = all.iter().find_map(|w| match w {
        What::Deleted { path, kept, .. } if path == "/data/app/changed" => Some(run.kept(kept.as_ref())),
        _ => None,
    });
    assert_eq!(changed.as_deref(), Some(&b"by the app"[..]), "{all:?}");
    assert_eq!(losses(&all), Vec::<&What>::new());
}

#[test]
fn a_folder_that_is_not_there_is_a_loss() {
    let mut run = Run::start(&["/data/none"], |_| ());
    let all = run.end();
    assert_eq!(all, [What::Lost { why: Loss::Unwatched, path: "/data/none".into() }]);
}

/// Names of folders that go round faster than anybody can follow: in the end each file is known by its path, or something is lost.
#[test]
fn a_folder_that_takes_the_name_of_another_is_not_taken_for_it() {
    for _ in 0..20 {
        let mut run = Run::start(&[], |_| ());
        let (a, b) = (run.app().join("a"), run.app().join("b"));
        fs::create_dir(&a).unwrap();
        fs::rename(&a, &b).unwrap();
        fs::create_dir(&a).unwrap();
        settle(&run);
        fs::write(b.join("picture"), "in b").unwrap();
        settle(&run);
        fs::remove_file(b.join("picture")).unwrap();
        let all = run.end();
        let kept = all.iter().any(|w| matches!(w, What::Deleted { path, kept: Some(_), .. } if path == "/data/app/b/picture"));
        assert!(kept, "{all:?}");
    }
}

#[test]
fn folders_that_come_move_and_go_are_followed() {
    let mut run = Run::start(&[], |_| ());
    let (a, b) = (run.app().join("a/b/c"), run.app().join("z"));
    fs::create_dir_all(&a).unwrap();
    fs::write(a.join("deep"), "deep").unwrap();
    settle(&run);
    fs::rename(run.app().join("a"), &b).unwrap();
    settle(&run);
    fs::write(b.join("b/c/later"), "later").unwrap();
    settle(&run);
    fs::remove_dir_all(&b).unwrap();
    // And one that is moved to where nobody watches.
    fs::create_dir(run.app().join("out")).unwrap();
    fs::write(run.app().join("out/taken"), "taken").unwrap();
    settle(&run);
    fs::rename(run.app().join("out"), run.folder.path().join("elsewhere")).unwrap();
    let all = run.end();
    let gone: BTreeMap<&str, Vec<u8>> = all
        .iter()
        .filter_map(|w| match w {
            What::Deleted { path, kept, .. } => Some((path.as_str(), run.kept(kept.as_ref()))),
            _ => None,
        })
        .collect();
    let wanted = [("/data/app/out/taken", "taken"), ("/data/app/z/b/c/deep", "deep"), ("/data/app/z/b/c/later", "later")];
    assert_eq!(gone, wanted.map(|(p, t)| (p, t.as_bytes().to_vec())).into(), "{all:?}");
    assert_eq!(losses(&all), Vec::<&What>::new());
}

#[test]
fn links_and_pipes_lead_nowhere() {
    let mut run = Run::start(&[], |_| ());
    let secret = run.folder.path().join("secret");
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("file"), "not the app's").unwrap();
    std::os::unix::fs::symlink(&secret, run.app().join("folder")).unwrap();
    std::os::unix::fs::symlink(secret.join("file"), run.app().join("file")).unwrap();
    assert!(Command::new("mkfifo").arg(run.app().join("pipe")).status().unwrap().success());
    settle(&run);
    fs::write(secret.join("more"), "not the app's either").unwrap();
    fs::remove_file(secret.join("file")).unwrap();
    fs::remove_file(run.app().join("file")).unwrap();
    fs::remove_file(run.app().join("pipe")).unwrap();
    let all = run.end();
    assert!(all.iter().all(|w| matches!(w, What::Written { bytes: 0, .. })), "{all:?}");
    assert_eq!(fs::read_dir(run.out().join(KEPT)).unwrap().count(), 0);
}

#[test]
fn what_is_too_large_or_too_much_is_told_as_lost() {
    let mut run = Run::start(&["--file-bytes", "1000", "--all-bytes", "2500", "--files", "2"], |_| ());
    let write = |name: &str, bytes: usize| fs::write(run.app().join(name), vec![7; bytes]).unwrap();
    write("large", 1001);
    fs::File::create(run.app().join("holes")).unwrap().set_len(1 << 40).unwrap();
    for name in ["one", "two", "three"] {
        write(name, 800);
    }
    settle(&run);
    for name in ["large", "holes", "one", "two", "three"] {
        fs::remove_file(run.app().join(name)).unwrap();
    }
    let all = run.end();
    let whys: BTreeSet<(&str, Loss)> = all
        .iter()
        .filter_map(|w| match w {
            What::Lost { why, path } => Some((path.as_str(), *why)),
            _ => None,
        })
        .collect();
    let wanted = [("/data/app/holes", Loss::TooLarge), ("/data/app/large", Loss::TooLarge), ("/data/app/three", Loss::Full)];
    assert_eq!(whys, wanted.into(), "{all:?}");
    assert_eq!(fs::read_dir(run.out().join(KEPT)).unwrap().count(), 2);
}

#[test]
fn a_second_keeper_goes_on_after_the_first() {
    let mut run = Run::start(&[], |_| ());
    for round in ["first", "second"] {
        fs::write(run.app().join(round), round).unwrap();
        settle(&run);
        fs::remove_file(run.app().join(round)).unwrap();
        settle(&run);
        if round == "first" {
            // As a restart of the guest ends it.
            run.child.kill().unwrap();
            run.child.wait().unwrap();
            run.child = Command::new(env!("CARGO_BIN_EXE_stakeout-keeper"))
                .arg("--out")
                .arg(run.out())
                .arg("--root")
                .arg(run.folder.path().join("root"))
                .arg("/data/app")
                .spawn()
                .unwrap();
            run.wait(|all| all.iter().filter(|e| matches!(e.what, What::Watching { .. })).count() == 2);
        }
    }
    let all = run.end();
    let kept: Vec<Vec<u8>> =
        all.iter().filter_map(|w| if let What::Deleted { kept, .. } = w { Some(run.kept(kept.as_ref())) } else { None }).collect();
    assert_eq!(kept, [b"first".to_vec(), b"second".to_vec()], "{all:?}");
}

#[test]
fn a_detached_one_outlives_who_started_it() {
    let folder = tempfile::tempdir().unwrap();
    let (app, out) = (folder.path().join("app"), folder.path().join("out"));
    fs::create_dir(&app).unwrap();
    let start =
        |folder: &Path| Command::new(env!("CARGO_BIN_EXE_stakeout-keeper")).arg("--out").arg(&out).arg("--detach").arg(folder).output();
    assert!(start(&app).unwrap().status.success());
    fs::write(app.join("a"), "a").unwrap();
    fs::write(out.join(STOP), "").unwrap();
    let begun = Instant::now();
    while !fs::read_to_string(out.join(LIST)).unwrap().contains("\"is\":\"ended\"") {
        assert!(begun.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(5));
    }
    let bad = start(&app.join("a/b")).unwrap();
    assert!(!bad.status.success() && String::from_utf8_lossy(&bad.stderr).contains("a/b` cannot be opened"), "{bad:?}");
}

/// Whatever an app does, and however quickly: what was in a closed file and is nowhere afterwards is told as lost.
#[test]
fn nothing_goes_in_silence() {
    for seed in 0..4 {
        let mut run = Run::start(&[], |_| ());
        let app = run.app();
        let threads: Vec<_> = (0..3)
            .map(|t| {
                thread::spawn({
                    let app = app.clone();
                    move || play(&app, seed * 10 + t)
                })
            })
            .collect();
        let mut written = BTreeSet::new();
        for t in threads {
            written.extend(t.join().unwrap());
        }
        let all = run.end();
        let mut there = BTreeSet::new();
        collect(&app, &mut there);
        collect(&run.out().join(KEPT), &mut there);
        let missing = written.iter().filter(|w| !there.iter().any(|t| t.starts_with(w.as_slice()))).count();
        let lost = losses(&all).len();
        println!("seed {seed}: {} written, {} found, {missing} missing, {lost} told as lost", written.len(), there.len());
        // Who is behind, or has lost events, says so once for all.
        let behind = all.iter().any(|w| matches!(w, What::Lost { why: Loss::Behind | Loss::Overflow, .. }));
        assert!(missing <= lost || behind, "{missing} are missing and {lost} were told: {:?}", losses(&all));
    }
}

fn collect(folder: &Path, into: &mut BTreeSet<Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), into);
        } else {
            into.insert(fs::read(entry.path()).unwrap());
        }
    }
}

/// An app that makes, changes, moves and deletes files; what it wrote and closed.
fn play(app: &Path, seed: u64) -> Vec<Vec<u8>> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut written = Vec::new();
    let folder = |n: u32| if n == 0 { app.to_owned() } else { app.join(format!("t{seed}-{n}")) };
    for n in 1..4 {
        fs::create_dir(folder(n)).unwrap();
    }
    // New folders have rules of their own.
    thread::sleep(Duration::from_millis(300));
    for round in 0..400 {
        let name = |random: &mut StdRng| folder(random.random_range(0..4)).join(format!("t{seed}-f{}", random.random_range(0..6)));
        let path = name(&mut random);
        match random.random_range(0..10) {
            0..5 => {
                let text = format!("{seed} {round} {}", "x".repeat(random.random_range(0..3000))).into_bytes();
                if fs::write(&path, &text).is_ok() {
                    written.push(text);
                }
            }
            5 => drop(fs::remove_file(&path)),
            6 => {
                // Emptied, and gone before it is closed.
                let open = fs::OpenOptions::new().write(true).open(&path);
                if let Ok(file) = open {
                    drop(file.set_len(0));
                    drop(fs::remove_file(&path));
                }
            }
            7..9 => drop(fs::rename(&path, name(&mut random))),
            _ => thread::sleep(Duration::from_micros(random.random_range(0..3000))),
        }
    }
    written
}
