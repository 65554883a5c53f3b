//! Whose uploads are copied to this server's disk, to be read as an app.
//!
//! A copy is as large as an app may be, and an app is read by one of few children: a request that waits for one must have copied
//! nothing yet. Each tenant's requests wait for one another first, so that many of one keep no other's waiting.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use stakeout_contract::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Copies at once: as many as apps are read at once.
const AT_ONCE: usize = 2;

/// Gives turns.
#[derive(Debug)]
pub(crate) struct Turns {
    places: Arc<Semaphore>,
    /// Of each tenant that has a turn, or waits for one.
    tenants: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

/// One's turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _own: Option<OwnedSemaphorePermit>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)), tenants: Mutex::default() }
    }
}

impl Turns {
    /// Waits until it is this tenant's turn.
    pub(crate) async fn take(&self, tenant: &TenantId) -> Turn {
        // Neither is ever closed.
        let own = self.of(tenant).acquire_owned().await.ok();
        let place = self.places.clone().acquire_owned().await.ok();
        Turn { _own: own, _place: place }
    }

    fn of(&self, tenant: &TenantId) -> Arc<Semaphore> {
        let mut all = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        // Who holds or waits has a reference of its own.
        all.retain(|_, s| Arc::strong_count(s) > 1);
        all.entry(tenant.clone()).or_insert_with(|| Arc::new(Semaphore::new(1))).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_of_one_tenant_keep_no_other_waiting_and_two_have_a_turn_at_once() {
        let turns = Turns::default();
        let [a, b, c]: [TenantId; 3] = ["a", "b", "c"].map(|t| t.parse().unwrap());
        let soon = async |tenant: &TenantId| timeout(Duration::from_secs(1), turns.take(tenant)).await.ok();
        let first = soon(&a).await.unwrap();
        assert!(soon(&a).await.is_none(), "it waits for its own");
        let other = soon(&b).await.unwrap();
        assert!(soon(&c).await.is_none(), "there are two places");
        drop(first);
        let third = soon(&c).await.unwrap();
        assert!(soon(&a).await.is_none());
        drop((other, third));
        let _again = soon(&a).await.unwrap();
        turns.of(&a);
        assert_eq!(turns.tenants.lock().unwrap().len(), 1, "who has no turn and waits for none is forgotten");
    }
}
