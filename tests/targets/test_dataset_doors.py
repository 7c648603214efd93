"""
What a check observes of datasets is the same through both doors.
"""

from __future__ import annotations

import math
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance import stopwatch
from conformance.strategies.batches import batches, is_same_batch, schemas
from conformance.targets import Dataset, HarnessError, NotClaimed, Target, TargetError, Version
from conformance.targets.in_process_calls import Door
from conformance.targets.in_process_datasets import InProcessDataset
from conformance.targets.masking import Secrets
from conformance.targets.results import MALFORMED
from conformance.targets.selection import resolve
from tests.targets.conftest import CREDS, MINIATURE, SECRET
from tests.targets.miniature_datasets import ReadOnlyDataset, Table


@pytest.fixture
def url() -> str:
    """A place of its own for each test, as datasets are shared by URL."""
    return f"mem://{uuid.uuid4().hex}"


def create(target: Target, url: str, **schema: str) -> Dataset:
    """Create a dataset with these columns."""
    return target.create(url, schema)


VALUES: dict[str, list[Any]] = {
    "int8": [-128, 0, 127],
    "int64": [-(2**63), 2**63 - 1],
    "uint64": [2**64 - 1],
    "float32": [0.5, -0.0, 1.401298464324817e-45, 3.4028234663852886e38],
    "float64": [0.1, 5e-324, 1.7976931348623157e308, math.inf, -math.inf],
    "bool": [True, False],
    "text": ["", "a", "nan", "AP8=", "ä\n\x00\N{GRINNING FACE}"],
    "bytes": [b"", b"\x00\xff", b"nan"],
    "array(float32, 2, 3)": [[[0.0, 1.0, math.inf], [2.5, 3.0, 4.0]]],
    "list(int32)": [[], [1], [2, 3]],
    "list(bytes)": [[b"\xff", b""], []],
    "list(text)": [["", "inf"]],
}


@pytest.mark.parametrize("word", VALUES)
def test_values_arrive_as_they_are(target: Target, url: str, word: str) -> None:
    """Of every type, with their own Python type."""
    dataset = create(target, url, column=word)
    dataset.append({"column": VALUES[word]})
    values = dataset.read("column")

    assert repr(VALUES[word]) == repr(values)


@pytest.mark.parametrize("door", ["in-process", "stdio"])
def test_drawn_batches_arrive_as_they_are(door: str) -> None:
    """Two of them after each other, of any schema."""
    target = resolve(MINIATURE, (), None, door).start()

    @settings(database=None, deadline=None, max_examples=50)
    @given(data=st.data())
    def arrive(data: st.DataObject) -> None:
        schema = data.draw(schemas())
        first, second = data.draw(batches(schema)), data.draw(batches(schema))
        dataset = target.create(f"mem://{uuid.uuid4().hex}", schema)
        dataset.append(first)
        dataset.append(second)

        assert schema == dataset.schema()
        observed = {name: dataset.read(name) for name in schema}
        assert is_same_batch(schema, {name: first[name] + second[name] for name in schema}, observed)

    arrive()
    target.close()


def test_what_is_no_number_arrives(target: Target, url: str) -> None:
    """In a column of floats and inside an array."""
    dataset = create(target, url, x="float64", y="array(float32, 2)")
    dataset.append({"x": [math.nan, 1.0], "y": [[math.nan, 1.0], [2.0, -math.inf]]})

    assert repr([math.nan, 1.0]) == repr(dataset.read("x"))
    assert repr([[math.nan, 1.0], [2.0, -math.inf]]) == repr(dataset.read("y"))


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [(None, None, [0, 1, 2, 3]), (2, None, [2, 3]), (None, 2, [0, 1]), (0, 0, []), (1, 3, [1, 2]), (-1, None, [3])],
)
def test_bounds_arrive_as_they_are(
    target: Target, url: str, start: int | None, stop: int | None, expected: list[int]
) -> None:
    """None is an open end and 0 is not None."""
    dataset = create(target, url, n="int32")
    dataset.append({"n": [0, 1, 2, 3]})

    assert expected == dataset.read("n", start, stop)


@pytest.mark.parametrize("column", ["as_arrow", "as_numpy", "as_buffer", "as_pages"])
def test_any_sequence_is_a_column(target: Target, url: str, column: str) -> None:
    """An array of Arrow, scalars of numpy, buffers, a generator."""
    dataset = create(target, url, **{column: "bytes"})
    dataset.append({column: [b"a", b"\xff"]})

    assert dataset.read(column) == [b"a", b"\xff"]


def test_tensors_keep_their_shape(target: Target, url: str) -> None:
    """Arrow's own lists of them are flat."""
    dataset = create(target, url, as_tensors="array(int8, 2, 2)")
    dataset.append({"as_tensors": [[[1, 2], [3, 4]]]})

    assert dataset.read("as_tensors") == [[[1, 2], [3, 4]]]


