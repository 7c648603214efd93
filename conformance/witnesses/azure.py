"""
azure-storage-blob as the witness of an Azure Blob service.
"""

from __future__ import annotations

import functools
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from conformance.witnesses import THREADS, TIMEOUT_S, WitnessUnreachable, timed, utf8_sorted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conformance.services import RunningService

P = ParamSpec("P")
R = TypeVar("R")


def _reached(method: Callable[P, R]) -> Callable[P, R]:
    """Tell a lost service from every other error."""

    @functools.wraps(method)
    def call(*arguments: P.args, **keywords: P.kwargs) -> R:
        from azure.core.exceptions import ServiceRequestError, ServiceResponseError

        try:
            return method(*arguments, **keywords)
        except (ServiceRequestError, ServiceResponseError) as error:
            raise WitnessUnreachable(f"the Azure service does not answer: {type(error).__name__}") from None

    return call


class AzureWitness:
    """A container, or a root below it, through one client."""

    kind = "azure-storage-blob"

    def __init__(self, service: RunningService, container: str, root: str = "", client: Any = None) -> None:
        self._service = service
        self._container = container
        self._prefix = f"{root}/" if root else ""
        self._client = client or client_for(service, container)

    def at(self, root: str) -> AzureWitness:
        """Return a witness for another root of the same container."""
        return AzureWitness(self._service, self._container, root, self._client)

    @timed
    @_reached
    def create_root(self) -> None:
        """Make the container."""
        self._client.create_container()

    @timed
    def put(self, key: str, value: bytes) -> None:
        """Store a block blob."""
        self._put(key, value)

    @_reached
    def _put(self, key: str, value: bytes) -> None:
        self._client.upload_blob(self._prefix + key, value, overwrite=True)

    @timed
    def put_many(self, values: Mapping[str, bytes]) -> None:
        """Store many blobs, several at once."""
        if len(values) < THREADS:
            for key, value in values.items():
                self.put(key, value)
            return
        # the threads' own time is not counted again, only this call's
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(self._put, values.keys(), values.values()))

    @timed
    @_reached
    def get(self, key: str) -> bytes | None:
        """Return the bytes of a blob, None if there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return bytes(self._client.download_blob(self._prefix + key).readall())
        except ResourceNotFoundError:
            return None

    @timed
    @_reached
    def size(self, key: str) -> int | None:
        """Return the size in bytes of a blob, None if there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return int(self._client.get_blob_client(self._prefix + key).get_blob_properties().size)
        except ResourceNotFoundError:
            return None

    @timed
    @_reached
    def keys(self, prefix: str = "") -> list[str]:
        """Return all names that start with `prefix`, sorted by UTF-8 bytes."""
        names = self._client.list_blob_names(name_starts_with=self._prefix + prefix)
        return utf8_sorted([name.removeprefix(self._prefix) for name in names])

    @timed
    @_reached
    def begin_upload(self, key: str) -> None:
        """Stage a block that is never committed."""
        self._client.get_blob_client(self._prefix + key).stage_block("YmxvY2s=", b"part")

    @timed
    @_reached
    def delete(self, key: str) -> None:
        """Remove a blob; a missing one is no error."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            self._client.delete_blob(self._prefix + key)
        except ResourceNotFoundError:
            return

    @timed
    @_reached
    def delete_all(self) -> None:
        """Remove every blob below the root."""
        for key in self.keys():
            self.delete(key)

    @timed
    @_reached
    def remove_root(self) -> None:
        """Remove every blob, and the container where the root is one."""
        if self._prefix:
            self.delete_all()
        else:
            self._client.delete_container()


def client_for(service: RunningService, container: str, creds: Mapping[str, Any] | None = None) -> Any:
    """Return a client of the account's key, or of those whose creds are given."""
    from azure.core.pipeline.transport import RequestsTransport
    from azure.storage.blob import ContainerClient
    from requests import Session
    from requests.adapters import HTTPAdapter

    # the SDK warns about error bodies of emulators through the handler of last resort, onto the report's terminal
    logging.getLogger("azure").addHandler(logging.NullHandler())
    creds = creds or service.creds()
    session = Session()
    session.trust_env = False  # a proxy of the user's is not for loopback
    session.mount("http://", HTTPAdapter(pool_maxsize=THREADS * 2))
    return ContainerClient(
        creds["endpoint_url"],
        container,
        credential=creds.get("account_key") or creds.get("sas_token"),
        retry_total=0,
        transport=RequestsTransport(session=session, session_owner=False),
        connection_timeout=TIMEOUT_S,
        read_timeout=TIMEOUT_S,
        logging_enable=False,
    )
