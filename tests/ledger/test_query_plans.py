"""No statement that runs for each page or call sorts entries, or reads all of them.

The statements are those that SQLite reports while the real paths run on a ledger with many entries
due at one instant, so that a new one cannot slip past.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.fakes import FOR_GOOD, START_MS
from tests.support.history_configs import BUCKET, WatchAs
from tests.support.in_memory_app import World
from tests.support.query_plans import statements_of, that_grow
from watcher.daemon.status_view import LedgerView
from watcher.ledger.sqlite import LedgerReader
from watcher.model import LONG_STREAK, Accepted, Failure, Settlement
from watcher.observe.health import Health

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from watcher.model import Claim

N = 8_000
WATCHES = [WatchAs("a", "a/"), WatchAs("b", "b/"), WatchAs("c", "c/", options='{"x": 1}')]

_FILL = """
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :n - 1)
INSERT INTO entry (bucket_id, key, watch_id, state, lane, etag, size_bytes, modified_at,
                   first_seen_at, attempts, due_at, media_id, reason, message)
SELECT b.id, :prefix || printf('%06d.mp4', i), w.id, :state, :lane, 'E', 5, 1, 1, :attempts,
       :due_at, :media_id, :reason, 'said'
  FROM n JOIN bucket AS b JOIN watch AS w ON w.name = :watch
