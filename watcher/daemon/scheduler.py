"""Start the scans of a daemon at their times, with one APScheduler job for each watch.

No scan overlaps another one of its watch, and no watch waits for another.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from watcher.daemon import triggers
from watcher.rules import schedule

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

_LATE: Final = timedelta(minutes=1)
_SET_BACK_MS: Final = 1000  # more than NTP adjusts in one step


class Scheduler:
    """Start each watch's scans at its times, until `close`.

    One thread may use it; the scans run in threads of their own.  A scan that takes longer than its
    interval skips starts.  Times that passed while the clock jumped or the machine slept are one
    start.
    """

    def __init__(self, watches: int) -> None:
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(max(1, watches))},  # a thread for each watch
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._times: dict[str, tuple[str, ZoneInfo]] = {}
        self._seen_ms = 0

    def add(
        self, watch: str, times: str, timezone: ZoneInfo, scan: Callable[[], None], *, now_ms: int
    ) -> None:
        """Call `scan` at the times of a schedule; if that is a duration, also at the start."""
        self._times[watch] = times, timezone
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        at_once = {"next_run_time": now} if schedule.is_interval(times) else {}
        self._scheduler.add_job(scan, self._trigger(watch), id=watch, name=watch, **at_once)

    def start(self) -> None:
        """Start the scans that are due, and all later ones."""
        self._scheduler.start()

    def check_clock(self, now_ms: int) -> None:
        """Notice that the wall clock jumped; call it every second or so.

        After a jump ahead, APScheduler would sleep as long as it had planned before.  After a jump
        back, it would wait for times that are long past.
        """
        if now_ms < self._seen_ms - _SET_BACK_MS:
            for watch in self._times:
                self._scheduler.reschedule_job(watch, trigger=self._trigger(watch))
        self._seen_ms = now_ms
        self._scheduler.wakeup()

    def close(self) -> None:
        """Start no more scans, and wait for those that run."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def _trigger(self, watch: str) -> BaseTrigger:
        return _Forward(triggers.parse(*self._times[watch], jitter=True))


class _Forward(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """A trigger that counts from now once it is late, without the times that it missed."""

    __slots__ = ("_inner",)

    def __init__(self, inner: BaseTrigger) -> None:
        self._inner = inner

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Return when to fire after `previous_fire_time`."""
        is_late = previous_fire_time is not None and now - previous_fire_time > _LATE
        found: datetime | None = self._inner.get_next_fire_time(
            None if is_late else previous_fire_time, now
        )
        return found
