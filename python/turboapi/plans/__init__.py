"""Route plans: FastAPI's own routes, compiled for the engine.

The one package that touches FastAPI's internals. What it cannot prove to be the same is left to FastAPI.
"""
