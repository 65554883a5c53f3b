-- What a lease has written, and which epoch that is counted for.
ALTER TABLE trials ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trials ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trials ADD COLUMN artifacts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trials ADD COLUMN artifact_bytes INTEGER NOT NULL DEFAULT 0;

-- Bytes of a stream up to the end of this line.
ALTER TABLE observations ADD COLUMN upto INTEGER NOT NULL DEFAULT 0;

-- Uploads count against their tenant's quota, those of artifacts against their trial's bounds, until they are ended.
CREATE INDEX uploads_open ON uploads (tenant, trial) WHERE complete = 0;