def test_a_wrapper_has_what_it_wraps() -> None:
    """Attributes that are made on the way count, and those that are not there do not."""

    class Wrapper:
        def __getattr__(self, name: str) -> Any:
            return getattr(ReadOnlyDataset(Table({"n": "int8"})), name)

    dataset = InProcessDataset(Wrapper(), Door(60, Secrets()))

    assert dataset.schema() == {"n": "int8"}
    with pytest.raises(NotClaimed, match="Wrapper has no method commit"):
        dataset.commit()
    with pytest.raises(NotClaimed, match="Wrapper has no __len__"):
        InProcessDataset(object.__new__(type("Wrapper", (), {})), Door(60, Secrets())).length()


def test_a_schema_is_in_normal_form(target: Target, url: str) -> None:
    """Spaces do not count, and a word of the target's own stays."""
    dataset = create(target, url, a="array(float32,2,  3)", b="own word", c="list( text )")

    assert dataset.schema() == {"a": "array(float32, 2, 3)", "b": "own word", "c": "list(text)"}


def test_versions_are_texts_and_history_has_them_in_order(target: Target, url: str) -> None:
    """Numbers are written as texts; a commit without a message has none."""
    dataset = create(target, url, n="int32")
    first, second = dataset.commit("one"), dataset.commit()

    assert (first, second, dataset.version()) == ("1", "2", "2")
    assert dataset.history() == [Version("1", "one"), Version("2", None)]


def test_rows_are_counted_and_handles_closed(target: Target, url: str) -> None:
    """`len`, `close`, and a batch without rows."""
    dataset = create(target, url, n="int32", empty="list(text)")
    dataset.append({"n": [], "empty": []})
    assert dataset.length() == 0
    dataset.append({"n": [1, 2], "empty": [[], []]})

    assert dataset.length() == 2
    dataset.close()


def test_the_functions_reach_the_target(target: Target, url: str) -> None:
    """`exists`, `open`, `copy`, `like` and `delete`, by URL."""
    assert target.exists(url) is False
    dataset = create(target, url, n="int32")
    dataset.append({"n": [1]})
    target.copy(url, f"{url}-copy")
    alike = target.like(dataset, f"{url}-like")

    assert target.exists(url) is True
    assert target.open_dataset(f"{url}-copy").read("n") == [1]
    assert target.open_dataset(url, read_only=True).read("n") == [1]
    assert (alike.schema(), alike.length()) == ({"n": "int32"}, 0)
    target.delete(url)
    assert target.exists(url) is False


def test_a_schema_may_be_left_out(target: Target, url: str) -> None:
    """Then the target gets none."""
    assert target.create(url).schema() == {}


def test_errors_have_their_class_through_both_doors(target: Target, url: str) -> None:
    """With the aliases of the contract."""
    create(target, url)

    with pytest.raises(TargetError) as caught:
        create(target, url)
    assert caught.value.is_a("DatasetExistsError")
    for read_only in (False, True):
        with pytest.raises(TargetError) as caught:
            target.open_dataset(f"{url}-none", read_only=read_only)
        assert caught.value.is_a("DatasetNotFoundError")
    with pytest.raises(TargetError, match="KeyError: nowhere"):
        create(target, f"{url}-2").read("nowhere")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["x", "nan"], "str"),
        ([1, 300], "int"),
        ([0.5, math.nan], "float"),
        ([b"\xff"], "bytes"),
        ([None, True], "NoneType, bool"),
        ([[1], []], "list"),
    ],
    ids=["text", "too-large", "float", "bytes", "missing", "list"],
)
def test_values_of_a_wrong_type_arrive_as_they_are(target: Target, url: str, values: list[Any], told: str) -> None:
    """So that a target can refuse them: in a column of another type, and in one that there is not."""
    create(target, url, n="strict")
    dataset = target.open_dataset(url)

    with pytest.raises(TargetError) as caught:
        dataset.append({"n": values})
    assert {", ".join(sorted(told.split(", ")))} == {caught.value.message.removeprefix("n got ")}
    with pytest.raises(TargetError) as caught:
        dataset.append({"m": values})
    assert f"no column m: {values!r}" == caught.value.message


def test_values_of_a_wrong_type_come_back_as_they_are(target: Target, url: str) -> None:
    """A check sees them and says what it expected."""
    assert create(target, url, wrong_type="int8").read("wrong_type") == [None, "seven"]


