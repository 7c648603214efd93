"""
The control plane of Deep Lake's own storage, `al://org/name`: as a service, and as a fake inside worlds.

It says where a dataset lies and hands out short-lived credentials for the cloud underneath. The protocol, and how checks use
the fake, are told in docs/reference/control-plane.md.
"""

from conformance.lake.fake import Call, FakeControlPlane, Issued
from conformance.lake.said import Said
from conformance.lake.storage import Storage

__all__ = ["Call", "FakeControlPlane", "Issued", "Said", "Storage"]
