//! Servers of others that tests need, each private to its test: started from this machine's packages, gone with the value.
//!
//! [`postgres::Postgres`] is a PostgreSQL of its own: a new folder, a port that nobody has, no password and no other address than
//! 127.0.0.1. Nothing here is for anything but tests.

pub mod postgres;
