"""Builders for tests of the ledger: what scans record and registering claims, with defaults."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from watcher.ledger.sqlite import Ledger, LedgerReader
from watcher.model import (
    Accepted,
    BucketSpec,
    Claim,
    Failure,
    Found,
    ListingCost,
    ObjectInfo,
    Objects,
    Outcome,
    Range,
    Refused,
    ScanBegun,
    ScanKind,
    ScanTotals,
    Settlement,
    WatchSpec,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HOUR = 3_600_000
NOW = 1_800_000_000_000


def sleep(seconds: float) -> bool:
    """Wait for real, and never be asked to stop."""
    return threading.Event().wait(seconds)


FORM = "https://{bucket}.oss-{region}.aliyuncs.com/{key}"
SOURCE = "oss://b/"


def obj(key: str, *, etag: str = "E1", size: int = 5, at: int = NOW) -> ObjectInfo:
    return ObjectInfo(key, etag, size, at)


def adopt(ledger: Ledger, *names: str, rules: str = "r1", form: str = FORM) -> None:
    ledger.assignments.adopt(
        [BucketSpec(name="b", region="cn-shanghai", file_url=form, encoding="percent")],
        [WatchSpec(name=name, bucket="b", prefix="", rules=rules) for name in names or ("w",)],
        config_path="watcher.toml",
    )


def record(
    ledger: Ledger,
    *objects: ObjectInfo,
    watch: str = "w",
    now: int = NOW,
    kind: ScanKind = "scan",
    source: str = SOURCE,
) -> tuple[int, tuple[str, ...]]:
    listed = Objects.of(sorted(objects, key=lambda each: each.key))
    found = Found(
        range=Range(lo="", hi=None, listed=len(listed), matched=len(listed)), objects=listed, at=now
    )
    begun = begin(ledger, watch=watch, now=now, kind=kind, source=source)
    recorded = ledger.discovery.record(
        watch, [found], begun=begun, started_at=now, now_ms=now, began_ms=now
    )
    return recorded.new, recorded.changed


def begin(
    ledger: Ledger,
    *,
    watch: str = "w",
    now: int = NOW,
    kind: ScanKind = "scan",
    source: str = SOURCE,
) -> ScanBegun:
    return ledger.discovery.begin_scan(
        watch, kind, source=source, decision_digest="", now_ms=now, full_every_ms=0
    )


def finish(
    ledger: Ledger, *, watch: str = "w", now: int = NOW, listed: int = 2, source: str = SOURCE
) -> None:
    """Complete a scan that lists so many objects."""
    begun = begin(ledger, watch=watch, now=now, source=source)
    found = Found(range=Range(lo="", hi=None, listed=listed), objects=Objects.of(()), at=now)
    ledger.discovery.record(watch, [found], begun=begun, started_at=now, now_ms=now, began_ms=now)
    ledger.discovery.finish_scan(
        watch,
        begun=begun,
        counted=ScanTotals(listed=listed, matched=0, excluded={}),
        cost=ListingCost(calls=1, n_bytes=1, took_ms=1),
        started_at=now,
        now_ms=now,
        mostly_changed=False,
    )


def claim(
    ledger: Ledger, *, watches: Sequence[str] = ("w",), now: int = NOW, most: int = 10
) -> Claim | None:
    return ledger.queue.claim(
        "b", watches, choose=lambda due: due[:most], now_ms=now, horizon_ms=now + HOUR
    )


def settle(
    ledger: Ledger, claimed: Claim, outcome: Outcome, *, due_at: int = NOW, now: int = NOW
) -> None:
    ledger.queue.settle(
        claimed,
        [Settlement(entry=entry, outcome=outcome, due_at=due_at) for entry in claimed.entries],
        request_id="R1",
        max_attempts=3,
        now_ms=now,
    )


def states(path: Path) -> dict[str, str]:
    with LedgerReader(path) as reader:
        return {entry.key: entry.state for entry in reader.entries(lambda *_: "")}


def counts(path: Path) -> tuple[int, int, int, int, int]:
    with LedgerReader(path) as reader:
        (row,) = reader.status()
    return row.pending, row.claimed, row.registered, row.failed, row.changed


def keys(claimed: Claim | None) -> list[str]:
    return [entry.key for entry in claimed.entries] if claimed else []


ACCEPTED = Accepted(media_id="m1", new_register=True)
REFUSED = Refused(reason=Failure.REFUSED, message="no")