@pytest.mark.parametrize(
    ("column", "operation"),
    [
        ("not_a_list", "read"),
        ("a_text", "read"),
        ("odd_values", "read"),
        ("no_schema", "schema"),
        ("no_version", "version"),
        ("no_version", "history"),
    ],
)
def test_a_result_without_the_form_of_the_contract_is_the_targets_failure(
    target: Target, url: str, column: str, operation: str
) -> None:
    """A number for a column, a schema, a version that is none."""
    dataset = create(target, url, **{column: "int8"})

    with pytest.raises(TargetError, match=f"{operation} gave a ") as caught:
        getattr(dataset, operation)(*([column] if operation == "read" else []))
    assert caught.value.class_name == MALFORMED


def test_a_commit_without_a_version_is_the_targets_failure(target: Target, url: str) -> None:
    """As is an `exists` that is neither true nor false."""
    with pytest.raises(TargetError, match="commit gave a NoneType, not a version"):
        create(target, url).commit("nothing")
    with pytest.raises(TargetError, match="exists gave a int, not True or False"):
        target.exists(f"{url}/malformed")


def test_what_fails_while_it_is_read_is_the_targets_failure(target: Target, url: str) -> None:
    """A column that reads its pages only when they are wanted, a property with a mistake in it."""
    dataset = create(target, url, broken_page="int8", broken_version="int8")

    with pytest.raises(TargetError, match="ColumnError: the second page is gone") as caught:
        dataset.read("broken_page")
    assert caught.value.operation is None  # what the target does not tell is not filled in
    with pytest.raises(TargetError, match="AttributeError: a mistake inside the property"):
        dataset.version()


def test_a_missing_method_is_not_claimed(target: Target, url: str) -> None:
    """What a dataset that was opened to read lacks."""
    create(target, url)
    dataset = target.open_dataset(url, read_only=True)

    for call in (lambda: dataset.append({}), lambda: dataset.commit()):
        with pytest.raises(NotClaimed, match="ReadOnlyDataset has no method (append|commit)"):
            call()


@pytest.mark.parametrize("door", ["in-process", "stdio"])
def test_a_target_without_datasets_does_not_claim_them(door: str) -> None:
    """Every function says so."""
    target = resolve(f"{MINIATURE}:ReaderOnly", (), None, door).start()
    calls = (
        lambda: target.create("x"),
        lambda: target.open_dataset("x"),
        lambda: target.open_dataset("x", read_only=True),
        lambda: target.exists("x"),
        lambda: target.delete("x"),
        lambda: target.copy("x", "y"),
    )
    for call in calls:
        with pytest.raises(NotClaimed, match="has no function"):
            call()
    target.close()


def test_secrets_of_all_credentials_are_masked(target: Target, url: str) -> None:
    """Those of source and destination, those of a new dataset, and the token."""
    with pytest.raises(TargetError) as caught:
        target.copy(url, url, CREDS, {"account_key": "the-other-secret"}, token="tok-en-of-this-run")
    assert caught.value.message == "[aws_secret_access_key] to [account_key] by [token]"
    assert {"aws_secret_access_key", "account_key", "token"} == caught.value.leaked
    with pytest.raises(TargetError) as caught:
        target.create(url, None, CREDS | {"refuse": True}, "tok-en-of-this-run")
    assert caught.value.message == "refused with [aws_secret_access_key] and [token]"


def test_no_secret_is_shown(target: Target, url: str) -> None:
    """Neither by the dataset nor by the target."""
    dataset = target.create(url, {"n": "int8"}, CREDS, "tok-en-of-this-run")

    assert SECRET not in repr(dataset) + repr(target) + repr(vars(dataset))


def test_every_call_is_timed_as_the_targets(target: Target, url: str) -> None:
    """Once each, whatever the door needs for it."""
    stopwatch.reset()
    dataset = create(target, url, n="int8")
    dataset.append({"n": [1]})
    dataset.commit()
    dataset.read("n")
    dataset.length()
    target.exists(url)
    target.open_dataset(url, read_only=True).schema()

    spent = stopwatch.read()["target"]
    assert spent["calls"] == 8
    assert spent["seconds"] > 0


def test_a_dataset_of_another_target_is_a_mistake_of_the_suite(target: Target, url: str) -> None:
    """`like` needs one of the same."""
    other = resolve(MINIATURE, (), None, "in-process" if target.door == "stdio" else "stdio").start()
    with pytest.raises(HarnessError, match="opened by another target"):
        target.like(create(other, url), f"{url}-like")
    other.close()


def test_handles_of_other_kinds_are_a_mistake_of_the_suite() -> None:
    """A reader is no dataset, and a dataset no reader."""
    target = resolve(MINIATURE, (), None, "stdio").start()
    dataset, reader = target.create(f"mem://{uuid.uuid4().hex}"), target.open_reader("mem://x")

    with pytest.raises(HarnessError, match="the handle is not of a dataset"):
        reader._call("dataset.length")  # type: ignore[attr-defined]
    with pytest.raises(HarnessError, match="the handle is of a dataset"):
        dataset._call("get", path="k")  # type: ignore[attr-defined]
    target.close()
