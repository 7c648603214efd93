"""
Every failure has one class, on every prefix and from every operation: absent, denied and unreachable are never confused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from conformance.checking import checks, direct, needs, on, wired
from conformance.expectations import CheckFailure, Inconclusive, Raised, assert_equal, assert_true, raises, shown
from conformance.places import Place
from conformance.services.identities import MAKERS, Identity, NoSuchIdentity
from conformance.strangers.answers import REFUSALS, SOMETHING_ELSE
from conformance.targets import Reader, TargetError, Writer
from conformance.targets.errors import ALIASES, ancestors_of

Operation = Callable[[Any, Any], object]

READS: dict[str, Operation] = {
    "get": lambda reader, _: reader.get("d/a"),
    "get-range": lambda reader, _: reader.get("d/a", 0, 1),
    "length": lambda reader, _: reader.length("d/a"),
    "metadata": lambda reader, _: reader.metadata("d/a"),
    "list": lambda reader, _: reader.list("d"),
    "list_iter": lambda reader, _: list(reader.list_iter("d")),
    "list_dirs": lambda reader, _: reader.list_dirs("d"),
}
WRITES: dict[str, Operation] = {
    "set": lambda _, writer: writer.set("d/a", b"x"),
    "remove": lambda _, writer: writer.remove("d/a"),
    "remove_directory": lambda _, writer: writer.remove_directory("d"),
}
OPERATIONS = READS | WRITES
STORED = {"d/a": b"one", "d/e/a": b"two"}


def stocked(place: Place) -> Place:
    """Return a place of its own that holds `STORED`."""
    own = place.fresh_place()
    own.witness.put_many(STORED)
    return own


def assert_unchanged(place: Place) -> None:
    """Look past the target whether `STORED` is what there is."""
    keys = place.witness.keys()
    assert_equal(STORED, {key: place.witness.get(key) for key in keys}, "the witness")


def identity_of(place: Place, kind: str) -> Identity:
    """Return a principal that the place's service must refuse."""
    assert place.service is not None
    try:
        return MAKERS[kind](place.service, None)
    except NoSuchIdentity as error:
        raise Inconclusive(str(error)) from None


def opened_as(place: Place, identity: Identity) -> tuple[Reader, Writer]:
    """Return handles of that principal at the place's root; an unknown account stands in the URL."""
    assert place.service is not None
    url = place.url.replace(place.service.access_key, identity.service.access_key)
    creds = place.named(identity.creds)
    return place.open_reader(url, creds), place.open_writer(url, creds)


def opened_at(place: Place, endpoint: str) -> tuple[Reader, Writer]:
    """Return handles at the place's URL whose requests go to another endpoint."""
    creds = place.creds_for(endpoint)
    return place.open_reader(creds=creds), place.open_writer(creds=creds)


def refused(
    name: str, word: str, reader: Reader, writer: Writer, operations: Mapping[str, Operation] = OPERATIONS
) -> TargetError:
    """Return the error of the contract's class `name` that an operation must raise; a failure says which operation."""
    try:
        result = operations[word](reader, writer)
    except TargetError as error:
        if error.is_a(name):
            return error
        raise CheckFailure(name, Raised(error).text(), word) from None
    raise CheckFailure(f"{name} to be raised", f"the result {shown(result)}", word)


# ---- the tree


def _open_nothing(place: Place) -> object:
    return place.open_reader(f"{place.prefix}://")


IN_THE_TREE: dict[str, tuple[str, Callable[[Place], object]]] = {
    "missing-key": ("StorageKeyNotFound", lambda place: place.reader.get("missing.k")),
    "missing-name": ("InvalidURIError", _open_nothing),
}
ON_A_SERVICE: dict[str, tuple[str, Callable[[Place], object]]] = {
    "missing-bucket": ("StorageBucketNotFound", lambda place: place.open_reader(missing_bucket(place)).list()),
    "refused": ("StorageNetworkConnectionError", lambda place: opened_at(place, place.testbed.closed_url)[0].get("a")),
    "insecure": ("StorageTLSError", lambda place: opened_at(place, _https(place))[0].get("a")),
}


def missing_bucket(place: Place) -> str:
    """Return the URL of a root in a bucket that nobody made."""
    return place.url_in_a_missing_bucket()


