"""The quota of calls of each operation."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from watcher.sandbox.vod.answers import VodRefused

DOCUMENTED: Final = {"GetVideoInfos": 100}
"""Calls a second of the operations that do not have the sandbox's own figure."""


class Quota:
    """The most calls of one operation in any second. Refused calls do not count."""

    def __init__(self, calls_per_second: int) -> None:
        self.calls_per_second = calls_per_second  # of each operation that is not in `of`
        self.of = dict(DOCUMENTED)
        self._admitted: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def admit(self, action: str, at: float) -> None:
        """Count a call.

        Raises:
            VodRefused: the last second had too many.
        """
        with self._lock:
            recent = self._admitted.setdefault(action, deque())
            while recent and recent[0] <= at - 1:
                recent.popleft()
            if len(recent) >= self.of.get(action, self.calls_per_second):
                raise VodRefused(
                    400, "Throttling.User", "Request was denied due to user flow control."
                )
            recent.append(at)
