"""Keep one configuration at work: check the workers, reload on SIGHUP, stop in order."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING, Final

from watcher.daemon.state_report import StateReport
from watcher.daemon.workers import Workers
from watcher.errors import WatcherError
from watcher.observe import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.config import Config
    from watcher.daemon.parts import ConfigInForce, DaemonParts

_TICK_S: Final = 0.5


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
        self._report = StateReport(in_force, parts)

    def run(self) -> None:
        """Start the workers, and check them until the process is asked to stop, or must end.

        Raises:
            WatcherError: the workers cannot start.
        """
        self._workers.prepare()
        self._workers.start()
        clock, monitor = self._parts.clock, self._parts.monitor
        monitor.stalled = lambda: self._workers.stalled(monitor.stalls_after_s)
        self._report.started(self._workers.reasons())
        while not clock.wait(_TICK_S) and self._workers.fatal is None:
            self._workers.check()
            if clock.reload_requested():
                self._reload()
            monitor.loop_runs = True
            self._report.update(self._workers.reasons())

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
        self._report.show_ready()

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
