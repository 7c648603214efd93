"""
What becomes of each answer of the control plane, from each operation that asks it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from conformance import stages
from conformance.checking import checks, in_turns, in_worlds
from conformance.expectations import Raised, assert_equal, assert_true, raises
from conformance.fakes.redirecting import STATUSES, Nobody
from conformance.lake import Said
from conformance.lake_asked import assert_nothing_sent, lake, tokens_shown
from conformance.outcomes import assert_won, of_a_write
from conformance.places import Place
from conformance.setting import Setting
from conformance.sources.activeloop import DATASET, ORGANISATION, lake_of
from conformance.stages import Stage
from conformance.surfaces import proofs_in
from conformance.targets import TargetError
from conformance.worlds import Way, world

ENVIRONMENT = "activeloop_env"
ONE = world("activeloop", ENVIRONMENT)
MANAGED = world("activeloop", ENVIRONMENT, "activeloop_creds_key")

CREDS = f"/api/org/{ORGANISATION}/ds/"
SCHEMA = {"id": "int64"}


@dataclass(frozen=True, slots=True)
class Question:
    """A request to the control plane, and what makes it.

    Attributes:
        path: how the path of the request begins.
        call: the operation.
        missing: the class of the error where the answer is 404.
        method: of the request.
    """

    path: str
    call: Callable[[Stage], object]
    missing: str | None = "StorageBucketNotFound"
    method: str = "GET"


def _dataset(name: str) -> Callable[[Stage], object]:
    """Return what calls a function of whole datasets."""
    return lambda stage: getattr(stage.target, name)(stage.url, creds=stage.creds, token=stage.token)


def _new(stage: Stage) -> object:
    url = f"al://{ORGANISATION}/new"
    lake(stage).dataset(ORGANISATION, "new", path=f"{stage.setting.root}-new")
    return stage.target.create(url, SCHEMA, creds=stage.creds, token=stage.token)


QUESTIONS: dict[str, Question] = {
    "get": Question(CREDS, lambda stage: stage.reader().get("k")),
    "length": Question(CREDS, lambda stage: stage.reader().length("k")),
    "metadata": Question(CREDS, lambda stage: stage.reader().metadata("k")),
    "list": Question(CREDS, lambda stage: stage.reader().list("")),
    "list_dirs": Question(CREDS, lambda stage: stage.reader().list_dirs("")),
    "set": Question(CREDS, lambda stage: stage.writer().set("k", b"v")),
    "remove": Question(CREDS, lambda stage: stage.writer().remove("k")),
    "remove_directory": Question(CREDS, lambda stage: stage.writer().remove_directory("d")),
    "exists": Question(CREDS, _dataset("exists"), None),
    "open": Question(CREDS, _dataset("open_dataset"), "DatasetNotFoundError"),
}
"""Operations that ask for credentials of a dataset, each with a world of its own."""

REFUSALS: dict[str, tuple[Said, str]] = {
    "400": (Said.status_of(400), "StorageInternalError"),
    "401": (Said.status_of(401), "AuthenticationError"),
    "403": (Said.status_of(403), "StorageAccessDenied"),
    "404": (Said.status_of(404), ""),
    "422": (Said.status_of(422), "StorageInternalError"),
    "agreement": (Said.agreement("Be good."), "StorageAccessDenied"),
    "not-logged-in": (Said.not_logged_in(), "StorageAccessDenied"),
}
"""Answers that are final, each with the class that it has."""

PERSISTENT: dict[str, tuple[Said, str]] = {
    "429": (Said.status_of(429), "StorageThrottledError"),
    "500": (Said.status_of(500), "StorageInternalError"),
    "503": (Said.status_of(503), "StorageInternalError"),
    "html-502": (Said.html(502), "StorageInternalError"),
}
"""Answers that may pass and do not."""

STRANGE: dict[str, Said] = {
    "html": Said.html(),
    "half-json": Said.half_json(),
    "empty": Said.empty(),
    "list": Said.of_json([]),
    "no-path": Said.changed({"path": None}),
    "path-of-another-type": Said.changed({"path": 7}),
    "path-of-no-cloud": Said.changed({"path": "ftp://somewhere/else"}),
    "path-of-this-machine": Said.changed({"path": "file:///etc"}),
    "path-that-leads-back": Said.changed({"path": f"al://{ORGANISATION}/{DATASET}"}),
    "no-creds": Said.changed({"creds": None}),
    "creds-of-another-type": Said.changed({"creds": "none"}),
}
"""Answers with status 200 that are none of the control plane."""


@checks("LAKE-9")
@in_worlds("al")
@pytest.mark.parametrize("how", ["unknown", "revoked"])
@pytest.mark.parametrize("source", ["activeloop_argument", ENVIRONMENT])
def test_a_rejected_token_is_the_answer(place: Place, source: str, how: str) -> None:
    """Good tokens stand elsewhere."""
    ways = {source: Way("unknown", "AuthenticationError")} if how == "unknown" else {}
    two = world("activeloop", source, *([ENVIRONMENT] if source != ENVIRONMENT else []), ways=ways)

    def adjust(setting: Setting) -> None:
        if how == "revoked":
            lake_of(setting).revoke(setting.token or setting.variables["ACTIVELOOP_TOKEN"])

    with stages.running(two, place, adjust=adjust) as stage:
        outcome = of_a_write(stage)
        assert_true(
            outcome.error is not None and outcome.error.is_a("AuthenticationError"),
            expected="AuthenticationError",
            observed=str(outcome),
        )
        assert_equal(1, len(lake(stage).asked()), "requests to the control plane")
        assert_true(tokens_shown(stage) <= {source, ""}, expected=f"only {source}", observed=str(tokens_shown(stage)))
        assert_nothing_sent(stage, "after the token was rejected")


@checks("LAKE-10")
@in_worlds("al")
@in_turns(5)
@pytest.mark.parametrize("answer", REFUSALS)
@pytest.mark.parametrize("operation", QUESTIONS)
def test_a_refusal_has_its_class(place: Place, operation: str, answer: str) -> None:
    """From every operation that asks for credentials."""
    question, (said, wanted) = QUESTIONS[operation], REFUSALS[answer]
    wanted = wanted or question.missing or ""
    with stages.running(ONE, place) as stage:
        lake(stage).say(said, times=None, path=question.path)
        if wanted:
            error = raises(wanted, lambda: question.call(stage))
            assert_equal(said.status, error.http_status, "the status that the error carries")
        else:
            assert_equal(False, question.call(stage), "exists")
        asked = len([call for call in lake(stage).asked() if call.path.startswith(question.path)])
        assert_equal(1, asked, "requests to the control plane")
        assert_nothing_sent(stage, "after the refusal")


WHOLE: dict[str, Question] = {
    "create": Question("/api/dataset/create", _new, method="POST"),
    "delete": Question("/api/authz/check/", _dataset("delete"), method="POST"),
    "delete-entry": Question("/api/dataset/", _dataset("delete"), method="DELETE"),
}
"""Requests about whole datasets."""


@checks("LAKE-10")
@in_worlds("al")
@in_turns(3)
@pytest.mark.parametrize("answer", [name for name in REFUSALS if name not in ("404", "agreement", "not-logged-in")])
@pytest.mark.parametrize("operation", WHOLE)
def test_a_refusal_of_a_dataset_has_its_class(place: Place, operation: str, answer: str) -> None:
    """Creating and deleting, of which each asks more than once; who does not ask for it has nothing to tell."""
    question, (said, wanted) = WHOLE[operation], REFUSALS[answer]
    with stages.running(ONE, place) as stage:
        if operation != "create":
            stage.target.create(stage.url, SCHEMA, creds=stage.creds, token=stage.token).close()
        lake(stage).say(said, times=None, path=question.path, method=question.method)
        error = None
        try:
            question.call(stage)
        except TargetError as raised:
            error = raised
        asked = [call for call in lake(stage).asked() if call.path.startswith(question.path)]
        asked = [call for call in asked if call.method == question.method and call.status == said.status]
        if asked:
            told = error is not None and error.is_a(wanted)
            assert_true(told, expected=wanted, observed=Raised(error).text() if error else "no error")
            assert_equal(1, len(asked), "requests that were refused")


TRANSIENT = {
    **{str(status): Said.status_of(status) for status in (408, 429, 500, 502, 503, 504)},
    "retry-after": Said.status_of(429, retry_after=1),
    "html-503": Said.html(503),
    "cut-short": Said(cut=True, changes={}),
}


@checks("LAKE-11")
@in_worlds("al")
@in_turns(3)
@pytest.mark.parametrize("answer", TRANSIENT)
@pytest.mark.parametrize("managed", [False, True], ids=["dataset", "managed"])
def test_a_failure_that_passes_is_tried_again(place: Place, answer: str, managed: bool) -> None:
    """It happens once, or twice."""
    with stages.running(MANAGED if managed else ONE, place) as stage:
        lake(stage).say(TRANSIENT[answer], times=2 if answer == "503" else 1)
        assert_won("activeloop_creds_key" if managed else ENVIRONMENT, of_a_write(stage))


@checks("LAKE-12")
@in_worlds("al")
@in_turns(3)
@pytest.mark.parametrize("answer", [*PERSISTENT, "nobody"])
@pytest.mark.parametrize("operation", ["get", "set", "exists", "open"])
def test_a_failure_that_stays_is_told(place: Place, operation: str, answer: str) -> None:
    """Until the operation gives up."""

    def adjust(setting: Setting) -> None:
        if answer == "nobody":
            setting.variables["ACTIVELOOP_ENDPOINT"] = setting.closed_url

    with stages.running(ONE, place, adjust=adjust) as stage:
        said, wanted = PERSISTENT.get(answer, (None, "StorageNetworkConnectionError"))
        if said is not None:
            lake(stage).say(said, times=None)
        raises(wanted, lambda: QUESTIONS[operation].call(stage))
        assert_nothing_sent(stage, "while the control plane fails")


@checks("LAKE-13")
@in_worlds("al")
@in_turns(3)
@pytest.mark.parametrize("answer", STRANGE)
@pytest.mark.parametrize("operation", ["get", "set", "exists"])
def test_what_is_not_its_answer_is_an_error(place: Place, operation: str, answer: str) -> None:
    """With status 200."""
    with stages.running(ONE, place) as stage:
        lake(stage).say(STRANGE[answer], times=None)
        raises("StorageInternalError", lambda: QUESTIONS[operation].call(stage))
        assert_nothing_sent(stage, "after an answer of another form")


PARTS = {
    "s3": ("aws_access_key_id", "aws_secret_access_key"),
    "az": ("sas_token",),
    "gcs": ("gcs_oauth_token",),
}


@checks("LAKE-13")
@in_worlds("al")
@pytest.mark.parametrize("how", ["absent", "another-type", "blank"])
@pytest.mark.parametrize("part", [0, 1], ids=["first-part", "second-part"])
def test_credentials_that_lack_a_part_are_an_error(place: Place, part: int, how: str) -> None:
    """Requests are neither unsigned nor signed by the machine's own."""
    with stages.running(ONE, place) as stage:
        parts = PARTS[stage.setting.root.partition("://")[0]]
        value: Any = {"absent": None, "another-type": 7, "blank": " "}[how]
        lake(stage).say(Said.changed({f"creds.{parts[part % len(parts)]}": value}), times=None)
        raises("StorageError", lambda: stage.writer().set("k", b"v"))
        assert_nothing_sent(stage, "with half of the credentials")


