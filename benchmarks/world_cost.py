"""
What does a world cost, beside a process that does the same work without the suite?

    python benchmarks/world_cost.py [--quick] [CLOUD ...]

Each round runs three contenders in turn: a fresh process that imports the cloud's SDK and stores one object (1.00), a world
in a preloaded worker, and the same world in a new process. The world is the plainest one, a key in the environment.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import Talk, interleaved, table

from conformance import stages
from conformance.outcomes import of_a_write
from conformance.services import RunningService, start_services
from conformance.targets.selection import resolve
from conformance.testbed import Testbed
from conformance.worlds import World, world

if TYPE_CHECKING:
    from conformance.places import Place

PLAIN = {
    "aws": ("moto", world("aws", "aws_env")),
    "azure": ("azurite", world("azure", "azure_env_key")),
    "google": ("fake-gcs-server", world("google", "gcs_env_file")),
}

PROGRAMS = {
    "aws": """
import os, boto3
boto3.client("s3", endpoint_url=os.environ["URL"], region_name="us-east-1").put_object(
    Bucket=os.environ["BUCKET"], Key="k", Body=b"v")
""",
    "azure": """
import os
from azure.storage.blob import BlobClient
BlobClient(os.environ["URL"], os.environ["BUCKET"], "k", credential=os.environ["KEY"]).upload_blob(b"v", overwrite=True)
""",
    "google": """
import os
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
client = storage.Client("p", AnonymousCredentials(), client_options={"api_endpoint": os.environ["URL"]})
client.bucket(os.environ["BUCKET"]).blob("k").upload_from_string(b"v")
""",
}


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description="The cost of a world.")
    parser.add_argument("clouds", nargs="*", default=list(PLAIN))
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    options = parser.parse_args()
    names = [PLAIN[cloud][0] for cloud in options.clouds]
    rows = []
    with start_services(names, directory=Path(tempfile.mkdtemp(prefix="benchmark-")), progress=Talk()) as services:
        testbed = Testbed(resolve(None, (), None, None), services, run_id="bench", worker="c")
        try:
            for cloud in options.clouds:
                place = testbed.place(PLAIN[cloud][0], own_bucket=True)
                rows.append((cloud, *measured(cloud, place, rounds=9 if options.quick else 25)))
        finally:
            testbed.close()
    print(table(("cloud", "fresh process, ms", "preloaded world", "fresh world"), rows))


def measured(cloud: str, place: Place, *, rounds: int) -> tuple[str, str, str]:
    """Return milliseconds of the process, and the ratios of both kinds of worlds to it."""
    _, plain = PLAIN[cloud]
    service = place.service
    assert isinstance(service, RunningService)
    creds = service.creds()
    variables = {
        "PATH": os.defpath,
        "HOME": tempfile.gettempdir(),
        "URL": creds["endpoint_url"],
        "BUCKET": place.bucket,
        "KEY": creds.get("account_key", ""),
        "AWS_ACCESS_KEY_ID": service.access_key or "none",
        "AWS_SECRET_ACCESS_KEY": service.secret_key or "none",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    command = [sys.executable, "-c", PROGRAMS[cloud]]
    seconds = interleaved(
        {
            "process": lambda: subprocess.run(command, env=variables, check=True, timeout=60),
            "preloaded": lambda: in_world(plain, place, fresh=False),
            "fresh": lambda: in_world(plain, place, fresh=True),
        },
        rounds,
    )
    base = seconds["process"]
    return f"{base * 1000:.0f}", f"{seconds['preloaded'] / base:.2f}", f"{seconds['fresh'] / base:.2f}"


def in_world(plain: World, place: Place, *, fresh: bool) -> None:
    """Write one object in a world."""
    with stages.running(plain, place, fresh=fresh) as stage:
        outcome = of_a_write(stage)
        assert outcome.error is None, outcome


if __name__ == "__main__":
    main()
