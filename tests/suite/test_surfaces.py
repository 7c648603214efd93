"""
What a target leaves behind is searched whole, and nothing that it may keep is taken for a leak.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from conformance.canaries import Canaries, Canary
from conformance.targets.overheard import Overheard

if TYPE_CHECKING:
    from pathlib import Path

SECRET = f"{secrets.token_urlsafe(20)}/+="

CANARIES = Canaries([Canary("secret of aws_env", "aws_env", SECRET)])


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET),
        json.dumps([SECRET]).replace("/", "\\/"),
        SECRET.encode().hex().upper(),
    ],
    ids=["clear", "percent", "path", "json", "hexadecimal"],
)
def test_forms_are_found_and_named_without_the_secret(text: str) -> None:
    """A finding goes into a report."""
    found = CANARIES.found_in(f"<{text}>".encode())

    assert found
    assert all(each.startswith("secret of aws_env ") and SECRET not in each for each in found)
    assert CANARIES.found_in(f"<{text}>".encode(), but=lambda canary: canary.source == "aws_env") == []


def test_another_text_is_none() -> None:
    """Nor a secret of which only a part is there."""
    assert CANARIES.found_in(SECRET[: len(SECRET) // 2].encode()) == []


WATCHED = """
import logging, os, pickle, sys, warnings
from pathlib import Path
from conformance.watching import Watch

class Answer:
    def __init__(self, url): self.url = url

class Handle:
    def __init__(self, key): self.key = key
    def __repr__(self): return "Handle()"

watch = Watch(Path(sys.argv[1]))
secret = os.environ["OF_THE_WORLD"]
logging.getLogger("some.library").debug("signed with %s", secret)
logging.getLogger("warnings.are").warning("fine")
try:
    try:
        raise ConnectionError("refused")
    except ConnectionError as error:
        error.response = Answer(f"https://host/?sig={secret}")
        raise ValueError("not reached") from error
except ValueError as error:
    watch.raised(error)
os.environ["LEFT_OVER"] = secret
watch.look([Handle(secret)])
"""


def test_a_worker_keeps_what_hangs_on_exceptions_and_handles(tmp_path: Path) -> None:
    """In a process of its own, since it changes logging for all of it; each surface by itself."""
    heard = Overheard(tmp_path / "watched")
    environment = {**os.environ, "OF_THE_WORLD": SECRET}
    command = [sys.executable, "-c", WATCHED, str(heard.directory)]
    subprocess.run(command, env=environment, check=True, timeout=60, capture_output=True)

    for kind in ("log", "raised", "texts", "pickles", "variables"):
        seen = heard.seen(kind)
        if kind == "pickles":  # a class of `__main__` is pickled by its name, with its attributes
            assert CANARIES.found_in(seen)
        else:
            assert CANARIES.found_in(seen) == ["secret of aws_env in clear"], kind
    assert b"not reached" in heard.seen("raised")
    assert b"warnings.are" in heard.seen("log")


def test_answers_are_kept_as_they_came(tmp_path: Path) -> None:
    """Before they are masked; a representation shows none of it."""
    heard = Overheard(tmp_path / "watched")
    heard.answer("get", {"error": {"message": f"refused: {SECRET}"}})
    heard.answer("explain", {"result": {"endpoint": SECRET}})
    heard.stderr(b"a line\n")

    assert CANARIES.found_in(heard.errors) == ["secret of aws_env in clear"]
    assert CANARIES.found_in(heard.answers("explain")) == ["secret of aws_env in clear"]
    assert heard.answers("get") == b""
    assert heard.output == b"a line\n"
    assert SECRET not in repr(heard)
    assert SECRET not in repr(CANARIES.all)
