"""Texts that stand for something else: a source, a start, a time zone, a path."""

from __future__ import annotations

import difflib
import os
import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final, Literal

from watcher.model import MAX_KEY_BYTES
from watcher.rules import addresses, certificates, regions
from watcher.rules.units import duration_text

_ETC: Final = Path("/etc/oss-vod-watcher")
_LIB: Final = Path("/var/lib/oss-vod-watcher")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_MEANT: Final = dict.fromkeys(
    ("beijing", "shenzhen", "hangzhou", "cst", "utc+8", "gmt+8"), "Asia/Shanghai"
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Location:
    """Where objects appear: a bucket, and what the keys start with."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        """Return it as the file has it."""
        return f"oss://{self.bucket}/{self.prefix}"


def zone(text: str) -> zoneinfo.ZoneInfo:
    """Return the time zone of that IANA name.

    Raises:
        ValueError: a sentence with the cure.
    """
    try:
        return zoneinfo.ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        near = difflib.get_close_matches(text, zoneinfo.available_timezones() - {text}, 1)
        meant = _MEANT.get(text.lower().removeprefix("asia/")) or "".join(near)
        cure = (
            f'Did you mean "{meant}"?'
            if meant
            else 'Write an IANA name, e.g. "UTC" or "Asia/Shanghai".'
        )
        raise ValueError(f"not a time zone. {cure}") from None


def bucket(text: str) -> str:
    """Return the name of a bucket.

    Raises:
        ValueError: a sentence with the rule.
    """
    if not _BUCKET.fullmatch(text):
        raise ValueError(
            "not a bucket's name: 3 to 63 lower-case letters, digits and hyphens, no hyphen at "
            "either end."
        )
    return text


def location(text: str) -> Location:
    """Return bucket and prefix of oss://BUCKET/PREFIX.

    Raises:
        ValueError: a sentence with the cure.
    """
    if not text.startswith("oss://"):
        raise ValueError("does not start with oss://. Write oss://BUCKET/PREFIX.")
    name, _, prefix = text.removeprefix("oss://").partition("/")
    try:
        bucket(name)
    except ValueError as error:
        raise ValueError(f"{error} Write oss://BUCKET/PREFIX.") from None
    if prefix.startswith(("/", "\\")):
        cure = f"Write oss://{name}/{prefix.lstrip('/' + chr(92))}."
        raise ValueError(f"the prefix starts with {prefix[0]}, and no key of OSS ever does. {cure}")
    if len(prefix.encode()) > MAX_KEY_BYTES:
        raise ValueError("the prefix is longer than any key of OSS (1023 bytes). Shorten it.")
    return Location(name, prefix)


START_CURE: Final = (
    'Write "all" for everything in the bucket, "now" for what is uploaded from now on, '
    'or an instant, e.g. "2026-01-31T00:00:00+08:00".'
)


def start(value: object, timezone: zoneinfo.ZoneInfo) -> Literal["all", "now"] | int:
    """Return from when on objects count: "all", "now", or milliseconds since the epoch.

    An instant without an offset is one of `timezone`; a date is its first moment.

    Raises:
        ValueError: a sentence with the cure.
    """
    if value == "all" or value == "now":  # noqa: PLR1714 (so that the type is seen)
        return value
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"neither a choice nor an instant. {START_CURE}") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise ValueError(f"neither a choice nor an instant. {START_CURE}")  # noqa: TRY004 (pydantic wants it)
    try:
        aware = value if value.tzinfo else value.replace(tzinfo=timezone)
        return (aware - _EPOCH) // timedelta(milliseconds=1)
    except OverflowError:
        raise ValueError(f"an instant beyond the calendar. {START_CURE}") from None


def seconds(parsed_ms: int, *, most_ms: int) -> float:
    """Return a duration in seconds, if it is above zero and at most so long.

    Raises:
        ValueError: a sentence with the cure.
    """
    if not 0 < parsed_ms <= most_ms:
        raise ValueError(f"out of range. Write more than 0s and at most {duration_text(most_ms)}.")
    return parsed_ms / 1000


def ledger_path(text: str, config_path: Path) -> str:
    """Return the ledger's absolute path.

    By default the path depends on where the configuration file lies.

    Raises:
        ValueError: a sentence with the cure.
    """
    if not text:
        return str(_default_ledger(config_path))
    path = _below(config_path.parent, text)
    if text.endswith("/") or os.path.isdir(path):  # noqa: PTH112 (Path.is_dir raises on some names)
        raise ValueError(f"a folder. Name a file in it, e.g. {text.rstrip('/')}/ledger.db.")
    return str(path)


def _default_ledger(config_path: Path) -> Path:
    if config_path == _ETC / "watcher.toml":
        return _LIB / "ledger.db"
    if config_path.parent == _ETC and config_path.suffix == ".toml":
        return _LIB / config_path.stem / "ledger.db"
    return config_path.parent.parent / "state" / "ledger.db"


def ca_bundle(text: str, config_path: Path) -> str:
    """Return the absolute path of a file of certificates that can be read, or "".

    Raises:
        ValueError: a sentence with the cure.
    """
    return certificates.readable(_below(config_path.parent, text)) if text else ""


def _below(folder: Path, text: str) -> Path:
    if _CONTROL.search(text):
        raise ValueError("holds a control character. Write a plain path.")
    if text.startswith("~"):
        raise ValueError("~ is not expanded here. Write the whole path.")
    return absolute(folder / text)


def absolute(path: Path) -> Path:
    """Return the path from the root on, as it is named: symbolic links are not followed."""
    return Path(os.path.abspath(path))  # noqa: PTH100 (resolve() follows them)


def without_control(text: str) -> str:
    """Return the text as it is.

    Raises:
        ValueError: it holds a control character.
    """
    if _CONTROL.search(text):
        raise ValueError("holds a control character. Remove it.")
    return text


def oss_endpoint(text: str, *, bucket: str, region: str) -> str:
    """Return where to list a bucket of that region, as scheme://host[:port].

    Raises:
        ValueError: a sentence with the cure.
    """
    if not text:
        return f"https://oss-{region}.aliyuncs.com"
    checked = addresses.endpoint(text)
    host = checked.partition("://")[2]
    if bucket and host.startswith(f"{bucket}."):
        raise ValueError(f"starts with the bucket's name. Write {host.removeprefix(f'{bucket}.')}.")
    regions.check_same(host, "oss-", region)
    return checked
