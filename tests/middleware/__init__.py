"""Stock middleware on the engine, byte for byte against uvicorn; see README.md."""
