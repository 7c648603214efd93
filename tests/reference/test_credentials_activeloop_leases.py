"""What the control plane lends is kept, replaced in time, and dropped where the cloud rejects it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from deeplake_ref import errors
from deeplake_ref.storage import Reader, Writer
from tests.reference.lake_services import URL, Lake, refused, said
from tests.reference.scripted import Asked, Reply

pytestmark = pytest.mark.usefixtures("no_lake")


def test_threads_ask_once(lake: Lake) -> None:
    gate = threading.Barrier(12)

    def read(_number: int) -> bytes:
        gate.wait(10)
        return bytes(reader.get("k"))

    with Writer(URL, token=lake.token) as writer:
        writer.set("k", b"v")
    with Reader(URL, token=lake.token) as reader, ThreadPoolExecutor(12) as pool:
        assert set(pool.map(read, range(12))) == {b"v"}
    assert len(lake.asked()) == 2


def handle_at(clock: list[float], lake: Lake) -> Reader:
    """Return a handle whose leases see the clock of a test."""
    reader = Reader(URL, token=lake.token)
    reader._shared._store._leases._clock = lambda: clock[0]  # type: ignore[attr-defined]
    return reader


def test_a_lease_is_replaced_before_its_end_and_once(lake: Lake) -> None:
    clock = [time.time()]
    with handle_at(clock, lake) as reader:
        reader.list()
        clock[0] += lake.life_s - 301
        reader.list()
        assert lake.signers == ["KEY1", "KEY1"]
        clock[0] += 2
        lake.life_s *= 2
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _number: reader.list(), range(8)))
    assert set(lake.signers[2:]) == {"KEY2"}
    assert len(lake.asked()) == 2


def test_a_renewal_that_fails_keeps_what_is_good_and_never_uses_what_has_ended(lake: Lake) -> None:
    clock = [time.time()]
    with handle_at(clock, lake) as reader:
        reader.list()
        said(lake, refused(401, "token_revoked"))
        clock[0] += lake.life_s - 200
        reader.list()
        assert lake.signers == ["KEY1", "KEY1"]
        clock[0] += 201
        with pytest.raises(errors.AuthenticationError) as raised:
            reader.list()
        assert (raised.value.code, raised.value.http_status) == ("token_revoked", 401)
    assert lake.signers == ["KEY1", "KEY1"]


def test_what_ends_while_the_control_plane_is_silent_is_not_used(lake: Lake) -> None:
    clock = [time.time()]
    with handle_at(clock, lake) as reader:
        reader.list()
        clock[0] += lake.life_s - 100

        def answer(_asked: Asked) -> Reply:
            clock[0] += 101
            return refused(503, "storage_unavailable")

        lake.answer = answer
        with pytest.raises(errors.StorageInternalError):
            reader.list()
    assert lake.signers == ["KEY1"]


def test_a_rejected_lease_is_dropped_replaced_once_and_tried_once_more(lake: Lake) -> None:
    with Reader(URL, token=lake.token) as reader:
        reader.list()
        lake.known.clear()
        reader.list()
        assert lake.signers == ["KEY1", "KEY1", "KEY2"]
        lake.known = set()
        lake.lent = lambda: Lake.lent(lake) | {"aws_access_key_id": "UNKNOWN"}  # type: ignore[method-assign]
        with pytest.raises(errors.AuthenticationError) as raised:
            reader.list()
    assert raised.value.provider == "al"
    assert lake.signers[3:] == ["KEY2", "UNKNOWN"]
    assert len(lake.asked()) == 3


class CountedLock:
    """A lock that tells of everybody who comes to it."""

    def __init__(self) -> None:
        self.came = threading.Semaphore(0)
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self.came.release()
        self._lock.acquire()

    def __exit__(self, *_exception: object) -> None:
        self._lock.release()


@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("why", ["rejected", "ended"])
def test_threads_share_one_renewal_a_failed_one_too(lake: Lake, why: str, refuses: bool) -> None:
    threads = 8
    with Reader(URL, token=lake.token) as reader:
        reader.list()
        leases = reader._shared._store._leases  # type: ignore[attr-defined]
        rejected, lock = leases.current(), CountedLock()
        leases._lock = lock
        if why == "ended":
            leases._clock = lambda: time.time() + 2 * lake.life_s
            lake.life_s *= 4

        def answer(_asked: Asked) -> Reply | None:
            for _each in range(threads):
                assert lock.came.acquire(timeout=20)
            return refused(401, "token_revoked") if refuses else None

        lake.answer = answer

        def renew(_number: int) -> str:
            try:
                if why == "rejected":
                    leases.renew(rejected)
                return str(leases.current() is not rejected)
            except errors.StorageError as error:
                return type(error).__name__

        with ThreadPoolExecutor(threads) as pool:
            found = set(pool.map(renew, range(threads)))
    assert found == {"AuthenticationError" if refuses else "True"}
    assert len(lake.asked()) == 2
