"""
The odd-key corpus, enumerated: each key has a label that divergences and known failures name.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OddKey:
    """One key, or two that must stay two, with a label.

    `must_hold` says that the contract names its characters as storable on every place.
    """

    label: str
    keys: tuple[str, ...]
    must_hold: bool = False

    def __str__(self) -> str:
        return self.label


def _must(label: str, *keys: str) -> OddKey:
    return OddKey(label, keys, must_hold=True)


LITERAL = (
    _must("key-with-space", "a b"),
    _must("key-plus", "a+b"),
    _must("key-percent-literal", "a%41b"),
    _must("key-percent-slash", "a%2Fb"),
    _must("key-percent-alone", "100%"),
    _must("key-hash", "a#b"),
    _must("key-question-mark", "a?b=c"),
    _must("key-ampersand", "a&b"),
    _must("key-equals", "a=b"),
    _must("key-semicolon", "a;b"),
    _must("key-colon", "a:b"),
    _must("key-tilde", "~a"),
    _must("key-punctuation", "!$'(),"),
    _must("key-unicode-nfc", "caf\u00e9"),
    _must("key-unicode-pair", "caf\u00e9", "cafe\u0301"),
    _must("key-emoji", "\U0001f600"),
    _must("key-right-to-left", "\u05d0\u05d1"),
    _must("key-cjk", "\u65e5\u672c"),
    _must("key-case-pair", "Case", "case"),
    _must("key-inner-dots", "a..b.c"),
    _must("key-hidden", ".hidden"),
)
"""Characters that the contract names: they must be stored under exactly this name."""

NORMAL_FORM = (
    OddKey("key-with-empty-segment", ("a//b",)),
    OddKey("key-with-leading-slash", ("/a",)),
    OddKey("key-with-trailing-slash", ("a/",)),
    OddKey("key-slash", ("/",)),
    OddKey("key-dot", (".",)),
    OddKey("key-dot-dot", ("..",)),
    OddKey("key-with-dot-segment", ("a/./b",)),
    OddKey("key-with-dot-dot-segment", ("a/../b",)),
    OddKey("key-at", ("a@b",)),
    OddKey("key-wildcards", ("a*b", "a_b")),
    OddKey("key-brackets", ("[a]{b}",)),
    OddKey("key-quotes", ("\"a'b`",)),
    OddKey("key-angles", ("<a>|b^",)),
    OddKey("key-backslash", ("a\\b",)),
    OddKey("key-control-character", ("a\x01b",)),
    OddKey("key-delete-character", ("a\x7fb",)),
    OddKey("key-tab", ("a\tb",)),
    OddKey("key-newline", ("a\nb",)),
    OddKey("key-carriage-return", ("a\rb",)),
    OddKey("key-trailing-newline", ("a\n",)),
    OddKey("key-nul", ("a\x00b",)),
    OddKey("key-noncharacter", ("a\ufffeb",)),
    OddKey("key-replacement-character", ("a\ufffdb",)),
    OddKey("key-lone-surrogate", ("a\ud800b",)),
    OddKey("key-trailing-dot", ("a.",)),
    OddKey("key-trailing-space", ("a ",)),
    OddKey("key-leading-space", (" a",)),
    OddKey("key-windows-reserved", ("CON",)),
    OddKey("key-url", ("https://h/a?b#c",)),
)
"""Spellings that a place may store exactly or refuse, but never turn into another key."""

UNSTORABLE = (
    OddKey("key-and-child", ("a", "a/b")),
    OddKey("child-and-key", ("a/b", "a")),
    OddKey("key-1025-bytes", ("k" * 200 + "/" + "m" * 200 + "/" + "n" * 200 + "/" + "o" * 200 + "/" + "p" * 221,)),
    OddKey("key-long-segment", ("s" * 256,)),
)
"""Keys that some places cannot hold, by their size or by what is there already."""

POISONOUS = frozenset({"key-control-character", "key-noncharacter", "key-nul", "key-delete-character"})
"""Keys after which a container may not be listable any more (Azurite 3.35 answers 500); they get a bucket of their own."""
