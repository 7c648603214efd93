"""
Stores of a cloud that sign with what the control plane lends: one client for all leases of a handle.

Each request takes the lease of its moment, so that one that ends in the middle of a long transfer is replaced there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from deeplake_ref.credentials.chain import Chain, Resolved
from deeplake_ref.errors import AuthenticationError
from deeplake_ref.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_ref.credentials.activeloop_leases import Lease, Leases
    from deeplake_ref.retry import RetryPolicy
    from deeplake_ref.stores import Store

C = TypeVar("C")
T = TypeVar("T")


class LentChain(Chain[C]):
    """A chain whose only source is the control plane.

    Args:
        leases: of one handle.
        made: makes credentials of the cloud from a lease.
    """

    def __init__(self, leases: Leases, made: Callable[[Lease], C]) -> None:
        super().__init__("al", (), "")
        self._leases = leases
        self._made = made
        self._lease: Lease | None = None

    @property
    def source(self) -> str | None:
        """Whose token it was."""
        return self._leases.source

    def resolve(self) -> Resolved[C]:
        """Return the credentials of this moment."""
        lease = self._leases.current()
        with self._lock:
            if self._resolved is None or self._lease is not lease:
                self._resolved = Resolved(self.source or "", self._made(lease))
                self._lease = lease
            return self._resolved

    def call(self, request: Callable[[], T]) -> T:
        """Make a request; where its credentials are rejected, get others, and try once more."""
        used = self._leases.current()
        try:
            return request()
        except AuthenticationError as error:
            if error.provider == "al" or error.http_status == 404:
                raise
            self._leases.renew(used)
        return request()


def open_lent(leases: Leases, lease: Lease, retry: RetryPolicy) -> Store:
    """Return the store that a lease is for; raises `ModuleNotFoundError` where its SDK is not installed."""
    where: dict[str, Any] = lease.addressing()
    match lease.url.prefix:
        case "s3":
            from deeplake_ref.stores.s3 import S3Store

            return S3Store(lease.url, where, retry, LentChain(leases, _aws))
        case "az":
            from deeplake_ref.stores.azure import AzureStore

            return AzureStore(lease.url, where, retry, LentChain(leases, lambda _lease: _azure(leases)))
        case _:
            from deeplake_ref.stores.gcs import GcsStore

            return GcsStore(lease.url, where, retry, LentChain(leases, lambda _lease: _google(leases)))


def _aws(lease: Lease) -> Any:
    from botocore.credentials import Credentials

    from deeplake_ref.credentials.aws import AwsCredentials
    from deeplake_ref.credentials.aws_settings import Settings

    key, secret = lease.secret("aws_access_key_id"), lease.secret("aws_secret_access_key")
    signer = Credentials(key, secret, lease.secret("aws_session_token"))
    return AwsCredentials(signer, Settings(lease.addressing()))


def _azure(leases: Leases) -> Any:
    from deeplake_ref.credentials.azure_texts import AzureCredentials

    return AzureCredentials(signatures=lambda: Secret((leases.current().secret("sas_token") or "").removeprefix("?")))


def _google(leases: Leases) -> Any:
    from deeplake_ref.credentials.google_tokens import GoogleCredentials

    class Lent(GoogleCredentials):
        """The token of the lease of the moment."""

        is_anonymous = False

        def headers(self, _within_s: float = 0.0) -> dict[str, str]:
            return {"Authorization": f"Bearer {leases.current().secret('gcs_oauth_token')}"}

    return Lent()
