"""
How each credential source is set up, in the words of who sets it up: variables, fields, files, commands.

Hints are made of it, since who reads them knows `AWS_SECRET_ACCESS_KEY`, and not how its source is called here. Names only:
what they hold may be secret.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setup:
    """How a source is set up.

    Attributes:
        named: what it consists of, to be corrected or checked.
        undone: how it is taken away, as a command.
        renewed: how it gets other credentials, as a command; empty if by changing what is named.
    """

    named: str
    undone: str
    renewed: str = ""


_S3 = {
    "aws_dict": Setup(
        "`aws_access_key_id`, `aws_secret_access_key` and `aws_session_token` of creds", "pass no keys in creds"
    ),
    "aws_dict_profile": Setup("the profile that `profile_name` of creds names", "leave `profile_name` out"),
    "aws_env": Setup("AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN", "unset them"),
    "aws_assume_role": Setup(
        "`role_arn` of the profile, and its `source_profile` or `credential_source`", "take them out of the profile"
    ),
    "aws_web_identity": Setup(
        "AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE, or `role_arn` and `web_identity_token_file` of the profile",
        "take them away",
    ),
    "aws_sso": Setup(
        "the login of `aws sso login`, and `sso_session` and the other `sso_` fields of the profile",
        "take these fields out of the profile",
        "log in again by `aws sso login`",
    ),
    "aws_shared_file": Setup(
        "the keys of the profile in the shared credentials file (AWS_SHARED_CREDENTIALS_FILE, or ~/.aws/credentials)",
        "take them out of the file",
    ),
    "aws_process": Setup("the command in `credential_process` of the profile", "take it out of the profile"),
    "aws_config_file": Setup(
        "the keys of the profile in the config file (AWS_CONFIG_FILE, or ~/.aws/config)", "take them out of the file"
    ),
    "aws_container": Setup(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI or AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, and what answers there",
        "unset them",
    ),
    "aws_imds": Setup(
        "the role of this machine, and AWS_EC2_METADATA_SERVICE_ENDPOINT where that is set",
        "set AWS_EC2_METADATA_DISABLED to true",
    ),
}

_AZURE = {
    "azure_dict": Setup("the fields of creds", "pass none"),
    "azure_dict_account_key": Setup("`account_key` of creds", "leave it out"),
    "azure_dict_sas_token": Setup("`sas_token` of creds", "leave it out"),
    "azure_env_connection_string": Setup("AZURE_STORAGE_CONNECTION_STRING", "unset it"),
    "azure_env_key": Setup("AZURE_STORAGE_KEY", "unset it"),
    "azure_env_sas_token": Setup("AZURE_STORAGE_SAS_TOKEN", "unset it"),
    "azure_service_principal": Setup(
        "AZURE_TENANT_ID, AZURE_CLIENT_ID, and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH", "unset them"
    ),
    "azure_workload_identity": Setup(
        "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE", "unset the last one"
    ),
    "azure_managed_identity": Setup(
        "the identities of this machine, and AZURE_CLIENT_ID and IDENTITY_ENDPOINT where they are set",
        "set AZURE_TOKEN_CREDENTIALS to dev",
    ),
    "azure_cli": Setup(
        "what `az account get-access-token` says", "set AZURE_TOKEN_CREDENTIALS to prod", "sign in again by `az login`"
    ),
}

_GOOGLE = {
    "gcs_key_file": Setup("the key file that creds names", "pass none"),
    "gcs_key_dict": Setup("the fields of creds", "pass none"),
    "gcs_key_json": Setup("the JSON string in creds", "pass none"),
    "gcs_browser": Setup(
        "the consent that creds='browser' asks for", "pass other creds", "answer the page that creds='browser' opens"
    ),
    "gcs_cache": Setup(
        "the consent that creds='cache' reads", "pass other creds", "consent again, with creds='browser'"
    ),
    "gcs_anon": Setup("`anon` of creds", "leave it out"),
    "gcs_oauth_token": Setup("`gcs_oauth_token` of creds", "leave it out"),
    "gcs_env_file": Setup("the file that GOOGLE_APPLICATION_CREDENTIALS names", "unset that variable"),
    "gcs_gcloud_file": Setup(
        "the file that `gcloud auth application-default login` wrote",
        "move it away",
        "log in again by `gcloud auth application-default login`",
    ),
    "gcs_metadata": Setup(
        "the service account of this machine, and GCE_METADATA_HOST where that is set", "set NO_GCE_CHECK to true"
    ),
}

_NEW_TOKEN = "make another token in the settings of an account of Deep Lake, and"  # noqa: S105 - a sentence

_ACTIVELOOP = {
    "activeloop_argument": Setup("the token argument", "pass none", f"{_NEW_TOKEN} pass it as token"),
    "activeloop_env": Setup("ACTIVELOOP_TOKEN", "unset it", f"{_NEW_TOKEN} set ACTIVELOOP_TOKEN to it"),
    "activeloop_provider_azure": Setup(
        "the identity that this machine has at Azure (variables with AZURE_, a managed identity, `az login`)",
        "unset ACTIVELOOP_AUTH_PROVIDER",
        "let an admin of the organisation add the identity that this machine has at Azure, or set ACTIVELOOP_TOKEN",
    ),
    "activeloop_provider_gcp": Setup(
        "the service account of this machine, and GCE_METADATA_HOST where that is set",
        "unset ACTIVELOOP_AUTH_PROVIDER",
        "let an admin of the organisation add the service account of this machine, or set ACTIVELOOP_TOKEN",
    ),
}

OF_SOURCES = {**_S3, **_AZURE, **_GOOGLE, **_ACTIVELOOP}
"""The sources that are asked one after the other, by name."""

LAST = ("aws_imds", "azure_cli", "gcs_metadata", "activeloop_provider_azure", "activeloop_provider_gcp")
"""Those behind which nobody is asked; of the last two, one variable names either."""

_OF_CREDS = {
    "activeloop_creds_key": Setup("`creds_key` of creds, and what the organisation keeps under it", "leave it out"),
    "dictionary": Setup("creds", "pass none"),
}


def of(source: str | None) -> Setup:
    """Return how a source is set up; one that nobody knows is told by its name."""
    known = {**OF_SOURCES, **_OF_CREDS}.get(source or "")
    return known or Setup(source or "the credentials", "take it away" if source else "take them away")
