"""An entry as every ledger knows it, and a sighting of its object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from watcher.model import Failure, State

# Plain strings, since databases store no enum.
PENDING: Final = State.PENDING.value
CLAIMED: Final = State.CLAIMED.value
REGISTERED: Final = State.REGISTERED.value
FAILED: Final = State.FAILED.value

_ENDED_BY_LISTING: Final = frozenset({Failure.GONE.value, Failure.ARCHIVED.value})


class EntryRecord(NamedTuple):
    """All that the ledger knows of an entry and that an event may change.

    A tuple, because a scan may build a thousand of them for one page.
    """

    key: str
    watch_id: int

    state: str
    lane: int
    attempts: int = 0  # refusals that count
    unknown_outcomes: int = 0  # calls in a row whose outcome is unknown
    due_at: int | None = None  # pending: not to be claimed before; None = no watch selects it
    reason: str | None = None  # of a failed entry
    message: str | None = None
    media_id: str | None = None
    new_register: int | None = None

    etag: str = ""  # etag, size and modification: the latest seen
    size_bytes: int = 0
    modified_at: int = 0  # milliseconds since the epoch, OSS's clock
    changed: int = 0  # 1: overwritten since it was registered
    registered_etag: str | None = None  # what was registered, where it differs from the latest seen
    registered_size: int | None = None

    settled_at: int | None = None  # when its last call was settled; read for failed entries only

    @property
    def is_waiting(self) -> bool:
        """Whether it is pending, and a watch selects it."""
        return self.state == PENDING and self.due_at is not None

    @property
    def returns_when_listed(self) -> bool:
        """Whether it failed for a reason that its next listing disproves: gone, or archived."""
        return self.state == FAILED and self.reason in _ENDED_BY_LISTING


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Which watch lists, and when: milliseconds since the epoch, our clock."""

    watch_id: int
    now_ms: int
    began_ms: int  # when the listing began
    as_of: int | None = None  # OSS's clock: the instant of a snapshot; None = a listing
