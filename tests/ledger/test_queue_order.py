"""Who comes first, for random queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.ledgers import NOW, adopt, claim, keys, obj, record, sleep
from watcher.ledger.sqlite import Ledger, ProcessLock, create

if TYPE_CHECKING:
    import pytest

QUEUED: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    lane=st.integers(0, 1),
    due_at=st.integers(NOW - 3, NOW + 3),
    attempts=st.sampled_from([0, 0, 0, 1]),
    watch=st.sampled_from(["w", "v"]),
)


@given(queued=st.lists(QUEUED, min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_claims_come_by_lane_then_instant_then_key(
    tmp_path_factory: pytest.TempPathFactory, queued: list[dict[str, Any]]
) -> None:
    """Two watches share calls; an entry that was refused goes alone, in its place."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    create(path)
    rows = {f"{n * 7 % 40:02}.mp4": each for n, each in enumerate(queued)}
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        adopt(ledger, "w", "v")
        for name in ("w", "v"):
            record(
                ledger, *(obj(key) for key, row in rows.items() if row["watch"] == name), watch=name
            )
        db = ledger._transactions._connection
        for key, row in rows.items():
            db.execute(
                "UPDATE entry SET lane = :lane, due_at = :due_at, attempts = :attempts WHERE key = "
                ":key",
                {**row, "key": key},
            )
        due = sorted(
            (row["lane"], row["due_at"], row["attempts"] > 0, key)
            for key, row in rows.items()
            if row["due_at"] <= NOW
        )
        claims = []
        while claimed := claim(ledger, watches=["w", "v"]):
            claims.append(keys(claimed))
        later = min((row["due_at"] for row in rows.values() if row["due_at"] > NOW), default=None)
        assert ledger.queue.next_due_at("b", ["w", "v"]) == later
    together = [key for *_, alone, key in due if not alone]
    assert sorted(key for some in claims for key in some) == sorted(key for *_, key in due)
    assert all(len(some) == 1 for some in claims if rows[some[0]]["attempts"])
    packed = [some for some in claims if not rows[some[0]]["attempts"]]
    assert [set(some) for some in packed] == [
        set(together[n : n + 10]) for n in range(0, len(together), 10)
    ]
    assert [some[0] for some in claims if rows[some[0]]["attempts"]] == [
        key for *_, alone, key in due if alone
    ]
    assert all(some == sorted(some, key=lambda key: (rows[key]["lane"], key)) for some in packed)
