"""The truth about a world, derived from its bucket and VOD alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.support.fakes import FOR_GOOD, SLEEPING

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence

    from tests.support.history_configs import WatchAs
    from tests.support.in_memory_app import World

LONG = "a/" + "长" * 340 + ".mp4"  # whose file URL VOD would refuse
MEDIA = (".mp4", ".mov", ".m3u8")
ROUNDED_MS = 2_000  # Date and a moment of OSS's clock are rounded down to seconds

RULES: dict[str, Callable[[str], bool]] = {
    "": lambda key: key.lower().endswith(MEDIA),
    'include = ["*.mp4"]': lambda key: key.lower().endswith(".mp4"),
    'exclude = ["x*"]': lambda key: (
        key.lower().endswith(MEDIA) and not key.rpartition("/")[2].startswith("x")
    ),
    'min_age = "3m"': lambda key: key.lower().endswith(MEDIA),
}


class Row(NamedTuple):
    """An entry, as the ledger holds it."""

    watch: str
    state: str
    media_id: str | None
    attempts: int
    reason: str | None
    message: str | None
    due_at: int | None


class Moment(NamedTuple):
    """Return the moment of "now" below a prefix, as the ledger holds it."""

    at: int
    clock: str


class Oracle:
    """Knows what happened to the bucket, and asks VOD; holds the ledger against both."""

    def __init__(self, world: World, watches: Sequence[WatchAs]) -> None:
        self._world = world
        self.from_now: set[str] = set()  # watches that had start = "now" at some time
        self.watches = watches
        self.absent: set[str] = set()  # keys that were deleted at some time
        self.lost: set[str] = set()  # whose rows were
        self.slept: set[str] = set()
        self.refused: set[str] = set()
        self._known: dict[str, Row] = {}  # after the last step
        self.moments: dict[str, Moment] = {}  # by prefix: of "now", after the last scan
        self._asked: Counter[str] = world.vod.asked.copy()

    @property
    def watches(self) -> Sequence[WatchAs]:
        """The configuration, in the order of its file."""
        return self._watches

    @watches.setter
    def watches(self, watches: Sequence[WatchAs]) -> None:
        self._watches = watches
        self.from_now |= {each.name for each in watches if each.start == "now"}

    def lose(self, key: str) -> None:
        """Delete a row by hand."""
        self._world.db.execute("DELETE FROM entry WHERE key = ?", (key,))
        self._known.pop(key, None)
        self.lost.add(key)

    # After every step

    def check(self) -> None:
        """Nothing is lost or doubled, nobody asks in vain, and the counts are true."""
        rows, vod = self.rows(), self._world.vod
        assert len({key for _, key in vod.media.values()}) == len(vod.media), "one media a file"
        assert rows.keys() >= self._known.keys(), "no row vanishes"
        media_ids = {key: media_id for media_id, key in vod.media.values()}
        for key, row in rows.items():
            self._check_row(key, row, media_ids.get(key))
        self._known, self._asked = rows, vod.asked.copy()
        assert self._tally() == self._recount()

    def _check_row(self, key: str, row: Row, media_id: str | None) -> None:
        assert row.state != "claimed", key
        assert (row.state == "registered") == (row.media_id is not None), key
        assert row.media_id in (None, media_id), key
        burnt = self._world.vod.refused[key] + (key == LONG)
        assert row.attempts <= burnt, "only refusals of the file itself burn attempts"
        assert row.state != "failed" or (row.reason and row.message), key
        before = self._known.get(key)
        if before and before.state == "registered":
            assert (row.state, row.media_id) == ("registered", before.media_id), key
            assert self._world.vod.asked[key] == self._asked[key], (
                "what is registered never asks again"
            )

    def check_owners(self) -> None:
        """Under other rules each queued entry belongs to the first watch that selects it.

        An entry that no watch selects waits.

        Objects that a watch from "now" left as history stay with the watch that recorded them
        until rules change.
        """
        for key, row in self.rows().items():
            owners = [each.name for each in self.watches if self._selects(each, key)]
            if row.state == "pending":
                assert (row.due_at is None) == (not owners), key
                earlier = owners[: owners.index(row.watch)] if row.watch in owners else owners
                assert set(earlier) <= self.from_now, key

    # At the end, when all but the refusals for good has healed

    def check_failures(self) -> None:
        """Each failure has a reason that was true at some time."""
        for key, row in self.rows().items():
            truth = {
                "refused": self.refused | self.absent | self.slept,
                "bad_request": self.refused,
                "gone": self.absent,
                "archived": self.slept,
                "file_url_too_long": {LONG},
            }
            assert row.reason is None or key in truth[row.reason], (key, row)

    def check_all_is_done(self) -> None:
        """Each selected object is registered or cannot be; the ledger knows all that VOD knows."""
        rows = self.rows()
        for key in filter(self.selects, self.present()):
            assert rows[key].state == ("failed" if self._is_exhausted(key) else "registered"), (
                key,
                rows[key],
            )
        for key in {key for _, key in self._world.vod.media.values()} - (self.lost - rows.keys()):
            assert rows[key].media_id or rows[key].due_at is None, (
                "unless no watch selects it any more"
            )

    def _is_exhausted(self, key: str) -> bool:
        """Whether VOD refuses it, or refuses the whole call and so does not say."""
        vod = self._world.vod
        known = any(known == key for _, known in vod.media.values())
        if key in vod.poison:
            return self.rows()[key].media_id is None
        return not known and (key == LONG or vod.refusing.get(key) == FOR_GOOD)

    # The objects

    def present(self) -> list[str]:
        """Return the keys of the bucket."""
        return [found.key for found in self._world.bucket.objects.values()]

    def selects(self, key: str) -> bool:
        """Return whether a watch selects the object, if it is there and old enough."""
        found = self._world.bucket.get(key)
        if found is None or found.size_bytes == 0 or found.storage_class == SLEEPING:
            return False
        return any(self._selects(each, key) and self.counts(each, key) for each in self.watches)

    def counts(self, watch: WatchAs, key: str) -> bool:
        """Return whether an object is no history to a watch."""
        found = self._world.bucket.get(key)
        if watch.start == "all" or found is None:
            return True
        ever = [moment.at for prefix, moment in self.moments.items() if key.startswith(prefix)]
        return found.modified_at >= min(ever, default=found.modified_at + 1)

    def scan(self, name: str) -> None:
        """Scan a watch: nothing fails by it, and only a complete listing counts as one."""
        before, (complete_at, listed, empty) = self.rows(), self.last_scan(name)
        was_at_end, began_ms = self.end_is_known(name), self._world.clock.service_ms()
        report = self._world.scan(name)
        self.learn_moments(began_ms)
        watch = next(each for each in self.watches if each.name == name)
        for key, row in self.rows().items():
            assert row == before.get(key) or row.state == "pending"
            assert key in before or self.counts(watch, key), "no history is taken"
        ended = self._world.bucket.ended or was_at_end
        assert ended or not report.complete
        assert report.complete or self.last_scan(name)[0] == complete_at
        believed = empty >= 2 and ended
        was_asked = self._world.bucket.ended  # else its end may be known, and it was refused before
        assert (
            report.listed
            or not listed
            or report.complete == believed
            or (believed and not was_asked)
        )

    # The moments of "now"

    def expect_moment(self, prefix: str) -> None:
        """See that a moment is kept before anything is listed."""
        if any(each.start == "now" for each in self.watches if each.name == self._world.scanning):
            assert any(prefix.startswith(each) for each in self._kept()), (
                "kept before anything is listed"
            )

    def learn_moments(self, began_ms: int) -> None:
        """Compare the moments with the clocks.

        `began_ms` (OSS's clock) is when the last step began.
        """
        clock, kept = self._world.clock, self._kept()
        wrong_ms, ended_ms = clock.wrong_ms, clock.service_ms()
        assert kept.keys() >= self.moments.keys(), "no moment vanishes"
        for prefix, moment in kept.items():
            before = self.moments.get(prefix)
            if before is None:
                before = Moment(moment.at, "ours")
                if moment.clock == "ours":
                    assert began_ms + wrong_ms <= moment.at <= ended_ms + wrong_ms
                else:
                    before = Moment(ended_ms + wrong_ms, "ours")
            if moment.clock != before.clock:
                latest = min(before.at, before.at - wrong_ms, ended_ms)
                assert latest - ROUNDED_MS - (ended_ms - began_ms) <= moment.at <= latest
            else:
                assert moment == before, "moved once only"
        self.moments = kept

    def _kept(self) -> dict[str, Moment]:
        root = f"oss://{self._world.bucket.name}/"
        found = self._world.db.execute("SELECT source, start_at, clock FROM source_start")
        return {source.removeprefix(root): Moment(at, clock) for source, at, clock in found}

    def _selects(self, watch: WatchAs, key: str) -> bool:
        return key.startswith(watch.prefix) and RULES[watch.rules](key)

    def waiting(self) -> list[str]:
        """Return the keys that are queued."""
        return [
            key
            for key, row in self.rows().items()
            if row.state == "pending" and row.due_at is not None
        ]

    def failed_by_vod(self) -> list[str]:
        """Return the keys that failed for what VOD said of them, and would say no more."""
        failed = [
            key for key, row in self.rows().items() if row.reason in ("refused", "bad_request")
        ]
        return [key for key in failed if self.selects(key) and not self._is_exhausted(key)]

    def rows(self) -> dict[str, Row]:
        """Return the ledger."""
        found = self._world.db.execute(
            """
            SELECT e.key, w.name, e.state, e.media_id, e.attempts, e.reason, e.message, e.due_at
              FROM entry AS e JOIN watch AS w ON w.id = e.watch_id
            """
        )
        return {key: Row(*rest) for key, *rest in found}

    def last_scan(self, watch: str) -> tuple[int | None, int | None, int]:
        """Return the end of a watch's last complete scan, its size, and the empty scans since."""
        (found,) = self._world.db.execute(
            "SELECT complete_at, complete_listed, empty_scans FROM watch WHERE name = ?", (watch,)
        )
        complete_at, listed, empty = found
        return complete_at, listed, empty

    def end_is_known(self, watch: str) -> bool:
        """Whether an interrupted scan that may be resumed has reached the end already."""
        found = self._world.db.execute(
            """
            SELECT 1
              FROM listed_range AS r JOIN listing AS l ON l.id = r.listing_id
                   JOIN watch AS w ON w.id = l.watch_id
             WHERE w.name = ? AND l.is_open AND r.scan = l.scan AND r.hi IS NULL
            """,
            (watch,),
        )
        return found.fetchone() is not None

    def breakers(self) -> set[str]:
        """Return whom the ledger says calls have stopped for."""
        return {breaker.bucket for breaker in self._world.ledger.breakers.all()}

    def _tally(self) -> dict[tuple[int, str], int]:
        found = self._world.db.execute("SELECT watch_id, state, n FROM tally WHERE n <> 0")
        return {(watch_id, state): n for watch_id, state, n in found}

    def _recount(self) -> dict[tuple[int, str], int]:
        found = self._world.db.execute(
            """
            SELECT watch_id, state, count(*) FROM entry GROUP BY 1, 2
             UNION ALL
            SELECT watch_id, 'changed', count(*) FROM entry WHERE changed GROUP BY 1
            """
        )
        return {(watch_id, state): n for watch_id, state, n in found}
