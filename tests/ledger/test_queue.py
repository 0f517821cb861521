"""A claim and a settlement in detail: what each returns, and what each leaves in the row."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from tests.support.ledgers import HOUR, NOW, REFUSED, adopt, claim, counts, keys, obj, record, sleep
from watcher.ledger.sqlite import Ledger, ProcessLock
from watcher.model import Accepted, Failure, Lane, Outcome, Refused, Settled, Settlement, Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from watcher.model import Claim

GONE = Refused(reason=Failure.GONE, message="the object is gone", final=True)


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as opened:
        adopt(opened)
        yield opened


def settle(
    ledger: Ledger, claimed: Claim, outcomes: Mapping[str, Outcome], *, sent: bool = True
) -> Settled:
    return ledger.queue.settle(
        claimed,
        [
            Settlement(entry=entry, outcome=outcomes[entry.key], due_at=NOW + 7, sent=sent)
            for entry in claimed.entries
        ],
        request_id="R",
        max_attempts=3,
        now_ms=NOW + 1,
    )


def row(path: Path, key: str, *columns: str) -> tuple[Any, ...]:
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        found = db.execute("SELECT * FROM entry WHERE key = ?", (key,)).fetchone()
    return tuple(found[column] for column in columns)


def test_a_claim_shows_each_entry_as_the_ledger_has_it(ledger: Ledger) -> None:
    record(ledger, obj("old", etag="E9", size=77, at=NOW - 2 * HOUR))
    record(ledger, obj("new", at=NOW - 5))
    new, old = (claim(ledger) or pytest.fail("nothing")).entries
    assert (new.key, new.watch, new.lane, new.modified_at, new.unknown_outcomes) == (
        "new",
        "w",
        Lane.FRESH,
        NOW - 5,
        0,
    )
    assert (old.key, old.etag, old.size_bytes, old.lane, old.attempts) == (
        "old",
        "E9",
        77,
        Lane.BACKFILL,
        0,
    )
    assert old.modified_at == NOW - 2 * HOUR


def test_a_settlement_counts_what_it_made_of_each(ledger: Ledger, path: Path) -> None:
    record(ledger, *(obj(key) for key in "abcdef"))
    claimed = claim(ledger) or pytest.fail("nothing")
    record(ledger, obj("a", etag="E2"), obj("b", etag="E2"))
    old, new = Accepted(media_id="m", new_register=False), Accepted(media_id="n", new_register=True)
    settled = settle(
        ledger,
        claimed,
        {"a": old, "b": old, "c": new, "d": GONE, "e": REFUSED, "f": Unknown(message="?")},
    )
    assert settled == Settled(
        bucket="b",
        registered=3,
        already_registered=2,
        failed=(("d", Failure.GONE, "the object is gone"),),
    )
    assert counts(path) == (2, 0, 3, 1, 2)


def test_files_that_fail_together_are_all_reported(ledger: Ledger) -> None:
    record(ledger, obj("a"), obj("b"))
    settled = settle(ledger, claim(ledger) or pytest.fail("nothing"), {"a": GONE, "b": GONE})
    assert [key for key, _, _ in settled.failed] == ["a", "b"]


def test_a_refusal_of_bytes_that_were_overwritten_since_is_due_at_once(
    ledger: Ledger, path: Path
) -> None:
    record(ledger, obj("a"))
    claimed = claim(ledger) or pytest.fail("nothing")
    record(ledger, obj("a", etag="E2"))
    settle(ledger, claimed, {"a": REFUSED})
    assert row(path, "a", "state", "due_at", "attempts", "doubts", "message") == (
        "pending",
        NOW + 1,
        0,
        0,
        None,
    )


def test_an_unknown_outcome_is_counted_as_one_only_if_the_call_was_sent(
    ledger: Ledger, path: Path
) -> None:
    record(ledger, obj("a"))
    for sent, outcomes in ((False, 0), (True, 1), (True, 2), (False, 2)):
        claimed = claim(ledger, now=NOW + 10) or pytest.fail("nothing")
        settle(ledger, claimed, {"a": Unknown(message="?")}, sent=sent)
        assert row(path, "a", "state", "doubts", "due_at", "message") == (
            "pending",
            outcomes,
            NOW + 7,
            "?",
        )
    assert (claim(ledger, now=NOW + 10) or pytest.fail("nothing")).entries[0].unknown_outcomes == 2


def test_claims_of_a_dead_process_have_an_unknown_outcome(ledger: Ledger, path: Path) -> None:
    record(ledger, obj("a"), obj("b"))
    claim(ledger, most=1)
    assert ledger.queue.recover(now_ms=NOW + 3) == 1
    assert row(path, "a", "state", "due_at", "doubts", "attempts") == ("pending", NOW + 3, 1, 0)
    assert row(path, "b", "state", "due_at", "doubts") == ("pending", NOW, 0)
    assert counts(path) == (2, 0, 0, 0, 0)
    assert ledger.queue.recover(now_ms=NOW) == 0


def test_an_outcome_ends_the_count_of_unknown_ones(ledger: Ledger, path: Path) -> None:
    record(ledger, obj("a"), obj("b"))
    claim(ledger)
    ledger.queue.recover(now_ms=NOW)
    claimed = claim(ledger) or pytest.fail("nothing")
    settle(ledger, claimed, {"a": Accepted(media_id="m", new_register=False), "b": REFUSED})
    assert row(path, "a", "doubts", "message") == (0, None)
    assert row(path, "b", "doubts", "message", "attempts") == (0, "no", 1)


def test_an_entry_that_goes_alone_does_not_overtake_those_that_waited_longer(
    ledger: Ledger,
) -> None:
    """Fresh entries go first, then older ones; of one age, those that go together."""
    record(ledger, obj("refused"))
    settle(ledger, claim(ledger) or pytest.fail("nothing"), {"refused": REFUSED})  # due at NOW + 7
    record(ledger, obj("earlier"), now=NOW + 6)
    record(ledger, obj("later"), now=NOW + 8)
    shown = [keys(claim(ledger, now=NOW + 9)) for _ in range(2)]
    assert shown == [["earlier", "later"], ["refused"]]
    ledger.queue.recover(now_ms=NOW)
    assert keys(claim(ledger, now=NOW)) == ["earlier", "later"]


def undecided(ledger: Ledger, *watches: str, refused: bool = False) -> tuple[int, str]:
    left = ledger.counts.undecided(watches, refused=refused)
    return left.entries, left.key


def test_pending_undecided_and_the_next_due_time_are_those_of_the_watches(ledger: Ledger) -> None:
    """The named entry is one that was asked for, if there is one."""
    assert (
        ledger.queue.pending(),
        undecided(ledger, "w"),
        ledger.queue.next_due_at("b", ["w"]),
    ) == (0, (0, ""), None)
    adopt(ledger, "w", "v")
    record(ledger, obj("a", at=NOW - 2 * HOUR), obj("b"), now=NOW)
    record(ledger, obj("c"), watch="v", now=NOW - 5)
    assert (ledger.queue.pending(), undecided(ledger, "w")[0], undecided(ledger, "w", "v")[0]) == (
        3,
        2,
        3,
    )
    assert (ledger.queue.next_due_at("b", ["w"]), ledger.queue.next_due_at("b", ["w", "v"])) == (
        NOW,
        NOW - 5,
    )
    settle(ledger, claim(ledger, most=1) or pytest.fail("nothing"), {"b": REFUSED})
    assert (ledger.queue.pending(), undecided(ledger, "w")) == (3, (1, "a"))
    assert undecided(ledger, "w", refused=True)[0] == 2
    assert keys(claim(ledger)) == ["a"]
    assert ledger.queue.next_due_at("b", ["w"]) == NOW + 7


def test_the_undecided_entry_that_is_named_has_been_in_a_call(ledger: Ledger) -> None:
    record(ledger, *(obj(f"{n}") for n in range(30)), now=NOW)
    asked = claim(ledger, most=1) or pytest.fail("nothing")
    settle(ledger, asked, {asked.entries[0].key: Unknown(message="not mentioned")})
    left = ledger.counts.undecided(["w"], refused=False)
    assert (left.entries, left.key, left.message) == (30, asked.entries[0].key, "not mentioned")


def test_decisions_are_counted_and_an_answer_that_decides_nothing_is_not(
    ledger: Ledger,
) -> None:
    record(ledger, *(obj(key) for key in "abc"))
    before = ledger.counts.decisions()
    accepted = Accepted(media_id="m", new_register=True)
    for outcome, decided in ((Unknown(message="?"), 0), (REFUSED, 1), (GONE, 2), (accepted, 3)):
        claimed = claim(ledger, most=1, now=NOW + 7) or pytest.fail("nothing")
        settle(ledger, claimed, {claimed.entries[0].key: outcome})
        assert ledger.counts.decisions() - before == decided


def test_a_fresh_entry_is_among_the_ten_though_ten_others_have_waited_longer(
    ledger: Ledger,
) -> None:
    record(ledger, *(obj(f"{n}", at=NOW - 2 * HOUR) for n in range(10)))
    record(ledger, obj("fresh"), now=NOW + 5)
    assert keys(claim(ledger, now=NOW + 5))[0] == "fresh"


def test_choose_is_not_called_if_nothing_is_due(ledger: Ledger) -> None:
    def choose(_due: object) -> NoReturn:
        pytest.fail("there is nothing")

    assert ledger.queue.claim("b", ["w"], choose=choose, now_ms=NOW, horizon_ms=NOW + HOUR) is None


def test_an_entry_that_an_answer_did_not_mention_is_claimed_alone_until_it_is_decided(
    path: Path,
) -> None:
    """Also by the next process; an entry whose call was not answered at all shares a call again."""
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        adopt(ledger)
        record(ledger, *(obj(key) for key in "abcd"))
        silent, lost = Unknown(message="?", unmentioned=True), Unknown(message="no answer came")
        settle(
            ledger,
            claim(ledger) or pytest.fail("nothing"),
            {"a": lost, "b": silent, "c": silent, "d": lost},
        )
        record(ledger, obj("e"))
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        adopt(ledger)
        assert keys(claim(ledger)) == ["e"]  # due before the others
        seen = claim(ledger, now=NOW + 7) or pytest.fail("nothing")
        assert [(entry.key, entry.unmentioned) for entry in seen.entries] == [
            *(("a", False), ("b", True), ("c", True), ("d", False)),
        ]
        settle(ledger, seen, {"a": silent, "b": silent, "c": silent, "d": lost})
        assert [keys(claim(ledger, now=NOW + 14)) for _ in range(4)] == [["a"], ["b"], ["c"], ["d"]]
