"""What hints say: the variable, field or file at fault, and what to do about it, in the words of who set it up."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deeplake_ref import errors, setups
from deeplake_ref.advice import advise
from deeplake_ref.credentials import activeloop, aws, azure, google
from deeplake_ref.explanation import explain
from deeplake_ref.secrets import SecretFields
from tests.reference.explained import KEYS, probed, refusal, s3_answers, texts
from tests.reference.lake_services import URL, Lake, refused, said, told
from tests.reference.scripted import Reply

pytestmark = pytest.mark.usefixtures("no_cloud", "no_lake")

HERE = "http://127.0.0.1:9"
ROLE = "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\n"
BASE = "source_profile = base\n[profile base]\naws_access_key_id = A\naws_secret_access_key = hunter2\n"


@dataclass(frozen=True)
class Scene:
    """A machine on which something is set up wrongly, and the hint to it; `~` stands for its home."""

    path: str
    hint: str
    environment: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    creds: Any = None


SP = {
    "AZURE_TOKEN_CREDENTIALS": "prod",
    "AZURE_TENANT_ID": "t",
    "AZURE_CLIENT_ID": "c",
    "AZURE_CLIENT_SECRET": "hunter2",
}
AZ = {"bin/az": "#!/bin/sh\nexit 1\n"}

SCENES = {
    "variable-of-profile": Scene("s3://b", "correct AWS_PROFILE, or unset it", {"AWS_PROFILE": "nobody"}),
    "field-of-profile": Scene(
        "s3://b", "correct `profile_name` of creds, or leave it out", creds={"profile_name": "nobody"}
    ),
    "profile-file": Scene("s3://b", "correct the file '~/config', or take it away", files={"config": "[default\nx"}),
    "keys": Scene(
        "s3://b",
        "correct AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; or unset them, so that the sources "
        "behind aws_env are asked",
        {"AWS_ACCESS_KEY_ID": "hunter2"},
    ),
    "end-of-keys": Scene(
        "s3://b",
        "correct AWS_CREDENTIAL_EXPIRATION, or unset it",
        {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_CREDENTIAL_EXPIRATION": "soon"},
    ),
    "token-file": Scene(
        "s3://b",
        "correct the file '~/nowhere', or take it away",
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "~/nowhere", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/x"},
    ),
    "identity-service": Scene(
        "s3://b",
        "check the endpoint of the identity service (AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL_SSO, `region`) and the proxy",
        {"AWS_ENDPOINT_URL_STS": HERE},
        {"config": ROLE + BASE},
    ),
    "region": Scene("s3://b", "correct AWS_REGION, or unset it", {"AWS_REGION": "no region"}, creds=KEYS),
    "region-of-profile": Scene(
        "s3://b",
        "correct `region` of profile 'default', or leave it out",
        files={"config": "[default]\nregion = no region\n"},
        creds=KEYS,
    ),
    "unknown-field": Scene("s3://b", "correct `acces_key` of creds, or leave it out", creds={"acces_key": "hunter2"}),
    "secret-as-field": Scene("s3://b", "correct a field of creds, or leave it out", creds={"hunter2/+=": "x"}),
    "creds-as-text": Scene("s3://b", "correct creds, or leave it out", creds="hunter2"),
    "account-key": Scene(
        "az://acct/c",
        "correct AZURE_STORAGE_KEY; or unset it, so that the sources behind azure_env_key are asked",
        {"AZURE_STORAGE_KEY": "hunter2!"},
    ),
    "switch": Scene(
        "az://acct/c", "correct AZURE_TOKEN_CREDENTIALS, or unset it", {"AZURE_TOKEN_CREDENTIALS": "hunter2"}
    ),
    "authority": Scene(
        "az://acct/c", "correct AZURE_AUTHORITY_HOST, or unset it", {**SP, "AZURE_AUTHORITY_HOST": HERE}
    ),
    "tenant": Scene("az://acct/c", "correct AZURE_TENANT_ID, or unset it", {**SP, "AZURE_TENANT_ID": "hunter2/"}),
    "app-service": Scene(
        "az://acct/c",
        "check IDENTITY_ENDPOINT",
        {"AZURE_TOKEN_CREDENTIALS": "prod", "IDENTITY_ENDPOINT": HERE, "IDENTITY_HEADER": "hunter2"},
    ),
    "http-endpoint": Scene(
        "az://acct/c", "correct AZURE_STORAGE_ENDPOINT, or unset it", {"AZURE_STORAGE_ENDPOINT": HERE}, AZ
    ),
    "http-endpoint-of-creds": Scene(
        "az://acct/c", "correct `endpoint_url` of creds, or leave it out", files=AZ, creds={"endpoint_url": HERE}
    ),
    "az": Scene(
        "az://acct/c", "check what `az account get-access-token` says, or set AZURE_TOKEN_CREDENTIALS to prod", files=AZ
    ),
    "key-file": Scene(
        "gcs://b",
        "correct the file that GOOGLE_APPLICATION_CREDENTIALS names; or unset that variable, so that the sources behind "
        "gcs_env_file are asked",
        {"GOOGLE_APPLICATION_CREDENTIALS": "~/nowhere"},
    ),
    "metadata": Scene(
        "gcs://b", "correct GCE_METADATA_HOST, or unset it", {"NO_GCE_CHECK": "", "GCE_METADATA_HOST": "http://hunter2"}
    ),
    "emulator": Scene(
        "gcs://b",
        "correct STORAGE_EMULATOR_HOST, or unset it",
        {"STORAGE_EMULATOR_HOST": "http://192.0.2.1"},
        creds={"gcs_oauth_token": "hunter2"},
    ),
    "provider": Scene(URL, "correct ACTIVELOOP_AUTH_PROVIDER, or unset it", {"ACTIVELOOP_AUTH_PROVIDER": "hunter2"}),
    "identity-of-provider": Scene(
        URL,
        "correct the identity that this machine has at Azure (variables with AZURE_, a managed identity, `az login`), or "
        "unset ACTIVELOOP_AUTH_PROVIDER",
        {"ACTIVELOOP_AUTH_PROVIDER": "azure", "AZURE_TOKEN_CREDENTIALS": "prod", "AZURE_CLIENT_SECRET": "hunter2"},
    ),
    "token": Scene(
        URL,
        "correct ACTIVELOOP_TOKEN; or unset it, so that the sources behind activeloop_env are asked",
        {"ACTIVELOOP_TOKEN": "hunter2 x"},
    ),
    "nobody-there": Scene(
        URL,
        f"check that {HERE} (ACTIVELOOP_ENDPOINT) is right and reachable from here, and the proxy",
        {"ACTIVELOOP_ENDPOINT": HERE, "ACTIVELOOP_TOKEN": "hunter2"},
    ),
}


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_a_hint_names_what_is_at_fault(scene: Scene, no_cloud: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing that it holds."""
    monkeypatch.setattr("deeplake_ref.retry.RetryPolicy._pause", lambda *_arguments: 0.0)
    for name, text in scene.files.items():
        file = no_cloud / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(0o700)
    monkeypatch.setenv("PATH", str(no_cloud / "bin"))
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")
    for name, value in scene.environment.items():
        monkeypatch.setenv(name, value.replace("~", str(no_cloud)))
    found = explain(scene.path, scene.creds)

    assert found.failure is not None
    assert found.failure.advice == scene.hint.replace("~", str(no_cloud))
    assert "hunter2" not in texts(found)


