//! Faults of order: an old request after newer ones, a completion after its lease was lost.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use rand::{
    Rng,
    rngs::StdRng,
    seq::{IndexedRandom, SliceRandom},
};
use stakeout_client::Client;
use stakeout_contract::{TrialId, api::jobs::Trial, trial::TrialState};

use crate::late::{Late, Net, Taking};

/// What late requests were answered, and what is known by it.
#[derive(Default)]
pub(crate) struct Answers {
    pub(crate) counts: BTreeMap<String, u32>,
    /// Completions that were acknowledged to nobody but us.
    pub(crate) completed: Vec<(TrialId, u32)>,
}

/// Calls of a lease that change something.
const CALLS: &[&str] = &["renew", "observations", "progress", "artifacts", "complete"];

/// Takes some requests, waits until they are old, and delivers them to any of the servers.
pub(crate) async fn once(taking: Taking, net: &Net, ports: &[u16], admin: &Client, rng: &mut StdRng, answers: &mut Answers) -> Result<()> {
    if taking == Taking::Held {
        net.take(taking, &["complete"], 1);
    } else {
        // Of all calls together it would be the first that a worker makes, and the same when it is repeated.
        let call = CALLS.choose(rng).copied().unwrap_or("renew");
        net.take(taking, &[call], rng.random_range(1..5));
    }
    // While the lease lives, or after its trial's end or its next lease.
    let soon = taking != Taking::Held && rng.random_ratio(1, 2);
    let began = Instant::now();
    while !net.full() && began.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // What was being taken just now is there by then.
    tokio::time::sleep(Duration::from_millis(rng.random_range(300..1500))).await;
    let mut late = net.stop();
    let until = Instant::now() + Duration::from_secs(30);
    for l in late.iter().filter(|_| !soon) {
        while !moved(l, &read(admin, l).await?) && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    late.shuffle(rng);
    for l in late {
        let (call, trial, epoch) = (l.call.clone(), l.trial.clone(), l.epoch);
        let before = read(admin, &l).await?;
        let status = l.deliver(ports[rng.random_range(0..ports.len())]).await?;
        let when = judge(&call, epoch, &before, status)?;
        if call == "complete" && status == 204 {
            answers.completed.push((trial, epoch));
        }
        *answers.counts.entry(format!("{call} {when}: {status}")).or_default() += 1;
    }
    Ok(())
}

async fn read(admin: &Client, l: &Late) -> Result<Trial> {
    Ok(admin.get(&format!("v1/trials/{}", l.trial)).await?)
}

/// Whether nothing more may be written by this lease.
fn moved(l: &Late, t: &Trial) -> bool {
    t.state.is_final() || t.epoch.0 > l.epoch
}

/// When it came, in words; an error if it was taken and must not be, or the other way round.
fn judge(call: &str, epoch: u32, before: &Trial, status: u16) -> Result<&'static str> {
    let when = match (before.epoch.0 > epoch, before.state.is_final()) {
        (true, _) => "of an older lease",
        (false, true) => "after the end",
        (false, false) => "in its lease",
    };
    // The same completion again is no error.
    let same = call == "complete" && before.epoch.0 == epoch && before.state == TrialState::Finished;
    let right = match when {
        "in its lease" => status < 500,
        _ if same => status == 204,
        _ => status == 409,
    };
    if !right {
        bail!("`{call}` of epoch {epoch} came late, and was answered {status}; its trial was {before:?}");
    }
    Ok(when)
}
