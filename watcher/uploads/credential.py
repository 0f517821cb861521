"""Decode the address and the credential for an upload: Base64 of JSON.

Source: "Upload media files by using OSS SDKs"; `ExpireUTCTime` and `Region` as clients see them.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from watcher.errors import Unanswered


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadCredential:
    """Where a file goes in OSS, and temporary keys for that place alone. Its repr hides the keys.

    Valid for 3000 s as a rule.
    """

    endpoint: str  # of OSS, as VOD writes it: https://HOST
    bucket: str
    object_key: str
    region: str  # "" if VOD does not say it
    access_key_id: str = field(repr=False)
    access_key_secret: str = field(repr=False)
    security_token: str = field(repr=False)
    lifetime_s: int | None  # from its creation; None if VOD does not say it
    expires_at: datetime | None  # an instant with a time zone; None if VOD does not say it


def decode(address: str, auth: str) -> UploadCredential:
    """Return what UploadAddress and UploadAuth of one answer hold.

    Raises:
        Unanswered: they hold something else. The sentence repeats nothing of them.
    """
    place, keys = _object("UploadAddress", address), _object("UploadAuth", auth)
    return UploadCredential(
        endpoint=_needed("Endpoint", place),
        bucket=_needed("Bucket", place),
        object_key=_needed("FileName", place),
        region=_text("Region", keys) or _text("Region", place),
        access_key_id=_needed("AccessKeyId", keys),
        access_key_secret=_needed("AccessKeySecret", keys),
        security_token=_needed("SecurityToken", keys),
        lifetime_s=_seconds(_text("Expiration", keys)),
        expires_at=instant(_text("ExpireUTCTime", keys)),
    )


def instant(text: str) -> datetime | None:
    """Return an instant of VOD as an aware datetime in UTC; None if it is none."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _object(name: str, text: str) -> dict[str, Any]:
    try:
        found = json.loads(base64.b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):  # UnicodeDecodeError and binascii.Error are ValueErrors
        found = None
    if not isinstance(found, dict):
        raise Unanswered(f"{name} of VOD's answer is not Base64 of a JSON object")
    return found


def _needed(name: str, found: dict[str, Any]) -> str:
    if text := _text(name, found):
        return text
    raise Unanswered(f"VOD's answer holds an upload credential without {name}")


def _text(name: str, found: dict[str, Any]) -> str:
    value = found.get(name)
    return str(value) if isinstance(value, str | int) else ""


def _seconds(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None  # noqa: PLR2004 (300 years)
