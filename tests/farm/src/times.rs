//! Times that must be right although clocks were set: of jobs, events, the audit, and what webhooks are told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Method;
use serde_json::json;
use stakeout_client::Client;
use stakeout_contract::{
    JobId,
    api::{access::AuditEntry, events::Event, hooks::NewHook, jobs::Job, page::Page},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{clocks::now_ms, late::Head};

/// What two clocks that are right may differ by, and how long a time may lie in a row before it is written, milliseconds.
const SLACK: i64 = 3000;
/// A webhook's receiver refuses what is dated further off (docs/farm.md), milliseconds.
const SIGNED: i64 = 300_000;

/// When the run was, by a clock that nobody sets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    from: i64,
    to: i64,
}

impl Span {
    /// From then until now.
    pub(crate) fn since(from: i64) -> Self {
        Self { from, to: now_ms() }
    }

    fn holds(self, what: &str, at: i64) -> Result<()> {
        let right = (self.from - SLACK..=self.to + SLACK).contains(&at);
        ensure!(right, "{what} is dated {at}, and the run was from {} to {}", self.from, self.to);
        Ok(())
    }

    /// A job's begin and end.
    pub(crate) fn job(self, job: &Job) -> Result<()> {
        self.holds(&format!("the begin of {}", job.id), job.created_ms)?;
        self.holds(&format!("the end of {}", job.id), job.ended_ms.context("a job without an end")?)
    }

    /// An event.
    pub(crate) fn event(self, e: &Event) -> Result<()> {
        self.holds(&format!("event {} of {}", e.number, e.job), e.at_ms)
    }

    /// The audit of the operators' tenant: its chain holds, and so do its times. How many entries.
    pub(crate) async fn audit(self, admin: &Client) -> Result<usize> {
        let mut all: Vec<AuditEntry> = Vec::new();
        loop {
            let after = all.last().map_or(0, |e| e.number);
            let page: Page<AuditEntry> = admin.get(&format!("v1/audit?after={after}&limit=1000")).await?;
            if page.items.is_empty() {
                break;
            }
            all.extend(page.items);
        }
        if let Some(number) = AuditEntry::broken(None, &all) {
            bail!("the chain of the audit is broken at {number}");
        }
        all.iter().try_for_each(|e| self.holds(&format!("entry {} of the audit", e.number), e.at_ms))?;
        Ok(all.len())
    }
}

/// A webhook's receiver: when it was told of which job, and how it was dated.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<BTreeMap<String, i64>>>);

impl Heard {
    /// Listens, and is made known to the farm.
    pub(crate) async fn start(admin: &Client) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/ended", listener.local_addr()?);
        let _: NewHook = admin.call(Method::POST, "v1/webhooks", &json!({"url": url})).await?;
        let heard = Self::default();
        let all = heard.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let all = all.clone();
                tokio::spawn(async move {
                    // Who breaks off tells it again.
                    let _ = all.one(stream).await;
                });
            }
        });
        Ok(heard)
    }

    async fn one(&self, mut stream: TcpStream) -> Result<()> {
        let (mut all, mut piece) = (Vec::new(), vec![0; 16 << 10]);
        let head = loop {
            if let Some(h) = Head::of(&all).filter(|h| all.len() >= h.bytes + h.body) {
                break h;
            }
            match stream.read(&mut piece).await? {
                0 => bail!("the request ended"),
                n => all.extend_from_slice(&piece[..n]),
            }
        };
        let text = String::from_utf8_lossy(&all[..head.bytes]).to_lowercase();
        let at = text.lines().find_map(|l| l.strip_prefix("stakeout-signature: t=")?.split(',').next()?.parse::<i64>().ok());
        let body: serde_json::Value = serde_json::from_slice(&all[head.bytes..])?;
        let job = body["job"]["id"].as_str().context("no job")?.to_owned();
        let off = at.context("no signature")? * 1000 - now_ms();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(job, off);
        Ok(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await?)
    }

    /// It is told of each job, with a date that it takes. How far off the worst is, milliseconds.
    pub(crate) async fn of(&self, jobs: &[JobId]) -> Result<i64> {
        let begin = Instant::now();
        loop {
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let missing: Vec<_> = jobs.iter().filter(|j| !all.contains_key(j.as_str())).collect();
            if missing.is_empty() {
                let worst = all.values().map(|off| off.abs()).max().unwrap_or(0);
                ensure!(worst < SIGNED, "a webhook was told with a date that is {worst} ms off: its receiver refuses that");
                return Ok(worst);
            }
            // A claim of an orchestrator that was killed lasts a minute.
            ensure!(begin.elapsed() < Duration::from_secs(120), "two minutes after the last job the webhook was not told of {missing:?}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}
