"""
Handles at al://: how often the control plane is asked, where each secret goes, and what becomes of rights that change.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from conformance import stages
from conformance.canaries import Canaries, Canary
from conformance.checking import checks, in_worlds, needs
from conformance.ending import SHORT_S, expire, given_out
from conformance.expectations import assert_equal, assert_true, raises
from conformance.expiring import HOLD_S, THREADS
from conformance.lake_asked import lake, questions, tokens_shown
from conformance.outcomes import source_of
from conformance.places import Place
from conformance.racing import at_once
from conformance.setting import Setting
from conformance.sources.activeloop import KEY, ORGANISATION, PLANE, STRANGE, lake_of
from conformance.stages import Stage
from conformance.surfaces import whole
from conformance.targets import TargetError
from conformance.worlds import World, world

ENVIRONMENT = "activeloop_env"
ONE = world("activeloop", ENVIRONMENT)
MANAGED = world("activeloop", ENVIRONMENT, "activeloop_creds_key")

SOURCES = ("activeloop_argument", ENVIRONMENT, "activeloop_provider_azure", "activeloop_provider_gcp")

LARGE = 10 * 1024 * 1024
"""Bytes that targets send in parts to most clouds."""

SEVERAL = 65 * 1024 * 1024
"""Bytes that targets send in parts to every cloud; up to 64 MiB Azure's SDK makes one request."""

over_both = pytest.mark.parametrize("these", [ONE, MANAGED], ids=["dataset", "managed"])
"""Credentials of a dataset at al://, and managed credentials for a path of the cloud."""


def signing(these: World) -> str:
    """Return the source whose credentials sign in a world."""
    return "activeloop_creds_key" if "activeloop_creds_key" in these.sources else ENVIRONMENT


# ---- where secrets go


def gone_astray(stage: Stage) -> list[str]:
    """Return the secrets that were sent to another host than their own, or elsewhere than in their header."""
    setting, canaries = stage.setting, Canaries.of(stage.setting)
    found = []
    for name, server in setting.servers.items():
        for request in list(server.received):
            sent = whole(request)
            if name == PLANE:
                # the one place where a token may stand
                sent = sent.replace(request.headers.get("authorization", "").encode("latin-1", "replace"), b"")
            own = _client_secret if name == "entra" else _none
            found += [f"a request to {name}: {each}" for each in canaries.found_in(sent, but=own)]
            shown = request.headers.get("authorization", "").encode("latin-1", "replace")
            found += [f"a request to {name}: {each}" for each in canaries.found_in(shown, but=_token)]
    for proxy in setting.proxies:
        for request in proxy.received:
            found += [f"a request through the proxy: {each}" for each in canaries.found_in(whole(request))]
    for exchange in stage.requests():
        head = f"{exchange.target}\n{exchange.headers}".encode("utf-8", "backslashreplace")
        found += [f"a request to the cloud: {each}" for each in canaries.found_in(head)]
    return sorted(set(found))


def _none(_canary: Canary) -> bool:
    return False


def _client_secret(canary: Canary) -> bool:
    return canary.name.startswith("client secret of ")


def _token(canary: Canary) -> bool:
    return canary.name.startswith("token of ")


@checks("LAKE-17")
@in_worlds("al")
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("managed", [False, True], ids=["dataset", "managed"])
def test_secrets_go_to_their_own_host(place: Place, source: str, managed: bool) -> None:
    """Work, a rejected identity, and a dataset of somebody else."""
    these = world("activeloop", source, *(["activeloop_creds_key"] if managed else []))
    with stages.running(these, place) as stage:
        writer, reader = stage.writer(), stage.reader()
        writer.set("k", b"v")
        reader.get("k")
        expire(stage, "activeloop_creds_key" if managed else source)
        raises_or_not(lambda: writer.set("k", b"w"))
        if not managed:
            raises_or_not(lambda: stage.target.exists(f"al://{STRANGE}/ds", token=stage.token))
        assert_equal([], gone_astray(stage), "secrets gone astray")
        assert_true(tokens_shown(stage) == {source}, expected=source, observed=str(tokens_shown(stage)))


def raises_or_not(call: Callable[[], object]) -> None:
    """Call; what becomes of it is another requirement's."""
    with suppress(TargetError):
        call()


# ---- how often


@checks("LAKE-18")
@in_worlds("al")
@over_both
def test_a_handle_asks_once(place: Place, these: World) -> None:
    """Several operations; before the first one nothing is asked."""
    with stages.running(these, place) as stage:
        writer = stage.writer()
        assert_equal(0, len(questions(stage)), "questions of a handle that was opened")
        for number in range(4):
            writer.set(f"k{number}", b"v")
        writer.remove("k0")
        assert_equal(1, len(questions(stage)), "questions for credentials")


