"""
Worlds: the same in a preloaded and in a new process, private, and gone when they are over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance import stages
from conformance.outcomes import of_a_write
from conformance.places import Place
from conformance.services import RunningService, start_services
from conformance.stages import Stage
from conformance.targets import HarnessError
from conformance.targets.claims import DEFAULT_OPTIONS, Claims
from conformance.targets.preloading import Preloaded
from conformance.targets.selection import TargetSpec, resolve
from conformance.testbed import Testbed
from conformance.worlds import Way, World, world
from tests.sharing import Told

PlaceOf = Callable[[str, str], Place]

SERVICES = {"aws": "moto", "azure": "azurite"}

AWS = (
    world("aws"),
    world("aws", "aws_dict", "aws_imds"),
    world("aws", "aws_dict_profile", "aws_env"),
    world("aws", "aws_env"),
    world("aws", "aws_assume_role", "aws_shared_file"),
    world("aws", "aws_web_identity"),
    world("aws", "aws_sso"),
    world("aws", "aws_shared_file", "aws_config_file"),
    world("aws", "aws_shared_file", "aws_imds", ways={"aws_shared_file": Way("malformed")}),
    world("aws", "aws_process"),
    world("aws", "aws_container", "aws_imds"),
    world("aws", "aws_imds"),
)

AZURE = (
    world("azure", "azure_env_key"),
    world("azure", "azure_env_sas_token", ways={"azure_env_sas_token": Way("expired")}),
    world("azure", "azure_service_principal"),
    world("azure", "azure_workload_identity", ways={"azure_workload_identity": Way("refused-token")}),
    world("azure", "azure_managed_identity"),
    world("azure", "azure_cli"),
)

RUNNERS_OWN = {
    "AWS_ACCESS_KEY_ID": "AKIAOFTHERUNNER00000",
    "AWS_PROFILE": "of-the-runner",
    "AZURE_STORAGE_KEY": "b2YgdGhlIHJ1bm5lcg==",
    "GOOGLE_APPLICATION_CREDENTIALS": "/of/the/runner.json",
    "HTTPS_PROXY": "http://127.0.0.1:1",
    "PYTHONPATH": "/of/the/runner",
}


def telling(name: str = "telling", **options: Any) -> TargetSpec:
    """Return the target that tells of its process, preloaded."""
    claims = Claims(options=DEFAULT_OPTIONS | {"preload": ("json",)} | options)
    return replace(resolve(f"tests.suite.{name}", (), None, None), claims=claims)


@pytest.fixture(scope="module")
def place_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlaceOf]:
    """Gives a place on the service of a cloud with a target: the reference, or the one that tells."""
    services: dict[str, RunningService] = {}
    testbeds: dict[tuple[str, str], Testbed] = {}
    with ExitStack() as closing:

        def place_of(cloud: str, target: str) -> Place:
            name = SERVICES[cloud]
            if name not in services:
                starting = start_services([name], directory=tmp_path_factory.mktemp(name), progress=Told())
                started = closing.enter_context(starting)[name]
                if not isinstance(started, RunningService):
                    pytest.skip(f"{name} is not to be had: {started.reason}; {started.hint}")
                services[name] = started
            if (cloud, target) not in testbeds:
                spec = telling() if target == "telling" else resolve(target, (), None, None)
                testbed = Testbed(spec, services, run_id=f"{os.getpid():x}", worker=f"{cloud}{len(testbeds)}")
                closing.callback(testbed.close)
                testbeds[cloud, target] = testbed
            return testbeds[cloud, target].place(name)

        yield place_of


def told(stage: Stage, what: str) -> Any:
    """Return what the target tells of its process."""
    return json.loads(stage.reader().get(what))


def is_running(pid: int) -> bool:
    """Whether there is a process that has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.parametrize("these", [*AWS, *AZURE], ids=str)
def test_a_preloaded_and_a_new_process_do_the_same(place_of: PlaceOf, these: World) -> None:
    """Files in the home, a broken one and a command among them."""
    place, found = place_of(these.cloud, "deeplake_ref"), set()
    for fresh in (False, True):
        with stages.running(these, place, fresh=fresh) as stage:
            outcome = of_a_write(stage)
            asked = frozenset(stage.asked())
        failed = outcome.error and (outcome.error.class_name, outcome.error.source)
        found.add((failed, outcome.signers, asked))

    assert len(found) == 1


