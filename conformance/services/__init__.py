"""
Real storage servers to run against: described in `<name>.toml`, installed once, started once per run, stopped whatever
happens.
"""

from conformance.services.description import CONTROL_PLANE, Description, Divergence, divergence, load, names, storages
from conformance.services.running import RunningService, Unreachable
from conformance.services.runtimes import Wanted
from conformance.services.started import start_services

__all__ = [
    "CONTROL_PLANE",
    "Description",
    "Divergence",
    "RunningService",
    "Unreachable",
    "Wanted",
    "divergence",
    "load",
    "names",
    "start_services",
    "storages",
]
