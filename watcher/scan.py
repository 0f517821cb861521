"""Use case: source -> ledger.  One pass over what a watch watches."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from watcher.errors import CloudError, NotSent, Throttled
from watcher.model import Excluded, ObjectInfo, Page, Recorded, ScanReport
from watcher.observe import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from watcher.ports import Clock, Source
    from watcher.rules.selection import Rules

_TRIES = 3  # of one page
_RETRY_S = 1.0
_PAGES_BETWEEN_LINES = 100  # a listing of millions must not be mute


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A watch, as far as scanning is concerned."""

    name: str
    source_url: str  # oss://BUCKET/PREFIX
    rules: Rules
    start: Literal["all", "now"] | int  # or an instant, milliseconds since the epoch
    report_overwritten: bool = True


class Records(Protocol):
    """Where a scan writes: the ledger's intake, or nowhere for a dry run."""

    def start_of(self, source: str) -> int | None:
        """Return the remembered meaning of `start = "now"`."""
        ...

    def remember_start(self, source: str, start_at: int) -> None:
        """Remember it."""
        ...

    def record(
        self, watch: str, objects: Sequence[ObjectInfo], *, oss_now_ms: int, now_ms: int, began_ms: int
    ) -> Recorded:
        """Write down one page of selected objects."""
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
        earlier: Sequence[Watched],  # watches above it in the file, over the same bucket
        source: Source,
        records: Records,
        clock: Clock,
        emit: Callable[..., None],
        progress: Callable[[ScanReport], None],
    ) -> None:
        self._watched = watched
        self._earlier = earlier
        self._source = source
        self._records = records
        self._clock = clock
        self._emit = emit
        self._progress = progress
        self._excluded: Counter[Excluded] = Counter()
        self._began_ms = 0
        self.report = ScanReport(watch=watched.name)

    def run(self) -> ScanReport:
        """List everything, record what is selected, and say whether the listing was complete."""
        began, self._began_ms = self._clock.monotonic(), self._clock.now_ms()
        self._emit(logs.SCAN_STARTED, watch=self._watched.name, source=self._watched.source_url)
        started_at = 0
        try:
            for page in self._pages():
                started_at = started_at or page.at
                self._take(page)
                self.report.complete = page.is_last
                if self._clock.wait(0):
                    break
        except CloudError as error:
            self.report.error = error
        self.report.duration_s = round(self._clock.monotonic() - began, 3)
        if self.report.complete and not self.report.error:
            self._records.finish_scan(
                self._watched.name, started_at=started_at, now_ms=self._clock.now_ms(), listed=self.report.listed
            )
        self._tell()
        return self.report

    def _pages(self) -> Iterator[Page]:
        """Yield the pages; a page that could not be had is asked for again from where the listing stands."""
        marker, token, tries = "", "", 0
        while True:
            try:
                for page in self._source.pages(start_after=marker, token=token):
                    marker, token, tries = page.last_key or marker, page.next_token, 0
                    self.report.list_calls += 1
                    yield page
            except (NotSent, Throttled):
                self.report.list_calls += 1
                tries += 1
                if tries == _TRIES or self._clock.wait(_RETRY_S * tries):
                    raise
            else:
                return

    def _take(self, page: Page) -> None:
        start_ms = self._start_ms(self._watched, page.at, remember=True)
        earlier = [(other.rules, self._start_ms(other, page.at, remember=False)) for other in self._earlier]
        selected: list[ObjectInfo] = []
        for listed in page.objects:
            reason = self._decide(listed, page.at, start_ms, earlier)
            if reason is None:
                selected.append(listed)
            else:
                self._excluded[reason] += 1
                self._emit(logs.OBJECT_EXCLUDED, watch=self._watched.name, key=listed.key, reason=str(reason))
        self._excluded[Excluded.KEY_NOT_UTF8] += page.not_utf8
        recorded = self._records.record(
            self._watched.name, selected, oss_now_ms=page.at, now_ms=self._clock.now_ms(), began_ms=self._began_ms
        )
        self.report.listed += len(page.objects) + page.not_utf8
        self.report.matched += len(selected)
        self.report.new += recorded.new
        self.report.changed += len(recorded.changed)
        self.report.excluded = {str(reason): n for reason, n in sorted(self._excluded.items()) if n}
        for key in recorded.changed if self._watched.report_overwritten else ():
            self._emit(logs.OBJECT_CHANGED, watch=self._watched.name, bucket=self._source.bucket, key=key)
        self._progress(self.report)
        if self.report.list_calls % _PAGES_BETWEEN_LINES == 0:
            report = self.report
            self._emit(
                logs.SCAN_PROGRESS,
                watch=report.watch,
                listed=report.listed,
                new=report.new,
                list_calls=report.list_calls,
            )

    def _decide(
        self, listed: ObjectInfo, now_ms: int, start_ms: int | None, earlier: list[tuple[Rules, int | None]]
    ) -> Excluded | None:
        reason = self._watched.rules.select(listed, now_ms=now_ms, start_ms=start_ms)
        if reason is None or reason is Excluded.TOO_YOUNG:
            for rules, start in earlier:
                if rules.covers(listed.key) and rules.select(listed, now_ms=now_ms, start_ms=start) in _OWNED:
                    return Excluded.OTHER_WATCH
        return reason

    def _start_ms(self, watched: Watched, oss_now_ms: int, *, remember: bool) -> int | None:
        """Return from when on objects count, or None for all of them."""
        match watched.start:
            case "all":
                return None
            case "now":
                known = self._records.start_of(watched.source_url)
                if known is None and remember:
                    self._records.remember_start(watched.source_url, oss_now_ms)
                return oss_now_ms if known is None else known
            case instant:
                return instant

    def _tell(self) -> None:
        report = self.report
        facts: dict[str, object] = {
            "watch": report.watch,
            "listed": report.listed,
            "matched": report.matched,
            "new": report.new,
            "changed": report.changed,
            "excluded": report.excluded,
            "list_calls": report.list_calls,
            "duration_s": report.duration_s,
        }
        if not report.complete:
            why = str(report.error) if report.error else "it was asked to stop"
            self._emit(logs.SCAN_INCOMPLETE, reason=why, **facts)
            return
        ambiguous = self._excluded[Excluded.AMBIGUOUS_EXTENSION]
        self._emit(
            logs.SCAN_FINISHED, **facts, **({"note": ambiguous_note(report.watch, ambiguous)} if ambiguous else {})
        )


_OWNED = (None, Excluded.TOO_YOUNG)  # selected, or only deferred


def ambiguous_note(watch: str, n: int) -> str:
    """Return the count and the cure for objects whose extension alone does not make them media."""
    return (
        f'{n} object{"s" if n != 1 else ""} of watch "{watch}" end in .ts, .dat, .gif or .swf and were left out, since '
        "HLS slices must not become media. If they are media, list the patterns in `include` "
        '(e.g. include = ["*.ts", "*.mp4"]); if not, put them in `exclude` (e.g. exclude = ["*.ts"]).'
    )
