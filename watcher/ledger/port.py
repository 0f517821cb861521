"""The port of the ledger: its methods for use cases, and their promises.

Every method is atomic, and no callback runs inside a transaction.  Instants are milliseconds since
the epoch, of our clock unless OSS's is named.  A method that cannot write raises `LocalFailure` in
the end.  Every method raises `LedgerUntrusted` for a damaged ledger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from watcher.model import (
        Anchor,
        BodyRefusal,
        Breaker,
        BucketSpec,
        Claim,
        Entry,
        Found,
        ListingCost,
        ObjectInfo,
        Range,
        Recorded,
        ScanBegun,
        ScanEnd,
        ScanKind,
        ScanTotals,
        Settled,
        Settlement,
        WatchSpec,
    )
    from watcher.model.reports import WatchStatus


class StartMoments(Protocol):
    """The moments that `start = "now"` means."""

    def anchors(self, bucket: str) -> Sequence[Anchor]:
        """Return the moments of "now" below all prefixes of a bucket, those of old watches too."""
        ...


class ScanRecords(Protocol):
    """The records of a scan; a dry run writes none."""

    def remember_start(self, bucket: str, prefix: str, *, now_ms: int) -> None:
        """Keep `now_ms` as the moment of "now" below a prefix, unless its keys have one."""
        ...

    def correct_starts(self, bucket: str, *, now_ms: int, answered_at: int) -> None:
        """Move moments of our clock to OSS's, which was `answered_at` when ours was `now_ms`."""
        ...

    def begin_scan(
        self,
        watch: str,
        kind: ScanKind,
        *,
        source: str,
        decision_digest: str,
        now_ms: int,
        full_every_ms: int,
    ) -> ScanBegun:
        """Resume a scan that was interrupted under the same `decision_digest`, or begin one.

        Raises:
            CloudError: another process has this watch with another source.
        """
        ...

    def remembered_ranges(self, begun: ScanBegun, after: str) -> Sequence[tuple[Range, bool]]:
        """Return the next remembered ranges from the key `after` on, in order.

        Each comes with whether this scan has confirmed it already.  An empty answer ends them.
        """
        ...

    def record(
        self,
        watch: str,
        found: Sequence[Found],
        *,
        begun: ScanBegun,
        started_at: int,
        now_ms: int,
        began_ms: int,
    ) -> Recorded:
        """Write listed ranges and their selected objects; see `transitions.seen_again`.

        Ranges with an `as_of` are of a snapshot.  They confirm no range, and change nothing that
        is known of later.

        Raises:
            CloudError: another process has this watch with another source.
        """
        ...

    def count_empty_scan(self, watch: str, begun: ScanBegun) -> int:
        """Count an empty listing of a watch that had objects.

        Return which in a row it is; 0 if the watch had none.
        """
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
        """Remember a complete scan.

        Return the sum of its ranges; None if they leave out keys.  Without `by_ranges`, or if
        another scan has overtaken this one, that is `counted`.  Without `cost` the known one stays.
        """
        ...

    def end_scan(self, watch: str, end: ScanEnd, *, source: str) -> None:
        """Remember how a listing of `source` ended, complete or not."""
        ...

    def due_notes(self, watch: str, notes: Sequence[str], *, now_ms: int) -> list[str]:
        """Return the `notes` that were not logged within a day, and remember those.

        Notes that differ only in their counts are the same.
        """
        ...


class WatchAssignments(Protocol):
    """Which watch each pending entry belongs to."""

    @property
    def is_assigned(self) -> bool:
        """Whether all pending entries were assigned by the watches as they are configured."""
        ...

    def adopt(
        self, buckets: Sequence[BucketSpec], watches: Sequence[WatchSpec], *, config_path: str
    ) -> None:
        """Make buckets and watches equal the configuration.

        Raises:
            ConfigError: the form of file URLs would change after files were registered.  Or the
                moment of `start = "now"` is unknown.
        """
        ...

    def reassign(self, owner: Callable[[str, str, int], str | None], *, now_ms: int) -> None:
        """Give each pending entry to the watch that `owner(bucket, key, size_bytes)` names.

        Where `owner` returns None, the entry waits under its old watch.  Only the process that
        registers may call it.
        """
        ...


