"""The daemon: take the ledger, say that it is ready, keep one configuration at work, reload, drain, exit."""

from __future__ import annotations

import contextlib
import math
import os
import signal
from typing import TYPE_CHECKING, Final

from watcher import __version__
from watcher.errors import AlreadyRunning, MachineFailed, WatcherError
from watcher.ledger import RUN, Ledger, ProcessLock, patiently, recognise, refuse_other_names
from watcher.observe import logs
from watcher.observe.health import Health
from watcher.observe.systemd import status_line
from watcher.observe.web import WebServer
from watcher.wiring.serving import Serving
from watcher.wiring.viewing import LedgerView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watcher.clock import SystemClock
    from watcher.config import Config
    from watcher.model import Standing
    from watcher.observe.systemd import ServiceManager

_TICK_S: Final = 0.5
_SAMPLE_S: Final = 10.0
_HANGS_AFTER_S: Final = 90.0
"""Without a sign of progress; every wait ends long before, and every call unless its `timeout` is long."""
_CALLS_A_HANG: Final = 3  # so many calls that time out take less
_OF_THE_WATCHDOG: Final = 0.75  # so much of its time without progress, and it is fed no more
_STARTS_IN_S: Final = 60.0  # how much longer the start may take, from each sign on that it goes on
_SIGNS_APART_S: Final = 2.0
_WAITING: Final = "waiting for the ledger: the disk is full or fails, or another process has locked it"


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
        self._config = config
        self._read = read  # the configuration as it is now; raises ConfigError
        self._in_force = in_force  # told of each configuration that was reloaded
        self._clock = clock
        self._manager = manager
        self._health = Health(live=True, ready=False, reasons=("it has not started yet",))
        watched_s = (manager.watchdog_s or math.inf) * _OF_THE_WATCHDOG
        self._hangs_after_s = min(max(_HANGS_AFTER_S, _CALLS_A_HANG * config.vod.timeout_s), watched_s)
        self._view = LedgerView(
            lambda: self._config,
            ledger_path=config.ledger_path,
            health=self.health,
            clock=clock,
            is_open=lambda: self._opened,
        )
        self._opened = False  # the ledger
        self._is_ready = False  # the start is over
        self._goes_round = False  # the loop that looks how all is
        self._listen = ""
        self._reasons: dict[str, str] = {}  # by what it concerns: why not all is well
        self._looked_at = clock.monotonic()
        self._sampled_at = float("-inf")
        self._signed_at = float("-inf")

    def run(self) -> None:
        """Work until asked to stop.

        Raises:
            AlreadyRunning: another daemon has this ledger.
            WatcherError: it cannot start, or cannot go on.
        """
        config = self._config
        with self._unless_stopping(), contextlib.ExitStack() as stack:
            recognise(config.ledger_path)
            refuse_other_names(config.ledger_path)
            self._refuse_second(stack.enter_context(ProcessLock(config.ledger_path, RUN)), stack)
            lock = stack.enter_context(ProcessLock(config.ledger_path))
            self._ledger = stack.enter_context(
                Ledger(config.ledger_path, lock, wait=self._wait, tries=None, failed=self._show_wait)
            )
            self._lock = lock
            self._opened = True
            stack.callback(self._leave_ledger)
            self._serving = self._served(config)
            stack.callback(lambda: self._serving.end())  # noqa: PLW0108 (whichever is in force then)
            with self._unless_stopping():
                self._serving.prepare()
                self._serving.start()
                self._ready()
                self._go_on()
            self._stop()

    def health(self) -> Health:
        """Return how it is, as last looked at.

        It is not alive if that is too long ago, and not ready while a write fails.
        """
        behind_s = self._clock.monotonic() - self._looked_at
        if behind_s > self._hangs_after_s:
            return Health(live=False, ready=False, reasons=(f"nothing has gone on for {behind_s:.0f} s",))
        now = self._health
        if now.ready and self._opened and (trouble := self._ledger.trouble):
            return Health(live=now.live, ready=False, reasons=(trouble.with_hint,))
        return now

    @contextlib.contextmanager
    def _unless_stopping(self) -> Iterator[None]:
        """Let what could not be written be no failure of a daemon that has waited for it until it was asked to stop."""
        try:
            yield
        except MachineFailed:
            if not self._clock.stopping:
                raise

    # The start

    def _refuse_second(self, running: ProcessLock, stack: contextlib.ExitStack) -> None:
        """Refuse to run beside another daemon; from then on serve the page."""
        try:
            taken = running.try_acquire()
            if taken:
                self._show(stack)
        except MachineFailed as error:
            if error.again_in_s is None:
                raise
            self._show(stack)
            taken = patiently(running.try_acquire, wait=self._wait, failed=self._show_wait, tries=None)
        if not taken:
            raise AlreadyRunning(
                f"{running.owner_text()} runs with the ledger {self._config.ledger_path} already",
                hint="One daemon serves all watches of a ledger: add watches to its configuration and reload it.",
            )
        running.trust()  # what it guards needs no check

    def _show(self, stack: contextlib.ExitStack) -> None:
        """Serve the page, which tells of the start, too."""
        http = self._config.http
        if http.listen:
            web = WebServer(str(http.listen), allowed_hosts=http.allowed_hosts, view=self._view)
            stack.callback(self._view.close)
            stack.callback(web.close)
            self._listen = web.address
            web.start()

    def _served(self, config: Config) -> Serving:
        return Serving(
            config,
            ledger=self._ledger,
            lock=self._lock,
            clock=self._clock,
            metrics=self._view.metrics,
            history=self._view.history,
            going_on=self._going_on,
            waits_for=self._show_wait,
        )

    def _going_on(self) -> None:
        """Let systemd, and people, wait while every page or entry of the ledger is looked at."""
        if not self._goes_round:
            self._give_sign("looking through the ledger, since the last process died or watches changed")

    def _wait(self, seconds: float) -> bool:
        """Wait for the ledger, with signs that this may take long; return whether to stop.

        While the loop goes round it gives the signs itself: another thread says nothing of it.
        """
        hangs = self._is_ready and self._serving.hanging(self._hangs_after_s)
        if not self._goes_round and not hangs:
            self._give_sign(_WAITING)
        if self._opened and (trouble := self._ledger.trouble):
            self._show_wait(trouble)
        return self._clock.wait(seconds)

    def _show_wait(self, trouble: MachineFailed) -> None:
        """Show what the start or a reload waits for; while the loop goes round, `_look` does."""
        if self._goes_round or self._clock.stopping:
            return
        self._health = Health(live=True, ready=False, reasons=(trouble.with_hint,))
        if not self._reasons:
            self._reasons = {"ledger": trouble.with_hint}
            logs.emit(logs.DAEMON_DEGRADED, reasons=list(self._reasons.values()))

    def _give_sign(self, status: str) -> None:
        now = self._looked_at = self._clock.monotonic()
        if now - self._signed_at > _SIGNS_APART_S:
            self._signed_at = now
            self._manager.extend_start(_STARTS_IN_S)
            self._manager.alive()
            self._manager.status(status)

    def _ready(self) -> None:
        self._is_ready = True
        self._look()
        self._manager.ready(self._status())
        self._tell_ready()
        self._tell(set())

    def _tell_ready(self) -> None:
        config = self._config
        logs.emit(
            logs.DAEMON_READY,
            pid=os.getpid(),
            version=__version__,
            watches=[watch.name for watch in config.watches],
            listen=self._listen,
            ledger=str(config.ledger_path),
        )

    def _leave_ledger(self) -> None:
        """Let the page read no more: the ledger is about to be closed."""
        self._opened = False
        self._view.close()

    # The work

    def _go_on(self) -> None:
        while not self._clock.wait(_TICK_S) and self._serving.fatal is None:
            self._serving.look()
            if self._clock.hung_up():
                self._reload()
            self._goes_round = True
            before = set(self._reasons)
            self._look()
            self._tell(before)
            self._manager.status(self._status())
            if self._health.live:
                self._manager.alive()

    def _look(self) -> None:
        """See how all is."""
        hanging = self._serving.hanging(self._hangs_after_s)
        self._reasons = {part: f"no progress for {self._hangs_after_s:.0f} s: {part}" for part in hanging}
        self._reasons |= self._serving.reasons()
        reasons = tuple(self._reasons.values())
        self._health = Health(live=not hanging, ready=not reasons, reasons=reasons)
        self._looked_at = self._clock.monotonic()
        if self._looked_at - self._sampled_at >= _SAMPLE_S:
            self._sampled_at = self._looked_at
            self._sample()

    def _sample(self) -> None:
        with contextlib.suppress(WatcherError):  # what keeps the ledger from being read is told elsewhere
            now = self._standing()
            self._view.history.sample(
                self._clock.now_ms(),
                backlog=now.pending + now.claimed,
                registered=now.registered,
                failed=now.failed,
            )

    def _tell(self, before: set[str]) -> None:
        if set(self._reasons) == before:  # the same concerns, in whatever words
            return
        if self._reasons:
            logs.emit(logs.DAEMON_DEGRADED, reasons=list(self._reasons.values()))
        else:
            self._tell_ready()

    def _status(self) -> str:
        """Return what `systemctl status` shows."""
        try:
            now = self._standing()
        except WatcherError as error:
            return str(error)
        return status_line(now, self._health, self._view.history.last_scan())

    # Another configuration

    def _reload(self) -> None:
        """Put the file in force as it is now; if that cannot be, say why and go on as before."""
        self._manager.reloading()
        self._goes_round = False
        try:
            given = self._read()
            config = given.model_copy(update={"ledger": self._config.ledger, "http": self._config.http})
            after = self._served(config)
            after.prepare()
            self._serving.end()
            after.prepare()  # once more: a call may have been in flight, after which file URLs keep their form
        except WatcherError as error:
            logs.emit(logs.DAEMON_RELOAD_REFUSED, reason=str(error), hint=error.hint)
            if self._serving.has_ended:
                self._serving = self._served(self._config)
                self._serving.start()
        else:
            self._serving, self._config = after, config
            after.start()
            self._in_force(config)
            stayed = [name for name in ("ledger", "http") if getattr(given, name) != getattr(config, name)]
            note = f"[{'] and ['.join(stayed)}] changed, which takes a restart" if stayed else ""
            logs.emit(logs.DAEMON_RELOADED, watches=[watch.name for watch in config.watches], note=note)
        self._manager.ready(self._status())

    # The end

    def _stop(self) -> None:
        """Let the calls in flight end and be written down.

        Raises:
            BaseException: what the daemon could not go on after.
        """
        fatal, self._goes_round = self._serving.fatal, False
        name = signal.Signals(self._clock.stopped_by).name if self._clock.stopped_by else ""
        logs.emit(logs.DAEMON_STOPPING, signal=name, reason=str(fatal or ""))
        self._manager.stopping("ending the calls in flight")
        self._serving.end()
        pending: int | None = None
        with contextlib.suppress(WatcherError):
            if self._lock.held:
                self._ledger.ownership.withdraw()
            pending = self._ledger.queue.pending()
        logs.emit(logs.DAEMON_STOPPED, pending=pending)
        fatal = fatal or self._serving.fatal
        if fatal is not None:
            raise fatal

    def _standing(self) -> Standing:
        return self._ledger.backlog.standing([watch.name for watch in self._config.watches])
