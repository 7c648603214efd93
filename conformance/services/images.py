"""
Which image a service is started from, and building ours from the source.

Ours are named `deeplake-conformance/<service>:<version>` and come from `docker/<service>/` of a checkout. Nothing is pulled
here: an image that somebody wants is one that the engine has.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.services import engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient

    from conformance.services.description import Description
    from conformance.services.provisioning import Progress

OFFICIAL = "official"
BUILD_S = 1800
"""Longest silence of a build: compiling MinIO takes five minutes on two shared cores."""

LAST_LINES = 6

SOURCE = ("pyproject.toml", "README.md", "LICENSE", "conformance", "deeplake_ref")
"""What our package is made of, in a checkout."""


class ImageMissing(Exception):
    """The engine has no image to start; the message says which and what to do."""


class BuildFailed(Exception):
    """An image could not be built; the message says why, with the last lines of the build."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that the engine has: what it is called, its id, and whether it is ours."""

    reference: str
    id: str
    version: str
    command: tuple[str, ...]
    ours: bool


def own_reference(description: Description) -> str:
    """Return the name of our image of a service."""
    return f"{engine.OURS}/{description.name}:{description.version}"


def official_reference(description: Description) -> str:
    """Return the name of the official image of a service."""
    return f"{description.container.image}:{description.container.tag}"


def find(client: DockerClient, description: Description, given: str | None = None) -> Image | None:
    """Return the image to start: the given one, else ours, else the official one; None if the engine has none of them."""
    container = description.container
    if given is None:
        references = [own_reference(description), official_reference(description)]
    else:
        references = [official_reference(description) if given == OFFICIAL else given]
    for reference in references:
        identity = engine.image_id(client, reference)
        if identity is not None:
            ours = reference == own_reference(description)
            foreign = reference.startswith(container.image) and container.official_command
            return Image(
                reference=reference,
                id=identity,
                version=description.version if ours else reference,
                command=container.official_command if foreign else container.command,
                ours=given is None and ours,
            )
    return None


def missing(description: Description, given: str | None) -> ImageMissing:
    """Return the error for an image that the engine has not."""
    if given is not None:
        reference = official_reference(description) if given == OFFICIAL else given
        return ImageMissing(f"the engine has no image {reference}: docker pull {reference}")
    return ImageMissing(
        f"the engine has no image {own_reference(description)}: deeplake-conformance services build {description.name} in a "
        f"checkout of the source, or docker pull {official_reference(description)}"
    )


def folder(description: Description) -> Path | None:
    """Return the folder that our image is built from, None where there is no checkout."""
    for root in (Path(__file__).parents[2], Path.cwd()):
        found = root / description.container.build
        if (found / "Dockerfile").is_file():
            return found
    return None


def build(
    client: DockerClient, description: Description, progress: Progress, *, base: str = "", build_base: str = ""
) -> str:
    """Build our image of a service and return its name.

    Args:
        client: the engine.
        description: the service.
        progress: where the steps are told.
        base: the image that ours stands on, empty for the Dockerfile's own.
        build_base: the image that its parts are made in, such as one that knows a private CA.

    Raises:
        BuildFailed: there is no checkout, or a step failed.
    """
    import docker

    context = folder(description)
    if context is None:
        raise BuildFailed(
            f"there is no {description.container.build}/Dockerfile here: run this in a checkout of the source, or "
            f"docker pull {official_reference(description)}"
        )
    named = (("VERSION", description.version), ("BASE", base), ("BUILD_BASE", build_base))
    arguments = {name: value for name, value in named if value}
    reference = own_reference(description)
    told: list[str] = []
    progress.step(description.name, f"building {reference}")
    options = {
        "tag": reference,
        "buildargs": arguments,
        "rm": True,
        "forcerm": True,
        "decode": True,
        "timeout": BUILD_S,
    }
    try:
        with sent(context, source=description.container.source) as path:
            for line in client.api.build(path=str(path), **options):
                if "error" in line:
                    said = _plain(line["error"])
                    raise BuildFailed(f"{_what_to_do(told, said)}{said}: {' / '.join(told[-LAST_LINES:])}")
                text = _plain(line.get("stream") or line.get("status") or "")
                if text:
                    told.append(text)
                if re.match(r"Step \d+/\d+ :", text):
                    progress.step(description.name, text[:100])
    except (docker.errors.DockerException, OSError) as error:
        raise BuildFailed(f"{_what_to_do(told, str(error))}the engine ended the build: {error}") from None
    return reference


@contextmanager
def sent(folder: Path, *, source: bool) -> Iterator[Path]:
    """Give the folder that a build gets: its own, or a copy with what our package is made of in `source/`."""
    if not source:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="conformance-build-") as made:
        copy = Path(made) / folder.name
        shutil.copytree(folder, copy)
        for name in SOURCE:
            found = folder.parents[1] / name
            if found.is_dir():
                shutil.copytree(found, copy / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                (copy / "source").mkdir(exist_ok=True)
                shutil.copy(found, copy / "source" / name)
        yield copy


def _what_to_do(told: list[str], error: str) -> str:
    """Return what mends the usual failures, to stand before what the build said; empty for others."""
    text = " ".join([*told[-40:], error])
    if any(sign in text for sign in ("CERTIFICATE_VERIFY_FAILED", "x509", "SELF_SIGNED_CERT")):
        return "a private CA is in the way: sh docker/build_base.sh, then --build-base with its image; "
    if any(sign in text for sign in ("pull access denied", "manifest unknown", "no such host", "i/o timeout")):
        return "no image registry answers: sh docker/base.sh makes the image that ours stand on; "
    return ""


def _plain(text: str) -> str:
    """Return a line of a build without colours, shortened."""
    return re.sub(r"\x1b\[[0-9;]*m|\s+", " ", text).strip()[:160]
