"""What of AWS is not configured, though a part of it is there: the next source is asked."""

from __future__ import annotations

import os

import pytest

from deeplake_ref import errors
from tests.reference.aws_forms import SCHEME, answering, chain_of, key_of
from tests.reference.aws_world import World
from tests.reference.scripted import HANG, RESET, Reply


@pytest.mark.parametrize(
    "variables",
    [
        {"AWS_SECRET_ACCESS_KEY": "hunter2"},
        {"AWS_SESSION_TOKEN": "hunter2"},
        {"AWS_ACCESS_KEY_ID": " ", "AWS_SECRET_ACCESS_KEY": "hunter2"},
        {"AWS_PROFILE": " ", "AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": " "},
        {"AWS_CONFIG_FILE": "", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere/at/all"},
        {"AWS_ROLE_ARN": "arn:aws:iam::1:role/x"},
        {"AWS_SHARED_CREDENTIALS_FILE": os.devnull},
    ],
    ids=str,
)
def test_what_is_blank_or_half_is_not_configured(aws_world: World, variables: dict[str, str]) -> None:
    """The next source is asked."""
    aws_world.plant("aws_imds")
    aws_world.env(**variables)

    assert key_of(chain_of()) == aws_world.key("aws_imds")


@pytest.mark.parametrize("status", [400, 403, 404, 405, 500, 302])
def test_a_metadata_service_that_gives_no_token_is_not_ours(aws_world: World, status: int) -> None:
    """Nor is it asked without one."""
    answering("aws_imds", imds_token=Reply(status, {"Location": "/elsewhere"}))(aws_world)
    with pytest.raises(errors.CredentialsNotFoundError, match="aws_imds: not configured .no metadata service"):
        chain_of().resolve()

    assert aws_world.asked() == {"imds-token"}
    assert len(aws_world.service.asked) == 1


@pytest.mark.parametrize("reply", [HANG, RESET], ids=["silence", "reset"])
def test_a_metadata_service_that_does_not_answer_is_not_ours(aws_world: World, reply: Reply) -> None:
    """It is asked once."""
    answering("aws_imds", imds_token=reply)(aws_world)
    with pytest.raises(errors.CredentialsNotFoundError):
        chain_of().resolve()

    assert len(aws_world.service.asked) == 1


def test_a_metadata_service_that_refuses_is_not_ours(aws_world: World) -> None:
    """Nobody listens on port 9."""
    aws_world.plant("aws_imds")
    aws_world.env(AWS_EC2_METADATA_SERVICE_ENDPOINT=f"{SCHEME}://127.0.0.1:9")
    with pytest.raises(errors.CredentialsNotFoundError):
        chain_of().resolve()


def test_a_machine_without_role_has_no_credentials(aws_world: World) -> None:
    """It says so by 404."""
    answering("aws_imds", imds_role=Reply(404))(aws_world)
    with pytest.raises(errors.CredentialsNotFoundError, match="the machine has no role"):
        chain_of().resolve()


def test_a_disabled_metadata_service_is_not_asked(aws_world: World) -> None:
    """In any case of letters."""
    aws_world.plant("aws_imds")
    aws_world.env(AWS_EC2_METADATA_DISABLED="TRUE ")
    with pytest.raises(errors.CredentialsNotFoundError):
        chain_of().resolve()

    assert aws_world.asked() == set()


def test_a_metadata_service_is_not_asked_through_a_proxy(aws_world: World) -> None:
    """The proxy would see the credentials."""
    aws_world.plant("aws_imds")
    aws_world.env(http_proxy=f"{SCHEME}://127.0.0.1:9", HTTP_PROXY=f"{SCHEME}://127.0.0.1:9")

    assert key_of(chain_of()) == aws_world.key("aws_imds")


def test_surrounding_whitespace_does_not_count(aws_world: World) -> None:
    """Values of the environment often end with a line break."""
    aws_world.env(AWS_ACCESS_KEY_ID=" AKIA\n", AWS_SECRET_ACCESS_KEY="\tsecret \r\n")
    frozen = chain_of().resolve().credentials.signer.get_frozen_credentials()

    assert frozen[:3] == ("AKIA", "secret", None)


def test_a_blank_token_is_none(aws_world: World) -> None:
    """Tools that write files and processes leave the field there."""
    aws_world.credentials("aws_access_key_id = AKIA\naws_secret_access_key = x\naws_session_token =\n")
    chain = chain_of()

    assert (key_of(chain), chain.source) == ("AKIA", "aws_shared_file")
