"""
The workflows and the action, read as data: every step is a command that there is, with options that it has.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import click
import pytest
import yaml

from conformance.cli import main
from tests.ci.workflows import ACTION, PROJECT, WORKFLOWS, Command, action_commands, commands, jobs, read, uses

TIMEOUT_S = 120
COMMANDS = [command for path in WORKFLOWS for command in commands(path)]
TOX = [command for command in COMMANDS if command.words[0] == "tox"]
GUIDE = PROJECT / "docs" / "guides" / "ci.md"


@cache
def tox(*arguments: str) -> str:
    """Return what tox prints, as from a terminal of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tox", *arguments],
        cwd=PROJECT,
        env={name: value for name, value in os.environ.items() if not name.startswith(("TOX", "PYTEST", "COV"))},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a record of another job, as a report finds it."""
    directory = tmp_path_factory.mktemp("ci")
    (directory / "records" / "one").mkdir(parents=True)
    return directory


def check(words: list[str], records: Path) -> None:
    """Let the command read its arguments and do nothing; raises `click.UsageError` for what it does not know."""
    command: click.Command = main
    context = click.Context(main)
    name, *arguments = [str(records / "records" / "one") if word == "records/*" else word for word in words]
    while isinstance(command, click.Group):
        known = command.get_command(context, arguments[0])
        assert known is not None, f"{name} has no command {arguments[0]}"
        command, arguments = known, arguments[1:]
    command.make_context(name, arguments)


def test_there_are_workflows() -> None:
    """The rest of this file would assert nothing without."""
    assert {"ci.yml", "nightly.yml"} <= {path.name for path in WORKFLOWS}
    assert TOX


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_step_runs_anywhere(command: Command) -> None:
    """It is tox, pip or the command; what a runner has beside them is not needed."""
    assert command.words[0] in ("tox", "deeplake-conformance") or command.words == ("pip", "install", "tox")


@pytest.mark.parametrize("command", TOX, ids=str)
def test_a_step_names_an_environment_that_there_is(command: Command) -> None:
    """In tox.ini, and not made up by tox from the parts of a name."""
    assert command.words[1:3] == ("run", "-e")
    assert command.words[3] in tox("list", "--no-desc", "-q").split()


@pytest.mark.parametrize("command", [each for each in TOX if "--" in each.words], ids=str)
def test_a_step_has_options_that_there_are(command: Command, records: Path) -> None:
    """The whole command of the environment is read by the command line, with what the step adds."""
    environment, *words = command.words[3:]
    printed = tox("config", "-e", environment, "-k", "commands", *words)
    lines = re.findall(r"deeplake-conformance .*", printed)

    assert lines, printed
    for line in lines:
        check(shlex.split(line), records)
    for script in re.findall(r"\bsh (\S+)", printed):
        assert (PROJECT / script).is_file()


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"target": "mypackage.storage", "install": ".", "services": "moto", "profile": "default"},
        {"args": "--claims tox.ini -- node adapter.mjs"},
        {"target": "mypackage", "services": "all", "args": "--shard 1/4 --runtime native --strict"},
    ],
    ids=["nothing", "module", "command", "more"],
)
def test_the_action_runs_the_command(inputs: dict[str, str], records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the options that its inputs stand for."""
    monkeypatch.chdir(PROJECT)
    install, run = action_commands(inputs)

    assert install.words[:3] == ("pip", "install", f"{PROJECT}[all]")
    assert install.words[3:] == tuple(inputs.get("install", "").split())
    check(list(run.words), records)
    for name in ("target", "services"):
        assert (f"--{name}={inputs.get(name)}" in run.words) == (name in inputs)


def test_an_option_that_there_is_not_is_noticed(records: Path) -> None:
    """What these tests rest on."""
    with pytest.raises(click.UsageError, match="--sharp"):
        check(["deeplake-conformance", "run", "--sharp", "1/2"], records)
    with pytest.raises(click.UsageError, match="quickly"):
        check(["deeplake-conformance", "run", "--profile", "quickly"], records)


def test_no_service_is_left_out() -> None:
    """Every pull request sees all services as processes and in containers, on all versions of Python."""
    matrix = jobs(PROJECT / ".github" / "workflows" / "ci.yml")["conformance"]["strategy"]["matrix"]
    there = set(tox("list", "--no-desc", "-q").split())
    environments = {name for name in there if re.fullmatch(r"(native|containers)-[a-z-]+", name)}
    project = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")

    assert environments <= {*matrix["env"], *(entry["env"] for entry in matrix["include"])}
    assert matrix["python"] == re.findall(r"Python :: (3\.\d+)", project)


def test_the_nightly_shards_are_a_whole() -> None:
    """Each of so many, once."""
    job = jobs(PROJECT / ".github" / "workflows" / "nightly.yml")["conformance"]
    of = {match[1] for step in job["steps"] if (match := re.search(r"/(\d+) --record", step.get("run", "")))}

    assert of == {str(len(job["strategy"]["matrix"]["shard"]))}
    assert job["strategy"]["matrix"]["shard"] == list(range(1, int(*of) + 1))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_do_little(path: Path) -> None:
    """It reads the repository, its jobs ask for nothing more and end some day, and no step keeps a token on disk."""
    assert read(path)["permissions"] == {"contents": "read"}
    for job in jobs(path).values():
        assert "permissions" not in job
        assert job["timeout-minutes"] < 360
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
    assert "secrets." not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: path.name)
def test_actions_are_pinned(path: Path) -> None:
    """To a major version or a commit, never to a branch."""
    assert uses(path)
    assert all(re.fullmatch(r"actions/[a-z-]+@(v[0-9]+|[0-9a-f]{40})", name) for name in uses(path))


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: path.name)
def test_the_record_of_a_job_that_fails_is_kept(path: Path) -> None:
    """It is wanted most then."""
    data = read(path)
    steps = (
        data["runs"]["steps"] if "runs" in data else [step for job in data["jobs"].values() for step in job["steps"]]
    )
    uploads = [step for step in steps if step.get("uses", "").startswith("actions/upload-artifact@")]

    assert uploads
    assert all(step["if"] == "always()" for step in uploads)


def test_the_guide_shows_six_lines_that_work() -> None:
    """Its example has inputs that the action has, and as many lines as it says."""
    (example,) = re.findall(
        r"```yaml\n(.*?uses: OWNER/deeplake-conformance.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL
    )
    checkout, step = yaml.safe_load(example)

    assert len(example.splitlines()) == 6
    assert checkout["uses"] in uses(WORKFLOWS[0])
    assert set(step["with"]) <= set(read(ACTION)["inputs"])


def test_actionlint_has_no_complaint() -> None:
    """Types of expressions, contexts, and the shell inside, where it is installed."""
    actionlint = shutil.which("actionlint")
    if actionlint is None:
        pytest.skip("no actionlint on PATH: go install github.com/rhysd/actionlint/cmd/actionlint@latest")
    done = subprocess.run(
        [actionlint, "-no-color", *map(str, WORKFLOWS)], capture_output=True, text=True, timeout=TIMEOUT_S
    )

    assert done.returncode == 0, done.stdout
