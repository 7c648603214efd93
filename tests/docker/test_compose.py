"""
The testbed for people: all services, on 127.0.0.1 only, hardened, without a password of its own.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from conformance.services.description import Description, load, names
from tests.docker.dockerfiles import FOLDER, read

yaml = pytest.importorskip("yaml", reason="PyYAML is missing: pip install pyyaml")

ALLOWED = {
    "read_only", "user", "cap_drop", "security_opt", "tmpfs", "networks", "dns", "healthcheck", "image", "build", "ports",
    "environment", "volumes", "command",
}  # fmt: skip


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The whole file."""
    found: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    return found


@pytest.fixture(params=names())
def description(request: pytest.FixtureRequest) -> Description:
    """Each service."""
    return load(request.param)


@pytest.fixture
def service(compose: dict[str, Any], description: Description) -> dict[str, Any]:
    """Its part of the file."""
    found: dict[str, Any] = compose["services"][description.name]
    return found


def test_every_service_is_there(compose: dict[str, Any]) -> None:
    """The descriptions, no more and no less."""
    assert set(compose["services"]) == set(names())


def test_images_are_those_of_the_descriptions(service: dict[str, Any], description: Description) -> None:
    """Name and version, and the folder that builds it."""
    assert service["image"] == f"deeplake-conformance/{description.name}:{description.version}"
    assert f"docker/{service['build']['context']}" == description.container.build


def test_ports_are_on_loopback(service: dict[str, Any], description: Description) -> None:
    """One port, on 127.0.0.1, with a variable for the number outside."""
    [port] = service["ports"]
    variable = description.name.upper().replace("-", "_") + "_PORT"

    assert re.fullmatch(rf"127\.0\.0\.1:\$\{{{variable}:-\d+\}}:{description.container.port}", port)


def test_services_are_hardened(service: dict[str, Any]) -> None:
    """Read-only, without capabilities and new privileges, as nobody."""
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] == read("moto").last("USER")
    assert all(mount.endswith(":mode=1777") for mount in service["tmpfs"])


def test_nothing_else_is_asked_of_the_engine(service: dict[str, Any]) -> None:
    """No privilege, device, host network or folder of the machine."""
    assert set(service) <= ALLOWED
    assert all(re.fullmatch(r"/\w+", volume) for volume in service.get("volumes", []))


def test_nothing_gets_out(compose: dict[str, Any], service: dict[str, Any]) -> None:
    """The one network has no way back for what a service sends, and names are not answered."""
    assert service["networks"] == ["no-way-out"]
    assert service["dns"] == ["127.0.0.1"]
    assert compose["networks"] == {
        "no-way-out": {"driver": "bridge", "driver_opts": {"com.docker.network.bridge.enable_ip_masquerade": "false"}}
    }


def test_health_is_what_the_image_asks(service: dict[str, Any]) -> None:
    """The file sets how often, the Dockerfile what."""
    assert set(service["healthcheck"]) == {"interval", "timeout", "retries"}


def test_passwords_come_from_the_environment_only(service: dict[str, Any], description: Description) -> None:
    """Every credential of the native process is asked for, and compose refuses to start without."""
    expected = {name for name, text in description.native.env.items() if "{" in text}
    observed = service.get("environment", {})

    assert set(observed) == expected
    assert all(re.fullmatch(rf"\$\{{{name}:\?export [^}}]+\}}", text) for name, text in observed.items())


def test_a_command_of_its_own_differs_in_the_port_outside_only() -> None:
    """fake-gcs-server is told where it is published; everything else is as in the image."""
    found = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    own = {name: service["command"] for name, service in found["services"].items() if "command" in service}

    assert set(own) == {"fake-gcs-server"}
    assert ["fake-gcs-server", *(re.sub(r"\$\{\w+:-(\d+)\}", r"\1", word) for word in own["fake-gcs-server"])] == read(
        "fake-gcs-server"
    ).command()
