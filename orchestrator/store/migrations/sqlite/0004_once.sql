-- A claim is one try to do a request: who was overtaken cannot answer for the other.
ALTER TABLE requests ADD COLUMN claim TEXT NOT NULL DEFAULT '';

-- Leases that were lost or failed, and leases in all: the epoch says neither, workers that are told to stop raise it too.
ALTER TABLE trials ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trials ADD COLUMN leases INTEGER NOT NULL DEFAULT 0;
UPDATE trials SET leases = epoch;

-- Kinds of workers have virtual times of their own, under ids that no tenant has; this is where each begins.
INSERT INTO shares (tenant, time) SELECT '', max(time) FROM shares HAVING count(*) > 0;

-- How often a decision was begun.
ALTER TABLE jobs ADD COLUMN decide_tries INTEGER NOT NULL DEFAULT 0;

-- Since when a delivery is tried: a replay begins its day anew.
ALTER TABLE deliveries ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
UPDATE deliveries SET since = created;
CREATE INDEX deliveries_by_job ON deliveries (job);
CREATE INDEX deliveries_by_age ON deliveries (since);

-- How long trials take is told to their own tenant.
DROP INDEX trials_pace;
CREATE INDEX trials_pace ON trials (tenant, device, scenario, done DESC) WHERE state = 'finished';