class ClaimRecovery(Protocol):
    """The claims of a dead process."""

    def recover(self, *, now_ms: int) -> int:
        """Queue all claimed entries again; return how many.

        Only the process that registers may call it, and before it claims.
        """
        ...


class ClaimQueue(Protocol):
    """Claims entries for calls, and settles them with the outcomes."""

    def claim(
        self,
        bucket: str,
        watches: Sequence[str],
        *,
        choose: Callable[[Sequence[Entry]], Sequence[Entry]],
        now_ms: int,
        horizon_ms: int,
        probe: bool = False,
    ) -> Claim | None:
        """Claim those of the next entries that `choose` returns; None if it returns none.

        `choose` gets up to ten due entries: fresh ones first, then by age and key.  An entry that
        was refused before comes alone.  `choose` runs again where an entry changed meanwhile.
        With `probe` it gets one entry, and while a streak of refusals stops the bucket, another
        one each time.  A `due_at` beyond `horizon_ms` counts as now.

        The claim is committed before it is returned.
        """
        ...

    def next_due_at(self, bucket: str, watches: Sequence[str]) -> int | None:
        """Return when the next pending entry is due, or None."""
        ...


class SettlementWriter(Protocol):
    """Where the outcomes of calls are kept."""

    def settle(
        self,
        claim: Claim,
        settlements: Sequence[Settlement],
        *,
        request_id: str,
        max_attempts: int,
        now_ms: int,
    ) -> Settled:
        """Write what became of a claim; see `transitions.settled`.

        While it cannot be written, no new claim is made.
        """
        ...


class BreakerMemory(Protocol):
    """The open breakers, kept from one process to the next."""

    def all(self) -> Sequence[Breaker]:
        """Return the open breakers, the account's first."""
        ...

    def put(self, breaker: Breaker) -> None:
        """Remember a breaker, in place of an earlier one of its bucket."""
        ...

    def remove(self, bucket: str) -> None:
        """Forget the breaker of a bucket; "" is the account's."""
        ...


class BodyRefusalMemory(Protocol):
    """Whether VOD refused a form body, kept from one process to the next."""

    def refused_body(self) -> BodyRefusal | None:
        """Return when a body was last refused, or None."""
        ...

    def remember_refused_body(self, refusal: BodyRefusal) -> None:
        """Remember a refusal, in place of an earlier one."""
        ...


# Operations; the ledger is opened read-only, and others may write between two reads


class AuditRow(NamedTuple):
    """One entry, as far as an audit is concerned."""

    key: str
    watch: str  # which owns it, configured or not
    state: str
    changed: int
    etag: str  # etag and size: the latest seen
    size_bytes: int
    first_seen_at: int


class LastScan(NamedTuple):
    """The last complete scan of a watch."""

    started_at: int  # OSS's clock
    listed: int


class AuditRows(Protocol):
    """The rows that an audit compares with a listing."""

    def last_scan(self, watch: str, bucket: str, prefix: str) -> LastScan | None:
        """Return the last complete scan of `watch` where it looks now, or None."""
        ...

    def rows(self, bucket: str, prefix: str, *, after: str, upto: str | None) -> Iterator[AuditRow]:
        """Yield the rows below `prefix` in byte order of their keys, some at a time.

        From behind `after` ("" = from the first) up to `upto` and with it (None = to the last).
        """
        ...


class DryRunReader(Protocol):
    """The facts that a dry run shows beside the listing."""

    def would_be_new(
        self,
        bucket: str,
        objects: Sequence[ObjectInfo],
        *,
        now_ms: int,
        began_ms: int,
        as_of: int | None = None,
    ) -> set[str]:
        """Return the keys that a scan would queue; see `ScanRecords.record`."""
        ...

    def waiting(self) -> Iterator[Entry]:
        """Yield the entries that are queued already, or wait for a watch to select them."""
        ...


class StatusReader(StartMoments, Protocol):
    """The facts that `status` and the status page show."""

    def status(self) -> Sequence[WatchStatus]:
        """Return one row a watch, in the order of the configuration."""
        ...

    def breakers(self) -> tuple[Breaker, ...]:
        """Return the open breakers that keep an entry waiting, the account's first."""
        ...

    def calls_per_second(self) -> float | None:
        """Return the rate that the account was last seen to allow; None = as configured."""
        ...

    def last_audit_at(self) -> int | None:
        """Return when the last complete audit of all watches ended, or None."""
        ...
