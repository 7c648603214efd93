"""
Random writes with and without conditions against the model, on few keys, so that they meet each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Unpack

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from conformance.checking import checks, examples, note_example, profile
from conformance.conditions import LOSS, Condition, condition, etag_of, loses
from conformance.expectations import assert_equal
from conformance.model.conditional import ConditionalObjects
from conformance.places import Place
from conformance.strategies.values import values
from conformance.targets import NotClaimed, TargetError

KEYS = st.sampled_from(["a.k", "d/a.k"])
VALUES = values(max_size=20)
STEPS = 14
SHARE = 0.5


def abilities(place: Place) -> Iterator[str]:
    """Yield the conditions that a place has; one that it refuses, or that the target lacks, is left out."""
    for name in LOSS:
        path = f"{place.fresh()}/object.k"
        place.witness.put(path, b"x")
        try:
            place.writer.set(path, b"y", **condition(name, etag_of(place, path)))
        except NotClaimed:
            continue
        except TargetError as error:
            if error.is_a("StorageOperationUnsupported"):
                continue
        yield name


def machine_at(place: Place, able: frozenset[str]) -> type[RuleBasedStateMachine]:
    """Return a state machine with these conditions, whose every run has a fresh directory of this place."""

    class ConditionalMachine(RuleBasedStateMachine):
        """Writes go to the target and to the model; both agree on who wins, and on what is there."""

        def __init__(self) -> None:
            super().__init__()
            note_example()
            self.folder = place.fresh()
            self.writer = place.writer.subdir(self.folder)
            self.model = ConditionalObjects()

        def write(self, key: str, value: bytes, **given: Unpack[Condition]) -> None:
            if not self.model.wins(key, **given):
                loses(self.writer, key, value, **given)
                return
            told = self.writer.set(key, value, **given)
            etag = told.etag if told and told.etag else etag_of(place, f"{self.folder}/{key}")
            self.model.stored(key, value, etag)

        @rule(key=KEYS, value=VALUES, absent=st.booleans())
        def set(self, key: str, value: bytes, absent: bool) -> None:
            if absent and "if_absent" in able:
                self.write(key, value, if_absent=True)
            else:
                self.write(key, value)

        @precondition(lambda self: "if_match" in able and self.model.past)
        @rule(value=VALUES, of=st.integers(0, 1), back=st.integers(0, 3))
        def set_if_it_has_a_past_etag(self, value: bytes, of: int, back: int) -> None:
            keys = sorted(self.model.past)
            past = self.model.past[keys[of % len(keys)]]
            self.write(keys[of % len(keys)], value, if_match=past[-1 - back % len(past)])

        @precondition(lambda self: "if_match" in able and self.model.past)
        @rule(key=KEYS, value=VALUES, of=st.integers(0, 1))
        def set_if_it_has_the_etag_of_a_key(self, key: str, value: bytes, of: int) -> None:
            keys = sorted(self.model.past)
            self.write(key, value, if_match=self.model.past[keys[of % len(keys)]][-1])

        @rule(key=KEYS)
        def remove(self, key: str) -> None:
            self.writer.remove(key)
            self.model.remove(key)

        @rule(key=KEYS, value=VALUES)
        def set_anew(self, key: str, value: bytes) -> None:
            self.remove(key)
            self.write(key, value)

        @rule(key=KEYS)
        def look(self, key: str) -> None:
            meta = place.reader.metadata(f"{self.folder}/{key}")
            assert_equal(self.model.etags.get(key), meta.etag if meta else None, f"the etag of {key!r}")
            assert_equal(self.model.get(key), place.witness.get(f"{self.folder}/{key}"), f"{key!r}, by the witness")

        def teardown(self) -> None:
            keys = [key.removeprefix(f"{self.folder}/") for key in place.witness.keys(f"{self.folder}/")]
            held = {key: place.witness.get(f"{self.folder}/{key}") for key in keys}
            assert_equal(self.model.values, held, "the witness at the end")

    return ConditionalMachine


@checks("COND-11")
def test_any_sequence_of_conditional_writes_equals_the_model(place: Place) -> None:
    """Sets, puts-if-absent, compare-and-swaps with the right etag or any other, and removals."""
    able = frozenset(abilities(place))
    if not able:
        raise NotClaimed("there are no conditional writes here")
    run_state_machine_as_test(
        machine_at(place, able),
        settings=settings(max_examples=examples(profile, SHARE), stateful_step_count=STEPS),
    )
