"""
What a check observes is the same through both doors.
"""

from __future__ import annotations

import re
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from conformance import stopwatch
from conformance.targets import HarnessError, Meta, NotClaimed, Target, TargetDied, TargetError
from conformance.targets.results import MALFORMED
from conformance.targets.selection import TargetSpec, resolve
from tests.targets.conftest import CREDS, MINIATURE, SECRET


@pytest.fixture
def url() -> str:
    """A place of its own for each test, as values are shared by URL."""
    return f"mem://{uuid.uuid4().hex}"


def test_a_target_has_its_name_and_version(target: Target) -> None:
    """Both come from the target."""
    assert (target.name, target.version) == (MINIATURE, "1.2.3")


@pytest.mark.parametrize(
    "content",
    [b"", b"value", bytes(range(256)), bytearray(b"array"), memoryview(b"abcdef")[::2], b"x" * 300_000],
    ids=["empty", "text", "all-bytes", "bytearray", "strided", "300-kB"],
)
def test_bytes_arrive_as_they_are(target: Target, url: str, content: bytes) -> None:
    """Any bytes-like goes in, bytes come out."""
    writer = target.open_writer(url)
    writer.set("k", content)

    assert bytes(content) == writer.get_reader().get("k")


@pytest.mark.parametrize("path", ["plain", "with space", "ä/ö", "a\nb", "\N{GRINNING FACE}", "\ud800", "", "%41"])
def test_paths_arrive_as_they_are(target: Target, url: str, path: str) -> None:
    """No character is changed on the way, not even half a surrogate pair."""
    writer = target.open_writer(url)
    writer.set(path, b"v")

    assert [path] == [meta.path for meta in writer.get_reader().list()]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(None, None, b"abcdef"), (2, None, b"cdef"), (None, 2, b"ab"), (0, 0, b""), (1, 3, b"bc")],
)
def test_bounds_arrive_as_they_are(
    target: Target, url: str, start: int | None, end: int | None, expected: bytes
) -> None:
    """None is an open end and 0 is not None."""
    writer = target.open_writer(url)
    writer.set("k", b"abcdef")

    assert expected == writer.get_reader().get("k", start, end)


def test_metadata_keep_the_instant_with_its_offset(target: Target, url: str) -> None:
    """Microseconds and the zone survive; an instant without a zone stays without one."""
    writer = target.open_writer(url)
    meta = writer.set("k", b"v")
    reader = writer.get_reader()

    assert isinstance(meta, Meta)
    assert meta == reader.metadata("k")
    assert datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC) == meta.last_modified
    naive = reader.metadata("naive")
    assert naive is not None
    assert naive.last_modified is not None
    assert naive.last_modified.tzinfo is None


def test_what_is_missing_is_none_or_minus_one(target: Target, url: str) -> None:
    """`metadata` and `length` have their own words for it."""
    reader = target.open_reader(url)

    assert (reader.metadata("k"), reader.length("k")) == (None, -1)


def test_pages_are_those_of_the_target(target: Target, url: str) -> None:
    """One page per object here, and no page of ours; an empty listing has none."""
    writer = target.open_writer(url)
    reader = writer.get_reader()
    assert list(reader.list_iter()) == []
    for key in "abc":
        writer.set(key, b"v")

    assert [[meta.path for meta in page] for page in reader.list_iter()] == [["a"], ["b"], ["c"]]


def test_an_error_in_a_later_page_is_raised_there(target: Target, url: str) -> None:
    """The pages before it were seen."""
    writer = target.open_writer(url)
    writer.set("a", b"v")
    pages = writer.get_reader().list_iter("broken")

    assert [meta.path for meta in next(pages)] == ["a"]
    with pytest.raises(TargetError, match="the second page is gone"):
        next(pages)


def test_a_listing_that_fails_on_the_way_is_the_targets_failure(target: Target, url: str) -> None:
    """A generator raises only when it is read."""
    with pytest.raises(TargetError, match="the second page is gone") as caught:
        target.open_reader(url).list("broken")
    assert caught.value.operation is None  # what the target does not tell is not filled in


def test_subdirectories_are_handles_of_their_own(target: Target, url: str) -> None:
    """What is written below is read below."""
    target.open_writer(url).subdir("d").set("k", b"v")

    assert target.open_reader(url).subdir("d").get("k") == b"v"


def test_removals_and_directories_reach_the_target(target: Target, url: str) -> None:
    """`list_dirs`, `remove` and `remove_directory`, which return nothing worth looking at."""
    writer = target.open_writer(url)
    reader = writer.get_reader()
    for key in ("d/a", "d/b", "e/a", "f"):
        writer.set(key, b"v")

    assert reader.list_dirs() == ["d", "e"]
    writer.remove_directory("d")
    writer.remove("f")
    assert [meta.path for meta in reader.list()] == ["e/a"]
    writer.close()
    reader.close()


