"""Colours of terminal output (ECMA-48 SGR sequences)."""

from __future__ import annotations

_CODES = {
    "red": 31,
    "green": 32,
    "yellow": 33,
    "blue": 34,
    "cyan": 36,
    "bright_red": 91,
    "bright_white": 97,
}


def style(text: str, fg: str | None = None, *, bold: bool = False) -> str:
    """`text` in the colour `fg` and, if asked, bold, followed by a reset."""
    codes = [str(_CODES[fg])] if fg else []
    if bold:
        codes.append("1")
    return f"\033[{';'.join(codes)}m{text}\033[0m" if codes else text
