-- By which token a trial's newest lease was taken, and which epoch that is of: a version that does not keep it raises the epoch alone,
-- and what is here is then an older lease's.
ALTER TABLE trials ADD COLUMN token TEXT;
ALTER TABLE trials ADD COLUMN token_epoch BIGINT NOT NULL DEFAULT 0;
