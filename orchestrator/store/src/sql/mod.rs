//! The one text of SQL, compiled once for each back end: each has a `dialect` beside it, with what differs.
//!
//! Rows are locked in this order: worker, tenant (several by id), trial (several by id, or those that nobody has), blob (all of a
//! transaction at once, by tenant and digest), job (several by id), request, end of a chain of audit, then what is only counted.
//! Rows of the first kinds are not asked for while one of the later is held, so that nobody waits in a circle. Rows that a
//! transaction itself has made are nobody else's yet, and not in this. Queued trials that are leased are not waited for: those that
//! another has are passed over, so tenants may be locked in between.

mod access;
mod audit;
mod backup;
mod blobs;
mod bounds;
mod change;
mod decide;
mod deliveries;
mod end;
mod events;
mod fleet;
mod hold;
mod hooks;
mod insert;
mod jobs;
mod lease;
mod library;
mod list;
mod look;
mod next;
mod part;
mod row;
mod scenarios;
mod settle;
mod spent;
mod stream;
mod tenants;
mod together;
mod uploads;
mod usage;
mod workers;

pub(super) use decide::Turns;
pub(super) use together::Trains;

use super::dialect::{Backend, Conn, Db, DbRow, SNAPSHOT, TRACKS};
