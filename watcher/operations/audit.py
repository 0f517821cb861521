"""`audit`: prove completeness by comparing full listings with the ledger.

An audit makes list requests and no other call.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from watcher.discovery.listing.sequential import pages_in_order
from watcher.errors import CloudError, WatcherError
from watcher.model import Excluded, State
from watcher.model.reports import ScanReport
from watcher.observe import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.discovery.listing.pager import Pager
    from watcher.discovery.selector import ScanTarget, Selector
    from watcher.ledger.port import AuditRow, AuditRows, LastScan
    from watcher.model import ObjectInfo, Page
    from watcher.ports import Clock

CLOUD_FAILED = 5
UNACCOUNTED = 6
_PAGES_BETWEEN_LINES = 100


@dataclass(slots=True, kw_only=True)
class AuditedWatch:
    """The counts of an audit of one watch; they grow while it runs."""

    watch: str
    complete: bool = False
    listed: int = 0
    excluded: Counter[str] = field(default_factory=Counter)  # without a row, or another watch's
    registered: int = 0
    pending: int = 0  # with claimed
    failed: int = 0
    new: int = 0  # no row, and not older than the last complete scan
    unaccounted: int = 0  # no row, and no excuse
    changed: int = 0  # of registered: overwritten since
    gone: int = 0  # rows that are not listed: in no sum
    error: CloudError | None = None  # why it is incomplete

    @property
    def adds_up(self) -> bool:
        """Whether each listed object was counted exactly once."""
        rows = self.registered + self.pending + self.failed
        return self.listed == self.excluded.total() + rows + self.new + self.unaccounted


@dataclass(slots=True, kw_only=True)
class AuditReport:
    """The results of one audit."""

    watches: list[AuditedWatch]
    not_kept: WatcherError | None = None  # why the ledger does not keep when it ended

    @property
    def unaccounted(self) -> int:
        """Objects that should have a row and have none."""
        return sum(watch.unaccounted for watch in self.watches)

    @property
    def exit_status(self) -> int:
        """The documented exit status (design 4.1): nothing is proven by half a listing."""
        if any(not (watch.complete and watch.adds_up) for watch in self.watches):
            return CLOUD_FAILED
        return UNACCOUNTED if self.unaccounted else 0

    @property
    def errors(self) -> list[CloudError]:
        """The errors of all watches, each once."""
        return list(
            {str(watch.error): watch.error for watch in self.watches if watch.error}.values()
        )


class Audit:
    """The audit of one watch; `run` returns what it found."""

    def __init__(
        self,
        target: ScanTarget,
        *,
        over_bucket: Sequence[ScanTarget],
        selector: Selector,
        pager: Pager,
        ledger: AuditRows,
        clock: Clock,
        emit: Callable[..., None],
        progress: Callable[[ScanReport], None],
        unaccounted: Callable[[str, str], None],
    ) -> None:
        self._target = target
        self._over_bucket = over_bucket  # all watches of this bucket, in the file's order
        self._selector = selector
        self._bucket, self._prefix = target.rules.bucket, target.rules.prefix
        self._ledger = ledger
        self._clock = clock
        self._emit = emit
        self._progress = progress
        self._unaccounted = unaccounted  # called with (bucket, key), in key order
        self._pager = pager
        self._has_answer = False
        self._last_scan: LastScan | None = None
        self._began_ms = 0
        self._after = ""  # the last key that was counted
        self.found = AuditedWatch(watch=target.name)

    def run(self) -> AuditedWatch:
        """List from the front to the end, and compare each page with its part of the ledger."""
        self._began_ms = self._clock.now_ms()
        # Read before listing: a scan that ends meanwhile must not make listed objects look old.
        self._last_scan = self._ledger.last_scan(self._target.name, self._bucket, self._prefix)
        try:
            for page in pages_in_order(self._pager):
                self._compare(page)
        except CloudError as error:
            self.found.error = error
        return self.found

    def _compare(self, page: Page) -> None:
        if not self._has_answer:
            self._has_answer = True
            self._selector.resolve_starts(page.at)
        found = self.found
        found.listed += len(page.objects) + len(page.not_utf8)
        found.excluded[Excluded.KEY_NOT_UTF8] += len(page.not_utf8)
        if page.is_last:
            self._check_empty()
        self._count_page(page)
        self._after = page.last_key or self._after
        found.complete = page.is_last
        self._report_progress()

    def _check_empty(self) -> None:
        """Refuse an empty listing of a watch that had objects.

        Raises:
            CloudError: the listing is empty, and the last complete scan was not.
        """
        if not self.found.listed and self._last_scan and self._last_scan.listed:
            raise CloudError(
                f"OSS listed nothing below {self._target.source_url} "
                f'(watch "{self._target.name}"), where the last complete scan found objects',
                hint="If the objects were deleted on purpose, run `oss-vod-watcher scan` until a "
                "scan is complete. If not, check the bucket and the prefix.",
            )

    def _count_page(self, page: Page) -> None:
        """Count each object of the page, and each row up to its last key, once."""
        without_row = {listed.key: listed for listed in page.objects}
        upto = None if page.is_last else page.last_key  # "" (no key is UTF-8): no row yet
        for row in self._ledger.rows(self._bucket, self._prefix, after=self._after, upto=upto):
            self._count(row, without_row.pop(row.key, None))
        for listed in without_row.values():
            self._count_without_row(listed, page.at)

    def _count(self, row: AuditRow, listed: ObjectInfo | None) -> None:
        found = self.found
        if not self._is_ours(row):
            found.excluded[Excluded.OTHER_WATCH] += listed is not None
        elif listed is None:
            found.gone += (
                row.first_seen_at < self._began_ms
            )  # a younger one was put when we were past its place
        elif row.state == State.REGISTERED:
            found.registered += 1
            found.changed += bool(row.changed) or (listed.etag, listed.size_bytes) != (
                row.etag,
                row.size_bytes,
            )
        elif row.state == State.FAILED:
            found.failed += 1
        else:
            found.pending += 1

    def _is_ours(self, row: AuditRow) -> bool:
        """Whether a row counts here.

        It counts for its watch.  If that watch does not cover the key, it counts for the first
        watch that does.
        """
        if row.watch == self._target.name:
            return True
        covering = [each.name for each in self._over_bucket if each.rules.covers(row.key)]
        return row.watch not in covering and covering[0] == self._target.name

    def _count_without_row(self, listed: ObjectInfo, now_ms: int) -> None:
        reason = self._selector.reason(listed, now_ms=now_ms)
        if reason is not None:
            self.found.excluded[reason] += 1
        elif self._last_scan and listed.modified_at >= self._last_scan.started_at:
            self.found.new += 1
        else:
            self.found.unaccounted += 1
            self._unaccounted(self._bucket, listed.key)

    def _report_progress(self) -> None:
        found, calls = self.found, self._pager.calls
        self._progress(
            ScanReport(watch=found.watch, listed=found.listed, new=found.new, list_calls=calls)
        )
        if calls % _PAGES_BETWEEN_LINES == 0:
            self._emit(
                logs.SCAN_PROGRESS,
                watch=found.watch,
                listed=found.listed,
                new=found.new,
                list_calls=calls,
            )


def audit_all(audits: Sequence[Audit], *, clock: Clock) -> AuditReport:
    """Audit one watch after the other; after a stop request the rest stays incomplete."""
    for audit in audits:
        if clock.wait(0):
            break
        audit.run()
    return AuditReport(watches=[audit.found for audit in audits])
