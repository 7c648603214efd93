"""
How fast is the reference beside the official SDK?

    python benchmarks/sdk_ratio.py [--quick] [SERVICE ...]

Ratios of medians from one interleaved run: SDK time / reference time, so that more than 1 means that the reference is
faster; and the requests that each makes, counted by the gate.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from measuring import Talk, in_threads, interleaved, table
from raw_sdks import RAW, S3, RawSdk

import deeplake_ref
from conformance.gate import start_gate
from conformance.services import RunningService, start_services

SMALL = os.urandom(4096)
LARGE = os.urandom(64 * 1024 * 1024)
MIDDLE = 30_000_000
SPAN = 64 * 1024
LISTED = 2000


def main() -> None:
    """Measure and print one table per service."""
    parser = argparse.ArgumentParser(description="The reference beside the official SDKs.")
    parser.add_argument("services", nargs="*", default=["moto", "azurite", "fake-gcs-server"])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    options = parser.parse_args()
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    logs = Path(tempfile.mkdtemp(prefix="benchmark-"))
    with start_services(options.services, directory=logs, progress=Talk()) as services:
        for service in services.values():
            if isinstance(service, RunningService):
                print(f"\n{service.name} {service.version}\n\n{measured(service, rounds=3 if options.quick else 9)}")


def measured(service: RunningService, *, rounds: int) -> str:
    """Return the table of one service."""
    bucket = "benchmark-bucket"
    raw = RAW[service.prefix](service, bucket)
    raw.make()
    url = service.url_of(bucket, "ref")
    writer, reader = deeplake_ref.Writer(url, service.creds()), deeplake_ref.Reader(url, service.creds())
    raw.put("ref/small", SMALL)
    raw.managed_put("ref/large", LARGE)
    for number in range(LISTED):
        raw.put(f"ref/many/{number:05}", b"")
    pairs = verbs(raw, writer, reader)
    counts = requests_of(service, bucket, url, pairs)
    rows = []
    for name, (sdk, ours) in pairs.items():
        large = name.startswith(("64 MiB", "list"))
        for threads in (1,) if large else (1, 16):
            times = 1 if large else 48
            contenders = {
                "sdk": in_threads(sdk, threads=threads, times=times),
                "reference": in_threads(ours, threads=threads, times=times),
            }
            seconds = interleaved(contenders, rounds)
            ratio = seconds["sdk"] / seconds["reference"]
            milliseconds = seconds["reference"] / times * 1000
            rows.append((name, threads, f"{ratio:.2f}", f"{milliseconds:.1f}", *counts[name]))
    head = ("verb", "threads", "SDK / reference", "reference, ms each", "requests, SDK", "requests, reference")
    return table(head, rows)


def verbs(raw: RawSdk, writer: Any, reader: Any) -> dict[str, tuple[Any, Any]]:
    """Return each verb as the SDK does it, and as the reference does it."""
    uploads = {"64 MiB put, managed": raw.managed_put}
    if isinstance(raw, S3):
        uploads["64 MiB put, managed, no checksum named"] = raw.unnamed_put
    return {
        "put 4 KiB": (lambda n: raw.put(f"ref/p{n}", SMALL), lambda n: writer.set(f"p{n}", SMALL)),
        "get 4 KiB": (lambda _: raw.get("ref/small"), lambda _: reader.get("small")),
        "head 4 KiB": (lambda _: raw.head("ref/small"), lambda _: reader.length("small")),
        "range 64 KiB of 64 MiB": (
            lambda _: raw.range("ref/large", MIDDLE, MIDDLE + SPAN),
            lambda _: reader.get("large", MIDDLE, MIDDLE + SPAN),
        ),
        **{
            name: (lambda _, upload=upload: upload("ref/up", LARGE), lambda _: writer.set("up", LARGE))
            for name, upload in uploads.items()
        },
        "64 MiB put, single": (lambda _: raw.put("ref/up", LARGE), lambda _: writer.set("up", LARGE)),
        "64 MiB get, managed": (lambda _: raw.managed_get("ref/large"), lambda _: reader.get("large")),
        "64 MiB get, single": (lambda _: raw.get("ref/large"), lambda _: reader.get("large")),
        "list 2,000": (lambda _: raw.list("ref/many/"), lambda _: reader.list("many")),
    }


def requests_of(service: RunningService, bucket: str, url: str, names: Any) -> dict[str, tuple[int, int]]:
    """Return the requests per verb of both, counted by a gate in front of the service."""
    counts: dict[str, tuple[int, int]] = {}
    with start_gate() as gate:
        tap = gate.open(service.url)
        raw = RAW[service.prefix](service, bucket, tap.url)
        creds = service.creds(tap.url)
        writer, reader = deeplake_ref.Writer(url, creds), deeplake_ref.Reader(url, creds)
        tapped = verbs(raw, writer, reader)
        for name in names:
            seen = []
            for work in tapped[name]:
                work(0)  # what a client does once, when it connects, is not counted
                tap.clear()
                work(0)
                seen.append(len(tap.requests()))
            counts[name] = (seen[0], seen[1])
        writer.close()
        reader.close()
    return counts


if __name__ == "__main__":
    main()
