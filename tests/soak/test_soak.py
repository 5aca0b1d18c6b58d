"""The soak in small, so that it cannot rot; `make soak` runs all of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.soak.server import ROOT


@pytest.mark.timeout(180)
def test_quick_soak() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.soak", "--quick"], cwd=ROOT, capture_output=True, text=True, timeout=170
    )
    assert done.returncode == 0, done.stdout + done.stderr