def test_a_source_that_misses_something_is_no_lack_of_sources(no_cloud: Path) -> None:
    """Creds ask for a consent, so that nobody else is meant."""
    found = explain("gcs://b", "browser")

    assert found.failure is not None
    assert "run `gcloud auth application-default login`" in found.failure.message


@pytest.mark.parametrize("word", ["token_revoked", "token_expired", "unauthenticated"])
def test_a_token_that_is_rejected_is_made_anew(lake: Lake, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock has no part in it."""
    monkeypatch.setenv("ACTIVELOOP_TOKEN", lake.token)
    said(lake, refused(401, word))
    found = explain(URL)

    assert found.failure is not None
    assert found.failure.advice == (
        "make another token in the settings of an account of Deep Lake, and set ACTIVELOOP_TOKEN to it; or correct the "
        f"address of the control plane, if it is not {lake.plane.url} (ACTIVELOOP_ENDPOINT)"
    )


@pytest.mark.parametrize(
    ("reply", "hint"),
    [
        (
            refused(403, "forbidden"),
            "let an admin of the organisation grant the role read in the organisation to the owner of the token argument",
        ),
        (told({"code": 1}, 403), ""),
        (Reply(404), "check that {plane} (ACTIVELOOP_ENDPOINT) is Deep Lake's control plane"),
        (Reply(302), "check that {plane} (ACTIVELOOP_ENDPOINT) is Deep Lake's control plane"),
        (
            refused(404, "dataset_not_found"),
            "create or connect the dataset, or correct organisation and name in the path",
        ),
    ],
    ids=["role", "agreement", "elsewhere", "redirect", "dataset"],
)
def test_a_control_plane_that_refuses_has_a_hint(lake: Lake, reply: Reply, hint: str) -> None:
    """About the token's owner, or about where it was asked; an agreement is in the message."""
    said(lake, reply)
    found = explain(URL, token=lake.token)

    assert found.failure is not None
    assert found.failure.advice == hint.format(plane=lake.plane.url)


@pytest.mark.parametrize(
    ("creds", "hint"),
    [
        ({"creds_key": "k"}, ""),
        ({"creds_key": "k", "aws_region": "x"}, "correct `aws_region` of creds, or leave it out"),
        ({"creds_key": "k", "org_id": "org"}, "correct `creds_key` of creds, or leave it out"),
    ],
    ids=["no-organisation", "beside", "unknown"],
)
def test_managed_credentials_have_a_hint(lake: Lake, creds: dict[str, str], hint: str) -> None:
    """The token is not at fault; the message says where an organisation is named."""
    said(lake, refused(404, "creds_not_found"))
    found = explain("s3://b", creds, lake.token)

    assert found.failure is not None
    assert (found.failure.error, found.failure.advice) == ("InvalidCredentialsError", hint)


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (403, "AccessDenied", "let an admin of the organisation grant s3:ListBucket to the credentials that the"),
        (403, "SignatureDoesNotMatch", "let an admin of the organisation check the credentials that the"),
        (400, "AuthorizationHeaderMalformed", "their region and keys are not those of the bucket"),
        (404, "NoSuchBucket", "create the bucket or container of s3://bucket/org/ds"),
    ],
)
def test_who_is_lent_credentials_cannot_change_them(lake: Lake, status: int, code: str, hint: str) -> None:
    """It is the organisation that keeps them."""
    lake.cloud._answer = lambda _asked: Reply(status, body=refusal(code))
    found = explain(URL, token=lake.token, probe=True)

    assert hint in found.probes[0].advice


