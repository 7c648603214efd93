"""
Mutants of errors: failures that pass for something else, or that do not say what they should.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from deeplake_ref import errors, sessions, urls
from deeplake_ref.errors import StorageError
from deeplake_ref.stores import azure_answers, s3, s3_errors, s3_ranges
from deeplake_ref.stores.memory import MemoryStore
from deeplake_ref.stores.s3 import S3Store
from tests.mutants.registry import Replacements, mutant, replaced

if TYPE_CHECKING:
    from collections.abc import Callable

Errors = dict[str, type[StorageError]]


def s3_codes_mean(**changed: type[StorageError]) -> Replacements:
    """Give codes of S3 other classes."""
    return replaced(s3_errors, BY_CODE=s3_errors.BY_CODE | changed)


def told_otherwise(owner: Any, name: str, known: type[StorageError], wrong: type[StorageError]) -> Replacements:
    """Let a method raise another class for one that it raises."""
    right: Callable[..., Any] = getattr(owner, name)

    def method(self: Any, *arguments: Any) -> Any:
        try:
            return right(self, *arguments)
        except known as error:
            raise error.told_as(wrong, error.message) from None

    return replaced(owner, **{name: method})


def answered_instead(owner: Any, name: str, known: type[StorageError], value: Any) -> Replacements:
    """Let a method answer something where it must raise."""
    right: Callable[..., Any] = getattr(owner, name)

    def method(self: Any, *arguments: Any) -> Any:
        with suppress(known):
            return right(self, *arguments)
        return value

    return replaced(owner, **{name: method})


# ---- classes


@mutant(kills="ERR-1")
def a_broken_path_is_no_value_error(_target: Any) -> Replacements:
    """Raises a class with the right name and without the built-in base that callers catch."""
    loose = type("InvalidURIError", (StorageError,), {})

    def broken(rule: str, prefix: str = "") -> StorageError:
        error: StorageError = loose(rule, provider=prefix or None, effect="none")
        return error

    return replaced(urls, _broken=broken)


@mutant("F022", kills="ERR-2", places=("azurite",), origin="thanos-io/objstore#196 earth-mover/icechunk#766")
def what_is_denied_does_not_exist(target: Any) -> Replacements:
    """Says -1 for the length of what it may not look at."""
    return answered_instead(target.storage.Reader, "length", errors.StorageAccessDenied, -1)


@mutant("F025", kills="ERR-2", places=("minio",), origin="fullstorydev/emulators#20")
def errors_of_single_keys_are_not_looked_at(_target: Any) -> Replacements:
    """Takes an answer of 200 to a bulk removal for success, whatever it says of single keys."""

    def delete_bulk(self: Any, keys: list[str]) -> None:
        objects = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        self._call(
            "remove_directory", keys[0], lambda client: client.delete_objects(Bucket=self._bucket, Delete=objects)
        )

    return replaced(S3Store, _delete_bulk=delete_bulk)


@mutant("F027", kills="ERR-2", places=("azurite",), origin="apache/opendal#7096")
def what_may_not_be_listed_is_left_out(target: Any) -> Replacements:
    """Skips what may not be listed and reports success."""
    return answered_instead(target.storage.Reader, "list", errors.StorageAccessDenied, [])


@mutant(kills="ERR-3", places=("minio",))
def a_wrong_key_is_a_missing_permission(_target: Any) -> Replacements:
    """Does not tell who is not believed from who may not."""
    return s3_codes_mean(SignatureDoesNotMatch=errors.StorageAccessDenied)


@mutant(kills="ERR-4", places=("minio",))
def nobody_lacks_a_permission(_target: Any) -> Replacements:
    """Tells who has no identity to look for missing permissions."""
    right = s3_errors.translated

    def translated(*arguments: Any, **_anonymous: Any) -> StorageError:
        return right(*arguments)

    return replaced(s3, translated=translated)


@mutant(kills="ERR-5", places=("azurite",))
def what_is_over_is_a_missing_permission(target: Any) -> Replacements:
    """Takes a signature whose time is over for one without the permission."""
    return told_otherwise(target.storage.Reader, "get", errors.ExpiredTokenError, errors.StorageAccessDenied)


@mutant(kills="ERR-6", places=("azurite",))
def what_is_over_is_not_told_so(target: Any) -> Replacements:
    """Says that a credential is not believed, not that its time is over."""
    return told_otherwise(target.storage.Reader, "get", errors.ExpiredTokenError, errors.AuthenticationError)


@mutant("F069", kills="ERR-7", places=("moto",), origin="google/go-cloud#3635 google/go-cloud#3637 apache/opendal#7674")
def every_refusal_is_the_same(_target: Any) -> Replacements:
    """Maps what the service refuses to one generic class."""
    nothing: Errors = {}
    return replaced(s3_errors, BY_CODE=nothing, BY_STATUS={})


@mutant("F146", kills="ERR-7", places=("moto",), origin="google/go-cloud#3747")
def another_region_hides_the_code(_target: Any) -> Replacements:
    """Tells a guess about regions instead of the code of a redirection."""
    right = s3_errors.translated

    def translated(*arguments: Any, **more: Any) -> StorageError:
        error = right(*arguments, **more)
        if error.http_status == 301:
            error.code = "WrongRegion"
        return error

    return replaced(s3, translated=translated)


@mutant("F147", kills="ERR-7", places=("moto",), origin="juicedata/juicefs#6120 rclone/rclone@c1df24f14")
def an_error_without_body_is_not_understood(_target: Any) -> Replacements:
    """Stumbles over the answer to a HEAD, which has no body to tell what is wrong."""
    return told_otherwise(S3Store, "head", errors.StorageAccessDenied, errors.StorageInternalError)


# ---- what cannot be reached


@mutant("F149", kills="ERR-8", places=("moto",), origin="apache/opendal#7318")
def a_removal_that_nobody_heard_is_done(target: Any) -> Replacements:
    """Swallows the failure of a removal in the layer above the store."""
    return answered_instead(target.storage.Writer, "remove", errors.StorageNetworkConnectionError, None)


@mutant("F149", kills="ERR-8", places=("azurite",), origin="apache/opendal#7318")
def directories_that_cannot_be_asked_for_are_none(target: Any) -> Replacements:
    """Lists no directories where nobody answers."""
    return answered_instead(target.storage.Reader, "list_dirs", errors.StorageNetworkConnectionError, [])


@mutant(kills="ERR-9", places=("fake-gcs-server",))
def a_host_without_address_is_a_broken_path(target: Any) -> Replacements:
    """Takes a host that has no address for a path that breaks a rule."""
    wrong = errors.InvalidURIError
    return told_otherwise(target.storage.Reader, "length", errors.StorageNetworkConnectionError, wrong)


@mutant(kills="ERR-10", places=("azurite",))
def any_certificate_will_do(_target: Any) -> Replacements:
    """Talks to whoever answers, without a look at the certificate."""
    right = sessions.settle

    def settle(session: Any, endpoint: str) -> None:
        right(session, endpoint)
        session.verify = False

    return replaced(sessions, settle=settle)


@mutant(kills="ERR-10", places=("fake-gcs-server",))
def what_is_not_secure_was_not_reached(_target: Any) -> Replacements:
    """Does not tell a certificate that is not trusted from a network that is down."""

    def is_untrusted(error: BaseException) -> bool:
        del error
        return False

    return replaced(sessions, is_untrusted=is_untrusted)


@mutant("F148", kills="ERR-11", places=("moto",), origin="earth-mover/icechunk#2100")
def a_page_is_read_as_an_empty_answer(_target: Any) -> Replacements:
    """Reads whatever it can out of a page that is not the service's: nothing, which is an empty listing."""

    def complete(answer: dict[str, Any], *_fields: str) -> dict[str, Any]:
        return {"ContentLength": 0, "ETag": '"x"', "LastModified": None, **answer}

    return [*replaced(s3, complete=complete), *replaced(s3_ranges, complete=complete)]


