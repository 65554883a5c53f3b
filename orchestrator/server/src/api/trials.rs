//! Trials of a job.

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
};
use stakeout_bundle::receipt::Receipt;
use stakeout_contract::{
    JobId, Sha256Digest, TrialId,
    api::{
        access::Role,
        jobs::{ArtifactDoc, Trial},
        page::{Page, PageQuery},
    },
};
use stakeout_feed::TrialKey;
use stakeout_store::{JobRow, TrialFull};

use super::{
    App,
    auth::Caller,
    idempotency::tagged,
    page::{self, TrialNumber},
    problem::Answer,
    read::{Args, At, within},
    spec::{Needs, Routes, op},
};

pub(crate) fn routes(r: &mut Routes) {
    let reader = Needs::Role(Role::Reader);
    r.add(
        op(Method::GET, "/v1/jobs/{job}/trials", "listTrials", reader, "A job's trials, by number")
            .more("Without logs, and each with at most 100 of its artifacts: a trial by itself has all.")
            .query::<PageQuery>()
            .gives::<Page<Trial>>(200, "Trials"),
        list,
    );
    r.add(op(Method::GET, "/v1/trials/{trial}", "getTrial", reader, "A trial").gives::<Trial>(200, "The trial").tagged(), get);
}

/// A trial as people see it. Its key is committed to in each epoch, and shown in the bundle only.
pub(crate) fn doc(job: &JobRow, t: &TrialFull) -> Trial {
    let root = Receipt::root(&job.secret, &job.spec.nonce);
    let committed = || Sha256Digest::from_bytes(TrialKey::derive(&root, t.id.as_str(), t.row.epoch.0).commitment());
    let artifacts = t.completion.iter().flat_map(|c| &c.record.artifacts);
    Trial {
        id: t.id.clone(),
        job: t.job.clone(),
        number: t.number,
        state: t.row.state,
        epoch: t.row.epoch,
        worker: t.row.worker.clone(),
        end: t.completion.as_ref().map(|c| c.record.end.clone()).or_else(|| t.ended.clone()),
        commitment: (t.row.epoch.0 > 0).then(committed),
        artifacts: artifacts.map(|a| ArtifactDoc { sha256: a.sha256, role: a.role, name: a.name.clone(), bytes: a.size }).collect(),
        artifacts_left_out: 0,
    }
}

/// Artifacts of a trial that a list shows.
const LISTED: usize = 100;

/// The same for a list: a trial may have left twenty thousand files, and its log is megabytes.
fn short(mut t: Trial) -> Trial {
    t.artifacts_left_out = t.artifacts.len().saturating_sub(LISTED) as u64;
    t.artifacts.truncate(LISTED);
    t.artifacts.shrink_to_fit();
    if let Some(end) = &mut t.end {
        end.log = String::new();
    }
    t
}

/// Trials that are read at a time.
const AT_A_TIME: u32 = 8;

async fn list(
    State(app): State<App>,
    Extension(c): Extension<Caller>,
    At(id): At<JobId>,
    Args(q): Args<PageQuery>,
) -> Answer<Json<Page<Trial>>> {
    let n = within("limit", q.limit, 50, 200)?;
    let mut after = page::read::<TrialNumber>(q.cursor.as_deref())?.map_or(0, |TrialNumber(at)| at);
    let job = app.service().store().job(Some(c.tenant()), &id).await?;
    let mut items: Vec<Trial> = Vec::new();
    // One more than is shown says whether there is another page.
    while items.len() <= n as usize {
        // Whole completions are read, and few of them are in memory at a time.
        let left = n + 1 - items.len() as u32;
        let some = app.service().store().trials_after(&id, after, left.min(AT_A_TIME)).await?;
        let Some(last) = some.last() else { break };
        after = last.number;
        items.extend(some.iter().map(|t| short(doc(&job, t))));
    }
    Ok(Json(page::of(items, n, |t| TrialNumber(t.number))))
}

async fn get(State(app): State<App>, Extension(c): Extension<Caller>, At(id): At<TrialId>, headers: HeaderMap) -> Answer<Response> {
    let t = app.service().store().trial(Some(c.tenant()), &id).await?;
    let job = app.service().store().job(Some(c.tenant()), &t.job).await?;
    tagged(&headers, &doc(&job, &t))
}
