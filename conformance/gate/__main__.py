"""
The gate's process: one JSON object per line in, one out, ends with its stdin.

`{"do": "open", "host": h, "port": p}` answers `{"tap": n, "port": q}`; `{"do": "requests", "tap": n}` answers
`{"requests": [...]}`; `{"do": "held", "tap": n}` answers `{"held": k}`; `clear`, `hold` (with `after`, the requests that
still pass), `release`, `drop` and `close` answer `{}`; a mistake answers `{"error": text}`.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any

from conformance.gate.proxy import Proxy


class Desk:
    """Answers the runner's commands."""

    def __init__(self) -> None:
        self._taps: dict[int, Proxy] = {}

    async def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to one command."""
        if command["do"] == "open":
            proxy = Proxy(command["host"], command["port"])
            port = await proxy.listen()
            number = len(self._taps)
            self._taps[number] = proxy
            return {"tap": number, "port": port}
        proxy = self._taps[command["tap"]]
        match command["do"]:
            case "requests":
                return {"requests": [exchange.to_json() for exchange in proxy.recorder.done]}
            case "clear":
                proxy.recorder.done.clear()
            case "hold":
                proxy.hold(command["after"])
            case "held":
                return {"held": proxy.held}
            case "release":
                proxy.release()
            case "drop":
                proxy.drop()
            case "close":
                await proxy.close()
            case unknown:
                return {"error": f"unknown command {unknown!r}"}
        return {}

    async def close(self) -> None:
        """Close every tap."""
        for proxy in self._taps.values():
            await proxy.close()


async def main() -> None:
    """Serve until stdin ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    desk = Desk()
    while line := await reader.readline():
        try:
            answer = await desk.answer(json.loads(line))
        except (KeyError, ValueError, OSError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    await desk.close()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the runner's; the pipe's end is ours
    asyncio.run(main())
