//! Downloads from a server that behaves, and from one that does not.
#![allow(clippy::unwrap_used, reason = "a test suite")]

mod common;

use std::{sync::Arc, time::Duration};

use common::{Answer, EMULATOR, IMAGE, Seen, Server, repository, wanted};
use stakeout_sdk::{Prepared, Request, SdkError, Sha1Digest, prepare};

struct Bench {
    server: Server,
    folder: tempfile::TempDir,
    image: Vec<u8>,
    seen: Seen,
}

impl Bench {
    async fn new() -> Self {
        let files = repository();
        let image = files[IMAGE].clone();
        Self { server: Server::start(files).await, folder: tempfile::tempdir().unwrap(), image, seen: Seen::default() }
    }

    fn request(&self) -> Request {
        wanted(self.server.origin(), self.folder.path())
    }

    async fn run(&self) -> Result<Prepared, SdkError> {
        prepare(&self.request(), &self.seen).await
    }

    fn cached(&self) -> std::path::PathBuf {
        self.folder.path().join("cache/archives").join(format!("{}.zip", Sha1Digest::of(&self.image)))
    }

    /// The image is there and right, and nothing half is left.
    fn assert_whole(&self) {
        assert_eq!(std::fs::read(self.cached()).unwrap(), self.image);
        let left: Vec<_> = std::fs::read_dir(self.folder.path().join("cache/archives")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(left.iter().all(|n| !n.to_string_lossy().contains("part")), "{left:?}");
    }
}

#[tokio::test]
async fn a_whole_transfer_is_kept_and_not_repeated() {
    let bench = Bench::new().await;
    bench.run().await.unwrap();
    bench.assert_whole();
    let last = bench.seen.lines(&format!("bytes {}", "x86_64-34_r14.zip")).pop().unwrap();
    assert!(last.ends_with(&format!(" {0}/{0}", bench.image.len())), "{last}");
    bench.run().await.unwrap();
    assert_eq!(bench.server.asked(IMAGE).len(), 1);
    assert_eq!(bench.seen.lines("done x86_64-34_r14.zip"), ["done x86_64-34_r14.zip fetched", "done x86_64-34_r14.zip cached"]);
}

/// Sees whether the archive's lock is held while it is said that the archive is good.
struct Held(std::path::PathBuf, std::sync::Mutex<Vec<bool>>);

impl stakeout_sdk::Progress for Held {
    fn event(&self, event: stakeout_sdk::Event<'_>) {
        if let stakeout_sdk::Event::Done { name: "x86_64-34_r14.zip", cached: true } = event {
            let file = std::fs::File::open(&self.0).unwrap();
            self.1.lock().unwrap().push(matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)));
        }
    }
}

#[tokio::test]
async fn an_archive_of_the_cache_is_checked_under_its_lock() {
    let bench = Bench::new().await;
    bench.run().await.unwrap();
    let held = Held(bench.cached().with_extension("lock"), std::sync::Mutex::default());
    prepare(&bench.request(), &held).await.unwrap();
    assert_eq!(*held.1.lock().unwrap(), [true]);
    assert!(std::fs::File::open(&held.0).unwrap().try_lock().is_ok(), "and not longer");
}

#[tokio::test]
async fn a_cut_transfer_goes_on_where_it_stopped() {
    let bench = Bench::new().await;
    bench.server.will(IMAGE, [Answer::Cut(100_000), Answer::Cut(300_000)]);
    bench.run().await.unwrap();
    bench.assert_whole();
    let asked = bench.server.asked(IMAGE);
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked[0].ends_with(" - -"), "{asked:?}");
    // Not all that was sent has to have arrived; but more each time, and only with the ETag.
    let begin = |i: usize| asked[i].split("bytes=").nth(1).unwrap().split('-').next().unwrap().parse::<usize>().unwrap();
    assert!(asked[1].ends_with("\"one\"") && 0 < begin(1) && begin(1) <= 100_000, "{asked:?}");
    assert!(begin(1) < begin(2) && begin(2) <= begin(1) + 300_000, "{asked:?}");
    assert_eq!(bench.seen.lines("retry").len(), 2);
}

#[tokio::test]
async fn a_later_run_goes_on_too() {
    let bench = Bench::new().await;
    bench.server.will(IMAGE, [Answer::Cut(200_000), Answer::Cut(0), Answer::Cut(0), Answer::Cut(0)]);
    let e = bench.run().await.unwrap_err();
    assert!(matches!(e, SdkError::Transfer { .. }), "{e}");
    bench.run().await.unwrap();
    bench.assert_whole();
    let asked = bench.server.asked(IMAGE);
    assert!(asked.last().unwrap().contains("bytes=") && !asked.last().unwrap().contains("bytes=0-"), "{asked:?}");
}

