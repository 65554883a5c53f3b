-- A blob whose bytes are being removed since then. Whoever gives the same bytes again waits until that is done: a row says that
-- the bytes are there.
ALTER TABLE blobs ADD COLUMN dropping BIGINT;
