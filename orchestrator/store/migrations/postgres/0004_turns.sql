-- Tenants take turns with their due jobs.
DROP INDEX jobs_due;
CREATE INDEX jobs_due ON jobs (tenant, due, id) WHERE due IS NOT NULL;

-- Webhooks take turns: until when one is being told something, and when that was last.
ALTER TABLE hooks ADD COLUMN busy BIGINT NOT NULL DEFAULT 0;
ALTER TABLE hooks ADD COLUMN served BIGINT NOT NULL DEFAULT 0;
CREATE INDEX deliveries_turn ON deliveries (hook, next) WHERE state = 'waiting';
