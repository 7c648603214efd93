"""
Paths that must be refused, with labels, by rule.
"""

from __future__ import annotations

EMPTY = {"empty": "", "blank": " ", "file-without-path": "file://"}

MISSING_PARTS = {
    "s3-no-bucket": "s3://",
    "s3-empty-bucket": "s3:///name",
    "gcs-no-bucket": "gcs://",
    "gcs-empty-bucket": "gcs:///name",
    "az-no-account": "az://",
    "az-no-container": "az://account",
    "az-no-container-slash": "az://account/",
    "az-empty-container": "az://account//name",
    "azure-no-container": "azure://account",
    "mem-no-id": "mem://",
    "mem-empty-id": "mem:///name",
}
"""Known prefixes without the names that they need."""

UNKNOWN = {
    "s3a": "s3a://bucket/name",
    "http": "http://host/name",
    "hdfs": "hdfs://host/name",
    "word": "word://x/y",
    "no-letters": "x1+y.z-://a/b",
}

ONE_SLASH = {
    "s3-one-slash": "s3:/bucket/name",
    "mem-one-slash": "mem:/name",
    "file-one-slash": "file:/name",
    "word-one-slash": "word:/x",
}

CAPITALS = {
    "S3": "S3://bucket/name",
    "MEM": "MEM://name",
    "File": "File://name",
    "AZ": "AZ://account/container/name",
    "GCS": "GCS://bucket/name",
}
