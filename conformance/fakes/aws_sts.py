"""
The security token service: roles for those who sign, roles for web identities, and who one is.

Source: STS API Reference, "AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity" and "Common Errors"; the limits of
the parameters are those of the service's own model (botocore, `data/sts/2011-06-15`). Texts of refusals are those that users
of the real one have published. Not played: session policies, tags, MFA, SAML.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Final

from conformance.fakes.aws_generations import Generations
from conformance.fakes.aws_signed import Refusal
from conformance.fakes.serving import Answer

if TYPE_CHECKING:
    from conformance.fakes.aws_generations import Issued, Mint
    from conformance.fakes.serving import Life, Request
    from conformance.identities import Identity

VERSION: Final = "2011-06-15"
ACCOUNT: Final = "000000000000"
USUAL_S: Final = 3600

SignerOf = Callable[["Request"], "Identity | None"]
"""Returns who signed a request to `sts`; None or a `Refusal` if nobody known did."""

_NAMESPACE: Final = f"https://sts.amazonaws.com/doc/{VERSION}/"
_ARN: Final = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)
_SESSION_NAME: Final = re.compile(r"[\w+=,.@-]*", re.ASCII)
_JWT: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Role:
    """A role and who may assume it.

    Attributes:
        label: the source that the role's identities belong to.
        sources: labels, of any generation, whose signature is enough.
        tokens: web identity tokens that are enough, and the unix seconds at which each ends, None for never; read at
            every request, so that one may be added.
        external_id: what AssumeRole has to say too, None for nothing.
        longest_s: the longest session; IAM gives a new role 3600.
    """

    label: str
    sources: frozenset[str] = frozenset()
    tokens: Mapping[str, float | None] = field(default_factory=dict, repr=False)
    external_id: str | None = None
    longest_s: int = 43200

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Keep Hypothesis, which prints dataclasses field by field, from showing tokens."""
        printer.text(f"Role({self.label!r})")


