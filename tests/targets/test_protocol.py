"""
The schema of the protocol, the page about it, and the conversation that tries an adapter.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from conformance.protocol import Schema, methods, schema
from conformance.targets import HarnessError
from conformance.targets.claims import Claims
from conformance.targets.errors import ALIASES, PARENTS
from conformance.targets.in_process import InProcessTarget
from conformance.targets.messages import NOT_CLAIMED, line_of
from conformance.worker import Server
from tests.targets import miniature
from tests.targets.conftest import MINIATURE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "protocol.md").read_text(encoding="utf-8")


def conversations() -> list[str]:
    """Return the lines of all examples on the page."""
    blocks = re.findall(r"^```json\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_the_schema_is_one() -> None:
    """By its own meta-schema, and each method has params and result."""
    Draft202012Validator.check_schema(schema())
    for method in schema()["methods"].values():
        assert {"description", "params", "result"} == set(method)


def test_the_examples_of_the_page_hold_to_the_schema() -> None:
    """Every request and every answer of its conversations, each answer to the request with its id."""
    checked, asked = Schema(), {}
    for message in map(json.loads, conversations()):
        if "method" in message:
            asked[message["id"]] = message["method"]
            assert Draft202012Validator({**schema(), "$ref": "#/$defs/request"}).is_valid(message)
            checked.check_params(message["method"], message["params"])
        else:
            checked.check_answer(asked.pop(message["id"]), message)

    assert not asked
    assert len(conversations()) >= 18


def test_the_page_has_every_method_and_every_class() -> None:
    """A row for each method; the tree names every class and alias."""
    rows = re.findall(r"^\| `([\w.]+)` \| `", PAGE, flags=re.MULTILINE)

    assert set(methods()) == set(rows)
    for name in (*PARENTS, *ALIASES):
        assert re.search(rf"\b{name}\b", PAGE), name


def test_the_worker_has_every_method() -> None:
    """And refuses others as not claimed."""
    server = Server(InProcessTarget(miniature, Claims()))

    for method in methods():
        answer = ask(server, method, {})
        assert "result" in answer or answer["error"]["code"] != NOT_CLAIMED
    assert ask(server, "no_such_method", {})["error"]["code"] == NOT_CLAIMED


def test_a_line_that_is_no_request_gets_an_answer_without_id() -> None:
    """So that the other side sees its mistake."""
    server = Server(InProcessTarget(miniature, Claims()))

    for line in (b"", b"no json", b"[]", b'{"id": 1}'):
        assert server.answer(line)["error"] == {"code": -32700, "message": "not a request of the protocol"}


def ask(server: Server, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to one request."""
    return server.answer(line_of({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("get", {"handle": 1}, "the params of get breaks the schema: a member is missing: path"),
        ("open", {"url": "x", "mode": "a"}, 'the params of open breaks the schema at mode: enum is ["r", "w"]'),
        (
            "set",
            {"handle": 1, "path": "k", "content": "*"},
            "the params of set breaks the schema at content: pattern is",
        ),
    ],
)
def test_params_are_checked_without_showing_values(method: str, params: dict[str, Any], message: str) -> None:
    """What breaks the schema is named by its place."""
    with pytest.raises(HarnessError) as caught:
        Schema().check_params(method, params)

    assert str(caught.value).startswith(message)


ADAPTER = str(Path(__file__).with_name("adapter.py"))


@pytest.mark.parametrize(
    ("command", "code", "part"),
    [
        (["-m", "conformance.worker", "--target", MINIATURE], 0, "every message holds to the protocol"),
        ([ADAPTER, "raises"], 0, "raised       length("),
        ([ADAPTER, "wrong-results"], 1, "the result of set breaks the schema: it has none of the forms"),
        ([ADAPTER, "crashes"], 1, "the adapter failed itself at get"),
        ([ADAPTER, "dies-at-once"], 1, "it ended with exit status 1"),
    ],
    ids=["right", "raises", "wrong-results", "crashes", "dies-at-once"],
)
def test_an_adapter_is_tried(command: list[str], code: int, part: str) -> None:
    """By one command that uses every method once; what is broken is told and is the exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "conformance.protocol", "--url", "file:///nowhere", "--", sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )

    assert code == done.returncode, done.stdout + done.stderr
    assert part in done.stdout
    assert "Traceback" not in done.stderr
