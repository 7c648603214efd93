"""
Speaks every method of the protocol once with a target that is being written, and checks every message.

    python -m conformance.protocol --url file:///tmp/try -- node folder.mjs

It says whether the conversation holds to the protocol, not whether the answers are right: that is what a run is for.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.protocol import Schema
from conformance.targets import HarnessError, NotClaimed, TargetDied, TargetError
from conformance.targets.connection import Connection
from conformance.targets.masking import Secrets
from conformance.targets.messages import VERSION, to_base64
from conformance.targets.process import LineProcess, start

if TYPE_CHECKING:
    from collections.abc import Sequence

DEADLINE_S = 30.0
LONGEST = 120
"""Characters of an answer that are shown."""


class Conversation:
    """One conversation, told line by line; `broken` counts what broke the protocol."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.broken = 0

    def say(self, method: str, **params: Any) -> Any:
        """Ask one method, print how it went, and return the result, None if there was none."""
        shown = ", ".join(f"{name}={json.dumps(value)}" for name, value in params.items() if "creds" not in name)
        result = None
        try:
            result = self._connection.call(method, params)
            outcome = f"ok           {method}({shown}) -> {json.dumps(result)}"
        except TargetError as error:
            outcome = f"raised       {method}({shown}) -> {error}"
        except NotClaimed as error:
            outcome = f"not claimed  {method}({shown}): {error}"
        except (HarnessError, TargetDied) as error:
            self.broken += 1
            outcome = f"broken       {method}({shown}): {error}"
        whole = len(outcome) <= LONGEST or outcome.startswith("broken")
        print(outcome if whole else f"{outcome[: LONGEST - 3]}...")
        return result


def converse(conversation: Conversation, url: str, creds: Any) -> None:
    """Use every method once; `protocol-try/d/k` and datasets below `protocol-try-datasets` are written and removed."""
    say = conversation.say
    if say("hello", protocol=VERSION) is None:
        return
    say("explain", url=url, creds=creds)
    writer = say("open", url=url, mode="w", creds=creds)
    if writer is not None:
        say("set", handle=writer, path="protocol-try/d/k", content=to_base64(b"value"))
        say("set", handle=writer, path="protocol-try/d/k", content=to_base64(b"other"), if_absent=True)
        say("set", handle=writer, path="protocol-try/d/k", content=to_base64(b"other"), if_match="no such etag")
        say("get_reader", handle=writer)
    reader = say("open", url=url, mode="r", creds=creds)
    if reader is not None:
        say("get", handle=reader, path="protocol-try/d/k")
        say("get", handle=reader, path="protocol-try/d/k", start=1, end=3)
        say("get", handle=reader, path="protocol-try/missing")
        say("length", handle=reader, path="protocol-try/missing")
        say("metadata", handle=reader, path="protocol-try/d/k")
        say("list", handle=reader, path="protocol-try")
        say("list_iter", handle=reader, path="protocol-try")
        say("list_dirs", handle=reader, path="protocol-try")
        say("sign_url", handle=reader, path="protocol-try/d/k", expires=60)
        say("subdir", handle=reader, path="protocol-try")
        say("no_such_method", handle=reader)
        say("close", handle=reader)
    if writer is not None:
        say("remove", handle=writer, path="protocol-try/d/k")
        say("remove_directory", handle=writer, path="protocol-try")
        say("close", handle=writer)
    converse_about_datasets(conversation, f"{url}/protocol-try-datasets", creds)


def converse_about_datasets(conversation: Conversation, url: str, creds: Any) -> None:
    """Use every method about datasets once; those about an open one only where one can be created."""
    say = conversation.say
    source, copied, alike = f"{url}/a", f"{url}/b", f"{url}/c"
    dataset = say("dataset.create", url=source, schema={"n": "int32", "x": "float64"}, creds=creds)
    if dataset is not None:
        columns = {"n": {"type": "int32", "values": [1, 2]}, "x": {"type": "float64", "values": [0.5, "nan"]}}
        say("dataset.schema", handle=dataset)
        say("dataset.append", handle=dataset, columns=columns)
        say("dataset.commit", handle=dataset, message="first")
        say("dataset.version", handle=dataset)
        say("dataset.history", handle=dataset)
        say("dataset.length", handle=dataset)
        say("dataset.read", handle=dataset, column="x")
        say("dataset.read", handle=dataset, column="n", start=1, stop=2)
        say("dataset.like", handle=dataset, url=alike, creds=creds)
        say("close", handle=dataset)
    say("dataset.open", url=source, creds=creds)
    say("dataset.open_read_only", url=source, creds=creds)
    say("dataset.exists", url=source, creds=creds)
    say("dataset.copy", src=source, dst=copied, src_creds=creds, dst_creds=creds)
    for each in (source, copied, alike):
        say("dataset.delete", url=each, creds=creds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Hold the conversation; return 1 if it broke the protocol."""
    parser = argparse.ArgumentParser(prog="python -m conformance.protocol", description=__doc__.strip().splitlines()[0])
    parser.add_argument("--url", required=True, help="where the target may write, such as file:///tmp/try")
    parser.add_argument("--creds", metavar="FILE", type=Path, help="JSON file with the credentials dictionary")
    parser.add_argument("command", nargs="+", help="after `--`: the target's command")
    options = parser.parse_args(arguments)
    creds = json.loads(options.creds.read_text(encoding="utf-8")) if options.creds else None
    secrets = Secrets()
    secrets.note(creds)
    try:
        connection = Connection(LineProcess(start(options.command)), secrets, limit_s=DEADLINE_S, schema=Schema())
    except OSError as error:
        parser.error(f"{options.command[0]}: {error.strerror}")
    conversation = Conversation(connection)
    try:
        converse(conversation, options.url, creds)
    finally:
        connection.close()
    verdict = f"{conversation.broken} broken" if conversation.broken else "every message holds to the protocol"
    print(verdict)
    return 1 if conversation.broken else 0


if __name__ == "__main__":
    sys.exit(main())