def test_an_error_carries_what_the_target_says(target: Target, url: str) -> None:
    """Class, bases, text, code and status."""
    with pytest.raises(TargetError) as caught:
        target.open_reader(url).get("nothing")

    error = caught.value
    assert error.class_name == "StorageKeyNotFound"
    assert error.ancestors >= {"StorageKeyNotFound", "StorageError", "KeyError", "LookupError", "Exception"}
    assert (error.message, error.code, error.http_status) == ("no object 'nothing'", "NoSuchKey", 404)
    assert (error.provider, error.operation, error.effect) == ("mem", "get", None)
    assert str(error) == "StorageKeyNotFound: no object 'nothing'"


def test_an_alias_of_the_contract_counts_as_the_class(target: Target, url: str) -> None:
    """deeplake says LogExistsError for DatasetExistsError."""
    writer = target.open_writer(url)
    writer.set("k", b"v", if_absent=True)

    with pytest.raises(TargetError) as caught:
        writer.set("k", b"v", if_absent=True)

    assert caught.value.is_a("DatasetExistsError")
    assert caught.value.is_a("StorageError")
    assert not caught.value.is_a("StorageKeyAlreadyExists")


@pytest.mark.parametrize(
    "operation",
    ["length", "list", "list_dirs", "metadata"],
)
def test_a_result_without_the_form_of_the_contract_is_the_targets_failure(
    target: Target, url: str, operation: str
) -> None:
    """A text for a length, a number for a list."""
    with pytest.raises(TargetError, match=f"{operation} gave a ") as caught:
        getattr(target.open_reader(url), operation)("malformed")

    assert caught.value.class_name == MALFORMED


def test_a_missing_method_is_not_claimed(target: Target, url: str) -> None:
    """Neither passed nor failed."""
    with pytest.raises(NotClaimed, match="Reader has no method sign_url"):
        target.open_reader(url).sign_url("k", 60)


def test_pages_that_are_missing_are_not_claimed(spec: TargetSpec, url: str) -> None:
    """The method is looked for before the target is called, so that its absence is no error of the target's."""
    target = resolve(f"{MINIATURE}:ReaderOnly", (), None, spec.door).start()
    try:
        with pytest.raises(NotClaimed, match="no method list_iter"):
            next(target.open_reader(url).list_iter())
    finally:
        target.close()


def test_a_missing_condition_is_not_claimed(target: Target, url: str) -> None:
    """A `set` without `if_match` must not be taken for one that writes regardless."""
    writer = target.open_writer(url)

    with pytest.raises(NotClaimed, match=r"Writer\.set has no if_match"):
        writer.set("k", b"v", if_match="etag")
    assert writer.get_reader().length("k") == -1


@pytest.mark.parametrize(
    ("path", "name"),
    [("panic", "PanicException"), ("exit", "SystemExit"), ("unprintable", "BrokenError")],
)
def test_what_escapes_exception_is_still_the_targets(target: Target, url: str, path: str, name: str) -> None:
    """A crash in compiled code, a call of `sys.exit`, an exception without a text."""
    with pytest.raises(TargetError) as caught:
        target.open_reader(url).get(path)

    assert name == caught.value.class_name


@pytest.mark.parametrize("path", ["leak", "leak-in-cause"])
def test_a_secret_in_a_message_is_masked_and_noticed(spec: TargetSpec, target: Target, url: str, path: str) -> None:
    """The report shows the field, a check of secrecy sees the leak, and nothing that is printed has the secret."""
    reader = target.open_reader(url, CREDS)
    with pytest.raises(TargetError) as caught:
        reader.get(path)

    error = caught.value
    assert SECRET not in str(error)
    assert SECRET not in repr(error) + repr(error.__dict__) + repr(reader) + repr(target)
    assert error.__suppress_context__ or error.__context__ is None
    if path == "leak":
        assert str(error) == "StorageError: denied: key=[aws_secret_access_key]"
    if path == "leak" or spec.door == "in-process":
        assert {"aws_secret_access_key"} == error.leaked


def test_a_secret_in_an_error_of_open_is_masked(target: Target, url: str) -> None:
    """Also before there is a handle; the token is one."""
    with pytest.raises(TargetError) as caught:
        target.open_reader(url, CREDS | {"refuse": True}, token="tok-en-of-this-run")

    assert caught.value.message == "refused with [aws_secret_access_key] and [token]"


def test_an_explanation_is_plain_data(target: Target) -> None:
    """Whatever objects it is made of; creds and token go along, what is not known of it is left out."""
    assert target.explain("s3://b", CREDS, "tok-en-of-this-run") == {
        "attempts": [
            {"source": "aws_dict", "answer": "credentials", "reason": ""},
            {"source": "aws_env", "answer": "not asked", "reason": "behind aws_dict"},
        ],
        "winner": "aws_dict",
        "endpoint": "http://h:1",
        "region": None,
        "expires_at": "2099-01-02T00:00:00+00:00",
    }
    assert target.explain("s3://b")["winner"] is None


