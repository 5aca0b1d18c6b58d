"""Runs parts of CPython's own asyncio tests with the engine's loop in place of `SelectorEventLoop`.

    python tests/reactor/cpython_suite.py test_streams test_events.EPollEventLoopTests

A name that this version of CPython does not have is left out.
"""

from __future__ import annotations

import asyncio
import importlib
import selectors
import sys
import unittest
from collections.abc import Iterator

from turboapi.loop import EventLoop

#: Tests that fail on the stock loop as well, now and then: they race for a port with other programs.
RACY = ("test_create_server_dual_stack",)


class SuiteLoop(EventLoop):
    """Takes the selector that the suite passes and uses the engine's."""

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        if selector is not None:
            selector.close()
        super().__init__()


def use_everywhere() -> None:
    """Make every way to a new loop lead to the engine's."""
    unix_events = importlib.import_module("asyncio.unix_events")
    for module in (asyncio, unix_events):
        for name in ("SelectorEventLoop", "EventLoop"):
            if hasattr(module, name):
                setattr(module, name, SuiteLoop)
    for name in ("_UnixDefaultEventLoopPolicy", "_DefaultEventLoopPolicy"):
        if hasattr(unix_events, name):
            getattr(unix_events, name)._loop_factory = SuiteLoop


def load(names: list[str]) -> unittest.TestSuite:
    """The tests of these modules and classes of `test.test_asyncio`."""
    suite = unittest.TestSuite()
    for name in names:
        module_name, _, class_name = name.partition(".")
        module = importlib.import_module(f"test.test_asyncio.{module_name}")
        if not class_name:
            suite.addTest(unittest.defaultTestLoader.loadTestsFromModule(module))
        elif hasattr(module, class_name):
            suite.addTest(unittest.defaultTestLoader.loadTestsFromName(class_name, module))
    return suite


def each(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from each(one)
        else:
            yield one


def main(names: list[str]) -> int:
    """Exit code 0 when all passed and there was something to run."""
    use_everywhere()
    kept = [one for one in each(load(names)) if one.id().rpartition(".")[2] not in RACY]
    result = unittest.TextTestRunner(stream=sys.stdout).run(unittest.TestSuite(kept))
    return int(not (kept and result.wasSuccessful()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
