"""Keep one configuration at work: check the workers, reload on SIGHUP, stop in order."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watcher import __version__
from watcher.daemon.sd_notify import status_line
from watcher.daemon.workers import Workers
from watcher.errors import WatcherError
from watcher.observe import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.clock import SystemClock
    from watcher.config import Config
    from watcher.daemon.health_monitor import HealthMonitor
    from watcher.daemon.sd_notify import ServiceManager
    from watcher.ledger.sqlite import Ledger, ProcessLock
    from watcher.model import Standing
    from watcher.observe.history import History
    from watcher.observe.metrics import Metrics

_TICK_S: Final = 0.5
_SAMPLE_S: Final = 10.0


@dataclass(slots=True)
class ConfigInForce:
    """The configuration that is in force; a reload replaces it."""

    config: Config


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonParts:
    """What a daemon works with from its start to its end."""

    ledger: Ledger
    lock: ProcessLock
    clock: SystemClock
    manager: ServiceManager
    monitor: HealthMonitor
    metrics: Metrics
    history: History
    listen: str  # the address of the status page; "" = none


class Supervisor:
    """The main thread of a daemon, from the start of its workers to their stop."""

    def __init__(
        self,
        in_force: ConfigInForce,
        parts: DaemonParts,
        *,
        read: Callable[[], Config],
        on_reload: Callable[[Config], None],
    ) -> None:
        self._in_force = in_force
        self._parts = parts
        self._read = read  # the configuration as the file has it now; raises ConfigError
        self._on_reload = on_reload  # called with each configuration that was reloaded
        self._workers = self._workers_of(in_force.config)
        self._sampled_at = float("-inf")

    def run(self) -> None:
        """Start the workers, and check them until the process is asked to stop, or must end.

        Raises:
            WatcherError: the workers cannot start.
        """
        self._workers.prepare()
        self._workers.start()
        self._report_start()
        clock, monitor = self._parts.clock, self._parts.monitor
        while not clock.wait(_TICK_S) and self._workers.fatal is None:
            self._workers.check()
            if clock.reload_requested():
                self._reload()
            monitor.loop_runs = True
            self._tick()

    def stop(self) -> None:
        """Wait for the calls in flight and write down their outcomes.

        Raises:
            BaseException: the error that ended the daemon.
        """
        clock, manager = self._parts.clock, self._parts.manager
        fatal, self._parts.monitor.loop_runs = self._workers.fatal, False
        name = signal.Signals(clock.stopped_by).name if clock.stopped_by else ""
        logs.emit(logs.DAEMON_STOPPING, signal=name, reason=str(fatal or ""))
        manager.stopping("ending the calls in flight")
        self._workers.stop()
        logs.emit(logs.DAEMON_STOPPED, pending=self._withdraw())
        fatal = fatal or self._workers.fatal
        if fatal is not None:
            raise fatal

    def close(self) -> None:
        """Stop the workers, whatever happened before."""
        self._workers.stop()

    def _withdraw(self) -> int | None:
        """Register for no watch any more; return how many entries are left, None if unknown."""
        ledger = self._parts.ledger
        with contextlib.suppress(WatcherError):
            if self._parts.lock.held:
                ledger.ownership.withdraw()
            return ledger.queue.pending()
        return None

    def _workers_of(self, config: Config) -> Workers:
        parts = self._parts
        return Workers(
            config,
            ledger=parts.ledger,
            lock=parts.lock,
            clock=parts.clock,
            metrics=parts.metrics,
            history=parts.history,
            on_check=parts.monitor.show_check,
            on_wait=parts.monitor.show_wait,
        )

    # Health

    def _report_start(self) -> None:
        monitor = self._parts.monitor
        monitor.stalled = lambda: self._workers.stalled(monitor.stalls_after_s)
        self._update()
        self._parts.manager.ready(self._status())
        self._log_ready()
        self._log_changes(set())

    def _tick(self) -> None:
        monitor, manager = self._parts.monitor, self._parts.manager
        before = set(monitor.reasons)
        self._update()
        self._log_changes(before)
        manager.status(self._status())
        if monitor.last.live:
            manager.alive()

    def _update(self) -> None:
        self._parts.monitor.update(self._workers.reasons())
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

    # Reload

    def _reload(self) -> None:
        """Put the file in force as it is now; if that fails, log why and keep the old one."""
        self._parts.manager.reloading()
        self._parts.monitor.loop_runs = False
        try:
            given = self._read()
            old = self._in_force.config
            config = given.model_copy(update={"ledger": old.ledger, "http": old.http})
            workers = self._workers_of(config)
            workers.prepare()
            self._workers.stop()
            workers.prepare()  # again: a call in flight may have fixed the form of file URLs
        except WatcherError as error:
            self._keep_old(error)
        else:
            self._replace(workers, given)
        self._parts.manager.ready(self._status())

    def _keep_old(self, error: WatcherError) -> None:
        logs.emit(logs.DAEMON_RELOAD_REFUSED, reason=str(error), hint=error.hint)
        if self._workers.has_stopped:
            self._workers = self._workers_of(self._in_force.config)
            self._workers.start()

    def _replace(self, workers: Workers, given: Config) -> None:
        """Start other workers; log the settings of the file that need a restart."""
        config = workers.config
        self._workers, self._in_force.config = workers, config
        workers.start()
        self._on_reload(config)
        stayed = [
            name for name in ("ledger", "http") if getattr(given, name) != getattr(config, name)
        ]
        note = f"[{'] and ['.join(stayed)}] changed: restart to apply" if stayed else ""
        logs.emit(logs.DAEMON_RELOADED, watches=[watch.name for watch in config.watches], note=note)
