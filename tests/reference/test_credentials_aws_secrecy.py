"""Credentials of AWS do not print, are not pickled, and are written nowhere."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from tests.reference.aws_forms import chain_of
from tests.reference.aws_world import World


@pytest.mark.parametrize("source", ["aws_env", "aws_assume_role", "aws_process"])
def test_credentials_neither_print_nor_pickle(aws_world: World, source: str) -> None:
    """Nor does the chain that holds them."""
    aws_world.plant(source)
    chain = chain_of()
    resolved = chain.resolve()
    told = f"{resolved!r} {chain!r} {chain.sources!r} {[str(attempt) for attempt in chain.attempts]}"

    assert not [secret for secret in aws_world.secrets if secret in told]
    with pytest.raises(TypeError):
        pickle.dumps(resolved.credentials)
    with pytest.raises(TypeError):
        pickle.dumps(resolved.credentials.settings)


def test_importing_the_credentials_imports_no_sdk() -> None:
    """It takes longer than all else."""
    code = "import sys, deeplake_ref.credentials.aws; assert not [m for m in sys.modules if m.startswith('boto')]"

    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_nothing_is_written_beside_a_login(aws_world: World) -> None:
    """Roles and their keys are kept in memory only."""
    aws_world.plant("aws_assume_role")
    before = sorted(aws_world.home.rglob("*"))
    chain_of().resolve()

    assert sorted(aws_world.home.rglob("*")) == before
