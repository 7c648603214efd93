"""
What can go wrong, as one tree; the same failure gives the same class on every prefix.

    StorageError
    ├── CredentialsError
    │   ├── CredentialsNotFoundError        no source is configured
    │   ├── InvalidCredentialsError         a configured source is incomplete, malformed or of the wrong type
    │   ├── CredentialsUnavailableError     a configured source cannot deliver
    │   └── AuthenticationError             the service does not know or believe the identity
    │       └── ExpiredTokenError
    ├── StorageAccessDenied                 the identity is fine, the action is not allowed
    ├── StorageKeyNotFound                  (also KeyError)
    ├── StorageBucketNotFound               the bucket or container
    ├── StorageKeyAlreadyExists             the loser of a put-if-absent
    ├── StoragePreconditionFailed           the loser of a compare-and-swap
    ├── StorageNetworkConnectionError       (also ConnectionError) refused, reset, timed out, unresolvable
    │   └── StorageTLSError
    ├── StorageThrottledError
    ├── StorageInternalError                everything else, server errors included
    ├── StorageOperationUnsupported         the place cannot do it
    ├── StorageProviderMissingError         the extra with the SDK is not installed
    ├── InvalidURIError                     (also ValueError) a path or key that breaks a rule, which is named
    ├── DatasetExistsError                  alias LogExistsError
    └── DatasetNotFoundError                alias LogNotexistsError

Names that the `deeplake` package has are used as it has them (deeplake 4.7.4, `deeplake/__init__.pyi`). Programs act on
the class and the attributes, never on the text.
"""

from __future__ import annotations

from typing import Any


class StorageError(Exception):
    """The root of the tree.

    Attributes:
        provider: `s3`, `az`, `gcs`, `al`, `file` or `mem`.
        operation: the storage verb that failed, such as `get`.
        code: the service's error code, such as `NoSuchKey`.
        http_status: the HTTP status behind it.
        source: the credential source in use.
        at: the variable, field or file at fault, where that is a part of the source or something else; empty if the
            message says all there is to do; None if it is the source.
        effect: what the operation changed: `none`, `done` or `unknown`; reads change nothing.
        retry_after_s: seconds after which the service asks to be tried again.
    """

    transient = False

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        operation: str | None = None,
        code: str | None = None,
        http_status: int | None = None,
        source: str | None = None,
        at: str | None = None,
        effect: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.operation = operation
        self.code = code
        self.http_status = http_status
        self.source = source
        self.at = at
        self.effect = effect
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return self.message

    def attributes(self) -> dict[str, Any]:
        """Return everything but the message, by name."""
        return {name: value for name, value in vars(self).items() if name != "message"}

    def complete(self, operation: str, provider: str | None, effect: str) -> None:
        """Name the operation that was called, and fill in what is missing.

        The request that failed may have another name, such as the listing before a removal.
        """
        self.provider = self.provider or provider
        self.effect = self.effect or effect
        if self.operation != operation:
            self.message = f"{operation}: {self.message.removeprefix(f'{self.operation}: ')}"
            self.args = (self.message,)
            self.operation = operation

    def told_as(self, kind: type[StorageError], message: str) -> StorageError:
        """Return the same failure as another class, for callers that know more of what it means."""
        told = _rebuild(kind, message, self.attributes())
        told.__cause__ = self.__cause__
        told.__suppress_context__ = True
        return told

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by message and attributes; exceptions would otherwise lose their keyword arguments."""
        return (_rebuild, (type(self), self.message, self.attributes()))


def _rebuild(kind: type[StorageError], message: str, attributes: dict[str, Any]) -> StorageError:
    error = kind(message)
    vars(error).update(attributes)
    return error


class CredentialsError(StorageError):
    """Something about the credentials."""


class CredentialsNotFoundError(CredentialsError):
    """No source is configured."""


class InvalidCredentialsError(CredentialsError):
    """A configured source is incomplete, malformed or of the wrong type; the field is named, never its value."""


class CredentialsUnavailableError(CredentialsError):
    """A configured source cannot deliver."""


class AuthenticationError(CredentialsError):
    """The service does not know or believe the identity."""


class ExpiredTokenError(AuthenticationError):
    """The credential was good once."""


class StorageAccessDenied(StorageError):
    """The identity is fine, the action is not allowed."""


class StorageKeyNotFound(StorageError, KeyError):
    """There is no such object."""

    __str__ = StorageError.__str__


class StorageBucketNotFound(StorageError):
    """There is no such bucket or container."""


class StorageKeyAlreadyExists(StorageError):
    """A put-if-absent lost; nothing was changed."""


class StoragePreconditionFailed(StorageError):
    """A compare-and-swap lost; nothing was changed."""


class StorageNetworkConnectionError(StorageError, ConnectionError):
    """The service was not reached, or its answer did not arrive whole."""

    transient = True


class StorageTLSError(StorageNetworkConnectionError):
    """The connection could not be made secure; trying again does not help."""

    transient = False


class StorageThrottledError(StorageError):
    """The service asks for patience."""

    transient = True


class StorageInternalError(StorageError):
    """Everything else; server errors (500, 502, 503, 504) are worth another try."""

    @property
    def transient(self) -> bool:  # type: ignore[override]
        """Whether another try may help."""
        return self.http_status in (408, 500, 502, 503, 504)


class StorageOperationUnsupported(StorageError):
    """The place cannot do it, and it is not emulated."""


class StorageProviderMissingError(StorageError):
    """The SDK of the place is not installed; the message names the extra."""


class InvalidURIError(StorageError, ValueError):
    """A path or key breaks a rule, which the message names; nothing was requested or written."""


class DatasetExistsError(StorageError):
    """There is a dataset already."""


class DatasetNotFoundError(StorageError):
    """There is no dataset."""


LogExistsError = DatasetExistsError
LogNotexistsError = DatasetNotFoundError


class RedactedCause(Exception):
    """Stands in for a foreign exception: type, code and status, without its text and frames, which may hold secrets."""


def redacted(error: BaseException, *, code: str | None = None, http_status: int | None = None) -> RedactedCause:
    """Return what may be told of a foreign exception."""
    parts = [f"{type(error).__module__}.{type(error).__qualname__}"]
    if code is not None:
        parts.append(f"code {code}")
    if http_status is not None:
        parts.append(f"HTTP {http_status}")
    return RedactedCause(", ".join(parts))
