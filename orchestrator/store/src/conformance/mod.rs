//! What every store must do. A store's own tests call [`all`] with an empty store; it panics at the first difference.
//!
//! Each room has its tenants and its workers, so that no case meets another's trials.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

mod access;
mod bounds;
mod ends;
mod fleet;
mod ids;
mod leases;
mod library;
mod listing;
pub mod sample;
mod streams;
mod together;
mod turns;

use crate::Store;

/// Runs every case. The store must be empty.
///
/// # Panics
/// When the store does not do what it must.
pub async fn all(store: &dyn Store) {
    // Fair sharing looks at all tenants that wait, so it comes while there are no others.
    leases::all(store).await;
    together::all(store).await;
    listing::all(store).await;
    streams::all(store).await;
    ends::all(store).await;
    access::all(store).await;
    library::all(store).await;
    fleet::all(store).await;
    bounds::all(store).await;
    turns::all(store).await;
    ids::all(store).await;
}
