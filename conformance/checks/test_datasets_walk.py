"""
Random appends, commits, reopenings and reads against the model, the same ones on every place.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from conformance.checking import checks, examples, note_example, profile
from conformance.contents import SIMPLE, assert_holds, assert_stored, committed, simple
from conformance.expectations import assert_equal
from conformance.model.datasets import DatasetModel
from conformance.places import Place
from conformance.targets import Dataset

HANDLES = 2
STEPS = 10
SHARE = 0.16


def machine_at(place: Place) -> type[RuleBasedStateMachine]:
    """Return a state machine whose every run has a fresh dataset of this place."""

    class DatasetMachine(RuleBasedStateMachine):
        """Two handles of one dataset; what each shows is compared with the model."""

        def __init__(self) -> None:
            super().__init__()
            note_example()
            self.url = committed(place)
            self.model = DatasetModel(HANDLES)
            self.handles: list[Dataset] = [self.opened() for _ in range(HANDLES)]

        def opened(self) -> Dataset:
            return place.target.open_dataset(self.url, creds=place.creds)

        @rule(handle=st.integers(0, HANDLES - 1), rows=st.integers(0, 3))
        def append(self, handle: int, rows: int) -> None:
            self.handles[handle].append(simple(*self.model.append(handle, rows)))

        @rule(handle=st.integers(0, HANDLES - 1))
        def commit(self, handle: int) -> None:
            self.handles[handle].commit()
            self.model.commit(handle)

        @rule(handle=st.integers(0, HANDLES - 1))
        def reopen(self, handle: int) -> None:
            place.testbed.close_quietly(self.handles[handle])
            self.handles[handle] = self.opened()
            self.model.reopen(handle)

        @rule(handle=st.integers(0, HANDLES - 1))
        @precondition(lambda self: any(not rows for rows in self.model.pending))
        def look(self, handle: int) -> None:
            # whether a handle shows what it has not committed is nobody's promise
            if not self.model.pending[handle]:
                assert_holds(simple(*self.model.seen(handle)), self.handles[handle], f"handle {handle}")

        @rule(handle=st.integers(0, HANDLES - 1), start=st.integers(0, 4), span=st.integers(0, 4))
        def look_at_some(self, handle: int, start: int, span: int) -> None:
            if not self.model.pending[handle]:
                expected = self.model.seen(handle)[start : start + span]
                observed = self.handles[handle].read("id", start, start + span)
                assert_equal(expected, observed, f"id[{start}:{start + span}] of handle {handle}")

        def teardown(self) -> None:
            for handle in self.handles:
                place.testbed.close_quietly(handle)
            assert_stored(place, self.url, simple(*self.model.committed), "opened at the end", SIMPLE)

    return DatasetMachine


@checks("DATA-15")
def test_any_sequence_of_operations_equals_the_model(place: Place) -> None:
    """Appends, commits, reopenings and reads in any order, through two handles."""
    run_state_machine_as_test(
        machine_at(place),
        settings=settings(max_examples=examples(profile, SHARE), stateful_step_count=STEPS),
    )
