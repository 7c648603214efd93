"""
Scenes on AWS: sources with the most that could be told, when all works and when something does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.identities import new_aws
from conformance.scenes.playing import Scene
from conformance.worlds import Way, world

if TYPE_CHECKING:
    from conformance.setting import Setting


INVALID = "InvalidCredentialsError"
UNAVAILABLE = "CredentialsUnavailableError"


def with_token_in_the_dictionary(setting: Setting) -> None:
    """Give a key with a session token in the dictionary."""
    identity = setting.know(new_aws("aws_dict", session=True, expires_at=None))
    assert isinstance(setting.creds, dict)  # noqa: S101 - planted by the world
    setting.creds |= {
        "aws_access_key_id": identity.name,
        "aws_secret_access_key": identity.secret,
        "aws_session_token": identity.token,
    }


def with_token_in_the_environment(setting: Setting) -> None:
    """Give a key with a session token in variables."""
    identity = setting.know(new_aws("aws_env", session=True, expires_at=None))
    setting.variables["AWS_ACCESS_KEY_ID"] = identity.name
    setting.variables["AWS_SECRET_ACCESS_KEY"] = identity.secret
    setting.variables["AWS_SESSION_TOKEN"] = identity.token or ""


def expired(setting: Setting) -> None:
    """Give a token whose time is over, which the service says."""
    identity = setting.know(new_aws("aws_env", session=True, expires_at=1.0))
    setting.variables["AWS_ACCESS_KEY_ID"] = identity.name
    setting.variables["AWS_SECRET_ACCESS_KEY"] = identity.secret
    setting.variables["AWS_SESSION_TOKEN"] = identity.token or ""


def broken(source: str, way: str, *behind: str) -> Scene:
    """Return the scene of a source that is broken in some way; whatever it raises, no secret may be told."""
    return Scene(world("aws", source, *behind, ways={source: Way(way, "CredentialsError")}))


SCENES = [
    Scene(world("aws", "aws_dict"), "with token", with_token_in_the_dictionary),
    Scene(world("aws", "aws_env"), "with token", with_token_in_the_environment),
    Scene(world("aws", "aws_env"), "expired", expired, works=False),
    Scene(world("aws", "aws_assume_role", "aws_web_identity")),
    Scene(world("aws", "aws_web_identity")),
    Scene(world("aws", "aws_sso")),
    Scene(world("aws", "aws_shared_file")),
    Scene(world("aws", "aws_process")),
    Scene(world("aws", "aws_container")),
    Scene(world("aws", "aws_imds")),
    broken("aws_dict", "unknown-field", "aws_env"),
    broken("aws_dict", "line-break-in-key-id", "aws_env"),
    broken("aws_dict", "secret-of-another-type", "aws_env"),
    broken("aws_web_identity", "refused-token"),
    broken("aws_assume_role", "denied"),
    broken("aws_sso", "another-account"),
    broken("aws_sso", "garbage"),
    broken("aws_process", "telling"),
    broken("aws_process", "bad-json"),
    broken("aws_process", "wrong-version"),
    broken("aws_container", "refused-token"),
    broken("aws_container", "reset"),
]
"""Worlds with the most that could be told, in which all works and in which something does not."""

MOVED = [world("aws", "aws_env"), world("aws", "aws_container")]
"""Worlds in front of a service that redirects."""

ASKED = {
    "aws_assume_role-sts": (world("aws", "aws_assume_role"), "sts"),
    "aws_web_identity-sts": (world("aws", "aws_web_identity"), "sts"),
    "aws_sso-aws_sso": (world("aws", "aws_sso"), "aws_sso"),
    "aws_container-aws_container": (world("aws", "aws_container"), "aws_container"),
    "aws_imds-aws_imds": (world("aws", "aws_imds"), "aws_imds"),
}
"""Worlds, and the identity service that redirects in each."""
