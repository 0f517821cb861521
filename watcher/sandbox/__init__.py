"""A local OSS and VOD on one address, for the demonstration, the rehearsal and the tests."""

from watcher.sandbox.server import Sandbox

__all__ = ["Sandbox"]
