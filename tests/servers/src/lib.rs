//! Real servers for tests: started on a free port of the loopback, killed and removed when they are dropped.
//!
//! A test that speaks with the program that an operator will run finds what a stand-in agrees with. Each server here is one
//! value: while it lives, it answers; when it goes, also by a panic, its processes are killed and its folder is removed. The
//! programs come from `scripts/setup.sh`; a missing one is an error that says so, and no test is left out in silence.
//!
//! Not for production, and not for containers: these are plain processes of the machine that runs the tests.
//!
//! Read first: [`s3::S3Server`], [`postgres::Postgres`].

pub mod disk;
pub mod postgres;
pub mod s3;
