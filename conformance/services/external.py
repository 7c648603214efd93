"""
A service that somebody else runs, given by its URL.

Its root credential comes from the variables that the server itself reads, so that it never stands on a command line.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from conformance.services.native import new_credential, status_of
from conformance.services.running import RunningService, Unreachable

if TYPE_CHECKING:
    from conformance.services.description import Description

TIMEOUT_S = 5.0

VARIABLES = {"minio": ("MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"), "versitygw": ("ROOT_ACCESS_KEY", "ROOT_SECRET_KEY")}
"""Where the servers read their root user from; moto and fake-gcs-server accept any."""

ADMIN_VARIABLE = "ACTIVELOOP_ADMIN_TOKEN"
"""Where the control plane reads the token of its admin side from."""


def connect(description: Description, url: str) -> RunningService | Unreachable:
    """Return the service at a URL, or why it cannot be used."""
    status = status_of(url + description.native.ready_path, TIMEOUT_S)
    if status is None:
        return Unreachable(description.name, f"nothing answers at {url}", "start it, or leave --service-url away")
    if status not in description.native.ready_status:
        what = f"what answers at {url} is not {description.name}: HTTP {status} to {description.native.ready_path}"
        return Unreachable(description.name, what, "look which program has that port")
    try:
        access_key, secret_key = _credential(description)
    except LookupError as error:
        return Unreachable(description.name, f"no root credential for {url}", str(error.args[0]))
    return RunningService(
        name=description.name,
        prefix=description.prefix,
        url=url,
        version="external",
        runtime="external",
        access_key=access_key,
        secret_key=secret_key,
        ready_path=description.native.ready_path,
    )


def _credential(description: Description) -> tuple[str, str]:
    if description.prefix == "az":
        accounts = os.environ.get("AZURITE_ACCOUNTS", "")
        name, colon, keys = accounts.split(";")[0].partition(":")
        if not colon:
            raise LookupError("set AZURITE_ACCOUNTS=name:key as for the server")
        return name, keys.split(":")[0]
    if description.prefix == "al":
        if not os.environ.get(ADMIN_VARIABLE):
            raise LookupError(f"set {ADMIN_VARIABLE} as for the server")
        return "", os.environ[ADMIN_VARIABLE]
    if description.name in VARIABLES:
        user, password = VARIABLES[description.name]
        if not (os.environ.get(user) and os.environ.get(password)):
            raise LookupError(f"set {user} and {password} as for the server")
        return os.environ[user], os.environ[password]
    return new_credential(description.prefix)


def credential_variables(service: RunningService) -> dict[str, str]:
    """Return the variables from which another run learns the root credential of a service; empty where any will do."""
    if service.prefix == "az":
        return {"AZURITE_ACCOUNTS": f"{service.access_key}:{service.secret_key}"}
    if service.prefix == "al":
        return {ADMIN_VARIABLE: service.secret_key}
    names = VARIABLES.get(service.name, ())
    return dict(zip(names, (service.access_key, service.secret_key), strict=False))
