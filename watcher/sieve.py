"""What a watch takes of a listing: its rules, its start, and the watches that come before it."""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.util
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol

from watcher import __version__
from watcher.model import NEVER, Excluded, Objects, ScanKind, Start
from watcher.rules.starts import start_below

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.model import Anchor, ObjectInfo
    from watcher.rules.filters import Filters
    from watcher.rules.selection import Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """What a watch takes of some listed objects."""

    selected: Objects
    excluded: Counter[Excluded]
    is_deferred: bool  # whether one of them may be taken later without a change of what is listed
    left_out: Sequence[tuple[str, Excluded]]  # (key, reason)


_OWNED = (None, Excluded.TOO_YOUNG)  # selected, or only deferred

_DECIDING = (
    *("watcher.sieve", "watcher.scan", "watcher.model", "watcher.model.listed", "watcher.model.starts"),
    *("watcher.rules.starts", "watcher.rules.junk"),
    *("watcher.rules.selection", "watcher.rules.globs", "watcher.rules.filters"),
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
        """Return which of the objects are taken; `now_ms` is the answer's Date."""
        if self._takes_all(objects, now_ms):
            return Sifted(selected=objects, excluded=Counter(), is_deferred=False, left_out=())
        selected: list[ObjectInfo] = []
        left_out: list[tuple[str, Excluded]] = []
        is_deferred = False
        for listed in objects:
            reason = self.reason(listed, now_ms=now_ms)
            if reason is None:
                selected.append(listed)
            else:
                left_out.append((listed.key, reason))
                is_deferred = is_deferred or reason is Excluded.TOO_YOUNG or listed.restoring
        excluded = Counter(reason for _, reason in left_out)
        return Sifted(selected=Objects.of(selected), excluded=excluded, is_deferred=is_deferred, left_out=left_out)

    def _takes_all(self, objects: Objects, now_ms: int) -> bool:
        watched = self._watched
        filtered = watched.filters is not None and not watched.filters.leave_all
        if not objects or filtered or any(_may_meet(each.rules.prefix, watched.rules.prefix) for each in self._earlier):
            return False
        return watched.rules.takes_all(objects, now_ms=now_ms, start_ms=self._start[watched.name].at)

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


def _may_meet(one: str, other: str) -> bool:
    """Whether a key can begin with both prefixes."""
    return one.startswith(other) or other.startswith(one)
