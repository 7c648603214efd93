"""
The gate: a byte-exact proxy in front of a service, in a process of its own, that records every request.

The runner talks to it in JSON lines over its stdin and stdout; it ends when that pipe ends, so that a killed runner leaves
nothing. Each tap is one listening port on 127.0.0.1 in front of one service. A tap with an authority also decides: it
verifies the proof of every request against the identities it knows, and answers what it refuses as the provider would.
"""

from conformance.gate.authority import Authority
from conformance.gate.client import Gate, GateError, Tap, start_gate
from conformance.gate.recording import Exchange

__all__ = ["Authority", "Exchange", "Gate", "GateError", "Tap", "start_gate"]
