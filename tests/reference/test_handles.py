"""
Handles of the reference: what a fork, a pickle and a far expiry do to them.
"""

from __future__ import annotations

import os
import pickle
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from deeplake_ref import storage

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this platform")


def in_a_child(work: Callable[[], bool]) -> bool:
    """Return what a child made by fork answers; it is ended if it does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        threading.Timer(20, os._exit, (2,)).start()
        os._exit(0 if work() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@needs_fork
def test_a_child_has_free_locks_and_its_own_store() -> None:
    """Also where another thread of the parent held the lock of the memory at the fork."""
    writer = storage.Writer("mem://forked")
    writer.set("k", b"v")
    parents = writer._shared._store
    with parents._space.lock:  # type: ignore[attr-defined]

        def work() -> bool:
            writer.set("child", b"v")
            return writer.get_reader().get("k") == b"v" and writer._shared._store is not parents

        assert in_a_child(work)

    assert writer._shared.store() is parents
    assert writer.get_reader().length("child") == -1


@needs_fork
def test_a_child_closes_nothing_of_its_parent(tmp_path: Path) -> None:
    """It only closes its own handle."""
    writer = storage.Writer(f"file://{tmp_path}")

    def work() -> bool:
        writer.close()
        return writer._shared.closed

    assert in_a_child(work)
    writer.set("k", b"v")
    assert (tmp_path / "k").read_bytes() == b"v"


def test_a_handle_with_creds_refuses_to_pickle() -> None:
    """By saying what to do instead, without the creds."""
    pytest.importorskip("boto3")
    reader = storage.Reader("s3://bucket/x", {"aws_access_key_id": "id", "aws_secret_access_key": "a-secret-of-a-test"})

    with pytest.raises(TypeError, match="open it in the other process") as caught:
        pickle.dumps(reader)
    assert "a-secret" not in str(caught.value)
    assert "a-secret" not in repr(vars(reader))


def test_an_azure_url_ends_before_the_year_10000() -> None:
    """What no date can say is refused; what one can is signed."""
    pytest.importorskip("azure.storage.blob")
    reader = storage.Reader(
        "az://account/container/x", {"account_key": "bm90IGEga2V5", "endpoint_url": "http://127.0.0.1:9"}
    )

    for expires in (10**12, 10**15):
        with pytest.raises(ValueError, match="year 10000"):
            reader.sign_url("k", expires)
    assert "se=2" in reader.sign_url("k", 8 * 24 * 3600)
