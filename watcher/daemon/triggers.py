"""Schedules as APScheduler triggers.

Only the daemon imports this module, since APScheduler is slow to import.  APScheduler counts
weekdays from Monday and wants all fields to match.  `rules.schedule` therefore parses the fields
into numbers, and the triggers get plain lists.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from watcher.rules.schedule import read

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from apscheduler.triggers.base import BaseTrigger

_JITTERED_FROM_S: Final = 10.0
_INTERVALS_A_JITTER: Final = 20
_MOST_JITTER_S: Final = 30.0


def parse(text: str, timezone: ZoneInfo, *, jitter: bool = False) -> BaseTrigger:
    """Return the trigger of a duration, or of a crontab(5) line in `timezone`.

    With `jitter`, a duration of ten seconds or more is lengthened each time: by up to a twentieth,
    at most half a minute.  Many watches then do not list in step.

    Raises:
        ValueError: a sentence with the cure.
    """
    schedule = read(text)
    if isinstance(schedule, int):
        every_s = schedule / 1000
        jitter_s = (
            min(every_s / _INTERVALS_A_JITTER, _MOST_JITTER_S)
            if jitter and every_s >= _JITTERED_FROM_S
            else None
        )
        return IntervalTrigger(seconds=every_s, timezone="UTC", jitter=jitter_s)
    time = {
        "minute": _list(schedule.minutes),
        "hour": _list(schedule.hours),
        "month": _list(schedule.months),
        "timezone": timezone,
    }
    on_day, on_weekday = _list(schedule.days), _list(schedule.weekdays)
    if not schedule.either:
        return _Crontab(day=on_day, day_of_week=on_weekday, **time)
    return OrTrigger([_Crontab(day=on_day, **time), _Crontab(day_of_week=on_weekday, **time)])


class _Crontab(CronTrigger):  # type: ignore[misc]  # APScheduler has no types
    """A crontab trigger that finds the midnight after the clocks went forward.

    APScheduler steps to the next day by 24 hours, and so past the first hour of that day.
    """

    def _increment_field_value(self, dateval: datetime, fieldnum: int) -> tuple[datetime, int]:
        after, fieldnum = super()._increment_field_value(dateval, fieldnum)
        meant = dateval.replace(tzinfo=None) + (after.astimezone(UTC) - dateval.astimezone(UTC))
        is_past = after.replace(tzinfo=None) > meant
        return (meant.replace(tzinfo=self.timezone) if is_past else after), fieldnum


def _list(numbers: set[int]) -> str:
    return ",".join(map(str, sorted(numbers)))
