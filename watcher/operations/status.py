"""`status`: counts, lag, last scans and cost, as the command prints and the page shows them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from watcher.model import NEVER, Start
from watcher.model.reports import WatchStatus
from watcher.rules import starts
from watcher.rules.instants import utc_ms
from watcher.rules.listing_bill import ListingBill, bill, costly_note, internal_endpoint
from watcher.rules.schedule import starts_per_day

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from watcher.config import Config, Watch
    from watcher.ledger.port import StatusReader
    from watcher.model import Breaker, ScanEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """All watches that are configured or have entries, and what they share."""

    rows: tuple[WatchStatus, ...]
    starts: Mapping[str, Start]  # by configured watch: from when on its objects count
    bills: Mapping[str, ListingBill | None]  # by watch; None: not configured, or no cost known yet
    breakers: tuple[Breaker, ...]  # the open ones, the account's first
    calls_per_second: float  # that may be made now
    most_calls_per_second: int
    last_audit_at: int | None  # milliseconds since the epoch: of all watches, complete
    at_ms: int  # milliseconds since the epoch

    def age_s(self, row: WatchStatus) -> float | None:
        """Return how long the oldest pending entry of a watch has been known."""
        return (
            None
            if row.oldest_pending_at is None
            else max(0.0, (self.at_ms - row.oldest_pending_at) / 1000)
        )

    def watches(self) -> list[dict[str, Any]]:
        """Return a row a watch as machine output has it (design 4.1)."""
        breakers = {breaker.bucket: breaker for breaker in self.breakers}
        return [self._row(row, breakers.get(row.bucket)) for row in self.rows]

    def as_json(self) -> str:
        """Return it as one line of JSON (design 4.1)."""
        account = next((breaker for breaker in self.breakers if breaker.bucket == ""), None)
        whole = {
            "watches": self.watches(),
            "breaker": _breaker(account),
            "calls_per_second": self.calls_per_second,
        }
        return json.dumps(whole, ensure_ascii=False)

    def _row(self, row: WatchStatus, breaker: Breaker | None) -> dict[str, Any]:
        names = ("watch", "pending", "claimed", "registered", "failed", "changed")
        cost = self.bills[row.watch]
        return {name: getattr(row, name) for name in names} | {
            **(starts.shown(self.starts[row.watch]) if row.watch in self.starts else _NO_START),
            "oldest_pending_s": self.age_s(row),
            "last_complete_scan_at": utc_ms(row.last_complete_scan_at),
            "last_scan": _scan_end(row.last_scan),
            "last_backfill": _backfill(row.last_backfill),
            "list_calls_per_day": cost and cost.calls_per_day,
            "list_gb_per_day": cost and cost.gb_per_day,
            "breaker": _breaker(breaker),
        }


def read_status(reader: StatusReader, config: Config, *, now_ms: int) -> Status:
    """Return the status now.

    Raises:
        WatcherError: the ledger cannot be read.
    """
    known, breakers, given = reader.status(), reader.breakers(), reader.calls_per_second()
    names = {row.watch for row in known}
    unknown = [watch for watch in config.watches if watch.name not in names]
    rows = (*known, *(WatchStatus(watch=watch.name, bucket=watch.bucket) for watch in unknown))
    most = config.vod.calls_per_second
    return Status(
        rows=rows,
        starts={watch.name: _start(reader, watch) for watch in config.watches},
        bills={row.watch: _bill(row, config) for row in rows},
        breakers=breakers,
        calls_per_second=most if given is None else round(min(most, given), 2),
        most_calls_per_second=most,
        last_audit_at=reader.last_audit_at(),
        at_ms=now_ms,
    )


def _start(reader: StatusReader, watch: Watch) -> Start:
    if watch.start == "now":
        return starts.start_below(watch.prefix, reader.anchors(watch.bucket), otherwise=NEVER)
    return Start(at=None if watch.start == "all" else watch.start)


def costly(status: Status, config: Config) -> Iterator[str]:
    """Yield advice about watches whose listing is expensive."""
    endpoints = {watch.name: watch.endpoint for watch in config.watches}
    for row in status.rows:
        if cost := status.bills[row.watch]:
            cheaper_at = internal_endpoint(endpoints[row.watch], config.vod.region)
            if note := costly_note(row.watch, row.listed, cost.gb_per_day, cheaper_at):
                yield note


def _bill(row: WatchStatus, config: Config) -> ListingBill | None:
    """Return what listing a configured watch costs; None if no complete scan was measured yet."""
    schedules = {watch.name: watch.schedule for watch in config.watches}
    if not row.list_calls or row.watch not in schedules:
        return None
    return bill(
        calls=row.list_calls,
        n_bytes=row.list_bytes,
        took_s=row.list_took_s,
        starts_per_day=starts_per_day(schedules[row.watch]),
    )


_NO_START: dict[str, object] = {"start": None, "start_below": {}}  # of a watch not configured now


def _breaker(breaker: Breaker | None) -> dict[str, str | None] | None:
    if breaker is None:
        return None
    return {
        "reason": breaker.reason,
        "hint": breaker.hint,
        "since": utc_ms(breaker.opened_at),
        "next_probe_at": utc_ms(breaker.next_probe_at),
    }


def _scan_end(end: ScanEnd | None) -> dict[str, Any] | None:
    if end is None:
        return None
    return {
        "at": utc_ms(end.at),
        "complete": end.complete,
        "error": end.error or None,
        "hint": end.hint or None,
    }


def _backfill(end: ScanEnd | None) -> dict[str, Any] | None:
    """Return how the last backfill ended, and what it covered ("" = all that the watch selects)."""
    shown = _scan_end(end)
    if end is None or shown is None:
        return None
    return shown | {"listed": end.listed, "matched": end.matched, "covered": end.covered}
