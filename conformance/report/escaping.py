"""
Keys and messages as text that prints everywhere: control characters and lone surrogates become escapes.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """Return text in which nothing moves a cursor, changes colours or cannot be encoded; line breaks stay."""
    return "".join(
        character if character == "\n" or (character.isprintable() and not _is_surrogate(character)) else _escape(character)
        for character in text
    )


def one_line(text: str) -> str:
    """Return printable text without line breaks."""
    return printable(text.replace("\n", " "))


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
