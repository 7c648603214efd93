"""
Keys and messages as text that prints everywhere.

Whatever moves a cursor, changes colours, turns the direction of writing or cannot be encoded becomes an escape as
Python writes it (`\\x1b`, `\\u202e`, `\\ud800`). Markup is not escaped here: every view does that in its own way.
"""

from __future__ import annotations

import textwrap

NARROWEST = 20
"""Columns that a text gets at least, however narrow the terminal is."""


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
    """Return a sentence as printable lines of at most `width` characters."""
    return _wrapped(text, width, drop_whitespace=True)


def wrapped_exactly(text: str, width: int) -> list[str]:
    """Return a value as printable lines of at most `width` characters; the spaces at which a line breaks stay."""
    return _wrapped(text, width, drop_whitespace=False)


def _wrapped(text: str, width: int, *, drop_whitespace: bool) -> list[str]:
    rows: list[str] = []
    for line in printable(text).split("\n"):
        rows += textwrap.wrap(
            line,
            max(width, NARROWEST),
            drop_whitespace=drop_whitespace,
            replace_whitespace=False,
            expand_tabs=False,
            break_on_hyphens=False,
        ) or [""]
    return rows


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
