"""Streams over TCP, Unix sockets and TLS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trustme

BIG = bytes(range(256)) * 32_768  # 8 MiB: far more than the sockets' buffers hold


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes, until the peer's end of file."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def send_in_full(writer: asyncio.StreamWriter, data: bytes) -> None:
    for start in range(0, len(data), 1 << 18):
        writer.write(data[start : start + (1 << 18)])
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


@contextlib.asynccontextmanager
async def opened(*arguments: object, **options: object) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection(*arguments, **options)  # type: ignore[arg-type]
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


def opened_on(server: asyncio.Server) -> contextlib.AbstractAsyncContextManager[Streams]:
    return opened("127.0.0.1", port_of(server))


@pytest.fixture
def socket_path() -> Iterator[str]:
    """A short path: Unix socket paths are limited to 107 bytes."""
    with tempfile.TemporaryDirectory() as directory:
        yield str(Path(directory, "s"))


async def test_a_big_payload_goes_both_ways_and_half_close_ends_it() -> None:
    async with (
        await asyncio.start_server(echo, "127.0.0.1", 0) as server,
        opened_on(server) as (reader, writer),
    ):
        received, _ = await asyncio.gather(reader.read(), send_in_full(writer, BIG))
    assert received == BIG


async def test_fifty_connections_at_once() -> None:
    async def one(port: int, number: int) -> bool:
        payload = str(number).encode() * 20_000
        async with opened("127.0.0.1", port) as (reader, writer):
            received, _ = await asyncio.gather(reader.read(), send_in_full(writer, payload))
        return received == payload

    async with await asyncio.start_server(echo, "127.0.0.1", 0, backlog=100) as server:
        assert all(await asyncio.gather(*(one(port_of(server), number) for number in range(50))))


async def test_a_reader_that_pauses_holds_the_writer_up() -> None:
    """Flow control: `drain` waits while nobody reads, and goes on as soon as somebody does."""
    read_now = asyncio.Event()
    received = bytearray()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_now.wait()
        received.extend(await reader.read())
        writer.close()

    async with (
        await asyncio.start_server(slow, "127.0.0.1", 0) as server,
        opened_on(server) as (reader, writer),
    ):
        sending = asyncio.ensure_future(send_in_full(writer, BIG))
        done, _ = await asyncio.wait([sending], timeout=0.1)
        assert not done
        read_now.set()
        await sending
        assert await reader.read() == b""
    assert bytes(received) == BIG


async def test_lines_exact_reads_and_the_peers_reset() -> None:
    async def server_side(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"line one\nline two\n12345rest")
        await writer.drain()
        await reader.readline()
        option = (1).to_bytes(4, "little") + bytes(4)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
        writer.close()

    async with (
        await asyncio.start_server(server_side, "127.0.0.1", 0) as server,
        opened_on(server) as (reader, writer),
    ):
        assert await reader.readline() == b"line one\n"
        assert await reader.readuntil(b"two\n") == b"line two\n"
        assert await reader.readexactly(5) == b"12345"
        writer.write(b"reset me\n")
        assert await reader.readexactly(4) == b"rest"
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)


async def test_a_refused_connection_raises() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", closed.getsockname()[1])


async def test_unix_stream(socket_path: str) -> None:
    async with await asyncio.start_unix_server(echo, socket_path):
        reader, writer = await asyncio.open_unix_connection(socket_path)
        received, _ = await asyncio.gather(reader.read(), send_in_full(writer, BIG))
        writer.close()
        await writer.wait_closed()
    assert received == BIG


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS contexts of a server called localhost and of a client who trusts it."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def test_tls_stream(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server_context, client_context = contexts

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.readexactly(len(BIG))
        writer.write(data)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(collect, "127.0.0.1", 0, ssl=server_context) as server:
        port = port_of(server)
        async with opened("127.0.0.1", port, ssl=client_context, server_hostname="localhost") as (
            reader,
            writer,
        ):
            assert writer.get_extra_info("cipher")
            received, _ = await asyncio.gather(reader.readexactly(len(BIG)), send_in_full(writer, BIG))
        assert received == BIG
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", port, ssl=client_context, server_hostname="elsewhere")


async def test_start_tls_on_an_open_stream(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server_context, client_context = contexts

    async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"GO\n")
        await writer.start_tls(server_context)
        writer.write(b"secret " + await reader.readline())
        await writer.drain()
        writer.close()

    async with (
        await asyncio.start_server(upgrade, "127.0.0.1", 0) as server,
        opened_on(server) as (reader, writer),
    ):
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"GO\n"
        await writer.start_tls(client_context, server_hostname="localhost")
        writer.write(b"word\n")
        assert await reader.readline() == b"secret word\n"


async def test_closing_a_server_ends_serve_forever() -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0, start_serving=False)
    serving = asyncio.ensure_future(server.serve_forever())
    await asyncio.sleep(0)
    async with opened("127.0.0.1", port_of(server)) as (reader, writer):
        received, _ = await asyncio.gather(reader.read(), send_in_full(writer, b"hello"))
    assert received == b"hello"
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert not server.is_serving()
