"""
The example target in Node.js: what it answers on the wire, and that the suite judges it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance.targets import HarnessError, NotClaimed, TargetError
from conformance.targets.selection import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.targets import Target

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "folder.mjs"
CLAIMS = ROOT / "examples" / "folder.toml"

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="the example needs Node.js 20.12 or newer")


@pytest.fixture
def folder() -> Iterator[Target]:
    """The running script; every message is checked against the schema."""
    target = resolve(None, ["node", str(SCRIPT)], CLAIMS, None, validate=True).start()
    yield target
    target.close()


def test_it_stays_within_what_it_shows() -> None:
    """A target fits on a page: 80 lines, 120 columns, no dependency."""
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 80
    assert max(map(len, lines)) <= 120
    assert all('"node:' in line for line in lines if line.startswith("import"))


def test_values_lie_on_the_disk_under_their_keys(folder: Target, tmp_path: Path) -> None:
    """Nothing else is left there, no temporary file and no empty folder."""
    writer = folder.open_writer(f"file://{tmp_path}")
    writer.set("a/b c/ü", b"\x00\xff")
    writer.subdir("a").set("k", b"v")
    writer.set("gone/k", b"v")
    writer.remove("gone/k")

    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*")) if path.is_file()] == [
        "a/b c/ü",
        "a/k",
    ]
    assert (tmp_path / "a" / "b c" / "ü").read_bytes() == b"\x00\xff"
    assert not (tmp_path / "gone").exists()
    assert not (tmp_path / ".folder").exists()


def test_listings_are_relative_and_in_the_order_of_bytes(folder: Target, tmp_path: Path) -> None:
    """UTF-16, the order of JavaScript, would put the astral key before the other one."""
    writer = folder.open_writer(f"file://{tmp_path}")
    keys = ["d/\ufffd", "d/\U0001f600", "d/a b/k", "d/a/k"]
    for key in keys:
        writer.set(key, b"v")
    reader = writer.get_reader()

    assert [meta.path for meta in reader.list("d")] == ["d/a b/k", "d/a/k", "d/\ufffd", "d/\U0001f600"]
    assert next(meta.path for page in reader.subdir("d").list_iter() for meta in page) == "a b/k"
    assert reader.list_dirs("d") == ["d/a", "d/a b"]


@pytest.mark.parametrize(
    "key", ["", "a//b", "/a", "a/", "../x", "a/../b", ".", ".folder/x", "a\0b", "\ud800", "n" * 256]
)
def test_what_a_folder_cannot_keep_apart_is_refused(folder: Target, tmp_path: Path, key: str) -> None:
    """With the contract's class, and nothing is written."""
    with pytest.raises(TargetError) as caught:
        folder.open_writer(f"file://{tmp_path}").set(key, b"v")

    assert caught.value.is_a("InvalidURIError")
    assert list(tmp_path.iterdir()) == []


def test_a_link_leads_nowhere(folder: Target, tmp_path: Path) -> None:
    """Neither for reading nor for writing."""
    (tmp_path / "outside").write_text("secret")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "outside")
    writer = folder.open_writer(f"file://{tmp_path}/root")

    for call in (lambda: writer.get_reader().get("link"), lambda: writer.set("link", b"v")):
        with pytest.raises(TargetError, match="not a key here"):
            call()
    assert (tmp_path / "outside").read_text() == "secret"
    assert writer.get_reader().list() == []


def test_put_if_absent_is_refused_for_what_is_there(folder: Target, tmp_path: Path) -> None:
    """And the value stays; `if_match` is not claimed and writes nothing."""
    writer = folder.open_writer(f"file://{tmp_path}")
    writer.set("k", b"first", if_absent=True)

    with pytest.raises(TargetError) as caught:
        writer.set("k", b"second", if_absent=True)
    assert caught.value.is_a("StorageKeyAlreadyExists")
    assert caught.value.effect == "none"
    with pytest.raises(NotClaimed):
        writer.set("k", b"second", if_match="etag")
    assert writer.get_reader().get("k") == b"first"


def test_a_bug_of_the_script_is_not_a_failure_of_the_target(folder: Target, tmp_path: Path) -> None:
    """Here a handle that was never opened: the suite's own mistake, or the script's."""
    reader = folder.open_reader(f"file://{tmp_path}")
    reader._handle = 99  # type: ignore[attr-defined]

    with pytest.raises(HarnessError, match="the adapter failed itself at length"):
        reader.length("k")


def test_the_suite_judges_it(tmp_path: Path) -> None:
    """A short run conforms; what only Python objects can show is said to be inconclusive."""
    only = ["--only", "OBJ-1,OBJ-5,OBJ-13,RANGE-1,LIST-2", "--places", "file", "--profile", "quick", "-n", "0"]
    files = ["--record", str(tmp_path), "--claims", str(CLAIMS)]
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "run", *only, *files, "--", "node", str(SCRIPT)],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "folder conforms" in done.stdout
    assert "only observable in process" in done.stdout
