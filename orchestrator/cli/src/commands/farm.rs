//! Commands that ask a server: jobs, tokens, tenants, workers. And how a server is found.

use std::{io::ErrorKind, path::PathBuf, process::ExitCode, time::Duration};

use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use stakeout_client::{Client, ClientError, ClientOptions};
use stakeout_contract::api::{
    access::{AuditEntry, Me, NewToken, Quota, Tenant, TenantSpec, Token, TokenSpec, Usage},
    fleet::WorkerDoc,
    hooks::{Delivery, HookSpec, NewHook},
    jobs::Job,
    page::Page,
};

use stakeout_server::seal::read_secret;

use crate::{
    args::farm::{Bound, CancelArgs, JobsArgs, ServerArgs, TenantCommand, TenantPut, TokenCommand, WorkersCommand},
    exit::Failure,
    output, places,
};

/// The config file.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Config {
    server: Option<String>,
    token: Option<String>,
    token_file: Option<PathBuf>,
    ca: Option<PathBuf>,
}

/// A failure of a call: what the server refused is wrong usage, the rest is not.
pub(crate) fn failed(e: ClientError) -> Failure {
    match &e {
        ClientError::Problem(p) if p.status < 500 && p.status != 429 => Failure::usage(e),
        ClientError::Setting(_) | ClientError::File { .. } => Failure::usage(e),
        _ => Failure::other(e),
    }
}

fn config() -> Result<Config, Failure> {
    let Some((path, chosen)) = places::config() else { return Ok(Config::default()) };
    let bad = |e: String, hint: &str| Failure::hint(format!("`{}` cannot be read: {e}", path.display()), hint);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound && !chosen => return Ok(Config::default()),
        Err(e) => return Err(bad(e.to_string(), "check STAKEOUT_CONFIG and that you may read it")),
    };
    let config: Config =
        serde_norway::from_str(&text).map_err(|e| bad(e.to_string(), "it may hold `server:`, `token:`, `tokenFile:` and `ca:`"))?;
    if config.token.is_some() {
        read_secret(&path)
            .map_err(|e| bad(e.to_string(), "it holds a token: give it the mode 0600, or put the token into a `tokenFile:`"))?;
    }
    Ok(config)
}

/// A client by options, environment and config file, in this order.
pub(crate) fn client(a: &ServerArgs, patience: Duration) -> Result<Client, Failure> {
    let config = config()?;
    let server = a.server.clone().or(config.server).ok_or_else(|| {
        Failure::hint(
            "no server is named",
            "give `--server URL`, set STAKEOUT_SERVER, or write `server:` into ~/.config/stakeout/config.yaml",
        )
    })?;
    let read = |p: &PathBuf| {
        read_secret(p).map_err(|e| {
            let hint = "check `--token-file`: the file is nobody else's to read (mode 0600)";
            Failure::hint(format!("the token file `{}` cannot be read: {e}", p.display()), hint)
        })
    };
    let env = std::env::var("STAKEOUT_TOKEN").ok().filter(|t| !t.is_empty());
    let token = match (&a.token_file, env, config.token, &config.token_file) {
        (Some(p), ..) | (None, None, None, Some(p)) => read(p)?,
        (None, Some(t), ..) | (None, None, Some(t), _) => t,
        _ => {
            return Err(Failure::hint(
                "there is no token",
                "set STAKEOUT_TOKEN, give `--token-file FILE`, or write `token:` into ~/.config/stakeout/config.yaml; an admin makes one with `stakeout token new`",
            ));
        }
    };
    let ca = a.ca.clone().or(config.ca);
    Client::new(&ClientOptions { server, token, ca, patience }).map_err(failed)
}

/// A client that waits half a minute for a server that does not answer.
pub(crate) fn usual(a: &ServerArgs) -> Result<Client, Failure> {
    client(a, Duration::from_secs(30))
}

fn table(head: &[&str]) -> Table {
    let mut t = Table::new();
    t.load_preset(UTF8_BORDERS_ONLY);
    t.set_header(head.to_vec());
    t
}

/// Milliseconds of 1970 as people read them.
pub(crate) fn when(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |t| t.strftime("%Y-%m-%d %H:%MZ").to_string())
}

