"""
Sources of AWS credentials: the creds dictionary, variables, the files of `aws configure`, services.

Files and variables as in "Configuration and credential file settings" and "Environment variables" (AWS CLI user guide).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.fakes import Answer
from conformance.identities import Identity, new_aws
from conformance.sources import aws_services
from conformance.sources.aws_services import CONFIG, CREDENTIALS, ROLE_ARN

if TYPE_CHECKING:
    from conformance.fakes import Fake, Request
    from conformance.setting import Setting
    from conformance.sources import Plant

REGION = "us-east-1"

NAMED = "named"
"""The profile that `profile_name` of the dictionary names."""


class NoMachine:
    """A metadata service that is not there: 404 on every path, as where a network plays no such part."""

    name = "aws_imds"

    def answer(self, _request: Request) -> Answer:
        """Answer 404."""
        return Answer(404)


def ground(setting: Setting) -> None:
    """Address the service by the dictionary, and let nothing ask the link-local address."""
    setting.creds = {"endpoint_url": setting.endpoint, "aws_region": REGION}
    if "aws_imds" not in setting.world.sources:
        server = setting.serve("aws_imds", NoMachine())
        setting.variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = server.url


def hosts(_setting: Setting) -> dict[str, Fake]:
    """Return none: every service of the chain has a variable."""
    return {}


def _key(setting: Setting, source: str) -> Identity:
    return setting.know(new_aws(source, session=False, expires_at=None))


def _dictionary(setting: Setting, way: str | None) -> None:
    identity = _key(setting, "aws_dict")
    fields: dict[str, object] = {
        "aws_access_key_id": identity.name,
        "aws_secret_access_key": identity.secret,
    }
    match way:
        case "no-secret":
            del fields["aws_secret_access_key"]
        case "no-key-id":
            del fields["aws_access_key_id"]
        case "token-only":
            fields = {"aws_session_token": "t" * 40}
        case "blank-secret":
            fields["aws_secret_access_key"] = "  "
        case "empty-key-id":
            fields["aws_access_key_id"] = ""
        case "secret-of-another-type":
            fields["aws_secret_access_key"] = 7
        case "line-break-in-key-id":
            fields["aws_access_key_id"] = f"{identity.name}\r\nx-extra: 1"
        case "key-of-azure":
            fields["account_key"] = "a2V5"
        case "upper-case-fields":
            fields = {name.upper(): value for name, value in fields.items()}
        case "unknown-field":
            fields["aws_secret_acess_key"] = fields.pop("aws_secret_access_key")
    assert isinstance(setting.creds, dict)  # noqa: S101 - the ground made it
    setting.creds |= fields


def _dictionary_profile(setting: Setting, way: str | None) -> None:
    identity = _key(setting, "aws_dict_profile")
    assert isinstance(setting.creds, dict)  # noqa: S101 - the ground made it
    setting.creds["profile_name"] = "absent" if way == "absent-profile" else NAMED
    settings = {"aws_access_key_id": identity.name, "aws_secret_access_key": identity.secret}
    match way:
        case "no-secret":
            del settings["aws_secret_access_key"]
        case "source-loop":
            setting.section(CONFIG, f"profile {NAMED}", role_arn=ROLE_ARN, source_profile="other")
            setting.section(CONFIG, "profile other", role_arn=ROLE_ARN, source_profile=NAMED)
            return
        case "nothing-in-profile":
            setting.section(CONFIG, f"profile {NAMED}", region=REGION)
            return
        case "section-of-the-wrong-form":
            # sections of the config file carry the word `profile`, those of the credentials file do not
            setting.section(CONFIG, NAMED, **settings)
            return
    setting.section(CREDENTIALS, NAMED, **settings)


def _environment(setting: Setting, way: str | None) -> None:
    identity = _key(setting, "aws_env")
    variables = {"AWS_ACCESS_KEY_ID": identity.name, "AWS_SECRET_ACCESS_KEY": identity.secret}
    match way:
        case "no-secret":
            del variables["AWS_SECRET_ACCESS_KEY"]
        case "blank-secret":
            variables["AWS_SECRET_ACCESS_KEY"] = "  "
        case "secret-only":
            del variables["AWS_ACCESS_KEY_ID"]
        case "token-only":
            variables = {"AWS_SESSION_TOKEN": "t" * 40}
        case "empty":
            variables = dict.fromkeys(variables, "")
        case "blank":
            variables = dict.fromkeys(variables, " \t")
    setting.variables |= variables


def _shared_file(setting: Setting, way: str | None) -> None:
    identity = _key(setting, "aws_shared_file")
    settings = {"aws_access_key_id": identity.name, "aws_secret_access_key": identity.secret}
    match way:
        case "no-secret":
            del settings["aws_secret_access_key"]
        case "malformed":
            setting.write(CREDENTIALS, "[default\nthis is = no file\nof = [that kind\n")
            return
        case "not-text":
            setting.write(CREDENTIALS, "").write_bytes(b"\xff\xfe\x00[default]\n")
            return
        case "directory":
            (setting.home / CREDENTIALS).mkdir(parents=True)
            return
        case "absent-profile":
            setting.variables["AWS_PROFILE"] = "absent"
    setting.section(CREDENTIALS, "default", **settings)


def _config_file(setting: Setting, way: str | None) -> None:
    identity = _key(setting, "aws_config_file")
    settings = {"aws_access_key_id": identity.name, "aws_secret_access_key": identity.secret}
    match way:
        case "no-secret":
            del settings["aws_secret_access_key"]
        case "malformed":
            setting.write(CONFIG, "[default\nthis is = no file\n")
            return
    setting.section(CONFIG, "default", **settings)


PLANTS: dict[str, Plant] = {
    "aws_dict": _dictionary,
    "aws_dict_profile": _dictionary_profile,
    "aws_env": _environment,
    "aws_assume_role": aws_services.assume_role,
    "aws_web_identity": aws_services.web_identity,
    "aws_sso": aws_services.sso,
    "aws_shared_file": _shared_file,
    "aws_process": aws_services.process,
    "aws_config_file": _config_file,
    "aws_container": aws_services.container,
    "aws_imds": aws_services.imds,
}
"""How each source is planted."""
