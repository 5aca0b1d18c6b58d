"""What the basic workloads answer, for every framework alike."""

from __future__ import annotations

TEXT = "Hello, World!"
MEGABYTE = b"0123456789abcdef" * 65_536
"""The body of the download."""
ROUTES = 200
"""Routes of the workload with many."""
EVENT_SECONDS = 0.01
"""Between two server-sent events."""
