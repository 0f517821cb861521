"""Whether the daemon works, as the page, the log and systemd see it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from watcher.observe import logs
from watcher.observe.health import Health

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from watcher.clock import SystemClock
    from watcher.daemon.sd_notify import ServiceManager
    from watcher.errors import LocalFailure
    from watcher.ledger.sqlite import Ledger

_STALLS_AFTER_S: Final = 90.0
"""Every wait ends long before, and every call unless its `timeout` is long."""
_CALLS_A_STALL: Final = 3  # this many calls that time out end before a stall is reported
_OF_THE_WATCHDOG: Final = 0.75  # a stall is reported before systemd kills the process
_START_EXTENSION_S: Final = 60.0  # how much longer the start may take after each sign of progress
_BETWEEN_SIGNS_S: Final = 2.0
_CHECKING: Final = "looking through the ledger, since the last process died or watches changed"
_WAITING: Final = (
    "waiting for the ledger: the disk is full or fails, or another process has locked it"
)


class HealthMonitor:
    """The daemon's health, for any number of threads.

    While `loop_runs`, the main loop calls `update` every half second.  At other times, that is
    during the start, a reload and the stop, waiting work reports itself.
    """

    def __init__(self, clock: SystemClock, manager: ServiceManager, *, call_s: float) -> None:
        self._clock = clock
        self._manager = manager
        self.stalls_after_s = min(
            max(_STALLS_AFTER_S, _CALLS_A_STALL * call_s),
            (manager.watchdog_s or math.inf) * _OF_THE_WATCHDOG,
        )
        self.ledger: Ledger | None = None  # while it is open
        self.loop_runs = False
        self.stalled: Callable[[], Sequence[str]] = tuple  # names of stalled workers
        self.reasons: Mapping[str, str] = {}  # by concern: why the daemon is degraded
        self.last = Health(  # at the last update
            live=True, ready=False, reasons=("it has not started yet",)
        )
        self._updated_at = clock.monotonic()
        self._signed_at = float("-inf")

    def health(self) -> Health:
        """Return the health at the last update.

        The daemon is not alive if that is too long ago, and not ready while a write fails.
        """
        behind_s = self._clock.monotonic() - self._updated_at
        if behind_s > self.stalls_after_s:
            reason = f"nothing has gone on for {behind_s:.0f} s"
            return Health(live=False, ready=False, reasons=(reason,))
        now, ledger = self.last, self.ledger
        if now.ready and ledger and (trouble := ledger.trouble):
            return Health(live=now.live, ready=False, reasons=(trouble.with_hint,))
        return now

    def update(self, reasons: Mapping[str, str]) -> None:
        """Take over the `reasons` of the workers, and add those of the stalled ones."""
        stalled = self.stalled()
        after = f"no progress for {self.stalls_after_s:.0f} s"
        self.reasons = {name: f"{after}: {name}" for name in stalled} | dict(reasons)
        sentences = tuple(self.reasons.values())
        self.last = Health(live=not stalled, ready=not sentences, reasons=sentences)
        self._updated_at = self._clock.monotonic()

    def wait(self, seconds: float) -> bool:
        """Wait for the ledger; return whether to stop.

        Outside the loop, extend the start timeout of systemd unless a worker is stalled.
        """
        if not self.loop_runs and not self.stalled():
            self._sign(_WAITING)
        if self.ledger and (trouble := self.ledger.trouble):
            self.show_wait(trouble)
        return self._clock.wait(seconds)

    def show_wait(self, trouble: LocalFailure) -> None:
        """Show why the start or a reload waits; the loop shows it by itself."""
        if self.loop_runs or self._clock.stopping:
            return
        self.last = Health(live=True, ready=False, reasons=(trouble.with_hint,))
        if not self.reasons:
            self.reasons = {"ledger": trouble.with_hint}
            logs.emit(logs.DAEMON_DEGRADED, reasons=list(self.reasons.values()))

    def show_check(self) -> None:
        """Show that every page or entry of the ledger is being looked at."""
        if not self.loop_runs:
            self._sign(_CHECKING)

    def _sign(self, status: str) -> None:
        now = self._updated_at = self._clock.monotonic()
        if now - self._signed_at > _BETWEEN_SIGNS_S:
            self._signed_at = now
            self._manager.extend_start(_START_EXTENSION_S)
            self._manager.alive()
            self._manager.status(status)
