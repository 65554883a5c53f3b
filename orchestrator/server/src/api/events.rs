//! What happens in a job, as server-sent events that can be resumed.

use std::{convert::Infallible, time::Duration};

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, header},
    response::{
        IntoResponse, Response,
        sse::{Event as Sse, KeepAlive, Sse as Stream},
    },
};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use stakeout_contract::{
    JobId, TokenId,
    api::{access::Role, events::Event, page::Page, problem::Code},
};
use stakeout_store::Access;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    App,
    auth::Caller,
    problem::Answer,
    read::{self, Args, At},
    spec::{Needs, Routes, op},
    streams::{Due, Life, Place},
};
use crate::{http::Stopping, service::now};

/// From where on.
#[derive(Deserialize, Serialize, schemars::JsonSchema, Default)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EventQuery {
    /// Events after this number; 0: from the begin.
    after: u32,
    /// Items of a page, 1 to 200; 100 if not given.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
}

pub(crate) fn routes(r: &mut Routes) {
    let reader = Needs::Role(Role::Reader);
    r.add(
        op(Method::GET, "/v1/jobs/{job}/events", "streamEvents", reader, "What happens, as server-sent events")
            .more("Each event's `id` is its number; a client that comes back with `Last-Event-ID` misses nothing. The stream ends when the job has ended, and after an hour: come back then.")
            .header("Last-Event-ID", "The last number that was seen", false)
            .query::<EventQuery>()
            .gives_bytes(200, "text/event-stream", "Events, each with an `Event` as its data")
            .fails(&[Code::TooMany]),
        follow,
    );
    r.add(
        op(Method::GET, "/v1/jobs/{job}/event-list", "listEvents", reader, "What happened, in pages, the oldest first")
            .query::<EventQuery>()
            .gives::<Page<Event>>(200, "Events; `next` goes into `after`"),
        list,
    );
}

async fn list(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At(id): At<JobId>,
    Args(q): Args<EventQuery>,
) -> Answer<Json<Page<Event>>> {
    app.service().store().job(Some(c.tenant()), &id).await?;
    let most = read::within("limit", q.limit, 100, 200)?;
    let store = app.service().store();
    let items = store.events(&id, u64::from(q.after), most).await?;
    let Some(last) = items.last().map(|e| e.number) else { return Ok(Json(Page { items, next: None })) };
    // A page of large events ends early.
    let more = items.len() == most as usize || !store.events(&id, last, 1).await?.is_empty();
    Ok(Json(Page { items, next: more.then(|| last.to_string()) }))
}

struct Following {
    app: App,
    /// Counted as long as it is there.
    _place: Place,
    life: Life,
    token: TokenId,
    job: JobId,
    after: u64,
    buffer: std::collections::VecDeque<Event>,
    woken: Receiver<JobId>,
    stopping: CancellationToken,
    ended: bool,
}

/// Another orchestrator's changes are seen after so long at most.
const LOOK: Duration = Duration::from_secs(1);

impl Following {
    /// The next event; none when the job has ended and all was told, its token counts no more, it lasted long, the store fails or the
    /// server stops: the client comes back.
    async fn next(mut self) -> Option<(Result<Sse, Infallible>, Self)> {
        loop {
            if let Some(e) = self.buffer.pop_front() {
                self.after = e.number;
                let data = serde_json::to_string(&e).unwrap_or_default();
                return Some((Ok(Sse::default().id(e.number.to_string()).data(data)), self));
            }
            if self.ended || self.stopping.is_cancelled() {
                return None;
            }
            match self.life.due(Instant::now()) {
                Due::Nothing => {}
                Due::Token => self.counts().await?,
                Due::End => return None,
            }
            let store = self.app.service().store();
            // The state first: an event that comes between the two is in what is read after it.
            let (state, last) = store.progress(&self.job).await.ok()?;
            if last > self.after {
                self.buffer = store.events(&self.job, self.after, 200).await.ok()?.into();
            }
            if self.buffer.is_empty() {
                self.ended = state.is_final();
                if !self.ended {
                    self.wait().await;
                }
            }
        }
    }

