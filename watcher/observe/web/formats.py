"""Formats values for the page. Text from outside can neither break the HTML nor hide characters."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

from watcher.observe.escaping import printable
from watcher.rules.units import rounded_duration

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400
_SMALL: Final = 10


def shown(text: str) -> Markup:
    """Return `text` as HTML. Unprintable characters are escaped and marked."""
    parts = [
        escape(char)
        if char.isprintable()
        else Markup('<span class="odd">{}</span>').format(printable(char))
        for char in text
    ]
    return Markup("").join(parts)


def typed(text: str) -> Markup:
    """Return `text` as the value of an HTML field, with unprintable characters as numbers."""
    parts = [
        escape(char) if char.isprintable() else Markup("&#x{};").format(f"{ord(char):x}")
        for char in text
    ]
    return Markup("").join(parts)


def count(n: float) -> str:
    """Return a whole number with a narrow space between thousands."""
    return f"{n:,.0f}".replace(",", "\u202f")


def rate(per_minute: float) -> str:
    """Return a rate a minute, with tenths below 10."""
    return f"{per_minute:.1f}" if 0 < per_minute < _SMALL else count(per_minute)


def brief(seconds: float) -> str:
    """Return a duration in its largest unit."""
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    size_s, unit = next(
        (n, u) for n, u in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")) if seconds >= n
    )
    n = seconds / size_s
    return f"{n:.1f} {unit}" if n < _SMALL else f"{n:.0f} {unit}"


def ago(at_ms: int, now_ms: int) -> str:
    """Return the distance from now, e.g. "5 min 2 s ago" or "in 30 s"."""
    seconds = abs(now_ms - at_ms) / 1000
    if seconds < 1:
        return "now"
    length = rounded_duration(seconds) if seconds >= _MINUTE else f"{seconds:.0f} s"
    return f"{length} ago" if at_ms <= now_ms else f"in {length}"


def instant(at_ms: int, zone: ZoneInfo) -> Markup:
    """Return an instant as an HTML time element in a time zone."""
    at = datetime.fromtimestamp(at_ms / 1000, zone)
    return Markup('<time datetime="{}">{}</time>').format(
        at.isoformat(timespec="milliseconds"), f"{at:%Y-%m-%d %H:%M:%S}"
    )


def clock(at_ms: float, zone: ZoneInfo) -> str:
    """Return the time of day, as 13:05."""
    return f"{datetime.fromtimestamp(at_ms / 1000, zone):%H:%M}"
