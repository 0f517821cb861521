"""The quota of calls of each operation."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from watcher.sandbox.vod.answers import VodRefused

_UPLOADS: Final = (
    "CreateUploadVideo", "RefreshUploadVideo", "CreateUploadImage", "CreateUploadAttachedMedia",
)  # fmt: skip
_LARGE_REGIONS: Final = frozenset({"cn-shanghai", "cn-beijing", "cn-shenzhen", "ap-southeast-1"})
_SECOND_S: Final = 1
_DAY_S: Final = 24 * 60 * 60


def documented(region: str) -> dict[str, int]:
    """Return the calls a second of the operations that do not have the sandbox's own figure."""
    uploads = 80 if region in _LARGE_REGIONS else 40
    return {"GetVideoInfos": 100, "GetURLUploadInfos": 100, **dict.fromkeys(_UPLOADS, uploads)}


class Quota:
    """The most calls of one operation in any second and any day. Refused calls do not count."""

    def __init__(self, calls_per_second: int, region: str) -> None:
        self.calls_per_second = calls_per_second  # of each operation that is not in `by_action`
        self.by_action = documented(region)
        self.by_day = {"UploadMediaByURL": 200_000}
        self._admitted: dict[tuple[str, int], deque[float]] = {}
        self._lock = threading.Lock()

    def admit(self, action: str, at: float) -> None:
        """Count a call.

        Raises:
            VodRefused: the last second or day had too many.
        """
        limits = {_SECOND_S: self.by_action.get(action, self.calls_per_second)}
        if action in self.by_day:
            limits[_DAY_S] = self.by_day[action]
        with self._lock:
            for window_s, most in limits.items():
                recent = self._admitted.setdefault((action, window_s), deque())
                while recent and recent[0] <= at - window_s:
                    recent.popleft()
                if len(recent) >= most:
                    raise VodRefused(
                        400, "Throttling.User", "Request was denied due to user flow control."
                    )
            for window_s in limits:
                self._admitted[action, window_s].append(at)
