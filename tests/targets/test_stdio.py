"""
A process behind the stdio door: what it answers, how it breaks, and that nothing of it is left.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance.protocol import Schema
from conformance.targets import HarnessError, NotClaimed, TargetDied, TargetError, process
from conformance.targets.claims import Claims
from conformance.targets.selection import TargetSpec
from conformance.targets.stdio import StdioReader, StdioTarget
from conformance.targets.stdio_datasets import StdioDataset
from tests.targets.conftest import CREDS, SECRET, claims

ADAPTER = str(Path(__file__).with_name("adapter.py"))

Start = Callable[..., StdioTarget]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts an adapter with a vice; it is stopped with the test."""
    started: list[StdioTarget] = []

    def starting(
        vice: str, *, given: Claims | None = None, margin_s: float = 20, validate: bool = False
    ) -> StdioTarget:
        schema = Schema() if validate else None
        command = [sys.executable, ADAPTER, vice]
        started.append(
            StdioTarget(process.start(command), given or Claims(), name="label", schema=schema, margin_s=margin_s)
        )
        return started[-1]

    yield starting
    for target in started:
        target.close()


def open_reader(target: StdioTarget) -> StdioReader:
    """Open a handle with credentials, so that masking has something to do."""
    return target.open_reader("s3://bucket/root", CREDS)


def test_hello_names_the_target(start: Start) -> None:
    """Name and version come from the answer; a name in the claims outranks it."""
    assert (start("none").name, start("none").version) == ("adapter", "none")
    assert start("none", given=Claims(name="mine")).name == "mine"


@pytest.mark.parametrize(
    ("vice", "message"),
    [
        ("chatters", "stdout carries one JSON message per line, and nothing else: DEBUG: about to read"),
        ("forgets-the-id", "an answer carries the id of a request"),
        ("invents-an-id", "an answer carries the id of a request"),
        ("says-both", "an answer carries either `result` or an object `error`"),
        ("says-neither", "an answer carries either `result` or an object `error`"),
        ("raises-without-class", "names no class of the target: nothing more"),
        ("crashes", "the adapter failed itself at get, and names no class of the target: TypeError at k"),
        ("refuses-params", "the adapter refused get, and names no class of the target: bad params"),
        ("not-base64", "the answer to get: not base64"),
        ("a-number-for-bytes", "the answer to get: bytes travel as base64 text, not as a number"),
    ],
)
def test_a_broken_adapter_is_not_the_targets_failure(start: Start, vice: str, message: str) -> None:
    """It is a `HarnessError` that says what the protocol asks for."""
    with pytest.raises(HarnessError, match=re.escape(message)):
        open_reader(start(vice)).get("k")


def test_results_of_the_wrong_type_are_the_adapters_mistake(start: Start) -> None:
    """Each method says what it answers."""
    target = start("wrong-results")
    reader, writer = open_reader(target), target.open_writer("s3://bucket/root")

    with pytest.raises(HarnessError, match="length answers an integer"):
        reader.length("k")
    with pytest.raises(HarnessError, match="the answer to list: an object's metadata are path, size"):
        reader.list()
    with pytest.raises(HarnessError, match="the answer to set: an object's metadata are path, size"):
        writer.set("k", b"")
    with pytest.raises(HarnessError, match="list_iter answers an object with page and next"):
        list(reader.list_iter())


def test_a_conversation_that_broke_stays_broken(start: Start) -> None:
    """After a line that is none, no later answer is believed."""
    reader = open_reader(start("chatters"))
    with pytest.raises(HarnessError):
        reader.get("k")

    with pytest.raises(HarnessError, match="DEBUG: about to read"):
        reader.length("k")


