//! What the guest's camera and microphone are given.
//!
//! The guest asks over a pipe of its own and a thread of its own answers, next to the guest and not in it: the keys stay
//! here, and the log of what was given is ours, so `delivered` does not rest on the guest's word. Its times do: a guest
//! that asks for another frame than its clock shows gets it, if it is inside of the [`crate::core::window::Window`].

mod log;
mod request;
mod server;

pub use log::{Deliveries, Key, Run};
pub use request::{Ask, Format, Request};
pub use server::{FeedServer, SharedDeliveries, SharedFeeds, SharedWindow, feeds, keys};
