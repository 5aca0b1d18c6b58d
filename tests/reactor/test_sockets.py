"""Descriptors, datagrams and the `sock_*` methods."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected non-blocking sockets."""
    left, right = socket.socketpair()
    with left, right:
        left.setblocking(False)
        right.setblocking(False)
        yield left, right


async def test_a_readable_socket_that_is_read_in_part_is_reported_again(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """The reactor watches asyncio's epoll edge-triggered; asyncio's own descriptors are level-triggered."""
    loop = asyncio.get_running_loop()
    left, right = pair
    total = 64
    right.send(bytes(range(total)))
    read: list[int] = []
    done = loop.create_future()

    def read_one_byte() -> None:
        read.extend(left.recv(1))
        if len(read) == total:
            loop.remove_reader(left)
            done.set_result(None)

    loop.add_reader(left, read_one_byte)
    await done
    assert read == list(range(total))


async def test_a_reader_left_unread_by_a_callback_is_called_until_removed(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    loop = asyncio.get_running_loop()
    left, right = pair
    calls = 0
    done = loop.create_future()

    def look_away() -> None:
        nonlocal calls
        calls += 1
        if calls == 10:
            loop.remove_reader(left)
            done.set_result(None)

    right.send(b"x")
    loop.add_reader(left, look_away)
    await done
    # Nothing is left to wake the loop for.
    await asyncio.sleep(0.005)
    assert calls == 10


async def test_two_readers_of_which_one_is_read_in_part() -> None:
    """Events of several descriptors arrive in one edge; each is reported until it is read."""
    loop = asyncio.get_running_loop()
    pairs = [socket.socketpair() for _ in range(8)]
    left_to_read = {index: 10 + index for index in range(len(pairs))}
    done = loop.create_future()

    def read_one(index: int) -> None:
        assert len(pairs[index][0].recv(1)) == 1
        left_to_read[index] -= 1
        if left_to_read[index] == 0:
            loop.remove_reader(pairs[index][0])
        if not any(left_to_read.values()):
            done.set_result(None)

    for index, (reader, writer) in enumerate(pairs):
        writer.send(bytes(left_to_read[index]))
        loop.add_reader(reader, read_one, index)
    await done
    for reader, writer in pairs:
        reader.close()
        writer.close()


async def test_a_writer_is_called_while_there_is_room(pair: tuple[socket.socket, socket.socket]) -> None:
    loop = asyncio.get_running_loop()
    left, right = pair
    calls = 0
    several = loop.create_future()

    def count() -> None:
        nonlocal calls
        calls += 1
        if calls == 5:
            several.set_result(None)

    loop.add_writer(left, count)
    await several
    loop.remove_writer(left)
    with contextlib.suppress(BlockingIOError):
        while left.send(bytes(65536)):
            pass
    room = asyncio.Event()
    loop.add_writer(left, room.set)
    await asyncio.sleep(0.005)
    assert not room.is_set()
    with contextlib.suppress(BlockingIOError):
        while right.recv(65536):
            pass
    await room.wait()
    loop.remove_writer(left)


async def test_reader_and_writer_of_one_descriptor(pair: tuple[socket.socket, socket.socket]) -> None:
    loop = asyncio.get_running_loop()
    left, right = pair
    readable, writable = asyncio.Event(), asyncio.Event()
    loop.add_reader(left, readable.set)
    loop.add_writer(left, writable.set)
    await writable.wait()
    assert loop.remove_writer(left)
    assert not readable.is_set()
    right.send(b"x")
    await readable.wait()
    assert loop.remove_reader(left)
    assert not loop.remove_reader(left)


async def test_sock_methods() -> None:
    loop = asyncio.get_running_loop()
    payload = os.urandom(1 << 20)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        listener.setblocking(False)
        client.setblocking(False)
        (peer, address), _ = await asyncio.gather(
            loop.sock_accept(listener), loop.sock_connect(client, listener.getsockname())
        )
        with peer:
            assert address == client.getsockname()

            async def receive() -> bytes:
                data = bytearray()
                while len(data) < len(payload):
                    data += await loop.sock_recv(peer, 65536)
                return bytes(data)

            received, _ = await asyncio.gather(receive(), loop.sock_sendall(client, payload))
            assert received == payload
            buffer = bytearray(16)
            count, _ = await asyncio.gather(
                loop.sock_recv_into(client, buffer), loop.sock_sendall(peer, b"into a buffer")
            )
            assert buffer[:count] == b"into a buffer"
            reading = asyncio.ensure_future(loop.sock_recv(client, 1))
            await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            peer.shutdown(socket.SHUT_WR)
            assert await loop.sock_recv(client, 1) == b""


async def test_datagram_sock_methods() -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
            each.setblocking(False)
        (data, sender), _ = await asyncio.gather(
            loop.sock_recvfrom(two, 100), loop.sock_sendto(one, b"hello", two.getsockname())
        )
        assert (data, sender) == (b"hello", one.getsockname())


class Datagrams(asyncio.DatagramProtocol):
    """Answers each datagram, or collects a given number of them."""

    def __init__(self, expected: int = 0) -> None:
        self.expected = expected
        self.received: list[bytes] = []
        self.complete = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.received.append(data)
        if not self.expected:
            self.transport.sendto(data.upper(), address)
        elif len(self.received) == self.expected:
            self.complete.set_result(None)


async def test_datagram_endpoints() -> None:
    loop = asyncio.get_running_loop()
    count = 50
    server, _ = await loop.create_datagram_endpoint(Datagrams, local_addr=("127.0.0.1", 0))
    address = server.get_extra_info("sockname")
    client, answers = await loop.create_datagram_endpoint(lambda: Datagrams(count), remote_addr=address)
    for number in range(count):
        client.sendto(f"message {number}".encode())
    await answers.complete
    assert sorted(answers.received) == sorted(f"MESSAGE {number}".encode() for number in range(count))
    client.close()
    server.close()


async def test_sendfile(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = os.urandom(3 << 20)
    path.write_bytes(content)

    async def send(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with path.open("rb") as file:
            await asyncio.get_running_loop().sendfile(writer.transport, file, offset=1000, fallback=False)
        writer.close()

    async with await asyncio.start_server(send, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == content[1000:]
        writer.close()
        await writer.wait_closed()


async def test_pipes() -> None:
    loop = asyncio.get_running_loop()
    read_fd, write_fd = os.pipe()
    reader = asyncio.StreamReader()
    reading, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_fd, "rb", 0)
    )
    writing, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(write_fd, "wb", 0))
    payload = os.urandom(300_000)
    writing.write(payload)
    assert await reader.readexactly(len(payload)) == payload
    writing.close()
    assert await reader.read() == b""
    reading.close()


async def test_name_resolution() -> None:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
    assert found[0][4] == ("127.0.0.1", 80)
    assert (await loop.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST))[0] == "127.0.0.1"
