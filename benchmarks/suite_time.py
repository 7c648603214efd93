"""
Where does the suite's time go?

    python benchmarks/suite_time.py [RECORD]

Read from the record of a run; without one, the default services are run in the quick profile in one process first.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import table

from conformance.record import read_record

KINDS = ("target", "witness", "service", "own")


def main() -> None:
    """Print the shares per place."""
    parser = argparse.ArgumentParser(description="Shares of a run's time.")
    parser.add_argument("--quick", action="store_true", help="accepted for all benchmarks; a quick run is all there is")
    parser.add_argument("record", nargs="?", type=Path)
    given = parser.parse_args().record
    with tempfile.TemporaryDirectory(prefix="benchmark-") as directory:
        path = given or run(Path(directory))
        record = read_record(path / "record.jsonl" if path.is_dir() else path)
    rows = []
    for place in record.places:
        seconds = dict.fromkeys(KINDS, 0.0)
        for result in record.results:
            if result["place"] == place:
                for kind in KINDS:
                    seconds[kind] += result["seconds"][kind]
        total = sum(seconds.values()) or 1.0
        examples = sum(result["examples"] for result in record.results if result["place"] == place)
        rows.append((place, f"{total:.1f}", *(f"{seconds[kind] / total:.0%}" for kind in KINDS), examples))
    print(table(("place", "seconds", "target", "witness", "service waits", "the suite's own", "examples"), rows))


def run(directory: Path) -> Path:
    """Run the suite in one process and return where its record is."""
    command = [sys.executable, "-m", "conformance", "run", "--profile", "quick", "-n", "0", "--record", str(directory)]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, timeout=1800)
    return directory


if __name__ == "__main__":
    main()
