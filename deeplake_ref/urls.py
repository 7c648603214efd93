"""
From a path to where it points: the one table of prefixes, the grammar, and the rules for keys.

Every name character is literal: nothing is percent-decoded, there is no query and no fragment. One trailing slash means
nothing. What is refused is refused here, by name of the rule, before any request or write. Sources: deeplake's
"Storage Options" page and the stubs of deeplake 4.7.4 for the prefixes; Amazon S3 "Object key naming", Azure "Naming
and Referencing Containers, Blobs, and Metadata", Cloud Storage "Object names" for what keys a place can hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

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

PARTS = {
    "mem": ("id",),
    "al": ("organisation", "name"),
    "s3": ("bucket",),
    "az": ("account", "container"),
    "gcs": ("bucket",),
}
"""The names that a path needs before its key, by prefix."""

LONGEST_KEY = 1024
"""Bytes of UTF-8 in an object key on S3, Azure and GCS."""

LONGEST_SEGMENT = 255
"""Bytes in a file name on the usual file systems."""

Versions = Literal["name", "read", "refused"]
"""What an `@` in the last segment of a path is: part of the name, the start of a version, or a mistake."""

# The word is taken widely, so that ` s3://bucket` or `1s3://bucket` does not become a local directory of that name.
_SCHEME = re.compile(r"(?P<scheme>[^/]*):(?P<slashes>/{1,2})")
# botocore's own pattern ends in `$`, which lets a line break through; ARNs would send requests to hosts of their own
_S3_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class DatasetURL:
    """A parsed path.

    Attributes:
        prefix: `mem`, `file`, `al`, `s3`, `az` or `gcs`; aliases are resolved.
        account: the storage account on Azure, the organisation on Deep Lake's own storage, else empty.
        bucket: the bucket, container or memory id; empty for files.
        path: the rest, without slashes at its ends; for files the absolute directory.
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


def parse(path: str, *, versions: Versions = "name") -> DatasetURL:
    """Return where a path points.

    Args:
        path: a path with one of the prefixes, or a bare local path.
        versions: what an `@` after the last slash is; elsewhere it always is a name character.

    Raises:
        InvalidURIError: the path breaks a rule; the message names it.
    """
    if not isinstance(path, str):
        raise _broken(f"a path is a string: {type(path).__name__}")
    if not path.strip():
        raise _broken("a path is not empty; it starts with a prefix such as s3://, or is a local directory")
    _refuse_unencodable(path)
    if versions == "name":
        return _parsed(path)
    name, version = _split_version(path)
    if version is not None and versions == "refused":
        raise _broken(f"a version is read-only, so that `@` is not written to: {path!r}")
    return replace(_parsed(name), version=version)


def _split_version(path: str) -> tuple[str, str | None]:
    above, slash, last = path.rpartition("/")
    name, at, version = last.rpartition("@")
    if not at:
        return path, None
    if not name or not version:
        raise _broken(f"`name@version` has a name and a version: {path!r}")
    return above + slash + name, version


def _parsed(path: str) -> DatasetURL:
    match = _SCHEME.match(path)
    if match is None:
        return _local(path, path)
    scheme, slashes = match.groups()
    if len(slashes) == 1:
        raise _broken(f"`{scheme}:/` has one slash, a prefix has two (a local directory: `./{scheme}:/`): {path!r}")
    if scheme not in PREFIXES:
        hint = f"; prefixes are lower case, such as {scheme.lower()}://" if scheme.lower() in PREFIXES else ""
        known = ", ".join(f"{name}://" for name in PREFIXES)
        raise _broken(f"the prefix {scheme + '://'!r} is unknown{hint}; known: {known}")
    rest = path[match.end() :]
    prefix = PREFIXES[scheme]
    return _local(rest, path) if prefix == "file" else _remote(prefix, rest, path)


def _local(directory: str, path: str) -> DatasetURL:
    if not directory.strip():
        raise _broken(f"a local path is not empty: {path!r}", "file")
    if "\x00" in directory:
        raise _broken(f"a local path has no NUL: {path!r}", "file")
    try:
        expanded = str(Path(directory).expanduser()) if directory == "~" or directory.startswith("~/") else directory
        # a handle keeps pointing where it pointed, whatever the process's directory becomes
        absolute = str(Path(expanded).absolute())
    except (OSError, RuntimeError):
        rule = f"a path relative to the home or current directory needs one that exists: {path!r}"
        raise _broken(rule, "file") from None
    # `./x` is how a local name is spelt that looks like something else
    written = directory[1:] if directory in (".", "~") or directory.startswith(("./", "~/")) else directory
    below = written.removeprefix("/").removesuffix("/")
    for segment in below.split("/") if below else ():
        _check_segment(segment, path, "file")
    return DatasetURL("file", "", "", absolute)