@checks("LAKE-18")
@in_worlds("al")
@needs("concurrent")
@over_both
def test_threads_ask_once(place: Place, these: World) -> None:
    """They begin at once with a handle that has no credentials yet."""
    with stages.running(these, place) as stage:
        writer = stage.writer()
        at_once([partial(writer.set, f"k{number}", b"v") for number in range(THREADS)])
        assert_equal(1, len(questions(stage)), "questions for credentials")


@checks("LAKE-18")
@in_worlds("al")
@pytest.mark.parametrize("form", ["text", "number", "null", "empty", "absent"])
def test_a_handle_asks_once_however_the_end_is_told(place: Place, form: str) -> None:
    """In each form that a control plane may give, or not at all."""

    def adjust(setting: Setting) -> None:
        lake_of(setting).expiration = form  # type: ignore[assignment]

    with stages.running(ONE, place, adjust=adjust) as stage:
        writer = stage.writer()
        for number in range(4):
            writer.set(f"k{number}", b"v")
        assert_equal(1, len(questions(stage)), "questions for credentials")


@checks("LAKE-19")
@in_worlds("al")
@needs("concurrent")
def test_handles_with_different_tokens_do_not_mix(place: Place) -> None:
    """They write and read at once; the name of an object tells whose it is, in what reads it on every cloud."""
    with stages.running(ONE, place) as stage:
        tokens: dict[str, str | None] = {ENVIRONMENT: None}
        for label in ("first", "second"):
            tokens[label] = stage.setting.secret(f"token of {label}", lake(stage).token(label, ORGANISATION))
        writers = {label: stage.target.open_writer(stage.url, None, token) for label, token in tokens.items()}

        def write_and_read(label: str, number: int) -> None:
            writers[label].set(f"of-{label}-{number}", b"v")
            readers[label].get(f"of-{label}-{number}")

        readers = {label: writer.get_reader() for label, writer in writers.items()}
        with ThreadPoolExecutor(6) as pool:
            done = [pool.submit(write_and_read, label, number) for number in range(8) for label in writers]
            for each in done:
                each.result()
        found = [(re.search(r"of-([a-z_]+)-\d", each.target), each.identity) for each in stage.requests()]
        signed = {(part[1], source_of(identity)) for part, identity in found if part}
        assert_equal({(label, label) for label in writers}, signed, "whose object, and who signed")
        assert_equal(set(writers), {source_of(label) for label in stage.signers()}, "who signed at all")
        assert_equal(set(writers), tokens_shown(stage), "whose tokens were shown")


# ---- rights that change


def token_of(stage: Stage) -> str:
    """Return the token of the world."""
    return stage.setting.variables["ACTIVELOOP_TOKEN"]


@checks("LAKE-20")
@in_worlds("al")
@pytest.mark.parametrize("life", ["long", "short"])
def test_what_was_given_works_until_its_end(place: Place, life: str) -> None:
    """Where it is near its end, the control plane is asked for more, in vain."""
    lives = {ENVIRONMENT: SHORT_S} if life == "short" else {}
    with stages.running(world("activeloop", ENVIRONMENT, lives_s=lives), place) as stage:
        writer = stage.writer()
        writer.set("a", b"1")
        lake(stage).revoke(token_of(stage))
        given = {each.label for each in given_out(stage, ENVIRONMENT)}
        stage.tap.clear()
        for key in ("b", "c", "d"):
            writer.set(key, b"2")
        signers = stage.signers()
        assert_true(signers and signers <= given, expected=f"only {given}", observed=str(signers), what="who signed")


@checks("LAKE-20")
@in_worlds("al")
def test_what_has_ended_is_not_used_after_the_token(place: Place) -> None:
    """The cloud rejects what was given, and the control plane the token."""
    with stages.running(ONE, place) as stage:
        writer = stage.writer()
        writer.set("a", b"1")
        lake(stage).revoke(token_of(stage))
        expire(stage, ENVIRONMENT)
        stage.tap.clear()
        for key in ("b", "c", "d"):
            raises("AuthenticationError", writer.set, key, b"2")
        accepted = [each.target for each in stage.requests() if not each.refused]
        assert_equal([], accepted, "requests that were accepted")


def reading_only(setting: Setting) -> None:
    """Let the owner of the token read only."""
    lake_of(setting).role(setting.variables["ACTIVELOOP_TOKEN"], ORGANISATION, "read")


