//! A bucket of an S3-compatible server.

use std::{fmt, io, time::Duration};

use async_trait::async_trait;
use http::StatusCode;
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    client::{HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector},
    prefix::PrefixStore,
};

use crate::BlobError;

/// Which bucket, and how it is reached.
#[derive(Clone, Debug)]
pub struct S3Options {
    /// The bucket; it must exist.
    pub bucket: String,
    /// Below which all keys lie; may be empty.
    pub prefix: String,
    /// The server, as in `https://s3.example.org`; Amazon's own if there is none.
    pub endpoint: Option<String>,
    /// `us-east-1` if there is none, and none in the environment.
    pub region: Option<String>,
    /// Who we are.
    pub credentials: S3Credentials,
    /// Whether the server may be spoken with in the clear. The bytes are seen on the way; nothing else is.
    pub allow_http: bool,
    /// Whether the bucket is a folder of the server's URL, and not a part of its host's name.
    pub path_style: bool,
}

/// Who we are to the server.
#[derive(Clone)]
pub enum S3Credentials {
    /// As the `AWS_*` variables say (keys, a web identity, a container's role), or the instance's own role.
    Environment,
    /// These.
    Given {
        /// The id of the key.
        access_key: String,
        /// The key.
        secret_key: String,
    },
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("Environment"),
            Self::Given { access_key, .. } => f.debug_struct("Given").field("access_key", access_key).finish_non_exhaustive(),
        }
    }
}

impl S3Options {
    /// A bucket of Amazon's, with the environment's credentials.
    pub fn new(bucket: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
            prefix: String::new(),
            endpoint: None,
            region: None,
            credentials: S3Credentials::Environment,
            allow_http: false,
            path_style: false,
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix)
    }

    pub(crate) fn store(&self) -> Result<impl ObjectStore + use<>, BlobError> {
        let mut b = AmazonS3Builder::from_env();
        if let S3Credentials::Given { access_key, secret_key } = &self.credentials {
            b = AmazonS3Builder::new().with_access_key_id(access_key).with_secret_access_key(secret_key);
        }
        if let Some(endpoint) = &self.endpoint {
            b = b.with_endpoint(endpoint.trim_end_matches('/'));
        }
        if let Some(region) = &self.region {
            b = b.with_region(region);
        }
        // A limit on the whole of an answer would be one on the size of a blob; silence is what has a limit.
        let client = ClientOptions::new()
            .with_allow_http(self.allow_http)
            .with_timeout_disabled()
            .with_connect_timeout(Duration::from_secs(5))
            .with_read_timeout(Duration::from_secs(30));
        let backoff = BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(5), base: 2.0 };
        let store: AmazonS3 = b
            .with_bucket_name(&self.bucket)
            .with_virtual_hosted_style_request(!self.path_style)
            .with_client_options(client)
            .with_retry(RetryConfig { backoff, max_retries: 4, retry_timeout: Duration::from_secs(60) })
            .with_http_connector(Connector(ReqwestConnector::default()))
            .build()
            .map_err(|e| BlobError::Address { address: self.address(), why: e.to_string() })?;
        Ok(PrefixStore::new(store, self.prefix.as_str()))
    }
}

/// Turns the answers of a server that is full or busy into errors with a type. `object_store` keeps an answer's status to
/// itself, so it would have to be read out of a text.
#[derive(Debug)]
struct Connector(ReqwestConnector);

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Statuses(self.0.connect(options)?)))
    }
}

#[derive(Debug)]
struct Statuses(HttpClient);

#[async_trait]
impl HttpService for Statuses {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = self.0.execute(request).await?;
        match told(answer.status()) {
            None => Ok(answer),
            Some((kind, what)) => {
                let body = answer.into_body().bytes().await.unwrap_or_default();
                let text = format!("the server answered: {}", String::from_utf8_lossy(&body[..body.len().min(500)]));
                Err(HttpError::new(kind, io::Error::new(what, text)))
            }
        }
    }
}

/// What a status means that is no answer to the request; the kind says whether it is asked again.
fn told(status: StatusCode) -> Option<(HttpErrorKind, io::ErrorKind)> {
    match status {
        StatusCode::INSUFFICIENT_STORAGE => Some((HttpErrorKind::Unknown, io::ErrorKind::StorageFull)),
        StatusCode::TOO_MANY_REQUESTS => Some((HttpErrorKind::Request, io::ErrorKind::ResourceBusy)),
        StatusCode::NOT_IMPLEMENTED => None,
        s if s.is_server_error() => Some((HttpErrorKind::Request, io::ErrorKind::ResourceBusy)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16) -> Option<BlobError> {
        let (kind, what) = told(StatusCode::from_u16(status).unwrap())?;
        let source = Box::new(HttpError::new(kind, io::Error::from(what)));
        Some(object_store::Error::Generic { store: "S3", source }.into())
    }

    #[test]
    fn a_server_that_is_full_or_busy_is_told_by_its_status() {
        assert!(matches!(error(507), Some(BlobError::Full(_))));
        for busy in [429, 500, 502, 503, 504] {
            assert!(error(busy).unwrap().retryable(), "{busy}");
        }
        for answer in [200, 206, 304, 400, 403, 404, 412, 416, 501] {
            assert!(error(answer).is_none(), "{answer}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let mut o = S3Options::new("b");
        o.credentials = S3Credentials::Given { access_key: "id".into(), secret_key: "hush".into() };
        assert!(!format!("{o:?}").contains("hush"));
    }
}
