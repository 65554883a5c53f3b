-- Ids, digests and words are compared by their bytes, as SQLite does, whatever the locale of the database is.
CREATE TABLE tenants (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT NOT NULL,
    weight BIGINT NOT NULL,
    quota TEXT NOT NULL,
    most_running BIGINT,
    own_workers_only BIGINT NOT NULL,
    retention_days BIGINT,
    created BIGINT NOT NULL
);

-- Virtual time of fair sharing. Soft: losing the last of it costs a moment of fairness.
CREATE TABLE shares (
    tenant TEXT COLLATE "C" PRIMARY KEY,
    time BIGINT NOT NULL
);

CREATE TABLE tokens (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    role TEXT NOT NULL,
    label TEXT NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    revoked BIGINT,
    used BIGINT
);
CREATE INDEX tokens_by_tenant ON tokens (tenant, id);

CREATE TABLE requests (
    tenant TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL,
    status BIGINT,
    body TEXT,
    created BIGINT NOT NULL,
    PRIMARY KEY (tenant, key)
);
CREATE INDEX requests_by_age ON requests (created);

-- The end of each tenant's chain of audit: who locks it may add to the chain.
CREATE TABLE chains (
    tenant TEXT COLLATE "C" PRIMARY KEY,
    number BIGINT NOT NULL,
    hash TEXT COLLATE "C"
);

CREATE TABLE audit (
    tenant TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    token TEXT,
    action TEXT NOT NULL,
    thing TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, number)
);

-- A day of a tenant is in several rows, so that trials that end at once do not wait for each other.
CREATE TABLE usage_days (
    tenant TEXT COLLATE "C" NOT NULL,
    day BIGINT NOT NULL,
    shard BIGINT NOT NULL,
    jobs BIGINT NOT NULL,
    trials BIGINT NOT NULL,
    slot_ms BIGINT NOT NULL,
    cpu_ms BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (tenant, day, shard)
);

CREATE TABLE apps (
    tenant TEXT COLLATE "C" NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    splits TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    facts TEXT NOT NULL,
    package TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (tenant, sha256)
);
CREATE INDEX apps_by_age ON apps (tenant, created, sha256);

CREATE TABLE scenarios (
    tenant TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE uploads (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    trial TEXT COLLATE "C",
    bytes BIGINT NOT NULL,
    here BIGINT NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    complete BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX uploads_by_end ON uploads (expires);
CREATE INDEX uploads_by_trial ON uploads (trial, sha256) WHERE trial IS NOT NULL;

CREATE TABLE upload_parts (
    upload TEXT COLLATE "C" NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    part TEXT NOT NULL,
    PRIMARY KEY (upload, number)
);

CREATE TABLE blobs (
    tenant TEXT COLLATE "C" NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    bytes BIGINT NOT NULL,
    given BIGINT NOT NULL,
    PRIMARY KEY (tenant, sha256)
);
CREATE INDEX blobs_by_age ON blobs (given);

-- What keeps a blob: an app, a trial or a job of its tenant (`app:…`, `trial:…`, `job:…`).
CREATE TABLE holds (
    tenant TEXT COLLATE "C" NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, sha256, holder)
);
CREATE INDEX holds_by_holder ON holds (holder);

CREATE TABLE jobs (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    spec TEXT NOT NULL,
    secret BYTEA NOT NULL,
    state TEXT NOT NULL,
    priority BIGINT NOT NULL,
    tags TEXT NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL,
    sealed BYTEA,
    created BIGINT NOT NULL,
    ended BIGINT,
    delete_after BIGINT,
    delete_at BIGINT,
    own BIGINT NOT NULL,
    app TEXT COLLATE "C" NOT NULL,
    package TEXT COLLATE "C" NOT NULL,
    device TEXT NOT NULL,
    api BIGINT NOT NULL,
    trials BIGINT NOT NULL,
    queued BIGINT NOT NULL,
    running BIGINT NOT NULL,
    finished BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    cancelled BIGINT NOT NULL,
    events BIGINT NOT NULL,
    due BIGINT,
    reused TEXT,
    result TEXT,
    outcome TEXT,
    report TEXT
) WITH (fillfactor = 80);
CREATE INDEX jobs_by_tenant ON jobs (tenant, id);
CREATE INDEX jobs_by_package ON jobs (tenant, package, id);
CREATE INDEX jobs_by_app ON jobs (tenant, app, id);
CREATE INDEX jobs_same ON jobs (tenant, fingerprint, id);
CREATE INDEX jobs_open ON jobs (tenant, device, api) WHERE ended IS NULL;
CREATE INDEX jobs_due ON jobs (due) WHERE due IS NOT NULL;
CREATE INDEX jobs_outdated ON jobs (delete_at) WHERE delete_at IS NOT NULL;
CREATE INDEX jobs_by_end ON jobs (tenant, ended) WHERE ended IS NOT NULL AND delete_at IS NULL;

CREATE TABLE tags (
    tenant TEXT COLLATE "C" NOT NULL,
    tag TEXT COLLATE "C" NOT NULL,
    job TEXT COLLATE "C" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant, tag, job)
);
CREATE INDEX tags_by_job ON tags (job);

