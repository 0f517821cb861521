"""What a scan asks of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.model import (
        Found,
        ListingCost,
        Range,
        Recorded,
        ScanBegun,
        ScanEnd,
        ScanKind,
        ScanTotals,
    )


class Records(Protocol):
    """Where a scan writes: the ledger's intake, or nowhere for a dry run."""

    def remember_start(self, bucket: str, prefix: str, *, now_ms: int) -> None:
        """Keep `now_ms` (our clock) as what "now" means below a prefix, unless its keys have a moment."""
        ...

    def correct_starts(self, bucket: str, *, now_ms: int, answered_at: int) -> None:
        """Move moments of our clock to OSS's, which answered at `answered_at` when ours was `now_ms`."""
        ...

    def begin_scan(
        self, watch: str, kind: ScanKind, *, source: str, basis: str, now_ms: int, full_every_ms: int
    ) -> ScanBegun:
        """Begin a scan, or go on with one that was cut short under the same `basis`."""
        ...

    def ahead(self, begun: ScanBegun, after: str) -> Sequence[tuple[Range, bool]]:
        """Return some remembered ranges from a key on, in order, each with whether this scan confirmed it already."""
        ...

    def record(
        self, watch: str, found: Sequence[Found], *, begun: ScanBegun, started_at: int, now_ms: int, began_ms: int
    ) -> Recorded:
        """Write down some ranges: their selected objects, and that they were listed.

        Those that are `as_of` an instant are not listed by that, and change nothing that is known of later.
        """
        ...

    def doubt_empty(self, watch: str, begun: ScanBegun) -> int:
        """Count an empty listing of a watch that had objects; return which in a row it is, 0 if it had none."""
        ...

    def finish_scan(
        self,
        watch: str,
        *,
        begun: ScanBegun,
        counted: ScanTotals,
        cost: ListingCost | None,
        started_at: int,
        now_ms: int,
        mostly_changed: bool,
        by_ranges: bool = True,
    ) -> ScanTotals | None:
        """Remember a complete scan; return its sum, or None if its ranges leave out keys.

        Where what it took did not come in ranges, or another scan has overtaken it, that is what it `counted`.
        Without `cost` the one that is known stays.
        """
        ...

    def end_scan(self, watch: str, end: ScanEnd, *, source: str) -> None:
        """Remember how a listing of `source` ended, complete or not."""
        ...

    def due_notes(self, watch: str, notes: Sequence[str], *, now_ms: int) -> list[str]:
        """Return those of `notes` that were not logged within a day, whatever their counts; remember them."""
        ...
