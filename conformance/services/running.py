"""
A service that runs, or one that could not be had.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

REGION = "us-east-1"
LAST_LINES = 5
ALIVE_S = 10.0

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class RunningService:
    """A storage server that answers at `url`.

    Attributes:
        name: the service's name.
        prefix: `s3`, `az` or `gcs`.
        url: where it listens, such as `http://127.0.0.1:40113`.
        version: what runs.
        runtime: `native`, `container` or `external`.
        access_key: the root user or account.
        secret_key: its key; never printed.
        ready_path: the path that answers while it lives.
        pid: its process, None if it is not ours.
        log: its output, None if it is not ours.
        container: the id of its container, None if it is in none.
        kept: whether it outlives the run, so that what a run made in it has to be removed.
    """

    name: str
    prefix: str
    url: str
    version: str
    runtime: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    ready_path: str = "/"
    pid: int | None = None
    log: Path | None = None
    container: str | None = None
    kept: bool = False

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Keep Hypothesis, which prints dataclasses field by field, from showing the key."""
        printer.text(repr(self))

    def creds(self, endpoint: str | None = None) -> dict[str, Any]:
        """Return the creds dictionary for a target, with the root credential.

        Args:
            endpoint: another address of the same service, such as a gate's port in front of it.
        """
        base = endpoint or self.url
        if self.prefix == "s3":
            return {
                "aws_access_key_id": self.access_key,
                "aws_secret_access_key": self.secret_key,
                "endpoint_url": base,
                "aws_region": REGION,
            }
        if self.prefix == "az":
            return {"account_key": self.secret_key, "endpoint_url": f"{base}/{self.access_key}"}
        return {"anon": True, "endpoint_url": base}

    def url_of(self, bucket: str, path: str = "") -> str:
        """Return the Deep Lake path of a place in a bucket or container."""
        account = f"{self.access_key}/" if self.prefix == "az" else ""
        return f"{self.prefix}://{account}{bucket}" + (f"/{path}" if path else "")

    @property
    def outlives_the_run(self) -> bool:
        """Whether somebody else uses it after this run."""
        return self.kept or self.runtime == "external"

    def alive(self) -> bool:
        """Whether it answers at all; any HTTP answer counts."""
        try:
            with _OPENER.open(self.url + self.ready_path, timeout=ALIVE_S):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def last_lines(self) -> str:
        """Return the end of its log."""
        return last_lines(self.log) if self.log is not None else "it is not ours, look at its own log"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, to be handed to another process in memory; it holds the key."""
        return asdict(self) | {"log": str(self.log) if self.log else None}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Return the service of another process's data."""
        return cls(**(values | {"log": Path(values["log"]) if values["log"] else None}))


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A service that could not be had: why, and what to do."""

    name: str
    reason: str
    hint: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Return it from plain data."""
        return cls(**values)


def last_lines(log: Path, count: int = LAST_LINES) -> str:
    """Return the last lines of a log, shortened."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return "(no log)"
    lines = [line.strip()[:200] for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-count:]) or "(nothing)"
