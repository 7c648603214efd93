"""
Services that redirect to another host, where nobody has a secret to look for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.fakes.redirecting import Nobody, Redirecting
from conformance.sources import activeloop

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.setting import Setting

SHOWN_A_SECRET = ("entra", "google")
"""Identity services that redirect only who shows them a secret, since what is asked before it has to be answered."""


def of_the_service(status: int) -> Callable[[Setting], None]:
    """Return what puts a service into the world that redirects to another name and port."""

    def adjust(setting: Setting) -> None:
        other = setting.serve("nobody", Nobody())
        scheme, _, rest = setting.endpoint.partition("://")
        tls = scheme == "https"
        context = setting.ca.issue().server_context() if tls else None
        server = setting.serve(
            "redirecting", Redirecting("redirecting", _away(other.url, tls=tls), status), tls=context
        )
        url = f"{server.url}/{rest.partition('/')[2]}".rstrip("/")
        if setting.world.cloud == "activeloop":
            activeloop.move_service(setting, url)
        elif isinstance(setting.creds, dict):
            setting.creds["endpoint_url"] = url
        else:
            setting.variables["STORAGE_EMULATOR_HOST"] = url

    return adjust


def of_an_identity_service(server: str, status: int) -> Callable[[Setting], None]:
    """Return what lets an identity service redirect to another name and port."""

    def adjust(setting: Setting) -> None:
        other = setting.serve("nobody", Nobody())
        there = setting.servers[server]
        away = _away(other.url, tls=there.url.startswith("https:"))
        there.fake = Redirecting(server, away, status, but=there.fake if server in SHOWN_A_SECRET else None)

    return adjust


def _away(url: str, *, tls: bool) -> str:
    """Return the address by another name where the scheme does not make it another host already."""
    return url if tls else url.replace("127.0.0.1", "localhost")
