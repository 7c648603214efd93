"""
The keys of AWS identities, and the generations that services give out.
"""

from __future__ import annotations

import re
import threading

import pytest

from conformance.fakes.aws_generations import Generations, timestamp
from conformance.identities import new_aws
from tests.fakes.aws_asking import Minted

NOW = 1_800_000_000.0


@pytest.mark.parametrize(("session", "start"), [(False, "AKIA"), (True, "ASIA")])
def test_a_key_has_the_shape_that_aws_gives_it(session: bool, start: str) -> None:
    """Twenty characters, forty with `/` and `+`, and a token for keys that end."""
    identity = new_aws("aws_env", session=session, expires_at=NOW)

    assert re.fullmatch(start + "[A-Z2-7]{16}", identity.name)
    assert re.fullmatch("[A-Za-z0-9/+]{40}", identity.secret)
    assert {"/", "+"} <= set(identity.secret)
    assert (identity.token is not None) is session
    assert (identity.label, identity.kind, identity.expires_at) == ("aws_env", "aws", NOW)


def test_a_token_is_long_and_base64() -> None:
    """As a real one, which does not fit into what a few clients reserve for it."""
    token = new_aws("aws_imds", session=True, expires_at=None).token
    assert token is not None
    assert len(token) > 400


def test_no_two_keys_are_alike() -> None:
    """Keys are new in every run."""
    made = [new_aws("aws_env", session=True, expires_at=None) for _ in range(20)]
    assert len({each.name for each in made}) == len({each.secret for each in made}) == 20


def test_a_generation_stays_until_it_is_near_its_end() -> None:
    """Five minutes before, the next is there."""
    mint = Minted()
    generations = Generations("aws_imds", mint, 3600)
    first = generations.current(NOW)

    assert generations.current(NOW + 3299) is first
    second = generations.current(NOW + 3300)
    assert (second.identity.label, second.expires_at) == ("aws_imds#2", NOW + 3300 + 3600)
    assert mint.labels == ["aws_imds", "aws_imds#2"]


@pytest.mark.parametrize("life_s", [0.0, -3600.0])
def test_a_life_that_is_over_is_never_given_twice(life_s: float) -> None:
    """Credentials that have ended already are renewed at every request, and have ended again."""
    mint = Minted()
    generations = Generations("aws_imds", mint, life_s)
    assert [generations.current(NOW).expires_at for _ in range(2)] == [NOW + life_s] * 2
    assert mint.labels == ["aws_imds", "aws_imds#2"]


def test_a_short_life_is_used_by_half() -> None:
    """The margin of five minutes would leave nothing of it."""
    generations = Generations("aws_imds", Minted(), 60)
    first = generations.current(NOW)
    assert generations.current(NOW + 29) is first
    assert generations.current(NOW + 30) is not first


def test_a_life_may_be_another_each_time() -> None:
    """What is near its end may be followed by what is not."""
    left = [3600.0, 100.0]
    generations = Generations("aws_imds", Minted(), lambda: left.pop() if len(left) > 1 else left[0])
    first, second = generations.current(NOW), generations.current(NOW)

    assert [first.expires_at, second.expires_at] == [NOW + 100, NOW + 3600]
    assert generations.current(NOW) is second


def test_a_rotation_gives_the_next_generation_to_who_asks_next() -> None:
    """However long the old one would have lived."""
    generations = Generations("aws_container", Minted(), 3600)
    generations.current(NOW)
    generations.rotate()
    assert generations.current(NOW).identity.label == "aws_container#2"


def test_many_who_ask_at_once_get_one_generation() -> None:
    """A request that mints holds the others back."""
    mint = Minted()
    generations = Generations("aws_imds", mint, 3600)
    threads = [threading.Thread(target=generations.current, args=(NOW,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert mint.labels == ["aws_imds"]


def test_a_timestamp_is_rounded_down() -> None:
    """So that nobody is promised what the gate refuses."""
    assert timestamp(1_800_000_000.9) == "2027-01-15T08:00:00Z"
