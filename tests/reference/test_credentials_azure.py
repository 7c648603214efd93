"""Which Azure credentials win, which stop the chain, and where requests go."""

from __future__ import annotations

import base64
import os
import secrets
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deeplake_ref import errors
from deeplake_ref.credentials import azure
from deeplake_ref.credentials.azure_texts import AzureCredentials
from deeplake_ref.secrets import SecretFields
from tests.reference.azure_world import FOREIGN, free_port

if TYPE_CHECKING:
    from deeplake_ref.credentials.chain import Chain


def new_key() -> str:
    """Return an account key of this run."""
    return base64.b64encode(secrets.token_bytes(33)).decode()


KEY, OTHER, THIRD, FOURTH = new_key(), new_key(), new_key(), new_key()
SAS = "sv=2023-11-03&se=2999-01-01T00%3A00%3A00Z&sig=dict%2Fsignature%3D"
ENV_SAS = "sv=2023-11-03&sig=env%2Fsignature%3D"
EXPIRED = "sv=2023-11-03&se=2020-01-01T00%3A00%3A00Z&sig=old%2Fsignature%3D"
STRING = f"DefaultEndpointsProtocol=https;AccountName=acct;AccountKey={OTHER};EndpointSuffix=core.example.net"

SOURCES: list[tuple[str, dict[str, Any], dict[str, str], str]] = [
    ("azure_dict_account_key", {"account_key": KEY}, {}, KEY),
    ("azure_dict_sas_token", {"sas_token": SAS}, {}, SAS),
    ("azure_env_connection_string", {}, {"AZURE_STORAGE_CONNECTION_STRING": STRING}, OTHER),
    ("azure_env_key", {}, {"AZURE_STORAGE_KEY": THIRD}, THIRD),
    ("azure_env_sas_token", {}, {"AZURE_STORAGE_SAS_TOKEN": ENV_SAS}, ENV_SAS),
]
"""Name, fields of the dictionary, variables, and the secret that wins; in order."""

IDENTITIES = ["azure_service_principal", "azure_workload_identity", "azure_managed_identity", "azure_cli"]
"""The sources behind those, which have tokens (`test_credentials_azure_identities.py`)."""


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    # nobody answers the probe of a virtual machine, and there is no `az`
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("PATH", str(tmp_path))


def chain(creds: Any, account: str) -> Chain[AzureCredentials]:
    """Return the chain for what a caller gave."""
    return azure.chain(SecretFields(creds), account)


def endpoint(creds: Any, credentials: AzureCredentials, account: str) -> str:
    """Return the endpoint for what a caller gave."""
    return azure.endpoint(SecretFields(creds), credentials, account)


def secret_of(credentials: AzureCredentials) -> str | None:
    """Return the one secret that there is."""
    found = [each.reveal() for each in (credentials.account_key, credentials.sas_token) if each is not None]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize("mask", range(1, 2 ** len(SOURCES)), ids=lambda mask: f"{mask:05b}")
def test_the_first_configured_source_wins(monkeypatch: pytest.MonkeyPatch, mask: int) -> None:
    """For every subset of the sources."""
    configured = [source for position, source in enumerate(SOURCES) if mask >> position & 1]
    creds: dict[str, Any] = {"endpoint_url": "http://127.0.0.1:1/acct"}
    for _, fields, variables, _ in configured:
        creds |= fields
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
    resolved = chain(creds, "acct").resolve()

    assert (resolved.source, secret_of(resolved.credentials)) == (configured[0][0], configured[0][3])


def test_the_order_can_be_read_off_the_tuple() -> None:
    """The dictionary as a whole comes first, its fields next."""
    names = [source.name for source in chain(None, "acct").sources]

    assert names == ["azure_dict", *(name for name, *_ in SOURCES), *IDENTITIES]


@pytest.mark.parametrize(
    "creds", [None, {}, "ENV", {"endpoint_url": "http://127.0.0.1:1"}, {"anon": False, "account_key": None}]
)
def test_nothing_configured_is_an_error_and_never_anonymous(creds: Any) -> None:
    """The message lists the attempts, and says what to do."""
    with pytest.raises(errors.CredentialsNotFoundError) as caught:
        chain(creds, "acct").resolve()

    for name in (*(name for name, *_ in SOURCES), *IDENTITIES):
        assert name in str(caught.value)
    assert "AZURE_STORAGE_KEY is not set" in str(caught.value)
    assert "account_key" in str(caught.value)