def test_an_explanation_without_the_form_is_the_targets_failure(target: Target) -> None:
    """As any other result."""
    with pytest.raises(TargetError, match="answer of aws_dict is one of credentials") as caught:
        target.explain("s3://malformed")

    assert caught.value.class_name == MALFORMED


def test_a_secret_in_an_error_of_explain_is_masked(target: Target) -> None:
    """And noticed."""
    with pytest.raises(TargetError) as caught:
        target.explain("s3://raises", CREDS)

    assert SECRET not in str(caught.value)
    assert caught.value.leaked == {"aws_secret_access_key"}


def test_a_target_that_explains_nothing_does_not_claim_it(spec: TargetSpec) -> None:
    """It is judged by what it has."""
    target = resolve(f"{MINIATURE}:ReaderOnly", (), None, spec.door).start()
    try:
        with pytest.raises(NotClaimed, match="explain"):
            target.explain("s3://b")
    finally:
        target.close()


def test_every_call_is_timed_as_the_targets(target: Target, url: str) -> None:
    """The report tells the target's time from the suite's."""
    stopwatch.reset()
    writer = target.open_writer(url)
    writer.set("k", b"v")
    reader = writer.get_reader()
    reader.get("k")
    with pytest.raises(TargetError):
        reader.get("nothing")

    spent = stopwatch.read()["target"]
    assert spent["calls"] == 5
    assert spent["seconds"] > 0


def test_concurrent_calls_meet_in_the_target(target: Target, url: str) -> None:
    """Two calls from two threads are in the target at once: each waits there for the other."""
    reader = target.open_reader(url)

    def meet() -> str:
        with pytest.raises(TargetError) as caught:
            reader.get("meet")
        return caught.value.class_name

    with ThreadPoolExecutor(2) as pool:
        met = [future.result(timeout=30) for future in [pool.submit(meet), pool.submit(meet)]]

    assert met == ["StorageKeyNotFound"] * 2


def test_answers_reach_the_threads_that_asked(target: Target, url: str) -> None:
    """Many calls at once, each with a value of its own."""
    writer = target.open_writer(url)
    for number in range(50):
        writer.set(str(number), str(number).encode() * 100)
    reader = writer.get_reader()

    with ThreadPoolExecutor(8) as pool:
        values = list(pool.map(lambda number: reader.get(str(number)), range(50)))

    assert [str(number).encode() * 100 for number in range(50)] == values


def test_a_target_without_a_writer_does_not_claim_to_write() -> None:
    """It is judged by what it has."""
    reader_only = resolve(f"{MINIATURE}:ReaderOnly", (), None, None).start()

    assert reader_only.open_reader("x").get("k") == b"k"
    with pytest.raises(NotClaimed, match=r"no storage\.Writer"):
        reader_only.open_writer("x")
    with pytest.raises(NotClaimed, match="no method close"):
        reader_only.open_reader("x").close()


def test_an_interruption_passes_in_process(url: str) -> None:
    """Ctrl-C stops the run, it is not the target's failure."""
    reader = resolve(MINIATURE, (), None, "in-process").start().open_reader(url)

    with pytest.raises(KeyboardInterrupt):
        reader.get("interrupt")


def test_a_dead_target_says_its_last_words() -> None:
    """How it ended and what it wrote; every later call says so again at once."""
    target = resolve(MINIATURE, (), None, "stdio").start()
    reader = target.open_reader("mem://x")

    with pytest.raises(TargetDied, match=re.compile("ended with exit status 7.*last words", re.DOTALL)):
        reader.get("die")
    with pytest.raises(TargetDied, match="last words"):
        reader.length("k")
    target.close()


def test_what_a_target_prints_is_not_taken_for_an_answer() -> None:
    """Its stdout is stderr, its stdin is empty."""
    target = resolve(MINIATURE, (), None, "stdio").start()
    reader = target.open_reader("mem://x")

    with pytest.raises(TargetError, match="no object 'print'"):
        reader.get("print")
    with pytest.raises(TargetError, match="stdin has ''"):
        reader.get("read")
    target.close()


def test_all_threads_that_wait_learn_of_the_death() -> None:
    """Not only the one whose call killed it."""
    target = resolve(MINIATURE, (), None, "stdio").start()
    reader = target.open_reader("mem://x")
    waiting = threading.Event()

    def wait() -> type[BaseException]:
        waiting.set()
        with pytest.raises(TargetDied) as caught:
            reader.get("hang")
        return caught.type

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(wait)
        waiting.wait(timeout=20)
        with pytest.raises(TargetDied):
            reader.get("die")

        assert future.result(timeout=20) is TargetDied
    target.close()


def test_a_foreign_handle_is_a_mistake_of_the_suite() -> None:
    """Reading through a handle that was opened to write cannot be the target's failure."""
    target = resolve(MINIATURE, (), None, "stdio").start()
    writer = target.open_writer("mem://x")

    with pytest.raises(HarnessError, match="the handle was opened to write"):
        writer._call("get", path="k")  # type: ignore[attr-defined]
    target.close()
