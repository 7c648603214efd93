"""Profile files of AWS that cannot be read, and whom that stops."""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from deeplake_ref.errors import InvalidCredentialsError
from tests.reference.aws_forms import chain_of, file, key_of
from tests.reference.aws_world import World


@pytest.fixture
def open_home() -> Iterator[Path]:
    """A directory that everybody may look into."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("variable", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
def test_a_file_that_may_not_be_read_is_broken(
    aws_world: World, variable: str, open_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named; botocore leaves it out without a word, and takes whoever is next."""
    aws_world.plant("aws_container")
    path = open_home / "hidden"
    path.write_text("[default]\naws_access_key_id = hunter2\naws_secret_access_key = hunter2\n")
    path.chmod(0)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(path if name == variable else open_home / "none"))
    # everything is imported before root, who reads everything, becomes somebody else
    chain_of({"anon": True}).resolve()
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        with pytest.raises(InvalidCredentialsError) as caught:
            chain_of().resolve()
    finally:
        if is_root:
            os.seteuid(0)

    assert f"the file {str(path)!r} cannot be read" in str(caught.value)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert aws_world.asked() == set()


def test_a_malformed_file_does_not_stop_keys_of_the_environment(aws_world: World) -> None:
    """They come first."""
    aws_world.plant("aws_env")
    file("config", b"[default")(aws_world)

    assert key_of(chain_of()) == aws_world.key("aws_env")


def test_a_malformed_file_stops_a_profile_that_the_caller_names(aws_world: World) -> None:
    """Beside keys too, since requests could go elsewhere."""
    file("config", b"[default")(aws_world)
    for creds in (
        {"profile_name": "default"},
        {"profile_name": "default", "aws_access_key_id": "A", "aws_secret_access_key": "x"},
    ):
        with pytest.raises(InvalidCredentialsError, match="config' is not in the form"):
            chain_of(creds).resolve()
