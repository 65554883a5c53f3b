-- What a lease has written, and which epoch that is counted for.
ALTER TABLE trials ADD COLUMN counted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE trials ADD COLUMN told BIGINT NOT NULL DEFAULT 0;
ALTER TABLE trials ADD COLUMN artifacts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE trials ADD COLUMN artifact_bytes BIGINT NOT NULL DEFAULT 0;

-- Bytes of a stream up to the end of this line.
ALTER TABLE observations ADD COLUMN upto BIGINT NOT NULL DEFAULT 0;

-- Uploads count against their tenant's quota, those of artifacts against their trial's bounds, until they are ended.
CREATE INDEX uploads_open ON uploads (tenant, trial) WHERE complete = 0;
