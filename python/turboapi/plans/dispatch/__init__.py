"""`@app.middleware("http")` and `BaseHTTPMiddleware`, run without Starlette's task group and memory streams.

`install.install_dispatch` puts a `substitute.Substitute` in front of every such middleware of an application;
`install.dispatch_report` says which, for `explain`.
"""