"""


def fill(db: sqlite3.Connection, n: int, **values: object) -> None:
    row: dict[str, object] = {
        "n": n,
        "watch": "a",
        "prefix": "a/",
        "state": "pending",
        "lane": 1,
        "attempts": 0,
        "due_at": START_MS,
        "media_id": None,
        "reason": None,
    }
    db.execute(_FILL, row | values)


def crowd(db: sqlite3.Connection, n: int) -> None:
    """Make a ledger of many entries of each kind."""
    db.execute("BEGIN")
    db.execute(
        "INSERT INTO watch (name, bucket_id, prefix, rules) SELECT 'past', id, 'p/', '' FROM bucket"
    )
    fill(db, n, prefix="a/due/")
    fill(db, n, prefix="a/fresh/", lane=0)
    fill(db, n, watch="b", prefix="b/due/", lane=0)
    fill(db, n, watch="c", prefix="c/due/")
    fill(db, n // 4, prefix="a/refused/", attempts=1)
    fill(db, n // 4, watch="b", prefix="b/refused/", attempts=2, lane=0)
    fill(db, n // 4, prefix="a/later/", due_at=START_MS + 10**10)
    fill(db, n // 4, watch="past", prefix="p/", due_at=None)
    fill(db, n, prefix="a/done/", state="registered", media_id="m", due_at=None)
    fill(db, n, watch="b", prefix="b/done/", state="registered", media_id="m", due_at=None)
    fill(db, n // 2, prefix="a/failed/", state="failed", reason="refused", due_at=None)
    fill(db, n // 2, watch="b", prefix="b/failed/", state="failed", reason="gone", due_at=None)
    db.execute("DELETE FROM tally")
    db.execute("INSERT INTO tally SELECT watch_id, state, count(*) FROM entry GROUP BY 1, 2")
    db.execute("COMMIT")


def crowded(n: int = N) -> World:
    """Return a world whose ledger is full."""
    world = World(WATCHES)
    crowd(world.db, n)
    return world


def stop_after(world: World, calls: int) -> None:
    """Ask the process to stop during so many calls from now."""
    if calls:
        world.vod.meanwhile = lambda: stop_after(world, calls - 1)
    else:
        world.clock.stopping = True


def register(world: World, calls: int) -> None:
    stop_after(world, calls)
    world.register()
    world.clock.stopping = False


# The paths


def discovering(world: World) -> None:
    """New, known and overwritten objects, and failed ones that are back."""
    for watch in "abc":
        for n in range(7):
            world.bucket.put(f"{watch}/new/{n}.mp4")
    for n in range(12):
        world.bucket.put(f"a/done/{n:06}.mp4")
        world.bucket.put(f"b/failed/{n:06}.mp4")
        world.bucket.put(f"a/refused/{n:06}.mp4")
    for _ in range(2):
        for watch in "abc":
            assert world.scan(watch).complete
        world.clock.wait(90_000)
    world.bucket.objects.clear()
    world.scan("a")


def registering(world: World) -> None:
    """Calls with each kind of answer, those that carry one entry among them."""
    discovering(world)
    world.vod.refusing["a/new/1.mp4"] = FOR_GOOD
    world.vod.unmentioned.add("a/new/2.mp4")
    world.vod.poison.add("b/new/3.mp4")
    world.bucket.put("b/fresh.mp4")
    world.vod.script = ["", "throttled", "silent", "missing", "lost", "", "account", ""]
    register(world, 40)
    for name in ("a", "b", "c"):
        assert world.ledger.queue.next_due_at(BUCKET, [name]) is not None


def probing(world: World) -> None:
    """A bucket that is stopped by refusals, probed with one entry, refused again, and accepted."""
    for n in range(N):
        world.bucket.put(f"a/fresh/{n:06}.mp4")
        world.vod.refusing[f"a/fresh/{n:06}.mp4"] = FOR_GOOD
    register(world, 2 * LONG_STREAK)
    assert BUCKET in world.open_breakers
    for _ in range(3):
        world.clock.wait(3600)
        register(world, 1)
        assert BUCKET in world.open_breakers
    world.vod.refusing.clear()
    world.clock.wait(3600)
    register(world, 1)
    assert not world.open_breakers


def showing(world: World) -> None:
    """The queries of `status`, the metrics and the page."""
    view = LedgerView(
        lambda: world.resolved.config,
        ledger_path=world.path,
        health=lambda: Health(live=True, ready=True),
        clock=world.clock,
    )
    with closing(view):
        assert view.overview().rows
        assert view.metrics_snapshot().watches
        assert view.status_json()
        assert not view.breakers()
        for text in ("a/due/000001.mp4", "a/du", "0001.mp4", f"oss://{BUCKET}/b/", "nowhere"):
            found = view.search(text, after="")
            view.search(text, after=found.go_on)
        assert view.story(BUCKET, "a/due/000001.mp4")
    with LedgerReader(world.path) as reader:
        assert reader.status()
        assert list(reader.audit.rows(BUCKET, "a/", after="", upto=None))


def counting(world: World) -> None:
    """The queries of a run between its calls."""
    backlog = world.ledger.counts
    assert backlog.standing(["a", "b"]).pending
    assert backlog.decisions() == 0
    assert backlog.last_listed(["a"]) is None
    assert world.ledger.queue.pending()
    assert world.ledger.queue.next_due_at(BUCKET, ["a", "b", "c"]) == START_MS


def retrying(world: World) -> None:
    """All that people can have retried."""
    retry = world.ledger.retry
    assert retry.retry_named([(BUCKET, "a/failed/000000.mp4")], now_ms=START_MS) == 1
    assert retry.retry_failed(watch="b", reason=Failure.GONE, now_ms=START_MS) == N // 2
    assert retry.retry_failed(watch=None, reason=None, now_ms=START_MS) == N // 2 - 1


def starting(world: World) -> None:
    """The first queries of a process, with claims that the last one left."""
    assert world.ledger.queue.claim(
        BUCKET, ["a"], choose=list, now_ms=START_MS, horizon_ms=START_MS
    )
    world.restart()


PATHS = [discovering, registering, probing, showing, counting, retrying, starting]


@pytest.fixture(name="ledger", scope="module", params=["as it comes", "analysed"])
def full_ledger(request: pytest.FixtureRequest) -> Iterator[bytes]:
    """The bytes of a full ledger, with and without the statistics that change what SQLite plans."""
    world = crowded()
    if request.param == "analysed":
        world.db.execute("ANALYZE")
    world.stop()
    yield world.path.read_bytes()
    world.restart()
    world.remove()


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
def test_no_statement_sorts_entries_or_reads_all_of_them(
    ledger: bytes, path: Callable[[World], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(WATCHES)
    world.stop()
    world.path.write_bytes(ledger)
    with statements_of(monkeypatch) as statements:
        world._start()
        path(world)
        found = that_grow(world.path, statements)
    world.remove()
    assert len(statements) > 10
    assert not found, "\n".join(
        f"{'; '.join(lines)}\n    {' '.join(sql.split())}" for sql, lines in found.items()
    )


def test_all_that_failed_is_retried_a_thousand_in_one_statement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others that register meanwhile wait for one statement, not for a million."""
    world = crowded()
    world.stop()
    with statements_of(monkeypatch) as statements:
        world._start()
        assert world.ledger.retry.retry_failed(watch=None, reason=None, now_ms=START_MS) == N
    (pending,) = world.db.execute(
        "SELECT count(*) FROM entry WHERE state = 'pending' AND due_at = ?", (START_MS,)
    )
    world.remove()
    assert pending[0] > N
    assert (
        0 < sum("UPDATE entry" in sql for sql in statements) <= N // 1_000 + 1
    )  # and one to recover claims


