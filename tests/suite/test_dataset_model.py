"""
The model of datasets: what is committed, and what a handle sees of it.
"""

from __future__ import annotations

from conformance.model.datasets import DatasetModel


def test_a_handle_sees_what_was_committed_when_it_looked_last() -> None:
    """Its own commits count as a look, those of others do not."""
    model = DatasetModel(2)
    assert model.append(0, 2) == [0, 1]
    assert model.append(1, 1) == [2]
    model.commit(1)
    model.commit(0)

    assert model.committed == [2, 0, 1]
    assert (model.seen(0), model.seen(1)) == ([2, 0, 1], [2])
    model.reopen(1)
    assert model.seen(1) == [2, 0, 1]


def test_what_was_not_committed_is_forgotten() -> None:
    """By reopening; a commit without rows is no look."""
    model = DatasetModel(2)
    model.append(0, 1)
    model.reopen(0)
    model.append(1, 1)
    model.commit(1)
    model.commit(0)

    assert model.committed == [1]
    assert model.seen(0) == []
    assert model.pending == [[], []]