def _remote(prefix: str, rest: str, path: str) -> DatasetURL:
    names = PARTS[prefix]
    trimmed = rest.removesuffix("/")
    segments = trimmed.split("/") if trimmed else []
    for position, name in enumerate(names):
        if len(segments) <= position or not segments[position]:
            shape = "/".join(f"<{each}>" for each in names)
            raise _broken(f"the {name} is missing, a path is {prefix}://{shape}/...: {path!r}", prefix)
    for segment in segments:
        _check_segment(segment, path, prefix)
    account = segments[0] if len(names) == 2 else ""
    bucket = segments[len(names) - 1]
    if prefix == "s3" and not _S3_BUCKET.fullmatch(bucket):
        raise _broken(f"a bucket has letters, digits, dots, hyphens and underscores only: {path!r}", prefix)
    return DatasetURL(prefix, account, bucket, "/".join(segments[len(names) :]))


def directory(path: str) -> str:
    """Return a directory argument in normal form: without one trailing slash, empty for the root.

    Raises:
        InvalidURIError: no key can be below it.
    """
    if not isinstance(path, str):
        raise _broken(f"a directory is a string: {type(path).__name__}")
    if path == "/":
        raise _broken("a directory does not start with a slash: '/'")
    return check_key(path.removesuffix("/"), "mem") if path else ""


def check_key(key: str, prefix: str) -> str:
    """Return a full object key that a place can hold under exactly this name.

    Raises:
        InvalidURIError: the key is refused everywhere (empty segments, `.`, `..`, slashes at its ends, not encodable)
            or cannot be held on this prefix; the message names the rule.
    """
    if not isinstance(key, str):
        raise _broken(f"a key is a string: {type(key).__name__}", prefix)
    if not key:
        raise _broken("a key is not empty", prefix)
    _refuse_unencodable(key, prefix)
    for segment in key.split("/"):
        _check_segment(segment, key, prefix)
    if prefix == "file":
        _check_file_name(key)
    elif prefix != "mem":
        _check_object_name(key, prefix)
    return key


def _check_segment(segment: str, whole: str, prefix: str) -> None:
    if not segment:
        raise _broken(f"a path has no empty segment, and no slash at its ends: {whole!r}", prefix)
    if segment in (".", ".."):
        raise _broken(f"a path has no `{segment}` segment: {whole!r}", prefix)


def _check_file_name(key: str) -> None:
    if "\x00" in key:
        raise _broken(f"a file name has no NUL: {key!r}", "file")
    if any(len(segment.encode()) > LONGEST_SEGMENT for segment in key.split("/")):
        raise _broken(f"a file name has at most {LONGEST_SEGMENT} bytes: {key[:40]!r}...", "file")


def _check_object_name(key: str, prefix: str) -> None:
    if len(key.encode()) > LONGEST_KEY:
        raise _broken(f"a key has at most {LONGEST_KEY} bytes, the root's included: {key[:40]!r}...", prefix)
    if prefix == "gcs" and ("\n" in key or "\r" in key):
        raise _broken(f"a key has no line break on gcs://: {key!r}", prefix)
    if prefix == "az":
        _check_blob_name(key)


def _check_blob_name(key: str) -> None:
    if _CONTROL.search(key) or any(ord(character) & 0xFFFE == 0xFFFE for character in key):
        raise _broken(f"a blob name has no control character and no noncharacter: {key!r}", "az")
    if "\\" in key:
        raise _broken(f"a blob name has no backslash, which Azure stores as a slash: {key!r}", "az")
    if any(segment.endswith(".") for segment in key.split("/")):
        raise _broken(f"a segment of a blob name does not end with a dot, which Azure drops: {key!r}", "az")


def _refuse_unencodable(text: str, prefix: str = "") -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _broken(f"a path is encodable as UTF-8: {text!r}", prefix) from None


def _broken(rule: str, prefix: str = "") -> InvalidURIError:
    return InvalidURIError(rule, provider=prefix or None, effect="none")
