"""
Faults that no mutant plants yet, each with what is missing for it.
"""

from __future__ import annotations

from tests.mutants.registry import Unexpressed

NO_HTTPS = "the contract has no https form of a path"
NO_USER_METADATA = "the contract has no metadata of the caller's own"
NO_FAULTS = "the gate plants no faults in answers yet, and no server does this by itself"

UNEXPRESSED = (
    Unexpressed(
        "F011",
        "put the default port into the Host header and not into the signature, or the reverse",
        "signing is the SDK's; this belongs to the wire level, where the gate verifies signatures",
        "apache/opendal#4379",
    ),
    Unexpressed("F012", "read a path-style https address as a virtual-hosted one", NO_HTTPS, "apache/arrow-rs#4082"),
    Unexpressed("F035", "let an aborted upload appear later", NO_FAULTS, "rclone/rclone@ac7d1bbdf"),
    Unexpressed(
        "F036",
        "commit an upload whose source ended early",
        "`set` takes a whole buffer, so that no source can end early",
        "rclone/rclone@64ab1ac32",
    ),
    Unexpressed("F086", "lose metadata when an upload goes in parts", NO_USER_METADATA, "apache/opendal#5430"),
    Unexpressed(
        "F087", "fold the case of metadata keys, or drop them", NO_USER_METADATA, "fsouza/fake-gcs-server#2103"
    ),
    Unexpressed(
        "F068",
        "report a conflict where the first answer was lost and the retry met its own write",
        "needs an answer that is lost after the service has done the work; " + NO_FAULTS,
        "aws/aws-sdk-java-v2#6580 earth-mover/icechunk#2099",
    ),
    Unexpressed(
        "F079",
        "go on with an iteration that was cancelled",
        "the storage API is synchronous, so that nothing can be cancelled",
        "thanos-io/objstore#62",
    ),
    Unexpressed(
        "F084",
        "let a task wait for itself where only one may run at once",
        "the contract has no setting for concurrency; a limit that waits for itself is planted as F080",
    ),
    Unexpressed(
        "F151",
        "take a lock of the same user for a foreign one",
        "datasets have no locks: a commit is one conditional write",
        "activeloopai/deeplake#2547 activeloopai/deeplake#1921",
    ),
    Unexpressed(
        "F156", "make a loop of commits when old ones expire", "commits do not expire", "earth-mover/icechunk#869"
    ),
)
