"""What the tests of the daemon share: a scan each second, and a bucket that things are put into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.workspace import BUCKET

if TYPE_CHECKING:
    from watcher.sandbox import Sandbox

EVERY_SECOND = 'schedule = "1s"'
NO_PAGE = '[http]\nlisten = ""'


def known(sandbox: Sandbox) -> set[str]:
    """Return the keys that VOD has media of."""
    return {key for _, key in sandbox.vod.media}


def put(sandbox: Sandbox, *keys: str) -> None:
    """Upload a byte under each key."""
    for key in keys:
        sandbox.oss.put(BUCKET, key, b"x")
