"""Fifty entries of one bucket refused in a row are the bucket's fault, and do not count."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.ledgers import (
    ACCEPTED,
    HOUR,
    NOW,
    REFUSED,
    adopt,
    claim,
    counts,
    keys,
    obj,
    record,
    sleep,
)
from watcher.ledger.sqlite import Ledger, ProcessLock
from watcher.model import (
    Breaker,
    BreakerKind,
    Claim,
    Failure,
    Outcome,
    Refused,
    Settled,
    Settlement,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

NUMBERS = itertools.count()
GONE = Refused(reason=Failure.GONE, message="gone", final=True)
BAD = Refused(reason=Failure.BAD_REQUEST, message="InvalidParameter", final=True)


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as opened:
        adopt(opened)
        yield opened


def due(ledger: Ledger, *, probe: bool = False, now: int = NOW, most: int = 10) -> Claim:
    claimed = ledger.queue.claim(
        "b",
        ["w"],
        choose=lambda found: found[:most],
        now_ms=now,
        horizon_ms=now + HOUR,
        probe=probe,
    )
    return claimed or pytest.fail("nothing is due")


def come_to(
    ledger: Ledger, claimed: Claim, outcome: Outcome, *, max_attempts: int = 3, now: int = NOW
) -> Settled:
    return ledger.queue.settle(
        claimed,
        [Settlement(entry=entry, outcome=outcome, due_at=now) for entry in claimed.entries],
        request_id="R",
        max_attempts=max_attempts,
        now_ms=now,
    )


def refuse(
    ledger: Ledger, n: int, outcome: Refused = REFUSED, *, max_attempts: int = 3
) -> list[Settled]:
    """Record `n` new objects and have each refused, ten a call; return each settlement."""
    settled: list[Settled] = []
    for first in range(0, n, 10):
        page = {f"{next(NUMBERS):05}" for _ in range(min(10, n - first))}
        record(ledger, *(obj(key) for key in sorted(page)))
        settled.append(come_to(ledger, only(ledger, page), outcome, max_attempts=max_attempts))
    return settled


def only(ledger: Ledger, wanted: set[str]) -> Claim:
    """Claim those entries and no others, though others may be due before them."""
    with ledger._transactions.begin(durable=False) as db:
        db.executemany(
            "UPDATE entry SET due_at = ? WHERE key = ?", [(NOW - HOUR, key) for key in wanted]
        )
    return due(ledger)


def attempts(path: Path) -> Sequence[int]:
    with closing(sqlite3.connect(path)) as db:
        return [n for (n,) in db.execute("SELECT DISTINCT attempts FROM entry ORDER BY 1")]


def test_the_fiftieth_refusal_makes_a_streak_the_buckets_fault(ledger: Ledger, path: Path) -> None:
    settled = refuse(ledger, 60)
    assert [each.streak for each in settled] == [10, 20, 30, 40, 50, 60]
    assert [each.streak_began for each in settled] == [False] * 4 + [True, False]
    assert attempts(path) == [0]
    assert counts(path) == (60, 0, 0, 0, 0)


def test_one_short_of_fifty_counts_as_usual(ledger: Ledger, path: Path) -> None:
    assert not any(each.streak_began for each in refuse(ledger, 49))
    assert attempts(path) == [1]


def test_an_entry_refused_again_is_no_other_entry(ledger: Ledger) -> None:
    record(ledger, obj("a"))
    assert [come_to(ledger, due(ledger), REFUSED, max_attempts=9).streak for _ in range(3)] == [
        1,
        1,
        1,
    ]


def test_entries_that_failed_by_a_streak_are_pending_again_as_before(
    ledger: Ledger, path: Path
) -> None:
    settled = refuse(ledger, 50, max_attempts=1)
    assert [len(each.failed) for each in settled] == [10, 10, 10, 10, 0]
    assert len(settled[-1].restored) == 40
    assert (attempts(path), counts(path)) == ([0], (50, 0, 0, 0, 0))


def test_calls_that_are_refused_as_a_whole_belong_to_a_streak_too(
    ledger: Ledger, path: Path
) -> None:
    settled = refuse(ledger, 50, BAD)
    assert (len(settled[-1].restored), settled[-1].streak_began) == (40, True)
    assert (attempts(path), counts(path)) == ([0], (50, 0, 0, 0, 0))


def test_a_failure_with_a_reason_of_its_own_is_neither_counted_nor_undone(
    ledger: Ledger, path: Path
) -> None:
    refuse(ledger, 10, GONE)
    settled = refuse(ledger, 50)
    assert (settled[-1].streak, settled[-1].restored) == (50, ())
    assert counts(path) == (50, 0, 0, 10, 0)


def test_an_accepted_entry_ends_a_streak_and_each_member_has_one_refusal(
    ledger: Ledger, path: Path
) -> None:
    refuse(ledger, 50)
    ended = come_to(ledger, due(ledger, most=1), ACCEPTED)
    assert (ended.streak, ended.streak_ended) == (0, True)
    assert (attempts(path), counts(path)) == ([0, 1], (49, 0, 1, 0, 0))
    assert len(keys(claim(ledger))) == 1  # from now on each goes alone


def test_a_refused_probe_leaves_a_streak_as_it_is(ledger: Ledger, path: Path) -> None:
    refuse(ledger, 50)
    probed = come_to(ledger, due(ledger, most=1), REFUSED)
    assert (probed.streak, probed.streak_began, probed.streak_ended) == (50, False, False)
    assert attempts(path) == [0]


def test_an_accepted_entry_among_refused_ones_sets_the_count_to_zero(ledger: Ledger) -> None:
    refuse(ledger, 40)
    record(ledger, obj("zz-good"), obj("zz-bad"))
    claimed = only(ledger, {"zz-good", "zz-bad"})
    claimed = replace(
        claimed, entries=tuple(entry for entry in claimed.entries if entry.key.startswith("zz"))
    )
    outcomes: dict[str, Outcome] = {"zz-good": ACCEPTED, "zz-bad": REFUSED}
    settled = ledger.queue.settle(
        claimed,
        [
            Settlement(entry=entry, outcome=outcomes[entry.key], due_at=NOW)
            for entry in claimed.entries
        ],
        request_id="R",
        max_attempts=3,
        now_ms=NOW,
    )
    assert (settled.streak, settled.registered) == (0, 1)
    assert not any(each.streak_began for each in refuse(ledger, 49))


def test_a_streak_ends_when_too_few_members_have_no_reason_of_their_own(
    ledger: Ledger, path: Path
) -> None:
    refuse(ledger, 50)
    ended = come_to(ledger, due(ledger, most=1), GONE)
    assert (ended.streak_ended, ended.streak) == (True, 0)
    assert counts(path) == (49, 0, 0, 1, 0)
    assert attempts(path) == [1]


def test_a_claim_in_flight_when_a_streak_begins_does_not_count_either(
    ledger: Ledger, path: Path
) -> None:
    record(ledger, obj("0-first"))
    come_to(ledger, due(ledger, most=1), REFUSED)
    flying = due(ledger, most=1)
    assert [entry.attempts for entry in flying.entries] == [1]
    refuse(ledger, 50)
    come_to(ledger, flying, REFUSED)
    assert attempts(path) == [0]


def stop(ledger: Ledger, kind: BreakerKind = BreakerKind.STREAK) -> None:
    ledger.breakers.put(Breaker(bucket="b", kind=kind, reason="r", hint="h", opened_at=NOW))


def test_a_probe_is_one_entry_fresh_first_and_never_the_same_twice_in_a_row(ledger: Ledger) -> None:
    refuse(ledger, 50)
    stop(ledger)
    record(ledger, obj("aa-backfill", at=NOW - 2 * HOUR))
    record(ledger, obj("fresh"), now=NOW)
    seen = []
    for _ in range(6):
        probe = due(ledger, probe=True)
        seen += keys(probe)
        come_to(ledger, probe, REFUSED)
    assert len(seen) == 6
    assert all(a != b for a, b in itertools.pairwise(seen))
    assert "aa-backfill" not in seen


def test_a_file_that_was_not_refused_yet_is_the_better_probe(ledger: Ledger) -> None:
    """It goes before the fifty, which have waited longer; an old one goes after them."""
    refuse(ledger, 50)
    stop(ledger)
    record(ledger, obj("zz-new"), now=NOW + 1)
    record(ledger, obj("aa-backfill", at=NOW - 2 * HOUR), now=NOW + 1)
    probe = due(ledger, probe=True, now=NOW + 2)
    assert keys(probe) == ["zz-new"]
    come_to(ledger, probe, REFUSED, now=NOW + 2)
    assert keys(due(ledger, probe=True, now=NOW + 2))[0] not in {"zz-new", "aa-backfill"}


@pytest.mark.parametrize(
    ("kind", "another_waits", "again"),
    [
        (BreakerKind.STREAK, False, 1),
        (BreakerKind.STREAK, True, 0),
        (BreakerKind.REFUSED, True, 1),
    ],
)
def test_the_last_probe_is_passed_over_while_another_entry_of_the_bucket_waits(
    ledger: Ledger, kind: BreakerKind, *, another_waits: bool, again: int
) -> None:
    """Even one that this run may not claim, since it is of another watch."""
    adopt(ledger, "w", "other")
    record(ledger, obj("a"))
    if another_waits:
        record(ledger, obj("b"), watch="other")
    stop(ledger, kind)
    come_to(ledger, due(ledger, probe=True), REFUSED, max_attempts=9)
    probe = ledger.queue.claim(
        "b", ["w"], choose=lambda found: found, now_ms=NOW, horizon_ms=NOW + HOUR, probe=True
    )
    assert len(keys(probe)) == again


def test_a_remembered_streak_that_has_ended_is_forgotten(ledger: Ledger) -> None:
    stop(ledger)
    assert ledger.breakers.all() == ()
    refuse(ledger, 50)
    stop(ledger)
    assert [found.kind for found in ledger.breakers.all()] == [BreakerKind.STREAK]
