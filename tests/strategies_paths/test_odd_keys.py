"""
The odd-key corpus: labels are stable names, and each key is what its label says.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

import pytest

from conformance.strategies.keys import OBJECTS
from conformance.strategies.odd_keys import LITERAL, NORMAL_FORM, POISONOUS, UNSTORABLE, OddKey

CORPUS = (*LITERAL, *NORMAL_FORM, *UNSTORABLE)
BY_LABEL = {odd.label: odd for odd in CORPUS}

NAMED_CHARACTERS = " +#?&%=;:~"
"""The characters that the specification names as literal in keys (PATH-11)."""


def test_labels_are_unique() -> None:
    """Divergences and known failures name a case by its label alone."""
    twice = [label for label, count in Counter(odd.label for odd in CORPUS).items() if count > 1]

    assert twice == []


@pytest.mark.parametrize("odd", CORPUS, ids=str)
def test_a_label_is_plain(odd: OddKey) -> None:
    """Labels stand in TOML files, in terminal tables and on command lines."""
    assert re.fullmatch(r"(key|child)-[a-z0-9-]+", odd.label)
    assert str(odd) == odd.label


@pytest.mark.parametrize("odd", CORPUS, ids=str)
def test_the_keys_of_a_case_differ(odd: OddKey) -> None:
    """A pair that were one key could not show that two keys became one."""
    assert odd.keys
    assert all(odd.keys)
    assert len(set(odd.keys)) == len(odd.keys)


def test_only_literal_keys_must_be_held() -> None:
    """The other groups leave a place the choice to refuse."""
    assert {odd.label for odd in CORPUS if odd.must_hold} == {odd.label for odd in LITERAL}


def test_every_named_character_has_a_literal_key() -> None:
    """The sentence of PATH-11 is covered character by character."""
    covered = {character for odd in LITERAL for key in odd.keys for character in key}

    assert set(NAMED_CHARACTERS) - covered == set()


@pytest.mark.parametrize("odd", LITERAL, ids=str)
def test_literal_keys_are_in_normal_form(odd: OddKey) -> None:
    """What must be held everywhere has no slash, no dot segment, no control character, and fits a file name."""
    for key in odd.keys:
        assert "/" not in key
        assert key.strip(". ") not in ("", ".", "..")
        assert not key.endswith((".", " "))
        assert not any(unicodedata.category(character) in {"Cc", "Cs", "Cn"} for character in key)
        assert len(key.encode()) <= 255


def test_a_pair_is_one_name_to_a_careless_place() -> None:
    """Normalising and case folding each join a pair; nothing else does."""
    composed, decomposed = BY_LABEL["key-unicode-pair"].keys
    upper, lower = BY_LABEL["key-case-pair"].keys

    assert composed == unicodedata.normalize("NFC", decomposed)
    assert upper.casefold() == lower.casefold()


@pytest.mark.parametrize(
    ("label", "decoded"),
    [("key-percent-literal", "aAb"), ("key-percent-slash", "a/b")],
)
def test_percent_keys_change_when_decoded(label: str, decoded: str) -> None:
    """A place that decodes once stores these under another name."""
    (key,) = BY_LABEL[label].keys

    assert key != decoded
    assert re.sub("%([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), key) == decoded


def test_lengths_are_one_past_the_limit() -> None:
    """In bytes of UTF-8, without the root, which only adds to it; no segment of the long key is too long by itself."""
    (long_key,) = BY_LABEL["key-1025-bytes"].keys
    (long_segment,) = BY_LABEL["key-long-segment"].keys

    assert OBJECTS.longest_key_bytes is not None
    assert len(long_key.encode()) == OBJECTS.longest_key_bytes + 1
    assert max(len(segment.encode()) for segment in long_key.split("/")) <= 255
    assert len(long_segment.encode()) == 256


def test_the_lone_surrogate_has_no_utf8() -> None:
    """Every other key can be encoded, so that only this one may be refused for that reason."""
    unencodable = set()
    for odd in CORPUS:
        try:
            "".join(odd.keys).encode()
        except UnicodeEncodeError:
            unencodable.add(odd.label)

    assert unencodable == {"key-lone-surrogate"}


def test_poisonous_labels_exist() -> None:
    """A misspelt label would put a spoiling key into the bucket that other checks list."""
    assert set(BY_LABEL) >= POISONOUS


def test_keys_that_xml_cannot_hold_are_poisonous() -> None:
    """XML 1.0 has no control character but tab and line ends, and no U+FFFE; listings of Azure and S3 are XML."""
    for odd in NORMAL_FORM:
        forbidden = any(
            (ord(character) < 0x20 and character not in "\t\n\r") or character in "\ufffe\uffff"
            for key in odd.keys
            for character in key
        )
        assert not forbidden or odd.label in POISONOUS, odd.label
