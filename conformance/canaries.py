"""
Every secret of a world, and where one of them turns up.

Keys and tokens are made for one world and occur nowhere else, so that a text that holds one has it from the target. They are
looked for in the forms of `conformance/targets/traces.py`; what is found is told by name and form, never by value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from conformance.targets.masking import secrets_in
from conformance.targets.traces import SHORTEST, traces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from conformance.identities import Identity
    from conformance.setting import Setting


@dataclass(frozen=True, slots=True)
class Canary:
    """One secret.

    Attributes:
        name: what it is and whose, such as `session token of aws_sso`.
        source: the source that it belongs to.
        text: the secret.
        is_shown: whether it is shown to an identity service, as the secret of an application is; a key never is.
    """

    name: str
    source: str
    text: str = field(repr=False)
    is_shown: bool = False

    def forms(self) -> dict[str, bytes]:
        """Return the forms that are looked for, by name."""
        return traces(self.text)


class Canaries:
    """The secrets of a world, the ones that services gave out until now too."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self.all = tuple(canary for canary in canaries if len(canary.text) >= SHORTEST)
        self._forms = [(canary, name, form) for canary in self.all for name, form in canary.forms().items()]

    @classmethod
    def of(cls, setting: Setting) -> Canaries:
        """Return the secrets of a setting."""
        found = [canary for identity in list(setting.identities.values()) for canary in _of_identity(identity)]
        found += [_of_secret(name, text) for text, name in list(setting.secrets.items())]
        for source, server in setting.servers.items():
            handed_out: Callable[[], list[str]] = getattr(server.fake, "handed_out", list)
            found += [Canary(f"token of {source}", source, text, True) for text in handed_out()]
        found += [Canary(f"{name} of creds", "creds", text) for text, name in secrets_in(setting.creds)]
        known: dict[str, Canary] = {}
        for canary in found:
            known.setdefault(canary.text, canary)
        return cls(known.values())

    def found_in(self, data: bytes, *, but: Callable[[Canary], bool] = lambda _canary: False) -> list[str]:
        """Return which secrets stand in the data, and in which form, without those that may be there."""
        upper = b""
        found = []
        for canary, name, form in self._forms:
            if "hexadecimal" in name:
                upper = upper or data.upper()
                is_there = form.upper() in upper
            else:
                is_there = form in data
            if is_there and not but(canary):
                found.append(f"{canary.name} {name}")
        return found


def _of_secret(name: str, text: str) -> Canary:
    """Return a secret of a setting, whose name is that of a source, or ends with `of` and one."""
    kind, _, owner = name.rpartition(" of ")
    source = owner.partition(".")[0]
    # the secret of a client belongs to whichever source uses it
    return Canary(name if kind else f"secret of {name}", source, text, not name.startswith("private key"))


def _of_identity(identity: Identity) -> list[Canary]:
    source = identity.label.partition("#")[0].removesuffix(".base")
    if identity.kind == "google_key":
        return []  # it is the public key; the private one is a secret of the setting
    # a token of Google is shown to the services that make another of it
    is_shown = identity.kind == "google_bearer"
    found = [Canary(f"secret of {identity.label}", source, identity.secret, is_shown)]
    if identity.token is not None:
        found.append(Canary(f"session token of {identity.label}", source, identity.token))
    if identity.sas is not None:
        signature = parse_qs(identity.sas).get("sig", [""])[0]
        found.append(Canary(f"signature of {identity.label}", source, signature))
    return found
