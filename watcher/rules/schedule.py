"""Schedules as numbers: a duration ("1m") or a line of crontab(5).

`daemon.triggers` turns them into triggers of APScheduler. crontab(5) counts weekdays from Sunday (0
and 7). If day of month and day of week are both restricted (neither starts with "*"), a day matches
if one of them does.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from watcher.rules.units import parse_duration_ms

_SHORTEST_MS: Final = 1000
_DAY_MS: Final = 86_400_000
_FOUR_YEARS: Final = tuple(date(2024, 1, 1) + timedelta(days=n) for n in range(1461))
_NUMBER: Final = re.compile(r"[0-9]{1,3}")
_STEP: Final = re.compile(r"[1-9][0-9]?")


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the five fields: its bounds, and its names, which count from the lower bound."""

    title: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_MONTHS: Final = (
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
)  # fmt: skip
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 7, _WEEKDAYS),
)
_LONGEST_MONTH: Final = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_NICKNAMES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_EXAMPLES: Final = (
    'Write a duration, e.g. "1m", or five crontab(5) fields, e.g. "*/10 8-18 * * mon-fri".'
)


def check(text: str) -> None:
    """Check that a text is a schedule.

    Raises:
        ValueError: a sentence with the cure.
    """
    read(text)


def is_interval(text: str) -> bool:
    """Whether a schedule is a duration: its first scan then need not wait.

    Raises:
        ValueError: as `check`.
    """
    return isinstance(read(text), int)


def starts_per_day(text: str) -> float:
    """Return how many scans a schedule starts on an average day, if all end in time.

    Raises:
        ValueError: as `check`.
    """
    schedule = read(text)
    if isinstance(schedule, int):
        return _DAY_MS / schedule
    days = sum(map(schedule.is_on, _FOUR_YEARS))
    return len(schedule.minutes) * len(schedule.hours) * days / len(_FOUR_YEARS)


def longest_interval_s(text: str) -> float:
    """Return the most seconds between two starts, e.g. over a night or a weekend.

    Raises:
        ValueError: as `check`.
    """
    schedule = read(text)
    if isinstance(schedule, int):
        return schedule / 1000
    minutes = sorted(60 * hour + minute for hour in schedule.hours for minute in schedule.minutes)
    within = max((b - a for a, b in itertools.pairwise(minutes)), default=0)
    days = range(2 * len(_FOUR_YEARS))  # so that a 29th of February has a next one
    on = [n for n in days if schedule.is_on(_FOUR_YEARS[0] + timedelta(days=n))]
    between = max(b - a for a, b in itertools.pairwise(on))  # days
    return 60.0 * max(within, 1440 * between - minutes[-1] + minutes[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A line as in crontab(5), as numbers."""

    minutes: set[int]
    hours: set[int]
    days: set[int]
    months: set[int]
    weekdays: set[int]  # from Monday, 0
    either: bool  # whether a day matches by day of month or by weekday; else by both

    def is_on(self, day: date) -> bool:
        """Return whether the line fires on a day."""
        matches = (day.day in self.days, day.weekday() in self.weekdays)
        return day.month in self.months and (any(matches) if self.either else all(matches))


def read(text: str) -> int | Cron:
    """Return the interval in milliseconds, or the crontab(5) line."""
    text = _NICKNAMES.get(text.strip().lower(), text.strip())
    words = text.split()
    if len(words) > 1:
        return _cron(words)
    if text.startswith("@"):
        raise ValueError(f"not one of {', '.join(_NICKNAMES)}. {_EXAMPLES}")
    if not text:
        raise ValueError(f"empty. {_EXAMPLES}")
    every_ms = parse_duration_ms(text)
    if every_ms < _SHORTEST_MS:
        raise ValueError('less than a second. Write "1s" or more.')
    return every_ms


def _cron(words: list[str]) -> Cron:
    if len(words) != len(_FIELDS):
        raise ValueError(
            f"{len(words)} fields, and crontab(5) has five: {', '.join(f.title for f in _FIELDS)}."
        )
    minutes, hours, days, months, weekdays = (
        _numbers(word, field) for word, field in zip(words, _FIELDS, strict=True)
    )
    either = not words[2].startswith("*") and not words[4].startswith("*")
    if not either and min(days) > max(_LONGEST_MONTH.get(month, 31) for month in months):
        raise ValueError("no such day in any year. Correct day of month or month.")
    return Cron(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays={(number - 1) % 7 for number in weekdays},
        either=either,
    )


def _numbers(text: str, field: _Field) -> set[int]:
    """Return every number that a field such as "1-5,*/20" stands for."""
    return {number for part in text.split(",") for number in _part(part, field)}


def _part(text: str, field: _Field) -> range:
    span, slash, step = text.partition("/")
    first, dash, last = span.partition("-")
    if span == "*":
        low, high = field.low, field.high - (field.high == 7)  # noqa: PLR2004 (7 is Sunday once more)
    else:
        low = _number(first, field)
        high = _number(last, field, ends=True) if dash else low
    if slash and not _STEP.fullmatch(step):
        raise ValueError(f"{field.title}: what follows the slash must be a number from 1 to 99.")
    if slash and not dash and span != "*":
        raise ValueError(f"{field.title}: a step needs a range. Write {first}-{field.high}/{step}.")
    if low > high:
        raise ValueError(
            f"{field.title}: the range runs backwards. Write two ranges, parted by a comma."
        )
    return range(low, high + 1, int(step) if slash else 1)


def _number(text: str, field: _Field, *, ends: bool = False) -> int:
    """Return the number of a number or name; Sunday at the end of a range is 7."""
    if text.lower() in field.names:
        number = field.names.index(text.lower()) + field.low
        return 7 if ends and field.names is _WEEKDAYS and number == 0 else number
    if not _NUMBER.fullmatch(text):
        names = f" or a name from {field.names[0]} to {field.names[-1]}" if field.names else ""
        raise ValueError(
            f"{field.title}: each part must be *, a number from {field.low} to {field.high}{names}."
        )
    if not field.low <= int(text) <= field.high:
        raise ValueError(f"{field.title}: {int(text)} is not between {field.low} and {field.high}.")
    return int(text)