@checks("LAKE-14")
@in_worlds("al")
def test_silence_ends(place: Place) -> None:
    """Nothing comes, for longer than the deadline of the claims."""
    with stages.running(ONE, place) as stage:
        lake(stage).say(Said(silent=True), times=None)
        raises("StorageNetworkConnectionError", lambda: stage.reader().get("k"))
        assert_nothing_sent(stage, "while the control plane is silent")


@checks("LAKE-15")
@in_worlds("al")
@in_turns(4)
@pytest.mark.parametrize("answer", ["401", "403", "429", "500", "html", "empty"])
@pytest.mark.parametrize("operation", ["exists", "length", "metadata", "list"])
def test_trouble_is_not_absence(place: Place, operation: str, answer: str) -> None:
    """Each operation that can say that there is nothing."""
    said = {**{name: each for name, (each, _) in {**REFUSALS, **PERSISTENT}.items()}, **STRANGE}[answer]
    with stages.running(ONE, place) as stage:
        lake(stage).say(said, times=None)
        raises("StorageError", lambda: QUESTIONS[operation].call(stage))


@checks("LAKE-15")
@in_worlds("al")
def test_absence_is_absence(place: Place) -> None:
    """No such dataset, and a dataset without anything in it."""
    with stages.running(ONE, place) as stage:
        absent = f"al://{ORGANISATION}/absent"
        assert_equal(False, stage.target.exists(absent, creds=stage.creds, token=stage.token), "exists, of no dataset")
        assert_equal(False, stage.target.exists(stage.url, creds=stage.creds, token=stage.token), "exists, of nothing")
        assert_equal(-1, stage.reader().length("k"), "length of a missing object")


@checks("LAKE-16")
@in_worlds("al")
@in_turns(3)
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("operation", ["get", "set", "exists"])
def test_a_token_does_not_follow_a_redirect(place: Place, operation: str, status: int) -> None:
    """The other host keeps what it is asked."""
    with stages.running(ONE, place) as stage:
        away = stage.setting.serve("nobody", Nobody()).url
        said = Said(status, b"", {"Location": f"{away}{CREDS}{DATASET}/creds"})
        lake(stage).say(said, times=None)
        raises("StorageError", lambda: QUESTIONS[operation].call(stage))
        assert_equal([], proofs_in(stage, "nobody"), f"proofs that followed a redirect with status {status}")
        assert_nothing_sent(stage, "after the redirect")
