"""All watches of one configuration at work: scans at their times, and one thread that registers."""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from typing import TYPE_CHECKING, Final

from watcher.daemon.ownership import DaemonOwnership, Interrupted
from watcher.daemon.scheduler import Scheduler
from watcher.daemon.stall import WorkerGroup
from watcher.daemon.telemetry import Telemetry
from watcher.discovery.scan_log import STOPPED, unforeseen
from watcher.errors import CloudError, LedgerUntrusted, LocalFailure, WatcherError, with_hint
from watcher.ledger.sqlite import LedgerReader
from watcher.registration.work_signal import WorkSignal
from watcher.wiring.clients import Cloud
from watcher.wiring.factory import Factory
from watcher.wiring.resolved import ResolvedConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.config import Config
    from watcher.ledger.sqlite import Ledger, ProcessLock
    from watcher.model import Breaker
    from watcher.observe.history import History
    from watcher.observe.metrics import Metrics
    from watcher.ports import Clock
    from watcher.registration.breaker import OpenBreakers

_REGISTERING: Final = "registering"
_LOCK_POLL_S: Final = 0.5  # how often a lock that another process holds is tried


class Workers:
    """One configuration at work, from `start` to `stop`; the ledger and its lock outlive it."""

    def __init__(
        self,
        config: Config,
        *,
        ledger: Ledger,
        lock: ProcessLock,
        clock: Clock,
        metrics: Metrics,
        history: History,
        on_check: Callable[[], None],
        on_wait: Callable[[LocalFailure], None] = lambda _error: None,
    ) -> None:
        self.config = config
        self._ledger = ledger
        self._clock = clock
        self._group = WorkerGroup(clock)
        self._resolved = ResolvedConfig(
            config, [watch.name for watch in config.watches], endless=True
        )
        self._ownership = DaemonOwnership(
            ledger,
            lock,
            self._resolved,
            is_stopping=lambda: self._group.is_stopping,
            on_check=on_check,
            on_wait=on_wait,
        )
        self._cloud = Cloud(self._resolved, self._group.clock)
        self._work_signal = WorkSignal(clock)
        self._telemetry = Telemetry(metrics, history, on_new=self._work_signal.came)
        self._factory = Factory(
            self._resolved, self._cloud, emit=self._telemetry.emit, called=self._telemetry.called
        )
        self._scheduler = Scheduler(len(config.watches))
        self._registering = threading.Thread(
            target=self._guarded, args=(self._register,), name=_REGISTERING
        )
        self._breakers: OpenBreakers | None = None
        self.has_stopped = False
        self.fatal: BaseException | None = None  # why the daemon must end

    def prepare(self) -> None:
        """Check that this configuration can work, and change nothing.

        Raises:
            ConfigError: a bucket's file URLs would take another form.
            CredentialsMissing: there is nothing to sign with.
        """
        self._cloud.credentials.get()
        with LedgerReader(self.config.ledger_path, beside=True) as reader:
            reader.refuse_config(
                self._resolved.bucket_specs(),
                self._resolved.watch_specs(),
                config_path=str(self.config.path),
            )

    def start(self) -> None:
        """Adopt the configuration, begin to scan, and to register if no other process does.

        Raises:
            ConfigError: see `prepare`.
            LedgerUntrusted: the ledger is damaged.
        """
        with contextlib.suppress(Interrupted):  # asked to stop already
            self._ownership.adopt(self._group.clock)
            self._begin()

    def _begin(self) -> None:
        for watch in self.config.watches:
            scan = partial(self._guarded, partial(self._scan, watch.name))
            self._scheduler.add(
                watch.name, watch.schedule, self.config.timezone, scan, now_ms=self._clock.now_ms()
            )
        self._registering.start()
        self._scheduler.start()

    def check(self) -> None:
        """Check the wall clock and the ledger's file; call it every second or so."""
        try:
            self._ledger.refuse_another()
        except LedgerUntrusted as error:
            self.fatal = self.fatal or error
        self._scheduler.check_clock(self._clock.now_ms())

    def stop(self) -> None:
        """Make no new call, wait for those in flight, and close the connections."""
        self.has_stopped = True
        self._group.stop()
        self._scheduler.close()
        if self._registering.ident is not None:
            self._registering.join()
        self._cloud.close()

    # Health

    def reasons(self) -> dict[str, str]:
        """Return why the daemon is degraded: one sentence for each concern."""
        found = {}
        if reason := self._ownership.reason():
            found[_REGISTERING] = reason
        if trouble := self._ledger.trouble:
            found["ledger"] = trouble.with_hint
        for breaker in self._open_breakers():
            whom = f"for bucket {breaker.bucket}" if breaker.bucket else "at all"
            found[f"calls {whom}"] = with_hint(f"no calls {whom}: {breaker.reason}", breaker.hint)
        for scan in self._telemetry.incomplete():
            why = scan.error.with_hint if isinstance(scan.error, WatcherError) else STOPPED
            found[f"scan of {scan.watch}"] = (
                f'watch "{scan.watch}": the last scan was incomplete: {why}'
            )
        return found

    def _open_breakers(self) -> tuple[Breaker, ...]:
        """Return the open breakers that keep an entry from being registered."""
        found = self._breakers.all if self._breakers else ()
        if not found:
            return ()
        try:
            return tuple(
                breaker for breaker in found if self._ledger.breakers.stops_any(breaker.bucket)
            )
        except WatcherError:  # `reasons` has the ledger's trouble already
            return found

    def stalled(self, longest_s: float) -> list[str]:
        """Return the workers without progress for `longest_s` that do not wait for the ledger."""
        return self._group.stalled(longest_s)

    # Work

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do the work of a thread; an error that it cannot survive ends the daemon."""
        try:
            work()
        except Interrupted:
            pass
        except LocalFailure as error:
            if not self._group.is_stopping:  # else the work waited for the ledger until the stop
                self.fatal = self.fatal or error
        except BaseException as error:  # noqa: BLE001 (raised by the main thread)
            self.fatal = self.fatal or error

    def _scan(self, watch: str) -> None:
        started_at_ms = self._clock.now_ms()
        name = f'scan of watch "{watch}"'
        with self._work_signal.scanning(), self._group.worker(name) as clock:
            intake = self._ledger.seen_by(clock.mark_progress).discovery
            scan = self._factory.scan(
                watch,
                records=intake,
                starts=intake,
                progress=self._telemetry,
                clock=clock,
            )
            try:
                self._ownership.refuse_other_config(watch)
                scan.run()
            except CloudError as error:
                scan.fail(error)
            except WatcherError:
                raise
            except Exception as error:  # noqa: BLE001 (a bug in one scan must not stop the others)
                scan.fail(unforeseen(error))
        if scan.report.complete or not self._group.is_stopping:
            self._telemetry.scanned(scan.report, started_at_ms=started_at_ms)

    def _register(self) -> None:
        with self._group.worker(_REGISTERING) as clock:
            while not self._ownership.is_owner:
                if clock.wait(_LOCK_POLL_S):
                    return
                self._ownership.try_own(clock)
            ledger = self._ledger.seen_by(clock.mark_progress)
            with self._factory.registering(ledger, clock) as registration:
                self._breakers = registration.breakers
                registration.worker(self._telemetry.registered).serve(self._work_signal)
