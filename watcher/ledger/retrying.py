"""What a person puts back in line: failed entries, and marks of overwritten ones that were seen to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watcher.errors import UsageError
from watcher.ledger.transactions import add_to_tally, patient

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from watcher.ledger.transactions import Transactions
    from watcher.model import Failure

_CHUNK = 1000  # entries in one transaction: a registering process beside us waits no longer than for these

Place = tuple[int, str]  # (bucket_id, key)


@dataclass(frozen=True, slots=True)
class _Change:
    """One of the two things that can be done to an entry, and what the counts make of it."""

    applies: str
    sets: str
    counts: tuple[tuple[str, int], ...]
    otherwise: str


_BACK_IN_LINE = _Change(
    applies="state = 'failed'",
    sets="state = 'pending', attempts = 0, due_at = :now, lane = 0, reason = NULL, message = NULL",
    counts=(("failed", -1), ("pending", 1)),
    otherwise="not failed",
)
_ACKNOWLEDGED = _Change(
    applies="changed = 1",
    sets="changed = 0, registered_etag = NULL, registered_size = NULL",
    counts=(("changed", -1),),
    otherwise="not marked as changed",
)


_FAILED_BEHIND = "state = 'failed' AND watch_id = ? AND reason = ? AND (bucket_id, key) > (?, ?)"


class Retrying:
    """What people ask for, beside any process that scans or registers."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def retry_named(self, entries: Sequence[tuple[str, str]], *, now_ms: int) -> int:
        """Put those (bucket, key) back in line, all of them or none; return how many.

        Raises:
            UsageError: one is not known, or not failed.
        """
        return self._change_named(_BACK_IN_LINE, entries, now_ms)

    def acknowledge_named(self, entries: Sequence[tuple[str, str]]) -> int:
        """Take the `changed` mark off those (bucket, key), all of them or none; return how many.

        Raises:
            UsageError: one is not known, or not marked.
        """
        return self._change_named(_ACKNOWLEDGED, entries, 0)

    def retry_failed(self, *, watch: str | None, reason: Failure | None, now_ms: int) -> int:
        """Put the failed entries of that watch and reason (None: of any) back in line; return how many."""
        with self._transactions.look() as db:
            watches = db.execute("SELECT id FROM watch WHERE ? IS NULL OR name = ?", (watch, watch)).fetchall()
        return sum(
            self._retry_kind(watch_id, str(why), now_ms)
            for (watch_id,) in watches
            for why in ((reason,) if reason else self._reasons(watch_id))
        )

    def _reasons(self, watch_id: int) -> list[str]:
        """Return why entries of a watch failed: a step in the index for each reason."""
        found: list[str] = []
        with self._transactions.look() as db:
            while True:
                (reason,) = db.execute(
                    """
                    SELECT min(reason) FROM entry INDEXED BY entry_failed
                     WHERE state = 'failed' AND watch_id = ? AND reason > ?
                    """,
                    (watch_id, found[-1] if found else ""),
                ).fetchone()
                if reason is None:
                    return found
                found.append(reason)

    def _retry_kind(self, watch_id: int, reason: str, now_ms: int) -> int:
        """Put all of one watch and reason back in line, each once: a registering process may make them fail again."""
        done, after = 0, (0, "")
        while True:
            upto = self._end_of_chunk(watch_id, reason, after)
            if upto is None:
                return done
            done += self._retry_between(watch_id, reason, after, upto, now_ms)
            after = upto

    def _end_of_chunk(self, watch_id: int, reason: str, after: Place) -> Place | None:
        """Return the last of the next failed entries behind a place, or None if there is none."""
        found: Place | None = None
        with self._transactions.look() as db:
            for order, offset in (("", _CHUNK - 1), ("DESC", 0)):  # the last of a full chunk; else the last of all
                found = (
                    found
                    or db.execute(
                        f"""
                    SELECT bucket_id, key FROM entry INDEXED BY entry_failed WHERE {_FAILED_BEHIND}
                     ORDER BY bucket_id {order}, key {order} LIMIT 1 OFFSET {offset}
                    """,  # noqa: S608 (our own words)
                        (watch_id, reason, *after),
                    ).fetchone()
                )
        return found

    @patient()
    def _retry_between(self, watch_id: int, reason: str, after: Place, upto: Place, now_ms: int) -> int:
        with self._transactions.begin(durable=True) as db:
            done = db.execute(
                f"""
                UPDATE entry INDEXED BY entry_failed SET {_BACK_IN_LINE.sets.replace(":now", "?")}
                 WHERE {_FAILED_BEHIND} AND (bucket_id, key) <= (?, ?)
                """,  # noqa: S608 (our own words)
                (now_ms, watch_id, reason, *after, *upto),
            ).rowcount
            _count(db, _BACK_IN_LINE, Counter({watch_id: done}))
        return done

    def acknowledge_changed(self, *, watch: str | None) -> int:
        """Take the `changed` mark off the entries of that watch (None: of any); return how many."""
        condition = "changed = 1 AND (? IS NULL OR watch_id = (SELECT id FROM watch WHERE name = ?))"
        return sum(self._change(_ACKNOWLEDGED, chunk, 0) for chunk in self._chunks(condition, (watch, watch)))

    def watches(self) -> list[str]:
        """Return the names of all watches that ever had entries."""
        with self._transactions.look() as db:
            return [name for (name,) in db.execute("SELECT name FROM watch ORDER BY name")]

    def _chunks(self, condition: str, values: tuple[object, ...]) -> Iterator[list[Place]]:
        """Yield the entries that meet `condition`, each once: a registering process may make them fail again."""
        after: Place = (0, "")
        while True:
            with self._transactions.look() as db:
                found = db.execute(
                    f"""
                    SELECT bucket_id, key FROM entry
                     WHERE {condition} AND (bucket_id, key) > (?, ?)
                     ORDER BY bucket_id, key LIMIT {_CHUNK}
                    """,  # noqa: S608 (our own words)
                    (*values, *after),
                ).fetchall()
            if not found:
                return
            yield found
            after = found[-1]

    @patient()
    def _change(self, change: _Change, places: Sequence[Place], now_ms: int) -> int:
        with self._transactions.begin(durable=True) as db:
            return _apply(db, change, places, now_ms)

    @patient()
    def _change_named(self, change: _Change, entries: Sequence[tuple[str, str]], now_ms: int) -> int:
        with self._transactions.begin(durable=True) as db:
            places = [_place(db, change, bucket, key) for bucket, key in dict.fromkeys(entries)]
            return _apply(db, change, places, now_ms)


