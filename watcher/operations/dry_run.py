"""`--dry-run`: list the bucket and show what would be registered; change nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from watcher.model import Entry, Recorded, ScanBegun, ScanTotals
from watcher.rules.batching import MAX_ITEMS, batch_size
from watcher.rules.file_url import is_too_long

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.ledger.port import DryRunReader
    from watcher.model import Found, Media, Range, ScanEnd, ScanKind
    from watcher.registration.call import Group


class DryRun:
    """`port.ScanRecords` that writes nothing and counts what registering would do."""

    def __init__(
        self,
        reader: DryRunReader,
        *,
        groups: Sequence[Group],
        owner: Callable[[str, str, int], str | None],
        describe: Callable[[Entry], Media],
        max_bytes: int | None,
        show: Callable[[str, str], None],
    ) -> None:
        self._reader = reader
        self._group_of = {watch: group for group in groups for watch in group.watches}
        self._owner = owner  # of a waiting entry: (bucket, key, size_bytes) -> watch
        self._describe = describe
        self._max_bytes = max_bytes
        self._show = show  # called with (bucket, key) of each object that would be registered
        self._open: dict[Group, list[Media]] = {}
        self._calls = 0
        self._listed = self._matched = 0  # of the scan that is under way
        self._excluded: Counter[str] = Counter()
        self.would_register = 0
        self.would_register_bytes = 0  # of those objects
        self.too_long = 0  # objects that would become failed without a call

    @property
    def would_call(self) -> int:
        """RegisterMedia calls, as few as both limits allow."""
        return self._calls + sum(1 for media in self._open.values() if media)

    def begin(self) -> None:
        """Count the entries that are queued already."""
        for entry in self._reader.waiting():
            watch = self._owner(entry.bucket, entry.key, entry.size_bytes)
            if watch in self._group_of:
                self._add(replace(entry, watch=watch))

    def remember_start(self, bucket: str, prefix: str, *, now_ms: int) -> None:
        """Keep nothing."""

    def correct_starts(self, bucket: str, *, now_ms: int, answered_at: int) -> None:
        """Move nothing."""

    def begin_scan(self, watch: str, kind: ScanKind, **_how: object) -> ScanBegun:  # noqa: ARG002 (as `port.ScanRecords` has it)
        """Begin at the front: a dry run also shows what an earlier scan saw."""
        self._listed, self._matched, self._excluded = 0, 0, Counter()
        return ScanBegun(id=0, kind=kind, number=1, uses_digests=False, digests=False)

    def remembered_ranges(self, begun: ScanBegun, after: str) -> Sequence[tuple[Range, bool]]:  # noqa: ARG002
        """Return no remembered range."""
        return ()

    def count_empty_scan(self, watch: str, begun: ScanBegun) -> int:  # noqa: ARG002
        """Return 0: nothing depends on an empty listing."""
        return 0

    def record(
        self,
        watch: str,
        found: Sequence[Found],
        *,
        begun: ScanBegun,  # noqa: ARG002
        started_at: int,  # noqa: ARG002
        now_ms: int,
        began_ms: int,
    ) -> Recorded:
        """Count what a scan would queue."""
        for each in found:
            self._listed += each.range.listed
            self._matched += each.range.matched
            self._excluded.update(each.range.excluded)
        return Recorded(new=sum(self._record(watch, each, now_ms, began_ms) for each in found))

    def _record(self, watch: str, found: Found, now_ms: int, began_ms: int) -> int:
        bucket = self._group_of[watch].bucket
        new = self._reader.would_be_new(
            bucket, found.objects, now_ms=now_ms, began_ms=began_ms, as_of=found.as_of
        )
        for listed in found.objects:
            if listed.key in new:
                self._add(
                    Entry(
                        bucket=bucket,
                        key=listed.key,
                        watch=watch,
                        etag=listed.etag,
                        size_bytes=listed.size_bytes,
                        modified_at=listed.modified_at,
                        attempts=0,
                    )
                )
        return len(new)

    def finish_scan(self, watch: str, **_how: object) -> ScanTotals:  # noqa: ARG002
        """Remember nothing; return the sum of what was listed."""
        return ScanTotals(listed=self._listed, matched=self._matched, excluded=dict(self._excluded))

    def end_scan(self, watch: str, end: ScanEnd, *, source: str) -> None:
        """Remember nothing."""

    def due_notes(self, watch: str, notes: Sequence[str], *, now_ms: int) -> list[str]:  # noqa: ARG002
        """Return all of them: a person reads them."""
        return list(notes)

    def _add(self, entry: Entry) -> None:
        media = self._describe(entry)
        if is_too_long(media.file_url):
            self.too_long += 1
            return
        self.would_register += 1
        self.would_register_bytes += entry.size_bytes
        self._show(entry.bucket, entry.key)
        batch = self._open.setdefault(self._group_of[entry.watch], [])
        batch.append(media)
        room = batch_size(batch, max_bytes=self._max_bytes)
        if room < len(batch) or len(batch) == MAX_ITEMS:
            self._calls += 1
            del batch[:room]
