"""`run`: scans on schedule, registers what is queued, reloads, and stops in order."""

from watcher.daemon.daemon import Daemon

__all__ = ["Daemon"]
