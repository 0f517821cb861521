"""Instants as machine output has them, and as tables for people have them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import tzinfo


def utc(at: datetime) -> str:
    """Return an instant as machine output has it: ISO 8601, UTC, milliseconds, `Z`."""
    return local(at, UTC)


def local(at: datetime, zone: tzinfo) -> str:
    """Return an instant as tables have it: the same, in the configured time zone."""
    return at.astimezone(zone).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc_ms(milliseconds: int | None) -> str | None:
    """Return milliseconds since the epoch as machine output has instants."""
    return None if milliseconds is None else local_ms(milliseconds, UTC)


def local_ms(milliseconds: int, zone: tzinfo) -> str:
    """Return milliseconds since the epoch as tables have instants."""
    return local(datetime.fromtimestamp(milliseconds / 1000, UTC), zone)
