-- From one host's jobs to a farm's: tenants and what is theirs. What was there before is the tenant's `farm`.
-- Tables that others refer to are widened where they are: to drop one would delete what refers to it.

DROP INDEX trials_by_state;

CREATE TABLE tenants (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    weight INTEGER NOT NULL,
    quota TEXT NOT NULL,
    most_running INTEGER,
    own_workers_only INTEGER NOT NULL,
    retention_days INTEGER,
    created INTEGER NOT NULL
) STRICT;

-- Virtual time of fair sharing. Soft: losing the last of it costs a moment of fairness.
CREATE TABLE shares (
    tenant TEXT PRIMARY KEY,
    time INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    role TEXT NOT NULL,
    label TEXT NOT NULL,
    hash TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    revoked INTEGER,
    used INTEGER
) STRICT;
CREATE INDEX tokens_by_tenant ON tokens (tenant, id);

CREATE TABLE requests (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status INTEGER,
    body TEXT,
    created INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_by_age ON requests (created);

-- The end of each tenant's chain of audit: who locks it may add to the chain.
CREATE TABLE chains (
    tenant TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    hash TEXT
) STRICT;

CREATE TABLE audit (
    tenant TEXT NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    token TEXT,
    action TEXT NOT NULL,
    thing TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (tenant, number)
) STRICT;

-- A day of a tenant is in several rows, so that trials that end at once do not wait for each other.
CREATE TABLE usage_days (
    tenant TEXT NOT NULL,
    day INTEGER NOT NULL,
    shard INTEGER NOT NULL,
    jobs INTEGER NOT NULL,
    trials INTEGER NOT NULL,
    slot_ms INTEGER NOT NULL,
    cpu_ms INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (tenant, day, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE new_apps (
    tenant TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    splits TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    facts TEXT NOT NULL,
    package TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (tenant, sha256)
) STRICT;
INSERT INTO new_apps (tenant, sha256, splits, bytes, facts, package, created)
    SELECT 'farm', sha256, '[]', 0, facts, coalesce(json_extract(facts, '$.package'), ''), created FROM apps;
DROP TABLE apps;
ALTER TABLE new_apps RENAME TO apps;
CREATE INDEX apps_by_age ON apps (tenant, created, sha256);

CREATE TABLE scenarios (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT;

CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    trial TEXT,
    bytes INTEGER NOT NULL,
    here INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    complete INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
CREATE INDEX uploads_by_end ON uploads (expires);
CREATE INDEX uploads_by_trial ON uploads (trial, sha256) WHERE trial IS NOT NULL;

CREATE TABLE upload_parts (
    upload TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    part TEXT NOT NULL,
    PRIMARY KEY (upload, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE blobs (
    tenant TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    given INTEGER NOT NULL,
    PRIMARY KEY (tenant, sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX blobs_by_age ON blobs (given);

-- What keeps a blob: an app, a trial or a job of its tenant (`app:…`, `trial:…`, `job:…`).
CREATE TABLE holds (
    tenant TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    holder TEXT NOT NULL,
    PRIMARY KEY (tenant, sha256, holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX holds_by_holder ON holds (holder);

ALTER TABLE jobs ADD COLUMN tenant TEXT NOT NULL DEFAULT 'farm';
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
ALTER TABLE jobs ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN sealed BLOB;
ALTER TABLE jobs ADD COLUMN ended INTEGER;
ALTER TABLE jobs ADD COLUMN delete_after INTEGER;
ALTER TABLE jobs ADD COLUMN delete_at INTEGER;
ALTER TABLE jobs ADD COLUMN own INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN app TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN package TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN api INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN trials INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN queued INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN running INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN finished INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN events INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN due INTEGER;
ALTER TABLE jobs ADD COLUMN reused TEXT;
ALTER TABLE jobs ADD COLUMN outcome TEXT;
ALTER TABLE jobs ADD COLUMN report TEXT;
UPDATE jobs SET
    app = json_extract(spec, '$.app'),
    package = coalesce(json_extract(spec, '$.facts.package'), ''),
    device = json_extract(spec, '$.device'),
    api = coalesce(json_extract(spec, '$.scenario.device.api'), 34),
    -- Nobody asks for the answer of a job that was not told apart by its engine.
    fingerprint = lower(hex(randomblob(32))),
    trials = (SELECT count(*) FROM trials t WHERE t.job = jobs.id),
    queued = (SELECT count(*) FROM trials t WHERE t.job = jobs.id AND t.state = 'queued'),
    running = (SELECT count(*) FROM trials t WHERE t.job = jobs.id AND t.state IN ('leased', 'running')),
    finished = (SELECT count(*) FROM trials t WHERE t.job = jobs.id AND t.state = 'finished'),
    failed = (SELECT count(*) FROM trials t WHERE t.job = jobs.id AND t.state = 'failed'),
    cancelled = (SELECT count(*) FROM trials t WHERE t.job = jobs.id AND t.state = 'cancelled');
-- When they ended was not kept.
UPDATE jobs SET ended = created WHERE state IN ('finished', 'failed', 'cancelled');
UPDATE jobs SET due = created WHERE ended IS NULL AND queued + running = 0;
CREATE INDEX jobs_by_tenant ON jobs (tenant, id);
CREATE INDEX jobs_by_package ON jobs (tenant, package, id);
CREATE INDEX jobs_by_app ON jobs (tenant, app, id);
CREATE INDEX jobs_same ON jobs (tenant, fingerprint, id);
CREATE INDEX jobs_open ON jobs (tenant, device, api) WHERE ended IS NULL;
CREATE INDEX jobs_due ON jobs (due) WHERE due IS NOT NULL;
CREATE INDEX jobs_outdated ON jobs (delete_at) WHERE delete_at IS NOT NULL;
CREATE INDEX jobs_by_end ON jobs (tenant, ended) WHERE ended IS NOT NULL AND delete_at IS NULL;

CREATE TABLE tags (
    tenant TEXT NOT NULL,
    tag TEXT NOT NULL,
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant, tag, job)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_by_job ON tags (job);

ALTER TABLE trials ADD COLUMN tenant TEXT NOT NULL DEFAULT 'farm';
ALTER TABLE trials ADD COLUMN scenario TEXT NOT NULL DEFAULT '';
ALTER TABLE trials ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trials ADD COLUMN own INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trials ADD COLUMN failed_on TEXT NOT NULL DEFAULT '[]';
ALTER TABLE trials ADD COLUMN leased INTEGER;
ALTER TABLE trials ADD COLUMN done INTEGER;
ALTER TABLE trials ADD COLUMN slot_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trials ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trials ADD COLUMN digest TEXT;
-- Index of trials by job is there from before.
UPDATE trials SET
    scenario = coalesce((SELECT json_extract(j.spec, '$.scenario.name') FROM jobs j WHERE j.id = trials.job), ''),
    slot_ms = coalesce(CAST(json_extract(completion, '$.record.cost.wall_seconds') * 1000 AS INTEGER), 0),
    kept = coalesce(json_extract(completion, '$.record.cost.kept_bytes'), 0),
    done = (SELECT j.created FROM jobs j WHERE j.id = trials.job AND trials.state IN ('finished', 'failed', 'cancelled'));
-- A lease is one probe of this, whatever waits behind it.
CREATE INDEX trials_queued ON trials (tenant, own, device, api, priority DESC, id) WHERE state = 'queued';
CREATE INDEX trials_held ON trials (expires) WHERE state IN ('leased', 'running');
CREATE INDEX trials_held_by_tenant ON trials (tenant) WHERE state IN ('leased', 'running');
CREATE INDEX trials_held_by_worker ON trials (worker) WHERE state IN ('leased', 'running');
CREATE INDEX trials_pace ON trials (device, scenario, done DESC) WHERE state = 'finished';

-- Observations and findings are not copied: an event of `kind` observations names its lines, one of findings its trial.
CREATE TABLE events (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    trial TEXT,
    epoch INTEGER,
    first INTEGER,
    lines INTEGER,
    what TEXT,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE workers (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    mode TEXT NOT NULL,
    abilities TEXT NOT NULL,
    slots INTEGER NOT NULL,
    host TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) STRICT;
CREATE INDEX workers_by_tenant ON workers (tenant, id);

CREATE TABLE hooks (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    url TEXT NOT NULL,
    tag TEXT,
    sealed BLOB NOT NULL,
    created INTEGER NOT NULL
) STRICT;
CREATE INDEX hooks_by_tenant ON hooks (tenant, id);

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    hook TEXT NOT NULL REFERENCES hooks (id) ON DELETE CASCADE,
    job TEXT NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    next INTEGER,
    status INTEGER,
    error TEXT NOT NULL,
    created INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX deliveries_by_hook ON deliveries (hook, id);
CREATE INDEX deliveries_waiting ON deliveries (next) WHERE state = 'waiting';

-- The bytes that trials of before left.
INSERT INTO blobs (tenant, sha256, bytes, given)
    SELECT 'farm', json_extract(a.value, '$.sha256'), max(json_extract(a.value, '$.size')), max(j.created)
    FROM trials t JOIN jobs j ON j.id = t.job, json_each(t.completion, '$.record.artifacts') a
    WHERE t.completion IS NOT NULL GROUP BY 2;
INSERT OR IGNORE INTO holds (tenant, sha256, holder)
    SELECT 'farm', json_extract(a.value, '$.sha256'), 'trial:' || t.id
    FROM trials t, json_each(t.completion, '$.record.artifacts') a WHERE t.completion IS NOT NULL;
INSERT OR IGNORE INTO holds (tenant, sha256, holder) SELECT 'farm', sha256, 'trial:' || trial FROM artifacts;
