"""Which listed objects belong to a watch: by its rules, its start and the watches before it."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from watcher.model import NEVER, Excluded, ScanKind, Start
from watcher.rules.columns import PageKeys
from watcher.rules.decision_version import DECISION_VERSION
from watcher.rules.keyspace import behind_all
from watcher.rules.starts import start_below

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from watcher.ledger.port import StartMoments
    from watcher.model import ObjectInfo, Objects
    from watcher.rules.columns import LeftOut
    from watcher.rules.filters import Filters
    from watcher.rules.selection import Rules


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of some listed objects a watch takes."""

    selected: Objects
    excluded: Mapping[Excluded, int]
    is_deferred: bool  # whether one may be taken later although it is listed the same
    reasons: Mapping[int, Excluded]  # why objects are left out, by their place
    page: PageKeys  # all of them

    @property
    def left_out(self) -> Iterator[tuple[str, Excluded]]:
        """Yield the key of each object that is left out, and why."""
        keys = self.page.keys
        for place, reason in sorted(self.reasons.items()):
            yield keys[place], reason


_OWNED = (None, Excluded.TOO_YOUNG)  # selected, or only deferred


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanTarget:
    """A watch, as far as listing is concerned."""

    name: str
    source_url: str  # oss://BUCKET/PREFIX
    rules: Rules
    start: Literal["all", "now"] | int  # or an instant, milliseconds since the epoch
    report_overwritten: bool = True
    kind: ScanKind = "scan"
    filters: Filters | None = None  # of a backfill
    covered: str = ""  # by a backfill: the filters that narrow it, as they are typed; "" = none
    full_every_ms: int = 0  # how long remembered ranges are trusted; 0 = not at all
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


class Selector:
    """Decides of each listed object whether this watch takes it, and if not, why."""

    def __init__(
        self, target: ScanTarget, earlier: Sequence[ScanTarget], starts: StartMoments
    ) -> None:
        self._target = target
        self._earlier = earlier  # watches above it in the file, over the same bucket
        self._starts = starts
        self._start: dict[str, Start] = {}  # by watch, once the first answer has come

    @property
    def digest(self) -> str:
        """A digest of everything that the decisions depend on, except the objects."""
        parts = [
            (each.rules, self._resolve(each, NEVER)) for each in (*self._earlier, self._target)
        ]
        target = self._target
        facts = (DECISION_VERSION, target.source_url, target.kind, target.filters, parts)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]

    def resolve_starts(self, now_ms: int) -> None:
        """Fix from when on objects count.  Call it before the first `select` or `reason`.

        Args:
            now_ms: the first answer's Date. A new watch from "now" takes nothing older. An earlier
                watch of the file that has no moment yet takes nothing.
        """
        for each in self._earlier:
            self._start[each.name] = self._resolve(each, NEVER)
        self._start[self._target.name] = self._resolve(self._target, now_ms)

    @property
    def start(self) -> Start:
        """From when on the watch's objects count; `NEVER` before the first scan from "now"."""
        return self._resolve(self._target, NEVER)

    def select(self, objects: Objects, *, now_ms: int) -> Selection:
        """Return which objects of a page are taken, and why the others are not.

        Args:
            objects: their keys ascend, and begin with the prefix.
            now_ms: the answer's Date.
        """
        target = self._target
        page = PageKeys(objects, target.rules.prefix)
        found = target.rules.leave_out(page, now_ms=now_ms, start=self._start[target.name])
        if objects:
            for each in self._earlier:
                self._leave_to(each, objects, found, now_ms)
            if target.filters is not None and not target.filters.leave_all:
                target.filters.leave_out(page, found, now_ms=now_ms)
        is_deferred = Excluded.TOO_YOUNG in found.counts
        if found.reasons and not is_deferred and objects.any_restoring:
            is_deferred = any(objects.restoring[place] for place in found.reasons)
        selected = objects.without(found.reasons)
        return Selection(
            selected, found.counts, is_deferred=is_deferred, reasons=found.reasons, page=page
        )

    def _leave_to(self, earlier: ScanTarget, objects: Objects, found: LeftOut, now_ms: int) -> None:
        """Leave to an earlier watch the objects that both take, now or later."""
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
        """Return why an object below the prefix is left out, or None if it is taken.

        Args:
            listed: the object.
            now_ms: the answer's Date.
        """
        reason = self._reason_for(self._target, listed, now_ms)
        if reason in _OWNED and any(
            each.rules.covers(listed.key) and self._reason_for(each, listed, now_ms) in _OWNED
            for each in self._earlier
        ):
            return Excluded.OTHER_WATCH
        filters = self._target.filters
        if reason is None and filters is not None:
            below = listed.key[len(self._target.rules.prefix) :]
            return filters.reason(listed, below=below, now_ms=now_ms)
        return reason

    def _reason_for(self, target: ScanTarget, listed: ObjectInfo, now_ms: int) -> Excluded | None:
        start_ms = self._start[target.name].of(listed.key)
        return target.rules.select(listed, now_ms=now_ms, start_ms=start_ms)

    def _resolve(self, target: ScanTarget, otherwise: int) -> Start:
        """Return from when on a watch's objects count; `otherwise` if "now" has no moment."""
        match target.start:
            case "all":
                return Start()
            case "now":
                anchors = self._starts.anchors(target.rules.bucket)
                return start_below(target.rules.prefix, anchors, otherwise=otherwise)
            case instant:
                return Start(at=instant)


def _covered(keys: Sequence[str], prefix: str) -> tuple[int, int]:
    """Return the first place of the keys that begin with a prefix, and the place behind them."""
    first = bisect_left(keys, prefix)
    behind = behind_all(prefix)
    return first, len(keys) if behind is None else bisect_left(keys, behind, first)
