//! Commands of a farm: its server, its workers, and those who use it.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use stakeout_contract::{HookId, JobId, TenantId, TokenId, WorkerId, api::access::Role};

use super::{Device, Feed, frida::FridaArgs, walls::WallArgs};

/// Which server, and with which token.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ServerArgs {
    /// The server's address; else STAKEOUT_SERVER, else `server:` of ~/.config/stakeout/config.yaml
    #[arg(long, value_name = "URL", env = "STAKEOUT_SERVER")]
    pub server: Option<String>,
    /// A file with the token; else STAKEOUT_TOKEN, else `token:` or `tokenFile:` of the config file
    #[arg(long, value_name = "FILE", env = "STAKEOUT_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// A certificate authority (PEM) to trust besides the system's
    #[arg(long, value_name = "FILE", env = "STAKEOUT_CA")]
    pub ca: Option<PathBuf>,
}

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Args)]
#[command(after_long_help = "Examples:
  stakeout serve --with-worker
      a farm on this host: SQLite and a folder in STAKEOUT_DATA, one worker; the first admin token is in STAKEOUT_DATA/admin.token
  stakeout serve --listen 0.0.0.0:8443 --tls-cert fullchain.pem --tls-key key.pem \\
      --store postgres://stakeout@db/stakeout --blobs 's3://evidence/lab?region=eu-central-1'
      one of several orchestrators; give all the same --key and --seal-key

docs/operations.md says more: sizes, upgrade, backup, what to watch.")]
pub(crate) struct ServeArgs {
    /// Where the API and the pages are served
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT", env = "STAKEOUT_LISTEN")]
    pub listen: SocketAddr,
    /// How clients reach it, where that is not --listen; `https://` makes cookies for TLS only
    #[arg(long, value_name = "URL", env = "STAKEOUT_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// A file for SQLite, or postgres://..; STAKEOUT_DATA/farm.db if not given
    #[arg(long, value_name = "PATH|URL", env = "STAKEOUT_STORE", hide_env_values = true)]
    pub store: Option<String>,
    /// A folder for artifacts, or s3://bucket/prefix?endpoint=..&region=..; STAKEOUT_DATA/artifacts if not given
    #[arg(long, value_name = "DIR|URL", env = "STAKEOUT_BLOBS")]
    pub blobs: Option<String>,
    /// The operator's key, which signs bundles; made if missing
    #[arg(long, value_name = "FILE", env = "STAKEOUT_KEY")]
    pub key: Option<PathBuf>,
    /// 64 hexadecimal digits that seal secrets in the store; the same on all orchestrators; made if missing
    #[arg(long, value_name = "FILE", env = "STAKEOUT_SEAL_KEY")]
    pub seal_key: Option<PathBuf>,
    /// 64 hexadecimal digits that encrypt artifacts at rest, with a key of its own for each tenant; none: they are not encrypted
    #[arg(long, value_name = "FILE", env = "STAKEOUT_BLOB_KEY")]
    pub blob_key: Option<PathBuf>,
    /// The first admin token of the tenant `farm`: counts if the file is there, else one is made and written there
    #[arg(long, value_name = "FILE", env = "STAKEOUT_ADMIN_TOKEN_FILE")]
    pub admin_token_file: Option<PathBuf>,
    /// The server's certificate chain, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key", env = "STAKEOUT_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", env = "STAKEOUT_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// A proxy in front speaks TLS: cookies are for TLS only
    #[arg(long, env = "STAKEOUT_BEHIND_PROXY")]
    pub behind_proxy: bool,
    /// Where Prometheus reads /metrics; none: nowhere
    #[arg(long, value_name = "ADDRESS:PORT", env = "STAKEOUT_METRICS")]
    pub metrics: Option<SocketAddr>,
    /// A worker in the same process, for a farm of one host; fails if this host cannot be one
    #[arg(long)]
    pub with_worker: bool,
    #[command(flatten)]
    pub frida: FridaArgs,
    #[command(flatten)]
    pub walls: WallArgs,
    /// The worker of --with-worker lets no app reach the internet: it gives trials of `live` back
    #[arg(long, env = "STAKEOUT_NO_LIVE")]
    pub no_live: bool,
    /// Webhooks may go to private addresses and by plain HTTP
    #[arg(long, env = "STAKEOUT_ALLOW_PRIVATE_HOOKS")]
    pub allow_private_hooks: bool,
    /// A worker that is not heard of for so long has lost its trial
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=3600), env = "STAKEOUT_LEASE_SECONDS", value_name = "SECONDS")]
    pub lease_seconds: u64,
    /// Largest app with its splits, MiB
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=8192), env = "STAKEOUT_APP_MIB")]
    pub app_mib: u64,
    /// Log lines
    #[arg(long, default_value = "text", env = "STAKEOUT_LOG_FORMAT")]
    pub log: LogFormat,
}

