"""When scans start."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watcher.daemon.triggers import parse
from watcher.rules.schedule import longest_interval_s

if TYPE_CHECKING:
    from collections.abc import Iterator

UTC_ZONE = ZoneInfo("UTC")


def starts(text: str, after: datetime, *, zone: ZoneInfo = UTC_ZONE) -> Iterator[datetime]:
    """Yield the starts from `after` on, as the scheduler asks for them."""
    trigger = parse(text, zone)
    start = trigger.get_next_fire_time(None, after)
    while start:
        yield start
        start = trigger.get_next_fire_time(start, start + timedelta(microseconds=1))


def first(count: int, text: str, after: datetime, *, zone: ZoneInfo = UTC_ZONE) -> list[str]:
    return [
        f"{start:%a %d %H:%M}"
        for start, _ in zip(starts(text, after, zone=zone), range(count), strict=False)
    ]


# An independent reading of crontab(5): minute by minute, from the text.


def holds(field: str, value: int, low: int, high: int) -> bool:
    """Whether a value matches one field of a crontab line, of numbers only."""
    for part in field.split(","):
        span, _, step = part.partition("/")
        begin, _, end = span.partition("-") if span != "*" else (str(low), "-", str(high))
        if value in list(range(int(begin), int(end or begin) + 1))[:: int(step or 1)]:
            return True
    return False


def due(line: str, at: datetime) -> bool:
    """Whether crontab(5) starts the line in this minute."""
    minute, hour, day, month, weekday = line.split()
    sunday_first = at.isoweekday() % 7
    on_day = holds(day, at.day, 1, 31)
    on_weekday = holds(weekday, sunday_first, 0, 6) or (
        sunday_first == 0 and holds(weekday, 7, 0, 6)
    )
    either = day[0] != "*" and weekday[0] != "*"
    return (
        holds(minute, at.minute, 0, 59)
        and holds(hour, at.hour, 0, 23)
        and holds(month, at.month, 1, 12)
        and ((on_day or on_weekday) if either else (on_day and on_weekday))
    )


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    step = st.integers(1, 9)
    part = st.one_of(number.map(str), span, st.builds("{}/{}".format, span | st.just("*"), step))
    return st.just("*") | st.lists(part, min_size=1, max_size=3).map(",".join)


lines = st.tuples(
    st.integers(0, 59).map(str),
    fields(0, 23),
    fields(1, 28),
    st.just("*") | fields(1, 12),
    fields(0, 7),
).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(
    line=lines,
    begin=st.datetimes(datetime(2023, 1, 1), datetime(2029, 1, 1)),  # noqa: DTZ001 (made aware below)
)
def test_every_start_is_the_one_crontab_would_choose(line: str, begin: datetime) -> None:
    begin = begin.replace(tzinfo=UTC)
    until = begin + timedelta(days=60)
    ours = []
    for start in starts(line, begin):
        if start >= until:
            break
        ours.append(start)
    hour = begin.replace(minute=int(line.split(maxsplit=1)[0]), second=0, microsecond=0)
    hours = [hour + timedelta(hours=n) for n in range(60 * 24 + 1)]
    theirs = [at for at in hours if due(line, at)]
    assert ours == [start for start in theirs if begin <= start < until]


@given(fields(0, 59), st.datetimes(datetime(2023, 1, 1), datetime(2029, 1, 1)))  # noqa: DTZ001
def test_minutes_are_the_ones_crontab_would_choose(minute: str, begin: datetime) -> None:
    begin = begin.replace(tzinfo=UTC, second=0, microsecond=0)
    line = f"{minute} * * * *"
    theirs = [at for n in range(180) for at in (begin + timedelta(minutes=n),) if due(line, at)]
    assert theirs == [start for start, _ in zip(starts(line, begin), theirs, strict=False)]


MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "days"),
    [
        ("0 9 * * 0", ["Sun 07", "Sun 14"]),
        ("0 9 * * 7", ["Sun 07", "Sun 14"]),
        ("0 9 * * 1", ["Mon 01", "Mon 08"]),
        ("0 9 * * sun", ["Sun 07", "Sun 14"]),
        ("0 9 * * 1-5", ["Mon 01", "Tue 02", "Wed 03", "Thu 04", "Fri 05", "Mon 08"]),
        ("0 9 * * MON-FRI", ["Mon 01", "Tue 02", "Wed 03", "Thu 04", "Fri 05", "Mon 08"]),
        ("0 9 * * 5-7", ["Fri 05", "Sat 06", "Sun 07", "Fri 12"]),
        ("0 9 * * fri-sun", ["Fri 05", "Sat 06", "Sun 07", "Fri 12"]),
        ("0 9 * * 0-6/2", ["Tue 02", "Thu 04", "Sat 06", "Sun 07", "Tue 09"]),
        ("0 9 * * */2", ["Tue 02", "Thu 04", "Sat 06", "Sun 07", "Tue 09"]),
        ("0 9 13 * 5", ["Fri 05", "Fri 12", "Sat 13", "Fri 19"]),
        ("0 9 */2 * 1", ["Mon 01", "Mon 15", "Mon 29"]),
        ("0 9 2 jan *", ["Tue 02"]),
        ("0 9 31 * *", ["Wed 31", "Sun 31"]),
    ],
)
def test_days_are_counted_as_in_crontab(line: str, days: list[str]) -> None:
    assert first(len(days), line, MONDAY) == [f"{day} 09:00" for day in days]


def test_a_line_follows_the_configured_time_zone() -> None:
    start = next(starts("0 9 * * *", MONDAY, zone=ZoneInfo("Asia/Shanghai")))
    assert start == MONDAY.replace(hour=1)


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", datetime(2027, 3, 28)),  # noqa: DTZ001 (as the clocks of the zone have it)
        ("America/New_York", datetime(2027, 3, 14)),  # noqa: DTZ001
        ("Australia/Lord_Howe", datetime(2026, 10, 4)),  # noqa: DTZ001 (by half an hour)
        ("America/Santiago", datetime(2026, 9, 6)),  # noqa: DTZ001 (at midnight, which there is not)
    ],
)
@pytest.mark.parametrize(
    "line", ["0 0 * * *", "@daily", "59 23 * * *", "0 12 * * *", "30 0 * * 0-6"]
)
def test_no_day_is_left_out_when_the_clocks_go_forward(zone: str, day: datetime, line: str) -> None:
    local = ZoneInfo(zone)
    begin = (day - timedelta(days=2)).replace(tzinfo=local)
    found = [
        start.astimezone(UTC)
        for start, _ in zip(starts(line, begin, zone=local), range(6), strict=False)
    ]
    assert {later - earlier for earlier, later in pairwise(found)} <= {
        timedelta(hours=h / 2) for h in range(45, 52)
    }


@pytest.mark.parametrize(
    ("text", "every_s"), [("1m", 60), ("1500ms", 1.5), ("1h30m", 5400), (" 24h ", 86400)]
)
def test_a_duration_starts_a_scan_that_often(text: str, every_s: float) -> None:
    times = [start for start, _ in zip(starts(text, MONDAY), range(5), strict=False)]
    assert {(b - a).total_seconds() for a, b in pairwise(times)} == {every_s}


@pytest.mark.parametrize(
    ("nickname", "line"),
    [("@hourly", "0 * * * *"), ("@daily", "0 0 * * *"), ("@Weekly", "0 0 * * 0")],
)
def test_a_nickname_is_the_line_it_stands_for(nickname: str, line: str) -> None:
    assert first(3, nickname, MONDAY) == first(3, line, MONDAY)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 'empty. Write a duration, e.g. "1m", or five crontab(5) fields'),
        ("often", "not a duration"),
        ("60", 'Write "60s" for seconds.'),
        ("0s", 'less than a second. Write "1s" or more.'),
        ("@reboot", "not one of @hourly"),
        (
            "* * * *",
            "4 fields, and crontab(5) has five: minute, hour, day of month, month, day of week.",
        ),
        ("0 * * * * *", "6 fields, and crontab(5) has five"),
        ("60 * * * *", "minute: 60 is not between 0 and 59."),
        ("0 24 * * *", "hour: 24 is not between 0 and 23."),
        ("0 0 0 * *", "day of month: 0 is not between 1 and 31."),
        ("0 0 * 13 *", "month: 13 is not between 1 and 12."),
        ("0 0 * * 8", "day of week: 8 is not between 0 and 7."),
        (
            "0 0 * * funday",
            "day of week: each part must be *, a number from 0 to 7 or a name from sun to sat.",
        ),
        ("0 0 L * *", "day of month: each part must be"),
        ("0 0 * * 6-1", "day of week: the range runs backwards. Write two ranges"),
        ("5/10 * * * *", "minute: a step needs a range. Write 5-59/10."),
        ("*/0 * * * *", "minute: what follows the slash must be a number from 1 to 99."),
        ("*/ * * * *", "minute: what follows the slash"),
        ("1,,2 * * * *", "minute: each part must be"),
        ("1--2 * * * *", "minute: each part must be"),
        ("0 0 30 2 *", "no such day in any year"),
        ("0 0 31 4,jun *", "no such day in any year"),
    ],
)
def test_a_bad_schedule_is_refused_with_the_problem(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse(text, UTC_ZONE)


def test_the_thirtieth_of_february_does_not_silence_its_weekdays() -> None:
    assert first(2, "0 0 30 2 1", MONDAY) == ["Mon 05 00:00", "Mon 12 00:00"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("* * * * *", 60),
        ("*/10 8-18 * * mon-fri", 2 * 86_400 + 13 * 3600 + 600),
        ("30 3 * * *", 86_400),
        ("@weekly", 7 * 86_400),
        ("0 0 29 2 *", 1461 * 86_400),
        ("5,50 * * * *", 45 * 60),
    ],
)
def test_the_longest_time_between_two_starts(text: str, seconds: float) -> None:
    assert longest_interval_s(text) == seconds


@given(st.text(alphabet="*0123456789-/, monsfeb@hL", max_size=20) | st.text())
def test_any_text_is_a_schedule_or_refused_with_a_sentence(text: str) -> None:
    sentence = "."
    try:
        parse(text, UTC_ZONE)
    except ValueError as error:
        sentence = str(error)
    assert sentence.endswith(".")