@pytest.mark.parametrize(
    ("call", "answer", "message"),
    [
        ("schema", '["int8"]', "dataset.schema answers an object of type words"),
        ("commit", "null", "dataset.commit answers a version, a text or a number"),
        ("version", "true", "dataset.version answers a version, a text or a number"),
        ("length", '"7"', "dataset.length answers an integer: '7'"),
        ("history", "{}", "dataset.history answers a list"),
        ("history", '[{"id": 1}]', "dataset.history answers a version, a text or a number"),
        ("history", "[7]", "dataset.history answers objects with version and message"),
        ("read", "[1]", "the answer to dataset.read: a column is an object with type and values"),
        ("read", '{"type": "int", "values": []}', "the answer to dataset.read: unknown type word 'int'"),
        ("read", '{"type": "bytes", "values": ["*"]}', "the answer to dataset.read: not base64: '*'"),
    ],
)
def test_a_broken_answer_about_a_dataset_is_not_the_targets_failure(
    start: Start, call: str, answer: str, message: str
) -> None:
    """It is a `HarnessError` that names the method."""
    dataset = start(f"answers {answer}").open_dataset("s3://bucket/root", creds=CREDS)

    with pytest.raises(HarnessError, match=re.escape(message)):
        getattr(dataset, call)(*(["n"] if call == "read" else []))


def test_a_language_with_one_kind_of_number_has_floats(start: Start) -> None:
    """`1` is 1.0 in a column of floats, and a version may be a number."""
    answer = {"type": "list(float32)", "values": [[1, 2.5, "nan"], None]}
    values = start(f"answers {json.dumps(answer)}").open_dataset("file:///x").read("x")

    assert repr(values) == "[[1.0, 2.5, nan], None]"
    assert start("answers 7").open_dataset("file:///x").version() == "7"


def test_datasets_of_an_adapter_without_them_are_not_claimed(start: Start) -> None:
    """-32601, as for every method."""
    with pytest.raises(NotClaimed, match=r"no dataset\.open here"):
        start("none").open_dataset("file:///x")


def test_a_dataset_that_hangs_ends_with_its_time(start: Start) -> None:
    """Like every other call."""
    target = start("hangs", given=claims(deadline_s=0.2), margin_s=0.3)
    dataset = StdioDataset(target._connection, 1)

    with pytest.raises(TargetDied, match=r"did not answer dataset\.read within 0\.5 s"):
        dataset.read("n")
    assert not is_running(target.pid)


@pytest.mark.parametrize("vice", ["none", "answers-twice", "blank-lines", "floods-stderr"])
def test_what_does_no_harm_is_let_pass(start: Start, vice: str) -> None:
    """A second answer, an empty line, megabytes on stderr."""
    reader = open_reader(start(vice))

    assert [reader.get("k") for _ in range(3)] == [b"v"] * 3


def test_a_class_alone_gets_the_bases_of_the_contract(start: Start) -> None:
    """A small adapter sends only the name."""
    with pytest.raises(TargetError) as caught:
        open_reader(start("raises")).get("k")

    error = caught.value
    assert {"StorageKeyNotFound", "StorageError", "KeyError"} == error.ancestors
    assert (error.message, error.http_status, error.effect, error.operation) == ("told", 404, "none", None)


def test_a_class_of_its_own_has_no_bases(start: Start) -> None:
    """It is a failure of the target all the same; a code that is a number is a text."""
    with pytest.raises(TargetError) as caught:
        open_reader(start("raises-unknown-class")).get("k")

    assert (frozenset({"FolderError"}), "13") == (caught.value.ancestors, caught.value.code)


def test_an_unknown_method_is_not_claimed(start: Start) -> None:
    """-32601, with the adapter's own words."""
    with pytest.raises(NotClaimed, match="no sign_url here"):
        open_reader(start("none")).sign_url("k", 60)


def test_pages_go_on_while_there_is_a_cursor(start: Start) -> None:
    """The cursor comes back as it was sent."""
    pages = open_reader(start("pages")).list_iter()

    assert [[meta.path for meta in page] for page in pages] == [["k0"], ["k1"], ["k2"]]


@pytest.mark.parametrize(
    ("vice", "message"),
    [
        ("dies-at-once", "the target did not start.*exit status 1.*no module named sdk"),
        ("other-protocol", "another version of the protocol than 1"),
    ],
)
def test_a_target_that_does_not_start_was_not_judged(start: Start, vice: str, message: str) -> None:
    """It says why, with the last lines of stderr."""
    with pytest.raises(HarnessError, match=re.compile(message, re.DOTALL)):
        start(vice)


def test_a_command_that_is_none_is_named() -> None:
    """The system's own words."""
    with pytest.raises(HarnessError, match=r"cannot be started: ./no-such-program: No such file or directory"):
        TargetSpec("label", "stdio", Claims(), command=("./no-such-program",)).start()


