"""The daemon: lock the ledger, serve the page, start the workers, and end in order."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from watcher.daemon.health_monitor import HealthMonitor
from watcher.daemon.parts import ConfigInForce, DaemonParts
from watcher.daemon.status_view import LedgerView
from watcher.daemon.supervisor import Supervisor
from watcher.errors import AlreadyRunning, LocalFailure
from watcher.ledger.sqlite import (
    RUN,
    Ledger,
    ProcessLock,
    recognise,
    refuse_other_names,
    retry_busy,
)
from watcher.observe.web import WebServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from watcher.clock import SystemClock
    from watcher.config import Config
    from watcher.daemon.sd_notify import ServiceManager


class Daemon:
    """One `run`, from its lock to its exit status."""

    def __init__(
        self,
        config: Config,
        *,
        read: Callable[[], Config],
        in_force: Callable[[Config], None],
        clock: SystemClock,
        manager: ServiceManager,
    ) -> None:
        self._in_force = ConfigInForce(config)
        self._read = read  # the configuration as the file has it now; raises ConfigError
        self._on_reload = in_force  # called with each configuration that was reloaded
        self._clock = clock
        self._manager = manager
        self._monitor = HealthMonitor(clock, manager, call_s=config.vod.timeout_s)
        self._view = LedgerView(
            lambda: self._in_force.config,
            ledger_path=config.ledger_path,
            health=self._monitor.health,
            clock=clock,
            is_open=lambda: self._monitor.ledger is not None,
        )
        self._listen = ""  # the address of the status page

    def run(self) -> None:
        """Work until asked to stop.

        Raises:
            AlreadyRunning: another daemon has this ledger.
            WatcherError: it cannot start, or cannot continue.
        """
        path = self._in_force.config.ledger_path
        with self._waited_until_stopped(), contextlib.ExitStack() as stack:
            recognise(path)
            refuse_other_names(path)
            self._refuse_second(stack.enter_context(ProcessLock(path, RUN)), stack)
            lock = stack.enter_context(ProcessLock(path))
            supervisor = self._supervisor(self._open(path, lock, stack), lock)
            stack.callback(supervisor.close)
            with self._waited_until_stopped():
                supervisor.run()
            supervisor.stop()

    @contextlib.contextmanager
    def _waited_until_stopped(self) -> Iterator[None]:
        """Ignore a failed write of a daemon that waited for it until it was asked to stop."""
        try:
            yield
        except LocalFailure:
            if not self._clock.stopping:
                raise

    def _refuse_second(self, running: ProcessLock, stack: contextlib.ExitStack) -> None:
        """Refuse to run beside another daemon; from then on serve the page.

        Raises:
            AlreadyRunning: another daemon has this ledger.
        """
        try:
            acquired = running.try_acquire()
            if acquired:
                self._serve_page(stack)
        except LocalFailure as error:
            if error.again_in_s is None:
                raise
            self._serve_page(stack)
            monitor = self._monitor
            acquired = retry_busy(
                running.try_acquire, wait=monitor.wait, failed=monitor.show_wait, tries=None
            )
        if not acquired:
            path = self._in_force.config.ledger_path
            raise AlreadyRunning(
                f"{running.owner_text()} runs with the ledger {path} already",
                hint=(
                    "One daemon serves all watches of a ledger: add watches to its configuration "
                    "and reload it."
                ),
            )
        running.trust()  # this lock guards no data, so that no check is needed

    def _serve_page(self, stack: contextlib.ExitStack) -> None:
        """Serve the page, which shows the start, too."""
        http = self._in_force.config.http
        if http.listen:
            web = WebServer(str(http.listen), allowed_hosts=http.allowed_hosts, view=self._view)
            stack.callback(self._view.close)
            stack.callback(web.close)
            self._listen = web.address
            web.start()

    def _open(self, path: Path, lock: ProcessLock, stack: contextlib.ExitStack) -> Ledger:
        """Open the ledger, and wait for it without end; the page reads it while it is open."""
        monitor = self._monitor
        ledger = stack.enter_context(
            Ledger(path, lock, wait=monitor.wait, tries=None, failed=monitor.show_wait)
        )
        monitor.ledger = ledger
        stack.callback(self._leave_ledger)
        return ledger

    def _leave_ledger(self) -> None:
        """End the page's reads: the ledger is about to be closed."""
        self._monitor.ledger = None
        self._view.close()

    def _supervisor(self, ledger: Ledger, lock: ProcessLock) -> Supervisor:
        parts = DaemonParts(
            ledger=ledger,
            lock=lock,
            clock=self._clock,
            manager=self._manager,
            monitor=self._monitor,
            metrics=self._view.metrics,
            history=self._view.history,
            listen=self._listen,
        )
        return Supervisor(self._in_force, parts, read=self._read, on_reload=self._on_reload)
