"""Requests of the table with a few bytes changed: a server may refuse them, but never hang or break.

python -m tests.differential.mutations --seed 1 --count 20000
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator

from .harness import case as steps
from .harness.servers import COMMANDS, Server
from .harness.wire import Closed, Connection, Hung, Malformed
from .run import ENGINE
from .table import cases

APPS = ("echo", "protocol", "websocket")
#: Bytes that mean something to a parser of HTTP/1 or WebSocket.
TOKENS = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"\xff", b"0\r\n\r\n", b"chunked", b"ffffffff",
    b"HTTP/1.1", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n",
    b"Host: x\r\n", b"Connection: close\r\n", b"Upgrade: websocket\r\n", b"\x88\x80\0\0\0\0", b"\x81\xfe",
)  # fmt: skip
#: What a server must not have in its log, whatever a client sends.
BROKEN = re.compile(
    r"panicked|SystemError|Fatal Python error|Exception ignored|unraisable|never retrieved|never awaited"
)


def originals(app: str) -> list[bytes]:
    """What the cases of `app` send, without those that need a second connection to end."""
    found = []
    for case in cases():
        waits = any(isinstance(step, (steps.Release, steps.Journal, steps.Close)) for step in case.steps)
        data = b"".join(step.data for step in case.steps if isinstance(step, steps.Send))
        if (
            case.app == app
            and not waits
            and b"key=" not in data
            and b"gate" not in data
            and 0 < len(data) < 6000
        ):
            found.append(data)
    return found


def mutate(data: bytes, choice: random.Random) -> bytes:
    """`data` with one to three changes."""
    result = bytearray(data)
    for _ in range(choice.choice((1, 1, 1, 2, 3))):
        place = choice.randrange(len(result) + 1)
        match choice.choice("rrriiiddcx"):
            case "r" if result:
                result[place - 1] = choice.randrange(256)
            case "i":
                result[place:place] = choice.choice(TOKENS)
            case "d":
                del result[place : place + choice.randrange(1, 20)]
            case "c":
                result[place:place] = result[max(0, place - choice.randrange(1, 40)) : place]
            case "x":
                del result[place:]
    return bytes(result)


def attempt(server: Server, data: bytes, choice: random.Random) -> str:
    """Send `data` in one or two pieces, end our side, and name what came: a status, nothing, or a fault."""
    connection = Connection(server.address)
    try:
        cut = choice.randrange(len(data) + 1) if choice.random() < 0.3 else len(data)
        connection.send(data[:cut])
        connection.send(data[cut:])
        if choice.random() < 0.2:
            connection.close(reset=choice.random() < 0.5)
            return "left"
        connection.half_close()
        status = connection.read_head().status
        connection.read_to_end()
        return str(status)
    except Closed:
        return "nothing"
    except Hung:
        return "FAULT hung"
    except Malformed as error:
        return f"FAULT {error}"
    finally:
        connection.close()


def torture(kind: str, seed: int, count: int) -> tuple[Counter[str], list[str]]:
    """`count` mutated requests; how they were answered, and the faults."""
    choice = random.Random(seed)
    pool = {app: originals(app) for app in APPS}
    servers = {app: Server(kind, app) for app in APPS}
    answers: Counter[str] = Counter()
    faults: list[str] = []
    try:
        for server in servers.values():
            server.wait()
        for _ in range(count):
            app = choice.choice(APPS)
            data = mutate(choice.choice(pool[app]), choice)
            answer = attempt(servers[app], data, choice)
            answers[answer] += 1
            if answer.startswith("FAULT"):
                faults.append(f"{app}: {answer} for {data!r}")
        for app, server in servers.items():
            if not server.ask("/probe"):
                faults.append(f"{app}: no answer any more")
    finally:
        logs = {app: "".join(server.stop()) for app, server in servers.items()}
    faults += [f"{app}: {line}" for app, log in logs.items() for line in _broken(log)]
    return answers, faults


def _broken(log: str) -> Iterator[str]:
    return (line for line in log.splitlines() if BROKEN.search(line))


def main() -> int:
    """0 when nothing was at fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential.mutations", description=__doc__)
    parser.add_argument("--server", default=ENGINE, choices=COMMANDS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20000)
    options = parser.parse_args()
    # Without it, a terminated run would leave its servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    answers, faults = torture(options.server, options.seed, options.count)
    print(", ".join(f"{count} x {answer}" for answer, count in answers.most_common()))
    print("\n".join(faults) or "no faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
