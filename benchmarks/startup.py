"""
What do imports, `--help` and a run on `mem://` cost?

    python benchmarks/startup.py [--quick]

Ratios of medians to `python -c pass`, from one interleaved run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile

from measuring import interleaved, table

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import deeplake_ref": ["-c", "import deeplake_ref"],
    "import conformance": ["-c", "import conformance"],
    "deeplake-conformance --help": ["-m", "conformance", "--help"],
    "run on mem://, one requirement": [
        "-m", "conformance", "run", "--places", "mem", "--only", "OBJ-1", "--profile", "quick", "-n", "0",
    ],
}  # fmt: skip


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Start-up costs.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as directory:

        def run(name: str) -> None:
            subprocess.run(
                [sys.executable, *COMMANDS[name]], cwd=directory, check=True, capture_output=True, timeout=120
            )

        contenders = {name: (lambda name=name: run(name)) for name in COMMANDS}
        seconds = interleaved(contenders, 3 if options.quick else 9)
    base = seconds["python -c pass"]
    rows = [(name, f"{value / base:.1f}", f"{value * 1000:.0f}") for name, value in seconds.items()]
    print(table(("command", "ratio to `python -c pass`", "ms"), rows))


if __name__ == "__main__":
    main()