class Sts:
    """Every role that is assumed gets the next generation of its label.

    Args:
        roles: by ARN.
        mint: makes identities.
        signer_of: says who signed.
        life_s: seconds that credentials live whatever was asked for, None for what was asked for; less than 900 cannot be
            asked for.
    """

    name = "sts"

    def __init__(
        self, roles: Mapping[str, Role], mint: Mint, signer_of: SignerOf, *, life_s: Life | None = None
    ) -> None:
        self._roles = dict(roles)
        self._signer_of = signer_of
        self._life_s = life_s
        self._generations = {arn: Generations(role.label, mint, USUAL_S) for arn, role in roles.items()}

    def answer(self, request: Request) -> Answer:
        """Answer."""
        try:
            return self._operation(request)
        except Refusal as refusal:
            return _refused(refusal)

    def _operation(self, request: Request) -> Answer:
        if request.path not in ("", "/") or request.method not in ("GET", "POST"):
            raise Refusal(404, "UnknownOperationException", "only GET and POST of / are served")
        told = request.query | (request.form if request.method == "POST" else {})
        action, version = told.get("Action"), told.get("Version")
        if action is None:
            raise Refusal(400, "MissingAction", "The request is missing an action or a required parameter.")
        if version != VERSION or action not in ("AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity"):
            raise Refusal(
                400,
                "InvalidAction",
                f"Could not find operation {action} for version {version or 'NO_VERSION_SPECIFIED'}",
            )
        if action == "AssumeRoleWithWebIdentity":
            return self._assume_with_token(told, request.now)
        signer = self._signer_of(request)
        if signer is None:
            raise Refusal(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        if action == "AssumeRole":
            return self._assume(told, signer, request.now)
        return _answered(
            action, f"<Arn>{_text(_arn_of(signer))}</Arn><UserId>{signer.name}</UserId><Account>{ACCOUNT}</Account>"
        )

    def _assume(self, told: Mapping[str, str], signer: Identity, now: float) -> Answer:
        arn, session, duration = _asked(told)
        external = told.get("ExternalId")
        if external is not None and not re.fullmatch(r"[\w+=,.@:/-]{2,1224}", external, re.ASCII):
            raise _invalid("externalId", "Member must satisfy regular expression pattern: [\\w+=,.@:\\/-]*")
        role = self._roles.get(arn)
        if (
            role is None
            or signer.label.partition("#")[0] not in role.sources
            or (role.external_id is not None and external != role.external_id)
        ):
            text = f"User: {_arn_of(signer)} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            raise Refusal(403, "AccessDenied", text)
        return _answered("AssumeRole", _session_xml(self._issued(arn, role, duration, now), arn, session))

    def _assume_with_token(self, told: Mapping[str, str], now: float) -> Answer:
        arn, session, duration = _asked(told)
        token = told.get("WebIdentityToken")
        if token is None:
            raise _invalid("webIdentityToken", "Member must not be null", "null")
        if not 4 <= len(token) <= 20000:
            raise _invalid("webIdentityToken", "Member must have length between 4 and 20000")
        takers = [role for role in self._roles.values() if token in role.tokens]
        if not takers:
            raise Refusal(
                400,
                "InvalidIdentityToken",
                "Couldn't retrieve verification key from your identity provider, please reference "
                "AssumeRoleWithWebIdentity documentation for requirements"
                if _JWT.fullmatch(token)
                else "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
            )
        end = takers[0].tokens[token]
        if end is not None and end <= now:
            text = f"Token expired: current date/time {int(now)} must be before the expiration date/time {int(end)}"
            raise Refusal(400, "ExpiredTokenException", text)
        role = self._roles.get(arn)
        if role is None or token not in role.tokens:
            raise Refusal(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
        subject = (
            f"<SubjectFromWebIdentityToken>{_text(session)}</SubjectFromWebIdentityToken>"
            "<Audience>sts.amazonaws.com</Audience><Provider>https://issuer.invalid</Provider>"
        )
        xml = _session_xml(self._issued(arn, role, duration, now), arn, session)
        return _answered("AssumeRoleWithWebIdentity", subject + xml)

    def _issued(self, arn: str, role: Role, duration: int, now: float) -> Issued:
        if duration > role.longest_s:
            text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            raise Refusal(400, "ValidationError", text)
        return self._generations[arn].renewed(now, duration if self._life_s is None else self._life_s)


def new_web_identity_token(subject: str, expires_at: float) -> str:
    """Return a token in the shape of a signed JWT, for clients that look into it; the service compares the text only."""

    def part(values: Mapping[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=").decode()

    claims = {
        "iss": "https://issuer.invalid",
        "aud": "sts.amazonaws.com",
        "sub": subject,
        "exp": int(expires_at),
        "jti": str(uuid.uuid4()),
    }
    text = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    signature = hmac.digest(secrets.token_bytes(32), text.encode(), "sha256")
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _asked(told: Mapping[str, str]) -> tuple[str, str, int]:
    """Return role, session name and duration; raises `Refusal`."""
    for name, member in (("RoleArn", "roleArn"), ("RoleSessionName", "roleSessionName")):
        if name not in told:
            raise _invalid(member, "Member must not be null", "null")
    arn, session, duration = told["RoleArn"], told["RoleSessionName"], told.get("DurationSeconds", str(USUAL_S))
    if not 20 <= len(arn) <= 2048:
        raise _invalid("roleArn", "Member must have length between 20 and 2048", arn)
    if not _ARN.fullmatch(arn):
        raise Refusal(400, "ValidationError", f"{arn} is invalid")
    if not 2 <= len(session) <= 64:
        raise _invalid("roleSessionName", "Member must have length between 2 and 64", session)
    if not _SESSION_NAME.fullmatch(session):
        raise _invalid("roleSessionName", "Member must satisfy regular expression pattern: [\\w+=,.@-]*", session)
    if not re.fullmatch("-?[0-9]{1,9}", duration):
        raise Refusal(400, "ValidationError", "DurationSeconds is not an integer")
    if int(duration) < 900:
        raise _invalid("durationSeconds", "Member must have value greater than or equal to 900", duration)
    if int(duration) > 43200:
        raise _invalid("durationSeconds", "Member must have value less than or equal to 43200", duration)
    return arn, session, int(duration)


def _invalid(member: str, constraint: str, value: str | None = None) -> Refusal:
    """Return a refusal in the words of the service; a value that may be secret is left out."""
    shown = "" if value is None else "null " if value == "null" else f"'{value}' "
    text = f"1 validation error detected: Value {shown}at '{member}' failed to satisfy constraint: {constraint}"
    return Refusal(400, "ValidationError", text)


def _arn_of(identity: Identity) -> str:
    name = identity.label.replace("#", "-")
    if identity.token is None:
        return f"arn:aws:iam::{ACCOUNT}:user/{name}"
    return f"arn:aws:sts::{ACCOUNT}:assumed-role/conformance/{name}"


def _session_xml(issued: Issued, arn: str, session: str) -> str:
    account, role = arn.split(":")[4], arn.rpartition("/")[2]
    who = issued.identity
    return (
        f"<AssumedRoleUser><AssumedRoleId>AROACONFORMANCE00000:{_text(session)}</AssumedRoleId>"
        f"<Arn>arn:aws:sts::{account}:assumed-role/{_text(role)}/{_text(session)}</Arn></AssumedRoleUser>"
        f"<Credentials><AccessKeyId>{who.name}</AccessKeyId><SecretAccessKey>{who.secret}</SecretAccessKey>"
        f"<SessionToken>{who.token}</SessionToken><Expiration>{issued.expiration}</Expiration></Credentials>"
        "<PackedPolicySize>0</PackedPolicySize>"
    )


def _answered(action: str, result: str) -> Answer:
    return _xml(
        200,
        f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result>{result}</{action}Result>'
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{action}Response>",
    )


def _refused(refusal: Refusal) -> Answer:
    return _xml(
        refusal.status,
        f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type><Code>{refusal.code}</Code>'
        f"<Message>{_text(refusal.message)}</Message></Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>",
    )


def _text(text: str) -> str:
    """Return a text as XML holds it: control characters, which a client may have sent, as question marks."""
    return escape(re.sub(r"[^\t\n\r -\ud7ff\ue000-\ufffd]", "?", text))


def _xml(status: int, text: str) -> Answer:
    return Answer(status, text.encode(), {"Content-Type": "text/xml"})
