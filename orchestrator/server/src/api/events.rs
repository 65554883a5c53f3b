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
    JobId,
    api::{access::Role, events::Event, page::Page},
};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::{
    App,
    auth::Caller,
    problem::Answer,
    read::{self, Args, At},
    spec::{Needs, Routes, op},
};
use crate::http::Stopping;

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
            .more("Each event's `id` is its number; a client that comes back with `Last-Event-ID` misses nothing. The stream ends when the job has ended.")
            .header("Last-Event-ID", "The last number that was seen", false)
            .query::<EventQuery>()
            .gives_bytes(200, "text/event-stream", "Events, each with an `Event` as its data"),
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
    /// The next event; none when the job has ended and all was told, the store fails or the server stops: the client comes back.
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
            let store = self.app.service().store();
            // The state first: an event that comes between the two is in what is read after it.
            let ended = store.job(None, &self.job).await.ok()?.state.is_final();
            self.buffer = store.events(&self.job, self.after, 200).await.ok()?.into();
            if self.buffer.is_empty() {
                self.ended = ended;
                if !ended {
                    self.wait().await;
                }
            }
        }
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
    let after = read::number(&headers, "last-event-id")?.unwrap_or(u64::from(q.after));
    let woken = app.service().woken();
    let stopping = stopping.map(|Extension(Stopping(s))| s).unwrap_or_default();
    let following = Following { app, job: id, after, buffer: std::collections::VecDeque::new(), woken, stopping, ended: false };
    let events = stream::unfold(following, Following::next);
    let mut r = Stream::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response();
    // A proxy must not keep events back.
    r.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    r.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(r)
}
