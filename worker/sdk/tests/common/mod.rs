//! Stand-ins for the vendor's archives, an index that describes them, and a server that serves them badly on demand.
#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, reason = "a test suite")]

use std::{
    collections::HashMap,
    convert::Infallible,
    io::{Cursor, Write},
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Bytes, Frame, Incoming},
    header,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use stakeout_sdk::{Acceptance, Event, Host, LockSource, Network, Origin, Progress, Request as Wanted, Sha1Digest};
use zip::{ZipWriter, write::SimpleFileOptions};

pub(crate) const IMAGE: &str = "sys-img/google_apis/x86_64-34_r14.zip";
pub(crate) const EMULATOR: &str = "emulator-linux_x64-1012.zip";

/// All files of a small repository by their path in it.
pub(crate) fn repository() -> HashMap<String, Vec<u8>> {
    let mut files = HashMap::new();
    files.insert(
        EMULATOR.to_owned(),
        archive(
            "emulator",
            &[
                ("emulator", 0o755, b"#!/bin/sh\necho emulator 90.1.12\n"),
                ("lib64/libqt.so", 0o644, b"\x7fELF stand-in"),
                ("source.properties", 0o644, b"Pkg.Revision=90.1.12\n"),
            ],
        ),
    );
    // Large enough for many pieces on the way, and not all zeros.
    let system: Vec<u8> = (0..400_000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    files.insert(
        IMAGE.to_owned(),
        archive("x86_64", &[("system.img", 0o644, &system), ("build.prop", 0o644, b"ro.build.version.sdk=34\n")]),
    );
    describe(&mut files);
    files
}

/// Makes both indexes of the fixtures say what the archives are.
pub(crate) fn describe(files: &mut HashMap<String, Vec<u8>>) {
    for (index, text) in [
        ("repository2-1.xml", include_str!("../fixtures/repository2-1.xml")),
        ("sys-img/google_apis/sys-img2-5.xml", include_str!("../fixtures/sys-img2-5.xml")),
    ] {
        let mut text = text.to_owned();
        for (name, bytes) in files.iter().filter(|(n, _)| !n.contains(".xml")) {
            let url = format!("<url>{}</url>", name.rsplit('/').next().unwrap());
            // The same name may stand twice: x86_64-34_r14 does not.
            if let Some(at) = text.find(&url) {
                let begin = text[..at].rfind("<complete>").unwrap();
                let new = format!("<complete><size>{}</size><checksum type=\"sha1\">{}</checksum>", bytes.len(), Sha1Digest::of(bytes));
                text.replace_range(begin..at, &new);
            }
        }
        files.insert(index.to_owned(), text.into_bytes());
    }
}

pub(crate) fn archive(top: &str, entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, bytes) in entries {
        zip.start_file(format!("{top}/{name}"), SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub(crate) fn write_folder(folder: &Path, files: &HashMap<String, Vec<u8>>) {
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// A request without a lock, so that the index decides.
pub(crate) fn wanted(from: Origin, folder: &Path) -> Wanted {
    let lock = folder.join("lock.json");
    if !lock.exists() {
        std::fs::write(&lock, "{\"format\":1,\"about\":\"none\",\"packages\":[]}").unwrap();
    }
    Wanted {
        from,
        lock: LockSource::File(lock),
        acceptance: Acceptance::Given,
        host: Host { os: "linux", arch: "x64" },
        network: Network { idle_attempts: 3, attempts: 8, first_wait: Duration::from_millis(1), idle: Duration::from_secs(2) },
        ..Wanted::new(vec![34], folder.join("cache"), "stakeout/base:test", "0.0.0")
    }
}

/// Keeps what happened, for tests to look at.
#[derive(Default)]
pub(crate) struct Seen(pub(crate) Mutex<Vec<String>>);

impl Progress for Seen {
    fn event(&self, event: Event<'_>) {
        let line = match event {
            Event::Bytes { name, done, total } => format!("bytes {name} {done}/{total}"),
            Event::Retry { name, why, .. } => format!("retry {name}: {why}"),
            Event::Done { name, cached } => format!("done {name} {}", if cached { "cached" } else { "fetched" }),
            Event::Waiting { name } => format!("waiting {name}"),
            Event::Step { what } => format!("step {what}"),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(line);
    }
}

impl Seen {
    pub(crate) fn lines(&self, begin: &str) -> Vec<String> {
        self.0.lock().unwrap().iter().filter(|l| l.starts_with(begin)).cloned().collect()
    }
}

/// How one request is answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// As it should be: whole or the rest, with an ETag.
    Good,
    /// Stops after so many bytes of the body and breaks the connection.
    Cut(usize),
    /// Whole whatever was asked, and without an ETag.
    NoRange,
    /// A status.
    Status(u16),
    /// Other bytes of the same length.
    Wrong,
    /// More or fewer bytes than the index says, announced.
    Size(usize),
    /// More bytes than the index says, not announced.
    Endless,
    /// The rest of another state of the file, as a server does that knows ranges and not If-Range.
    OtherRest,
    /// The same with another ETag: the file was changed.
    Changed,
    /// Sends some and then nothing for ever.
    Stall(usize),
    /// Somewhere else.
    Redirect(String),
}

/// A server of a repository on this host.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) log: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<HashMap<String, Vec<Answer>>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(files: HashMap<String, Vec<u8>>) -> Self {
        Self::start_with(files, None).await
    }

    /// The same over TLS, where there is a configuration.
    pub(crate) async fn start_with(files: HashMap<String, Vec<u8>>, tls: Option<Arc<tokio_rustls::rustls::ServerConfig>>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (log, answers) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<HashMap<String, Vec<Answer>>>>::default());
        let (files, log2, answers2) = (Arc::new(files), log.clone(), answers.clone());
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let (files, log, answers) = (files.clone(), log2.clone(), answers2.clone());
                let tls = tls.clone().map(tokio_rustls::TlsAcceptor::from);
                tokio::spawn(async move {
                    let service = service_fn(|request| {
                        let answer = serve(&request, &files, &log, &answers);
                        async { Ok::<_, Infallible>(answer) }
                    });
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = match tls {
                        None => http.serve_connection(TokioIo::new(stream), service).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => http.serve_connection(TokioIo::new(stream), service).await,
                            Err(_) => Ok(()),
                        },
                    };
                });
            }
        });
        Self { address, log, answers, task }
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin::Repository(format!("http://{}/repository2-1.xml", self.address))
    }

    /// The next answers for a path; after them it is [`Answer::Good`].
    pub(crate) fn will(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        self.answers.lock().unwrap().insert(path.to_owned(), answers);
    }

    /// Requests for a path: `path range if-range`.
    pub(crate) fn asked(&self, path: &str) -> Vec<String> {
        self.log.lock().unwrap().iter().filter(|l| l.split(' ').next() == Some(path)).cloned().collect()
    }
}

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

