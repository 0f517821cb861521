"""A bucket that is scanned into a ledger again and again, and compared with it."""

from __future__ import annotations

import functools
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.fakes import FakeClock
from tests.support.listed_bucket import ListedBucket
from watcher.discovery.listing.bucket import BucketListing
from watcher.discovery.listing.tuning import ListingTuning
from watcher.discovery.recorder import ScanRecorder
from watcher.discovery.reporter import ScanReporter
from watcher.discovery.scan import Scan
from watcher.discovery.selector import ScanTarget, Selector
from watcher.ledger.sqlite import Ledger, ProcessLock, create
from watcher.model import BucketSpec, WatchSpec
from watcher.rules.filters import Filters
from watcher.rules.selection import Rules

if TYPE_CHECKING:
    from watcher.model.reports import ScanReport

PAGE = 4
MEMORY = Path("/dev/shm")  # noqa: S108 (each has a folder of its own there)
DAY_MS = 86_400_000


@dataclass
class Remembering:
    """A bucket, a ledger, and scans of the one into the other."""

    path: Path
    bucket: ListedBucket
    clock: FakeClock = field(default_factory=FakeClock)
    rules: Rules = field(default_factory=lambda: Rules(bucket=ListedBucket.bucket))
    full_every_ms: int = DAY_MS
    above: str = ""
    upto: str | None = None
    is_cut_short: bool = False

    def scan(self, *, full: bool = False, concurrency: int = 1) -> ScanReport:
        """Scan once, in a process of its own as it were."""
        target = ScanTarget(
            name="w",
            source_url=f"oss://{self.bucket.bucket}/",
            rules=self.rules,
            start="all",
            full_every_ms=self.full_every_ms,
            filters=Filters(start_after=self.above, end_with=self.upto or ""),
        )
        with (
            ProcessLock(self.path) as lock,
            Ledger(self.path, lock, wait=self.clock.wait) as ledger,
        ):
            ledger.assignments.adopt(
                [BucketSpec(name=self.bucket.bucket, region="r", file_url="u", encoding="percent")],
                [WatchSpec(name="w", bucket=self.bucket.bucket, prefix="", rules=repr(self.rules))],
                config_path="c",
            )
            self.bucket.requests.clear()
            reporter = ScanReporter(
                target,
                records=ledger.discovery,
                clock=self.clock,
                emit=lambda *_, **__: None,
                progress=lambda _: None,
            )
            recorder = ScanRecorder(
                target,
                selector=Selector(target, [], ledger.discovery),
                records=ledger.discovery,
                reporter=reporter,
                clock=self.clock,
                full=full,
            )
            source = BucketListing(
                self.bucket,
                pace=lambda _: True,
                clock=self.clock,
                jitter=lambda: 0.5,
                concurrency=concurrency,
                lowered=lambda _: None,
                above=target.above,
                upto=target.upto,
                tuning=ListingTuning(page_size=PAGE),
            )
            return Scan(
                target, source=source, recorder=recorder, reporter=reporter, clock=self.clock
            ).run()

    def rows(self) -> dict[str, str]:
        """Return the ETag that the ledger has of each key."""
        with closing(sqlite3.connect(self.path)) as db:
            return dict(db.execute("SELECT key, etag FROM entry").fetchall())

    def execute(self, sql: str, *parameters: object) -> None:
        """Change the ledger by hand."""
        with closing(sqlite3.connect(self.path)) as db, db:
            db.execute(sql, parameters)

    def assert_right(self, report: ScanReport) -> None:
        """Check a complete scan against the bucket itself."""
        assert report.complete
        selected = {
            key: found
            for key, found in self.bucket.objects.items()
            if self.rules.select(found, now_ms=1, start_ms=None) is None
        }
        left_out = Counter(
            str(reason)
            for found in self.bucket.objects.values()
            if (reason := self.rules.select(found, now_ms=1, start_ms=None)) is not None
        )
        assert report.listed == len(self.bucket.objects)
        assert report.matched == len(selected)
        assert report.excluded == dict(sorted(left_out.items()))
        rows = self.rows()
        assert {key: rows.get(key) for key in selected} == {
            key: found.etag for key, found in selected.items()
        }


@functools.cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        create(path)
        return path.read_bytes()


def new_ledger(folder: Path) -> Path:
    """Return a new ledger file."""
    path = folder / "ledger.db"
    path.write_bytes(_empty())
    return path
