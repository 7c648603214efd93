"""
Sources of AWS credentials behind which there is a service or a command: roles, web identity, sign-in, processes, machines.

All are played by the suite (`conformance/fakes/aws_*`), and found by the variables that AWS gives for that ("Service-specific
endpoints", "Container credential provider", "IMDS credential provider" in the AWS SDKs reference guide).
"""

from __future__ import annotations

import time
from functools import partial
from secrets import token_urlsafe
from typing import TYPE_CHECKING, cast, get_args

from conformance.controls import Controls
from conformance.fakes import Fault, failing
from conformance.fakes.aws_container import Container
from conformance.fakes.aws_imds import CREDENTIALS_PATH, Flaw, Imds
from conformance.fakes.aws_process import STARTED, Broken, follow_with, garble, plant_process, process_calls
from conformance.fakes.aws_signed import SignedRequests
from conformance.fakes.aws_sso import PORTAL_PATH, Sso, cache_path
from conformance.fakes.aws_sts import Role, Sts, new_web_identity_token
from conformance.identities import new_aws

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.fakes import Answer, Request
    from conformance.identities import Identity
    from conformance.setting import Setting

CONFIG = ".aws/config"
CREDENTIALS = ".aws/credentials"

ROLE_ARN = "arn:aws:iam::000000000000:role/conformance"
WEB_ROLE_ARN = "arn:aws:iam::000000000000:role/conformance-web"

SESSION = "conformance"
"""The name of the sso-session."""


def session_key(label: str, expires_at: float) -> Identity:
    """Return a key with a session token, as services give them out."""
    return new_aws(label, session=True, expires_at=expires_at)


def fault_of(way: str | None) -> Fault | None:
    """Return the fault of a service that a way is, None if it is another trouble."""
    return cast("Fault", way) if way in get_args(Fault) else None


class SharedSts:
    """STS for the two sources that ask it, told apart by what they ask; each has its own roles and failures."""

    name = "sts"

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._roles: dict[str, Sts] = {}
        self._faults: dict[str, Fault] = {}

    def add(self, source: str, arn: str, role: Role, fault: Fault | None) -> None:
        """Let a role be assumed by a source, or fail whenever that source asks."""
        mint = self._setting.mint(source, session_key)
        signed = SignedRequests(self._identity_of)
        life_s = partial(self._setting.life_of, source)
        self._roles[source] = Sts({arn: role}, mint, signed.signer_of, life_s=life_s)
        self.fail(source, fault)

    def fail(self, source: str, fault: Fault | None) -> None:
        """Fail whenever a source asks, or no longer."""
        self._faults.pop(source, None)
        if fault is not None:
            self._faults[source] = fault

    def answer(self, request: Request) -> Answer | None:
        """Answer as the service of the source that asks."""
        source = self.source_of(request)
        fault = self._faults.get(source)
        return failing(fault) if fault else self._roles[source].answer(request)

    @staticmethod
    def source_of(request: Request) -> str:
        """Return the source that asks."""
        action = {**request.query, **request.form}.get("Action")
        return "aws_web_identity" if action == "AssumeRoleWithWebIdentity" else "aws_assume_role"

    def _identity_of(self, key: str) -> Identity | None:
        return next((identity for identity in self._setting.identities.values() if identity.name == key), None)


def _take_role(
    setting: Setting, arn: str, role: Role, fault: Fault | None, rewrite: Callable[[], None] | None = None
) -> None:
    if "sts" not in setting.servers:
        setting.variables["AWS_ENDPOINT_URL_STS"] = setting.serve("sts", SharedSts(setting)).url
    server, source = setting.servers["sts"], role.label
    fake = cast("SharedSts", server.fake)
    fake.add(source, arn, role, fault)
    asks, fail = (lambda request: fake.source_of(request) == source), partial(fake.fail, source)
    setting.control(source, server, asks=asks, fail=fail, rewrite=rewrite)


def assume_role(setting: Setting, way: str | None) -> None:
    """Plant a role of the default profile, whose source profile has a key of its own."""
    base = setting.know(new_aws("aws_assume_role.base", session=False, expires_at=None))
    role = Role("aws_assume_role", sources=frozenset() if way == "denied" else frozenset({base.label}))
    _take_role(setting, ROLE_ARN, role, fault_of(way))
    source_profile = {"no-source-profile": "absent", "source-loop": "default"}.get(way or "", "base")
    setting.section(CONFIG, "default", role_arn=ROLE_ARN, source_profile=source_profile)
    if way == "source-loop":
        setting.section(CONFIG, "default", source_profile="other")
        setting.section(CONFIG, "profile other", role_arn=ROLE_ARN, source_profile="default")
    if way == "one-time-password":
        setting.section(CONFIG, "default", mfa_serial="arn:aws:iam::000000000000:mfa/conformance")
    setting.section(CREDENTIALS, "base", aws_access_key_id=base.name, aws_secret_access_key=base.secret)