fn serve(
    request: &Request<Incoming>,
    files: &HashMap<String, Vec<u8>>,
    log: &Mutex<Vec<String>>,
    answers: &Mutex<HashMap<String, Vec<Answer>>>,
) -> Response<Body> {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let of = |name| request.headers().get(name).and_then(|v: &header::HeaderValue| v.to_str().ok()).unwrap_or("-").to_owned();
    let (range, if_range) = (of(header::RANGE), of(header::IF_RANGE));
    log.lock().unwrap().push(format!("{path} {range} {if_range}"));
    let answer = answers.lock().unwrap().get_mut(&path).and_then(Vec::pop).unwrap_or(Answer::Good);
    let Some(bytes) = files.get(&path) else { return plain(404, Vec::new()) };
    let begin = range.strip_prefix("bytes=").and_then(|r| r.strip_suffix('-')).and_then(|r| r.parse::<usize>().ok());
    let rest = |etag: &str, cut: Option<usize>, stall: bool| {
        let begin = begin.filter(|_| if_range == etag);
        let mut builder = Response::builder().header(header::ETAG, etag);
        let body = &bytes[begin.unwrap_or(0)..];
        if let Some(begin) = begin {
            builder = builder.status(206).header(header::CONTENT_RANGE, format!("bytes {begin}-{}/{}", bytes.len() - 1, bytes.len()));
        }
        builder.header(header::CONTENT_LENGTH, body.len()).body(pieces(body.to_vec(), cut, stall)).unwrap()
    };
    match answer {
        Answer::Good => rest("\"one\"", None, false),
        Answer::Cut(n) => rest("\"one\"", Some(n), false),
        Answer::Stall(n) => rest("\"one\"", Some(n), true),
        Answer::Changed => rest("\"two\"", None, false),
        Answer::NoRange => plain(200, bytes.clone()),
        Answer::Status(s) => plain(s, b"no".to_vec()),
        Answer::Wrong => plain(200, bytes.iter().map(|b| b ^ 1).collect()),
        Answer::Size(n) => plain(200, vec![7; n]),
        Answer::Endless => {
            let more = [bytes.as_slice(), &[0; 100]].concat();
            Response::builder().body(pieces(more, None, false)).unwrap()
        }
        Answer::OtherRest => {
            let begin = begin.unwrap_or(0);
            let range = format!("bytes {begin}-{}/{}", bytes.len() - 1, bytes.len());
            let body = bytes[begin..].iter().map(|b| b ^ 1).collect();
            Response::builder().status(206).header(header::CONTENT_RANGE, range).body(pieces(body, None, false)).unwrap()
        }
        Answer::Redirect(to) => Response::builder().status(302).header(header::LOCATION, to).body(pieces(Vec::new(), None, false)).unwrap(),
    }
}

fn plain(status: u16, bytes: Vec<u8>) -> Response<Body> {
    Response::builder().status(status).header(header::CONTENT_LENGTH, bytes.len()).body(pieces(bytes, None, false)).unwrap()
}

/// A body in pieces; after `cut` bytes the connection breaks, or nothing comes any more.
fn pieces(bytes: Vec<u8>, cut: Option<usize>, stall: bool) -> Body {
    let end = cut.unwrap_or(bytes.len()).min(bytes.len());
    let stream = futures_util::stream::unfold(0, move |at| {
        let piece = bytes[at..end.min(at + 50_000)].to_vec();
        async move {
            if !piece.is_empty() {
                let next = at + piece.len();
                return Some((Ok(Frame::data(Bytes::from(piece))), next));
            }
            cut?;
            if stall {
                std::future::pending::<()>().await;
            }
            // The server sends what it has when nothing more is there at once.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            Some((Err(std::io::Error::other("cut")), at))
        }
    });
    UnsyncBoxBody::new(StreamBody::new(stream).map_err(|e| e))
}
