"""What `explain` answers: every source with its answer, the winner, and what is wrong where there is none."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from deeplake_ref import __main__ as command
from deeplake_ref import errors, explanation
from deeplake_ref.credentials import aws
from deeplake_ref.credentials.chain import Attempt, Broken, Chain, Found, NotMine
from deeplake_ref.explanation import Explanation, explain
from deeplake_ref.secrets import Secret
from tests.reference.explained import canary

if TYPE_CHECKING:
    from collections.abc import Callable


pytestmark = pytest.mark.usefixtures("no_cloud")


@dataclass
class Known:
    """Credentials with an end."""

    expires_at: datetime | None = None
    key: Secret = field(default_factory=lambda: Secret(canary()))


@dataclass
class Fixed:
    """A source with one answer, which counts how often it is asked."""

    name: str
    answer: Any
    asked: int = 0

    def look(self) -> Any:
        """Answer."""
        self.asked += 1
        return self.answer


def fixed(*answers: Any) -> tuple[Chain[Any], list[Fixed]]:
    """Return a chain of sources with these answers."""
    sources = [Fixed(name, answer) for name, answer in zip(("one", "two", "three"), answers, strict=True)]
    return Chain("s3", sources, "Do this"), sources


@pytest.fixture
def explained(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Explanation]:
    """Explain `s3://b` by sources with these answers."""

    def explain_them(*answers: Any) -> Explanation:
        chain, _ = fixed(*answers)
        monkeypatch.setattr(aws, "chain", lambda *_arguments: chain)
        return explain("s3://b")

    return explain_them


def test_sources_behind_the_winner_are_not_asked(explained: Callable[..., Explanation]) -> None:
    """They are shown in their order."""
    ends = datetime(2099, 1, 2, 3, 4, 5, tzinfo=UTC)
    found = explained(NotMine("not set"), Found(Known(ends)), Found(Known()))

    assert found.attempts == (
        Attempt("one", "not configured", "not set"),
        Attempt("two", "credentials"),
        Attempt("three", "not asked", "behind two"),
    )
    assert (found.winner, found.expires_at, found.failure, found.is_usable) == ("two", ends, None, True)
    assert found.as_dict()["expires_at"] == "2099-01-02T03:04:05+00:00"


def test_a_broken_source_is_an_answer(explained: Callable[..., Explanation]) -> None:
    """With what to do about it."""
    found = explained(NotMine("not set"), Broken(errors.InvalidCredentialsError("no secret")), Found(Known()))

    assert [attempt.answer for attempt in found.attempts] == ["not configured", "broken", "not asked"]
    assert found.winner is None
    assert found.failure is not None
    assert (found.failure.error, found.failure.message) == ("InvalidCredentialsError", "no secret")
    assert found.failure.advice.startswith("correct two, or take it away")


def test_nothing_found_is_an_answer(explained: Callable[..., Explanation]) -> None:
    """With the hint of the cloud."""
    found = explained(*[NotMine("not set")] * 3)

    assert {attempt.answer for attempt in found.attempts} == {"not configured"}
    assert found.failure == explanation.Failure(
        "CredentialsNotFoundError", "no source has credentials for s3://", "Do this"
    )


def test_a_chain_explains_itself_and_is_resolved_by_that() -> None:
    """No source is asked twice, however often."""
    chain, sources = fixed(NotMine("not set"), Found("key"), Found("other"))
    first, second = chain.explained(), chain.explained()

    assert first == second
    assert chain.resolve() is first.resolved
    assert [source.asked for source in sources] == [1, 1, 0]


def test_the_dictionary_wins_on_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the environment, which is not asked."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", canary())
    found = explain("s3://b/x/", {"aws_access_key_id": "AKIDICT", "aws_secret_access_key": canary()})

    assert (found.path, found.winner) == ("s3://b/x", "aws_dict")
    assert {attempt.answer for attempt in found.attempts[1:]} == {"not asked"}


@pytest.mark.parametrize("path", ["mem://x", "file:///nowhere", "relative/path"])
def test_local_places_need_no_credentials(path: str) -> None:
    """And say so."""
    found = explain(path)

    assert (found.needs_credentials, found.is_usable, found.attempts) == (False, True, ())
    assert "credentials  none are needed" in "\n".join(command.told(found))


def test_a_path_that_breaks_a_rule_is_no_explanation() -> None:
    """It is the call that is wrong."""
    with pytest.raises(errors.InvalidURIError):
        explain("s3://")
    with pytest.raises(ValueError, match="probe=True"):
        explain("mem://x", write=True)


def test_a_missing_sdk_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which names the extra."""

    def missing(*_arguments: Any) -> Any:
        raise errors.StorageProviderMissingError('s3:// needs an extra: pip install "deeplake-conformance[s3]"')

    monkeypatch.setattr(explanation, "open_store", missing)
    found = explain("s3://b")

    assert found.failure is not None
    assert "deeplake-conformance[s3]" in found.failure.message