    /// Whether its token may still follow.
    async fn counts(&self) -> Option<()> {
        let (row, _) = Access::token(self.app.service().store(), &self.token).await.ok()?;
        let counts = row.token.revoked_ms.is_none() && row.token.expires_ms.is_none_or(|e| e > now());
        counts.then_some(())
    }

    async fn wait(&mut self) {
        let (job, woken) = (&self.job, &mut self.woken);
        let hint = async {
            loop {
                match woken.recv().await {
                    Ok(j) if j == *job => return,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending::<()>().await,
                }
            }
        };
        tokio::select! {
            () = self.stopping.cancelled() => {}
            _ = tokio::time::timeout(LOOK, hint) => {}
        }
    }
}

async fn follow(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At(id): At<JobId>,
    Args(q): Args<EventQuery>,
    stopping: Option<Extension<Stopping>>,
    headers: HeaderMap,
) -> Answer<Response> {
    app.service().store().job(Some(c.tenant()), &id).await?;
    let place = app.streams().enter(&c)?;
    let after = read::number(&headers, "last-event-id")?.unwrap_or(u64::from(q.after));
    let woken = app.service().woken();
    let stopping = stopping.map(|Extension(Stopping(s))| s).unwrap_or_default();
    let following = Following {
        app,
        _place: place,
        life: Life::new(Instant::now()),
        token: c.token.id,
        job: id,
        after,
        buffer: std::collections::VecDeque::new(),
        woken,
        stopping,
        ended: false,
    };
    let events = stream::unfold(following, Following::next);
    let mut r = Stream::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response();
    // A proxy must not keep events back.
    r.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    r.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(r)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use stakeout_blobs::Blobs;
    use stakeout_bundle::keys::SigningKey;
    use stakeout_contract::api::access::{Role, Token};
    use stakeout_store::{
        Noted,
        conformance::sample::{insert, job, tenant_row},
        sqlite::SqliteStore,
    };

    use super::*;
    use crate::{
        Service,
        api::{ApiOptions, auth},
        seal::Sealer,
    };

    #[tokio::test]
    async fn a_stream_whose_token_was_taken_back_ends_when_that_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&dir.path().join("db")).await.unwrap();
        let service = Service::new(Arc::new(store), Blobs::folder(&dir.path().join("blobs")).unwrap(), Sealer::ephemeral().unwrap());
        let options = ApiOptions { work: dir.path().to_owned(), app_bytes: 1 << 20, secure: true, private_hooks: false };
        let app = App::new(Arc::new(service), SigningKey::load_or_create(&dir.path().join("op.pem")).unwrap(), options);
        let store = app.service().store();
        let (tenant, later) = (tenant_row("a"), now() + 86_400_000);
        store.put_tenant(&tenant, Noted::NOTHING).await.unwrap();
        let token = Token {
            id: TokenId::generate(),
            tenant: tenant.id.clone(),
            role: Role::Reader,
            label: String::new(),
            created_ms: 1,
            expires_ms: Some(later),
            revoked_ms: None,
            last_used_ms: None,
        };
        store.put_token(&auth::new_token(token.clone()).unwrap().1, Noted::NOTHING).await.unwrap();
        let j = job(&tenant.id, 1);
        insert(store, &j).await;
        let place = app.streams().enter(&Caller { token: token.clone(), tenant: tenant.clone() }).unwrap();
        let following = Following {
            app: app.clone(),
            _place: place,
            life: Life::new(Instant::now()),
            token: token.id.clone(),
            job: j.id.clone(),
            after: 0,
            buffer: std::collections::VecDeque::new(),
            woken: app.service().woken(),
            stopping: CancellationToken::new(),
            ended: false,
        };
        let (_, mut following) = following.next().await.unwrap();
        assert_eq!(following.after, 1);
        store.revoke_token(&tenant.id, &token.id, now(), Noted::NOTHING).await.unwrap();
        // A minute later.
        following.life = Life::new(Instant::now().checked_sub(Duration::from_secs(61)).unwrap());
        assert!(following.next().await.is_none());
    }
}
