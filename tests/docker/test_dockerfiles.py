"""
What the Dockerfiles build is what the descriptions say, and runs with nothing that it does not need.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from conformance.services.description import Description, load, names
from tests.docker.dockerfiles import FOLDER, Dockerfile, read

SCRIPTS = sorted(path.name for path in FOLDER.glob("*.sh"))


@pytest.fixture(params=names())
def description(request: pytest.FixtureRequest) -> Description:
    """Each service."""
    return load(request.param)


@pytest.fixture
def dockerfile(description: Description) -> Dockerfile:
    """Its Dockerfile."""
    return read(description.name)


def test_each_description_names_its_folder(description: Description) -> None:
    """The folder that a description builds from is that of the same name."""
    assert description.container.build == f"docker/{description.name}"


def test_versions_are_those_of_the_descriptions(description: Description, dockerfile: Dockerfile) -> None:
    """The default of VERSION is the pinned version."""
    assert dockerfile.arguments()["VERSION"] == description.version


def test_packages_are_those_of_native_installations(description: Description, dockerfile: Dockerfile) -> None:
    """pip, npm and go are asked for the same packages as natively."""
    install = description.native.install
    if install["kind"] == "pip":
        expected = " ".join(install["packages"]).format(version="${VERSION}")
        observed = dockerfile.arguments()["PACKAGES"]
    elif install["kind"] == "none":
        expected, observed = "[lake]", "[lake]" if '"/context/source[lake]"' in dockerfile.text else dockerfile.text
    else:
        expected = (install.get("package") or install["packages"][0]).format(version="${VERSION}")
        observed = expected if f'"{expected}"' in dockerfile.text else dockerfile.text

    assert observed == expected


def test_the_command_is_the_native_one(description: Description, dockerfile: Dockerfile) -> None:
    """Container and process are started with the same words, apart from addresses and places."""
    places = {
        "python": "python3",
        "this_python": "python3",
        "node": "node",
        "binary": description.name,
        "here": "/opt/azurite",
        "modules": "/opt/azurite/node_modules",
        "data": "/data",
        "accounts": "/accounts",
        "port": str(description.container.port),
        "port2": "9001",
    }
    expected = [word.format_map(places) for word in description.native.command]

    assert [word.replace("0.0.0.0", "127.0.0.1") for word in dockerfile.command()] == expected  # noqa: S104


def test_the_suite_starts_the_image_with_its_own_command(description: Description, dockerfile: Dockerfile) -> None:
    """What the description gives to a container is what the image does by itself."""
    port = str(description.container.port)
    expected = [word.format(port=port, host_port=port) for word in description.container.command]

    assert dockerfile.command()[-len(expected) :] == expected


def test_variables_are_those_of_the_native_process(description: Description, dockerfile: Dockerfile) -> None:
    """What a process gets by the environment is in the image, but no credential."""
    expected = {name: text for name, text in description.native.env.items() if "{" not in text}

    assert expected.items() <= dockerfile.environment().items()


def test_the_port_is_that_of_the_description(description: Description, dockerfile: Dockerfile) -> None:
    """EXPOSE and the description name one port."""
    assert dockerfile.all("EXPOSE") == [str(description.container.port)]


def test_health_is_asked_where_the_description_asks(description: Description, dockerfile: Dockerfile) -> None:
    """The health check looks at the description's path and statuses, without a tool that the image lacks."""
    check = dockerfile.last("HEALTHCHECK")

    assert f"/dev/tcp/127.0.0.1/{description.container.port} " in check
    assert f"GET {description.native.ready_path} HTTP/1.0" in check
    assert set(re.findall(r"\b[1-5]\d\d\b", check.partition("read -r")[2])) == set(
        map(str, description.native.ready_status)
    )


def test_the_user_is_not_root(dockerfile: Dockerfile) -> None:
    """The last user is a number that is not root's."""
    assert dockerfile.last("USER") == "65534:65534"


def test_images_stand_on_the_bases_that_the_builder_names(dockerfile: Dockerfile) -> None:
    """Only the build stage stands on the base that may carry a private CA, and none names a registry."""
    assert dockerfile.all("FROM") == ["${BUILD_BASE} AS build", "${BASE}"]
    assert dockerfile.arguments()["BASE"] == "debian:bookworm-slim"
    assert dockerfile.arguments()["BUILD_BASE"] == "${BASE}"


def test_both_builders_of_docker_read_them(dockerfile: Dockerfile) -> None:
    """No mounts, which only BuildKit knows, and no syntax line, which is an image of a registry."""
    assert "--mount" not in dockerfile.text
    assert "syntax=" not in dockerfile.text


def test_no_image_holds_a_secret(dockerfile: Dockerfile) -> None:
    """No variable or argument that is called like a secret."""
    held = set(dockerfile.environment()) | set(dockerfile.arguments())

    assert [name for name in held if re.search(r"KEY(?!S$)|SECRET|PASSWORD|TOKEN|ACCOUNT", name)] == []


def test_azurite_is_kept_from_sweeping_as_natively() -> None:
    """The file that is loaded first is a copy of the native one: a build sees nothing outside its folder."""
    native = files("conformance.services").joinpath("azurite_unswept.cjs").read_text(encoding="utf-8")

    assert (FOLDER / "azurite" / "azurite_unswept.cjs").read_text(encoding="utf-8") == native


@pytest.mark.parametrize("path", [path.relative_to(FOLDER) for path in FOLDER.rglob("*") if path.is_file()], ids=str)
def test_no_file_names_a_host(path: Path) -> None:
    """Neither an image registry nor a package index: those are the machine's own."""
    text = (FOLDER / path).read_text(encoding="utf-8")

    assert re.findall(r"\b(?!unix\b)\w+://\S*|\b[\w.-]+\.(?:io|com|org|net)/", re.sub(r"github\.com/", "", text)) == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_pass_shellcheck(name: str) -> None:
    """The shell has nothing to complain of."""
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("shellcheck is missing: apt-get install shellcheck")
    done = subprocess.run([shellcheck, name], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False)

    assert done.stdout == ""
