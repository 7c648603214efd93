"""
The gate: a byte-exact proxy in front of a service, in a process of its own, that records every request.

The runner talks to it in JSON lines over its stdin and stdout; it ends when that pipe ends, so that a killed runner leaves
nothing. Each tap is one listening port on 127.0.0.1 in front of one service.
"""

from conformance.gate.client import Gate, GateError, Tap, start_gate
from conformance.gate.recording import Exchange

__all__ = ["Exchange", "Gate", "GateError", "Tap", "start_gate"]
