"""The version has one source, `[workspace.package]` in Cargo.toml."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

from turboapi import _engine

ROOT = Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]


def test_python_package_has_the_version() -> None:
    try:
        installed = importlib.metadata.version("turboapi")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("NOT TESTED: turboapi is used from the source tree, not installed")
    assert installed == VERSION


def test_extension_has_the_version() -> None:
    # The attribute is for diagnosis and not part of the typed interface.
    assert vars(_engine)["__version__"] == VERSION


def test_changelog_begins_with_the_version() -> None:
    found = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert found is not None
    assert found[1] == VERSION
