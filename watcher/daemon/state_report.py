"""Report the state of a daemon: to systemd, the log, the page and its history."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from watcher import __version__
from watcher.daemon.sd_notify import status_line
from watcher.errors import WatcherError
from watcher.observe import logs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.daemon.parts import ConfigInForce, DaemonParts
    from watcher.model import Standing

_SAMPLE_S: Final = 10.0


class StateReport:
    """The state of a daemon; `update` reports what has changed."""

    def __init__(self, in_force: ConfigInForce, parts: DaemonParts) -> None:
        self._in_force = in_force
        self._parts = parts
        self._sampled_at = float("-inf")

    def started(self, reasons: Mapping[str, str]) -> None:
        """Report that the daemon works, fully or with the `reasons` for which it does not."""
        self._update(reasons)
        self.show_ready()
        self._log_ready()
        self._log_changes(set())

    def update(self, reasons: Mapping[str, str]) -> None:
        """Report that the daemon is alive, and the `reasons` of its workers for being degraded."""
        monitor, manager = self._parts.monitor, self._parts.manager
        before = set(monitor.reasons)
        self._update(reasons)
        self._log_changes(before)
        manager.status(self._status())
        if monitor.last.live:
            manager.alive()

    def show_ready(self) -> None:
        """Show systemd that the daemon is ready, after its start or a reload."""
        self._parts.manager.ready(self._status())

    def _update(self, reasons: Mapping[str, str]) -> None:
        self._parts.monitor.update(reasons)
        now_s = self._parts.clock.monotonic()
        if now_s - self._sampled_at >= _SAMPLE_S:
            self._sampled_at = now_s
            self._sample()

    def _sample(self) -> None:
        with contextlib.suppress(WatcherError):  # the workers' reasons have the ledger's trouble
            now = self._standing()
            self._parts.history.sample(
                self._parts.clock.now_ms(),
                backlog=now.pending + now.claimed,
                registered=now.registered,
                failed=now.failed,
            )

    def _log_changes(self, before: set[str]) -> None:
        """Log that the daemon is degraded, or ready again, if other concerns hold than before."""
        reasons = self._parts.monitor.reasons
        if set(reasons) == before:  # the same concerns, perhaps in other words
            return
        if reasons:
            logs.emit(logs.DAEMON_DEGRADED, reasons=list(reasons.values()))
        else:
            self._log_ready()

    def _log_ready(self) -> None:
        config = self._in_force.config
        logs.emit(
            logs.DAEMON_READY,
            pid=os.getpid(),
            version=__version__,
            watches=[watch.name for watch in config.watches],
            listen=self._parts.listen,
            ledger=str(config.ledger_path),
        )

    def _status(self) -> str:
        """Return the line that `systemctl status` shows."""
        try:
            now = self._standing()
        except WatcherError as error:
            return str(error)
        parts = self._parts
        return status_line(now, parts.monitor.last, parts.history.last_scan())

    def _standing(self) -> Standing:
        names = [watch.name for watch in self._in_force.config.watches]
        return self._parts.ledger.counts.standing(names)
