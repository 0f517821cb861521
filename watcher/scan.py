"""Use case: source -> ledger.  One pass over what a watch watches, gone on with where an earlier one was cut short."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol

from watcher.errors import CloudError
from watcher.listing import Listing
from watcher.model import Excluded, ObjectInfo, Page, Recorded, ScanMark
from watcher.observe import logs
from watcher.reports import ScanReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.ports import Clock, Source
    from watcher.sieve import Sieve, Watched

BELIEVED_EMPTY = 3  # empty answers in a row that it takes to believe that a bucket which had objects has none
_PAGES_BETWEEN_LINES = 100  # a listing of millions must not be mute


class Records(Protocol):
    """Where a scan writes: the ledger's intake, or nowhere for a dry run."""

    def remember_start(self, source: str, start_at: int) -> None:
        """Remember the meaning of `start = "now"`."""
        ...

    def unfinished(self, watch: str, selection: str) -> ScanMark | None:
        """Return where the last scan under the same selection was cut short, or None."""
        ...

    def record(
        self,
        watch: str,
        objects: Sequence[ObjectInfo],
        *,
        oss_now_ms: int,
        now_ms: int,
        began_ms: int,
        mark: ScanMark | None,
    ) -> Recorded:
        """Write down one page of selected objects, and how far the scan is."""
        ...

    def doubt_empty(self, watch: str) -> int:
        """Count an empty listing of a watch that had objects; return which in a row it is, 0 if it had none."""
        ...

    def finish_scan(self, watch: str, *, started_at: int, now_ms: int, listed: int) -> None:
        """Remember a complete scan."""
        ...


