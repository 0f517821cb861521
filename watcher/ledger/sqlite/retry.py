"""Requests of a person: queue failed entries again, acknowledge changed ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from watcher.errors import UsageError
from watcher.ledger.sqlite.transactions import add_to_tally, patient

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from watcher.ledger.sqlite.transactions import Transactions
    from watcher.model import Failure

_CHUNK: Final = 1000  # entries in one transaction: a process that registers waits no longer

SET_RETRIED: Final = (
    "state = 'pending', attempts = 0, due_at = :now, lane = 0, reason = NULL, message = NULL"
)
"""The SQL of `transitions.retried`."""

SET_ACKNOWLEDGED: Final = "changed = 0, registered_etag = NULL, registered_size = NULL"
"""The SQL of `transitions.acknowledged`."""


class _Place(NamedTuple):
    """The primary key of an entry."""

    bucket_id: int
    key: str


@dataclass(frozen=True, slots=True)
class _Request:
    """One of the two things that a person may ask for an entry."""

    applies: str  # SQL: to which entries
    sets: str  # SQL
    counts: tuple[tuple[str, int], ...]  # by how much the counts of its watch change
    otherwise: str  # why it does not apply


_RETRY: Final = _Request(
    applies="state = 'failed'",
    sets=SET_RETRIED,
    counts=(("failed", -1), ("pending", 1)),
    otherwise="not failed",
)
_ACKNOWLEDGE: Final = _Request(
    applies="changed = 1",
    sets=SET_ACKNOWLEDGED,
    counts=(("changed", -1),),
    otherwise="not marked as changed",
)

_FRONT: Final = _Place(0, "")
_FAILED_BEHIND = """
state = 'failed' AND watch_id = :watch_id AND reason = :reason
AND (bucket_id, key) > (:bucket_id, :key)
"""


class Retry:
    """`port.RetryRequests` on SQLite, beside any process that scans or registers."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    # By name

    def retry_named(self, entries: Sequence[tuple[str, str]], *, now_ms: int) -> int:
        """Queue these (bucket, key) again, all of them or none; return how many.

        Raises:
            UsageError: one is unknown, or has not failed.
        """
        return self._change_named(_RETRY, entries, now_ms)

    def acknowledge_named(self, entries: Sequence[tuple[str, str]]) -> int:
        """Remove the `changed` mark of these (bucket, key), all or none; return how many.

        Raises:
            UsageError: one is unknown, or not marked.
        """
        return self._change_named(_ACKNOWLEDGE, entries, 0)

    @patient()
    def _change_named(
        self, request: _Request, entries: Sequence[tuple[str, str]], now_ms: int
    ) -> int:
        with self._transactions.begin(durable=True) as db:
            places = [_find(db, request, bucket, key) for bucket, key in dict.fromkeys(entries)]
            return _apply(db, request, places, now_ms)

    # All that failed

    def retry_failed(self, *, watch: str | None, reason: Failure | None, now_ms: int) -> int:
        """Queue failed entries of a watch and reason again (None = of any); return how many."""
        with self._transactions.look() as db:
            watches = db.execute(
                "SELECT id FROM watch WHERE ? IS NULL OR name = ?", (watch, watch)
            ).fetchall()
        done = 0
        for (watch_id,) in watches:
            for each in (str(reason),) if reason else self._reasons(watch_id):
                done += self._retry_kind(watch_id, each, now_ms)
        return done

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
        """Queue all of one watch and reason again, each once.

        A process that registers may make them fail again meanwhile.
        """
        done, after = 0, _FRONT
        while upto := self._end_of_chunk(watch_id, reason, after):
            done += self._retry_between(watch_id, reason, after, upto, now_ms)
            after = upto
        return done

    def _end_of_chunk(self, watch_id: int, reason: str, after: _Place) -> _Place | None:
        """Return the last of the next failed entries behind a place, or None if there is none."""
        behind = {"watch_id": watch_id, "reason": reason, **after._asdict()}
        with self._transactions.look() as db:
            last_of_full_chunk = db.execute(
                f"""
                SELECT bucket_id, key FROM entry INDEXED BY entry_failed
                 WHERE {_FAILED_BEHIND}
                 ORDER BY bucket_id, key
                 LIMIT 1 OFFSET {_CHUNK - 1}
                """,  # noqa: S608 (our own words)
                behind,
            ).fetchone()
            last_of_all = db.execute(
                f"""
                SELECT bucket_id, key FROM entry INDEXED BY entry_failed
                 WHERE {_FAILED_BEHIND}
                 ORDER BY bucket_id DESC, key DESC
                 LIMIT 1
                """,  # noqa: S608 (our own words)
                behind,
            ).fetchone()
        row = last_of_full_chunk or last_of_all
        return _Place._make(row) if row else None

    @patient()
    def _retry_between(
        self, watch_id: int, reason: str, after: _Place, upto: _Place, now_ms: int
    ) -> int:
        with self._transactions.begin(durable=True) as db:
            done = db.execute(
                f"""
                UPDATE entry INDEXED BY entry_failed SET {SET_RETRIED}
                 WHERE {_FAILED_BEHIND} AND (bucket_id, key) <= (:upto_bucket_id, :upto_key)
                """,  # noqa: S608 (our own words)
                {
                    "now": now_ms,
                    "watch_id": watch_id,
                    "reason": reason,
                    **after._asdict(),
                    "upto_bucket_id": upto.bucket_id,
                    "upto_key": upto.key,
                },
            ).rowcount
            _count(db, _RETRY, Counter({watch_id: done}))
        return done

    # All that changed

    def acknowledge_changed(self, *, watch: str | None) -> int:
        """Remove the `changed` mark of the entries of a watch (None = of any); return how many."""
        return sum(self._acknowledge(places) for places in self._changed_chunks(watch))

    def _changed_chunks(self, watch: str | None) -> Iterator[list[_Place]]:
        """Yield all marked entries, each once, some at a time."""
        after = _FRONT
        while True:
            with self._transactions.look() as db:
                rows = db.execute(
                    f"""
                    SELECT bucket_id, key FROM entry
                     WHERE changed = 1
                       AND (? IS NULL OR watch_id = (SELECT id FROM watch WHERE name = ?))
                       AND (bucket_id, key) > (?, ?)
                     ORDER BY bucket_id, key
                     LIMIT {_CHUNK}
                    """,  # noqa: S608 (a number of ours)
                    (watch, watch, *after),
                ).fetchall()
            if not rows:
                return
            yield [_Place._make(row) for row in rows]
            after = _Place._make(rows[-1])

    @patient()
    def _acknowledge(self, places: Sequence[_Place]) -> int:
        with self._transactions.begin(durable=True) as db:
            return _apply(db, _ACKNOWLEDGE, places, 0)

    def watches(self) -> list[str]:
        """Return the names of all watches that ever had entries."""
        with self._transactions.look() as db:
            return [name for (name,) in db.execute("SELECT name FROM watch ORDER BY name")]


