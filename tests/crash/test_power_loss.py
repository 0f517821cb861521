"""A power cut: claims and settlements are on the disk, whatever is left of the log."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.ledgers import (
    ACCEPTED,
    NOW,
    adopt,
    claim,
    finish,
    obj,
    record,
    settle,
    sleep,
    states,
)
from watcher.ledger.sqlite import Ledger, ProcessLock
from watcher.model import Breaker, BreakerKind

if TYPE_CHECKING:
    from pathlib import Path

FULL, NORMAL = 2, 1
WAL_HEADER, HEADER, FRAME = (
    32,
    24,
    24 + 4096,
)  # bytes: https://sqlite.org/fileformat2.html#walformat
EDGES = {0, 1, HEADER - 1, HEADER, HEADER + 1, FRAME - 1}  # of a frame: its header, then a page


def synchronous_at_commit(ledger: Ledger) -> list[int]:
    """Return a list that grows by what `synchronous` is at each COMMIT."""
    seen: list[int] = []
    connection = ledger._transactions._connection
    level = {"FULL": FULL, "NORMAL": NORMAL}
    now = [FULL]

    def watch(statement: str) -> None:
        words = statement.split()
        if words[:2] == ["PRAGMA", "synchronous"]:
            now[0] = level[words[-1]]
        if words[0] == "COMMIT":
            seen.append(now[0])

    connection.set_trace_callback(watch)
    return seen


def test_claims_and_settlements_are_synchronous_full(path: Path) -> None:
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        adopt(ledger)
        commits = synchronous_at_commit(ledger)
        record(ledger, obj("a"), obj("b"))
        assert commits == [NORMAL, NORMAL]  # that a scan begins, and what it saw
        commits.clear()
        for key in ("a", "b"):
            claimed = claim(ledger, most=1)
            assert claimed, key
            assert [entry.key for entry in claimed.entries] == [key]
            settle(ledger, claimed, ACCEPTED)
        ledger.queue.recover(now_ms=NOW)
        ledger.discovery.remember_start("b", "", now_ms=NOW)
        ledger.discovery.correct_starts("b", now_ms=NOW, answered_at=NOW)
        finish(ledger)
        ledger.breakers.put(
            Breaker(bucket="", kind=BreakerKind.REFUSED, reason="r", hint="h", opened_at=NOW)
        )
        ledger.breakers.remove("")
        assert commits.count(NORMAL) == 2  # the two of another scan
        assert commits.count(FULL) == 10


@pytest.mark.timeout(400)
def test_a_log_cut_anywhere_after_the_last_synced_commit_loses_nothing(
    path: Path, tmp_path: Path
) -> None:
    """Claimed entries are claimed, settled ones settled, and a scan finds the rest again.

    Cut at the edges of each frame's header and page, and at every 97th byte between them.
    """
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        adopt(ledger)
        record(ledger, *(obj(f"{n:02}") for n in range(30)))
        settled = claim(ledger)
        assert settled
        settle(ledger, settled, ACCEPTED)
        claimed = claim(ledger)
        assert claimed
        wal = path.with_name(path.name + "-wal")
        synced = wal.stat().st_size
        record(ledger, obj("00", etag="E2"), obj("later/1"), obj("later/2"))
        shutil.copy(path, tmp_path / "main.db")
        shutil.copy(wal, tmp_path / "main.db-wal")
    log = (tmp_path / "main.db-wal").read_bytes()
    assert synced < len(log)

    after = dict.fromkeys(sorted(entry.key for entry in settled.entries), "registered")
    after |= dict.fromkeys((entry.key for entry in claimed.entries), "claimed")
    for offset in range(synced, len(log) + 1):
        if (offset - WAL_HEADER) % FRAME not in EDGES and offset % 97:
            continue
        cut = tmp_path / "cut.db"
        shutil.copy(tmp_path / "main.db", cut)
        (tmp_path / "cut.db-wal").write_bytes(log[:offset])
        with ProcessLock(cut) as lock, Ledger(cut, lock, wait=sleep) as ledger:
            found = states(cut)
            assert {key: found.get(key) for key in after} == after, offset
            assert ledger.queue.recover(now_ms=NOW) == 10
            record(ledger, obj("later/1"), obj("later/2"))
            assert len(states(cut)) == 32
        with closing(sqlite3.connect(cut)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            tallied = dict(db.execute("SELECT state, n FROM tally").fetchall())
            assert (
                tallied["pending"]
                == db.execute("SELECT count(*) FROM entry WHERE state='pending'").fetchone()[0]
            )
        for leftover in tmp_path.glob("cut.db*"):
            leftover.unlink()
