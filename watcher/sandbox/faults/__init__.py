"""Faults on schedule: which calls of the sandbox they hit, when, and what they do."""

from watcher.sandbox.faults.fault import Fault, InvalidFault
from watcher.sandbox.faults.schedule import Faults

__all__ = ["Fault", "Faults", "InvalidFault"]