/// A job's outcome in words; nothing is ever called clean.
pub(crate) fn outcome(j: &Job) -> String {
    match j.outcome.as_ref().map(|o| o.exit_code) {
        None => String::new(),
        Some(0) => "nothing observed, see the bounds".to_owned(),
        Some(10) => "found".to_owned(),
        Some(11) => "inconclusive".to_owned(),
        Some(12) => "too few trials ended".to_owned(),
        Some(13) => "sent while nobody used it".to_owned(),
        Some(n) => n.to_string(),
    }
}

fn query(pairs: &[(&str, Option<String>)]) -> String {
    let given = pairs.iter().filter_map(|(k, v)| v.as_ref().map(|v| (*k, v)));
    // Only its query is used.
    reqwest::Url::parse_with_params("http://server/", given).ok().and_then(|u| u.query().map(str::to_owned)).unwrap_or_default()
}

/// A list of a server, or its first so many, page by page.
async fn listed<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    filter: &[(&str, Option<String>)],
    most: usize,
) -> Result<Vec<T>, Failure> {
    let (mut all, mut cursor) = (Vec::new(), None);
    while all.len() < most {
        let n = (most - all.len()).min(200).to_string();
        let q = query(&[filter, &[("limit", Some(n)), ("cursor", cursor)]].concat());
        let page: Page<T> = client.get(&format!("{path}?{q}")).await.map_err(failed)?;
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(all)
}

pub(crate) async fn jobs(a: JobsArgs) -> Result<ExitCode, Failure> {
    let client = usual(&a.server)?;
    let filter = [("state", a.state.clone()), ("tag", a.tag.clone()), ("package", a.package.clone())];
    let all: Vec<Job> = listed(&client, "v1/jobs", &filter, a.limit as usize).await?;
    if a.json {
        output::json(&all)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut t = table(&["job", "submitted", "app", "scenario", "device", "state", "trials", "outcome"]);
    for j in &all {
        let c = j.trials;
        let state = format!("{:?}", j.state).to_lowercase();
        let done = format!("{} of {}", c.finished + c.failed + c.cancelled, c.all);
        t.add_row([
            j.id.to_string(),
            when(j.created_ms),
            output::plain(&j.package),
            j.scenario.clone(),
            j.device.clone(),
            state,
            done,
            outcome(j),
        ]);
    }
    output::line(&t.to_string())?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn cancel(a: CancelArgs) -> Result<ExitCode, Failure> {
    let client = usual(&a.server)?;
    for id in &a.jobs {
        let j: Job = client.call(reqwest::Method::POST, &format!("v1/jobs/{id}/cancel"), &json!({})).await.map_err(failed)?;
        say!("{id}: {:?}, {} trials run until their workers let go", j.state, j.trials.running);
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn token(c: TokenCommand) -> Result<ExitCode, Failure> {
    match c {
        TokenCommand::Me { server } => output::json(&usual(&server)?.get::<Me>("v1/me").await.map_err(failed)?)?,
        TokenCommand::New { role, label, days, tenant, quiet, server } => {
            let spec = TokenSpec { role, label, days: Some(days), tenant };
            let new: NewToken = usual(&server)?.call_once(reqwest::Method::POST, "v1/tokens", &spec).await.map_err(failed)?;
            if !quiet {
                let until = new.token.expires_ms.map_or_else(|| "for ever".to_owned(), |t| format!("until {}", when(t)));
                say!("{} of `{}`, {}, {until}; it is shown this once", new.token.id, new.token.tenant, role.as_str());
            }
            output::line(&new.secret)?;
        }
        TokenCommand::List { server, json } => {
            let tokens: Vec<Token> = listed(&usual(&server)?, "v1/tokens", &[], usize::MAX).await?;
            if json {
                output::json(&tokens)?;
                return Ok(ExitCode::SUCCESS);
            }
            let mut t = table(&["token", "role", "label", "made", "last used", "ends"]);
            for k in &tokens {
                let ends = match (k.revoked_ms, k.expires_ms) {
                    (Some(r), _) => format!("taken back {}", when(r)),
                    (None, Some(e)) => when(e),
                    (None, None) => "never".to_owned(),
                };
                let used = k.last_used_ms.map_or_else(|| "never".to_owned(), when);
                t.add_row([k.id.to_string(), k.role.as_str().to_owned(), output::plain(&k.label), when(k.created_ms), used, ends]);
            }
            output::line(&t.to_string())?;
        }
        TokenCommand::Revoke { id, server } => {
            usual(&server)?.ask(reqwest::Method::DELETE, &format!("v1/tokens/{id}")).await.map_err(failed)?;
            say!("{id} counts no more");
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn tenant(c: TenantCommand) -> Result<ExitCode, Failure> {
    match c {
        TenantCommand::Put(a) => {
            output::json(&usual(&a.server)?.change_tenant(&a.id, |now| changed(now, &a)).await.map_err(failed)?)?;
        }
        TenantCommand::List { server, json } => {
            let page: Page<Tenant> = usual(&server)?.get("v1/tenants").await.map_err(failed)?;
            if json {
                output::json(&page.items)?;
                return Ok(ExitCode::SUCCESS);
            }
            let mut t = table(&["tenant", "name", "weight", "own workers only", "kept for days", "made"]);
            for k in &page.items {
                let kept = k.retention_days.map_or_else(|| "ever".to_owned(), |d| d.to_string());
                t.add_row([
                    k.id.to_string(),
                    output::plain(&k.name),
                    k.weight.to_string(),
                    k.own_workers_only.to_string(),
                    kept,
                    when(k.created_ms),
                ]);
            }
            output::line(&t.to_string())?;
        }
        TenantCommand::Usage { server } => output::json(&usual(&server)?.get::<Usage>("v1/usage").await.map_err(failed)?)?,
        TenantCommand::Audit { tenant, server } => return audit(tenant, &server).await,
        TenantCommand::Hook { url, tag, server } => {
            let new: NewHook =
                usual(&server)?.call_once(reqwest::Method::POST, "v1/webhooks", &HookSpec { url, tag }).await.map_err(failed)?;
            say!("the secret is shown this once: keep it to check signatures");
            output::json(&new)?;
        }
        TenantCommand::Deliveries { hook, server } => {
            let told: Vec<Delivery> = listed(&usual(&server)?, &format!("v1/webhooks/{hook}/deliveries"), &[], usize::MAX).await?;
            output::json(&told)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A tenant with what was given; the rest as it is, or as a new tenant's.
fn changed(now: Option<Tenant>, a: &TenantPut) -> TenantSpec {
    fn bound<T: Copy>(given: Option<Bound<T>>, now: Option<T>) -> Option<T> {
        given.map_or(now, Bound::value)
    }
    let (name, weight, quota, own, kept) = now.map_or_else(
        || (String::new(), 1, Quota::default(), false, None),
        |t| (t.name, t.weight, t.quota, t.own_workers_only, t.retention_days),
    );
    TenantSpec {
        id: a.id.clone(),
        name: a.name.clone().unwrap_or(name),
        weight: a.weight.unwrap_or(weight),
        quota: Quota {
            running_trials: bound(a.running_trials, quota.running_trials),
            waiting_trials: bound(a.waiting_trials, quota.waiting_trials),
            trials_a_day: bound(a.trials_a_day, quota.trials_a_day),
            slot_hours_a_day: bound(a.slot_hours_a_day, quota.slot_hours_a_day),
            bytes: bound(a.bytes, quota.bytes),
            requests_a_minute: bound(a.requests_a_minute, quota.requests_a_minute),
        },
        own_workers_only: a.own_workers_only.unwrap_or(own),
        retention_days: bound(a.retention_days, kept),
    }
}

/// Exports a chain as lines of JSON, and says whether it holds.
async fn audit(tenant: Option<stakeout_contract::TenantId>, server: &ServerArgs) -> Result<ExitCode, Failure> {
    let client = usual(server)?;
    let (mut after, mut all) = ("0".to_owned(), Vec::<AuditEntry>::new());
    loop {
        let q = query(&[("after", Some(after)), ("limit", Some("1000".to_owned())), ("tenant", tenant.as_ref().map(ToString::to_string))]);
        let page: Page<AuditEntry> = client.get(&format!("v1/audit?{q}")).await.map_err(failed)?;
        for e in &page.items {
            output::line(&serde_json::to_string(e).map_err(Failure::other)?)?;
        }
        all.extend(page.items);
        match page.next {
            Some(n) => after = n,
            None => break,
        }
    }
    match AuditEntry::broken(None, &all) {
        None => {
            say!("{} entries, the chain holds", all.len());
            Ok(ExitCode::SUCCESS)
        }
        Some(number) => Err(Failure::other(anyhow::anyhow!("the chain breaks at entry {number}: an entry was changed or is missing"))),
    }
}

pub(crate) async fn workers(c: WorkersCommand) -> Result<ExitCode, Failure> {
    let (a, what) = match c {
        WorkersCommand::List { server, json } => {
            let page: Page<WorkerDoc> = usual(&server)?.get("v1/workers").await.map_err(failed)?;
            if json {
                output::json(&page.items)?;
            } else {
                output::line(&workers_table(&page.items))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        WorkersCommand::Drain(a) => (a, "drain"),
        WorkersCommand::Quarantine(a) => (a, "quarantine"),
        WorkersCommand::Activate(a) => (a, "activate"),
    };
    let w: WorkerDoc =
        usual(&a.server)?.call(reqwest::Method::POST, &format!("v1/workers/{}/{what}", a.id), &json!({})).await.map_err(failed)?;
    say!("{} is {:?}, {} trials run there", w.id, w.mode, w.running);
    Ok(ExitCode::SUCCESS)
}

fn workers_table(all: &[WorkerDoc]) -> String {
    let mut t = table(&["worker", "host", "mode", "alive", "trials", "devices", "troubles"]);
    for w in all {
        let devices: Vec<String> = w
            .abilities
            .devices
            .iter()
            .map(|(k, apis)| format!("{k} {}", apis.iter().map(u32::to_string).collect::<Vec<_>>().join("/")))
            .collect();
        t.add_row([
            w.id.to_string(),
            output::plain(&w.host.host),
            format!("{:?}", w.mode).to_lowercase(),
            if w.alive { "yes".to_owned() } else { format!("no, last {}", when(w.last_seen_ms)) },
            format!("{} of {}", w.running, w.abilities.slots),
            devices.join(", "),
            output::plain(&w.host.troubles.join("; ")),
        ]);
    }
    t.to_string()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn put(options: &[&str]) -> TenantPut {
        let cli = Cli::try_parse_from([&["stakeout", "tenant", "put", "acme"], options].concat());
        match cli.map(|c| c.command) {
            Ok(Command::Tenant(TenantCommand::Put(a))) => *a,
            other => panic!("{:?}", other.err()),
        }
    }

    #[test]
    fn a_tenant_keeps_what_is_not_given() {
        let new = changed(None, &put(&["--name", "Acme", "--running-trials", "8", "--slot-hours-a-day", "24", "--own-workers-only"]));
        let quota = Quota { running_trials: Some(8), slot_hours_a_day: Some(24), ..Quota::default() };
        assert_eq!((new.weight, new.own_workers_only, &new.quota), (1, true, &quota));
        let now = Tenant {
            id: new.id.clone(),
            name: new.name.clone(),
            weight: 3,
            quota: Quota { bytes: Some(1000), ..new.quota.clone() },
            own_workers_only: true,
            retention_days: Some(180),
            created_ms: 0,
        };
        let same = changed(Some(now.clone()), &put(&[]));
        assert_eq!((same.name.as_str(), same.weight, same.retention_days, same.own_workers_only), ("Acme", 3, Some(180), true));
        assert_eq!(same.quota, now.quota);
        let other = changed(Some(now), &put(&["--weight", "2", "--bytes", "none", "--retention-days", "none", "--own-workers-only=false"]));
        assert_eq!((other.weight, other.quota.bytes, other.quota.running_trials), (2, None, Some(8)));
        assert_eq!((other.retention_days, other.own_workers_only), (None, false));
    }

    #[test]
    fn a_bound_is_a_number_or_none() {
        for bad in ["-1", "many", ""] {
            assert!(Cli::try_parse_from(["stakeout", "tenant", "put", "acme", "--bytes", bad]).is_err(), "{bad}");
        }
    }
}
