"""
Sessions of botocore for the suite's own clients: they look at no file and no profile of whoever runs it, and are cheap.
"""

from __future__ import annotations

import copy
import functools
import os
from typing import Any


def unprofiled() -> Any:
    """Return a botocore session that looks at no file and no profile of whoever runs the suite."""
    from botocore.session import Session

    # names in files and environment, value, and conversion, in botocore's own form
    nothing = {"profile": None, "config_file": os.devnull, "credentials_file": os.devnull}
    variables = {name: (None, None, value, None) for name, value in nothing.items()}
    session = Session(variables, event_hooks=copy.copy(_hooks()), include_builtin_handlers=False)
    session.register_component("data_loader", _loader())
    return session


@functools.cache
def _hooks() -> Any:
    """Let all sessions have copies of one set of botocore's own hooks; boto3 adds its own to each."""
    from botocore.hooks import HierarchicalEmitter
    from botocore.session import Session

    hooks = HierarchicalEmitter()
    Session(event_hooks=hooks)
    return hooks


@functools.cache
def _loader() -> Any:
    """Let all sessions share what reads botocore's descriptions of services, which takes longer than all else."""
    from botocore.loaders import create_loader

    return create_loader()
