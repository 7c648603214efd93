"""
Sources of Azure credentials: the creds dictionary, variables of the Azure CLI, identities of Entra ID, machines, `az`.

Variables as in "az storage" (Azure CLI reference, "Global parameters") and "Environment variables" of azure-identity.
"""

from __future__ import annotations

import time
import uuid
from functools import partial
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, cast, get_args

from conformance.controls import Controls
from conformance.fakes import Answer, Fault
from conformance.fakes.azure_cli import AzureCli
from conformance.fakes.azure_cli import Way as CliWay
from conformance.fakes.azure_entra import Application, Entra
from conformance.fakes.azure_federation import unknown_federated_token
from conformance.fakes.azure_managed_identity import AppService, VirtualMachine
from conformance.identities import Identity, new_azure_bearer, new_azure_key, new_azure_sas

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.fakes import Fake, Request
    from conformance.setting import Setting
    from conformance.sources import Plant


class NoMachine:
    """A metadata service that is not there: 404 on every path, as where a network plays no such part."""

    name = "azure_managed_identity"

    def answer(self, _request: Request) -> Answer:
        """Answer 404."""
        return Answer(404)


class SharedEntra:
    """One tenant for both sources that ask it, told apart by what they show."""

    name = "entra"

    def __init__(self, setting: Setting) -> None:
        self.tenant = str(uuid.uuid4())
        self.client_id = str(uuid.uuid4())
        self.client_secret = f"{token_urlsafe(27)}~/+="
        self._first = next(name for name in ENTRA if name in setting.world.sources)
        application = Application(self.client_id, self.client_secret)
        self.entra = Entra(
            _mint(setting, self.tenant), tenant=self.tenant, application=application, life_s=setting.life_of
        )

    def answer(self, request: Request) -> Answer | None:
        """Answer as Entra ID."""
        return self.entra.answer(request)

    def source_of(self, request: Request) -> str:
        """Return the source that asks; who looks for the address of the tenant is the first that may."""
        if not request.body:
            return self._first
        return "azure_workload_identity" if "client_assertion" in request.form else "azure_service_principal"


ENTRA = ("azure_service_principal", "azure_workload_identity")


def _mint(setting: Setting, tenant: str | None = None) -> Any:
    def mint(label: str) -> Identity:
        now = time.time()
        life_s = setting.life_of(label.partition("#")[0])
        return setting.know(new_azure_bearer(label, life_s=life_s, now=now, tenant=tenant))

    return mint


def ground(setting: Setting) -> None:
    """Address the service by the dictionary, and let nothing ask the link-local address."""
    setting.creds = {"endpoint_url": setting.endpoint}
    if "azure_managed_identity" not in setting.world.sources:
        server = setting.serve("azure_managed_identity", NoMachine())
        setting.variables["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = server.url


def hosts(_setting: Setting) -> dict[str, Fake]:
    """Return none: whoever asks a fixed host is a leak."""
    return {}


def _fault(way: str | None) -> Fault | None:
    return cast("Fault", way) if way in get_args(Fault) else None


def _give(setting: Setting, **fields: object) -> None:
    assert isinstance(setting.creds, dict)  # noqa: S101 - the ground made it
    setting.creds |= fields


def _key(setting: Setting, label: str) -> str:
    return setting.know(new_azure_key(label, setting.account)).secret


def _no_base64(setting: Setting, source: str) -> str:
    """Return a key with characters that base64 has not; somebody may have pasted a password there."""
    return setting.secret(source, f"{token_urlsafe(30)}? no!")


def _sas(setting: Setting, label: str, way: str | None) -> str:
    ends = time.time() + (-3600 if way == "expired" else setting.world.life_of(label))
    sas = setting.know(new_azure_sas(label, setting.account, expires_at=ends)).sas
    assert sas is not None  # noqa: S101 - it was made with one
    match way:
        case "question-mark":
            return f"?{sas}"
        case "spaces-around":
            return f" {sas}\n"
        case "no-signature":
            return sas.partition("&sig=")[0]
        case _:
            return sas


def _dictionary_key(setting: Setting, way: str | None) -> None:
    key: object = _key(setting, "azure_dict_account_key")
    match way:
        case "blank":
            key = "  "
        case "empty":
            key = ""
        case "another-type":
            key = 7
        case "not-base64":
            key = _no_base64(setting, "azure_dict_account_key")
        case "spaces-around":
            key = f" {key}\n"
        case "key-of-aws":
            _give(setting, aws_access_key_id="AKIA")
        case "upper-case-field":
            _give(setting, ACCOUNT_KEY=key)
            return
        case "unknown-field":
            _give(setting, acount_key=key)
            return
    _give(setting, account_key=key)


def _dictionary_sas(setting: Setting, way: str | None) -> None:
    sas: object = _sas(setting, "azure_dict_sas_token", way)
    _give(setting, sas_token={"blank": " ", "another-type": ["sas"]}.get(way or "", sas))


def _connection_string(setting: Setting, way: str | None) -> None:
    key = _key(setting, "azure_env_connection_string")
    account = "another" if way == "another-account" else setting.account
    text = f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};BlobEndpoint={setting.endpoint}"
    match way:
        case "malformed":
            text = "this is no connection string"
        case "no-key":
            text = text.replace(f"AccountKey={key};", "")
        case "not-base64":
            text = text.replace(key, _no_base64(setting, "azure_env_connection_string"))
        case "blank":
            text = " "
    setting.variables["AZURE_STORAGE_CONNECTION_STRING"] = text


