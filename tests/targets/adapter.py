"""
An adapter with one declared vice, for tests of the stdio door: `python adapter.py VICE`.

It speaks the protocol by hand and imports nothing of the suite. `get` shows the vice, everything else is right. A vice
`answers JSON` is that answer to every method about an open dataset.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import Any

VICE = sys.argv[1] if len(sys.argv) > 1 else ""


def main() -> None:
    """Answer each line."""
    if VICE == "dies-at-once":
        sys.exit("ModuleNotFoundError: no module named sdk")
    for line in sys.stdin:
        request = json.loads(line)
        for message in answers(request):
            print(message if isinstance(message, str) else json.dumps(message), flush=True)
    if VICE == "outlives-its-stdin":
        threading.Event().wait()


def answers(request: dict[str, Any]) -> list[Any]:
    """Return what is written for a request."""
    number, method = request["id"], request["method"]
    results: dict[str, Any] = {"hello": {"name": "adapter", "version": VICE}, "open": 1, "close": None}
    if VICE == "other-protocol":
        results["hello"]["protocol"] = 2
    if VICE == "says-nothing":
        return []
    if VICE == "extra-member":
        results["hello"]["language"] = "Python"
    if VICE == "hangs" and method == "dataset.read":
        return misbehave(number)
    if method.startswith("dataset.") and VICE.startswith("answers "):
        is_opened = method in ("dataset.create", "dataset.open")
        return [right(number, 1 if is_opened else json.loads(VICE.removeprefix("answers ")))]
    if method in results:
        return [{"jsonrpc": "2.0", "id": number, "result": results[method]}]
    if method not in ("get", "length", "list", "set", "list_iter"):
        return [failed(number, -32601, f"no {method} here")]
    return vice(request)


def vice(request: dict[str, Any]) -> list[Any]:
    """Return what the vice makes of a request."""
    number, params = request["id"], request["params"]
    told = {"class": "StorageKeyNotFound", "http_status": 404, "effect": "none"}
    wrong = {"length": "7", "list": [{"path": "k"}], "set": [], "list_iter": [], "get": {}}
    page = params.get("cursor", 0)
    following = page + 1 if isinstance(page, int) and page < 2 else None
    lines: dict[str, list[Any]] = {
        "chatters": ["DEBUG: about to read", right(number)],
        "forgets-the-id": [{"jsonrpc": "2.0", "result": "dg=="}],
        "invents-an-id": [right(number + 1000)],
        "answers-twice": [right(number), right(number)],
        "says-both": [right(number) | {"error": {"code": -32000, "message": ""}}],
        "says-neither": [{"jsonrpc": "2.0", "id": number}],
        "raises": [failed(number, -32000, "told", told)],
        "raises-unknown-class": [failed(number, -32000, "own", {"class": "FolderError", "code": 13})],
        "raises-without-class": [failed(number, -32000, "nothing more")],
        "crashes": [failed(number, -32603, f"TypeError at {params.get('path')}")],
        "refuses-params": [failed(number, -32602, "bad params")],
        "not-base64": [right(number, "***")],
        "a-number-for-bytes": [right(number, 7)],
        "wrong-results": [right(number, wrong[request["method"]])],
        "blank-lines": ["", right(number), ""],
        "pages": [right(number, {"page": [{"path": f"k{page}", "size": page}], "next": following})],
    }
    return lines.get(VICE) or misbehave(number)


def misbehave(number: int) -> list[Any]:
    """Return what is written by the vices that do something."""
    if VICE == "hangs":
        print("waiting for a lock", file=sys.stderr, flush=True)
        return []
    if VICE == "is-killed":
        os.kill(os.getpid(), 9)
    if VICE == "has-a-child":
        child = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
        return [right(number, str(child.pid))]
    if VICE == "stops-reading":
        threading.Event().wait()
    if VICE == "floods-stderr":
        print("x" * 1_000_000, file=sys.stderr, flush=True)
        print("y" * 1_000_000, file=sys.stderr, flush=True)
    return [right(number)]


def right(number: int, result: Any = "dg==") -> dict[str, Any]:
    """Return a right answer."""
    return {"jsonrpc": "2.0", "id": number, "result": result}


def failed(number: int, code: int, message: str, data: Any = None) -> dict[str, Any]:
    """Return an error."""
    error = {"code": code, "message": message} | ({"data": data} if data else {})
    return {"jsonrpc": "2.0", "id": number, "error": error}


main()