@mutant("F148", kills="ERR-11", places=("azurite",), origin="earth-mover/icechunk#2100")
def what_is_no_listing_is_an_empty_one(_target: Any) -> Replacements:
    """Takes a listing that cannot be parsed for one without entries."""
    right = azure_answers.page

    def page(body: bytes) -> azure_answers.Page:
        try:
            return right(body)
        except sessions.MalformedAnswerError:
            return azure_answers.Page([], [], None)

    return replaced(azure_answers, page=page)


@mutant("F148", kills="ERR-11", places=("moto",), origin="rclone/rclone@c1df24f14")
def any_404_is_a_missing_key(_target: Any) -> Replacements:
    """Believes whoever says 404 that the object is missing."""
    right = s3_errors.translated

    def translated(*arguments: Any, **more: Any) -> StorageError:
        error = right(*arguments, **more)
        unknown = error.http_status == 404 and error.code not in s3_errors.BY_CODE
        return error.told_as(errors.StorageKeyNotFound, error.message) if unknown else error

    return replaced(s3, translated=translated)


@mutant(kills="HANDLE-6")
def a_signed_url_that_nobody_can_read(_target: Any) -> Replacements:
    """Gives out a URL of memory, which no one else can open."""

    def sign_url(self: Any, key: str, _expires_s: float) -> str:
        return f"mem://{self._full(key)}"

    return replaced(MemoryStore, sign_url=sign_url)


