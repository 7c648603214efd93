"""
Who may sign in a run: labelled principals, whose keys are new in every run.

A source of credentials gets an identity of its own, so that the proof on the wire tells which source won. The gate knows
them all (`conformance/gate/`), and no service does.
"""

from __future__ import annotations

import base64
import json
import secrets
import string
import threading
import uuid
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self

Kind = Literal["aws", "azure_key", "azure_sas", "azure_bearer", "google_bearer", "google_key"]
"""What proves an identity: an AWS key pair, perhaps with a session token; an account key of Azure, or a shared access
signature made with one; a bearer token of Entra ID or of Google; a private key of Google, which signs URLs."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One principal and what proves it.

    Attributes:
        label: the source that has it, such as `aws_env`; a later generation of the same source is `aws_imds#2`.
        kind: what proves it.
        name: what goes over the wire in clear: key id, storage account, principal or e-mail address.
        secret: the secret key; the account key in base64, for a shared access signature the one that made it; the bearer
            token; the public key (PEM) that checks a signature.
        token: the session token that has to come with an AWS key, None for long-lived keys.
        sas: the shared access signature, without a leading question mark.
        expires_at: unix seconds from which on it is refused, None for never.
        reads_only: whether it is refused whatever writes; a shared access signature says it itself.
    """

    label: str
    kind: Kind
    name: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    sas: str | None = field(default=None, repr=False)
    expires_at: float | None = None
    reads_only: bool = False

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Keep Hypothesis, which prints dataclasses field by field, from showing secrets."""
        printer.text(f"Identity({self.label!r})")

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, secrets included: for the gate's process, and for nothing else."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return the identity of JSON values."""
        return cls(**values)


def new_aws(label: str, *, session: bool, expires_at: float | None) -> Identity:
    """Return an AWS identity with keys of their own.

    The shapes are AWS's: a key id of 20 characters, `AKIA` for long-lived keys and `ASIA` for those that have a session
    token (IAM User Guide, "Unique identifiers"), and a secret of 40 in the alphabet of base64. The secret always holds
    `/` and `+`, which a client that escapes wrongly does not survive.
    """
    name = ("ASIA" if session else "AKIA") + "".join(
        secrets.choice(string.ascii_uppercase + "234567") for _ in range(16)
    )
    letters = [secrets.choice(string.ascii_letters + string.digits) for _ in range(38)] + ["/", "+"]
    secrets.SystemRandom().shuffle(letters)
    token = base64.b64encode(b"conformance/" + secrets.token_bytes(400)).decode() if session else None
    return Identity(label, "aws", name, "".join(letters), token=token, expires_at=expires_at)


def new_azure_key(label: str, account: str) -> Identity:
    """Return an account key of Azure Storage: 64 random bytes in base64."""
    return Identity(label, "azure_key", account, base64.b64encode(secrets.token_bytes(64)).decode())


def new_azure_sas(label: str, account: str, *, permissions: str = "rwdlac", expires_at: float) -> Identity:
    """Return an account SAS for blobs, made with a key that no other identity has; `expires_at` is cut to whole seconds.

    Source: https://learn.microsoft.com/rest/api/storageservices/create-account-sas
    """
    from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

    key = sas = ""
    # a signature with what a client that decodes once too often does not survive
    while "%2B" not in sas.partition("sig=")[2]:
        key = new_azure_key(label, account).secret
        sas = generate_account_sas(
            account_name=account,
            account_key=key,
            resource_types=ResourceTypes(service=True, container=True, object=True),
            permission=AccountSasPermissions.from_string(permissions),
            expiry=datetime.fromtimestamp(int(expires_at), UTC),
        )
    return Identity(label, "azure_sas", account, key, sas=sas, expires_at=float(int(expires_at)))


def new_azure_bearer(label: str, *, life_s: float, now: float, tenant: str | None = None) -> Identity:
    """Return an access token of Entra ID for Azure Storage; its `name` is the object id of the principal.

    Its tenant, a new one unless it is given, is what the service names when it refuses the token.

    A JWT of version 1.0, as storage gets them, whose signature is random bytes: neither the gate, which knows the whole
    text, nor Azurite looks at it. It is valid from five minutes before `now`, as Entra dates them against skewed clocks.

    Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference; the claims that Azurite
    3.35.0 demands, `BlobTokenAuthenticator`.
    """
    tenant, principal = tenant or str(uuid.uuid4()), str(uuid.uuid4())
    issuer = f"https://sts.windows.net/{tenant}/"
    starts, ends = int(now) - 300, int(now + life_s)
    head = {"typ": "JWT", "alg": "RS256", "kid": secrets.token_urlsafe(20)}
    claims = {
        "aud": "https://storage.azure.com",
        "iss": issuer,
        "iat": starts,
        "nbf": starts,
        "exp": ends,
        "appid": str(uuid.uuid4()),
        "appidacr": "1",
        "idp": issuer,
        "oid": principal,
        "sub": principal,
        "tid": tenant,
        "uti": secrets.token_urlsafe(16),
        "ver": "1.0",
    }
    parts = (json.dumps(head).encode(), json.dumps(claims).encode(), secrets.token_bytes(256))
    token = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    return Identity(label, "azure_bearer", principal, token, expires_at=float(ends))


def new_google_bearer(label: str, *, life_s: float | None, now: float) -> Identity:
    """
    Return a fresh access token of Google; it ends `life_s` seconds after `now`, or never if that is None.

    Tokens are opaque to whoever holds them and begin with `ya29.`; only the service that gave one can tell whose it is.
    """
    name = f"{label.partition('#')[0].replace('_', '-')}@conformance.iam.gserviceaccount.com"
    expires_at = None if life_s is None else now + life_s
    return Identity(label, "google_bearer", name, "ya29." + secrets.token_urlsafe(64), expires_at=expires_at)


@dataclass(frozen=True, slots=True)
class GoogleKey:
    """
    A service account and the private key it signs with: assertions, self-signed tokens, signed URLs.

    Attributes:
        identity: what the gate checks signatures by; its name is the account's e-mail address.
        key_id: what tokens name the key by, 40 hexadecimal digits.
        private_pem: PKCS #8.
        project: the id of the project that the account is in.
    """

    identity: Identity
    key_id: str
    private_pem: str = field(repr=False)
    project: str = "conformance"

    @property
    def label(self) -> str:
        """The source that has the key."""
        return self.identity.label

    @property
    def client_email(self) -> str:
        """The account's e-mail address."""
        return self.identity.name

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Keep Hypothesis, which prints dataclasses field by field, from showing secrets."""
        printer.text(f"GoogleKey({self.label!r})")


_google_keys: dict[str, GoogleKey] = {}
_google_keys_lock = threading.Lock()


def new_google_key(label: str) -> GoogleKey:
    """Return the RSA key of a label, made once per process: 2048 bits cost 50 to 100 ms."""
    with _google_keys_lock:
        if label not in _google_keys:
            _google_keys[label] = _google_key(label)
        return _google_keys[label]


def _google_key(label: str) -> GoogleKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private_pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public_pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    email = f"{label.replace('_', '-')}@conformance.iam.gserviceaccount.com"
    identity = Identity(label, "google_key", email, public_pem.decode())
    return GoogleKey(identity, secrets.token_hex(20), private_pem.decode())