def _of_another_account(setting: Setting, way: str | None) -> None:
    if way == "another-account":
        setting.variables["AZURE_STORAGE_ACCOUNT"] = "another"
    elif way == "this-account":
        setting.variables["AZURE_STORAGE_ACCOUNT"] = setting.account


def _environment_key(setting: Setting, way: str | None) -> None:
    key = _key(setting, "azure_env_key")
    texts = {"blank": " \t", "empty": "", "spaces-around": f" {key}\n"}
    if way == "not-base64":
        key = _no_base64(setting, "azure_env_key")
    setting.variables["AZURE_STORAGE_KEY"] = texts.get(way or "", key)
    _of_another_account(setting, way)


def _environment_sas(setting: Setting, way: str | None) -> None:
    sas = _sas(setting, "azure_env_sas_token", way)
    setting.variables["AZURE_STORAGE_SAS_TOKEN"] = {"blank": " ", "empty": ""}.get(way or "", sas)
    _of_another_account(setting, way)


def _entra(setting: Setting, way: str | None) -> SharedEntra:
    if "entra" not in setting.servers:
        tls = setting.ca.issue().server_context()
        server = setting.serve("entra", SharedEntra(setting), fault=_fault(way), tls=tls)
        shared = cast("SharedEntra", server.fake)
        setting.variables |= {
            "AZURE_AUTHORITY_HOST": server.url,
            "AZURE_TENANT_ID": shared.tenant,
            "AZURE_CLIENT_ID": shared.client_id,
        }
    return cast("SharedEntra", setting.servers["entra"].fake)


def _control_entra(setting: Setting, source: str, rewrite: Callable[[], None] | None = None) -> None:
    server = setting.servers["entra"]
    shared = cast("SharedEntra", server.fake)

    def fail(fault: Fault | None) -> None:
        shared.entra.faults.pop(source, None)
        if fault is not None:
            shared.entra.faults[source] = fault

    def asks(request: Request) -> bool:
        return bool(request.body) and shared.source_of(request) == source

    setting.control(source, server, asks=asks, fail=fail, rewrite=rewrite)


def _service_principal(setting: Setting, way: str | None) -> None:
    secret = _entra(setting, way).client_secret
    setting.secret("azure_service_principal", secret)
    _control_entra(setting, "azure_service_principal")
    setting.variables["AZURE_CLIENT_SECRET"] = f"{secret}x" if way == "wrong-secret" else secret
    match way:
        case "no-tenant":
            del setting.variables["AZURE_TENANT_ID"]
        case "no-client-id":
            del setting.variables["AZURE_CLIENT_ID"]
        case "unknown-client-id":
            setting.variables["AZURE_CLIENT_ID"] = str(uuid.uuid4())
        case "unknown-tenant":
            setting.variables["AZURE_TENANT_ID"] = str(uuid.uuid4())


