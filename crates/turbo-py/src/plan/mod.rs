//! Route plans: what `turboapi.plans` compiled, run without FastAPI's framework layer.

pub(crate) mod encode;
pub(crate) mod extract;
pub(crate) mod pace;