#[tokio::test]
async fn a_file_that_changed_in_the_middle_begins_anew() {
    let bench = Bench::new().await;
    bench.server.will(IMAGE, [Answer::Cut(100_000), Answer::Changed]);
    bench.run().await.unwrap();
    bench.assert_whole();
    assert_eq!(bench.server.asked(IMAGE).len(), 2, "If-Range gives the whole file at once");
}

#[tokio::test]
async fn halves_of_two_files_are_found_by_the_checksum_and_fetched_again() {
    let bench = Bench::new().await;
    bench.server.will(IMAGE, [Answer::Cut(100_000), Answer::OtherRest]);
    bench.run().await.unwrap();
    bench.assert_whole();
    let asked = bench.server.asked(IMAGE);
    assert_eq!(asked.len(), 3);
    assert!(asked[2].ends_with(" - -"), "the third begins anew: {asked:?}");
}

#[tokio::test]
async fn a_server_without_ranges_is_asked_for_all_of_it() {
    let bench = Bench::new().await;
    bench.server.will(IMAGE, [Answer::Cut(100_000), Answer::NoRange]);
    bench.run().await.unwrap();
    bench.assert_whole();
}

#[tokio::test]
async fn errors_that_pass_are_waited_out_and_others_end_it() {
    let bench = Bench::new().await;
    bench.server.will(IMAGE, [Answer::Status(500), Answer::Status(429)]);
    bench.server.will("repository2-1.xml", [Answer::Status(503)]);
    bench.run().await.unwrap();
    bench.assert_whole();
    let bench = Bench::new().await;
    for status in [403, 404] {
        bench.server.will(IMAGE, [Answer::Status(status)]);
        let e = bench.run().await.unwrap_err();
        assert!(matches!(e, SdkError::Status { status: s, .. } if s == status), "{e}");
    }
    assert_eq!(bench.server.asked(IMAGE).len(), 2);
}

#[tokio::test]
async fn an_index_under_an_older_name_is_found() {
    let mut files = repository();
    let index = files.remove("sys-img/google_apis/sys-img2-5.xml").unwrap();
    files.insert("sys-img/google_apis/sys-img2-3.xml".into(), index);
    let bench = Bench { server: Server::start(files).await, ..Bench::new().await };
    bench.run().await.unwrap();
    assert_eq!(bench.server.asked("sys-img/google_apis/sys-img2-4.xml").len(), 1);
}

#[tokio::test]
async fn wrong_bytes_are_refused_and_not_kept() {
    let bench = Bench::new().await;
    bench.server.will(IMAGE, [Answer::Wrong]);
    let e = bench.run().await.unwrap_err();
    assert!(matches!(e, SdkError::WrongChecksum { kind: "SHA-1", .. }), "{e}");
    assert!(!bench.cached().exists());
    bench.run().await.unwrap();
    bench.assert_whole();
}

#[tokio::test]
async fn sizes_are_enforced_before_and_while_the_bytes_come() {
    let bench = Bench::new().await;
    for size in [bench.image.len() + 1, 5] {
        bench.server.will(IMAGE, [Answer::Size(size)]);
        let e = bench.run().await.unwrap_err();
        assert!(matches!(e, SdkError::WrongSize { found, .. } if found == size as u64), "{e}");
    }
    bench.server.will(IMAGE, [Answer::Endless]);
    let e = bench.run().await.unwrap_err();
    assert!(matches!(e, SdkError::WrongSize { expected, found, .. } if found > expected), "{e}");
    assert!(!bench.cached().exists());
}

#[tokio::test]
async fn silence_is_a_broken_transfer() {
    let bench = Bench::new().await;
    bench.server.will(IMAGE, [Answer::Stall(100_000)]);
    let mut request = bench.request();
    request.network.idle = Duration::from_millis(300);
    prepare(&request, &bench.seen).await.unwrap();
    bench.assert_whole();
    assert_eq!(bench.seen.lines("retry").len(), 1);
}

#[tokio::test]
async fn a_damaged_archive_in_the_cache_is_refused_and_fetched_by_the_next_run() {
    let bench = Bench::new().await;
    bench.run().await.unwrap();
    let mut bytes = bench.image.clone();
    bytes[1000] ^= 1;
    std::fs::write(bench.cached(), &bytes).unwrap();
    assert!(matches!(bench.run().await, Err(SdkError::WrongChecksum { .. })));
    bench.run().await.unwrap();
    bench.assert_whole();
}

#[tokio::test]
async fn two_builds_at_once_fetch_each_archive_once() {
    let bench = Arc::new(Bench::new().await);
    let runs: Vec<_> = (0..3)
        .map(|_| {
            tokio::spawn({
                let bench = bench.clone();
                async move { bench.run().await.map(|_| ()) }
            })
        })
        .collect();
    for run in runs {
        run.await.unwrap().unwrap();
    }
    for path in [EMULATOR, IMAGE] {
        assert_eq!(bench.server.asked(path).len(), 1, "{path}");
    }
}

