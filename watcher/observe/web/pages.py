"""Values -> HTML."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import jinja2

from watcher import __version__
from watcher.model import State
from watcher.observe.web import charts, formats, wording

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from watcher.observe.history import ScanMemory
    from watcher.observe.web.view import Overview, View
    from watcher.reports import SearchResult, Story, WatchStatus

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000
_SCANS: Final = 6  # shown of each watch
_LATE_SCANS: Final = 3  # intervals without a complete one
_FILTERS: Final[Mapping[str, Callable[..., object]]] = {
    "shown": formats.shown,
    "typed": formats.typed,
    "count": formats.count,
    "rate": formats.rate,
    "size": formats.size,
    "duration": formats.duration,
    "brief": formats.brief,
    "cure": wording.cure,
    "quoted": shlex.quote,
}


class Pages:
    """All pages; each is rendered anew."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters.update(_FILTERS)

    def front(self, *, day: bool) -> str:
        """Return the status page, with charts of the last hour or day."""
        now = self._view.overview()
        history = self._view.history
        span_ms = _DAY_MS if day else _HOUR_MS
        samples = history.last_day() if day else history.last_hour()
        return self._render(
            "front.html",
            now=now,
            total=_total(now),
            states=[str(state) for state in State],
            lag_ms=min((row.oldest_pending_at for row in now.rows if row.oldest_pending_at is not None), default=None),
            watches=[self._watch(row, now) for row in now.rows],
            day=day,
            backlog=charts.backlog(samples, span_ms=span_ms),
            throughput=charts.throughput(samples, span_ms=span_ms),
            scans=_scans(history.scans(), now),
        )

    def search(self, text: str, found: SearchResult | None) -> str:
        """Return what a search found; None: nothing was searched for."""
        more = "/search?" + urlencode({"q": text, "after": found.go_on}) if found and found.go_on else ""
        return self._render("search.html", asked=text, found=found, more=more)

    def entry(self, bucket: str, key: str, story: Story | None) -> str:
        """Return one entry's whole story; None: there is none."""
        if story is None:
            return self._render("entry.html", bucket=bucket, key=key, story=None)
        next_step = wording.what_next(
            story,
            self._view.breakers(),
            now_ms=self._view.now_ms(),
            max_attempts=self._view.max_attempts,
        )
        return self._render("entry.html", bucket=bucket, key=key, story=story, next=next_step)

    def told(self, title: str, sentence: str, hint: str) -> str:
        """Return a page that says one thing."""
        return self._render("told.html", title=title, sentence=sentence, hint=hint)

    def _watch(self, row: WatchStatus, now: Overview) -> dict[str, Any]:
        watching = now.watching.get(row.watch)
        last = row.last_complete_scan_at
        return {
            "row": row,
            "watching": watching,
            "bill": now.bills.get(row.watch),
            "unfinished": row.unfinished,
            "late": bool(watching and last and self._view.now_ms() - last > _LATE_SCANS * 1000 * watching.interval_s),
        }

    def _render(self, template: str, **values: object) -> str:
        zone, now_ms = self._view.timezone, self._view.now_ms()
        return self._templates.get_template(template).render(
            values
            | {
                "version": __version__,
                "health": self._view.health(),
                "now_ms": now_ms,
                "zone": str(zone),
                "instant": partial(formats.instant, zone=zone),
                "clock": partial(formats.clock, zone=zone),
                "ago": partial(formats.ago, now_ms=now_ms),
                "entry_url": _entry_url,
            }
        )


def _entry_url(bucket: str, key: str) -> str:
    return "/entry?" + urlencode({"bucket": bucket, "key": key})


def _total(now: Overview) -> dict[str, int]:
    names = (*map(str, State), "changed")
    return {name: sum(getattr(row, name) for row in now.rows) for name in names}


def _scans(scans: Mapping[str, tuple[ScanMemory, ...]], now: Overview) -> list[tuple[str, tuple[ScanMemory, ...]]]:
    """Return the last scans by watch, in the order of the watches; those no longer known last."""
    order = {row.watch: n for n, row in enumerate(now.rows)}
    return [
        (watch, kept[:_SCANS])
        for watch, kept in sorted(scans.items(), key=lambda each: (order.get(each[0], len(order)), each[0]))
    ]
