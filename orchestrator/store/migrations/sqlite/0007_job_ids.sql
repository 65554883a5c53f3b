-- Ids that jobs have, or had: the secret of an offered job follows from its id, and is public when the job has ended. So nobody gets
-- an id again while its offer could be taken up, not even when the job is gone.
CREATE TABLE job_ids (
    id TEXT PRIMARY KEY,
    taken INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX job_ids_by_age ON job_ids (taken);
INSERT INTO job_ids (id, taken) SELECT id, created FROM jobs WHERE created > (SELECT max(created) FROM jobs) - 86400000;
