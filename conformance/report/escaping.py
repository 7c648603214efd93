"""
Keys and messages as text that prints everywhere.

Whatever moves a cursor, changes colours, turns the direction of writing or cannot be encoded becomes an escape as
Python writes it (`\\x1b`, `\\u202e`, `\\ud800`). Markup is not escaped here: every view does that in its own way.
"""

from __future__ import annotations

import textwrap


def printable(text: str) -> str:
    """Return text in which only line breaks are not visible."""
    return "".join(
        character if character == "\n" or character.isprintable() else _escape(character) for character in text
    )


def one_line(text: str) -> str:
    """Return printable text without line breaks."""
    return printable(" ".join(text.splitlines()))


def encodable(text: str, encoding: str) -> str:
    """Return text that a stream of this encoding takes, with escapes for what it cannot hold."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def wrapped(text: str, width: int) -> list[str]:
    """Return printable lines of at most `width` characters; nothing is lost where a line breaks, spaces included."""
    rows: list[str] = []
    for line in printable(text).split("\n"):
        rows += textwrap.wrap(
            line,
            max(width, 20),
            drop_whitespace=False,
            replace_whitespace=False,
            expand_tabs=False,
            break_on_hyphens=False,
        ) or [""]
    return rows


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