def _place(db: sqlite3.Connection, change: _Change, bucket: str, key: str) -> Place:
    row = db.execute(
        f"""
        SELECT e.bucket_id, e.key, e.state, {change.applies}
          FROM entry AS e JOIN bucket AS b ON b.id = e.bucket_id
         WHERE b.name = ? AND e.key = ?
        """,  # noqa: S608 (our own words)
        (bucket, key),
    ).fetchone()
    if row is None:
        raise UsageError(
            f"there is no entry oss://{bucket}/{key}",
            hint="Nothing was done. `oss-vod-watcher export` lists all; --encoding-type url takes keys %-encoded.",
        )
    bucket_id, found, state, applies = row
    if not applies:
        raise UsageError(
            f"oss://{bucket}/{key} is {state}, {change.otherwise}",
            hint="Nothing was done. Leave it out and run the command again.",
        )
    return bucket_id, found


def _apply(db: sqlite3.Connection, change: _Change, places: Sequence[Place], now_ms: int) -> int:
    """Change those of the entries that it still applies to."""
    done: Counter[int] = Counter()  # by watch
    for bucket_id, key in places:
        rows = db.execute(
            f"""
            UPDATE entry SET {change.sets}
             WHERE bucket_id = :bucket_id AND key = :key AND {change.applies}
            RETURNING watch_id
            """,  # noqa: S608 (our own words)
            {"bucket_id": bucket_id, "key": key, "now": now_ms},
        ).fetchall()
        done.update(watch_id for (watch_id,) in rows)
    _count(db, change, done)
    return done.total()


def _count(db: sqlite3.Connection, change: _Change, done: Counter[int]) -> None:
    """Bring the counts in step with what was done, by watch."""
    add_to_tally(db, {(watch_id, state): by * n for watch_id, n in done.items() for state, by in change.counts})
    if done.total() and change is _BACK_IN_LINE:
        # Watches may have changed since they failed: the next owner of the lock gives pending entries out anew.
        db.execute("UPDATE watch SET assigned_rules = NULL")
