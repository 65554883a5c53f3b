//! Requests and answers.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{Certificate, Method, RequestBuilder, Response, StatusCode, Url, header};
use serde::{Serialize, de::DeserializeOwned};
use stakeout_contract::api::problem::{Code, Problem};
use tokio::time::Instant;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server said what is wrong.
    #[error("{}{}", .0.detail, .0.hint.as_ref().map(|h| format!("\nhint: {h}")).unwrap_or_default())]
    Problem(Box<Problem>),
    /// Nobody answered, or not as this API does.
    #[error("`{server}` cannot be reached: {why}\nhint: check `--server`, and that the server runs: {server}healthz")]
    Unreachable {
        /// Where.
        server: String,
        /// Why.
        why: String,
    },
    /// The answer is none of this API.
    #[error("`{server}` answered something that is not understood: {why}\nhint: is it a Stakeout server of about this version?")]
    Answer {
        /// Where.
        server: String,
        /// Why.
        why: String,
    },
    /// A setting.
    #[error("{0}")]
    Setting(String),
    /// A local file.
    #[error("`{path}` cannot be used: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl ClientError {
    /// The type of the server's problem.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Problem(p) => p.code(),
            _ => None,
        }
    }

    /// Whether the same call may work later by itself. A quota may not: where time mends it, the answer says when to come again.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Problem(p) if p.code() == Some(Code::Quota) => false,
            Self::Problem(p) => matches!(p.status, 429 | 502 | 503 | 504 | 507),
            _ => false,
        }
    }
}

/// Where the server is and who asks.
#[derive(Clone)]
pub struct ClientOptions {
    /// Its address: `https://farm.example/`.
    pub server: String,
    /// The token's text.
    pub token: String,
    /// A certificate authority (PEM) that is trusted besides those of the system.
    pub ca: Option<PathBuf>,
    /// How long calls are repeated while the server does not answer.
    pub patience: Duration,
}

impl std::fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientOptions").field("server", &self.server).field("ca", &self.ca).finish_non_exhaustive()
    }
}

/// Adds headers to a request.
type Adds = fn(&mut header::HeaderMap);

static ADDED: std::sync::OnceLock<Adds> = std::sync::OnceLock::new();

/// Each request of this process gets these headers too, such as those of the trace that it belongs to. The first say counts.
pub fn add_headers(add: Adds) {
    let _ = ADDED.set(add);
}

/// A server and a token.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    bearer: header::HeaderValue,
    pub(crate) patience: Duration,
}

/// Pauses between calls that are repeated: each twice as long as the one before, up to ten seconds.
#[derive(Debug)]
pub(crate) struct Pauses(Duration);

impl Pauses {
    pub(crate) const fn new() -> Self {
        Self(Duration::from_millis(200))
    }

