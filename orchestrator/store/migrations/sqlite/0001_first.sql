CREATE TABLE apps (
    sha256 TEXT PRIMARY KEY,
    facts TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    spec TEXT NOT NULL,
    secret BLOB NOT NULL,
    state TEXT NOT NULL,
    created INTEGER NOT NULL,
    result TEXT
) STRICT;

CREATE TABLE trials (
    id TEXT PRIMARY KEY,
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    device TEXT NOT NULL,
    api INTEGER NOT NULL,
    state TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    worker TEXT,
    expires INTEGER,
    cancel INTEGER NOT NULL,
    completion TEXT,
    ended TEXT
) STRICT;

CREATE INDEX trials_by_state ON trials (state, id);
CREATE INDEX trials_by_job ON trials (job, number);

-- What a worker streams belongs to its epoch: a later lease starts anew, and an old one cannot add to it.
CREATE TABLE observations (
    trial TEXT NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    line INTEGER NOT NULL,
    observation TEXT NOT NULL,
    PRIMARY KEY (trial, epoch, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE artifacts (
    trial TEXT NOT NULL REFERENCES trials (id) ON DELETE CASCADE,
    epoch INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (trial, epoch, sha256)
) STRICT, WITHOUT ROWID;