def _find(db: sqlite3.Connection, request: _Request, bucket: str, key: str) -> _Place:
    """Return where an entry is.

    Raises:
        UsageError: there is none, or the request does not apply to it.
    """
    row = db.execute(
        f"""
        SELECT e.bucket_id, e.key, e.state, {request.applies}
          FROM entry AS e JOIN bucket AS b ON b.id = e.bucket_id
         WHERE b.name = ? AND e.key = ?
        """,  # noqa: S608 (our own words)
        (bucket, key),
    ).fetchone()
    if row is None:
        raise UsageError(
            f"there is no entry oss://{bucket}/{key}",
            hint=(
                "Nothing was done. `oss-vod-watcher export` lists all; --encoding-type url takes "
                "keys %-encoded."
            ),
        )
    bucket_id, found, state, applies = row
    if not applies:
        raise UsageError(
            f"oss://{bucket}/{key} is {state}, {request.otherwise}",
            hint="Nothing was done. Leave it out and run the command again.",
        )
    return _Place(bucket_id, found)


def _apply(db: sqlite3.Connection, request: _Request, places: Sequence[_Place], now_ms: int) -> int:
    """Change the entries that the request still applies to; return how many."""
    done: Counter[int] = Counter()  # by watch
    for place in places:
        rows = db.execute(
            f"""
            UPDATE entry SET {request.sets}
             WHERE bucket_id = :bucket_id AND key = :key AND {request.applies}
            RETURNING watch_id
            """,  # noqa: S608 (our own words)
            {**place._asdict(), "now": now_ms},
        ).fetchall()
        done.update(watch_id for (watch_id,) in rows)
    _count(db, request, done)
    return done.total()


def _count(db: sqlite3.Connection, request: _Request, done: Counter[int]) -> None:
    """Change the counts by what was done, by watch."""
    add_to_tally(
        db,
        {(watch_id, state): by * n for watch_id, n in done.items() for state, by in request.counts},
    )
    if done.total() and request is _RETRY:
        # Watches may have changed since the entries failed: the next owner of the lock reassigns.
        db.execute("UPDATE watch SET assigned_rules = NULL")
