"""
Datasets: their layout, what is read of it, and what is made of logs and data that are damaged.
"""

from __future__ import annotations

import json
import shutil
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import deeplake_ref
from deeplake_ref import dataset, errors
from deeplake_ref.dataset import Dataset

SCHEMA = {"id": "int64", "name": "text"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of a dataset with two commits."""
    with deeplake_ref.create(f"file://{tmp_path}/ds", schema=SCHEMA) as opened:
        opened.append({"id": [1, 2], "name": ["a", "b"]})
        opened.commit("first")
        opened.append({"id": [3], "name": ["c"]})
        opened.commit("second")
    return tmp_path / "ds"


def log(root: Path, version: int) -> Path:
    """Return the file of a version."""
    return root / "_log" / f"{version:020}.json"


def test_plain_pyarrow_reads_the_files(root: Path, tmp_path: Path) -> None:
    """The log names them in order; the same is true of a copy."""
    deeplake_ref.copy(f"file://{root}", f"file://{tmp_path}/copy")
    for where, version in ((root, 2), (tmp_path / "copy", 0)):
        fields = json.loads(log(where, version).read_text())
        table = pa.concat_tables([pq.read_table(where / file["path"]) for file in fields["files"]])

        assert table.to_pylist() == [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}]
        assert [file["rows"] for file in fields["files"]] == [2, 1]
        assert fields["schema"] == SCHEMA


def test_appends_become_one_object_and_a_large_one_is_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits in memory is bounded."""
    opened = deeplake_ref.create(f"file://{tmp_path}/ds", schema=SCHEMA)
    for number in range(5):
        opened.append({"id": [number], "name": ["x"]})
    assert not (tmp_path / "ds" / "_data").exists()
    opened.commit()
    assert len(list((tmp_path / "ds" / "_data").iterdir())) == 1

    monkeypatch.setattr(dataset, "MOST_BUFFERED", 10)
    opened.append({"id": [5], "name": ["y" * 20]})

    assert len(list((tmp_path / "ds" / "_data").iterdir())) == 2
    assert opened["id"][:].to_pylist() == [0, 1, 2, 3, 4, 5]
    assert len(deeplake_ref.open(f"file://{tmp_path}/ds")) == 5
    assert opened.commit() == 2
    assert len(deeplake_ref.open(f"file://{tmp_path}/ds")) == 6


def test_a_commit_of_nothing_writes_nothing(root: Path) -> None:
    """The version stays."""
    with deeplake_ref.open(f"file://{root}") as opened:
        opened.append({"id": [], "name": []})

        assert opened.commit("nothing") == 2
    assert len(list((root / "_log").iterdir())) == 3


def test_history_tells_every_commit(root: Path) -> None:
    """With message, time and rows so far."""
    with deeplake_ref.open_read_only(f"file://{root}") as opened:
        told = [(each.version, each.message, each.rows) for each in opened.history]

        assert told == [(0, "created", 0), (1, "first", 2), (2, "second", 3)]
        assert all(each.time.tzinfo is not None for each in opened.history)
        assert repr(opened) == f"Dataset('file://{root}', version 2, 3 rows)"
        assert repr(opened["id"]) == "Column('id', int64, 3 rows)"


def test_rows_columns_and_slices(root: Path) -> None:
    """As a list of dictionaries would have them."""
    with deeplake_ref.open(f"file://{root}") as opened:
        rows = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}]

        assert list(opened) == rows
        assert opened[-1] == rows[-1]
        assert opened[1:].to_pylist() == rows[1:]
        assert opened[::-2].to_pylist() == rows[::-2]
        assert opened[2:1].to_pylist() == []
        assert opened["name"][1] == "b"
        assert opened["name"][::2].to_pylist() == ["a", "c"]
        assert [len(each) for each in opened.batches(2)] == [2, 1]
        with pytest.raises(IndexError, match="row 3 of 3"):
            opened[3]
        with pytest.raises(KeyError, match="no column 'q'; there are 'id', 'name'"):
            opened["q"]
        with pytest.raises(ValueError, match="a batch has at least one row: 0"):
            next(opened.batches(0))


