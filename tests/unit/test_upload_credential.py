"""Upload credentials as VOD writes them, and as it might."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.canned_vod import ADDRESS, AUTH, encoded
from watcher.uploads import credential


def decode(**auth: Any) -> credential.UploadCredential:
    return credential.decode(encoded(ADDRESS), encoded({**AUTH, **auth}))


def test_what_vod_does_not_say_is_none() -> None:
    found = decode(Expiration=None, ExpireUTCTime=None, Region=None)
    assert (found.lifetime_s, found.expires_at, found.region) == (None, None, "")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-25T08:00:00Z", datetime(2026, 11, 25, 8, tzinfo=UTC)),
        ("2026-11-25T08:00:00", datetime(2026, 11, 25, 8, tzinfo=UTC)),
        ("2026-11-25T16:00:00+08:00", datetime(2026, 11, 25, 8, tzinfo=UTC)),
        ("0001-01-01T00:00:00+08:00", None),
        ("soon", None),
        ("", None),
    ],
)
def test_an_expiry_is_an_instant_in_utc(text: str, instant: datetime | None) -> None:
    found = decode(ExpireUTCTime=text).expires_at
    assert found == instant
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("said", "seconds"), [("3600", 3600), (3000, 3000), ("2026", 2026), ("1h", None), ("-1", None)]
)
def test_an_expiration_is_a_number_of_seconds(said: object, seconds: int | None) -> None:
    assert decode(Expiration=said).lifetime_s == seconds


def test_base64_may_lack_its_padding_and_hold_any_key() -> None:
    place = {**ADDRESS, "FileName": "sv/片.mp4"}
    address = base64.b64encode(json.dumps(place, ensure_ascii=False).encode()).decode()
    found = credential.decode(address.rstrip("="), encoded(AUTH).rstrip("="))
    assert found.object_key == "sv/片.mp4"
