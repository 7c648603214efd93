"""
Sources of tokens of Deep Lake, and a control plane that knows whose they are.

The owner of a token is called like the source that has it. The control plane gives each owner credentials of its own under
that name, so that the gate tells whose token was shown; managed credentials go by `activeloop_creds_key`, whoever asks.
Where the data lie at the cloud (`setting.root`) is known to the control plane alone: the target gets
`al://organisation/dataset`.

Variables as deeplake 4.7.4 has them, and `ACTIVELOOP_ENDPOINT`.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from functools import partial
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, cast, get_args

from conformance.fakes import Answer, Fault
from conformance.fakes.azure_entra import Application, Entra
from conformance.fakes.google_metadata import Metadata
from conformance.identities import Identity, new_aws, new_azure_bearer, new_azure_sas, new_google_bearer
from conformance.lake import FakeControlPlane, Said, Storage
from conformance.lake.storage import Root
from conformance.worlds import LIFE_S

if TYPE_CHECKING:
    from conformance.fakes import Fake, Request
    from conformance.setting import Setting
    from conformance.sources import Plant

PLANE = "activeloop"
"""The control plane among the servers of a setting."""

ENDED_S = -3600.0
"""Seconds that a token lives in the way `expired`: it is over."""

HOST = "app.activeloop.ai"
"""Where the control plane is if nothing says otherwise."""

ORGANISATION = "conformance"
STRANGE = "strangers"
"""An organisation whose member nobody in the world is."""

DATASET = "ds"
KEY = "managed"
"""The credential key of the organisation."""

MANAGEMENT = "https://management.azure.com"
"""The resource that an identity of Azure shows Deep Lake a token for (deeplake 4.7.4, measured)."""


class NoMachine:
    """A metadata service that is not there: 404 on every path, as where a network plays no such part."""

    def __init__(self, name: str) -> None:
        self.name = name

    def answer(self, _request: Request) -> Answer:
        """Answer 404."""
        return Answer(404)


def ground(setting: Setting) -> None:
    """Start the control plane, and let nothing ask the link-local address."""
    lake = FakeControlPlane(
        partial(_mint, setting), life_s=partial(_shortest, setting), reading=partial(_mint, setting, reading=True)
    )
    server = setting.serve(PLANE, lake)
    setting.variables["ACTIVELOOP_ENDPOINT"] = server.url
    for org in (ORGANISATION, STRANGE):
        lake.organisation(org, storage_of(setting), open_names=False)
    lake.dataset(ORGANISATION, DATASET, path=setting.root)
    setting.url = f"al://{ORGANISATION}/{DATASET}"
    machines = {
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": "aws_imds",
        "AZURE_POD_IDENTITY_AUTHORITY_HOST": "azure_managed_identity",
    }
    setting.variables |= {variable: setting.serve(name, NoMachine(name)).url for variable, name in machines.items()}
    nowhere = setting.closed_url.removeprefix("http://")
    setting.variables |= {"GCE_METADATA_HOST": nowhere, "GCE_METADATA_IP": nowhere}


def hosts(setting: Setting) -> dict[str, Fake]:
    """Return the public control plane."""
    return {HOST: lake_of(setting)}


def move_service(setting: Setting, url: str) -> None:
    """Let the control plane name another address of the cloud."""
    changes = dict.fromkeys(("creds.endpoint_url", "creds.blob_endpoint"), url)
    if not setting.root.startswith("az:"):
        del changes["creds.blob_endpoint"]
    lake_of(setting).say(Said.changed(changes), times=None)


def lake_of(setting: Setting) -> FakeControlPlane:
    """Return the control plane of a world."""
    return cast("FakeControlPlane", setting.servers[PLANE].fake)


def storage_of(setting: Setting) -> Storage:
    """Return where the data of a world lie, as the control plane has it: the bucket or container of its root."""
    root = Root.of(setting.root)
    endpoint = setting.endpoint.removesuffix(f"/{root.account}") if root.account else setting.endpoint
    return Storage(str(Root(root.cloud, root.account, root.bucket, "")), endpoint)


def _shortest(setting: Setting) -> float:
    """Return the seconds that the control plane says credentials live: those of the source that lives shortest."""
    return min((setting.life_of(source) for source in setting.world.sources), default=LIFE_S)


def _mint(setting: Setting, label: str, *, reading: bool = False) -> Identity:
    """Return credentials of the cloud underneath, which live as long as those of their owner do now."""
    ends, now = setting.expires_at(label.partition("#")[0]), time.time()
    root = Root.of(setting.root)
    match root.cloud:
        case "s3":
            made = new_aws(label, session=True, expires_at=ends)
        case "az":
            made = new_azure_sas(label, root.account, permissions="rl" if reading else "rwdlac", expires_at=ends)
        case _:
            made = new_google_bearer(label, life_s=ends - now, now=now)
    return setting.know(replace(made, reads_only=reading))


def _owner(setting: Setting, source: str, **about: Any) -> str:
    """Return a token of a source, which the control plane knows."""
    return setting.secret(f"token of {source}", lake_of(setting).token(source, ORGANISATION, **about))


def _control(setting: Setting, source: str) -> None:
    """Let checks control what the control plane does for the owner of a token."""
    lake, server = lake_of(setting), setting.servers[PLANE]

    def asks(request: Request) -> bool:
        return request.path.endswith(ASKING) and lake.source_of(request) == source

    def fail(fault: Fault | None) -> None:
        lake.faults.pop(source, None)
        if fault is not None:
            lake.faults[source] = fault

    setting.control(source, server, asks=asks, fail=fail)


ASKING = ("/creds", "/storage/name")
"""How paths end at which credentials are asked for."""


def _argument(setting: Setting, way: str | None) -> None:
    token = _owner(setting, "activeloop_argument", life_s=ENDED_S if way == "expired" else None)
    _control(setting, "activeloop_argument")
    setting.token = as_text(token, way)


def _environment(setting: Setting, way: str | None) -> None:
    token = _owner(setting, "activeloop_env", life_s=ENDED_S if way == "expired" else None)
    _control(setting, "activeloop_env")
    setting.variables["ACTIVELOOP_TOKEN"] = as_text(token, way)


def as_text(token: str, way: str | None) -> str:
    """Return a token in the form of a way."""
    match way:
        case "blank":
            return " \t"
        case "empty":
            return ""
        case "spaces-around":
            return f" {token}\n"
        case "line-break":
            return f"{token}\r\nx-extra: 1"
        case "unknown":
            return f"{token[:-4]}AAAA"
        case _:
            return token


def _provider(name: str, way: str | None) -> str:
    """Return what ACTIVELOOP_AUTH_PROVIDER is in a way."""
    other = {"empty": "", "blank": " \t", "default": "activeloop", "unknown": "azzure", "upper-case": name.upper()}
    return other.get(way or "", name)


def _provider_azure(setting: Setting, way: str | None) -> None:
    """Plant an application of Entra ID, whose tokens the control plane knows once they are out."""
    # kept for later, when another may stand at its address
    source, lake = "activeloop_provider_azure", lake_of(setting)
    _control(setting, source)
    setting.variables["ACTIVELOOP_AUTH_PROVIDER"] = _provider("azure", way)
    tenant, client_id = str(uuid.uuid4()), str(uuid.uuid4())
    client_secret = setting.secret(f"client secret of {source}", f"{token_urlsafe(27)}~/+=")

    def mint(label: str) -> Identity:
        made = new_azure_bearer(label, life_s=LIFE_S, now=time.time(), tenant=tenant)
        setting.secret(f"token of {source}", lake.token(source, ORGANISATION, text=made.secret, provider="azure"))
        return made

    application = Application(client_id, client_secret, secret_label=source)
    entra = Entra(mint, tenant=tenant, application=application, life_s=LIFE_S, resource=MANAGEMENT)
    fault = cast("Fault", way) if way in get_args(Fault) else None
    server = setting.serve("entra", entra, fault=fault, tls=setting.ca.issue().server_context())
    if way == "no-identity":
        return
    setting.variables |= {
        "AZURE_AUTHORITY_HOST": server.url,
        "AZURE_TENANT_ID": tenant,
        "AZURE_CLIENT_ID": client_id,
        "AZURE_CLIENT_SECRET": f"{client_secret}x" if way == "wrong-secret" else client_secret,
    }


def _provider_gcp(setting: Setting, way: str | None) -> None:
    """Plant the metadata server of a machine, whose tokens the control plane knows once they are out."""
    source, lake = "activeloop_provider_gcp", lake_of(setting)
    _control(setting, source)
    setting.variables["ACTIVELOOP_AUTH_PROVIDER"] = _provider("gcp", way)

    def mint(label: str) -> Identity:
        made = new_google_bearer(label, life_s=LIFE_S, now=time.time())
        setting.secret(f"token of {source}", lake.token(source, ORGANISATION, text=made.secret, provider="gcp"))
        return made

    fault = cast("Fault", way) if way in get_args(Fault) else None
    server = setting.serve("gce_metadata", Machine(Metadata(source, mint, LIFE_S)), fault=fault)
    if way == "no-identity":
        return
    address = server.url.removeprefix("http://")
    setting.variables |= {"GCE_METADATA_HOST": address, "GCE_METADATA_IP": address}


class Machine:
    """The metadata server of a machine, whose account is the provider's identity."""

    name = "gce_metadata"

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata

    def answer(self, request: Request) -> Answer:
        """Answer."""
        return self._metadata.answer(request)

    def source_of(self, _request: Request) -> str:
        """Return the source that asks."""
        return "activeloop_provider_gcp"


