"""`@app.middleware("http")` and `BaseHTTPMiddleware`, run without Starlette's task group and memory streams.

`install_dispatch` puts a `Substitute` in front of every such middleware of an application; `dispatch_report`
says which, for `explain`.
"""
