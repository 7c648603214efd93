"""
Runs a few lines with the real `deeplake` in a process of their own, where nothing can leave the machine.

stdin is one object in JSON: `code`, `names`, the variables that it finds beside `deeplake`, `Reader` and `Writer`, and
`endpoint`, the URL of the control plane. The value of the last line is answered, or the class of what it raised, as one line
of JSON on stdout. This file needs nothing but Python and `deeplake`, so that another interpreter can run it.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from pathlib import Path
from typing import Any

LOOPBACK = "lo"


def can_leave() -> bool:
    """Whether this machine has a route to another one: importing `deeplake` 4.7.4 dials home."""
    four = Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:]
    file = Path("/proc/net/ipv6_route")
    six = file.read_text(encoding="ascii").splitlines() if file.exists() else []
    return any(line.split()[0] != LOOPBACK for line in four) or any(line.split()[-1] != LOOPBACK for line in six)


def value_of(code: str, names: dict[str, Any]) -> Any:
    """Run lines and return the value of the last one."""
    *lines, last = ast.parse(code).body
    assert isinstance(last, ast.Expr)
    exec(compile(ast.Module(lines, []), "step", "exec"), names)  # noqa: S102 - the lines are those of steps.py
    return eval(compile(ast.Expression(last.value), "step", "eval"), names)  # noqa: S307 - the same


def main() -> int:
    """Read what is asked, run it, and answer."""
    if can_leave():
        sys.stderr.write("there is a route to other machines: deeplake is not imported\n")
        return 3
    asked = json.load(sys.stdin)
    # the client and its libraries print; what is answered has a stream of its own
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    import deeplake
    from deeplake._deeplake.storage import Reader, Writer

    deeplake.client.endpoint = asked["endpoint"]
    names = asked["names"] | {"deeplake": deeplake, "Reader": Reader, "Writer": Writer}
    try:
        answer: dict[str, Any] = {"gives": value_of(asked["code"], names)}
    except BaseException as error:  # noqa: BLE001 - some of its classes are no Exception
        answer = {"raises": type(error).__name__, "told": str(error)[:2000]}
    answers.write(json.dumps(answer, default=lambda value: f"a {type(value).__name__}") + "\n")
    answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
