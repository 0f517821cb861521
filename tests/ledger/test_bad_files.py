"""Files of one bucket that are refused one after the other, as the ledger counts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.ledgers import (
    ACCEPTED,
    NOW,
    REFUSED,
    adopt,
    claim,
    counts,
    obj,
    record,
    settle,
    sleep,
)
from watcher.ledger.sqlite import Ledger, ProcessLock
from watcher.model import LONG_STREAK, Settled, Settlement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BAD = [f"bad-{n:02}" for n in range(LONG_STREAK)]


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as opened:
        adopt(opened)
        record(opened, *map(obj, BAD))
        yield opened


def refuse_each_once(ledger: Ledger) -> None:
    """Refuse all that is due, one at a time; each is due again later."""
    while claimed := claim(ledger, most=1):
        settle(ledger, claimed, REFUSED, due_at=NOW + 1)


def accept_one(ledger: Ledger, key: str) -> Settled:
    record(ledger, obj(key), now=NOW - 1)  # first in the queue
    claimed = claim(ledger, most=1)
    assert claimed
    assert claimed.entries[0].key == key
    settlement = Settlement(entry=claimed.entries[0], outcome=ACCEPTED, due_at=NOW)
    return ledger.queue.settle(claimed, [settlement], request_id="R", max_attempts=3, now_ms=NOW)


def test_files_that_are_bad_for_good_fail_at_last_though_they_are_a_streak_each_time(
    ledger: Ledger, path: Path
) -> None:
    """Each good file ends their streak, and they begin the next; the fourth refusal is reported."""
    for n in range(3):
        refuse_each_once(ledger)
        assert accept_one(ledger, f"good-{n}").failed == ()
        assert counts(path) == (LONG_STREAK, 0, n + 1, 0, 0)
    refuse_each_once(ledger)
    settled = accept_one(ledger, "good-3")
    assert [key for key, _, _ in settled.failed] == BAD
    assert {(str(reason), message) for _, reason, message in settled.failed} == {("refused", "no")}
    assert counts(path) == (0, 0, 4, LONG_STREAK, 0)


def test_a_bucket_that_was_at_fault_for_long_fails_no_file(ledger: Ledger, path: Path) -> None:
    """However often its files were asked for meanwhile: the refusals of one streak count as one."""
    for _ in range(5):
        refuse_each_once(ledger)
    accept_one(ledger, "good")
    assert counts(path) == (LONG_STREAK, 0, 1, 0, 0)
