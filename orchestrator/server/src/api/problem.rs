//! Errors as answers.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use stakeout_blobs::{BlobError, no_room};
use stakeout_contract::api::problem::{Code, Problem};
use stakeout_domain::lease::Refused;
use stakeout_store::{OverQuota, StoreError};

use crate::{ServiceError, intake::IntakeError, service::now, worker_port::chain};

/// A problem as an answer.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) problem: Box<Problem>,
    /// Seconds after which trying again may help.
    pub(crate) retry_after: Option<u64>,
}

/// What handlers give.
pub(crate) type Answer<T> = Result<T, Failed>;

impl Failed {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Problem::new(code, detail).into()
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.problem.hint = Some(hint.into());
        self
    }

    pub(crate) fn at(mut self, at: impl Into<String>) -> Self {
        self.problem.at = Some(at.into());
        self
    }

    pub(crate) const fn retry(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(crate) fn not_found(what: &str, id: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no {what} `{id}`"))
    }

    /// An offer that cannot be taken up. The same whether it was taken up, by whomever, is over, or was never made: who did not make it
    /// learns nothing about another's job.
    fn offer(job: &str) -> Self {
        let detail = format!("the offer of `{job}` is not valid: it was taken up, is over, or was never made");
        Self::new(Code::Conflict, detail).at("offer").hint("ask for another: `POST /v1/offers`")
    }

    pub(crate) fn value(at: &str, detail: impl Into<String>) -> Self {
        Self::new(Code::BadValue, detail).at(at)
    }
}

impl From<Problem> for Failed {
    fn from(p: Problem) -> Self {
        Self { problem: Box::new(p), retry_after: None }
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.problem).unwrap_or_default();
        let mut r = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(s) = self.retry_after {
            r.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(s));
        }
        if status == StatusCode::UNAUTHORIZED {
            r.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        r
    }
}

/// Our fault: the log has all of it, the caller only that it happened.
pub(crate) fn internal(e: &dyn std::error::Error) -> Failed {
    tracing::error!(error = chain(e), "a request failed");
    Failed::new(Code::Internal, "the server failed; its log says why")
}

fn unavailable(e: &dyn std::error::Error, what: &str) -> Failed {
    tracing::error!(error = chain(e), what, "a request could not be served");
    Failed::new(Code::Unavailable, format!("{what} does not answer")).hint("try again").retry(5)
}

/// Somebody must make room: until then it fails again, and nothing is lost.
fn full(e: &dyn std::error::Error, what: &str) -> Failed {
    tracing::error!(error = chain(e), what, "there is no room");
    Failed::new(Code::Full, format!("{what} is full")).hint("its operator makes room; try again then").retry(60)
}

impl From<StoreError> for Failed {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::NotFound { what, id } => Self::not_found(what, &id),
            StoreError::Refused(why @ Refused::NotAnEnd(_)) => Self::value("record.end.state", why.to_string()),
            StoreError::Refused(why) => Self::new(Code::LeaseLost, why.to_string()).hint("stop writing to this trial"),
            StoreError::InUse { .. } => Self::new(Code::Conflict, e.to_string()).hint("wait until its jobs have ended, or cancel them"),
            StoreError::Changed { .. } => Self::new(Code::Conflict, e.to_string()).hint("read it again"),
            StoreError::Used { id, .. } => Self::offer(&id),
            StoreError::Busy { .. } => Self::new(Code::Unavailable, e.to_string()).retry(2),
            StoreError::OverQuota(over) => over.into(),
            StoreError::Database { .. } if e.is_full() => full(&e, "the database"),
            // No status that asks to try again: it would be refused as well.
            StoreError::OverBudget(over) => {
                Self::new(Code::TooLarge, over.to_string()).hint("a worker of this version has narrower bounds of its own: update it")
            }
            StoreError::Database { .. } => unavailable(&e, "the database"),
            StoreError::BadRow { .. } => internal(&e),
        }
    }
}

/// A day's quota is mended by time, and says when.
impl From<OverQuota> for Failed {
    fn from(over: OverQuota) -> Self {
        let refused = Self::new(Code::Quota, over.to_string());
        match over {
            OverQuota::Waiting { .. } => refused.hint("wait until some have run, or cancel jobs").retry(60),
            OverQuota::TrialsADay { .. } | OverQuota::SlotHoursADay { .. } => {
                let day = 24 * 3600 * 1000;
                refused.retry((day - now().rem_euclid(day)) as u64 / 1000 + 1)
            }
            OverQuota::Bytes { .. } => refused.hint("end or delete open uploads, delete jobs and apps, or ask for more"),
            OverQuota::Uploads { .. } => refused.hint("end or delete some (`DELETE /v1/uploads/{upload}`), or wait a day"),
            OverQuota::Scenarios { .. } => refused.hint("delete some, or give jobs the text of theirs"),
            OverQuota::Tokens { .. } => refused.hint("take back those that nobody uses, or give them fewer days"),
            OverQuota::Deliveries { .. } => refused.hint("wait until some were told, or delete the webhook that does not hear").retry(600),
        }
    }
}

