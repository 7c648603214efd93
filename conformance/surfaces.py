"""
Where a target can give secrets away, and which ones it did in a world that was watched.

Each function returns findings such as `stderr: secret of aws_env in clear`; an empty list is right.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.canaries import Canaries, Canary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from conformance.fakes import Request
    from conformance.stages import Stage
    from conformance.targets.overheard import Overheard


def in_errors(stage: Stage) -> list[str]:
    """Look at messages and codes of errors, and at tracebacks and all that hangs on causes where the target is Python's."""
    heard = _overheard(stage)
    return _found(stage, [("what an error says", heard.errors), ("an exception", heard.seen("raised"))])


def in_texts(stage: Stage) -> list[str]:
    """Look at repr, str and attributes of handles, and at what the target explains."""
    heard = _overheard(stage)
    return _found(stage, [("the text of a handle", heard.seen("texts")), ("explain", heard.answers("explain"))])


def in_logs(stage: Stage) -> list[str]:
    """Look at what was logged."""
    return _found(stage, [("the log", _overheard(stage).seen("log"))])


def in_output(stage: Stage) -> list[str]:
    """Look at stderr, to which also goes what a Python target prints or warns of."""
    return _found(stage, [("stderr", _overheard(stage).output)])


def in_pickles(stage: Stage) -> list[str]:
    """Look at the pickles of handles and of exceptions."""
    return _found(stage, [("a pickle", _overheard(stage).seen("pickles"))])


CACHE = ".deeplake/gcs_token.json"
"""The file below the home directory in which the specification of Google lets a consent be kept."""


def in_files(stage: Stage) -> list[str]:
    """Look at the name and content of every file that was written in the private directories, but for the cache."""
    from conformance.stages import files_of

    now = files_of(stage.setting)
    kept = {"gcs_browser", "gcs_cache"}.intersection(stage.setting.world.sources)
    cache = stage.setting.home / CACHE if kept else None
    written = [path for path, about in now.items() if path != cache and stage.before.get(path) != about]
    root = stage.setting.directory
    return _found(stage, [(f"file {path.relative_to(root).parts[0]}/...", _content(path)) for path in written])


def in_children(stage: Stage) -> list[str]:
    """Look at arguments and variables of commands that were run, of this process, and at variables that were added."""
    setting = stage.setting
    parts = [("arguments of the target's process", _arguments(stage))]
    parts.append(("a variable that was set", _overheard(stage).seen("variables")))
    for source, file in setting.started.items():
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        for line in map(json.loads, lines):
            parts.append((f"an argument of the command of {source}", "\0".join(line["arguments"]).encode()))
            added = [value for name, value in line["variables"].items() if setting.variables.get(name) != value]
            parts.append((f"a variable of the command of {source}", "\0".join(added).encode()))
    return _found(stage, parts)


def in_requests(stage: Stage) -> list[str]:
    """Look at requests to other hosts than the one that a secret is for: every fake, the proxy, the service itself."""
    canaries = Canaries.of(stage.setting)
    found = [f"the proxy was asked for {host}" for host in stage.setting.leaks()]
    for name, server in stage.setting.servers.items():
        source_of = getattr(server.fake, "source_of", None)
        for request in list(server.received):
            asking = source_of(request) if source_of else name
            own = _belongs_to(asking)
            found += [f"a request to {name}: {each}" for each in canaries.found_in(whole(request), but=own)]
    for proxy in stage.setting.proxies:
        for request in proxy.received:
            found += [f"a request through the proxy: {each}" for each in canaries.found_in(whole(request))]
    for exchange in stage.requests():
        # what proves an identity is masked by the gate, so that this is what stands anywhere else
        head = f"{exchange.target}\n{exchange.headers}".encode("utf-8", "backslashreplace")
        found += [f"a request to the service, outside its proof: {each}" for each in canaries.found_in(head)]
        # the gate masks these too: a token in a URL stands in the log of every server on the way
        found += [f"a request to the service, in its URL: a token as {name}" for name in exchange.bearers]
    return sorted(set(found))


SURFACES: dict[str, Callable[[Stage], list[str]]] = {
    "errors": in_errors,
    "texts": in_texts,
    "logs": in_logs,
    "output": in_output,
    "files": in_files,
    "children": in_children,
    "pickles": in_pickles,
    "requests": in_requests,
}
"""Every surface by name."""


def all_found(stage: Stage) -> dict[str, list[str]]:
    """End the target's process, which may still hold back what it printed, and return the findings of every surface."""
    running = in_children(stage)
    stage.target.close()
    return {name: running if name == "children" else look(stage) for name, look in SURFACES.items()}


def whole(request: Request) -> bytes:
    """Return all of a request that a fake got."""
    head = "".join(f"{name}: {value}\n" for name, value in request.headers.items())
    return f"{request.method} {request.target}\n{head}\n".encode("utf-8", "backslashreplace") + request.body


CLIENT = "gcs client secret"
"""The secret of the application of Google that people consent to; every source of a person shows it."""


def _belongs_to(source: str) -> Callable[[Canary], bool]:
    return lambda canary: canary.is_shown and canary.source in (source, CLIENT)


def _overheard(stage: Stage) -> Overheard:
    if stage.overheard is None:
        raise ValueError("nobody watched this world")
    return stage.overheard


def _found(stage: Stage, parts: Iterable[tuple[str, bytes]]) -> list[str]:
    canaries = Canaries.of(stage.setting)
    return sorted({f"{where}: {each}" for where, data in parts for each in canaries.found_in(data)})


def _content(path: Path) -> bytes:
    try:
        return str(path).encode("utf-8", "surrogateescape") + b"\n" + path.read_bytes()
    except OSError:
        return b""  # gone meanwhile


def _arguments(stage: Stage) -> bytes:
    pid = getattr(stage.target, "pid", None)
    file = Path(f"/proc/{pid}/cmdline")
    return file.read_bytes() if pid is not None and file.exists() else b""


PROOFS = ("authorization", "x-amz-security-token", "x-aws-ec2-metadata-token", "x-amz-sso_bearer_token", "cookie")
"""Headers that prove an identity, whether or not they show a secret."""


def proofs_in(stage: Stage, server: str) -> list[str]:
    """Return what proves an identity in the requests that a server got, which is none's service."""
    canaries = Canaries.of(stage.setting)
    found = set()
    for request in list(stage.setting.servers[server].received):
        found |= {f"the header {name}" for name in PROOFS if name in request.headers}
        found |= set(canaries.found_in(whole(request)))
    return sorted(found)
