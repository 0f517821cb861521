"""Instants as machine output has them."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(at: datetime) -> str:
    """Return an instant as machine output has it: ISO 8601, UTC, milliseconds, `Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc_ms(milliseconds: int | None) -> str | None:
    """Return milliseconds since the epoch as machine output has instants."""
    return None if milliseconds is None else utc(datetime.fromtimestamp(milliseconds / 1000, UTC))