impl From<BlobError> for Failed {
    fn from(e: BlobError) -> Self {
        match e {
            BlobError::NotFound(d) => Self::not_found("blob", &d.to_string()),
            BlobError::Damaged { .. } | BlobError::Torn { .. } | BlobError::Key { .. } => internal(&e),
            BlobError::Range { .. } => Self::new(Code::Range, e.to_string()),
            BlobError::Mismatch { .. } => Self::new(Code::Digest, e.to_string()),
            BlobError::Full(_) => full(&e, "the artifact storage"),
            BlobError::File { .. } if e.is_full() => full(&e, DISK),
            BlobError::Input(_) => Self::new(Code::BadRequest, "the body ended before its time"),
            _ => unavailable(&e, "the artifact storage"),
        }
    }
}

impl From<IntakeError> for Failed {
    fn from(e: IntakeError) -> Self {
        match e {
            IntakeError::Scenario(p) => Self::new(Code::BadScenario, p.to_string()),
            IntakeError::NoSecret(name) => Self::value("secrets", format!("the scenario types the secret `{name}`, which was not given"))
                .hint(format!("add `{name}` to `secrets`")),
            IntakeError::BadSecret { name, why, hint } => Self::value("secrets", format!("the secret `{name}` {why}")).hint(hint),
            IntakeError::NotUsable { what, hint, .. } => Self::new(Code::BadApp, format!("the app {what}")).hint(hint),
            IntakeError::Unreadable { .. } => internal(&e),
        }
    }
}

impl From<ServiceError> for Failed {
    fn from(e: ServiceError) -> Self {
        match e {
            ServiceError::Intake(e) => e.into(),
            ServiceError::Store(e) => e.into(),
            ServiceError::Blob(e) => e.into(),
            ServiceError::Statement(_) => {
                Self::new(Code::Conflict, e.to_string()).hint("hand in what was signed, with the key that the worker's heartbeat says")
            }
            ServiceError::OtherSplits { .. } => {
                Self::new(Code::Conflict, e.to_string()).hint("delete the app first, or give the splits that it has")
            }
            ServiceError::Offer(job) => Self::offer(job.as_str()),
            ServiceError::File { ref source, .. } if no_room(source) => full(&e, DISK),
            other => internal(&other),
        }
    }
}

/// Where uploads are taken in and bundles are made.
const DISK: &str = "the server's disk";

impl From<std::io::Error> for Failed {
    fn from(e: std::io::Error) -> Self {
        if no_room(&e) { full(&e, DISK) } else { unavailable(&e, DISK) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status that `blobs/src/error.rs` says for each.
    #[test]
    fn an_error_of_the_storage_has_the_status_that_is_said_of_it() {
        let d = stakeout_contract::Sha256Digest::of(b"");
        let of = |errno| {
            let source = Box::new(std::io::Error::from_raw_os_error(errno));
            BlobError::from(object_store::Error::Generic { store: "test", source })
        };
        let file = |errno| BlobError::File { path: "part-1".to_owned(), source: std::io::Error::from_raw_os_error(errno) };
        let mismatch = BlobError::Mismatch { wanted: d, wanted_bytes: 1, found: d, found_bytes: 2 };
        for (e, status, again) in [
            (BlobError::NotFound(d), 404, false),
            (mismatch, 422, false),
            (BlobError::Range { digest: d, from: 2, to: 1, bytes: 1 }, 416, false),
            (of(28), 507, true),
            (of(110), 503, true),
            (file(28), 507, true),
            (file(5), 503, true),
        ] {
            let f = Failed::from(e);
            assert_eq!((f.problem.status, f.retry_after.is_some()), (status, again), "{f:?}");
        }
    }

    #[tokio::test]
    async fn a_full_database_is_told_from_one_that_does_not_answer() {
        use sqlx::{Connection, Executor};
        let mut full = sqlx::SqliteConnection::connect("sqlite::memory:").await.unwrap();
        full.execute("CREATE TABLE t (x BLOB); PRAGMA max_page_count = 3").await.unwrap();
        let no_room = full.execute("INSERT INTO t VALUES (zeroblob(100000))").await.unwrap_err();
        let other = full.execute("INSERT INTO nothing VALUES (1)").await.unwrap_err();
        for (source, status, wait, detail) in [
            (no_room, 507, 60, "the database is full"),
            (other, 503, 5, "the database does not answer"),
            (sqlx::Error::PoolTimedOut, 503, 5, "the database does not answer"),
        ] {
            let f = Failed::from(StoreError::Database { doing: "test", source });
            assert_eq!((f.problem.status, f.retry_after, f.problem.detail.as_str()), (status, Some(wait), detail));
            assert!(f.problem.hint.is_some());
        }
    }

    #[test]
    fn a_full_disk_is_told_from_one_that_does_not_answer() {
        for (errno, status, detail) in [(28, 507, "the server's disk is full"), (5, 503, "the server's disk does not answer")] {
            let f = Failed::from(std::io::Error::from_raw_os_error(errno));
            assert_eq!((f.problem.status, f.problem.detail.as_str()), (status, detail));
            assert!(f.problem.hint.is_some() && f.retry_after.is_some());
        }
    }
}
