"""
What an error tells beside its class: where it happened, what was answered, what was changed, what to do; and what not.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.checking import budget, checks, in_process_only, on, wired
from conformance.checks.test_errors import (
    OPERATIONS,
    WRITES,
    assert_unchanged,
    missing_bucket,
    opened_at,
    refused,
    stocked,
)
from conformance.contents import SIMPLE, committed, copy
from conformance.expectations import Inconclusive, assert_equal, assert_true, raises
from conformance.places import Place, Tapped
from conformance.strangers.answers import REFUSALS, SOMETHING_ELSE
from conformance.strategies.keys import keys
from conformance.targets import TargetError

CALLED = {word: word.partition("-")[0] for word in OPERATIONS} | {"list_iter": "list"}
"""The operation that an error names; pages are asked for by `list`."""


def _in_a_missing_bucket(place: Place, word: str) -> TargetError:
    url = missing_bucket(place)
    return refused("StorageBucketNotFound", word, place.open_reader(url), place.open_writer(url))


def _at_a_closed_port(place: Place, word: str) -> TargetError:
    handles = opened_at(place, place.testbed.closed_url)
    return refused("StorageNetworkConnectionError", word, *handles)


# ---- where


@checks("ERR-13")
def test_a_missing_key_says_where(place: Place) -> None:
    """On every place."""
    error = raises("StorageKeyNotFound", place.reader.get, f"{place.fresh()}/missing.k")

    assert_true(error.provider, expected="a provider", observed=error.provider)
    assert_equal("get", error.operation, "operation")


@checks("ERR-13")
@wired
@pytest.mark.parametrize("case", [word for word in OPERATIONS if word != "list_iter"])
def test_an_error_of_a_service_says_where(place: Place, case: str) -> None:
    """The operation is the one that was called, not the request that it made."""
    error = _in_a_missing_bucket(place, case)

    assert_true(error.provider, expected="a provider", observed=error.provider)
    assert_equal(CALLED[case], error.operation, "operation")
    assert_true(error.source, expected="a credential source", observed=error.source)


OF_DATASETS: dict[str, tuple[str, Callable[[Place, str], object]]] = {
    "create": ("DatasetExistsError", lambda place, url: place.create_dataset(SIMPLE, committed(place))),
    "open": ("DatasetNotFoundError", lambda place, url: place.open_dataset(url)),
    "open_read_only": ("DatasetNotFoundError", lambda place, url: place.open_dataset(url, read_only=True)),
    "delete": ("DatasetNotFoundError", lambda place, url: place.target.delete(url, place.creds)),
    "copy": ("DatasetNotFoundError", lambda place, url: copy(place, url, place, place.dataset_url())),
}


@checks("ERR-13")
@pytest.mark.parametrize("case", [f"dataset-{word}" for word in OF_DATASETS])
def test_an_error_of_a_dataset_says_where(place: Place, case: str) -> None:
    """The function is the one that was called."""
    word = case.removeprefix("dataset-")
    name, call = OF_DATASETS[word]
    error = raises(name, call, place, place.dataset_url())

    assert_true(error.provider, expected="a provider", observed=error.provider)
    assert_equal(word, error.operation, "operation")


@checks("ERR-14")
@wired
@pytest.mark.parametrize("case", ["get-missing-key", "length", "list", "set", "remove"])
def test_an_error_says_what_was_answered(place: Place, case: str) -> None:
    """The status is that of a refusal that the gate saw."""
    with place.tapped() as seen:
        if case == "get-missing-key":
            error = raises("StorageKeyNotFound", seen.reader.get, f"{place.fresh()}/missing.k")
        else:
            url = missing_bucket(place)
            handles = seen.open_reader(url), seen.open_writer(url)
            error = refused("StorageBucketNotFound", case, *handles)
        answered = [exchange.status for exchange in seen.requests() if (exchange.status or 0) >= 400]

    assert_true(error.code, expected="the service's code", observed=error.code)
    assert_true(error.http_status in answered, expected=f"a status of {answered}", observed=error.http_status)


# ---- what was changed


@checks("ERR-15")
@wired
@pytest.mark.parametrize("case", WRITES)
def test_a_write_into_no_bucket_had_no_effect(place: Place, case: str) -> None:
    """Refused by the service."""
    assert_equal("none", _in_a_missing_bucket(place, case).effect, "effect")


@checks("ERR-15")
@wired
@pytest.mark.parametrize("case", WRITES)
def test_a_write_that_was_never_sent_had_no_effect(place: Place, case: str) -> None:
    """Nothing listens."""
    assert_equal("none", _at_a_closed_port(place, case).effect, "effect")


@checks("ERR-15")
@wired
@pytest.mark.parametrize("case", ["denied-set", "denied-remove"])
def test_a_write_that_is_denied_had_no_effect(place: Place, case: str) -> None:
    """Refused as the cloud documents it."""
    error = _refused(place, "access-denied", case.removeprefix("denied-"))

    assert_equal("none", error.effect, "effect")


@checks("ERR-15")
@on("file")
@pytest.mark.parametrize("case", ["long-name-set", "long-name-remove"])
def test_a_write_to_no_name_had_no_effect(place: Place, case: str) -> None:
    """Refused before anything is written: a name of more bytes than a file may have."""
    own = stocked(place)
    key = "n" * 300
    error = (
        raises("InvalidURIError", own.writer.set, key, b"x")
        if case == "long-name-set"
        else raises("InvalidURIError", own.writer.remove, key)
    )

    assert_equal("none", error.effect, "effect")
    assert_unchanged(own)


# ---- the cause


CAUSES: dict[str, Callable[[Place], TargetError]] = {
    "get-missing-bucket": lambda place: _in_a_missing_bucket(place, "get"),
    "set-missing-bucket": lambda place: _in_a_missing_bucket(place, "set"),
    "get-refused": lambda place: _at_a_closed_port(place, "get"),
    "get-denied": lambda place: _refused(place, "access-denied", "get"),
    "length-denied": lambda place: _refused(place, "access-denied", "length"),
    "set-denied": lambda place: _refused(place, "access-denied", "set"),
    "get-html": lambda place: _at_a_page(place, "get"),
    "list-html": lambda place: _at_a_page(place, "list"),
}


def _refused(place: Place, kind: str, word: str) -> TargetError:
    url = place.testbed.strangers.url(REFUSALS[place.cloud][kind].answer)
    return refused("StorageAccessDenied", word, *opened_at(place, url))


def _at_a_page(place: Place, word: str) -> TargetError:
    url = place.testbed.strangers.url(SOMETHING_ELSE["html-200"])
    return refused("StorageError", word, *opened_at(place, url))


@checks("ERR-16")
@wired
@in_process_only
@pytest.mark.parametrize("case", CAUSES)
def test_the_cause_is_kept_without_what_is_foreign(place: Place, case: str) -> None:
    """Everything that hangs on the error is looked at, printed or not."""
    error = CAUSES[case](place)
    assert_equal([], sorted(error.leaked), "secrets in the texts of the chain")
    raised = error.__cause__
    assert raised is not None
    chain = _chained(raised)

    assert_true(raised.__cause__ is not None, expected="a cause", observed="none")
    framed = [f"{type(each).__name__} of {_file(each)}" for each in chain if each.__traceback__ is not None]
    assert_equal([], framed, "causes with frames")


def _chained(error: BaseException) -> list[BaseException]:
    """Return what hangs on an error, without itself."""
    found: list[BaseException] = []
    waiting: list[Any] = [error.__cause__, error.__context__]
    while waiting:
        this = waiting.pop()
        if isinstance(this, BaseException) and this not in found:
            found.append(this)
            waiting += [this.__cause__, this.__context__]
    return found


def _file(error: BaseException) -> str:
    return traceback.extract_tb(error.__traceback__)[-1].filename.rpartition("/")[2]


# ---- the message


@checks("ERR-17")
@given(key=keys())
def test_the_message_of_a_missing_key_names_it(place: Place, key: str) -> None:
    """And says what was called."""
    path = f"{place.fresh()}/{key}"

    _assert_named("get", path, raises("StorageKeyNotFound", place.reader.get, path))


@checks("ERR-17")
@wired
@budget(0.1)
@given(key=keys(), word=st.sampled_from(["get", "length", "metadata", "set", "remove"]))
def test_the_message_of_an_error_of_a_service_names_the_key(place: Place, key: str, word: str) -> None:
    """In a bucket that is not there."""
    url = missing_bucket(place)
    reader, writer = place.open_reader(url), place.open_writer(url)
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: reader.get(key),
        "length": lambda: reader.length(key),
        "metadata": lambda: reader.metadata(key),
        "set": lambda: writer.set(key, b"x"),
        "remove": lambda: writer.remove(key),
    }

    _assert_named(word, key, raises("StorageBucketNotFound", calls[word]))


def _assert_named(word: str, key: str, error: TargetError) -> None:
    quoted = repr(key)[1:-1]
    assert_true(word in error.message, expected=f"a message with {word!r}", observed=error.message)
    assert_true(
        key in error.message or quoted in error.message, expected=f"a message with {key!r}", observed=error.message
    )


def _insecure(place: Place) -> TargetError:
    url = place.testbed.strangers.url(SOMETHING_ELSE["html-200"], tls=True)
    return refused("StorageTLSError", "get", *opened_at(place, url))


LOOK_AT: dict[str, tuple[tuple[str, ...], Callable[[Place], TargetError]]] = {
    "refused": (("endpoint", "url", "address"), lambda place: _at_a_closed_port(place, "get")),
    "missing-bucket": (("create", "spel", "check"), lambda place: _in_a_missing_bucket(place, "list")),
    "denied": (("permission", "policy", "role", "grant"), lambda place: _refused(place, "access-denied", "get")),
    "insecure": (("certificate", "http://", "ca "), _insecure),
}


@checks("ERR-18")
@wired
@pytest.mark.parametrize("case", LOOK_AT)
def test_the_message_says_where_to_look(place: Place, case: str) -> None:
    """One of the words that name it."""
    words, call = LOOK_AT[case]
    message = call(place).message.lower()

    assert_true(
        any(word in message for word in words), expected=f"a message with one of {', '.join(words)}", observed=message
    )


# ---- requests


DEFINITE = {400, 401, 403, 404, 412}


@checks("ERR-19")
@wired
@pytest.mark.parametrize("case", [*OPERATIONS, "get-missing-key", "length-missing-key"])
def test_a_refusal_is_not_asked_for_twice(place: Place, case: str) -> None:
    """No request that was refused is seen again."""
    with place.tapped() as seen:
        word, _, missing_key = case.partition("-missing")
        url = f"{place.url}/{place.fresh()}" if missing_key else missing_bucket(place)
        handles = seen.open_reader(url), seen.open_writer(url)
        with suppress(TargetError):  # which class it is, is said elsewhere
            OPERATIONS[word](*handles)
        _assert_refused_once(seen)


def _assert_refused_once(seen: Tapped) -> None:
    refused = [f"{each.method} {each.target}" for each in seen.requests() if each.status in DEFINITE]
    if not refused:
        raise Inconclusive("no request of its own is refused: the refusal is inside the answer to a batch")
    assert_equal(sorted(set(refused)), sorted(refused), "requests that were refused")


@checks("ERR-19")
@wired
@pytest.mark.parametrize("case", [f"denied-{word}" for word in OPERATIONS])
def test_a_denial_is_not_asked_for_twice(place: Place, case: str) -> None:
    """Refused as the cloud documents it, whatever is asked."""
    stranger = place.testbed.strangers.url(REFUSALS[place.cloud]["access-denied"].answer)
    with place.tapped(stranger) as seen:
        with suppress(TargetError):  # which class it is, is said elsewhere
            OPERATIONS[case.removeprefix("denied-")](seen.reader, seen.writer)
        _assert_refused_once(seen)