def web_identity(setting: Setting, way: str | None) -> None:
    """Plant the variables of a pod with a role."""
    now = time.time()
    ends = now - 60 if way == "expired-token" else now + 3600
    token = new_web_identity_token("conformance", ends)
    setting.secret("aws_web_identity", token)
    tokens = {} if way == "refused-token" else {token: ends}
    file = setting.write("web-identity-token", "" if way == "empty-token-file" else token)

    def rewrite() -> None:
        fresh = setting.secret("aws_web_identity", new_web_identity_token("conformance", ends))
        tokens.clear()
        tokens[fresh] = ends
        setting.write("web-identity-token", fresh)

    _take_role(setting, WEB_ROLE_ARN, Role("aws_web_identity", tokens=tokens), fault_of(way), rewrite)
    setting.variables |= {
        "AWS_WEB_IDENTITY_TOKEN_FILE": f"{file}.absent" if way == "no-token-file" else str(file),
        "AWS_ROLE_ARN": WEB_ROLE_ARN,
    }
    if way == "no-role":
        del setting.variables["AWS_ROLE_ARN"]


def sso(setting: Setting, way: str | None) -> None:
    """Plant a profile of IAM Identity Center that has signed in."""
    fake = Sso("aws_sso", setting.mint("aws_sso", session_key), partial(setting.life_of, "aws_sso"))
    server = setting.serve("aws_sso", fake, fault=fault_of(way))
    setting.control("aws_sso", server, asks=lambda request: request.path == PORTAL_PATH)
    setting.variables |= {"AWS_ENDPOINT_URL_SSO": server.url, "AWS_ENDPOINT_URL_SSO_OIDC": server.url}
    signed_in = fake.sign_in(time.time(), token_s=-60 if way == "expired" else None, refreshable=way != "expired")
    for text in fake.handed_out():
        setting.secret("aws_sso", text)
    if way == "signed-out":
        fake.sign_out()
    setting.section(
        CONFIG,
        f"sso-session {SESSION}",
        sso_start_url=signed_in.start_url,
        sso_region=signed_in.region,
        sso_registration_scopes="sso:account:access",
    )
    setting.section(
        CONFIG,
        "default",
        sso_session=SESSION,
        sso_account_id="111111111111" if way == "another-account" else "000000000000",
        sso_role_name="conformance-role",
    )
    if way != "never-signed-in":
        setting.write(cache_path(SESSION), signed_in.cache_content())


def process(setting: Setting, way: str | None) -> None:
    """Plant a command of the default profile."""
    identity = setting.know(session_key("aws_process", setting.expires_at("aws_process")))
    folder = setting.directory / "process"
    folder.mkdir(mode=0o700)
    broken = cast("Broken", way) if way in get_args(Broken) else None
    ends = None if way == "without-end" else identity.expires_at
    command = plant_process(folder, identity, expires_at=ends, broken=broken)
    if way == "not-there":
        command = f"{folder / 'absent'}"
    setting.section(CONFIG, "default", credential_process=command)
    setting.calls["aws_process"] = lambda: process_calls(folder)
    setting.started["aws_process"] = folder / STARTED

    def rotate() -> None:
        label = setting.next_label("aws_process")
        later = setting.know(session_key(label, setting.expires_at("aws_process")))
        follow_with(folder, later, later.expires_at)

    setting.controls["aws_process"] = Controls(
        setting.calls["aws_process"], lambda fault: garble(folder, fault is not None), rotate, is_ready=True
    )


def container(setting: Setting, way: str | None) -> None:
    """Plant the endpoint of a container, with a token in a file."""
    token = setting.secret("aws_container", f"conformance {token_urlsafe(30)}/+=")
    mint, life_s = setting.mint("aws_container", session_key), partial(setting.life_of, "aws_container")
    fake = Container(
        "aws_container", mint, life_s, "/role", token_text=f"{token}x" if way == "refused-token" else token
    )
    server = setting.serve("aws_container", fake, fault=fault_of(way))
    file = setting.write("container-token", token)

    def rewrite() -> None:
        fake.token_text = f"{token} again"
        setting.write("container-token", fake.token_text)

    setting.control("aws_container", server, rotate=fake.rotate, rewrite=rewrite)
    setting.variables |= {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{server.url}/role",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": f"{file}.absent" if way == "no-token-file" else str(file),
    }
    if way == "host-not-allowed":
        # a name that nobody resolves, so that a client that allows it asks nobody either
        setting.variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://container.invalid/role"


def imds(setting: Setting, way: str | None) -> None:
    """Plant the metadata service of an instance with a role."""
    fake = Imds(
        "aws_imds",
        setting.mint("aws_imds", session_key),
        partial(setting.life_of, "aws_imds"),
        None if way == "no-role" else "conformance-role",
        enabled=way != "disabled",
        flaw=cast("Flaw", way) if way in get_args(Flaw) else None,
    )
    server = setting.serve("aws_imds", fake, fault=fault_of(way))
    document = f"{CREDENTIALS_PATH}/conformance-role"
    setting.control("aws_imds", server, asks=lambda request: request.path == document, rotate=fake.rotate)
    setting.variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = server.url
    if way == "switched-off":
        setting.variables["AWS_EC2_METADATA_DISABLED"] = "true"
    if way == "no-address":
        setting.variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "not-an-address"
