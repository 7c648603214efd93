"""
An adapter with one declared vice, for tests of the stdio door: `python adapter.py VICE`.

It speaks the protocol by hand and imports nothing of the suite. `get` shows the vice, everything else is right.
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
    if method in results:
        return [{"jsonrpc": "2.0", "id": number, "result": results[method]}]
    if method not in ("get", "length", "list", "set", "list_iter"):
        return [failed(number, -32601, f"no {method} here")]
    return vice(request)


def vice(request: dict[str, Any]) -> list[Any]:
    """Return what the vice makes of a `get`."""
    number, params = request["id"], request["params"]
    raised = failed(number, -32000, "told", {"class": "StorageKeyNotFound", "http_status": 404, "effect": "none"})
    match VICE:
        case "chatters":
            return ["DEBUG: about to read", right(number)]
        case "forgets-the-id":
            return [{"jsonrpc": "2.0", "result": "dg=="}]
        case "invents-an-id":
            return [right(number + 1000)]
        case "answers-twice":
            return [right(number), right(number)]
        case "says-both":
            return [right(number) | {"error": {"code": -32000, "message": ""}}]
        case "says-neither":
            return [{"jsonrpc": "2.0", "id": number}]
        case "raises":
            return [raised]
        case "raises-unknown-class":
            return [failed(number, -32000, "own", {"class": "FolderError", "code": 13})]
        case "raises-without-class":
            return [failed(number, -32000, "nothing more")]
        case "crashes":
            return [failed(number, -32603, f"TypeError at {params['path']}")]
        case "refuses-params":
            return [failed(number, -32602, "bad params")]
        case "not-base64":
            return [right(number, "***")]
        case "a-number-for-bytes":
            return [right(number, 7)]
        case "wrong-results":
            wrong = {"length": "7", "list": [{"path": "k"}], "set": [], "list_iter": [], "get": {}}
            return [right(number, wrong[request["method"]])]
        case "hangs":
            print("waiting for a lock", file=sys.stderr, flush=True)
            return []
        case "is-killed":
            os.kill(os.getpid(), 9)
        case "has-a-child":
            child = subprocess.Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])
            return [right(number, "") | {"result": str(child.pid)}]
        case "stops-reading":
            threading.Event().wait()
        case "floods-stderr":
            print("x" * 1_000_000, file=sys.stderr, flush=True)
            print("y" * 1_000_000, file=sys.stderr, flush=True)
        case "blank-lines":
            return ["", right(number), ""]
        case "pages":
            page = params.get("cursor", 0)
            meta = {"path": f"k{page}", "size": page}
            return [right(number, {"page": [meta], "next": page + 1 if page < 2 else None})]
    return [right(number)]


def right(number: int, result: Any = "dg==") -> dict[str, Any]:
    """Return a right answer."""
    return {"jsonrpc": "2.0", "id": number, "result": result}


def failed(number: int, code: int, message: str, data: Any = None) -> dict[str, Any]:
    """Return an error."""
    error = {"code": code, "message": message} | ({"data": data} if data else {})
    return {"jsonrpc": "2.0", "id": number, "error": error}


main()