def _https(place: Place) -> str:
    return place.testbed.service(place.id).url.replace("http://", "https://")


def _assert_in_the_tree(name: str, error: TargetError) -> None:
    missing = ancestors_of(name) - error.ancestors - set(ALIASES)
    assert_equal([], sorted(missing), f"classes that {error.class_name} has not")


@checks("ERR-1")
@pytest.mark.parametrize("case", IN_THE_TREE)
def test_an_error_has_the_classes_above_its_own(place: Place, case: str) -> None:
    """As far as every place has it."""
    name, call = IN_THE_TREE[case]

    _assert_in_the_tree(name, raises(name, call, place))


@checks("ERR-1")
@wired
@pytest.mark.parametrize("case", ON_A_SERVICE)
def test_an_error_of_a_service_has_the_classes_above_its_own(place: Place, case: str) -> None:
    """Of the bucket and of the connection."""
    name, call = ON_A_SERVICE[case]

    _assert_in_the_tree(name, raises(name, call, place))


# ---- identities


@checks("ERR-2")
@wired
@direct
@pytest.mark.parametrize("case", OPERATIONS)
def test_what_is_not_allowed_is_denied(place: Place, case: str) -> None:
    """Reads of who may write only, writes of who may read only."""
    own = stocked(place)
    handles = opened_as(own, identity_of(own, "reader-only" if case in WRITES else "writer-only"))

    refused("StorageAccessDenied", case, *handles)
    assert_unchanged(own)


@contextmanager
def _closed_to_us(place: Place) -> Iterator[None]:
    if os.geteuid() == 0:
        raise Inconclusive("nothing on disk is denied to root; run as another user")
    folder = Path(place.url.removeprefix("file://")) / "d"
    folder.chmod(0)
    try:
        yield
    finally:
        folder.chmod(0o700)


@checks("ERR-2")
@on("file")
@pytest.mark.parametrize("case", [*OPERATIONS, "list-above", "list_dirs-above", "remove_directory-above"])
def test_what_is_not_allowed_on_disk_is_denied(place: Place, case: str) -> None:
    """In a directory without permissions, and seen from the one above it."""
    own = stocked(place)
    own.witness.put("beside/a", b"three")
    above: dict[str, Operation] = {
        "list-above": lambda reader, _: reader.list(),
        "list_dirs-above": lambda reader, _: reader.list_dirs(),
        "remove_directory-above": lambda _, writer: writer.remove_directory(""),
    }
    with _closed_to_us(own):
        refused("StorageAccessDenied", case, own.reader, own.writer, OPERATIONS | above)

    assert_equal(b"one", own.witness.get("d/a"), "the witness")


@checks("ERR-3")
@wired
@direct
@pytest.mark.parametrize("case", ["wrong-secret", "unknown-key-id"])
def test_who_is_not_believed_is_not_authenticated(place: Place, case: str) -> None:
    """From every operation."""
    own = stocked(place)
    _assert_each("AuthenticationError", OPERATIONS, *opened_as(own, identity_of(own, case)))

    assert_unchanged(own)


@checks("ERR-4")
@wired
@direct
@needs("anonymous")
@pytest.mark.parametrize("case", ["anonymous"])
def test_nobody_is_not_authenticated(place: Place, case: str) -> None:
    """From every operation."""
    own = stocked(place)
    _assert_each("AuthenticationError", OPERATIONS, *opened_as(own, identity_of(own, case)))

    assert_unchanged(own)


@checks("ERR-5")
@on("az")
def test_who_is_too_late_is_not_authenticated(place: Place) -> None:
    """With a signature that was over an hour ago."""
    own = stocked(place)
    _assert_each("AuthenticationError", OPERATIONS, *opened_as(own, identity_of(own, "expired")))

    assert_unchanged(own)


@checks("ERR-6")
@on("az")
def test_a_signature_that_is_over_is_told_so(place: Place) -> None:
    """The time stands in it."""
    own = stocked(place)

    _assert_each("ExpiredTokenError", OPERATIONS, *opened_as(own, identity_of(own, "expired")))