    /// The next one; what the server asks for goes before.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let pause = asked.map_or(self.0, |a| a.max(Duration::from_millis(200)));
        self.0 = (self.0 * 2).min(Duration::from_secs(10));
        pause
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl Client {
    /// Reads the settings; nothing is sent yet.
    pub fn new(o: &ClientOptions) -> Result<Self, ClientError> {
        // Another part of the program may have said which cryptography is used.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let bad = |why: String| ClientError::Setting(why);
        let mut text = o.server.clone();
        if !text.ends_with('/') {
            text.push('/');
        }
        let base: Url =
            text.parse().map_err(|e| bad(format!("the server `{}` is no URL: {e}\nhint: write it as `https://host:port`", o.server)))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(bad(format!("the server `{}` is neither http nor https", o.server)));
        }
        let token = o.token.trim();
        let mut bearer = header::HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
            bad("the token holds characters that no token has\nhint: give it as `stakeout token new` printed it".to_owned())
        })?;
        bearer.set_sensitive(true);
        let mut builder = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(60))
            .user_agent(concat!("stakeout/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &o.ca {
            let pem = std::fs::read(path).map_err(|source| ClientError::File { path: path.clone(), source })?;
            let all = Certificate::from_pem_bundle(&pem).map_err(|e| bad(format!("`{}` holds no certificate: {e}", path.display())))?;
            builder = builder.tls_certs_merge(all);
        }
        let http = builder.build().map_err(|e| bad(format!("no HTTP client can be made: {e}")))?;
        Ok(Self { http, base, bearer, patience: o.patience })
    }

    /// The same with another patience.
    #[must_use]
    pub fn patient(&self, patience: Duration) -> Self {
        Self { patience, ..self.clone() }
    }

    /// The server's address.
    pub fn server(&self) -> &Url {
        &self.base
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, ClientError> {
        let url = self.base.join(path.trim_start_matches('/')).map_err(|e| ClientError::Setting(format!("`{path}`: {e}")))?;
        let mut headers = header::HeaderMap::new();
        if let Some(add) = ADDED.get() {
            add(&mut headers);
        }
        headers.insert(header::AUTHORIZATION, self.bearer.clone());
        Ok(self.http.request(method, url).headers(headers))
    }

    fn unreachable(&self, e: &reqwest::Error) -> ClientError {
        let mut why = e.to_string();
        let mut source = std::error::Error::source(e);
        while let Some(s) = source {
            why = s.to_string();
            source = s.source();
        }
        ClientError::Unreachable { server: self.base.to_string(), why }
    }

    pub(crate) fn answer(&self, why: impl Into<String>) -> ClientError {
        ClientError::Answer { server: self.base.to_string(), why: why.into() }
    }

    /// Sends once; what is no success becomes an error, with the seconds after which the server wants to be asked again.
    pub(crate) async fn once(&self, request: RequestBuilder) -> Result<Response, (ClientError, Option<Duration>)> {
        let r = request.send().await.map_err(|e| (self.unreachable(&e), None))?;
        self.judged(r).await
    }

    /// An answer that is no success as an error.
    async fn judged(&self, r: Response) -> Result<Response, (ClientError, Option<Duration>)> {
        if r.status().is_success() || r.status() == StatusCode::NOT_MODIFIED {
            return Ok(r);
        }
        let after = r.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok()).map(Duration::from_secs);
        let status = r.status();
        let text = r.text().await.unwrap_or_default();
        let problem = serde_json::from_str::<Problem>(&text).unwrap_or_else(|_| {
            let mut p = Problem::new(Code::Internal, format!("the server answered {status}"));
            p.status = status.as_u16();
            p
        });
        Err((ClientError::Problem(Box::new(problem)), after))
    }

    /// Sends, and sends again while the failure is a passing one and patience lasts.
    pub(crate) async fn send(&self, make: impl Fn() -> Result<RequestBuilder, ClientError>) -> Result<Response, ClientError> {
        let (begin, mut pauses) = (Instant::now(), Pauses::new());
        loop {
            match self.once(make()?).await {
                Ok(r) => return Ok(r),
                Err((e, after)) => {
                    let wait = pauses.next(after);
                    // A server that says when to come again says that it will pass, whatever the status: the same submit that runs.
                    let passing = e.is_passing() || after.is_some();
                    if !passing || begin.elapsed() + wait > self.patience {
                        return Err(e);
                    }
                    tracing::debug!(error = %e, "asking again");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    pub(crate) async fn read<T: DeserializeOwned>(&self, r: Response) -> Result<T, ClientError> {
        let bytes = r.bytes().await.map_err(|e| self.unreachable(&e))?;
        serde_json::from_slice(&bytes).map_err(|e| self.answer(e.to_string()))
    }

    /// Gets a document.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let r = self.send(|| self.request(Method::GET, path)).await?;
        self.read(r).await
    }

    /// Gets text.
    pub async fn text(&self, path: &str) -> Result<String, ClientError> {
        let r = self.send(|| self.request(Method::GET, path)).await?;
        r.text().await.map_err(|e| self.unreachable(&e))
    }

    /// Sends a document and gets one. Repeated only if the caller says that twice is once.
    pub async fn call<B: Serialize, T: DeserializeOwned>(&self, method: Method, path: &str, body: &B) -> Result<T, ClientError> {
        let r = self.send(|| Ok(self.request(method.clone(), path)?.json(body))).await?;
        self.read(r).await
    }

    /// Sends a document that makes something new each time it comes, and gets one. Repeated only while no connection can be made:
    /// then nothing was sent.
    pub async fn call_once<B: Serialize, T: DeserializeOwned>(&self, method: Method, path: &str, body: &B) -> Result<T, ClientError> {
        let (begin, mut pauses) = (Instant::now(), Pauses::new());
        let r = loop {
            match self.request(method.clone(), path)?.json(body).send().await {
                Ok(r) => break self.judged(r).await.map_err(|(e, _)| e)?,
                Err(e) => {
                    let wait = pauses.next(None);
                    if !e.is_connect() || begin.elapsed() + wait > self.patience {
                        return Err(self.unreachable(&e));
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        };
        self.read(r).await
    }

    /// Sends a document with an Idempotency-Key, so that a repetition is the same submit.
    pub async fn submit<B: Serialize, T: DeserializeOwned>(&self, path: &str, key: &str, body: &B) -> Result<T, ClientError> {
        let r = self.send(|| Ok(self.request(Method::POST, path)?.header("Idempotency-Key", key).json(body))).await?;
        self.read(r).await
    }

    /// The same with a header of this name, where there is a value for it. It is no part of what must be the same in a repetition.
    pub async fn submit_with<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        key: &str,
        header: (&str, Option<&str>),
        body: &B,
    ) -> Result<T, ClientError> {
        let request = || {
            let r = self.request(Method::POST, path)?.header("Idempotency-Key", key).json(body);
            Ok(match header {
                (name, Some(value)) => r.header(name, value),
                (_, None) => r,
            })
        };
        let r = self.send(request).await?;
        self.read(r).await
    }

    /// Sends a document; nothing comes back.
    pub async fn tell<B: Serialize>(&self, method: Method, path: &str, body: &B) -> Result<(), ClientError> {
        self.send(|| Ok(self.request(method.clone(), path)?.json(body))).await.map(drop)
    }

    /// Asks without a body; nothing comes back.
    pub async fn ask(&self, method: Method, path: &str) -> Result<(), ClientError> {
        self.send(|| self.request(method.clone(), path)).await.map(drop)
    }

    /// Writes bytes to a file, going on where an interruption left them. A file of this name is a whole one: until then it is
    /// `NAME.part`.
    pub async fn download(&self, path: &str, to: &Path) -> Result<(), ClientError> {
        let failed = |source| ClientError::File { path: to.to_owned(), source };
        // A pipe or a terminal has no name to be given at the end.
        if tokio::fs::metadata(to).await.is_ok_and(|m| !m.is_file()) {
            return self.fetch(path, to).await;
        }
        let mut name = to.file_name().ok_or_else(|| failed(std::io::ErrorKind::InvalidInput.into()))?.to_owned();
        name.push(".part");
        let part = to.with_file_name(name);
        let fetched = match self.fetch(path, &part).await {
            Ok(()) => tokio::fs::rename(&part, to).await.map_err(failed),
            Err(e) => Err(e),
        };
        if fetched.is_err() {
            // It was not there before, or was half of something too.
            let _ = tokio::fs::remove_file(&part).await;
        }
        fetched
    }

    async fn fetch(&self, path: &str, to: &Path) -> Result<(), ClientError> {
        use tokio::io::AsyncWriteExt;
        let failed = |source| ClientError::File { path: to.to_owned(), source };
        let mut file = tokio::fs::File::create(to).await.map_err(failed)?;
        // However long it takes: patience is for a server that sends nothing.
        let (mut have, mut last) = (0_u64, Instant::now());
        loop {
            let ranged = || {
                let r = self.request(Method::GET, path)?;
                Ok(if have > 0 { r.header(header::RANGE, format!("bytes={have}-")) } else { r })
            };
            let mut r = self.send(ranged).await?;
            if have > 0 && r.status() != StatusCode::PARTIAL_CONTENT {
                return Err(self.answer("it cannot go on in the middle of a file"));
            }
            let broken = loop {
                match r.chunk().await {
                    Ok(Some(bytes)) => {
                        file.write_all(&bytes).await.map_err(failed)?;
                        (have, last) = (have + bytes.len() as u64, Instant::now());
                    }
                    Ok(None) => break None,
                    Err(e) => break Some(e),
                }
            };
            match broken {
                None => return file.flush().await.map_err(failed),
                Some(e) if last.elapsed() >= self.patience => return Err(self.unreachable(&e)),
                Some(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }
}
