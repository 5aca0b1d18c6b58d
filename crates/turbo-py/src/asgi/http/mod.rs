//! One HTTP request and its response: the state that the app and the connection share ([`state`]),
//! the app's two callables on it ([`cycle`], [`awaiting`]), and what hyper reads and writes
//! ([`inbound`], [`body`], [`response`]).

mod awaiting;
mod body;
mod cycle;
mod inbound;
mod response;
mod state;

pub(crate) use self::body::{Collected, Gathered, RequestBody, discard, gather};
pub(crate) use self::cycle::{Answered, Facts, HttpCycle};
pub(crate) use self::inbound::Inbound;
pub(crate) use self::response::{ResponseBody, assemble, plain_text};
pub(crate) use self::state::{HIGH_WATER, Head, LOW_WATER, Length, Rest, State, is_bodiless};
