"""
The last requests of a running service, without what is secret in them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.fakes.serving import Request

KEPT = 1000


class Recent:
    """Rows of `kind`, `method`, `path`, `status` and `user`, oldest first; of a query only `mode` is kept."""

    def __init__(self) -> None:
        self._rows: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def note(self, request: Request, kind: str, status: int | None, user: str) -> None:
        """Keep one."""
        row = {"kind": kind, "method": request.method, "path": request.path, "status": status, "user": user}
        if (mode := request.query.get("mode")) is not None:
            row["mode"] = mode
        self._rows.append(row)

    def rows(self) -> list[dict[str, Any]]:
        """Return them."""
        return list(self._rows)
