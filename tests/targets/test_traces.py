"""
Secrets are found in every form that is looked for, and nothing else is.
"""

from __future__ import annotations

import base64
import pickle
from urllib.parse import quote

import pytest

from conformance.targets.traces import traces_in

SECRET = "aS3cret/of+this=test-0123456789"
NAMED = [("secret_key", SECRET)]


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_found_at_every_offset(before: str, encode: object) -> None:
    """As a part of a larger text that was encoded as a whole."""
    text = encode(f"{before}{SECRET}and more".encode())  # type: ignore[operator]

    assert traces_in(b"<" + text + b">", NAMED)


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps({"k": SECRET}),
        quote(SECRET, safe=""),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        SECRET[::-1],
        SECRET.encode("utf-16-le"),
    ],
)
def test_other_forms_are_found(data: bytes | str) -> None:
    """In clear, percent-encoded, hexadecimal, reversed, UTF-16."""
    assert all(found.startswith("secret_key in ") or "secret_key " in found for found in traces_in(data, NAMED))
    assert traces_in(data, NAMED)


def test_nothing_else_is_found() -> None:
    """Neither other texts nor secrets that are too short to be told from words."""
    assert traces_in("an innocent text", NAMED) == []
    assert traces_in("a test", [("secret_key", "test")]) == []
