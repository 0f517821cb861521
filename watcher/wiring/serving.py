"""All watches of one configuration at work in a daemon: scans at their times, and one loop that registers."""

from __future__ import annotations

import contextlib
import itertools
import threading
from functools import partial
from typing import TYPE_CHECKING

from watcher.arrivals import Arrivals
from watcher.errors import CloudError, LedgerUntrusted, MachineFailed, WatcherError, with_hint
from watcher.ledger import LedgerReader, patiently
from watcher.pulse import Shift
from watcher.scan_log import STOPPED, unforeseen
from watcher.timetable import Timetable
from watcher.wiring.beside import not_served
from watcher.wiring.cloud import Cloud
from watcher.wiring.noting import Notes
from watcher.wiring.owning import adopt, adopt_beside, give_out, recover
from watcher.wiring.parts import Parts
from watcher.wiring.terms import Terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.breaker import Breakers
    from watcher.config import Config
    from watcher.ledger import Ledger, ProcessLock
    from watcher.model import Breaker
    from watcher.observe.history import History
    from watcher.observe.metrics import Metrics
    from watcher.ports import Clock
    from watcher.pulse import Part

_REGISTERING = "registering"
_LOOK_S = 0.5  # how often a lock that another process holds is tried
_BETWEEN_SIGNS = 500  # entries


class _CutShort(Exception):
    """The ledger was not looked through to its end: that is done by whoever takes the lock, or starts, next."""


