"""
Faults that no mutant plants yet, each with what is missing for it.
"""

from __future__ import annotations

from tests.mutants.registry import Unexpressed

NO_HTTPS = "the contract has no https form of a path"
NO_USER_METADATA = "the contract has no metadata of the caller's own"
NO_STREAM = "`set` takes a whole buffer, which nobody can close"
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
    Unexpressed(
        "F125",
        "lose credentials that can be renewed when a handle is pickled",
        "a world is reached through the protocol, which pickles nothing, and no gate verifies the pickles of HANDLE",
        "earth-mover/icechunk#988 earth-mover/icechunk#671",
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
    Unexpressed(
        "F107",
        "store the name `ENV` as the key of managed credentials",
        "the reference has no managed credentials; `ENV` as creds means the machine's own",
        "activeloopai/deeplake#1823",
    ),
    Unexpressed(
        "F114",
        "fail for the machine's own identity where a client id is left over in the environment",
        "AZURE_CLIENT_ID alone names a user-assigned identity, and whether that is left over nobody can tell",
        "Azure/azure-sdk-for-python#39864",
    ),
    Unexpressed("F135", "let the retry of an upload close the file that is sent", NO_STREAM, "fsspec/gcsfs#540"),
    Unexpressed(
        "F136",
        "give up at the first reset, or the first connection that fails",
        NO_FAULTS,
        "apache/arrow-rs-object-store#351 apache/arrow-rs-object-store#445",
    ),
    Unexpressed(
        "F138",
        "take an error inside an answer of 200 for a success",
        NO_FAULTS,
        "apache/arrow#6508 apache/opendal#4735",
    ),
    Unexpressed("F139", "retry heads only, not bodies that end early", NO_FAULTS, "fsspec/s3fs#787 fsspec/s3fs#601"),
    Unexpressed(
        "F140",
        "let the late cleanup of a failed attempt delete what the retry stored",
        NO_FAULTS,
        "rclone/rclone#9718",
    ),
    Unexpressed("F141", "wait without jitter, or not as long as `Retry-After` says", NO_FAULTS),
    Unexpressed("F143", "leave an upload behind of which a part failed", NO_FAULTS, "apache/arrow-rs-object-store#819"),
    Unexpressed("F144", "give up where a page of a listing cannot be read", NO_FAULTS, "apache/opendal#5178"),
)
