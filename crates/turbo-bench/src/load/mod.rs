//! The parts of `turbo-load`: what to send ([`plan`]), what is right ([`check`]), what is counted ([`totals`]), and
//! the two kinds of client ([`http`], [`websocket`]), which [`run`] starts.

pub mod check;
pub mod clock;
pub mod http;
pub mod plan;
pub mod run;
pub mod totals;
pub mod turn;
pub mod websocket;
