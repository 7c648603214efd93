"""
The gate's process: one JSON object per line in, one out, ends with its stdin.

`{"do": "open", "host": h, "port": p}` answers `{"tap": n, "port": q}`; `{"do": "requests", "tap": n}` answers
`{"requests": [...]}`; `{"do": "held", "tap": n}` answers `{"held": k}`; `clear`, `hold` (with `after`, the requests that
still pass), `release`, `drop` and `close` answer `{}`; a mistake answers `{"error": text}`.

`open` takes two more: `authority`, the fields of `conformance.gate.authority.Authority`, and `tls`, the fields `cert_path`
and `key_path`. A tap with an authority also takes `{"do": "know", "tap": n, "identities": [...]}`, each with the fields of
`conformance.identities.Identity`, and `{"do": "forget", "tap": n, "label": l}`. Keys and tokens come this way and no other:
never in arguments or the environment, where other processes could read them.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any

from conformance.certificates import Certificate
from conformance.gate.authority import Authority
from conformance.gate.judge import Judge
from conformance.gate.proxy import Proxy
from conformance.identities import Identity

try:
    import uvloop
except ImportError:  # there is none for Windows and PyPy; the gate then uses twice as much of the processor
    uvloop = None  # type: ignore[assignment]


class Desk:
    """Answers the runner's commands."""

    def __init__(self) -> None:
        self._taps: dict[int, Proxy] = {}

    async def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to one command."""
        if command["do"] == "open":
            proxy = _proxy(command)
            port = await proxy.listen()
            number = len(self._taps)
            self._taps[number] = proxy
            return {"tap": number, "port": port}
        proxy = self._taps[command["tap"]]
        match command["do"]:
            case "requests":
                return {"requests": [exchange.to_json() for exchange in proxy.recorder.exchanges()]}
            case "clear":
                proxy.recorder.clear()
            case "hold":
                proxy.hold(command["after"])
            case "held":
                return {"held": proxy.held}
            case "release":
                proxy.release()
            case "drop":
                proxy.drop()
            case "know":
                self._judge(proxy).know([Identity.from_json(values) for values in command["identities"]])
            case "forget":
                self._judge(proxy).forget(command["label"])
            case "close":
                await proxy.close()
            case unknown:
                return {"error": f"unknown command {unknown!r}"}
        return {}

    @staticmethod
    def _judge(proxy: Proxy) -> Judge:
        if proxy.judge is None:
            raise ValueError("the tap records only, it was opened without an authority")
        return proxy.judge

    async def close(self) -> None:
        """Close every tap."""
        for proxy in self._taps.values():
            await proxy.close()


def _proxy(command: dict[str, Any]) -> Proxy:
    """Return the proxy that a command describes, not yet listening."""
    tls = Certificate.from_json(command["tls"]).server_context() if "tls" in command else None
    rules = Authority.from_json(command["authority"]) if "authority" in command else None
    host = f"{command['host']}:{command['port']}"
    judge = Judge(rules, host=host, is_tls=tls is not None) if rules else None
    return Proxy(command["host"], command["port"], judge=judge, tls=tls)


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
    if uvloop is None:
        asyncio.run(main())
    else:
        uvloop.run(main())
