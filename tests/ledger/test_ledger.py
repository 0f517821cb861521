"""The ledger's promises, on real SQLite files."""

from __future__ import annotations

import sqlite3
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
    finish,
    keys,
    obj,
    record,
    settle,
    sleep,
    states,
)
from watcher.errors import ConfigError, LedgerUntrusted
from watcher.ledger.sqlite import Ledger, LedgerReader, ProcessLock
from watcher.model import (
    Failure,
    Refused,
    Unknown,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as opened:
        adopt(opened)
        yield opened


def test_an_object_seen_twice_is_one_entry(ledger: Ledger, path: Path) -> None:
    assert record(ledger, obj("a"), obj("b")) == (2, ())
    assert record(ledger, obj("a"), obj("b"), obj("c")) == (1, ())
    assert counts(path) == (3, 0, 0, 0, 0)


def test_keys_are_kept_byte_for_byte(ledger: Ledger, path: Path) -> None:
    odd = sorted(["a\0b", "a\nb", "\x01", "a", "a ", "𠮷", "é", "e\u0301", "%41", "A"])
    record(ledger, *(obj(key) for key in odd))
    assert sorted(states(path)) == odd
    assert record(ledger, *(obj(key) for key in odd)) == (0, ())


def test_a_claim_is_committed_before_it_is_returned(ledger: Ledger, path: Path) -> None:
    record(ledger, obj("a"))
    claim(ledger)
    assert states(path) == {"a": "claimed"}


def test_claims_settle_as_registered_with_media_id_and_request_id(
    ledger: Ledger, path: Path
) -> None:
    record(ledger, obj("a"))
    settle(ledger, claim(ledger) or pytest.fail("nothing claimed"), ACCEPTED, now=NOW + 5)
    with LedgerReader(path) as reader:
        (entry,) = reader.entries(lambda *_: "url")
    assert (entry.state, entry.media_id, entry.new_register, entry.request_id) == (
        "registered",
        "m1",
        True,
        "R1",
    )
    assert entry.registered_at is not None
    assert entry.registered_at.timestamp() * 1000 == NOW + 5
    assert counts(path) == (0, 0, 1, 0, 0)


def test_three_refusals_make_it_failed_and_unknown_ones_count_nothing(
    ledger: Ledger, path: Path
) -> None:
    record(ledger, obj("a"))
    for outcome in (REFUSED, Unknown(message="?"), Unknown(message="?"), REFUSED):
        settle(ledger, claim(ledger) or pytest.fail("nothing claimed"), outcome)
        assert states(path) == {"a": "pending"}
    settle(ledger, claim(ledger) or pytest.fail("nothing claimed"), REFUSED)
    assert states(path) == {"a": "failed"}
    assert counts(path) == (0, 0, 0, 1, 0)


def test_an_entry_refused_before_goes_alone(ledger: Ledger) -> None:
    record(ledger, obj("a"))
    settle(ledger, claim(ledger) or pytest.fail("nothing claimed"), REFUSED)
    record(ledger, obj("b"), obj("c"))
    assert sorted([keys(claim(ledger)), keys(claim(ledger))]) == [["a"], ["b", "c"]]


def test_nothing_is_claimed_before_it_is_due_unless_a_clock_ran_ahead(ledger: Ledger) -> None:
    record(ledger, obj("a"))
    settle(
        ledger,
        claim(ledger) or pytest.fail("nothing claimed"),
        Unknown(message="?"),
        due_at=NOW + 1000,
    )
    assert claim(ledger) is None
    assert ledger.queue.next_due_at("b", ["w"]) == NOW + 1000
    assert keys(claim(ledger, now=NOW - 2 * HOUR)) == ["a"]


def test_fresh_entries_overtake_a_backfill(ledger: Ledger) -> None:
    record(ledger, obj("a-old", at=NOW - 2 * HOUR), obj("b-young", at=NOW - HOUR))
    assert keys(claim(ledger, most=1)) == ["b-young"]
    finish(ledger)
    record(ledger, obj("c-late", at=NOW - 9 * HOUR))
    assert keys(claim(ledger, most=1)) == ["c-late"]
    assert keys(claim(ledger, most=1)) == ["a-old"]


def test_claims_of_a_dead_process_are_queued_again(path: Path) -> None:
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as first:
        adopt(first)
        record(first, obj("a"), obj("b"))
        claim(first, most=1)
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as second:
        assert second.queue.recover(now_ms=NOW) == 1
        assert second.queue.recover(now_ms=NOW) == 0
        assert keys(claim(second)) == ["a", "b"]


def test_an_overwritten_registered_object_is_marked_once_per_etag(
    ledger: Ledger, path: Path
) -> None:
    record(ledger, obj("a"))
    settle(ledger, claim(ledger) or pytest.fail("nothing claimed"), ACCEPTED)
    assert record(ledger, obj("a", at=NOW + 5)) == (0, ())  # touched, not changed
    assert record(ledger, obj("a", etag="E2")) == (0, ("a",))
    assert record(ledger, obj("a", etag="E2")) == (0, ())
    assert record(ledger, obj("a", etag="E3")) == (0, ("a",))
    assert counts(path) == (0, 0, 1, 0, 1)


def test_an_object_overwritten_while_claimed_is_registered_and_changed(
    ledger: Ledger, path: Path
) -> None:
    record(ledger, obj("a"))
    claimed = claim(ledger) or pytest.fail("nothing claimed")
    record(ledger, obj("a", etag="E2"))
    settle(ledger, claimed, ACCEPTED)
    assert counts(path) == (0, 0, 1, 0, 1)


def test_a_refusal_of_bytes_that_were_overwritten_counts_nothing(
    ledger: Ledger, path: Path
) -> None:
    record(ledger, obj("a"))
    claimed = claim(ledger) or pytest.fail("nothing claimed")
    record(ledger, obj("a", etag="E2"))
    settle(ledger, claimed, Refused(reason=Failure.GONE, message="gone", final=True))
    assert counts(path) == (1, 0, 0, 0, 0)


def test_a_failed_file_that_is_uploaded_again_starts_afresh(ledger: Ledger, path: Path) -> None:
    record(ledger, obj("a"))
    final = Refused(reason=Failure.BAD_REQUEST, message="no", final=True)
    settle(ledger, claim(ledger) or pytest.fail("nothing claimed"), final)
    record(ledger, obj("a"))
    assert states(path) == {"a": "failed"}
    record(ledger, obj("a", at=NOW + 1000))
    assert counts(path) == (1, 0, 0, 0, 0)


def test_pending_entries_follow_the_rules_and_wait_if_none_selects_them(
    ledger: Ledger, path: Path
) -> None:
    record(ledger, obj("a.mp4"), obj("b.mov"))
    adopt(ledger, "w", "x")
    ledger.assignments.reassign(lambda _, key, __: "x" if key == "b.mov" else None, now_ms=NOW)
    assert keys(claim(ledger, watches=["w", "x"])) == ["b.mov"]
    with LedgerReader(path) as reader:
        assert [(row.watch, row.pending, row.claimed) for row in reader.status()] == [
            ("w", 1, 0),
            ("x", 0, 1),
        ]
    ledger.assignments.reassign(lambda *_: "w", now_ms=NOW)
    assert keys(claim(ledger, watches=["w", "x"])) == ["a.mp4"]


def test_the_form_of_file_urls_cannot_change_once_a_file_was_sent(ledger: Ledger) -> None:
    record(ledger, obj("a"))
    adopt(ledger, form="https://{bucket}.example.com/{key}")  # nothing sent yet: allowed
    adopt(ledger)
    claim(ledger)
    with pytest.raises(ConfigError, match="second media"):
        adopt(ledger, form="https://{bucket}.example.com/{key}")


def test_only_what_can_be_seen_again_is_not_synchronous_full(ledger: Ledger) -> None:
    words: list[str] = []
    ledger._transactions._connection.set_trace_callback(
        lambda statement: (
            words.append(statement) if "synchronous" in statement or "COMMIT" in statement else None
        )
    )
    record(ledger, obj("a"))
    settle(ledger, claim(ledger) or pytest.fail("nothing claimed"), ACCEPTED)
    seen, sure = ["PRAGMA synchronous = NORMAL", "COMMIT"], ["PRAGMA synchronous = FULL", "COMMIT"]
    assert words == [
        *seen,
        *seen,
        *sure,
        *sure,
    ]  # a scan began, and saw this; a claim, and its settlement


def test_deleting_rows_by_hand_keeps_the_counts_true(ledger: Ledger, path: Path) -> None:
    record(ledger, obj("a"), obj("b"))
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM entry WHERE key = 'a'")
    db.close()
    assert counts(path) == (1, 0, 0, 0, 0)


def test_a_truncated_ledger_is_refused(ledger: Ledger, path: Path) -> None:
    record(ledger, *(obj(f"{i:06}") for i in range(2000)))
    ledger.__exit__()
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(LedgerUntrusted), LedgerReader(path) as reader:
        list(reader.entries(lambda *_: ""))


def test_a_clock_that_was_set_back_does_not_hide_that_an_archived_file_was_restored(
    ledger: Ledger, path: Path
) -> None:
    record(ledger, obj("a"))
    archived = Refused(reason=Failure.ARCHIVED, message="asleep", final=True)
    settle(ledger, claim(ledger) or pytest.fail("nothing claimed"), archived)
    record(ledger, obj("a"), now=NOW - HOUR)
    assert states(path) == {"a": "pending"}