# The work itself


def steps(world: World, work: Callable[[], object]) -> int:
    """Return how many instructions of SQLite's machine some work takes."""
    n_steps = 0

    def step() -> None:
        nonlocal n_steps
        n_steps += 1

    world.db.set_progress_handler(step, 1)
    work()
    world.db.set_progress_handler(None, 0)
    return n_steps


def probe_of_a_streak(world: World) -> Callable[[], object]:
    """Stop the bucket by refusals of its fresh entries, and return what claims the next probe."""
    db = world.db
    db.execute(
        "INSERT INTO refusal_streak SELECT bucket_id, key, 0 FROM entry WHERE key < "
        "'a/fresh/000060' AND lane = 0"
    )
    db.execute(
        "INSERT INTO breaker SELECT id, 'streak', 'r', 'h', 1, 1, 1, 'a/fresh/000059.mp4' FROM "
        "bucket WHERE name = ?",
        (BUCKET,),
    )
    return lambda: claimed(world, "ab", probe=True)


def claimed(world: World, watches: str, *, probe: bool = False) -> Claim:
    claim = world.ledger.queue.claim(
        BUCKET,
        list(watches),
        choose=lambda due: due,
        now_ms=START_MS,
        horizon_ms=START_MS + 10**9,
        probe=probe,
    )
    assert claim
    return claim


def settled(world: World) -> Callable[[], object]:
    claim = claimed(world, "a")
    settlements = [
        Settlement(entry=entry, outcome=Accepted(media_id="m", new_register=True), due_at=0)
        for entry in claim.entries
    ]
    return lambda: world.ledger.queue.settle(
        claim, settlements, request_id="R", max_attempts=3, now_ms=START_MS
    )


WORK: dict[str, Callable[[World], Callable[[], object]]] = {
    "claim fresh ones": lambda world: lambda: claimed(world, "ab"),
    "claim of a backfill": lambda world: lambda: claimed(world, "c"),
    "probe": probe_of_a_streak,
    "settle": settled,
    "next due": lambda world: lambda: world.ledger.queue.next_due_at(BUCKET, ["a", "b", "c"]),
    "pending": lambda world: world.ledger.queue.pending,
    "standing": lambda world: lambda: world.ledger.counts.standing(["a", "b"]),
    "is assigned": lambda world: lambda: world.ledger.assignments.is_assigned,
}


@pytest.mark.parametrize("name", WORK)
def test_a_call_costs_the_same_whatever_the_queue(name: str) -> None:
    """Forty times the queue is not a tenth more work."""
    costs = []
    for n in (200, 8_000):
        world = crowded(n)
        work = WORK[name](world)
        costs.append(steps(world, work))
        world.remove()
    assert 0 < costs[1] <= 1.1 * costs[0]
    assert costs[1] < 10_000
