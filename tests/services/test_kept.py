"""
Services that are left running between runs, as processes.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.services import RunningService, Wanted, kept, load
from conformance.services.runtimes import Engine
from tests.servers import Quiet

WANTED = Wanted(runtime="native", reuse=True)
NO_ENGINE = Engine(ask=False)


@pytest.fixture
def left(own_cache: Path) -> Iterator[RunningService]:
    """A moto that was left running."""
    yield take()
    for note in kept.notes():
        kept.stop(note, NO_ENGINE)


def take() -> RunningService:
    """Take what was left running, or start it."""
    return kept.take(load("moto"), WANTED, NO_ENGINE, Quiet())


def runs(pid: int | None) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_service_that_was_left_running_is_taken_again(left: RunningService) -> None:
    """It is the same one, and it is known to outlive the run."""
    assert take() == left
    assert left.outlives_the_run


def test_what_is_noted_is_for_the_user_alone(left: RunningService, own_cache: Path) -> None:
    """The note holds the root credential."""
    path = own_cache / "kept" / "moto-native.json"

    assert left.secret_key in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_service_that_has_ended_is_started_anew(left: RunningService) -> None:
    """Killed behind the back of the note."""
    assert left.pid is not None
    os.killpg(left.pid, signal.SIGKILL)

    again = take()

    assert again.pid != left.pid
    assert again.alive()


def test_a_service_of_another_version_is_stopped_and_started_anew(left: RunningService, own_cache: Path) -> None:
    """As after an update of the suite."""
    path = own_cache / "kept" / "moto-native.json"
    note = json.loads(path.read_text())
    note["service"]["version"] = "5.0.0"
    path.write_text(json.dumps(note))

    again = take()

    assert (runs(left.pid), again.version) == (False, load("moto").version)


def test_another_process_with_the_same_number_is_not_taken_and_not_stopped(left: RunningService) -> None:
    """A number comes again; when it was started does not."""
    (note,) = kept.notes()
    other = replace(note, processes={str(os.getpid()): "1"})

    assert not kept.is_alive(other, NO_ENGINE)
    kept.stop(replace(other, directories=[]), NO_ENGINE)
    kept._write(note)  # for the fixture, which stops the real one
    assert runs(os.getpid())


def test_a_stopped_service_leaves_nothing(left: RunningService, own_cache: Path) -> None:
    """No process, no directory, no note."""
    (note,) = kept.notes()

    kept.stop(note, NO_ENGINE)

    assert not runs(left.pid)
    assert not any(Path(each).exists() for each in note.directories)
    assert kept.notes() == []


def test_a_broken_note_is_forgotten(own_cache: Path) -> None:
    """As of another version of the suite."""
    (own_cache / "kept").mkdir()
    path = own_cache / "kept" / "moto-native.json"
    path.write_text('{"form": 0}')

    assert kept.notes() == []
    assert not path.exists()
