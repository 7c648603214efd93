"""
What is asserted of identities that end; each cloud's checks name its sources.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from conformance import stages
from conformance.ending import (
    Adjust,
    expire,
    fail_after_the_first,
    first_short,
    given_out,
    in_zone,
    rewrite_after_the_first,
)
from conformance.expectations import CheckFailure, Raised, assert_equal, assert_true
from conformance.model.precedence import asked_at_most
from conformance.outcomes import Outcome, assert_won, source_of
from conformance.racing import at_once, outcomes
from conformance.targets import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conformance.places import Place
    from conformance.setting import Setting
    from conformance.stages import Stage
    from conformance.targets import Writer
    from conformance.worlds import World

THREADS = 16

QUESTIONS = 3
"""How often a source may be asked for one operation when all that it has is of no use."""

HOLD_S = 60.0
"""Seconds within which a large write gets to its third request."""


def error_of(call: Callable[..., Any], *arguments: Any) -> TargetError | None:
    """Call, and return what it raised."""
    try:
        call(*arguments)
    except TargetError as error:
        return error
    return None


def assert_raised(name: str, error: TargetError | None, what: str) -> None:
    """Raise `CheckFailure` unless that error was raised."""
    if error is None or not error.is_a(name):
        raise CheckFailure(name, Raised(error).text() if error else "no error", what)


def assert_fails(writer: Writer, key: str) -> None:
    """Raise `CheckFailure` if an object is stored; which error it is belongs to other requirements."""
    if error_of(writer.set, key, b"v") is None:
        raise CheckFailure("an error", "no error", "while the source fails")


def assert_renewed(stage: Stage, source: str, what: str) -> None:
    """Raise `CheckFailure` unless later generations of a source signed, and nobody else."""
    signers, first = stage.signers(), given_out(stage, source)[0].label
    others = {label for label in signers if label == first or source_of(label) != source}
    assert_true(signers and not others, expected=f"a later generation of {source}", observed=str(signers), what=what)


def questions(stage: Stage, source: str) -> int:
    """Return how often a source was asked for credentials."""
    return stage.setting.controls[source].questions()


def contacts(stage: Stage) -> int:
    """Return how many requests and calls any source got."""
    requests = sum(len(server.received) for server in stage.setting.servers.values())
    return requests + sum(calls() for calls in stage.setting.calls.values())


def refused(stage: Stage) -> Iterator[tuple[str, str]]:
    """Yield method and target of the requests that the gate refused."""
    return ((each.method, each.target) for each in stage.requests() if each.refused)


# ---- what is asserted


def a_rejected_identity_is_renewed(place: Place, world: World) -> None:
    """Write, let the identity end before its time, and write again."""
    (source,) = world.sources
    with stages.running(world, place) as stage:
        writer = stage.writer()
        writer.set("a", b"1")
        expire(stage, source)
        stage.tap.clear()
        writer.set("b", b"2")
        rejected = len(list(refused(stage)))
        assert_true(rejected <= 1, expected="one rejected request at most", observed=rejected)
        assert_equal({source}, {source_of(label) for label in stage.signers()}, "who signed")


def rejected_again_is_the_answer(place: Place, world: World) -> None:
    """Write while the gate believes nothing that the source gives out."""
    (source,) = world.sources
    with stages.running(world, place, adjust=lambda setting: setting.disbelieved.add(source)) as stage:
        error = error_of(stage.writer().set, "a", b"1")
        assert_raised("AuthenticationError", error, "with credentials that are rejected")
        most = max(Counter(refused(stage)).values(), default=0)
        assert_true(1 <= most <= 2, expected="one or two attempts for each request", observed=most)


def an_expired_static_credential_is_the_answer(
    place: Place, world: World, error: str, adjust: Adjust | None = None
) -> None:
    """Write with credentials that have ended; another source stands behind them."""
    with stages.running(world, place, adjust=adjust) as stage:
        assert_raised(error, error_of(stage.writer().set, "a", b"1"), "with expired credentials")
        sent = len(stage.requests())
        assert_true(sent <= 1, expected="one attempt at most", observed=sent)
        assert_equal(set(), stage.signers() - {world.sources[0]}, "who signed instead")
        assert_equal(set(), stage.asked() - asked_at_most(world), "asked behind the expired one")


def threads_renew_once_near_the_end(place: Place, world: World) -> None:
    """Sixteen threads begin at once; the first identity that they get is near its end."""
    (source,) = world.sources
    with stages.running(world, place, adjust=first_short(source)) as stage:
        writer = stage.writer()
        at_once([partial(writer.set, f"k{number}", b"v") for number in range(THREADS)])
        at_once([partial(writer.set, f"l{number}", b"v") for number in range(THREADS)])
        asked = questions(stage, source)
        assert_true(asked <= 2, expected="two questions at most, one of them for the first identity", observed=asked)


def threads_renew_once_when_rejected(place: Place, world: World) -> None:
    """Sixteen threads begin at once with an identity that is rejected."""
    (source,) = world.sources
    with stages.running(world, place) as stage:
        writer = stage.writer()
        writer.set("a", b"1")
        expire(stage, source)
        before = questions(stage, source)
        ended = outcomes([partial(writer.set, f"k{number}", b"v") for number in range(THREADS)])
        asked = questions(stage, source) - before
        assert_true(asked <= 1, expected="one question for all threads at most", observed=asked)
        # who renews nothing breaks another requirement
        for error in ended if asked else ():
            if isinstance(error, TargetError):
                raise error


def what_has_ended_is_not_sent(place: Place, world: World) -> None:
    """Write while the source gives out what has ended, and says so."""
    (source,) = world.sources
    with stages.running(world, place) as stage:
        assert_raised("CredentialsError", error_of(stage.writer().set, "a", b"1"), "with credentials that have ended")
        assert_equal(0, len(stage.requests()), "requests to the service")
        asked = questions(stage, source)
        assert_true(asked <= QUESTIONS, expected=f"{QUESTIONS} questions at most", observed=asked)


def near_the_end_others_are_got(place: Place, world: World) -> None:
    """The second write is not signed by an identity that ends soon."""
    (source,) = world.sources
    with stages.running(world, place, adjust=first_short(source)) as stage:
        writer = stage.writer()
        writer.set("a", b"1")
        stage.tap.clear()
        writer.set("b", b"2")
        assert_renewed(stage, source, "who signed when the first identity was near its end")


def a_failure_to_renew_early_does_no_harm(place: Place, world: World) -> None:
    """The source fails after its first credentials, which are near their end and good."""
    (source,) = world.sources
    with stages.running(world, place, adjust=fail_after_the_first(source)) as stage:
        writer = stage.writer()
        for key in ("a", "b", "c"):
            writer.set(key, b"v")
        assert_equal({given_out(stage, source)[0].label}, stage.signers(), "who signed")


def a_long_write_outlasts_its_identity(place: Place, world: World, size: int, after: int = 2) -> None:
    """The identity ends while a request of a write waits at the gate, after others of it have passed."""
    (source,) = world.sources
    with stages.running(world, place) as stage, ThreadPoolExecutor(1) as pool:
        writer = stage.writer()
        writer.set("a", b"1")
        with stage.tap.holding(after=after) as hold:
            writing = pool.submit(writer.set, "large", bytes(size))
            hold.wait(writing, HOLD_S)
            expire(stage, source)
        writing.result()
        assert_equal(size, stage.reader().length("large"), "the size of what was written")


def a_token_file_is_read_anew(place: Place, world: World) -> None:
    """The token in the file is another one when the identity is near its end, and the old one is refused."""
    (source,) = world.sources
    with stages.running(world, place, adjust=rewrite_after_the_first(source)) as stage:
        writer = stage.writer()
        writer.set("a", b"1")
        stage.tap.clear()
        writer.set("b", b"2")
        assert_renewed(stage, source, "who signed after the file was rewritten")


def a_wrong_clock_is_named(place: Place, world: World, hours: int) -> None:
    """The service's clock is hours off the target's."""
    with stages.running(world, place, clock_s=hours * 3600.0) as stage:
        error = error_of(stage.writer().set, "a", b"1")
        assert_raised("AuthenticationError", error, f"with a clock that is {hours:+d} hours off")
        assert error is not None  # noqa: S101 - asserted above
        assert_true("clock" in error.message, expected="the clock in the message", observed=error.message)


def a_source_that_failed_is_asked_again(place: Place, world: World) -> None:
    """The source fails when it is asked first, and then delivers."""
    (source,) = world.sources

    def adjust(setting: Setting) -> None:
        setting.fault(source, "error-500")

    with stages.running(world, place, adjust=adjust) as stage:
        writer = stage.writer()
        assert_fails(writer, "a")
        stage.setting.fault(source, None)
        error = error_of(writer.set, "b", b"2")
        assert_won(source, Outcome(error, frozenset(source_of(label) for label in stage.signers())))


def a_failed_renewal_is_tried_again(place: Place, world: World) -> None:
    """The source fails when a rejected identity is to be renewed, and then delivers; who does not renew is not asked."""
    (source,) = world.sources
    with stages.running(world, place) as stage:
        writer = stage.writer()
        writer.set("a", b"1")
        expire(stage, source)
        stage.setting.fault(source, "error-500")
        before = contacts(stage)
        assert_fails(writer, "b")
        renews = contacts(stage) > before
        stage.setting.fault(source, None)
        error = error_of(writer.set, "c", b"3")
        if renews and error is not None:
            raise error


def what_is_good_is_kept(place: Place, world: World, zone: str) -> None:
    """Several operations of a handle, while the identity lives for an hour or for ever."""
    (source,) = world.sources
    with stages.running(world, place, adjust=in_zone(zone)) as stage:
        writer: Writer = stage.writer()
        for number in range(4):
            writer.set(f"k{number}", b"v")
        writer.remove("k0")
        assert_equal({given_out(stage, source)[0].label}, stage.signers(), "who signed")
        asked = questions(stage, source)
        assert_true(asked <= 1, expected="one question for credentials at most", observed=asked)
