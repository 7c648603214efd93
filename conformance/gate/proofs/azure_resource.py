"""
What an Azure request is about: account, container, blob; in the path as emulators have it, or with the account in the host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from conformance.gate.proofs.request import Request

_PRODUCT = re.compile(r"([a-z0-9]{3,24})(?:-secondary)?\.blob\.")

SAS_NAMES = frozenset(
    {"sv", "ss", "srt", "sr", "st", "se", "sp", "sip", "spr", "sig", "si", "ses", "sdd", "saoid", "suoid", "scid"}
    | {"skoid", "sktid", "skt", "ske", "sks", "skv", "skdutid", "sduoid", "rscc", "rscd", "rsce", "rscl", "rsct"}
)
"""The query parameters that belong to a shared access signature."""


@dataclass(frozen=True, slots=True)
class Resource:
    """The parts of a request's path.

    Attributes:
        account: named in the host or in the first segment.
        container: decoded, empty for the account itself.
        blob: decoded, empty for a container.
        path: the raw path after the account, with its leading slash.
        is_product: whether the account is in the host, `account.blob.core.windows.net`.
    """

    account: str
    container: str
    blob: str
    path: str
    is_product: bool

    @property
    def signed_path(self) -> str:
        """The path as signatures take it: after the account, and with it again where it is in the URL's path."""
        return f"/{self.account}{self.path}" if self.is_product else f"/{self.account}/{self.account}{self.path}"

    @property
    def emulator_path(self) -> str:
        """The path that an emulator takes."""
        return f"/{self.account}{self.path}"


def resource_of(request: Request) -> Resource:
    """Return what a request is about."""
    product = _PRODUCT.match((request.header("host") or "").lower())
    if product:
        account, path = product[1], request.path
    else:
        account, _, _ = request.path.removeprefix("/").partition("/")
        path = request.path[len(account) + 1 :]
    container, _, blob = path.removeprefix("/").partition("/")
    return Resource(unquote(account), unquote(container), unquote(blob), path, bool(product))
