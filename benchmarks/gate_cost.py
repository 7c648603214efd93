"""
What does the gate cost?

    python benchmarks/gate_cost.py [--quick]

Ratios of medians through the gate to direct, boto3 on moto, from one interleaved run.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from measuring import Talk, in_threads, interleaved, table
from raw_sdks import S3

from conformance.gate import start_gate
from conformance.services import RunningService, start_services

SMALL = os.urandom(4096)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="The cost of the gate.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    rounds = 3 if parser.parse_args().quick else 9
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    logs = Path(tempfile.mkdtemp(prefix="benchmark-"))
    with start_services(["moto"], directory=logs, progress=Talk()) as services, start_gate() as gate:
        moto = services["moto"]
        if not isinstance(moto, RunningService):
            raise SystemExit(f"{moto.reason}; {moto.hint}")
        tap = gate.open(moto.url)
        direct, through = S3(moto, "bucket"), S3(moto, "bucket", tap.url)
        direct.make()
        direct.put("small", SMALL)
        rows = []
        for name, threads in (("put", 1), ("get", 1), ("put", 8), ("get", 8)):
            times = 100
            contenders = {}
            for way, client in (("direct", direct), ("gate", through)):
                work = (
                    (lambda n, c=client: c.put(f"k{n}", SMALL))
                    if name == "put"
                    else (lambda _, c=client: c.get("small"))
                )
                contenders[way] = in_threads(work, threads=threads, times=times)
            seconds = interleaved(contenders, rounds)
            tap.clear()
            ratio = seconds["gate"] / seconds["direct"]
            rows.append((f"{name} 4 KiB", threads, f"{ratio:.2f}", f"{seconds['direct'] / times * 1000:.2f}"))
    print(table(("verb", "threads", "gate / direct, time", "direct, ms each"), rows))


if __name__ == "__main__":
    main()