@checks("LAKE-21")
@in_worlds("al")
@pytest.mark.parametrize("operation", ["set", "remove", "remove_directory"])
def test_who_may_only_read_does_not_write(place: Place, operation: str) -> None:
    """From the first request on; reads work."""
    calls: dict[str, Callable[[Any], object]] = {
        "set": lambda writer: writer.set("d/k", b"2"),
        "remove": lambda writer: writer.remove("d/k"),
        "remove_directory": lambda writer: writer.remove_directory("d"),
    }
    with stages.running(ONE, place) as stage:
        stage.writer().set("d/k", b"1")
        reading_only(stage.setting)
        error = raises("StorageAccessDenied", lambda: calls[operation](stage.writer()))
        assert_equal("none", error.effect, "the effect of what was denied")
        assert_equal(b"1", bytes(stage.reader().get("d/k")), "what is there")


@checks("LAKE-21")
@in_worlds("al")
def test_a_role_is_lowered_in_the_middle_of_work(place: Place) -> None:
    """What was given out before may still write until it ends."""
    with stages.running(ONE, place) as stage:
        writer, reader = stage.writer(), stage.reader()
        writer.set("k", b"1")
        reading_only(stage.setting)
        expire(stage, ENVIRONMENT)
        raises("StorageAccessDenied", writer.set, "k", b"2")
        assert_equal(b"1", bytes(reader.get("k")), "what is there")


@checks("LAKE-22")
@in_worlds("al")
@over_both
def test_keys_that_are_changed_are_got_anew(place: Place, these: World) -> None:
    """The cloud does not know them any more, although they were to live for an hour."""
    source = signing(these)
    with stages.running(these, place) as stage:
        writer = stage.writer()
        writer.set("a", b"1")
        old = given_out(stage, source)
        for identity in old:
            stage.tap.forget(identity.label)
        if these is MANAGED:
            lake(stage).rotate_key(ORGANISATION, KEY)
        stage.tap.clear()
        before = len(questions(stage))
        writer.set("b", b"2")
        assert_equal(1, len(questions(stage)) - before, "questions after the keys were changed")
        accepted = {each.identity for each in stage.requests() if not each.refused}
        assert_true(
            accepted and not accepted & {each.label for each in old},
            expected=f"a later generation of {source}",
            observed=str(accepted),
            what="who signed",
        )


@checks("LAKE-22")
@in_worlds("al")
@over_both
def test_keys_that_are_changed_under_a_long_write_are_got_anew(place: Place, these: World) -> None:
    """The cloud does not know them any more after some parts have passed."""
    source = signing(these)
    with stages.running(these, place) as stage, ThreadPoolExecutor(1) as pool:
        writer = stage.writer()
        writer.set("a", b"1")
        with stage.tap.holding(after=1) as hold:
            writing = pool.submit(writer.set, "large", bytes(SEVERAL))
            hold.wait(writing, HOLD_S)
            for identity in given_out(stage, source):
                stage.tap.forget(identity.label)
            if these is MANAGED:
                lake(stage).rotate_key(ORGANISATION, KEY)
        writing.result()
        assert_equal(SEVERAL, stage.reader().length("large"), "the size of what was written")


# ---- what is asked for, and who signs


@checks("LAKE-29")
@in_worlds("al")
@pytest.mark.parametrize("operation", ["get", "list", "length", "metadata", "list_dirs"])
def test_a_reader_asks_for_reading(place: Place, operation: str) -> None:
    """Whatever it does first."""
    with stages.running(ONE, place) as stage:
        stage.writer().set("k", b"v")
        before = len(questions(stage))
        getattr(stage.reader(), operation)(*(["k"] if operation in ("get", "length", "metadata") else []))
        assert_equal(["r"], [call.mode for call in questions(stage)[before:]], "the mode that was asked for")


@checks("LAKE-30")
@in_worlds("al")
@over_both
def test_every_operation_signs_alike(place: Place, these: World) -> None:
    """Reads, ranges, listings, writes in parts, removals."""
    with stages.running(these, place) as stage:
        writer = stage.writer()
        reader = writer.get_reader()
        writer.set("d/a", b"one")
        writer.set("d/large", bytes(LARGE))
        reader.get("d/a")
        reader.get("d/a", 1, 2)
        reader.get("d/large")
        reader.length("d/a")
        reader.metadata("d/a")
        reader.list("d")
        reader.list_dirs("")
        writer.remove("d/a")
        writer.remove_directory("d")
        assert_true(len(stage.requests()) >= 10, expected="at least ten requests", observed=len(stage.requests()))
        assert_equal({signing(these)}, {source_of(label) for label in stage.signers()}, "who signed")