def test_anonymous_is_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment does not matter then."""
    monkeypatch.setenv("AZURE_STORAGE_KEY", THIRD)
    resolved = chain({"anon": True}, "acct").resolve()

    assert resolved.source == "azure_dict"
    assert resolved.credentials.is_anonymous


@pytest.mark.parametrize(
    ("creds", "named"),
    [
        ({"account_key": ""}, "account_key"),
        ({"account_key": "  \n"}, "account_key"),
        ({"account_key": b"bytes"}, "account_key"),
        ({"account_key": 7}, "account_key"),
        ({"account_key": "sEcReT is not base64"}, "account_key"),
        ({"sas_token": "sEcReT"}, "sas_token"),
        ({"sas_token": "?sv=2023-11-03&sig="}, "sas_token"),
        ({"sas_token": "sv=1&se=sEcReT&sig=sEcReT"}, "sas_token"),
        ({"sas_token": f"https://acct.blob.core.windows.net/?{SAS}"}, "sas_token"),
        ({"sas_token": f"{SAS}\r\nsEcReT: 1"}, "sas_token"),
        ({"acount_key": "sEcReT"}, "did you mean `account_key`"),
        ({"ACCOUNT_KEY": "sEcReT"}, "ACCOUNT_KEY"),
        ({"aws_secret_access_key": "sEcReT", "account_key": KEY}, "aws_secret_access_key"),
        ({"gcs_oauth_token": "sEcReT"}, "gcs_oauth_token"),
        ({"private_key_id": "sEcReT", "sas_token": SAS}, "private_key_id"),
        ({"anon": "yes"}, "anon"),
        ({"anon": True, "account_key": KEY}, "anon"),
        ({"endpoint_url": ""}, "endpoint_url"),
        ("sEcReT", "dictionary"),
        (["sEcReT"], "dictionary"),
    ],
)
def test_a_broken_dictionary_stops_and_names_the_field(
    monkeypatch: pytest.MonkeyPatch,
    creds: Any,
    named: str,
) -> None:
    """Never its value; and nothing of the environment is used instead."""
    monkeypatch.setenv("AZURE_STORAGE_KEY", THIRD)
    walked = chain(creds, "acct")
    with pytest.raises(errors.InvalidCredentialsError) as caught:
        walked.resolve()

    told = f"{caught.value}{walked.attempts}{caught.value.__cause__}{caught.value.__context__}"
    assert named in str(caught.value)
    assert "sEcReT" not in told
    assert (caught.value.provider, caught.value.effect) == ("az", "none")


@pytest.mark.parametrize(
    ("variable", "value", "kind"),
    [
        ("AZURE_STORAGE_KEY", "sEcReT is not base64", errors.InvalidCredentialsError),
        ("AZURE_STORAGE_KEY", "=", errors.InvalidCredentialsError),
        ("AZURE_STORAGE_SAS_TOKEN", "sEcReT", errors.InvalidCredentialsError),
        ("AZURE_STORAGE_SAS_TOKEN", EXPIRED, errors.ExpiredTokenError),
        ("AZURE_STORAGE_SAS_TOKEN", "se=2020-01-01&sig=sEcReT", errors.ExpiredTokenError),
        ("AZURE_STORAGE_CONNECTION_STRING", "sEcReT", errors.InvalidCredentialsError),
        ("AZURE_STORAGE_CONNECTION_STRING", "AccountName=acct", errors.InvalidCredentialsError),
        ("AZURE_STORAGE_CONNECTION_STRING", "AccountKey=c0VjUmVU", errors.InvalidCredentialsError),
        ("AZURE_STORAGE_CONNECTION_STRING", "AccountName=acct;AccountKey=sEcReT!", errors.InvalidCredentialsError),
        ("AZURE_STORAGE_CONNECTION_STRING", "AccountName=acct;AccountName=acct", errors.InvalidCredentialsError),
        ("AZURE_STORAGE_CONNECTION_STRING", "UseDevelopmentStorage=true", errors.InvalidCredentialsError),
        ("AZURE_STORAGE_CONNECTION_STRING", f"SharedAccessSignature={EXPIRED}", errors.ExpiredTokenError),
    ],
)
def test_a_broken_variable_stops(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, kind: type[errors.StorageError]
) -> None:
    """It is named, not shown; a later source, though it would work, is not used."""
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", ENV_SAS)
    monkeypatch.setenv(variable, value)
    with pytest.raises(errors.CredentialsError) as caught:
        chain(None, "acct").resolve()

    assert type(caught.value) is kind
    assert variable in str(caught.value)
    assert not any(secret in str(caught.value) for secret in ("sEcReT", "c0VjUmVU", "signature%3D"))
    assert caught.value.source is not None


@pytest.mark.parametrize(("upper", "lower"), list(pairwise(SOURCES[2:])))
@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_a_blank_variable_is_unset(
    monkeypatch: pytest.MonkeyPatch, upper: tuple[Any, ...], lower: tuple[Any, ...], blank: str
) -> None:
    """The next source is asked."""
    monkeypatch.setenv(next(iter(upper[2])), blank)
    for variable, value in lower[2].items():
        monkeypatch.setenv(variable, value)

    assert chain(None, "acct").resolve().source == lower[0]


@pytest.mark.parametrize(
    "variable", ["AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN"]
)
def test_variables_of_another_account_are_not_mine(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Even broken ones; those of this account are, and so are those of no account in particular."""
    value = {source[0]: source[2] for source in SOURCES[2:]}
    good = next(variables[variable] for variables in value.values() if variable in variables)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "other")
    for given in (good, "sEcReT"):
        monkeypatch.setenv(variable, given)
        with pytest.raises(errors.CredentialsNotFoundError, match="'other'"):
            chain(None, "acct").resolve()
    monkeypatch.setenv(variable, good)
    for account in ("acct", " "):
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", account)

        assert chain(None, "acct").resolve().credentials is not None