#[derive(Args)]
#[command(after_long_help = "Example:
  STAKEOUT_TOKEN=stk_.. stakeout work --server https://farm.example
      an admin made the token with `stakeout token new --role worker`

SIGTERM or Ctrl-C: what runs is ended, nothing new is leased. A second one: what runs is given back at once.
The worker's host is the boundary between tenants: see docs/operations.md, `What a worker can reach`.")]
pub(crate) struct WorkArgs {
    #[command(flatten)]
    pub server: ServerArgs,
    /// Trials at a time; 0: as many as memory and processors allow
    #[arg(long, default_value_t = 0, env = "STAKEOUT_SLOTS")]
    pub slots: u32,
    /// Only these kinds of device; all whose images are here if not given
    #[arg(long, value_delimiter = ',', value_name = "KIND", env = "STAKEOUT_DEVICE")]
    pub device: Vec<Device>,
    /// Folder for what trials leave until it is handed in; the engine must see it under the same path
    #[arg(long, value_name = "DIR", env = "STAKEOUT_WORKER_CACHE")]
    pub cache: Option<PathBuf>,
    /// The worker's id; kept in --cache if not given
    #[arg(long, value_name = "ID")]
    pub name: Option<WorkerId>,
    #[command(flatten)]
    pub frida: FridaArgs,
    #[command(flatten)]
    pub walls: WallArgs,
    /// Lets no app reach the internet: gives trials of `live` back
    #[arg(long, env = "STAKEOUT_NO_LIVE")]
    pub no_live: bool,
    /// Takes no trial while less than so many GiB of disk are free
    #[arg(long, default_value_t = 5, env = "STAKEOUT_DISK_GIB")]
    pub disk_gib: u64,
    /// Log lines
    #[arg(long, default_value = "text", env = "STAKEOUT_LOG_FORMAT")]
    pub log: LogFormat,
}

#[derive(Args)]
#[command(after_long_help = "Examples:
  stakeout submit app.apk --server https://farm.example --watch
  stakeout submit apks/ --scenario idle-overnight --tag batch-7 --key batch-7
      every .apk below a folder, one progress; the same --key again goes on after an interruption
  stakeout submit app.apk --reuse allow --json
      answered by a job of before if the tenant has one

Settings: --server, --token-file, or ~/.config/stakeout/config.yaml with `server:` and `token:`.

