"""How long an archived object takes to become readable, and how long it stays so. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from watcher.sandbox.oss.answers import OssRefused, http_date
from watcher.sandbox.oss.request_xml import malformed
from watcher.sandbox.text import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from xml.etree import ElementTree as ET

    from watcher.sandbox.oss.index import StoredObject

_HOUR_S: Final = 60 * 60
_DAY_MS: Final = 24 * _HOUR_S * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One archive class: what a restore of its objects may ask for."""

    max_days: int  # a restored copy lives no longer
    takes_s: Mapping[str, int]  # the longest documented time by tier, the fastest tier first
    tier: str  # unless the request names one; "" = the class has no tiers


ARCHIVES: Final[Mapping[str, Archive]] = MappingProxyType(
    {
        "Archive": Archive(max_days=7, takes_s={"": 60}, tier=""),
        "ColdArchive": Archive(
            max_days=365,
            takes_s={"Expedited": _HOUR_S, "Standard": 5 * _HOUR_S, "Bulk": 12 * _HOUR_S},
            tier="Standard",
        ),
        "DeepColdArchive": Archive(
            max_days=365,
            takes_s={"Expedited": 12 * _HOUR_S, "Standard": 48 * _HOUR_S},
            tier="Standard",
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What one RestoreObject asks for."""

    days: int
    tier: str  # "" = the class has no tiers


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """A restore that was accepted. All times are milliseconds since the epoch."""

    tier: str
    ready_at: int  # the copy can be read from here on
    expires_at: int  # and until here

    def is_ongoing(self, now_ms: int) -> bool:
        """Return whether the copy is still being made."""
        return now_ms < self.ready_at

    def is_readable(self, now_ms: int) -> bool:
        """Return whether the copy can be read."""
        return self.ready_at <= now_ms < self.expires_at

    def shown(self, now_ms: int) -> str:
        """Return the state as OSS writes it; "" if the copy has expired."""
        if self.is_ongoing(now_ms):
            return 'ongoing-request="true"'
        if not self.is_readable(now_ms):
            return ""
        return f'ongoing-request="false", expiry-date="{http_date(self.expires_at)}"'


FOR_GOOD: Final = Restore(
    tier="", ready_at=0, expires_at=int(datetime(2099, 12, 31, tzinfo=UTC).timestamp() * 1000)
)
"""A copy that outlives every test."""


def check_readable(found: StoredObject, now_ms: int) -> None:
    """Refuse to read an archived object without a restored copy."""
    copied = found.restore is not None and found.restore.is_readable(now_ms)
    if found.storage_class in ARCHIVES and not copied:
        raise OssRefused(
            403, "InvalidObjectState", "The operation is not valid for the object's state"
        )


def order_in(tree: ET.Element | None, archive: Archive) -> Order:
    """Return what a RestoreRequest asks for; no request asks for a day by the usual tier.

    Raises:
        OssRefused: a value is not valid for the class.
    """
    if tree is None:
        return Order(days=1, tier=archive.tier)
    days = _only(tree, "Days", "0016-00000707")
    number = 1 if days is None else whole_number(days)
    if number is None or not 1 <= number <= archive.max_days:
        raise malformed(ec="0016-00000704" if archive.tier else "0016-00000708")
    tier = _only(tree, "JobParameters/Tier", "0016-00000703")
    if tier is not None and (not tier or tier not in archive.takes_s):
        raise malformed(ec="0016-00000703")
    return Order(days=number, tier=archive.tier if tier is None else tier)


def restore_for(
    order: Order,
    archive: Archive,
    before: Restore | None,
    *,
    now_ms: int,
    takes_s: float | None = None,  # None: the time of the tier
) -> Restore:
    """Return the restore that an order leads to; `before` is the object's last one.

    A readable copy lives longer. An ongoing restore can only become faster.

    Raises:
        OssRefused: a restore is in progress, and the order makes it no faster.
    """
    if before is not None and before.is_readable(now_ms):
        latest = before.ready_at + archive.max_days * _DAY_MS
        longer = min(before.expires_at + order.days * _DAY_MS, latest)
        return replace(before, expires_at=max(before.expires_at, longer))
    duration_s = archive.takes_s[order.tier] if takes_s is None else takes_s
    ready_at = now_ms + int(duration_s * 1000)
    if before is not None and before.is_ongoing(now_ms):
        tiers: Sequence[str] = tuple(archive.takes_s)
        if tiers.index(order.tier) >= tiers.index(before.tier):
            raise OssRefused(
                409, "RestoreAlreadyInProgress", "The restore operation is in progress."
            )
        ready_at = min(before.ready_at, ready_at)
    return Restore(tier=order.tier, ready_at=ready_at, expires_at=ready_at + order.days * _DAY_MS)


def _only(tree: ET.Element, path: str, ec: str) -> str | None:
    """Return the text of the one element at `path`, or None if there is none."""
    found = tree.findall(path)
    if len(found) > 1:
        raise malformed(ec=ec)
    return (found[0].text or "").strip() if found else None