def test_a_column_is_read_from_its_own_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices across groups and files."""
    monkeypatch.setattr("deeplake_ref.parquet.ROW_GROUP", 10)
    opened = deeplake_ref.create(f"file://{tmp_path}/ds", schema={"id": "int64"})
    for start in (0, 35):
        opened.append({"id": list(range(start, start + 35))})
        opened.commit()
    column = deeplake_ref.open(f"file://{tmp_path}/ds")["id"]

    for low, high in ((0, 70), (5, 15), (30, 40), (34, 36), (69, 70), (70, 80)):
        assert column[low:high].to_pylist() == list(range(70))[low:high]


def test_versions_are_opened_by_number(root: Path) -> None:
    """For reading only."""
    assert len(deeplake_ref.open_read_only(f"file://{root}@1")) == 2
    assert deeplake_ref.exists(f"file://{root}@2")
    assert not deeplake_ref.exists(f"file://{root}@3")
    with pytest.raises(errors.DatasetNotFoundError, match="has no version 3, the newest is 2"):
        deeplake_ref.open_read_only(f"file://{root}@3")
    with pytest.raises(errors.InvalidURIError, match="a version is a number, as in `name@3`"):
        deeplake_ref.open_read_only(f"file://{root}@main")
    for write in (deeplake_ref.open, deeplake_ref.create, deeplake_ref.delete):
        with pytest.raises(errors.InvalidURIError, match="a version is read-only"):
            write(f"file://{root}@1")


def test_what_is_open_for_reading_does_not_write(root: Path) -> None:
    """Neither verb."""
    with deeplake_ref.open_read_only(f"file://{root}") as opened:
        with pytest.raises(errors.StorageError, match="append: the dataset is open for reading only; use `open`"):
            opened.append({"id": [1], "name": ["x"]})
        with pytest.raises(errors.StorageError, match="commit: the dataset is open for reading only; use `open`"):
            opened.commit()


def _edited(root: Path, **fields: Any) -> None:
    path = log(root, 2)
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def _first_file(root: Path) -> Path:
    return root / str(json.loads(log(root, 2).read_text())["files"][0]["path"])


def _other_rows(root: Path) -> None:
    path = _first_file(root)
    pq.write_table(pa.table({"id": pa.array([1], pa.int64()), "name": ["a"]}), path)
    fields = json.loads(log(root, 2).read_text())
    content = path.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8
    fields["files"][0] |= {"bytes": len(content), "footer": footer, "crc32": zlib.crc32(content[-footer:])}
    log(root, 2).write_text(json.dumps(fields))


FILE = {"path": "_data/" + "0" * 32 + ".parquet", "rows": 1, "bytes": 10, "footer": 9, "crc32": 7}

DAMAGED_LOGS: dict[str, Any] = {
    "version 1 is missing, 2 exists": lambda root: log(root, 1).unlink(),
    "version 0 is missing, 2 exists": lambda root: log(root, 0).unlink(),
    "version 2 is not an object of this log": lambda root: log(root, 2).write_text("<html></html>"),
    "is in the format 'iceberg', this reads 'deeplake_ref/1'": lambda root: _edited(root, format="iceberg"),
    "version 2 contradicts itself": lambda root: _edited(root, version=1),
    "contradicts itself": lambda root: _edited(root, files=[FILE | {"path": "../../etc/passwd"}]),
    "2 contradicts itself": lambda root: _edited(root, files=[FILE | {"rows": True}]),
    "version 2 is not an object": lambda root: _edited(root, files=[FILE | {"more": 1}]),
    "2 is not an object of this log": lambda root: _edited(root, schema={"id": "complex"}),
    "2 is not an object of this": lambda root: log(root, 2).write_bytes(log(root, 2).read_bytes()[:-9]),
}


@pytest.mark.parametrize("why", DAMAGED_LOGS)
def test_a_damaged_log_is_not_read(root: Path, why: str) -> None:
    """The message says what is wrong with which version; `delete` still works."""
    DAMAGED_LOGS[why](root)

    with pytest.raises(errors.StorageInternalError, match=f"the log of file://{root} is damaged: .*{why}") as caught:
        deeplake_ref.open(f"file://{root}")
    assert caught.value.code == "DamagedLog"
    deeplake_ref.delete(f"file://{root}")
    assert not list(root.rglob("*.json"))


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(b"ab", 4) if b"ab" in content[4:-400] else 40] ^= 1
    path.write_bytes(content)


DAMAGED_DATA: dict[str, Any] = {
    "it has .* bytes, the log says": lambda root: _first_file(root).write_bytes(_first_file(root).read_bytes()[:-3]),
    "its footer is not the one that was written": lambda root: _first_file(root).write_bytes(
        b"x" * _first_file(root).stat().st_size
    ),
    "damaged: OSError": lambda root: _flipped(_first_file(root)),
    "it does not hold what the log says|it has 1 rows, the log says 2": _other_rows,
}


@pytest.mark.parametrize("why", DAMAGED_DATA)
@pytest.mark.parametrize("read", [Dataset.to_arrow, lambda opened: opened["id"][:]], ids=["all", "column"])
def test_damaged_data_are_not_read(root: Path, why: str, read: Any) -> None:
    """Whole or by column."""
    DAMAGED_DATA[why](root)

    with deeplake_ref.open(f"file://{root}") as opened:
        with pytest.raises(
            errors.StorageInternalError, match=r"the data object '_data/.*' of .* is damaged: "
        ) as caught:
            read(opened)
    assert caught.value.code == "DamagedData"


def test_missing_data_are_an_error(root: Path) -> None:
    """Not fewer rows."""
    shutil.rmtree(root / "_data")

    with deeplake_ref.open(f"file://{root}") as opened, pytest.raises(errors.StorageKeyNotFound):
        opened.to_arrow()


def test_a_removal_that_was_cut_off_can_be_repeated(root: Path) -> None:
    """The newest version goes first, the creation last."""
    log(root, 2).unlink()
    assert len(deeplake_ref.open(f"file://{root}")) == 2
    shutil.rmtree(root / "_data")
    log(root, 1).unlink()
    assert len(deeplake_ref.open(f"file://{root}")) == 0
    deeplake_ref.delete(f"file://{root}")

    assert not deeplake_ref.exists(f"file://{root}")
    assert not [path for path in root.rglob("*") if path.is_file()]


def test_like_takes_an_open_dataset_or_a_path(root: Path, tmp_path: Path) -> None:
    """The schema only."""
    with deeplake_ref.open_read_only(f"file://{root}") as source:
        assert deeplake_ref.like(source, f"file://{tmp_path}/one").schema == SCHEMA
    assert len(deeplake_ref.like(f"file://{root}", f"file://{tmp_path}/two")) == 0


def test_of_two_copies_to_one_place_one_stays_whole(root: Path, tmp_path: Path) -> None:
    """The one that loses removes its own objects only."""
    destination = f"file://{tmp_path}/copy"
    with ThreadPoolExecutor(4) as pool:
        copies = [pool.submit(deeplake_ref.copy, f"file://{root}", destination) for _ in range(4)]
    failed = [copy.exception() for copy in copies if copy.exception() is not None]

    assert len(failed) == 3
    assert all(isinstance(error, errors.DatasetExistsError) for error in failed)
    assert deeplake_ref.open(destination)["id"][:].to_pylist() == [1, 2, 3]
    assert len(list((tmp_path / "copy" / "_data").iterdir())) == 2


def test_an_append_that_fails_adds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the rows in memory are written at once, and cannot be."""
    opened = deeplake_ref.create(f"file://{tmp_path}/ds", schema=SCHEMA)
    opened.append({"id": [1], "name": ["a"]})
    (tmp_path / "ds" / "_data").write_text("in the way")
    monkeypatch.setattr(dataset, "MOST_BUFFERED", 1)
    with pytest.raises(errors.InvalidURIError, match="^append: ") as caught:
        opened.append({"id": [2], "name": ["b"]})
    assert (caught.value.operation, caught.value.provider) == ("append", "file")
    (tmp_path / "ds" / "_data").unlink()
    opened.commit()

    assert opened["id"][:].to_pylist() == [1]