def test_what_starts_a_thread_is_not_forked() -> None:
    """A fork has one thread; locks of the others would never open."""
    preloaded = Preloaded(telling("threaded").through_stdio())
    try:
        with pytest.raises(HarnessError, match="started a thread while it was imported; it cannot be preloaded"):
            preloaded.fork({}, Path.cwd())
    finally:
        preloaded.close()

    assert not is_running(preloaded.pid)


def test_what_cannot_be_imported_is_told(tmp_path: Path) -> None:
    """In the last line that the process wrote."""
    claims = tmp_path / "claims.toml"
    claims.write_text('name = "telling"\n\n[options]\npreload = ["no_such_module"]\n')
    spec = resolve("tests.suite.telling", (), claims, None).through_stdio()
    with pytest.raises(HarnessError, match="cannot be preloaded.*no_such_module"):
        Preloaded(spec)


@pytest.mark.parametrize("fresh", [False, True], ids=["preloaded", "new"])
def test_a_world_leaves_nothing(place_of: PlaceOf, fresh: bool) -> None:
    """No process, no file, no port; a child of the target ends with it."""
    place = place_of("aws", "telling")
    before = set(place.testbed.directory.iterdir())
    with stages.running(world("aws", "aws_imds", "aws_process"), place, fresh=fresh) as stage:
        pids = [told(stage, "process"), told(stage, "child")]
        directory = stage.setting.directory
        url = stage.setting.servers["aws_imds"].url
        assert all(map(is_running, pids))
        assert directory.is_dir()

    assert not directory.exists()
    assert set(place.testbed.directory.iterdir()) <= before | {place.testbed.directory / "ca"}
    assert not any(map(is_running, pids))
    with pytest.raises(OSError, match="refused"):
        _ask(url)


@pytest.mark.parametrize("fresh", [False, True], ids=["preloaded", "new"])
def test_a_world_is_private(place_of: PlaceOf, monkeypatch: pytest.MonkeyPatch, fresh: bool) -> None:
    """Nothing of the runner's environment reaches the target: its variables are those of the world."""
    for name, value in RUNNERS_OWN.items():
        monkeypatch.setenv(name, value)
    place = place_of("aws", "telling")
    with stages.running(world("aws", "aws_env"), place, fresh=fresh) as stage:
        inside = stage.setting.directory
        environment = told(stage, "environment")

        assert Path(told(stage, "directory")) == inside / "work"
        assert Path(told(stage, "home")) == inside / "home"
        assert Path(told(stage, "temporary")) == inside / "tmp"
        assert {
            path.stat().st_mode & 0o777 for path in (inside, *(inside / name for name in ("home", "tmp", "work")))
        } == {0o700}
        # Python adds this one itself where the locale says UTF-8 (PEP 538)
        assert set(environment) - {"LC_CTYPE"} == {*stage.setting.variables, "PYTHONPATH"}
        assert {name: environment[name] for name in stage.setting.variables} == stage.setting.variables
        assert not set(RUNNERS_OWN.values()) & set(environment.values())


@pytest.mark.parametrize("fresh", [False, True], ids=["preloaded", "new"])
def test_two_worlds_at_once_do_not_see_each_other(place_of: PlaceOf, fresh: bool) -> None:
    """Each has its own process, home and variables."""
    place, one = place_of("aws", "telling"), world("aws", "aws_env")
    with stages.running(one, place, fresh=fresh) as first, stages.running(one, place, fresh=fresh) as second:
        pairs = {what: (told(first, what), told(second, what)) for what in ("process", "home", "directory")}
        keys = [told(stage, "environment")["AWS_ACCESS_KEY_ID"] for stage in (first, second)]

    assert [what for what, (here, there) in pairs.items() if here == there] == []
    assert keys[0] != keys[1]


def _ask(url: str) -> None:
    from urllib.request import urlopen

    urlopen(url, timeout=5).close()