#[tokio::test]
async fn a_run_that_is_dropped_leaves_what_the_next_goes_on_with() {
    let bench = Arc::new(Bench::new().await);
    bench.server.will(IMAGE, [Answer::Stall(150_000)]);
    let run = tokio::spawn({
        let bench = bench.clone();
        async move { bench.run().await.map(|_| ()) }
    });
    while bench.seen.lines("bytes x86_64-34").is_empty() {
        tokio::task::yield_now().await;
    }
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    bench.run().await.unwrap();
    bench.assert_whole();
    assert!(bench.server.asked(IMAGE)[1].contains("bytes="), "{:?}", bench.server.asked(IMAGE));
}

#[tokio::test]
async fn addresses_that_lead_elsewhere_are_not_followed() {
    let bench = Bench::new().await;
    bench.server.will(IMAGE, (0..8).map(|_| Answer::Redirect("http://192.0.2.1/x.zip".into())));
    let e = bench.run().await.unwrap_err();
    assert!(matches!(&e, SdkError::Transfer { last, .. } if last.contains("https")), "{e}");
    bench.server.will(IMAGE, [Answer::Redirect(format!("/{IMAGE}"))]);
    bench.run().await.unwrap();
    bench.assert_whole();
    for address in ["http://192.0.2.1/", "ftp://localhost/", "https://user@localhost/", "nothing"] {
        let mut request = bench.request();
        request.from = stakeout_sdk::Origin::Repository(address.into());
        assert!(matches!(prepare(&request, &()).await, Err(SdkError::Address { .. })), "{address}");
    }
}

#[tokio::test]
async fn an_index_whose_archives_lie_elsewhere_is_refused() {
    let mut files = repository();
    let text = String::from_utf8(files["sys-img/google_apis/sys-img2-5.xml"].clone()).unwrap();
    for (url, word) in [("https://192.0.2.1/x86_64-34_r14.zip", "another host"), ("../../../x86_64-34_r14.zip", "plain path")] {
        let changed = text.replace("<url>x86_64-34_r14.zip</url>", &format!("<url>{url}</url>"));
        files.insert("sys-img/google_apis/sys-img2-5.xml".into(), changed.into_bytes());
        let bench = Bench { server: Server::start(files.clone()).await, ..Bench::new().await };
        let e = bench.run().await.unwrap_err();
        assert!(matches!(&e, SdkError::Address { problem, .. } if problem.contains(word)), "{e}");
    }
}

#[tokio::test]
async fn without_acceptance_nothing_but_the_index_is_fetched() {
    let bench = Bench::new().await;
    let mut request = bench.request();
    request.acceptance = stakeout_sdk::Acceptance::NotGiven;
    let e = prepare(&request, &()).await.unwrap_err();
    let SdkError::LicensesNotAccepted(licenses) = &e else { panic!("{e}") };
    assert_eq!(licenses.iter().map(|l| l.id.as_str()).collect::<Vec<_>>(), ["test-sdk-license"]);
    assert!(licenses[0].text.starts_with("Terms of a test") && licenses[0].text.ends_with("Second  paragraph."));
    let message = e.to_string();
    assert!(message.contains("--accept-licenses") && message.contains(&licenses[0].hash.to_string()), "{message}");
    assert!(bench.server.log.lock().unwrap().iter().all(|l| l.contains(".xml")));
}

#[tokio::test]
async fn tls_is_checked_against_mozillas_roots_and_the_labs_own() {
    use tokio_rustls::rustls::{self, pki_types::PrivatePkcs8KeyDer};
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let private = PrivatePkcs8KeyDer::from(key.signing_key.serialize_der()).into();
    let config = config.with_single_cert(vec![key.cert.der().clone()], private).unwrap();
    let files = repository();
    let bench = Bench { server: Server::start_with(files, Some(Arc::new(config))).await, ..Bench::new().await };
    let mut request = bench.request();
    request.from = stakeout_sdk::Origin::Repository(format!("https://localhost:{}", bench.server.address.port()));
    let e = prepare(&request, &()).await.unwrap_err();
    assert!(matches!(&e, SdkError::Certificate { host, .. } if host == "localhost"), "{e}");
    let roots = bench.folder.path().join("roots.pem");
    std::fs::write(&roots, key.cert.pem()).unwrap();
    request.roots = Some(roots.clone());
    prepare(&request, &()).await.unwrap();
    bench.assert_whole();
    std::fs::write(&roots, "nothing").unwrap();
    assert!(matches!(prepare(&request, &()).await, Err(SdkError::Client(_))));
}
