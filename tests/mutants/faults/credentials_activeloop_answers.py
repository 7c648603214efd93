"""
Mutants of what becomes of the control plane's answers: classes, second attempts, trouble that is told as absence.
"""

from __future__ import annotations

import urllib.request
from typing import Any

from deeplake_ref import storage
from deeplake_ref.credentials import activeloop_lenders, activeloop_plane
from deeplake_ref.credentials.activeloop_leases import Lease
from deeplake_ref.credentials.activeloop_plane import ControlPlane
from deeplake_ref.errors import (
    AuthenticationError,
    StorageAccessDenied,
    StorageBucketNotFound,
    StorageError,
    StorageInternalError,
    StorageKeyNotFound,
    StorageNetworkConnectionError,
)
from deeplake_ref.secrets import SecretFields
from deeplake_ref.sessions import IncompleteBodyError, causes
from tests.mutants.registry import Replacements, mutant, replaced

PLACES = ("al-moto",)
WORLDS = "worlds.toml"


def _told_as(status: int, kind: type[StorageError]) -> Replacements:
    """Tell a refusal with a status as one of another class."""
    right = activeloop_plane._refused

    def refused(answered: int, *rest: Any) -> StorageError:
        error = right(answered, *rest)
        return error.told_as(kind, error.message) if answered == status else error

    return replaced(activeloop_plane, _refused=refused)


@mutant(kills="LAKE-10", places=PLACES, claims=WORLDS, cases=("set-403",))
def who_may_not_is_not_believed(_target: Any) -> Replacements:
    """Tells a 403 of the control plane as a token that is wrong."""
    return _told_as(403, AuthenticationError)


@mutant(kills="LAKE-10", places=PLACES, claims=WORLDS, cases=("get-404",))
def a_missing_dataset_is_a_missing_key(_target: Any) -> Replacements:
    """Tells a dataset that the control plane does not know as an object that is missing."""
    return _told_as(404, StorageKeyNotFound)


@mutant(kills="LAKE-10", places=PLACES, claims=WORLDS, cases=("get-422",))
def a_refusal_of_the_control_plane_is_asked_for_again(_target: Any) -> Replacements:
    """Asks again for what the control plane answered with 422."""
    right = ControlPlane.ask

    def ask(self: Any, *arguments: Any, **named: Any) -> Any:
        try:
            return right(self, *arguments, **named)
        except StorageInternalError as error:
            if error.http_status != 422:
                raise
            return right(self, *arguments, **named)

    return replaced(ControlPlane, ask=ask)


@mutant(kills="LAKE-10", places=PLACES, claims=WORLDS, cases=("get-400",))
def the_status_is_not_told(_target: Any) -> Replacements:
    """Does not tell the status of a refusal."""
    right = activeloop_plane._refused

    def refused(*arguments: Any) -> StorageError:
        error = right(*arguments)
        error.http_status = None
        return error

    return replaced(activeloop_plane, _refused=refused)


@mutant(kills="LAKE-11", places=PLACES, claims=WORLDS, cases=("dataset-503",))
def a_failure_of_the_control_plane_is_final(_target: Any) -> Replacements:
    """Asks the control plane once, as deeplake 4.7.4 does."""
    right = ControlPlane.ask

    def ask(self: Any, *arguments: Any, **named: Any) -> Any:
        return right(self, *arguments, **{**named, "once": True})

    return replaced(ControlPlane, ask=ask)


@mutant(kills="LAKE-11", places=PLACES, claims=WORLDS, cases=("dataset-cut-short",))
def half_of_an_answer_is_final(_target: Any) -> Replacements:
    """Takes an answer that ends early for one of another form."""
    right = activeloop_plane._unreached

    def unreached(error: Exception) -> StorageError:
        made = right(error)
        short = any(isinstance(each, IncompleteBodyError) for each in causes(error))
        return made.told_as(StorageInternalError, made.message) if short else made

    return replaced(activeloop_plane, _unreached=unreached)


@mutant(kills="LAKE-12", places=PLACES, claims=WORLDS, cases=("get-429",))
def throttling_is_told_as_a_failure(_target: Any) -> Replacements:
    """Tells a 429 of the control plane as a failure of the server."""
    return _told_as(429, StorageInternalError)