def _workload_identity(setting: Setting, way: str | None) -> None:
    now = time.time()
    entra = _entra(setting, way).entra
    token = entra.new_federated_token(life_s=-60 if way == "expired-token" else 3600, now=now)
    if way == "refused-token":
        token = unknown_federated_token(starts=int(now), ends=int(now) + 3600)
    setting.secret("azure_workload_identity", token)
    file = setting.write("federated-token", "" if way == "empty-token-file" else token)
    setting.variables["AZURE_FEDERATED_TOKEN_FILE"] = f"{file}.absent" if way == "no-token-file" else str(file)

    def rewrite() -> None:
        entra.refuse_federated_tokens()
        fresh = entra.new_federated_token(life_s=3600, now=time.time())
        setting.write("federated-token", setting.secret("azure_workload_identity", fresh))

    _control_entra(setting, "azure_workload_identity", rewrite)


def _managed_identity(setting: Setting, way: str | None) -> None:
    """Plant the metadata service of a virtual machine, or the form of App Service where that is the way."""
    source, life_s = "azure_managed_identity", partial(setting.life_of, "azure_managed_identity")
    clients = [client] if (client := setting.variables.get("AZURE_CLIENT_ID")) else []
    if way is not None and way.startswith("app-service"):
        header = token_urlsafe(24)
        setting.secret(source, header)
        app = AppService(source, _mint(setting), life_s, f"{header}x" if way.endswith("refused") else header, clients)
        fault = _fault(way.removeprefix("app-service-"))
        server = setting.serve(source, app, fault=fault)
        setting.control(source, server)
        setting.variables |= {"IDENTITY_ENDPOINT": f"{server.url}{AppService.PATH}", "IDENTITY_HEADER": header}
        machine = setting.serve("azure_no_machine", NoMachine())
        setting.variables["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = machine.url
        return
    fake = VirtualMachine(source, _mint(setting), life_s, clients, system_assigned=way != "no-identity")
    server = setting.serve(source, fake, fault=_fault(way))
    setting.control(source, server)
    setting.variables["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = server.url


def _azure_cli(setting: Setting, way: str | None) -> None:
    ends = -60 if way == "expired-token" else setting.world.life_of("azure_cli")
    tenant = str(uuid.uuid4())
    identity = setting.know(new_azure_bearer("azure_cli", life_s=ends, now=time.time(), tenant=tenant))
    known = cast("CliWay", way) if way in get_args(CliWay) else "signed-in"
    cli = AzureCli(setting.directory / "bin", tenant=tenant, subscription=str(uuid.uuid4()), way=known)
    tokens = [identity]
    cli.answer_with(*tokens)
    setting.calls["azure_cli"] = lambda: len(cli.calls())
    setting.started["azure_cli"] = cli.started

    def rotate() -> None:
        label, life_s = setting.next_label("azure_cli"), setting.life_of("azure_cli")
        tokens.append(setting.know(new_azure_bearer(label, life_s=life_s, now=time.time(), tenant=tenant)))
        cli.answer_with(*tokens)

    def fail(fault: Fault | None) -> None:
        cli.behave(known if fault is None else "fails")

    setting.controls["azure_cli"] = Controls(setting.calls["azure_cli"], fail, rotate, is_ready=True)
    if way == "not-on-path":
        (setting.directory / "bin" / "az").unlink()


PLANTS: dict[str, Plant] = {
    "azure_dict_account_key": _dictionary_key,
    "azure_dict_sas_token": _dictionary_sas,
    "azure_env_connection_string": _connection_string,
    "azure_env_key": _environment_key,
    "azure_env_sas_token": _environment_sas,
    "azure_service_principal": _service_principal,
    "azure_workload_identity": _workload_identity,
    "azure_managed_identity": _managed_identity,
    "azure_cli": _azure_cli,
}
"""How each source is planted."""
