"""
A conformance suite for storage backends of Deep Lake paths.

The command is `deeplake-conformance`; under pytest the checks run as `pytest --pyargs conformance.checks --target mymodule`.
Importing this package is silent, touches no network and loads no cloud SDK.
"""

__version__ = "0.1.0"
