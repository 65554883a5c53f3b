//! A job's trials, a few at a time: each may have a completion of a hundred megabytes.

use stakeout_contract::JobId;

use super::{
    Backend, Db,
    row::{columns, trial_of},
};
use crate::{StoreError, TrialFull};

/// See [`crate::Jobs::trials_after`].
pub(super) async fn trials_after(store: &Backend, job: &JobId, number: u32, most: u32) -> Result<Vec<TrialFull>, StoreError> {
    let rows = all!(
        store.reader().await?,
        "read some trials",
        concat!("SELECT ", columns!(trials), " FROM trials WHERE job = $1 AND number > $2 ORDER BY number LIMIT $3"),
        job.as_str(),
        i64::from(number),
        i64::from(most)
    )?;
    rows.iter().map(trial_of).collect()
}