class Scan:
    """One scan of one watch; `run` returns its report."""

    def __init__(
        self,
        watched: Watched,
        *,
        sieve: Sieve,
        source: Source,
        records: Records,
        clock: Clock,
        jitter: Callable[[], float],
        emit: Callable[..., None],
        progress: Callable[[ScanReport], None],
        pace: Callable[[float], bool] = lambda _rest_s: True,
    ) -> None:
        self._watched = watched
        self._sieve = sieve
        self._bucket = source.bucket
        self._listing = Listing(source, clock=clock, jitter=jitter, pace=pace)
        self._records = records
        self._clock = clock
        self._emit = emit
        self._progress = progress
        self._excluded: Counter[str] = Counter()
        self._met = False
        self._began_ms = 0
        self._started_at = 0  # OSS's clock: the first answer, of the scan that this one goes on with
        self.report = ScanReport(watch=watched.name)

    def run(self) -> ScanReport:
        """List what is left to list, record what is selected, and say whether the listing is complete."""
        began, self._began_ms = self._clock.monotonic(), self._clock.now_ms()
        start_after = self._resume()
        self._emit(logs.SCAN_STARTED, watch=self._watched.name, source=self._watched.source_url, after=start_after)
        try:
            for page in self._listing.pages(start_after=start_after):
                self.report.list_calls = self._listing.calls
                self._take(page)
                self.report.complete = page.is_last
            self._believe()
        except CloudError as error:
            self.report.complete = False
            self.report.error = error
        self.report.list_calls = self._listing.calls
        self.report.duration_s = round(self._clock.monotonic() - began, 3)
        if self.report.complete:
            self._records.finish_scan(
                self._watched.name, started_at=self._started_at, now_ms=self._clock.now_ms(), listed=self.report.listed
            )
        self._tell()
        return self.report

    def _resume(self) -> str:
        """Take over the counts of a scan that was cut short; return the key behind which to go on."""
        mark = self._records.unfinished(self._watched.name, self._sieve.digest)
        if mark is None:
            return ""
        self._started_at = mark.started_at
        self._excluded.update(mark.excluded)
        self.report.listed, self.report.matched = mark.listed, mark.matched
        return mark.start_after

    def _take(self, page: Page) -> None:
        if not self._met:
            self._met, self._started_at = True, self._started_at or page.at
            if (start_at := self._sieve.meet(page.at)) is not None:
                self._records.remember_start(self._watched.source_url, start_at)
        selected = self._selected(page)
        report = self.report
        report.listed += len(page.objects) + len(page.not_utf8)
        report.matched += len(selected)
        report.excluded = {str(reason): n for reason, n in sorted(self._excluded.items()) if n}
        recorded = self._records.record(
            self._watched.name,
            selected,
            oss_now_ms=page.at,
            now_ms=self._clock.now_ms(),
            began_ms=self._began_ms,
            mark=self._mark(page),
        )
        report.new += recorded.new
        report.changed += len(recorded.changed)
        for key in recorded.changed if self._watched.report_overwritten else ():
            self._emit(logs.OBJECT_CHANGED, watch=self._watched.name, bucket=self._bucket, key=key)
        self._progress(report)
        if report.list_calls % _PAGES_BETWEEN_LINES == 0:
            facts = {name: getattr(report, name) for name in ("watch", "listed", "new", "list_calls")}
            self._emit(logs.SCAN_PROGRESS, **facts)

    def _selected(self, page: Page) -> list[ObjectInfo]:
        selected: list[ObjectInfo] = []
        for listed in page.objects:
            reason = self._sieve.reason(listed, now_ms=page.at)
            if reason is None:
                selected.append(listed)
            else:
                self._excluded[reason] += 1
                self._emit(logs.OBJECT_EXCLUDED, watch=self._watched.name, key=listed.key, reason=str(reason))
        self._excluded[Excluded.KEY_NOT_UTF8] += len(page.not_utf8)
        return selected

    def _mark(self, page: Page) -> ScanMark | None:
        """Return where a later scan could go on; None where only this one can (behind a key that is not UTF-8)."""
        if page.next_token or not page.last_key:
            return None
        return ScanMark(
            selection=self._sieve.digest,
            start_after=page.last_key,
            started_at=self._started_at,
            listed=self.report.listed,
            matched=self.report.matched,
            excluded=self.report.excluded,
        )

    def _believe(self) -> None:
        """Doubt an empty answer for a watch that had objects.

        Raises:
            CloudError: it is not believed yet.
        """
        if not self.report.complete or self.report.listed:
            return
        times = self._records.doubt_empty(self._watched.name)
        if 0 < times < BELIEVED_EMPTY:
            where = f'{self._watched.source_url} (watch "{self._watched.name}")'
            raise CloudError(
                f"OSS answered that there is nothing below {where}, where the last complete scan found objects; "
                f"it is believed when answered {BELIEVED_EMPTY} times in a row, now {times}",
                hint="If the objects were deleted on purpose, scan again; if not, check the bucket and the prefix.",
            )

    def _tell(self) -> None:
        report = self.report
        names = ("watch", "listed", "matched", "new", "changed", "excluded", "list_calls", "duration_s")
        facts = {name: getattr(report, name) for name in names}
        if not report.complete:
            why = str(report.error) if report.error else "it was asked to stop"
            self._emit(logs.SCAN_INCOMPLETE, reason=why, **facts)
            return
        ambiguous = self._excluded[Excluded.AMBIGUOUS_EXTENSION]
        self._emit(
            logs.SCAN_FINISHED, **facts, **({"note": ambiguous_note(report.watch, ambiguous)} if ambiguous else {})
        )


def ambiguous_note(watch: str, n: int) -> str:
    """Return the count and the cure for objects whose extension alone does not make them media."""
    return (
        f'{n} object{"s" if n != 1 else ""} of watch "{watch}" end in .ts, .dat, .gif or .swf and were left out, since '
        "HLS slices must not become media. If they are media, list the patterns in `include` "
        '(e.g. include = ["*.ts", "*.mp4"]); if not, put them in `exclude` (e.g. exclude = ["*.ts"]).'
    )
