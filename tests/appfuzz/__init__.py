"""Differential fuzzing: generated FastAPI apps and requests, the engine against FastAPI on uvicorn."""
