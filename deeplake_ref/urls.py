"""
From a path to where it points: the one table of prefixes, the grammar, and the rules for keys.

Every name character is literal: nothing is percent-decoded, there is no query and no fragment. One trailing slash means
nothing. What is refused is refused here, by name of the rule, before any request or write. Sources: deeplake's "Storage
Options" page and the stubs of deeplake 4.7.4 for the prefixes; Amazon S3 "Object key naming", Azure "Naming and
Referencing Containers, Blobs, and Metadata", Cloud Storage "Object names" for what keys a place can hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from deeplake_ref.errors import InvalidURIError

PREFIXES = {
    "mem": "mem",
    "file": "file",
    "al": "al",
    "s3": "s3",
    "az": "az",
    "azure": "az",
    "gcs": "gcs",
    "gs": "gcs",
    "gcp": "gcs",
}
"""Every accepted scheme, and the prefix it means."""

PARTS = {"mem": ("id",), "al": ("organisation", "name"), "s3": ("bucket",), "az": ("account", "container"), "gcs": ("bucket",)}
"""The names that a path needs before its key, by prefix."""

LONGEST_KEY = 1024
"""Bytes of UTF-8 in an object key on S3, Azure and GCS."""

LONGEST_SEGMENT = 255
"""Bytes in a file name on the usual file systems."""

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<slashes>/{1,2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class DatasetURL:
    """A parsed path.

    Attributes:
        prefix: `mem`, `file`, `al`, `s3`, `az` or `gcs`; aliases are resolved.
        account: the storage account on Azure, the organisation on Deep Lake's own storage, else empty.
        bucket: the bucket, container or memory id; empty for files.
        path: the rest, without slashes at its ends; for files the directory as given.
        version: what follows the last `@`, where versions are read.
    """

    prefix: str
    account: str
    bucket: str
    path: str
    version: str | None = None

    def __str__(self) -> str:
        if self.prefix == "file":
            return f"file://{self.path}"
        return f"{self.prefix}://" + "/".join(part for part in (self.account, self.bucket, self.path) if part)

    def below(self, path: str) -> DatasetURL:
        """Return the URL of a directory below this one."""
        joined = f"{self.path.rstrip('/')}/{path}" if self.path else path
        return replace(self, path=joined)


def parse(path: str, *, versions: bool = False) -> DatasetURL:
    """Return where a path points.

    Args:
        path: a path with one of the prefixes, or a bare local path.
        versions: whether `@version` after the last slash is read as a version; elsewhere `@` is a name character.

    Raises:
        InvalidURIError: the path breaks a rule; the message names it.
    """
    if not isinstance(path, str):
        raise InvalidURIError(f"a path is a string: {type(path).__name__}")
    if not path.strip():
        raise InvalidURIError("a path is not empty")
    _refuse_unencodable(path)
    version = None
    if versions and "@" in path.rsplit("/", 1)[-1]:
        path, _, version = path.rpartition("@")
    match = _SCHEME.match(path)
    if match is None:
        return replace(_local(path), version=version)
    scheme = match["scheme"]
    if len(match["slashes"]) == 1:
        raise InvalidURIError(f"`{scheme}:/` has one slash, a prefix has two: {path!r}")
    if scheme not in PREFIXES:
        hint = f", prefixes are lower case: {scheme.lower()}://" if scheme.lower() in PREFIXES else ""
        known = ", ".join(f"{name}://" for name in PREFIXES)
        raise InvalidURIError(f"unknown prefix {scheme}://{hint}; known: {known}")
    rest = path[match.end() :]
    prefix = PREFIXES[scheme]
    if prefix == "file":
        return replace(_local(rest), version=version)
    return replace(_remote(prefix, rest, path), version=version)


def _local(path: str) -> DatasetURL:
    if not path.strip():
        raise InvalidURIError("a local path is not empty")
    if "\x00" in path:
        raise InvalidURIError(f"a local path has no NUL: {path!r}")
    expanded = str(Path(path).expanduser()) if path.startswith("~") else path
    if ".." in expanded.split("/"):
        raise InvalidURIError(f"a path has no `..` segment: {path!r}")
    return DatasetURL("file", "", "", expanded)


def _remote(prefix: str, rest: str, path: str) -> DatasetURL:
    names = PARTS[prefix]
    trimmed = rest.removesuffix("/")
    segments = trimmed.split("/") if trimmed else []
    for position, name in enumerate(names):
        if len(segments) <= position or not segments[position]:
            raise InvalidURIError(f"{prefix}:// needs a {name}: {path!r}")
    for segment in segments:
        _check_segment(segment, path)
    account = segments[0] if len(names) == 2 else ""
    bucket = segments[len(names) - 1]
    return DatasetURL(prefix, account, bucket, "/".join(segments[len(names) :]))


def directory(path: str) -> str:
    """Return a directory argument in normal form: without one trailing slash; raises `InvalidURIError`."""
    trimmed = path.removesuffix("/")
    if trimmed:
        _refuse_unencodable(trimmed)
        for segment in trimmed.split("/"):
            _check_segment(segment, path)
    elif path:
        raise InvalidURIError(f"a directory does not start with a slash: {path!r}")
    return trimmed


def check_key(key: str, prefix: str) -> str:
    """Return a full object key that a place can hold under exactly this name.

    Raises:
        InvalidURIError: the key is refused everywhere (empty segments, `.`, `..`, slashes at its ends, not encodable) or
            cannot be held on this prefix; the message names the rule.
    """
    if not key:
        raise InvalidURIError("a key is not empty")
    _refuse_unencodable(key)
    for segment in key.split("/"):
        _check_segment(segment, key)
    if prefix == "file":
        _check_file_name(key)
    elif prefix != "mem":
        _check_object_name(key, prefix)
    return key


def _check_segment(segment: str, whole: str) -> None:
    if not segment:
        raise InvalidURIError(f"a path has no empty segment, and no slash at its ends: {whole!r}")
    if segment in (".", ".."):
        raise InvalidURIError(f"a path has no `{segment}` segment: {whole!r}")


def _check_file_name(key: str) -> None:
    if "\x00" in key:
        raise InvalidURIError(f"a file name has no NUL: {key!r}")
    if any(len(segment.encode()) > LONGEST_SEGMENT for segment in key.split("/")):
        raise InvalidURIError(f"a file name has at most {LONGEST_SEGMENT} bytes: {key[:40]!r}...")


def _check_object_name(key: str, prefix: str) -> None:
    if len(key.encode()) > LONGEST_KEY:
        raise InvalidURIError(f"a key has at most {LONGEST_KEY} bytes on {prefix}://: {key[:40]!r}...")
    if prefix == "gcs" and ("\n" in key or "\r" in key):
        raise InvalidURIError(f"a key has no line break on gcs://: {key!r}")
    if prefix == "az":
        if _CONTROL.search(key) or any(ord(character) & 0xFFFE == 0xFFFE for character in key):
            raise InvalidURIError(f"a blob name has no control character and no noncharacter: {key!r}")
        if "\\" in key:
            raise InvalidURIError(f"a blob name has no backslash, which Azure stores as a slash: {key!r}")
        if any(segment.endswith(".") for segment in key.split("/")):
            raise InvalidURIError(f"a segment of a blob name does not end with a dot, which Azure drops: {key!r}")


def _refuse_unencodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidURIError(f"a path is encodable as UTF-8: {text!r}") from None
