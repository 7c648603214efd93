"""
What does a dataset cost beside its own parts?

    python benchmarks/dataset_ratio.py [--quick] [SERVICE ...]

In one interleaved run: appending and committing 100,000 rows of (int64, text, embedding of 128 float32) against writing the
same Parquet bytes with pyarrow and putting them with the official SDK; then what reading one column transfers, and the
requests of opening and appending, counted by the gate.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
from measuring import Talk, interleaved, table
from raw_sdks import RAW

import deeplake_ref
from conformance.gate import start_gate
from conformance.services import RunningService, start_services
from deeplake_ref import parquet

ROWS = 100_000
WIDTH = 128
COMMITS = 20
SCHEMA = {"id": "int64", "text": "text", "embedding": f"array(float32, {WIDTH})"}


def main() -> None:
    """Measure and print one table per service."""
    parser = argparse.ArgumentParser(description="Datasets beside their parts.")
    parser.add_argument("services", nargs="*", default=["moto", "azurite", "fake-gcs-server"])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    options = parser.parse_args()
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    logs = Path(tempfile.mkdtemp(prefix="benchmark-"))
    batch = rows(ROWS)
    with start_services(options.services, directory=logs, progress=Talk()) as services:
        for service in services.values():
            if isinstance(service, RunningService):
                print(f"\n{service.name} {service.version}\n")
                print(measured(service, batch, rounds=3 if options.quick else 9))


def rows(number: int) -> pa.Table:
    """Return rows whose embeddings do not repeat."""
    # exponents are kept small, so that no pattern of bits is a NaN
    raw = bytearray(os.urandom(number * WIDTH * 4))
    raw[3::4] = bytes(len(raw[3::4]))
    values = pa.Array.from_buffers(pa.float32(), number * WIDTH, [None, pa.py_buffer(bytes(raw))])
    columns = {
        "id": pa.array(range(number), pa.int64()),
        "text": pa.array([f"row number {each}" for each in range(number)]),
        "embedding": pa.FixedSizeListArray.from_arrays(values, WIDTH),
    }
    return pa.table(columns)


def measured(service: RunningService, batch: pa.Table, *, rounds: int) -> str:
    """Return the table of one service."""
    bucket = "benchmark-datasets"
    raw = RAW[service.prefix](service, bucket)
    raw.make()
    numbers = count(1)

    def whole() -> None:
        with deeplake_ref.create(service.url_of(bucket, f"ds{next(numbers)}"), service.creds(), schema=SCHEMA) as made:
            made.append(batch)
            made.commit()

    def parts() -> None:
        raw.managed_put(f"raw/{next(numbers)}", parquet.serialised(batch).to_pybytes())

    seconds = interleaved({"dataset": whole, "parts": parts}, rounds)
    return table(
        ("what", "measured", "bound"),
        [
            ("append and commit, ratio to its parts", f"{seconds['dataset'] / seconds['parts']:.2f}", "1.5"),
            ("append and commit, seconds", f"{seconds['dataset']:.2f}", ""),
            *counted(service, bucket, batch),
        ],
    )


def counted(service: RunningService, bucket: str, batch: pa.Table) -> list[tuple[str, str, str]]:
    """Return what the gate counts: bytes of one column, requests of opening and of appending."""
    url = service.url_of(bucket, "counted")
    with deeplake_ref.create(url, service.creds(), schema=SCHEMA) as made:
        made.append(batch)
        made.commit()
        file = made.head.files[0]
        footer: Any = made._data._footer(file)  # noqa: SLF001 - the bytes of the column are in it
        groups = [footer.row_group(number).column(1) for number in range(footer.num_row_groups)]
        column = sum(group.total_compressed_size for group in groups)
        made.append(batch.slice(0, 1))
    with start_gate() as gate:
        tap = gate.open(service.url)
        creds = service.creds(tap.url)
        with deeplake_ref.open_read_only(url, creds) as opened:
            tap.clear()
            opened["text"][:]
            read = sum(exchange.response_bytes for exchange in tap.requests())
        many = service.url_of(bucket, "many")
        with deeplake_ref.create(many, creds, schema=SCHEMA) as made:
            tap.clear()
            for number in range(COMMITS):
                made.append(batch.slice(number, 1))
            made.commit()
            appending = len(tap.requests())
            for number in range(COMMITS):
                made.append(batch.slice(number, 1))
                made.commit()
        tap.clear()
        with deeplake_ref.open(many, creds):
            opening = len(tap.requests())
    return [
        ("bytes read of one column", str(read), f"{column + file.footer} in column and footer"),
        (f"requests of {COMMITS} appends and a commit", str(appending), str(COMMITS + 1)),
        (f"requests of opening {COMMITS + 2} versions", str(opening), "3"),
    ]


if __name__ == "__main__":
    main()
