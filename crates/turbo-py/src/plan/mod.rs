//! Route plans: what `turboapi.plans` compiled, run without FastAPI's framework layer.
