"""
The command of the reference.

    python -m deeplake_ref explain s3://bucket/ds [--creds-json FILE] [--probe] [--write] [--json]

stdout is the explanation, stderr what is wrong with the call. Exit code 0: there are credentials, and all that was tried
worked; 1: there are none, or something did not work; 2: usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deeplake_ref.errors import InvalidURIError
from deeplake_ref.explanation import Explanation, explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code."""
    parser, options = _options(arguments)
    try:
        creds = _creds(options.creds_json) if options.creds_json else None
        found = explain(options.path, creds, probe=options.probe or options.write, write=options.write)
    except (InvalidURIError, _UnreadableError) as error:
        parser.error(str(error))
    print(json.dumps(found.as_dict(), indent=2) if options.json else "\n".join(told(found)))
    return 0 if found.is_usable else 1


class _UnreadableError(Exception):
    """The file of the creds cannot be read; the message does not repeat what it holds."""


def _options(arguments: Sequence[str] | None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(prog="python -m deeplake_ref", description="The reference, asked about itself.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    asked = commands.add_parser("explain", help="which credentials are used for a path, and why")
    asked.add_argument("path", metavar="PATH", help="such as s3://bucket/ds")
    asked.add_argument(
        "--creds-json", metavar="FILE", help="JSON file with the creds; - reads stdin; never given as an argument"
    )
    asked.add_argument("--probe", action="store_true", help="try a listing and a read")
    asked.add_argument("--write", action="store_true", help="try a write too, and its removal")
    asked.add_argument("--json", action="store_true", help="print JSON")
    return asked, parser.parse_args(arguments)


def _creds(file: str) -> dict[str, Any] | str | None:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise _UnreadableError(f"--creds-json cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _UnreadableError("--creds-json is not UTF-8") from None
    try:
        creds = json.loads(text)
    except ValueError as error:
        at = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "somewhere"
        raise _UnreadableError(f"--creds-json is not JSON: {at}") from None
    if creds is not None and not isinstance(creds, dict | str):
        raise _UnreadableError(f"--creds-json holds an object or a text: {type(creds).__name__}")
    return creds


def told(found: Explanation) -> Iterator[str]:
    """Yield an explanation line by line, for people."""
    yield found.path
    if found.needs_credentials:
        yield f"  credentials  {found.winner or 'none'}"
    else:
        yield "  credentials  none are needed"
    if found.expires_at is not None:
        yield f"  expires      {found.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    if found.endpoint is not None:
        yield f"  endpoint     {found.endpoint}"
    if found.region is not None:
        yield f"  region       {found.region}"
    if found.storage is not None:
        yield f"  storage      {found.storage} ({found.mode})"
    if found.failure is not None:
        yield f"  failure      {found.failure.error}: {found.failure.message}"
        yield from _advised(found.failure.advice, "  " + 13 * " ")
    if found.attempts:
        yield "sources, in their order"
        width = max(len(attempt.source) for attempt in found.attempts)
        for attempt in found.attempts:
            yield f"  {attempt.source:{width}}  {attempt.answer:14}  {attempt.reason}".rstrip()
    if found.probes:
        yield "tried"
        for each in found.probes:
            error = f"{each.error}: " if each.error else ""
            yield f"  {each.action:6}  {each.outcome:6}  {error}{each.detail}"
            yield from _advised(each.advice, 18 * " ")


def _advised(advice: str, indent: str) -> Iterator[str]:
    if advice:
        yield f"{indent}hint: {advice}"


if __name__ == "__main__":
    sys.exit(main())
