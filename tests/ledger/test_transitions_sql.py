"""Each SQL statement that changes many rows at once does what its function says of each row."""

from __future__ import annotations

import functools
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.ledgers import NOW
from watcher.ledger import transitions
from watcher.ledger.entry_record import EntryRecord, Sighting
from watcher.ledger.sqlite.claim import mark_claimed, recover
from watcher.ledger.sqlite.due import entry_of
from watcher.ledger.sqlite.known_rows import NEEDS_NO_LOOK
from watcher.ledger.sqlite.migrations import MIGRATIONS
from watcher.ledger.sqlite.recording import insert_new
from watcher.ledger.sqlite.records import ENTRY_COLUMNS, read_records, write_changes
from watcher.ledger.sqlite.retry import SET_ACKNOWLEDGED, SET_RETRIED
from watcher.model import Failure, ObjectInfo, Objects

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KEYS = ("a", "b", "c")
EARLIER = NOW - 5_000
QUICK = settings(max_examples=60, deadline=None)


@functools.cache
def _migrated() -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        MIGRATIONS.apply(db)
        db.execute("INSERT INTO bucket VALUES (1, 'b', 'cn-shanghai', '{key}', 'percent')")
        for watch_id, name in ((1, "w"), (2, "v")):
            db.execute(
                "INSERT INTO watch (id, name, bucket_id, prefix, rules) VALUES (?, ?, 1, '', 'r')",
                (watch_id, name),
            )
        db.execute("INSERT INTO batch (id, claimed_at, settled_at) VALUES (1, 1, ?)", (EARLIER,))
        return db.serialize()


