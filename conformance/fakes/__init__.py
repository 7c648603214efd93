"""
Identity services that we play ourselves, one per file, strict like the real ones: they refuse what those refuse.

A fake turns a request into an answer and knows nothing of sockets; `FakeServer` gives it a port on 127.0.0.1, keeps what
was asked, and lets it fail in the ways that real ones do.
"""

from conformance.fakes.serving import Answer, Asked, Fake, FakeServer, Fault, Request, failing

__all__ = ["Answer", "Asked", "Fake", "FakeServer", "Fault", "Request", "failing"]