@mutant(kills="LAKE-12", places=PLACES, claims=WORLDS, cases=("get-nobody",))
def nobody_at_the_control_plane_is_a_failure_of_it(_target: Any) -> Replacements:
    """Tells a control plane that is not there as one that failed."""
    right = activeloop_plane._unreached

    def unreached(error: Exception) -> StorageError:
        made = right(error)
        return made.told_as(StorageInternalError, made.message)

    return replaced(activeloop_plane, _unreached=unreached)


@mutant(kills="LAKE-13", places=PLACES, claims=WORLDS, cases=("get-html",))
def a_page_is_a_dataset_that_is_missing(_target: Any) -> Replacements:
    """Tells a page with status 200 as a dataset that is not there."""
    right = ControlPlane._answer

    def answer(self: Any, request: urllib.request.Request) -> Any:
        try:
            return right(self, request)
        except StorageInternalError as error:
            if error.http_status == 200:
                raise error.told_as(StorageBucketNotFound, error.message) from None
            raise

    return replaced(ControlPlane, _answer=answer)


@mutant(kills="LAKE-13", places=PLACES, claims=WORLDS, cases=("first-part-blank", "second-part-blank"))
def blank_credentials_of_the_control_plane_sign(_target: Any) -> Replacements:
    """Signs with a blank part where the control plane gives one."""
    right = activeloop_lenders._lease

    def lease(url: Any, given: Any, *, writes: bool) -> Lease:
        if not isinstance(given, dict):
            return right(url, given, writes=writes)
        made = right(url, {name: value if value != " " else "x" for name, value in given.items()}, writes=writes)
        revealed: Any = made.fields.reveal()
        fields = {name: " " if value == "x" else value for name, value in revealed.items()}
        return Lease(made.url, SecretFields(fields), made.ends, made.writes)

    return replaced(activeloop_lenders, _lease=lease)


@mutant(kills="LAKE-13", places=PLACES, claims=WORLDS, cases=("get-path-of-this-machine",))
def a_path_of_this_machine_is_a_missing_dataset(_target: Any) -> Replacements:
    """Tells an answer that names no cloud as a dataset that is not there."""

    def odd(what: str) -> StorageError:
        return StorageBucketNotFound(what, provider="al", effect="none")

    return replaced(activeloop_lenders, _odd=odd)


@mutant(kills="LAKE-14", places=PLACES, claims=WORLDS)
def silence_is_a_failure_of_the_control_plane(_target: Any) -> Replacements:
    """Tells a control plane that does not answer as one that failed."""
    right = activeloop_plane._unreached

    def unreached(error: Exception) -> StorageError:
        made = right(error)
        if isinstance(made, StorageNetworkConnectionError):
            return made.told_as(StorageInternalError, made.message)
        return made

    return replaced(activeloop_plane, _unreached=unreached)


@mutant(kills="LAKE-15", places=PLACES, claims=WORLDS, cases=("exists-401",))
def a_rejected_token_means_no_dataset(target: Any) -> Replacements:
    """Says that there is no dataset where the token is rejected, as deeplake 4.7.4 does."""
    right = target.exists

    def exists(*arguments: Any, **named: Any) -> bool:
        try:
            return bool(right(*arguments, **named))
        except AuthenticationError:
            return False

    return replaced(target, exists=exists)


@mutant(kills="LAKE-15", places=PLACES, claims=WORLDS, cases=("length-403",))
def what_is_not_allowed_has_no_length(_target: Any) -> Replacements:
    """Says -1 for the length of an object that the token may not see."""
    right = storage.Reader.length

    def length(self: Any, path: str) -> int:
        try:
            return right(self, path)
        except StorageAccessDenied:
            return -1

    return replaced(storage.Reader, length=length)


@mutant(kills="LAKE-16", places=PLACES, claims=WORLDS, cases=("get-307",))
def a_token_follows_a_redirect_of_the_control_plane(_target: Any) -> Replacements:
    """Follows redirects with the token, as urllib does."""
    right = urllib.request.HTTPRedirectHandler.redirect_request
    return replaced(activeloop_plane._NoRedirect, redirect_request=right)
