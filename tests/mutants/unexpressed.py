"""
Faults of paths, objects, ranges and listings that no mutant plants yet, each with what is missing for it.
"""

from __future__ import annotations

from tests.mutants.registry import Unexpressed

NO_COPY = "the reference has no copy and no datasets yet"
NO_HTTPS = "the contract has no https form of a path"
NO_FAULTS = "the gate plants no faults in answers yet, and no server does this by itself"

UNEXPRESSED = (
    Unexpressed(
        "F005",
        "encode twice, or not at all, in the commit log or the source of a copy",
        NO_COPY,
        "delta-io/delta-rs#3976 delta-io/delta-rs#4624 google/go-cloud#3403 apache/arrow-rs#2354",
    ),
    Unexpressed(
        "F011",
        "put the default port into the Host header and not into the signature, or the reverse",
        "signing is the SDK's; this belongs to the wire level, where the gate verifies signatures",
        "apache/opendal#4379",
    ),
    Unexpressed("F012", "read a path-style https address as a virtual-hosted one", NO_HTTPS, "apache/arrow-rs#4082"),
    Unexpressed("F030", "share the metadata of source and destination of a copy", NO_COPY, "google/go-cloud#3727"),
    Unexpressed("F031", "remove an object that is copied onto itself", NO_COPY),
    Unexpressed("F035", "let an aborted upload appear later", NO_FAULTS, "rclone/rclone@ac7d1bbdf"),
    Unexpressed(
        "F036",
        "commit an upload whose source ended early",
        "`set` takes a whole buffer, so that no source can end early",
        "rclone/rclone@64ab1ac32",
    ),
    Unexpressed(
        "F063",
        "raise where a file vanishes while its directory is listed",
        "no requirement says what a listing shows while objects come and go",
        "apache/arrow-rs#5803 apache/opendal#7230",
    ),
)
