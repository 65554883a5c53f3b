//! What went wrong, as RFC 9457 says it.

use serde::{Deserialize, Serialize};

/// A problem document, `application/problem+json`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Problem {
    /// Stable: `about:stakeout/` and a code's text. Programs decide by this one.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for each problem of this type.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What happened, to which thing.
    pub detail: String,
    /// What to try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where in the request, for what was refused: a field's name, or `line:column`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $text:literal $status:literal $title:literal;)*) => {
        /// Every type of problem.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As in `type`, without its prefix.
            pub const fn text(self) -> &'static str { match self { $(Self::$name => $text,)* } }

            /// HTTP status.
            pub const fn status(self) -> u16 { match self { $(Self::$name => $status,)* } }

            /// Title.
            pub const fn title(self) -> &'static str { match self { $(Self::$name => $title,)* } }
        }
    };
}

codes! {
    /// The request cannot be read.
    BadRequest "bad-request" 400 "the request cannot be read";
    /// No token, or one that is unknown, expired or revoked.
    Unauthorized "unauthorized" 401 "a token is needed";
    /// The token's role does not allow it.
    Forbidden "forbidden" 403 "the token's role does not allow this";
    /// There is no such thing, or it is another tenant's.
    NotFound "not-found" 404 "there is no such thing";
    /// There is no such method here.
    MethodNotAllowed "method-not-allowed" 405 "there is no such method here";
    /// The thing's state does not allow it.
    Conflict "conflict" 409 "the state of the thing does not allow this";
    /// A lease that no longer counts.
    LeaseLost "lease-lost" 409 "the lease no longer counts";
    /// The same Idempotency-Key came with another request.
    KeyReused "idempotency-key-reused" 422 "the Idempotency-Key was used for another request";
    /// `reuse: require`, and there is nothing to reuse.
    NothingToReuse "nothing-to-reuse" 409 "no job of before answers this one";
    /// What was read of a thing is not its state any more (If-Match).
    Changed "changed" 412 "the thing was changed meanwhile";
    /// The request's target is longer than any of this API.
    LongTarget "long-target" 414 "the request's target is too long";
    /// The request's header is larger than any client's of this API.
    LargeHeader "large-header" 431 "the request's header is too large";
    /// More bytes than allowed.
    TooLarge "too-large" 413 "too many bytes";
    /// The body is of another kind than this route takes.
    MediaType "media-type" 415 "the body is of another kind than this route takes";
    /// No such part of the bytes.
    Range "range" 416 "there is no such part";
    /// The app was refused.
    BadApp "bad-app" 422 "the app was refused";
    /// The scenario was refused.
    BadScenario "bad-scenario" 422 "the scenario has a mistake";
    /// A value is not allowed.
    BadValue "bad-value" 422 "a value is not allowed";
    /// The digest given is not that of the bytes.
    Digest "digest-mismatch" 422 "the bytes do not have the digest given";
    /// Too many requests; see Retry-After.
    TooMany "too-many-requests" 429 "too many requests";
    /// A quota of the tenant is used up; see Retry-After where time mends it.
    Quota "quota" 429 "a quota is used up";
    /// Our fault.
    Internal "internal" 500 "the server failed";
    /// The database or the artifact storage does not answer; see Retry-After.
    Unavailable "unavailable" 503 "the server cannot do this now";
    /// The artifact storage, the database or the server's disk is full: somebody must make room; see Retry-After.
    Full "storage-full" 507 "there is no room";
}

/// What a type begins with.
pub const TYPE_PREFIX: &str = "about:stakeout/";

impl Problem {
    /// With what happened.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("{TYPE_PREFIX}{}", code.text()),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            hint: None,
            at: None,
        }
    }

    /// And what to try.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// And where in the request.
    #[must_use]
    pub fn at(mut self, at: impl Into<String>) -> Self {
        self.at = Some(at.into());
        self
    }

    /// Which one; none: of a newer server.
    pub fn code(&self) -> Option<Code> {
        let text = self.kind.strip_prefix(TYPE_PREFIX)?;
        Code::ALL.iter().copied().find(|c| c.text() == text)
    }
}
