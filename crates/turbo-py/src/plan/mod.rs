//! Route plans: what `turboapi.plans` compiled, run without FastAPI's framework layer.
//!
//! A [`table`] finds the plan of a request ([`route`]) as long as nothing it was compiled from has changed
//! ([`watch`]). A native plan takes the arguments from the request ([`extract`]), makes the calls ([`program`], each
//! `def` at its own [`pace`]) and writes the answer ([`encode`]): on a request of hyper's ([`direct`]), or on an ASGI
//! scope behind middleware or where the user's code sees the request ([`asgi`]).

pub(crate) mod asgi;
mod child;
mod dictionaries;
mod direct;
pub(crate) mod encode;
pub(crate) mod extract;
mod lift;
mod member;
pub(crate) mod pace;
mod program;
mod replay;
mod route;
mod stack;
mod table;
mod watch;

pub(crate) use self::asgi::{AsgiRun, Conclusion, scoped};
pub(crate) use self::direct::{
    Answer, Attempt, Begin, Chosen, DirectTask, FirstStep, Origin, Outcome, Request, attempt,
};
pub(crate) use self::encode::{Payload, Place};
pub(crate) use self::program::Run;
pub(crate) use self::table::{PlanTable, Plans};
