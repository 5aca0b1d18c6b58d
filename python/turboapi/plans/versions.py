"""The versions whose behaviour the plans know."""

from __future__ import annotations

from importlib.metadata import version

KNOWN = {"fastapi": ("0.163",), "starlette": ("1.10",), "pydantic": ("2.14",)}
"""Series of releases, by distribution; others are left to FastAPI as a whole."""


_distrusted: list[str] = []


def distrust(reason: str) -> None:
    """Let no plan be made in this process any more."""
    _distrusted.append(reason)


def distrusted() -> str | None:
    """Why no plan may be made in this process, if so."""
    return _distrusted[0] if _distrusted else None


def unknown_version() -> str | None:
    """Why no plan may be made with what is installed, if so."""
    for distribution, series in KNOWN.items():
        installed = version(distribution)
        if installed.split(".")[:2] not in [one.split(".") for one in series]:
            known = " or ".join(f"{one}.x" for one in series)
            return f"plans know {distribution} {known}, and {installed} is installed"
    return None
