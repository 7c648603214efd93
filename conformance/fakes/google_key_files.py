"""
The contents of Google's credential files, as dictionaries that become JSON.

Source: https://google.aip.dev/auth/4112 (service account), 4113 (authorized user), 4117 (external account);
https://cloud.google.com/docs/authentication/application-default-credentials. Two addresses in them are not obeyed by
google-auth 2.62.2: `token_uri` of an authorized user, and the host of an impersonation URL. Their requests go to
`oauth2.googleapis.com` and `iamcredentials.googleapis.com`, which a `ConnectProxy` plays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.fakes.google_grants import AUDIENCE, OAuthClient, RefreshToken

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.identities import GoogleKey

IAM_CREDENTIALS = "https://iamcredentials.googleapis.com"


def service_account(key: GoogleKey, *, oauth_url: str) -> dict[str, Any]:
    """Return the file of a service account key, as the console gives it; `oauth_url` is the base of the fake."""
    return {
        "type": "service_account",
        "project_id": key.project,
        "private_key_id": key.key_id,
        "private_key": key.private_pem,
        "client_email": key.client_email,
        "client_id": str(int(key.key_id[:16], 16)),
        "auth_uri": f"{oauth_url}/auth",
        "token_uri": f"{oauth_url}/token",
        "auth_provider_x509_cert_url": f"{oauth_url}/oauth2/v1/certs",
        "client_x509_cert_url": f"{oauth_url}/robot/v1/metadata/x509/{key.client_email}",
        "universe_domain": "googleapis.com",
    }


def authorized_user(refresh_token: RefreshToken, *, oauth_url: str) -> dict[str, Any]:
    """Return what `gcloud auth application-default login` stores, and `token_uri`, which google-auth overrides."""
    return {
        "account": "",
        "type": "authorized_user",
        "client_id": refresh_token.client.client_id,
        "client_secret": refresh_token.client.client_secret,
        "refresh_token": refresh_token.token,
        "quota_project_id": "conformance",
        "token_uri": f"{oauth_url}/token",
        "universe_domain": "googleapis.com",
    }


def external_account(
    subject_file: Path | str, *, oauth_url: str, impersonates: str | None = None, iam_url: str = IAM_CREDENTIALS
) -> dict[str, Any]:
    """
    Return a file of workload identity federation whose subject token is the text of another file.

    `impersonates` is the e-mail address of a service account; then the federated token is traded once more, at `iam_url`.
    """
    content: dict[str, Any] = {
        "type": "external_account",
        "audience": AUDIENCE,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{oauth_url}/v1/token",
        "credential_source": {"file": str(subject_file), "format": {"type": "text"}},
        "universe_domain": "googleapis.com",
    }
    if impersonates is not None:
        content["service_account_impersonation_url"] = impersonation_url(impersonates, iam_url=iam_url)
    return content


def impersonated_service_account(
    source: dict[str, Any], email: str, *, iam_url: str = IAM_CREDENTIALS
) -> dict[str, Any]:
    """Return a file that acts as the service account `email` by the rights of `source`, the content of another file."""
    return {
        "type": "impersonated_service_account",
        "delegates": [],
        "service_account_impersonation_url": impersonation_url(email, iam_url=iam_url),
        "source_credentials": source,
        "universe_domain": "googleapis.com",
    }


def impersonation_url(email: str, *, iam_url: str = IAM_CREDENTIALS) -> str:
    """Return where a token of the service account `email` is asked for."""
    return f"{iam_url}/v1/projects/-/serviceAccounts/{email}:generateAccessToken"


def client_secrets(client: OAuthClient, *, oauth_url: str) -> dict[str, Any]:
    """Return the file of a desktop application, as the console gives it: the start of the browser flow."""
    return {
        "installed": {
            "client_id": client.client_id,
            "client_secret": client.client_secret,
            "project_id": "conformance",
            "auth_uri": f"{oauth_url}/auth",
            "token_uri": f"{oauth_url}/token",
            "auth_provider_x509_cert_url": f"{oauth_url}/oauth2/v1/certs",
            "redirect_uris": ["http://localhost"],
        }
    }