def test_a_call_that_hangs_ends_with_its_time(start: Start) -> None:
    """The deadline of the claims plus a margin; the process is stopped, its last lines are told."""
    target = start("hangs", given=claims(deadline_s=0.2), margin_s=0.3)
    started = time.monotonic()
    message = re.compile(r"did not answer get within 0.5 s, and was stopped.*waiting for a lock", re.DOTALL)

    with pytest.raises(TargetDied, match=message):
        open_reader(target).get("k")
    assert time.monotonic() - started < 10
    assert not is_running(target.pid)


def test_a_call_that_cannot_be_sent_ends_with_its_time(start: Start) -> None:
    """The process no longer reads and the pipe is full: not even then does the suite hang."""
    target = start("stops-reading", given=claims(deadline_s=0.5), margin_s=0.5)
    writer = target.open_writer("s3://bucket/root")

    with pytest.raises(TargetDied, match="did not answer set within 1 s"):
        writer.set("k", b"x" * 4_000_000)
    assert not is_running(target.pid)


def test_a_killed_process_is_named_with_its_signal(start: Start) -> None:
    """So that the report tells a crash from an exit."""
    with pytest.raises(TargetDied, match="it ended with SIGKILL"):
        open_reader(start("is-killed")).get("k")


def test_closing_ends_the_process_and_its_children(start: Start) -> None:
    """By the process group; also a child that keeps the pipes open."""
    target = start("has-a-child")
    child = int(open_reader(target)._call("get", path="k"))
    assert is_running(child)

    target.close()

    assert not is_running(target.pid)
    assert wait_until(lambda: not is_running(child))


def test_closing_ends_a_process_that_does_not_end_by_itself(start: Start) -> None:
    """After its grace."""
    target = start("outlives-its-stdin")
    started = time.monotonic()

    target.close()

    assert not is_running(target.pid)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("path", ["k", "hang"])
def test_a_worker_ends_when_its_runner_is_killed(path: str) -> None:
    """Its stdin ends with the runner, also while a call of the target hangs."""
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, path], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert runner.stdout is not None
    worker = int(runner.stdout.readline())
    assert is_running(worker)

    runner.kill()
    runner.wait(timeout=20)
    runner.stdout.close()

    assert wait_until(lambda: not is_running(worker))


RUNNER = """
import sys, threading
from conformance.targets import TargetError
from conformance.targets.selection import resolve

target = resolve("tests.targets.miniature", (), None, "stdio").start()
reader = target.open_reader("mem://x")
try:
    reader.length("k")
    print(target.pid, flush=True)
    reader.get(sys.argv[1])
except TargetError:
    threading.Event().wait()
"""


def test_validation_names_the_place_and_the_rule(start: Start) -> None:
    """While an adapter is written, every message is checked; the value itself is not shown."""
    with pytest.raises(HarnessError, match=r"the result of hello breaks the schema: it has a member .*: language$"):
        start("extra-member", validate=True)
    with pytest.raises(HarnessError, match=r"the result of list breaks the schema at \[0\]: a member is missing: size"):
        open_reader(start("wrong-results", validate=True)).list()
    with pytest.raises(HarnessError, match="the answer to get breaks the schema at error: a member is missing: data"):
        open_reader(start("raises-without-class", validate=True)).get("k")


def test_validation_lets_what_is_right_pass(start: Start) -> None:
    """Requests of the suite and answers of a right adapter."""
    target = start("raises", validate=True)
    reader = open_reader(target)

    with pytest.raises(TargetError, match="told"):
        reader.get("k", 0, 5)
    with pytest.raises(NotClaimed):
        reader.metadata("k")
    reader.close()


def test_no_secret_is_shown(start: Start) -> None:
    """Neither by objects nor by what is raised about a wrong line."""
    target = start("chatters")
    reader = open_reader(target)
    with pytest.raises(HarnessError) as caught:
        reader.get("k")

    everything = repr(target) + repr(reader) + repr(vars(target)) + repr(vars(reader)) + str(caught.value)
    assert SECRET not in everything


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(condition: Callable[[], bool], timeout_s: float = 20) -> bool:
    """Wait for what another process does; it ends as soon as the condition holds."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False