def test_a_connection_string_of_another_account_is_not_mine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its key would sign for somebody else."""
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", STRING)
    monkeypatch.setenv("AZURE_STORAGE_KEY", THIRD)

    assert chain(None, "another").resolve().source == "azure_env_key"


@pytest.mark.parametrize("around", ["{}", "  {}\n", "\t{}\r\n"])
def test_whitespace_around_a_secret_means_nothing(monkeypatch: pytest.MonkeyPatch, around: str) -> None:
    """As editors and shells leave it; a SAS may start with its question mark."""
    monkeypatch.setenv("AZURE_STORAGE_KEY", around.format(THIRD))

    assert secret_of(chain({"account_key": around.format(KEY)}, "acct").resolve().credentials) == KEY
    assert secret_of(chain({"sas_token": around.format("?" + SAS)}, "acct").resolve().credentials) == SAS
    assert secret_of(chain(None, "acct").resolve().credentials) == THIRD


def test_the_chain_resolves_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later changes of the environment do not matter."""
    monkeypatch.setenv("AZURE_STORAGE_KEY", THIRD)
    walked = chain(None, "acct")
    first = walked.resolve()
    monkeypatch.setenv("AZURE_STORAGE_KEY", FOURTH)

    assert walked.resolve() is first
    assert walked.source == "azure_env_key"


@pytest.mark.parametrize(
    ("creds", "string", "variable", "expected", "origin"),
    [
        ("http://d:1/acct/", "BlobEndpoint=http://s:1/acct", "http://v:1/acct", "http://d:1/acct", "`endpoint_url`"),
        (None, "BlobEndpoint=http://s:1/acct/", "http://v:1/acct", "http://s:1/acct", "BlobEndpoint of AZURE_"),
        (
            None,
            "EndpointSuffix=core.example.net",
            "http://v:1/acct",
            "https://acct.blob.core.example.net",
            "EndpointSuffix of AZURE_STORAGE_CONNECTION_STRING",
        ),
        (
            None,
            "DefaultEndpointsProtocol=http;EndpointSuffix=l",
            "http://v:1/acct",
            "http://acct.blob.l",
            "EndpointSuffix",
        ),
        (None, "", "http://v:1/acct", "http://v:1/acct", "AZURE_STORAGE_ENDPOINT"),
        (None, "", " ", "https://acct.blob.core.windows.net", "the account in the path"),
    ],
    ids=["dictionary", "connection-string", "suffix", "protocol", "variable", "public"],
)
def test_the_endpoint_combines_with_any_winner(
    monkeypatch: pytest.MonkeyPatch, creds: str | None, string: str, variable: str, expected: str, origin: str
) -> None:
    """The dictionary, the connection string in use, the variable, the public one; and it says which."""
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"AccountName=acct;AccountKey={OTHER};{string}")
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", variable)
    given = None if creds is None else {"endpoint_url": creds}

    winner = chain(given, "acct").resolve().credentials

    assert endpoint(given, winner, "acct") == expected
    assert azure.address(SecretFields(given), winner, "acct").origin.startswith(origin)


def test_the_endpoint_of_a_connection_string_that_lost_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """It belongs to its string."""
    monkeypatch.setenv(
        "AZURE_STORAGE_CONNECTION_STRING", f"AccountName=acct;AccountKey={OTHER};BlobEndpoint=http://s:1/acct"
    )
    creds = {"account_key": KEY}

    found = endpoint(creds, chain(creds, "acct").resolve().credentials, "acct")

    assert found == "https://acct.blob.core.windows.net"


@pytest.mark.parametrize(
    "url",
    [
        "host:1",
        "ftp://host",
        "http://",
        "http://u:p@host",
        "http://host?q=1",
        "http://host#f",
        "http://ho st",
        "http://host:99999",
        "http://host\\x",
    ],
)
def test_an_endpoint_is_a_base_url(url: str) -> None:
    """A refusal does not repeat it, since it may hold a password."""
    with pytest.raises(errors.InvalidURIError, match="endpoint_url") as caught:
        endpoint({"endpoint_url": url}, AzureCredentials(), "acct")

    assert url not in str(caught.value)


@pytest.mark.parametrize("account", ["evil.example.com#", "a", "ACCT", "acct@host", "acct:80"])
def test_an_account_cannot_make_the_public_endpoint_another_host(account: str) -> None:
    """Signatures would go there."""
    with pytest.raises(errors.InvalidURIError):
        endpoint(None, AzureCredentials(), account)


def test_credentials_do_not_print() -> None:
    """Neither do the sources that hold them."""
    walked = chain({"account_key": KEY, "sas_token": SAS}, "acct")
    resolved = walked.resolve()

    for shown in (
        repr(resolved),
        str(resolved),
        repr(resolved.credentials),
        repr(walked.sources),
        repr(walked.attempts),
    ):
        assert KEY not in shown
        assert SAS not in shown
