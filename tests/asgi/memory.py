"""What this process holds: resident memory and descriptors."""

from __future__ import annotations

import os
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    """Bytes of physical memory in use now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def descriptors() -> set[str]:
    """Open sockets of this process."""
    found = set()
    for entry in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{entry}")
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found
