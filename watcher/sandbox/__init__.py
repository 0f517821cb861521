"""A local OSS and VOD on one address, for the demo, for trials of failures, and for tests."""

from watcher.sandbox.server import Sandbox

__all__ = ["Sandbox"]
