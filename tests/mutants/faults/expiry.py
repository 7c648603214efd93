"""
Wrong ends of identities on AWS: not renewed, renewed too often, replaced by another source's, sent when they are over.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from deeplake_ref.credentials import aws, aws_renewing, aws_web_identity
from deeplake_ref.credentials.aws_process import PROCESS
from deeplake_ref.credentials.chain import Chain
from deeplake_ref.errors import AuthenticationError, StorageError
from deeplake_ref.stores import s3, s3_errors
from deeplake_ref.stores.s3 import S3Store
from deeplake_ref.stores.s3_client import Signer
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Callable

MOTO = ("moto",)

# ---- rejected


@mutant(kills="EXP-1", places=MOTO)
def a_rejection_is_the_answer(_target: Any) -> Replacements:
    """Asks no source again when its credentials are rejected."""

    def call(self: Any, request: Callable[[], Any]) -> Any:
        self.resolve()
        return request()

    return replaced(Chain, call=call)


@mutant("F124", kills="EXP-1", places=MOTO, origin="fsspec/s3fs#939 fsspec/s3fs#1002")
def a_client_keeps_the_credentials_that_it_was_made_with(_target: Any) -> Replacements:
    """Gets others when credentials are rejected, and goes on to sign with the first ones."""

    def get_frozen_credentials(self: Any) -> Any:
        first = vars(self).setdefault("_first", self._chain.resolve().credentials)
        return first.signer.get_frozen_credentials()

    return replaced(Signer, get_frozen_credentials=get_frozen_credentials)


@mutant("F116", kills="EXP-1", places=MOTO, origin="boto/botocore@444982200 fsspec/gcsfs#643")
def the_key_is_new_and_the_secret_is_old(_target: Any) -> Replacements:
    """Signs with the secret of the first credentials, and names the key of those that are there."""
    right = Signer.get_frozen_credentials

    def get_frozen_credentials(self: Any) -> Any:
        found = right(self)
        first = vars(self).setdefault("_secret", found.secret_key)
        return SimpleNamespace(access_key=found.access_key, secret_key=first, token=found.token)

    return replaced(Signer, get_frozen_credentials=get_frozen_credentials)


@mutant(kills="EXP-2", places=MOTO)
def rejections_are_renewed_again_and_again(_target: Any) -> Replacements:
    """Renews rejected credentials up to five times for one request."""

    def call(self: Any, request: Callable[[], Any]) -> Any:
        for _ in range(5):
            used = self.resolve()
            try:
                return request()
            except AuthenticationError:
                if not self._renewed(used):
                    raise
        return request()

    return replaced(Chain, call=call)


@mutant("F123", kills="EXP-3", places=MOTO, origin="fsspec/gcsfs#716")
def an_expired_token_is_sent_again_and_again(_target: Any) -> Replacements:
    """Sends credentials that nobody renews three times, although they are rejected."""
    right = Chain.call

    def call(self: Any, request: Callable[[], Any]) -> Any:
        for _ in range(2):
            try:
                return right(self, request)
            except AuthenticationError:
                continue
        return right(self, request)

    return replaced(Chain, call=call)


@mutant(kills="EXP-3", places=MOTO)
def an_expired_key_gives_way_to_the_next_source(_target: Any) -> Replacements:
    """Takes the next source where credentials that nobody renews are rejected."""
    right = Chain.call

    def call(self: Any, request: Callable[[], Any]) -> Any:
        try:
            return right(self, request)
        except AuthenticationError:
            names = [each.name for each in self.sources]
            self.sources = self.sources[names.index(self.source) + 1 :]
            self._resolved = None
            self.resolve()
            return request()

    return replaced(Chain, call=call)


@mutant(kills="EXP-4", places=MOTO)
def every_thread_renews_what_was_rejected(_target: Any) -> Replacements:
    """Asks the source once for each thread whose request was rejected."""

    def _renewed(self: Any, rejected: Any) -> bool:
        other = self._renew(rejected.credentials)
        if other is None:
            return False
        self._resolved = replace(rejected, credentials=other)
        return True

    return replaced(Chain, _renewed=_renewed)


# ---- near the end


@mutant(kills="EXP-4", places=MOTO)
def every_thread_renews_what_ends_soon(_target: Any) -> Replacements:
    """Lets each thread that finds credentials near their end ask for others, one after the other."""

    def _refresh(self: Any) -> None:
        if self.refresh_needed(self._advisory_refresh_timeout):
            with self._refresh_lock:
                self._protected_refresh(is_mandatory=True)

    return replaced(aws_renewing.Renewing, _refresh=_refresh)


@mutant(kills="EXP-5", places=MOTO)
def the_end_is_moved(_target: Any) -> Replacements:
    """Takes what is near its end, or beyond it, for good for another quarter of an hour."""

    def _checked(metadata: Any, _subject: str) -> dict[str, Any]:
        end = aws_renewing._time(metadata["expiry_time"]) or datetime.now(UTC)
        return {**metadata, "expiry_time": max(end, datetime.now(UTC) + timedelta(minutes=16)).isoformat()}

    return replaced(aws_renewing, _checked=_checked)


@mutant(kills="EXP-6", places=MOTO)
def credentials_are_used_to_their_end(_target: Any) -> Replacements:
    """Renews credentials when they have ended, and not before."""

    def _heeded(self: Any, metadata: dict[str, Any]) -> dict[str, Any]:
        self._advisory_refresh_timeout = self._mandatory_refresh_timeout = 0
        return metadata

    return replaced(aws_renewing.Renewing, _heeded=_heeded)


@mutant("F126", kills="EXP-6", places=MOTO, origin="dlt-hub/dlt#4004")
def credentials_are_frozen_when_they_are_found(_target: Any) -> Replacements:
    """Keeps key, secret and token of the first credentials, and forgets that they end."""
    right = aws._got

    def _got(*arguments: Any) -> Any:
        from botocore.credentials import Credentials

        found = right(*arguments)
        frozen = getattr(found.signer, "_frozen_credentials", None)
        if frozen is None:
            return found
        return replace(found, signer=Credentials(frozen.access_key, frozen.secret_key, frozen.token))

    return replaced(aws, _got=_got)


@mutant("F122", kills="EXP-7", places=MOTO)
def a_failure_in_the_period_of_grace_is_raised(_target: Any) -> Replacements:
    """Fails where others cannot be had, although the credentials that are there are good."""
    return replaced(aws_renewing.Renewing, _still_good=lambda _self: None)


@mutant(kills="EXP-8", places=MOTO)
def the_parts_of_a_write_are_not_renewed(_target: Any) -> Replacements:
    """Fails a large write when the credentials of one of its parts are rejected."""
    invisibly, renewing, parts = S3Store._invisibly, S3Store._renewing, threading.local()

    def _invisibly(self: Any, key: str, request: Any) -> Any:
        parts.sending = True
        try:
            return invisibly(self, key, request)
        finally:
            parts.sending = False

    def _renewing(self: Any, request: Callable[[], Any]) -> Any:
        return request() if getattr(parts, "sending", False) else renewing(self, request)

    return replaced(S3Store, _invisibly=_invisibly, _renewing=_renewing)


@mutant(kills="EXP-9", places=MOTO)
def a_token_file_is_read_once(_target: Any) -> Replacements:
    """Keeps the text of a web identity token file for as long as the process lives."""
    right, read = aws_web_identity._token_loader, dict[str, str]()

    def _token_loader(path: str) -> Callable[[], str]:
        load = right(path)
        return lambda: read.get(path) or read.setdefault(path, load())

    return replaced(aws_web_identity, _token_loader=_token_loader)


# ---- clocks and failures


@mutant("F121", kills="EXP-10", places=MOTO, origin="activeloopai/deeplake#1461")
def a_wrong_clock_is_not_named(_target: Any) -> Replacements:
    """Says that a request was refused, and not that the clock is off."""
    right = s3_errors.translated

    def translated(*arguments: Any, **more: Any) -> StorageError:
        error = right(*arguments, **more)
        error.message = error.message.replace("clock", "set-up")
        return error

    return replaced(s3, translated=translated)


@mutant(kills="EXP-11", places=MOTO)
def a_failure_is_kept(_target: Any) -> Replacements:
    """Raises the first failure of a source again, and asks nobody any more."""
    right = Chain.resolve

    def resolve(self: Any) -> Any:
        if (failure := vars(self).get("_failure")) is not None:
            raise failure
        try:
            return right(self)
        except StorageError as error:
            self._failure = error
            raise

    return replaced(Chain, resolve=resolve)


# ---- good ones


@mutant("F117", kills="EXP-12", places=MOTO, origin="rclone/rclone@9d4c912e0")
def every_request_asks_for_credentials(_target: Any) -> Replacements:
    """Asks the source for credentials before each request."""

    def get_frozen_credentials(self: Any) -> Any:
        found = self._chain.resolve().credentials
        return (found.again() if found.again else found).signer.get_frozen_credentials()

    return replaced(Signer, get_frozen_credentials=get_frozen_credentials)


@mutant("F118", kills="EXP-12", places=MOTO, origin="fsspec/gcsfs#683 fsspec/gcsfs#688 boto/botocore#869")
def the_end_is_taken_for_local_time(_target: Any) -> Replacements:
    """Reads the end that a service tells in UTC as a time of this machine's zone."""
    right = aws_renewing._time

    def _time(text: object) -> datetime | None:
        end = right(text)
        return None if end is None else end.replace(tzinfo=None).astimezone(UTC)

    return replaced(aws_renewing, _time=_time)


@mutant("F120", kills="EXP-12", places=MOTO, origin="apache/arrow-rs#3766 fsspec/gcsfs#665")
def no_end_is_taken_for_one(_target: Any) -> Replacements:
    """Runs a command that does not say when its credentials end before each request."""
    right = aws._got

    def _got(kind: Any, *more: Any) -> Any:
        found = right(kind, *more)
        if kind is not PROCESS or hasattr(found.signer, "refresh_needed"):
            return found
        left = [found]

        def get_frozen_credentials() -> Any:
            signer = (left.pop() if left else right(kind, *more)).signer
            return signer.get_frozen_credentials()

        return replace(found, signer=SimpleNamespace(get_frozen_credentials=get_frozen_credentials))

    return replaced(aws, _got=_got)
