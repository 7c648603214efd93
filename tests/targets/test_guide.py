"""
What the guide shows works as it is shown.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.protocol import methods
from conformance.targets.claims import SOURCES
from conformance.targets.claims_file import read_claims
from conformance.verdicts import WORST_FIRST

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "check-your-own-backend.md").read_text(encoding="utf-8")


def shown(language: str) -> str:
    """Return the first block of a language in the guide."""
    found = re.search(rf"^```{language}\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_the_claims_can_be_read(tmp_path: Path) -> None:
    """Every key of the example is known, and means what it says."""
    file = tmp_path / "claims.toml"
    file.write_text(shown("toml"))
    claims = read_claims(file)

    assert claims.creds == {"s3": {"endpoint_url": "aws_endpoint"}}
    assert claims.claimed_sources("s3") == ("aws_dict", "aws_env")
    assert claims.preload == ("boto3",)
    assert claims.not_claimed_reason("META-2", "s3") is not None
    assert claims.known_failure("PATH-12", "azurite", "key-with-trailing-slash") is not None
    assert claims.known_failure("PATH-12", "minio", "key-with-trailing-slash") is None


def test_the_target_has_the_failure_that_is_shown(tmp_path: Path) -> None:
    """By the command of the guide; the report tells expected and observed."""
    (tmp_path / "mystore.py").write_text(shown("python"))
    only = ["--only", "RANGE-3,RANGE-2", "--profile", "quick", "-n", "0", "--record", "record"]
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "run", "--target", "mystore.py", "--places", "mem", *only],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
    )

    assert done.returncode == 1, done.stdout + done.stderr
    assert "RANGE-3 MUST: an end of zero is an end" in done.stdout
    assert "expected  b''" in done.stdout
    assert "RANGE-2 MUST" not in done.stdout


def test_the_sources_are_all_named() -> None:
    """By prefix, in their order."""
    for prefix, names in SOURCES.items():
        assert f"| `{prefix}` | {' '.join(f'`{name}`' for name in names)} |" in GUIDE


@pytest.mark.parametrize("verdict", WORST_FIRST)
def test_every_verdict_is_explained(verdict: str) -> None:
    """In the table at the end."""
    assert re.search(rf"^\| {verdict} \| ", GUIDE, flags=re.MULTILINE)


def test_the_number_of_methods_is_right() -> None:
    """Which the guide tells in words."""
    of_datasets = [method for method in methods() if method.startswith("dataset.")]

    assert (len(methods()) - len(of_datasets), len(of_datasets)) == (16, 16)
    assert "sixteen methods for objects and sixteen for datasets" in GUIDE.replace("\n", " ")
