"""What can be wrong before a server serves."""

from __future__ import annotations

STARTUP_FAILURE = 3
"""Exit code of a process whose server could not start (uvicorn's `STARTUP_FAILURE`)."""


class ConfigError(ValueError):
    """An option has a value that cannot apply; the message names it and says what to do."""


_TLS = "TLS is not served yet: terminate it at a proxy in front of the server"
_NOTIFY = "there is no periodic callback: use a task of the app's lifespan"

UNSUPPORTED_OPTIONS: dict[str, str] = {
    "loop": "the server always runs on its own event loop (turboapi.loop)",
    "http": "there is one HTTP implementation, hyper's",
    "http2": "HTTP/2 is not served yet",
    "ws_max_queue": "a WebSocket's messages are not queued in Python, there is no length to set",
    "ws_per_message_deflate": "WebSocket compression is not offered yet, messages are never compressed",
    "reset_contextvars": "each request already runs in a fresh copy of the context after start-up",
    "callback_notify": _NOTIFY,
    "timeout_notify": _NOTIFY,
    "timeout_worker_healthcheck": "workers are watched through their process, not by a ping",
    "ssl_keyfile": _TLS,
    "ssl_certfile": _TLS,
    "ssl_keyfile_password": _TLS,
    "ssl_version": _TLS,
    "ssl_cert_reqs": _TLS,
    "ssl_ca_certs": _TLS,
    "ssl_ciphers": _TLS,
    "ssl_context_factory": _TLS,
}
"""uvicorn's options that do not exist here, each with the reason."""


def unsupported_option(name: str, value: object) -> ConfigError:
    """The error for giving one of `UNSUPPORTED_OPTIONS` a value."""
    return ConfigError(f"{name}={value!r} is not available: {UNSUPPORTED_OPTIONS[name]}. Remove the option.")
