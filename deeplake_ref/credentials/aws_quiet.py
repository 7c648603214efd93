"""
Keeps botocore from logging, at level DEBUG, what it sends and receives for us: session tokens, logins, secret keys.

Measured with botocore 1.44: `botocore.auth` logs the session token of each request, `botocore.endpoint` the token of a
web identity and of a login too, `botocore.parsers` whole answers of STS and SSO, `botocore.utils` what a container's
endpoint answers. What others in the process do with botocore is logged as ever.
"""

from __future__ import annotations

import logging
import threading

TALKATIVE = ("botocore.auth", "botocore.endpoint", "botocore.parsers", "botocore.utils")
"""Loggers whose lines may hold secrets."""

_ours = threading.local()


class _Quiet:
    """A block in which this thread's lines of those loggers are dropped; blocks may be nested."""

    def __enter__(self) -> None:
        _ours.depth = getattr(_ours, "depth", 0) + 1

    def __exit__(self, *_exception: object) -> None:
        _ours.depth -= 1


def _is_to_be_told(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or not getattr(_ours, "depth", 0)


for _name in TALKATIVE:
    logging.getLogger(_name).addFilter(_is_to_be_told)

QUIET = _Quiet()
