"""What a watch takes of a listing: its rules, its start, and the watches that come before it."""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.util
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol

from watcher import __version__
from watcher.model import NEVER, Excluded, ScanKind, Start
from watcher.rules.columns import PageKeys
from watcher.rules.starts import start_below

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from watcher.model import Anchor, ObjectInfo, Objects
    from watcher.rules.columns import LeftOut
    from watcher.rules.filters import Filters
    from watcher.rules.selection import Rules


@dataclass(frozen=True, slots=True)
class Sifted:
    """What a watch takes of some listed objects."""

    selected: Objects
    excluded: Mapping[Excluded, int]
    is_deferred: bool  # whether one of them may be taken later without a change of what is listed
    reasons: Mapping[int, Excluded]  # why objects are left out, by their place
    page: PageKeys  # all of them

    @property
    def left_out(self) -> Iterator[tuple[str, Excluded]]:
        """Yield the key of each object that is left out, and why."""
        keys = self.page.keys
        for place, reason in sorted(self.reasons.items()):
            yield keys[place], reason


_OWNED = (None, Excluded.TOO_YOUNG)  # selected, or only deferred

_DECIDING = (
    *("watcher.sieve", "watcher.scan", "watcher.model", "watcher.model.listed", "watcher.model.starts"),
    *("watcher.rules.starts", "watcher.rules.junk"),
    *("watcher.rules.selection", "watcher.rules.globs", "watcher.rules.filters"),
    *("watcher.rules.columns", "watcher.rules.page_globs"),
    *("watcher.oss.listing", "watcher.oss.pages", "watcher.oss.cutting", "watcher.oss.instants"),
    *("watcher.ledger.seen", "watcher.ledger.intake"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A watch, as far as listing is concerned."""

    name: str
    source_url: str  # oss://BUCKET/PREFIX
    rules: Rules
    start: Literal["all", "now"] | int  # or an instant, milliseconds since the epoch
    report_overwritten: bool = True
    kind: ScanKind = "scan"
    filters: Filters | None = None  # of a backfill
    covered: str = ""  # by a backfill: the filters that narrow it, as they are typed; "" = none
    starts_per_day: float = 0.0  # scans, as scheduled
    cheaper_at: str | None = None  # the endpoint that costs no traffic, if another is used

    @property
    def above(self) -> str:
        """The key above which it is listed; "" = from the front."""
        return self.filters.start_after if self.filters else ""

    @property
    def upto(self) -> str | None:
        """The key up to which, and with it, it is listed; None = to the end."""
        return (self.filters.end_with or None) if self.filters else None

    @property
    def lists_all(self) -> bool:
        """Whether the whole of the source is listed."""
        return self.filters is None or self.filters.lists_all

    full_every_ms: int = 0  # how long ranges that answer the same are trusted; 0 = not at all


@cache
def code_that_decides() -> str:
    """Return a digest of all code between what a service lists and what is written down of it."""
    code = hashlib.sha256(__version__.encode())
    for name in _DECIDING:
        module = importlib.util.find_spec(name)
        if module and module.loader and isinstance(module.loader, importlib.abc.InspectLoader):
            code.update((module.loader.get_source(name) or "").encode())
    return code.hexdigest()


class Starts(Protocol):
    """Where the moments of `start = "now"` are kept."""

    def anchors(self, bucket: str) -> Sequence[Anchor]:
        """Return the moments of all prefixes of a bucket that were ever watched from "now" on."""
        ...


class Sieve:
    """Tells of each listed object whether it is this watch's, and if not, why."""

    def __init__(self, watched: Watched, earlier: Sequence[Watched], starts: Starts) -> None:
        self._watched = watched
        self._earlier = earlier  # watches above it in the file, over the same bucket
        self._starts = starts
        self._start: dict[str, Start] = {}  # by watch, once the first answer has come

    @property
    def digest(self) -> str:
        """Changes with whatever the decisions depend on, but the objects themselves."""
        parts = [(each.rules, self._resolve(each, NEVER)) for each in (*self._earlier, self._watched)]
        watched = self._watched
        facts = (code_that_decides(), watched.source_url, watched.kind, watched.filters, parts)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]

    def resolve_starts(self, now_ms: int) -> None:
        """Find out from when on objects count; to be called before the first one is looked at.

        A watch that was never tried with "now" takes nothing older than `now_ms`, the first answer's
        Date; where it comes before this one in the file, it takes nothing yet.
        """
        for each in self._earlier:
            self._start[each.name] = self._resolve(each, NEVER)
        self._start[self._watched.name] = self._resolve(self._watched, now_ms)

    @property
    def start(self) -> Start:
        """From when on the watch's objects count; at `NEVER` while the moment of "now" has not come."""
        return self._resolve(self._watched, NEVER)

    def sift(self, objects: Objects, *, now_ms: int) -> Sifted:
        """Return which of the objects, whose keys ascend, are taken; `now_ms` is the answer's Date."""
        watched = self._watched
        page = PageKeys(objects, watched.rules.prefix)
        found = watched.rules.leave_out(page, now_ms=now_ms, start=self._start[watched.name])
        if objects:
            for each in self._earlier:
                self._leave_to(each, objects, found, now_ms)
            if watched.filters is not None and not watched.filters.leave_all:
                watched.filters.leave_out(page, found, now_ms=now_ms)
        is_deferred = Excluded.TOO_YOUNG in found.counts
        if found.reasons and not is_deferred and objects.any_restoring:
            is_deferred = any(objects.restoring[place] for place in found.reasons)
        selected = objects.without(found.reasons)
        return Sifted(selected, found.counts, is_deferred=is_deferred, reasons=found.reasons, page=page)

    def _leave_to(self, earlier: Watched, objects: Objects, found: LeftOut, now_ms: int) -> None:
        """Leave to an earlier watch what both of them take, or will."""
        first, end = _covered(objects.keys, earlier.rules.prefix)
        if first == end:
            return
        page = PageKeys(objects[first:end], earlier.rules.prefix)
        theirs = earlier.rules.leave_out(page, now_ms=now_ms, start=self._start[earlier.name])
        both = [
            place
            for place in range(first, end)
            if found.reasons.get(place) in _OWNED and theirs.reasons.get(place - first) in _OWNED
        ]
        found.replace(Excluded.OTHER_WATCH, both)

    def reason(self, listed: ObjectInfo, *, now_ms: int) -> Excluded | None:
        """Return why an object below the prefix is left out, or None if it is taken; `now_ms` is the answer's Date."""
        reason = self._select(self._watched, listed, now_ms)
        if reason in _OWNED and any(
            each.rules.covers(listed.key) and self._select(each, listed, now_ms) in _OWNED for each in self._earlier
        ):
            return Excluded.OTHER_WATCH
        filters = self._watched.filters
        if reason is None and filters is not None:
            below = listed.key[len(self._watched.rules.prefix) :]
            return filters.reason(listed, below=below, now_ms=now_ms)
        return reason

    def _select(self, watched: Watched, listed: ObjectInfo, now_ms: int) -> Excluded | None:
        start_ms = self._start[watched.name].of(listed.key)
        return watched.rules.select(listed, now_ms=now_ms, start_ms=start_ms)

    def _resolve(self, watched: Watched, otherwise: int) -> Start:
        """Return from when on the objects of a watch count; without a moment of "now", `otherwise`."""
        match watched.start:
            case "all":
                return Start()
            case "now":
                anchors = self._starts.anchors(watched.rules.bucket)
                return start_below(watched.rules.prefix, anchors, otherwise=otherwise)
            case instant:
                return Start(at=instant)


def _covered(keys: Sequence[str], prefix: str) -> tuple[int, int]:
    """Return where the keys that begin with a prefix start and end among ascending ones."""
    first = bisect_left(keys, prefix)
    return first, bisect_left(keys, 1, first, key=lambda key: int(not key.startswith(prefix)))
