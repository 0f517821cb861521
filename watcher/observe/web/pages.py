"""Renders values as HTML pages."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import jinja2

from watcher import __version__
from watcher.model import State
from watcher.observe.web import advice, charts, formats
from watcher.rules.units import rounded_duration, rounded_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from watcher.model.reports import SearchResult, Story, WatchStatus
    from watcher.observe.history import EndedScan
    from watcher.observe.web.view import Overview, View

_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000
_SCANS: Final = 6  # shown of each watch
_LATE_SCANS: Final = 3  # a watch is late after so many intervals without a complete scan
_FILTERS: Final[Mapping[str, Callable[..., object]]] = {
    "shown": formats.shown,
    "typed": formats.typed,
    "count": formats.count,
    "rate": formats.rate,
    "size": rounded_size,
    "duration": rounded_duration,
    "brief": formats.brief,
    "cure": advice.cure,
    "quoted": shlex.quote,
}


class Pages:
    """All pages. Each request renders its page."""

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
            lag_ms=min(
                (row.oldest_pending_at for row in now.rows if row.oldest_pending_at is not None),
                default=None,
            ),
            watches=[self._watch(row, now) for row in now.rows],
            day=day,
            backlog=charts.backlog(samples, span_ms=span_ms),
            throughput=charts.throughput(samples, span_ms=span_ms),
            scans=_scans(history.scans(), now),
        )

    def search(self, text: str, found: SearchResult | None) -> str:
        """Return the search page. `found` is None before a search."""
        more = (
            "/search?" + urlencode({"q": text, "after": found.go_on})
            if found and found.go_on
            else ""
        )
        return self._render("search.html", asked=text, found=found, more=more)

    def entry(self, bucket: str, key: str, story: Story | None) -> str:
        """Return the page of one entry. `story` is None if the ledger has no such entry."""
        if story is None:
            return self._render("entry.html", bucket=bucket, key=key, story=None)
        next_step = advice.what_next(
            story,
            self._view.breakers(),
            now_ms=self._view.now_ms(),
            max_attempts=self._view.max_attempts,
        )
        return self._render("entry.html", bucket=bucket, key=key, story=story, next=next_step)

    def message(self, title: str, sentence: str, hint: str) -> str:
        """Return a page with one message and its hint."""
        return self._render("message.html", title=title, sentence=sentence, hint=hint)

    def _watch(self, row: WatchStatus, now: Overview) -> dict[str, Any]:
        watching = now.watching.get(row.watch)
        last = row.last_complete_scan_at
        return {
            "row": row,
            "watching": watching,
            "bill": now.bills.get(row.watch),
            "unfinished": row.unfinished,
            "late": bool(
                watching
                and last
                and self._view.now_ms() - last > _LATE_SCANS * 1000 * watching.interval_s
            ),
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


def _scans(
    scans: Mapping[str, tuple[EndedScan, ...]], now: Overview
) -> list[tuple[str, tuple[EndedScan, ...]]]:
    """Return the last scans of each watch, in the order of the watches, removed watches last."""
    order = {row.watch: n for n, row in enumerate(now.rows)}
    return [
        (watch, kept[:_SCANS])
        for watch, kept in sorted(
            scans.items(), key=lambda each: (order.get(each[0], len(order)), each[0])
        )
    ]