def test_reading_in_batches_is_of_one_moment(tmp_path: Path) -> None:
    """A commit in between, which puts the rows of others first, doubles nothing."""
    url = f"file://{tmp_path}/ds"
    opened = deeplake_ref.create(url, schema={"id": "int64"})
    opened.append({"id": [3, 4, 5, 6]})
    with deeplake_ref.open(url) as other:
        other.append({"id": [1, 2]})
        other.commit()
    batches = opened.batches(2)
    first = next(batches)
    opened.commit()

    assert [each for table in (first, *batches) for each in table.column(0).to_pylist()] == [3, 4, 5, 6]
    assert opened["id"][:].to_pylist() == [1, 2, 3, 4, 5, 6]


def test_a_writer_of_a_deleted_dataset_makes_nothing(root: Path) -> None:
    """Neither where nothing is, nor where another one was made since."""
    url = f"file://{root}"
    with deeplake_ref.open(url) as stale:
        deeplake_ref.delete(url)
        stale.append({"id": [9], "name": ["x"]})
        with pytest.raises(errors.DatasetNotFoundError, match="^commit: .* was deleted or made anew"):
            stale.commit()
        assert not [path for path in (root / "_log").rglob("*") if path.is_file()]
        deeplake_ref.create(url, schema=SCHEMA).close()
        with pytest.raises(errors.DatasetNotFoundError, match="^commit: .* was deleted or made anew"):
            stale.commit()

    assert len(deeplake_ref.open(url)) == 0


OPERATIONS: dict[str, Any] = {
    "create": lambda url: deeplake_ref.create(url, schema=SCHEMA),
    "open": lambda url: deeplake_ref.open(f"{url}-missing"),
    "open_read_only": lambda url: deeplake_ref.open_read_only(f"{url}-missing"),
    "delete": lambda url: deeplake_ref.delete(f"{url}-missing"),
    "copy": lambda url: deeplake_ref.copy(url, url),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_errors_name_the_function_that_was_called(root: Path, name: str) -> None:
    """Once, at the beginning of the message, and as attributes."""
    with pytest.raises(errors.StorageError) as caught:
        OPERATIONS[name](f"file://{root}")

    assert (caught.value.operation, caught.value.provider, caught.value.effect) == (name, "file", "none")
    assert str(caught.value).startswith(f"{name}: ")
    assert str(caught.value).count(f"{name}: ") == 1