def _creds_key(setting: Setting, way: str | None) -> None:
    """Let creds name a credential key of the organisation, for a path of the cloud."""
    source = "activeloop_creds_key"
    lake = lake_of(setting)
    lake.creds_key(ORGANISATION, KEY, source, storage_of(setting))
    lake.creds_key(STRANGE, "of-another", source, storage_of(setting))
    names: dict[str, object] = {
        "blank": " ",
        "empty": "",
        "another-type": 7,
        "unknown": "unknown",
        "of-another-organisation": "of-another",
    }
    setting.url = setting.root
    setting.creds = {"creds_key": names.get(way or "", KEY)}
    if way == "keys-beside":
        setting.creds |= {"aws_access_key_id": "AKIA" + "A" * 16, "aws_secret_access_key": "a" * 40}
    if way == "expired":
        lake.expire_key(ORGANISATION, KEY)
    if way != "no-organisation":
        setting.variables["ACTIVELOOP_ORG_ID"] = ORGANISATION

    def asks(request: Request) -> bool:
        return request.path.endswith("/storage/name")

    def fail(fault: Fault | None) -> None:
        for token in TOKENS:
            lake.faults.pop(token, None)
            if fault is not None:
                lake.faults[token] = fault

    setting.control(source, setting.servers[PLANE], asks=asks, fail=fail)


TOKENS = ("activeloop_argument", "activeloop_env", "activeloop_provider_azure", "activeloop_provider_gcp")

PLANTS: dict[str, Plant] = {
    "activeloop_argument": _argument,
    "activeloop_env": _environment,
    "activeloop_provider_azure": _provider_azure,
    "activeloop_provider_gcp": _provider_gcp,
    "activeloop_creds_key": _creds_key,
}
"""How each source is planted."""
