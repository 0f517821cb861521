"""No callback runs inside a transaction, and what changes meanwhile is read and decided again."""

from __future__ import annotations

import inspect
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.ledgers import (
    HOUR,
    NOW,
    REFUSED,
    adopt,
    claim,
    keys,
    obj,
    record,
    settle,
    sleep,
    states,
)
from watcher.ledger.sqlite import Ledger, ProcessLock
from watcher.model import Claim, Outcome, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from watcher.model import Entry


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as opened:
        adopt(opened, "w", "x")
        yield opened


def choosing(
    ledger: Ledger, seen: Callable[[Sequence[Entry]], None], *, probe: bool = False
) -> Claim | None:
    """Claim all that is due; `seen` is called with it first."""

    def choose(due: Sequence[Entry]) -> Sequence[Entry]:
        seen(due)
        return due

    return ledger.queue.claim(
        "b", ["w", "x"], choose=choose, now_ms=NOW, horizon_ms=NOW + HOUR, probe=probe
    )


def reassigning(ledger: Ledger, seen: Callable[[str], None]) -> None:
    """Give all entries to watch "x"; `seen` is called with each key first."""

    def owner(_bucket: str, key: str, _size_bytes: int) -> str:
        seen(key)
        return "x"

    ledger.assignments.reassign(owner, now_ms=NOW)


def probing(ledger: Ledger, seen: Callable[[object], None]) -> None:
    choosing(ledger, seen, probe=True)


WITH_CALLBACK: dict[str, Callable[[Ledger, Callable[[object], None]], object]] = {
    "queue.claim": choosing,
    "queue.claim as a probe": probing,
    "assignments.reassign": reassigning,
}


@pytest.mark.parametrize("name", WITH_CALLBACK)
def test_a_callback_runs_outside_of_any_transaction(ledger: Ledger, path: Path, name: str) -> None:
    record(ledger, obj("a"), obj("b"))
    called: list[object] = []

    def seen(shown: object) -> None:
        assert not ledger._transactions._connection.in_transaction
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # others may write meanwhile
            other.execute("ROLLBACK")
        called.append(shown)

    WITH_CALLBACK[name](ledger, seen)
    assert called


def test_each_method_that_takes_a_callback_is_among_them(ledger: Ledger) -> None:
    taking = {
        f"{side}.{name}"
        for side, value in vars(ledger).items()
        if not side.startswith("_")
        for name, method in inspect.getmembers(type(value), inspect.isfunction)
        if not name.startswith("_")
        and any("Callable" in str(hint) for hint in method.__annotations__.values())
    }
    assert taking == {name.split(" ")[0] for name in WITH_CALLBACK}


def test_a_wait_for_the_database_holds_no_transaction(path: Path) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        assert not opened._transactions._connection.in_transaction
        waits.append(seconds)
        other.execute("ROLLBACK")
        return False

    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as opened:
        adopt(opened)
        opened._transactions._wait = wait
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            record(opened, obj("a"))
    assert waits
    assert states(path) == {"a": "pending"}


# Changed meanwhile


def test_a_claim_carries_the_version_that_was_seen_while_it_was_chosen(ledger: Ledger) -> None:
    record(ledger, obj("a"), obj("b"))
    shown: list[list[str]] = []

    def seen(due: Sequence[Entry]) -> None:
        shown.append([each.etag for each in due])
        if len(shown) == 1:
            record(ledger, obj("a", etag="E2"), obj("b"))

    claimed = choosing(ledger, seen) or pytest.fail("nothing claimed")
    assert shown == [["E1", "E1"], ["E2", "E1"]]
    assert [each.etag for each in claimed.entries] == ["E2", "E1"]


def test_a_claim_that_came_too_late_leaves_no_trace(ledger: Ledger, path: Path) -> None:
    record(ledger, obj("a"))
    first: list[Claim | None] = []

    def seen(_: object) -> None:
        if not first:
            first.append(claim(ledger))

    assert choosing(ledger, seen) is None
    assert keys(first[0]) == ["a"]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM batch").fetchone() == (1,)
        assert dict(db.execute("SELECT state, sum(n) FROM tally GROUP BY state")) == {
            "pending": 0,
            "claimed": 1,
        }


def test_an_entry_claimed_while_its_owner_is_decided_stays_with_its_watch(
    ledger: Ledger, path: Path
) -> None:
    record(ledger, obj("a"), obj("b"))
    decided: list[str] = []
    claims: list[Claim] = []

    def seen(key: str) -> None:
        decided.append(key)
        if not claims:
            claims.append(claim(ledger, most=1) or pytest.fail("nothing claimed"))

    reassigning(ledger, seen)
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(
            "SELECT e.key, e.state, w.name FROM entry AS e JOIN watch AS w ON w.id = e.watch_id"
        ).fetchall()
        tally = db.execute("SELECT sum(n) FROM tally WHERE state = 'pending'").fetchone()
    assert sorted(rows) == [("a", "claimed", "w"), ("b", "pending", "x")]
    assert tally == (1,)
    assert set(decided) == {"a", "b"}


def test_an_entry_that_grew_while_its_owner_is_decided_is_decided_again(ledger: Ledger) -> None:
    record(ledger, obj("a", size=5))
    sizes: list[int] = []

    def owner(_bucket: str, _key: str, size_bytes: int) -> str | None:
        sizes.append(size_bytes)
        if len(sizes) == 1:
            record(ledger, obj("a", size=50))
        return "x" if size_bytes > 10 else None

    ledger.assignments.reassign(owner, now_ms=NOW)
    assert sizes[:2] == [5, 50]
    assert keys(claim(ledger, watches=["x"])) == ["a"]


@pytest.mark.parametrize("outcome", [REFUSED, Unknown(message="?")])
def test_an_entry_settled_while_it_was_chosen_is_chosen_as_it_is_now(
    ledger: Ledger, outcome: Outcome
) -> None:
    record(ledger, obj("a"))
    shown: list[tuple[int, int]] = []

    def seen(due: Sequence[Entry]) -> None:
        shown.append((due[0].attempts, due[0].unknown_outcomes))
        if len(shown) == 1:
            settle(ledger, claim(ledger) or pytest.fail("nothing claimed"), outcome)

    claimed = choosing(ledger, seen) or pytest.fail("nothing claimed")
    assert len(shown) == 2
    assert (claimed.entries[0].attempts, claimed.entries[0].unknown_outcomes) == shown[1]
    assert shown[1] != shown[0]
