"""
The settings of a run travel to workers and into replay lines.
"""

from __future__ import annotations

import shlex

from conformance.settings import RunSettings


def test_settings_survive_the_way_to_a_worker() -> None:
    """JSON and back is the same run."""
    run = RunSettings(command=("node", "x.mjs"), only=("OBJ-1",), service_urls={"moto": "http://127.0.0.1:1"}, seed=7)

    assert RunSettings.from_json(run.to_json()) == run


def test_the_replay_line_names_everything_that_matters() -> None:
    """Target, place, case, seed and profile stand in it, each quoted for a shell."""
    run = RunSettings(command=("node", "my adapter.mjs"), profile="quick", seed=7, claims="c.toml")

    line = run.replay_line("OBJ-1", "moto", "key-with-space")

    assert shlex.split(line) == [
        "deeplake-conformance", "replay", "OBJ-1", "--place", "moto", "--seed", "7", "--profile", "quick",
        "--case", "key-with-space", "--claims", "c.toml", "--", "node", "my adapter.mjs",
    ]  # fmt: skip
