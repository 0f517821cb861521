"""The program as `watcher.wiring` builds it, around fakes, in a process that can die anywhere."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from tests.support.fake_vod import FakeVod
from tests.support.fakes import PAGE, FakeBucket, FakeClock, Fuse, Killed
from tests.support.history_configs import BUCKET, RETRY, WatchAs, configured, new_ledger
from tests.support.in_memory_worker import half, mute, registration_of
from watcher.discovery.listing.bucket import BucketListing
from watcher.discovery.listing.pager import Pager
from watcher.discovery.listing.tuning import ListingTuning
from watcher.discovery.recorder import ScanRecorder
from watcher.discovery.reporter import ScanReporter
from watcher.discovery.scan import Scan
from watcher.discovery.selector import Selector
from watcher.errors import LocalFailure
from watcher.ledger.sqlite import Ledger, LedgerReader, ProcessLock, connection
from watcher.operations.audit import Audit, AuditReport, audit_all
from watcher.wiring.ownership import ownership_of
from watcher.wiring.resolved import ResolvedConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from watcher.model.reports import ScanReport
    from watcher.operations.backfill import BackfillRequest
    from watcher.operations.ownership import Ownership

MEMORY = Path("/dev/shm")  # noqa: S108 (each world has a folder of its own there)
PATIENCE_S = 5.0


class World:
    """A bucket, VOD, a ledger and the process that stands between them."""

    def __init__(
        self,
        watches: Sequence[WatchAs],
        *,
        concurrent_calls: int = 1,
        list_concurrency: int = 1,
        backfill: BackfillRequest | None = None,
        retry: str = RETRY,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.path = self.folder / "ledger.db"
        self.path.write_bytes(new_ledger())
        self.fuse = Fuse()
        self.clock = FakeClock(self.fuse)
        self.bucket = FakeBucket(BUCKET, self.clock, self.fuse)
        self.vod = FakeVod(self.bucket)
        self.scanning = ""  # the watch whose scan lists, if one does
        self.gave_up = False  # the last run of registering
        self.open_breakers: set[str] = set()  # as the last run of registering left them
        self._concurrent_calls = concurrent_calls
        self._list_concurrency = list_concurrency
        self._backfill = backfill  # then the patience is a backfill's
        self._retry = retry
        self._patience_s = patience_s
        self.configure(watches)
        self._start()

    @property
    def db(self) -> sqlite3.Connection:
        """The connection of the process, for looking."""
        return self._ledger._transactions._connection

    @property
    def ledger(self) -> Ledger:
        """The open ledger."""
        return self._ledger

    # The process

    def configure(self, watches: Sequence[WatchAs]) -> None:
        """Read another configuration."""
        config = configured(tuple(watches), self._retry)
        self.resolved = ResolvedConfig(
            config, [watch.name for watch in config.watches], backfill=self._backfill
        )

    def _start(self) -> None:
        self._lock = ProcessLock(self.path)
        with mock.patch.object(connection, "connect", self._connect):
            self._ledger = Ledger(self.path, self._lock, wait=self.clock.wait)
        assert self._ownership(self._lock).try_own()

    def _ownership(self, lock: ProcessLock) -> Ownership:
        return ownership_of(self._ledger, lock, self.resolved, self.clock, emit=mute)

    def _connect(self, path: Path) -> sqlite3.Connection:
        fuse = self.fuse

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
                fuse.passes("statement")
                if sql != "COMMIT":
                    return super().execute(sql, parameters)
                fuse.passes("before the commit")
                cursor = super().execute(sql)
                fuse.passes("after the commit")
                return cursor

        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, factory=Connection
        )
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def stop(self) -> None:
        """End in good order."""
        self._ledger.__exit__()
        self._lock.release()

    def restart(self) -> None:
        """Start another process where this one ended."""
        self.stop()
        self._start()

    def bury(self, *, place: str = "", n: int = 0) -> None:
        """Abandon the dead process and start another.

        With `place` that one dies too, while it starts.
        """
        for where, times in ((place, n), ("", 0)):
            self._ledger._transactions._connection.close()  # what was not committed is gone
            self._lock.release(clean=False)
            self.clock.stopping = False
            self.fuse.light(where, times)
            with contextlib.suppress(Killed):
                self._start()
                self.fuse.put_out()
                return

    @contextlib.contextmanager
    def beside(self, watches: Sequence[WatchAs]) -> Iterator[frozenset[str]]:
        """Run a second process by its own configuration while this one holds the lock.

        Yields the watches that it leaves out, since this process serves them otherwise.
        """
        lock, mine, resolved = ProcessLock(self.path), self._ledger, self.resolved
        with Ledger(self.path, lock, wait=self.clock.wait) as ledger:
            assert not lock.try_acquire()
            self._ledger = ledger
            self.configure(watches)
            try:
                yield self._ownership(lock).adopt_beside()
            finally:
                self._ledger, self.resolved = mine, resolved

    def belong_to(self, uid: int) -> None:
        """Give the ledger to another user; this process is one of root."""
        for each in (self.folder, *self.folder.iterdir()):
            os.chown(each, uid, uid)

    def owners(self) -> set[int]:
        """Return whose the files beside the ledger are."""
        return {each.stat().st_uid for each in self.folder.iterdir()}

    def lend(self, uid: int) -> int:
        """Run a process of another user after this one; return its exit status.

        Somebody has removed the lock file meanwhile, so that root makes it.
        """
        self.stop()
        self._lock.path.unlink()
        self._start()
        self.stop()
        child = os.fork()
        if not child:
            with contextlib.suppress(BaseException):
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
                self._start()
                self.stop()
                os._exit(0)
            os._exit(1)
        _, status = os.waitpid(child, 0)
        self._start()
        return os.waitstatus_to_exitcode(status)

    @contextlib.contextmanager
    def full_disk(self, pages: int) -> Iterator[None]:
        """Limit the ledger's growth to so many pages.

        A process that gives up is followed by another.
        """
        (now,) = self.db.execute("PRAGMA page_count").fetchone()
        self.db.execute(f"PRAGMA max_page_count = {now + pages}")
        try:
            yield
        except LocalFailure:
            self.bury()
        else:
            self.db.execute("PRAGMA max_page_count = 4294967294")

    def reload(self, watches: Sequence[WatchAs]) -> None:
        """Go on under another configuration."""
        self.configure(watches)
        assert self._ownership(self._lock).try_own()

    def remove(self) -> None:
        """Leave nothing behind."""
        self.stop()
        shutil.rmtree(self.folder)

    # Acts of the process

    def scan(self, name: str) -> ScanReport:
        """Scan one watch."""
        self.bucket.ended, self.scanning = False, name
        target, intake = self.resolved.target(name), self._ledger.discovery
        reporter = ScanReporter(target, records=intake, clock=self.clock, emit=mute, progress=mute)
        recorder = ScanRecorder(
            target,
            selector=Selector(target, self.resolved.earlier(name), intake),
            records=intake,
            reporter=reporter,
            clock=self.clock,
        )
        source = BucketListing(
            self.bucket.below(target.rules.prefix),
            pace=lambda _: True,
            clock=self.clock,
            jitter=half,
            concurrency=self._list_concurrency,
            lowered=mute,
            above=target.above,
            upto=target.upto,
            tuning=ListingTuning(page_size=PAGE),
        )
        return Scan(
            target, source=source, recorder=recorder, reporter=reporter, clock=self.clock
        ).run()

    def register(self) -> int:
        """Register what is due; return the calls made."""
        before = self.vod.calls
        registration = registration_of(self)
        worker = registration.worker(mute)
        report = worker.run(lambda: True)
        registration.remember_rate()
        self.gave_up = worker.gave_up
        assert report.register_calls == self.vod.calls - before
        self.open_breakers = {breaker.bucket for breaker in registration.breakers.all}
        return self.vod.calls - before

    def audit(self) -> AuditReport:
        """Hold the bucket against the ledger."""
        names, self.scanning = self.resolved.chosen, ""
        with LedgerReader(self.path) as reader:
            audits = [self._audit(name, reader) for name in names]
            return audit_all(audits, clock=self.clock)

    def _audit(self, name: str, reader: LedgerReader) -> Audit:
        target = self.resolved.target(name)
        source = self.bucket.below(target.rules.prefix)
        return Audit(
            target,
            over_bucket=[self.resolved.target(each) for each in self.resolved.chosen],
            selector=Selector(target, self.resolved.earlier(name), reader),
            pager=Pager(source, pace=lambda _: True, clock=self.clock, jitter=half),
            ledger=reader.audit,
            clock=self.clock,
            emit=mute,
            progress=mute,
            unaccounted=mute,
        )
