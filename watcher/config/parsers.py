"""Texts that stand for something else: a source, a start, a time zone, a region, a path."""

from __future__ import annotations

import difflib
import os
import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final, Literal

from watcher.config import addresses
from watcher.model import MAX_KEY_BYTES
from watcher.rules.units import duration_text

REGIONS: Final = (
    "cn-shanghai",
    "cn-beijing",
    "cn-shenzhen",
    "cn-hongkong",
    "ap-southeast-1",
    "ap-southeast-5",
    "ap-northeast-1",
    "eu-central-1",
    "us-west-1",
)
"""Where ApsaraVideo VOD has a documented endpoint of its own."""

_ETC: Final = Path("/etc/oss-vod-watcher")
_LIB: Final = Path("/var/lib/oss-vod-watcher")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_REGION: Final = re.compile(r"[a-z]{2}(?:-[a-z0-9]{1,20}){1,4}")
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


def region(text: str, *, endpoint_given: bool) -> str:
    """Return a region of VOD, or any well-formed one if the endpoint does not depend on it.

    Raises:
        ValueError: a sentence with the cure.
    """
    if text.startswith("oss-") and _REGION.fullmatch(text.removeprefix("oss-")):
        raise ValueError(f'an OSS location, not a region. Write "{text.removeprefix("oss-")}".')
    if not _REGION.fullmatch(text):
        raise ValueError('not a region. Write e.g. "cn-shanghai".')
    if text not in REGIONS and not endpoint_given:
        raise ValueError(
            f"VOD has no documented endpoint there. Write one of {', '.join(REGIONS)}, "
            "or name the endpoint in vod.endpoint as well."
        )
    return text


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
    if not text:
        return ""
    import ssl  # noqa: PLC0415 (few name a bundle)

    path = _below(config_path.parent, text)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise ValueError("holds no certificate. Name a file of certificates in PEM form.") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it cannot be opened"
        raise ValueError(
            f"cannot be read ({why}). Name a file of certificates in PEM form."
        ) from None
    return str(path)


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
    _check_region(host, "oss-", region)
    return checked


def vod_endpoint(text: str, *, region: str) -> str:
    """Return where to call VOD, as scheme://host[:port].

    Raises:
        ValueError: a sentence with the cure.
    """
    if not text:
        return f"https://vod.{region}.aliyuncs.com"
    checked = addresses.endpoint(text)
    host = checked.partition("://")[2]
    _check_region(host.replace("vod-vpc.", "vod.", 1), "vod.", region)
    return checked


def _check_region(host: str, before: str, region: str) -> None:
    named = host.removeprefix(before).removesuffix(".aliyuncs.com").removesuffix("-internal")
    if (
        named in REGIONS
        and host.startswith(before)
        and host.endswith(".aliyuncs.com")
        and named != region
    ):
        raise ValueError(
            f"lies in {named}, and vod.region is {region}. VOD takes buckets of its own region "
            "only: correct one."
        )
