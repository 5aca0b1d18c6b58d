"""Binding the sockets that a configuration names."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import sys

from turboapi.config import Config

REUSE_PORT = sys.platform == "linux"
"""Whether sockets of one address share its connections evenly (SO_REUSEPORT on Linux; BSD's does not)."""

_UDS_MODE = 0o666


def bind(config: Config, slots: int = 1) -> list[list[socket.socket]]:
    """Bind, without listening yet, and return the sockets of each of `slots` listeners.

    Where SO_REUSEPORT balances and the address is a TCP one, each slot gets sockets of its own; otherwise
    all slots get the same socket objects. A host name can stand for several addresses, hence the inner
    list. A Unix socket is made accessible to everyone (0o666) or keeps the mode of the one it replaces,
    as in uvicorn. Raises `OSError`.
    """
    if config.fd is not None:
        return [[_adopt(config.fd)]] * slots
    if config.uds is not None:
        return [[_bind_unix(config.uds)]] * slots
    if slots == 1 or not REUSE_PORT:
        return [_bind_tcp(config.host, config.port)] * slots
    return _bind_slots(config.host, config.port, slots)


def listen_tcp(host: str, port: int) -> socket.socket:
    """A listening socket at one address of `host`. Raises `OSError`."""
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def close(sockets: list[list[socket.socket]]) -> None:
    """Close every socket; slots may share them."""
    for slot in sockets:
        for sock in slot:
            sock.close()


def describe(config: Config, sockets: list[socket.socket]) -> str:
    """What to print after "running on": a URL, or the socket's path or address."""
    if config.fd is not None:
        return f"socket {sockets[0].getsockname()}"
    if config.uds is not None:
        return f"unix socket {config.uds}"
    host = config.host or "0.0.0.0"
    port = sockets[0].getsockname()[1] if sockets else config.port
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def remove_unix_socket(config: Config) -> None:
    """Delete the file of the Unix socket that `bind` made."""
    if config.uds is not None and config.fd is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(config.uds)


def _adopt(fd: int) -> socket.socket:
    sock = socket.socket(fileno=os.dup(fd))
    sock.setblocking(False)
    return sock


def _bind_unix(path: str) -> socket.socket:
    mode = _UDS_MODE
    with contextlib.suppress(FileNotFoundError):
        found = os.stat(path)
        if stat.S_ISSOCK(found.st_mode):
            if _answers(path):
                raise OSError(errno.EADDRINUSE, f"{os.strerror(errno.EADDRINUSE)}: {path} is being served")
            mode = stat.S_IMODE(found.st_mode)
            os.unlink(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        os.chmod(path, mode)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot bind to unix socket {path}: {error.strerror}") from None
    sock.setblocking(False)
    return sock


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True


def _bind_slots(host: str | None, port: int, slots: int) -> list[list[socket.socket]]:
    # With SO_REUSEPORT a second server of the same user would be let in silently, so one bind without it
    # finds out first whether the address is free.
    for sock in _bind_tcp(host, port):
        sock.close()
    bound: list[list[socket.socket]] = []
    try:
        for _ in range(slots):
            bound.append(_bind_tcp(host, port, reuse_port=True))
            port = bound[0][0].getsockname()[1]
    except OSError:
        close(bound)
        raise
    return bound


def _bind_tcp(host: str | None, port: int, *, reuse_port: bool = False) -> list[socket.socket]:
    addresses = dict.fromkeys(
        (family, sockaddr)
        for family, _, _, _, sockaddr in socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        if family in (socket.AF_INET, socket.AF_INET6)
    )
    sockets: list[socket.socket] = []
    failure: OSError | None = None
    try:
        for family, (address, _, *rest) in addresses:
            try:
                sock = _bind_address(family, (address, port, *rest), reuse_port=reuse_port)
            except OSError as error:
                # A name like "localhost" may stand for an IPv6 address on a machine without IPv6.
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                failure = error
                continue
            sockets.append(sock)
            port = sock.getsockname()[1]
    except OSError:
        close([sockets])
        raise
    if not sockets:
        raise failure or OSError(errno.EADDRNOTAVAIL, f"{host!r} has no address to bind to")
    return sockets


def _bind_address(
    family: socket.AddressFamily, address: tuple[str | int, ...], *, reuse_port: bool
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
    except OSError as error:
        sock.close()
        where = f"{address[0]} port {address[1]}"
        raise OSError(error.errno, f"cannot bind to {where}: {error.strerror}") from None
    sock.setblocking(False)
    return sock
