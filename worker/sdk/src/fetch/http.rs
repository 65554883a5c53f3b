//! A repository over HTTPS: small files whole, archives piece by piece, going on where a broken transfer stopped.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, Response, StatusCode, Url, header, redirect};

use super::{Cache, check, need_space, part::Part};
use crate::{
    SdkError,
    choose::Chosen,
    digest::Digests,
    index::{MAX_BYTES, plain},
    progress::{Event, Progress},
};

/// How patient it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    /// Attempts in a row that bring nothing.
    pub idle_attempts: u32,
    /// Attempts of one file, those that bring something included.
    pub attempts: u32,
    /// Wait before the second attempt; it doubles up to a minute.
    pub first_wait: Duration,
    /// Longest time without a byte.
    pub idle: Duration,
}

impl Default for Network {
    fn default() -> Self {
        Self { idle_attempts: 6, attempts: 60, first_wait: Duration::from_secs(1), idle: Duration::from_secs(45) }
    }
}

const LONGEST_WAIT: Duration = Duration::from_secs(60);
const MAX_REDIRECTS: usize = 5;
/// Left free on the disk.
const MARGIN: u64 = 64 << 20;

/// A repository.
#[derive(Clone, Debug)]
pub struct Remote {
    client: Client,
    base: Url,
    network: Network,
}

/// How an attempt ended that may be repeated.
enum Attempt {
    Whole,
    Broke(String),
}

fn loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"))
}

/// Strangers' bytes come over TLS; the only other thing is this host itself, for a mirror or a test.
fn allowed(url: &Url) -> Result<(), SdkError> {
    let problem = match url.scheme() {
        "https" => None,
        "http" if loopback(url) => None,
        "http" => Some("it is not `https`, and anybody on the way could change what it serves"),
        _ => Some("it is not `https`"),
    };
    let problem = problem.or_else(|| (!url.username().is_empty() || url.password().is_some()).then_some("it has a user or a password"));
    problem.map_or(Ok(()), |problem| Err(SdkError::Address { url: url.as_str().chars().take(200).collect(), problem }))
}

