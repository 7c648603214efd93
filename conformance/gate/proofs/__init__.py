"""
Verifiers: one kind of proof per file. Each takes a request as it came over the wire and the identities of the run, and
names the identity or raises what the provider answers. Nothing here does I/O.
"""

from conformance.gate.proofs.request import BodyCheck, Proven, Refused, Request

__all__ = ["BodyCheck", "Proven", "Refused", "Request"]
