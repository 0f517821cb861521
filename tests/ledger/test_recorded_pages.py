"""A page changes the ledger as its objects would one by one: rows, counts, what is new."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import ledgers
from tests.unit.test_selection_pages import AGES, NOW, OBJECTS, _Starts, as_read, rules, scan_target
from watcher.discovery.selector import Selector
from watcher.ledger.sqlite import Ledger, ProcessLock, create
from watcher.model import Found, ObjectInfo, Objects, Range

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watcher.model import Recorded

MEMORY = Path("/dev/shm")  # noqa: S108 (each has a folder of its own there)
BECOMES = {
    "registered": "state = 'registered', media_id = 'm', new_register = 1, due_at = NULL",
    "failed": "state = 'failed', reason = 'refused', due_at = NULL",
    "gone": "state = 'failed', reason = 'gone', due_at = NULL",
    "claimed": "state = 'claimed', due_at = NULL, batch_id = 1",
    "parked": "due_at = NULL",
    "of another watch": "watch_id = (SELECT id FROM watch WHERE name = 'other')",
}


def record_page(ledger: Ledger, listed: Sequence[ObjectInfo], selector: Selector) -> Recorded:
    selected = selector.select(as_read(list(listed)), now_ms=NOW).selected
    return _record(ledger, [Found(range=Range(lo="", hi=None), objects=selected, at=NOW)])


def record_one_by_one(ledger: Ledger, listed: Sequence[ObjectInfo], selector: Selector) -> Recorded:
    selected = [each for each in listed if selector.reason(each, now_ms=NOW) is None]
    ranges = zip(
        ["", *(each.key for each in selected)],
        [*(each.key for each in selected), None],
        strict=True,
    )
    found = [Objects.of((each,)) for each in selected] + [Objects.of()]
    pieces = [
        Found(range=Range(lo=lo, hi=hi), objects=each, at=NOW)
        for (lo, hi), each in zip(ranges, found, strict=True)
    ]
    return _record(ledger, pieces)


def _record(ledger: Ledger, found: list[Found]) -> Recorded:
    return ledger.discovery.record(
        "w", found, begun=ledgers.begin(ledger), started_at=NOW, now_ms=NOW, began_ms=NOW
    )


def outcome(
    how: Callable[[Ledger, Sequence[ObjectInfo], Selector], Recorded],
    first: list[ObjectInfo],
    becomes: dict[str, str],
    then: list[ObjectInfo],
    selector: Selector,
) -> list[Any]:
    """Return what two listings change, with changes of other hands between them."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.exists() else None) as folder:
        path = Path(folder) / "ledger.db"
        create(path)
        changed: list[Any] = []
        with ProcessLock(path) as lock:
            for listed in (first, then):
                with Ledger(path, lock, wait=lambda _: False) as ledger:
                    ledgers.adopt(ledger, "w", "other")
                    recorded = how(ledger, listed, selector)
                changed.append((recorded.new, sorted(recorded.changed)))
                with closing(sqlite3.connect(path)) as db, db:
                    changed.append(db.execute("SELECT * FROM entry ORDER BY key").fetchall())
                    changed.append(
                        db.execute("SELECT * FROM tally WHERE n ORDER BY 1, 2").fetchall()
                    )
                    for key, state in becomes.items():
                        db.execute(f"UPDATE entry SET {BECOMES[state]} WHERE key = ?", (key,))  # noqa: S608 (ours)
    return changed


@settings(max_examples=40, deadline=None)
@given(
    st.data(),
    rules(("v/", "")),
    st.lists(OBJECTS, min_size=1, max_size=8, unique_by=lambda each: each.key),
)
def test_a_page_changes_what_its_objects_change(
    data: st.DataObject, own: Any, objects: list[ObjectInfo]
) -> None:
    first = sorted(objects, key=lambda each: each.key)
    versions = {
        each.key: data.draw(
            st.sampled_from(
                [
                    each,
                    each,
                    replace(each, etag="F"),
                    replace(each, size_bytes=100),
                    replace(each, modified_at=data.draw(AGES)),
                ]
            )
        )
        for each in first
    }
    gone = data.draw(st.sets(st.sampled_from(first).map(lambda each: each.key), max_size=2))
    later = data.draw(
        st.lists(
            OBJECTS.filter(lambda each: each.key not in versions),
            max_size=2,
            unique_by=lambda each: each.key,
        )
    )
    then = sorted(
        [each for key, each in versions.items() if key not in gone] + later,
        key=lambda each: each.key,
    )
    becomes = data.draw(
        st.dictionaries(
            st.sampled_from([each.key for each in first]), st.sampled_from(sorted(BECOMES))
        )
    )
    selector = Selector(scan_target("w", own), [], _Starts())
    selector.resolve_starts(NOW)
    by_page, by_object = (
        outcome(how, first, becomes, then or first, selector)
        for how in (record_page, record_one_by_one)
    )
    assert by_page == by_object
