"""
Handles that are pickled, copied and printed, and whose credentials their requests carry.
"""

from __future__ import annotations

import base64
import copy
import pickle
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from conformance.checking import checks, in_process_only, on
from conformance.expectations import Inconclusive, assert_equal, assert_true, raises
from conformance.places import Place, Tapped
from conformance.targets import TargetError, elsewhere
from conformance.targets.masking import Secrets, secrets_in
from conformance.targets.traces import traces_in


def handles(place: Place, folder: str) -> dict[str, Any]:
    """Return fresh in-process handles of every kind, by what they are; each is in use."""
    writer = place.open_writer(f"{place.url}/{folder}")
    reader = place.open_reader(f"{place.url}/{folder}")
    found: dict[str, Any] = {"Reader": reader, "Writer": writer, "get_reader": writer.get_reader()}
    found["subdir"] = reader.subdir("")
    writer.set("object.k", b"the value")
    for name in ("Reader", "get_reader", "subdir"):
        found[name].get("object.k")
    return found


def secrets_of(place: Place) -> list[tuple[str, str]]:
    """Return field and value of every secret that the place's handles were given."""
    return [(field, value) for value, field in secrets_in(place.creds)]


def made(make: Callable[[], Any]) -> Any:
    """Return what a copy or a pickle gives, None if the target refuses it, which it may do with any exception."""
    try:
        return make()
    except Exception:  # noqa: BLE001 - a refusal has no class in the contract: TypeError, PicklingError and others
        return None


# ---- pickles, copies, texts


@checks("HANDLE-10")
@in_process_only
@pytest.mark.parametrize("case", ["Reader", "get_reader", "subdir"])
def test_a_pickled_handle_reads_elsewhere_or_refuses(place: Place, case: str) -> None:
    """In a process that has nothing but the pickle; what is in memory stays in this one."""
    handle = handles(place, place.fresh())[case]
    data = made(lambda: pickle.dumps(handle.raw))
    if data is None:
        return
    asked = {"do": "unpickle", "pickle": base64.b64encode(data).decode(), "path": "object.k"}
    answer = elsewhere.ask(place.testbed.spec, asked, place.target.claims.deadline_s)
    if place.prefix == "mem":
        error = answer.get(elsewhere.FAILED, "")
        assert_true("KeyNotFound" in error, expected="no such object in the memory of another process", observed=answer)
        again = handle.like(pickle.loads(data))  # noqa: S301 - this run's own
        assert_equal(b"the value", again.get("object.k"), "get after a round trip in this process")
        return

    masking = Secrets()
    masking.note(place.creds)
    value = base64.b64decode(answer["value"]) if "value" in answer else masking.mask(answer[elsewhere.FAILED])
    assert_equal(b"the value", value, "get in another process")


@checks("HANDLE-11")
@in_process_only
@on("s3", "az")
@pytest.mark.parametrize("case", ["Reader", "Writer", "get_reader", "subdir"])
def test_a_pickle_holds_no_secret(place: Place, case: str) -> None:
    """Under every protocol that this Python has."""
    handle = handles(place, place.fresh())[case]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = made(partial(pickle.dumps, handle.raw, protocol))
        found = traces_in(data or b"", secrets_of(place))

        assert_equal([], found, f"secrets in a pickle of protocol {protocol}")


@checks("HANDLE-12")
@in_process_only
@pytest.mark.parametrize("case", ["copy", "deepcopy"])
def test_a_copied_handle_works_or_copying_refuses(place: Place, case: str) -> None:
    """Readers read, writers write."""
    folder = place.fresh()
    known = handles(place, folder)
    duplicate = copy.copy if case == "copy" else copy.deepcopy
    for kind in ("Reader", "get_reader"):
        raw = made(partial(duplicate, known[kind].raw))
        if raw is not None:
            assert_equal(b"the value", known[kind].like(raw).get("object.k"), f"get of a copied {kind}")
    raw = made(partial(duplicate, known["Writer"].raw))
    if raw is not None:
        known["Writer"].like(raw).set("copied.k", b"x")
        assert_equal(b"x", place.witness.get(f"{folder}/copied.k"), "the witness after set of a copied Writer")