Exit codes: 0 taken (with --watch: as `stakeout run`), 1 not all were taken or anything else, 2 wrong usage or input, \
130 interrupted.")]
pub(crate) struct SubmitArgs {
    /// APKs, or folders with them
    #[arg(required = true, value_name = "APK|DIR")]
    pub apps: Vec<PathBuf>,
    #[command(flatten)]
    pub server: ServerArgs,
    /// A split of the app (one app only); may be given more than once
    #[arg(long, value_name = "APK")]
    pub split: Vec<PathBuf>,
    /// A scenario: a name that the server has, or a file
    #[arg(long, default_value = "idle-demo", value_name = "NAME|FILE")]
    pub scenario: String,
    /// What runs the app
    #[arg(long, default_value = "jvm")]
    pub device: Device,
    /// API level, instead of the scenario's
    #[arg(long)]
    pub api: Option<u32>,
    /// How often, instead of the scenario's number
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub trials: Option<u32>,
    /// How pictures are coded
    #[arg(long, default_value = "pattern")]
    pub feed: Feed,
    /// Larger is earlier within the tenant
    #[arg(long, default_value_t = 0, allow_hyphen_values = true, value_parser = clap::value_parser!(i32).range(-100..=100))]
    pub priority: i32,
    /// For finding the jobs again; may be given more than once
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// A secret that the scenario types: NAME=env:VARIABLE or NAME=file:PATH
    #[arg(long, value_name = "NAME=SOURCE")]
    pub secret: Vec<String>,
    /// Whether a job of before may answer: never, allow, require
    #[arg(long, default_value = "never")]
    pub reuse: ReuseArg,
    /// Delete the job so many days after its end
    #[arg(long, value_name = "DAYS")]
    pub delete_after: Option<u32>,
    /// Put the APK into the bundle
    #[arg(long)]
    pub with_app: bool,
    /// Text that makes this submit the same as an earlier one with it; drawn, and said for a folder, if not given
    #[arg(long, value_name = "TEXT")]
    pub key: Option<String>,
    /// Folder for the signed receipts, `JOB.receipt.json`: keep them, `verify --receipt` wants them
    #[arg(long, default_value = "stakeout-receipts", value_name = "DIR")]
    pub receipts: PathBuf,
    /// Only say what it would cost and how long it would wait
    #[arg(long, conflicts_with = "watch")]
    pub estimate: bool,
    /// Follow the job until it has ended, then exit as `stakeout run` does (one app only)
    #[arg(long)]
    pub watch: bool,
    /// The rung from which something in an idle state fails, with --watch
    #[arg(long, default_value = "opened", value_name = "RUNG")]
    pub fail_on: stakeout_contract::Rung,
    /// JSON on standard output: one document, or one a line for several apps
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ReuseArg {
    /// Run it
    Never,
    /// An answer of before, if there is one
    Allow,
    /// An answer of before, or nothing
    Require,
}

#[derive(Args)]
pub(crate) struct JobsArgs {
    #[command(flatten)]
    pub server: ServerArgs,
    /// In this state: queued, running, finished, failed, cancelled
    #[arg(long)]
    pub state: Option<String>,
    /// With this tag
    #[arg(long)]
    pub tag: Option<String>,
    /// Of this package
    #[arg(long)]
    pub package: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    pub limit: u32,
    /// One JSON document on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_long_help = "Exit codes: 0, 10, 11, 12, 13 as `stakeout run`; 2 wrong usage, or refused by the server; 1 anything else; \
130 interrupted (the job goes on; `stakeout cancel` gives it up).")]
pub(crate) struct WatchArgs {
    /// The job
    pub job: JobId,
    #[command(flatten)]
    pub server: ServerArgs,
    /// The rung from which something in an idle state fails
    #[arg(long, default_value = "opened", value_name = "RUNG")]
    pub fail_on: stakeout_contract::Rung,
    /// Each event as a line of JSON on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(crate) struct CancelArgs {
    /// Jobs
    #[arg(required = true)]
    pub jobs: Vec<JobId>,
    #[command(flatten)]
    pub server: ServerArgs,
}

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Who one is
    Me {
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Make a token; its text is shown this once
    New {
        /// What it may do: admin, submitter, reader, worker
        #[arg(long, value_parser = role)]
        role: Role,
        /// What it is for
        #[arg(long, default_value = "")]
        label: String,
        /// Days until it ends
        #[arg(long, default_value_t = 90)]
        days: u32,
        /// Of which tenant (operators only)
        #[arg(long)]
        tenant: Option<TenantId>,
        /// Print only the token's text
        #[arg(long)]
        quiet: bool,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// List tokens of the tenant
    List {
        #[command(flatten)]
        server: ServerArgs,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// Take a token back
    Revoke {
        /// Its id
        id: TokenId,
        #[command(flatten)]
        server: ServerArgs,
    },
}

fn role(text: &str) -> Result<Role, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|_| "it is admin, submitter, reader or worker".to_owned())
}

/// A bound that is set or taken away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bound<T> {
    None,
    At(T),
}

impl<T> Bound<T> {
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::None => None,
            Self::At(v) => Some(v),
        }
    }
}

