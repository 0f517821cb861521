"""A bucket as they are: media of several teams, each with its own names, among other files.

The mix, by `SEED`; shares are of all objects:

- 2 % jpg, xml and srt beside the media, all in every other folder of `TEAMS`: half of the pages
hold some; - 7 % mp4 and MP4, 3 % below `clips/`: a tenth is taken by `INCLUDE`; the rest are mov,
mkv and mp3; - 1 of 40 names ends in `_proxy`, which is what `EXCLUDE` leaves out; - two thirds are
uploaded in parts, so their ETags end in `-N`; an eighth is of the class IA; - keys of 30 to 110
bytes, with Chinese, blanks, `+` and `%`; busy and idle days.
"""

from __future__ import annotations

from datetime import date, timedelta
from hashlib import md5
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED: Final = 20_251
INCLUDE: Final = ("*.mp4", "clips/**")
EXCLUDE: Final = ("*_proxy.mov", "**/proxies/**", "trash/**")

# In ascending order: folder, per cent of the objects, whether other files lie beside its media.
TEAMS: Final = (
    ("CCTV-5+/live/", 14, True),
    ("archive 1080p/", 13, False),
    ("clips/", 3, True),
    ("clips-of-others/", 10, False),
    ("podcasts/", 12, True),
    ("studio/proxies/", 1, False),
    ("uploads/2025%/", 14, False),
    ("录播课程/", 17, True),
    ("新闻中心/采访/", 12, False),
    ("体育 直播/", 4, True),
)
_BESIDE: Final = ("jpg", "srt", "xml")
_EXTENSIONS: Final = (("mov", 42), ("mkv", 26), ("mp3", 25), ("mp4", 5), ("MP4", 2))  # in per cent
_NAMES: Final = (
    *(
        "take",
        "A-cam",
        "final cut",
        "score+fx",
        "100% final",
        "interview (2)",
        "DJI_0042",
        "GX010042_4k60",
    ),
    *(
        "采访",
        "第3期 嘉宾",
        "课程回放",
        "新闻联播 1080p+字幕",
        "会议录像 总部",
        "节目_带包装",
        "VID_20250314_WA0007",
    ),
    *(
        "Live recording of the press conference, camera two",
        "年度总结大会全程录像 高清版",
        "城市党建引领基层治理现场会全程录像",
    ),
)
_PLACES: Final = ("", "", "cam1/", "gate-2/", "棚内/", "day two/")
_DAYS: Final = 360
_FIRST_DAY: Final = date(2025, 1, 1)
_ONE_BESIDE_IN: Final = 25  # objects of a folder that has some


class Facts(NamedTuple):
    """The facts of an object beside its key in a listing."""

    modified: str
    etag: str
    type: str
    size_bytes: int
    storage_class: str


def keys(n: int) -> Iterator[str]:
    """Yield n keys in ascending order.

    A busy day has a hundred times the objects of an idle one.
    """
    ends = [n * share // 100 for share in accumulate(share for _, share, _ in TEAMS)]
    number = 0
    for (folder, _, has_more), begin, end in sorted(
        zip(TEAMS, [0, *ends], ends, strict=False), key=_by_bytes
    ):
        for day, count in enumerate(_by_day(end - begin)):
            below = f"{folder}{_FIRST_DAY + timedelta(day):%Y-%m-%d}/"
            yield from _of_a_day(below, count, number, has_more=has_more)
            number += count


def facts(key: str, number: int) -> Facts:
    """Return what follows from an object's place."""
    mix = scattered(number)
    beside = key.endswith(_BESIDE)
    n_parts = 0 if beside or mix % 3 == 0 else 2 + mix // 3 % 400
    etag = md5(b"%d/%d" % (SEED, number), usedforsecurity=False).hexdigest().upper()
    return Facts(
        modified=f"2025-{1 + mix % 9:02}-{1 + mix % 28:02}"
        f"T{mix % 24:02}:{mix % 60:02}:{mix % 59:02}.000Z",
        etag=f"{etag}-{n_parts}" if n_parts else etag,
        type="Multipart" if n_parts else "Normal",
        size_bytes=1_000 + mix % 200_000
        if beside
        else (mix % 99_991 + 1) * 10 ** (1 + mix // 7 % 4) + mix % 10,
        storage_class="IA" if mix // 5 % 8 == 0 else "Standard",
    )


def scattered(number: int) -> int:
    """Return 32 bits that look random (Knuth's multiplicative hash, and its upper bits below)."""
    mix = (number + SEED) * 2_654_435_761 & 0xFFFFFFFF
    return mix ^ mix >> 15


def _by_bytes(team: tuple[tuple[str, int, bool], int, int]) -> bytes:
    return team[0][0].encode()


def _of_a_day(below: str, count: int, number: int, *, has_more: bool) -> Iterator[str]:
    width = max(6, len(str(count)))
    then = ""  # comes next
    for place in range(count):
        if then:
            yield below + then
            then = ""
            continue
        first = _name(place, width, number + place)
        if has_more and (number + place) % _ONE_BESIDE_IN == 0 and place + 1 < count:
            beside = (
                f"{first.rpartition('.')[0]}.{_BESIDE[scattered(number + place) % len(_BESIDE)]}"
            )
            first, then = sorted((first, beside))
        yield below + first


def _name(place: int, width: int, number: int) -> str:
    """Return a name that comes behind those of all places before it."""
    mix = scattered(number)
    minute = f"{place:0{width}}"
    share, extension = mix // 11 % 100, ""
    for extension, weight in _EXTENSIONS:  # noqa: B007 (the one at which it stops)
        share -= weight
        if share < 0:
            break
    proxy = "_proxy" if mix // 13 % 40 == 0 else ""
    camera, title = _PLACES[mix % len(_PLACES)], _NAMES[mix // 17 % len(_NAMES)]
    return f"{minute}-{camera}{title}{proxy}.{extension}"


def _by_day(n: int) -> list[int]:
    """Return how many of n objects each day has; they add up to n."""
    weights = [1 / (1 + day * 137 % _DAYS % 100) for day in range(_DAYS)]
    total = sum(weights)
    reached = [round(n * each / total) for each in accumulate(weights)]
    return [upto - before for before, upto in zip([0, *reached], reached, strict=False)]