CREATE TABLE trials (
    id TEXT COLLATE "C" PRIMARY KEY,
    job TEXT COLLATE "C" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    tenant TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    device TEXT NOT NULL,
    api BIGINT NOT NULL,
    scenario TEXT NOT NULL,
    priority BIGINT NOT NULL,
    own BIGINT NOT NULL,
    state TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    worker TEXT COLLATE "C",
    expires BIGINT,
    cancel BIGINT NOT NULL,
    failed_on TEXT NOT NULL,
    leased BIGINT,
    done BIGINT,
    slot_ms BIGINT NOT NULL,
    kept BIGINT NOT NULL,
    completion TEXT,
    digest TEXT COLLATE "C",
    ended TEXT
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
CREATE INDEX trials_by_job ON trials (job, number);
-- A lease is one probe of this, whatever waits behind it.
CREATE INDEX trials_queued ON trials (tenant, own, device, api, priority DESC, id) WHERE state = 'queued';
CREATE INDEX trials_held ON trials (expires) WHERE state IN ('leased', 'running');
CREATE INDEX trials_held_by_tenant ON trials (tenant) WHERE state IN ('leased', 'running');
CREATE INDEX trials_held_by_worker ON trials (worker) WHERE state IN ('leased', 'running');
CREATE INDEX trials_pace ON trials (device, scenario, done DESC) WHERE state = 'finished';

-- What a worker streams belongs to its epoch: a later lease starts anew, and an old one cannot add to it.
CREATE TABLE observations (
    trial TEXT COLLATE "C" NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    epoch BIGINT NOT NULL,
    line BIGINT NOT NULL,
    observation TEXT NOT NULL,
    PRIMARY KEY (trial, epoch, line)
);

CREATE TABLE artifacts (
    trial TEXT COLLATE "C" NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    epoch BIGINT NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (trial, epoch, sha256)
);

-- Observations and findings are not copied: an event of `kind` observations names its lines, one of findings its trial.
CREATE TABLE events (
    job TEXT COLLATE "C" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    trial TEXT COLLATE "C",
    epoch BIGINT,
    first BIGINT,
    lines BIGINT,
    what TEXT,
    PRIMARY KEY (job, number)
);

CREATE TABLE workers (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    mode TEXT NOT NULL,
    abilities TEXT NOT NULL,
    slots BIGINT NOT NULL,
    host TEXT NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL
);
CREATE INDEX workers_by_tenant ON workers (tenant, id);

CREATE TABLE hooks (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    url TEXT NOT NULL,
    tag TEXT,
    sealed BYTEA NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX hooks_by_tenant ON hooks (tenant, id);

CREATE TABLE deliveries (
    id TEXT COLLATE "C" PRIMARY KEY,
    hook TEXT COLLATE "C" NOT NULL REFERENCES hooks (id) ON DELETE CASCADE,
    job TEXT COLLATE "C" NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    next BIGINT,
    status BIGINT,
    error TEXT NOT NULL,
    created BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX deliveries_by_hook ON deliveries (hook, id);
CREATE INDEX deliveries_waiting ON deliveries (next) WHERE state = 'waiting';
