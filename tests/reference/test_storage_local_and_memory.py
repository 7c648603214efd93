"""Reader and Writer on `mem://` and `file://`: what both share."""

from __future__ import annotations

import array
import inspect
import multiprocessing
import pickle
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import deeplake_ref
from deeplake_ref import errors
from deeplake_ref.storage import Reader, ResourceMeta, Writer


@pytest.fixture(params=["mem", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A root that nobody else uses."""
    return f"mem://{uuid.uuid4().hex}/ds" if request.param == "mem" else f"file://{tmp_path}/ds"


def paths(metas: list[ResourceMeta]) -> list[str]:
    """Return the names."""
    return [meta.path for meta in metas]


# ---- objects


def test_a_value_comes_back_whole_and_in_slices(url: str) -> None:
    """For all bounds around a short value, as Python slices."""
    value = b"0123456789"
    Writer(url).set("a/k", value)
    reader = Reader(url)
    bounds = [None, 0, 1, 9, 10, 11, 2**63 - 1]

    for start in bounds:
        for end in bounds:
            if end is None or (start or 0) <= end:
                assert bytes(reader.get("a/k", start, end)) == value[start:end], (start, end)


@pytest.mark.parametrize("bounds", [(-1, None), (None, -1), (-3, -1), (2, 1), (1, 0)])
def test_negative_and_inverted_bounds_are_refused(url: str, bounds: tuple[int | None, int | None]) -> None:
    """Even if there is no object."""
    with pytest.raises(ValueError, match=str(bounds[0])):
        Reader(url).get("k", *bounds)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        bytearray(b"abc"),
        memoryview(b"abcdef")[::2],
        memoryview(array.array("i", [1, 2])),
        memoryview(b"ab").cast("B", [2, 1]),
        memoryview(bytes(8)).cast("d"),
    ],
    ids=["empty", "bytearray", "strided", "integers", "two dimensions", "floats"],
)
def test_any_buffer_is_stored_by_its_logical_bytes(url: str, content: Any) -> None:
    """And told with its size in bytes."""
    writer = Writer(url)
    meta = writer.set("k", content)

    expected = memoryview(content).tobytes()
    assert bytes(writer.get_reader().get("k")) == expected
    assert meta.size == len(expected)


def test_text_is_no_content(url: str) -> None:
    """A TypeError, and nothing is stored."""
    with pytest.raises(TypeError):
        Writer(url).set("k", "text")  # type: ignore[arg-type]

    assert Reader(url).length("k") == -1


def test_what_is_missing(url: str) -> None:
    """Is told by an error, by -1, by None, and by nothing at all."""
    writer = Writer(url)
    writer.set("a/b", b"x")
    reader = writer.get_reader()

    for key in ("k", "a", "a/b/c"):
        with pytest.raises(errors.StorageKeyNotFound) as caught:
            reader.get(key)
        assert (caught.value.operation, caught.value.effect) == ("get", "none")
        assert repr(key) in str(caught.value)
        assert (reader.length(key), reader.metadata(key)) == (-1, None)
        writer.remove(key)
        writer.remove_directory(f"{key}-")
    assert reader.list("nothing") == []
    assert reader.list_dirs("nothing") == []
    assert bytes(reader.get("a/b")) == b"x"


def test_set_and_metadata_say_the_same(url: str) -> None:
    """In listings too; other content has another etag."""
    writer = Writer(url)
    seen = set()
    for number in range(20):
        meta = writer.set("a/k", bytes([number]))
        assert [meta] == writer.get_reader().list() == [writer.get_reader().metadata("a/k")]
        seen.add(meta.etag)

    assert len(seen) == 20


ODD = ("", "/", "/a", "a/", "a//b", "..", "../x", "a/../b", "./a", "\ud800")


@pytest.mark.parametrize("key", ODD)
def test_odd_keys_are_refused_by_every_operation(url: str, key: str) -> None:
    """With the same class, before anything changes."""
    writer = Writer(url)
    reader = writer.get_reader()
    calls: dict[str, Callable[[], Any]] = {
        "set": lambda: writer.set(key, b"x"),
        "remove": lambda: writer.remove(key),
        "get": lambda: reader.get(key),
        "length": lambda: reader.length(key),
        "metadata": lambda: reader.metadata(key),
        "sign_url": lambda: reader.sign_url(key, 60),
    }
    for operation, call in calls.items():
        with pytest.raises(errors.InvalidURIError) as caught:
            call()
        assert (caught.value.operation, caught.value.effect) == (operation, "none")
        assert str(caught.value).startswith(f"{operation}: ")
    assert reader.list() == []


@pytest.mark.parametrize("path", ["/", "/a", "a//", "..", "a/../b", "\ud800"])
def test_odd_directories_are_refused_by_every_operation(url: str, path: str) -> None:
    """As keys are; one slash at the end is fine."""
    writer, reader = Writer(url), Reader(url)
    for call in (
        reader.list,
        reader.list_iter,
        reader.list_dirs,
        reader.subdir,
        writer.subdir,
        writer.remove_directory,
    ):
        with pytest.raises(errors.InvalidURIError):
            call(path)


# ---- conditions


def test_put_if_absent(url: str) -> None:
    """Once; the loser changes nothing."""
    writer = Writer(url)
    writer.set("a/k", b"first", if_absent=True)

    with pytest.raises(errors.StorageKeyAlreadyExists) as caught:
        writer.set("a/k", b"second", if_absent=True)

    assert caught.value.effect == "none"
    assert bytes(writer.get_reader().get("a/k")) == b"first"


def test_compare_and_swap(url: str) -> None:
    """With the etag of now; a missing object has none."""
    writer = Writer(url)
    first = writer.set("a/k", b"first")
    second = writer.set("a/k", b"second", if_match=first.etag)

    for key, etag in (("a/k", first.etag), ("a/none", second.etag), ("none/k", second.etag)):
        with pytest.raises(errors.StoragePreconditionFailed) as caught:
            writer.set(key, b"third", if_match=etag)
        assert caught.value.effect == "none"
    assert paths(writer.get_reader().list()) == ["a/k"]
    assert bytes(writer.get_reader().get("a/k")) == b"second"


@pytest.mark.parametrize("condition", ["if_absent", "if_match"])
def test_one_of_many_wins(url: str, condition: str) -> None:
    """Through handles at the root and below it, again and again."""
    root, below = Writer(url), Writer(f"{url}/a")
    start = threading.Barrier(6)

    def write(number: int, key: str, etag: str | None) -> bool:
        conditions: dict[str, Any] = {"if_absent": True} if condition == "if_absent" else {"if_match": etag}
        start.wait()
        try:
            if number % 2:
                root.set(f"a/{key}", b"%d" % number, **conditions)
            else:
                below.set(key, b"%d" % number, **conditions)
        except (errors.StorageKeyAlreadyExists, errors.StoragePreconditionFailed):
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        for turn in range(10):
            key = f"k{turn}"
            etag = None if condition == "if_absent" else root.set(f"a/{key}", b"x").etag
            won = list(threads.map(write, range(6), [key] * 6, [etag] * 6))
            assert won.count(True) == 1
            assert bytes(below.get_reader().get(key)) == b"%d" % won.index(True)


def test_conditions_exclude_each_other(url: str) -> None:
    """Both cannot hold."""
    with pytest.raises(ValueError, match="exclude"):
        Writer(url).set("k", b"", if_absent=True, if_match="x")


# ---- directories


def test_listings(url: str) -> None:
    """Sorted by bytes, by whole segments, relative to the handle."""
    keys = ["a", "b/c", "b.d", "b/c.e/f", "b0", "é", "\U0001f600", "bc/d"] if url.startswith("mem") else []
    keys = keys or ["a", "b/c", "b.d", "b/e/f", "b0", "é", "\U0001f600", "bc/d"]
    writer = Writer(url)
    for key in keys:
        writer.set(key, b"x")
    reader = writer.get_reader()
    expected = sorted(keys, key=str.encode)

    assert paths(reader.list()) == expected
    assert paths(reader.list("b")) == paths(reader.list("b/")) == [key for key in expected if key.startswith("b/")]
    assert paths(reader.subdir("b").list()) == [key[2:] for key in expected if key.startswith("b/")]
    assert reader.list_dirs() == ["b", "bc"]
    assert reader.subdir("b").list_dirs() == [key.split("/")[1] for key in expected if key.count("/") == 2]


def test_pages_join_to_the_listing(url: str) -> None:
    """Of at most 1,000 entries."""
    writer = Writer(url)
    for number in range(1001):
        writer.set(f"d{number % 3}/{number}", b"")
    pages = list(writer.get_reader().list_iter())

    assert [len(page) for page in pages] == [1000, 1]
    assert [meta for page in pages for meta in page] == writer.get_reader().list()


def test_remove_directory_takes_what_is_listed(url: str) -> None:
    """And nothing beside it."""
    writer = Writer(url)
    for key in ("p.x", "p/a", "p/b/c", "p2/a", "q"):
        writer.set(key, b"x")
    writer.remove_directory("p/")

    assert paths(writer.get_reader().list()) == ["p.x", "p2/a", "q"]
    writer.remove_directory("")
    assert writer.get_reader().list() == []


def test_subdirs_compose(url: str) -> None:
    """And write where they read."""
    writer = Writer(url).subdir("a").subdir("b/")
    writer.set("k", b"x")

    assert writer.path == f"{url}/a/b"
    assert bytes(Reader(url).get("a/b/k")) == bytes(Reader(f"{url}/a/b").get("k")) == b"x"
    assert Reader(url).subdir("a").metadata("b/k") == ResourceMeta("b/k", 1, *_rest(writer.get_reader().metadata("k")))


def _rest(meta: ResourceMeta | None) -> tuple[Any, Any]:
    assert meta is not None
    return meta.etag, meta.last_modified


# ---- handles


def test_a_closed_handle_is_closed_for_all(url: str) -> None:
    """Closing again does nothing."""
    writer = Writer(url)
    reader, below = writer.get_reader(), writer.subdir("a")
    pages = reader.list_iter()
    writer.set("k", b"x")
    with writer:
        pass
    writer.close()

    for call in (lambda: writer.set("k", b""), lambda: reader.get("k"), lambda: below.remove("k"), lambda: next(pages)):
        with pytest.raises(errors.StorageError, match="closed"):
            call()


def _read_in_child(reader: Reader, into: Any) -> None:
    into.put(bytes(reader.get("k")))


def test_a_handle_reopens_in_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it pointed, whatever directory that process is in."""
    monkeypatch.chdir(tmp_path)
    writer = Writer("rel").subdir("a")
    writer.set("k", b"across")
    monkeypatch.chdir("/")
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    child = context.Process(target=_read_in_child, args=(writer.get_reader(), answers))
    child.start()

    assert answers.get(timeout=60) == b"across"
    child.join(timeout=60)


def test_a_handle_with_creds_does_not_pickle(url: str) -> None:
    """Nor one with a token; and neither shows them."""
    for handle in (Reader(url, creds={"aws_secret_access_key": "hunter2"}), Reader(url, token="hunter2")):
        assert "hunter2" not in repr(handle) + repr(vars(handle)) + repr(vars(vars(handle)["_shared"]))
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(handle)


@pytest.mark.parametrize("deadline_s", [0, -1, float("nan"), float("inf")])
def test_a_deadline_is_a_positive_number(url: str, deadline_s: float) -> None:
    """Of seconds."""
    with pytest.raises(ValueError, match="deadline"):
        Reader(url, deadline_s=deadline_s)


def test_the_package_is_cheap_to_import() -> None:
    """No SDK is loaded, and neither `mem://` nor `file://` needs one."""
    script = (
        "import sys, deeplake_ref\n"
        "with deeplake_ref.Writer('mem://x') as writer: writer.set('k', b'x')\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(names & {'boto3', 'botocore', 'azure', 'google', 'requests'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_public_names_are_those_listed() -> None:
    """Nothing else is there without an underscore, submodules and what typing needs aside."""
    public = {name for name in vars(deeplake_ref) if not name.startswith("_")} | {"explain"}
    modules = {name for name in public if inspect.ismodule(getattr(deeplake_ref, name))}
    typing = {"annotations", "Any", "TYPE_CHECKING"}

    assert public - modules - typing | {"client", "errors", "storage"} == set(deeplake_ref.__all__)
    assert all(hasattr(deeplake_ref, name) for name in deeplake_ref.__all__)


def test_memory_is_shared_by_id() -> None:
    """And ids are separate."""
    one, other = uuid.uuid4().hex, uuid.uuid4().hex
    Writer(f"mem://{one}/a").set("k", b"x")

    assert paths(Reader(f"mem://{one}").list()) == ["a/k"]
    assert Reader(f"mem://{other}").list() == []