@contextmanager
def holding(records: Sequence[EntryRecord]) -> Iterator[sqlite3.Connection]:
    """Yield a ledger of two watches over bucket 1 that holds these entries."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.deserialize(_migrated())
        names = ENTRY_COLUMNS
        db.executemany(
            f"""
            INSERT INTO entry (bucket_id, first_seen_at, batch_id, {", ".join(names)})
            VALUES (1, 1, 1, {", ".join("?" * len(names))})
            """,  # noqa: S608 (our own names)
            [record[:-1] for record in records],
        )
        yield db


def entries(*states: str) -> st.SearchStrategy[EntryRecord]:
    """Return entries of any of `states`, with whatever such a row can hold."""
    return st.sampled_from(states).flatmap(_of_state)


def _of_state(state: str) -> st.SearchStrategy[EntryRecord]:
    pending, failed, registered = (state == each for each in ("pending", "failed", "registered"))
    changed = st.integers(0, 1) if registered else st.just(0)
    return changed.flatmap(
        lambda mark: st.builds(
            EntryRecord,
            key=st.just(""),
            watch_id=st.integers(1, 2),
            state=st.just(state),
            lane=st.integers(0, 1),
            attempts=st.integers(0, 3),
            unknown_outcomes=st.integers(0, 2),
            due_at=st.sampled_from([EARLIER, NOW, None]) if pending else st.none(),
            reason=st.sampled_from([str(each) for each in Failure]) if failed else st.none(),
            message=st.sampled_from([None, "no"]),
            media_id=st.just("M") if registered else st.none(),
            new_register=st.integers(0, 1) if registered else st.none(),
            etag=st.sampled_from(["E1", "E2"]),
            size_bytes=st.integers(5, 6),
            modified_at=st.integers(100, 101),
            changed=st.just(mark),
            registered_etag=st.just("E0") if mark else st.none(),
            registered_size=st.just(4) if mark else st.none(),
            settled_at=st.just(EARLIER) if failed else st.none(),
        )
    )


def rows(*states: str) -> st.SearchStrategy[list[EntryRecord]]:
    return st.lists(entries(*states), min_size=1, max_size=len(KEYS)).map(
        lambda found: [each._replace(key=key) for key, each in zip(KEYS, found, strict=False)]
    )


ALL = ("pending", "claimed", "registered", "failed")


@QUICK
@given(rows(*ALL))
def test_a_record_is_read_as_it_was_written(records: list[EntryRecord]) -> None:
    with holding(records) as db:
        assert read_records(db, 1, KEYS) == {each.key: each for each in records}


@QUICK
@given(rows(*ALL), rows(*ALL))
def test_a_change_writes_all_that_differs(
    before: list[EntryRecord], after: list[EntryRecord]
) -> None:
    changes = [(old, new) for old, new in zip(before, after, strict=False)]
    with holding(before) as db:
        write_changes(db, 1, changes)
        found = read_records(db, 1, KEYS)
    for old, new in changes:
        settled_at = EARLIER if new.state == "failed" else None
        assert found[old.key] == new._replace(settled_at=settled_at)


@QUICK
@given(rows(*ALL), st.integers(1, 2))
def test_the_rows_that_need_no_look_are_those_of_the_function(
    records: list[EntryRecord], watch_id: int
) -> None:
    with holding(records) as db:
        found = db.execute(
            f"SELECT key, {NEEDS_NO_LOOK} FROM entry",  # noqa: S608 (a constant)
            {"watch_id": watch_id},
        ).fetchall()
    assert dict(found) == {each.key: transitions.needs_no_look(each, watch_id) for each in records}


@QUICK
@given(rows(*ALL))
def test_recovering_queues_each_claimed_entry_again(records: list[EntryRecord]) -> None:
    with holding(records) as db:
        assert recover(db, now_ms=NOW) == sum(each.state == "claimed" for each in records)
        found = read_records(db, 1, KEYS)
    for each in records:
        claimed = each.state == "claimed"
        assert found[each.key] == (transitions.recovered(each, NOW) if claimed else each)


@QUICK
@given(rows("failed"))
def test_retrying_starts_each_failed_entry_afresh(records: list[EntryRecord]) -> None:
    with holding(records) as db:
        db.execute(f"UPDATE entry SET {SET_RETRIED}", {"now": NOW})  # noqa: S608 (a constant)
        found = read_records(db, 1, KEYS)
    for each in records:
        assert found[each.key] == transitions.retried(each, NOW)._replace(settled_at=None)


@QUICK
@given(rows("registered"))
def test_acknowledging_removes_each_mark(records: list[EntryRecord]) -> None:
    with holding(records) as db:
        db.execute(f"UPDATE entry SET {SET_ACKNOWLEDGED}")  # noqa: S608 (a constant)
        found = read_records(db, 1, KEYS)
    assert found == {each.key: transitions.acknowledged(each) for each in records}


@QUICK
@given(rows("pending"))
def test_claiming_takes_each_entry_out_of_the_queue(records: list[EntryRecord]) -> None:
    due = [each._replace(due_at=each.due_at or EARLIER) for each in records]
    with holding(due) as db:
        claim = mark_claimed(
            db,
            "b",
            [
                entry_of(
                    "b",
                    {1: "w", 2: "v"}[each.watch_id],
                    (
                        *(each.key, each.etag, each.size_bytes, each.modified_at),
                        *(
                            each.attempts,
                            each.unknown_outcomes,
                            each.lane,
                            each.message,
                            each.due_at,
                        ),
                    ),
                )
                for each in due
            ],
            now_ms=NOW,
        )
        found = read_records(db, 1, KEYS)
        batches = db.execute("SELECT DISTINCT batch_id FROM entry").fetchall()
    assert found == {each.key: transitions.claimed(each) for each in due}
    assert batches == [(claim.batch_id,)]


@QUICK
@given(
    st.lists(
        st.builds(
            ObjectInfo,
            st.text(min_size=1, max_size=3).filter(lambda key: key.isprintable()),
            st.sampled_from(["E1", "E2"]),
            st.integers(0, 5),
            st.integers(99, 101),
        ),
        max_size=5,
        unique_by=lambda each: each.key,
    ),
    st.integers(99, 101),
)
def test_each_new_object_is_inserted_as_discovered(
    objects: list[ObjectInfo], fresh_since: int
) -> None:
    listed = sorted(objects, key=lambda each: each.key)
    sighting = Sighting(watch_id=2, now_ms=NOW, began_ms=NOW)
    with holding([]) as db:
        insert_new(db, 1, sighting, Objects.of(listed), fresh_since=fresh_since)
        found = read_records(db, 1, [each.key for each in listed])
    assert found == {
        each.key: transitions.discovered(each, watch_id=2, fresh_since=fresh_since, now_ms=NOW)
        for each in listed
    }
