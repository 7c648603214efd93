"""
What does the gate cost?

    python benchmarks/gate_cost.py [--quick]

Ratios of medians through the gate to direct, boto3 on moto, from one interleaved run: through a tap that records only,
through one that verifies every signature, and through a proxy that reads nothing, which no gate can be cheaper than. The last
columns are what the gate's own process used, a request, which a busy machine does not change much.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from measuring import Talk, in_threads, interleaved, table
from raw_sdks import S3

from conformance.gate import Authority, start_gate
from conformance.identities import Identity
from conformance.services import RunningService, start_services

SMALL = os.urandom(4096)
WAYS = ("records", "verifies", "reads nothing")


def cpu_s(pid: int) -> float:
    """Return the processor seconds that a process has used; 0 where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def pass_through(url: str) -> Iterator[str]:
    """Give the URL of a proxy before a service that reads nothing."""
    command = [sys.executable, str(Path(__file__).with_name("pass_through.py")), str(urlsplit(url).port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="The cost of the gate.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    rounds = 3 if parser.parse_args().quick else 9
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    logs = Path(tempfile.mkdtemp(prefix="benchmark-"))
    with (
        start_services(["moto"], directory=logs, progress=Talk()) as services,
        start_gate() as recorder,
        start_gate() as decider,
        ExitStack() as opened,
    ):
        moto = services["moto"]
        if not isinstance(moto, RunningService):
            raise SystemExit(f"{moto.reason}; {moto.hint}")
        bare = opened.enter_context(pass_through(moto.url))
        recording, deciding = recorder.open(moto.url), decider.open(moto.url, authority=Authority("s3"))
        deciding.know(Identity("root", "aws", moto.access_key, moto.secret_key))
        clients = {
            "direct": S3(moto, "bucket"),
            "records": S3(moto, "bucket", recording.url),
            "verifies": S3(moto, "bucket", deciding.url),
            "reads nothing": S3(moto, "bucket", bare),
        }
        clients["direct"].make()
        clients["direct"].put("small", SMALL)
        rows = []
        for name, threads in (("put", 1), ("get", 1), ("put", 8), ("get", 8)):
            times = 100
            contenders = {}
            for way, client in clients.items():
                work = (
                    (lambda n, c=client: c.put(f"k{n}", SMALL))
                    if name == "put"
                    else (lambda _, c=client: c.get("small"))
                )
                contenders[way] = in_threads(work, threads=threads, times=times)
            before = [cpu_s(gate.pid) for gate in (recorder, decider)]
            seconds = interleaved(contenders, rounds)
            used = [cpu_s(gate.pid) - began for gate, began in zip((recorder, decider), before, strict=True)]
            if set(deciding.signers()) != {"root"}:
                raise SystemExit("the gate did not verify what was measured")
            recording.clear()
            deciding.clear()
            direct = seconds["direct"]
            rows.append(
                (
                    f"{name} 4 KiB",
                    threads,
                    *(f"{seconds[way] / direct:.2f}" for way in WAYS),
                    *(f"{direct / seconds[way]:.2f}" for way in WAYS),
                    f"{direct / times * 1000:.2f}",
                    *(f"{each / times / (rounds + 1) * 1000:.2f}" for each in used),
                )
            )
    head = (
        *("verb", "threads", *(f"time, {way}" for way in WAYS), *(f"rate, {way}" for way in WAYS)),
        *("direct, ms each", "CPU ms, records", "CPU ms, verifies"),
    )
    print(table(head, rows))


if __name__ == "__main__":
    main()
