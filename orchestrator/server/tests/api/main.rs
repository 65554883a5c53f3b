//! The HTTP API as those outside meet it: one server (or two) on a port of its own, real requests, workers that are played.
//!
//! A farm is a [`farm::Farm`]: a store, a folder of artifacts, a router that is served, the tasks in the background. A worker is a
//! [`hand::Hand`], which speaks as a worker does and runs nothing. Each room asks one question: [`walk`] goes through every
//! route of the document as everybody who should not; [`hostile`] sends what no client sends; the others follow a thing's way.
//!
//! No Docker is needed, and no app: [`apk`] makes the smallest one that is taken.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test suite")]

mod apk;
mod books;
mod budgets;
mod copies;
mod document;
mod farm;
mod hand;
mod hooks;
mod hostile;
mod jobs;
mod leases;
mod lists;
mod memory;
mod noted;
mod numbers;
mod quotas;
mod room;
mod secrets;
mod skew;
mod statements;
mod streams;
mod submits;
mod two;
mod uploads;
mod walk;
mod wire;
