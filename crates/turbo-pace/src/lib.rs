//! Where a callable that may block runs: inline on the event loop's thread, or on a thread pool.
//!
//! Knows neither threads nor Python: the caller reports how long each call took, a [`Policy`] says where
//! the next one goes.
#![forbid(unsafe_code)]

mod counts;
pub mod policy;

pub use policy::{Mode, Policy, Snapshot, State};
