"""The filters of a backfill, which apply after the rules of its watches."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from watcher.model import Excluded
from watcher.rules.columns import add_sizes, complement
from watcher.rules.globs import compile_globs
from watcher.rules.page_globs import PageGlobs
from watcher.rules.units import duration_text, size_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from watcher.model import ObjectInfo
    from watcher.rules.columns import LeftOut, PageKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Filters of one command; a filter that is not given leaves nothing out.

    The repr shows everything that decides.
    """

    include: tuple[str, ...] = ()  # globs on the key below a watch's prefix
    exclude: tuple[str, ...] = ()
    min_size_bytes: int = 0
    max_size_bytes: int | None = None
    min_age_ms: int = 0
    max_age_ms: int | None = None
    start_after: str = ""  # whole keys: (start_after, end_with]; they cut the listing itself
    end_with: str = ""  # "" = up to the last
    key_list: str = ""  # a digest of the keys that stand in for a listing; "" = none do
    inventory: str = ""  # which one stands in for a listing, and of when; "" = none does
    _included: Callable[[str], bool] | None = field(init=False, repr=False, compare=False)
    _excluded: Callable[[str], bool] | None = field(init=False, repr=False, compare=False)
    _includes: PageGlobs = field(init=False, repr=False, compare=False)  # the same for whole pages
    _excludes: PageGlobs = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the globs.

        Raises:
            ValueError: one of them is malformed.
        """
        object.__setattr__(self, "_included", compile_globs(self.include) if self.include else None)
        object.__setattr__(self, "_excluded", compile_globs(self.exclude) if self.exclude else None)
        object.__setattr__(self, "_includes", PageGlobs(self.include))
        object.__setattr__(self, "_excludes", PageGlobs(self.exclude))

    @property
    def lists_all(self) -> bool:
        """Whether the whole source is listed, even if objects are left out then."""
        return not (self.start_after or self.end_with or self.key_list or self.inventory)

    @property
    def leave_all(self) -> bool:
        """Whether no listed object is left out."""
        ages_and_sizes = self.min_size_bytes or self.max_size_bytes is not None or self.min_age_ms
        return not (self.include or self.exclude or ages_and_sizes or self.max_age_ms is not None)

    def options(self) -> str:
        """Return the filters as command-line options; "" if there are none.

        A list of keys or an inventory is not included.
        """
        sizes = {"--min-size": self.min_size_bytes or None, "--max-size": self.max_size_bytes}
        ages = {"--min-age": self.min_age_ms or None, "--max-age": self.max_age_ms}
        given = [
            *(("--include", glob) for glob in self.include),
            *(("--exclude", glob) for glob in self.exclude),
            *((name, duration_text(ms)) for name, ms in ages.items() if ms is not None),
            *((name, size_text(n)) for name, n in sizes.items() if n is not None),
            *((("--start-after", self.start_after),) if self.start_after else ()),
            *((("--end-with", self.end_with),) if self.end_with else ()),
        ]
        return " ".join(f"{name} {shlex.quote(value)}" for name, value in given)

    def contradiction(self) -> str | None:
        """Return a sentence that says which filters leave nothing, or None."""
        if self.max_age_ms is not None and self.min_age_ms > self.max_age_ms:
            return "--min-age is longer than --max-age"
        if self.max_size_bytes is not None and self.min_size_bytes > self.max_size_bytes:
            return "--min-size is larger than --max-size"
        if self.end_with and self.start_after >= self.end_with:
            return "--start-after is not before --end-with"
        if self.include and set(self.include) <= set(self.exclude):
            return "--exclude names every --include"
        return None

    def leave_out(self, page: PageKeys, found: LeftOut, *, now_ms: int) -> None:
        """Leave out more objects of a page, as `reason` decides for each, rule by rule.

        Args:
            page: the keys, all below the watch's prefix.
            found: the objects that are left out already; more are added.
            now_ms: OSS's clock, as in the answer.
        """
        objects = page.objects
        if self._included is not None:
            found.add(Excluded.INCLUDE, complement(self._includes.places(page), len(page)))
        if self._excluded is not None:
            found.add(Excluded.EXCLUDE, self._excludes.places(page, found.reasons))
        add_sizes(found, objects, self.min_size_bytes, self.max_size_bytes)
        if self.max_age_ms is not None:
            since = now_ms - self.max_age_ms
            found.add(
                Excluded.BEFORE_START, [n for n, at in enumerate(objects.modified_at) if at < since]
            )
        if self.min_age_ms > 0:
            since = now_ms - self.min_age_ms
            found.add(
                Excluded.TOO_YOUNG, [n for n, at in enumerate(objects.modified_at) if at > since]
            )

    def reason(self, listed: ObjectInfo, *, below: str, now_ms: int) -> Excluded | None:
        """Return why an object that a watch selects is left out, or None if it is not.

        Args:
            listed: the object.
            below: its key below the watch's prefix.
            now_ms: OSS's clock, as in the answer.
        """
        if self._included is not None and not self._included(below):
            return Excluded.INCLUDE
        if self._excluded is not None and self._excluded(below):
            return Excluded.EXCLUDE
        if listed.size_bytes < self.min_size_bytes:
            return Excluded.TOO_SMALL
        if self.max_size_bytes is not None and listed.size_bytes > self.max_size_bytes:
            return Excluded.TOO_LARGE
        age_ms = max(0, now_ms - listed.modified_at)
        if self.max_age_ms is not None and age_ms > self.max_age_ms:
            return Excluded.BEFORE_START
        return Excluded.TOO_YOUNG if age_ms < self.min_age_ms else None