class Serving:
    """One configuration at work, from `start` to `end`; the ledger and its lock outlive it."""

    def __init__(
        self,
        config: Config,
        *,
        ledger: Ledger,
        lock: ProcessLock,
        clock: Clock,
        metrics: Metrics,
        history: History,
        going_on: Callable[[], None],
        waits_for: Callable[[MachineFailed], None] = lambda _: None,
    ) -> None:
        self.config = config
        self._ledger = ledger
        self._lock = lock
        self._clock = clock
        self._shift = Shift(clock)
        self._going_on = going_on  # called all the while that the whole ledger is looked through
        self._waits_for = waits_for  # told of each try to take the lock that the disk had no room for
        self._no_lock: MachineFailed | None = None
        self._terms = Terms(config, [watch.name for watch in config.watches], endless=True)
        self._cloud = Cloud(self._terms, self._shift.clock)
        self._arrivals = Arrivals(clock)
        self._notes = Notes(metrics, history, came=self._arrivals.came)
        self._parts = Parts(self._terms, self._cloud, emit=self._notes.emit, called=self._notes.called)
        self._timetable = Timetable(len(config.watches))
        self._registering = threading.Thread(target=self._guarded, args=(self._register,), name=_REGISTERING)
        self._breakers: Breakers | None = None
        self._served = {spec.name: spec.terms for spec in self._terms.served()}
        self._otherwise: frozenset[str] = frozenset()  # watches that the lock's owner has otherwise
        self.has_ended = False
        self.fatal: BaseException | None = None  # what the daemon must end for

    def prepare(self) -> None:
        """See that this configuration can work; nothing is touched.

        Raises:
            ConfigError: a bucket's file URLs would take another form.
            CredentialsMissing: there is nothing to sign with.
        """
        self._cloud.credentials.get()
        with LedgerReader(self.config.ledger_path, beside=True) as reader:
            reader.refuse_config(
                self._terms.bucket_specs(), self._terms.watch_specs(), config_path=str(self.config.path)
            )

    def start(self) -> None:
        """Adopt the configuration, begin to scan, and to register if no other process does.

        Raises:
            ConfigError: see `prepare`.
            LedgerUntrusted: the ledger is damaged.
        """
        with contextlib.suppress(_CutShort):  # asked to stop already
            self._adopt(self._shift.clock)
            self._begin()

    def _adopt(self, clock: Part) -> None:
        if self._take_lock(clock):
            self._own(clock)
        else:
            self._otherwise = adopt_beside(self._ledger, self._lock, self._terms)

    def _own(self, clock: Part) -> None:
        """Begin as the owner of the lock."""
        recovered = self._take_over(clock)
        adopt(self._ledger, self._lock, self._terms)
        self._otherwise = frozenset()
        self._give_out(recovered, clock)

    def _begin(self) -> None:
        for watch in self.config.watches:
            scan = partial(self._guarded, partial(self._scan, watch.name))
            self._timetable.add(watch.name, watch.schedule, self.config.timezone, scan, now_ms=self._clock.now_ms())
        self._registering.start()
        self._timetable.start()

    def look(self) -> None:
        """See what the clock says, and that the ledger is there: to be called every second or so."""
        try:
            self._ledger.refuse_another()
        except LedgerUntrusted as error:
            self.fatal = self.fatal or error
        self._timetable.look(self._clock.now_ms())

    def end(self) -> None:
        """Make no new call, wait for those in flight, and close the connections."""
        self.has_ended = True
        self._shift.end()
        self._timetable.close()
        if self._registering.ident is not None:
            self._registering.join()
        self._cloud.close()

    # How it is

    def reasons(self) -> dict[str, str]:
        """Return why not all is well: by what it concerns, one sentence each."""
        found = {}
        if not self._lock.held:
            pid = self._lock.owner_pid() or "of another process"
            found["registering"] = self._no_lock.with_hint if self._no_lock else f"registering: pid {pid}"
        if trouble := self._ledger.trouble:
            found["ledger"] = trouble.with_hint
        for breaker in self._open_breakers():
            whom = f"for bucket {breaker.bucket}" if breaker.bucket else "at all"
            found[f"calls {whom}"] = with_hint(f"no calls {whom}: {breaker.reason}", breaker.hint)
        for scan in self._notes.incomplete():
            why = scan.error.with_hint if isinstance(scan.error, WatcherError) else STOPPED
            found[f"scan of {scan.watch}"] = f'watch "{scan.watch}": the last scan was incomplete: {why}'
        return found

    def _open_breakers(self) -> tuple[Breaker, ...]:
        """Return the open breakers that keep something from being registered."""
        found = self._breakers.open if self._breakers else ()
        if not found:
            return ()
        try:
            return tuple(breaker for breaker in found if self._ledger.breakers.stops_any(breaker.bucket))
        except WatcherError:  # what keeps the ledger from being read is shown elsewhere
            return found

    def hanging(self, longest_s: float) -> list[str]:
        """Return what has made no progress for so long, and does not wait for the ledger."""
        return self._shift.without_pulse(longest_s)

    # Work

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do the work of a thread; what it cannot go on after ends the daemon."""
        try:
            work()
        except _CutShort:
            pass
        except MachineFailed as error:
            if not self._shift.is_over:  # else it has waited for the ledger until it was asked to stop
                self.fatal = self.fatal or error
        except BaseException as error:  # noqa: BLE001 (told by the thread that waits for the end)
            self.fatal = self.fatal or error

    def _scan(self, watch: str) -> None:
        started_at_ms = self._clock.now_ms()
        with self._arrivals.scanning(), self._shift.part(f'scan of watch "{watch}"') as clock:
            intake = self._ledger.seen_by(clock.come_by).intake
            scan = self._parts.scan(
                watch,
                source=self._cloud.sources[watch],
                records=intake,
                starts=intake,
                progress=self._notes,
                clock=clock,
            )
            try:
                self._refuse_served_otherwise(watch)
                scan.run()
            except CloudError as error:
                scan.fail(error)
            except WatcherError:
                raise
            except Exception as error:  # noqa: BLE001 (a bug that one watch meets must not stop the others)
                scan.fail(unforeseen(error))
        if scan.report.complete or not self._shift.is_over:
            self._notes.scanned(scan.report, started_at_ms=started_at_ms)

    def _refuse_served_otherwise(self, watch: str) -> None:
        """Let no file be left to a process that would register it under another configuration.

        Raises:
            CloudError: that process still has the lock.
        """
        if self._lock.held:
            return
        owner = self._ledger.ownership.published(self._lock)
        if owner is None:
            differs = watch in self._otherwise
        else:
            differs = owner.watches.get(watch, self._served[watch]) != self._served[watch]
        if differs:
            raise not_served(owner, [watch])

    def _register(self) -> None:
        with self._shift.part(_REGISTERING) as clock:
            while not self._lock.held:
                if clock.wait(_LOOK_S):
                    return
                if self._take_lock(clock):
                    self._own(clock)
            ledger = self._ledger.seen_by(clock.come_by)
            with self._parts.registering(ledger, self._notes, clock) as (registering, self._breakers):
                registering.serve(self._arrivals)

    def _take_lock(self, clock: Part) -> bool:
        """Take the lock if it is free; wait while a full disk has no room for the lock file."""

        def wait(seconds: float) -> bool:
            self._going_on()
            return clock.wait(seconds)

        def failed(error: MachineFailed) -> None:
            self._no_lock = error
            self._waits_for(error)

        try:
            taken = patiently(self._lock.try_acquire, wait=wait, failed=failed, tries=None)
        except MachineFailed as error:
            if self._shift.is_over:
                raise _CutShort from error
            raise
        self._no_lock = None
        return taken

    def _take_over(self, clock: Part) -> int:
        """See that the ledger is as the last owner of the lock left it; return how many claims went back in line."""
        try:
            self._ledger.check_after_unclean_stop(stop=partial(self._is_over, clock))
        except MachineFailed as error:
            if self._shift.is_over:
                raise _CutShort from error
            raise
        return recover(self._ledger, self._clock)

    def _give_out(self, recovered: int, clock: Part) -> None:
        entries = itertools.count()

        def owner(bucket: str, key: str, size_bytes: int) -> str | None:
            if next(entries) % _BETWEEN_SIGNS == 0 and self._is_over(clock):
                raise _CutShort
            return self._terms.owner(bucket, key, size_bytes)

        give_out(self._ledger, self._clock, owner=owner, recovered=recovered)

    def _is_over(self, clock: Part) -> bool:
        """Give a sign that the ledger is being looked through; tell whether to leave off."""
        self._going_on()
        return clock.wait(0)