@checks("ERR-6")
@on("s3")
def test_a_token_that_is_over_is_told_so(place: Place) -> None:
    """The service says it."""
    url = place.testbed.strangers.url(REFUSALS["s3"]["expired-token"].answer)

    _assert_each("ExpiredTokenError", ("get", "set"), *opened_at(place, url))


def _assert_each(name: str, words: Iterable[str], reader: Reader, writer: Writer) -> list[tuple[str, TargetError]]:
    return [(word, refused(name, word, reader, writer)) for word in words]


def _assert_documented(place: Place, case: str) -> None:
    refusal = REFUSALS[place.cloud][case]
    handles = opened_at(place, place.testbed.strangers.url(refusal.answer))
    for word, error in _assert_each(refusal.kind or "StorageError", OPERATIONS, *handles):
        assert_equal(refusal.answer.status, error.http_status, f"the HTTP status of {word}")
        if refusal.code is not None:
            assert_equal(refusal.code, error.code, f"the code of {word}")


@checks("ERR-7")
@on("s3")
@pytest.mark.parametrize("case", REFUSALS["s3"])
def test_a_refusal_of_s3_has_its_class(place: Place, case: str) -> None:
    """Also where an answer to HEAD has no body."""
    _assert_documented(place, case)


@checks("ERR-7")
@on("az")
@pytest.mark.parametrize("case", REFUSALS["az"])
def test_a_refusal_of_azure_has_its_class(place: Place, case: str) -> None:
    """By the code in header and body."""
    _assert_documented(place, case)


@checks("ERR-7")
@on("gcs")
@pytest.mark.parametrize("case", REFUSALS["gcs"])
def test_a_refusal_of_cloud_storage_has_its_class(place: Place, case: str) -> None:
    """By status and reason."""
    _assert_documented(place, case)


# ---- what cannot be reached


@checks("ERR-8")
@wired
@pytest.mark.parametrize("case", [word for word in OPERATIONS if word not in ("get", "length", "metadata", "list")])
def test_every_operation_tells_that_the_service_is_not_there(place: Place, case: str) -> None:
    """Nothing listens where the credentials point."""
    refused("StorageNetworkConnectionError", case, *opened_at(place, place.testbed.closed_url))


@checks("ERR-9")
@wired
@pytest.mark.parametrize("case", ["length", "list", "set"])
def test_a_host_without_address_is_a_network_error(place: Place, case: str) -> None:
    """The name is refused on this machine; nobody is asked for it."""
    # a token goes over http to loopback only, and what a control plane lends may be one
    scheme = "https" if place.prefix == "al" else "http"
    handles = opened_at(place, f"{scheme}://{place.testbed.unresolvable_host}:9")

    refused("StorageNetworkConnectionError", case, *handles)


@checks("ERR-10")
@wired
@pytest.mark.parametrize("case", ["get-plain-http", "set-plain-http", "get-untrusted", "set-untrusted"])
def test_what_is_not_secure_is_a_tls_error(place: Place, case: str) -> None:
    """TLS is asked of the service's own port, which has none, and of one with a new certificate."""
    word, _, kind = case.partition("-")
    url = place.testbed.strangers.url(SOMETHING_ELSE["html-200"], tls=True) if kind == "untrusted" else _https(place)

    refused("StorageTLSError", word, *opened_at(place, url))


LOOKED_AT = ("get", "length", "metadata", "list", "list_dirs", "set", "remove", "remove_directory")
"""Operations that differ in the requests they make; each may be tried again for a second or two."""


@checks("ERR-11")
@wired
@pytest.mark.parametrize("case", SOMETHING_ELSE)
def test_what_answers_something_else_is_not_the_service(place: Place, case: str) -> None:
    """An empty answer is looked at by those that read, as a removal is answered by nothing."""
    handles = opened_at(place, place.testbed.strangers.url(SOMETHING_ELSE[case]))
    for word in ("get", "length", "list") if case == "empty-200" else LOOKED_AT:
        error = refused("StorageError", word, *handles)
        assert_true(
            error.is_a("StorageInternalError") or error.is_a("StorageNetworkConnectionError"),
            expected="StorageInternalError or StorageNetworkConnectionError",
            observed=Raised(error).text(),
            what=word,
        )
