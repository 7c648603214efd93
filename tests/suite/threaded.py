"""A target that starts a thread while it is imported, as some SDKs do."""

import threading

from tests.suite.telling import storage

threading.Thread(target=threading.Event().wait, daemon=True).start()

__all__ = ["storage"]