impl<T: std::str::FromStr> std::str::FromStr for Bound<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            _ => text.parse().map(Self::At).map_err(|_| "it is a number, or `none`".to_owned()),
        }
    }
}

#[derive(Args)]
#[command(after_long_help = "Examples:
  stakeout tenant put acme --name 'Acme research' --running-trials 8 --bytes 500000000000 --retention-days 180
  stakeout tenant put acme --weight 2 --bytes none
      another share, and no bound of bytes any more; all else stays as it is")]
pub(crate) struct TenantPut {
    /// Its id
    pub id: TenantId,
    /// For people
    #[arg(long)]
    pub name: Option<String>,
    /// Share of the farm: 1 to 1000, 1 for a new tenant
    #[arg(long)]
    pub weight: Option<u32>,
    /// Trials that run at a time, or `none`: not bounded
    #[arg(long, value_name = "N|none")]
    pub running_trials: Option<Bound<u32>>,
    /// Trials that wait
    #[arg(long, value_name = "N|none")]
    pub waiting_trials: Option<Bound<u32>>,
    /// Trials a day
    #[arg(long, value_name = "N|none")]
    pub trials_a_day: Option<Bound<u32>>,
    /// Hours of workers' slots a day
    #[arg(long, value_name = "N|none")]
    pub slot_hours_a_day: Option<Bound<u32>>,
    /// Bytes kept
    #[arg(long, value_name = "N|none")]
    pub bytes: Option<Bound<u64>>,
    /// Requests a minute, at each orchestrator: two of them let twice as many pass
    #[arg(long, value_name = "N|none")]
    pub requests_a_minute: Option<Bound<u32>>,
    /// Its trials run only on workers of its own; `=false` takes it back
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "true|false")]
    pub own_workers_only: Option<bool>,
    /// Days that its things are kept, or `none`: for ever
    #[arg(long, value_name = "N|none")]
    pub retention_days: Option<Bound<u32>>,
    #[command(flatten)]
    pub server: ServerArgs,
}

#[derive(Subcommand)]
pub(crate) enum TenantCommand {
    /// Make a tenant, or change it
    Put(Box<TenantPut>),
    /// List tenants
    List {
        #[command(flatten)]
        server: ServerArgs,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// What the tenant used
    Usage {
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Export what was done, and check that the chain holds
    Audit {
        /// Of which tenant (operators only)
        #[arg(long)]
        tenant: Option<TenantId>,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Tell a webhook when a job ends; prints its id and secret
    Hook {
        /// Where
        url: String,
        /// Only jobs with this tag
        #[arg(long)]
        tag: Option<String>,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// What a webhook was told
    Deliveries {
        /// Its id
        hook: HookId,
        #[command(flatten)]
        server: ServerArgs,
    },
}

#[derive(Subcommand)]
pub(crate) enum WorkersCommand {
    /// List workers
    List {
        #[command(flatten)]
        server: ServerArgs,
        /// One JSON document on standard output
        #[arg(long)]
        json: bool,
    },
    /// It ends what it has and gets no more
    Drain(WorkerArgs),
    /// It gets no more, and nothing more is taken from it
    Quarantine(WorkerArgs),
    /// It gets trials again
    Activate(WorkerArgs),
}

#[derive(Args)]
pub(crate) struct WorkerArgs {
    /// The worker
    pub id: WorkerId,
    #[command(flatten)]
    pub server: ServerArgs,
}