TEXTS: dict[str, Callable[[Any], str]] = {
    "repr": repr,
    "str": str,
    "format": lambda handle: f"{handle}",
    "vars": lambda handle: repr(getattr(handle, "__dict__", {})),
    "repr-of-copy": lambda handle: repr(made(lambda: copy.copy(handle))),
    "repr-of-deepcopy": lambda handle: repr(made(lambda: copy.deepcopy(handle))),
}


@checks("HANDLE-13")
@in_process_only
@on("s3", "az")
@pytest.mark.parametrize("case", TEXTS)
def test_no_text_of_a_handle_holds_a_secret(place: Place, case: str) -> None:
    """Before and after the first request."""
    unused: dict[str, Any] = {"unused Reader": place.open_reader(), "unused Writer": place.open_writer()}
    for kind, handle in {**unused, **handles(place, place.fresh())}.items():
        assert_equal([], traces_in(TEXTS[case](handle.raw), secrets_of(place)), f"secrets in the text of a {kind}")


# ---- other credentials


def altered(place: Place, **fields: str) -> dict[str, Any]:
    """Return the place's creds with other values, under the names that the target's claims ask for."""
    renames = place.target.claims.creds.get(place.prefix, {})
    known = dict(place.creds or {})
    changed = {renames.get(name, name): value for name, value in fields.items()}
    if not set(changed) <= set(known):
        raise Inconclusive(f"the creds of {place.id} have no {', '.join(sorted(set(changed) - set(known)))}")
    return known | changed


def signers(seen: Tapped, call: Callable[[], object]) -> set[str | None]:
    """Return who signed the requests of a call, whatever becomes of it."""
    seen.clear()
    with suppress(TargetError):
        call()  # a service that verifies refuses; who asked is what is looked at
    return {request.signed_by for request in seen.requests()}


@checks("HANDLE-19")
@on("s3")
@pytest.mark.parametrize("case", ["its-own-first", "other-first"])
def test_another_key_id_signs_for_itself(place: Place, case: str) -> None:
    """Read off the wire, so that it shows where any signature is accepted too; in a bucket that nobody used before."""
    own = place.fresh_place(own_bucket=True)
    own.witness.put("object.k", b"the value")
    known, other = own.testbed.service(own.id).access_key, f"OTHER{own.testbed.name.upper().replace('-', '')}"
    with own.tapped() as seen:
        creds = altered(seen.place, aws_access_key_id=other, aws_secret_access_key=secrets.token_hex(20))
        pairs = [(known, seen.place.creds), (other, creds)]
        handles = [
            (signer, seen.open_reader(creds=given), seen.open_writer(creds=given))
            for signer, given in (pairs if case == "its-own-first" else reversed(pairs))
        ]
        for turn in ("first", "second"):
            for signer, reader, writer in handles:
                about = f"who signs, in the {turn} turn"
                assert_equal({signer}, signers(seen, partial(reader.get, "object.k")), f"{about} for get")
                assert_equal({signer}, signers(seen, partial(writer.set, "other.k", b"x")), f"{about} for set")
        right = next(reader for signer, reader, _ in handles if signer == known)
        assert_equal(b"the value", right.get("object.k"), "get with the right key")


@checks("HANDLE-19")
@on("s3", "az")
@pytest.mark.parametrize("case", ["another-secret"])
def test_another_secret_of_the_same_identity_is_refused(place: Place, case: str) -> None:
    """A wrong key is refused after a right one of the same name, and the right one goes on working."""
    own = place.fresh_place()
    own.witness.put("object.k", b"the value")
    wrong = {"aws_secret_access_key": secrets.token_hex(20)}
    if own.prefix == "az":
        wrong = {"account_key": base64.b64encode(secrets.token_bytes(64)).decode()}
    right, stranger = own.open_reader(), own.open_reader(creds=altered(own, **wrong))
    for _ in range(2):
        assert_equal(b"the value", right.get("object.k"), "get with the right key")
        raises("StorageError", stranger.get, "object.k")
        raises("StorageError", own.open_writer(creds=altered(own, **wrong)).set, "object.k", b"overwritten")
    assert_equal(b"the value", own.witness.get("object.k"), f"the witness, case {case}")
