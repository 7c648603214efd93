"""
The requests of the protocol: which call one is, whether its headers are right, and what its body says.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from unicodedata import category
from urllib.parse import unquote

from conformance.lake.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conformance.fakes.serving import Request

Kind = Literal["creds", "create", "connect", "delete", "authz", "storage", "profile", "agree", "disagree", "other"]

VERSION = "2024-10-01"
PROVIDERS = ("activeloop", "azure", "gcp")

_ORGANISATION = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

_ROUTES: tuple[tuple[re.Pattern[str], str, Kind], ...] = (
    (re.compile(r"/api/org/(?P<org>[^/]*)/ds/(?P<ds>.*)/creds"), "GET", "creds"),
    (re.compile(r"/api/dataset/create"), "POST", "create"),
    (re.compile(r"/api/dataset/connect"), "POST", "connect"),
    (re.compile(r"/api/dataset/(?P<org>[^/]*)/(?P<ds>.*)"), "DELETE", "delete"),
    (re.compile(r"/api/authz/check/"), "POST", "authz"),
    (re.compile(r"/api/org/(?P<org>[^/]*)/storage/name"), "GET", "storage"),
    (re.compile(r"/api/user/profile"), "GET", "profile"),
    (re.compile(r"/api/organization/(?P<org>[^/]*)/dataset/(?P<ds>.*)/agree"), "POST", "agree"),
    (re.compile(r"/api/organization/(?P<org>[^/]*)/dataset/(?P<ds>.*)/disagree"), "POST", "disagree"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a call of the protocol.

    Attributes:
        kind: which.
        org: the organisation in its path, empty if it has none.
        ds: the dataset in its path, decoded.
    """

    kind: Kind
    org: str = ""
    ds: str = ""


def asked_by(request: Request) -> Asked:
    """Return which call a request is.

    Raises:
        Refused: no such path or method, or a name that is none.
    """
    path = request.path
    allowed = []
    for pattern, method, kind in _ROUTES:
        found = pattern.fullmatch(path)
        if found is None:
            continue
        if request.method != method:
            allowed.append(method)
            continue
        names = found.groupdict()
        org = organisation_of(decoded(names["org"])) if "org" in names else ""
        return Asked(kind, org, dataset_of(decoded(names["ds"])) if "ds" in names else "")
    if allowed:
        told = ", ".join(sorted(set(allowed)))
        raise Refused("method_not_allowed", f"this path has {told} only", {"Allow": told})
    raise Refused("no_such_path", "there is nothing at this path")


def organisation_of(text: str) -> str:
    """Return an organisation's id, or refuse it."""
    if not _ORGANISATION.fullmatch(text):
        raise Refused("bad_name", "an organisation is letters, digits, _ and -")
    return text


def dataset_of(text: str) -> str:
    """Return a dataset's name, or refuse it."""
    segments = text.split("/")
    if (
        any(segment in ("", ".", "..") for segment in segments)
        or "@" in text
        or any(category(letter) == "Cc" for letter in text)
    ):
        raise Refused("bad_name", "a dataset's name has no empty or dot segment, no control character and no at sign")
    return text


def decoded(text: str) -> str:
    """Return a part of a path without its percent-encoding, or refuse it."""
    told = "a name in the path is UTF-8, percent-encoded once"
    if _ESCAPE.search(text):
        raise Refused("bad_name", told)
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise Refused("bad_name", told) from None


@dataclass(frozen=True, slots=True)
class Bearer:
    """What a request says of who asks: the token, empty for nobody, and the provider that it is of."""

    token: str = field(repr=False)
    provider: str


def bearer_of(request: Request) -> Bearer:
    """Check the headers that every request has, and return who is said to ask.

    Raises:
        Refused: a header is absent, comes twice, or has another form.
    """
    given = request.headers
    for name in ("authorization", "x-activeloop-provider-type", "activeloop-api-version", "content-type"):
        if name in request.repeated:
            raise Refused("bad_header", f"{name} comes more than once")
    if given.get("activeloop-api-version") != VERSION:
        raise Refused("bad_header", f"Activeloop-Api-Version has to be {VERSION}")
    provider = given.get("x-activeloop-provider-type", "")
    if provider not in PROVIDERS:
        raise Refused("bad_header", f"X-Activeloop-Provider-Type has to be one of {', '.join(PROVIDERS)}")
    text = given.get("authorization", "")
    # a server strips the space of `Bearer ` without a token
    if text == "Bearer":
        return Bearer("", provider)
    if not text.startswith("Bearer "):
        raise Refused("unauthenticated", "Authorization has to be a bearer token")
    return Bearer(text.removeprefix("Bearer "), provider)


def body_of(request: Request, fields: Mapping[str, type], optional: Mapping[str, type] | None = None) -> dict[str, Any]:
    """Return the fields of a body in JSON.

    Args:
        request: whose.
        fields: those that have to be there, and their types.
        optional: those that may be there; None is then as if they were not.

    Raises:
        Refused: it is no JSON object, a field is missing, of another type, or unknown.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused("bad_header", "the Content-Type of a body has to be application/json")
    try:
        values = json.loads(request.body)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise Refused("bad_json", "the body is no JSON object")
    known = {**fields, **(optional or {})}
    for name, value in values.items():
        if name not in known:
            raise Refused("bad_body", f"unknown field {name[:40]!r}")
        if value is None and name not in fields:
            continue
        wanted = known[name]
        if not isinstance(value, (int, float) if wanted is float else wanted) or (
            isinstance(value, bool) and wanted is not bool
        ):
            raise Refused("bad_body", f"{name} has to be {_WORDS[wanted]}")
    missing = [name for name in fields if name not in values]
    if missing:
        raise Refused("bad_body", f"the field {missing[0]} is missing")
    return {name: value for name, value in values.items() if value is not None}


_WORDS = {str: "a text", bool: "true or false", dict: "an object", list: "a list", int: "a number", float: "a number"}