# ---- what an error tells


@mutant(kills="ERR-13", places=("moto",))
def an_error_names_the_request_it_made(target: Any) -> Replacements:
    """Names the request that failed, not the operation that was called."""

    def complete(self: Any, error: StorageError, verb: str) -> None:
        error.provider = error.provider or self._url.prefix
        error.operation = error.operation or verb
        error.effect = error.effect or "none"

    return [*replaced(target.storage.Reader, _complete=complete), *replaced(target.storage.Writer, _complete=complete)]


@mutant(kills="ERR-14", places=("moto",))
def the_status_is_lost(_target: Any) -> Replacements:
    """Does not keep the HTTP status."""
    right = s3_errors.translated

    def translated(*arguments: Any, **more: Any) -> StorageError:
        error = right(*arguments, **more)
        error.http_status = None
        return error

    return replaced(s3, translated=translated)


@mutant(kills="ERR-15", places=("moto",))
def no_write_knows_what_it_changed(_target: Any) -> Replacements:
    """Says of every failed write that its effect is unknown."""
    right = s3_errors.translated

    def translated(*arguments: Any, **more: Any) -> StorageError:
        error = right(*arguments, **more)
        error.effect = "unknown"
        return error

    return replaced(s3, translated=translated)


@mutant(kills="ERR-16", places=("moto",))
def the_foreign_error_hangs_on(_target: Any) -> Replacements:
    """Keeps the SDK's own exception as the cause, with its text and frames."""

    def redacted(error: BaseException, **_known: Any) -> BaseException:
        return error

    return replaced(s3_errors, redacted=redacted)


@mutant(kills="ERR-17")
def the_message_does_not_name_the_key(target: Any) -> Replacements:
    """Says that there is no object, and not which."""
    right = target.storage.Reader._complete

    def complete(self: Any, error: StorageError, verb: str) -> None:
        right(self, error, verb)
        error.message = f"{verb}: no object"

    return replaced(target.storage.Reader, _complete=complete)


@mutant(kills="ERR-18", places=("moto",))
def a_message_is_a_code(_target: Any) -> Replacements:
    """Tells the service's code and nothing to do about it."""
    nothing: dict[str, str] = {}
    return replaced(s3_errors, HINTS=nothing)


@mutant("F137", kills="ERR-19", places=("moto",))
def a_refusal_is_asked_for_again(_target: Any) -> Replacements:
    """Tries again where the service said no."""
    return replaced(errors.StorageAccessDenied, transient=True)
