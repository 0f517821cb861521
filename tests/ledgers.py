"""Builders for tests of the ledger: what scans record and registering claims, with defaults."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from watcher.ledger import Ledger, LedgerReader
from watcher.model import (
    Accepted,
    BucketSpec,
    Claim,
    Failure,
    ObjectInfo,
    Outcome,
    Refused,
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


def obj(key: str, *, etag: str = "E1", size: int = 5, at: int = NOW) -> ObjectInfo:
    return ObjectInfo(key, etag, size, at)


def adopt(ledger: Ledger, *names: str, rules: str = "r1", form: str = FORM) -> None:
    ledger.intake.adopt(
        [BucketSpec(name="b", region="cn-shanghai", file_url=form, encoding="percent")],
        [WatchSpec(name=name, bucket="b", prefix="", rules=rules) for name in names or ("w",)],
        config_path="watcher.toml",
    )


def record(ledger: Ledger, *objects: ObjectInfo, watch: str = "w", now: int = NOW) -> tuple[int, tuple[str, ...]]:
    recorded = ledger.intake.record(watch, objects, oss_now_ms=now, now_ms=now, began_ms=now)
    return recorded.new, recorded.changed


def claim(ledger: Ledger, *, watches: Sequence[str] = ("w",), now: int = NOW, most: int = 10) -> Claim | None:
    return ledger.queue.claim("b", watches, choose=lambda due: due[:most], now_ms=now, horizon_ms=now + HOUR)


def settle(ledger: Ledger, claimed: Claim, outcome: Outcome, *, due_at: int = NOW, now: int = NOW) -> None:
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
