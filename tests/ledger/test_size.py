"""The ledger costs at most 300 bytes for each object: keys of 60 bytes, media IDs included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.ledgers import adopt, claim, obj, record, settle, sleep
from watcher.ledger.sqlite import Ledger, ProcessLock
from watcher.model import Accepted

if TYPE_CHECKING:
    from pathlib import Path

OBJECTS = 6000
PAGE = 1000
MEDIA_ID = "93ab850b4f6f44eab54b6e91d24d81d4"


def key(n: int) -> str:
    """Return a key of 60 bytes."""
    return f"uploaded/2026/11/{n:039}.mp4"


def test_an_object_costs_at_most_300_bytes(path: Path) -> None:
    assert len(key(0)) == 60
    with ProcessLock(path) as lock, Ledger(path, lock, wait=sleep) as ledger:
        empty = path.stat().st_size
        adopt(ledger)
        for first in range(0, OBJECTS, PAGE):
            etag = f"{first:032X}"
            record(ledger, *(obj(key(n), etag=etag) for n in range(first, first + PAGE)))
        while claimed := claim(ledger, most=500):
            settle(ledger, claimed, Accepted(media_id=MEDIA_ID, new_register=True))
    assert path.stat().st_size - empty <= 300 * OBJECTS
