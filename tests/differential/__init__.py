"""The same app and the same bytes on uvicorn and on the engine, compared byte for byte."""
