"""FastAPI apps on a Rust engine."""
