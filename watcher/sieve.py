"""What a watch takes of a listing: its rules, its start, and the watches that come before it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from watcher import __version__
from watcher.model import Excluded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watcher.model import ObjectInfo
    from watcher.rules.selection import Rules

_OWNED = (None, Excluded.TOO_YOUNG)  # selected, or only deferred


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A watch, as far as listing is concerned."""

    name: str
    source_url: str  # oss://BUCKET/PREFIX
    rules: Rules
    start: Literal["all", "now"] | int  # or an instant, milliseconds since the epoch
    report_overwritten: bool = True


class Starts(Protocol):
    """Where the meaning of `start = "now"` is kept."""

    def start_of(self, source: str) -> int | None:
        """Return the remembered meaning, or None if `source` was never listed with it."""
        ...


class Sieve:
    """Tells of each listed object whether it is this watch's, and if not, why."""

    def __init__(self, watched: Watched, earlier: Sequence[Watched], starts: Starts) -> None:
        self._watched = watched
        self._earlier = earlier  # watches above it in the file, over the same bucket
        self._starts = starts
        self._start_ms: dict[str, int | None] = {}  # by watch, once the first answer has come

    @property
    def digest(self) -> str:
        """Changes with whatever the decisions depend on, but the objects themselves."""
        parts = [(each.rules, each.start) for each in (*self._earlier, self._watched)]
        return hashlib.sha256(repr((__version__, self._watched.source_url, parts)).encode()).hexdigest()[:16]

    def meet(self, now_ms: int) -> int | None:
        """Learn the first answer's Date; return it if `start = "now"` gets its meaning by it, to be remembered."""
        for each in (*self._earlier, self._watched):
            self._start_ms[each.name] = self._meaning(each, now_ms)
        is_new = self._watched.start == "now" and self._starts.start_of(self._watched.source_url) is None
        return now_ms if is_new else None

    def reason(self, listed: ObjectInfo, *, now_ms: int) -> Excluded | None:
        """Return why an object below the prefix is left out, or None if it is taken; `now_ms` is the answer's Date."""
        reason = self._select(self._watched, listed, now_ms)
        if reason in _OWNED and any(
            each.rules.covers(listed.key) and self._select(each, listed, now_ms) in _OWNED for each in self._earlier
        ):
            return Excluded.OTHER_WATCH
        return reason

    def _select(self, watched: Watched, listed: ObjectInfo, now_ms: int) -> Excluded | None:
        return watched.rules.select(listed, now_ms=now_ms, start_ms=self._start_ms[watched.name])

    def _meaning(self, watched: Watched, now_ms: int) -> int | None:
        """Return from when on objects count, or None for all of them."""
        match watched.start:
            case "all":
                return None
            case "now":
                known = self._starts.start_of(watched.source_url)
                return now_ms if known is None else known
            case instant:
                return instant
