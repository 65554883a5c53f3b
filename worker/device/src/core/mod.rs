//! What every kind of device has in common.

pub mod blobs;
pub mod guest;
pub mod limits;
pub mod lines;
pub mod order;
pub mod outbox;
pub mod serve;
pub mod window;