@pytest.mark.parametrize(("code", "clock"), [("SignatureDoesNotMatch", True), ("InvalidAccessKeyId", False)])
def test_the_clock_is_told_of_where_it_can_be_at_fault(code: str, clock: bool) -> None:
    """A key that nobody knows stays unknown at any time."""
    found, _ = probed(s3_answers(list=(403, refusal(code))))

    assert ("clock" in found.probes[0].advice) == clock


@pytest.mark.parametrize(
    ("code", "source", "hint"),
    [
        ("AuthorizationFailure", "azure_env_key", "check the network rules (firewall) of the account"),
        ("AuthorizationFailure", "azure_env_sas_token", "with `l` in its `sp` into AZURE_STORAGE_SAS_TOKEN"),
        ("AuthorizationFailure", "azure_cli", "grant the role Storage Blob Data Reader to the identity of azure_cli"),
        ("KeyBasedAuthenticationNotPermitted", "azure_env_key", "let the account allow account keys"),
    ],
)
def test_a_denial_of_azure_is_mended_where_the_source_can(code: str, source: str, hint: str) -> None:
    """An account key has no roles."""
    error = errors.StorageAccessDenied("x", provider="az", code=code)

    assert hint in advise(error, action="list", source=source)


def test_nobody_signs_where_anonymous_requests_are_refused() -> None:
    """There are no keys to check."""
    for source, code in (
        ("aws_dict", "AccessDenied"),
        ("azure_dict", "NoAuthenticationInformation"),
        ("gcs_anon", None),
    ):
        provider = source.partition("_")[0].replace("aws", "s3").replace("azure", "az")
        told = advise(errors.AuthenticationError("x", provider=provider, code=code), source=source)
        assert told == "pass credentials in place of `anon` of creds, or make the place public"


def test_a_token_service_that_is_gone_is_named(no_cloud: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the file that names it, which is not broken."""
    monkeypatch.setattr("deeplake_ref.retry.RetryPolicy._pause", lambda *_arguments: 0.0)
    file = no_cloud / "key.json"
    user = {"client_id": "c", "client_secret": "hunter2", "refresh_token": "hunter2", "token_uri": HERE}
    file.write_text(json.dumps({"type": "authorized_user", **user}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", HERE)
    found = explain("gcs://b", probe=True)

    assert found.probes[0].advice.startswith(f"check the token service that the file {str(file)!r}")
    assert "hunter2" not in texts(found)


def test_every_source_has_a_setup() -> None:
    """In its order, so that the last ones are told from the others."""
    nobody = SecretFields(None)
    chains = (aws.chain(nobody), azure.chain(nobody, "acct"), google.chain(nobody), activeloop.chain(nobody))
    names = [source.name for chain in chains for source in chain.sources]

    assert sorted(names) == sorted(setups.OF_SOURCES)
    assert {chain.sources[-1].name for chain in chains} <= set(setups.LAST)
