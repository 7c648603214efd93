"""
The images start hardened and answer, where an engine has them; building them is marked, as it takes minutes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from conformance.services.description import Description, load, names
from conformance.services.native import new_credential, status_of
from tests.docker.dockerfiles import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE = "debian:bookworm-slim"
COMMAND_S = 60
BUILD_S = 1800
READY_S = 60.0
POLL_S = 0.2
TMPFS = {"minio": ["/data"], "versitygw": ["/accounts"]}
VOLUMES = {"versitygw": ["/data"], "activeloop": ["/data"]}


def docker(*words: str, environment: dict[str, str] | None = None, timeout_s: float = COMMAND_S) -> str:
    """Run one command of the docker client and return what it prints."""
    done = subprocess.run(
        ["docker", *words],
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"docker {words[0]} ended with code {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


def has(reference: str) -> bool:
    """Whether the engine has an image."""
    return bool(docker("image", "ls", "--quiet", reference))


def name_of(description: Description) -> str:
    """Return the name of our image of a service."""
    return f"deeplake-conformance/{description.name}:{description.version}"


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    """An engine on this machine."""
    if shutil.which("docker") is None:
        pytest.skip("there is no docker command")
    if not os.environ.get("DOCKER_HOST", "unix://").startswith("unix://"):
        pytest.skip("the engine is not on this machine, and the services are reached on its loopback only")
    try:
        docker("version")
    except (AssertionError, subprocess.TimeoutExpired):
        pytest.skip("no container engine answers")


@pytest.fixture(params=names())
def description(request: pytest.FixtureRequest) -> Description:
    """Each service."""
    return load(request.param)


@pytest.fixture
def container(description: Description) -> Iterator[str]:
    """A container of its image, with no right that it does not need, asked for its health every second."""
    image = name_of(description)
    if not has(image):
        pytest.skip(f"the engine has no {image}: sh docker/build.sh {description.name}")
    keys = dict(zip(("access_key", "secret_key"), new_credential(description.prefix), strict=True))
    given = {name: text.format_map(keys) for name, text in description.native.env.items() if "{" in text}
    name = f"tests-{description.name}-{secrets.token_hex(4)}"
    options = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=65534:65534"]
    options += [f"--tmpfs={path}:mode=1777" for path in ("/tmp", *TMPFS.get(description.name, []))]  # noqa: S108
    options += [f"--volume={path}" for path in VOLUMES.get(description.name, [])]
    options += [f"--env={variable}" for variable in given]  # the values by the environment, not on a command line
    options += ["--health-interval=1s", f"--publish=127.0.0.1::{description.container.port}"]
    try:
        docker("run", "--detach", f"--name={name}", *options, image, environment=given)
        yield name
    finally:
        subprocess.run(
            ["docker", "rm", "--force", "--volumes", name], capture_output=True, timeout=COMMAND_S, check=False
        )


def test_a_hardened_container_answers(description: Description, container: str) -> None:
    """It answers on the published port as natively, and is healthy by its own check."""
    port = docker("port", container, f"{description.container.port}/tcp").splitlines()[0]
    assert port.startswith("127.0.0.1:")

    status, health, ends = None, "", time.monotonic() + READY_S
    while (status is None or health != "healthy") and time.monotonic() < ends:
        status = status_of(f"http://{port}{description.native.ready_path}")
        health = docker("inspect", "--format={{.State.Health.Status}}", container)
        time.sleep(POLL_S)

    assert status in description.native.ready_status, docker("logs", "--tail=20", container)
    assert health == "healthy"


def test_the_image_holds_no_certificate_authority_of_this_machine(description: Description) -> None:
    """What a private CA needs stays in the stage that builds."""
    image = name_of(description)
    if not has(image):
        pytest.skip(f"the engine has no {image}: sh docker/build.sh {description.name}")
    variables = docker("image", "inspect", '--format={{join .Config.Env "\\n"}}', image)

    assert "build-ca.crt" not in variables
    found = docker(
        "run", "--rm", "--network=none", "--entrypoint=find", image, "/usr/local/share", "-name", "build-ca.crt"
    )
    assert found == ""


@pytest.mark.images
def test_the_dockerfile_alone_builds_the_image(description: Description) -> None:
    """Without anything that the machine has already made."""
    if not has(BASE):
        pytest.skip(f"the engine has no {BASE}: sh docker/base.sh")
    done = subprocess.run(
        ["sh", str(FOLDER / "build.sh"), "--fresh", description.name],
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "from its Dockerfile alone" in done.stdout