impl Remote {
    /// A repository by the address of its folder or of its index (`…/repository2-1.xml`).
    pub fn new(address: &str, network: Network, own_roots: Option<&std::path::Path>) -> Result<Self, SdkError> {
        let bad = |problem| SdkError::Address { url: address.chars().take(200).collect(), problem };
        let base = Url::parse(address).map_err(|_| bad("it is no address"))?;
        allowed(&base)?;
        let is_file = std::path::Path::new(base.path()).extension().is_some_and(|e| e == "xml");
        // The folder is what relative addresses start from.
        let base = if is_file || base.path().ends_with('/') {
            base
        } else {
            Url::parse(&format!("{address}/")).map_err(|_| bad("it is no address"))?
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let roots: rustls::RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| SdkError::Client(e.to_string()))?
            .with_root_certificates(with_own_roots(roots, own_roots)?)
            .with_no_client_auth();
        let policy = redirect::Policy::custom(|attempt| {
            if attempt.previous().len() > MAX_REDIRECTS {
                attempt.error("too many redirects")
            } else if allowed(attempt.url()).is_err() {
                attempt.error("a redirect to an address that is not `https`")
            } else {
                attempt.follow()
            }
        });
        let client = Client::builder()
            .user_agent(concat!("stakeout/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls)
            .redirect(policy)
            .connect_timeout(network.idle)
            .read_timeout(network.idle);
        // A proxy of the environment is for the world outside.
        let client = if loopback(&base) { client.no_proxy() } else { client };
        Ok(Self { client: client.build().map_err(|e| SdkError::Client(deepest(&e)))?, base, network })
    }

    /// Words of an index as an address of this repository.
    fn address(&self, url: &str) -> Result<Url, SdkError> {
        let bad = |problem| SdkError::Address { url: url.chars().take(200).collect(), problem };
        if url.contains("://") {
            let whole = Url::parse(url).map_err(|_| bad("it is no address"))?;
            allowed(&whole)?;
            return if whole.host_str() == self.base.host_str() { Ok(whole) } else { Err(bad("it leads to another host than the index")) };
        }
        if !url.split('/').all(plain) {
            return Err(bad("it is no plain path"));
        }
        self.base.join(url).map_err(|_| bad("it is no address"))
    }

    /// The first of these indexes that the repository has.
    pub(super) async fn index(&self, names: &[&str], progress: &dyn Progress) -> Result<(String, Vec<u8>), SdkError> {
        let mut missing = None;
        for name in names {
            let url = self.address(name)?;
            let mut tries = Tries::new(self.network, name);
            let answer = loop {
                match self.small(&url).await {
                    Ok(bytes) => break Some(bytes),
                    Err(Small::Gone(status)) => {
                        missing = Some(SdkError::Status { url: url.to_string(), status });
                        break None;
                    }
                    Err(Small::Final(e)) => return Err(e),
                    Err(Small::Broke(why)) => tries.wait(false, why, progress).await?,
                }
            };
            if let Some(bytes) = answer {
                return Ok((url.to_string(), bytes));
            }
        }
        Err(missing.unwrap_or_else(|| SdkError::Client("no index was asked for".into())))
    }

    async fn small(&self, url: &Url) -> Result<Vec<u8>, Small> {
        let broke = |e: reqwest::Error| certificate(&e, url).map_or_else(|| Small::Broke(deepest(&e)), Small::Final);
        let mut response = self.client.get(url.clone()).header(header::ACCEPT_ENCODING, "identity").send().await.map_err(broke)?;
        match response.status() {
            StatusCode::OK => {}
            s if s == StatusCode::NOT_FOUND || s == StatusCode::GONE => return Err(Small::Gone(s.as_u16())),
            s if passing(s) => return Err(Small::Broke(format!("the server answers {}", s.as_u16()))),
            s => return Err(Small::Final(SdkError::Status { url: url.to_string(), status: s.as_u16() })),
        }
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(broke)? {
            if bytes.len() + piece.len() > MAX_BYTES {
                let source = crate::index::BadIndex::Limit { what: "bytes", most: MAX_BYTES };
                return Err(Small::Final(SdkError::Index { name: url.to_string(), source }));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// An archive into the cache. The caller holds its lock.
    pub(super) async fn archive(&self, chosen: &Chosen, cache: &Cache, progress: &dyn Progress) -> Result<Digests, SdkError> {
        let (url, size, name) = (self.address(&chosen.url)?, chosen.expected.size, chosen.file());
        let path = cache.part(&chosen.expected.sha1);
        let (opened, address) = (path.clone(), url.to_string());
        // What is there is read through; that can take seconds.
        let open = tokio::task::spawn_blocking(move || Part::open(&opened, &address, size)).await;
        let mut part = open.unwrap_or_else(|e| Err(SdkError::io("open", &path)(std::io::Error::other(e))))?;
        need_space(cache.folder(), size - part.have() + MARGIN)?;
        let mut tries = Tries::new(self.network, name);
        let mut second_chance = true;
        loop {
            let before = part.have();
            match self.attempt(&url, size, &mut part, name, progress).await? {
                Attempt::Whole => match check(name, &chosen.expected, part.hasher()) {
                    Ok(digests) => {
                        part.finish(&cache.archive(&chosen.expected.sha1))?;
                        return Ok(digests);
                    }
                    // Two halves of different files look like this: once more, from one answer.
                    Err(e) if part.mended && second_chance => {
                        second_chance = false;
                        tracing::warn!(name, error = %e, "a mended transfer is wrong; it begins anew");
                        part.restart()?;
                    }
                    Err(e) => {
                        part.restart()?;
                        return Err(e);
                    }
                },
                Attempt::Broke(why) => tries.wait(part.have() > before, why, progress).await?,
            }
        }
    }

    /// One request, and what comes of it. Errors are final.
    async fn attempt(&self, url: &Url, size: u64, part: &mut Part, name: &str, progress: &dyn Progress) -> Result<Attempt, SdkError> {
        if part.have() == size {
            return Ok(Attempt::Whole);
        }
        let mut request = self.client.get(url.clone()).header(header::ACCEPT_ENCODING, "identity");
        let asked = match part.validator() {
            Some(validator) if part.have() > 0 => {
                request = request.header(header::RANGE, format!("bytes={}-", part.have())).header(header::IF_RANGE, validator);
                true
            }
            _ => false,
        };
        let mut response = match request.send().await {
            Ok(r) => r,
            Err(e) => return certificate(&e, url).map_or_else(|| Ok(Attempt::Broke(deepest(&e))), Err),
        };
        match response.status() {
            StatusCode::PARTIAL_CONTENT if asked && goes_on(&response, part, size) => part.mended = true,
            StatusCode::OK => {
                if let Some(found) = response.content_length().filter(|l| *l != size) {
                    return Err(SdkError::WrongSize { name: name.to_owned(), expected: size, found });
                }
                part.restart()?;
                part.begins(url.as_str(), size, validator(&response).as_deref())?;
            }
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                part.restart()?;
                return Ok(Attempt::Broke("the server cannot go on with this file; it begins anew".into()));
            }
            s if passing(s) => return Ok(Attempt::Broke(format!("the server answers {}", s.as_u16()))),
            s => return Err(SdkError::Status { url: url.to_string(), status: s.as_u16() }),
        }
        loop {
            match response.chunk().await {
                Ok(Some(piece)) => {
                    if part.have() + piece.len() as u64 > size {
                        part.restart()?;
                        return Err(SdkError::WrongSize { name: name.to_owned(), expected: size, found: size.saturating_add(1) });
                    }
                    part.write(&piece)?;
                    progress.event(Event::Bytes { name, done: part.have(), total: size });
                }
                Ok(None) if part.have() == size => return Ok(Attempt::Whole),
                Ok(None) => return Ok(Attempt::Broke(format!("the transfer ended after {} of {size} bytes", part.have()))),
                Err(e) => return Ok(Attempt::Broke(deepest(&e))),
            }
        }
    }
}

/// How a small file was not had.
enum Small {
    Gone(u16),
    Broke(String),
    Final(SdkError),
}

/// Answers that another attempt may change.
fn passing(s: StatusCode) -> bool {
    s.is_server_error() || matches!(s.as_u16(), 408 | 425 | 429)
}

/// Whether an answer is the rest of what is there: the same file, from the next byte on.
fn goes_on(response: &Response, part: &Part, size: u64) -> bool {
    let text = |name| response.headers().get(name).and_then(|v| v.to_str().ok());
    let range = text(header::CONTENT_RANGE).and_then(|r| r.strip_prefix("bytes ")).and_then(|r| r.split_once('/'));
    let fits = range.is_some_and(|(range, total)| {
        let begin = range.split_once('-').and_then(|(b, _)| b.parse::<u64>().ok());
        begin == Some(part.have()) && (total == "*" || total.parse() == Ok(size))
    });
    // Some servers know ranges and not If-Range.
    fits && validator(response).is_none_or(|v| Some(v.as_str()) == part.validator())
}

/// What names this state of the file: a strong ETag, else the date.
fn validator(response: &Response) -> Option<String> {
    let text = |name| response.headers().get(name).and_then(|v| v.to_str().ok());
    text(header::ETAG).filter(|t| !t.starts_with("W/")).or_else(|| text(header::LAST_MODIFIED)).map(str::to_owned)
}

/// Whether it is the server's certificate that is wrong.
fn certificate(e: &reqwest::Error, url: &Url) -> Option<SdkError> {
    let mut next = std::error::Error::source(e);
    while let Some(e) = next {
        if let Some(rustls::Error::InvalidCertificate(problem)) = e.downcast_ref() {
            return Some(SdkError::Certificate { host: url.host_str().unwrap_or_default().to_owned(), problem: problem.to_string() });
        }
        // An I/O error leaves what it wraps out of its chain.
        let wrapped = e.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = wrapped.map(|w| w as &(dyn std::error::Error + 'static)).or_else(|| e.source());
    }
    None
}

/// The innermost reason, which is what people can do something about.
fn deepest(e: &dyn std::error::Error) -> String {
    let mut e = e;
    while let Some(inner) = e.source() {
        e = inner;
    }
    e.to_string()
}

fn with_own_roots(mut roots: rustls::RootCertStore, path: Option<&std::path::Path>) -> Result<rustls::RootCertStore, SdkError> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    if let Some(path) = path {
        let problem = |e: rustls::pki_types::pem::Error| SdkError::Client(format!("the certificates of `{}`: {e}", path.display()));
        let certificates = CertificateDer::pem_file_iter(path).map_err(problem)?.collect::<Result<Vec<_>, _>>().map_err(problem)?;
        if roots.add_parsable_certificates(certificates).0 == 0 {
            return Err(SdkError::Client(format!("`{}` has no certificates", path.display())));
        }
    }
    Ok(roots)
}

/// Counts attempts and waits between them.
struct Tries<'a> {
    network: Network,
    name: &'a str,
    made: u32,
    idle: u32,
}

impl<'a> Tries<'a> {
    fn new(network: Network, name: &'a str) -> Self {
        Self { network, name, made: 1, idle: 0 }
    }

    async fn wait(&mut self, gained: bool, why: String, progress: &dyn Progress) -> Result<(), SdkError> {
        self.idle = if gained { 0 } else { self.idle + 1 };
        if self.idle >= self.network.idle_attempts || self.made >= self.network.attempts {
            return Err(SdkError::Transfer { name: self.name.to_owned(), attempts: self.made, last: why });
        }
        let after = self.network.first_wait.saturating_mul(1 << self.idle.min(10)).min(LONGEST_WAIT);
        progress.event(Event::Retry { name: self.name, why: &why, after });
        tokio::time::sleep(after).await;
        self.made += 1;
        Ok(())
    }
}
