//! The API from the outside: what the command line and workers say to a server.
//!
//! [`Client`] is a server's address and a token, and turns documents into requests and answers into documents or a
//! [`ClientError`] that says what a caller can do: the server's own problem document, or that it cannot be reached. Calls that
//! may be repeated are repeated for a while when the server does not answer or says that it cannot now (503, 429).
//!
//! [`upload`] sends files in parts and goes on after an interruption; [`events`] follows a job and misses nothing;
//! [`worker::Remote`] is the orchestrator as a worker sees it, over HTTP.
//!
//! It decides nothing and keeps nothing. Read first: [`Client`], [`ClientError`].

pub mod events;
pub mod upload;
pub mod worker;

mod client;
mod tenants;

pub use client::{Client, ClientError, ClientOptions, add_headers};
