//! The scenes, each a cell: what comes in which order, a whole trial, what is refused, what is granted, what a broken worker
//! does.

mod after;
mod common;
mod granted;
mod hostile;
mod life;
mod order;
mod refusals;
mod sensors;
mod states;

use crate::check::Scene;

/// All of them, in the order in which they are walked.
pub(crate) fn all() -> Vec<Scene> {
    vec![order::scene(), life::scene(), refusals::scene(), granted::scene(), hostile::scene()]
}
